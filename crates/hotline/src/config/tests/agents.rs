//! What is enforced about agents' states.

use std::time::Duration;

use agent::{Attendance, BusyRule, ForceNote, Overstay, Share, Shift, WhenFull};
use model::{Reason, WrapUpMode};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// The example with a reason `tea` that has these keys.
fn tea(keys: &str) -> Changed {
    Changed::example().add(&format!("\n[busy_reasons.tea]\nlabel = \"茶歇\"\n{keys}\n"))
}

fn rule(changed: &Changed) -> BusyRule {
    let rules = changed.load().unwrap().0.floor.rules;
    rules.reasons[&Reason::from("tea")].clone()
}

#[test]
fn a_stay_too_long_goes_as_far_as_is_said() {
    let plain = rule(&tea("longest = \"15m\""));
    assert_eq!((plain.longest, plain.overstay), (Some(15 * MINUTE), Overstay::default()));
    let patient =
        "longest = \"15m\"\nwarn_before = \"2m\"\nalert_after = \"5m\"\nsign_out_after = \"10m\"";
    let overstay = Overstay {
        warn_before: 2 * MINUTE,
        alert_after: Some(5 * MINUTE),
        sign_out_after: Some(10 * MINUTE),
    };
    assert_eq!(rule(&tea(patient)).overstay, overstay);
    let alert = rule(&tea("longest = \"15m\"\noverstay = \"alert\"")).overstay;
    assert_eq!((alert.alert_after, alert.sign_out_after), (Some(Duration::ZERO), None));
    let warn = rule(&tea("longest = \"15m\"\noverstay = \"warn\"")).overstay;
    assert_eq!((warn.alert_after, warn.sign_out_after), (None, None));
}

#[test]
fn a_stay_that_cannot_go_as_it_is_written_is_a_finding() {
    tea("warn_before = \"1m\"").expect([Code::MissingKey]);
    for keys in [
        "longest = \"1m\"\nwarn_before = \"1m\"",
        "longest = \"15m\"\nalert_after = \"5m\"\nsign_out_after = \"5m\"",
        "longest = \"15m\"\noverstay = \"alert\"\nsign_out_after = \"5m\"",
        "longest = \"15m\"\noverstay = \"warn\"\nalert_after = \"5m\"",
    ] {
        tea(keys).expect([Code::BadValue]);
    }
    tea("longest = \"15m\"\noverstay = \"shout\"").expect([Code::UnknownValue]);
}

#[test]
fn an_allowance_holds_for_a_day_that_begins_where_the_tenant_is() {
    let tea_break = rule(&tea("longest = \"10m\"\nallowance = \"30m\""));
    assert_eq!(tea_break.allowance, Some(30 * MINUTE));
    let days = |changed: Changed| changed.load().unwrap().0.floor.rules.days;
    assert_eq!(days(Changed::example()), agent::Days::default());
    let night = Changed::example()
        .replace("[rules]", "[rules]\nutc_offset = \"-03:30\"\nday_begins = \"04:00\"");
    assert_eq!(days(night), agent::Days { utc_offset: -12_600, begin: 240 * MINUTE });
    tea("longest = \"31m\"\nallowance = \"30m\"").expect([Code::BadValue]);
    for wrong in [
        "utc_offset = \"8\"",
        "utc_offset = \"+15:00\"",
        "day_begins = \"4:00\"",
        "day_begins = \"24:01\"",
    ] {
        Changed::example()
            .replace("[rules]", &format!("[rules]\n{wrong}"))
            .expect([Code::BadValue]);
    }
}

#[test]
fn a_share_is_of_the_skill_groups() {
    let share = |keys: &str| rule(&tea(keys)).share;
    assert_eq!(share(""), None);
    let refused = Share { percent: 20, when_full: WhenFull::Refuse };
    assert_eq!(share("share = 20"), Some(refused));
    let waits = Share { percent: 20, when_full: WhenFull::Wait };
    assert_eq!(share("share = 20\nwhen_full = \"wait\""), Some(waits));
    tea("when_full = \"wait\"").expect([Code::MissingKey]);
    tea("share = 0").expect([Code::BadValue]);
    let groups = Changed::example().load().unwrap().0.floor.rules.groups;
    assert!(groups.values().any(|members| members.contains(&model::AgentId::new(1001))));
}

#[test]
fn a_share_may_be_of_the_teams_too() {
    let refused = Share { percent: 20, when_full: WhenFull::Refuse };
    let both = rule(&tea("share = 30\nteam_share = 20"));
    assert_eq!((both.share.map(|it| it.percent), both.team_share), (Some(30), Some(refused)));
    let waits = rule(&tea("team_share = 20\nwhen_full = \"wait\"")).team_share.unwrap();
    assert_eq!(waits.when_full, WhenFull::Wait);
    let team = |name: &str, members: &str| {
        format!("\n[teams.{name}]\nlabel = \"班组\"\nmembers = {members}\n")
    };
    let with = |teams: &str| Changed::example().add(teams);
    let rules = with(&team("east", "[1001, 1002]")).load().unwrap().0.floor.rules;
    let members = [1001, 1002].map(model::AgentId::new).into();
    assert_eq!(rules.teams, [("east".into(), members)].into());
    with(&team("east", "[1001, 9]")).expect([Code::AgentUnknown]);
    let twice = team("east", "[1001]") + &team("west", "[1001]");
    with(&twice).expect([Code::BadValue]);
}

#[test]
fn wrap_up_has_the_mode_that_is_said() {
    let mode = |changed: Changed| changed.load().unwrap().0.floor.rules.wrap_up;
    assert_eq!(mode(Changed::example()), WrapUpMode::Flexible);
    for (word, wanted) in [
        ("flexible", WrapUpMode::Flexible),
        ("fixed", WrapUpMode::Fixed),
        ("extendable", WrapUpMode::Extendable),
        ("endable", WrapUpMode::Endable),
        ("manual", WrapUpMode::Manual),
        ("none", WrapUpMode::None),
    ] {
        let said = format!("[rules]\nwrap_up = \"{word}\"");
        assert_eq!(mode(Changed::example().replace("[rules]", &said)), wanted);
    }
    Changed::example()
        .replace("[rules]", "[rules]\nwrap_up = \"fix\"")
        .expect([Code::UnknownValue]);
}

#[test]
fn who_forces_a_state_must_say_why_where_that_is_wanted() {
    let said = |changed: Changed| changed.load().unwrap().0.floor.rules.force_note;
    assert_eq!(said(Changed::example()), ForceNote::Optional);
    let needed = Changed::example().replace("[rules]", "[rules]\nforce_note = \"needed\"");
    assert_eq!(said(needed), ForceNote::Needed);
}

/// The example in which 1001 works in shift `early`, which has these keys.
fn early(keys: &str) -> Changed {
    Changed::example()
        .replace("[agents.1001]", "[agents.1001]\nshifts = [\"early\"]")
        .add(&format!("\n[shifts.early]\n{keys}\n"))
}

#[test]
fn agents_work_in_the_shifts_that_are_theirs() {
    let rules = |changed: Changed| changed.load().unwrap().0.floor.rules;
    let worker = model::AgentId::new(1001);
    let day = early("from = \"08:30\"\nuntil = \"17:00\"\ndays = [\"mon\", \"sun\"]");
    let (from, length) = (510 * MINUTE, 510 * MINUTE);
    let shift = Shift { weekdays: [0, 6].into(), from, length, breaks: Vec::new() };
    assert_eq!(rules(day).shifts, [(worker, vec![shift])].into());
    let night = rules(early("from = \"22:00\"\nuntil = \"06:00\"")).shifts[&worker][0].clone();
    assert_eq!((night.weekdays.len(), night.length), (7, 480 * MINUTE));
    let attendance = rules(Changed::example()).attendance;
    let standard = Attendance { linger: Some(10 * MINUTE), ..Attendance::default() };
    assert_eq!(attendance, standard);
    let stay = Changed::example().replace("[rules]", "[rules]\nshift_end = \"stay\"");
    assert_eq!(rules(stay).attendance.linger, None);
}

#[test]
fn a_shift_nobody_could_work_in_is_a_finding() {
    early("from = \"08:30\"").expect([Code::MissingKey]);
    early("from = \"24:00\"\nuntil = \"06:00\"").expect([Code::BadValue]);
    early("from = \"08:00\"\nuntil = \"17:00\"\ndays = []").expect([Code::BadValue]);
    early("from = \"08:00\"\nuntil = \"17:00\"\ndays = [\"sunday\"]").expect([Code::UnknownValue]);
    Changed::example()
        .replace("[agents.1001]", "[agents.1001]\nshifts = [\"erly\"]")
        .expect([Code::UnknownValue]);
}

#[test]
fn a_shift_plans_breaks_within_it() {
    let night = "from = \"22:00\"\nuntil = \"06:00\"";
    let planned = |keys: &str| early(&format!("{night}\n{keys}"));
    let one = |from: &str, until: &str, reason: &str| {
        format!(
            "[[shifts.early.breaks]]\nfrom = \"{from}\"\nuntil = \"{until}\"\nreason = \"{reason}\"\n"
        )
    };
    let lunch = one("02:00", "02:30", "lunch");
    let rest = one("23:50", "00:05", "break");
    let (config, _) =
        planned(&format!("{lunch}{rest}")).load().unwrap_or_else(|findings| panic!("{findings}"));
    let shift = &config.floor.rules.shifts[&model::AgentId::new(1001)][0];
    let read: Vec<_> = shift
        .breaks
        .iter()
        .map(|planned| (planned.reason.as_str(), planned.from, planned.length))
        .collect();
    assert_eq!(read, [("break", 110 * MINUTE, 15 * MINUTE), ("lunch", 240 * MINUTE, 30 * MINUTE)]);
    for (keys, code) in [
        (one("05:50", "06:10", "lunch"), Code::BadValue),
        (one("12:00", "12:30", "lunch"), Code::BadValue),
        (one("21:50", "22:10", "lunch"), Code::BadValue),
        (format!("{lunch}{}", one("02:29", "02:40", "break")), Code::BadValue),
        (one("02:00", "02:30", "golf"), Code::UnknownValue),
        ("[[shifts.early.breaks]]\nfrom = \"02:00\"\nuntil = \"02:30\"\n".into(), Code::MissingKey),
    ] {
        planned(&keys).expect([code]);
    }
}

//! Why an agent did not get a call: what the agent was to each offer, and did meanwhile.

use std::fmt::Write as _;

use api::WhyNot;
use insight::{Behind, Judged, RankedBy, Share, Standing, Stay};
use model::{AgentId, CallId, Rank, StateName};

use super::why::{cut, heading, key, key_heading, never_waited, outcome, reason, routing, state};
use super::zone::Zone;
use super::{Client, print_json};
use crate::failure::Failure;
use crate::report;

pub(crate) fn why_not(
    client: &Client,
    as_json: bool,
    (agent, call): (AgentId, CallId),
) -> Result<(), Failure> {
    let value = client.get(&format!("/v1/calls/{call}/why-not/{agent}"))?;
    if as_json {
        return print_json(&value);
    }
    report::line(told(&serde_json::from_value(value)?, Zone::HERE).trim_end());
    Ok(())
}

/// The explanation as text.
fn told(why_not: &WhyNot, zone: Zone) -> String {
    let WhyNot { call, agent, waits, cut: is_cut } = why_not;
    let Some(first) = waits.first() else { return never_waited(*call) };
    let mut text = heading(&format!("agent 坐席 {agent}, call 通话 {call}"), first.since, zone);
    for share in waits {
        share_told(&mut text, share, zone);
    }
    text.push_str(cut(*is_cut));
    text
}

fn share_told(text: &mut String, share: &Share, zone: Zone) {
    let _ = writeln!(text, "\n{}  entered 进入 {}", zone.clock(share.since), share.queue);
    // Of an offer and a state that begin at one instant the offer is told first.
    let mut stays = share.stays.iter().peekable();
    for judged in &share.offers {
        while let Some(stay) = stays.next_if(|stay| stay.since < judged.at) {
            stay_told(text, stay, zone);
        }
        judged_told(text, judged, zone);
    }
    stays.for_each(|stay| stay_told(text, stay, zone));
    match (share.until, share.outcome) {
        (Some(until), Some(ended)) => {
            let _ = writeln!(text, "{}  {}", zone.clock(until), outcome(ended));
        }
        (_, _) => text.push_str("still waiting 仍在等待\n"),
    }
}

fn judged_told(text: &mut String, judged: &Judged, zone: Zone) {
    let to = if judged.standing == Standing::Offered {
        String::new()
    } else {
        format!("offered 分配 to {} ({}): ", judged.offered_to, routing(&judged.routing))
    };
    let standing = if let Standing::Behind(behind) = &judged.standing {
        behind_told(behind, judged, zone)
    } else {
        told_of(&judged.standing, zone)
    };
    let _ = writeln!(text, "{}  {to}{standing}", zone.clock(judged.at));
}

fn stay_told(text: &mut String, stay: &Stay, zone: Zone) {
    let until = stay.until.map_or_else(|| "…".to_owned(), |until| zone.clock(until));
    let since = stay.state_since.filter(|since| *since < stay.since);
    let since = since.map(|since| format!(" (since 自 {})", zone.beside(since, stay.since)));
    let _ = writeln!(
        text,
        "{} – {until}  {}{}{}",
        zone.clock(stay.since),
        named(stay.state).unwrap_or_default(),
        told_of(&stay.standing, zone),
        since.unwrap_or_default()
    );
}

/// A state's name before what it is to the call, where that does not name it.
fn named(name: Option<StateName>) -> Option<String> {
    match name? {
        StateName::Ready | StateName::Reserved | StateName::Ringing => {
            name.map(|name| format!("{}: ", state(name)))
        }
        StateName::SignedOut | StateName::Busy | StateName::OnCall | StateName::WrapUp => None,
    }
}

/// What an agent was, in words.
fn told_of(standing: &Standing, zone: Zone) -> String {
    let of = |other: &Option<CallId>| other.map_or_else(String::new, |call| format!(" {call}"));
    match standing {
        Standing::Offered => "the call was offered to this agent 已分配给该坐席".into(),
        Standing::Behind(behind) => format!("candidate 候选 {} of {}", behind.place, behind.of),
        Standing::PassedOver { why } => format!("passed over 跳过: {}", reason(why)),
        Standing::SignedOut => "not signed in 未签入".into(),
        Standing::Busy { reason: Some(word) } => format!("busy 示忙: {}", reason(word.as_str())),
        Standing::Busy { reason: None } => "busy 示忙".into(),
        Standing::PhoneLost => "the phone was lost 话机掉线".into(),
        Standing::OfferedAnother { other } => {
            format!("offered another call 分配了别的通话{}", of(other))
        }
        Standing::OnCall { other } => format!("on call 通话中{}", of(other)),
        Standing::WrapUp { other } => format!("in wrap-up 话后处理 of{}", of(other)),
        Standing::NotInQueue => "signed out of the queue 未签入该队列".into(),
        Standing::Unfit => "did not fit the queue: a skill it needs, or its level 技能不符".into(),
        Standing::Pausing { after, until: Some(until) } => {
            format!("pausing 冷却中 until {} after {}", zone.clock(*until), reason(after.as_str()))
        }
        Standing::Pausing { after, until: None } => {
            format!(
                "in the pause after an offer that came to nothing 冷却中: {}",
                reason(after.as_str())
            )
        }
        Standing::PausingOrUnfit { after } => format!(
            "in the pause after an offer that came to nothing ({}), or did not fit the queue \
             冷却中或技能不符",
            reason(after.as_str())
        ),
        Standing::BelowListed => "ranked below those listed 排在所列候选之后".into(),
        Standing::CallRang => "the call was being offered to others 正分配给他人".into(),
        Standing::Unknown => "not kept 无记录".into(),
    }
}

fn behind_told(behind: &Behind, judged: &Judged, zone: Zone) -> String {
    let ahead: Vec<_> = behind.ahead.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "{}, behind 排在其后 {}",
        told_of(&Standing::Behind(behind.clone()), zone),
        ahead.join(", ")
    );
    if let (Some(by), Some(winner), Some(own)) = (behind.by, behind.winner_rank, behind.own_rank) {
        let (what, winner, own) = compared(by, (winner, own), judged, zone);
        let _ = write!(text, ": {what}: {} {winner}, this agent 该坐席 {own}", judged.offered_to);
    }
    text
}

/// By what the winner was before, and both values of it.
fn compared(
    by: RankedBy,
    (winner, own): (Rank, Rank),
    judged: &Judged,
    zone: Zone,
) -> (&'static str, String, String) {
    let idle = |rank: Rank| zone.beside(rank.idle_since, judged.at);
    match (by, key_heading(&judged.routing)) {
        (RankedBy::Tier, _) => ("tier 梯队", winner.tier.to_string(), own.tier.to_string()),
        (RankedBy::Key, Some(what)) => {
            (what, key(&judged.routing, winner), key(&judged.routing, own))
        }
        (RankedBy::Key, None) | (RankedBy::IdleSince, _) => {
            ("idle since 空闲自", idle(winner), idle(own))
        }
        (RankedBy::WorkNumber, _) => {
            ("the lower work number 工号较小", String::new(), String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Cause, Epoch, Outcome, SegmentId};

    use super::super::why::tests::at;
    use super::*;

    fn judged(seconds: u64, routing: &str, standing: Standing) -> Judged {
        Judged {
            at: at(seconds),
            offered_to: AgentId::new(1002),
            routing: routing.into(),
            config_version: 4,
            standing,
        }
    }

    fn stay(since: u64, until: u64, name: StateName, standing: Standing) -> Stay {
        Stay {
            since: at(since),
            until: Some(at(until)),
            state: Some(name),
            state_since: Some(at(since)),
            standing,
        }
    }

    fn behind(by: RankedBy) -> Standing {
        let rank = |key, idle| Some(Rank { tier: 0, key, idle_since: at(idle) });
        Standing::Behind(Behind {
            place: 3,
            of: 4,
            ahead: vec![AgentId::new(1002), AgentId::new(1003)],
            by: Some(by),
            winner_rank: rank(-7, 1),
            own_rank: rank(-5, 2),
        })
    }

    fn share(offers: Vec<Judged>, stays: Vec<Stay>) -> WhyNot {
        let (queue, segment) = ("support".into(), SegmentId::new(2));
        let (since, until, outcome) = (at(0), Some(at(40)), Some(Outcome::Abandoned));
        let share = Share { segment, queue, since, until, outcome, offers, stays };
        let (call, agent) = (CallId::new(Epoch::new(3), 17), AgentId::new(1001));
        WhyNot { call, agent, waits: vec![share], cut: false }
    }

    #[test]
    fn offers_and_states_are_told_in_order() {
        let other = Some(CallId::new(Epoch::new(3), 12));
        let mut early = stay(0, 10, StateName::OnCall, Standing::OnCall { other });
        early.state_since = Some(at(0) - std::time::Duration::from_hours(30));
        let after = Cause::Refused;
        let why_not = share(
            vec![
                judged(5, "longest_idle", Standing::OnCall { other }),
                judged(20, "highest_skill", behind(RankedBy::Key)),
                judged(30, "longest_idle", behind(RankedBy::Key)),
            ],
            vec![
                early,
                stay(10, 15, StateName::WrapUp, Standing::WrapUp { other }),
                stay(15, 40, StateName::Ready, Standing::PausingOrUnfit { after }),
            ],
        );
        insta::assert_snapshot!(told(&why_not, Zone::CHINA));
    }

    #[test]
    fn a_pause_is_told_with_its_end() {
        let pausing = Standing::Pausing { after: Cause::NoAnswer, until: Some(at(15)) };
        let why_not = share(
            vec![judged(12, "longest_idle", pausing.clone())],
            vec![
                stay(10, 15, StateName::Ready, pausing),
                stay(15, 40, StateName::Ready, Standing::Unfit),
            ],
        );
        insta::assert_snapshot!(told(&why_not, Zone::CHINA));
    }

    #[test]
    fn whoever_was_busy_or_is_still_waited_for_is_told_so() {
        let busy = Standing::Busy { reason: Some("lunch".into()) };
        let mut why_not = share(Vec::new(), vec![stay(0, 40, StateName::Busy, busy)]);
        let text = told(&why_not, Zone::CHINA);
        assert!(text.contains("busy 示忙: lunch") && text.contains("abandoned 放弃"), "{text}");
        why_not.waits[0].until = None;
        assert!(told(&why_not, Zone::CHINA).contains("still waiting"));
        why_not.waits.clear();
        assert!(told(&why_not, Zone::CHINA).contains("never waited"));
    }
}

use super::*;
use crate::story::{Story, busy, on_call, ready, ringing};

const SALES: (u32, u16, &str) = (1, 1, "sales");

fn told(story: &Story) -> Vec<Wait> {
    let mut decisions = Decisions::of(Story::call(1));
    story.events.iter().for_each(|event| decisions.apply(event));
    let (waits, unlisted) = decisions.told();
    assert_eq!(unlisted, 0);
    waits
}

/// The steps of a wait in short.
fn steps(wait: &Wait) -> Vec<String> {
    let start = wait.since;
    let span = |since: Timestamp, until: Option<Timestamp>| {
        let until =
            until.map_or_else(|| "…".to_owned(), |it| it.since(start).as_secs().to_string());
        format!("{}–{until}", since.since(start).as_secs())
    };
    let step = |step: &Step| match step {
        Step::Nobody(gap) => format!(
            "{} nobody of {}, {} ready",
            span(gap.since, gap.until),
            gap.present.signed_in,
            gap.most_ready
        ),
        Step::Offered(offer) => {
            let end = offer.end.as_ref();
            let result = end.map_or_else(|| "open".to_owned(), |end| format!("{:?}", end.result));
            format!("{} {} {result}", span(offer.at, end.map(|end| end.at)), offer.agent)
        }
    };
    wait.steps.iter().map(step).collect()
}

/// Nobody for 10 s, 1001 does not answer for 8 s, then 1002 does after 2 s.
fn a_wait() -> Story {
    let mut story = Story::default();
    story.agent_becomes(1001, on_call(9, story.at));
    story.agent_becomes(1003, busy("lunch", story.at));
    story.arrives(1);
    story.waits(1, 1, "sales");
    story.later(10);
    story.agent_becomes(1001, ready(story.at));
    story.chosen(SALES, &[(1001, 3), (1002, 5)], &[]);
    story.agent_becomes(1001, ringing(1, story.at));
    story.later(8);
    story.offer_ends(1, 1, 1001, OfferEnd::NoAnswer);
    story.agent_rests(1001, Cause::NoAnswer);
    story.chosen(SALES, &[(1002, 5)], &[(1001, "no_answer")]);
    story.agent_becomes(1002, ringing(1, story.at));
    story.later(2);
    story.leaves(1, 1, "sales", Outcome::Answered);
    story
}

#[test]
fn a_wait_is_told_from_nobody_by_each_offer_to_the_answer() {
    let wait = told(&a_wait()).remove(0);
    assert_eq!(
        steps(&wait),
        ["0–10 nobody of 2, 0 ready", "10–18 1001 NoAnswer", "18–20 1002 Answered"]
    );
    let second = wait.offers().nth(1).unwrap();
    assert_eq!(
        second.passed_over,
        [PassedOver { agent: AgentId::new(1001), why: "no_answer".into() }]
    );
    assert_eq!((second.config_version, second.routing.as_str()), (1, "fewest_calls"));
    assert_eq!(second.end.as_ref().unwrap().rang_ms, 2_000);
    assert_eq!(wait.left.unwrap().outcome, Outcome::Answered);
}

#[test]
fn candidates_are_told_in_order_with_what_they_were_ranked_by() {
    let wait = told(&a_wait()).remove(0);
    let first = wait.offers().next().unwrap();
    let candidates: Vec<_> =
        first.candidates.iter().map(|it| (it.agent.number(), it.rank.unwrap().key)).collect();
    assert_eq!(candidates, [(1001, 3), (1002, 5)]);
    let mut story = Story::default();
    story.waits(1, 1, "sales");
    story.offered(1, 1, "sales", 1001);
    let old = told(&story).remove(0);
    assert_eq!(old.offers().next().unwrap().candidates[0].rank, None);
}

#[test]
fn a_stretch_without_an_offer_tells_who_was_there_and_who_was_ready_and_did_not_fit() {
    let mut story = Story::default();
    story.waits(1, 1, "sales");
    // Within the instant in which a caller comes an agent may become another.
    story.agent_becomes(1001, ready(story.at));
    story.agent_becomes(1001, on_call(7, story.at));
    story.later(5);
    story.agent_becomes(1002, ready(story.at));
    story.later(5);
    story.agent_becomes(1002, busy("lunch", story.at));
    let waits = told(&story);
    assert_eq!(steps(&waits[0]), ["0–… nobody of 1, 1 ready"]);
    let present = &waits[0].gaps().next().unwrap().present;
    assert_eq!(present.states, BTreeMap::from([(StateName::OnCall, 1)]));
}

#[test]
fn a_state_from_before_the_call_counts_in_its_wait() {
    let mut before = Story::default();
    before.agent_becomes(1001, busy("lunch", before.at));
    let mut history = AgentHistory::default();
    before.events.iter().for_each(|event| drop(history.apply(event)));
    let mut story = Story::default();
    story.waits(1, 1, "sales");
    let mut decisions = Decisions::of(Story::call(1));
    // Told twice, it is the later one.
    decisions.restore(StateInterval {
        pause: None,
        away: Default::default(),
        state: StateName::Ready,
        ..history.open()[&AgentId::new(1001)].clone()
    });
    decisions.restore(history.open()[&AgentId::new(1001)].clone());
    story.events.iter().for_each(|event| decisions.apply(event));
    let (waits, _) = decisions.told();
    let present = &waits[0].gaps().next().unwrap().present;
    assert_eq!(present.states, BTreeMap::from([(StateName::Busy, 1)]));
}

#[test]
fn a_caller_who_is_turned_away_is_told_of_with_who_was_there() {
    let mut story = Story::default();
    story.waits(1, 1, "sales");
    story.leaves(1, 1, "sales", Outcome::Rejected);
    let waits = told(&story);
    assert_eq!(steps(&waits[0]), ["0–0 nobody of 0, 0 ready"]);
    assert_eq!(waits[0].left.as_ref().unwrap().outcome, Outcome::Rejected);
}

#[test]
fn an_offer_that_rings_when_the_wait_ends_ends_with_it() {
    for (outcome, result) in
        [(Outcome::Abandoned, OfferResult::CallerLeft), (Outcome::Failed, OfferResult::Withdrawn)]
    {
        let mut story = Story::default();
        story.waits(1, 1, "sales");
        story.offered(1, 1, "sales", 1001);
        story.later(3);
        story.leaves(1, 1, "sales", outcome);
        let wait = told(&story).remove(0);
        let end = wait.offers().next().unwrap().end.clone().unwrap();
        assert_eq!((end.result, end.rang_ms, wait.steps.len()), (result, 3_000, 1));
    }
}

#[test]
fn an_overflow_is_two_waits_and_the_first_says_where_to() {
    let mut story = Story::default();
    story.waits(1, 1, "sales");
    story.later(60);
    story.leaves(1, 1, "sales", Outcome::Overflowed);
    let EventKind::QueueLeft { to, .. } = &mut story.events.last_mut().unwrap().kind else {
        panic!()
    };
    *to = Some("support".into());
    story.waits(1, 2, "support");
    let waits = told(&story);
    assert_eq!(waits[0].left.as_ref().unwrap().to, Some("support".into()));
    assert_eq!((waits[1].queue.as_str(), &waits[1].left), ("support", &None));
}

#[test]
fn what_is_decided_about_other_calls_is_not_told() {
    let mut story = Story::default();
    story.waits(2, 1, "sales");
    story.chosen((2, 1, "sales"), &[(1001, 1)], &[]);
    story.leaves(2, 1, "sales", Outcome::Answered);
    assert_eq!(told(&story), []);
}

#[test]
fn a_call_that_is_refused_for_days_stays_small() {
    let mut story = Story::default();
    story.waits(1, 1, "sales");
    for _ in 0..300 {
        story.chosen(SALES, &[(1001, 1)], &[]);
        story.later(1);
        story.offer_ends(1, 1, 1001, OfferEnd::Refused);
        story.later(1);
    }
    story.leaves(1, 1, "sales", Outcome::Abandoned);
    let wait = told(&story).remove(0);
    assert_eq!((wait.steps.len(), wait.unlisted), (LISTED, 400));
}

#[test]
fn what_is_told_reads_back_from_json() {
    let waits = told(&a_wait());
    let text = serde_json::to_string(&waits).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Wait>>(&text).unwrap(), waits);
}

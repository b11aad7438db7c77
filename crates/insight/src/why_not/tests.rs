use model::{AgentState, EventKind, OfferEnd};

use super::*;
use crate::story::{Story, busy, on_call, ready, ringing};

const SALES: (u32, u16, &str) = (1, 1, "sales");

fn share(story: &Story, agent: u32) -> Share {
    let mut why_not = WhyNot::of(AgentId::new(agent), Story::call(1));
    story.events.iter().for_each(|event| why_not.apply(event));
    why_not.told().remove(0)
}

/// What the agent was to the only offer of a story.
fn standing(story: &Story, agent: u32) -> Standing {
    let mut share = share(story, agent);
    assert_eq!(share.offers.len(), 1);
    share.offers.remove(0).standing
}

/// 1001 is offered the call of which `before` tells what happened until then.
fn offered_after(before: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::default();
    before(&mut story);
    story.later(10);
    story.waits(1, 1, "sales");
    story.chosen(SALES, &[(1001, 1), (1002, 4), (1003, 4)], &[(1004, "refused")]);
    story.agent_becomes(1001, ringing(1, story.at));
    story.later(5);
    story.leaves(1, 1, "sales", Outcome::Answered);
    story
}

#[test]
fn a_candidate_is_told_the_place_and_who_stood_before_by_which_key() {
    let story = offered_after(|_| {});
    assert_eq!(standing(&story, 1001), Standing::Offered);
    let Standing::Behind(behind) = standing(&story, 1003) else { panic!() };
    assert_eq!((behind.place, behind.of, behind.by), (3, 3, Some(RankedBy::Key)));
    assert_eq!(behind.ahead, [AgentId::new(1001), AgentId::new(1002)]);
    let keys = [behind.winner_rank, behind.own_rank].map(|rank| rank.unwrap().key);
    assert_eq!(keys, [1, 4]);
}

#[test]
fn ranks_differ_first_by_ring_then_key_then_idle_time_then_work_number() {
    let rank = |tier, key, idle| Rank { tier, key, idle_since: Timestamp::from_secs(idle) };
    for (own, by) in [
        (rank(1, 0, 0), RankedBy::Tier),
        (rank(0, 2, 0), RankedBy::Key),
        (rank(0, 1, 9), RankedBy::IdleSince),
        (rank(0, 1, 5), RankedBy::WorkNumber),
    ] {
        assert_eq!(ranked_by(rank(0, 1, 5), own), by);
    }
}

#[test]
fn an_agent_who_was_passed_over_is_told_why() {
    let story = offered_after(|story| story.agent_becomes(1004, ready(story.at)));
    assert_eq!(standing(&story, 1004), Standing::PassedOver { why: "refused".into() });
}

#[test]
fn an_agent_in_a_state_without_offers_is_told_that_state() {
    let other = Some(Story::call(7));
    for (state, expected) in [
        (AgentState::SignedOut { since: Timestamp::EPOCH }, Standing::SignedOut),
        (busy("lunch", Timestamp::EPOCH), Standing::Busy { reason: Some("lunch".into()) }),
        (busy("no_answer", Timestamp::EPOCH), Standing::Busy { reason: Some("no_answer".into()) }),
        (busy("device_lost", Timestamp::EPOCH), Standing::PhoneLost),
        (on_call(7, Timestamp::EPOCH), Standing::OnCall { other }),
        (ringing(7, Timestamp::EPOCH), Standing::OfferedAnother { other }),
        (Story::wrap_up(7, Timestamp::EPOCH, 9), Standing::WrapUp { other }),
    ] {
        let story = offered_after(|story| story.agent_becomes(1005, state));
        assert_eq!(standing(&story, 1005), expected);
        assert_eq!(share(&story, 1005).stays[0].standing, expected);
    }
}

#[test]
fn an_agent_who_was_ready_and_is_not_listed_did_not_fit() {
    let story = offered_after(|story| story.agent_becomes(1005, ready(story.at)));
    assert_eq!(standing(&story, 1005), Standing::Unfit);
    let stays = share(&story, 1005).stays;
    assert_eq!(stays.len(), 1);
    assert_eq!(
        stays[0].standing,
        Standing::CallRang,
        "it says nothing that a call rings elsewhere"
    );
}

#[test]
fn an_agent_who_was_ready_where_as_many_are_listed_as_can_be_ranked_below_them() {
    let mut story = Story::default();
    story.agent_becomes(2000, ready(story.at));
    story.waits(1, 1, "sales");
    let ranked: Vec<_> = (1001..1017).map(|agent| (agent, 1)).collect();
    story.chosen(SALES, &ranked, &[]);
    assert_eq!(standing(&story, 2000), Standing::BelowListed);
}

#[test]
fn an_agent_in_the_pause_after_a_vain_offer_is_told_so_where_the_log_shows_the_agent_to_fit() {
    let mut story = Story::default();
    story.waits(1, 1, "sales");
    story.chosen(SALES, &[(1001, 1)], &[]);
    story.agent_becomes(1001, ringing(1, story.at));
    story.later(8);
    story.offer_ends(1, 1, 1001, OfferEnd::Refused);
    story.agent_rests(1001, Cause::Refused);
    story.agent_rests(1002, Cause::NoAnswer);
    story.later(3);
    story.chosen(SALES, &[(1003, 1)], &[]);
    story.later(3);
    story.leaves(1, 1, "sales", Outcome::Answered);
    let last = |agent| share(&story, agent).offers.pop().unwrap().standing;
    let pausing = Standing::Pausing { after: Cause::Refused, until: None };
    assert_eq!(last(1001), pausing);
    assert_eq!(last(1002), Standing::PausingOrUnfit { after: Cause::NoAnswer });
    let stays: Vec<_> = share(&story, 1001).stays.into_iter().map(|stay| stay.standing).collect();
    assert_eq!(stays, [Standing::Offered, pausing]);
}

#[test]
fn a_pause_of_which_the_log_tells_is_told_with_its_end_and_what_comes_after_it() {
    let mut story = Story::default();
    story.waits(1, 1, "sales");
    story.agent_becomes(1002, ringing(7, story.at));
    let until = story.at + std::time::Duration::from_secs(5);
    story.agent_rests(1002, Cause::NoAnswer);
    story.agent(1002, EventKind::AgentPaused { until, after: OfferEnd::NoAnswer });
    story.later(3);
    story.chosen(SALES, &[(1001, 1)], &[]);
    story.later(1);
    story.offer_ends(1, 1, 1001, OfferEnd::Refused);
    story.later(3);
    story.chosen(SALES, &[(1003, 1)], &[]);
    story.leaves(1, 1, "sales", Outcome::Answered);
    let share = share(&story, 1002);
    let pausing = Standing::Pausing { after: Cause::NoAnswer, until: Some(until) };
    let offers: Vec<_> = share.offers.into_iter().map(|offer| offer.standing).collect();
    assert_eq!(offers, [pausing.clone(), Standing::Unfit]);
    let stays: Vec<_> = share.stays.into_iter().map(|stay| (stay.until, stay.standing)).collect();
    assert_eq!(stays, [(Some(until), pausing), (Some(story.at), Standing::Unfit)]);
}

#[test]
fn an_agent_who_is_signed_out_of_the_queue_is_told_so_as_long_as_that_is_true() {
    let mut story = Story::default();
    story.agent_becomes(1005, ready(story.at));
    story.agent(1005, EventKind::AgentQueuesChanged { away: ["sales".into()].into() });
    story.later(5);
    story.waits(1, 1, "sales");
    story.later(5);
    story.agent(1005, EventKind::AgentQueuesChanged { away: [].into() });
    story.chosen(SALES, &[(1005, 1)], &[]);
    story.agent_becomes(1005, ringing(1, story.at));
    story.later(5);
    story.leaves(1, 1, "sales", Outcome::Answered);
    assert_eq!(standing(&story, 1005), Standing::Offered);
    let stays: Vec<_> = share(&story, 1005).stays.into_iter().map(|stay| stay.standing).collect();
    assert_eq!(stays, [Standing::NotInQueue, Standing::Offered]);
    let story = offered_after(|story| {
        story.agent_becomes(1005, ready(story.at));
        story.agent(1005, EventKind::AgentQueuesChanged { away: ["sales".into()].into() });
    });
    assert_eq!(standing(&story, 1005), Standing::NotInQueue);
}

#[test]
fn a_pause_goes_on_through_busy_and_not_through_signing_out() {
    for (between, standing) in [
        (
            busy("lunch", Timestamp::EPOCH),
            Standing::Pausing {
                after: Cause::Refused,
                until: Some(Timestamp::from_secs(1_700_000_030)),
            },
        ),
        (AgentState::SignedOut { since: Timestamp::EPOCH }, Standing::Unfit),
    ] {
        let story = offered_after(|story| {
            story.agent_rests(1005, Cause::Refused);
            let until = Timestamp::from_secs(1_700_000_030);
            story.agent(1005, EventKind::AgentPaused { until, after: OfferEnd::Refused });
            story.agent_becomes(1005, between);
            story.later(1);
            story.agent_becomes(1005, ready(story.at));
        });
        assert_eq!(super::tests::standing(&story, 1005), standing);
    }
}

#[test]
fn an_agent_is_told_of_the_whole_wait_and_of_nothing_else() {
    let mut story = Story::default();
    story.agent_becomes(1005, on_call(7, story.at));
    story.later(30);
    let began = story.at;
    story.waits(1, 1, "sales");
    story.later(10);
    story.agent_becomes(1005, Story::wrap_up(7, story.at, 5));
    story.later(5);
    story.agent_becomes(1005, ready(story.at));
    story.later(5);
    story.leaves(1, 1, "sales", Outcome::Abandoned);
    story.later(5);
    story.agent_becomes(1005, busy("lunch", story.at));
    let share = share(&story, 1005);
    let seconds = |at: Timestamp| at.since(began).as_secs();
    let stays: Vec<_> = share
        .stays
        .iter()
        .map(|stay| (seconds(stay.since), stay.until.map(seconds), stay.state.unwrap()))
        .collect();
    assert_eq!(
        stays,
        [
            (0, Some(10), StateName::OnCall),
            (10, Some(15), StateName::WrapUp),
            (15, Some(20), StateName::Ready),
        ]
    );
    assert_eq!(share.stays[2].standing, Standing::Unfit);
    assert_eq!(share.stays[0].state_since.map(|at| began.since(at).as_secs()), Some(30));
    assert_eq!(share.outcome, Some(Outcome::Abandoned));
}

#[test]
fn a_caller_who_was_turned_away_is_told_with_what_the_agent_did_then() {
    let mut story = Story::default();
    story.agent_becomes(1001, ready(story.at));
    story.later(9);
    story.waits(1, 1, "sales");
    story.leaves(1, 1, "sales", Outcome::Rejected);
    let stays = share(&story, 1001).stays;
    assert_eq!((stays.len(), &stays[0].standing), (1, &Standing::Unfit));
}

#[test]
fn an_agent_of_whom_the_log_tells_nothing_was_never_signed_in() {
    let story = offered_after(|_| {});
    assert_eq!(standing(&story, 1009), Standing::SignedOut);
    let stays = share(&story, 1009).stays;
    assert_eq!((stays[0].state, stays[0].state_since), (Some(StateName::SignedOut), None));
}

#[test]
fn what_is_too_long_ago_is_not_guessed_at() {
    let mut story = offered_after(|story| story.agent_becomes(1005, ready(story.at)));
    for _ in 0..LISTED {
        story.later(1);
        story.agent_becomes(1005, busy("lunch", story.at));
        story.agent_becomes(1005, ready(story.at));
    }
    assert_eq!(standing(&story, 1005), Standing::Unknown);
    assert_eq!(share(&story, 1005).stays[0].state, None);
}

#[test]
fn a_state_from_before_the_call_is_taken_up() {
    let mut before = Story::default();
    before.agent_becomes(1009, busy("lunch", before.at));
    let mut history = AgentHistory::default();
    before.events.iter().for_each(|event| drop(history.apply(event)));
    let mut story = Story::default();
    story.push(|event| event.kind = EventKind::SystemStopped {});
    story.later(60);
    story.waits(1, 1, "sales");
    story.chosen(SALES, &[(1001, 1)], &[]);
    let mut why_not = WhyNot::of(AgentId::new(1009), Story::call(1));
    why_not.restore(history.open()[&AgentId::new(1009)].clone());
    story.events.iter().for_each(|event| why_not.apply(event));
    let share = why_not.told().remove(0);
    let lunch = Standing::Busy { reason: Some("lunch".into()) };
    assert_eq!((&share.offers[0].standing, &share.stays[0].standing), (&lunch, &lunch));
}

#[test]
fn what_is_told_reads_back_from_json() {
    let story = offered_after(|story| story.agent_becomes(1005, on_call(7, story.at)));
    for agent in [1001, 1003, 1004, 1005] {
        let share = share(&story, agent);
        let text = serde_json::to_string(&share).unwrap();
        assert_eq!(serde_json::from_str::<Share>(&text).unwrap(), share, "{text}");
    }
}

//! Attended transfer: an agent has a caller on hold, consults somebody in a second call, and joins
//! the two.

use insight::{Calls, Cdr};
use model::{AgentState, CallKind, Cause, Direction, LegId, MediaDescription, Next, StateName};
use switchboard::ports::{LegCommand, LegFact, MediaCommand, MediaFact};

use crate::centre::{Centre, config, description};

/// A caller of the hotline on hold at 1001, who talks to somebody else.
struct Consultation {
    centre: Centre,
    caller: LegId,
    /// 1001's leg to the caller.
    first: LegId,
    /// 1001's leg to whoever is consulted.
    second: LegId,
}

impl Consultation {
    /// The number consulted still rings.
    fn rings(to: &str) -> Self {
        let mut centre = Centre::open();
        centre.sign_in(1001).sign_in(1002).bind("8000");
        let caller = centre.queues();
        let first = centre.answers("1001");
        centre.holds(first);
        let second = centre.dials("1001", to);
        Self { centre, caller, first, second }
    }

    /// The number consulted has answered.
    fn talks(to: &str) -> (Self, LegId) {
        let mut scene = Self::rings(to);
        let consulted = scene.centre.answers(to.strip_prefix('9').unwrap_or(to));
        (scene, consulted)
    }

    fn asks(&mut self) {
        self.centre.leg(self.first, LegFact::MergeAsked { with: self.second });
    }

    fn progress(&self, leg: LegId) -> Vec<u16> {
        let statuses = self.centre.seen.iter().filter_map(|(seen, command)| match command {
            LegCommand::TransferProgress { status } if *seen == leg => Some(*status),
            _ => None,
        });
        statuses.collect()
    }

    fn stages(&mut self) -> Vec<(u32, String)> {
        let calls = self.centre.look().calls;
        calls.into_iter().map(|call| (call.call.number(), call.stage)).collect()
    }

    fn on_call(&mut self, agent: u32) -> Option<(u32, CallKind)> {
        match self.centre.state(agent) {
            AgentState::OnCall { call, kind, .. } => Some((call.number(), kind)),
            _ => None,
        }
    }

    /// What a stream was last told to hear.
    fn hears(&self, leg: LegId) -> Option<&MediaCommand> {
        let heard = self.centre.media.iter().rev().find(|(stream, command)| match command {
            MediaCommand::Join(other) => *stream == leg || *other == leg,
            MediaCommand::Play { .. } | MediaCommand::Ringback | MediaCommand::Silence => {
                *stream == leg
            }
            _ => false,
        });
        heard.map(|(_, command)| command)
    }

    fn rows(&self) -> Vec<Cdr> {
        let mut calls = Calls::default();
        self.centre.events.iter().filter_map(|event| calls.apply(event)).collect()
    }
}

fn released(centre: &Centre, leg: LegId) -> Option<(Cause, Option<u16>)> {
    centre.seen.iter().find_map(|(seen, command)| match command {
        LegCommand::Release { cause, status } if *seen == leg => Some((*cause, *status)),
        _ => None,
    })
}

#[test]
fn the_caller_and_the_consulted_colleague_hear_each_other_and_the_first_agent_wraps_up() {
    let (mut scene, colleague) = Consultation::talks("1002");
    assert_eq!(scene.on_call(1001), Some((1, CallKind::Queue)));
    assert_eq!(scene.on_call(1002), Some((2, CallKind::Internal)));
    scene.asks();
    assert_eq!(scene.progress(scene.first), [100, 200]);
    for leg in [scene.first, scene.second] {
        assert_eq!(released(&scene.centre, leg), Some((Cause::Transferred, None)));
    }
    assert_eq!(scene.stages(), [(1, "talking".to_owned())], "and nobody hears music");
    assert_eq!(scene.hears(scene.caller), Some(&MediaCommand::Join(colleague)));
    assert_eq!(scene.centre.state(1001).name(), StateName::WrapUp);
    assert_eq!(scene.on_call(1002), Some((1, CallKind::Queue)));
    scene.centre.hangs_up(scene.caller);
    assert_eq!(scene.centre.state(1002).name(), StateName::WrapUp, "it was a queue's caller");
    assert!(scene.stages().is_empty());
    assert_eq!(scene.centre.outcomes(), [(1, "answered")]);
}

#[test]
fn both_talks_end_and_the_new_one_has_a_segment_and_a_part_of_its_own() {
    let (mut scene, _) = Consultation::talks("1002");
    scene.centre.forget();
    scene.asks();
    insta::assert_snapshot!(scene.centre.log(), @r"
    09:00:00 call 2 1002 segment.talk_ended (transferred)
    09:00:00 call 1 1001 segment.talk_ended (transferred)
    09:00:00 call 1 1001 call.transferred
    09:00:00 call 2 call.merged (transferred)
    09:00:00 call 1 1002 leg.moved (transferred)
    09:00:00 call 1 1002 agent.state_changed on_call (call_ended)
    09:00:00 call 1 1001 agent.state_changed wrap_up (call_ended)
    09:00:00 call 1 1002 segment.talk_started
    09:00:00 call 1 1002 recording.started 1-1.3
    09:00:00 call 2 1001 leg.released (transferred)
    09:00:00 call 2 call.ended (transferred)
    09:00:00 call 1 1001 leg.released (transferred)
    ");
    assert_eq!(scene.centre.recordings, ["finish 1-2.1", "finish 1-1.2", "start 1-1.3"]);
}

#[test]
fn asked_for_on_the_consulting_leg_it_comes_to_the_same() {
    let (mut scene, colleague) = Consultation::talks("1002");
    std::mem::swap(&mut scene.first, &mut scene.second);
    scene.asks();
    assert_eq!(scene.progress(scene.first), [100, 200]);
    assert_eq!(scene.stages(), [(1, "talking".to_owned())]);
    assert_eq!(scene.hears(scene.caller), Some(&MediaCommand::Join(colleague)));
    assert_eq!(scene.centre.state(1001).name(), StateName::WrapUp);
}

#[test]
fn rows_of_both_calls_tell_what_became_of_them() {
    let (mut scene, colleague) = Consultation::talks("1002");
    scene.asks();
    scene.centre.hangs_up(colleague);
    let rows = scene.rows();
    let [consultation, call] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((consultation.call.number(), call.call.number()), (2, 1));
    assert_eq!(consultation.merged_into, Some(call.call));
    assert_eq!(consultation.cause, Some(Cause::Transferred));
    assert_eq!(call.merged, [consultation.call]);
    assert_eq!(call.transferred_to, "1002".parse().ok());
    assert_eq!(call.agents.iter().map(|agent| agent.number()).collect::<Vec<_>>(), [1001, 1002]);
    assert_eq!(call.cause, Some(Cause::AgentHungUp));
}

#[test]
fn a_number_outside_that_was_consulted_is_named_in_the_recording() {
    let (mut scene, specialist) = Consultation::talks("913900139000");
    scene.centre.forget();
    scene.asks();
    let with = scene.centre.events.iter().find_map(|event| match &event.kind {
        model::EventKind::RecordingStarted { left, right, .. } => {
            Some((left.clone(), right.clone()))
        }
        _ => None,
    });
    let number = |text: &str| text.parse().ok();
    assert_eq!(with, Some((number("13800138000"), number("13900139000"))));
    scene.centre.hangs_up(scene.caller);
    assert!(released(&scene.centre, specialist).is_some());
    assert!(scene.stages().is_empty());
}

#[test]
fn an_agent_who_called_out_joins_the_customer_to_a_colleague() {
    let mut centre = Centre::open();
    centre.sign_in(1001).sign_in(1002);
    let first = centre.dials("1001", "913900139000");
    let customer = centre.answers("13900139000");
    let second = centre.dials("1001", "1002");
    let colleague = centre.answers("1002");
    let mut scene = Consultation { centre, caller: customer, first, second };
    scene.asks();
    assert_eq!(scene.on_call(1002), Some((1, CallKind::Outbound)));
    assert_eq!(scene.centre.state(1001).name(), StateName::Ready);
    assert_eq!(scene.hears(colleague), Some(&MediaCommand::Join(customer)));
    scene.centre.hangs_up(customer);
    assert_eq!(scene.centre.state(1002).name(), StateName::Ready);
    assert!(scene.stages().is_empty());
}

#[test]
fn while_the_colleague_rings_the_caller_hears_it_ring() {
    let mut scene = Consultation::rings("1002");
    scene.asks();
    assert_eq!(scene.progress(scene.first), [100]);
    assert_eq!(released(&scene.centre, scene.second), Some((Cause::Transferred, Some(487))));
    assert_eq!(scene.stages(), [(1, "transferring".to_owned())]);
    assert_eq!(scene.hears(scene.caller), Some(&MediaCommand::Ringback));
    assert!(scene.centre.rings("1002").is_some(), "it rings on");
    let colleague = scene.centre.answers("1002");
    assert_eq!(scene.progress(scene.first), [100, 200]);
    assert_eq!(scene.hears(scene.caller), Some(&MediaCommand::Join(colleague)));
    assert_eq!(scene.on_call(1002), Some((1, CallKind::Queue)));
    assert_eq!(scene.centre.state(1001).name(), StateName::WrapUp);
    let consultation = scene.rows().remove(0);
    assert_eq!(consultation.merged_into.map(|call| call.number()), Some(1));
}

#[test]
fn a_colleague_who_does_not_answer_leaves_the_caller_with_the_first_agent() {
    let mut scene = Consultation::rings("1002");
    scene.centre.wait(20);
    scene.asks();
    scene.centre.wait(9);
    assert!(scene.centre.rings("1002").is_some());
    scene.centre.wait(1);
    assert!(
        scene.centre.rings("1002").is_none(),
        "it has rung for its time, counted from the call"
    );
    assert_eq!(scene.progress(scene.first), [100, 480]);
    assert_eq!(scene.stages(), [(1, "held".to_owned())], "the agent held, and still does");
    assert_eq!(scene.on_call(1001), Some((1, CallKind::Queue)));
    assert_eq!(scene.centre.state(1002).name(), StateName::Ready);
}

#[test]
fn a_colleague_who_declines_after_the_first_agent_left_leads_the_caller_back_into_the_queue() {
    let mut scene = Consultation::rings("8000");
    scene.asks();
    scene.centre.hangs_up(scene.first);
    scene.centre.declines("8000", 486);
    assert_eq!(
        scene.centre.rings("1002").map(|_| scene.stages()),
        Some(vec![(1, "ringing".into())])
    );
}

#[test]
fn a_caller_who_is_on_hold_by_the_own_telephone_still_holds() {
    let (mut scene, _) = Consultation::talks("1002");
    let held = MediaDescription { direction: Direction::SendOnly, ..description(40_000) };
    scene.centre.leg(scene.caller, LegFact::Reoffered { offer: Some(held) });
    scene.asks();
    assert_eq!(scene.stages(), [(1, "held".to_owned())]);
    scene.centre.leg(scene.caller, LegFact::Reoffered { offer: Some(description(40_000)) });
    assert_eq!(scene.stages(), [(1, "talking".to_owned())]);
}

#[test]
fn a_caller_who_hangs_up_first_leaves_nobody_to_be_joined() {
    let (mut scene, colleague) = Consultation::talks("1002");
    scene.centre.slow = true;
    scene.centre.hangs_up(scene.caller);
    scene.asks();
    scene.centre.end_legs();
    assert!(released(&scene.centre, colleague).is_none(), "the consultation goes on");
    assert_eq!(scene.stages(), [(2, "talking".to_owned())]);
    scene.centre.leg(scene.second, LegFact::MergeAsked { with: scene.first });
    assert_eq!(scene.progress(scene.second), [481]);
}

#[test]
fn whoever_hangs_up_at_the_same_moment_ends_the_one_call_that_is_left() {
    for the_caller in [true, false] {
        let (mut scene, colleague) = Consultation::talks("1002");
        scene.centre.slow = true;
        scene.asks();
        scene.centre.hangs_up(if the_caller { scene.caller } else { colleague });
        // What the agent's phone does of itself crosses our release.
        scene.centre.hangs_up(scene.first);
        scene.centre.hangs_up(scene.second);
        scene.centre.slow = false;
        scene.centre.end_legs();
        assert!(scene.stages().is_empty());
        for agent in [1001, 1002] {
            assert_eq!(scene.centre.state(agent).name(), StateName::WrapUp);
        }
    }
}

#[test]
fn a_second_wish_is_too_late() {
    let (mut scene, _) = Consultation::talks("1002");
    scene.centre.slow = true;
    scene.asks();
    scene.asks();
    scene.centre.leg(scene.second, LegFact::MergeAsked { with: scene.first });
    scene.centre.leg(scene.first, LegFact::TransferAsked { to: "8000".parse().unwrap() });
    assert_eq!(scene.progress(scene.first), [100, 200]);
    assert!(scene.progress(scene.second).is_empty() && scene.centre.rings("8000").is_none());
    scene.centre.end_legs();
    assert_eq!(scene.stages(), [(1, "talking".to_owned())]);

    let mut scene = Consultation::rings("1002");
    scene.centre.slow = true;
    scene.asks();
    scene.asks();
    assert_eq!(scene.progress(scene.first), [100, 481], "the consulting leg is being released");
}

#[test]
fn calls_of_different_phones_are_not_joined() {
    let (mut scene, colleague) = Consultation::talks("1002");
    for (leg, with) in
        [(scene.first, colleague), (colleague, scene.first), (scene.caller, scene.second)]
    {
        scene.centre.leg(leg, LegFact::MergeAsked { with });
        assert_eq!(scene.progress(leg).pop(), Some(403));
    }
    assert_eq!(scene.stages(), [(1, "held".to_owned()), (2, "talking".to_owned())]);
}

#[test]
fn what_is_no_talk_is_not_joined() {
    let (mut scene, _) = Consultation::talks("1002");
    let gone = LegId::new(model::Epoch::new(1), 998);
    scene.centre.leg(scene.first, LegFact::MergeAsked { with: gone });
    scene.centre.leg(scene.first, LegFact::MergeAsked { with: scene.first });
    let menu = scene.centre.dials("1001", "4008001234");
    scene.centre.leg(scene.first, LegFact::MergeAsked { with: menu });
    scene.centre.leg(menu, LegFact::MergeAsked { with: scene.first });
    assert_eq!(scene.progress(scene.first), [481, 603, 603]);
    assert_eq!(scene.progress(menu), [481]);
    scene.centre.leg(scene.second, LegFact::TransferAsked { to: "8000".parse().unwrap() });
    scene.asks();
    assert_eq!(scene.progress(scene.first).pop(), Some(491));
}

#[test]
fn an_agent_whose_wish_is_remembered_has_it_after_the_transfer() {
    let (mut scene, _) = Consultation::talks("1002");
    scene.centre.becomes(1001, Next::SignedOut).unwrap();
    scene.asks();
    scene.centre.wait(10);
    assert_eq!(scene.centre.state(1001).name(), StateName::SignedOut);
}

#[test]
fn a_stream_that_fails_after_the_join_ends_the_call_once() {
    let (mut scene, colleague) = Consultation::talks("1002");
    scene.centre.slow = true;
    scene.asks();
    for leg in [scene.first, colleague] {
        scene.centre.input(switchboard::ports::Input::Media { leg, fact: MediaFact::Lost });
    }
    scene.centre.slow = false;
    scene.centre.end_legs();
    assert!(scene.stages().is_empty());
}

#[test]
fn a_place_on_the_trunk_is_given_back_by_the_leg_that_moved() {
    let mut config = config();
    config.trunks.get_mut("carrier").unwrap().max_calls = 2;
    let mut centre = Centre::open_with(config, 1, Default::default(), &[]);
    centre.sign_in(1001);
    let caller = centre.queues();
    let first = centre.answers("1001");
    let second = centre.dials("1001", "913900139000");
    centre.answers("13900139000");
    let mut scene = Consultation { centre, caller, first, second };
    scene.asks();
    assert_eq!(scene.centre.look().trunks[0].calls, 2);
    scene.centre.hangs_up(caller);
    assert_eq!(scene.centre.look().trunks[0].calls, 0);
}

//! One caller's way through a flow.

use std::sync::Arc;

use model::{PromptId, QueueId, Timestamp};

use crate::{Flow, Step, StepName};

/// More steps than this without meeting anything are a loop in the configuration.
const MOST_STEPS: usize = 64;

/// What the caller meets next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meet {
    /// Hears these prompts, in order; tell the walk when they end.
    Prompts(Vec<PromptId>),
    /// Nothing new: what is heard goes on, or silence while a digit is waited for.
    Nothing,
    /// Waits in a queue. The walk is over.
    Queue {
        /// Which.
        queue: QueueId,
        /// With this priority.
        priority: u8,
    },
    /// Asks to be called back. Where that can be, the walk is over; where not, tell it.
    Callback {
        /// For which queue.
        queue: QueueId,
        /// With this priority.
        priority: u8,
    },
    /// The call ends. The walk is over.
    Release,
}

/// One caller's way through a flow.
#[derive(Clone, Debug)]
pub struct Walk {
    flow: Arc<Flow>,
    at: StepName,
    state: State,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    Playing {
        tries: u8,
    },
    WaitingForDigit {
        tries: u8,
        until: Timestamp,
    },
    /// To be called back was asked for.
    Asking,
    Over,
}

impl Walk {
    /// Sets out; the second value is what the caller meets first.
    #[must_use]
    pub fn begin(flow: Arc<Flow>) -> (Self, Meet) {
        let at = flow.start.clone();
        let mut walk = Self { flow, at, state: State::Over };
        let start = walk.at.clone();
        let meet = walk.enter(start);
        (walk, meet)
    }

    /// The flow's name.
    #[must_use]
    pub fn flow(&self) -> &str {
        &self.flow.name
    }

    /// When a digit is no longer waited for.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::WaitingForDigit { until, .. } => Some(until),
            State::Playing { .. } | State::Asking | State::Over => None,
        }
    }

    /// The prompts have been played to their end.
    pub fn prompts_ended(&mut self, now: Timestamp) -> Meet {
        let State::Playing { tries } = self.state else { return Meet::Nothing };
        match self.step() {
            Some(Step::Play { next, .. }) => self.enter(next),
            Some(Step::Menu { wait, .. }) => {
                self.state = State::WaitingForDigit { tries, until: now + wait };
                Meet::Nothing
            }
            Some(Step::Queue { .. } | Step::Callback { .. } | Step::Release { .. }) | None => {
                self.release()
            }
        }
    }

    /// The caller cannot be called back.
    pub fn callback_refused(&mut self) -> Meet {
        match (&self.state, self.step()) {
            (State::Asking, Some(Step::Callback { otherwise, .. })) => self.enter(otherwise),
            _ => Meet::Nothing,
        }
    }

    /// The caller pressed a key.
    pub fn digit(&mut self, digit: char) -> Meet {
        let tries = match self.state {
            State::Playing { tries } | State::WaitingForDigit { tries, .. } => tries,
            State::Asking | State::Over => return Meet::Nothing,
        };
        match self.step() {
            Some(Step::Menu { choices, .. }) => match choices.get(&digit) {
                Some(next) => self.enter(next.clone()),
                None => self.ask_again(tries),
            },
            // Whoever calls often need not hear the greeting out: the key counts for the menu ahead.
            Some(Step::Play { next, .. }) => match self.choice_ahead(next, digit) {
                Some(chosen) => self.enter(chosen),
                None => Meet::Nothing,
            },
            Some(Step::Queue { .. } | Step::Callback { .. } | Step::Release { .. }) | None => {
                Meet::Nothing
            }
        }
    }

    /// Where a key would lead in the menu that follows the prompts from `name` on.
    fn choice_ahead(&self, mut name: StepName, digit: char) -> Option<StepName> {
        for _ in 0..MOST_STEPS {
            match self.flow.steps.get(&name)? {
                Step::Play { next, .. } => name.clone_from(next),
                Step::Menu { choices, .. } => return choices.get(&digit).cloned(),
                Step::Queue { .. } | Step::Callback { .. } | Step::Release { .. } => return None,
            }
        }
        None
    }

    /// Time has passed; matters only once [`Walk::deadline`] has.
    pub fn time_passed(&mut self, now: Timestamp) -> Meet {
        match self.state {
            State::WaitingForDigit { tries, until } if until <= now => self.ask_again(tries),
            State::WaitingForDigit { .. } | State::Playing { .. } | State::Asking | State::Over => {
                Meet::Nothing
            }
        }
    }

    fn ask_again(&mut self, tries: u8) -> Meet {
        match self.step() {
            Some(Step::Menu { prompts, tries: most, .. }) if tries < most => {
                self.state = State::Playing { tries: tries + 1 };
                Meet::Prompts(prompts)
            }
            Some(Step::Menu { otherwise, .. }) => self.enter(otherwise),
            Some(
                Step::Play { .. }
                | Step::Queue { .. }
                | Step::Callback { .. }
                | Step::Release { .. },
            )
            | None => self.release(),
        }
    }

    fn enter(&mut self, mut name: StepName) -> Meet {
        for _ in 0..MOST_STEPS {
            self.at = name;
            match self.step() {
                Some(Step::Play { prompts, next }) if prompts.is_empty() => name = next,
                Some(Step::Play { prompts, .. } | Step::Menu { prompts, .. }) => {
                    self.state = State::Playing { tries: 1 };
                    return Meet::Prompts(prompts);
                }
                Some(Step::Queue { queue, priority }) => {
                    self.state = State::Over;
                    return Meet::Queue { queue, priority };
                }
                Some(Step::Callback { queue, priority, .. }) => {
                    self.state = State::Asking;
                    return Meet::Callback { queue, priority };
                }
                Some(Step::Release { prompts }) if !prompts.is_empty() => {
                    self.state = State::Playing { tries: 1 };
                    return Meet::Prompts(prompts);
                }
                Some(Step::Release { .. }) | None => return self.release(),
            }
        }
        self.release()
    }

    fn release(&mut self) -> Meet {
        self.state = State::Over;
        Meet::Release
    }

    fn step(&self) -> Option<Step> {
        self.flow.steps.get(&self.at).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn prompt(name: &str) -> Vec<PromptId> {
        vec![PromptId::from(name)]
    }

    fn example() -> Arc<Flow> {
        let steps = [
            ("hello", Step::Play { prompts: prompt("welcome"), next: "menu".into() }),
            (
                "menu",
                Step::Menu {
                    prompts: prompt("press-1"),
                    wait: Duration::from_secs(5),
                    tries: 2,
                    choices: [('1', "sales".to_owned())].into(),
                    otherwise: "bye".into(),
                },
            ),
            ("sales", Step::Queue { queue: "sales".into(), priority: 3 }),
            ("bye", Step::Release { prompts: prompt("goodbye") }),
        ];
        let steps = steps.into_iter().map(|(name, step)| (name.to_owned(), step)).collect();
        Arc::new(Flow { name: "main".into(), start: "hello".into(), steps })
    }

    #[test]
    fn a_caller_is_greeted_asked_and_led_to_the_queue_chosen() {
        let (mut walk, meet) = Walk::begin(example());
        assert_eq!(meet, Meet::Prompts(prompt("welcome")));
        assert_eq!(walk.prompts_ended(Timestamp::EPOCH), Meet::Prompts(prompt("press-1")));
        assert_eq!(walk.digit('1'), Meet::Queue { queue: "sales".into(), priority: 3 });
    }

    #[test]
    fn a_caller_who_presses_nothing_is_asked_again_and_then_let_go() {
        let (mut walk, _) = Walk::begin(example());
        walk.prompts_ended(Timestamp::EPOCH);
        assert_eq!(walk.prompts_ended(Timestamp::EPOCH), Meet::Nothing);
        assert_eq!(walk.deadline(), Some(Timestamp::from_secs(5)));
        assert_eq!(walk.time_passed(Timestamp::from_secs(4)), Meet::Nothing);
        assert_eq!(walk.time_passed(Timestamp::from_secs(5)), Meet::Prompts(prompt("press-1")));
        walk.prompts_ended(Timestamp::from_secs(7));
        assert_eq!(walk.time_passed(Timestamp::from_secs(12)), Meet::Prompts(prompt("goodbye")));
        assert_eq!(walk.prompts_ended(Timestamp::from_secs(14)), Meet::Release);
    }

    #[test]
    fn a_key_pressed_during_the_greeting_counts_for_the_menu_that_follows() {
        let (mut walk, _) = Walk::begin(example());
        assert_eq!(walk.digit('9'), Meet::Nothing);
        assert_eq!(walk.digit('1'), Meet::Queue { queue: "sales".into(), priority: 3 });
    }

    #[test]
    fn a_wrong_digit_counts_as_a_try() {
        let (mut walk, _) = Walk::begin(example());
        walk.prompts_ended(Timestamp::EPOCH);
        assert_eq!(walk.digit('9'), Meet::Prompts(prompt("press-1")));
        assert_eq!(walk.digit('9'), Meet::Prompts(prompt("goodbye")));
    }

    #[test]
    fn a_loop_of_empty_steps_ends_the_call_and_not_the_program() {
        let steps: BTreeMap<_, _> =
            [("a".to_owned(), Step::Play { prompts: vec![], next: "a".into() })].into();
        let flow = Flow { name: "loop".into(), start: "a".into(), steps };
        assert_eq!(Walk::begin(Arc::new(flow)).1, Meet::Release);
    }

    #[test]
    fn a_caller_who_cannot_be_called_back_goes_on_elsewhere() {
        let steps = [
            (
                "back",
                Step::Callback { queue: "sales".into(), priority: 2, otherwise: "bye".into() },
            ),
            ("bye", Step::Release { prompts: prompt("goodbye") }),
        ];
        let steps = steps.into_iter().map(|(name, step)| (name.to_owned(), step)).collect();
        let flow = Flow { name: "back".into(), start: "back".into(), steps };
        let (mut walk, meet) = Walk::begin(Arc::new(flow));
        assert_eq!(meet, Meet::Callback { queue: "sales".into(), priority: 2 });
        assert_eq!(walk.digit('1'), Meet::Nothing);
        assert_eq!(walk.callback_refused(), Meet::Prompts(prompt("goodbye")));
        assert_eq!(walk.callback_refused(), Meet::Nothing);
    }

    proptest! {
        #[test]
        fn whatever_happens_a_walk_that_is_over_stays_over(moves in prop::collection::vec(0_u8..4, 0..40)) {
            let (mut walk, _) = Walk::begin(example());
            let mut over = false;
            for (second, action) in moves.into_iter().enumerate() {
                let now = Timestamp::from_secs(second as u64 * 3);
                let meet = match action {
                    0 => walk.prompts_ended(now),
                    1 => walk.digit('1'),
                    2 => walk.digit('7'),
                    _ => walk.time_passed(now),
                };
                prop_assert!(!over || meet == Meet::Nothing);
                over |= matches!(meet, Meet::Queue { .. } | Meet::Release);
            }
        }
    }
}

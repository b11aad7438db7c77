//! The keys that lead through a flow to a queue.

use std::collections::{BTreeSet, VecDeque};

use flow::{Flow, Step};
use model::QueueId;

/// What a caller does at each thing heard on the way to a queue, in order: presses a key, or listens
/// to the end. `None` when no way leads there.
pub(crate) fn to(flow: &Flow, wanted: &QueueId) -> Option<Vec<Option<char>>> {
    let mut seen = BTreeSet::from([flow.start.as_str()]);
    let mut open = VecDeque::from([(flow.start.as_str(), vec![])]);
    while let Some((name, way)) = open.pop_front() {
        let mut go = |next: &'_ str, does: Option<Option<char>>| {
            if let Some((next, _)) = flow.steps.get_key_value(next).filter(|_| !seen.contains(next))
            {
                seen.insert(next);
                open.push_back((next, way.iter().copied().chain(does).collect()));
            }
        };
        match flow.steps.get(name)? {
            Step::Play { prompts, next } if prompts.is_empty() => go(next, None),
            Step::Play { next, .. } => go(next, Some(None)),
            Step::Menu { choices, .. } => {
                choices.iter().for_each(|(key, next)| go(next, Some(Some(*key))));
            }
            Step::Queue { queue, .. } if queue == wanted => return Some(way),
            Step::Callback { otherwise, .. } => go(otherwise, None),
            Step::Queue { .. } | Step::Release { .. } => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_caller_hears_the_greeting_and_presses_the_key_of_the_queue() {
        let menu = Step::Menu {
            prompts: vec!["press".into()],
            wait: Duration::from_secs(5),
            tries: 1,
            choices: [('1', "sales".to_owned()), ('2', "hello".to_owned())].into(),
            otherwise: "bye".into(),
        };
        let steps = [
            ("hello", Step::Play { prompts: vec!["welcome".into()], next: "menu".into() }),
            ("menu", menu),
            ("sales", Step::Queue { queue: "sales".into(), priority: 0 }),
            ("bye", Step::Release { prompts: vec![] }),
        ];
        let steps = steps.into_iter().map(|(name, step)| (name.to_owned(), step)).collect();
        let flow = Flow { name: "main".into(), start: "hello".into(), steps };
        assert_eq!(to(&flow, &"sales".into()), Some(vec![None, Some('1')]));
        assert_eq!(to(&flow, &"nowhere".into()), None);
    }
}

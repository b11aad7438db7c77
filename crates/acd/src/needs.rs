//! What a queue asks of an agent.

use std::collections::{BTreeMap, BTreeSet};

use model::SkillId;

/// Skills with levels, 1 to 10; higher is better.
pub type Skills = BTreeMap<SkillId, u8>;

/// What an agent must be able to do: everything in `all`, and one of `any` where there are any, and
/// nothing in `not`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// Each skill with its lowest level.
    pub all: Skills,
    /// Alternatives: each a set of skills with their lowest levels.
    pub any: Vec<Skills>,
    /// Skills an agent must not have.
    pub not: BTreeSet<SkillId>,
}

impl Needs {
    /// Whether these skills are enough.
    #[must_use]
    pub fn are_met_by(&self, skills: &Skills) -> bool {
        let has = |needs: &Skills| {
            let enough =
                |skill, lowest: &u8| skills.get(skill).is_some_and(|level| level >= lowest);
            needs.iter().all(|(skill, lowest)| enough(skill, lowest))
        };
        has(&self.all)
            && (self.any.is_empty() || self.any.iter().any(has))
            && !self.not.iter().any(|skill| skills.contains_key(skill))
    }

    /// The levels of these skills, summed over those that are asked for.
    pub(crate) fn level(&self, skills: &Skills) -> u64 {
        let asked: BTreeSet<_> =
            self.all.keys().chain(self.any.iter().flat_map(BTreeMap::keys)).collect();
        asked.into_iter().filter_map(|skill| skills.get(skill)).map(|level| u64::from(*level)).sum()
    }
}

impl From<Skills> for Needs {
    fn from(all: Skills) -> Self {
        Self { all, ..Self::default() }
    }
}

impl<const N: usize> From<[(SkillId, u8); N]> for Needs {
    fn from(all: [(SkillId, u8); N]) -> Self {
        Self::from(Skills::from(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_met_by_all_one_of_any_and_none_of_not() {
        let has = |list: &[(&str, u8)]| -> Skills {
            list.iter().map(|(skill, level)| (SkillId::from(*skill), *level)).collect()
        };
        let needs = Needs {
            all: has(&[("support", 2)]),
            any: vec![has(&[("english", 3)]), has(&[("french", 1), ("gold", 1)])],
            not: [SkillId::from("trainee")].into(),
        };
        assert!(needs.are_met_by(&has(&[("support", 2), ("english", 4)])));
        assert!(needs.are_met_by(&has(&[("support", 9), ("french", 1), ("gold", 1)])));
        assert!(!needs.are_met_by(&has(&[("support", 1), ("english", 4)])));
        assert!(!needs.are_met_by(&has(&[("support", 2), ("english", 2), ("french", 1)])));
        assert!(!needs.are_met_by(&has(&[("support", 2), ("english", 4), ("trainee", 1)])));
        assert_eq!(needs.level(&has(&[("support", 2), ("english", 4), ("other", 9)])), 6);
        assert!(Needs::default().are_met_by(&Skills::new()));
    }
}

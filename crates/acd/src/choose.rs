//! Which agents a caller is offered to, and why.

use std::collections::BTreeSet;

use model::{AgentId, Choice, OfferEnd, Rank, Timestamp};

use crate::config::{MOST_RINGING, Ringing};
use crate::events::{Explanation, MOST_EXPLAINED};
use crate::queue::{Order, Pool, Queue};
use crate::stay::Stay;

impl Queue {
    /// Who is rung for the caller, and why: the best of those not yet tried in this round, innermost
    /// tier first. When all were, a new round begins with all.
    pub(crate) fn choose(
        &self,
        stay: &mut Stay,
        now: Timestamp,
    ) -> Option<(Vec<AgentId>, Explanation)> {
        let pools = self.pools(stay.tier.max(self.open()));
        let mut agents = pools.iter().flat_map(|(_, pool)| pool.iter());
        let untried = |(_, _, agent): &Order| !stay.tried.contains_key(agent);
        if !pools.is_empty() && !agents.any(untried) {
            stay.tried.clear();
        }
        let explanation = self.explain(&pools, stay, now);
        let most = match self.config.ringing {
            Ringing::One | Ringing::Progressive { .. } => 1,
            Ringing::All => MOST_RINGING,
        };
        let chosen: Vec<_> = explanation.candidates.iter().copied().take(most).collect();
        (!chosen.is_empty()).then_some((chosen, explanation))
    }

    fn explain(
        &self,
        pools: &[(Pool, &BTreeSet<Order>)],
        stay: &Stay,
        now: Timestamp,
    ) -> Explanation {
        let (mut candidates, mut ranks, mut passed_over) = (Vec::new(), Vec::new(), Vec::new());
        let ranked = pools.iter().flat_map(|(pool, orders)| orders.iter().map(|it| (pool.0, it)));
        for (tier, (key, idle_since, agent)) in ranked.take(MOST_EXPLAINED + stay.tried.len()) {
            match stay.tried.get(agent) {
                None if candidates.len() < MOST_EXPLAINED => {
                    candidates.push(*agent);
                    ranks.push(Rank { tier, key: *key, idle_since: *idle_since });
                }
                Some(end) if passed_over.len() < MOST_EXPLAINED => {
                    passed_over.push((*agent, why_tried(*end)));
                }
                None | Some(_) => {}
            }
        }
        let (routing, waited) = (self.config.routing, now.since(stay.since));
        Explanation { routing, candidates, ranks, passed_over, waited, choice: Choice::Ranked }
    }

    /// The pools of ready agents up to this tier, in the order in which they are looked through:
    /// within a tier the share that has had least for its part comes first, who has none last.
    fn pools(&self, tier: u8) -> Vec<(Pool, &BTreeSet<Order>)> {
        let mut pools: Vec<_> =
            self.ready.range(..=(tier, u8::MAX)).map(|(pool, ready)| (*pool, ready)).collect();
        if !self.config.shares.is_empty() {
            pools.sort_by_key(|((tier, share), _)| (*tier, self.had(*share), *share));
        }
        pools
    }

    /// How much a share would have had for its part with the next call, in thousandths.
    fn had(&self, share: u8) -> u64 {
        let share = usize::from(share);
        let (Some(configured), Some(given)) =
            (self.config.shares.get(share), self.given.get(share))
        else {
            return u64::MAX;
        };
        given.saturating_add(1).saturating_mul(1_000) / u64::from(configured.part.max(1))
    }
}

pub(crate) const fn why_tried(end: OfferEnd) -> &'static str {
    match end {
        OfferEnd::NoAnswer => "no_answer",
        OfferEnd::Refused => "refused",
        OfferEnd::Unreachable => "unreachable",
        OfferEnd::CallerLeft => "caller_left",
        OfferEnd::AnsweredElsewhere => "answered_elsewhere",
        OfferEnd::Withdrawn => "withdrawn",
    }
}

//! Agents: who is signed in, who is available, and which queues each could serve.

use std::collections::BTreeSet;
use std::mem::take;

use model::{AgentId, CallId, QueueId, Timestamp};

use crate::Acd;
use crate::config::AcdConfig;
use crate::deadlines::{Deadline, Ends, Whose};
use crate::events::Absence;
use crate::needs::Skills;
use crate::queue::{Order, Pool, Queue, count};
use crate::strategy::{Had, Ranked, Standing, draw, key};

/// What is known of one agent.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) skills: Skills,
    /// The queues the agent serves, by name.
    pub(crate) fits: Vec<Fit>,
    /// The queues whose needs the agent meets and which the agent is signed out of, by name.
    left: Vec<Fit>,
    /// The queues the agent was said to be signed out of.
    pub(crate) away: BTreeSet<QueueId>,
    pub(crate) signed_in: bool,
    /// Busy for a reason of their own.
    pub(crate) busy: bool,
    /// What the agent is ranked by, while available. In the queues' indexes only while no offer is
    /// open.
    pub(crate) standing: Option<Standing>,
    /// The call being offered to the agent.
    pub(crate) offered: Option<CallId>,
    pub(crate) indexed: bool,
}

/// How an agent stands to a queue.
#[derive(Clone, Debug)]
pub(crate) struct Fit {
    pub(crate) queue: QueueId,
    pub(crate) pool: Pool,
    pub(crate) had: Had,
    /// The key in the index, while the agent is in it.
    key: i64,
}

impl Desk {
    /// Whether the agent may be offered a call now.
    pub(crate) const fn is_free(&self) -> bool {
        self.standing.is_some() && self.offered.is_none()
    }

    /// Whether the agent is there, or will soon be again.
    pub(crate) const fn is_working(&self) -> bool {
        self.signed_in && !self.busy
    }

    pub(crate) fn fit(&self, queue: &QueueId) -> Option<&Fit> {
        self.fits.iter().find(|fit| fit.queue == *queue)
    }

    /// Parts the queues that fit into those the agent serves and those signed out of.
    fn part(&mut self, mut fits: Vec<Fit>) {
        fits.sort_by(|one, other| one.queue.cmp(&other.queue));
        let away = &self.away;
        (self.left, self.fits) = fits.into_iter().partition(|fit| away.contains(&fit.queue));
    }

    pub(crate) fn fit_mut(&mut self, queue: &QueueId) -> Option<&mut Fit> {
        self.fits.iter_mut().find(|fit| fit.queue == *queue)
    }
}

impl Fit {
    pub(crate) const fn order(&self, agent: AgentId, standing: &Standing) -> Order {
        (self.key, standing.idle_since, agent)
    }
}

impl Acd {
    pub(crate) fn make_available(&mut self, agent: AgentId, standing: Standing, now: Timestamp) {
        self.set_busy(agent, Absence::Engaged, now);
        // Told again: nothing changes, the chance of a random rank least of all.
        let desk = self.agents.get(&agent);
        if desk.is_none_or(|desk| desk.standing != Some(standing)) {
            self.unindex(agent);
            let Some(desk) = self.agents.get_mut(&agent) else { return };
            desk.standing = Some(standing);
        }
        self.free(agent, now);
    }

    pub(crate) fn make_unavailable(&mut self, agent: AgentId) {
        self.unindex(agent);
        if let Some(desk) = self.agents.get_mut(&agent) {
            desk.standing = None;
        }
    }

    /// Whether the agent is away for a reason of their own: whom nobody knows when to be back.
    pub(crate) fn set_busy(&mut self, agent: AgentId, absence: Absence, now: Timestamp) {
        let busy = absence == Absence::Busy;
        let Some(desk) = self.agents.get_mut(&agent) else { return };
        if std::mem::replace(&mut desk.busy, busy) == busy || !desk.signed_in {
            return;
        }
        for fit in &desk.fits {
            let Some(queue) = self.queues.get_mut(&fit.queue) else { continue };
            queue.working = if busy { queue.working.saturating_sub(1) } else { queue.working + 1 };
        }
        self.staff_changed(agent, now);
    }

    pub(crate) fn index(&mut self, agent: AgentId) {
        let Some(desk) = self.agents.get_mut(&agent) else { return };
        let (Some(standing), None, false) = (desk.standing, desk.offered, desk.indexed) else {
            return;
        };
        desk.indexed = true;
        for fit in &mut desk.fits {
            let Some(queue) = self.queues.get_mut(&fit.queue) else { continue };
            self.draws += 1;
            let (skills, had, chance) = (&desk.skills, fit.had, draw(self.seed, self.draws));
            let clock = queue.clock;
            let ranked = Ranked { agent, skills, standing: &standing, had, chance, clock };
            fit.key = key(&queue.config, fit.pool.0, ranked);
            queue.add_ready(fit.pool, fit.order(agent, &standing));
        }
    }

    pub(crate) fn unindex(&mut self, agent: AgentId) {
        let Some(desk) = self.agents.get_mut(&agent) else { return };
        let Some(standing) = desk.standing.filter(|_| take(&mut desk.indexed)) else { return };
        for fit in &desk.fits {
            if let Some(queue) = self.queues.get_mut(&fit.queue) {
                queue.remove_ready(fit.pool, &fit.order(agent, &standing));
            }
        }
    }

    pub(crate) fn sign_in(&mut self, agent: AgentId, now: Timestamp) {
        let desk = self.agents.entry(agent).or_default();
        if std::mem::replace(&mut desk.signed_in, true) {
            return;
        }
        desk.busy = false;
        desk.fits.iter_mut().chain(&mut desk.left).for_each(|fit| fit.had.calls = 0);
        self.count_in(agent);
        self.staff_changed(agent, now);
    }

    /// The agent serves all the queues that fit but these.
    pub(crate) fn serve_but(&mut self, agent: AgentId, away: BTreeSet<QueueId>, now: Timestamp) {
        let desk = self.agents.entry(agent).or_default();
        if desk.away == away {
            return;
        }
        let changed: Vec<QueueId> = desk.away.symmetric_difference(&away).cloned().collect();
        self.unindex(agent);
        self.count_out(agent);
        if let Some(desk) = self.agents.get_mut(&agent) {
            desk.away = away;
            let fits = take(&mut desk.fits).into_iter().chain(take(&mut desk.left)).collect();
            desk.part(fits);
        }
        self.count_in(agent);
        self.index(agent);
        for id in &changed {
            self.part_from_kept(agent, id);
            self.staff_of_changed(id, now);
        }
        self.offer_best(agent, now);
    }

    fn count_in(&mut self, agent: AgentId) {
        let Some(desk) = self.agents.get(&agent).filter(|desk| desk.signed_in) else { return };
        for fit in &desk.fits {
            let Some(queue) = self.queues.get_mut(&fit.queue) else { continue };
            if let Some(signed_in) = queue.signed_in.get_mut(usize::from(fit.pool.0)) {
                *signed_in += 1;
            }
            queue.working += u32::from(!desk.busy);
        }
    }

    fn count_out(&mut self, agent: AgentId) {
        let Some(desk) = self.agents.get(&agent).filter(|desk| desk.signed_in) else { return };
        for fit in &desk.fits {
            let Some(queue) = self.queues.get_mut(&fit.queue) else { continue };
            if let Some(signed_in) = queue.signed_in.get_mut(usize::from(fit.pool.0)) {
                *signed_in = signed_in.saturating_sub(1);
            }
            queue.working = queue.working.saturating_sub(u32::from(!desk.busy));
        }
    }

    pub(crate) fn sign_out(&mut self, agent: AgentId, now: Timestamp) {
        self.make_unavailable(agent);
        self.count_out(agent);
        let Some(desk) = self.agents.get_mut(&agent) else { return };
        if take(&mut desk.signed_in) {
            self.staff_changed(agent, now);
        }
    }

    /// Somebody came, went, or is busy: callers kept for one who is not there any more are kept no
    /// longer, a tier may be open whose inner ones are empty, and queues may have nobody.
    fn staff_changed(&mut self, agent: AgentId, now: Timestamp) {
        let Some(desk) = self.agents.get(&agent) else { return };
        let queues: Vec<QueueId> = desk.fits.iter().map(|fit| fit.queue.clone()).collect();
        for id in queues {
            self.part_from_kept(agent, &id);
            self.staff_of_changed(&id, now);
        }
    }

    /// Callers of a queue who are kept for an agent are so no longer, where the agent is not there.
    fn part_from_kept(&mut self, agent: AgentId, id: &QueueId) {
        if self.may_keep(id, agent) {
            return;
        }
        let kept = self.queues.get(id).and_then(|queue| queue.kept.get(&agent));
        let kept: Vec<CallId> = kept.into_iter().flatten().map(|place| place.call).collect();
        for call in kept {
            self.keep_no_longer(call);
        }
    }

    fn staff_of_changed(&mut self, id: &QueueId, now: Timestamp) {
        self.watch_for_nobody(id, now);
        self.match_queue(id, now);
    }

    /// Arms or disarms the patience of callers in a queue that has nobody.
    pub(crate) fn watch_for_nobody(&mut self, id: &QueueId, now: Timestamp) {
        let Some(queue) = self.queues.get_mut(id) else { return };
        let patience = queue.config.leave_after.filter(|_| queue.is_forsaken());
        match (patience, queue.leave) {
            (None, _) => self.deadlines.take(&mut queue.leave),
            (Some(patience), None) => {
                self.last += 1;
                let (generation, whose) = (self.last, Whose::Queue(queue.number));
                let deadline =
                    Deadline { at: now + patience, generation, ends: Ends::Nobody, whose };
                queue.leave = Some(deadline);
                self.deadlines.arm(deadline);
            }
            (Some(_), Some(_)) => {}
        }
    }

    /// Takes a configuration over. Everything that depends on skills is indexed anew.
    pub(crate) fn take_config(&mut self, config: AcdConfig, now: Timestamp) {
        self.seed = config.seed;
        for (id, queue) in &mut self.queues {
            if !config.queues.contains_key(id) {
                queue.forget_agents();
                queue.retired = true;
                self.retired.insert(id.clone());
            }
        }
        for (id, config) in config.queues {
            self.retired.remove(&id);
            match self.queues.get_mut(&id) {
                Some(queue) => queue.configure(config),
                None => {
                    self.last += 1;
                    let talking = self.talking.values().filter(|from| **from == id).count();
                    let queue = Queue { talking: count(talking), ..Queue::new(config, self.last) };
                    self.queues.insert(id, queue);
                }
            }
        }
        self.agents.retain(|_, desk| desk.signed_in || desk.offered.is_some());
        let mut had: Vec<(AgentId, Vec<Fit>)> = Vec::new();
        for (agent, desk) in &mut self.agents {
            desk.indexed = false;
            desk.skills.clear();
            had.push((
                *agent,
                take(&mut desk.fits).into_iter().chain(take(&mut desk.left)).collect(),
            ));
        }
        for (agent, skills) in config.agents {
            let fits = self.queues.iter().filter(|(_, queue)| !queue.retired);
            let fits = fits.filter_map(|(id, queue)| {
                let pool = (queue.config.tier_of(&skills)?, queue.config.share_of(&skills));
                Some(Fit { queue: id.clone(), pool, had: Had::default(), key: 0 })
            });
            let fits = fits.collect();
            let desk = self.agents.entry(agent).or_default();
            desk.skills = skills;
            desk.part(fits);
        }
        for (agent, had) in had {
            let Some(desk) = self.agents.get_mut(&agent) else { continue };
            for old in had {
                let mut fits = desk.fits.iter_mut().chain(&mut desk.left);
                if let Some(fit) = fits.find(|fit| fit.queue == old.queue) {
                    fit.had = old.had;
                }
            }
        }
        let agents: Vec<AgentId> = self.agents.keys().copied().collect();
        for agent in agents {
            self.index(agent);
            self.count_in(agent);
        }
        self.seat_all(now);
        let queues: Vec<QueueId> = self.queues.keys().cloned().collect();
        for id in queues {
            self.watch_for_nobody(&id, now);
        }
    }
}

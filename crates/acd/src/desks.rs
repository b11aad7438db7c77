//! Agents: who is signed in, who is available, and which queues each could serve.

use std::mem::take;

use model::{AgentId, CallId, QueueId, Timestamp};

use crate::Acd;
use crate::config::{AcdConfig, Skills};
use crate::queue::{Queue, Standing};

/// What is known of one agent.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) skills: Skills,
    /// The queues the agent could serve.
    pub(crate) fits: Vec<QueueId>,
    pub(crate) signed_in: bool,
    /// Where the agent ranks, while available. In the queues' indexes only while no offer is open.
    pub(crate) standing: Option<Standing>,
    /// The call being offered to the agent.
    pub(crate) offered: Option<CallId>,
}

impl Desk {
    /// Whether the agent may be offered a call now.
    pub(crate) const fn is_free(&self) -> bool {
        self.standing.is_some() && self.offered.is_none()
    }
}

impl Acd {
    pub(crate) fn make_available(&mut self, agent: AgentId, standing: Standing, now: Timestamp) {
        self.unindex(agent);
        let Some(desk) = self.agents.get_mut(&agent) else { return };
        desk.standing = Some(standing);
        self.free(agent, now);
    }

    pub(crate) fn make_unavailable(&mut self, agent: AgentId) {
        self.unindex(agent);
        if let Some(desk) = self.agents.get_mut(&agent) {
            desk.standing = None;
        }
    }

    pub(crate) fn index(&mut self, agent: AgentId) {
        let Some(desk) = self.agents.get(&agent) else { return };
        let (Some(standing), None) = (desk.standing, desk.offered) else { return };
        for id in &desk.fits {
            if let Some(queue) = self.queues.get_mut(id) {
                queue.ready(agent, standing, &desk.skills);
            }
        }
    }

    pub(crate) fn unindex(&mut self, agent: AgentId) {
        let Some(desk) = self.agents.get(&agent) else { return };
        let Some(standing) = desk.standing else { return };
        for id in &desk.fits {
            if let Some(queue) = self.queues.get_mut(id) {
                queue.not_ready(agent, standing, &desk.skills);
            }
        }
    }

    pub(crate) fn sign_in(&mut self, agent: AgentId) {
        let desk = self.agents.entry(agent).or_default();
        if std::mem::replace(&mut desk.signed_in, true) {
            return;
        }
        for id in &desk.fits {
            if let Some(queue) = self.queues.get_mut(id) {
                queue.signed_in += 1;
            }
        }
    }

    pub(crate) fn sign_out(&mut self, agent: AgentId) {
        self.make_unavailable(agent);
        let Some(desk) = self.agents.get_mut(&agent) else { return };
        if !take(&mut desk.signed_in) {
            return;
        }
        for id in &desk.fits {
            if let Some(queue) = self.queues.get_mut(id) {
                queue.signed_in = queue.signed_in.saturating_sub(1);
            }
        }
    }

    /// Takes a configuration over. Everything that depends on skills is indexed anew.
    pub(crate) fn take_config(&mut self, config: AcdConfig) {
        for (id, queue) in &mut self.queues {
            queue.forget_agents();
            if !config.queues.contains_key(id) {
                queue.retired = true;
                self.retired.insert(id.clone());
            }
        }
        for (id, config) in config.queues {
            self.retired.remove(&id);
            let queue = self.queues.entry(id).or_insert_with(|| Queue::new(config.clone()));
            queue.config = config;
            queue.retired = false;
        }
        self.agents.retain(|_, desk| desk.signed_in || desk.offered.is_some());
        for desk in self.agents.values_mut() {
            desk.skills.clear();
            desk.fits.clear();
        }
        for (agent, skills) in config.agents {
            let fit = self.queues.iter().filter(|(_, queue)| !queue.retired && queue.fits(&skills));
            let fits = fit.map(|(id, _)| id.clone()).collect();
            let desk = self.agents.entry(agent).or_default();
            (desk.skills, desk.fits) = (skills, fits);
        }
        let agents: Vec<AgentId> = self.agents.keys().copied().collect();
        for agent in agents {
            self.index(agent);
            if self.agents.get_mut(&agent).is_some_and(|desk| take(&mut desk.signed_in)) {
                self.sign_in(agent);
            }
        }
    }
}

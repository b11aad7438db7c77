//! Who asks, and what they may do.

use std::fmt;
use std::str::FromStr;

use model::{Actor, AgentId};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::problem::{Kind, Problem};

/// What the holder of a token may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Everything.
    Admin,
    /// Force agents' states, release calls, give waiting ones out, see why they met whom they met, listen to recordings (班长).
    TeamLead,
    /// Change one's own state (坐席).
    Agent(AgentId),
    /// Draw and listen to recordings (质检员).
    Reviewer,
    /// Look at the floor.
    Viewer,
}

/// Why a text is no role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoleError;

impl fmt::Display for RoleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("role is none of admin, team_lead, agent:<work number>, reviewer, viewer")
    }
}

impl std::error::Error for RoleError {}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        match text {
            "admin" => Ok(Self::Admin),
            "team_lead" => Ok(Self::TeamLead),
            "reviewer" => Ok(Self::Reviewer),
            "viewer" => Ok(Self::Viewer),
            text => {
                let agent = text.strip_prefix("agent:").and_then(|agent| agent.parse().ok());
                agent.map(Self::Agent).ok_or(RoleError)
            }
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin => out.write_str("admin"),
            Self::TeamLead => out.write_str("team_lead"),
            Self::Agent(agent) => write!(out, "agent:{agent}"),
            Self::Reviewer => out.write_str("reviewer"),
            Self::Viewer => out.write_str("viewer"),
        }
    }
}

/// Something that is not open to everyone with a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Right {
    /// Change an agent's state as that agent could.
    Act(AgentId),
    /// Force an agent's state.
    Force,
    /// End a call.
    Release,
    /// Give a waiting call to an agent, or let it wait elsewhere.
    Distribute,
    /// See call records, numbers included, and what agents did when.
    Records,
    /// Listen to recordings, and draw samples of them.
    Recordings,
    /// See what the distribution decided about a call, and what agents did meanwhile.
    Decisions,
    /// See whom signalling shuts out, and let them in.
    Signalling,
    /// Give phones other passwords.
    Phones,
}

impl Role {
    const fn has(self, right: Right) -> bool {
        match (self, right) {
            (Self::Admin, _) => true,
            (
                Self::TeamLead,
                Right::Act(_)
                | Right::Force
                | Right::Release
                | Right::Distribute
                | Right::Decisions,
            ) => true,
            (Self::TeamLead | Self::Reviewer, Right::Records | Right::Recordings) => true,
            (Self::Agent(own), Right::Act(agent)) => own.number() == agent.number(),
            (_, Right::Signalling | Right::Phones)
            | (Self::Reviewer | Self::Agent(_), Right::Decisions)
            | (Self::Reviewer, Right::Act(_) | Right::Force | Right::Release | Right::Distribute)
            | (Self::Agent(_), Right::Force | Right::Release | Right::Distribute)
            | (Self::Agent(_), Right::Records | Right::Recordings)
            | (Self::Viewer, _) => false,
        }
    }

    /// Whether customers' numbers are shown whole.
    pub(crate) const fn sees_numbers(self) -> bool {
        matches!(self, Self::Admin | Self::TeamLead | Self::Reviewer)
    }
}

/// A token as it is kept: never itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenEntry {
    /// Whose it is; appears in the log as `user:<name>/api`.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// SHA-256 of the token. Tokens are made by chance, 128 bits or more, so a slow hash would
    /// protect nothing.
    pub sha256: [u8; 32],
}

impl TokenEntry {
    /// The entry of a token.
    #[must_use]
    pub fn of(name: &str, role: Role, token: &str) -> Self {
        Self { name: name.into(), role, sha256: Sha256::digest(token.as_bytes()).into() }
    }
}

/// All tokens that are accepted.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    entries: Vec<TokenEntry>,
}

impl Tokens {
    /// Accepts these.
    #[must_use]
    pub const fn new(entries: Vec<TokenEntry>) -> Self {
        Self { entries }
    }

    /// Whose token it is. Takes as long whatever the token is.
    pub(crate) fn holder(&self, token: &str) -> Option<Person> {
        let digest = Sha256::digest(token.as_bytes());
        let mut found = None;
        for entry in &self.entries {
            if bool::from(entry.sha256.as_slice().ct_eq(digest.as_slice())) {
                found = Some(entry);
            }
        }
        found.map(|entry| Person { name: entry.name.clone(), role: entry.role })
    }
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Person {
    pub(crate) fn actor(&self) -> Actor {
        match self.role {
            Role::Agent(agent) => Actor::agent(agent, "api"),
            Role::Admin | Role::TeamLead | Role::Reviewer | Role::Viewer => {
                Actor::user(&self.name, "api")
            }
        }
    }

    pub(crate) fn may(&self, right: Right) -> Result<(), Problem> {
        if self.role.has(right) {
            return Ok(());
        }
        Err(Problem::new(Kind::Forbidden, format!("role {} does not allow this", self.role)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reads_back_as_written() {
        for text in ["admin", "team_lead", "agent:1001", "reviewer", "viewer"] {
            assert_eq!(text.parse::<Role>().unwrap().to_string(), text);
        }
        for text in ["", "Admin", "agent", "agent:", "agent:x", "root"] {
            assert_eq!(text.parse::<Role>(), Err(RoleError), "{text}");
        }
    }

    #[test]
    fn an_agent_changes_only_the_own_state_and_a_viewer_nothing() {
        let own = AgentId::new(1001);
        let role = Role::Agent(own);
        assert!(role.has(Right::Act(own)) && !role.has(Right::Act(AgentId::new(1002))));
        let rights = [
            Right::Act(own),
            Right::Force,
            Right::Release,
            Right::Distribute,
            Right::Records,
            Right::Recordings,
        ];
        let held = |role: Role| rights.map(|right| role.has(right));
        assert_eq!(held(Role::Admin), [true; 6]);
        assert_eq!(held(Role::TeamLead), [true; 6]);
        assert_eq!(held(role), [true, false, false, false, false, false]);
        assert_eq!(held(Role::Reviewer), [false, false, false, false, true, true]);
        assert_eq!(held(Role::Viewer), [false; 6]);
    }

    #[test]
    fn only_a_token_that_is_kept_has_a_holder() {
        let tokens = Tokens::new(vec![TokenEntry::of("wall", Role::Viewer, "secret")]);
        assert_eq!(tokens.holder("secret").unwrap().name, "wall");
        assert_eq!(tokens.holder("Secret"), None);
        assert_eq!(tokens.holder(""), None);
        assert_eq!(Tokens::default().holder(""), None);
    }
}

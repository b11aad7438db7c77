//! The agent-state machine and what it enforces.
//!
//! One [`Agents`] holds every agent of a tenant. People ask ([`Request`]) and may be refused; the
//! floor reports facts ([`Fact`]) that cannot be. Both lead to [`Change`]s, which the floor writes
//! into the log and tells the distribution about.
//!
//! ```text
//!                 sign in            reserved        ringing
//!  signed_out ───────────▶ ready ───────────▶ reserved ─────▶ ringing
//!      ▲                   ▲ │ ▲                  │              │ answered
//!      │ sign out,         │ │ └──────────────────┴──────────────┤
//!      │ grace over,       │ │       offer came to nothing       ▼
//!      │ overstayed        │ │ ◀─────────────────────────────  on_call
//!      │                   │ ▼          call over                │
//!      └────────────────  busy ◀──────────────── wrap_up ◀───────┘
//! ```
//!
//! What an agent asks for while held (reserved, ringing, on call, wrap-up) is remembered and taken
//! when nothing holds them any longer. `requests` has the table of what is refused, `facts` the
//! table of what follows from what; `seat` says where an agent goes when something ends, `stays` how
//! long busy may last, `crowd` how many may be at once, `shifts` who may sign in when, `breaks` what they plan, `queues` in which
//! queues.

mod agents;
mod breaks;
mod check;
mod crowd;
mod days;
mod deadlines;
mod events;
mod facts;
mod queues;
mod requests;
mod rules;
mod seat;
mod shifts;
mod stays;

pub use agents::Agents;
pub use breaks::Break;
pub use days::Days;
pub use events::{Availability, Change, Done, Fact, PhoneState, Request, WrapUp};
pub use rules::{BusyRule, CoolDown, ForceNote, Overstay, Rules, SecondSession, Share, WhenFull};

pub use shifts::{Attendance, Shift};

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

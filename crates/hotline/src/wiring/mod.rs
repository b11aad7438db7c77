//! Where the drivers meet: the floor's commands go out to them, and what they keep is kept.

mod bindings;
mod desk;
mod door;
mod drivers;
mod peers;
mod sealed;
mod watched;

pub(crate) use bindings::{Doors, Keeper, counted, restored};
pub(crate) use desk::Desk;
pub(crate) use door::Door;
pub(crate) use drivers::{Outlets, RecorderCell};
pub(crate) use peers::{accounts, trunks};
pub(crate) use sealed::follow_sealed;
pub(crate) use watched::follow_agents;

//! A simulated day: callers and agents in virtual time around the real [`switchboard::Switchboard`].
//!
//! Who calls when, how long they talk and how long they wait is drawn before anything happens and
//! owes nothing to the configuration: two configurations meet the same callers, so that what differs
//! between them is what was changed and not chance. The same seed gives the same day.
//!
//! | module | concern |
//! |---|---|
//! | `chance` | draws from a seed |
//! | `day` | who calls, and when; who works, and how |
//! | `way` | the keys that lead through a flow to a queue |
//! | `agenda` | what happens next |
//! | `centre` | callers, phones and agents around the floor |
//! | `figures` | what came of the day |
//! | `recorded` | a day out of the log |

mod agenda;
mod centre;
mod chance;
mod day;
mod figures;
mod recorded;
mod way;

pub use centre::Centre;
pub use chance::{Chance, Spread};
pub use day::{Break, Caller, Day, Manner, Profile, Shift, everybody, staff};
pub use figures::{Across, AgentFigures, Figures, Measure, QueueFigures, Wait};
pub use recorded::{Recorded, Replay};

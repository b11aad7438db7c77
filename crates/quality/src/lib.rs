//! Random draws of recordings that anyone can recompute, and what a sample can tell.
//!
//! A draw is a function of its plan (seed, filter, size, minimum for each agent) and of the
//! recordings there are: the same input gives the same draw in whatever order it comes. The draw
//! carries a checksum of its population, so [`verify`] finds a recording that was added, removed
//! or changed, and a draw that was pruned afterwards. That nobody drew until it pleased them is for
//! the log to show, where every draw stands with its seed.

mod draw;
mod hmac;
mod plan;
mod population;
mod sample;
mod verify;

pub use draw::{ALGORITHM, Draw, Drawn, Shortage, Why, draw};
pub use plan::{Candidate, Exclusion, Filter, Plan};
pub use population::Stratum;
pub use sample::{Confidence, Interval, sample_size, wilson};
pub use verify::{Difference, Mismatch, verify};

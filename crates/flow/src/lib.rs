//! What a caller meets before the queue: greeting, menu, and where the call goes next.
//!
//! A flow is a graph of steps; a [`Walk`] is one caller's way through it. The walk is told what
//! happened (a prompt ended, a digit, a deadline) and answers with what the caller meets next.
//!
//! | step | prompt ended | digit | wait over |
//! |---|---|---|---|
//! | play | next step | the choice in the menu that follows, if it is one | – |
//! | menu | waits for a digit | the choice, or asks again | asks again, then `otherwise` |
//! | callback | – | – | – |
//! | queue, release | the walk is over | | |

mod config;
mod walk;

pub use config::{Flow, Step, StepName};
pub use walk::{Meet, Walk};

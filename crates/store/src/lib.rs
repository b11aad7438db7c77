//! The journal on disk and its SQL projections.
//!
//! The journal is the truth: [`Journal`] writes it, [`Subscription`] and [`Reader`] read it up to
//! the durable mark, and [`read_past`] days gone by. [`Projector`] follows it and keeps rows in a [`Database`], where questions
//! are asked; those rows can be dropped and made anew at any time.

mod binding;
#[cfg(test)]
mod cluster;
mod database;
mod journal;
mod position;
mod projector;
mod query;
mod recall;
mod recording;
mod rows;
#[cfg(test)]
mod testing;
mod upsert;

pub use binding::{BindingChanges, BindingRow};
pub use database::{Database, DatabaseError};
pub use journal::{
    Journal, JournalError, JournalHealth, JournalState, Limits, Opened, Reader, Subscription,
    read_past,
};
pub use position::Position;
pub use projector::{Projector, ProjectorHealth};
pub use query::{CallFilter, Cursor, DrawRow, LONGEST_PAGE, NumberFilter, Page, RecordingFilter};
pub use recording::{RecordingRow, RecordingState};

//! What signalling is wired to.

use std::sync::Arc;

use sip::registrar::BindingChange;
use switchboard::ports::{Inbox, LegIds};

use crate::counters::Counters;

/// Keeps bindings over a restart.
pub trait BindingStore: Send + Sync {
    /// A binding is new, lives on or is gone. Must not block: it is called between two messages.
    fn changed(&self, change: &BindingChange);
}

/// Keeps nothing: after a restart phones are unknown until they register.
#[derive(Clone, Copy, Debug)]
pub struct NoStore;

impl BindingStore for NoStore {
    fn changed(&self, _: &BindingChange) {}
}

/// What signalling is wired to. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// Where facts are left.
    pub inbox: Arc<dyn Inbox>,
    /// Who names legs that arrive.
    pub legs: Arc<LegIds>,
    /// Who keeps bindings.
    pub store: Arc<dyn BindingStore>,
    /// Where refusals are counted.
    pub counters: Arc<Counters>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Ports").finish_non_exhaustive()
    }
}

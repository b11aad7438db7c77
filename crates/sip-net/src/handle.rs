//! By which the rest of the service speaks with signalling.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use model::{LegId, PhoneId};
use sip::subscription::Presence;
use switchboard::ports::{LegCommand, LegIds};
use tokio::sync::{mpsc, oneshot};

use crate::accounts::{Accounts, Trunks};
use crate::carriers::TrunkStatus;
use crate::counters::Counters;
use crate::guard::Ban;
use crate::trace::{self, Finder, Kept, Rung};

/// By which signalling is told what to do. Cheap to clone; signalling ends with [`Handle::shutdown`]
/// or when the last one is gone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) turns: mpsc::Sender<Turn>,
    pub(crate) legs: Arc<LegIds>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) bound: Arc<[SocketAddr]>,
    pub(crate) phones: SocketAddr,
    pub(crate) trunks: SocketAddr,
    pub(crate) trunk_status: Shown,
    pub(crate) finder: Option<Arc<Finder>>,
}

/// What the loop last said of the trunks.
pub(crate) type Shown = Arc<Mutex<Vec<TrunkStatus>>>;

/// A command was not taken: signalling has too much to do, or has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("signalling takes no more commands")
    }
}

impl std::error::Error for Busy {}

/// One thing signalling is told.
#[derive(Debug)]
pub(crate) enum Turn {
    Leg(LegId, Box<LegCommand>),
    Accounts(Accounts, oneshot::Sender<()>),
    Trunks(Trunks),
    Presence(PhoneId, Presence),
    Ladder(Vec<LegId>, oneshot::Sender<Kept>),
    Bans(oneshot::Sender<Vec<Ban>>),
    Lift(IpAddr, oneshot::Sender<bool>),
    ShutDown(oneshot::Sender<()>),
}

impl Handle {
    /// Leaves a command for a leg; never blocks.
    ///
    /// # Errors
    /// When more commands wait than signalling can hold, or it has ended.
    pub fn command(&self, leg: LegId, command: LegCommand) -> Result<(), Busy> {
        self.turns.try_send(Turn::Leg(leg, Box::new(command))).map_err(|_| Busy)
    }

    /// The floor has looked at a leg that arrived: how soon it does tells whether new calls can be
    /// served.
    pub fn looked_at(&self, leg: LegId) {
        self.legs.looked_at(leg);
    }

    /// Leaves a command for a leg, and waits while signalling has too much to do: for threads of
    /// their own that must not lose one. Not to be called within a tokio runtime.
    ///
    /// # Errors
    /// When signalling has ended.
    pub fn command_waiting(&self, leg: LegId, command: LegCommand) -> Result<(), Busy> {
        self.turns.blocking_send(Turn::Leg(leg, Box::new(command))).map_err(|_| Busy)
    }

    /// Puts other accounts in place, live; returns when they are, and what they rule out has ended.
    ///
    /// # Errors
    /// When signalling has ended.
    pub async fn replace_accounts(&self, accounts: Accounts) -> Result<(), Busy> {
        let (done, placed) = oneshot::channel();
        self.turns.send(Turn::Accounts(accounts, done)).await.map_err(|_| Busy)?;
        placed.await.map_err(|_| Busy)
    }

    /// Puts other trunks in place, live.
    ///
    /// # Errors
    /// When signalling has ended.
    pub async fn replace_trunks(&self, trunks: Trunks) -> Result<(), Busy> {
        self.turns.send(Turn::Trunks(trunks)).await.map_err(|_| Busy)
    }

    /// Says what the agent at a phone does now, for those who watch it; never blocks.
    ///
    /// # Errors
    /// When more waits than signalling can hold, or it has ended.
    pub fn publish(&self, phone: PhoneId, presence: Presence) -> Result<(), Busy> {
        self.turns.try_send(Turn::Presence(phone, presence)).map_err(|_| Busy)
    }

    /// What was said about these legs, in order, as far as it is still kept: in memory, or on disk,
    /// which is read only where memory has not all of it.
    ///
    /// # Errors
    /// When signalling has ended.
    pub async fn ladder(&self, legs: Vec<LegId>) -> Result<Vec<Rung>, Busy> {
        let (asked, answer) = oneshot::channel();
        self.turns.send(Turn::Ladder(legs.clone(), asked)).await.map_err(|_| Busy)?;
        let kept = answer.await.map_err(|_| Busy)?;
        Ok(match self.finder.clone().filter(|_| !kept.is_whole) {
            Some(finder) => finder.find(&legs, kept.said).await,
            None => trace::rungs(&kept.said, &[]),
        })
    }

    /// Where the trunks are, whether they are there, and what became of our registrations.
    #[must_use]
    pub fn trunk_status(&self) -> Vec<TrunkStatus> {
        self.trunk_status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who is shut out.
    ///
    /// # Errors
    /// When signalling has ended.
    pub async fn bans(&self) -> Result<Vec<Ban>, Busy> {
        let (asked, answer) = oneshot::channel();
        self.turns.send(Turn::Bans(asked)).await.map_err(|_| Busy)?;
        answer.await.map_err(|_| Busy)
    }

    /// Lets a source in again; false when it was not shut out.
    ///
    /// # Errors
    /// When signalling has ended.
    pub async fn lift(&self, source: IpAddr) -> Result<bool, Busy> {
        let (asked, answer) = oneshot::channel();
        self.turns.send(Turn::Lift(source, asked)).await.map_err(|_| Busy)?;
        answer.await.map_err(|_| Busy)
    }

    /// Refuses new calls, ends those there are, and stops when the far sides have answered, or after
    /// two seconds.
    pub async fn shutdown(&self) {
        let (done, ended) = oneshot::channel();
        if self.turns.send(Turn::ShutDown(done)).await.is_ok() {
            let _ = ended.await;
        }
    }

    /// Whether it serves. Before [`Handle::shutdown`] anything else is a fault of ours.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.turns.is_closed()
    }

    /// Where each of the listeners listens, in the order of the settings.
    #[must_use]
    pub fn bound(&self) -> &[SocketAddr] {
        &self.bound
    }

    /// Where phones are listened for: the first of these listeners.
    #[must_use]
    pub const fn phones(&self) -> SocketAddr {
        self.phones
    }

    /// Where trunks are listened for: the first of these listeners.
    #[must_use]
    pub const fn trunks(&self) -> SocketAddr {
        self.trunks
    }

    /// What was refused, malformed or lost.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

//! Looking up legs in the trace on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{LegId, Timestamp};
use tokio::sync::Semaphore;

use super::files::{LARGEST, listed, path};
use super::record::{Broken, OfMessage, Record, Records};
use super::{BEFORE, Rung, Said, rungs};
use crate::counters::{Counted, Counters};

/// Octets of messages that one look-up gives at most.
const MOST_FOUND: usize = 16 << 20;
/// Nobody's own address: it is not kept.
const UNKNOWN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// Looks legs up in a folder of files, which another thread goes on writing.
#[derive(Debug)]
pub(crate) struct Finder {
    folder: PathBuf,
    live: Arc<AtomicU64>,
    counters: Arc<Counters>,
    /// One look-up at a time: each holds a file in memory.
    turn: Arc<Semaphore>,
}

/// A message found, and the leg it is about.
pub(crate) type Found = (LegId, Said);

impl Finder {
    pub(crate) fn new(folder: PathBuf, live: Arc<AtomicU64>, counters: Arc<Counters>) -> Self {
        Self { folder, live, counters, turn: Arc::new(Semaphore::new(1)) }
    }

    /// What was said about these legs, `lately` being what memory has of it. The disk is read on a
    /// thread for that.
    pub(crate) async fn find(self: Arc<Self>, legs: &[LegId], lately: Vec<Found>) -> Vec<Rung> {
        let wanted: BTreeSet<_> = legs.iter().copied().collect();
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else { return Vec::new() };
        let read = tokio::task::spawn_blocking(move || {
            let earlier = self.read(&wanted).unwrap_or_else(|error| {
                tracing::error!(folder = %self.folder.display(), %error, "the trace cannot be read");
                Vec::new()
            });
            drop(turn);
            rungs(&lately, &earlier)
        });
        read.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the look-up in the trace was cut short");
            Vec::new()
        })
    }

    fn read(&self, wanted: &BTreeSet<LegId>) -> io::Result<Vec<Found>> {
        // What is begun from here on may be read unfinished.
        let live = self.live.load(Ordering::Relaxed);
        let mut search = Search { wanted, keys: BTreeMap::new(), since: None, octets: 0 };
        let mut newest_first = Vec::new();
        let files = match listed(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        for (number, _) in files.into_iter().rev() {
            let file = match self.octets(number) {
                // Given up for newer ones meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                file => file?,
            };
            let Some(records) = Records::of(&file) else {
                self.broken(Broken::Torn, number < live);
                continue;
            };
            let mut whole = Vec::new();
            for record in records {
                match record {
                    Ok(record) => whole.push(record),
                    Err(broken) => self.broken(broken, number < live),
                }
            }
            newest_first.push(search.of_file(&whole));
            if search.octets > MOST_FOUND || search.is_over(&whole) {
                break;
            }
        }
        Ok(newest_first.into_iter().rev().flatten().collect())
    }

    fn octets(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        File::open(path(&self.folder, number))?.take(LARGEST).read_to_end(&mut octets)?;
        Ok(octets)
    }

    /// Counts what cannot be read; a file that is being written has no end yet.
    fn broken(&self, broken: Broken, is_finished: bool) {
        if broken == Broken::Damaged || is_finished {
            self.counters.count(Counted::TraceDamaged);
        }
    }
}

/// A look-up under way, from the newest file to the oldest.
struct Search<'a> {
    wanted: &'a BTreeSet<LegId>,
    /// The Call-IDs of the legs found so far.
    keys: BTreeMap<u64, LegId>,
    /// Since when the first of them was told of.
    since: Option<Timestamp>,
    /// How much was found.
    octets: usize,
}

impl Search<'_> {
    /// What of a file is about the legs. A leg is named behind its first message: names first.
    fn of_file(&mut self, records: &[Record<'_>]) -> Vec<Found> {
        for record in records {
            if let Record::Leg(named) = record
                && self.wanted.contains(&named.leg)
            {
                self.keys.insert(named.key, named.leg);
                self.since = Some(self.since.map_or(named.since, |it| it.min(named.since)));
            }
        }
        let mut found = Vec::new();
        for record in records {
            if let Record::Said(message) = record
                && let Some(leg) = self.keys.get(&message.key)
                && self.octets <= MOST_FOUND
            {
                self.octets += message.bytes.len();
                found.push((*leg, said(message)));
            }
        }
        found
    }

    /// Whether files older than the one with these records have nothing more: all legs are known
    /// and began in it.
    fn is_over(&self, records: &[Record<'_>]) -> bool {
        let first = records.iter().find_map(|record| match record {
            Record::Said(message) => Some(message.at),
            // A leg is named again long after.
            Record::Leg(_) => None,
        });
        let known: BTreeSet<_> = self.keys.values().collect();
        let (Some(first), Some(since)) = (first, self.since) else { return false };
        known.len() == self.wanted.len() && first + BEFORE < since
    }
}

fn said(message: &OfMessage<'_>) -> Said {
    let OfMessage { at, way, transport, peer, bytes, .. } = *message;
    Said { at, way, transport, peer, local: UNKNOWN, bytes: bytes.into() }
}

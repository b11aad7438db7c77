//! The writer: empties the rings and appends to the files of the parts that are open.
//!
//! | a part is | on a flush | on its end |
//! |---|---|---|
//! | written | appends what was captured | goes to the sealer |
//! | failing | reports it once, keeps what fits in memory, tries again every second | goes to the sealer with what is on disk, if anything is |

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use model::{AudioFrame, RecordingId, Timestamp};
use rtp::SAMPLE_RATE;
use switchboard::ports::{PartDetails, RecordingCommand};

use crate::error::failure;
use crate::folder::{Folder, PartFile};
use crate::part::{Header, append_frame, append_lost};
use crate::recorder::Shared;
use crate::ring::Ring;
use crate::sealer::Job;

/// How long after its end a part still takes frames: longer than a media thread's tick, so that
/// what it has captured arrives.
const LINGER: Duration = Duration::from_millis(50);
/// How long a failing part waits before it tries again.
const RETRY: Duration = Duration::from_secs(1);
/// Most octets a failing part keeps in memory: some four seconds.
const MOST_BUFFERED: usize = 64 * 1024;
/// How far ahead of the time that has passed a frame may lie: jitter buffers and drifting clocks.
/// Beyond is a broken RTP clock, and believing it would fill the disk with silence.
const LEAD: Duration = Duration::from_secs(30);

/// A command for one part.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) recording: RecordingId,
    pub(crate) command: RecordingCommand,
}

/// What the writer thread owns.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) folder: Arc<Folder>,
    pub(crate) rings: Vec<Ring>,
    pub(crate) orders: Receiver<Order>,
    pub(crate) sealing: Sender<Job>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) flush: Duration,
    pub(crate) parts: BTreeMap<RecordingId, Part>,
    /// When the rings are emptied next; `None` while nothing is recorded.
    pub(crate) next_flush: Option<Timestamp>,
}

impl Writer {
    /// Works until the recorder is dropped, then ends every open part.
    pub(crate) fn run(mut self, clock: Clock) {
        loop {
            let order = match self.due() {
                Some(due) => self.orders.recv_deadline(clock.instant(due)),
                None => self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(order) => self.obey_in_time(order, clock.now()),
                Err(RecvTimeoutError::Timeout) => self.turn(clock.now()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let now = clock.now();
        self.parts.values_mut().for_each(|part| part.ends_at = Some(now));
        self.turn(now);
    }

    /// Obeys without letting a stream of orders keep the rings waiting.
    fn obey_in_time(&mut self, order: Order, now: Timestamp) {
        self.obey(order, now);
        if self.due().is_some_and(|due| due <= now) {
            self.turn(now);
        }
    }

    /// When there is something to do unasked.
    fn due(&self) -> Option<Timestamp> {
        let ends = self.parts.values().filter_map(|part| part.ends_at);
        ends.chain(self.next_flush).min()
    }

    /// Empties the rings, writes what was in them, and ends the parts whose time has come.
    fn turn(&mut self, now: Timestamp) {
        // A frame counted here was captured after its part was ordered, so that the order is found.
        let waiting: Vec<usize> = self.rings.iter().map(Ring::waiting).collect();
        let orders: Vec<Order> = self.orders.try_iter().take(self.orders.len()).collect();
        orders.into_iter().for_each(|order| self.obey(order, now));
        self.drain(&waiting, now);
        for part in self.parts.values_mut() {
            part.flush(&self.folder, &self.shared, now);
        }
        self.end_parts(now);
        self.next_flush = (!self.parts.is_empty()).then(|| now + self.flush);
    }

    /// Opens a part, or notes that it is to end.
    fn obey(&mut self, order: Order, now: Timestamp) {
        let Order { recording, command } = order;
        match command {
            RecordingCommand::Start(details) => self.start(recording, *details, now),
            RecordingCommand::Finish => {
                if let Some(part) = self.parts.get_mut(&recording) {
                    part.ends_at.get_or_insert(now + LINGER);
                }
            }
        }
    }

    fn start(&mut self, recording: RecordingId, details: PartDetails, now: Timestamp) {
        if self.parts.contains_key(&recording) {
            self.shared.release_part();
            tracing::warn!(%recording, "part is open already; the second start is ignored");
            return;
        }
        let mut part = Part::new(Header { recording, details }, now);
        part.flush(&self.folder, &self.shared, now);
        self.parts.insert(recording, part);
        // What others left in the rings must not take the new part's place.
        self.next_flush.get_or_insert(now);
    }

    fn drain(&mut self, waiting: &[usize], now: Timestamp) {
        let (mut written, mut stray, mut lost) = (0, 0, 0);
        for (ring, &count) in self.rings.iter_mut().zip(waiting) {
            ring.drain(count, |frame| {
                let part = self.parts.get_mut(&frame.recording);
                match part.map(|part| part.take(frame, now)) {
                    Some(true) => written += 1,
                    Some(false) => lost += 1,
                    None => stray += 1,
                }
            });
            for (recording, frames) in ring.losses() {
                if let Some(part) = self.parts.get_mut(&recording) {
                    part.lost += frames;
                }
            }
        }
        let overflow = self.rings.iter().map(Ring::total_lost).sum();
        self.shared.count_frames(written, stray, lost, overflow);
    }

    fn end_parts(&mut self, now: Timestamp) {
        let over = |part: &Part| part.ends_at.is_some_and(|at| at <= now);
        for (_, mut part) in self.parts.extract_if(.., |_, part| over(part)) {
            part.retry_at = None;
            part.flush(&self.folder, &self.shared, now);
            let lost_frames = part.lost + part.buffered;
            match part.file {
                Some(PartFile { place, .. }) => {
                    let recording = part.header.recording;
                    let job = Job { recording, place, lost_frames, failed: part.failed };
                    self.shared.sealing_begins();
                    // The channel has room for every part that can be open, and the sealer
                    // outlives the writer; a part left over is sealed at the next start.
                    let _ = self.sealing.try_send(job);
                }
                None => self.shared.release_part(),
            }
        }
    }
}

/// A part that is being written.
#[derive(Debug)]
pub(crate) struct Part {
    header: Header,
    began_at: Timestamp,
    /// `None` until a file could be made.
    file: Option<PartFile>,
    /// Octets known to be in the file; whatever a failed write left after them is written over.
    written: u64,
    /// Entries not written yet.
    buffer: Vec<u8>,
    /// Frames in `buffer`.
    buffered: u64,
    /// Frames lost and not yet said so in the file.
    lost: u64,
    /// Whether a failure has been reported.
    failed: bool,
    retry_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
}

impl Part {
    const fn new(header: Header, now: Timestamp) -> Self {
        Self {
            header,
            began_at: now,
            file: None,
            written: 0,
            buffer: Vec::new(),
            buffered: 0,
            lost: 0,
            failed: false,
            retry_at: None,
            ends_at: None,
        }
    }

    /// Takes a frame; `false` when it cannot be kept.
    fn take(&mut self, frame: &AudioFrame, now: Timestamp) -> bool {
        let at = Duration::from_secs(frame.offset / u64::from(SAMPLE_RATE));
        let full = self.retry_at.is_some() && self.buffer.len() >= MOST_BUFFERED;
        if full || at > now.since(self.began_at) + LEAD {
            self.lost += 1;
            return false;
        }
        append_frame(&mut self.buffer, frame);
        self.buffered += 1;
        true
    }

    /// Writes what has been taken; on failure keeps it and reports the first one.
    fn flush(&mut self, folder: &Folder, shared: &Shared, now: Timestamp) {
        if self.retry_at.is_some_and(|at| at > now) {
            return;
        }
        match self.write(folder) {
            Ok(octets) => {
                shared.count_octets(octets);
                self.retry_at = None;
            }
            Err(error) => {
                self.retry_at = Some(now + RETRY);
                let path = self.file.as_ref().map_or_else(
                    || folder.path().join(self.header.recording.to_string()),
                    |file| file.place.part(),
                );
                if !std::mem::replace(&mut self.failed, true) {
                    shared.report_failure(self.header.recording, failure("written", &path, &error));
                }
            }
        }
    }

    /// Appends to the file, which is made where there is none. Gives the octets written.
    fn write(&mut self, folder: &Folder) -> io::Result<u64> {
        if self.file.is_none() {
            let (file, written) = open(folder, &self.header)?;
            (self.file, self.written) = (Some(file), written);
        }
        let Some(PartFile { file, .. }) = &self.file else {
            return Ok(0);
        };
        let frames_end = self.buffer.len();
        if self.lost > 0 {
            append_lost(&mut self.buffer, self.lost);
        }
        let octets = self.buffer.len() as u64;
        if let Err(error) = file.write_all_at(&self.buffer, self.written) {
            self.buffer.truncate(frames_end);
            return Err(error);
        }
        self.written += octets;
        self.buffer.clear();
        (self.buffered, self.lost) = (0, 0);
        Ok(octets)
    }
}

/// Makes the part's file; gives the length of its header, which is all that is in it.
fn open(folder: &Folder, header: &Header) -> io::Result<(PartFile, u64)> {
    let head = header.encode()?;
    let made = folder.create(header)?;
    made.file.write_all_at(&head, 0).inspect_err(|_| {
        // A torn header would be kept aside as damage by the next start.
        let _ = std::fs::remove_file(made.place.part());
    })?;
    Ok((made, head.len() as u64))
}

#[cfg(test)]
mod tests;

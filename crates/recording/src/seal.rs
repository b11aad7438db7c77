//! Sealing: the entries of a part, in the order they were captured, become one WAV file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use model::{Channel, RecordingId};
use rtp::{ALAW_SILENCE, SAMPLE_RATE};

use crate::folder::{Place, emptied};
use crate::part::{Entries, Entry};
use crate::wav::{self, Gap, HEADER, Index, LONGEST};

/// Samples a channel kept in memory: frames at most half as late as this cost nothing extra.
const WINDOW: u64 = 30 * SAMPLE_RATE as u64;
/// Shorter gaps, in samples, are rounding and not worth a line.
const SHORTEST_GAP: u64 = SAMPLE_RATE as u64 / 1_000;
/// Most gaps listed for a channel.
const MOST_GAPS: usize = 1_000;

/// Under what circumstances a part is sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// After a crash.
    pub(crate) recovered: bool,
    /// Frames known to be missing that the file does not speak of.
    pub(crate) lost_frames: u64,
}

/// What came of sealing.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) recording: RecordingId,
    pub(crate) octets: u64,
    pub(crate) duration: Duration,
    pub(crate) sha256: String,
    pub(crate) lost_frames: u64,
    pub(crate) recovered: bool,
    /// Whether the part's file has damage in its midst and should be kept.
    pub(crate) damaged: bool,
}

/// Turns the part into a WAV file that is complete on disk. The part itself stays.
///
/// # Errors
/// `InvalidData` when the part's header cannot be read; otherwise the file system's. Nothing half
/// done is left behind.
pub(crate) fn seal(place: &Place, circumstances: Circumstances) -> io::Result<Sealed> {
    let (header, entries) = Entries::open(File::open(place.part())?)?;
    let index = Index {
        recording: header.recording,
        details: header.details,
        recovered: circumstances.recovered,
        lost_frames: circumstances.lost_frames,
        left_gaps: Vec::new(),
        right_gaps: Vec::new(),
        further_gaps: 0,
    };
    let unfinished = place.unfinished();
    write(place, entries, index).inspect_err(|_| {
        let _ = fs::remove_file(&unfinished);
    })
}

fn write(place: &Place, mut entries: Entries<File>, mut index: Index) -> io::Result<Sealed> {
    let file = emptied().open(place.unfinished())?;
    let mut mix = Mix::new(&file);
    while let Some(entry) = entries.next_entry()? {
        match entry {
            Entry::Lost(frames) => index.lost_frames = index.lost_frames.saturating_add(frames),
            Entry::Audio { channel, offset, samples } => mix.add(channel, offset, &samples)?,
        }
    }
    let samples = mix.finish()?;
    index.lost_frames = index.lost_frames.saturating_add(mix.refused + entries.damaged);
    (index.left_gaps, index.right_gaps, index.further_gaps) = mix.gaps(samples);
    let chunk = wav::index_chunk(&index)?;
    file.write_all_at(&chunk, place_of(samples))?;
    file.write_all_at(&wav::head(samples, chunk.len()), 0)?;
    file.sync_all()?;
    let sha256 = wav::checksum(File::open(place.unfinished())?)?;
    fs::rename(place.unfinished(), place.sealed())?;
    File::open(place.day())?.sync_all()?;
    Ok(Sealed {
        recording: index.recording,
        octets: place_of(samples) + chunk.len() as u64,
        duration: wav::duration(samples),
        sha256,
        lost_frames: index.lost_frames,
        recovered: index.recovered,
        damaged: entries.damaged > 0,
    })
}

/// What a file sealed before says of itself; `None` when it was not sealed by us, or not in full.
pub(crate) fn sealed_before(place: &Place) -> Option<Sealed> {
    let path = place.sealed();
    let wav = wav::open_wav(&path).ok()?;
    let index = wav.index.as_ref()?;
    Some(Sealed {
        recording: index.recording,
        octets: fs::metadata(&path).ok()?.len(),
        duration: wav.duration(),
        sha256: wav::checksum(File::open(&path).ok()?).ok()?,
        lost_frames: index.lost_frames,
        recovered: index.recovered,
        damaged: false,
    })
}

/// Where sample `sample` stands in the file.
const fn place_of(sample: u64) -> u64 {
    HEADER as u64 + 2 * sample
}

/// Two channels being laid side by side. What lies behind the window is on disk already.
#[derive(Debug)]
struct Mix<'a> {
    file: &'a File,
    /// The sample at which the window begins.
    base: u64,
    /// Left and right samples in turn.
    window: Vec<u8>,
    left: Coverage,
    right: Coverage,
    /// Frames that lie beyond the longest part.
    refused: u64,
}

impl<'a> Mix<'a> {
    fn new(file: &'a File) -> Self {
        let (left, right) = (Coverage::default(), Coverage::default());
        Self { file, base: 0, window: Vec::new(), left, right, refused: 0 }
    }

    fn add(&mut self, channel: Channel, offset: u64, samples: &[u8]) -> io::Result<()> {
        let end = offset.saturating_add(samples.len() as u64);
        if end > LONGEST {
            self.refused += 1;
            return Ok(());
        }
        let lane = match channel {
            Channel::Left => {
                self.left.cover(offset, end);
                0
            }
            Channel::Right => {
                self.right.cover(offset, end);
                1
            }
        };
        if end > self.base + WINDOW {
            self.advance(end - WINDOW / 2)?;
        }
        let late = usize::try_from(self.base.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (late, timely) = samples.split_at(late.min(samples.len()));
        if !late.is_empty() {
            self.patch(lane, offset, late)?;
        }
        if !timely.is_empty() {
            self.lay(lane, offset.max(self.base), timely);
        }
        Ok(())
    }

    /// Puts samples into the window.
    fn lay(&mut self, lane: usize, offset: u64, samples: &[u8]) {
        let first = usize::try_from(offset - self.base).unwrap_or(usize::MAX) * 2;
        let end = first + samples.len() * 2;
        if self.window.len() < end {
            self.window.resize(end, ALAW_SILENCE);
        }
        overlay(self.window.get_mut(first..end).unwrap_or_default(), lane, samples);
    }

    /// Puts samples where the file has been written already.
    fn patch(&self, lane: usize, offset: u64, samples: &[u8]) -> io::Result<()> {
        let mut pairs = vec![0; samples.len() * 2];
        self.file.read_exact_at(&mut pairs, place_of(offset))?;
        overlay(&mut pairs, lane, samples);
        self.file.write_all_at(&pairs, place_of(offset))
    }

    /// Moves the window on; what falls out of it goes to disk.
    fn advance(&mut self, base: u64) -> io::Result<()> {
        let leaving = usize::try_from((base - self.base) * 2).unwrap_or(usize::MAX);
        let rest = self.window.split_off(leaving.min(self.window.len()));
        self.file.write_all_at(&self.window, place_of(self.base))?;
        let mut written = self.window.len();
        let silence = [ALAW_SILENCE; 8 * 1024];
        while written < leaving {
            let some = silence.get(..leaving - written).unwrap_or(&silence);
            self.file.write_all_at(some, place_of(self.base) + written as u64)?;
            written += some.len();
        }
        self.window = rest;
        self.base = base;
        Ok(())
    }

    /// Writes the rest; gives the length in samples.
    fn finish(&mut self) -> io::Result<u64> {
        let samples = self.base + self.window.len() as u64 / 2;
        self.advance(samples)?;
        Ok(samples)
    }

    /// The gaps of both channels in a part of `samples` samples, and how many are not listed.
    fn gaps(&mut self, samples: u64) -> (Vec<Gap>, Vec<Gap>, u64) {
        let (left, right) = (self.left.gaps(samples), self.right.gaps(samples));
        (left, right, self.left.unlisted + self.right.unlisted)
    }
}

/// Replaces every second octet of `pairs`.
fn overlay(pairs: &mut [u8], lane: usize, samples: &[u8]) {
    pairs.iter_mut().skip(lane).step_by(2).zip(samples).for_each(|(place, octet)| *place = *octet);
}

/// Which stretches of a channel have been captured.
#[derive(Default, Debug)]
struct Coverage {
    /// Where what has been captured so far ends.
    end: u64,
    /// Stretches before `end` without audio: their beginnings and ends.
    gaps: BTreeMap<u64, u64>,
    unlisted: u64,
}

impl Coverage {
    fn cover(&mut self, from: u64, to: u64) {
        if from >= self.end {
            self.leave(self.end, from);
        } else if let Some((&start, &end)) = self.gaps.range(..to).next_back()
            && end > from
        {
            // A late frame fills a gap, or a piece of it.
            self.gaps.remove(&start);
            self.leave(start, from);
            self.leave(to, end);
        }
        self.end = self.end.max(to);
    }

    fn leave(&mut self, from: u64, to: u64) {
        if to < from.saturating_add(SHORTEST_GAP) {
            return;
        }
        if self.gaps.len() < MOST_GAPS {
            self.gaps.insert(from, to);
        } else {
            self.unlisted += 1;
        }
    }

    fn gaps(&mut self, samples: u64) -> Vec<Gap> {
        self.leave(self.end, samples);
        let per_ms = u64::from(SAMPLE_RATE / 1_000);
        let listed = self.gaps.iter();
        listed.map(|(from, to)| Gap { from_ms: from / per_ms, to_ms: to / per_ms }).collect()
    }
}

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use model::Channel::{self, Left, Right};
use switchboard::ports::Capture;
use tempfile::TempDir;

use super::*;
use crate::testing::{Facts, details, frame, part};
use crate::{open_wav, verify};

const DAY: &str = "2026-11-22";

struct Bench {
    folder: TempDir,
    facts: Arc<Facts>,
    recorder: Recorder,
    capture: RingCapture,
    clock: Clock,
}

fn start(change: impl FnOnce(&mut Settings)) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, capture, facts, clock) = start_in(folder.path(), change);
    Bench { folder, facts, recorder, capture, clock }
}

fn start_in(
    folder: &Path,
    change: impl FnOnce(&mut Settings),
) -> (Recorder, RingCapture, Arc<Facts>, Clock) {
    let mut settings = Settings::new(folder);
    change(&mut settings);
    let (facts, clock) = (Facts::new(), Clock::start());
    let (recorder, mut captures) = Recorder::start(&settings, 1, facts.clone(), clock).unwrap();
    (recorder, captures.pop().unwrap(), facts, clock)
}

impl Bench {
    fn begin(&self, recording: RecordingId) {
        self.recorder.command(recording, RecordingCommand::Start(Box::new(details())));
    }

    fn finish(&self, recording: RecordingId) {
        self.recorder.command(recording, RecordingCommand::Finish);
    }

    fn hear(&mut self, recording: RecordingId, channel: Channel, numbers: std::ops::Range<u64>) {
        for number in numbers {
            assert!(self.capture.put(&frame(recording, channel, number)));
        }
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file)
    }

    /// Waits until it holds; fails after `limit`.
    fn within(&self, limit: Duration, holds: impl Fn() -> bool) {
        let due = self.clock.now() + limit;
        while !holds() {
            assert!(self.clock.now() < due, "it took longer than {limit:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn sealed(fact: &RecordingFact) -> (&str, Duration, &str, u64) {
    let RecordingFact::Sealed { file, duration, sha256, lost_frames, recovered: false, .. } = fact
    else {
        panic!("{fact:?}");
    };
    (file, *duration, sha256, *lost_frames)
}

/// Twenty rounds, half of which must be in time: other processes may hold up a few.
#[test]
fn a_part_is_on_disk_within_200_ms_while_the_call_goes_on() {
    let mut bench = start(|_| {});
    bench.begin(part(1));
    let path = bench.path("2026-11-22/3-17.1.part");
    bench.within(Duration::from_secs(5), || path.exists());
    let mut in_time = 0;
    for round in 0..20 {
        let grown = path.metadata().unwrap().len() + 175;
        bench.hear(part(1), Left, round..round + 1);
        let heard_at = bench.clock.now();
        bench.within(Duration::from_secs(5), || path.metadata().unwrap().len() == grown);
        in_time += u32::from(bench.clock.now().since(heard_at) <= Duration::from_millis(200));
    }
    assert!(in_time >= 10, "{in_time} of 20");
}

#[test]
fn a_finished_part_is_sealed_with_both_voices_in_their_channels() {
    let mut bench = start(|_| {});
    bench.begin(part(1));
    bench.hear(part(1), Left, 0..50);
    bench.hear(part(1), Right, 10..40);
    bench.finish(part(1));
    let facts = bench.facts.wait(1);
    let (file, duration, sha256, lost) = sealed(&facts[0].1);
    assert_eq!((facts[0].0, file, lost), (part(1), "2026-11-22/3-17.1.wav", 0));
    assert_eq!(duration, Duration::from_secs(1));
    verify(&bench.path(file), sha256).unwrap();
    let wav = open_wav(&bench.path(file)).unwrap();
    assert!(wav.left.iter().all(|sample| *sample == -32_256));
    assert!(wav.right[..1600].iter().all(|sample| *sample == 8));
    assert!(wav.right[1600..6400].iter().all(|sample| *sample == 32_256));
    let index = wav.index.unwrap();
    assert_eq!((index.recording, &index.details), (part(1), &details()));
    assert_eq!((index.left_gaps.len(), index.right_gaps.len()), (0, 2));
    let counters = bench.recorder.counters();
    assert_eq!((counters.frames, counters.lost_frames, counters.sealed_parts), (80, 0, 1));
    drop(bench.recorder);
    let part = bench.folder.path().join(DAY).join("3-17.1.part");
    assert!(part.exists(), "until the log holds the fact, a crash must not lose it");
    crate::forget_part(bench.folder.path(), sealed(&facts[0].1).0);
    assert!(!part.exists());
}

#[test]
fn a_part_of_silence_is_sealed_too() {
    let bench = start(|_| {});
    bench.begin(part(1));
    bench.finish(part(1));
    let facts = bench.facts.wait(1);
    let (file, duration, ..) = sealed(&facts[0].1);
    assert_eq!(duration, Duration::ZERO);
    assert!(open_wav(&bench.path(file)).unwrap().left.is_empty());
}

#[test]
fn frames_that_find_the_ring_full_are_counted_in_the_sealed_part() {
    let mut bench = start(|settings| settings.ring_frames = 4);
    bench.begin(part(1));
    let put = (0..100).filter(|number| bench.capture.put(&frame(part(1), Left, *number))).count();
    bench.finish(part(1));
    let facts = bench.facts.wait(1);
    let (file, _, _, lost) = sealed(&facts[0].1);
    assert_eq!(put as u64 + lost, 100);
    assert!(lost > 0);
    assert_eq!(open_wav(&bench.path(file)).unwrap().index.unwrap().lost_frames, lost);
    assert_eq!(bench.recorder.counters().lost_frames, lost);
}

#[test]
fn a_frame_far_in_the_future_is_refused_and_counted() {
    let mut bench = start(|_| {});
    bench.begin(part(1));
    bench.hear(part(1), Left, 0..2);
    bench.hear(part(1), Left, 1_000_000_000..1_000_000_001);
    bench.finish(part(1));
    let facts = bench.facts.wait(1);
    let (_, duration, _, lost) = sealed(&facts[0].1);
    assert_eq!((duration, lost), (Duration::from_millis(40), 1));
}

#[test]
fn frames_of_parts_that_are_not_open_are_only_counted() {
    let mut bench = start(|_| {});
    bench.hear(part(9), Left, 0..5);
    bench.begin(part(1));
    bench.finish(part(1));
    bench.facts.wait(1);
    assert_eq!(bench.recorder.counters().stray_frames, 5);
}

#[test]
fn every_part_has_a_file_of_its_own_even_when_names_meet() {
    let bench = start(|_| {});
    for name in ["2026-11-22/3-17.1.wav", "2026-11-22/3-17.1-2.wav"] {
        bench.begin(part(1));
        bench.finish(part(1));
        bench.within(Duration::from_secs(5), || bench.path(name).exists());
    }
}

#[test]
fn a_part_that_cannot_be_opened_fails_once_and_goes_on_when_the_disk_does() {
    let mut bench = start(|_| {});
    fs::write(bench.path(DAY), "in the way").unwrap();
    bench.begin(part(1));
    bench.begin(part(2));
    let facts = bench.facts.wait(2);
    for (_, fact) in &facts {
        let RecordingFact::Failed { error } = fact else { panic!("{fact:?}") };
        assert!(error.contains("move it away"), "{error}");
    }
    bench.finish(part(2));
    bench.within(Duration::from_secs(5), || bench.recorder.counters().open_parts == 1);
    bench.hear(part(1), Left, 0..10);
    fs::remove_file(bench.path(DAY)).unwrap();
    bench.within(Duration::from_secs(5), || bench.path("2026-11-22/3-17.1.part").exists());
    bench.finish(part(1));
    bench.begin(part(3));
    bench.finish(part(3));
    let facts = bench.facts.wait(4);
    assert_eq!((facts[2].0, sealed(&facts[2].1).1), (part(1), Duration::from_millis(200)));
    assert_eq!(facts[3].0, part(3));
    drop(bench.recorder);
    assert_eq!(bench.facts.wait(4).len(), 4);
}

#[test]
fn more_parts_than_allowed_are_refused_with_what_to_do_and_the_others_go_on() {
    let bench = start(|settings| settings.parts = 1);
    bench.begin(part(1));
    bench.begin(part(2));
    let facts = bench.facts.wait(1);
    assert_eq!(facts[0].0, part(2));
    assert!(matches!(&facts[0].1, RecordingFact::Failed { error } if error.contains("raise it")));
    bench.finish(part(1));
    assert_eq!(bench.facts.wait(2)[1].0, part(1));
    bench.within(Duration::from_secs(5), || bench.recorder.counters().open_parts == 0);
    bench.begin(part(3));
    bench.finish(part(3));
    assert_eq!(bench.facts.wait(3)[2].0, part(3));
}

#[test]
fn when_the_recorder_is_dropped_open_parts_are_sealed() {
    let mut bench = start(|_| {});
    bench.begin(part(1));
    bench.hear(part(1), Right, 0..50);
    drop(bench.recorder);
    let facts = bench.facts.wait(1);
    assert_eq!(sealed(&facts[0].1).1, Duration::from_secs(1));
    let part = bench.folder.path().join(DAY).join("3-17.1.part");
    assert!(part.exists(), "until the log holds the fact, a crash must not lose it");
    crate::forget_part(bench.folder.path(), sealed(&facts[0].1).0);
    assert!(!part.exists());
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refusal = |path: &Path| {
        let settings = Settings::new(path);
        let refused = Recorder::start(&settings, 1, Facts::new(), Clock::start());
        refused.err().map(|error| error.to_string()).unwrap()
    };
    assert!(refusal(&folder.path().join("missing")).contains("does not exist: create it"));
    assert!(refusal(&file).contains("is a file: name another folder"));
    assert!(refusal(Path::new("/proc")).contains("cannot be written"));
    let _first = start_in(folder.path(), |_| {});
    assert!(refusal(folder.path()).contains("in use by another process"));
}

#[test]
fn a_full_disk_costs_audio_but_neither_the_part_nor_the_next_one() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("not run: a small disk can be mounted by root alone");
        return;
    };
    let (recorder, mut capture, facts, _) = start_in(disk.0.path(), |_| {});
    let ballast = disk.0.path().join("ballast");
    assert!(fs::write(&ballast, vec![0; 2 << 20]).is_err());
    recorder.command(part(1), RecordingCommand::Start(Box::new(details())));
    for number in 0..2_000 {
        assert!(capture.put(&frame(part(1), Left, number)));
    }
    let all = facts.wait(1);
    assert!(matches!(&all[0].1, RecordingFact::Failed { error } if error.contains("free space")));
    while recorder.counters().lost_frames == 0 {
        thread::yield_now();
    }
    fs::remove_file(&ballast).unwrap();
    recorder.command(part(1), RecordingCommand::Finish);
    let all = facts.wait(2);
    assert!(sealed(&all[1].1).3 > 0);
    recorder.command(part(2), RecordingCommand::Start(Box::new(details())));
    recorder.command(part(2), RecordingCommand::Finish);
    assert_eq!(facts.wait(3)[2].0, part(2));
}

/// One MiB of memory as a disk.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["-t", "tmpfs", "-o", "size=1m", "tmpfs"];
        let mounted = Command::new("mount").args(arguments).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}

use crossbeam_channel::bounded;
use model::Channel::Left;
use switchboard::ports::Capture;
use tempfile::TempDir;

use super::*;
use crate::ring::RingCapture;
use crate::testing::{Facts, details, frame, part};

/// A writer without its thread: the test says what time it is.
struct Bench {
    folder: TempDir,
    writer: Writer,
    capture: RingCapture,
    orders: Sender<Order>,
    jobs: Receiver<Job>,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (capture, ring) = Ring::new(100);
        let ((orders, ordered), (sealing, jobs)) = (bounded(10), bounded(10));
        let writer = Writer {
            folder: Arc::new(Folder::take(folder.path()).unwrap()),
            rings: vec![ring],
            orders: ordered,
            sealing,
            shared: Arc::new(Shared::new(Facts::new(), 10)),
            flush: Duration::from_millis(100),
            parts: BTreeMap::new(),
            next_flush: None,
        };
        Self { folder, writer, capture, orders, jobs, now: Timestamp::from_secs(1_800_000_000) }
    }

    fn order(&self, recording: RecordingId, command: RecordingCommand) {
        self.writer.shared.admit_part();
        self.orders.send(Order { recording, command }).unwrap();
    }

    fn start(&self, recording: RecordingId) {
        self.order(recording, RecordingCommand::Start(Box::new(details())));
    }

    fn turn_after(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.writer.turn(self.now);
    }
}

#[test]
fn an_idle_writer_sleeps_until_it_is_told() {
    let mut bench = Bench::new();
    assert_eq!(bench.writer.due(), None);
    bench.start(part(1));
    bench.turn_after(0);
    assert_eq!(bench.writer.due(), Some(bench.now + Duration::from_millis(100)));
    bench.order(part(1), RecordingCommand::Finish);
    bench.turn_after(0);
    bench.turn_after(50);
    assert_eq!(bench.writer.due(), None);
}

#[test]
fn frames_captured_before_the_writer_looks_belong_to_the_part_ordered_before_them() {
    let mut bench = Bench::new();
    bench.start(part(1));
    assert!(bench.capture.put(&frame(part(1), Left, 0)));
    bench.turn_after(0);
    let path = bench.folder.path().join("2026-11-22/3-17.1.part");
    let header = Header { recording: part(1), details: details() }.encode().unwrap().len();
    assert_eq!(path.metadata().unwrap().len(), header as u64 + 175);
}

#[test]
fn frames_that_arrive_soon_after_the_end_are_kept() {
    let mut bench = Bench::new();
    bench.start(part(1));
    bench.order(part(1), RecordingCommand::Finish);
    bench.turn_after(0);
    assert!(bench.capture.put(&frame(part(1), Left, 0)));
    bench.turn_after(49);
    assert!(bench.jobs.try_recv().is_err());
    assert!(bench.capture.put(&frame(part(1), Left, 1)));
    bench.turn_after(1);
    let job = bench.jobs.try_recv().unwrap();
    let header = Header { recording: part(1), details: details() }.encode().unwrap().len();
    assert_eq!(job.place.part().metadata().unwrap().len(), header as u64 + 2 * 175);
}

#[test]
fn a_failing_part_keeps_some_seconds_and_counts_the_rest_as_lost() {
    let mut bench = Bench::new();
    let day = bench.folder.path().join("2026-11-22");
    std::fs::write(&day, "in the way").unwrap();
    bench.start(part(1));
    for number in 0..1_000 {
        let _ = bench.capture.put(&frame(part(1), Left, number));
        if number % 50 == 49 {
            bench.turn_after(1_000);
        }
    }
    std::fs::remove_file(&day).unwrap();
    bench.turn_after(1_000);
    let kept = MOST_BUFFERED.div_ceil(175) as u64;
    assert_eq!(bench.writer.shared.counters().lost_frames, 1_000 - kept);
    bench.order(part(1), RecordingCommand::Finish);
    bench.turn_after(0);
    bench.turn_after(50);
    let job = bench.jobs.try_recv().unwrap();
    assert!(job.failed && job.lost_frames == 0);
    let circumstances = crate::seal::Circumstances { recovered: false, lost_frames: 0 };
    assert_eq!(crate::seal::seal(&job.place, circumstances).unwrap().lost_frames, 1_000 - kept);
}

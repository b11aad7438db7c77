use std::sync::mpsc::sync_channel;
use std::time::Duration;

use insight::Floor;
use model::EventKind;

use super::*;
use crate::testing::{arrived, event, of_call};

fn open(state: &Path) -> (Journal, Opened) {
    Journal::open(state, &TenantId::from("default")).unwrap()
}

fn refused(state: &Path) -> JournalError {
    Journal::open(state, &TenantId::from("default")).unwrap_err()
}

/// A journal with `count` events of epoch 1, closed; each batch holds one.
fn written(state: &Path, count: u64) {
    let (journal, opened) = open(state);
    assert_eq!(opened.epoch, Epoch::new(1));
    for seq in 1..=count {
        journal.append(event(1, seq)).unwrap();
        journal.flush().unwrap();
    }
    journal.close();
}

fn logs(state: &Path) -> Vec<PathBuf> {
    let folder = state.join("journal/default");
    segment::list(&folder).unwrap().into_iter().map(|segment| segment.path).collect()
}

fn sequence(reader: Reader) -> Vec<(u32, u64)> {
    reader.map(|event| event.unwrap()).map(|it| (it.epoch.number(), it.seq)).collect()
}

#[test]
fn what_was_written_is_read_in_order_over_restarts() {
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 3);
    let (journal, opened) = open(state.path());
    assert_eq!((opened.epoch, opened.last), (Epoch::new(2), Some((Epoch::new(1), 3).into())));
    for seq in 1..=2 {
        journal.append(event(2, seq)).unwrap();
    }
    journal.flush().unwrap();
    let all = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)];
    assert_eq!(sequence(journal.read_after(None)), all);
    assert_eq!(sequence(journal.read_after(Some((Epoch::new(1), 2).into()))), all[2..]);
    assert_eq!(sequence(journal.read_after(Some((Epoch::new(1), 99).into()))), all[3..]);
}

#[test]
fn an_epoch_is_never_given_twice_even_when_nothing_was_written_in_it() {
    let state = tempfile::tempdir().unwrap();
    for epoch in 1..4 {
        assert_eq!(open(state.path()).1.epoch, Epoch::new(epoch));
    }
}

#[test]
fn the_floor_is_found_as_the_log_tells_it() {
    let state = tempfile::tempdir().unwrap();
    let story = [of_call(1, 1, 1, arrived()), of_call(1, 2, 2, arrived())];
    let (journal, _) = open(state.path());
    let mut floor = Floor::default();
    for event in story {
        floor.apply(&event);
        journal.append(event).unwrap();
    }
    drop(journal);
    assert_eq!(&open(state.path()).1.snapshot, floor.snapshot());
}

#[test]
fn a_second_server_on_the_same_folder_is_told_who_holds_it() {
    let state = tempfile::tempdir().unwrap();
    let (journal, _) = open(state.path());
    let error = refused(state.path()).to_string();
    let who = format!("process {} already works in this state folder", std::process::id());
    assert!(error.starts_with(&who), "{error}");
    drop(journal);
    open(state.path());
}

#[test]
fn a_tail_torn_anywhere_is_cut_after_the_last_whole_frame() {
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 3);
    fs::remove_file(state.path().join("journal/default/checkpoint.json")).unwrap();
    let path = logs(state.path()).remove(0);
    let octets = fs::read(&path).unwrap();
    let frame = (octets.len() - frame::MAGIC.len()) / 3;
    for length in 0..octets.len() {
        fs::write(&path, &octets[..length]).unwrap();
        let whole = length.saturating_sub(frame::MAGIC.len()) / frame;
        let (journal, opened) = open(state.path());
        assert_eq!(opened.last.map_or(0, |last| last.seq), whole as u64, "cut at {length}");
        assert_eq!(sequence(journal.read_after(None)).len(), whole);
        drop(journal);
        fs::remove_file(state.path().join("journal/default/checkpoint.json")).unwrap();
    }
}

#[test]
fn zeros_after_the_last_frame_are_a_torn_tail() {
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 2);
    let path = logs(state.path()).remove(0);
    let mut octets = fs::read(&path).unwrap();
    octets.extend_from_slice(&[0; 4096]);
    fs::write(&path, octets).unwrap();
    let (journal, opened) = open(state.path());
    assert_eq!((opened.cut, sequence(journal.read_after(None)).len()), (4096, 2));
}

#[test]
fn damage_before_the_tail_is_refused_with_file_place_and_remedy() {
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 3);
    fs::remove_file(state.path().join("journal/default/checkpoint.json")).unwrap();
    let path = logs(state.path()).remove(0);
    let mut octets = fs::read(&path).unwrap();
    octets[60] ^= 1;
    fs::write(&path, octets).unwrap();
    let error = refused(state.path()).to_string();
    let place = format!("journal file {} is damaged at octet 8", path.display());
    assert!(error.starts_with(&place) && error.contains("restore it from a backup"), "{error}");
}

#[test]
fn a_tail_that_the_checkpoint_knows_of_is_not_cut_silently() {
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 3);
    let path = logs(state.path()).remove(0);
    let octets = fs::read(&path).unwrap();
    fs::write(&path, &octets[..octets.len() - 1]).unwrap();
    assert!(matches!(refused(state.path()), JournalError::Damaged { .. }));
    fs::remove_file(&path).unwrap();
    let error = refused(state.path()).to_string();
    assert!(error.contains("must reach to event 1:3 but is empty"), "{error}");
}

#[test]
fn a_start_reads_only_what_follows_the_checkpoint() {
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 3);
    let (journal, _) = open(state.path());
    journal.append(event(2, 1)).unwrap();
    drop(journal);
    let first = logs(state.path()).remove(0);
    let mut octets = fs::read(&first).unwrap();
    octets[60] ^= 1;
    fs::write(&first, octets).unwrap();
    let (journal, opened) = open(state.path());
    assert_eq!(opened.last, Some((Epoch::new(2), 1).into()));
    let read: Vec<_> = journal.read_after(None).take(1).collect();
    assert!(matches!(read[0], Err(JournalError::Damaged { .. })));
}

#[test]
fn a_new_file_begins_when_one_has_grown_long() {
    let state = tempfile::tempdir().unwrap();
    let limits = Limits { segment: 1_000, ..Limits::default() };
    let tenant = TenantId::from("default");
    let (journal, _) = Journal::open_with(state.path(), &tenant, limits).unwrap();
    for seq in 1..=50 {
        journal.append(event(1, seq)).unwrap();
        journal.flush().unwrap();
    }
    assert!(logs(state.path()).len() > 5);
    assert_eq!(sequence(journal.read_after(None)).len(), 50);
    assert_eq!(sequence(journal.read_after(Some((Epoch::new(1), 30).into()))).len(), 20);
}

/// Makes the disk refuse: a folder stands where the first file of epoch 1 belongs.
fn obstruct(state: &Path) -> PathBuf {
    let obstacle = state.join("journal/default/0000000001-00000000000000000001.log");
    fs::create_dir(&obstacle).unwrap();
    obstacle
}

fn wait_until(what: impl Fn() -> bool) {
    for _ in 0..500 {
        if what() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never came true");
}

#[test]
fn a_disk_that_refuses_is_reported_and_nothing_is_lost_when_it_is_mended() {
    let state = tempfile::tempdir().unwrap();
    let limits = Limits { queue: 4, ..Limits::default() };
    let (journal, _) =
        Journal::open_with(state.path(), &TenantId::from("default"), limits).unwrap();
    let obstacle = obstruct(state.path());
    let (done, all_in) = sync_channel(1);
    let floor = journal.clone();
    let thread = std::thread::spawn(move || {
        (1..=40).for_each(|seq| floor.append(event(1, seq)).unwrap());
        done.send(()).unwrap();
    });
    wait_until(|| {
        let health = journal.health();
        matches!(health.state, JournalState::Failing(_)) && health.blocked > 0
    });
    assert!(all_in.try_recv().is_err(), "whoever appends waits for room");
    assert_eq!(journal.durable(), None);
    fs::remove_dir(obstacle).unwrap();
    all_in.recv().unwrap();
    thread.join().unwrap();
    journal.flush().unwrap();
    assert_eq!(sequence(journal.read_after(None)).len(), 40);
    assert_eq!(journal.health().state, JournalState::Well);
}

#[test]
fn an_event_that_is_not_numbered_after_the_last_is_counted_and_readers_stay_in_order() {
    let state = tempfile::tempdir().unwrap();
    let (journal, _) = open(state.path());
    for seq in [1, 2, 2, 4] {
        journal.append(event(1, seq)).unwrap();
    }
    journal.flush().unwrap();
    assert_eq!(sequence(journal.read_after(None)), [(1, 1), (1, 2), (1, 4)]);
    assert_eq!(journal.health().misnumbered, 2);
}

#[test]
fn the_events_of_one_call_are_found() {
    let state = tempfile::tempdir().unwrap();
    let (journal, _) = open(state.path());
    let recording = model::RecordingId { call: CallId::new(Epoch::new(1), 2), part: 1 };
    let failed = EventKind::RecordingFailed { recording, error: "disk full".into() };
    let kinds = [arrived(), EventKind::CallAnswered {}, EventKind::CallEnded {}, failed];
    let mut seq = 0;
    for kind in kinds {
        for call in 1..=2 {
            seq += 1;
            journal.append(of_call(1, seq, call, kind.clone())).unwrap();
        }
    }
    journal.flush().unwrap();
    let call = CallId::new(Epoch::new(1), 2);
    let events = journal.events_of(call, (Epoch::new(1), 2).into(), 100).unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 4, 6, 8]);
}

#[tokio::test]
async fn a_follower_sees_every_event_once_whether_it_keeps_up_or_falls_behind() {
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 3);
    let limits = Limits { segment: 100_000, ..Limits::default() };
    let tenant = TenantId::from("default");
    let (journal, opened) = Journal::open_with(state.path(), &tenant, limits).unwrap();
    let mut early = journal.subscribe(None).unwrap();
    let mut late = journal.subscribe(opened.last).unwrap();
    let floor = journal.clone();
    let writer = tokio::task::spawn_blocking(move || {
        (1..=10_000).for_each(|seq| floor.append(event(2, seq)).unwrap());
        floor.close();
    });
    let mut seen = Vec::new();
    while let Ok(events) = early.next().await {
        seen.extend(events.iter().map(|event| (event.epoch.number(), event.seq)));
    }
    writer.await.unwrap();
    // More than memory holds has passed before the other begins to read.
    let mut seen_late = Vec::new();
    while let Ok(events) = late.next().await {
        seen_late.extend(events.iter().map(|event| (event.epoch.number(), event.seq)));
    }
    let all: Vec<_> = (1..=3).map(|seq| (1, seq)).chain((1..=10_000).map(|seq| (2, seq))).collect();
    assert_eq!(seen, all);
    assert_eq!(seen_late, all[3..]);
}

#[test]
fn the_log_is_nobody_elses_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = state.path().join("journal/default");
    assert_eq!((mode(&folder), mode(&logs(state.path())[0])), (0o700, 0o600));
    assert_eq!(mode(&folder.join("checkpoint.json")), 0o600);
}

#[test]
fn who_has_seen_nothing_may_follow_an_empty_log() {
    let state = tempfile::tempdir().unwrap();
    let (journal, _) = open(state.path());
    assert!(journal.subscribe(Some(Position::BEGINNING)).is_ok());
}

#[test]
fn nobody_can_follow_from_after_the_end() {
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 3);
    let (journal, _) = open(state.path());
    let error = journal.subscribe(Some((Epoch::new(1), 4).into())).unwrap_err();
    assert_eq!(error.to_string(), "position 1:4 lies after the end of the log at 1:3");
}

/// A disk of 256 KiB; root alone can make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut umount = std::process::Command::new("umount");
        let _ = umount.arg("--lazy").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_loses_no_event_and_the_text_says_what_to_do() {
    let Some(disk) = SmallDisk::mount() else {
        println!("not run: a small disk can be mounted by root alone");
        return;
    };
    let state = disk.0.path();
    let (journal, _) = open(state);
    fs::write(state.join("ballast"), vec![0; 128 << 10]).unwrap();
    for seq in 1..=1_000 {
        journal.append(event(1, seq)).unwrap();
    }
    let is_full = |state: &JournalState| matches!(state, JournalState::Failing(_));
    wait_until(|| is_full(&journal.health().state));
    let state_now = format!("{:?}", journal.health().state);
    assert!(state_now.contains("free space there"), "{state_now}");
    fs::write(state.join("ballast"), []).unwrap();
    for seq in 1_001..=1_010 {
        journal.append(event(1, seq)).unwrap();
    }
    wait_until(|| journal.durable() == Some((Epoch::new(1), 1_010).into()));
    assert_eq!(sequence(journal.read_after(None)).len(), 1_010);
    drop(journal);
    assert_eq!(open(state).1.last, Some((Epoch::new(1), 1_010).into()));
}

const VICTIM: &str = "HOTLINE_TEST_JOURNAL";

/// Not a test of its own: what the test below starts and kills. Says what readers could have seen.
#[test]
fn victim() {
    let Ok(state) = std::env::var(VICTIM) else { return };
    let (journal, _) = open(Path::new(&state));
    for seq in 1.. {
        journal.append(event(1, seq)).unwrap();
        if seq % 50 == 0
            && let Some(durable) = journal.durable()
        {
            println!("durable {}", durable.seq);
        }
    }
}

#[test]
fn a_killed_process_leaves_every_event_that_anybody_saw() {
    use std::io::BufRead as _;
    use std::process::{Command, Stdio};
    let state = tempfile::tempdir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "journal::tests::victim", "--nocapture"]);
    let mut victim = victim.env(VICTIM, state.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(victim.stdout.take().unwrap()).lines();
    let seen = |line: String| line.strip_prefix("durable ").and_then(|seq| seq.parse::<u64>().ok());
    let mut last = 0;
    while last < 20_000 {
        last = lines.next().unwrap().ok().and_then(seen).unwrap_or(last);
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
    last = lines.map_while(Result::ok).filter_map(seen).last().unwrap_or(last);
    let (journal, opened) = open(state.path());
    assert!(opened.last.unwrap().seq >= last, "{opened:?} after {last} was seen");
    assert_eq!(opened.epoch, Epoch::new(2));
    let events = sequence(journal.read_after(None));
    assert!(events.iter().zip(1..).all(|(event, seq)| *event == (1, seq)));
}

#[test]
fn a_day_gone_by_is_read_beside_the_service_that_goes_on() {
    let state = tempfile::tempdir().unwrap();
    written(state.path(), 3);
    let (journal, _) = open(state.path());
    for seq in 1..=2 {
        journal.append(event(2, seq)).unwrap();
    }
    journal.flush().unwrap();
    let read = |when| {
        let mut read = vec![];
        let tenant = TenantId::from("default");
        read_past(state.path(), &tenant, &when, |event| {
            read.push((event.epoch.number(), event.seq))
        })
        .unwrap();
        read
    };
    let all = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)];
    let at = |epoch, seq| event(epoch, seq).at;
    assert_eq!(read(at(1, 1)..at(2, 3)), all);
    // Of the file in which the time begins, what came before it is read, too.
    assert_eq!(read(at(1, 2)..at(2, 2)), all[..4]);
    assert_eq!(read(at(2, 1)..at(2, 3)), all[3..]);
    assert_eq!(read(at(1, 1)..at(1, 3)), all[..2]);
    // What is being written just now.
    let log = logs(state.path()).pop().unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(log).unwrap();
    std::io::Write::write_all(&mut file, &[7; 20]).unwrap();
    assert_eq!(read(at(1, 1)..at(2, 3)), all);
}

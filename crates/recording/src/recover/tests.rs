use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use clock::Clock;
use model::AudioFrame;
use model::Channel::{Left, Right};
use switchboard::ports::{Capture, RecordingCommand};

use super::*;
use crate::part::{Header, append_frame};
use crate::testing::{Facts, details, frame, part};
use crate::{Recorder, Settings, open_wav, verify};

/// Octets an entry of 16 samples takes.
const ENTRY: usize = 31;

/// A part's file of five short frames as a crash leaves it, and where it stands.
fn left_behind(folder: &Path) -> (Vec<u8>, Place) {
    let header = Header { recording: part(1), details: details() };
    let made = Folder::take(folder).unwrap().create(&header).unwrap();
    let mut bytes = header.encode().unwrap();
    for number in 0..5 {
        append_frame(&mut bytes, &AudioFrame { length: 16, ..frame(part(1), Left, number) });
    }
    fs::write(made.place.part(), &bytes).unwrap();
    (bytes, made.place)
}

#[test]
fn a_part_torn_at_any_octet_is_recovered_up_to_its_last_whole_frame() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, place) = left_behind(folder.path());
    let header = bytes.len() - 5 * ENTRY;
    for length in 0..=bytes.len() {
        fs::write(place.part(), &bytes[..length]).unwrap();
        let facts = recover(folder.path()).unwrap();
        assert_eq!((facts.len(), facts[0].0), (1, part(1)));
        if length < header {
            assert!(
                matches!(&facts[0].1, RecordingFact::Failed { error } if error.contains("kept"))
            );
            assert_eq!(fs::read(place.damaged()).unwrap(), &bytes[..length]);
            assert!(!place.part().exists());
            continue;
        }
        let RecordingFact::Sealed { duration, recovered: true, sha256, .. } = &facts[0].1 else {
            panic!("{facts:?}");
        };
        let frames = (length - header) / ENTRY;
        let expected = (20 * frames as u64).saturating_sub(18);
        assert_eq!(*duration, Duration::from_millis(expected));
        verify(&place.sealed(), sha256).unwrap();
        fs::remove_file(place.sealed()).unwrap();
    }
}

#[test]
fn what_is_no_days_folder_is_nobodys_business() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    for other in ["lost+found", "2026-11-2", "2026-11-22x"] {
        let other = folder.path().join(other);
        fs::create_dir(&other).unwrap();
        fs::write(other.join("1-1.1.part"), b"not ours").unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o000)).unwrap();
    }
    assert_eq!(recover(folder.path()).unwrap().len(), 1);
}

#[test]
fn a_folder_without_leftovers_has_nothing_to_recover() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(recover(folder.path()).unwrap(), []);
    assert!(matches!(recover(&folder.path().join("missing")), Err(StartError::Missing(_))));
}

#[test]
fn a_part_damaged_in_its_midst_is_sealed_and_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bytes, place) = left_behind(folder.path());
    let middle = bytes.len() - 3 * ENTRY + 20;
    bytes[middle] ^= 1;
    fs::write(place.part(), &bytes).unwrap();
    let facts = recover(folder.path()).unwrap();
    assert!(matches!(&facts[0].1, RecordingFact::Sealed { lost_frames: 1, .. }));
    assert_eq!(fs::read(place.damaged()).unwrap(), bytes);
}

#[test]
fn a_sealed_part_is_reported_at_every_start_until_the_log_holds_it_for_certain() {
    let folder = tempfile::tempdir().unwrap();
    let (_, place) = left_behind(folder.path());
    let first = recover(folder.path()).unwrap();
    assert_eq!(recover(folder.path()).unwrap(), first);
    let RecordingFact::Sealed { file, sha256, .. } = &first[0].1 else { panic!("{first:?}") };
    crate::forget_part(folder.path(), file);
    crate::forget_part(folder.path(), file);
    assert_eq!(recover(folder.path()).unwrap(), []);
    verify(&place.sealed(), sha256).unwrap();
}

#[test]
fn nothing_outside_the_folder_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let other = folder.path().join("other.part");
    fs::write(&other, "").unwrap();
    crate::forget_part(&inside, "../other.wav");
    crate::forget_part(&inside, &other.with_extension("wav").to_string_lossy());
    assert!(other.exists());
}

#[test]
fn nobody_recovers_a_folder_in_which_a_recorder_works() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new(folder.path());
    let running = Recorder::start(&settings, 1, Facts::new(), Clock::start()).unwrap();
    assert!(matches!(recover(folder.path()), Err(StartError::InUse(_))));
    drop(running);
    assert!(recover(folder.path()).is_ok());
}

const CHILD_FOLDER: &str = "HOTLINE_TEST_RECORDINGS";

/// Records until it is killed, in real time. Does nothing unless the test below starts it.
#[test]
fn a_child_records_in_real_time() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else {
        return;
    };
    let clock = Clock::start();
    let settings = Settings::new(folder);
    let (recorder, mut captures) = Recorder::start(&settings, 1, Facts::new(), clock).unwrap();
    recorder.command(part(1), RecordingCommand::Start(Box::new(details())));
    let start = clock.now();
    for number in 0..1_000 {
        let due = start + Duration::from_millis(20 * (number + 1));
        std::thread::sleep(due.since(clock.now()));
        assert!(captures[0].put(&frame(part(1), Left, number)));
        assert!(captures[0].put(&frame(part(1), Right, number)));
        println!("{number}");
    }
}

/// Three attempts: other processes may hold up the writer before one kill, hardly before three.
#[test]
fn after_a_kill_the_recording_plays_up_to_200_ms_before_it() {
    let missing: Vec<Duration> = (0..3).map(|_| missing_after_a_kill()).collect();
    assert!(missing.iter().any(|missing| *missing <= Duration::from_millis(200)), "{missing:?}");
}

/// How much of what was captured until a kill is not in the recovered recording.
fn missing_after_a_kill() -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "recover::tests::a_child_records_in_real_time", "--nocapture"])
        .env(CHILD_FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = Vec::new();
    let mut output = child.stdout.take().unwrap();
    while !String::from_utf8_lossy(&printed).contains("\n60\n") {
        let mut block = [0; 64];
        let read = output.read(&mut block).unwrap();
        assert!(read > 0, "the child ended: {}", String::from_utf8_lossy(&printed));
        printed.extend_from_slice(&block[..read]);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    output.read_to_end(&mut printed).unwrap();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let captured = printed.lines().filter(|line| line.parse::<u64>().is_ok()).count();

    let facts = recover(folder.path()).unwrap();
    let RecordingFact::Sealed { file, duration, recovered: true, .. } = &facts[0].1 else {
        panic!("{facts:?}");
    };
    let spoken = Duration::from_millis(20 * captured as u64);
    let wav = open_wav(&folder.path().join(file)).unwrap();
    assert!(wav.left.iter().all(|sample| *sample == -32_256));
    assert!(wav.right.iter().all(|sample| *sample == 32_256));
    spoken.saturating_sub(*duration)
}

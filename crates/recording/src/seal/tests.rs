use model::{AudioFrame, FRAME_PAYLOAD};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::folder::Folder;
use crate::part::{Header, append_frame, append_lost};
use crate::testing::{details, frame, part};
use crate::wav::open_wav;

const QUIET: Circumstances = Circumstances { recovered: false, lost_frames: 0 };

/// A part's file with these entries after its header.
fn written(folder: &TempDir, entries: &[u8]) -> Place {
    let header = Header { recording: part(1), details: details() };
    let made = Folder::take(folder.path()).unwrap().create(&header).unwrap();
    let bytes = [&header.encode().unwrap(), entries].concat();
    made.file.write_all_at(&bytes, 0).unwrap();
    made.place
}

#[test]
fn frames_that_never_came_are_silence_and_a_gap_in_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let mut entries = Vec::new();
    for number in [0, 1, 5, 6, 9] {
        append_frame(&mut entries, &frame(part(1), Channel::Left, number));
    }
    append_lost(&mut entries, 3);
    append_frame(&mut entries, &frame(part(1), Channel::Right, 0));
    let place = written(&folder, &entries);
    let sealed = seal(&place, Circumstances { recovered: true, lost_frames: 4 }).unwrap();
    assert_eq!((sealed.duration, sealed.lost_frames), (Duration::from_millis(200), 7));
    assert_eq!(sealed.octets, place.sealed().metadata().unwrap().len());
    let wav = open_wav(&place.sealed()).unwrap();
    assert!(wav.left[320..800].iter().all(|sample| *sample == 8));
    let index = wav.index.unwrap();
    let gap = |from_ms, to_ms| Gap { from_ms, to_ms };
    assert_eq!(index.left_gaps, [gap(40, 100), gap(140, 180)]);
    assert_eq!(index.right_gaps, [gap(20, 200)]);
    assert!(index.recovered);
}

#[test]
fn a_frame_that_comes_a_minute_late_still_finds_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut entries = Vec::new();
    for number in (0..4_000).filter(|number| *number != 50).chain([50]) {
        append_frame(&mut entries, &frame(part(1), Channel::Right, number));
    }
    let place = written(&folder, &entries);
    seal(&place, QUIET).unwrap();
    let wav = open_wav(&place.sealed()).unwrap();
    assert!(wav.right.iter().all(|sample| *sample == 32_256));
    assert!(wav.left.iter().all(|sample| *sample == 8));
    assert_eq!(wav.index.unwrap().right_gaps, []);
}

#[test]
fn an_hour_without_audio_is_an_hour_of_silence() {
    let folder = tempfile::tempdir().unwrap();
    let mut entries = Vec::new();
    append_frame(&mut entries, &frame(part(1), Channel::Left, 180_000));
    append_frame(&mut entries, &frame(part(1), Channel::Left, u64::from(u32::MAX)));
    let place = written(&folder, &entries);
    let sealed = seal(&place, QUIET).unwrap();
    assert_eq!((sealed.duration, sealed.lost_frames), (Duration::from_millis(3_600_020), 1));
    let wav = open_wav(&place.sealed()).unwrap();
    assert!(wav.left[..28_800_000].iter().all(|sample| *sample == 8));
    assert_eq!(wav.left.last(), Some(&-32_256));
}

#[test]
fn a_part_that_cannot_be_sealed_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let place = written(&folder, &[]);
    fs::create_dir(place.sealed()).unwrap();
    assert!(seal(&place, QUIET).is_err());
    assert!(place.part().exists() && !place.unfinished().exists());
}

#[test]
fn a_listener_with_another_program_hears_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut entries = Vec::new();
    for number in 0..50 {
        append_frame(&mut entries, &frame(part(1), Channel::Left, number));
    }
    let place = written(&folder, &entries);
    seal(&place, QUIET).unwrap();
    let mut sox = std::process::Command::new("sox");
    sox.arg(place.sealed()).args(["-t", "raw", "-e", "signed", "-b", "16", "-L", "-"]);
    let Ok(output) = sox.output() else {
        eprintln!("not run: sox is not installed");
        return;
    };
    let (pairs, _) = output.stdout.as_chunks::<4>();
    assert_eq!(pairs.len(), 8_000, "{}", String::from_utf8_lossy(&output.stderr));
    let expected = [(-32_256_i16).to_le_bytes(), 8_i16.to_le_bytes()].concat();
    assert!(pairs.iter().all(|pair| pair[..] == expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Frames in any order and overlap give what laying them one after another would.
    #[test]
    fn the_file_is_what_the_frames_say_one_after_another(
        frames in prop::collection::vec((any::<bool>(), 0..700_000_u64, 1..=FRAME_PAYLOAD, any::<u8>()), 0..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut entries, mut expected) = (Vec::new(), [Vec::new(), Vec::new()]);
        for (right, offset, length, octet) in frames {
            let (channel, lane) = if right { (Channel::Right, 1) } else { (Channel::Left, 0) };
            let payload = [octet; FRAME_PAYLOAD];
            let count = u16::try_from(length).unwrap();
            let frame = AudioFrame { recording: part(1), channel, offset, length: count, payload };
            append_frame(&mut entries, &frame);
            let first = usize::try_from(offset).unwrap();
            let length = expected[0].len().max(first + length);
            expected.iter_mut().for_each(|lane| lane.resize(length, ALAW_SILENCE));
            expected[lane][first..first + usize::from(count)].fill(octet);
        }
        let place = written(&folder, &entries);
        let sealed = seal(&place, QUIET).unwrap();
        let file = fs::read(place.sealed()).unwrap();
        let audio = &file[HEADER..HEADER + 2 * expected[0].len()];
        let (left, right): (Vec<u8>, Vec<u8>) =
            audio.as_chunks::<2>().0.iter().map(|[left, right]| (*left, *right)).unzip();
        prop_assert!(left == expected[0] && right == expected[1]);
        prop_assert_eq!(sealed.duration, wav::duration(expected[0].len() as u64));
    }
}

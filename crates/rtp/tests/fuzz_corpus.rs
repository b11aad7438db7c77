//! What fuzzing has found so far, played by the same functions that the fuzzer calls: `fuzz/` at the
//! root of the repository.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its corpus, and stops where it is broken"
)]

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/src/audio.rs"]
pub mod audio;

fn play(target: &str, function: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        let octets = fs::read(&path).unwrap();
        let outcome = std::panic::catch_unwind(|| function(&octets));
        assert!(outcome.is_ok(), "{} breaks {target}", path.display());
        count += 1;
    }
    assert!(count > 5, "{count} inputs are no corpus");
}

#[test]
fn every_stream_of_packets_found_does_no_harm() {
    play("rtp", audio::rtp);
}

#[test]
fn every_report_found_does_no_harm() {
    play("rtcp", audio::rtcp);
}

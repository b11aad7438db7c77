//! What fuzzing has found so far, played by the same functions that the fuzzer calls: `fuzz/` at the
//! root of the repository.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test reads its corpus, and stops where it is broken"
)]

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/src/endpoint.rs"]
pub mod endpoint;
#[path = "../../../fuzz/src/signalling.rs"]
pub mod signalling;

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
fn every_message_found_does_no_harm() {
    play("message", signalling::message);
}

#[test]
fn every_description_found_does_no_harm() {
    play("sdp", signalling::sdp);
}

#[test]
fn every_stream_found_does_no_harm() {
    play("frame", signalling::frame);
}

#[test]
fn every_script_found_leaves_nothing_in_an_endpoint() {
    play("endpoint", endpoint::endpoint);
}

#[test]
fn all_credentials_found_do_no_harm() {
    play("digest", signalling::digest);
}

#[test]
fn every_stun_request_found_does_no_harm() {
    play("stun", signalling::stun);
}

#[test]
fn every_address_found_does_no_harm() {
    play("uri", signalling::uri);
}

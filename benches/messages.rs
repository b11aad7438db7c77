//! What it costs to read and to write SIP messages, beside the rsip package.
//!
//! `cargo bench -p hotline-benches --bench messages`
//!
//! Three steps are measured of each message: to read it; to read it and look at what a transaction
//! layer needs (branch, tags, Call-ID, CSeq, each as its type); to write it. Both packages take what
//! memory they need from the same allocator, which counts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a benchmark that goes wrong says so by panicking, and prints its figures"
)]

use std::alloc::System;
use std::hint::black_box;

use clock::Clock;
use hotline_benches::figures::{nanos_each, print_table};
use hotline_benches::process::{machine, pin_generator};
use hotline_benches::samples;
use rsip::SipMessage;
use rsip::headers::{ToTypedHeader as _, UntypedHeader as _};
use rsip::message::HeadersExt as _;
use sip::Message;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Steps in a run.
const STEPS: u32 = 20_000;

/// What a step costs.
#[derive(Clone, Copy)]
struct Cost {
    nanos: f64,
    /// Blocks taken from the allocator, those that grew included.
    blocks: usize,
}

fn main() {
    println!("{}", machine());
    pin_generator();
    let clock = Clock::start();
    let mut rows = Vec::new();
    for (name, text) in samples::all() {
        let name = format!("{name}, {} octets", text.len());
        rows.extend(measure(&name, &text, clock));
    }
    let heading =
        ["message", "step", "messages/s", "ns", "blocks", "rsip messages/s", "ns", "blocks"];
    print_table("SIP messages, on one core (median of 15 runs)", &heading, &rows);
}

fn measure(name: &str, text: &str, clock: Clock) -> [Vec<String>; 3] {
    let octets = text.as_bytes();
    let ours = Message::parse(octets).expect("a valid message");
    let theirs = SipMessage::try_from(octets).expect("a message rsip can read");
    let read = (
        cost(clock, || drop(black_box(Message::parse(black_box(octets))))),
        cost(clock, || drop(black_box(SipMessage::try_from(black_box(octets))))),
    );
    let look = (
        cost(clock, || look(&Message::parse(black_box(octets)).expect("a message"))),
        cost(clock, || rsip_look(&SipMessage::try_from(black_box(octets)).expect("a message"))),
    );
    let write = (
        cost(clock, || drop(black_box(black_box(&ours).to_bytes()))),
        cost(clock, || drop(black_box(black_box(&theirs).to_string()))),
    );
    [row(name, "read", read), row("", "read, look", look), row("", "write", write)]
}

fn row(name: &str, step: &str, (ours, theirs): (Cost, Cost)) -> Vec<String> {
    let cells = |cost: Cost| {
        let a_second = format!("{:.0}", 1e9 / cost.nanos);
        [a_second, format!("{:.0}", cost.nanos), cost.blocks.to_string()]
    };
    [name, step].map(str::to_owned).into_iter().chain(cells(ours)).chain(cells(theirs)).collect()
}

fn cost(clock: Clock, mut step: impl FnMut()) -> Cost {
    let before = ALLOCATOR.stats();
    step();
    let taken = ALLOCATOR.stats() - before;
    let nanos = nanos_each(clock, STEPS, step);
    Cost { nanos, blocks: taken.allocations + taken.reallocations }
}

/// Looks at what tells a transaction and its dialog.
fn look(message: &Message) {
    let headers = message.headers();
    let via = headers.via_ref().expect("a Via");
    black_box(via.branch());
    black_box((headers.from_ref().expect("From").tag(), headers.to_ref().expect("To").tag()));
    black_box((headers.call_id().expect("Call-ID"), headers.cseq().expect("CSeq")));
}

/// The same in rsip's words.
fn rsip_look(message: &SipMessage) {
    let via = message.via_header().and_then(|via| via.typed()).expect("a Via");
    black_box(via.branch());
    let from = message.from_header().and_then(|from| from.typed()).expect("From");
    let to = message.to_header().and_then(|to| to.typed()).expect("To");
    black_box((from.tag(), to.tag()));
    let cseq = message.cseq_header().and_then(|cseq| cseq.typed()).expect("CSeq");
    black_box((message.call_id_header().expect("Call-ID").value(), cseq));
}

//! End-to-end tests: the service as it is shipped, against phones (baresip, pjsua, JsSIP in
//! Chromium), a carrier (SIPp), a proxy (Kamailio) and a browser (Chromium) that nobody here wrote.
//! Simulated phones appear only where there are many.
//!
//! | module | shows |
//! |---|---|
//! | `house` | nothing: it starts the service and the peers, and hears what was said |
//! | `recorded` | a call from carrier to agent, heard at both ends and in the recording |
//! | `endings` | every way a call may end before and while somebody talks |
//! | `orders` | two agents and three callers, in every order |
//! | `crash` | what a `kill -9` leaves |
//! | `hostile` | odd, broken and mutated datagrams against the live service |
//! | `load` | fifty calls at once |
//! | `numbers` | what trunks may carry, and how numbers are written |
//! | `beside` | extensions, hold, transfer, feature codes, calling out |
//! | `consulting` | attended transfer |
//! | `watching` | a telephone hears of its mailbox and of a colleague |
//! | `faults` | bad surroundings get a clear answer |
//! | `floods` | strangers who send as fast as they can, and slow connections |
//! | `phones` | phones set up by an address, and phones that are where they may not be |
//! | `transports` | phones over TLS |
//! | `trunks` | carriers over TCP, TLS and IPv6, and a gateway that proves itself |
//! | `ringing` | several phones that ring together, a caller who is kept for one agent |
//! | `callback` | a caller who leaves the line and is called back |
//! | `softphone` | a phone of another make, over each transport that it has |
//! | `browser` | a phone in a browser: registration and the control of calls |
//! | `proxied` | a carrier's proxy between it and us, an edge between phones and us |
//! | `commands`, `demo` | the command line; the whole centre on one machine |
//! | `page` | the status page in a browser |
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test stops where something is wrong, says what it saw, and waits by the clock"
)]

mod beside;
mod browser;
mod callback;
mod commands;
mod consulting;
mod crash;
mod demo;
mod endings;
mod faults;
mod floods;
mod hostile;
mod house;
mod load;
mod numbers;
mod orders;
mod page;
mod phones;
mod proxied;
mod recorded;
mod ringing;
mod softphone;
mod transports;
mod trunks;
mod watching;

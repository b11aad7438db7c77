//! Signalling over loopback sockets, against peers that say exactly what a test tells them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets what it does not expect must fail"
)]

mod calls;
mod carried;
mod carriers;
mod doors;
mod gateways;
mod guarded;
mod house;
mod line;
mod names;
mod outbound;
mod peer;
mod phones;
mod referring;
mod replacing;
mod rules;
mod secure;
mod sight;
mod streams;
mod watching;

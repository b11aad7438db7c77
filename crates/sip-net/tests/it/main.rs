//! Signalling over loopback sockets, against peers that say exactly what a test tells them.

mod calls;
mod doors;
mod house;
mod peer;
mod phones;
mod streams;

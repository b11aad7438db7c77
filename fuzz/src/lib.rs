//! What is fuzzed. Each function takes octets of any kind and panics when a rule is broken; the
//! tests of `sip` and `rtp` run the same functions over `corpus/`.

pub mod audio;
pub mod endpoint;
pub mod signalling;

//! Session descriptions: what a leg's body says about its one audio stream, and the body that
//! says ours (RFC 8866, RFC 3264, RFC 3551, RFC 4733).
//!
//! The syntax is `sdp-types`'s. Only plain RTP is taken: a description that offers nothing else
//! is refused with 488, one that is no description with 400.

use std::fmt;

use crate::message::StatusCode;

mod protection;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::parse_description;
pub use write::{SdpOrigin, write_answer, write_offer};

/// The most streams a description may have.
const MOST_STREAMS: usize = 32;

/// Why a session description is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SdpError {
    /// It is no session description, or lacks what every one must have: 400.
    Malformed(&'static str),
    /// It asks for what we do not do: 488.
    NotAcceptable(&'static str),
}

impl SdpError {
    /// The status a request with this body is refused with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NotAcceptable(_) => StatusCode::NOT_ACCEPTABLE_HERE,
        }
    }

    /// What is wrong, in a fragment fit for a Reason.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Malformed(what) | Self::NotAcceptable(what) => what,
        }
    }
}

impl fmt::Display for SdpError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.what())
    }
}

impl std::error::Error for SdpError {}

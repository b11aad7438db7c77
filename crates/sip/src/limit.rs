//! How large what we take from the network may be.

/// The bounds of a message. Past them it is refused, never grown into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// A whole message, in octets.
    pub message: usize,
    /// Header fields in a message.
    pub headers: usize,
    /// The value of one header field, in octets, folding included.
    pub header: usize,
    /// A Request-URI, in octets.
    pub uri: usize,
    /// The body, in octets.
    pub body: usize,
}

impl Limits {
    /// What the product runs with: 64 KiB, 256 fields of 8 KiB, a URI of 2 KiB; the body may be
    /// nearly the whole message.
    pub const DEFAULT: Self =
        Self { message: 64 * 1024, headers: 256, header: 8 * 1024, uri: 2 * 1024, body: 64 * 1024 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

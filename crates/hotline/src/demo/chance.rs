//! A little chance, for how long people talk and when they call.

use std::time::Duration;

use crate::failure::Failure;

/// A xorshift generator: good enough for a demo.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut octets = [0_u8; 8];
        getrandom::fill(&mut octets).map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self(u64::from_le_bytes(octets) | 1))
    }

    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    /// A span between two.
    pub(crate) fn span(&mut self, from: Duration, to: Duration) -> Duration {
        let width = u64::try_from((to - from).as_millis()).unwrap_or(u64::MAX);
        from + Duration::from_millis(self.below(width + 1))
    }
}

//! Tags, branches and Call-IDs: unguessable to others (RFC 3261 §19.3), and the same again from the
//! same seed.

use sha2::{Digest, Sha256};

/// The octets of a tag: 64 bits of the 32 that RFC 3261 §19.3 asks for.
const TAG: usize = 8;
/// The octets of a branch or Call-ID.
const LONG: usize = 16;

/// A generator of unique texts: SHA-256 over a secret seed and a counter.
#[derive(Clone)]
pub(crate) struct Tokens {
    seed: [u8; 32],
    drawn: u64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The seed is a secret: who knows it can forge a BYE.
        out.debug_struct("Tokens").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// A new tag.
    pub(crate) fn tag(&mut self) -> String {
        self.draw(TAG)
    }

    /// A new branch with the magic cookie (RFC 3261 §8.1.1.7).
    pub(crate) fn branch(&mut self) -> String {
        format!("z9hG4bK{}", self.draw(LONG))
    }

    /// A new Call-ID.
    pub(crate) fn call_id(&mut self) -> String {
        self.draw(LONG)
    }

    /// A number below this bound, which is not 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let octets = self.next();
        let sum = octets.iter().take(4).fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet));
        sum % bound.max(1)
    }

    /// A number from 0 to 1 in thousandths.
    pub(crate) fn thousandths(&mut self) -> u64 {
        let digest = self.next();
        let sum = digest.iter().take(8).fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
        sum % 1_000
    }

    /// The tag that belongs to these texts: the same whenever a request is refused without being
    /// remembered (RFC 3261 §8.2.7).
    pub(crate) fn tag_of(&self, parts: &[&[u8]]) -> String {
        let mut hash = Sha256::new_with_prefix(self.seed);
        for part in parts {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hex(&hash.finalize(), TAG)
    }

    fn draw(&mut self, octets: usize) -> String {
        hex(&self.next(), octets)
    }

    fn next(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut hash = Sha256::new_with_prefix(self.seed);
        hash.update(self.drawn.to_be_bytes());
        hash.finalize().into()
    }
}

fn hex(octets: &[u8], count: usize) -> String {
    crate::digest::to_hex(octets.get(..count).unwrap_or(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_tokens_and_no_two_are_alike() {
        let (mut one, mut other) = (Tokens::new([7; 32]), Tokens::new([7; 32]));
        let drawn: Vec<String> = (0..100).map(|_| one.tag()).collect();
        assert_eq!(drawn, (0..100).map(|_| other.tag()).collect::<Vec<_>>());
        let unique: std::collections::BTreeSet<_> = drawn.iter().collect();
        assert_eq!(unique.len(), drawn.len());
        assert_ne!(Tokens::new([8; 32]).tag(), drawn[0]);
    }

    #[test]
    fn a_request_refused_twice_is_given_the_same_tag() {
        let tokens = Tokens::new([7; 32]);
        assert_eq!(tokens.tag_of(&[b"ab", b"c"]), tokens.tag_of(&[b"ab", b"c"]));
        assert_ne!(tokens.tag_of(&[b"ab", b"c"]), tokens.tag_of(&[b"a", b"bc"]));
    }
}

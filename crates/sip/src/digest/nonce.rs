//! Nonces that need no memory until they are used: 16 digits of time (µs), 8 of a running number,
//! 8 of a keyed hash over the address they were given to, 32 of a keyed hash over all that.
//!
//! The address says who has shown that it hears what is sent there; a nonce is good from anywhere, as
//! requests may come through several proxies in turn (RFC 7616 §3.3).
//!
//! What was used is remembered as the nonce counts seen, in at most [`NonceSettings::remembered`]
//! entries. When they run out the oldest nonce goes, and with it every older one becomes stale: a
//! count that was forgotten can never be used twice.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::to_hex;

/// The block of SHA-256 in octets, to which HMAC pads its key (RFC 2104).
const BLOCK: usize = 64;
/// How many digits tell when a nonce was given out, and as which.
const ID_DIGITS: usize = 24;
/// How many digits of the keyed hash over the address a nonce carries.
const MARK_DIGITS: usize = 8;
/// How many digits of the keyed hash a nonce carries: 128 bits.
const SEAL_DIGITS: usize = 32;
/// How far behind the highest count a request may still arrive out of order.
const WINDOW: u32 = 64;

/// The secret that marks nonces as ours. From a random source, new at every start.
#[derive(Clone)]
pub struct NonceKey([u8; 32]);

impl NonceKey {
    /// The key made of these random octets.
    #[must_use]
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// What an address is known by; no head of a nonce begins so.
    fn mark(&self, source: IpAddr) -> String {
        let mut mark = self.seal(&format!("given to {source}"));
        mark.truncate(MARK_DIGITS);
        mark
    }

    /// HMAC-SHA-256 (RFC 2104), cut to the digits a nonce carries (§5).
    fn seal(&self, text: &str) -> String {
        let padded = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(self.0).for_each(|(octet, key)| *octet ^= key);
            block
        };
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
        let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
        let mut seal = to_hex(&outer);
        seal.truncate(SEAL_DIGITS);
        seal
    }
}

impl fmt::Debug for NonceKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("NonceKey(hidden)")
    }
}

/// How long nonces live and how many are remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NonceSettings {
    /// A nonce older than this is stale. Default 5 minutes: longer than a registration round,
    /// short enough that a stolen header is soon worthless.
    pub lifetime: Duration,
    /// Of how many nonces the counts used are remembered. Default 20 000.
    pub remembered: usize,
}

impl Default for NonceSettings {
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(300), remembered: 20_000 }
    }
}

/// When a nonce was given out, and as which one: its place in the order of all nonces.
type NonceId = (Timestamp, u32);

/// Gives out nonces and says whether one that came back is fresh.
#[derive(Debug)]
pub(super) struct Nonces {
    key: NonceKey,
    settings: NonceSettings,
    given: u32,
    used: BTreeMap<NonceId, Counts>,
    /// Every nonce up to this one is stale, because its counts may have been forgotten.
    forgotten: NonceId,
}

/// The counts seen with one nonce: the highest, and which of the 64 below it.
#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    highest: u32,
    below: u64,
}

impl Nonces {
    pub(super) fn new(settings: NonceSettings, key: NonceKey) -> Self {
        let forgotten = (Timestamp::EPOCH, 0);
        Self { key, settings, given: 0, used: BTreeMap::new(), forgotten }
    }

    pub(super) fn give(&mut self, source: IpAddr, now: Timestamp) -> String {
        self.given = self.given.wrapping_add(1);
        let mark = self.key.mark(source);
        let head = format!("{:016x}{:08x}{mark}", now.as_micros(), self.given);
        let seal = self.key.seal(&head);
        head + &seal
    }

    /// Whether this nonce is ours, however old.
    pub(super) fn made(&self, nonce: &str) -> bool {
        self.identify(nonce).is_some()
    }

    /// Whether this nonce is ours and was given to this address.
    pub(super) fn gave(&self, nonce: &str, source: IpAddr) -> bool {
        let mark = nonce.get(ID_DIGITS..ID_DIGITS + MARK_DIGITS);
        self.made(nonce) && mark == Some(self.key.mark(source).as_str())
    }

    /// Whether this nonce is ours, young, and the count new; then the count is used up.
    pub(super) fn spend(&mut self, nonce: &str, count: u32, now: Timestamp) -> bool {
        let Some(id) = self.identify(nonce) else { return false };
        let (given_at, _) = id;
        if given_at > now || now.since(given_at) > self.settings.lifetime || id <= self.forgotten {
            return false;
        }
        self.forget(now);
        let fresh = self.used.entry(id).or_default().spend(count);
        while self.used.len() > self.settings.remembered {
            let Some((oldest, _)) = self.used.pop_first() else { break };
            self.forgotten = self.forgotten.max(oldest);
        }
        fresh
    }

    /// The nonce's place, if its seal is ours.
    fn identify(&self, nonce: &str) -> Option<NonceId> {
        let (head, seal) = nonce.split_at_checked(ID_DIGITS + MARK_DIGITS)?;
        if !bool::from(self.key.seal(head).as_bytes().ct_eq(seal.as_bytes())) {
            return None;
        }
        let (micros, number) = head.get(..ID_DIGITS)?.split_at_checked(16)?;
        let micros = u64::from_str_radix(micros, 16).ok()?;
        Some((Timestamp::from_micros(micros), u32::from_str_radix(number, 16).ok()?))
    }

    /// Drops what is stale by age and needs no counts any more.
    fn forget(&mut self, now: Timestamp) {
        let oldest = now - self.settings.lifetime;
        while let Some(entry) = self.used.first_entry() {
            if entry.key().0 >= oldest {
                break;
            }
            entry.remove();
        }
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.used.len()
    }
}

impl Counts {
    fn spend(&mut self, count: u32) -> bool {
        if count == 0 {
            return false;
        }
        if count > self.highest {
            let step = count - self.highest;
            // The old highest moves to its place below the new one.
            let marked = if self.highest == 0 { self.below } else { (self.below << 1) | 1 };
            self.below = if step > WINDOW { 0 } else { marked << (step - 1) };
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        if behind == 0 || behind > WINDOW {
            return false;
        }
        let bit = 1_u64 << (behind - 1);
        let fresh = self.below & bit == 0;
        self.below |= bit;
        fresh
    }
}

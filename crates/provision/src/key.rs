//! The key of an installation: what passwords are made with and addresses signed with.
//!
//! A token is `<phone>.<expiry>.<generation>.<tag>`: expiry in seconds since 1970, tag in hexadecimal
//! the first half of an HMAC-SHA256 (RFC 2104 §5), long enough that nobody guesses one and short
//! enough for a QR code. What is signed includes the account's secret as it is kept: a password that
//! was changed in any way makes the address worthless.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{PhoneId, Timestamp};
use sha2::{Digest as _, Sha256};

/// Octets of a block of SHA-256.
const BLOCK: usize = 64;

/// Octets of a tag.
const TAG: usize = 16;

/// Octets of a password: 24 characters, which every phone takes.
const PASSWORD: usize = 12;

/// Longer texts are no tokens of ours.
const LONGEST_TOKEN: usize = 128;

/// The key of an installation. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// A text is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyError;

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("key is not 64 hexadecimal digits")
    }
}

impl std::error::Error for KeyError {}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(hidden)")
    }
}

/// Which of a phone's passwords it is: higher than any before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Generation(u64);

impl Generation {
    /// The generation of this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The one that follows `last`, issued now. It is the second in which it is issued, so that it is
    /// new even where the last ones are forgotten, as when an older state was restored.
    #[must_use]
    pub fn next(last: Option<Self>, now: Timestamp) -> Self {
        let after = last.map_or(0, |last| last.0.saturating_add(1));
        Self(seconds(now).max(after))
    }
}

/// A hash over a phone's secret as it is kept. `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of secrets, each as it is kept.
    #[must_use]
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let hashed = secrets.into_iter().fold(Sha256::new(), |hash, secret| {
            hash.chain_update(octets(secret.len() as u64)).chain_update(secret)
        });
        Self(hashed.finalize().into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Fingerprint(hidden)")
    }
}

/// What an address allows: to fetch the files of this phone until then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Whose files.
    pub phone: PhoneId,
    /// With which password.
    pub generation: Generation,
    /// Until when; whole seconds count.
    pub expires_at: Timestamp,
}

/// How a phone's account stands now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The generation of its password.
    pub generation: Generation,
    /// The hash over its secret.
    pub fingerprint: Fingerprint,
}

/// Why a token is not accepted. Whoever brought it is told nothing of this.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Denial {
    /// It is not of our form.
    Malformed,
    /// No phone of that name is set up by address.
    UnknownPhone,
    /// It is not signed by us, or was and is revoked: the phone has another password now.
    Invalid,
    /// Its time is over.
    Expired,
}

impl Denial {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Malformed, Self::UnknownPhone, Self::Invalid, Self::Expired];

    /// The reason as the label of a metric.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownPhone => "unknown_phone",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
        }
    }
}

impl Key {
    /// The key of these octets, which are chance.
    #[must_use]
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The key kept as these hexadecimal digits.
    ///
    /// # Errors
    /// When they are none, or not 64.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let mut octets = [0; 32];
        hex::decode_to_slice(text, &mut octets).map_err(|_| KeyError)?;
        Ok(Self(octets))
    }

    /// The digits to keep it as. As good as every password: never logged, never shown.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// A phone's password of this generation.
    #[must_use]
    pub fn password(&self, phone: &PhoneId, generation: Generation) -> String {
        let parts: [&[u8]; 2] = [phone.as_str().as_bytes(), &octets(generation.0)];
        let mac = self.mac("password", &parts).finalize().into_bytes();
        mac.iter().take(PASSWORD).map(|octet| format!("{octet:02x}")).collect()
    }

    /// The token of a grant.
    #[must_use]
    pub fn sign(&self, grant: &Grant, fingerprint: &Fingerprint) -> String {
        let Grant { phone, generation, expires_at } = grant;
        let tag = self.tag(grant, fingerprint).finalize().into_bytes();
        let tag: String = tag.iter().take(TAG).map(|octet| format!("{octet:02x}")).collect();
        format!("{phone}.{}.{}.{tag}", seconds(*expires_at), generation.0)
    }

    /// What a token allows; `standing` tells how the account of a phone stands.
    ///
    /// # Errors
    /// Why it allows nothing.
    pub fn open(
        &self,
        token: &str,
        now: Timestamp,
        standing: impl FnOnce(&PhoneId) -> Option<Standing>,
    ) -> Result<Grant, Denial> {
        let (grant, tag) = read(token).ok_or(Denial::Malformed)?;
        let standing = standing(&grant.phone).ok_or(Denial::UnknownPhone)?;
        let is_ours = self.tag(&grant, &standing.fingerprint).verify_truncated_left(&tag).is_ok();
        if !is_ours || grant.generation != standing.generation {
            return Err(Denial::Invalid);
        }
        if grant.expires_at <= now {
            return Err(Denial::Expired);
        }
        Ok(grant)
    }

    fn tag(&self, grant: &Grant, fingerprint: &Fingerprint) -> Hmac<Sha256> {
        let Grant { phone, generation, expires_at } = grant;
        let (expiry, generation) = (octets(seconds(*expires_at)), octets(generation.0));
        let phone = phone.as_str().as_bytes();
        self.mac("address", &[phone, &expiry, &generation, &fingerprint.0])
    }

    /// Each part with its length before it, so that no two lists of parts are one text.
    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        // A key shorter than a block is filled up with zeros (RFC 2104 §2).
        let mut block = [0; BLOCK];
        block.iter_mut().zip(self.0).for_each(|(place, octet)| *place = octet);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&octets(part.len() as u64));
            mac.update(part);
        }
        mac
    }
}

fn read(token: &str) -> Option<(Grant, [u8; TAG])> {
    if token.len() > LONGEST_TOKEN {
        return None;
    }
    let mut parts = token.split('.');
    let (phone, expiry) = (parts.next()?, number(parts.next()?)?);
    let (generation, digits) = (number(parts.next()?)?, parts.next()?);
    let mut tag = [0; TAG];
    hex::decode_to_slice(digits, &mut tag).ok()?;
    if phone.is_empty() || parts.next().is_some() {
        return None;
    }
    let expires_at = Timestamp::from_micros(expiry.checked_mul(1_000_000)?);
    let generation = Generation(generation);
    Some((Grant { phone: PhoneId::from(phone), generation, expires_at }, tag))
}

/// A number as we write it: digits alone, and no zeros before it.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

const fn octets(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

const fn seconds(at: Timestamp) -> u64 {
    at.as_micros() / 1_000_000
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_740_000);

    fn key() -> Key {
        Key::new([7; 32])
    }

    fn standing() -> Standing {
        let fingerprint = Fingerprint::of(["ha1 by sha-256", "ha1 by md5"]);
        Standing { generation: Generation::new(3), fingerprint }
    }

    fn grant() -> Grant {
        let generation = standing().generation;
        Grant { phone: "1001".into(), generation, expires_at: NOW + Duration::from_secs(60) }
    }

    fn token() -> String {
        key().sign(&grant(), &standing().fingerprint)
    }

    fn opened(token: &str, now: Timestamp) -> Result<Grant, Denial> {
        key().open(token, now, |phone| (phone.as_str() == "1001").then(standing))
    }

    #[test]
    fn a_mac_is_that_of_rfc_2104_over_parts_with_their_lengths() {
        // HMAC-SHA256 by Python's hmac, over the same octets.
        let mac = key().mac("p", &[b"ab", b""]).finalize().into_bytes();
        assert_eq!(
            hex::encode(mac),
            "dc94b40d657038c59958ed751743d97a32c73c2887c788780f4fb58ab2149df0"
        );
    }

    #[test]
    fn a_token_opens_until_it_expires_and_not_after() {
        let token = token();
        assert!(token.starts_with("1001.1795740060.3."), "{token}");
        assert_eq!(opened(&token, NOW), Ok(grant()));
        assert_eq!(opened(&token, NOW + Duration::from_secs(59)), Ok(grant()));
        assert_eq!(opened(&token, NOW + Duration::from_secs(60)), Err(Denial::Expired));
    }

    #[test]
    fn a_token_whose_expiry_phone_or_generation_was_changed_is_none_of_ours() {
        let token = token();
        for (old, new, denial) in [
            ("1795740060", "1895740060", Denial::Invalid),
            (".3.", ".4.", Denial::Invalid),
            ("1001.", "1002.", Denial::UnknownPhone),
            ("1001.", "01001.", Denial::UnknownPhone),
            (".3.", ".03.", Denial::Malformed),
            (".3.", ".+3.", Denial::Malformed),
            (".3.", "..", Denial::Malformed),
            ("1001.", ".", Denial::Malformed),
        ] {
            assert!(token.contains(old));
            assert_eq!(opened(&token.replacen(old, new, 1), NOW), Err(denial), "{old} {new}");
        }
        for cut in 0..token.len() {
            assert!(opened(&token[..cut], NOW).is_err());
        }
        assert_eq!(opened(&format!("{token}.x"), NOW), Err(Denial::Malformed));
        assert_eq!(opened(&"1".repeat(500), NOW), Err(Denial::Malformed));
    }

    #[test]
    fn a_new_generation_or_another_secret_revokes_a_token() {
        let token = token();
        let newer = Standing { generation: Generation::new(4), ..standing() };
        assert_eq!(key().open(&token, NOW, |_| Some(newer)), Err(Denial::Invalid));
        let other = Standing { fingerprint: Fingerprint::of(["another"]), ..standing() };
        assert_eq!(key().open(&token, NOW, |_| Some(other)), Err(Denial::Invalid));
        assert_eq!(Key::new([8; 32]).open(&token, NOW, |_| Some(standing())), Err(Denial::Invalid));
    }

    #[test]
    fn a_password_is_the_same_for_one_generation_and_another_for_every_other() {
        let password =
            |key: &Key, phone: &str, number| key.password(&phone.into(), Generation::new(number));
        let first = password(&key(), "1001", 3);
        assert_eq!(first, password(&key(), "1001", 3));
        assert!(first.len() == 24 && first.chars().all(|c| c.is_ascii_hexdigit()), "{first}");
        assert_ne!(first, password(&key(), "1001", 4));
        assert_ne!(first, password(&key(), "1002", 3));
        assert_ne!(first, password(&Key::new([8; 32]), "1001", 3));
    }

    #[test]
    fn a_generation_is_the_second_of_its_issue_and_higher_than_the_last() {
        let at = Generation::next(None, NOW);
        assert_eq!(at.number(), 1_795_740_000);
        assert_eq!(Generation::next(Some(at), NOW).number(), 1_795_740_001);
        let later = Generation::next(Some(at), NOW + Duration::from_secs(9));
        assert_eq!(later.number(), 1_795_740_009);
    }

    #[test]
    fn a_key_reads_back_as_it_is_kept_and_is_shown_to_nobody() {
        assert_eq!(Key::from_hex(&key().hex()), Ok(key()));
        assert_eq!(Key::from_hex("07"), Err(KeyError));
        assert_eq!(Key::from_hex(&"x".repeat(64)), Err(KeyError));
        assert!(!format!("{:?}{:?}", key(), standing()).contains("07"));
    }

    #[test]
    fn fingerprints_of_other_lists_are_others() {
        assert_ne!(Fingerprint::of(["ab", "c"]), Fingerprint::of(["a", "bc"]));
        assert_ne!(Fingerprint::of(["a"]), Fingerprint::of([]));
    }

    proptest! {
        #[test]
        fn no_text_opens_that_was_not_signed(text in "(1001\\.[0-9]{1,12}\\.3\\.[0-9a-f]{32})|.{0,140}") {
            prop_assert!(text == token() || opened(&text, NOW).is_err());
        }
    }
}

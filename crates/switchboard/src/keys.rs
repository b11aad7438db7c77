//! How we protect what we send: keys of our own, drawn from the chance the floor was opened with.
//!
//! Signalling says them and media uses them; both hear of them from the floor in one step.

use std::fmt;

use model::{Dtls, Fingerprint, IceCredentials, MOST_KEYING, Sdes, Security, SrtpKey, SrtpSuite};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Lengths of what we draw for ICE, in characters of six bits each: RFC 8445 §5.3 wants 24 and
/// 128 bits.
const UFRAG: usize = 8;
const PASSWORD: usize = 24;
/// The characters such credentials are made of (RFC 8839 §5.4).
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a run of the service draws its keys from.
#[derive(Clone)]
pub struct Secrets {
    /// Chance, from the system.
    pub seed: [u8; 32],
    /// The certificate that media shows in handshakes.
    pub certificate: Fingerprint,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secrets(hidden)")
    }
}

/// Draws keys.
pub(crate) struct Keys {
    chance: ChaCha20Rng,
    certificate: Fingerprint,
}

impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Keys(hidden)")
    }
}

impl Keys {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        let chance = ChaCha20Rng::from_seed(secrets.seed);
        Self { chance, certificate: secrets.certificate }
    }

    /// Our side of what the far side proposes. What we said before is said again where it still
    /// fits: a key under which packets are numbered must not begin anew.
    pub(crate) fn answer(&mut self, theirs: &Security, before: &Security) -> Security {
        match theirs {
            Security::None => Security::None,
            Security::Sdes(theirs) => {
                let suite = theirs.key.suite();
                let key = match before {
                    Security::Sdes(before) if before.key.suite() == suite => {
                        Some(before.key.clone())
                    }
                    Security::None | Security::Sdes(_) | Security::Dtls(_) => self.key(suite),
                };
                let sdes = |key| Security::Sdes(Box::new(Sdes { tag: theirs.tag, key }));
                key.map_or(Security::None, sdes)
            }
            Security::Dtls(theirs) => {
                let ice = match (before, &theirs.ice) {
                    (_, None) => None,
                    (Security::Dtls(before), Some(_)) if before.ice.is_some() => before.ice.clone(),
                    (_, Some(_)) => Some(self.credentials()),
                };
                let (fingerprint, setup) = (self.certificate, theirs.setup.answered());
                Security::Dtls(Box::new(Dtls { fingerprint, setup, ice }))
            }
        }
    }

    fn key(&mut self, suite: SrtpSuite) -> Option<SrtpKey> {
        let mut octets = [0; MOST_KEYING];
        self.chance.fill_bytes(&mut octets);
        SrtpKey::new(suite, octets.get(..suite.key_length() + suite.salt_length())?)
    }

    fn credentials(&mut self) -> IceCredentials {
        IceCredentials { ufrag: self.text(UFRAG), password: self.text(PASSWORD) }
    }

    fn text(&mut self, length: usize) -> String {
        let mut drawn = vec![0; length];
        self.chance.fill_bytes(&mut drawn);
        let char = |octet: u8| ICE_CHARS.get(usize::from(octet & 63)).copied().unwrap_or(b'A');
        drawn.into_iter().map(|octet| char::from(char(octet))).collect()
    }
}

#[cfg(test)]
mod tests {
    use model::Setup;

    use super::*;

    fn keys() -> Keys {
        Keys::new(&Secrets { seed: [7; 32], certificate: Fingerprint([1; 32]) })
    }

    fn offered(tag: u32, suite: SrtpSuite) -> Security {
        let octets = vec![9; suite.key_length() + suite.salt_length()];
        Security::Sdes(Box::new(Sdes { tag, key: SrtpKey::new(suite, &octets).unwrap() }))
    }

    fn key_of(security: &Security) -> (u32, SrtpKey) {
        let Security::Sdes(sdes) = security else { panic!("{security:?}") };
        (sdes.tag, sdes.key.clone())
    }

    #[test]
    fn a_key_is_answered_in_kind_by_one_of_our_own() {
        let mut keys = keys();
        for suite in SrtpSuite::ALL {
            let offer = offered(3, suite);
            let (tag, key) = key_of(&keys.answer(&offer, &Security::None));
            assert_eq!((tag, key.suite()), (3, suite));
            assert_ne!(key, key_of(&offer).1);
            assert_ne!(key, key_of(&keys.answer(&offer, &Security::None)).1);
        }
        assert_eq!(keys.answer(&Security::None, &Security::None), Security::None);
    }

    #[test]
    fn a_key_stays_while_its_suite_does() {
        let mut keys = keys();
        let first = keys.answer(&offered(1, SrtpSuite::AesGcm128), &Security::None);
        let again = keys.answer(&offered(2, SrtpSuite::AesGcm128), &first);
        assert_eq!(key_of(&again), (2, key_of(&first).1));
        let other = keys.answer(&offered(1, SrtpSuite::AesGcm256), &first);
        assert_ne!(key_of(&other).1.keying()[..28], *key_of(&first).1.keying());
    }

    #[test]
    fn a_handshake_is_waited_for_and_its_path_is_proven_by_credentials_of_our_own() {
        let mut keys = keys();
        let ice = IceCredentials { ufrag: "abcd".to_owned(), password: "x".repeat(22) };
        let theirs = Dtls {
            fingerprint: Fingerprint([2; 32]),
            setup: Setup::ActPass,
            ice: Some(ice.clone()),
        };
        let theirs = Security::Dtls(Box::new(theirs));
        let own = keys.answer(&theirs, &Security::None);
        let Security::Dtls(said) = &own else { panic!("{own:?}") };
        assert_eq!((said.setup, said.fingerprint), (Setup::Passive, Fingerprint([1; 32])));
        let ours = said.ice.as_ref().unwrap();
        assert_eq!((ours.ufrag.len(), ours.password.len()), (UFRAG, PASSWORD));
        assert_ne!(ours, &ice);
        assert_eq!(keys.answer(&theirs, &own), own);
    }
}

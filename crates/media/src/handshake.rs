//! Agreeing on keys on the path of the audio (DTLS-SRTP, RFC 5763, RFC 5764).

use std::fmt;
use std::net::SocketAddr;

use dimpl::{Dtls, Output, SrtpProfile};
use model::{Fingerprint, Setup, SrtpKey, SrtpSuite, Timestamp};

use crate::identity::{Identity, fingerprint_of};

/// The longest datagram of a handshake.
const DATAGRAM: usize = 2_048;

/// What both send under.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Keys {
    pub(crate) own: SrtpKey,
    pub(crate) theirs: SrtpKey,
}

/// A handshake that will not succeed any more: the far side is not who it said it was, or speaks
/// otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Broken(pub(crate) &'static str);

/// A handshake of one stream.
pub(crate) struct Handshake {
    dtls: Dtls,
    expected: Fingerprint,
    is_proven: bool,
    setup: Setup,
    due: Timestamp,
    /// With whom.
    pub(crate) peer: Option<SocketAddr>,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("Handshake");
        shown.field("peer", &self.peer).field("is_proven", &self.is_proven).finish_non_exhaustive()
    }
}

impl Handshake {
    /// One with whoever has the certificate `expected`; we begin where `setup` is active.
    pub(crate) fn new(
        identity: &Identity,
        expected: Fingerprint,
        setup: Setup,
        now: Timestamp,
    ) -> Self {
        let mut dtls = identity.end(now);
        dtls.set_active(setup == Setup::Active);
        Self { dtls, expected, is_proven: false, setup, due: now, peer: None }
    }

    /// When it goes on by itself; `None` while the far side is to begin.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        (self.setup == Setup::Active || self.peer.is_some()).then_some(self.due)
    }

    /// Takes a datagram of the far side; gives back the keys once they are agreed on.
    ///
    /// # Errors
    /// When it has failed for good.
    pub(crate) fn take(
        &mut self,
        datagram: &[u8],
        at: (&Identity, Timestamp),
        send: impl FnMut(&[u8]),
    ) -> Result<Option<Keys>, Broken> {
        let (identity, now) = at;
        self.dtls.handle_timeout(identity.clock.instant(now)).map_err(|_| TIMED_OUT)?;
        self.dtls.handle_packet(datagram).map_err(|_| FAILED)?;
        self.go_on(at, send)
    }

    /// Does what is due.
    ///
    /// # Errors
    /// When it has failed for good.
    pub(crate) fn tick(
        &mut self,
        at: (&Identity, Timestamp),
        send: impl FnMut(&[u8]),
    ) -> Result<Option<Keys>, Broken> {
        let (identity, now) = at;
        self.dtls.handle_timeout(identity.clock.instant(now)).map_err(|_| TIMED_OUT)?;
        self.go_on(at, send)
    }

    fn go_on(
        &mut self,
        (identity, now): (&Identity, Timestamp),
        mut send: impl FnMut(&[u8]),
    ) -> Result<Option<Keys>, Broken> {
        let mut buffer = [0; DATAGRAM];
        let mut keys = None;
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => send(datagram),
                Output::PeerCert(certificate) => {
                    self.is_proven = fingerprint_of(certificate) == self.expected;
                    if !self.is_proven {
                        return Err(Broken("its certificate is not the one it announced"));
                    }
                }
                Output::KeyingMaterial(material, profile) => {
                    if !self.is_proven {
                        return Err(Broken("it has shown no certificate"));
                    }
                    keys = Some(self.split(&material, profile).ok_or(FAILED)?);
                }
                Output::Timeout(at) => {
                    self.due = now + at.saturating_duration_since(identity.clock.instant(now));
                    return Ok(keys);
                }
                Output::CloseNotify => return Err(Broken("it has closed")),
                Output::BufferTooSmall { .. } => return Err(FAILED),
                Output::Connected | Output::ApplicationData(_) => {}
                // Versions to come may say more.
                _ => {}
            }
        }
    }

    /// Keys of the side that began, of the one that waited, then their salts (RFC 5764 §4.2).
    fn split(&self, material: &[u8], profile: SrtpProfile) -> Option<Keys> {
        let suite = match profile {
            SrtpProfile::AES128_CM_SHA1_80 => SrtpSuite::AesCm128Sha1Tag80,
            SrtpProfile::AEAD_AES_128_GCM => SrtpSuite::AesGcm128,
            SrtpProfile::AEAD_AES_256_GCM => SrtpSuite::AesGcm256,
            _ => return None,
        };
        let (keys, salts) = material.split_at_checked(2 * suite.key_length())?;
        let (key, salt) = (suite.key_length(), suite.salt_length());
        let part = |at: usize| {
            let keying = [keys.get(at * key..)?.get(..key)?, salts.get(at * salt..)?.get(..salt)?];
            SrtpKey::new(suite, &keying.concat())
        };
        let (began, waited) = (part(0)?, part(1)?);
        Some(match self.setup {
            Setup::Active => Keys { own: began, theirs: waited },
            Setup::Passive | Setup::ActPass => Keys { own: waited, theirs: began },
        })
    }
}

const TIMED_OUT: Broken = Broken("it does not answer");
const FAILED: Broken = Broken("it speaks otherwise");

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clock::Clock;

    use super::*;

    /// Two ends and what is on its way between them, with every `losing`th datagram lost.
    struct Path {
        identities: [Identity; 2],
        ends: [Handshake; 2],
        keys: [Option<Keys>; 2],
        now: Timestamp,
        losing: usize,
        sent: usize,
    }

    impl Path {
        fn new(losing: usize) -> Self {
            let clock = Clock::start();
            let identities = [0, 1].map(|_| Identity::new(clock).unwrap());
            let now = clock.now();
            let end = |at: usize, setup| {
                Handshake::new(&identities[at], identities[1 - at].fingerprint, setup, now)
            };
            let ends = [end(0, Setup::Active), end(1, Setup::Passive)];
            Self { identities, ends, keys: [None, None], now, losing, sent: 0 }
        }

        fn run(&mut self) -> Result<(), Broken> {
            let mut flying: Vec<(usize, Vec<u8>)> = Vec::new();
            for _ in 0..200 {
                for at in [0, 1] {
                    let keys =
                        self.ends[at].tick((&self.identities[at], self.now), |datagram| {
                            flying.push((1 - at, datagram.to_vec()));
                        })?;
                    self.keys[at] = self.keys[at].take().or(keys);
                }
                while let Some((to, datagram)) = (!flying.is_empty()).then(|| flying.remove(0)) {
                    self.sent += 1;
                    if self.sent.is_multiple_of(self.losing) {
                        continue;
                    }
                    let keys = self.ends[to].take(
                        &datagram,
                        (&self.identities[to], self.now),
                        |answer| flying.push((1 - to, answer.to_vec())),
                    )?;
                    self.keys[to] = self.keys[to].take().or(keys);
                }
                if self.keys.iter().all(Option::is_some) {
                    break;
                }
                self.now = self.now + Duration::from_millis(250);
            }
            Ok(())
        }
    }

    #[test]
    fn both_ends_agree_on_keys_though_datagrams_are_lost() {
        for losing in [usize::MAX, 5, 3] {
            let mut path = Path::new(losing);
            assert_eq!(path.run(), Ok(()));
            let [Some(a), Some(b)] = path.keys else { panic!("no keys, losing {losing}") };
            assert_eq!((&a.own, &a.theirs), (&b.theirs, &b.own));
            assert_ne!(a.own, a.theirs);
        }
    }

    #[test]
    fn who_shows_another_certificate_than_announced_gets_no_keys() {
        let mut path = Path::new(usize::MAX);
        path.ends[1].expected = Fingerprint([0; 32]);
        assert_eq!(path.run(), Err(Broken("its certificate is not the one it announced")));
        assert_eq!(path.keys[1], None);
    }
}

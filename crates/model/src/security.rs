//! How the audio of a stream is protected: what one side's description says of it, keys included.
//!
//! Keys are drawn by the floor from the chance it was given, rendered by signalling and used by
//! media. They show in no `Debug` and have no way into the log.

use std::fmt;

/// A suite of SRTP that both ends must share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SrtpSuite {
    /// AES in counter mode with a tag of 80 bits (RFC 4568 §6.2.1).
    AesCm128Sha1Tag80,
    /// The same with a tag of 32 bits on audio and of 80 bits on reports (RFC 4568 §6.2.2).
    AesCm128Sha1Tag32,
    /// AES-GCM with a key of 128 bits (RFC 7714).
    AesGcm128,
    /// AES-GCM with a key of 256 bits (RFC 7714).
    AesGcm256,
}

impl SrtpSuite {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::AesCm128Sha1Tag80, Self::AesCm128Sha1Tag32, Self::AesGcm128, Self::AesGcm256];

    /// How long its master key is, in octets.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::AesCm128Sha1Tag80 | Self::AesCm128Sha1Tag32 | Self::AesGcm128 => 16,
            Self::AesGcm256 => 32,
        }
    }

    /// How long its master salt is, in octets.
    #[must_use]
    pub const fn salt_length(self) -> usize {
        match self {
            Self::AesCm128Sha1Tag80 | Self::AesCm128Sha1Tag32 => 14,
            Self::AesGcm128 | Self::AesGcm256 => 12,
        }
    }
}

/// The most octets a master key and its salt have together.
pub const MOST_KEYING: usize = 44;

/// One direction's master key with its salt.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtpKey {
    suite: SrtpSuite,
    octets: [u8; MOST_KEYING],
}

impl SrtpKey {
    /// A key from key and salt in a row; `None` when they are not as long as the suite wants.
    #[must_use]
    pub fn new(suite: SrtpSuite, keying: &[u8]) -> Option<Self> {
        let mut octets = [0; MOST_KEYING];
        octets.get_mut(..keying.len())?.copy_from_slice(keying);
        let wanted = suite.key_length() + suite.salt_length();
        (keying.len() == wanted).then_some(Self { suite, octets })
    }

    /// The suite it is for.
    #[must_use]
    pub const fn suite(&self) -> SrtpSuite {
        self.suite
    }

    /// Key and salt in a row.
    #[must_use]
    pub fn keying(&self) -> &[u8] {
        let length = self.suite.key_length() + self.suite.salt_length();
        self.octets.get(..length).unwrap_or(&self.octets)
    }

    /// The master key and the master salt.
    #[must_use]
    pub fn parts(&self) -> (&[u8], &[u8]) {
        self.keying().split_at_checked(self.suite.key_length()).unwrap_or((&[], &[]))
    }
}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SrtpKey({:?}, hidden)", self.suite)
    }
}

/// The key under which one side sends, said in its description (SDES, RFC 4568).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sdes {
    /// Which of the offer's keys it is or answers.
    pub tag: u32,
    /// The key.
    pub key: SrtpKey,
}

/// SHA-256 of the certificate a side will show (RFC 8122).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub [u8; 32]);

/// Who begins the handshake (RFC 4145 §4, RFC 5763 §5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Setup {
    /// The writer does.
    Active,
    /// The writer waits.
    Passive,
    /// The writer leaves it to the answer.
    ActPass,
}

impl Setup {
    /// What the answer says: we wait, wherever the other side will begin.
    #[must_use]
    pub const fn answered(self) -> Self {
        match self {
            Self::Active | Self::ActPass => Self::Passive,
            Self::Passive => Self::Active,
        }
    }
}

/// What proves that a check of connectivity belongs to the stream (RFC 8445 §5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// The user name fragment.
    pub ufrag: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "IceCredentials({}, hidden)", self.ufrag)
    }
}

/// Keys are agreed on in a handshake on the path of the audio (DTLS-SRTP, RFC 5763).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dtls {
    /// The writer's certificate.
    pub fingerprint: Fingerprint,
    /// Whether the writer begins.
    pub setup: Setup,
    /// Present when the path is to be checked first, as browsers do.
    pub ice: Option<IceCredentials>,
}

/// How the audio is protected.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Security {
    /// Plain RTP.
    #[default]
    None,
    /// SRTP under a key that the description itself carries.
    Sdes(Box<Sdes>),
    /// SRTP under keys from a handshake.
    Dtls(Box<Dtls>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_as_long_as_its_suite_says_and_is_never_shown() {
        for suite in SrtpSuite::ALL {
            let length = suite.key_length() + suite.salt_length();
            let octets: Vec<u8> = (0..=u8::MAX).take(length).collect();
            let key = SrtpKey::new(suite, &octets).unwrap();
            assert_eq!((key.suite(), key.keying()), (suite, &octets[..]));
            assert_eq!(key.parts().0.len(), suite.key_length());
            assert!(format!("{key:?}").ends_with(", hidden)"), "{key:?}");
            assert_eq!(SrtpKey::new(suite, &octets[1..]), None);
            assert_eq!(SrtpKey::new(suite, &[0; 64]), None);
        }
    }
}

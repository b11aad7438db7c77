//! What crosses between signalling, the floor and media about a stream of audio. SDP itself stays
//! in the SIP crates.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::Security;

/// An audio codec we speak. What we prefer comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// G.711 A-law, 8 kHz (static payload type 8).
    Pcma,
    /// G.711 µ-law, 8 kHz (static payload type 0).
    Pcmu,
}

/// A codec and the payload type it travels under in this stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct CodecChoice {
    /// The codec.
    pub codec: Codec,
    /// Its payload type in this session.
    pub payload_type: u8,
}

impl CodecChoice {
    /// G.711 A-law under its static payload type 8.
    pub const PCMA: Self = Self { codec: Codec::Pcma, payload_type: 8 };
    /// G.711 µ-law under its static payload type 0.
    pub const PCMU: Self = Self { codec: Codec::Pcmu, payload_type: 0 };
}

/// Which way audio may flow, seen from the side that wrote the description (RFC 3264 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The writer only sends: it has put us on hold and may play music.
    SendOnly,
    /// The writer only listens.
    RecvOnly,
    /// Neither way: a plain hold.
    Inactive,
}

impl Direction {
    /// The direction an answer gives to this offer when we are willing to do everything
    /// (RFC 3264 §6.1).
    #[must_use]
    pub const fn answered(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    /// Whether the writer will take our audio.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// Where reports go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Rtcp {
    /// To the port after that of the audio (RFC 3550 §11).
    #[default]
    NextPort,
    /// To the port of the audio (RFC 5761).
    Shared,
}

/// One side's description of the one audio stream of a leg. Never empty of codecs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaDescription {
    /// Where the writer wants RTP sent.
    pub address: SocketAddr,
    /// Where it wants RTCP sent.
    pub rtcp: Rtcp,
    /// Codecs in the writer's order of preference.
    pub codecs: Vec<CodecChoice>,
    /// The payload type of 8 kHz `telephone-event` (RFC 4733), when offered.
    pub telephone_event: Option<u8>,
    /// Which way audio may flow.
    pub direction: Direction,
    /// How the audio is protected.
    pub security: Security,
}

impl MediaDescription {
    /// A description at `address` with the codecs we offer, A-law first, and DTMF events.
    #[must_use]
    pub fn ours(address: SocketAddr) -> Self {
        Self {
            address,
            rtcp: Rtcp::NextPort,
            codecs: vec![CodecChoice::PCMA, CodecChoice::PCMU],
            telephone_event: Some(101),
            direction: Direction::SendRecv,
            security: Security::None,
        }
    }

    /// Our answer at `address` to this offer: the codec that we prefer, its own payload types, the mirrored direction (RFC 3264 §6.1). It is not protected until it is said how.
    #[must_use]
    pub fn answer(&self, address: SocketAddr) -> Self {
        Self {
            address,
            rtcp: self.rtcp,
            codecs: self.codec().into_iter().collect(),
            telephone_event: self.telephone_event,
            direction: self.direction.answered(),
            security: Security::None,
        }
    }

    /// The same, protected like this.
    #[must_use]
    pub fn protected(self, security: Security) -> Self {
        Self { security, ..self }
    }

    /// The codec to send, of those the writer takes: the one we prefer, A-law before µ-law, since
    /// that is what is recorded (RFC 3264 §6.1 and §7 leave the choice to who sends).
    #[must_use]
    pub fn codec(&self) -> Option<CodecChoice> {
        self.codecs.iter().copied().min_by_key(|choice| choice.codec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_codecs_offered_we_take_the_one_we_prefer() {
        let address = ([192, 0, 2, 1], 4_000).into();
        let mut offer = MediaDescription::ours(address);
        offer.codecs =
            vec![CodecChoice::PCMU, CodecChoice { codec: Codec::Pcma, payload_type: 97 }];
        let answer = offer.answer(address);
        assert_eq!(answer.codecs, [CodecChoice { codec: Codec::Pcma, payload_type: 97 }]);
        offer.codecs = vec![CodecChoice::PCMU];
        assert_eq!(offer.answer(address).codecs, [CodecChoice::PCMU]);
    }
}

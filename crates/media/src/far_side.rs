//! What signalling has agreed with a far side, in the form packets need.

use model::{Codec, CodecChoice, Direction, MediaDescription, Rtcp};

/// The payload type we name for telephone events when we offer.
const OUR_TELEPHONE_EVENT: u8 = 101;

/// What a payload type stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Payload {
    /// Audio.
    Speech(Codec),
    /// A key being pressed.
    Key,
    /// Valid RTP that nobody shall hear: comfort noise, an unknown codec.
    Other,
}

/// What a far side sends and takes.
#[derive(Clone, Debug)]
pub(crate) struct FarSide {
    /// The codec it is sent.
    pub(crate) codec: CodecChoice,
    codecs: Vec<CodecChoice>,
    /// The payload type under which it takes key presses.
    pub(crate) telephone_event: Option<u8>,
    direction: Direction,
    /// Where its reports go to and come from.
    pub(crate) rtcp: Rtcp,
}

impl FarSide {
    /// What a description means for the media; A-law when it names no codec we speak.
    pub(crate) fn new(description: &MediaDescription) -> Self {
        Self {
            codec: description.codec().unwrap_or(CodecChoice::PCMA),
            codecs: description.codecs.clone(),
            telephone_event: description.telephone_event,
            direction: description.direction,
            rtcp: description.rtcp,
        }
    }

    /// Whether it takes our audio.
    pub(crate) const fn receives(&self) -> bool {
        self.direction.receives()
    }

    /// Whether it says that it sends.
    pub(crate) const fn sends(&self) -> bool {
        matches!(self.direction, Direction::SendRecv | Direction::SendOnly)
    }

    /// What a payload type stands for in its packets. The static types of G.711 are understood
    /// whether agreed or not, and so is the event type we offer ourselves: senders mix them up.
    pub(crate) fn payload(&self, payload_type: u8) -> Payload {
        if self.telephone_event == Some(payload_type) {
            return Payload::Key;
        }
        let agreed = self.codecs.iter().find(|choice| choice.payload_type == payload_type);
        match (agreed, payload_type) {
            (Some(choice), _) => Payload::Speech(choice.codec),
            (None, 8) => Payload::Speech(Codec::Pcma),
            (None, 0) => Payload::Speech(Codec::Pcmu),
            (None, OUR_TELEPHONE_EVENT) => Payload::Key,
            (None, _) => Payload::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types_mean_what_was_agreed() {
        let mut description = MediaDescription::ours(([192, 0, 2, 1], 4_000).into());
        description.telephone_event = Some(96);
        description.codecs = vec![CodecChoice { codec: Codec::Pcmu, payload_type: 97 }];
        let far = FarSide::new(&description);
        assert_eq!(far.payload(97), Payload::Speech(Codec::Pcmu));
        assert_eq!((far.payload(96), far.payload(101)), (Payload::Key, Payload::Key));
        assert_eq!(far.payload(8), Payload::Speech(Codec::Pcma));
        assert_eq!(far.payload(13), Payload::Other);
    }
}

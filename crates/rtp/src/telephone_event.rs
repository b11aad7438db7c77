//! Key presses as telephone events (RFC 4733): each press is many packets and one digit.

use crate::{Header, timestamp_after};

/// The keys in the order of their event codes (RFC 4733 §3.2).
const KEYS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// The longest a single event can say it lasts; longer presses continue in another segment.
const LONGEST: u16 = u16::MAX;

/// How far back a timestamp may be to belong to a press that is over, in samples: 10 s. Further back, the sender
/// has started again.
const LATE: i32 = -80_000;

/// Samples in 20 ms, as a duration.
const FRAME_LENGTH: u16 = 160;

/// How often the end is sent, against loss (RFC 4733 §2.5.1.4).
const ENDS: u8 = 3;

/// The payload of a telephone-event packet (RFC 4733 §2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TelephoneEvent {
    /// What happens; 0 to 15 are keys.
    pub event: u8,
    /// Whether it is over.
    pub end: bool,
    /// Power below 0 dBm0, in dB: 0 to 63.
    pub volume: u8,
    /// How long it has lasted, in samples.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads a payload; `None` when it is too short.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let &[event, flags, high, low] = payload.first_chunk::<4>()?;
        let duration = u16::from_be_bytes([high, low]);
        Some(Self { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    /// The four octets of the payload.
    #[must_use]
    pub const fn octets(&self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, (self.end as u8) << 7 | self.volume & 0x3f, high, low]
    }

    /// The key, for events that are keys.
    #[must_use]
    pub fn digit(&self) -> Option<char> {
        KEYS.get(usize::from(self.event)).copied()
    }
}

/// Finds the key presses in a stream. A digit is reported with the first packet of its press,
/// whichever that is; the rest of the press, repeated or late, is silent.
#[derive(Clone, Debug, Default)]
pub struct DigitReceiver {
    press: Option<Press>,
}

#[derive(Clone, Copy, Debug)]
struct Press {
    ssrc: u32,
    timestamp: u32,
    event: u8,
    ended: bool,
}

impl DigitReceiver {
    /// Takes a telephone-event packet; gives back the digit when a press begins.
    pub fn take(&mut self, header: &Header, payload: &[u8]) -> Option<char> {
        let event = TelephoneEvent::read(payload)?;
        let digit = event.digit()?;
        let press = Press {
            ssrc: header.ssrc,
            timestamp: header.timestamp,
            event: event.event,
            ended: event.end,
        };
        let Some(last) = self.press.filter(|last| last.ssrc == header.ssrc) else {
            self.press = Some(press);
            return Some(digit);
        };
        match timestamp_after(last.timestamp, header.timestamp) {
            0 => {
                self.press = Some(Press { ended: last.ended || event.end, ..last });
                None
            }
            LATE..0 => None,
            // A press beyond the longest duration goes on in a segment that begins where the
            // last one was full (RFC 4733 §2.5.1.3).
            after if after == i32::from(LONGEST) && last.event == event.event && !last.ended => {
                self.press = Some(press);
                None
            }
            _ => {
                self.press = Some(press);
                Some(digit)
            }
        }
    }
}

/// One packet of a press we send. All have the RTP timestamp of the moment the key went down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventPacket {
    /// Set on the first packet.
    pub marker: bool,
    /// The payload.
    pub payload: [u8; 4],
}

/// Sends a press: one packet for each 20 ms, then the end three times over.
#[derive(Clone, Debug)]
pub struct DigitSender {
    event: TelephoneEvent,
    length: u16,
    ends: u8,
}

impl DigitSender {
    /// A press of `digit` for `length` samples, at least one frame; `None` when there is no such
    /// key.
    #[must_use]
    pub fn press(digit: char, length: u16) -> Option<Self> {
        let at = KEYS.iter().position(|key| key.eq_ignore_ascii_case(&digit))?;
        let event = u8::try_from(at).ok()?;
        let event = TelephoneEvent { event, end: false, volume: 10, duration: 0 };
        Some(Self { event, length: length.max(FRAME_LENGTH), ends: 0 })
    }
}

impl Iterator for DigitSender {
    type Item = EventPacket;

    fn next(&mut self) -> Option<EventPacket> {
        let marker = self.event.duration == 0;
        if self.ends == ENDS {
            return None;
        }
        self.event.duration = self.event.duration.saturating_add(FRAME_LENGTH).min(self.length);
        self.event.end = self.event.duration == self.length;
        self.ends += u8::from(self.event.end);
        Some(EventPacket { marker, payload: self.event.octets() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(timestamp: u32) -> Header {
        Header { marker: false, payload_type: 101, sequence: 0, timestamp, ssrc: 1 }
    }

    fn press(digit: char) -> Vec<EventPacket> {
        DigitSender::press(digit, 800).unwrap().collect()
    }

    #[test]
    fn a_press_is_sent_with_a_marker_first_and_its_end_three_times() {
        let packets = press('#');
        assert_eq!(packets.len(), 7);
        assert!(packets[0].marker && packets[1..].iter().all(|packet| !packet.marker));
        let last = TelephoneEvent::read(&packets[6].payload).unwrap();
        assert_eq!((last.digit(), last.end, last.duration), (Some('#'), true, 800));
        assert_eq!(packets[4].payload, packets[6].payload);
        assert!(DigitSender::press('x', 800).is_none());
    }

    #[test]
    fn a_press_is_one_digit_whatever_part_of_it_arrives() {
        let packets = press('5');
        for lost in 0_u32..1 << 7 {
            let mut receiver = DigitReceiver::default();
            let arriving = (0..7).filter(|at| lost >> at & 1 == 0);
            let digits: String =
                arriving.filter_map(|at| receiver.take(&header(0), &packets[at].payload)).collect();
            assert_eq!(digits, if lost == 0x7f { "" } else { "5" });
        }
    }

    #[test]
    fn the_same_key_pressed_twice_is_two_digits_even_when_every_end_is_lost() {
        let mut receiver = DigitReceiver::default();
        let mut digits = String::new();
        for timestamp in [0, 1_600] {
            for packet in &press('1')[..4] {
                digits.extend(receiver.take(&header(timestamp), &packet.payload));
            }
        }
        assert_eq!(digits, "11");
    }

    #[test]
    fn a_late_packet_of_an_earlier_press_is_silent() {
        let mut receiver = DigitReceiver::default();
        assert_eq!(receiver.take(&header(0), &press('1')[0].payload), Some('1'));
        assert_eq!(receiver.take(&header(1_600), &press('2')[0].payload), Some('2'));
        assert_eq!(receiver.take(&header(0), &press('1')[6].payload), None);
        assert_eq!(receiver.take(&header(1_600), &press('2')[6].payload), None);
    }

    #[test]
    fn a_press_longer_than_one_event_can_say_is_one_digit() {
        let mut receiver = DigitReceiver::default();
        let full = TelephoneEvent { event: 7, end: false, volume: 10, duration: u16::MAX };
        assert_eq!(receiver.take(&header(0), &full.octets()), Some('7'));
        assert_eq!(receiver.take(&header(65_535), &full.octets()), None);
        assert_eq!(receiver.take(&header(131_070), &full.octets()), None);
    }

    #[test]
    fn what_is_no_key_or_too_short_is_ignored() {
        let mut receiver = DigitReceiver::default();
        assert_eq!(receiver.take(&header(0), &[16, 0, 0, 0]), None);
        assert_eq!(receiver.take(&header(0), &[1, 0, 0]), None);
    }
}

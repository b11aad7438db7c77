//! What reads RTP and RTCP.

use std::net::SocketAddr;
use std::time::Duration;

use model::Timestamp;
use rtp::rtcp::{self, Compound, Element};
use rtp::{
    DigitReceiver, HEADER, Header, Latch, Outgoing, Packet, Reception, Timeline, Verdict, is_rtcp,
    wav_alaw,
};

/// Packets one after another, each behind one octet of length and one of time: read, written again,
/// and given to everything that keeps count of a stream.
pub fn rtp(octets: &[u8]) {
    let here = SocketAddr::from(([192, 0, 2, 1], 30_000));
    let mut stream = Stream::begun(here);
    let mut rest = octets;
    while let Some((&[length, pause], after)) = rest.split_first_chunk::<2>() {
        let Some((datagram, after)) = after.split_at_checked(usize::from(length)) else { break };
        rest = after;
        stream.now = stream.now + Duration::from_millis(u64::from(pause) * 7);
        stream.take(datagram, SocketAddr::from(([192, 0, 2, pause & 3], 30_000)));
    }
    let _samples = wav_alaw(octets);
}

struct Stream {
    now: Timestamp,
    latch: Latch,
    reception: Reception,
    timeline: Timeline,
    outgoing: Outgoing,
    digits: DigitReceiver,
}

impl Stream {
    fn begun(signalled: SocketAddr) -> Self {
        let now = Timestamp::from_secs(1_000);
        let mut latch = Latch::default();
        latch.signal(signalled);
        Self {
            now,
            latch,
            reception: Reception::default(),
            timeline: Timeline::new(now),
            outgoing: Outgoing::new(7, 4_008_001_234),
            digits: DigitReceiver::default(),
        }
    }

    fn take(&mut self, datagram: &[u8], from: SocketAddr) {
        let _kind = is_rtcp(datagram);
        let Ok(packet) = Packet::read(datagram) else { return };
        assert_eq!(datagram.get(packet.range.clone()), Some(packet.payload), "the range is off");
        assert!(packet.range.start >= HEADER, "no room for our header");
        rewritten(&packet.header, packet.payload);
        if self.latch.judge(from, &packet.header, self.now) == Verdict::Stranger {
            return;
        }
        let length = packet.payload.len();
        self.reception.count(&packet.header, self.now);
        let _place = self.timeline.place(&packet.header, length, self.now);
        let _digit = self.digits.take(&packet.header, packet.payload);
        let ours = self.outgoing.relay(&packet.header, 8, length, self.now);
        assert_eq!(ours.ssrc, self.outgoing.ssrc(), "another voice is heard");
        let report = self.reception.report(self.now);
        let sent = self.outgoing.report(self.now);
        let compound = Compound::report(7, sent, report.as_slice());
        let read = rtcp::read(compound.octets());
        assert!(
            matches!(read.as_deref(), Ok([Element::SenderReport { ssrc: 7, .. }])),
            "our report cannot be read: {read:?}"
        );
    }
}

/// Whoever writes a header and a payload reads them back.
fn rewritten(header: &Header, payload: &[u8]) {
    let mut buffer = [0; HEADER + 256];
    let written = header.write(payload, &mut buffer);
    let again = written.and_then(|written| Packet::read(written).ok());
    assert!(
        again.is_some_and(|again| again.header == *header && again.payload == payload),
        "{header:?} reads back as something else"
    );
}

/// One compound packet.
pub fn rtcp(octets: &[u8]) {
    let Ok(elements) = rtcp::read(octets) else { return };
    assert!(is_rtcp(octets), "a report is told from RTP by its second octet");
    assert!(elements.len() <= octets.len() / 4, "more packets than there is room for");
    for element in &elements {
        if let Element::SenderReport { ssrc, sent, blocks } = element {
            let written = Compound::report(*ssrc, Some(*sent), blocks);
            let read = rtcp::read(written.octets());
            assert_eq!(read.as_deref(), Ok(std::slice::from_ref(element)));
        }
        if let Element::ReceiverReport { ssrc, blocks } = element {
            let written = Compound::report(*ssrc, None, blocks);
            assert_eq!(rtcp::read(written.octets()).as_deref(), Ok(std::slice::from_ref(element)));
        }
    }
}

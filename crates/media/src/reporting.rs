//! RTCP of one stream: what we report, when, and where to.

use std::net::SocketAddr;
use std::time::Duration;

use model::Timestamp;
use rtp::rtcp::{Compound, Element, read};
use rtp::{Malformed, Outgoing, Reception};

/// The mean time between reports (RFC 3550 §6.2).
const INTERVAL_MILLIS: u64 = 5_000;

/// When the next report is due, and where the far side's reports come from.
#[derive(Debug)]
pub(crate) struct Reporting {
    pub(crate) due: Timestamp,
    from: Option<SocketAddr>,
    chance: u32,
}

impl Reporting {
    /// Reports from `now` on; `chance` spreads them and must not be zero for it to do so.
    pub(crate) fn new(now: Timestamp, chance: u32) -> Self {
        let mut reporting = Self { due: now, from: None, chance };
        reporting.again(now);
        reporting
    }

    /// Sets the next report to half to one and a half times the mean interval from now, so that
    /// streams opened together do not report together (RFC 3550 §6.3.1).
    pub(crate) fn again(&mut self, now: Timestamp) {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 17;
        self.chance ^= self.chance << 5;
        let spread = u64::from(self.chance) % INTERVAL_MILLIS;
        self.due = now + Duration::from_millis(INTERVAL_MILLIS / 2 + spread);
    }

    /// Takes the far side's compound packet.
    ///
    /// # Errors
    /// [`Malformed`], and nothing is taken.
    pub(crate) fn take(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        reception: &mut Reception,
        now: Timestamp,
    ) -> Result<(), Malformed> {
        for element in read(datagram)? {
            if let Element::SenderReport { sent, .. } = element {
                reception.reported(&sent, now);
            }
        }
        self.from = Some(from);
        Ok(())
    }

    /// Where reports go: back to where the far side's come from, else to the port after its RTP.
    pub(crate) fn target(&self, rtp: SocketAddr) -> Option<SocketAddr> {
        let same_host = |from: &SocketAddr| from.ip() == rtp.ip();
        self.from
            .filter(same_host)
            .or_else(|| Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?)))
    }
}

/// Our report of a stream; `None` while nothing was sent nor received.
pub(crate) fn report(
    outgoing: &Outgoing,
    reception: &mut Reception,
    now: Timestamp,
) -> Option<Compound> {
    let sent = outgoing.report(now);
    let block = reception.report(now);
    if sent.is_none() && block.is_none() {
        return None;
    }
    let ssrc = outgoing.ssrc();
    // A name for each stream, that tells nothing (RFC 7022 §4.2).
    let name = format!("{ssrc:08x}@hotline");
    Some(Compound::report(ssrc, sent, block.as_slice()).name(ssrc, &name))
}

#[cfg(test)]
mod tests {
    use rtp::Header;

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    fn address(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], port))
    }

    #[test]
    fn reports_are_about_five_seconds_apart_and_spread() {
        let mut reporting = Reporting::new(START, 77);
        let spans: Vec<Duration> = (0..1_000)
            .map(|_| {
                reporting.again(START);
                reporting.due.since(START)
            })
            .collect();
        let mean = spans.iter().sum::<Duration>() / 1_000;
        assert!((4_800..5_200).contains(&mean.as_millis()), "{mean:?}");
        assert!(spans.iter().all(|span| (2_500..7_500).contains(&span.as_millis())));
    }

    #[test]
    fn reports_go_to_the_next_port_until_the_far_side_shows_another_of_the_same_host() {
        let mut reporting = Reporting::new(START, 77);
        assert_eq!(reporting.target(address(1, 4_000)), Some(address(1, 4_001)));
        assert_eq!(reporting.target(address(1, 65_535)), None);
        let theirs = Compound::report(9, None, &[]);
        let mut reception = Reception::default();
        reporting.take(theirs.octets(), address(1, 5_000), &mut reception, START).unwrap();
        assert_eq!(reporting.target(address(1, 4_000)), Some(address(1, 5_000)));
        assert_eq!(reporting.target(address(2, 4_000)), Some(address(2, 4_001)));
    }

    #[test]
    fn there_is_a_report_once_something_was_sent_or_received() {
        let (mut outgoing, mut reception) = (Outgoing::new(1, 2), Reception::default());
        assert!(report(&outgoing, &mut reception, START).is_none());
        let header = Header { marker: false, payload_type: 8, sequence: 0, timestamp: 0, ssrc: 9 };
        reception.count(&header, START);
        let receiver = report(&outgoing, &mut reception, START).unwrap();
        assert!(matches!(
            read(receiver.octets()).unwrap().first(),
            Some(Element::ReceiverReport { blocks, .. }) if blocks.len() == 1
        ));
        outgoing.generate(8, 160, START);
        let sender = report(&outgoing, &mut reception, START).unwrap();
        assert!(matches!(read(sender.octets()).unwrap()[0], Element::SenderReport { .. }));
    }
}

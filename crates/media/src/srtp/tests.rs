use model::{SrtpKey, SrtpSuite};
use proptest::prelude::*;

use super::*;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(octet).collect()
}

/// The master key and salt of RFC 3711 B.3.
fn rfc_key() -> SrtpKey {
    let keying = octets("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    SrtpKey::new(SrtpSuite::AesCm128Sha1Tag80, &keying).unwrap()
}

fn key(suite: SrtpSuite, octet: u8) -> SrtpKey {
    let keying = vec![octet; suite.key_length() + suite.salt_length()];
    SrtpKey::new(suite, &keying).unwrap()
}

fn packet(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 160]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(std::iter::repeat_n(0xd5, 160));
    packet
}

fn protected(sender: &mut Sender, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + MOST_ADDED, 0);
    let length = sender.protect(&mut buffer, packet.len()).unwrap();
    buffer.truncate(length);
    buffer
}

/// What libsrtp 2 makes of this packet, and of this report as its first, under these keys.
const AUDIO: &str = "800f1234 decafbad cafebabe abababab abababab abababab abababab";
const REPORT: &str = "81c8000b cafebabe abababab abababab abababab abababab";
const OTHERS: [(SrtpSuite, &str, &str); 4] = [
    (
        SrtpSuite::AesCm128Sha1Tag80,
        "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
        "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798",
    ),
    (
        SrtpSuite::AesCm128Sha1Tag32,
        "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc",
        "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798",
    ),
    (
        SrtpSuite::AesGcm128,
        "800f1234decafbadcafebabe4ad7d8a55fb3fd902db557c94b415ecd17ea3bd1754d1f2808104e868c1cf597",
        "81c8000bcafebabe60b68cb97100e4206ca1c1b44a69f017d387a55d3b720ebc6a4f31cd9316b96180000001",
    ),
    (
        SrtpSuite::AesGcm256,
        "800f1234decafbadcafebabed54ed632a76bff3fa2efbb5597a5d5e87c07497c6b89729d1291317aeef11ba7",
        "81c8000bcafebabe12d596ce61c485e7bae16103356375e982b1916f80021399f9b4c28101aaa9af80000001",
    ),
];

/// For counter mode the key of RFC 3711 B.3, else octets that count up.
fn others_key(suite: SrtpSuite) -> SrtpKey {
    match suite {
        SrtpSuite::AesCm128Sha1Tag80 | SrtpSuite::AesCm128Sha1Tag32 => {
            SrtpKey::new(suite, rfc_key().keying()).unwrap()
        }
        SrtpSuite::AesGcm128 | SrtpSuite::AesGcm256 => {
            let length = suite.key_length() + suite.salt_length();
            SrtpKey::new(suite, &(0..44).take(length).collect::<Vec<u8>>()).unwrap()
        }
    }
}

#[test]
fn we_speak_as_libsrtp_does() {
    for (suite, audio, report) in OTHERS {
        let (key, plain) = (others_key(suite), octets(AUDIO));
        assert_eq!(protected(&mut Sender::new(&key), &plain), octets(audio), "{suite:?}");
        let mut received = octets(audio);
        assert_eq!(Receiver::new(&key).open(&mut received), Ok(plain.len()), "{suite:?}");
        assert_eq!(received[..plain.len()], plain);

        let plain = octets(REPORT);
        let mut sender = Sender::new(&key);
        // Its first report is number 1, ours 0.
        sender.reports = 1;
        let mut sent = [&plain[..], &[0; MOST_ADDED]].concat();
        let length = sender.protect_report(&mut sent, plain.len()).unwrap();
        assert_eq!(sent[..length], octets(report), "{suite:?}");
        assert_eq!(Receiver::new(&key).open_report(&mut sent[..length]), Ok(plain.len()));
        assert_eq!(sent[..plain.len()], plain);
    }
}

#[test]
fn what_is_protected_opens_again_under_every_suite_and_under_no_other_key() {
    for suite in SrtpSuite::ALL {
        let mut sender = Sender::new(&key(suite, 7));
        let mut receiver = Receiver::new(&key(suite, 7));
        let mut stranger = Receiver::new(&key(suite, 8));
        // Across two wraps of the number that a packet carries.
        for number in 60_000..200_000_u32 {
            let plain = packet((number & 0xffff) as u16, 9);
            let sent = protected(&mut sender, &plain);
            assert_ne!(sent[12..172], plain[12..172], "{suite:?}");
            if number % 1_000 == 0 {
                assert_eq!(stranger.open(&mut sent.clone()), Err(Fault::Forged));
                let mut received = sent.clone();
                assert_eq!(receiver.open(&mut received), Ok(plain.len()), "{suite:?} {number}");
                assert_eq!(received[..plain.len()], plain);
                assert_eq!(receiver.open(&mut sent.clone()), Err(Fault::Replayed));
            }
        }
    }
}

#[test]
fn reports_open_again_under_every_suite_once() {
    for suite in SrtpSuite::ALL {
        let mut sender = Sender::new(&key(suite, 7));
        let mut receiver = Receiver::new(&key(suite, 7));
        for _ in 0..3 {
            let plain = [&[0x80, 201, 0, 1, 0, 0, 0, 9][..], b"and what they say"].concat();
            let mut sent = [&plain[..], &[0; MOST_ADDED]].concat();
            let length = sender.protect_report(&mut sent, plain.len()).unwrap();
            sent.truncate(length);
            let mut again = sent.clone();
            assert_eq!(receiver.open_report(&mut sent), Ok(plain.len()), "{suite:?}");
            assert_eq!(sent[..plain.len()], plain);
            assert_eq!(receiver.open_report(&mut again), Err(Fault::Replayed));
        }
    }
}

#[test]
fn a_number_is_used_once_only() {
    let mut sender = Sender::new(&key(SrtpSuite::AesGcm128, 1));
    protected(&mut sender, &packet(5, 9));
    let mut buffer = packet(5, 9);
    buffer.resize(300, 0);
    assert_eq!(sender.protect(&mut buffer, 172), None);
}

#[test]
fn contributors_and_extensions_stay_readable() {
    let mut plain = packet(1, 9);
    plain[0] |= 0x12;
    plain.splice(12..12, [0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
    for suite in SrtpSuite::ALL {
        let mut sent = protected(&mut Sender::new(&key(suite, 1)), &plain);
        assert_eq!(sent[..28], plain[..28], "{suite:?}");
        assert_eq!(Receiver::new(&key(suite, 1)).open(&mut sent), Ok(plain.len()));
        assert_eq!(sent[..plain.len()], plain);
    }
}

#[test]
fn a_new_talker_takes_the_place_of_who_was_heard_longest_ago() {
    let mut sender = Sender::new(&rfc_key());
    let mut receiver = Receiver::new(&rfc_key());
    for ssrc in 0..20 {
        // One sender has one talker in earnest; the number goes on for the test alone.
        let mut sent = protected(&mut sender, &packet(ssrc, u32::from(ssrc)));
        assert!(receiver.open(&mut sent).is_ok());
    }
    assert_eq!(receiver.talkers.len(), MOST_TALKERS);
    assert!(receiver.talkers.iter().all(|(ssrc, _)| *ssrc >= 16));
}

proptest! {
    #[test]
    fn no_datagram_panics_and_none_is_believed(
        mut datagram in proptest::collection::vec(any::<u8>(), 0..120),
        suite in proptest::sample::select(SrtpSuite::ALL.to_vec()),
    ) {
        if let Some(first) = datagram.first_mut() {
            *first = *first & 0x3f | 0x80;
        }
        let before = datagram.clone();
        let mut receiver = Receiver::new(&key(suite, 3));
        prop_assert!(receiver.open(&mut datagram).is_err());
        prop_assert!(receiver.open_report(&mut datagram).is_err());
        prop_assert_eq!(receiver.talkers.len(), 0);
        prop_assert_eq!(datagram, before);
    }
}

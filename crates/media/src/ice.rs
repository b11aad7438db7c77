//! Checks of the path, as browsers make them before they send audio: we are at an address everybody
//! reaches, so we only answer (ICE lite, RFC 8445 §2.5; STUN, RFC 8489).

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use model::IceCredentials;
use sha1::Sha1;

use crate::srtp::Fault;

/// The longest answer: header, an IPv6 address, its proof and a checksum.
pub(crate) const MOST_ANSWER: usize = HEADER + 24 + PROOF + 8;

const HEADER: usize = 20;
/// MESSAGE-INTEGRITY with its head.
const PROOF: usize = 24;
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
/// What the checksum is masked with (RFC 8489 §14.7).
const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// A check that proved to come from the far side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Check {
    transaction: [u8; 12],
    /// Whether audio is to take this path.
    pub(crate) nominates: bool,
}

impl Check {
    /// Reads a check of a path to who has these credentials.
    ///
    /// # Errors
    /// When it is none, or was not made by who knows them.
    pub(crate) fn read(datagram: &[u8], own: &IceCredentials) -> Result<Self, Fault> {
        let rest = datagram.strip_prefix(&BINDING_REQUEST).ok_or(Fault::Malformed)?;
        let (length, rest) = rest.split_first_chunk().ok_or(Fault::Malformed)?;
        let rest = rest.strip_prefix(&COOKIE).ok_or(Fault::Malformed)?;
        let (transaction, mut rest) = rest.split_first_chunk().ok_or(Fault::Malformed)?;
        if usize::from(u16::from_be_bytes(*length)) != rest.len() {
            return Err(Fault::Malformed);
        }
        let (mut is_ours, mut nominates) = (false, false);
        while let Some((head, after)) = rest.split_first_chunk() {
            let [a, b, c, d] = *head;
            let (kind, length) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let value = after.get(..usize::from(length)).ok_or(Fault::Malformed)?;
            match kind {
                // Our fragment comes first (RFC 8445 §7.2.2).
                USERNAME => {
                    let theirs = value.strip_prefix(own.ufrag.as_bytes());
                    is_ours = theirs.is_some_and(|theirs| theirs.starts_with(b":"));
                }
                USE_CANDIDATE => nominates = true,
                MESSAGE_INTEGRITY => {
                    let before = datagram.len() - rest.len();
                    prove(datagram.get(..before).unwrap_or(&[]), value, own)?;
                    let check = Self { transaction: *transaction, nominates };
                    return if is_ours { Ok(check) } else { Err(Fault::Forged) };
                }
                _ => {}
            }
            let padded = usize::from(length).next_multiple_of(4);
            rest = after.get(padded..).ok_or(Fault::Malformed)?;
        }
        Err(Fault::Forged)
    }

    /// The answer: where the check came from, proven by what both know.
    pub(crate) fn answer(&self, source: SocketAddr, own: &IceCredentials) -> Answer {
        let mut answer = Answer::begun(&self.transaction);
        let [c0, c1, ..] = COOKIE;
        let port = source.port() ^ u16::from_be_bytes([c0, c1]);
        match source.ip().to_canonical() {
            IpAddr::V4(ip) => answer.address((1, port), &ip.octets(), &self.transaction),
            IpAddr::V6(ip) => answer.address((2, port), &ip.octets(), &self.transaction),
        }
        answer.prove(own);
        answer.checksum();
        answer
    }
}

/// Checks what proves a message, made over what stands before it as if it ended there
/// (RFC 8489 §14.5).
fn prove(before: &[u8], proof: &[u8], own: &IceCredentials) -> Result<(), Fault> {
    let mac = keyed(before, own).ok_or(Fault::Malformed)?;
    mac.verify_slice(proof).map_err(|_| Fault::Forged)
}

fn keyed(before: &[u8], own: &IceCredentials) -> Option<Hmac<Sha1>> {
    let length = u16::try_from((before.len() + PROOF).checked_sub(HEADER)?).ok()?;
    let mut mac = Hmac::<Sha1>::new_from_slice(own.password.as_bytes()).ok()?;
    mac.update(before.get(..2)?);
    mac.update(&length.to_be_bytes());
    mac.update(before.get(4..)?);
    Some(mac)
}

/// An answer as it is written.
#[derive(Debug)]
pub(crate) struct Answer {
    octets: [u8; MOST_ANSWER],
    length: usize,
}

impl Answer {
    /// The datagram.
    pub(crate) fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }

    fn begun(transaction: &[u8; 12]) -> Self {
        let mut answer = Self { octets: [0; MOST_ANSWER], length: 0 };
        answer.push(&BINDING_SUCCESS);
        answer.push(&[0, 0]);
        answer.push(&COOKIE);
        answer.push(transaction);
        answer
    }

    /// Where the check came from: family, port already masked, and address (RFC 8489 §14.2).
    fn address(&mut self, (family, port): (u8, u16), ip: &[u8], transaction: &[u8]) {
        let length = u16::try_from(4 + ip.len()).unwrap_or(u16::MAX);
        self.push(&XOR_MAPPED_ADDRESS.to_be_bytes());
        self.push(&length.to_be_bytes());
        self.push(&[0, family]);
        self.push(&port.to_be_bytes());
        for (octet, mask) in ip.iter().zip(COOKIE.iter().chain(transaction)) {
            self.push(&[octet ^ mask]);
        }
    }

    fn prove(&mut self, own: &IceCredentials) {
        let Some(mac) = keyed(self.octets(), own) else { return };
        self.push(&MESSAGE_INTEGRITY.to_be_bytes());
        self.push(&20_u16.to_be_bytes());
        self.push(&mac.finalize().into_bytes());
        self.declare(0);
    }

    fn checksum(&mut self) {
        self.declare(8);
        let checksum = crc32fast::hash(self.octets()) ^ FINGERPRINT_MASK;
        self.push(&FINGERPRINT.to_be_bytes());
        self.push(&4_u16.to_be_bytes());
        self.push(&checksum.to_be_bytes());
    }

    /// Says how long the message is, with this much still to come.
    fn declare(&mut self, more: usize) {
        let length = u16::try_from(self.length + more - HEADER).unwrap_or(u16::MAX);
        if let Some(field) = self.octets.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }

    fn push(&mut self, octets: &[u8]) {
        let end = self.length + octets.len();
        if let Some(room) = self.octets.get_mut(self.length..end) {
            room.copy_from_slice(octets);
            self.length = end;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn own() -> IceCredentials {
        IceCredentials { ufrag: "ours".to_owned(), password: "p".repeat(24) }
    }

    /// A check by somebody who knows this password, to this user name.
    pub(crate) fn check(username: &str, password: &str, nominates: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(USERNAME.to_be_bytes());
        body.extend(u16::try_from(username.len()).unwrap().to_be_bytes());
        body.extend(username.as_bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(nominates);
        let mut message = [&BINDING_REQUEST[..], &[0, 0], &COOKIE, &[7; 12], &body].concat();
        let length = u16::try_from(message.len() + PROOF - HEADER).unwrap();
        message[2..4].copy_from_slice(&length.to_be_bytes());
        let theirs = IceCredentials { ufrag: String::new(), password: password.to_owned() };
        let proof = keyed(&message, &theirs).unwrap().finalize().into_bytes();
        message.extend(MESSAGE_INTEGRITY.to_be_bytes());
        message.extend(20_u16.to_be_bytes());
        message.extend(&proof);
        message
    }

    #[test]
    fn a_check_is_believed_from_who_knows_what_we_said() {
        let password = own().password;
        let read = |message: &[u8]| Check::read(message, &own());
        let plain = read(&check("ours:theirs", &password, &[])).unwrap();
        assert!(!plain.nominates);
        let nominating = read(&check("ours:theirs", &password, &[0, 0x25, 0, 0])).unwrap();
        assert!(nominating.nominates);
        assert_eq!(read(&check("ours:theirs", "guessed", &[])), Err(Fault::Forged));
        assert_eq!(read(&check("other:theirs", &password, &[])), Err(Fault::Forged));
        assert_eq!(read(&check("ours", &password, &[])), Err(Fault::Forged));
        let message = check("ours:theirs", &password, &[]);
        for length in 0..message.len() {
            assert!(read(&message[..length]).is_err());
        }
    }

    #[test]
    fn the_answer_says_where_the_check_came_from_and_is_proven() {
        let asked = Check { transaction: [7; 12], nominates: false };
        for source in ["192.0.2.1:4000", "[2001:db8::1]:4000"] {
            let answer = asked.answer(source.parse().unwrap(), &own());
            let octets = answer.octets();
            assert_eq!(usize::from(octets[3]) + HEADER, octets.len(), "{source}");
            let proof = octets.len() - 8 - PROOF;
            let before = &octets[..proof];
            assert_eq!(prove(before, &octets[proof + 4..proof + PROOF], &own()), Ok(()));
            let checksum = crc32fast::hash(&octets[..octets.len() - 8]) ^ FINGERPRINT_MASK;
            assert_eq!(octets[octets.len() - 4..], checksum.to_be_bytes());
        }
        let answer = asked.answer("192.0.2.1:4000".parse().unwrap(), &own());
        // 192.0.2.1 and 4000 under the cookie.
        assert_eq!(
            answer.octets()[20..32],
            [0, 0x20, 0, 8, 0, 1, 0x2e, 0xb2, 0xe1, 0x12, 0xa6, 0x43]
        );
    }
}

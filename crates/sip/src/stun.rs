//! STUN as a keep-alive of SIP over UDP (RFC 5389; RFC 5626 §4.4.2, §8): what a phone behind a NAT
//! asks between its registrations, to keep the way open and to see whether it has changed.
//!
//! Nobody proves who he is in it (RFC 5626 §8), so fields that would are passed over.

use std::net::{IpAddr, SocketAddr};

#[cfg(test)]
mod tests;

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const BINDING_ERROR: [u8; 2] = [0x01, 0x11];
/// In every message, and in the addresses of responses, lest a NAT rewrites them (RFC 5389 §6).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// From here on attributes may be passed over by who does not know them (RFC 5389 §15).
const OPTIONAL: u16 = 0x8000;
/// What a request may carry by RFC 5389 itself: USERNAME, MESSAGE-INTEGRITY, REALM and NONCE.
const KNOWN: [u16; 4] = [0x0006, 0x0008, 0x0014, 0x0015];
/// Class 4, number 20, and what it means (RFC 5389 §15.6).
const UNKNOWN_ATTRIBUTE: &[u8] = b"\0\0\x04\x14Unknown Attribute";

/// A Binding request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindingRequest {
    transaction: [u8; 12],
    /// Attributes that must be understood and are not.
    unknown: Vec<u16>,
}

impl BindingRequest {
    /// Reads one; none where the octets are anything else, SIP among it.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let rest = octets.strip_prefix(&BINDING_REQUEST)?;
        let (length, rest) = rest.split_first_chunk()?;
        let rest = rest.strip_prefix(&COOKIE)?;
        let (transaction, attributes) = rest.split_first_chunk()?;
        if usize::from(u16::from_be_bytes(*length)) != attributes.len() {
            return None;
        }
        Some(Self { transaction: *transaction, unknown: unknown(attributes)? })
    }

    /// The response: where the request came from; 420 when it asks for what we do not know
    /// (RFC 5389 §7.3.1). Never much longer than the request, so that nobody gains by forging its
    /// source.
    #[must_use]
    pub fn answer(&self, source: SocketAddr) -> Vec<u8> {
        if self.unknown.is_empty() {
            let mapped = self.mapped(source);
            return self.response(BINDING_SUCCESS, &[(XOR_MAPPED_ADDRESS, &mapped)]);
        }
        let unknown: Vec<u8> = self.unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        let attributes = [(ERROR_CODE, UNKNOWN_ATTRIBUTE), (UNKNOWN_ATTRIBUTES, &unknown[..])];
        self.response(BINDING_ERROR, &attributes)
    }

    fn response(&self, kind: [u8; 2], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend(length(value).to_be_bytes());
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        [&kind[..], &length(&body).to_be_bytes(), &COOKIE, &self.transaction, &body].concat()
    }

    /// The value of XOR-MAPPED-ADDRESS (RFC 5389 §15.2).
    fn mapped(&self, address: SocketAddr) -> Vec<u8> {
        let (family, ip) = match address.ip().to_canonical() {
            IpAddr::V4(ip) => (1, ip.octets().to_vec()),
            IpAddr::V6(ip) => (2, ip.octets().to_vec()),
        };
        let mask = COOKIE.iter().chain(&self.transaction);
        let port = address.port().to_be_bytes();
        let port = port.iter().zip(&COOKIE).map(|(octet, mask)| octet ^ mask);
        let ip = ip.iter().zip(mask).map(|(octet, mask)| octet ^ mask);
        [0, family].into_iter().chain(port).chain(ip).collect()
    }
}

/// The attributes that must be understood and are not; none when they are no attributes.
fn unknown(mut attributes: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    while let Some((head, rest)) = attributes.split_first_chunk() {
        let [a, b, c, d] = *head;
        let (kind, length) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        if kind < OPTIONAL && !KNOWN.contains(&kind) {
            unknown.push(kind);
        }
        attributes = rest.get(usize::from(length).next_multiple_of(4)..)?;
    }
    attributes.is_empty().then_some(unknown)
}

/// How long it is. What we write is no longer than the datagram that asked for it.
fn length(octets: &[u8]) -> u16 {
    u16::try_from(octets.len()).unwrap_or(u16::MAX)
}

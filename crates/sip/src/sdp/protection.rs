//! What a description says about protecting the audio: keys in the description itself (SDES,
//! RFC 4568), or a certificate and a path for a handshake (DTLS-SRTP, RFC 5763; ICE, RFC 8839).

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use model::{Dtls, Fingerprint, IceCredentials, Sdes, Security, Setup, SrtpKey, SrtpSuite};
use sdp_types::{Attribute, Media, Session};

use super::SdpError;

/// The most keys of one offer that are looked at.
const MOST_KEYS: usize = 16;
/// How long fragments and passwords of ICE may be (RFC 8839 §5.4).
const UFRAG: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD: std::ops::RangeInclusive<usize> = 22..=256;
/// A candidate of a host on its one network: type preference 126, local preference 65 535,
/// component 1 (RFC 8445 §5.1.2.1).
const HOST_PRIORITY: u32 = 2_130_706_431;

/// How a stream with this transport is protected.
///
/// # Errors
/// When the transport is none of ours, or what it needs is missing or not to be shared.
pub(super) fn read(session: &Session, media: &Media) -> Result<Security, SdpError> {
    let is = |names: &[&str]| names.iter().any(|name| media.proto.eq_ignore_ascii_case(name));
    // With feedback or without: none has to be sent (RFC 4585 §3.2).
    if is(&["RTP/AVP", "RTP/AVPF"]) {
        return Ok(Security::None);
    }
    if is(&["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"]) {
        return handshake(session, media);
    }
    if is(&["RTP/SAVP", "RTP/SAVPF"]) {
        // Before RFC 5764 had its own transport, a certificate stood under this one.
        let keys = has(media, "crypto") || said(session, media, "fingerprint").is_none();
        return if keys { described(media) } else { handshake(session, media) };
    }
    Err(SdpError::NotAcceptable("audio stream is neither RTP nor SRTP"))
}

/// The writer's first key that we can use.
fn described(media: &Media) -> Result<Security, SdpError> {
    let lines = media.attributes.iter().filter(|it| it.attribute.eq_ignore_ascii_case("crypto"));
    let mut keys = lines.take(MOST_KEYS).filter_map(|line| key(line.value.as_deref()?));
    keys.next()
        .map(|key| Security::Sdes(Box::new(key)))
        .ok_or(SdpError::NotAcceptable("audio stream has no key of a suite we speak"))
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^31`. One that names parts of the stream (MKI) or leaves
/// something unprotected is none of ours; how long it may be used is no matter for a call.
fn key(value: &str) -> Option<Sdes> {
    let mut words = value.split_ascii_whitespace();
    let tag = words.next()?;
    let tag = tag.parse().ok().filter(|_| tag.bytes().all(|it| it.is_ascii_digit()))?;
    let name = words.next()?;
    let suite = SrtpSuite::ALL.into_iter().find(|it| suite_name(*it).eq_ignore_ascii_case(name))?;
    let (method, info) = words.next()?.split_once(':')?;
    if !method.eq_ignore_ascii_case("inline") || info.contains(';') {
        return None;
    }
    let mut fields = info.split('|');
    let keying = fields.next()?.trim_end_matches('=');
    if fields.any(|field| field.contains(':')) {
        return None;
    }
    if !words.all(|parameter| starts_with(parameter, "WSH=")) {
        return None;
    }
    let keying = STANDARD_NO_PAD.decode(keying).ok()?;
    Some(Sdes { tag, key: SrtpKey::new(suite, &keying)? })
}

/// A certificate's fingerprint, who begins, and what proves the path.
fn handshake(session: &Session, media: &Media) -> Result<Security, SdpError> {
    let print = said(session, media, "fingerprint")
        .ok_or(SdpError::NotAcceptable("audio stream has no fingerprint"))?;
    let fingerprint = fingerprint(print)
        .ok_or(SdpError::NotAcceptable("fingerprint of the audio stream is not by SHA-256"))?;
    let setup = match said(session, media, "setup").map(str::to_ascii_lowercase).as_deref() {
        Some("active") => Setup::Active,
        Some("passive") => Setup::Passive,
        // A description that does not say is an offer to do either (RFC 5763 §5).
        Some("actpass") | None => Setup::ActPass,
        Some(_) => return Err(SdpError::NotAcceptable("audio stream holds its connection")),
    };
    let ice = match (said(session, media, "ice-ufrag"), said(session, media, "ice-pwd")) {
        (Some(ufrag), Some(password)) => Some(
            credentials(ufrag, password)
                .ok_or(SdpError::Malformed("credentials of ICE are not such"))?,
        ),
        _ => None,
    };
    Ok(Security::Dtls(Box::new(Dtls { fingerprint, setup, ice })))
}

fn credentials(ufrag: &str, password: &str) -> Option<IceCredentials> {
    let of_ice =
        |text: &str| text.bytes().all(|it| it.is_ascii_alphanumeric() || b"+/".contains(&it));
    let fit = UFRAG.contains(&ufrag.len()) && PASSWORD.contains(&password.len());
    (fit && of_ice(ufrag) && of_ice(password))
        .then(|| IceCredentials { ufrag: ufrag.to_owned(), password: password.to_owned() })
}

/// `sha-256 AB:CD:…`.
fn fingerprint(value: &str) -> Option<Fingerprint> {
    let (hash, octets) = value.trim().split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let mut print = [0; 32];
    let mut parts = octets.trim().split(':');
    for octet in &mut print {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(Fingerprint(print))
}

/// What the stream says, else the session (RFC 8866 §6).
fn said<'a>(session: &'a Session, media: &'a Media, name: &str) -> Option<&'a str> {
    let within = |attributes: &'a [Attribute]| {
        let mut named = attributes.iter().filter(|it| it.attribute.eq_ignore_ascii_case(name));
        named.find_map(|it| it.value.as_deref()).map(str::trim)
    };
    within(&media.attributes).or_else(|| within(&session.attributes))
}

/// Whether the stream has an attribute of this name.
pub(super) fn has(media: &Media, name: &str) -> bool {
    media.attributes.iter().any(|it| it.attribute.eq_ignore_ascii_case(name))
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The transport of a stream that we offer.
pub(super) const fn transport(security: &Security) -> &'static str {
    match security {
        Security::None => "RTP/AVP",
        Security::Sdes(_) => "RTP/SAVP",
        Security::Dtls(_) => "UDP/TLS/RTP/SAVPF",
    }
}

/// What our stream at this address says about its protection.
pub(super) fn attributes(security: &Security, address: SocketAddr) -> Vec<Attribute> {
    match security {
        Security::None => Vec::new(),
        Security::Sdes(sdes) => {
            let Sdes { tag, key } = &**sdes;
            let (name, keying) = (suite_name(key.suite()), STANDARD.encode(key.keying()));
            vec![Attribute::with_value("crypto", format!("{tag} {name} inline:{keying}"))]
        }
        Security::Dtls(dtls) => {
            let octets: Vec<_> = dtls.fingerprint.0.iter().map(|it| format!("{it:02X}")).collect();
            let setup = match dtls.setup {
                Setup::Active => "active",
                Setup::Passive => "passive",
                Setup::ActPass => "actpass",
            };
            let mut lines = vec![
                Attribute::with_value("fingerprint", format!("sha-256 {}", octets.join(":"))),
                Attribute::with_value("setup", setup),
            ];
            if let Some(ice) = &dtls.ice {
                let (ip, port) = (address.ip(), address.port());
                let candidate = format!("1 1 udp {HOST_PRIORITY} {ip} {port} typ host");
                lines.push(Attribute::with_value("ice-ufrag", &ice.ufrag));
                lines.push(Attribute::with_value("ice-pwd", &ice.password));
                lines.push(Attribute::with_value("candidate", candidate));
                lines.push(Attribute::new("end-of-candidates"));
            }
            lines
        }
    }
}

/// Whether the path is checked by ICE: we only answer such checks (RFC 8445 §2.5).
pub(super) fn checks(security: &Security) -> bool {
    matches!(security, Security::Dtls(dtls) if dtls.ice.is_some())
}

/// The name of a suite (RFC 4568 §6.2, RFC 7714 §14.2).
const fn suite_name(suite: SrtpSuite) -> &'static str {
    match suite {
        SrtpSuite::AesCm128Sha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
        SrtpSuite::AesCm128Sha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
        SrtpSuite::AesGcm128 => "AEAD_AES_128_GCM",
        SrtpSuite::AesGcm256 => "AEAD_AES_256_GCM",
    }
}

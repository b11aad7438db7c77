//! Reading a description.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use model::{Codec, CodecChoice, Direction, MediaDescription, Rtcp};
use sdp_types::{Attribute, Media, Session};

use super::{MOST_STREAMS, SdpError, protection};

/// Reads the first audio stream that we can use: RTP or SRTP, not refused, with a codec we speak.
/// Octets that are no UTF-8 do no harm.
///
/// # Errors
/// When it is no description, or has no such stream.
pub fn parse_description(body: &[u8]) -> Result<MediaDescription, SdpError> {
    chosen(&parse(body)?).map(|(_, description)| description)
}

/// The syntax alone.
pub(super) fn parse(body: &[u8]) -> Result<Session, SdpError> {
    let text = String::from_utf8_lossy(body);
    let session = Session::parse(text.as_bytes())
        .map_err(|_| SdpError::Malformed("body is no session description"))?;
    if session.medias.len() > MOST_STREAMS {
        return Err(SdpError::Malformed("session description has too many streams"));
    }
    Ok(session)
}

/// The first stream we can use and its place among the streams. When there is none, the first
/// audio stream's fault is told.
pub(super) fn chosen(session: &Session) -> Result<(usize, MediaDescription), SdpError> {
    let mut fault = None;
    for (place, media) in session.medias.iter().enumerate().filter(|(_, media)| is_audio(media)) {
        match stream(session, media) {
            Ok(description) => return Ok((place, description)),
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    Err(fault.unwrap_or(SdpError::NotAcceptable("no audio stream")))
}

fn is_audio(media: &Media) -> bool {
    media.media.eq_ignore_ascii_case("audio")
}

fn stream(session: &Session, media: &Media) -> Result<MediaDescription, SdpError> {
    if media.port == 0 {
        return Err(SdpError::NotAcceptable("audio stream is refused"));
    }
    let security = protection::read(session, media)?;
    let ip = address(session, media)?;
    let formats = formats(media);
    let codecs = codecs(&formats);
    if codecs.is_empty() {
        return Err(SdpError::NotAcceptable("audio stream has no codec we speak"));
    }
    let direction = direction(session, media);
    // RFC 2543 said "send me nothing" by an address of zeros; it still is sent (RFC 3264 §8.4).
    // Where the path is found by ICE it only says that no candidate is known yet (RFC 8839 §4.3.1).
    let deaf = ip.is_unspecified() && !protection::checks(&security);
    Ok(MediaDescription {
        address: SocketAddr::new(ip, media.port),
        rtcp: if protection::has(media, "rtcp-mux") { Rtcp::Shared } else { Rtcp::NextPort },
        codecs,
        telephone_event: telephone_event(&formats),
        direction: if deaf { deafened(direction) } else { direction },
        security,
    })
}

fn address(session: &Session, media: &Media) -> Result<IpAddr, SdpError> {
    let connection = media.connections.first().or(session.connection.as_ref());
    let connection = connection.ok_or(SdpError::Malformed("no connection address"))?;
    let address = connection
        .try_address()
        .map_err(|_| SdpError::NotAcceptable("address is no IP address"))?;
    if address.ip.is_multicast() {
        return Err(SdpError::NotAcceptable("address is multicast"));
    }
    Ok(address.ip)
}

/// A payload type, the name of its format and its clock rate in Hz.
type Format = (u8, String, u32);

/// The formats of the stream in their order. Payload types 0 and 8 need no rtpmap (RFC 3551 §6).
fn formats(media: &Media) -> Vec<Format> {
    let mut known = BTreeMap::new();
    let maps = media.attributes.iter().filter(|it| it.attribute.eq_ignore_ascii_case("rtpmap"));
    for format in maps.filter_map(|attribute| rtpmap(attribute.value.as_deref()?)) {
        known.entry(format.0).or_insert(format);
    }
    known.entry(0).or_insert((0, "PCMU".to_owned(), 8000));
    known.entry(8).or_insert((8, "PCMA".to_owned(), 8000));
    let types = media.fmt.split_ascii_whitespace().filter_map(|text| text.parse::<u8>().ok());
    // Each payload type counts once, so the list is no longer than there are types.
    types.filter_map(|payload_type| known.remove(&payload_type)).collect()
}

/// `8 PCMA/8000` or `8 PCMA/8000/1`; more channels than one are nothing to us.
fn rtpmap(value: &str) -> Option<Format> {
    let (payload_type, encoding) = value.trim().split_once(' ')?;
    let mut parts = encoding.trim().split('/');
    let (name, clock) = (parts.next()?, parts.next()?.trim().parse().ok()?);
    let mono = parts.next().is_none_or(|channels| channels.trim() == "1");
    let payload_type = payload_type.parse().ok().filter(|payload_type| *payload_type < 128)?;
    mono.then_some((payload_type, name.to_ascii_uppercase(), clock))
}

/// Each codec once, under the first payload type it has.
fn codecs(formats: &[Format]) -> Vec<CodecChoice> {
    let mut codecs: Vec<CodecChoice> = Vec::new();
    for (payload_type, name, clock) in formats {
        let codec = match (name.as_str(), clock) {
            ("PCMA", 8000) => Codec::Pcma,
            ("PCMU", 8000) => Codec::Pcmu,
            _ => continue,
        };
        if codecs.iter().all(|choice| choice.codec != codec) {
            codecs.push(CodecChoice { codec, payload_type: *payload_type });
        }
    }
    codecs
}

/// Events count in the clock of the codec beside them, so only 8 kHz ones are ours
/// (RFC 4733 §2.1).
fn telephone_event(formats: &[Format]) -> Option<u8> {
    let ours = |format: &&Format| format.1 == "TELEPHONE-EVENT" && format.2 == 8000;
    formats.iter().find(ours).map(|format| format.0)
}

/// The stream's own direction, else the session's, else both ways (RFC 8866 §6.7).
fn direction(session: &Session, media: &Media) -> Direction {
    let said = |attributes: &[Attribute]| attributes.iter().find_map(direction_of);
    said(&media.attributes).or_else(|| said(&session.attributes)).unwrap_or_default()
}

fn direction_of(attribute: &Attribute) -> Option<Direction> {
    match attribute.attribute.to_ascii_lowercase().as_str() {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

const fn deafened(direction: Direction) -> Direction {
    match direction {
        Direction::SendRecv | Direction::SendOnly => Direction::SendOnly,
        Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
    }
}

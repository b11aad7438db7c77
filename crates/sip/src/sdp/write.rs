//! Writing our description.

use model::{Codec, CodecChoice, Direction, MediaDescription, Rtcp};
use sdp_types::{Attribute, Connection, Media, Origin, Session};

use super::read::{chosen, parse};
use super::{SdpError, protection};

/// What tells our descriptions within a session apart: the number stays, the version rises by
/// one with every change (RFC 3264 §8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SdpOrigin {
    /// The session's number.
    pub session_id: u64,
    /// The description's number within it.
    pub version: u64,
}

/// Writes an offer. `previous` is the description last agreed on, when there is one: the offer
/// then has its streams in its order, all but the audio stream in use refused (RFC 3264 §8).
#[must_use]
pub fn write_offer(
    description: &MediaDescription,
    previous: Option<&[u8]>,
    origin: SdpOrigin,
) -> Vec<u8> {
    let previous = previous.and_then(|body| parse(body).ok());
    match previous.as_ref().and_then(|it| Some((it, chosen(it).ok()?.0))) {
        Some((previous, place)) => among(previous, place, description, origin),
        None => {
            let transport = protection::transport(&description.security);
            let streams = vec![stream(description, transport)];
            rendered(&session(description, streams, origin))
        }
    }
}

/// Writes the answer to `offer`: as many streams in the same order, all but the one we use
/// refused with port 0 (RFC 3264 §6).
///
/// # Errors
/// When the offer is none, or has no stream we can use.
pub fn write_answer(
    description: &MediaDescription,
    offer: &[u8],
    origin: SdpOrigin,
) -> Result<Vec<u8>, SdpError> {
    let offer = parse(offer)?;
    let (place, _) = chosen(&offer)?;
    Ok(among(&offer, place, description, origin))
}

/// The other side's streams with ours in its place and the others refused.
fn among(
    theirs: &Session,
    place: usize,
    description: &MediaDescription,
    origin: SdpOrigin,
) -> Vec<u8> {
    let ours_or_refused = |(at, media): (usize, &Media)| {
        if at == place { named(stream(description, &media.proto), media) } else { refused(media) }
    };
    let medias = theirs.medias.iter().enumerate().map(ours_or_refused).collect();
    let mut session = session(description, medias, origin);
    let name = theirs.medias.get(place).and_then(name_of);
    session.attributes.extend(name.filter(|name| bundled(theirs, name)).map(bundle));
    rendered(&session)
}

/// The name of a stream.
fn name_of(media: &Media) -> Option<&str> {
    media.attributes.iter().find(|it| it.attribute == "mid")?.value.as_deref()
}

/// Whether the other side sends the stream of this name in a bundle.
fn bundled(theirs: &Session, name: &str) -> bool {
    let groups = theirs.attributes.iter().filter(|it| it.attribute == "group");
    let mut bundles = groups.filter_map(|it| it.value.as_deref()?.strip_prefix("BUNDLE "));
    bundles.any(|names| names.split_ascii_whitespace().any(|it| it == name))
}

/// The one stream we take, alone in its bundle (RFC 9143 §7.3).
fn bundle(name: &str) -> Attribute {
    Attribute::with_value("group", format!("BUNDLE {name}"))
}

/// Our stream under the name the other side gave it (RFC 5888 §9.2).
fn named(mut ours: Media, theirs: &Media) -> Media {
    ours.attributes.extend(name_of(theirs).map(|name| Attribute::with_value("mid", name)));
    ours
}

fn session(description: &MediaDescription, medias: Vec<Media>, origin: SdpOrigin) -> Session {
    let ip = description.address.ip();
    let mut origin_line = Origin::with_ip_addr(origin.session_id, origin.version, ip);
    origin_line.username = Some("-".to_owned());
    let mut session = Session::new(origin_line, "-");
    session.connection = Some(Connection::from_ip_addr(ip));
    if protection::checks(&description.security) {
        session.attributes.push(Attribute::new("ice-lite"));
    }
    session.medias = medias;
    session
}

fn rendered(session: &Session) -> Vec<u8> {
    let mut body = Vec::with_capacity(512);
    // A vector takes everything: the only fault the writer knows is that of its sink.
    if session.write(&mut body).is_err() {
        body.clear();
    }
    body
}

fn stream(description: &MediaDescription, transport: &str) -> Media {
    let codecs = description.codecs.iter().map(|choice| choice.payload_type);
    let types: Vec<_> =
        codecs.chain(description.telephone_event).map(|it| it.to_string()).collect();
    let mut media = bare("audio", description.address.port(), transport, &types.join(" "));
    media.attributes = description.codecs.iter().map(codec_map).collect();
    if let Some(payload_type) = description.telephone_event {
        media.attributes.extend(event_map(payload_type));
    }
    media.attributes.push(Attribute::with_value("ptime", 20));
    if description.rtcp == Rtcp::Shared {
        media.attributes.push(Attribute::new("rtcp-mux"));
    }
    media.attributes.extend(protection::attributes(&description.security, description.address));
    media.attributes.push(Attribute::new(direction(description.direction)));
    media
}

/// A stream we do not take keeps its kind, transport and formats (RFC 3264 §6).
fn refused(media: &Media) -> Media {
    bare(&media.media, 0, &media.proto, &media.fmt)
}

fn bare(kind: &str, port: u16, transport: &str, formats: &str) -> Media {
    Media {
        media: kind.to_owned(),
        port,
        num_ports: None,
        proto: transport.to_owned(),
        fmt: formats.to_owned(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

fn codec_map(choice: &CodecChoice) -> Attribute {
    let name = match choice.codec {
        Codec::Pcma => "PCMA",
        Codec::Pcmu => "PCMU",
    };
    Attribute::with_value("rtpmap", format!("{} {name}/8000", choice.payload_type))
}

/// Events 0 to 16: the keys and the hook flash (RFC 4733 §3.2).
fn event_map(payload_type: u8) -> [Attribute; 2] {
    [
        Attribute::with_value("rtpmap", format!("{payload_type} telephone-event/8000")),
        Attribute::with_value("fmtp", format!("{payload_type} 0-16")),
    ]
}

const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

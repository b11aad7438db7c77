//! As much of SIP as the generator speaks: requests and responses as text, read by header. Not our
//! own core, so that what is measured does not share its faults with what measures.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::SockRef;

/// How long a thread waits for a message before it looks at its clock.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

pub(crate) fn open(local: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::new(local, 0)).expect("a port for signalling");
    socket.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
    let _ = SockRef::from(&socket).set_recv_buffer_size(4 << 20);
    socket
}

/// The value of the first header of this name.
pub(crate) fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    all(message, name).next()
}

/// The values of every header of this name.
pub(crate) fn all<'a>(message: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    message
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .filter(move |(found, _)| found.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// The address in angle brackets.
pub(crate) fn uri(value: &str) -> Option<&str> {
    value.split_once('<')?.1.split_once('>').map(|(uri, _)| uri)
}

/// The user part of the request's URI.
pub(crate) fn user(request: &str) -> Option<&str> {
    user_of(request.split(' ').nth(1)?)
}

/// The user part of an address.
pub(crate) fn user_of(uri: &str) -> Option<&str> {
    uri.split_once(':')?.1.split(['@', ';']).next()
}

/// A response's status.
pub(crate) fn status(message: &str) -> Option<u16> {
    message.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// Where the other side wants its audio.
pub(crate) fn audio(message: &str) -> Option<SocketAddr> {
    let ip = message.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
    let port = message.lines().find_map(|line| line.strip_prefix("m=audio "))?;
    let port = port.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(ip.trim().parse().ok()?, port))
}

/// A description of A-law at this address.
pub(crate) fn description(address: SocketAddr) -> String {
    described(address, "sendrecv")
}

/// The same, with the direction of the audio.
pub(crate) fn described(address: SocketAddr, direction: &str) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na={direction}\r\n"
    )
}

/// A response to a request, with the tag added where To has none.
pub(crate) fn response(request: &str, status: &str, contact: SocketAddr, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"] {
        for value in all(request, name) {
            let tag = if name == "To" && !value.contains(";tag=") { ";tag=us" } else { "" };
            let _ = write!(text, "{name}: {value}{tag}\r\n");
        }
    }
    let user = user(request).filter(|user| !user.contains(':')).map(|user| format!("{user}@"));
    let _ = write!(text, "Contact: <sip:{}{contact}>\r\n", user.unwrap_or_default());
    end(text, body)
}

/// Whom a request is from and to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) call_id: String,
    /// Ours, with the tag.
    pub(crate) from: String,
    /// Theirs, with the tag once there is one.
    pub(crate) to: String,
    /// Where requests within the dialog go.
    pub(crate) target: String,
}

/// A request; `cseq` also tells its branch from that of others in the dialog.
pub(crate) fn request(
    (method, cseq): (&str, u32),
    names: &Names,
    local: SocketAddr,
    more: &str,
    body: &str,
) -> String {
    let Names { call_id, from, to, target } = names;
    let branch = format!("z9hG4bK{}{method}{cseq}", call_id.replace('@', ""));
    let contact = if more.contains("Contact:") {
        String::new()
    } else {
        format!("Contact: <sip:{local}>\r\n")
    };
    end(
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n{contact}{more}"
        ),
        body,
    )
}

fn end(mut text: String, body: &str) -> String {
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_copies_what_names_the_dialog_and_adds_our_tag() {
        let local: SocketAddr = "127.0.0.1:5060".parse().unwrap();
        let names = Names {
            call_id: "1@bench".into(),
            from: "<sip:a@b>;tag=x".into(),
            to: "<sip:c@d>".into(),
            target: "sip:c@d".into(),
        };
        let asked = request(("INVITE", 1), &names, local, "", &description(local));
        let answer = response(&asked, "200 OK", local, "");
        assert_eq!(status(&answer), Some(200));
        assert_eq!(header(&answer, "to"), Some("<sip:c@d>;tag=us"));
        assert_eq!(header(&answer, "Call-ID"), Some("1@bench"));
        assert_eq!(user(&asked), Some("c"));
        assert_eq!(audio(&asked), Some(local));
        assert_eq!(uri("\"x\" <sip:q@w>;tag=1"), Some("sip:q@w"));
    }
}

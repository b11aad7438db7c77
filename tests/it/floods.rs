//! Floods from strangers: what they send costs no memory, fills no log, and keeps no phone out.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::house::{Answers, Baresip, Over, Plan, SOON, Server, wait_until};

/// How much comes in one flood, in octets: more than ten times what it may cost, however slow the
/// machine that sends it.
const FLOOD: u64 = 11 * (GROWTH << 10);

/// Sources that it comes from.
const SOURCES: u8 = 200;

/// How much a flood may cost, in kibibytes, once others have filled what is bounded.
const GROWTH: u64 = 4 << 10;

/// How much all of them may fill, in kibibytes.
const FILLED: u64 = 64 << 10;

/// How much the log may grow by one, in octets.
const SAID: usize = 256 << 10;

/// A service to which nobody but the carrier and the phones at 127.0.0.1 is known.
fn house(guard: &str) -> Server {
    Server::start_with(Plan::default(), |text| {
        text.replace("127.0.0.0/8", "127.0.0.1") + "\n[guard]\ntrusted = [\"192.0.2.1\"]\n" + guard
    })
}

/// Strangers at addresses of their own.
fn strangers() -> Vec<UdpSocket> {
    let at = |host| UdpSocket::bind((Ipv4Addr::new(127, 9, 0, host), 0)).unwrap();
    (1..=SOURCES).map(at).collect()
}

/// Sends as fast as it goes, each message from the next of the strangers; gives how many octets.
fn flood(to: SocketAddr, message: impl Fn(u64, SocketAddr) -> String) -> u64 {
    let strangers = strangers();
    let mut octets = 0;
    for (number, stranger) in (0_u64..).zip(strangers.iter().cycle()) {
        if octets > FLOOD {
            break;
        }
        let text = message(number, stranger.local_addr().unwrap());
        octets += text.len() as u64;
        let _ = stranger.send_to(text.as_bytes(), to);
    }
    octets
}

/// A request that is no other's.
fn request(method: &str, number: u64, from: SocketAddr, more: &str) -> String {
    format!(
        "{method} sip:{number}@test.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP {from};branch=z9hG4bK-flood-{number};rport\r\n\
         From: <sip:{number}@test.example>;tag=f{number}\r\nTo: <sip:{number}@test.example>\r\n\
         Call-ID: flood-{number}@{from}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
         Contact: <sip:{number}@{from}>\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// Credentials that somebody made up.
fn made_up(number: u64) -> String {
    format!(
        "Authorization: Digest username=\"{number}\", realm=\"test.example\", nonce=\"{number:064x}\", \
         uri=\"sip:{number}@test.example\", response=\"{number:032x}\", algorithm=MD5, qop=auth, \
         nc=00000001, cnonce=\"x\"\r\n"
    )
}

/// Lets a flood go by; it has cost little, and the service is at work.
fn costs_little(server: &Server, what: &str, flood: &dyn Fn() -> u64) {
    let (before, said) = (server.resident_kib(), server.said().len());
    let octets = flood();
    wait_until("the service is well", SOON, || server.is_healthy());
    let grown = server.resident_kib().saturating_sub(before);
    eprintln!("{what}: {octets} octets, {grown} KiB");
    assert!(grown <= GROWTH, "{what}: {octets} octets made it grow by {grown} KiB");
    let said = server.said().len().saturating_sub(said);
    assert!(said <= SAID, "{what}: the log has grown by {said} octets");
}

fn a_phone_still_gets_in(server: &Server, number: u32, over: Over) {
    let how = (over, Answers::AtOnce);
    let agent = Baresip::agent(&number.to_string(), server.phones(), how, 1_000);
    server.sign_in(number);
    drop(agent);
}

#[test]
fn floods_of_datagrams_from_strangers_cost_no_memory_and_keep_no_phone_out() {
    let server = house("");
    let (phones, trunk) = (server.phones(), server.trunk());
    let at_rest = server.resident_kib();
    let floods: [(&str, &dyn Fn() -> u64); 5] = [
        ("calls without credentials", &|| {
            flood(phones, |number, from| request("INVITE", number, from, ""))
        }),
        ("registrations with made-up credentials", &|| {
            flood(phones, |number, from| request("REGISTER", number, from, &made_up(number)))
        }),
        ("calls at the trunks' listener", &|| {
            flood(trunk, |number, from| request("INVITE", number, from, ""))
        }),
        ("ends of calls that are not there", &|| {
            flood(phones, |number, from| request("BYE", number, from, ""))
        }),
        ("what is no message", &|| {
            let broken = |text: String| text.replace("SIP/2.0", "X/9");
            flood(phones, |number, from| broken(request("INVITE", number, from, "")))
        }),
    ];
    // What is bounded is filled once.
    for (_, flood) in &floods {
        flood();
    }
    let filled = server.resident_kib().saturating_sub(at_rest);
    assert!(filled <= FILLED, "it holds {filled} KiB of what strangers said");
    for (what, flood) in floods {
        costs_little(&server, what, flood);
    }
    assert!(!server.said().contains("panicked"), "{}", server.said());
    assert_eq!(server.status().repairs, 0);
    a_phone_still_gets_in(&server, 1001, Over::Udp);
}

/// A connection from this address that says half of something.
fn half_open(host: u8, to: SocketAddr) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from = SocketAddr::from((Ipv4Addr::new(127, 9, 0, host), 0));
    socket.bind(&from.into()).unwrap();
    socket.connect_timeout(&to.into(), Duration::from_secs(2)).ok()?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let _ = stream.write_all(b"REGISTER sip:test.example SIP/2.0\r\nVia: ");
    Some(stream)
}

/// Whether the service keeps the connection.
fn is_kept(stream: &mut TcpStream) -> bool {
    let read = stream.read(&mut [0; 1]);
    read.is_err_and(|error| {
        matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
    })
}

#[test]
fn slow_connections_are_bounded_and_end_and_phones_come_in_beside_them() {
    let server = house("connections = 50\nslowest_message = \"4s\"\n");
    let mut open: Vec<_> = (1..=80).filter_map(|host| half_open(host, server.phones())).collect();
    let kept = open.iter_mut().filter_map(|it| is_kept(it).then_some(())).count();
    assert!((1..=45).contains(&kept), "{kept} are kept: a tenth of 50 is for our own");
    let counted = server.metric("hotline_sip_refused_total{reason=\"too_many_connections\"");
    assert!(counted >= 35.0, "{counted}");
    a_phone_still_gets_in(&server, 1001, Over::Udp);
    wait_until("half a message is not waited for", SOON, || {
        let ended = server.metric("hotline_sip_refused_total{reason=\"slow_connection\"");
        ended >= kept as f64
    });
    a_phone_still_gets_in(&server, 1002, Over::Tcp);
}

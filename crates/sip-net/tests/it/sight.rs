//! What was said is seen afterwards: on disk after a restart, and by a capture server.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use model::{Cause, LegId};
use sip::digest::Algorithm;
use sip::{HeaderName, Message, Method, StatusCode};
use sip_net::{Capture, Counted, Rung, Setup, TraceFiles, Way};
use switchboard::ports::{LegCommand, LegFact};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};

use crate::house::{House, ours};
use crate::line::Line;
use crate::peer::Peer;

const PATIENCE: Duration = Duration::from_secs(10);

/// What a call of a phone looks like that is asked who it is, is answered and hangs up. Who asks
/// without saying who it is, is not listened to: the ladder begins where it is told so.
const CALL: [(Way, &str); 6] = [
    (Way::Received, "INVITE"),
    (Way::Sent, "100 Trying"),
    (Way::Sent, "200 OK"),
    (Way::Received, "ACK"),
    (Way::Received, "BYE"),
    (Way::Sent, "200 OK"),
];

fn on_disk(folder: &Path, octets: u64) -> impl FnOnce(&mut Setup) {
    let folder = folder.join("trace");
    move |setup| setup.settings.trace_files = Some(TraceFiles { folder, octets })
}

/// Phone 1001 calls with its secret, is answered and hangs up.
async fn calls(house: &mut House, phone: &mut Peer, call_id: &str) -> LegId {
    let invite = phone.invite("4008001234", call_id);
    let challenged = phone.ask(&invite).await;
    assert_eq!(challenged.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    phone.acknowledge_refusal(&invite, &challenged).await;
    let invite = phone.with_credentials(invite, &challenged, ("secret", Algorithm::Sha256));
    phone.send(&invite.to_bytes()).await;
    let (leg, _) = house.rings_in().await;
    house.command(leg, LegCommand::Answer { answer: ours(20_000) });
    let answer = phone.response().await;
    assert_eq!(answer.status, StatusCode::OK);
    phone.acknowledge(&answer, b"").await;
    let bye = phone.within("BYE", &answer);
    assert_eq!(phone.ask(&bye).await.status, StatusCode::OK);
    let over = LegFact::Released { cause: Cause::CallerHungUp, status: None, reason: None };
    assert_eq!(house.fact(leg).await, over);
    leg
}

/// The ladder, once it has so many rungs.
async fn ladder(house: &House, leg: LegId, rungs: usize) -> Vec<Rung> {
    let whole = async {
        loop {
            let ladder = house.handle.ladder(vec![leg]).await.unwrap();
            if ladder.len() >= rungs {
                return ladder;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, whole).await.expect("the ladder stays shorter")
}

fn is_the_call(ladder: &[Rung], leg: LegId, phone: &Peer) {
    let said: Vec<_> = ladder.iter().map(|rung| (rung.way, rung.what.as_str())).collect();
    assert_eq!(said, CALL);
    assert!(ladder.iter().all(|rung| rung.leg == leg && rung.peer == phone.address()));
    assert!(ladder.is_sorted_by_key(|rung| rung.at));
    assert!(ladder[0].text.contains("Proxy-Authorization: (hidden)"), "{}", ladder[0].text);
}

#[tokio::test]
async fn after_a_restart_a_call_is_drawn_from_disk_as_it_was_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::with(on_disk(folder.path(), 1 << 20)).await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let leg = calls(&mut house, &mut phone, "seen").await;
    let before = house.handle.ladder(vec![leg]).await.unwrap();
    is_the_call(&before, leg, &phone);
    // The last message of a call is on disk when a stop is over: nothing is waited for.
    house.handle.shutdown().await;
    drop(house);

    let house = House::with(on_disk(folder.path(), 1 << 20)).await;
    assert_eq!(house.handle.ladder(vec![leg]).await.unwrap(), before);
    assert_eq!(house.counted(Counted::TraceLost) + house.counted(Counted::TraceDamaged), 0);

    phone.server = house.handle.phones();
    let options = phone.request("OPTIONS", "sip:400.example.cn", "ping");
    phone.ask(&options).await;
    house.handle.shutdown().await;
    let again = House::with(on_disk(&folder.path().join("elsewhere"), 1 << 20)).await;
    assert_eq!(again.handle.ladder(vec![leg]).await.unwrap(), []);
    for file in std::fs::read_dir(folder.path().join("trace")).unwrap() {
        let octets = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&octets).into_owned();
        assert!(text.contains("INVITE") && !text.contains("response="), "{text}");
        assert!(!text.contains("OPTIONS sip:"), "{text}");
    }
}

#[tokio::test]
async fn what_strays_in_pushes_no_call_out_of_the_ladder() {
    let mut house = House::with(|setup| setup.settings.trace = 16_384).await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let leg = calls(&mut house, &mut phone, "kept").await;
    let mut stranger = Peer::at(3, "9", house.handle.phones()).await;
    let stray =
        stranger.request("INVITE", "sip:9@400.example.cn", "stray").response(StatusCode::OK);
    let ack = stranger.request("ACK", "sip:9@400.example.cn", "stray");
    for _ in 0..100 {
        stranger.send(&stray.to_bytes()).await;
        stranger.send(&ack.to_bytes()).await;
    }
    // Nor does what is said to those who bring no credentials, or such as they made up.
    for turn in 0..100 {
        let mut invite = stranger.invite("4008001234", &format!("stray-{turn}"));
        stranger.ask(&invite).await;
        let made_up = "Digest username=\"1001\", realm=\"400.example.cn\", nonce=\"00\", \
                       uri=\"sip:4008001234@400.example.cn\", response=\"00\", algorithm=MD5";
        invite.headers.push(HeaderName::ProxyAuthorization, made_up);
        stranger.ask(&invite).await;
        let mut bye = stranger.request("BYE", "sip:9@400.example.cn", &format!("none-{turn}"));
        bye.headers.set(HeaderName::To, "<sip:9@400.example.cn>;tag=none");
        stranger.ask(&bye).await;
    }
    // Nor does a nonce that is theirs, with a secret that is not, or over a connection.
    let invite = stranger.invite("4008001234", "own-nonce");
    let given = stranger.ask(&invite).await;
    let mut line =
        Line::new(TcpStream::connect(house.handle.phones()).await.unwrap(), "SIP/2.0/TCP");
    for turn in 0..20 {
        let invite = stranger.invite("4008001234", &format!("guess-{turn}"));
        let guess = stranger.with_credentials(invite, &given, ("guess", Algorithm::Sha256));
        stranger.ask(&guess).await;
        line.send(&guess.to_bytes()).await;
        line.response().await;
    }
    let options = stranger.request("OPTIONS", "sip:400.example.cn", "last");
    stranger.ask(&options).await;
    is_the_call(&house.handle.ladder(vec![leg]).await.unwrap(), leg, &phone);
}

#[tokio::test]
async fn what_memory_has_forgotten_is_drawn_from_disk_and_what_it_has_stands_there_once() {
    let folder = tempfile::tempdir().unwrap();
    for octets in [0, 4_096] {
        let folder = folder.path().join(octets.to_string());
        let disk = on_disk(&folder, 1 << 20);
        let mut house = House::with(|setup| {
            disk(setup);
            setup.settings.trace = octets;
        })
        .await;
        let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
        let leg = calls(&mut house, &mut phone, "forgotten").await;
        is_the_call(&ladder(&house, leg, 6).await, leg, &phone);
        for other in ["a", "b", "c"] {
            calls(&mut house, &mut phone, other).await;
        }
        is_the_call(&ladder(&house, leg, 6).await, leg, &phone);
    }
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_counted_and_the_call_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("trace"), b"no folder").unwrap();
    let mut house = House::with(on_disk(folder.path(), 1 << 20)).await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let leg = calls(&mut house, &mut phone, "unseen").await;
    is_the_call(&house.handle.ladder(vec![leg]).await.unwrap(), leg, &phone);
    house.handle.shutdown().await;
    // Six messages, and which leg they are about.
    assert_eq!(house.counted(Counted::TraceLost), 7);
}

/// A server that takes HEP on a socket of its own.
struct Server(UdpSocket);

/// One packet, taken apart as the protocol describes it.
struct Packet {
    chunks: BTreeMap<u16, Vec<u8>>,
}

impl Server {
    async fn at(address: IpAddr) -> Self {
        Self(UdpSocket::bind((address, 0)).await.unwrap())
    }

    fn wanted(&self, key: Option<&str>) -> Capture {
        let server = self.0.local_addr().unwrap();
        Capture { server, id: 2_001, key: key.map(str::to_owned) }
    }

    async fn packet(&self) -> Packet {
        let mut datagram = vec![0; 65_535];
        let received = timeout(PATIENCE, self.0.recv_from(&mut datagram)).await;
        let (length, _) = received.expect("no packet came").unwrap();
        Packet::of(&datagram[..length])
    }

    async fn packets(&self, count: usize) -> Vec<Packet> {
        let mut packets = Vec::new();
        for _ in 0..count {
            packets.push(self.packet().await);
        }
        packets
    }
}

impl Packet {
    fn of(datagram: &[u8]) -> Self {
        let u16_at = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
        assert_eq!(&datagram[..4], b"HEP3");
        assert_eq!(usize::from(u16_at(4)), datagram.len());
        let (mut chunks, mut at) = (BTreeMap::new(), 6);
        while at < datagram.len() {
            assert_eq!(u16_at(at), 0, "the vendor of everybody");
            let length = usize::from(u16_at(at + 4));
            let value = datagram[at + 6..at + length].to_vec();
            assert!(chunks.insert(u16_at(at + 2), value).is_none(), "a chunk comes once");
            at += length;
        }
        Self { chunks }
    }

    fn number(&self, chunk: u16) -> u64 {
        self.chunks[&chunk].iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
    }

    fn text(&self, chunk: u16) -> String {
        String::from_utf8(self.chunks[&chunk].clone()).unwrap()
    }

    fn address(&self, (v4, v6): (u16, u16), port: u16) -> SocketAddr {
        let ip = match self.number(0x0001) {
            2 => IpAddr::from(<[u8; 4]>::try_from(self.chunks[&v4].as_slice()).unwrap()),
            10 => IpAddr::from(<[u8; 16]>::try_from(self.chunks[&v6].as_slice()).unwrap()),
            other => panic!("no family of addresses: {other}"),
        };
        SocketAddr::new(ip, u16::try_from(self.number(port)).unwrap())
    }

    fn from(&self) -> SocketAddr {
        self.address((0x0003, 0x0005), 0x0007)
    }

    fn to(&self) -> SocketAddr {
        self.address((0x0004, 0x0006), 0x0008)
    }

    fn micros(&self) -> u64 {
        assert!(self.number(0x000a) < 1_000_000);
        self.number(0x0009) * 1_000_000 + self.number(0x000a)
    }

    fn message(&self) -> Message {
        Message::parse(&self.chunks[&0x000f]).unwrap()
    }
}

#[tokio::test]
async fn a_capture_server_gets_every_message_of_a_call_with_its_way_and_no_secret() {
    let server = Server::at(Ipv4Addr::LOCALHOST.into()).await;
    let capture = server.wanted(Some("shown to the server"));
    let mut house = House::with(|setup| setup.settings.capture = Some(capture)).await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    phone.registered().await;
    house.bindings().await;
    let leg = calls(&mut house, &mut phone, "captured@phone").await;
    let ladder = house.handle.ladder(vec![leg]).await.unwrap();

    // The registration is none of its business.
    let packets = server.packets(6).await;
    for (packet, (rung, (way, what))) in packets.iter().zip(ladder.iter().zip(CALL)) {
        assert_eq!((rung.way, rung.what.as_str()), (way, what));
        let (there, here) = (phone.address(), house.handle.phones());
        let expected = if way == Way::Sent { (here, there) } else { (there, here) };
        assert_eq!((packet.from(), packet.to()), expected, "{what}");
        assert_eq!(packet.number(0x0002), 17);
        assert_eq!(packet.micros(), rung.at.as_micros());
        assert_eq!((packet.number(0x000b), packet.number(0x000c)), (1, 2_001));
        assert_eq!(packet.text(0x000e), "shown to the server");
        assert_eq!(packet.text(0x0011), "captured@phone");
        assert_eq!(packet.text(0x000f), rung.text);
        assert!(!packet.text(0x000f).contains("response="));
        match packet.message() {
            Message::Request(request) => assert_eq!(request.method.as_str(), what),
            Message::Response(response) => {
                assert!(what.starts_with(&response.status.code().to_string()));
            }
        }
    }
    let mut rest = [0; 1];
    assert!(server.0.try_recv(&mut rest).is_err(), "one packet for each message");
    house.handle.shutdown().await;
    assert_eq!(house.counted(Counted::Captured), 6);
    assert_eq!(house.counted(Counted::Uncaptured), 0);
}

#[tokio::test]
async fn a_capture_server_is_reached_and_told_of_peers_over_ipv6() {
    let server = Server::at(Ipv6Addr::LOCALHOST.into()).await;
    let capture = server.wanted(None);
    let mut house = House::with(|setup| {
        setup.settings.capture = Some(capture);
        for listen in &mut setup.settings.listeners {
            listen.address = (Ipv6Addr::LOCALHOST, 0).into();
        }
    })
    .await;
    let local = (Ipv6Addr::LOCALHOST, 0).into();
    let mut phone = Peer::bound(local, "1001", house.handle.phones()).await;
    calls(&mut house, &mut phone, "six").await;
    let packets = server.packets(6).await;
    let first = &packets[0];
    assert_eq!((first.from(), first.to()), (phone.address(), house.handle.phones()));
    assert_eq!(first.number(0x0001), 10);
    assert!(!first.chunks.contains_key(&0x000e), "no key that nobody asks for");
    assert!(!first.chunks.contains_key(&0x0003) && !first.chunks.contains_key(&0x0004));
    let methods = packets.iter().filter_map(|packet| match packet.message() {
        Message::Request(request) => Some(request.method),
        Message::Response(_) => None,
    });
    let expected = [Method::Invite, Method::Ack, Method::Bye];
    assert!(methods.eq(expected));
}

#[tokio::test]
async fn a_capture_server_that_is_not_there_is_counted_and_the_call_goes_on() {
    let capture = Server::at(Ipv4Addr::LOCALHOST.into()).await.wanted(None);
    let mut house = House::with(|setup| setup.settings.capture = Some(capture)).await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let leg = calls(&mut house, &mut phone, "alone").await;
    assert_eq!(house.handle.ladder(vec![leg]).await.unwrap().len(), 6);
    house.handle.shutdown().await;
    let (sent, unsent) = (house.counted(Counted::Captured), house.counted(Counted::Uncaptured));
    assert!(unsent > 0 && sent + unsent == 6, "{sent} and {unsent}");
}

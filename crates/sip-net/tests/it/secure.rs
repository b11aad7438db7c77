//! Phones over TLS and WebSocket, trunks over TLS, and certificates that change.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use model::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sip::digest::Algorithm;
use sip::endpoint::Transport;
use sip::locate::Wanted;
use sip::{HeaderName, Message, Method, Request, Response, StatusCode};
use sip_net::{
    Counted, Dates, GuardSettings, Listen, Protocol, Serves, Tls, TlsClient, TlsClientFiles,
    TlsFiles, Trunk,
};
use switchboard::ports::{LegCommand, LegFact, Origin, Target};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message as Frame7118, http};

use crate::house::{House, dialled, number, ours};
use crate::line::{Line, over};
use crate::peer::{Peer, sdp};

const PATIENCE: Duration = Duration::from_secs(5);

/// An authority of its own, and what it has certified, as files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn believed(&self) -> TlsClientFiles {
        TlsClientFiles { ca: self.ca(), identity: None }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Certifies 127.0.0.1 under this file name; gives the certificate.
    fn certifies(&self, name: &str) -> CertificateDer<'static> {
        self.certifies_for(name, "127.0.0.1")
    }

    /// Certifies this host.
    fn certifies_for(&self, name: &str, host: &str) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.file(name, "pem"), certificate.pem()).unwrap();
        fs::write(self.file(name, "key"), key.serialize_pem()).unwrap();
        certificate.der().clone()
    }

    fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.{ending}"))
    }

    fn files(&self, name: &str, client_ca: Option<&Path>) -> TlsFiles {
        TlsFiles {
            certificate: self.file(name, "pem"),
            key: self.file(name, "key"),
            client_ca: client_ca.map(Path::to_owned),
        }
    }

    /// A client that believes this authority, with a certificate where it has one.
    fn client(&self, identity: Option<&str>) -> Arc<ClientConfig> {
        self.identity(identity, self)
    }

    /// A client with a certificate of this authority, where it has one, that believes another.
    fn identity(&self, identity: Option<&str>, believed: &Self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(believed.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let chain = CertificateDer::pem_file_iter(self.file(name, "pem")).unwrap();
                let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
                let key = PrivateKeyDer::from_pem_file(self.file(name, "key")).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}

/// A house with one more listener, and where it listens.
async fn house_with(serves: Serves, protocol: Protocol) -> (House, SocketAddr) {
    let house = House::with(|setup| {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        setup.settings.connections.slowest_message = Duration::from_secs(1);
        let listen = Listen { protocol, ..Listen::plain(serves, address) };
        setup.settings.listeners.push(listen);
    })
    .await;
    let address = *house.handle.bound().last().unwrap();
    (house, address)
}

async fn secured(
    address: SocketAddr,
    client: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::IpAddress(address.ip().into());
    TlsConnector::from(client).connect(name, stream).await
}

/// The same over a WebSocket, where each message stands alone.
struct Socket<S>(WebSocketStream<S>, &'static str);

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    async fn open(stream: S, origin: &str, transport: &'static str) -> Result<Self, Error> {
        let mut request = "ws://127.0.0.1/".into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", http::HeaderValue::from_static("sip"));
        headers.insert("Origin", http::HeaderValue::from_str(origin).unwrap());
        let (socket, response) = tokio_tungstenite::client_async(request, stream).await?;
        assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
        Ok(Self(socket, transport))
    }

    async fn send(&mut self, octets: &[u8]) {
        self.0.send(Frame7118::text(over(self.1, octets))).await.unwrap();
    }

    async fn receive(&mut self) -> Message {
        let next = timeout(PATIENCE, self.0.next()).await.expect("nothing came");
        let octets = next.unwrap().unwrap().into_data();
        Message::parse(&octets).unwrap()
    }

    async fn response(&mut self) -> Response {
        match self.receive().await {
            Message::Response(response) => response,
            Message::Request(request) => panic!("not a response: {request:?}"),
        }
    }
}

/// The register request with credentials for the challenge.
fn again(voice: &mut Peer, request: Request, challenged: &Response) -> Vec<u8> {
    voice.with_credentials(request, challenged, ("secret", Algorithm::Sha256)).to_bytes()
}

fn dial(target: Target) -> LegCommand {
    LegCommand::Dial {
        target,
        from: number("13800138000"),
        display: None,
        offer: ours(20_000),
        call: model::CallId::new(model::Epoch::new(1), 7),
        carried: model::Carried::default(),
        alert: switchboard::ports::Alert::Ring,
    }
}

#[tokio::test]
async fn a_phone_registers_over_tls_and_is_rung_over_its_connection() {
    let authority = Authority::new();
    authority.certifies("server");
    let tls = Tls::load(authority.files("server", None)).unwrap();
    let (mut house, address) = house_with(Serves::Phones, Protocol::Tls(tls)).await;
    let mut voice = Peer::at(1, "1001", address).await;
    let stream = secured(address, authority.client(None)).await.unwrap();
    let mut line = Line::new(stream, "SIP/2.0/TLS");
    let request = voice.register("tls");
    line.send(&request.to_bytes()).await;
    let challenged = line.response().await;
    let octets = again(&mut voice, request, &challenged);
    line.send(&octets).await;
    assert_eq!(line.response().await.status, StatusCode::OK);
    assert_eq!(house.bindings().await, ("1001".into(), 1));

    house.command(dialled(1), dial(Target::Phone("1001".into())));
    let Message::Request(invite) = line.receive().await else { panic!("no request") };
    assert_eq!(invite.method, Method::Invite);
    assert_eq!(invite.via().unwrap().transport.as_str(), "TLS");
    let contact = invite.headers.text(&HeaderName::Contact).unwrap();
    assert!(contact.contains(";transport=tls"), "{contact}");
    assert!(contact.contains(&address.port().to_string()), "{contact}");
    drop(line);
    assert!(is_end(&house.fact(dialled(1)).await));
}

#[tokio::test]
async fn a_page_registers_over_a_websocket_in_the_clear_and_over_tls() {
    let authority = Authority::new();
    authority.certifies("server");
    let tls = Tls::load(authority.files("server", None)).unwrap();
    let origins: Arc<[String]> = ["https://desk.example.cn".to_owned()].into();
    let plain = Protocol::WebSocket(Arc::clone(&origins));
    for protocol in [plain, Protocol::SecureWebSocket(tls, origins)] {
        let is_secure = matches!(protocol, Protocol::SecureWebSocket(..));
        let (mut house, address) = house_with(Serves::Phones, protocol).await;
        let stream: Box<dyn Duplex> = if is_secure {
            Box::new(secured(address, authority.client(None)).await.unwrap())
        } else {
            Box::new(TcpStream::connect(address).await.unwrap())
        };
        let transport = if is_secure { "SIP/2.0/WSS" } else { "SIP/2.0/WS" };
        let socket = Socket::open(stream, "https://desk.example.cn", transport).await;
        let mut socket = socket.unwrap();
        let mut voice = Peer::at(1, "1001", address).await;
        let request = voice.register("ws");
        socket.send(&request.to_bytes()).await;
        let challenged = socket.response().await;
        let octets = again(&mut voice, request, &challenged);
        socket.send(&octets).await;
        assert_eq!(socket.response().await.status, StatusCode::OK);
        assert_eq!(house.bindings().await, ("1001".into(), 1));

        house.command(dialled(1), dial(Target::Phone("1001".into())));
        let Message::Request(invite) = socket.receive().await else { panic!("no request") };
        let contact = invite.headers.text(&HeaderName::Contact).unwrap();
        assert!(contact.contains(";transport=ws"), "{contact}");
        let mut answer = invite.response(StatusCode::OK);
        answer.headers.set(HeaderName::To, &invite.to().unwrap().with_tag("page"));
        answer.headers.push(HeaderName::Contact, "<sip:1001@page.invalid;transport=ws>");
        answer.headers.push(HeaderName::ContentType, "application/sdp");
        answer.body = sdp(address, 1);
        socket.send(&answer.to_bytes()).await;
        assert!(matches!(house.fact(dialled(1)).await, LegFact::Answered { .. }));
        let Message::Request(ack) = socket.receive().await else { panic!("no request") };
        assert_eq!(ack.method, Method::Ack);
        // The page is closed: nobody can call it back.
        drop(socket);
        assert_eq!(house.bindings().await, ("1001".into(), 0));
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

#[tokio::test]
async fn a_websocket_that_is_not_for_sip_or_from_elsewhere_is_refused() {
    let origins: Arc<[String]> = ["https://desk.example.cn".to_owned()].into();
    let (house, address) = house_with(Serves::Phones, Protocol::WebSocket(origins)).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let refused = Socket::open(stream, "https://evil.example", "SIP/2.0/WS").await;
    let Err(Error::Http(response)) = refused else { panic!("not refused") };
    assert_eq!(response.status(), 403);
    let stream = TcpStream::connect(address).await.unwrap();
    let request = format!("ws://{address}/").into_client_request().unwrap();
    let refused = tokio_tungstenite::client_async(request, stream).await;
    let Err(Error::Http(response)) = refused else { panic!("not refused") };
    assert_eq!(response.status(), 400);
    counted(&house, Counted::HandshakeFailed, 2).await;
}

#[tokio::test]
async fn pings_of_a_websocket_are_answered_and_keep_no_stranger_in() {
    let (house, address) = house_with(Serves::Phones, Protocol::WebSocket([].into())).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let Socket(mut socket, _) = Socket::open(stream, "", "SIP/2.0/WS").await.unwrap();
    socket.send(Frame7118::Ping("there?".into())).await.unwrap();
    let pong = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(pong, Frame7118::Pong("there?".into()));
    socket.send(Frame7118::text("\r\n\r\n")).await.unwrap();
    let pong = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(pong, Frame7118::text("\r\n"));
    let end = timeout(PATIENCE, socket.next()).await.expect("it is closed");
    assert!(end.is_none_or(|it| it.is_err()));
    counted(&house, Counted::SlowConnection, 1).await;
}

#[tokio::test]
async fn half_a_frame_is_not_waited_for_as_long_as_the_next() {
    let (house, address) = house_with(Serves::Phones, Protocol::WebSocket([].into())).await;
    let mut voice = Peer::at(1, "1001", address).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let mut socket = Socket::open(stream, "", "SIP/2.0/WS").await.unwrap();
    let options = voice.request("OPTIONS", "sip:400.example.cn", "o1");
    socket.send(&options.to_bytes()).await;
    assert_eq!(socket.response().await.status, StatusCode::OK);
    // A text of 100 octets begins (RFC 6455 §5.2), and goes on for ever.
    socket.0.get_mut().write_all(b"\x81\xe4mask").await.unwrap();
    let end = timeout(PATIENCE, socket.0.next()).await.expect("it is closed");
    assert!(end.is_none_or(|it| it.is_err()));
    counted(&house, Counted::SlowConnection, 1).await;
}

#[tokio::test]
async fn who_breaks_handshakes_off_is_shut_out_before_the_next_but_not_who_only_leaves() {
    let authority = Authority::new();
    authority.certifies("server");
    let tls = Tls::load(authority.files("server", None)).unwrap();
    let house = House::with(|setup| {
        setup.settings.guard =
            GuardSettings { trusted: Vec::new(), offences: 3, ..Default::default() };
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen =
            Listen { protocol: Protocol::Tls(tls), ..Listen::plain(Serves::Phones, address) };
        setup.settings.listeners.push(listen);
    })
    .await;
    let address = *house.handle.bound().last().unwrap();
    for _ in 0..4 {
        drop(TcpStream::connect(address).await.unwrap());
    }
    counted(&house, Counted::HandshakeFailed, 4).await;
    assert!(house.handle.bans().await.unwrap().is_empty());
    for _ in 0..3 {
        let mut clear = TcpStream::connect(address).await.unwrap();
        clear.write_all(b"OPTIONS sip:x SIP/2.0\r\n\r\n").await.unwrap();
        let mut octets = Vec::new();
        let _ = timeout(PATIENCE, clear.read_to_end(&mut octets)).await.expect("it is closed");
    }
    counted(&house, Counted::HandshakeFailed, 7).await;
    let bans = house.handle.bans().await.unwrap();
    assert_eq!((bans.len(), bans[0].why), (1, "handshake_failed"));
    assert!(secured(address, authority.client(None)).await.is_err());
    assert!(house.counted(Counted::Banned) > 0);
}

async fn counted(house: &House, what: Counted, times: u64) {
    let reached = async {
        while house.counted(what) < times {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap();
}

#[tokio::test]
async fn who_opens_a_connection_and_says_nothing_of_tls_is_closed() {
    let authority = Authority::new();
    authority.certifies("server");
    let tls = Tls::load(authority.files("server", None)).unwrap();
    let (house, address) = house_with(Serves::Phones, Protocol::Tls(tls)).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut clear = TcpStream::connect(address).await.unwrap();
    clear.write_all(b"OPTIONS sip:x SIP/2.0\r\n\r\n").await.unwrap();
    for stream in [&mut silent, &mut clear] {
        let mut octets = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut octets)).await.expect("it is closed");
    }
    counted(&house, Counted::HandshakeFailed, 1).await;
    counted(&house, Counted::SlowConnection, 1).await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_a_broken_one_to_nobody() {
    let authority = Authority::new();
    let first = authority.certifies("server");
    let tls = Tls::load(authority.files("server", None)).unwrap();
    let (_house, address) = house_with(Serves::Phones, Protocol::Tls(tls.clone())).await;
    let shown = || async {
        let stream = secured(address, authority.client(None)).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    assert_eq!(shown().await, first);
    let second = authority.certifies("server");
    assert_eq!(shown().await, first, "nothing is read before it is asked for");
    tls.reload().unwrap();
    assert_eq!(shown().await, second);
    fs::write(authority.file("server", "key"), "nonsense").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("server.key") && error.contains("no private key"), "{error}");
    assert_eq!(shown().await, second);
}

#[tokio::test]
async fn a_trunk_over_tls_is_known_by_its_address_and_its_certificate() {
    let authority = Authority::new();
    authority.certifies("server");
    authority.certifies("carrier");
    let tls = Tls::load(authority.files("server", Some(&authority.ca()))).unwrap();
    let (mut house, address) = house_with(Serves::Trunks, Protocol::Tls(tls)).await;
    // Whoever shows none is told so when it has spoken, at the latest (RFC 8446 §4.4.2.4).
    let unknown = secured(address, authority.client(None)).await;
    if let Ok(mut stream) = unknown {
        let mut octets = Vec::new();
        let _ = stream.write_all(b"OPTIONS sip:x SIP/2.0\r\n\r\n").await;
        let read = timeout(PATIENCE, stream.read_to_end(&mut octets)).await.unwrap();
        assert!(read.is_err() || octets.is_empty(), "{octets:?}");
    }
    counted(&house, Counted::HandshakeFailed, 1).await;

    let mut carrier = Peer::at(2, "13800138000", address).await;
    let stream = from_the_carrier(address, authority.client(Some("carrier"))).await.unwrap();
    let mut line = Line::new(stream, "SIP/2.0/TLS");
    line.send(&carrier.invite("4008001234", "tls").to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!(rings.origin, Origin::Trunk("carrier".into()));
}

/// A connection over TLS from where the carrier is.
async fn from_the_carrier(
    address: SocketAddr,
    client: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let stream = socket.connect(address).await.unwrap();
    let name = ServerName::IpAddress(address.ip().into());
    TlsConnector::from(client).connect(name, stream).await
}

#[tokio::test]
async fn a_trunk_that_has_a_name_shows_no_other_customers_certificate() {
    let authority = Authority::new();
    authority.certifies("server");
    authority.certifies_for("carrier", "sbc.carrier.example");
    authority.certifies_for("customer", "sbc.customer.example");
    let tls = Tls::load(authority.files("server", Some(&authority.ca()))).unwrap();
    let mut house = House::with(|setup| {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let protocol = Protocol::Tls(tls);
        let listen = Listen { protocol, ..Listen::plain(Serves::Trunks, address) };
        setup.settings.listeners.push(listen);
        let known = crate::house::trunk(([127, 0, 0, 2], 1), None);
        let certificate = Some("sbc.carrier.example".to_owned());
        setup.trunks = [Trunk { certificate, ..known }].into_iter().collect();
    })
    .await;
    let address = *house.handle.bound().last().unwrap();
    let mut carrier = Peer::at(2, "13800138000", address).await;
    let others = from_the_carrier(address, authority.client(Some("customer"))).await;
    if let Ok(mut stream) = others {
        let invite = carrier.invite("4008001234", "another").to_bytes();
        let _ = stream.write_all(&invite).await;
        counted(&house, Counted::OtherCertificate, 1).await;
    }
    let stream = from_the_carrier(address, authority.client(Some("carrier"))).await.unwrap();
    let mut line = Line::new(stream, "SIP/2.0/TLS");
    line.send(&carrier.invite("4008001234", "its-own").to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!(
        (rings.origin, rings.sip_call_id.as_str()),
        (Origin::Trunk("carrier".into()), "its-own")
    );
    assert_eq!(house.counted(Counted::OtherCertificate), 1);
}

#[tokio::test]
async fn a_trunk_is_called_over_tls_when_it_proves_its_name() {
    let authority = Authority::new();
    authority.certifies("server");
    authority.certifies("carrier");
    let theirs = Tls::load(authority.files("server", None)).unwrap();
    let carrier = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = carrier.local_addr().unwrap();
    let files = authority.files("carrier", None);
    let acceptor = acceptor(&files);
    for (host, proves) in [(None, true), (Some("sbc.example.cn"), false)] {
        let client = TlsClient::load(authority.believed()).unwrap();
        let tls = theirs.clone();
        let mut house = House::with(|setup| {
            let address = SocketAddr::from(([127, 0, 0, 1], 0));
            let protocol = Protocol::Tls(tls);
            let listen = Listen { protocol, ..Listen::plain(Serves::Trunks, address) };
            setup.settings.listeners.push(listen);
            setup.settings.tls_client = Some(client);
            let known = crate::house::trunk(([127, 0, 0, 1], at.port()), None);
            let host = host.map(str::to_owned);
            let proxy = Some(over_tls(known.proxy.clone().unwrap()));
            let trunk = Trunk { proxy, host, ..known };
            setup.trunks = [trunk].into_iter().collect();
        })
        .await;
        let target = Target::Trunk { trunk: "carrier".into(), number: number("13900139000") };
        house.command(dialled(1), dial(target));
        let (stream, _) = timeout(PATIENCE, carrier.accept()).await.unwrap().unwrap();
        let accepted = timeout(PATIENCE, acceptor.accept(stream)).await.unwrap();
        if proves {
            let mut line = Line::new(accepted.unwrap(), "SIP/2.0/TLS");
            let Message::Request(invite) = line.receive().await else { panic!("no request") };
            assert_eq!(invite.via().unwrap().transport.as_str(), "TLS");
            let mut busy = invite.response(StatusCode::BUSY_HERE);
            busy.headers.set(HeaderName::To, &invite.to().unwrap().with_tag("busy"));
            line.send(&busy.to_bytes()).await;
        } else {
            let why = accepted.err().unwrap().to_string();
            assert!(why.contains("CertificateUnknown") || why.contains("BadCertificate"), "{why}");
        }
        assert!(is_end(&house.fact(dialled(1)).await));
    }
}

#[test]
fn a_certificate_is_out_of_date_before_its_first_day_and_after_its_last() {
    let authority = Authority::new();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 3, 1);
    params.not_after = rcgen::date_time_ymd(2026, 6, 1);
    let certificate = params.signed_by(&KeyPair::generate().unwrap(), &authority.issuer).unwrap();
    let file = authority.file("server", "pem");
    fs::write(&file, certificate.pem()).unwrap();
    for (day, dates) in [
        ("2026-02-28T23:59:59Z", Some(Dates::NotYet)),
        ("2026-03-01T00:00:00Z", None),
        ("2026-06-01T00:00:00Z", None),
        ("2026-06-01T00:00:01Z", Some(Dates::Over)),
    ] {
        assert_eq!(sip_net::out_of_date(&file, day.parse().unwrap()), dates, "{day}");
    }
    assert_eq!(sip_net::out_of_date(&authority.file("no", "pem"), Timestamp::EPOCH), None);
}

#[tokio::test]
async fn authorities_are_read_again_too() {
    let (authority, successor) = (Authority::new(), Authority::new());
    authority.certifies("server");
    successor.certifies("carrier");
    let tls = Tls::load(authority.files("server", Some(&authority.ca()))).unwrap();
    let client = TlsClient::load(authority.believed()).unwrap();
    let carrier = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = carrier.local_addr().unwrap();
    let (ours, theirs) = (tls.clone(), client.clone());
    let mut house = House::with(|setup| {
        let protocol = Protocol::Tls(ours);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = Listen { protocol, ..Listen::plain(Serves::Trunks, address) };
        setup.settings.listeners.push(listen);
        setup.settings.tls_client = Some(theirs);
        let known = crate::house::trunk(([127, 0, 0, 1], at.port()), None);
        let proxy = Some(over_tls(known.proxy.clone().unwrap()));
        setup.trunks = [Trunk { proxy, ..known }].into_iter().collect();
    })
    .await;
    let address = *house.handle.bound().last().unwrap();
    let acceptor = acceptor(&successor.files("carrier", None));
    for (number, known) in [(1, false), (2, true)] {
        // It shows a certificate of the successor, and takes ours of the authority.
        let identity = successor.identity(Some("carrier"), &authority);
        if let Ok(mut stream) = secured(address, identity).await {
            let _ = stream.write_all(b"\r\n\r\n").await;
            let pong = timeout(PATIENCE, stream.read(&mut [0; 2])).await.unwrap();
            assert_eq!(matches!(pong, Ok(2)), known);
        }
        let target = Target::Trunk { trunk: "carrier".into(), number: self::number("13900139000") };
        house.command(dialled(number), dial(target));
        let (stream, _) = timeout(PATIENCE, carrier.accept()).await.unwrap().unwrap();
        assert_eq!(acceptor.accept(stream).await.is_ok(), known);
        if !known {
            assert!(is_end(&house.fact(dialled(number)).await));
            let both = [&authority, &successor].map(|it| fs::read_to_string(it.ca()).unwrap());
            fs::write(authority.ca(), both.concat()).unwrap();
            tls.reload().unwrap();
            client.reload().unwrap();
        }
    }
}

fn acceptor(files: &TlsFiles) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

const fn is_end(fact: &LegFact) -> bool {
    matches!(fact, LegFact::Released { .. })
}

fn over_tls(proxy: Wanted) -> Wanted {
    Wanted { transport: Some(Transport::Tls), ..proxy }
}

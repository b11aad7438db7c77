//! A far side that says exactly what it is told to: a phone, a carrier, a stranger.

use std::net::SocketAddr;
use std::time::Duration;

use sip::digest::{self, Algorithm, Challenge, Login, Protected};
use sip::{HeaderName, Message, Method, Request, Response, StatusCode};
use tokio::net::UdpSocket;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);

/// A far side over UDP.
pub(crate) struct Peer {
    pub(crate) socket: UdpSocket,
    pub(crate) user: String,
    pub(crate) server: SocketAddr,
    pub(crate) sent: u32,
}

impl Peer {
    /// `user` at 127.0.0.`host`, on a free port.
    pub(crate) async fn at(host: u8, user: &str, server: SocketAddr) -> Self {
        Self::bound(([127, 0, 0, host], 0).into(), user, server).await
    }

    /// `user` at this address.
    pub(crate) async fn bound(address: SocketAddr, user: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).await.unwrap();
        Self { socket, user: user.to_owned(), server, sent: 0 }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// A request of this method, ready to send.
    pub(crate) fn request(&mut self, method: &str, target: &str, call_id: &str) -> Request {
        self.sent += 1;
        let (user, local, count) = (&self.user, self.address(), self.sent);
        let text = format!(
            "{method} {target} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK-{user}-{local}-{count}\r\n\
             From: <sip:{user}@400.example.cn>;tag=from-{user}\r\n\
             To: <{target}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {count} {method}\r\n\
             Contact: <sip:{user}@{local}>\r\n\
             Max-Forwards: 70\r\n\
             Content-Length: 0\r\n\r\n"
        );
        request_of(text.as_bytes())
    }

    pub(crate) fn register(&mut self, call_id: &str) -> Request {
        let mut request = self.request("REGISTER", "sip:400.example.cn", call_id);
        request.headers.set(HeaderName::To, format!("<sip:{}@400.example.cn>", self.user));
        request
    }

    pub(crate) fn invite(&mut self, number: &str, call_id: &str) -> Request {
        let mut request = self.request("INVITE", &format!("sip:{number}@400.example.cn"), call_id);
        request.headers.push(HeaderName::ContentType, "application/sdp");
        request.body = sdp(self.address(), 1);
        request
    }

    /// A request within the dialog that this response made.
    pub(crate) fn within(&mut self, method: &str, made: &Response) -> Request {
        let target = made.contact().unwrap().unwrap().uri.to_string();
        let mut request = self.request(method, &target, made.call_id().unwrap());
        request.headers.set(HeaderName::To, made.headers.first(&HeaderName::To).unwrap());
        request.headers.set(HeaderName::From, made.headers.first(&HeaderName::From).unwrap());
        request
    }

    /// The same request with credentials for the response's challenge of this algorithm.
    pub(crate) fn with_credentials(
        &mut self,
        mut request: Request,
        challenged: &Response,
        (password, algorithm): (&str, Algorithm),
    ) -> Request {
        self.sent += 1;
        let register = request.method == Method::Register;
        let challenges = challenges_of(challenged);
        let challenge = challenges.iter().find(|it| it.algorithm == algorithm).unwrap();
        let login = Login::Password { user: self.user.clone(), password: password.to_owned() };
        let half = Protected { nonce_count: 1, cnonce: format!("c{}", self.sent) };
        let uri = request.uri.to_string();
        let made = digest::respond(challenge, &login, (request.method.as_str(), &uri), half);
        let header =
            if register { HeaderName::Authorization } else { HeaderName::ProxyAuthorization };
        request.headers.set(header, made.unwrap().to_string());
        let (local, count) = (self.address(), self.sent);
        let via = format!("SIP/2.0/UDP {local};rport;branch=z9hG4bK-{}-{local}-{count}", self.user);
        request.headers.set(HeaderName::Via, via);
        request.headers.set(HeaderName::CSeq, format!("{count} {}", request.method));
        request
    }

    pub(crate) async fn send(&self, octets: &[u8]) {
        self.socket.send_to(octets, self.server).await.unwrap();
    }

    pub(crate) async fn receive(&self) -> Message {
        let mut datagram = vec![0; 65_535];
        let received = timeout(PATIENCE, self.socket.recv_from(&mut datagram)).await;
        let (length, _) = received.expect("nothing came").unwrap();
        Message::parse(&datagram[..length]).unwrap()
    }

    /// The next response other than 100.
    pub(crate) async fn response(&self) -> Response {
        loop {
            match self.receive().await {
                Message::Response(it) if it.status != StatusCode::TRYING => return it,
                Message::Response(_) => {}
                Message::Request(request) => panic!("not a response: {request:?}"),
            }
        }
    }

    /// The next request of this method; repetitions of others are passed over.
    pub(crate) async fn request_of(&self, method: &Method) -> Request {
        loop {
            match self.receive().await {
                Message::Request(request) if request.method == *method => return request,
                Message::Request(_) => {}
                Message::Response(response) => panic!("not a request: {response:?}"),
            }
        }
    }

    /// Sends the request and gives the first response other than 100.
    pub(crate) async fn ask(&self, request: &Request) -> Response {
        self.send(&request.to_bytes()).await;
        self.response().await
    }

    /// Sends the request, and again with credentials when it is challenged; acknowledges the
    /// challenge of an INVITE.
    pub(crate) async fn ask_with(
        &mut self,
        request: Request,
        secret: (&str, Algorithm),
    ) -> Response {
        let challenged = self.ask(&request).await;
        if request.method == Method::Invite {
            self.acknowledge_refusal(&request, &challenged).await;
        }
        let again = self.with_credentials(request, &challenged, secret);
        self.ask(&again).await
    }

    /// The ACK of a final response other than 2xx: part of the INVITE's transaction.
    pub(crate) async fn acknowledge_refusal(&self, invite: &Request, refusal: &Response) {
        let mut ack = Request::new(Method::Ack, invite.uri.clone());
        for name in [HeaderName::Via, HeaderName::From, HeaderName::CallId, HeaderName::MaxForwards]
        {
            ack.headers.copy(&name, &invite.headers);
        }
        ack.headers.copy(&HeaderName::To, &refusal.headers);
        ack.headers.push(HeaderName::CSeq, format!("{} ACK", invite.cseq().unwrap().number));
        self.send(&ack.to_bytes()).await;
    }

    /// The ACK of a 2xx, with or without an answer.
    pub(crate) async fn acknowledge(&mut self, answer: &Response, body: &[u8]) {
        let mut ack = self.within("ACK", answer);
        ack.headers.set(HeaderName::CSeq, format!("{} ACK", answer.cseq().unwrap().number));
        if !body.is_empty() {
            ack.headers.push(HeaderName::ContentType, "application/sdp");
            ack.body = body.to_vec();
        }
        self.send(&ack.to_bytes()).await;
    }

    /// Answers a request with this status, a tag, a Contact and a body.
    pub(crate) async fn answer(&self, request: &Request, status: StatusCode, body: &[u8]) {
        let mut response = request.response(status);
        let to = request.to().unwrap();
        if to.tag().is_none() {
            response.headers.set(HeaderName::To, &to.with_tag(&format!("to-{}", self.address())));
        }
        let contact = format!("<sip:{}@{}>", self.user, self.address());
        response.headers.push(HeaderName::Contact, contact);
        if !body.is_empty() {
            response.headers.push(HeaderName::ContentType, "application/sdp");
            response.body = body.to_vec();
        }
        self.send(&response.to_bytes()).await;
    }

    /// Registers with the right secret.
    pub(crate) async fn registered(&mut self) {
        let call_id = format!("register-{}-{}", self.user, self.address());
        let request = self.register(&call_id);
        let answer = self.ask_with(request, ("secret", Algorithm::Sha256)).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

/// What gives up this INVITE: part of its transaction (RFC 3261 §9.1).
pub(crate) fn cancel(invite: &Request) -> Request {
    let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
    for name in [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId] {
        cancel.headers.copy(&name, &invite.headers);
    }
    cancel.headers.push(HeaderName::MaxForwards, "70");
    cancel.headers.push(HeaderName::CSeq, format!("{} CANCEL", invite.cseq().unwrap().number));
    cancel
}

pub(crate) fn challenges_of(response: &Response) -> Vec<Challenge> {
    let headers = [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate];
    headers
        .iter()
        .flat_map(|name| response.headers.all(name))
        .map(|value| Challenge::parse(std::str::from_utf8(value).unwrap()).unwrap())
        .collect()
}

pub(crate) fn request_of(text: &[u8]) -> Request {
    match Message::parse(text).unwrap() {
        Message::Request(request) => request,
        Message::Response(response) => panic!("not a request: {response:?}"),
    }
}

/// A phone's description of its audio.
pub(crate) fn sdp(address: SocketAddr, version: u32) -> Vec<u8> {
    let (ip, port) = (address.ip(), 40_000);
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- 7 {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
    )
    .into_bytes()
}

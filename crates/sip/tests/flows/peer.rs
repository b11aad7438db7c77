//! One of the others: the messages it sends, with every field that a flow does not write itself.

use std::net::SocketAddr;

use sip::digest::{Challenge, Login, Protected, choose, respond};
use sip::endpoint::Transport;
use sip::sdp::parse_description;
use sip::{
    CSeq, HeaderName, Host, Message, Method, NameAddr, Request, Response, StatusCode, Uri, Via,
};

use crate::pattern::Found;
use crate::script::Step;

/// Where we are.
pub(crate) const US: ([u8; 4], u16) = ([192, 0, 2, 1], 5060);

/// One of the others.
#[derive(Debug)]
pub(crate) struct Peer {
    name: String,
    pub(crate) address: SocketAddr,
    transport: Transport,
    call_id: String,
    cseq: u32,
    branches: u32,
    /// Itself, with its tag.
    local: NameAddr,
    /// Us, with our tag within a dialog.
    remote: Option<NameAddr>,
    /// Our Contact.
    target: Option<Uri>,
    /// Its last INVITE, and the To of our refusal of it.
    invite: Option<Request>,
    refused: Option<NameAddr>,
    /// What we asked it.
    asked: Vec<Request>,
    challenges: Vec<Challenge>,
}

impl Peer {
    pub(crate) fn new(name: &str, address: SocketAddr, transport: Transport) -> Self {
        let uri = Uri::sip(name, Host::Name("example.cn".into()));
        Self {
            name: name.to_owned(),
            address,
            transport,
            call_id: format!("{name}-1@example.cn"),
            cseq: 0,
            branches: 0,
            local: NameAddr::new(uri).with_tag(&format!("{name}-tag")),
            remote: None,
            target: None,
            invite: None,
            refused: None,
            asked: Vec::new(),
            challenges: Vec::new(),
        }
    }

    /// The message of a step.
    ///
    /// # Errors
    /// What cannot be written.
    pub(crate) fn write(
        &mut self,
        what: &str,
        step: &Step,
        found: &Found,
    ) -> Result<Message, String> {
        let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
        let mut message = match first.parse().ok().and_then(StatusCode::new) {
            Some(status) => Message::Response(self.response(status, rest)?),
            None => Message::Request(self.request(first, rest)?),
        };
        self.dress(&mut message, step, found)?;
        if let Message::Request(request) = &message
            && request.method == Method::Invite
        {
            self.invite = Some(request.clone());
        }
        Ok(message)
    }

    /// Hears what we send.
    pub(crate) fn hear(&mut self, message: &Message) {
        match message {
            Message::Request(request) => self.asked_by(request),
            Message::Response(response) => self.answered_by(response),
        }
    }

    fn asked_by(&mut self, request: &Request) {
        self.asked.push(request.clone());
        if request.method == Method::Invite {
            let tag = format!("{}-tag", self.name);
            self.local = request.to().unwrap();
            if self.local.tag().is_none() {
                self.local = request.to().unwrap().with_tag(&tag);
            }
            self.remote = Some(request.from().unwrap());
            self.target = request.contact().unwrap().map(|contact| contact.uri);
            request.call_id().unwrap().clone_into(&mut self.call_id);
        }
    }

    fn answered_by(&mut self, response: &Response) {
        let method = response.cseq().unwrap().method;
        for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
            let values = response.headers.all(&name).map(String::from_utf8_lossy);
            let challenges: Vec<_> = values.map(|it| Challenge::parse(&it).unwrap()).collect();
            if !challenges.is_empty() {
                self.challenges = challenges;
            }
        }
        let to = response.to().unwrap();
        if method != Method::Invite || response.status == StatusCode::TRYING {
            return;
        }
        if response.status.code() < 300 {
            self.remote = Some(to);
            let contact = response.contact().unwrap();
            self.target = contact.map(|contact| contact.uri).or(self.target.take());
        } else {
            self.refused = Some(to);
            // An INVITE that opens no dialog leaves none behind.
            let opening = self.invite.as_ref().is_some_and(|it| it.to().unwrap().tag().is_none());
            self.remote = self.remote.take().filter(|_| !opening);
        }
    }

    fn response(&self, status: StatusCode, method: &str) -> Result<Response, String> {
        let method = Method::from(method);
        let asked = self.asked.iter().rev().find(|request| request.method == method);
        let request = asked.ok_or_else(|| format!("no {method} was sent to {}", self.name))?;
        let mut response = request.response(status);
        let to = request.to().unwrap();
        if to.tag().is_none() && status != StatusCode::TRYING {
            let tag = self.local.tag().unwrap_or("t").to_owned();
            response.headers.set(HeaderName::To, &to.with_tag(&tag));
        }
        let dialog = method == Method::Invite && (101..300).contains(&status.code());
        if dialog {
            response.headers.push(HeaderName::Contact, &self.contact());
        }
        Ok(response)
    }

    fn request(&mut self, method: &str, uri: &str) -> Result<Request, String> {
        let method = Method::from(method);
        let us = Uri { user: Some("4008001234".into()), ..Uri::of_address(US.into()) };
        let target = match (uri, &self.target) {
            ("", Some(target)) if self.remote.is_some() => target.clone(),
            ("", _) => us,
            (uri, _) => uri.parse().map_err(|_| format!("`{uri}` is no address"))?,
        };
        let follows = matches!(method, Method::Ack | Method::Cancel);
        let invite = self.invite.clone().filter(|_| follows);
        if follows && invite.is_none() {
            return Err(format!("{method} without INVITE"));
        }
        let mut request = Request::new(method.clone(), target.clone());
        if !follows {
            self.cseq += 1;
        }
        let number = invite.as_ref().map_or(self.cseq, |invite| invite.cseq().unwrap().number);
        let answered = self.remote.clone();
        let mut to = answered.unwrap_or_else(|| NameAddr::new(target));
        let mut via = self.new_via();
        if let Some(invite) = &invite {
            // CANCEL, and the ACK of a refusal, belong to the INVITE's transaction.
            let refusal = self.refused.take().filter(|_| method == Method::Ack);
            if method == Method::Cancel || refusal.is_some() {
                via = invite.via().unwrap();
                request.uri = invite.uri.clone();
                to = refusal.unwrap_or_else(|| invite.to().unwrap());
            }
        }
        request.headers.push(HeaderName::Via, &via);
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push(HeaderName::From, &self.local);
        request.headers.push(HeaderName::To, &to);
        request.headers.push(HeaderName::CallId, self.call_id.as_str());
        request.headers.push(HeaderName::CSeq, &CSeq { number, method: method.clone() });
        if method == Method::Invite {
            request.headers.push(HeaderName::Contact, &self.contact());
        }
        Ok(request)
    }

    fn new_via(&mut self) -> Via {
        self.branches += 1;
        let transport = match self.transport {
            Transport::Udp => sip::Transport::Udp,
            Transport::Tcp => sip::Transport::Tcp,
            Transport::Tls | Transport::Ws | Transport::Wss => sip::Transport::Tls,
        };
        let branch = format!("z9hG4bK-{}-{}", self.name, self.branches);
        Via::new(transport, Host::Ip(self.address.ip()), Some(self.address.port()), &branch)
    }

    fn contact(&self) -> NameAddr {
        let user = Some(self.name.as_str().into());
        NameAddr::new(Uri { user, ..Uri::of_address(self.address) })
    }

    /// Puts the fields and the body of the step in place of the usual ones.
    fn dress(&self, message: &mut Message, step: &Step, found: &Found) -> Result<(), String> {
        let asked = match message {
            Message::Request(request) => (request.method.to_string(), request.uri.to_string()),
            Message::Response(_) => Default::default(),
        };
        let (headers, body) = match message {
            Message::Request(request) => (&mut request.headers, &mut request.body),
            Message::Response(response) => (&mut response.headers, &mut response.body),
        };
        let mut replaced = Vec::new();
        for (name, value) in &step.fields {
            let value = found.fill(value)?;
            if name == "body" {
                headers.set(HeaderName::ContentType, "application/sdp");
                *body = written(&value)?;
                continue;
            }
            let name = HeaderName::from(name.as_str());
            if !replaced.contains(&name) {
                headers.remove(&name);
                replaced.push(name.clone());
            }
            match value.strip_prefix("answer ") {
                _ if value == "-" => {}
                Some(login) => headers.push(name, self.credentials(login, &asked)?),
                None => headers.push(name, value),
            }
        }
        Ok(())
    }

    /// The answer to our last challenge by a user with this password.
    fn credentials(&self, login: &str, (method, uri): &(String, String)) -> Result<String, String> {
        answer(&self.challenges, login, (method, uri))
    }
}

/// The answer to the first of these challenges that can be answered.
pub(crate) fn answer(
    challenges: &[Challenge],
    login: &str,
    request: (&str, &str),
) -> Result<String, String> {
    let (user, password) = login.split_once(' ').ok_or("a login has two words")?;
    let login = Login::Password { user: user.to_owned(), password: password.to_owned() };
    let challenge = choose(challenges, &login).ok_or("there is no challenge to answer")?;
    let half = Protected { nonce_count: 1, cnonce: "0a4f113b".to_owned() };
    let credentials = respond(challenge, &login, request, half);
    credentials.map(|it| it.to_string()).ok_or_else(|| "the challenge has no answer".to_owned())
}

/// The body written `sdp address [direction]`; none where nothing is written.
pub(crate) fn written(text: &str) -> Result<Vec<u8>, String> {
    let rest = text.strip_prefix("sdp ").ok_or_else(|| format!("`{text}` is no body"))?;
    let (address, direction) = rest.split_once(' ').unwrap_or((rest, "sendrecv"));
    let address: SocketAddr = address.parse().map_err(|_| format!("{address} is no address"))?;
    let (ip, port) = (address.ip(), address.port());
    let lines = [
        "v=0".to_owned(),
        format!("o=- 1 1 IN IP4 {ip}"),
        "s=-".to_owned(),
        format!("c=IN IP4 {ip}"),
        "t=0 0".to_owned(),
        format!("m=audio {port} RTP/AVP 8 0 101"),
        "a=rtpmap:8 PCMA/8000".to_owned(),
        "a=rtpmap:0 PCMU/8000".to_owned(),
        "a=rtpmap:101 telephone-event/8000".to_owned(),
        format!("a={direction}"),
    ];
    Ok((lines.join("\r\n") + "\r\n").into_bytes())
}

/// A body in the words of [`written`].
pub(crate) fn shown(body: &[u8]) -> String {
    match parse_description(body) {
        Ok(it) if it.direction == model::Direction::SendRecv => format!("sdp {}", it.address),
        Ok(it) => format!("sdp {} {}", it.address, format!("{:?}", it.direction).to_lowercase()),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

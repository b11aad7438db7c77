//! The signalling of a simulated phone: our own endpoint behind one UDP socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clock::Clock;
use model::{Direction, MediaDescription, Timestamp};
use sip::digest::{Challenge, Login, Protected, choose, respond};
use sip::endpoint::{
    Attempt, Body, Destination, Endpoint, EndpointEvent, EndpointSettings, ListenerId, Order,
    Outgoing, Output, Rejection, RequestId, Source, Transport, Within,
};
use sip::sdp::{SdpOrigin, parse_description, write_answer, write_offer};
use sip::{
    Contacts, HeaderName, Headers, Host, Message, Method, NameAddr, Request, Response, SessionId,
    StatusCode, Uri,
};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::audio::Stream;
use crate::phone::{Answer, Ask, PhoneEvent, Settings};

const LISTENER: ListenerId = ListenerId(0);
const FRAME_TIME: Duration = Duration::from_millis(20);

pub(crate) struct Line {
    settings: Settings,
    socket: UdpSocket,
    address: SocketAddr,
    endpoint: Endpoint,
    clock: Clock,
    tell: mpsc::Sender<PhoneEvent>,
    call: Option<OneCall>,
    next_session: u64,
    next_request: u64,
    registration: Registration,
    nonce_count: u32,
    chance: u32,
}

struct Registration {
    expires: u32,
    call_id: Option<Attempt>,
    again_at: Option<Timestamp>,
    tried: bool,
}

struct OneCall {
    session: SessionId,
    stream: Stream,
    /// The peer's latest offer, to be answered.
    offer: Vec<u8>,
    origin: SdpOrigin,
    state: CallState,
    number: Option<String>,
    tried: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CallState {
    Calling,
    Ringing { answer_at: Option<Timestamp> },
    Up { until: Option<Timestamp> },
}

impl Line {
    pub(crate) async fn open(
        settings: Settings,
        tell: mpsc::Sender<PhoneEvent>,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(settings.local, 0)).await?;
        let address = socket.local_addr()?;
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
        let [c0, c1, c2, c3, ..] = seed;
        Ok(Self {
            settings,
            socket,
            address,
            endpoint: Endpoint::new(EndpointSettings::listening([address]), seed),
            clock: Clock::start(),
            tell,
            call: None,
            next_session: 1,
            next_request: 1,
            registration: Registration { expires: 0, call_id: None, again_at: None, tried: false },
            nonce_count: 0,
            chance: u32::from_be_bytes([c0, c1, c2, c3]),
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut frames = tokio::time::interval(FRAME_TIME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut datagram = vec![0_u8; 65_536];
        loop {
            let clock = self.clock;
            let due = self.due().map(|at| tokio::time::Instant::from_std(clock.instant(at)));
            let up =
                matches!(self.call.as_ref().map(|call| call.state), Some(CallState::Up { .. }));
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) => self.obey(ask).await,
                    None => return,
                },
                received = self.socket.recv_from(&mut datagram) => {
                    if let Ok((length, peer)) = received {
                        self.take(datagram.get(..length).unwrap_or_default(), peer);
                    }
                }
                () = hear(self.call.as_mut(), clock) => {}
                _ = frames.tick(), if up => {
                    if let Some(call) = &mut self.call {
                        call.stream.tick(clock.now());
                    }
                }
                () = sleep_until(due) => self.wake(),
            }
            if !up {
                frames.reset();
            }
            self.drain().await;
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let call = match self.call.as_ref().map(|call| call.state) {
            Some(CallState::Ringing { answer_at }) => answer_at,
            Some(CallState::Up { until }) => until,
            Some(CallState::Calling) | None => None,
        };
        [self.endpoint.poll_timeout(), call, self.registration.again_at].into_iter().flatten().min()
    }

    fn wake(&mut self) {
        let now = self.clock.now();
        self.endpoint.handle_timeout(now);
        match self.call.as_ref().map(|call| (call.session, call.state)) {
            Some((_, CallState::Ringing { answer_at: Some(at) })) if at <= now => self.answer(),
            Some((session, CallState::Up { until: Some(at) })) if at <= now => {
                if let Some(call) = &mut self.call {
                    call.state = CallState::Up { until: None };
                }
                self.order(Order::Bye { session, reason: None });
            }
            _ => {}
        }
        if self.registration.again_at.is_some_and(|at| at <= now) {
            self.register(self.registration.expires);
        }
    }

    fn take(&mut self, datagram: &[u8], peer: SocketAddr) {
        let Ok(message) = Message::parse(datagram) else { return };
        let source = Source {
            listener: LISTENER,
            transport: Transport::Udp,
            connection: None,
            peer,
            local: self.address,
        };
        self.endpoint.receive(message, source, self.clock.now());
    }

    async fn obey(&mut self, ask: Ask) {
        let session = self.call.as_ref().map(|call| call.session);
        match (ask, session) {
            (Ask::Register { expires }, _) => self.register(expires),
            (Ask::Behave(manner), _) => self.settings.manner = manner,
            (Ask::Call(number), None) => self.dial(number).await,
            (Ask::Press(digit), Some(_)) => {
                if let Some(call) = &mut self.call {
                    call.stream.press(digit);
                }
            }
            (Ask::Hold(hold), Some(session)) => self.hold(session, hold),
            (Ask::Answer, Some(_)) => self.answer(),
            (Ask::Transfer(number), Some(session)) => self.refer(session, &number),
            (Ask::HangUp, Some(session)) => self.order(Order::Bye { session, reason: None }),
            (Ask::Call(_), Some(_)) => {
                tracing::debug!("a simulated phone makes one call at a time")
            }
            (Ask::Press(_) | Ask::Hold(_) | Ask::Answer | Ask::Transfer(_) | Ask::HangUp, None) => {
            }
        }
    }

    fn order(&mut self, order: Order) {
        if let Err(error) = self.endpoint.order(order, self.clock.now()) {
            tracing::debug!(%error, user = self.settings.user, "simulated phone");
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Send { bytes, destination } => {
                    // What cannot be sent is lost, as on any network; the transaction repeats it.
                    let _ = self.socket.send_to(&bytes, destination.peer).await;
                }
                Output::Event(event) => self.event(event).await,
            }
        }
    }

    async fn event(&mut self, event: EndpointEvent) {
        let now = self.clock.now();
        match event {
            EndpointEvent::Invited { session, request, .. } => self.rings(session, *request).await,
            EndpointEvent::Requested { arrival, request, .. } => {
                let response = Box::new(request.response(StatusCode::OK));
                self.order(Order::Respond { arrival, response });
            }
            EndpointEvent::Progressed { status, body, .. } => {
                if let Ok(early) = parse_description(&body) {
                    self.connect(early);
                }
                if status == StatusCode::RINGING || status == StatusCode::SESSION_PROGRESS {
                    self.tell(PhoneEvent::FarEndRings);
                }
            }
            EndpointEvent::Answered { body, .. } | EndpointEvent::OfferAnswered { body, .. } => {
                if let Ok(answer) = parse_description(&body) {
                    self.connect(answer);
                }
                self.up(now);
            }
            EndpointEvent::Refused { status, response, attempt, .. } => {
                self.refused(status, response.as_deref(), attempt);
            }
            EndpointEvent::Offered { session, body } => self.reoffered(session, &body),
            EndpointEvent::Responded { response, attempt, .. } => self.responded(response, attempt),
            EndpointEvent::Released { session, .. } => self.ended(session, None),
            EndpointEvent::ReferAsked { session, .. } => {
                let refusal = Box::new(Rejection::new(StatusCode::DECLINE, "not here"));
                self.order(Order::RefuseRefer { session, refusal });
            }
            EndpointEvent::Acknowledged { .. }
            | EndpointEvent::OfferWithdrawn { .. }
            | EndpointEvent::OfferRefused { .. }
            | EndpointEvent::Digit { .. }
            | EndpointEvent::Notified { .. } => {}
        }
    }

    fn tell(&self, event: PhoneEvent) {
        // Nobody reads: nobody cares.
        let _ = self.tell.try_send(event);
    }

    fn connect(&mut self, remote: MediaDescription) {
        if let Some(call) = &mut self.call {
            call.stream.connect(remote);
        }
    }

    fn up(&mut self, now: Timestamp) {
        let until = self.settings.manner.talk.map(|talk| now + talk);
        if let Some(call) = &mut self.call
            && !matches!(call.state, CallState::Up { .. })
        {
            call.state = CallState::Up { until };
            self.tell(PhoneEvent::Answered);
        }
    }

    async fn open_call(&mut self, session: SessionId, offer: Vec<u8>, state: CallState) -> bool {
        self.chance = self.chance.wrapping_mul(0x9E37_79B1).wrapping_add(1);
        let sound = (self.settings.tone_hz, self.settings.hearing);
        match Stream::open(self.settings.local, sound, self.chance).await {
            Ok(stream) => {
                let origin = SdpOrigin { session_id: u64::from(self.chance), version: 1 };
                let (number, tried) = (None, false);
                self.call = Some(OneCall { session, stream, offer, origin, state, number, tried });
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a simulated phone has no socket for its audio");
                false
            }
        }
    }

    async fn rings(&mut self, session: SessionId, request: Request) {
        let from = request.from().ok().and_then(|from| from.uri.user_name()).unwrap_or_default();
        if self.call.is_some() {
            return self.reject(session, StatusCode::BUSY_HERE);
        }
        let now = self.clock.now();
        let answer_at = match self.settings.manner.answer {
            Answer::After(wait) => Some(now + wait),
            Answer::Never => None,
            Answer::Decline(status) => {
                let status = StatusCode::new(status).unwrap_or(StatusCode::DECLINE);
                return self.reject(session, status);
            }
        };
        let state = CallState::Ringing { answer_at };
        if !self.open_call(session, request.body.clone(), state).await {
            return self.reject(session, StatusCode::SERVER_INTERNAL_ERROR);
        }
        self.order(Order::Progress { session, status: StatusCode::RINGING, body: None });
        self.tell(PhoneEvent::Rings { from });
    }

    fn reject(&mut self, session: SessionId, status: StatusCode) {
        let refusal = Box::new(Rejection::new(status, "simulated phone"));
        self.order(Order::Reject { session, refusal });
    }

    fn answer(&mut self) {
        let now = self.clock.now();
        let Some(call) = &mut self.call else { return };
        if !matches!(call.state, CallState::Ringing { .. }) {
            return;
        }
        let session = call.session;
        let (Ok(offer), Ok(local)) = (parse_description(&call.offer), call.stream.address()) else {
            return self.reject(session, StatusCode::NOT_ACCEPTABLE_HERE);
        };
        let answer = offer.answer(local);
        let Ok(body) = write_answer(&answer, &call.offer, call.origin) else {
            return self.reject(session, StatusCode::NOT_ACCEPTABLE_HERE);
        };
        call.stream.connect(offer);
        self.order(Order::Accept { session, body: Body::sdp(body) });
        self.up(now);
    }

    fn reoffered(&mut self, session: SessionId, offer: &[u8]) {
        let Some(call) = &mut self.call else { return };
        let Ok(local) = call.stream.address() else { return };
        call.origin.version += 1;
        let body = match parse_description(offer) {
            Ok(description) => {
                let answer = description.answer(local);
                call.stream.connect(description);
                write_answer(&answer, offer, call.origin).ok()
            }
            Err(_) => Some(write_offer(&MediaDescription::ours(local), None, call.origin)),
        };
        match body {
            Some(body) => self.order(Order::AnswerOffer { session, body: Body::sdp(body) }),
            None => {
                let refusal = Box::new(Rejection::new(StatusCode::NOT_ACCEPTABLE_HERE, "no codec"));
                self.order(Order::RefuseOffer { session, refusal });
            }
        }
    }

    fn hold(&mut self, session: SessionId, hold: bool) {
        let Some(call) = &mut self.call else { return };
        let Ok(local) = call.stream.address() else { return };
        call.origin.version += 1;
        call.stream.send_audio(!hold);
        let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
        let offer = MediaDescription { direction, ..MediaDescription::ours(local) };
        let body = Body::sdp(write_offer(&offer, None, call.origin));
        self.order(Order::Reinvite { session, body });
    }

    fn refer(&mut self, session: SessionId, number: &str) {
        let uri = NameAddr::new(self.uri(number));
        self.next_request += 1;
        let within = Within {
            method: Method::Refer,
            headers: vec![(HeaderName::ReferTo, uri.to_bytes())],
            body: None,
        };
        let request = RequestId(self.next_request);
        self.order(Order::RequestWithin { session, request, within: Box::new(within) });
    }

    fn uri(&self, user: &str) -> Uri {
        match self.settings.domain.parse() {
            Ok(ip) => Uri::sip(user, Host::Ip(ip)),
            Err(_) => Uri::sip(user, Host::Name(self.settings.domain.as_str().into())),
        }
    }

    fn outgoing(&self, target: Uri, to: &str, attempt: Option<Attempt>) -> Outgoing {
        Outgoing {
            target,
            destination: Destination::udp(LISTENER, self.settings.server),
            from: NameAddr::new(self.uri(&self.settings.user)),
            to: NameAddr::new(self.uri(to)),
            routes: vec![],
            headers: vec![],
            body: None,
            max_forwards: 70,
            attempt,
        }
    }

    async fn dial(&mut self, number: String) {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        if self.open_call(session, vec![], CallState::Calling).await {
            if let Some(call) = &mut self.call {
                call.number = Some(number);
            }
            self.invite(None, None);
        }
    }

    fn invite(&mut self, attempt: Option<Attempt>, challenge: Option<(HeaderName, Challenge)>) {
        let Some(call) = &self.call else { return };
        let (Some(number), Ok(local)) = (call.number.clone(), call.stream.address()) else {
            return;
        };
        let session = call.session;
        let body = write_offer(&MediaDescription::ours(local), None, call.origin);
        let target = self.uri(&number).with_port(Some(self.settings.server.port()));
        let mut outgoing = self.outgoing(target, &number, attempt);
        outgoing.body = Some(Body::sdp(body));
        if let Some((name, challenge)) = challenge {
            let uri = outgoing.target.to_string();
            outgoing.headers.extend(self.credentials(name, &challenge, ("INVITE", &uri)));
        }
        self.order(Order::Invite { session, outgoing: Box::new(outgoing) });
    }

    fn refused(&mut self, status: StatusCode, response: Option<&Response>, attempt: Attempt) {
        let challenge = response.and_then(|response| self.challenge(&response.headers));
        let Some(call) = &mut self.call else { return };
        if let Some(challenge) = challenge.filter(|_| !call.tried) {
            call.tried = true;
            // The refused session's number is spent.
            call.session = SessionId(self.next_session);
            self.next_session += 1;
            return self.invite(Some(attempt), Some(challenge));
        }
        let session = call.session;
        self.ended(session, Some(status.code()));
    }

    fn ended(&mut self, session: SessionId, status: Option<u16>) {
        if let Some(call) = self.call.take_if(|call| call.session == session) {
            let audio = Box::new(call.stream.into_audio());
            self.tell(PhoneEvent::Ended { status, audio });
        }
    }

    fn register(&mut self, expires: u32) {
        self.registration.expires = expires;
        self.registration.again_at = None;
        self.registration.tried = false;
        let attempt = self.registration.call_id.take();
        self.send_register(attempt, None);
    }

    fn send_register(
        &mut self,
        attempt: Option<Attempt>,
        challenge: Option<(HeaderName, Challenge)>,
    ) {
        let user = self.settings.user.clone();
        let domain = self.uri(&user);
        let target = Uri::of_host(domain.host.clone()).with_port(Some(self.settings.server.port()));
        let contact = NameAddr::new(
            Uri::sip(&user, Host::Ip(self.address.ip())).with_port(Some(self.address.port())),
        );
        let mut outgoing = self.outgoing(target, &user, attempt);
        outgoing.headers.push((HeaderName::Contact, contact.to_bytes()));
        let expires = self.registration.expires.to_string();
        outgoing.headers.push((HeaderName::Expires, expires.into_bytes()));
        if let Some((name, challenge)) = challenge {
            let uri = outgoing.target.to_string();
            outgoing.headers.extend(self.credentials(name, &challenge, ("REGISTER", &uri)));
        }
        self.next_request += 1;
        let request = RequestId(self.next_request);
        self.order(Order::Request {
            request,
            method: Method::Register,
            outgoing: Box::new(outgoing),
        });
    }

    fn responded(&mut self, response: Result<Box<Response>, StatusCode>, attempt: Option<Attempt>) {
        // A response within a session has no attempt: it is one to REFER.
        let Some(attempt) = attempt else { return };
        let status = match &response {
            Ok(response) => response.status,
            Err(status) => *status,
        };
        if status.is_success() {
            let headers = response.as_ref().ok().map(|response| &response.headers);
            let granted = headers.and_then(|headers| granted(headers, self.address));
            let lasts = granted.unwrap_or(self.registration.expires);
            // Half of it leaves room for a renewal that is lost and repeated.
            let renew_after = Duration::from_secs(u64::from((lasts / 2).max(1)));
            self.registration.call_id = Some(attempt);
            self.registration.again_at =
                (self.registration.expires > 0).then(|| self.clock.now() + renew_after);
            return self.tell(PhoneEvent::Registered);
        }
        let challenge = response.ok().and_then(|response| self.challenge(&response.headers));
        match challenge.filter(|_| !self.registration.tried) {
            Some(challenge) => {
                self.registration.tried = true;
                self.send_register(Some(attempt), Some(challenge));
            }
            None => self.tell(PhoneEvent::RegistrationRefused(status.code())),
        }
    }

    /// The challenge of a 401 or 407 that our login can answer, and the header to answer it in.
    fn challenge(&self, headers: &Headers) -> Option<(HeaderName, Challenge)> {
        let login = self.login()?;
        let answers = [
            (HeaderName::WwwAuthenticate, HeaderName::Authorization),
            (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization),
        ];
        answers.into_iter().find_map(|(asked, answered)| {
            let challenges: Vec<Challenge> = headers
                .all(&asked)
                .filter_map(|value| Challenge::parse(std::str::from_utf8(value).ok()?).ok())
                .collect();
            choose(&challenges, &login).map(|challenge| (answered, challenge.clone()))
        })
    }

    fn login(&self) -> Option<Login> {
        let password = self.settings.password.clone()?;
        Some(Login::Password { user: self.settings.user.clone(), password })
    }

    fn credentials(
        &mut self,
        name: HeaderName,
        challenge: &Challenge,
        request: (&str, &str),
    ) -> Option<(HeaderName, Vec<u8>)> {
        let login = self.login()?;
        self.nonce_count += 1;
        let cnonce = format!("{:08x}{:08x}", self.chance, self.nonce_count);
        let protected = Protected { nonce_count: 1, cnonce };
        let credentials = respond(challenge, &login, request, protected)?;
        Some((name, credentials.to_string().into_bytes()))
    }
}

/// For how many seconds the registrar took the binding at `address`: it may grant less than was
/// asked for (RFC 3261 §10.2.4).
fn granted(headers: &Headers, address: SocketAddr) -> Option<u32> {
    let ours = match headers.contacts() {
        Ok(Contacts::These(contacts)) => {
            contacts.into_iter().find(|contact| contact.uri.address() == Some(address))
        }
        Ok(Contacts::All) | Err(_) => None,
    };
    ours.and_then(|contact| contact.expires()).or_else(|| headers.expires().ok().flatten())
}

async fn hear(call: Option<&mut OneCall>, clock: Clock) {
    match call {
        Some(call) => call.stream.hear(|| clock.now()).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_lasts_as_long_as_was_granted_and_not_as_was_asked() {
        let mut headers = Headers::new();
        headers.push(HeaderName::Contact, "<sip:1001@127.0.0.1:5070>;expires=120");
        headers.push(HeaderName::Contact, "<sip:1001@127.0.0.1:5062>;expires=600");
        assert_eq!(granted(&headers, "127.0.0.1:5062".parse().unwrap()), Some(600));
        assert_eq!(granted(&headers, "127.0.0.1:9".parse().unwrap()), None);
    }
}

//! Plays a flow: the endpoint in the middle, the others around it, and a clock that only the flow
//! moves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::Timestamp;
use sip::digest::Challenge;
use sip::endpoint::{
    ArrivalId, Attempt, Body, ConnectionId, Destination, Endpoint, EndpointEvent, EndpointSettings,
    ExtraHeaders, ListenerId, Order, Outgoing, Output, Rejection, RequestId, Source,
};
use sip::{HeaderName, Message, Method, NameAddr, Request, Response, SessionId, StatusCode, Uri};

use crate::desk::Desk;
use crate::pattern::Found;
use crate::peer::{Peer, US, answer, shown, written};
use crate::script::{Deed, Script, Step};
use crate::watch::Watch;

const START: Timestamp = Timestamp::from_secs(1_000_000);
/// Long enough for every timer of a transaction, and too short for those of a call.
const QUIET: Duration = Duration::from_secs(40);

/// Plays a flow.
///
/// # Errors
/// The file, the line, and what went otherwise.
pub(crate) fn play(script: &Script) -> Result<(), String> {
    let mut stage = Stage::new(script);
    for step in &script.steps {
        stage.act(step).map_err(|fault| format!("{}:{}: {fault}", script.name, step.line))?;
    }
    stage.end().map_err(|fault| format!("{}:{}: {fault}", script.name, script.length))
}

/// What a peer's calls and requests are to the application.
#[derive(Default)]
struct Line {
    session: Option<SessionId>,
    arrival: Option<(ArrivalId, Box<Request>, Source)>,
    /// What was asked last, to be asked again.
    asked: Option<(Method, Outgoing)>,
    request: Option<RequestId>,
    refused: Option<(Attempt, Vec<(HeaderName, Challenge)>)>,
    /// What was sent last, by title.
    written: BTreeMap<String, Vec<u8>>,
}

struct Stage<'a> {
    script: &'a Script,
    now: Timestamp,
    endpoint: Endpoint,
    peers: BTreeMap<String, Peer>,
    lines: BTreeMap<String, Line>,
    calls: u64,
    sent: VecDeque<(String, Message)>,
    told: VecDeque<(String, String)>,
    found: Found,
    desk: Desk,
    watch: Watch,
}

impl<'a> Stage<'a> {
    fn new(script: &'a Script) -> Self {
        let peers = script.peers.iter();
        let peers = peers.map(|(name, at)| (name.clone(), Peer::new(name, *at, script.transport)));
        Self {
            script,
            now: START,
            endpoint: Endpoint::new(EndpointSettings::listening([US.into()]), [9; 32]),
            peers: peers.collect(),
            lines: BTreeMap::new(),
            calls: 0,
            sent: VecDeque::new(),
            told: VecDeque::new(),
            found: Found::default(),
            desk: Desk::new(script),
            watch: Watch::default(),
        }
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        match &step.deed {
            Deed::Arrives { peer, what } => self.arrives(peer, what, step),
            Deed::Sent { peer, what, again } => self.is_sent(peer, what, step, *again),
            Deed::Told { peer, what } => self.is_told(peer, what),
            Deed::Ordered { peer, what } => self.ordered(peer, what, step),
            Deed::Passes(span) => self.pass(*span),
        }
    }

    fn arrives(&mut self, name: &str, what: &str, step: &Step) -> Result<(), String> {
        let peer = self.peers.get_mut(name).ok_or("no such peer")?;
        let message = peer.write(what, step, &self.found)?;
        let source = source(peer.address, self.script);
        // Over the wire, so that nothing arrives that could not be written.
        let message = Message::parse(&message.to_bytes()).map_err(|it| it.to_string())?;
        self.watch.received(&message);
        self.endpoint.receive(message, source, self.now);
        self.collect()
    }

    fn is_sent(&mut self, to: &str, what: &str, step: &Step, again: bool) -> Result<(), String> {
        let (peer, message) = self.sent.pop_front().ok_or("nothing was sent")?;
        let title = title(&message);
        if (peer.as_str(), title.as_str()) != (to, what) {
            return Err(format!("{title} was sent to {peer}"));
        }
        let octets = message.to_bytes();
        let before = self.line(to).written.insert(title, octets.clone());
        let is_again = before.is_some_and(|before| before == octets);
        if is_again != again {
            return Err(format!("it was {}sent before", if is_again { "" } else { "not " }));
        }
        for (name, pattern) in &step.fields {
            holds(&mut self.found, &message, name, pattern)?;
        }
        Ok(())
    }

    fn is_told(&mut self, of: &str, what: &str) -> Result<(), String> {
        let (peer, words) = self.told.pop_front().ok_or("nothing happened")?;
        if peer == of && self.found.matches(what, &words) {
            return Ok(());
        }
        Err(format!("`{words}` happened with {peer}"))
    }

    fn pass(&mut self, span: Duration) -> Result<(), String> {
        let end = self.now + span;
        while let Some(due) = self.endpoint.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.endpoint.handle_timeout(self.now);
            self.collect()?;
        }
        self.now = end;
        Ok(())
    }

    /// When all is said, nothing more happens, and nothing is left.
    fn end(&mut self) -> Result<(), String> {
        self.pass(QUIET)?;
        if let Some((peer, message)) = self.sent.front() {
            return Err(format!("left at the end: {} to {peer}", title(message)));
        }
        if let Some((peer, words)) = self.told.front() {
            return Err(format!("left at the end: `{words}` with {peer}"));
        }
        let left = (self.endpoint.session_count(), self.endpoint.transaction_count());
        if left != (0, 0) || self.endpoint.poll_timeout().is_some() {
            return Err(format!("left at the end: {left:?} sessions and transactions"));
        }
        let tally = self.endpoint.tally();
        // The ACK of a refusal that was forgotten at once is a stray one.
        if tally.stray_acks > self.watch.forgotten || tally.stray_responses > 0 {
            return Err(format!("messages went astray: {tally:?}"));
        }
        Ok(())
    }

    fn collect(&mut self) -> Result<(), String> {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Event(event) => self.hear(&event)?,
                Output::Send { bytes, destination } => {
                    let message = Message::parse(&bytes).map_err(|it| it.to_string())?;
                    self.watch.sent(&message).map_err(|it| format!("{}: {it}", title(&message)))?;
                    let at = |peer: &&mut Peer| peer.address == destination.peer;
                    let peer = self.peers.values_mut().find(at);
                    let peer = peer.ok_or_else(|| format!("sent to {}", destination.peer))?;
                    peer.hear(&message);
                    let name = self.name_at(destination.peer)?;
                    self.sent.push_back((name, message));
                }
            }
        }
        Ok(())
    }

    fn hear(&mut self, event: &EndpointEvent) -> Result<(), String> {
        let name = self.concerned(event)?;
        if let EndpointEvent::Invited { session, .. } = event {
            self.line(&name).session = Some(*session);
        } else if let EndpointEvent::Requested { arrival, request, source } = event {
            self.line(&name).arrival = Some((*arrival, request.clone(), *source));
        }
        if let EndpointEvent::Refused { response, attempt, .. } = event {
            let challenges = response.as_deref().map(challenges).unwrap_or_default();
            self.line(&name).refused = Some((attempt.clone(), challenges));
        } else if let EndpointEvent::Responded { response, attempt: Some(attempt), .. } = event {
            let challenges = response.as_deref().map(challenges).unwrap_or_default();
            self.line(&name).refused = Some((attempt.clone(), challenges));
        }
        self.told.push_back((name, words(event)));
        Ok(())
    }

    /// Whom an event is about.
    fn concerned(&self, event: &EndpointEvent) -> Result<String, String> {
        if let EndpointEvent::Invited { source, .. } | EndpointEvent::Requested { source, .. } =
            event
        {
            return self.name_at(source.peer);
        }
        if let EndpointEvent::Responded { request, .. } = event {
            return self.name_of(|line| line.request == Some(*request));
        }
        let session = session_of(event).ok_or_else(|| format!("unknown: {event:?}"))?;
        self.name_of(|line| line.session == Some(session))
    }

    fn ordered(&mut self, name: &str, what: &str, step: &Step) -> Result<(), String> {
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        let mut order = match verb {
            "invite" | "request" | "again" => return self.asks(name, verb, rest, step),
            "judge" | "respond" => self.responds(name, verb, rest)?,
            "move" => {
                let address = rest.parse().map_err(|_| format!("{rest} is no address"))?;
                self.peers.get_mut(name).ok_or("no such peer")?.address = address;
                return Ok(());
            }
            "break" => {
                let destination = source(self.address(name)?, self.script).destination();
                self.endpoint.transport_failed(&destination, self.now);
                return self.collect();
            }
            _ => within(self.line(name).session.ok_or("there is no call")?, verb, rest)?,
        };
        if let Order::Reject { refusal, .. } = &mut order {
            refusal.headers.extend(fields(step));
        }
        self.carry_out(order)
    }

    fn carry_out(&mut self, order: Order) -> Result<(), String> {
        self.endpoint.order(order, self.now).map_err(|error| error.to_string())?;
        self.collect()
    }

    /// `invite uri [body]`, `request METHOD uri`, or either `again user password`.
    fn asks(&mut self, name: &str, verb: &str, rest: &str, step: &Step) -> Result<(), String> {
        let (method, outgoing) = match verb {
            "again" => self.repeated(name, rest)?,
            "invite" => (Method::Invite, self.outgoing(name, rest, step)?),
            _ => {
                let (method, rest) = rest.split_once(' ').ok_or("a request names its method")?;
                (Method::from(method), self.outgoing(name, rest, step)?)
            }
        };
        self.calls += 1;
        let line = self.lines.entry(name.to_owned()).or_default();
        line.asked = Some((method.clone(), outgoing.clone()));
        let outgoing = Box::new(outgoing);
        if method == Method::Invite {
            let session = SessionId(self.calls);
            line.session = Some(session);
            return self.carry_out(Order::Invite { session, outgoing });
        }
        let request = RequestId(self.calls);
        line.request = Some(request);
        self.carry_out(Order::Request { request, method, outgoing })
    }

    fn outgoing(&self, name: &str, rest: &str, step: &Step) -> Result<Outgoing, String> {
        let (target, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let target: Uri = target.parse().map_err(|_| format!("`{target}` is no address"))?;
        let us = Uri { user: Some("4008001234".into()), ..Uri::of_address(US.into()) };
        let body = if body.is_empty() { None } else { Some(Body::sdp(written(body)?)) };
        Ok(Outgoing {
            target: target.clone(),
            destination: destination(self.address(name)?, self.script),
            from: NameAddr::new(us),
            to: NameAddr::new(target),
            routes: Vec::new(),
            headers: fields(step),
            body,
            max_forwards: 70,
            attempt: None,
        })
    }

    /// What was asked last, with an answer to every challenge it met (§22.3).
    fn repeated(&mut self, name: &str, login: &str) -> Result<(Method, Outgoing), String> {
        let line = self.line(name);
        let (method, mut outgoing) = line.asked.clone().ok_or("nothing was asked")?;
        let (attempt, challenges) = line.refused.clone().ok_or("nothing was refused")?;
        outgoing.attempt = Some(attempt);
        let uri = outgoing.target.to_string();
        let challenge = challenges.first().ok_or("there was no challenge")?;
        let of_proxy = challenge.0 == HeaderName::ProxyAuthenticate;
        let field =
            if of_proxy { HeaderName::ProxyAuthorization } else { HeaderName::Authorization };
        let challenges: Vec<_> = challenges.into_iter().map(|(_, it)| it).collect();
        let credentials = answer(&challenges, login, (method.as_str(), &uri))?;
        outgoing.headers.push((field, credentials.into_bytes()));
        Ok((method, outgoing))
    }

    fn responds(&mut self, name: &str, verb: &str, rest: &str) -> Result<Order, String> {
        let arrival = self.line(name).arrival.take().ok_or("nothing is to be answered")?;
        let (arrival, request, source) = arrival;
        let response = if verb == "judge" {
            self.desk.judge(&request, source.destination(), self.now)
        } else {
            request.response(status(rest)?)
        };
        Ok(Order::Respond { arrival, response: Box::new(response) })
    }

    fn line(&mut self, name: &str) -> &mut Line {
        self.lines.entry(name.to_owned()).or_default()
    }

    fn address(&self, name: &str) -> Result<std::net::SocketAddr, String> {
        let peer = self.peers.get(name).ok_or_else(|| format!("no peer is called {name}"))?;
        Ok(peer.address)
    }

    fn name_at(&self, address: std::net::SocketAddr) -> Result<String, String> {
        let found = self.peers.iter().find(|(_, peer)| peer.address == address);
        found.map(|(name, _)| name.clone()).ok_or_else(|| format!("nobody is at {address}"))
    }

    fn name_of(&self, is_it: impl Fn(&Line) -> bool) -> Result<String, String> {
        let found = self.lines.iter().find(|(_, line)| is_it(line));
        found.map(|(name, _)| name.clone()).ok_or_else(|| "an event belongs to nobody".to_owned())
    }
}

/// An order about a call that is there.
fn within(session: SessionId, verb: &str, rest: &str) -> Result<Order, String> {
    let body = |text: &str| written(text).map(Body::sdp);
    Ok(match verb {
        "ring" => Order::Progress { session, status: StatusCode::RINGING, body: None },
        "progress" => {
            let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let body = if text.is_empty() { None } else { Some(body(text)?) };
            Order::Progress { session, status: status(code)?, body }
        }
        "accept" => Order::Accept { session, body: body(rest)? },
        "reject" => {
            let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let refusal = Box::new(Rejection::new(status(code)?, text));
            Order::Reject { session, refusal }
        }
        "cancel" => Order::Cancel { session, reason: None },
        "bye" => Order::Bye { session, reason: None },
        "reinvite" => Order::Reinvite { session, body: body(rest)? },
        "answer" => Order::AnswerOffer { session, body: body(rest)? },
        _ => return Err(format!("`{verb}` is no order")),
    })
}

fn fields(step: &Step) -> ExtraHeaders {
    let field = |(name, value): &(String, String)| {
        (HeaderName::from(name.as_str()), value.as_bytes().to_vec())
    };
    step.fields.iter().map(field).collect()
}

fn status(code: &str) -> Result<StatusCode, String> {
    let status = code.parse().ok().and_then(StatusCode::new);
    status.ok_or_else(|| format!("{code} is no status"))
}

/// Whether a message says what a field line says.
fn holds(found: &mut Found, message: &Message, name: &str, pattern: &str) -> Result<(), String> {
    let headers = message.headers();
    if name == "body" {
        let text = if message.body().is_empty() { "-".to_owned() } else { shown(message.body()) };
        let fits = found.matches(pattern, &text);
        return if fits { Ok(()) } else { Err(format!("the body is `{text}`")) };
    }
    if let (Message::Request(request), "uri") = (message, name) {
        let uri = request.uri.to_string();
        let fits = found.matches(pattern, &uri);
        return if fits { Ok(()) } else { Err(format!("the Request-URI is `{uri}`")) };
    }
    let (field, count) = match name.strip_suffix('#') {
        Some(field) => (HeaderName::from(field), true),
        None => (HeaderName::from(name), false),
    };
    let values: Vec<_> = headers.all(&field).map(String::from_utf8_lossy).collect();
    let fits = match pattern {
        _ if count => pattern == values.len().to_string(),
        "-" => values.is_empty(),
        _ => values.iter().any(|value| found.matches(pattern, value)),
    };
    if fits { Ok(()) } else { Err(format!("no {name} is `{pattern}`, but {values:?}")) }
}

fn challenges(response: &Response) -> Vec<(HeaderName, Challenge)> {
    let of = |name: HeaderName| {
        let values = response.headers.all(&name).map(String::from_utf8_lossy);
        let read = values.filter_map(|value| Challenge::parse(&value).ok());
        read.map(|challenge| (name.clone(), challenge)).collect::<Vec<_>>()
    };
    [of(HeaderName::WwwAuthenticate), of(HeaderName::ProxyAuthenticate)].concat()
}

fn source(peer: std::net::SocketAddr, script: &Script) -> Source {
    let Destination { listener, transport, connection, .. } = destination(peer, script);
    Source { listener, transport, connection, peer, local: US.into() }
}

fn destination(peer: std::net::SocketAddr, script: &Script) -> Destination {
    let transport = script.transport;
    let connection = transport.is_connected().then(|| ConnectionId(peer.port().into()));
    Destination { listener: ListenerId(0), transport, connection, peer }
}

/// `INVITE`, or `180 INVITE`.
fn title(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => {
            format!("{} {}", response.status, response.cseq().unwrap().method)
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a flow says which events it knows")]
fn session_of(event: &EndpointEvent) -> Option<SessionId> {
    match event {
        EndpointEvent::Progressed { session, .. }
        | EndpointEvent::Answered { session, .. }
        | EndpointEvent::Refused { session, .. }
        | EndpointEvent::Acknowledged { session, .. }
        | EndpointEvent::Offered { session, .. }
        | EndpointEvent::OfferAnswered { session, .. }
        | EndpointEvent::OfferRefused { session, .. }
        | EndpointEvent::Released { session, .. } => Some(*session),
        _ => None,
    }
}

/// An event in words.
#[expect(clippy::wildcard_enum_match_arm, reason = "a flow says which events it knows")]
fn words(event: &EndpointEvent) -> String {
    let text = match event {
        EndpointEvent::Invited { request, .. } => format!("invited {}", shown(&request.body)),
        EndpointEvent::Requested { request, .. } => format!("requested {}", request.method),
        EndpointEvent::Progressed { status, body, .. } => {
            format!("progressed {status} {}", shown(body))
        }
        EndpointEvent::Answered { body, .. } => format!("answered {}", shown(body)),
        EndpointEvent::Refused { status, .. } => format!("refused {status}"),
        EndpointEvent::Acknowledged { body, .. } => format!("acknowledged {}", shown(body)),
        EndpointEvent::Offered { body, .. } => format!("offered {}", shown(body)),
        EndpointEvent::OfferAnswered { body, .. } => format!("offer answered {}", shown(body)),
        EndpointEvent::OfferRefused { status, .. } => format!("offer refused {status}"),
        EndpointEvent::Released { cause, .. } => format!("released {cause:?}"),
        EndpointEvent::Responded { response: Ok(response), .. } => {
            format!("responded {}", response.status)
        }
        EndpointEvent::Responded { response: Err(status), .. } => format!("failed {status}"),
        other => format!("{other:?}"),
    };
    text.trim_end().to_owned()
}

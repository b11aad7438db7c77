//! A house for the tests: everything the API is wired to.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clock::Clock;
use model::{
    Actor, AgentId, AgentState, CallId, Epoch, Event, EventKind, LegId, Next, PhoneId, RecordingId,
    Refusal, TenantId, Timestamp,
};
use provision::{Denial, Fingerprint, Generation, Grant, Key, Server, Setup, Standing, Transport};
use store::{Database, Journal, Projector};
use switchboard::ports::{Full, Inbox, Input, Reply, Request};
use switchboard::status::{
    AgentStatus, BarredStatus, CallStatus, QueueStatus, Status, TrunkStatus,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::{Answer, Stream, send};
use crate::{
    Ban, BoxFuture, Floor, Issued, MetricsAccess, NotIssued, Place, Provisioning, Replies, Role,
    Rung, Sample, Signalling, TokenEntry, Tokens, Trunk, Wiring,
};

/// When the tests' log begins.
pub(super) const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A floor that writes notes and what it is asked into the log, and answers at once.
pub(super) struct Desk {
    journal: Journal,
    replies: Arc<Replies>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    seq: u64,
    asked: Vec<(String, Request)>,
    silent: bool,
}

impl Desk {
    pub(super) fn asked(&self) -> Vec<(String, Request)> {
        self.log.lock().unwrap().asked.clone()
    }

    pub(super) fn fall_silent(&self) {
        self.log.lock().unwrap().silent = true;
    }

    /// Writes one event, numbered after the last.
    pub(super) fn write(&self, call: Option<u32>, kind: EventKind, actor: Actor) {
        self.write_at(None, call, kind, actor);
    }

    fn write_at(&self, at: Option<Timestamp>, call: Option<u32>, kind: EventKind, actor: Actor) {
        self.tell(|event| {
            event.at = at.unwrap_or(event.at);
            event.call = call.map(|call| CallId::new(event.epoch, call));
            event.agent = call.map(|_| AgentId::new(1001));
            (event.actor, event.kind) = (actor, kind);
        });
    }

    /// Writes what `change` makes of an event that is numbered after the last.
    pub(super) fn tell(&self, change: impl FnOnce(&mut Event)) {
        let mut log = self.log.lock().unwrap();
        log.seq += 1;
        let mut event = Event {
            schema: model::Schema::CURRENT,
            tenant: TenantId::from("default"),
            epoch: Epoch::new(1),
            seq: log.seq,
            at: BEGIN + Duration::from_millis(log.seq),
            call: None,
            segment: None,
            leg: None,
            agent: None,
            queue: None,
            actor: Actor::system(),
            cause: None,
            config_version: 1,
            kind: EventKind::SystemStopped {},
        };
        change(&mut event);
        // A journal that is closed takes nothing, and whoever waits for it is told.
        let _ = self.journal.append(event);
    }
}

impl Inbox for Desk {
    fn put(&self, input: Input) -> Result<(), Full> {
        match input {
            Input::Note { actor, call, kind } => {
                self.write(call.map(CallId::number), *kind, actor);
            }
            Input::Request { reply, actor, request } => {
                let mut log = self.log.lock().unwrap();
                if log.silent {
                    return Err(Full(Box::new(Input::Request { reply, actor, request })));
                }
                if request != Request::Status {
                    log.asked.push((actor.to_string(), request.clone()));
                }
                drop(log);
                self.replies.complete(reply, answer(&request));
            }
            Input::Leg { .. }
            | Input::Media { .. }
            | Input::Recording { .. }
            | Input::Binding { .. }
            | Input::Configure(_)
            | Input::Tick
            | Input::Shutdown => panic!("the API never says this"),
        }
        Ok(())
    }
}

fn answer(request: &Request) -> Result<Reply, Refusal> {
    let agent = |state| Ok(Reply::Agent(Box::new(state)));
    match request {
        Request::Status => Ok(Reply::Status(Box::new(status()))),
        Request::SignIn { agent: who, .. } if who.number() == 1001 => {
            agent(AgentState::Ready { since: BEGIN, idle_since: BEGIN })
        }
        Request::SignIn { .. } => Err(Refusal::PhoneNotRegistered),
        Request::Become { next: Next::Busy(_), .. } => {
            Ok(Reply::Remembered(Next::Busy("lunch".into())))
        }
        Request::Release { .. } => Err(Refusal::CallUnknown),
        Request::Become { .. }
        | Request::Assign { .. }
        | Request::Move { .. }
        | Request::EndWrapUp { .. }
        | Request::ExtendWrapUp { .. }
        | Request::SignInTo { .. }
        | Request::SignOutOf { .. }
        | Request::Force { .. } => Ok(Reply::Done),
    }
}

/// A call that reaches the hotline.
pub(super) fn arrived() -> EventKind {
    EventKind::CallArrived {
        from: "13800138000".parse().unwrap(),
        to: "4008001234".parse().unwrap(),
        from_canonical: "+8613800138000".parse().ok(),
        to_canonical: "4008001234".parse().ok(),
        hotline: Some("support".into()),
        trunk: None,
        phone: None,
        sip_call_id: "a@b".into(),
        user_to_user: Vec::new(),
        attested: None,
        callback_of: None,
    }
}

pub(super) fn status() -> Status {
    let state = AgentState::Ready { since: BEGIN, idle_since: BEGIN };
    let agent = AgentStatus {
        agent: AgentId::new(1001),
        name: "王芳".into(),
        phone: Some(PhoneId::from("1001")),
        bindings: 1,
        state,
        pause: None,
        away: Default::default(),
    };
    let queue = QueueStatus {
        queue: "sales".into(),
        label: "售前".into(),
        waiting: 2,
        callbacks: 0,
        longest_wait_ms: 1_500,
        ready: 1,
        signed_in: 1,
        entered: 2,
        outcomes: Default::default(),
    };
    let call = CallStatus {
        call: CallId::new(Epoch::new(1), 9),
        since: BEGIN,
        from: "138****8000".into(),
        to: "13912345678".parse().unwrap(),
        hotline: None,
        stage: "talking".into(),
        queue: None,
        agent: Some(AgentId::new(1001)),
        callback_of: None,
    };
    Status {
        at: BEGIN,
        config_version: 1,
        agents: vec![agent],
        queues: vec![queue],
        calls: vec![call],
        ports: (4, 100),
        trunks: vec![TrunkStatus { trunk: "carrier".into(), calls: 3, max_calls: 30 }],
        barred: vec![BarredStatus {
            reason: "trunk_rate".into(),
            trunk: Some("carrier".into()),
            hotline: None,
            times: 7,
        }],
        repairs: 0,
    }
}

/// Signalling that has shut somebody out.
struct Doors(Mutex<Vec<Ban>>);

fn ban() -> Ban {
    let (source, why) = ([203, 0, 113, 7].into(), "scanner".into());
    Ban { source, until: BEGIN, why, times: 1, scope: "everything", account: None }
}

impl Signalling for Doors {
    fn bans(&self) -> BoxFuture<'_, Option<Vec<Ban>>> {
        Box::pin(async { Some(self.0.lock().unwrap().clone()) })
    }

    fn trunks(&self) -> Vec<Trunk> {
        let place = Place {
            transport: "UDP".into(),
            peer: ([203, 0, 113, 8], 5060).into(),
            health: "down".into(),
            since: Some(BEGIN),
            why: Some("says nothing".into()),
        };
        let trunk = "carrier".to_owned();
        vec![Trunk { trunk, places: vec![place], unknown: None, registration: None }]
    }

    fn ladder(&self, legs: Vec<LegId>) -> BoxFuture<'_, Option<Vec<Rung>>> {
        let rung = |leg| Rung {
            at: BEGIN,
            leg,
            sent: false,
            transport: "UDP".into(),
            peer: ([203, 0, 113, 7], 5060).into(),
            what: "INVITE".into(),
            cseq: "1 INVITE".into(),
            reason: None,
            describes: true,
            text: "INVITE …".into(),
        };
        Box::pin(async move { Some(legs.into_iter().map(rung).collect()) })
    }

    fn lift(&self, source: IpAddr) -> BoxFuture<'_, Option<bool>> {
        let mut bans = self.0.lock().unwrap();
        let there = bans.len();
        bans.retain(|ban| ban.source != source);
        let lifted = bans.len() < there;
        Box::pin(async move { Some(lifted) })
    }
}

/// The key of the tests' phones.
pub(super) fn key() -> Key {
    Key::new([7; 32])
}

/// Phones of which one, 1001, may be given a password, and 2001 has one of the environment's.
pub(super) struct Phones(Mutex<Option<Generation>>);

impl Phones {
    fn fingerprint(generation: Generation) -> Fingerprint {
        Fingerprint::of([key().password(&"1001".into(), generation).as_str()])
    }

    fn next(&self, phone: &PhoneId) -> Result<Generation, NotIssued> {
        match phone.as_str() {
            "1001" => {
                let generation = Generation::next(*self.0.lock().unwrap(), BEGIN);
                *self.0.lock().unwrap() = Some(generation);
                Ok(generation)
            }
            "2001" => Err(NotIssued::SecretFixed),
            "3001" => Err(NotIssued::Unwritable),
            _ => Err(NotIssued::PhoneUnknown),
        }
    }
}

impl Provisioning for Phones {
    fn issue(&self, phone: PhoneId, valid: Duration) -> BoxFuture<'_, Result<Issued, NotIssued>> {
        Box::pin(async move {
            let generation = self.next(&phone)?;
            let grant = Grant { phone, generation, expires_at: Clock::start().now() + valid };
            let token = key().sign(&grant, &Self::fingerprint(generation));
            Ok(Issued { grant, token })
        })
    }

    fn revoke(&self, phone: PhoneId) -> BoxFuture<'_, Result<(), NotIssued>> {
        Box::pin(async move { self.next(&phone).map(|_| ()) })
    }

    fn open(&self, token: &str) -> Result<(Grant, Setup), Denial> {
        let issued = *self.0.lock().unwrap();
        let grant = key().open(token, Clock::start().now(), |_| {
            let generation = issued?;
            Some(Standing { generation, fingerprint: Self::fingerprint(generation) })
        })?;
        let server = Server { host: "10.0.0.5".into(), port: 5060, transport: Transport::Udp };
        let setup = Setup {
            phone: grant.phone.clone(),
            name: String::new(),
            password: key().password(&grant.phone, grant.generation),
            generation: grant.generation,
            realm: "400.example.cn".into(),
            server,
        };
        Ok((grant, setup))
    }

    fn url(&self) -> Option<&str> {
        None
    }

    fn valid(&self) -> Duration {
        Duration::from_hours(24)
    }
}

pub(super) struct House {
    pub(super) address: SocketAddr,
    pub(super) desk: Arc<Desk>,
    pub(super) journal: Journal,
    pub(super) database: Database,
    pub(super) projector: Arc<Projector>,
    pub(super) recordings: PathBuf,
    pub(super) stop: watch::Sender<bool>,
    pub(super) server: JoinHandle<std::io::Result<()>>,
    _state: TempDir,
}

fn tokens() -> Tokens {
    let entry = |name: &str, role| TokenEntry::of(name, role, &format!("{name}-token"));
    Tokens::new(vec![
        entry("admin", Role::Admin),
        entry("lead", Role::TeamLead),
        entry("wang", Role::Agent(AgentId::new(1001))),
        entry("qa", Role::Reviewer),
        entry("wall", Role::Viewer),
    ])
}

impl House {
    pub(super) async fn open() -> Self {
        let state = tempfile::tempdir().unwrap();
        let tenant = TenantId::from("default");
        let (journal, _) = Journal::open(state.path(), &tenant).unwrap();
        let database = Database::sqlite(&state.path().join("hotline.db"), &tenant).await.unwrap();
        let projector = Arc::new(Projector::start(journal.clone(), database.clone()));
        let recordings = state.path().join("recordings");
        std::fs::create_dir(&recordings).unwrap();
        let replies = Arc::new(Replies::default());
        let desk = Arc::new(Desk {
            journal: journal.clone(),
            replies: Arc::clone(&replies),
            log: Mutex::default(),
        });
        let sample = || vec![Sample::of("hotline_media_streams", "Open streams.", 4.0)];
        let wiring = Wiring {
            floor: Floor::new(Arc::clone(&desk) as Arc<dyn Inbox>, replies),
            journal: journal.clone(),
            database: database.clone(),
            projector: Arc::clone(&projector),
            recordings: recordings.clone(),
            tokens: tokens(),
            metrics: MetricsAccess::Token,
            signalling: Box::new(Doors(Mutex::new(vec![ban()]))),
            provisioning: Box::new(Phones(Mutex::default())),
            numbering: Default::default(),
            samples: vec![Box::new(sample)],
            clock: Clock::start(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let router = crate::router(wiring, stopped.clone());
        let server = tokio::spawn(crate::serve(listener, router, stopped));
        Self {
            address,
            desk,
            journal,
            database,
            projector,
            recordings,
            stop,
            server,
            _state: state,
        }
    }

    /// Asks with a token, and without a body.
    pub(super) async fn ask(&self, who: &str, method: &str, path: &str) -> Answer {
        self.ask_with(who, (method, path), "", "").await
    }

    pub(super) async fn post(&self, who: &str, path: &str, body: &str) -> Answer {
        self.ask_with(who, ("POST", path), "", body).await
    }

    pub(super) async fn ask_with(
        &self,
        who: &str,
        (method, path): (&str, &str),
        headers: &str,
        body: &str,
    ) -> Answer {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: hotline\r\nConnection: close\r\n\
             Authorization: Bearer {who}-token\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        send(self.address, &request).await
    }

    pub(super) async fn stream(&self, who: &str, query: &str) -> Stream {
        let path = format!("/v1/events?access_token={who}-token{query}");
        Stream::open(self.address, &path, "").await.unwrap()
    }

    /// Writes a call that was talked to and recorded; its audio is the octets 0, 1, 2, …
    pub(super) async fn records(&self, call: u32, length: usize) -> Vec<u8> {
        self.begins(call, 1).await;
        self.seals(call, length, None).await
    }

    /// Writes a call that was talked to and is over; its recording is not complete.
    pub(super) async fn begins(&self, call: u32, part: u16) {
        let recording = RecordingId { call: CallId::new(Epoch::new(1), call), part };
        let started = EventKind::RecordingStarted {
            recording,
            part: model::PartKind::Talk,
            left: None,
            right: None,
        };
        for kind in [arrived(), started, EventKind::CallEnded {}] {
            self.desk.write(Some(call), kind, Actor::caller());
        }
        self.settle().await;
    }

    /// Completes its recording, whose audio is the octets 0, 1, 2, …
    pub(super) async fn seals(&self, call: u32, length: usize, at: Option<Timestamp>) -> Vec<u8> {
        let audio: Vec<u8> = (0..=255).cycle().take(length).collect();
        let file = format!("2026-11-22/1-{call}.1.wav");
        let path = self.recordings.join(&file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &audio).unwrap();
        let sealed = EventKind::RecordingSealed {
            recording: RecordingId { call: CallId::new(Epoch::new(1), call), part: 1 },
            file,
            octets: length as u64,
            duration_ms: 1_000,
            sha256: format!("{call:064x}"),
            lost_frames: 0,
            recovered: false,
        };
        self.desk.write_at(at, Some(call), sealed, Actor::caller());
        self.settle().await;
        audio
    }

    /// Waits until everything written is on disk and in the database.
    pub(super) async fn settle(&self) {
        let journal = self.journal.clone();
        tokio::task::spawn_blocking(move || journal.flush()).await.unwrap().unwrap();
        if let Some(end) = self.journal.durable() {
            self.projector.reached(end).await;
        }
    }
}

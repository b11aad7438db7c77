//! One service: everything opened and wired, and taken down again.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::Clock;
use media::{Media, PromptLibrary};
use model::{Epoch, RecordingId};
use recording::Recorder;
use runtime::{Bounds, Runtime};
use store::{Database, Journal, Opened, Projector};
use switchboard::ports::{Capture, Inbox, Input, LegIds, RecordingFact};
use switchboard::{Opening, Switchboard};

use super::http::Http;
use super::local::{LocalFile, reached};
use super::{STOP_PATIENCE, metrics};
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::secrets::local_token;
use crate::wiring::{Keeper, Outlets, RecorderCell, accounts, counted, restored, trunks};

/// How often the floor's thread is looked after.
const LOOK: Duration = Duration::from_millis(500);

/// A wall clock moved by more than this is written into the log.
const STEP_MICROS: i64 = 500_000;

/// A running service.
pub(crate) struct Running {
    runtime: Runtime,
    sip: sip_net::Handle,
    media: Arc<Media>,
    recorder: RecorderCell,
    journal: Journal,
    projector: Arc<Projector>,
    database: Database,
    http: Http,
    token: String,
    clock: Clock,
    _local: LocalFile,
}

impl Running {
    /// Opens and wires everything.
    pub(crate) async fn start(config: Config) -> Result<Self, Failure> {
        let clock = Clock::start();
        fs::create_dir_all(&config.store.state)?;
        fs::create_dir_all(&config.recording.folder)?;
        let tenant = config.floor.tenant.clone();
        let (journal, opened) = Journal::open(&config.store.state, &tenant)?;
        if opened.cut > 0 {
            tracing::warn!(octets = opened.cut, "a torn end of the journal was cut");
        }
        let sealed = recording::recover(&config.recording.folder)?;
        let database = open_database(&config).await?;
        let rows = restored(database.load_bindings().await?, clock.now());

        let (inbox, inputs) = Runtime::inbox(Bounds::default());
        let port: Arc<dyn Inbox> = Arc::new(inbox.clone());
        let (media, recorder) = start_media(&config, &port, clock)?;
        let keeper = Keeper::start(database.clone(), rows.clone());
        let ports = sip_net::Ports {
            inbox: Arc::clone(&port),
            legs: Arc::new(LegIds::new(opened.epoch)),
            store: Arc::new(keeper),
            counters: Arc::default(),
        };
        let setup = sip_net::Setup {
            settings: sip_settings(&config),
            accounts: accounts(&config.accounts),
            trunks: trunks(&config.trunks),
            bindings: rows.clone(),
        };
        let sip = sip_net::start(setup, ports, clock).await?;

        let token = local_token()?;
        let replies = Arc::new(api::Replies::default());
        let projector = Arc::new(Projector::start(journal.clone(), database.clone()));
        let wiring = api::Wiring {
            floor: api::Floor::new(Arc::clone(&port), Arc::clone(&replies)),
            journal: journal.clone(),
            database: database.clone(),
            projector: Arc::clone(&projector),
            recordings: config.recording.folder.clone(),
            tokens: tokens(&config, &token)?,
            metrics: api::MetricsAccess::Open,
            samples: metrics::samples(&sip, &media, &recorder, &inbox),
            clock,
        };
        let http = Http::start(config.api.listen, wiring).await?;
        let local = LocalFile::write(&config.store.state, http.address, &token)?;

        let floor = open_floor(config, opened, counted(&rows), clock);
        let outlets = Outlets {
            sip: sip.clone(),
            media: Arc::clone(&media),
            recorder: Arc::clone(&recorder),
            journal: journal.clone(),
            replies,
        };
        let runtime = Runtime::start(floor, (inbox, inputs), Box::new(outlets), clock)?;
        tell_recovered(&*port, sealed);
        Ok(Self {
            runtime,
            sip,
            media,
            recorder,
            journal,
            projector,
            database,
            http,
            token,
            clock,
            _local: local,
        })
    }

    /// Where it can be reached, for whoever started it.
    pub(crate) fn greeting(&self) -> Vec<String> {
        vec![
            format!("phones 话机     sip:{} (UDP, TCP)", self.phones()),
            format!("trunks 中继     sip:{} (UDP, TCP)", self.trunks()),
            format!("status 状态页   {}", self.page()),
        ]
    }

    /// The status page, with the token of this machine.
    pub(crate) fn page(&self) -> String {
        format!("http://{}/#token={}", reached(self.http.address), self.token)
    }

    /// Where phones register.
    pub(crate) fn phones(&self) -> SocketAddr {
        reached(self.sip.phones())
    }

    /// Where trunks bring calls.
    pub(crate) fn trunks(&self) -> SocketAddr {
        reached(self.sip.trunks())
    }

    /// Where requests to the floor are left.
    pub(crate) fn inbox(&self) -> Arc<dyn Inbox> {
        self.runtime.handle()
    }

    /// Returns when the floor has ended without being asked to. Looks after the wall clock as well.
    pub(crate) async fn broken(&self) {
        let mut look = tokio::time::interval(LOOK);
        let mut known = self.clock.wall_step();
        while !self.runtime.is_over() {
            look.tick().await;
            let step = self.clock.wall_step();
            if (step - known).abs() > STEP_MICROS {
                let kind = model::EventKind::ClockStepped { by_ms: (step - known) / 1_000 };
                let note = Input::Note { actor: model::Actor::system(), call: None, kind };
                // A floor that is gone is what this loop waits for.
                let _ = self.inbox().put(note);
                known = step;
            }
        }
    }

    /// Takes everything down in order: nothing said is lost.
    pub(crate) async fn stop(self) {
        let Self { runtime, sip, media, recorder, journal, projector, database, http, .. } = self;
        // The floor waits for calls to end and recordings to be sealed, on its own thread.
        let stopped = tokio::task::spawn_blocking(move || runtime.stop(STOP_PATIENCE));
        if stopped.await.is_err() {
            tracing::error!("the floor could not be stopped in order");
        }
        sip.shutdown().await;
        let ended = tokio::task::spawn_blocking(move || {
            media.stop();
            drop(recorder.lock().unwrap_or_else(PoisonError::into_inner).take());
            journal.flush()
        });
        if !matches!(ended.await, Ok(Ok(()))) {
            tracing::error!("the journal could not be written to its end; see the log");
        }
        http.stop().await;
        if let Some(projector) = Arc::into_inner(projector) {
            projector.stop().await;
        }
        database.close().await;
    }
}

async fn open_database(config: &Config) -> Result<Database, Failure> {
    let tenant = &config.floor.tenant;
    Ok(match &config.store.database {
        config::Database::Sqlite(file) => Database::sqlite(file, tenant).await?,
        config::Database::Postgres(url) => Database::open(url, tenant).await?,
    })
}

fn start_media(
    config: &Config,
    inbox: &Arc<dyn Inbox>,
    clock: Clock,
) -> Result<(Arc<Media>, RecorderCell), Failure> {
    let mut settings =
        media::MediaSettings { lost_after: config.media.lost_after, ..Default::default() };
    if let Some(threads) = config.media.threads {
        settings.threads = usize::from(threads);
    }
    let recordings = recording::Settings::new(&config.recording.folder);
    let (recorder, captures) =
        Recorder::start(&recordings, settings.threads, Arc::clone(inbox), clock)?;
    let captures: Vec<Box<dyn Capture>> =
        captures.into_iter().map(|capture| Box::new(capture) as Box<dyn Capture>).collect();
    let prompts = PromptLibrary::load(Path::new(&config.media.prompts))?;
    let media = Media::start(settings, prompts, Arc::clone(inbox), captures, clock)?;
    Ok((Arc::new(media), Arc::new(Mutex::new(Some(recorder)))))
}

fn sip_settings(config: &Config) -> sip_net::Settings {
    let listen = |address| sip_net::Listen { address, public: Some(config.sip.advertise) };
    let (phones, trunks) = (listen(config.sip.listen), listen(config.sip.trunk_listen));
    sip_net::Settings::new(phones, trunks, &config.sip.realm)
}

fn tokens(config: &Config, local: &str) -> Result<api::Tokens, Failure> {
    let mut entries = vec![api::TokenEntry::of("local", api::Role::Admin, local)];
    for (name, token) in &config.tokens {
        let sha256 = <[u8; 32]>::try_from(hex::decode(&token.sha256)?)
            .map_err(|_| Failure::new(format!("the hash of token {name} is not a SHA-256")))?;
        let role = token.role.to_string().parse()?;
        entries.push(api::TokenEntry { name: name.clone(), role, sha256 });
    }
    Ok(api::Tokens::new(entries))
}

fn open_floor(
    config: Config,
    opened: Opened,
    bindings: std::collections::BTreeMap<model::PhoneId, u32>,
    clock: Clock,
) -> (Switchboard, Vec<switchboard::ports::Command>) {
    let epoch: Epoch = opened.epoch;
    let opening = Opening {
        lease: config.media.lease,
        config: config.floor,
        epoch,
        snapshot: opened.snapshot,
        bindings,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Switchboard::open(opening, clock.now())
}

/// Parts that a crash left, sealed before the start: now the log learns of them.
fn tell_recovered(inbox: &dyn Inbox, sealed: Vec<(RecordingId, RecordingFact)>) {
    for (recording, fact) in sealed {
        if inbox.put(Input::Recording { recording, fact }).is_err() {
            tracing::error!(%recording, "the floor did not take a recovered recording");
        }
    }
}

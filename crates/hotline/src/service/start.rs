//! One service: everything opened and wired, and taken down again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clock::Clock;
use media::{Media, PromptLibrary};
use model::{Abandoned, Epoch, FloorSnapshot, PhoneId, RecordingId, Served, Timestamp};
use recording::Recorder;
use runtime::{Bounds, Runtime};
use sip::endpoint::SessionTimer;
use sip_net::Serves;
use store::{Database, Journal, Opened, Projector};
use switchboard::ports::{Capture, Inbox, Input, LegIds, RecordingFact};
use switchboard::{Opening, Secrets, Switchboard};
use tokio::task::JoinHandle;

use super::http::Http;
use super::local::{LocalFile, reached};
use super::{metrics, needs};
use crate::config::{self, Config, Listeners};
use crate::failure::Failure;
use crate::secrets::local_token;
use crate::wiring::{
    self, Doors, Keeper, Outlets, RecorderCell, accounts, counted, follow_agents, follow_sealed,
    restored,
};

/// A running service.
pub(crate) struct Running {
    pub(super) runtime: Runtime,
    pub(super) sip: sip_net::Handle,
    pub(super) media: Arc<Media>,
    pub(super) recorder: RecorderCell,
    pub(super) journal: Journal,
    pub(super) projector: Arc<Projector>,
    pub(super) database: Database,
    pub(super) http: Http,
    /// Keeps registrations; ends after signalling.
    pub(super) keeping: JoinHandle<()>,
    /// Forgets what recordings were sealed from; ends after the journal.
    pub(super) following: JoinHandle<()>,
    /// Tells signalling what agents do; ends after signalling.
    pub(super) telling: JoinHandle<()>,
    pub(super) clock: Clock,
    listeners: Listeners,
    token: String,
    local: LocalFile,
}

impl Running {
    /// Opens and wires everything.
    pub(crate) async fn start(config: Config) -> Result<Self, Failure> {
        let clock = Clock::start();
        needs::see_to(&config)?;
        let (journal, opened) = open_journal(&config)?;
        let mut recovered = recording::recover(&config.recording.folder)?;
        recovered.extend(unrecovered(&opened.snapshot, &recovered));
        let log = journal.subscribe(opened.last)?;
        let following = follow_sealed(log, config.recording.folder.clone());
        let database = open_database(&config).await?;
        database.forget_bindings_until(clock.now()).await?;
        let doors = Doors::of(&config.listeners.all);
        let rows = restored(database.load_bindings().await?, &doors, clock.now());

        let (inbox, inputs) = Runtime::inbox(Bounds::default());
        let port: Arc<dyn Inbox> = Arc::new(inbox.clone());
        let (media, recorder) = start_media(&config, &port, clock)?;
        let (keeper, keeping) = Keeper::start(database.clone(), doors);
        let ports = sip_ports(&port, opened.epoch, keeper);
        let sip = sip_net::start(sip_setup(&config, rows.clone()), ports, clock).await?;
        let log = journal.subscribe(opened.last)?;
        let telling = follow_agents(log, &opened.snapshot.agents, sip.clone());

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
            metrics: metrics_access(&config),
            signalling: Box::new(wiring::Door(sip.clone())),
            provisioning: Box::new(wiring::Desk::new(&config, sip.clone(), clock)),
            numbering: config.floor.numbering.clone(),
            samples: metrics::samples(&sip, &media, &recorder, &inbox),
            clock,
        };
        let http = Http::start(config.api.listen, wiring).await?;
        let local = LocalFile::write(&config.store.state, http.address, &token)?;

        let listeners = config.listeners.clone();
        let secrets = Secrets { seed: drawn()?, certificate: media.certificate() };
        let callers = recalled(&database, &config, clock.now()).await?;
        let floor = open_floor(config, (opened, counted(&rows), callers), secrets, clock);
        let outlets = Outlets {
            sip: sip.clone(),
            media: Arc::clone(&media),
            recorder: Arc::clone(&recorder),
            journal: journal.clone(),
            replies,
        };
        let runtime = Runtime::start(floor, (inbox, inputs), Box::new(outlets), clock)?;
        tell_recovered(&*port, recovered);
        Ok(Self {
            runtime,
            sip,
            media,
            recorder,
            journal,
            projector,
            database,
            http,
            keeping,
            following,
            telling,
            clock,
            listeners,
            token,
            local,
        })
    }

    /// Reads certificates and authorities again. What cannot be used is told of, and what was before
    /// stays.
    pub(crate) fn reload(&self) {
        for (file, read) in self.listeners.read_again() {
            match read {
                Ok(()) => tracing::info!(file = %file.display(), "read again"),
                Err(error) => tracing::error!(%error, "what was read before is kept"),
            }
        }
    }

    /// Where it can be reached. The token of this machine is shown `to_person` alone: what goes to
    /// a file or a collector of logs is read by others, too.
    pub(crate) fn greeting(&self, to_person: bool) -> Vec<String> {
        let status = if to_person {
            self.page()
        } else {
            let local = self.local.path().display();
            format!("http://{}/ (its token is in {local})", reached(self.http.address))
        };
        let listeners = self.listeners.spoken().into_iter().zip(self.sip.bound());
        let mut lines: Vec<_> = listeners.map(|(what, address)| told(what, *address)).collect();
        lines.push(format!("status 状态页   {status}"));
        lines
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
    let calls = usize::try_from(config.floor.max_calls).unwrap_or(usize::MAX);
    // A call has two legs, and one that is on its way out while the next comes.
    settings.max_streams = settings.max_streams.max(calls.saturating_mul(3));
    let recordings = recording::Settings::new(&config.recording.folder).with_room_for(calls);
    let (recorder, captures) =
        Recorder::start(&recordings, settings.threads, Arc::clone(inbox), clock)?;
    let captures: Vec<Box<dyn Capture>> =
        captures.into_iter().map(|capture| Box::new(capture) as Box<dyn Capture>).collect();
    let prompts = PromptLibrary::load(Path::new(&config.media.prompts))?;
    let media = Media::start(settings, prompts, Arc::clone(inbox), captures, clock)?;
    Ok((Arc::new(media), Arc::new(Mutex::new(Some(recorder)))))
}

fn open_journal(config: &Config) -> Result<(Journal, Opened), Failure> {
    let (journal, opened) = Journal::open(&config.store.state, &config.floor.tenant)?;
    if opened.cut > 0 {
        tracing::warn!(octets = opened.cut, "a torn end of the journal was cut");
    }
    Ok((journal, opened))
}

/// Says where somebody is listened for.
fn told((serves, spoken): (Serves, &str), address: SocketAddr) -> String {
    let who = match serves {
        Serves::Phones => "phones 话机 ",
        Serves::Trunks => "trunks 中继 ",
    };
    format!("{who}    sip:{} ({spoken})", reached(address))
}

const fn metrics_access(config: &Config) -> api::MetricsAccess {
    if config.api.open_metrics { api::MetricsAccess::Open } else { api::MetricsAccess::Token }
}

fn sip_ports(inbox: &Arc<dyn Inbox>, epoch: Epoch, keeper: Keeper) -> sip_net::Ports {
    sip_net::Ports {
        inbox: Arc::clone(inbox),
        legs: Arc::new(LegIds::new(epoch)),
        store: Arc::new(keeper),
        counters: Arc::default(),
    }
}

fn sip_setup(config: &Config, bindings: Vec<sip::registrar::BindingRow>) -> sip_net::Setup {
    let listeners = config.listeners.all.clone();
    let mut settings = sip_net::Settings::new(listeners, &config.sip.realm);
    settings.tls_client.clone_from(&config.listeners.tls_client);
    settings.guard.clone_from(&config.guard);
    settings.connections = config.amounts;
    // A call has two legs, and a third while it is handed on or an agent is asked.
    let legs = usize::try_from(config.floor.max_calls).unwrap_or(usize::MAX).saturating_mul(3);
    settings.legs = settings.legs.max(legs);
    settings.trace = config.sip.trace;
    settings.subscriptions = config.sip.subscriptions;
    let folder = config.store.state.join("trace");
    settings.trace_files = Some(sip_net::TraceFiles { folder, octets: config.trace.disk });
    settings.capture.clone_from(&config.trace.capture);
    settings.large_requests = config.sip.large_requests;
    settings.answer_within = config.sip.answer_within;
    settings.longest_backlog = config.sip.longest_backlog;
    settings.check_every = config.sip.check_every;
    if let Some(md5_only) = &config.sip.md5_only {
        settings.md5_only.clone_from(md5_only);
    }
    settings.nonces = config.remembered.nonces;
    settings.registrar.total = config.remembered.bindings;
    let (shortest, longest) = config.sip.registrations;
    let usual = settings.registrar.usual.clamp(shortest, longest.max(shortest));
    (settings.registrar.shortest, settings.registrar.longest) = (shortest, longest);
    settings.registrar.usual = usual;
    settings.calls = config.sip.calls;
    settings.transactions = config.remembered.transactions;
    settings.name_servers.clone_from(&config.sip.name_servers);
    let interval = config.sip.session_timer;
    settings.session_timer = Some(SessionTimer { interval, ..SessionTimer::default() });
    sip_net::Setup {
        settings,
        accounts: accounts(&config.accounts),
        trunks: wiring::trunks(&config.trunks),
        bindings,
    }
}

fn tokens(config: &Config, local: &str) -> Result<api::Tokens, Failure> {
    let mut entries = vec![api::TokenEntry::of(config::LOCAL_TOKEN, api::Role::Admin, local)];
    for (name, token) in &config.tokens {
        let sha256 = <[u8; 32]>::try_from(hex::decode(&token.sha256)?)
            .map_err(|_| Failure::new(format!("the hash of token {name} is not a SHA-256")))?;
        let role = token.role.to_string().parse()?;
        entries.push(api::TokenEntry { name: name.clone(), role, sha256 });
    }
    Ok(api::Tokens::new(entries))
}

type Recalled = (Vec<Served>, Vec<Abandoned>);

/// Who served callers, and who gave up waiting, as far as a queue asks for it. Of what the database had
/// not been told at a crash nothing is recalled: at most the last seconds.
async fn recalled(
    database: &Database,
    config: &Config,
    now: Timestamp,
) -> Result<Recalled, Failure> {
    /// Waits are found by when they began; this long before the caller gave up at most.
    const LONGEST_WAIT: Duration = Duration::from_hours(1);
    let (mut served, mut abandoned) = (Vec::new(), Vec::new());
    for (queue, rules) in &config.floor.queues {
        if let Some(last) = &rules.last_agent {
            served.extend(database.served_since(queue, now - last.within).await?);
        }
        if let Some(within) = rules.resume_within {
            let since = now - within - LONGEST_WAIT;
            abandoned.extend(database.abandoned_since(queue, since).await?);
        }
    }
    served.sort_by_key(|served| served.at);
    abandoned.sort_by_key(|gave_up| gave_up.at);
    Ok((served, abandoned))
}

fn open_floor(
    config: Config,
    (opened, bindings, (served, abandoned)): (Opened, BTreeMap<PhoneId, u32>, Recalled),
    secrets: Secrets,
    clock: Clock,
) -> (Switchboard, Vec<switchboard::ports::Command>) {
    let epoch: Epoch = opened.epoch;
    let opening = Opening {
        lease: config.media.lease,
        secrets,
        config: config.floor,
        epoch,
        snapshot: opened.snapshot,
        served,
        abandoned,
        bindings,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Switchboard::open(opening, clock.now())
}

/// What keys are drawn from.
fn drawn() -> Result<[u8; 32], Failure> {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).map_err(|error| Failure::new(error.to_string()))?;
    Ok(octets)
}

/// Parts that a crash left, sealed before the start: now the log learns of them.
fn tell_recovered(inbox: &dyn Inbox, sealed: Vec<(RecordingId, RecordingFact)>) {
    for (recording, fact) in sealed {
        if inbox.put(Input::Recording { recording, fact }).is_err() {
            tracing::error!(%recording, "the floor did not take a recovered recording");
        }
    }
}

/// Parts that the log knows as begun and of which the folder knows nothing.
fn unrecovered(
    snapshot: &FloorSnapshot,
    recovered: &[(RecordingId, RecordingFact)],
) -> Vec<(RecordingId, RecordingFact)> {
    let is_there = |part: &RecordingId| recovered.iter().any(|(there, _)| there == part);
    let begun = snapshot.calls.values().flat_map(|call| &call.recordings);
    let failed = |part: &RecordingId| {
        let error = "nothing of it had reached the disk when the service ended; if the recordings \
                     folder is another or not mounted, put it back and start again";
        (*part, RecordingFact::Failed { error: error.to_owned() })
    };
    begun.filter(|part| !is_there(part)).map(failed).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{CallId, OpenCall};

    use super::*;

    #[test]
    fn a_part_that_the_log_began_and_no_file_holds_is_accounted_for_as_failed() {
        let call = CallId::new(Epoch::new(3), 17);
        let part = |part| RecordingId { call, part };
        let open = OpenCall { recordings: vec![part(1), part(2)], ..OpenCall::default() };
        let snapshot =
            FloorSnapshot { calls: BTreeMap::from([(call, open)]), ..Default::default() };
        let found = vec![(part(1), RecordingFact::Failed { error: String::new() })];
        let lost = unrecovered(&snapshot, &found);
        assert!(matches!(&lost[..], [(id, RecordingFact::Failed { .. })] if *id == part(2)));
    }
}

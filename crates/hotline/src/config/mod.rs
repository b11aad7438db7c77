//! The configuration: one TOML file, read with the place of every value, so that everything wrong
//! is told at once, each with its line and its remedy. If anything is wrong nothing is applied.
//!
//! | module | reads |
//! |---|---|
//! | `key` | nothing: it is the table of every key, with defaults and bounds |
//! | `section` | one table of the file, key by key |
//! | `service` | the usual listeners, audio, folders |
//! | `listeners` | further listeners, and certificates |
//! | `guard` | what keeps scanners, guessers and floods away |
//! | `provisioning` | how phones are set up by an address of their own |
//! | `trace` | what was said about calls: on disk, and to a capture server |
//! | `people` | agents, skill groups, teams, phones, reasons, feature codes |
//! | `shifts` | when agents work |
//! | `stays` | how long agents may be busy, and what happens then |
//! | `queues` | queues, and whether anybody can serve them |
//! | `callback` | how callers are called back |
//! | `exits` | the keys by which callers leave a queue |
//! | `flows` | public numbers, and the flows behind them |
//! | `limits` | what hotlines may have, and what is kept for them |
//! | `numbering` | how numbers are written, here and by carriers |
//! | `outside` | trunks, and what may be dialled out |
//! | `numbers` | nothing: it checks that no number means two things |
//! | `prompts` | the prompts named, and their files |
//! | `secrets` | `secrets.toml` and the environment |
//! | `issued` | nothing: it changes `secrets.toml` while the service runs |

mod callback;
#[cfg(test)]
mod document;
mod exits;
mod finding;
mod flows;
mod guard;
pub(crate) mod issued;
mod key;
mod limits;
mod listeners;
mod numbering;
mod numbers;
mod outside;
mod people;
mod prompts;
mod provisioning;
mod queues;
pub(crate) mod secrets;
mod section;
mod service;
mod shifts;
mod stays;
#[cfg(test)]
mod tests;
mod trace;
mod value;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{PhoneId, TrunkId};
use sha2::{Digest as _, Sha256};
use sip::digest::Ha1;
use sip::locate::Wanted;
use sip_net::{CallerIdentity, Dialled};
use switchboard::config::FloorConfig;
use toml_edit::{Document, TableLike};

pub(crate) use finding::{Finding, Findings, Severity};
pub(crate) use listeners::Listeners;
pub(crate) use provisioning::ProvisioningSettings;
pub(crate) use secrets::{Account, LOCAL_TOKEN, Password, Token};
pub(crate) use service::{
    ApiSettings, Database, MediaSettings, RecordingSettings, SipSettings, StoreSettings,
};
pub(crate) use trace::TraceSettings;
pub(crate) use value::{Network, duration, is_name};

use finding::{Code, Source};
use section::Reader;

/// Everything the service is started with.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// For the switchboard.
    pub(crate) floor: FloorConfig,
    /// For signalling.
    pub(crate) sip: SipSettings,
    /// Where signalling listens.
    pub(crate) listeners: Listeners,
    /// What keeps scanners, guessers and floods away.
    pub(crate) guard: sip_net::GuardSettings,
    /// How much is taken from anybody who connects.
    pub(crate) amounts: sip_net::ConnectionLimits,
    /// How much of it is remembered.
    pub(crate) remembered: guard::Remembered,
    /// What was said about calls, on disk and to a capture server.
    pub(crate) trace: TraceSettings,
    /// The connections to carriers.
    pub(crate) trunks: BTreeMap<TrunkId, TrunkPeer>,
    /// Who may register.
    pub(crate) accounts: BTreeMap<PhoneId, Account>,
    /// For audio.
    pub(crate) media: MediaSettings,
    /// For recording.
    pub(crate) recording: RecordingSettings,
    /// For journal and database.
    pub(crate) store: StoreSettings,
    /// For HTTP.
    pub(crate) api: ApiSettings,
    /// How phones are set up.
    pub(crate) provisioning: ProvisioningSettings,
    /// What their passwords are made with, once one was.
    pub(crate) key: Option<provision::Key>,
    /// Who may use the API, by name.
    pub(crate) tokens: BTreeMap<String, Token>,
}

/// A carrier's end of a trunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TrunkPeer {
    /// Where its calls come from.
    pub(crate) addresses: Vec<Network>,
    /// Where calls go out to, and how; `None` when the trunk only brings calls.
    pub(crate) proxy: Option<Wanted>,
    /// Its name in addresses, where it wants one.
    pub(crate) host: Option<String>,
    /// The name its certificate must be for, where it connects to us.
    pub(crate) certificate: Option<String>,
    /// Who we are there.
    pub(crate) user: Option<String>,
    /// For how long we register there.
    pub(crate) register: Option<Duration>,
    /// How often it is asked whether it is there.
    pub(crate) options_every: Option<Duration>,
    /// Where it names the number dialled.
    pub(crate) dialled: Dialled,
    /// The password of `user`.
    pub(crate) password: Option<Password>,
    /// As whom it proves itself when it calls, and its secrets once one was given.
    pub(crate) caller: Option<(String, Vec<Ha1>)>,
    /// How it is told who calls.
    pub(crate) identity: CallerIdentity,
}

/// What the environment adds: secrets and paths, nothing else.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// What the process was started with: the variables that begin with `HOTLINE_`.
    pub(crate) fn of_process() -> Self {
        let known = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let ours = |(name, _): &(String, String)| name.starts_with("HOTLINE_");
        Self(std::env::vars_os().filter_map(known).filter(ours).collect())
    }

    /// These variables alone.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        Self(variables.iter().map(|&(name, value)| (name.into(), value.into())).collect())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A variable that says something.
    fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads the file, its secrets and its prompts, and checks them. With the configuration come the
/// warnings.
///
/// # Errors
/// Everything that is wrong, warnings included.
pub(crate) fn load(
    path: &Path,
    environment: &Environment,
) -> Result<(Box<Config>, Findings), Findings> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        let message = format!("the configuration cannot be read: {error}");
        let help = Some("name the file with `--config`".to_owned());
        let code = Code::FileUnreadable;
        Findings::new(vec![Finding { file: name.clone(), place: None, code, message, help }])
    })?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let paths = Paths { folder: folder.unwrap_or(Path::new(".")).to_owned(), environment };
    let findings = parse(Source { name, text }, &paths);
    match findings {
        (Some(config), findings) if !findings.has_errors() => Ok((Box::new(config), findings)),
        (_, findings) => Err(findings),
    }
}

/// Where relative paths begin, and what the environment says of them.
#[derive(Clone, Debug)]
struct Paths<'a> {
    folder: PathBuf,
    environment: &'a Environment,
}

impl Paths<'_> {
    /// A path as the file writes it, from the file's own folder.
    fn resolved(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }
}

/// Reads a file's text. There is a configuration wherever the text is TOML; whether it may be
/// applied is for the findings to say.
fn parse(source: Source, paths: &Paths<'_>) -> (Option<Config>, Findings) {
    let sha256 = hex::encode(Sha256::digest(source.text.as_bytes()));
    let document = match Document::parse(source.text.clone()) {
        Ok(document) => document,
        Err(error) => {
            let place = Some(source.place(&error.span().unwrap_or(0..0)));
            let message = format!("this is not TOML: {}", error.message());
            let help = Some("what follows has not been read".to_owned());
            let finding = Finding { file: source.name, place, code: Code::Syntax, message, help };
            return (None, Findings::new(vec![finding]));
        }
    };
    let reader = Reader::new(source);
    let (mut config, mut findings) = read(&reader, document.as_table(), paths);
    // Chance in the distribution is drawn from the configuration itself: the same file, the same draws.
    let seed = sha256.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    config.floor.acd.seed = seed.unwrap_or_default();
    config.floor.sha256 = sha256;
    findings.append(&mut reader.into_findings());
    (Some(config), Findings::new(findings))
}

/// Reads every table; the second value is what was found in other files.
fn read(reader: &Reader, root: &dyn TableLike, paths: &Paths<'_>) -> (Config, Vec<Finding>) {
    find_unknown_tables(reader, root);
    let mut needed = prompts::Needed::default();
    let service = service::read(reader, root, paths);
    let mut people = people::read(reader, root);
    let mut queues = queues::read(reader, root, &people.skills, &mut needed);
    people.rules.first_queues = queues::at_first(reader, &queues.acd, &people);
    let flows::Flows { flows, hotlines } = flows::read(reader, root, &queues, &mut needed);
    let (acd, needed_too) = (&queues.acd, &mut needed);
    exits::Leads { reader, queues: acd, flows: &flows, needed: needed_too }
        .lead(queues.keys, &mut queues.rules);
    let listeners = listeners::read(reader, root, &service, paths);
    let provisioning = provisioning::read(reader, root, (&service, &listeners));
    let mut outside = outside::read(reader, root, &people, (&service, &listeners));
    callback::check_routes(reader, &queues.callbacks, &queues.rules, &outside.rules);
    numbers::check(reader, &people, (&hotlines, &service.numbering), &outside.rules);
    limits::check(reader, &hotlines, &outside.trunks, service.max_calls);
    let (folder, sounds) = prompts::read_sounds(reader, root, &mut needed);
    let mut elsewhere = needed.check(reader, &paths.resolved(&folder));
    let (secrets, mut found) =
        secrets::read(&service, &people, &mut outside.peers, paths.environment);
    elsewhere.append(&mut found);

    let floor = FloorConfig {
        tenant: service.tenant,
        sha256: String::new(),
        acd: acd::AcdConfig { queues: queues.acd, agents: people.skills, seed: 0 },
        queues: queues.rules,
        rules: people.rules,
        agents: people.agents,
        phones: people.phones.into_iter().map(|(id, phone)| (id, phone.config)).collect(),
        hotlines: hotlines.into_iter().map(|hotline| (hotline.id, hotline.config)).collect(),
        trunks: outside.trunks,
        outbound: outside.rules,
        feature_codes: people.feature_codes,
        sounds,
        recording: service.recording_rules,
        ring: service.ring,
        max_calls: service.max_calls,
        numbering: service.numbering,
    };
    let (guard, amounts, remembered) = guard::read(reader, root);
    let config = Config {
        floor,
        sip: service.sip,
        listeners,
        guard,
        amounts,
        remembered,
        trace: trace::read(reader, root, secrets.hep.map(|key| key.0)),
        trunks: outside.peers,
        accounts: secrets.accounts,
        media: MediaSettings { prompts: paths.resolved(&folder), ..service.media },
        recording: service.recording,
        store: service.store,
        api: service.api,
        provisioning,
        key: secrets.key,
        tokens: secrets.tokens,
    };
    (config, elsewhere)
}

fn find_unknown_tables(reader: &Reader, root: &dyn TableLike) {
    let known: Vec<_> =
        key::TABLES.iter().filter_map(|table| table.path.split('.').next()).collect();
    for (name, item) in root.iter().filter(|(name, _)| !known.contains(name)) {
        let at = root.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
        let name = section::Spanned { value: name.to_owned(), at: at.unwrap_or(0..0) };
        reader.unknown(Code::UnknownKey, "table", &name, known.iter().copied());
    }
}

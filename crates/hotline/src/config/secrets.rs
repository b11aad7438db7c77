//! Secrets: SIP secrets as HA1, API tokens as hashes. They are in `secrets.toml` in the
//! state folder, readable by its owner alone, or in the environment; never in the configuration.
//!
//! ```toml
//! realm = "example.org"       # what the HA1s were made for
//! provisioning_key = "…"      # what issued passwords are made with, once one was issued
//! hep_key = "…"               # what the capture server asks for, where it does
//!
//! [phones.1001]
//! ha1_md5 = "…"
//! ha1_sha256 = "…"
//! generation = 1795740000     # which of its passwords it is, where it was issued
//!
//! [trunks.carrier]
//! password = "…"              # of the `user` that the carrier gave us
//! inbound_password = "…"      # of the `inbound_user` as whom it calls us
//!
//! [tokens.admin]
//! role = "admin"              # admin, team_lead, reviewer, viewer, or agent:1001
//! sha256 = "…"
//! ```
//!
//! A carrier's password is kept as it is: carriers ask for it in realms of their own.
//!
//! In the environment: `HOTLINE_SECRET_PHONE_1001` (a password), `HOTLINE_SECRET_TRUNK_CARRIER` (the
//! trunk's name in capitals, `_` for what is no letter or digit; `HOTLINE_SECRET_INBOUND_CARRIER` for
//! `inbound_password`), `HOTLINE_SECRET_TOKEN_ADMIN` (and `_TEAM_LEAD`, `_REVIEWER`, `_VIEWER`),
//! `HOTLINE_SECRET_HEP` (`hep_key`).

mod trunks;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use model::{AgentId, PhoneId, TrunkId};
use provision::{Generation, Key};
use sha2::{Digest as _, Sha256};
use sip::digest::{Algorithm, Ha1};
use sip_net::AccountRules;
use toml_edit::{Document, Item, TableLike};

use super::finding::{Code, Finding, Source};
use super::people::{self, People};
use super::section::Reader;
use super::service::Settings;
use super::{Environment, TrunkPeer};

/// The name of the token that the service makes for this machine.
pub(crate) const LOCAL_TOKEN: &str = "local";

/// The fewest characters of a token that is given in the environment: about 128 bits, as the hash it
/// is kept as is a fast one.
const SHORTEST_TOKEN: usize = 22;

/// What the environment gives a phone's password by.
const PHONE: &str = "HOTLINE_SECRET_PHONE_";

/// What the environment gives a token by.
const TOKEN: &str = "HOTLINE_SECRET_TOKEN_";

/// What the environment gives the key for the capture server by.
const HEP: &str = "HOTLINE_SECRET_HEP";

/// What the file gives it by.
const HEP_KEY: &str = "hep_key";

/// The most octets of that key.
const LONGEST_HEP: usize = 256;

/// The name of the file in the state folder.
pub(crate) const FILE: &str = "secrets.toml";

/// A phone's account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Account {
    /// The name shown to phones it calls.
    pub(crate) name: String,
    /// Its secret, once for each algorithm; empty when it has none and cannot register.
    pub(crate) ha1: Vec<Ha1>,
    /// What holds for it beside the secret.
    pub(crate) rules: AccountRules,
    /// Where the secret is from.
    pub(crate) origin: Origin,
    /// The generation of the password that was issued last, if one was.
    pub(crate) generation: Option<Generation>,
}

/// Where a secret is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The file.
    File,
    /// The environment: the file cannot change it.
    Environment,
}

/// A token of the API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    /// What it allows.
    pub(crate) role: TokenRole,
    /// SHA-256 of the token, in hexadecimal.
    pub(crate) sha256: String,
}

/// What a token allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TokenRole {
    /// Everything.
    Admin,
    /// Force states, end calls.
    TeamLead,
    /// Draw and listen to recordings.
    Reviewer,
    /// Look.
    Viewer,
    /// One agent's own requests.
    Agent(AgentId),
}

impl TokenRole {
    fn named(text: &str) -> Option<Self> {
        match text {
            "admin" => Some(Self::Admin),
            "team_lead" => Some(Self::TeamLead),
            "reviewer" => Some(Self::Reviewer),
            "viewer" => Some(Self::Viewer),
            other => people::work_number(other.strip_prefix("agent:")?).map(Self::Agent),
        }
    }
}

impl std::fmt::Display for TokenRole {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Admin => out.write_str("admin"),
            Self::TeamLead => out.write_str("team_lead"),
            Self::Reviewer => out.write_str("reviewer"),
            Self::Viewer => out.write_str("viewer"),
            Self::Agent(agent) => write!(out, "agent:{agent}"),
        }
    }
}

/// A password as it is, which nobody is shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(pub(crate) String);

impl std::fmt::Debug for Password {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Password(hidden)")
    }
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    pub(super) accounts: BTreeMap<PhoneId, Account>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) key: Option<Key>,
    /// What the capture server asks for.
    pub(super) hep: Option<Password>,
}

/// Secrets in the clear, as made for a new installation.
#[derive(Clone, Default)]
pub(crate) struct NewSecrets {
    /// The password of each phone.
    pub(crate) phones: BTreeMap<PhoneId, String>,
    /// The tokens of the API, by name, each with its role.
    pub(crate) tokens: BTreeMap<String, (TokenRole, String)>,
}

impl std::fmt::Debug for NewSecrets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "NewSecrets({} phones, hidden)", self.phones.len())
    }
}

/// Writes `secrets.toml` into the state folder, hashed, readable by its owner alone.
///
/// # Errors
/// When it cannot be written, or is already there: secrets are never overwritten.
pub(crate) fn create(state: &Path, realm: &str, secrets: &NewSecrets) -> io::Result<()> {
    let path = state.join(FILE);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let written = file.write_all(render(realm, secrets).as_bytes()).and_then(|()| file.sync_all());
    // Half of it would stand in the way of the next attempt.
    written.inspect_err(|_| drop(fs::remove_file(&path)))
}

fn render(realm: &str, secrets: &NewSecrets) -> String {
    let mut text = head(realm);
    for (phone, password) in &secrets.phones {
        let _ = writeln!(text, "\n[phones.{phone}]");
        for (key, algorithm) in ALGORITHMS {
            let ha1 = Ha1::of(algorithm, phone.as_str(), realm, password);
            let _ = writeln!(text, "{key} = \"{}\"", ha1.hex());
        }
    }
    for (name, (role, token)) in &secrets.tokens {
        let hash = token_sha256(token);
        let _ = writeln!(text, "\n[tokens.{name}]\nrole = \"{role}\"\nsha256 = \"{hash}\"");
    }
    text
}

/// What the file begins with.
pub(super) fn head(realm: &str) -> String {
    format!("# Secrets of this installation. Keep this file to yourself.\nrealm = \"{realm}\"\n")
}

/// What issued passwords are made with.
pub(super) const KEY: &str = "provisioning_key";

/// Which of its passwords a phone has.
pub(super) const GENERATION: &str = "generation";

/// What a secret is kept as, once for each algorithm.
pub(super) const ALGORITHMS: [(&str, Algorithm); 2] =
    [("ha1_sha256", Algorithm::Sha256), ("ha1_md5", Algorithm::Md5)];

/// The hash a token is kept as: SHA-256 of the token, in hexadecimal.
pub(crate) fn token_sha256(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

/// Reads the file, where there is one, and what the environment says beside it.
pub(super) fn read(
    settings: &Settings,
    people: &People,
    trunks: &mut BTreeMap<TrunkId, TrunkPeer>,
    environment: &Environment,
) -> (Secrets, Vec<Finding>) {
    let path = settings.store.state.join(FILE);
    let mut secrets = Secrets::default();
    for (id, phone) in &people.phones {
        let account = Account {
            name: phone.name.clone(),
            ha1: Vec::new(),
            rules: phone.rules.clone(),
            origin: Origin::File,
            generation: None,
        };
        secrets.accounts.insert(id.clone(), account);
    }
    let mut findings = Vec::new();
    let mut is_there = false;
    match fs::read_to_string(&path) {
        Ok(text) => {
            is_there = true;
            findings.extend(exposed(&path));
            let found = read_file(&path, &text, settings, (&mut secrets, &mut *trunks));
            findings.extend(found);
        }
        // The first start makes the file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            let message = format!("the secrets cannot be read: {error}");
            let help = "let the user who runs the service read the file, and nobody else";
            findings.push(finding(&path, Code::FileUnreadable, message, help));
        }
    }
    findings.extend(take_environment(settings, environment, (&mut secrets, &mut *trunks)));
    findings.extend(trunks::without_password(&path, trunks));
    if is_there {
        findings.extend(missing(&path, &secrets));
    }
    (secrets, findings)
}

fn finding(path: &Path, code: Code, message: String, help: &str) -> Finding {
    Finding {
        file: path.display().to_string(),
        place: None,
        code,
        message,
        help: Some(help.into()),
    }
}

fn exposed(path: &PathBuf) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let message = format!("others than the owner may read the secrets (mode {mode:o})");
    let help = format!("run `chmod 600 {}`", path.display());
    (mode & 0o077 != 0).then(|| finding(path, Code::SecretsExposed, message, &help))
}

fn missing(path: &Path, secrets: &Secrets) -> Vec<Finding> {
    let without = secrets.accounts.iter().filter(|(_, account)| account.ha1.is_empty());
    without
        .map(|(phone, _)| {
            let message = format!("phone {phone} has no secret and cannot register");
            let help = format!("add [phones.{phone}] with `ha1_sha256` and `ha1_md5`");
            finding(path, Code::SecretMissing, message, &help)
        })
        .collect()
}

fn read_file(
    path: &Path,
    text: &str,
    settings: &Settings,
    (secrets, trunks): (&mut Secrets, &mut BTreeMap<TrunkId, TrunkPeer>),
) -> Vec<Finding> {
    let reader = Reader::new(Source { name: path.display().to_string(), text: blanked(text) });
    let document = match Document::parse(text.to_owned()) {
        Ok(document) => document,
        Err(error) => {
            let message = format!("this is not TOML: {}", error.message());
            let help = "mend the line, or restore the file from its backup".to_owned();
            reader.report(Code::Syntax, &error.span().unwrap_or(0..0), message, help);
            return reader.into_findings();
        }
    };
    let file = SecretsFile { reader: &reader, root: document.as_table() };
    file.check_keys();
    file.check_realm(&settings.sip.realm);
    file.key(secrets);
    file.phones(secrets);
    file.tokens(secrets);
    file.hep(secrets);
    trunks::read(&file, &settings.sip.realm, trunks);
    reader.into_findings()
}

/// The text with every value made unreadable, octet for octet, so that no finding shows a secret.
fn blanked(text: &str) -> String {
    let hide = |text: &str| -> String {
        text.chars().map(|c| if c == ' ' { " ".into() } else { "*".repeat(c.len_utf8()) }).collect()
    };
    let blank = |line: &str| match line.split_once('=') {
        _ if line.trim_start().starts_with(['[', '#']) => line.to_owned(),
        Some((key, value)) => format!("{key}={}", hide(value)),
        None => hide(line),
    };
    text.split('\n').map(blank).collect::<Vec<_>>().join("\n")
}

struct SecretsFile<'a> {
    reader: &'a Reader,
    root: &'a dyn TableLike,
}

impl<'a> SecretsFile<'a> {
    fn check_realm(&self, realm: &str) {
        let Some(item) = self.root.get("realm") else { return };
        if item.as_str().is_some_and(|made_for| made_for != realm) {
            let message = format!("these secrets were made for another realm than `{realm}`");
            let help = "set `sip.realm` back, or make the secrets of all phones again".to_owned();
            self.reader.report(Code::RealmChanged, &place(item), message, help);
        }
    }

    /// A key that nobody reads may be a secret that was meant for somebody.
    fn check_keys(&self) {
        self.check_table(
            self.root,
            "this file",
            &["realm", KEY, HEP_KEY, "phones", "trunks", "tokens"],
        );
        let [(first, _), (second, _)] = ALGORITHMS;
        for (name, table) in self.tables("phones") {
            self.check_table(table, &format!("[phones.{name}]"), &[first, second, GENERATION]);
        }
        for (name, table) in self.tables("trunks") {
            self.check_table(table, &format!("[trunks.{name}]"), &trunks::KEYS);
        }
        for (name, table) in self.tables("tokens") {
            self.check_table(table, &format!("[tokens.{name}]"), &["role", "sha256"]);
        }
    }

    fn check_table(&self, table: &dyn TableLike, what: &str, known: &[&str]) {
        for (name, item) in table.iter().filter(|(name, _)| !known.contains(name)) {
            let at = table.key(name).and_then(toml_edit::Key::span);
            let message = format!("`{name}` is no key of {what}");
            let help = format!("its keys are {}", known.join(", "));
            let at = at.unwrap_or_else(|| place(item));
            self.reader.report(Code::UnknownKey, &at, message, help);
        }
    }

    /// The tables `[key.<name>]`.
    fn tables(&self, key: &str) -> Vec<(&'a str, &'a dyn TableLike)> {
        let Some(table) = self.root.get(key).and_then(Item::as_table_like) else {
            return Vec::new();
        };
        table.iter().filter_map(|(name, item)| Some((name, item.as_table_like()?))).collect()
    }

    fn report(&self, item: &Item, message: String, help: &str) {
        self.reader.report(Code::SecretInvalid, &place(item), message, help.into());
    }

    fn key(&self, secrets: &mut Secrets) {
        let Some(item) = self.root.get(KEY) else { return };
        secrets.key = item.as_str().and_then(|text| Key::from_hex(text).ok());
        if secrets.key.is_none() {
            let help = "restore it from the backup; or take it out, and set phones up anew that \
                        were set up by an address";
            self.report(item, format!("`{KEY}` is not 64 hexadecimal digits"), help);
        }
    }

    fn phones(&self, secrets: &mut Secrets) {
        for (name, table) in self.tables("phones") {
            // A phone that was taken out of the configuration may keep its secret.
            let Some(account) = secrets.accounts.get_mut(&PhoneId::from(name)) else { continue };
            for (key, algorithm) in ALGORITHMS {
                let Some(item) = table.get(key) else { continue };
                match item.as_str().and_then(|text| Ha1::from_hex(algorithm, text)) {
                    Some(ha1) => account.ha1.push(ha1),
                    None => self.report(
                        item,
                        format!("`{key}` of phone {name} is not an HA1"),
                        "it is the hash of extension:realm:password, in hexadecimal",
                    ),
                }
            }
            let Some(item) = table.get(GENERATION) else { continue };
            let number = item.as_integer().and_then(|number| u64::try_from(number).ok());
            account.generation = number.map(Generation::new);
            if number.is_none() {
                let help =
                    "it is the number that the service wrote there: restore it, or take it out";
                self.report(item, format!("`{GENERATION}` of phone {name} is no number"), help);
            }
        }
    }

    fn tokens(&self, secrets: &mut Secrets) {
        for (name, table) in self.tables("tokens") {
            let (Some(role), Some(hash)) = (table.get("role"), table.get("sha256")) else {
                let at = self.root.get("tokens").map_or(0..0, place);
                let message = format!("token `{name}` needs `role` and `sha256`");
                let help = "`hotline secrets` makes them for a new installation".to_owned();
                self.reader.report(Code::SecretInvalid, &at, message, help);
                continue;
            };
            if name == LOCAL_TOKEN {
                let help = "the service makes that token itself, at every start: choose another";
                self.report(role, format!("no token may be named `{LOCAL_TOKEN}`"), help);
            }
            let known = role.as_str().and_then(TokenRole::named);
            if known.is_none() {
                let help = "roles are admin, team_lead, reviewer, viewer and agent:<work number>";
                self.report(role, format!("token `{name}` has a role that is none"), help);
            }
            let sha256 = hash.as_str().filter(|text| is_sha256(text));
            if sha256.is_none() {
                let help = "it is the hash of the token, 64 hexadecimal digits";
                self.report(hash, format!("`sha256` of token `{name}` is not a SHA-256"), help);
            }
            if let (Some(role), Some(sha256)) = (known, sha256) {
                let token = Token { role, sha256: sha256.to_ascii_lowercase() };
                secrets.tokens.insert(name.to_owned(), token);
            }
        }
    }

    fn hep(&self, secrets: &mut Secrets) {
        let Some(item) = self.root.get(HEP_KEY) else { return };
        let key = item.as_str().filter(|key| is_hep_key(key));
        secrets.hep = key.map(|key| Password(key.to_owned()));
        if secrets.hep.is_none() {
            let message = "`hep_key` is no key of a capture server".to_owned();
            self.report(item, message, HEP_KEY_FORM);
        }
    }
}

/// What such a key is.
const HEP_KEY_FORM: &str = "it is a text of at most 256 octets, as the capture server has it";

const fn is_hep_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= LONGEST_HEP
}

fn place(item: &Item) -> Range<usize> {
    item.span().unwrap_or(0..0)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn take_environment(
    settings: &Settings,
    environment: &Environment,
    (secrets, trunks): (&mut Secrets, &mut BTreeMap<TrunkId, TrunkPeer>),
) -> Vec<Finding> {
    let realm = &settings.sip.realm;
    for (phone, account) in &mut secrets.accounts {
        if let Some(password) = environment.value(&format!("{PHONE}{phone}")) {
            let of = |(_, algorithm)| Ha1::of(algorithm, phone.as_str(), realm, password);
            account.ha1 = ALGORITHMS.into_iter().map(of).collect();
            account.origin = Origin::Environment;
        }
    }
    let trunk_variables = trunks::take_environment(realm, environment, trunks);
    let roles = [TokenRole::Admin, TokenRole::TeamLead, TokenRole::Reviewer, TokenRole::Viewer];
    let named = roles.map(|role| (format!("{TOKEN}{role}").to_ascii_uppercase(), role));
    let mut findings = Vec::new();
    for (name, role) in &named {
        let Some(token) = environment.value(name) else { continue };
        if token.len() < SHORTEST_TOKEN {
            let message = format!("the token is shorter than {SHORTEST_TOKEN} characters");
            let help = "make one by chance, such as with `openssl rand -hex 32`";
            findings.push(of_environment(name, Code::SecretInvalid, message, help));
        }
        let token = Token { role: *role, sha256: token_sha256(token) };
        secrets.tokens.insert(role.to_string(), token);
    }
    if let Some(key) = environment.value(HEP) {
        if !is_hep_key(key) {
            let message = "this is no key of a capture server".to_owned();
            findings.push(of_environment(HEP, Code::SecretInvalid, message, HEP_KEY_FORM));
        }
        secrets.hep = Some(Password(key.to_owned()));
    }
    for name in environment.names() {
        let phone = name.strip_prefix(PHONE).map(PhoneId::from);
        let is_token = name.starts_with(TOKEN) && !named.iter().any(|(known, _)| known == name);
        let is_trunk = trunks::is_variable(name) && !trunk_variables.iter().any(|it| it == name);
        let nobodys = phone.is_some_and(|phone| !secrets.accounts.contains_key(&phone));
        if nobodys || is_token || is_trunk {
            let message = "this secret is nobody's".to_owned();
            let help = "name a phone or trunk of the configuration, or one of the roles ADMIN, \
                        TEAM_LEAD, REVIEWER, VIEWER";
            findings.push(of_environment(name, Code::UnknownKey, message, help));
        }
    }
    findings
}

fn of_environment(name: &str, code: Code, message: String, help: &str) -> Finding {
    Finding { file: name.to_owned(), place: None, code, message, help: Some(help.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_finding_quotes_a_secret() {
        let text = "# realm = x\nrealm = \"a\"\n[phones.1001]\nha1_md5 = \"5ebe2294\"\n";
        let blanked = blanked(text);
        assert!(!blanked.contains("5ebe2294"), "{blanked}");
        assert!(blanked.contains("ha1_md5 = **********"), "{blanked}");
        assert_eq!(blanked.len(), text.len());
    }

    #[test]
    fn a_role_reads_back_as_written() {
        for text in ["admin", "team_lead", "reviewer", "viewer", "agent:1001"] {
            assert_eq!(TokenRole::named(text).unwrap().to_string(), text);
        }
        assert_eq!(TokenRole::named("agent:x"), None);
        assert_eq!(TokenRole::named("root"), None);
    }
}

//! The demo's secrets: made at its first start, in the state folder, and never anywhere else.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use model::PhoneId;

use crate::config::{self, secrets::NewSecrets};
use crate::failure::Failure;
use crate::secrets::passwords;
use crate::service::{OWNER_ALONE, folder};

/// The passwords in the clear, for the demo's own phones and for yours.
const FILE: &str = "demo-phones.json";

/// The passwords of the demo's phones.
#[derive(Debug)]
pub(crate) struct Secrets {
    state: PathBuf,
    phones: BTreeMap<PhoneId, String>,
}

/// Where the phones register, and with which passwords.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    pub(crate) address: SocketAddr,
    secrets: &'a Secrets,
}

impl Server<'_> {
    pub(crate) fn password(&self, phone: &PhoneId) -> Option<&str> {
        self.secrets.password(phone)
    }
}

impl Secrets {
    /// The secrets of this configuration's state folder; made when there are none.
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        let loaded = config::load(path, &config::Environment::of_process());
        // What is wrong is told when the configuration is read to be used.
        let Ok((config, _)) = loaded else {
            return Ok(Self { state: PathBuf::new(), phones: BTreeMap::new() });
        };
        folder(&config.store.state, "service.state", OWNER_ALONE)?;
        let state = config.store.state.canonicalize()?;
        let file = state.join(FILE);
        if file.exists() {
            let phones = serde_json::from_str(&fs::read_to_string(&file)?)?;
            return Ok(Self { state, phones });
        }
        if state.join(config::secrets::FILE).exists() {
            return Err(Failure::new(format!(
                "{} already has secrets of its own: name another folder for the demo, as in \
                 HOTLINE_STATE=.hotline/demo",
                state.display()
            )));
        }
        let made = Self { phones: passwords(&config)?, state };
        made.keep(&file, &config.sip.realm)?;
        Ok(made)
    }

    fn keep(&self, file: &Path, realm: &str) -> Result<(), Failure> {
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        out.write_all(serde_json::to_string_pretty(&self.phones)?.as_bytes())?;
        let secrets = NewSecrets { phones: self.phones.clone(), tokens: BTreeMap::new() };
        Ok(config::secrets::create(&self.state, realm, &secrets)?)
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    pub(crate) fn password(&self, phone: &PhoneId) -> Option<&str> {
        self.phones.get(phone).map(String::as_str)
    }

    pub(crate) fn phones_at(&self, listen: SocketAddr) -> Server<'_> {
        Server { address: listen, secrets: self }
    }
}

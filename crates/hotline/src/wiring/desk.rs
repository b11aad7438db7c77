//! Phones' passwords while the service runs: issued, taken away, and told to who brings a good
//! address.
//!
//! What is issued is on disk first, then known here, then in force at signalling: the phone's old
//! registrations have ended when the answer is given.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{BoxFuture, Issued, NotIssued};
use clock::Clock;
use model::PhoneId;
use provision::{Denial, Fingerprint, Generation, Grant, Key, Setup, Standing};
use sip::digest::Ha1;

use super::peers::accounts;
use crate::config::issued::{self, Change, secrets_of};
use crate::config::secrets::Origin;
use crate::config::{Account, Config, ProvisioningSettings};

/// Where phones get their passwords. What is asked of it is done even when whoever asks has gone:
/// between the file and what is in force nothing is left halfway.
#[derive(Debug)]
pub(crate) struct Desk(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    book: Mutex<Book>,
    /// One change after another, from the file to signalling.
    turn: tokio::sync::Mutex<()>,
    settings: ProvisioningSettings,
    realm: String,
    state: PathBuf,
    sip: sip_net::Handle,
    clock: Clock,
}

/// What is in force.
#[derive(Debug)]
struct Book {
    key: Option<Key>,
    accounts: BTreeMap<PhoneId, Account>,
}

/// What a phone's account becomes.
struct Next {
    phone: PhoneId,
    generation: Generation,
    ha1: Vec<Ha1>,
    key: Key,
}

impl Desk {
    /// The passwords of this configuration, and of what is issued from now on.
    pub(crate) fn new(config: &Config, sip: sip_net::Handle, clock: Clock) -> Self {
        let book = Book { key: config.key.clone(), accounts: config.accounts.clone() };
        Self(Arc::new(Counter {
            book: Mutex::new(book),
            turn: tokio::sync::Mutex::default(),
            settings: config.provisioning.clone(),
            realm: config.sip.realm.clone(),
            state: config.store.state.clone(),
            sip,
            clock,
        }))
    }
}

/// Does this to its end, whether or not anybody still waits for it.
async fn to_its_end<T: Send + 'static>(
    done: impl Future<Output = Result<T, NotIssued>> + Send + 'static,
) -> Result<T, NotIssued> {
    tokio::spawn(done).await.unwrap_or(Err(NotIssued::Unavailable))
}

impl Counter {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn give(&self, phone: PhoneId, valid: Duration) -> Result<Issued, NotIssued> {
        let _turn = self.turn.lock().await;
        let (key, generation) = self.next(&phone)?;
        let ha1 = secrets_of(&phone, &self.realm, &key.password(&phone, generation));
        let fingerprint = fingerprint(&ha1);
        self.put(Next { phone: phone.clone(), generation, ha1, key: key.clone() }).await?;
        let grant = Grant { phone, generation, expires_at: self.clock.now() + valid };
        let token = key.sign(&grant, &fingerprint);
        Ok(Issued { grant, token })
    }

    async fn take_away(&self, phone: PhoneId) -> Result<(), NotIssued> {
        let _turn = self.turn.lock().await;
        let (key, generation) = self.next(&phone)?;
        self.put(Next { phone, generation, ha1: Vec::new(), key }).await
    }

    /// The key, made by chance where there is none yet, and the phone's next generation.
    fn next(&self, phone: &PhoneId) -> Result<(Key, Generation), NotIssued> {
        let book = self.book();
        let account = book.accounts.get(phone).ok_or(NotIssued::PhoneUnknown)?;
        if account.origin == Origin::Environment {
            return Err(NotIssued::SecretFixed);
        }
        let key = match &book.key {
            Some(key) => key.clone(),
            None => new_key()?,
        };
        Ok((key, Generation::next(account.generation, self.clock.now())))
    }

    async fn put(&self, next: Next) -> Result<(), NotIssued> {
        let (state, realm) = (self.state.clone(), self.realm.clone());
        let writing = tokio::task::spawn_blocking(move || {
            let Next { phone, generation, ha1, key } = &next;
            let change = Change { phone, generation: *generation, ha1 };
            issued::write(&state, &realm, key, &change).map(|()| next)
        });
        let written = writing.await.map_err(|_| NotIssued::Unavailable)?;
        let Next { phone, generation, ha1, key } = written.map_err(|error| {
            tracing::error!(%error, "the secrets cannot be written");
            NotIssued::Unwritable
        })?;
        let all = {
            let mut book = self.book();
            book.key = Some(key);
            if let Some(account) = book.accounts.get_mut(&phone) {
                (account.ha1, account.generation) = (ha1, Some(generation));
            }
            accounts(&book.accounts)
        };
        self.sip.replace_accounts(all).await.map_err(|_| NotIssued::Unavailable)
    }
}

impl api::Provisioning for Desk {
    fn issue(&self, phone: PhoneId, valid: Duration) -> BoxFuture<'_, Result<Issued, NotIssued>> {
        let counter = Arc::clone(&self.0);
        Box::pin(to_its_end(async move { counter.give(phone, valid).await }))
    }

    fn revoke(&self, phone: PhoneId) -> BoxFuture<'_, Result<(), NotIssued>> {
        let counter = Arc::clone(&self.0);
        Box::pin(to_its_end(async move { counter.take_away(phone).await }))
    }

    fn open(&self, token: &str) -> Result<(Grant, Setup), Denial> {
        let book = self.0.book();
        let key = book.key.as_ref().ok_or(Denial::UnknownPhone)?;
        let account = |phone: &PhoneId| book.accounts.get(phone);
        let grant =
            key.open(token, self.0.clock.now(), |phone| account(phone).and_then(standing))?;
        let password = key.password(&grant.phone, grant.generation);
        let account = account(&grant.phone).ok_or(Denial::UnknownPhone)?;
        // A password that was changed by hand is not ours to tell, and ours is no good.
        if account.ha1 != secrets_of(&grant.phone, &self.0.realm, &password) {
            return Err(Denial::Invalid);
        }
        let setup = Setup {
            phone: grant.phone.clone(),
            name: account.name.clone(),
            password,
            generation: grant.generation,
            realm: self.0.realm.clone(),
            server: self.0.settings.server.clone(),
        };
        Ok((grant, setup))
    }

    fn url(&self) -> Option<&str> {
        self.0.settings.url.as_deref()
    }

    fn valid(&self) -> Duration {
        self.0.settings.valid
    }
}

/// How an account stands that has a password which was issued.
fn standing(account: &Account) -> Option<Standing> {
    let generation = account.generation.filter(|_| !account.ha1.is_empty())?;
    Some(Standing { generation, fingerprint: fingerprint(&account.ha1) })
}

fn fingerprint(ha1: &[Ha1]) -> Fingerprint {
    Fingerprint::of(ha1.iter().map(Ha1::hex))
}

fn new_key() -> Result<Key, NotIssued> {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).map_err(|_| NotIssued::Unavailable)?;
    Ok(Key::new(octets))
}

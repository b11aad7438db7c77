//! Subscriptions (RFC 6665): who watches what of whom, and what they are still to be told.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | – | SUBSCRIBE | active; NOTIFY at once |
//! | – | SUBSCRIBE with Expires 0 (fetch) | ending; NOTIFY at once |
//! | active | SUBSCRIBE | active, for longer; NOTIFY at once |
//! | active | what is watched has changed | active; NOTIFY, but not within a second of the one before |
//! | active | Expires 0; time passes; what is watched is gone; we stop | ending; NOTIFY at once |
//! | active, ending | NOTIFY is refused, or nobody hears it | over |
//! | active | NOTIFY is refused with Retry-After | active; NOTIFY again then |
//! | ending | the last NOTIFY is answered | over |
//! | ending, over | SUBSCRIBE | 481 |
//!
//! One NOTIFY of a subscription is under way at a time, so that none overtakes another. States are
//! kept by whoever knows them: [`Subscriptions::poll`] says who is to be told, and what is told then
//! is the latest. Authentication comes before: whoever calls [`Subscriptions::subscribe`] knows
//! which phone it is.

mod asked;
mod dialog_info;
mod entry;
mod package;
mod presence;
mod refusal;
mod subscribing;
mod summary;
#[cfg(test)]
mod tests;
mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{PhoneId, Timestamp};

pub use dialog_info::{DialogState, Direction, ShownDialog, write_dialog_info};
pub use entry::End;
pub use package::{ALLOW_EVENTS, Package, Watch};
pub use presence::{Presence, write_presence};
pub use refusal::SubscribeRefusal;
pub use summary::{Mailbox, write_message_summary};

use crate::endpoint::token::Tokens;
use crate::endpoint::{Destination, Outgoing, RequestId};
use crate::header::{HeaderName, NameAddr};
use crate::message::{Response, StatusCode};
use entry::{Subscription, Told};

/// The longest time that a refused NOTIFY waits for its repetition, whatever is asked.
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// The limits of subscriptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscriptionSettings {
    /// Shorter ones are refused with 423. Default 60 s.
    pub shortest: Duration,
    /// Longer ones are shortened to this, and who does not say gets it. Default 10 minutes: after a
    /// restart of ours lamps are dark no longer.
    pub longest: Duration,
    /// The least time from one NOTIFY about a change to the next. Default 1 s.
    pub pause: Duration,
    /// Subscriptions of one phone; further ones get 403. Default 200.
    pub per_phone: usize,
    /// Subscriptions of all phones; further ones get 503. Default 20 000.
    pub total: usize,
}

impl Default for SubscriptionSettings {
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(60),
            longest: Duration::from_secs(600),
            pause: Duration::from_secs(1),
            per_phone: 200,
            total: 20_000,
        }
    }
}

/// Names a subscription; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SubscriptionId(u64);

/// Who subscribes.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber<'a> {
    /// The phone, proven.
    pub phone: &'a PhoneId,
    /// The way back to it.
    pub flow: Destination,
    /// Our Contact on that way.
    pub contact: &'a NameAddr,
}

/// Somebody who is to be told: to be taken with [`Subscriptions::notify`], or put off with
/// [`Subscriptions::postpone`], before the next is asked for.
#[derive(Debug)]
pub struct Owed {
    id: SubscriptionId,
    /// What is watched.
    pub watch: Watch,
    /// Who watches.
    pub phone: PhoneId,
    /// The version of what is told: each is one higher than the one before.
    pub version: u32,
}

/// What has become of a NOTIFY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notified {
    /// It was heard.
    Heard,
    /// It was refused for a while, and comes again.
    Postponed,
    /// It was refused, or nobody is there: the subscription is over.
    Lost,
}

/// All subscriptions of all phones.
#[derive(Debug)]
pub struct Subscriptions {
    settings: SubscriptionSettings,
    tokens: Tokens,
    all: BTreeMap<SubscriptionId, Subscription>,
    /// By Call-ID and our tag.
    dialogs: BTreeMap<(String, String), SubscriptionId>,
    watchers: BTreeMap<Watch, BTreeSet<SubscriptionId>>,
    phones: BTreeMap<PhoneId, BTreeSet<SubscriptionId>>,
    requests: BTreeMap<RequestId, SubscriptionId>,
    deadlines: BTreeSet<(Timestamp, SubscriptionId)>,
    last: u64,
}

impl Subscriptions {
    /// No subscriptions. The seed must be secret, new at every start, and used for nothing else: our
    /// tags are drawn from it.
    #[must_use]
    pub fn new(settings: SubscriptionSettings, seed: [u8; 32]) -> Self {
        Self {
            settings,
            tokens: Tokens::new(seed),
            all: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            watchers: BTreeMap::new(),
            phones: BTreeMap::new(),
            requests: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            last: 0,
        }
    }

    /// How many subscriptions there are, those that are being ended among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What is watched has changed: everybody who watches it is to be told.
    pub fn changed(&mut self, watch: &Watch) {
        for id in self.watchers.get(watch).cloned().unwrap_or_default() {
            self.change(id, Subscription::has_news);
        }
    }

    /// Whether anybody watches this.
    #[must_use]
    pub fn is_watched(&self, watch: &Watch) -> bool {
        self.watchers.contains_key(watch)
    }

    /// Ends what this phone watches.
    pub fn end_of_subscriber(&mut self, phone: &PhoneId, end: End) {
        for id in self.phones.get(phone).cloned().unwrap_or_default() {
            self.change(id, |subscription| subscription.ends(end));
        }
    }

    /// Ends what others watch of this phone: it is gone.
    pub fn end_of_target(&mut self, phone: &PhoneId) {
        for package in Package::ALL {
            let watch = Watch { package, target: phone.clone() };
            for id in self.watchers.get(&watch).cloned().unwrap_or_default() {
                self.change(id, |subscription| subscription.ends(End::NoResource));
            }
        }
    }

    /// Ends all subscriptions.
    pub fn end_all(&mut self, end: End) {
        for id in self.all.keys().copied().collect::<Vec<_>>() {
            self.change(id, |subscription| subscription.ends(end));
        }
    }

    /// When [`Self::poll`] is next needed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The next who is to be told.
    pub fn poll(&mut self, now: Timestamp) -> Option<Owed> {
        while let Some((_, id)) = self.deadlines.first().filter(|(at, _)| *at <= now).copied() {
            self.change(id, |subscription| {
                if subscription.until <= now {
                    subscription.ends(End::Timeout);
                }
            });
            let subscription = self.all.get(&id)?;
            if subscription.told == Told::Stale && subscription.free_at <= now {
                let Subscription { watch, phone, version, .. } = subscription;
                let (watch, phone) = (watch.clone(), phone.clone());
                return Some(Owed { id, watch, phone, version: *version });
            }
        }
        None
    }

    /// The NOTIFY with this body, to be sent as this request with
    /// [`crate::endpoint::Order::Request`].
    pub fn notify(
        &mut self,
        owed: &Owed,
        request: RequestId,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Option<Outgoing> {
        let subscription = self.all.get_mut(&owed.id)?;
        let outgoing = subscription.notify((request, body), now + self.settings.pause, now);
        self.requests.insert(request, owed.id);
        self.rearm(owed.id);
        Some(outgoing)
    }

    /// Puts off who is to be told: there is too much else to do.
    pub fn postpone(&mut self, owed: &Owed, now: Timestamp) {
        let at = now + self.settings.pause;
        self.change(owed.id, |subscription| subscription.free_at = at);
    }

    /// Whether a subscription has this Call-ID.
    #[must_use]
    pub fn has_call_id(&self, call_id: &str) -> bool {
        let first = (call_id.to_owned(), String::new());
        self.dialogs.range(first..).next().is_some_and(|((found, _), _)| found == call_id)
    }

    /// Whether this request is a NOTIFY of ours.
    #[must_use]
    pub fn awaits(&self, request: RequestId) -> bool {
        self.requests.contains_key(&request)
    }

    /// A NOTIFY could not be sent because too much is under way: it comes again, unless it was the
    /// last.
    pub fn unsent(&mut self, request: RequestId, now: Timestamp) {
        if let Some(subscription) = self.requests.get(&request).and_then(|id| self.all.get_mut(id))
        {
            subscription.version = subscription.version.wrapping_sub(1);
        }
        self.over(request, Some(now + self.settings.pause));
    }

    /// A NOTIFY is over (RFC 6665 §4.2.2): its response, or the status that stands for there being
    /// none.
    pub fn notified(
        &mut self,
        request: RequestId,
        response: &Result<Box<Response>, StatusCode>,
        now: Timestamp,
    ) -> Notified {
        let response = match response {
            Ok(response) if response.status != StatusCode::CALL_DOES_NOT_EXIST => response,
            Ok(_) | Err(_) => return self.lost(request),
        };
        if response.status.is_success() {
            self.over(request, None);
            return Notified::Heard;
        }
        let Some(wait) = retry_after(response) else { return self.lost(request) };
        self.over(request, Some(now + wait.min(LONGEST_RETRY)));
        Notified::Postponed
    }

    /// A NOTIFY is over, and what it told is to be told again at `again`.
    fn over(&mut self, request: RequestId, again: Option<Timestamp>) {
        let Some(id) = self.requests.remove(&request) else { return };
        let Some(subscription) = self.all.get_mut(&id) else { return };
        let Told::Telling { stale, last, .. } = subscription.told else { return };
        if last {
            self.forget(id);
            return;
        }
        let is_stale = stale || again.is_some();
        subscription.told = if is_stale { Told::Stale } else { Told::All };
        subscription.free_at = subscription.free_at.max(again.unwrap_or(Timestamp::EPOCH));
        self.rearm(id);
    }

    fn lost(&mut self, request: RequestId) -> Notified {
        if let Some(id) = self.requests.remove(&request) {
            self.forget(id);
        }
        Notified::Lost
    }

    fn change(&mut self, id: SubscriptionId, change: impl FnOnce(&mut Subscription)) {
        if let Some(subscription) = self.all.get_mut(&id) {
            change(subscription);
            self.rearm(id);
        }
    }

    fn rearm(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.all.get_mut(&id) else { return };
        if let Some(due) = subscription.due {
            self.deadlines.remove(&(due, id));
        }
        subscription.due = subscription.deadline();
        self.deadlines.extend(subscription.due.map(|due| (due, id)));
    }

    fn forget(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.all.remove(&id) else { return };
        self.dialogs.remove(&subscription.key());
        if let Some(due) = subscription.due {
            self.deadlines.remove(&(due, id));
        }
        if let Told::Telling { request, .. } = subscription.told {
            self.requests.remove(&request);
        }
        leave(&mut self.watchers, &subscription.watch, id);
        leave(&mut self.phones, &subscription.phone, id);
    }
}

/// After how long a refused NOTIFY may come again, where its refusal says so.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers.number(&HeaderName::RetryAfter).ok().flatten()?;
    Some(Duration::from_secs(seconds))
}

fn leave<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<SubscriptionId>>, key: &K, id: SubscriptionId) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(&id);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

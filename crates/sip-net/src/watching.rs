//! Who watches whom: subscriptions of phones, and what they are told (RFC 6665).
//!
//! | what | of whom | what is told |
//! |---|---|---|
//! | `dialog` | any extension | its calls; the other party's number to the phone itself alone |
//! | `presence` | any extension | what the agent who is signed in there does |
//! | `message-summary` | the phone itself | that no message waits: there are no mailboxes |

use std::time::Duration;

use model::{LegId, PhoneId, StateName, Timestamp};
use sip::endpoint::{Order, Rejection, RequestId, Source};
use sip::subscription::{
    End, Mailbox, Notified, Owed, Package, Presence, ShownDialog, SubscribeRefusal, Subscriber,
    Watch, write_dialog_info, write_message_summary, write_presence,
};
use sip::{Method, Request, Response, StatusCode, Uri};

use crate::accounts::Accounts;
use crate::counters::Counted;
use crate::exchange::Exchange;
use crate::legs::Leg;

/// After how long whoever watches may come again when the service is stopped.
const BACK_AFTER: Duration = Duration::from_secs(30);

impl Exchange {
    /// A phone wants to watch, or to watch no longer.
    pub(crate) fn subscribe(
        &mut self,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) -> Result<Response, Rejection> {
        let account = self.identify(request, source, now)?;
        let claimed = request.from().ok().and_then(|from| from.uri.user_name());
        if claimed.as_deref() != Some(account.phone.as_str()) {
            self.count(Counted::OtherIdentity);
            return Err(Rejection::new(StatusCode::FORBIDDEN, "from is not the phone that asks"));
        }
        if self.stopping {
            return Err(self.stopped());
        }
        let flow = source.destination();
        let user = request.to().ok().and_then(|to| to.uri.user);
        let contact = self.endpoint.contact(&flow, user.as_deref());
        let phone = &account.phone;
        let subscriber = Subscriber { phone, flow, contact: &contact };
        let may = |watch: &Watch| may_watch(&self.accounts, phone, watch);
        self.subscriptions.subscribe(request, &subscriber, may, now).map_err(|refusal| {
            self.count(Counted::SubscribeRefused);
            tracing::debug!(%phone, %refusal, "subscription refused");
            refusal.into()
        })
    }

    /// The agent at a phone does something else.
    pub(crate) fn publish(&mut self, phone: PhoneId, presence: Presence, now: Timestamp) {
        if self.accounts.find(phone.as_str()).is_none() {
            return;
        }
        let watch = Watch { package: Package::Presence, target: phone.clone() };
        if presence.state == StateName::SignedOut {
            self.presence.remove(&phone);
        } else {
            self.presence.insert(phone, presence);
        }
        self.subscriptions.changed(&watch);
        self.settle(now);
    }

    /// The account of a phone is gone, or has another secret: it proves itself anew.
    pub(crate) fn subscriber_revoked(&mut self, phone: &PhoneId, accounts: &Accounts) {
        self.subscriptions.end_of_subscriber(phone, End::Deactivated);
        if accounts.find(phone.as_str()).is_none() {
            self.subscriptions.end_of_target(phone);
            self.presence.remove(phone);
        }
    }

    /// The service is being stopped.
    pub(crate) fn end_watching(&mut self) {
        self.subscriptions.end_all(End::Probation(BACK_AFTER));
    }

    /// Tells everybody who is to be told now; whether there was anybody.
    pub(crate) fn tell_watchers(&mut self, now: Timestamp) -> bool {
        for target in self.legs.take_touched() {
            self.subscriptions.changed(&Watch { package: Package::Dialog, target });
        }
        let mut tells = false;
        while let Some(owed) = self.subscriptions.poll(now) {
            if self.is_crowded() {
                self.subscriptions.postpone(&owed, now);
                continue;
            }
            tells = true;
            let request = self.next_request();
            let body = self.told(&owed);
            let notify = self.subscriptions.notify(&owed, request, body, now);
            let Some(outgoing) = notify.map(Box::new) else { continue };
            let order = Order::Request { request, method: Method::Notify, outgoing };
            if self.order(order, now).is_err() {
                self.subscriptions.unsent(request, now);
            }
        }
        tells
    }

    /// Whether so much is under way that lamps must wait: they must never cost a call.
    pub(crate) fn is_crowded(&self) -> bool {
        let under_way = self.endpoint.transaction_count();
        under_way + self.endpoint.remembered_count() >= self.crowd
    }

    /// Whether this answers a NOTIFY about something watched, which is about no call.
    pub(crate) fn is_told_back(&self, response: &Response) -> bool {
        response.cseq().is_ok_and(|cseq| cseq.method == Method::Notify)
            && response.call_id().is_ok_and(|id| self.subscriptions.has_call_id(id))
    }

    /// A NOTIFY is over.
    pub(crate) fn notified(
        &mut self,
        request: RequestId,
        response: &Result<Box<Response>, StatusCode>,
        now: Timestamp,
    ) {
        if self.subscriptions.notified(request, response, now) == Notified::Lost {
            self.count(Counted::NotifyLost);
        }
    }

    /// What is so now.
    fn told(&self, owed: &Owed) -> Vec<u8> {
        let Watch { package, target } = &owed.watch;
        let entity = Uri::sip(target.as_str(), self.domain.clone()).to_string();
        match package {
            Package::Dialog => {
                let knows = owed.phone == *target;
                let legs = self.legs.of_phone(target);
                let dialogs: Vec<_> = legs.map(|leg| self.shown(leg, knows)).collect();
                write_dialog_info(&entity, owed.version, &dialogs)
            }
            Package::MessageSummary => write_message_summary(&entity, Mailbox::default()),
            Package::Presence => {
                let presence = self.presence.get(target).unwrap_or(&Presence::NOBODY);
                write_presence(&entity, presence)
            }
        }
    }

    /// A call of a phone; with the other party's number for those who know it anyway.
    fn shown(&self, (id, leg): (LegId, &Leg), knows: bool) -> ShownDialog {
        let (direction, state) = leg.shown();
        let remote = leg.remote.as_ref().filter(|_| knows);
        let remote = remote.map(|it| Uri::sip(it.as_str(), self.domain.clone()).to_string());
        ShownDialog { id: id.to_string(), direction, state, remote }
    }
}

/// Whether a phone may watch this.
fn may_watch(accounts: &Accounts, phone: &PhoneId, watch: &Watch) -> Result<(), SubscribeRefusal> {
    let is_own = watch.target == *phone;
    match watch.package {
        Package::MessageSummary if !is_own => Err(SubscribeRefusal::NotAllowed),
        Package::MessageSummary | Package::Dialog | Package::Presence => {
            let is_there = accounts.find(watch.target.as_str()).is_some();
            if is_there { Ok(()) } else { Err(SubscribeRefusal::NoSuchTarget) }
        }
    }
}

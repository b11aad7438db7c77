//! One subscription: what its subscriber has been told, and when the next NOTIFY may be.

use std::time::Duration;

use model::{PhoneId, Timestamp};

use super::package::Watch;
use crate::dialog::Dialog;
use crate::endpoint::{Body, Outgoing, RequestId};
use crate::header::HeaderName;
use crate::uri::Uri;

/// Why we end a subscription (RFC 6665 §4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It was not refreshed, or its subscriber ended it.
    Timeout,
    /// The subscriber is to subscribe anew at once.
    Deactivated,
    /// What is watched is gone.
    NoResource,
    /// The subscriber is to subscribe anew after so long.
    Probation(Duration),
}

impl End {
    fn reason(self) -> String {
        match self {
            Self::Timeout => "timeout".to_owned(),
            Self::Deactivated => "deactivated".to_owned(),
            Self::NoResource => "noresource".to_owned(),
            Self::Probation(wait) => format!("probation;retry-after={}", wait.as_secs()),
        }
    }
}

/// One subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) watch: Watch,
    pub(super) phone: PhoneId,
    pub(super) dialog: Dialog,
    /// The subscriber's address: the same device has the same.
    pub(super) contact: Uri,
    pub(super) event_id: Option<String>,
    pub(super) refreshed: Timestamp,
    pub(super) until: Timestamp,
    pub(super) version: u32,
    pub(super) told: Told,
    /// When the next NOTIFY may be sent.
    pub(super) free_at: Timestamp,
    pub(super) ending: Option<End>,
    /// Its place among the deadlines.
    pub(super) due: Option<Timestamp>,
}

/// What the subscriber knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// Everything.
    All,
    /// Not the latest.
    Stale,
    /// It is being told.
    Telling {
        /// The NOTIFY.
        request: RequestId,
        /// Whether there is news meanwhile.
        stale: bool,
        /// Whether it says that this is the end.
        last: bool,
    },
}

impl Subscription {
    pub(super) fn key(&self) -> (String, String) {
        (self.dialog.call_id().to_owned(), self.dialog.local_tag().to_owned())
    }

    pub(super) fn has_news(&mut self) {
        match &mut self.told {
            Told::Telling { stale, .. } => *stale = true,
            told @ (Told::All | Told::Stale) => *told = Told::Stale,
        }
    }

    /// The end is told at once, whatever was told just before.
    pub(super) fn ends(&mut self, end: End) {
        if self.ending.is_none() {
            self.ending = Some(end);
            self.free_at = Timestamp::EPOCH;
            self.has_news();
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let end = self.ending.is_none().then_some(self.until);
        let news = (self.told == Told::Stale).then_some(self.free_at);
        [end, news].into_iter().flatten().min()
    }

    /// The NOTIFY that tells everything; another may follow at `free_at`.
    pub(super) fn notify(
        &mut self,
        (request, body): (RequestId, Vec<u8>),
        free_at: Timestamp,
        now: Timestamp,
    ) -> Outgoing {
        let event = match &self.event_id {
            Some(id) => format!("{};id={id}", self.watch.package.as_str()),
            None => self.watch.package.as_str().to_owned(),
        };
        let state = match self.ending {
            Some(end) => format!("terminated;reason={}", end.reason()),
            None => format!("active;expires={}", self.until.since(now).as_secs()),
        };
        let headers = vec![
            (HeaderName::Event, event.into_bytes()),
            (HeaderName::SubscriptionState, state.into_bytes()),
        ];
        // Of what is gone there is nothing to tell.
        let tells = self.ending != Some(End::NoResource);
        let content_type = self.watch.package.content_type().to_owned();
        let body = tells.then_some(Body { content_type, bytes: body });
        self.told = Told::Telling { request, stale: false, last: self.ending.is_some() };
        self.version = self.version.wrapping_add(1);
        self.free_at = free_at;
        self.dialog.outgoing(headers, body)
    }
}

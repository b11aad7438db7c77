//! Sessions: what an INVITE opens and a BYE ends (RFC 3261 §13–15), each with the phase it is in.
//!
//! | phase | what happens | next |
//! |---|---|---|
//! | `Calling` | 2xx | `Established` |
//! | `Calling` | 3xx–6xx, Timer B, transport error | over: refused |
//! | `Calling` | order: cancel | `Calling`, CANCEL sent once a 1xx is there |
//! | `Calling`, cancelled | 2xx crosses | `Releasing` |
//! | `Calling`, cancelled | nothing for 64·T1 | over: refused |
//! | `Alerting` | order: accept | `Established`, awaiting the ACK |
//! | `Alerting` | order: reject; CANCEL; BYE; nobody answers | over: released |
//! | `Established` | BYE comes | over: released |
//! | `Established` | order: bye; no ACK; peer lost; too long | `Releasing`, once the ACK is there |
//! | `Releasing` | our BYE is answered or given up | over: released |

mod table;

use std::collections::BTreeSet;

use model::Timestamp;

use crate::dialog::{Dialog, RemoteTag};
use crate::endpoint::{Attempt, Body, Destination, ReleaseCause};
use crate::message::{Method, Response};
use crate::transaction::{Resend, TransactionId, TransactionLayer};

pub(crate) use table::Sessions;

/// Names a session of an [`crate::endpoint::Endpoint`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u64);

impl SessionId {
    /// Sessions that come in are numbered from here; those the application opens, below.
    pub const FIRST_INCOMING: Self = Self(1 << 63);
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) phase: Phase,
}

#[derive(Debug)]
pub(crate) enum Phase {
    /// Our INVITE has no final response yet.
    Calling(Calling),
    /// The peer's INVITE has no final response yet.
    Alerting(Box<Alerting>),
    /// Answered.
    Established(Box<Established>),
    /// Our BYE is on its way.
    Releasing(Box<Releasing>),
}

#[derive(Debug)]
pub(crate) struct Calling {
    pub(crate) transaction: TransactionId,
    pub(crate) attempt: Attempt,
    /// Whether a provisional response came: no CANCEL may be sent before (§9.1).
    pub(crate) heard: bool,
    /// The forks that rang.
    pub(crate) early: BTreeSet<RemoteTag>,
    pub(crate) cancel: Cancel,
    /// When it has rung long enough.
    pub(crate) until: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) enum Cancel {
    /// Nobody wants it.
    No,
    /// Wanted; a provisional response must come first.
    Wanted { reason: Option<String> },
    /// Sent; when this passes without a final response, there will be none.
    Sent { until: Timestamp },
}

#[derive(Debug)]
pub(crate) struct Alerting {
    pub(crate) transaction: TransactionId,
    pub(crate) dialog: Dialog,
    /// Whether the INVITE carried an offer.
    pub(crate) offered: bool,
    /// The last provisional response but 100, and when it is due again.
    pub(crate) provisional: Option<(Response, Timestamp)>,
    /// When the peer has waited long enough.
    pub(crate) until: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) dialog: Dialog,
    /// Our 2xx that is not yet acknowledged.
    pub(crate) unacknowledged: Option<Unacknowledged>,
    pub(crate) change: Change,
    pub(crate) postponed: Option<Postponed>,
    /// A BYE that waits for the ACK (§15).
    pub(crate) ending: Option<Ending>,
    pub(crate) refer: Option<Refer>,
    /// When it has lasted long enough.
    pub(crate) until: Timestamp,
}

/// A 2xx to an INVITE, repeated until its ACK comes (§13.3.1.4).
#[derive(Debug)]
pub(crate) struct Unacknowledged {
    pub(crate) transaction: TransactionId,
    pub(crate) response: Response,
    pub(crate) cseq: u32,
    /// Whether the ACK must carry the answer to our offer.
    pub(crate) carries_offer: bool,
    pub(crate) resend: Resend,
    pub(crate) until: Timestamp,
}

/// A change of the session under way (§14).
#[derive(Debug)]
pub(crate) enum Change {
    /// None.
    None,
    /// Our re-INVITE has no final response yet.
    Ours { transaction: TransactionId, body: Body, tries: u8, until: Timestamp },
    /// The peer's re-INVITE or UPDATE has no final response yet.
    Theirs {
        transaction: TransactionId,
        method: Method,
        cseq: u32,
        offered: bool,
        until: Timestamp,
    },
}

/// A change of ours that met theirs (491) and will be tried again (§14.1).
#[derive(Debug)]
pub(crate) struct Postponed {
    pub(crate) body: Body,
    /// How often it was tried.
    pub(crate) tries: u8,
    pub(crate) at: Timestamp,
}

/// How and why a session is to end.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) cause: ReleaseCause,
    pub(crate) reason: Option<String>,
}

/// The peer's REFER (RFC 3515).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refer {
    /// Not yet answered.
    Asked { transaction: TransactionId, cseq: u32 },
    /// Accepted: the peer is notified of how the new call goes.
    Accepted { cseq: u32 },
}

impl Refer {
    /// Whether the application let it lie until its sender gave up.
    pub(crate) fn is_forgotten<U: Copy>(self, transactions: &TransactionLayer<U>) -> bool {
        match self {
            Self::Asked { transaction, .. } => transactions.request(transaction).is_none(),
            Self::Accepted { .. } => false,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Releasing {
    pub(crate) dialog: Dialog,
    pub(crate) cause: ReleaseCause,
}

impl Session {
    /// When something is due that no transaction sees to.
    fn due(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Calling(calling) => Some(match calling.cancel {
                Cancel::Sent { until } => until,
                Cancel::Wanted { .. } | Cancel::No => calling.until,
            }),
            Phase::Alerting(alerting) => {
                let repeat = alerting.provisional.as_ref().map(|(_, at)| *at);
                repeat.into_iter().chain([alerting.until]).min()
            }
            Phase::Established(established) => Some(established.due()),
            Phase::Releasing(_) => None,
        }
    }

    /// Where requests of the dialog go; none before there is one.
    pub(crate) fn destination(&self) -> Option<Destination> {
        match &self.phase {
            Phase::Calling(_) => None,
            Phase::Alerting(alerting) => Some(alerting.dialog.destination()),
            Phase::Established(established) => Some(established.dialog.destination()),
            Phase::Releasing(releasing) => Some(releasing.dialog.destination()),
        }
    }

    /// Whether a request from the peer with this tag is part of a dialog of this session.
    pub(crate) fn knows(&self, remote: &RemoteTag) -> bool {
        match &self.phase {
            Phase::Calling(calling) => calling.early.contains(remote),
            Phase::Alerting(alerting) => alerting.dialog.remote_tag() == *remote,
            Phase::Established(established) => established.dialog.remote_tag() == *remote,
            Phase::Releasing(releasing) => releasing.dialog.remote_tag() == *remote,
        }
    }
}

impl Established {
    /// A session that has just been answered.
    pub(crate) fn new(dialog: Dialog, until: Timestamp) -> Self {
        Self {
            dialog,
            unacknowledged: None,
            change: Change::None,
            postponed: None,
            ending: None,
            refer: None,
            until,
        }
    }

    fn due(&self) -> Timestamp {
        let change = match &self.change {
            Change::None => None,
            Change::Ours { until, .. } | Change::Theirs { until, .. } => Some(*until),
        };
        let ack = self.unacknowledged.as_ref().map(|ack| ack.resend.due().min(ack.until));
        let again = self.postponed.as_ref().map(|postponed| postponed.at);
        ack.into_iter().chain(change).chain(again).fold(self.until, Timestamp::min)
    }
}

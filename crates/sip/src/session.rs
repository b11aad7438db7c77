//! Sessions: what an INVITE opens and a BYE ends (RFC 3261 §13–15), each with the phase it is in.
//!
//! | phase | what happens | next |
//! |---|---|---|
//! | `Calling` | 2xx | `Established` |
//! | `Calling` | 3xx–6xx, Timer B, transport error | over: refused |
//! | `Calling` | reliable 1xx | `Calling`, PRACK sent (RFC 3262) |
//! | `Calling` | order: cancel | `Calling`, CANCEL sent once a 1xx is there |
//! | `Calling`, cancelled | 2xx crosses | `Releasing` |
//! | `Calling`, cancelled | nothing for 64·T1 | over: refused |
//! | `Alerting` | order: accept | `Established`, awaiting the ACK; not before the PRACK of an answer |
//! | `Alerting` | order: reject; CANCEL; BYE; nobody answers; no PRACK | over: released |
//! | `Established` | BYE comes | over: released |
//! | `Established` | order: bye; no ACK; peer lost; not refreshed; too long | `Releasing`, once the ACK is there |
//! | `Releasing` | our BYE is answered or given up | over: released |

mod table;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::Timestamp;

use crate::dialog::{Dialog, RemoteTag};
use crate::digest::Login;
use crate::endpoint::{Attempt, Body, Destination, ListenerId, ReleaseCause};
use crate::header::SessionExpires;
use crate::message::{Method, Response, StatusCode};
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
    /// Where it was opened.
    pub(crate) listener: ListenerId,
    /// What challenges to our requests within it are answered with.
    pub(crate) login: Option<Box<Login>>,
    pub(crate) phase: Phase,
}

#[derive(Debug)]
pub(crate) enum Phase {
    /// Our INVITE has no final response yet.
    Calling(Box<Calling>),
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
    pub(crate) early: BTreeMap<RemoteTag, Early>,
    /// A change of an early session that one of them offers.
    pub(crate) change: Change,
    pub(crate) cancel: Cancel,
    /// What it offers.
    pub(crate) offer: Option<Body>,
    /// When it has rung long enough.
    pub(crate) until: Timestamp,
}

/// A fork of our INVITE that rings.
#[derive(Debug)]
pub(crate) struct Early {
    /// None where the response makes none.
    pub(crate) dialog: Option<Dialog>,
    /// The RSeq of its last response that we have acknowledged (RFC 3262 §4).
    pub(crate) acknowledged: Option<u32>,
    /// What counts of what it said of its media: its answer to our offer, given in a response that was
    /// acknowledged; then the offer of the UPDATE that we answered last.
    pub(crate) answer: Option<Vec<u8>>,
    /// The offer of an UPDATE that we have not yet answered.
    pub(crate) offered: Option<Vec<u8>>,
    /// What we last answered to such an offer.
    pub(crate) described: Option<Body>,
}

/// A 2xx to our INVITE that crosses an UPDATE of its fork: what it answers is told when we have
/// answered that.
#[derive(Debug)]
pub(crate) struct Crossed {
    pub(crate) early: Early,
    pub(crate) response: Box<Response>,
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
    /// Which provisional responses it must acknowledge.
    pub(crate) reliably: Reliably,
    /// The number of the last of these (RFC 3262 §3); random before there is one.
    pub(crate) rseq: u32,
    /// The one that is not yet acknowledged.
    pub(crate) unconfirmed: Option<Unconfirmed>,
    /// What is to be said once it is.
    pub(crate) waiting: VecDeque<(StatusCode, Option<Body>)>,
    /// The answer with which the call is to be accepted once it is.
    pub(crate) accepting: Option<Body>,
    /// Whether its offer was answered and the answer acknowledged.
    pub(crate) answered: bool,
    pub(crate) change: Change,
    /// What it wants of refreshes.
    pub(crate) wish: RefreshWish,
}

/// What a request says of refreshes (RFC 4028).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RefreshWish {
    /// Whether its sender knows the extension.
    pub(crate) knows: bool,
    /// What it, or a proxy on the way, asks for.
    pub(crate) asked: Option<SessionExpires>,
    /// The least that the proxies on the way allow, in seconds.
    pub(crate) least: u64,
    /// Whether its sender takes UPDATE.
    pub(crate) takes_update: bool,
}

/// Which provisional responses a caller must acknowledge (RFC 3262 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reliably {
    /// None: it cannot.
    Never,
    /// Those that say something which must not be lost: an answer.
    WhenItMatters,
    /// All: it wants so.
    Always,
}

/// A provisional response, repeated until its PRACK comes (RFC 3262 §3).
#[derive(Debug)]
pub(crate) struct Unconfirmed {
    pub(crate) response: Response,
    /// Whether it carries our answer.
    pub(crate) carries_answer: bool,
    pub(crate) resend: Resend,
    pub(crate) until: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) dialog: Dialog,
    /// The other forks of our INVITE that rang, which may still answer.
    pub(crate) early: BTreeMap<RemoteTag, Early>,
    /// The answer to our INVITE that is yet to be told.
    pub(crate) crossed: Option<Box<Crossed>>,
    /// What we last said of our media: a refresh that must carry an offer says it again.
    pub(crate) described: Option<Body>,
    /// How long the session lasts without a refresh; for ever without (RFC 4028).
    pub(crate) refresh: Option<Refresh>,
    /// Whether the peer takes UPDATE.
    pub(crate) takes_update: bool,
    /// The RSeq of a provisional response that may still be acknowledged.
    pub(crate) unconfirmed: Option<u32>,
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

/// What keeps a session alive (RFC 4028 §10).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refresh {
    /// How long it lasts without.
    pub(crate) interval: Duration,
    /// When we refresh it; none where the peer does.
    pub(crate) next: Option<Timestamp>,
    /// When it has not been refreshed for too long.
    pub(crate) ends: Timestamp,
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
    /// The peer's re-INVITE, UPDATE or PRACK with an offer has no final response yet.
    Theirs {
        transaction: TransactionId,
        method: Method,
        cseq: u32,
        offered: bool,
        wish: RefreshWish,
        until: Timestamp,
    },
}

impl Change {
    fn until(&self) -> Option<Timestamp> {
        match self {
            Self::None => None,
            Self::Ours { until, .. } | Self::Theirs { until, .. } => Some(*until),
        }
    }
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
            Phase::Calling(calling) => {
                let until = match calling.cancel {
                    Cancel::Sent { until } => until,
                    Cancel::Wanted { .. } | Cancel::No => calling.until,
                };
                calling.change.until().into_iter().chain([until]).min()
            }
            Phase::Alerting(alerting) => {
                let repeat = alerting.provisional.as_ref().map(|(_, at)| *at);
                let again = alerting.unconfirmed.as_ref().map(|it| it.resend.due().min(it.until));
                let change = alerting.change.until();
                [repeat, again, change, Some(alerting.until)].into_iter().flatten().min()
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

    /// The same, to be looked at.
    pub(crate) fn change(&self) -> Option<&Change> {
        match &self.phase {
            Phase::Calling(calling) => Some(&calling.change),
            Phase::Alerting(alerting) => Some(&alerting.change),
            Phase::Established(established) => Some(&established.change),
            Phase::Releasing(_) => None,
        }
    }

    /// The change of the session under way; none once it ends.
    pub(crate) fn change_mut(&mut self) -> Option<&mut Change> {
        match &mut self.phase {
            Phase::Calling(calling) => Some(&mut calling.change),
            Phase::Alerting(alerting) => Some(&mut alerting.change),
            Phase::Established(established) => Some(&mut established.change),
            Phase::Releasing(_) => None,
        }
    }

    /// The dialog with the peer of this tag; none before it has answered so that there is one.
    pub(crate) fn dialog_mut(&mut self, remote: &RemoteTag) -> Option<&mut Dialog> {
        match &mut self.phase {
            Phase::Calling(calling) => calling.early.get_mut(remote)?.dialog.as_mut(),
            Phase::Alerting(alerting) => Some(&mut alerting.dialog),
            Phase::Established(established) => Some(&mut established.dialog),
            Phase::Releasing(releasing) => Some(&mut releasing.dialog),
        }
    }

    /// Whether a request from the peer with this tag is part of a dialog of this session.
    pub(crate) fn knows(&self, remote: &RemoteTag) -> bool {
        match &self.phase {
            Phase::Calling(calling) => calling.early.contains_key(remote),
            Phase::Alerting(alerting) => alerting.dialog.remote_tag() == *remote,
            Phase::Established(established) => established.dialog.remote_tag() == *remote,
            Phase::Releasing(releasing) => releasing.dialog.remote_tag() == *remote,
        }
    }
}

impl Early {
    /// A fork that has just been heard of.
    pub(crate) const fn new(dialog: Option<Dialog>) -> Self {
        Self { dialog, acknowledged: None, answer: None, offered: None, described: None }
    }

    /// Its UPDATE was answered with this, or refused with nothing.
    pub(crate) fn settle(&mut self, answer: Option<&Body>) {
        if let (Some(offer), Some(answer)) = (self.offered.take(), answer) {
            self.answer = Some(offer);
            self.described = Some(answer.clone());
        }
    }

    /// Whether it changes its early session: then what responses to our INVITE say of its media is of
    /// before that (RFC 3261 §13.2.1).
    pub(crate) const fn is_changed(&self) -> bool {
        self.offered.is_some() || self.described.is_some()
    }
}

impl Established {
    /// A session that has just been answered.
    pub(crate) fn new(dialog: Dialog, until: Timestamp) -> Self {
        Self {
            dialog,
            early: BTreeMap::new(),
            crossed: None,
            described: None,
            refresh: None,
            takes_update: false,
            unconfirmed: None,
            unacknowledged: None,
            change: Change::None,
            postponed: None,
            ending: None,
            refer: None,
            until,
        }
    }

    fn due(&self) -> Timestamp {
        let change = self.change.until();
        let refresh = self.refresh.map(|it| it.next.map_or(it.ends, |next| next.min(it.ends)));
        let ack = self.unacknowledged.as_ref().map(|ack| ack.resend.due().min(ack.until));
        let again = self.postponed.as_ref().map(|postponed| postponed.at);
        ack.into_iter().chain(change).chain(again).chain(refresh).fold(self.until, Timestamp::min)
    }
}

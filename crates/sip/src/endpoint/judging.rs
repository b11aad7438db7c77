//! What a request within a session asks for, and what stands against it. It is judged before anything
//! is done or noted of it, for requests within a dialog are atomic: what is refused changes nothing
//! (RFC 3261 §12.2), neither where the peer is looked for nor how far it has counted. So somebody else
//! who has read the tags of a call gains nothing by what is not carried out.

use super::digit::{self, Said};
use super::order::Rejection;
use super::reliable::{Pracked, pracked};
use super::settings::Reach;
use super::{Destination, Endpoint, Source};
use crate::dialog::{Dialog, RemoteTag, Sequence};
use crate::header::{HeaderName, NameAddr};
use crate::message::{Method, Request, StatusCode};
use crate::session::{Change, Established, Phase, SessionId};

/// What a request within a session asks for that nothing stands against.
#[derive(Debug)]
pub(super) enum Wanted {
    /// The end.
    End,
    /// Another description of the media, or ours.
    Change,
    /// That the session goes on, or that the peer is found at another Contact.
    Refresh,
    /// To have heard a provisional response of ours.
    Confirm(Pracked),
    /// A key that was pressed.
    Digit(char),
    /// That we call somebody else.
    Transfer(Box<NameAddr>),
    /// That we know of something.
    Notice,
    /// Only to hear from us.
    Answer,
}

impl Endpoint {
    /// Whether a request may be looked at: we can do what it needs, and it comes in order.
    pub(super) fn admit_within(
        &mut self,
        session: SessionId,
        request: &Request,
        source: &Source,
    ) -> Result<(), Rejection> {
        let refusal = self.unacceptable(request).or_else(|| self.too_short(request));
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let Ok(cseq) = request.cseq() else { return Err(self.not_now("cseq cannot be read")) };
        let reach = self.reach(source.listener);
        let dialog = self.dialog_with(session, request);
        match dialog.map(|it| it.sequence(cseq.number, way_of(source, it, reach))) {
            Some(Sequence::Stale) => Err(self.not_now("cseq does not rise")),
            Some(Sequence::Leaping) => Err(self.not_now("cseq leaps")),
            // A response that made no dialog has no order to mind.
            Some(Sequence::InOrder) | None => Ok(()),
        }
    }

    /// What an admitted request asks for, or why it is refused.
    pub(super) fn judge(
        &mut self,
        session: SessionId,
        request: &Request,
    ) -> Result<Wanted, Rejection> {
        match request.method {
            Method::Bye => self.may_end(session),
            // A new Contact, or a refresh (RFC 4028 §9).
            Method::Update if request.body.is_empty() => Ok(Wanted::Refresh),
            Method::Invite | Method::Update => self.may_change(session, request),
            Method::Info => said(request),
            Method::Refer => self.may_transfer(session, request),
            Method::Prack => self.may_confirm(session, request),
            Method::Notify => Ok(Wanted::Notice),
            Method::Options => Ok(Wanted::Answer),
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => Err(self.not_allowed()),
        }
    }

    /// The dialog with the sender of a request.
    pub(super) fn dialog_with(
        &mut self,
        session: SessionId,
        request: &Request,
    ) -> Option<&mut Dialog> {
        let tag = RemoteTag::of(&request.from().ok()?);
        self.sessions.get_mut(session)?.dialog_mut(&tag)
    }

    fn may_end(&self, session: SessionId) -> Result<Wanted, Rejection> {
        match self.sessions.get(session).map(|state| &state.phase) {
            // Only a caller may end an early dialog with BYE (§15).
            Some(Phase::Calling(_)) => {
                let text = "no bye before an answer";
                Err(Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, text))
            }
            Some(Phase::Alerting(_) | Phase::Established(_) | Phase::Releasing(_)) | None => {
                Ok(Wanted::End)
            }
        }
    }

    fn may_change(&mut self, session: SessionId, request: &Request) -> Result<Wanted, Rejection> {
        let verdict = match self.sessions.get(session).map(|state| &state.phase) {
            Some(phase @ (Phase::Calling(_) | Phase::Alerting(_))) => early_verdict(phase, request),
            Some(Phase::Established(established)) => verdict(established),
            Some(Phase::Releasing(_)) | None => Verdict::Over,
        };
        match verdict {
            Verdict::Fine => Ok(Wanted::Change),
            Verdict::Glare => Err(Rejection::new(StatusCode::REQUEST_PENDING, "offers cross")),
            Verdict::Over => Err(Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, "call is over")),
            Verdict::NotNow => Err(self.not_now("an offer is still open")),
        }
    }

    fn may_transfer(&mut self, session: SessionId, request: &Request) -> Result<Wanted, Rejection> {
        let refer_to = request.headers.address(&HeaderName::ReferTo);
        let refer_to = refer_to
            .map_err(|error| Rejection::new(StatusCode::BAD_REQUEST, &error.to_string()))?;
        let refer = self.established(session).map(|established| established.refer);
        if refer.is_ok_and(|it| it.is_none_or(|it| it.is_forgotten(&self.transactions))) {
            return Ok(Wanted::Transfer(Box::new(refer_to)));
        }
        Err(self.not_now("another transfer is under way"))
    }

    fn may_confirm(&self, session: SessionId, request: &Request) -> Result<Wanted, Rejection> {
        let rack = request.headers.rack().ok();
        let named = self.sessions.get(session).zip(rack);
        let pracked = named.and_then(|(state, rack)| pracked(state, &rack));
        let text = "no such provisional response";
        let refusal = || Rejection::new(StatusCode::CALL_DOES_NOT_EXIST, text);
        pracked.map(Wanted::Confirm).ok_or_else(refusal)
    }
}

/// The way by which a request of this dialog came. A peer that is reached as it signals is known by its
/// addresses, and may speak from any of them: whoever else has one there is not let in.
pub(super) const fn way_of(source: &Source, dialog: &Dialog, reach: Reach) -> Destination {
    match reach {
        Reach::Observed => source.destination(),
        Reach::Signalled => dialog.known_way(),
    }
}

/// What an INFO says.
fn said(info: &Request) -> Result<Wanted, Rejection> {
    match digit::read(info) {
        Said::Digit(digit) => Ok(Wanted::Digit(digit)),
        Said::Nothing => Ok(Wanted::Answer),
        Said::Unreadable => Err(Rejection::new(StatusCode::BAD_REQUEST, "body names no key")),
        Said::Package => {
            Err(Rejection::new(StatusCode::BAD_INFO_PACKAGE, "no package of INFO is taken")
                .with(HeaderName::RecvInfo, digit::PACKAGES))
        }
        Said::Foreign => {
            Err(Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only keys are taken in INFO")
                .with(HeaderName::Accept, digit::ACCEPTED))
        }
    }
}

/// What becomes of an offer of the peer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    /// It meets ours.
    Glare,
    /// Theirs before it is still open.
    NotNow,
    /// We have sent BYE.
    Over,
}

/// What becomes of an offer before the call is answered: it may come by UPDATE, once the offer of
/// the INVITE was answered reliably (RFC 3311 §5.1).
fn early_verdict(phase: &Phase, request: &Request) -> Verdict {
    let tag = request.from().map(|from| RemoteTag::of(&from)).ok();
    let (answered, change, otherwise) = match phase {
        Phase::Calling(calling) => {
            let early = tag.and_then(|tag| calling.early.get(&tag));
            let answered = early.is_some_and(|early| early.answer.is_some());
            (answered, &calling.change, Verdict::Glare)
        }
        Phase::Alerting(alerting) => (alerting.answered, &alerting.change, Verdict::NotNow),
        Phase::Established(_) | Phase::Releasing(_) => return Verdict::Over,
    };
    let by_update = request.method == Method::Update;
    if answered && by_update { beside(change) } else { otherwise }
}

/// What becomes of an offer once the call is answered.
fn verdict(established: &Established) -> Verdict {
    let verdict = beside(&established.change);
    let waiting = established.unacknowledged.as_ref();
    let offers = waiting.is_some_and(|waiting| waiting.carries_offer);
    // Our offer in the 2xx has no answer yet.
    if offers && verdict == Verdict::Fine { Verdict::Glare } else { verdict }
}

/// Whether a request of the peer shows that it has seen our 2xx, though the ACK was lost. It sends no
/// INVITE before the one before is over (§14.1); UPDATE it may send in the early dialog as well, while
/// our 2xx is on its way or lost (RFC 3311 §5.1).
pub(super) fn proves_answer(method: &Method) -> bool {
    *method == Method::Invite
}

/// What becomes of an offer beside this change.
fn beside(change: &Change) -> Verdict {
    match change {
        Change::None => Verdict::Fine,
        Change::Ours { .. } => Verdict::Glare,
        Change::Theirs { .. } => Verdict::NotNow,
    }
}

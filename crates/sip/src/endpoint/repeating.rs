//! Our requests within a session, sent once more: with credentials, when one was challenged (RFC 3261
//! §22) and the session has been given a login; by another way, when nobody was there by the one
//! before and the peer has come back.
//!
//! | challenged | without it |
//! |---|---|
//! | BYE | the session is over here and goes on there |
//! | re-INVITE, UPDATE | the change or refresh is refused |
//! | PRACK, NOTIFY | as if it had been lost |

use model::Timestamp;

use super::order::OrderError;
use super::ordered::Done;
use super::{Destination, Endpoint, Purpose};
use crate::dialog::RemoteTag;
use crate::digest::{self, Login, Protected};
use crate::header::{CSeq, HeaderName};
use crate::message::{Request, Response};
use crate::session::{Change, Phase, SessionId};
use crate::transaction::TransactionId;

impl Endpoint {
    pub(super) fn prove(&mut self, session: SessionId, login: Box<Login>) -> Done {
        let state = self.sessions.get_mut(session).ok_or(OrderError::NoSuchSession)?;
        state.login = Some(login);
        Ok(())
    }

    /// Repeats a request of ours within a session that was challenged; true when it was.
    pub(super) fn repeated_with_credentials(
        &mut self,
        (transaction, purpose): (TransactionId, Purpose),
        response: &Response,
        now: Timestamp,
    ) -> bool {
        let Some(session) = self.awaiting(transaction, purpose) else { return false };
        let proven = self.proven(session, transaction, response);
        proven.is_some_and(|request| self.send_again((session, purpose), request, now))
    }

    /// Repeats a request of ours within a session that nobody answered, or that could not be sent,
    /// where the peer has come back by another way meanwhile; true when it was.
    pub(super) fn repeated_elsewhere(
        &mut self,
        (transaction, purpose): (TransactionId, Purpose),
        now: Timestamp,
    ) -> bool {
        let Some(session) = self.awaiting(transaction, purpose) else { return false };
        let Some((request, before)) = self.transactions.sent(transaction) else { return false };
        let has_moved = self.way_of(session).is_some_and(|way| way != before);
        has_moved && self.send_again((session, purpose), request, now)
    }

    /// The session that waits for what comes of this transaction.
    fn awaiting(&self, transaction: TransactionId, purpose: Purpose) -> Option<SessionId> {
        let session = match purpose {
            Purpose::Reinvite(session) if !self.is_changed_by(session, transaction) => None,
            Purpose::Reinvite(session)
            | Purpose::Refresh(session)
            | Purpose::Bye(session)
            | Purpose::Said(session)
            | Purpose::Within(session, _) => Some(session),
            Purpose::Invite(_)
            | Purpose::Outside(_)
            | Purpose::Incoming(_)
            | Purpose::Changing(_)
            | Purpose::Arrival(_)
            | Purpose::Unattended => None,
        }?;
        // What was asked before the BYE does not matter any more.
        let is_ending = matches!(self.sessions.get(session)?.phase, Phase::Releasing(_));
        (is_ending == matches!(purpose, Purpose::Bye(_))).then_some(session)
    }

    fn send_again(
        &mut self,
        (session, purpose): (SessionId, Purpose),
        request: Request,
        now: Timestamp,
    ) -> bool {
        let Some((request, destination)) = self.renumbered(session, request) else { return false };
        let Some(sent) = self.start(request, destination, purpose, now) else { return false };
        let change = self.sessions.get_mut(session).and_then(|it| it.change_mut());
        if let (Some(Change::Ours { transaction, .. }), Purpose::Reinvite(_)) = (change, purpose) {
            *transaction = sent;
        }
        true
    }

    /// The request of a transaction with credentials that answer this challenge. A second challenge
    /// refuses those it was sent with.
    fn proven(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        response: &Response,
    ) -> Option<Request> {
        let (answered, challenges) = digest::challenged(response)?;
        let login = self.sessions.get(session)?.login.as_deref()?;
        let challenge = digest::choose(&challenges, login)?;
        let (mut request, _) = self.transactions.sent(transaction)?;
        if request.headers.has(&answered) {
            return None;
        }
        let half = Protected { nonce_count: 1, cnonce: self.tokens.tag() };
        let (method, uri) = (request.method.clone(), request.uri.to_string());
        let credentials = digest::respond(challenge, login, (method.as_str(), &uri), half)?;
        request.headers.push(answered, credentials.to_string());
        Some(request)
    }

    /// The same request as the next of its dialog (§22.2), without Via, and where it goes.
    fn renumbered(
        &mut self,
        session: SessionId,
        mut request: Request,
    ) -> Option<(Request, Destination)> {
        let remote = RemoteTag::of(&request.to().ok()?);
        let dialog = self.sessions.get_mut(session)?.dialog_mut(&remote)?;
        let number = dialog.next_cseq();
        let method = request.method.clone();
        let destination = dialog.destination();
        let user = dialog.local_user().map(ToOwned::to_owned);
        request.headers.remove(&HeaderName::Via);
        request.headers.set(HeaderName::CSeq, &CSeq { number, method });
        if request.headers.has(&HeaderName::Contact) {
            let contact = self.contact(&destination, user.as_deref());
            request.headers.set(HeaderName::Contact, &contact);
        }
        Some((request, destination))
    }
}

//! Challenges to our requests within a session (RFC 3261 §22): each request is sent once more, with
//! credentials, where the session has been given a login.
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
        let session = match purpose {
            Purpose::Reinvite(session) if !self.is_changed_by(session, transaction) => {
                return false;
            }
            Purpose::Reinvite(session)
            | Purpose::Refresh(session)
            | Purpose::Bye(session)
            | Purpose::Said(session)
            | Purpose::Within(session, _) => session,
            Purpose::Invite(_)
            | Purpose::Outside(_)
            | Purpose::Incoming(_)
            | Purpose::Changing(_)
            | Purpose::Arrival(_)
            | Purpose::Unattended => return false,
        };
        let phase = self.sessions.get(session).map(|state| &state.phase);
        if matches!(phase, Some(Phase::Releasing(_))) != matches!(purpose, Purpose::Bye(_)) {
            // What was asked before the BYE does not matter any more.
            return false;
        }
        let proven = self.proven(session, transaction, response);
        let next = proven.and_then(|request| self.renumbered(session, request));
        let Some((request, destination)) = next else { return false };
        let Some(sent) = self.start(request, destination, purpose, now) else { return false };
        if let Some(Change::Ours { transaction, .. }) =
            self.sessions.get_mut(session).and_then(|it| it.change_mut())
            && matches!(purpose, Purpose::Reinvite(_))
        {
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
        request.headers.remove(&HeaderName::Via);
        request.headers.set(HeaderName::CSeq, &CSeq { number, method });
        Some((request, dialog.destination()))
    }
}

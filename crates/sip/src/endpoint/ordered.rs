//! Orders of the application, carried out.

use model::Timestamp;

use super::order::{Body, Order, OrderError};
use super::writing::set_body;
use super::{Destination, Endpoint};
use crate::header::HeaderName;
use crate::message::{Method, Request, Response, StatusCode};
use crate::session::{Change, Established, Phase, RefreshWish, SessionId};
use crate::transaction::TransactionId;

pub(super) type Done = Result<(), OrderError>;

/// What the peer has asked to change.
pub(super) struct AskedChange {
    pub(super) transaction: TransactionId,
    pub(super) method: Method,
    pub(super) cseq: u32,
    pub(super) offered: bool,
    pub(super) wish: RefreshWish,
}

impl Endpoint {
    pub(super) fn carry_out(&mut self, order: Order, now: Timestamp) -> Done {
        match order {
            Order::Invite { session, outgoing } => self.invite(session, *outgoing, now),
            Order::Prove { session, login } => self.prove(session, login),
            Order::Progress { session, status, body } => self.progress(session, status, body, now),
            Order::Accept { session, body } => self.accept(session, body, now),
            Order::Reject { session, refusal } => self.turn_away(session, &refusal, now),
            Order::Cancel { session, reason } => self.cancel(session, reason, now),
            Order::Move { session, destination } => self.move_to(session, destination),
            Order::Reinvite { session, body } => self.change(session, body, now),
            Order::AnswerOffer { session, body } => self.answer_offer(session, body, now),
            Order::RefuseOffer { session, refusal } => self.refuse_offer(session, &refusal, now),
            Order::Bye { session, reason } => self.bye(session, reason, now),
            Order::AcceptRefer { session } => self.accept_refer(session, now),
            Order::RefuseRefer { session, refusal } => self.refuse_refer(session, &refusal, now),
            Order::Notify { session, status } => self.notify(session, status, now),
            Order::RequestWithin { session, request, within } => {
                self.request_within(session, request, *within, now)
            }
            Order::Request { request, method, outgoing } => {
                self.request(request, method, *outgoing, now)
            }
            Order::Respond { arrival, response } => self.respond(arrival, *response, now),
        }
    }

    fn move_to(&mut self, session: SessionId, destination: Destination) -> Done {
        self.public(destination.listener).ok_or(OrderError::BadOrder)?;
        self.established(session)?.dialog.prove_at(destination);
        Ok(())
    }

    /// A response with our tag and Contact to an INVITE, UPDATE, PRACK or REFER.
    pub(super) fn response_of(
        &self,
        session: SessionId,
        transaction: TransactionId,
        status: StatusCode,
        body: Option<Body>,
    ) -> Result<Response, OrderError> {
        let state = self.sessions.get(session).ok_or(OrderError::NoSuchSession)?;
        let request = self.transactions.request(transaction).ok_or(OrderError::NoSuchRequest)?;
        let mut response = self.answer(request, status, &state.local_tag);
        response.headers.copy(&HeaderName::RecordRoute, &request.headers);
        let user = request.to().ok().and_then(|to| to.uri.user);
        let destination =
            state.destination().or_else(|| self.transactions.destination(transaction));
        let destination = destination.ok_or(OrderError::WrongState)?;
        let contact = self.contact(&destination, user.as_deref());
        response.headers.push(HeaderName::Contact, &contact);
        set_body(&mut response.headers, &mut response.body, body);
        Ok(response)
    }

    pub(super) fn alerting(&self, session: SessionId) -> Result<TransactionId, OrderError> {
        match &self.sessions.get(session).ok_or(OrderError::NoSuchSession)?.phase {
            Phase::Alerting(alerting) => Ok(alerting.transaction),
            Phase::Calling(_) | Phase::Established(_) | Phase::Releasing(_) => {
                Err(OrderError::WrongState)
            }
        }
    }

    pub(super) fn established(
        &mut self,
        session: SessionId,
    ) -> Result<&mut Established, OrderError> {
        match &mut self.sessions.get_mut(session).ok_or(OrderError::NoSuchSession)?.phase {
            Phase::Established(established) => Ok(established),
            Phase::Calling(_) | Phase::Alerting(_) | Phase::Releasing(_) => {
                Err(OrderError::WrongState)
            }
        }
    }

    /// The next request of an established session, with our Contact, and where it goes.
    pub(super) fn next_request(
        &mut self,
        session: SessionId,
        method: Method,
    ) -> Result<(Request, Destination), OrderError> {
        let dialog = &mut self.established(session)?.dialog;
        let mut request = dialog.request(method);
        let destination = dialog.destination();
        let user = dialog.local_user().map(ToOwned::to_owned);
        let contact = self.contact(&destination, user.as_deref());
        request.headers.push(HeaderName::Contact, &contact);
        Ok((request, destination))
    }

    pub(super) fn asked_change(&self, session: SessionId) -> Result<AskedChange, OrderError> {
        let state = self.sessions.get(session).ok_or(OrderError::NoSuchSession)?;
        match state.change().ok_or(OrderError::WrongState)? {
            Change::Theirs { transaction, method, cseq, offered, wish, .. } => Ok(AskedChange {
                transaction: *transaction,
                method: method.clone(),
                cseq: *cseq,
                offered: *offered,
                wish: *wish,
            }),
            Change::None | Change::Ours { .. } => Err(OrderError::WrongState),
        }
    }

    pub(super) fn local_tag(&self, session: SessionId) -> String {
        self.sessions.get(session).map(|state| state.local_tag.clone()).unwrap_or_default()
    }
}

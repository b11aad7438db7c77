//! Session timers (RFC 4028): a session whose two sides both live is refreshed by one of them, and
//! one that is not is over.
//!
//! | who | what is agreed on |
//! |---|---|
//! | we call | 30 minutes; who refreshes, the answer says; without Session-Expires in it, nobody |
//! | they call and know the extension | what they ask for, at most 30 minutes; we refresh unless they want to |
//! | they call and do not know it | nothing, unless they (or a proxy) ask for it; then we refresh |

use std::time::Duration;

use model::Timestamp;

use super::calling::Received;
use super::settings::SessionTimer;
use super::writing::{refresh_target, seconds};
use super::{Endpoint, OrderError, Purpose, ReleaseCause};
use crate::header::{HeaderName, Headers, Refresher, SessionExpires};
use crate::message::{Method, Request, Response, StatusCode};
use crate::session::{Cancel, Ending, Phase, Refresh, RefreshWish, Session, SessionId};
use crate::transaction::TransactionId;

use super::order::{Attempt, Rejection};

/// The option tag.
const TIMER: &str = "timer";
/// No refresh for so long before the end: it is over (§10).
const MARGIN: Duration = Duration::from_secs(32);
/// When a refresh is tried again that was refused for the moment.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// Longer intervals than this are not asked for, whoever wants them so (422).
const LONGEST: Duration = Duration::from_hours(24);

impl RefreshWish {
    pub(super) fn of(headers: &Headers) -> Self {
        Self {
            knows: headers.lists(&HeaderName::Supported, TIMER),
            asked: headers.session_expires().ok().flatten(),
            least: headers.number(&HeaderName::MinSe).ok().flatten().unwrap_or_default(),
            takes_update: headers.lists(&HeaderName::Allow, Method::Update.as_str()),
        }
    }
}

impl Refresh {
    /// A session that has just been refreshed.
    fn begun(interval: Duration, ours: bool, now: Timestamp) -> Self {
        let margin = MARGIN.min(interval / 3);
        Self {
            interval,
            next: ours.then(|| now + interval / 2),
            ends: now + interval.saturating_sub(margin),
        }
    }

    /// Asks from now on for what a 422 wants at least (§7.3); false when that is what was asked for.
    fn lengthen(&mut self, refusal: &Response) -> bool {
        let least = refusal.headers.number(&HeaderName::MinSe).ok().flatten().unwrap_or_default();
        let longer = self.interval.max(Duration::from_secs(least)).min(LONGEST);
        std::mem::replace(&mut self.interval, longer) < longer
    }
}

impl Endpoint {
    /// Asks for refreshes in an INVITE of ours (§7.1); who sends them is the other's to say.
    /// Not for less than what it was refused for before.
    pub(super) fn ask_for_refreshes(&self, attempt: &Attempt, headers: &mut Headers) {
        if let Some(SessionTimer { interval, least }) = self.settings.session_timer {
            let known = attempt.interval.unwrap_or_default();
            let seconds_asked = seconds(interval).max(known);
            let asked = SessionExpires { seconds: seconds_asked, refresher: None };
            headers.push(HeaderName::SessionExpires, asked.to_string());
            headers.push(HeaderName::MinSe, seconds(least).max(known).to_string());
        }
    }

    /// Asks for refreshes to go on as agreed, in a request of ours within a session (§7.4).
    pub(super) fn go_on_refreshing(&self, session: SessionId, headers: &mut Headers) {
        let Some(Session { phase: Phase::Established(established), .. }) =
            self.sessions.get(session)
        else {
            return;
        };
        if let Some(refresh) = established.refresh {
            let refresher = if refresh.next.is_some() { Refresher::Uac } else { Refresher::Uas };
            let seconds = seconds(refresh.interval);
            let asked = SessionExpires { seconds, refresher: Some(refresher) };
            headers.push(HeaderName::SessionExpires, asked.to_string());
        }
    }

    /// Why a request is refused that asks for refreshes too often (§8).
    pub(super) fn too_short(&self, request: &Request) -> Option<Rejection> {
        let SessionTimer { least, .. } = self.settings.session_timer?;
        let asked = request.headers.session_expires().ok().flatten()?;
        let knows = request.headers.lists(&HeaderName::Supported, TIMER);
        if !knows || Duration::from_secs(asked.seconds.into()) >= least {
            return None;
        }
        let status = StatusCode::SESSION_INTERVAL_TOO_SMALL;
        let refusal = Rejection::new(status, "session would expire too soon");
        Some(refusal.with(HeaderName::MinSe, &seconds(least).to_string()))
    }

    /// Agrees, in a 2xx, to how the session is refreshed (§9); what was agreed on.
    pub(super) fn agree(
        &self,
        wish: RefreshWish,
        response: &mut Response,
        now: Timestamp,
    ) -> Option<Refresh> {
        let timer = self.settings.session_timer?;
        let RefreshWish { knows, asked, least, .. } = wish;
        let wanted = match asked {
            Some(asked) => Duration::from_secs(asked.seconds.into()).min(timer.interval),
            None if knows => timer.interval,
            None => return None,
        };
        let interval = wanted.max(Duration::from_secs(least)).max(timer.least).min(LONGEST);
        let theirs = asked.and_then(|asked| asked.refresher) == Some(Refresher::Uac);
        let refresher = if theirs { Refresher::Uac } else { Refresher::Uas };
        let agreed = SessionExpires { seconds: seconds(interval), refresher: Some(refresher) };
        response.headers.push(HeaderName::SessionExpires, agreed.to_string());
        if theirs {
            response.headers.push(HeaderName::Require, TIMER);
        }
        Some(Refresh::begun(interval, !theirs, now))
    }

    /// What a 2xx to a request of ours says about refreshes (§7.2); nothing: there will be none.
    pub(super) fn agreed(&self, response: &Response, now: Timestamp) -> Option<Refresh> {
        let agreed = response.headers.session_expires().ok().flatten()?;
        let interval = Duration::from_secs(agreed.seconds.into());
        // Whoever answers with less than anybody may ask for is not followed there.
        let interval = interval.clamp(SessionTimer::default().least, LONGEST);
        Some(Refresh::begun(interval, agreed.refresher != Some(Refresher::Uas), now))
    }

    /// Sends the refresh that is due: UPDATE where the peer takes it, else a re-INVITE that says of
    /// our media what was said last (§7.4).
    pub(super) fn refresh(&mut self, session: SessionId, now: Timestamp) {
        let Ok(established) = self.established(session) else { return };
        if let Some(refresh) = &mut established.refresh {
            // For when it comes to nothing.
            refresh.next = Some(now + TRY_AGAIN.max(refresh.interval / 8));
        }
        let described = established.described.clone().filter(|_| !established.takes_update);
        let done = match described {
            Some(body) => self.reinvite(session, body, 0, now),
            None => self.update(session, now),
        };
        if done.is_err()
            && let Ok(established) = self.established(session)
            && let Some(refresh) = &mut established.refresh
        {
            // A change is under way, which may well refresh the session by itself.
            refresh.next = Some(now + TRY_AGAIN);
        }
    }

    fn update(&mut self, session: SessionId, now: Timestamp) -> Result<(), OrderError> {
        let established = self.established(session)?;
        if established.unacknowledged.is_some() {
            return Err(OrderError::Pending);
        }
        let (mut request, destination) = self.next_request(session, Method::Update)?;
        self.tell_abilities(&mut request.headers);
        self.go_on_refreshing(session, &mut request.headers);
        let sent = self.start(request, destination, Purpose::Refresh(session), now);
        sent.map(|_| ()).ok_or(OrderError::Full)
    }

    /// Our UPDATE was answered.
    pub(super) fn refreshed(
        &mut self,
        session: SessionId,
        (response, source): &Received,
        now: Timestamp,
    ) {
        let status = response.status;
        let reach = self.reach(source.listener);
        let agreed = self.agreed(response, now);
        let Ok(established) = self.established(session) else { return };
        if status.is_success() {
            established.refresh = agreed;
            let contact = response.contact().ok().flatten();
            refresh_target(&mut established.dialog, contact, reach);
        } else if status == StatusCode::SESSION_INTERVAL_TOO_SMALL {
            if let Some(refresh) = &mut established.refresh
                && refresh.lengthen(response)
            {
                refresh.next = Some(now);
            }
        } else if matches!(status.code(), 405 | 420 | 501) {
            established.takes_update = false;
            if let Some(refresh) = &mut established.refresh {
                refresh.next = Some(now);
            }
        }
        self.lost_if(session, status, now);
    }

    /// Whether the session goes on with a longer interval after this 422 to our re-INVITE.
    pub(super) fn refreshes_less_often(&mut self, session: SessionId, refusal: &Response) -> bool {
        let refresh = self.established(session).ok().and_then(|it| it.refresh.as_mut());
        refresh.is_some_and(|refresh| refresh.lengthen(refusal))
    }

    /// Nobody has refreshed the session: one side is no longer there (§10).
    pub(super) fn expire_refresh(&mut self, session: SessionId, now: Timestamp) {
        let reason = Some("SIP;cause=408;text=\"session was not refreshed\"".to_owned());
        self.hang_up(session, Ending { cause: ReleaseCause::PeerLost, reason }, now);
    }

    /// Repeats an INVITE of ours whose session would expire too soon for the peer (§7.3); true when
    /// it was.
    pub(super) fn invited_for_longer(
        &mut self,
        session: SessionId,
        transaction: TransactionId,
        response: &Response,
        now: Timestamp,
    ) -> bool {
        let is_wanted = self.sessions.get(session).is_some_and(
            |state| matches!(&state.phase, Phase::Calling(it) if matches!(it.cancel, Cancel::No)),
        );
        if response.status != StatusCode::SESSION_INTERVAL_TOO_SMALL || !is_wanted {
            return false;
        }
        let least = response.headers.number(&HeaderName::MinSe).ok().flatten().unwrap_or_default();
        let Some((mut request, destination)) = self.transactions.sent(transaction) else {
            return false;
        };
        let asked = request.headers.session_expires().ok().flatten();
        let asked = asked.map_or(0, |asked| u64::from(asked.seconds));
        let Ok(mut cseq) = request.cseq() else { return false };
        if least <= asked || least > LONGEST.as_secs() {
            return false;
        }
        cseq.number += 1;
        request.headers.remove(&HeaderName::Via);
        request.headers.set(HeaderName::CSeq, &cseq);
        request.headers.set(HeaderName::SessionExpires, least.to_string());
        request.headers.set(HeaderName::MinSe, least.to_string());
        // They were for the request before: a nonce is not used twice for the same (RFC 7616 §3.4).
        request.headers.remove(&HeaderName::Authorization);
        request.headers.remove(&HeaderName::ProxyAuthorization);
        let Some(again) = self.start(request, destination, Purpose::Invite(session), now) else {
            return false;
        };
        if let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get_mut(session)
        {
            calling.transaction = again;
            calling.attempt.cseq = cseq.number;
            calling.attempt.interval = u32::try_from(least).ok();
            calling.heard = false;
            calling.early.clear();
        }
        true
    }
}

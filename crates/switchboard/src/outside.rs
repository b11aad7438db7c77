//! Numbers outside: whether they may be dialled, by which trunk, and by which next when that one
//! has no place, is too fast, cannot be reached or says that it cannot serve.
//!
//! A trunk's refusal is passed on, and no further trunk is tried, where it speaks for the called
//! party (most of 4xx, and 6xx), and once the far phone has rung: nobody is rung twice. What it says
//! of our request or our login is between the two of us, and is passed on to nobody.

use model::{CallId, CallKind, Cause, LegId, Limit, Number, TrunkId};

use crate::Switchboard;
use crate::arrive::Route;
use crate::call::{Dialling, Outside, Stage};
use crate::config::OutboundRule;
use crate::dial::Dial;
use crate::ledger::About;
use crate::limits::Wants;
use crate::ports::{Alert, Target};

/// Which trunks a number outside goes by: the first rule that fits decides.
pub(crate) fn route(rules: &[OutboundRule], role: Option<&str>, to: &Number) -> Route {
    let fits = |rule: &&OutboundRule| {
        let length = to.as_str().len();
        let (fewest, most) = rule.length;
        to.as_str().starts_with(&rule.prefix)
            && (usize::from(fewest)..=usize::from(most)).contains(&length)
            && (rule.roles.is_empty() || role.is_some_and(|role| rule.roles.contains(role)))
    };
    let Some(rule) = rules.iter().find(fits).filter(|rule| !rule.trunks.is_empty()) else {
        return Route::Refused { cause: Cause::NotAllowed, status: 403 };
    };
    let sent = to.as_str().get(usize::from(rule.strip)..).unwrap_or_default();
    match sent.parse() {
        Ok(number) => {
            Route::Outside { trunks: rule.trunks.clone(), number, show: rule.show.clone() }
        }
        Err(_) => Route::Refused { cause: Cause::NoRoute, status: 404 },
    }
}

/// Whether a leg that never rang came to nothing by the trunk's doing, so that another may do.
fn is_the_trunks_doing(cause: Cause, status: Option<u16>) -> bool {
    matches!(cause, Cause::Unreachable | Cause::SignallingLost)
        && status.is_none_or(|status| {
            status == 408 || (500..600).contains(&status) || is_of_our_request(status)
        })
}

/// Whether a status is about the request as we sent it, or about who we are to the other side: a
/// login, an extension, a timer, a way that is too long (RFC 3261 §21.4, 4028, 5393, 8224).
const fn is_of_our_request(status: u16) -> bool {
    matches!(
        status,
        400..=402 | 405 | 407 | 413 | 414 | 416 | 420..=422 | 428..=430 | 436..=438 | 440
            | 482 | 483 | 494
    )
}

/// The final status for whoever wanted a call that came to nothing with this one. A 401 or 407 of
/// ours would be without a challenge, and the phone would take its own password for wrong; at a 503 it
/// would take us for down, and go to a backup registrar where it has one. Both are our failure to it
/// (RFC 3261 §16.7 item 6).
pub(crate) fn passed_on(status: Option<u16>) -> u16 {
    match status {
        Some(status) if status == 503 || is_of_our_request(status) => 500,
        Some(status @ 400..700) => status,
        Some(_) | None => 480,
    }
}

impl Switchboard {
    pub(crate) fn dial_outside(
        &mut self,
        id: CallId,
        trunks: Vec<TrunkId>,
        number: Number,
        show: Option<Number>,
    ) {
        let Some(mut outside) = self.outside(id, trunks, number, show) else { return };
        match self.dial_trunk(id, &mut outside) {
            Ok(callee) => {
                let (kind, outside) = (CallKind::Outbound, Some(outside));
                self.begin_dialling(id, Dialling { callee, kind, early: false, outside });
            }
            Err((cause, status)) => self.refuse_caller(id, cause, status),
        }
    }

    /// A number outside to be called, with the number the called party sees.
    pub(crate) fn outside(
        &self,
        id: CallId,
        trunks: Vec<TrunkId>,
        number: Number,
        show: Option<Number>,
    ) -> Option<Outside> {
        let shown = show.or_else(|| Some(self.calls.get(&id)?.from.clone()))?;
        Some(Outside { ahead: trunks.into(), number, shown })
    }

    /// Begins a leg by the first of the trunks ahead that takes it. Those before it are in the log
    /// with their reasons.
    ///
    /// # Errors
    /// Why there is no leg, with the status for whoever asked.
    pub(crate) fn dial_trunk(
        &mut self,
        id: CallId,
        outside: &mut Outside,
    ) -> Result<LegId, (Cause, u16)> {
        // Configuration cannot show such a number; a caller who is handed on could.
        if self.config.numbering.is_service(&outside.shown) {
            self.tell_forbidden(id, &outside.shown);
            return Err((Cause::CallerIdForbidden, 403));
        }
        let mut refusal = (Cause::LimitReached, 503);
        while let Some(trunk) = outside.ahead.pop_front() {
            let wants = Wants { trunk: Some(&trunk), hotline: None };
            if let Some(limit) = self.trunk_limit(&trunk) {
                self.tell_limit(About::call(id), limit, wants);
                refusal = (limit.cause(), 503);
                continue;
            }
            let Some((number, from)) = self.written_for(&trunk, outside) else {
                refusal = (Cause::NoRoute, 404);
                continue;
            };
            let target = Target::Trunk { trunk: trunk.clone(), number };
            let (carried, alert) = (self.carried_outside(id, &outside.shown), Alert::Ring);
            let dial = Dial { call: id, target, agent: None, from, display: None, carried, alert };
            let Some(leg) = self.dial(dial) else {
                self.tell_limit(About::call(id), Limit::Ports, wants);
                return Err((Cause::LimitReached, 503));
            };
            self.take_rates(wants);
            if let Some(leg) = self.legs.get_mut(&leg) {
                leg.number = Some(self.config.numbering.read(&outside.number).display);
            }
            return Ok(leg);
        }
        Err(refusal)
    }

    /// The number called and the one shown, as the carrier wants them written.
    fn written_for(&self, trunk: &TrunkId, outside: &Outside) -> Option<(Number, Number)> {
        let wanted = &self.config.trunks.get(trunk)?.outbound;
        let numbering = &self.config.numbering;
        let shown = numbering.written(&outside.shown, wanted.form);
        Some((numbering.called(&outside.number, wanted)?, shown))
    }

    /// A leg of ours came to nothing: where that was a trunk's doing, the next one is tried.
    pub(crate) fn tried_on(
        &mut self,
        id: CallId,
        leg: LegId,
        cause: Cause,
        status: Option<u16>,
    ) -> bool {
        self.is_silent(leg) && is_the_trunks_doing(cause, status) && self.next_trunk(id)
    }

    /// The ring time is over. A trunk that has said nothing of a phone that rings is taken for one
    /// that cannot serve.
    pub(crate) fn tried_on_in_time(&mut self, id: CallId, leg: LegId) -> bool {
        if !self.is_silent(leg) {
            return false;
        }
        self.release_leg(leg, Cause::NoAnswer, None);
        self.next_trunk(id)
    }

    /// Whether nobody has been rung by this leg.
    fn is_silent(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| !leg.rang)
    }

    /// A callback's caller is at the end of the leg that calls.
    fn caller_is_called_by(&mut self, id: CallId, leg: LegId) {
        if let Some(call) = self.calls.get_mut(&id).filter(|it| it.stage.calling_back().is_some()) {
            call.caller = leg;
        }
    }

    fn next_trunk(&mut self, id: CallId) -> bool {
        let outside = self.calls.get_mut(&id).and_then(|call| call.stage.outside_mut()?.take());
        let Some(mut outside) = outside else { return false };
        let Ok(leg) = self.dial_trunk(id, &mut outside) else { return false };
        match self.calls.get_mut(&id).map(|call| &mut call.stage) {
            Some(Stage::Dialling(dialling)) => {
                dialling.callee = leg;
                dialling.outside = Some(outside);
            }
            Some(Stage::Transferring(transfer)) => {
                transfer.target = leg;
                transfer.outside = Some(outside);
            }
            Some(Stage::CallingBack(back)) => {
                back.customer = leg;
                back.outside = Some(outside);
            }
            Some(
                Stage::Flow { .. }
                | Stage::Resting
                | Stage::Queued(_)
                | Stage::Announcing { .. }
                | Stage::Talking(_)
                | Stage::Ending,
            )
            | None => {}
        }
        self.caller_is_called_by(id, leg);
        self.set_deadline(id, Some(self.ledger.now + self.config.ring));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rule(roles: &[&str], prefix: &str, trunks: &[&str]) -> OutboundRule {
        OutboundRule {
            roles: roles.iter().map(|role| (*role).to_owned()).collect::<BTreeSet<_>>(),
            prefix: prefix.into(),
            strip: 1,
            length: (4, 20),
            trunks: trunks.iter().map(|trunk| TrunkId::from(*trunk)).collect(),
            show: None,
        }
    }

    #[test]
    fn a_role_may_dial_only_the_numbers_its_rules_allow() {
        let rules = [
            rule(&["lead"], "900", &["world", "other"]),
            rule(&[], "900", &[]),
            rule(&[], "9", &["city"]),
        ];
        let to = |text: &str| text.parse::<Number>().unwrap();
        let by = |trunks: &[&str], number: &str| Route::Outside {
            trunks: trunks.iter().map(|trunk| TrunkId::from(*trunk)).collect(),
            number: to(number),
            show: None,
        };
        assert_eq!(
            route(&rules, Some("lead"), &to("90044123")),
            by(&["world", "other"], "0044123")
        );
        assert_eq!(
            route(&rules, Some("agent"), &to("90044123")),
            Route::Refused { cause: Cause::NotAllowed, status: 403 }
        );
        assert_eq!(route(&rules, None, &to("913800138000")), by(&["city"], "13800138000"));
    }

    #[test]
    fn what_speaks_for_the_called_party_is_not_the_trunks_doing() {
        for status in [400, 401, 402, 407, 408, 420, 421, 422, 438, 482, 483, 500, 502, 503, 504] {
            assert!(is_the_trunks_doing(Cause::Unreachable, Some(status)), "{status}");
        }
        assert!(is_the_trunks_doing(Cause::SignallingLost, Some(408)));
        assert!(is_the_trunks_doing(Cause::Unreachable, None));
        for status in [403, 404, 410, 433, 480, 481, 484, 486, 487, 488, 600, 603] {
            assert!(!is_the_trunks_doing(Cause::Unreachable, Some(status)), "{status}");
        }
        assert!(!is_the_trunks_doing(Cause::Refused, Some(486)));
        assert!(!is_the_trunks_doing(Cause::MediaFailed, Some(500)));
    }

    #[test]
    fn whoever_wanted_the_call_hears_what_was_said_of_the_called_party_alone() {
        for status in [401, 407, 420, 421, 422, 482, 483, 503] {
            assert_eq!(passed_on(Some(status)), 500, "{status}");
        }
        for status in [403, 404, 408, 480, 486, 488, 502, 600, 603] {
            assert_eq!(passed_on(Some(status)), status);
        }
        for status in [None, Some(302), Some(700)] {
            assert_eq!(passed_on(status), 480);
        }
    }
}

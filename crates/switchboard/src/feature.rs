//! Codes dialled at a phone to change its agent's state.

use agent::Request;
use model::{Actor, AgentId, CallId, CallKind, Cause, Next, Number, PhoneId, Reason, Refusal};

use crate::Switchboard;
use crate::call::FarEnd;

impl Switchboard {
    pub(crate) fn feature_code(&mut self, id: CallId, dialled: &Number) {
        let Some(phone) = self.calling_phone(id) else {
            return self.end_call(id, Cause::NotAllowed);
        };
        let request = self.feature_request(dialled.as_str(), &phone);
        let result = request.and_then(|(agent, request)| {
            self.ask_agent(agent, request, &Actor::agent(agent, "phone"))
        });
        let sound = match result {
            Ok(_) => self.config.sounds.done.clone(),
            Err(_) => self.config.sounds.refused.clone(),
        };
        self.answer_caller(id);
        self.occupy(id, &phone);
        self.announce(id, sound, Cause::FlowEnded);
    }

    /// While the tone is heard the phone is on a call: nothing is offered to its agent until then.
    fn occupy(&mut self, id: CallId, phone: &PhoneId) {
        let agent = self.agents.agent_at(phone);
        let Some(caller) = self.calls.get(&id).map(|call| call.caller) else { return };
        if let Some(leg) = self.legs.get_mut(&caller) {
            (leg.agent, leg.agent_left) = (agent, false);
        }
        self.agent_on_other_call(agent, id, CallKind::Internal);
    }

    fn calling_phone(&self, id: CallId) -> Option<PhoneId> {
        let caller = self.calls.get(&id)?.caller;
        match &self.legs.get(&caller)?.far_end {
            FarEnd::Phone(phone) => Some(phone.clone()),
            FarEnd::Trunk(_) => None,
        }
    }

    fn feature_request(
        &self,
        dialled: &str,
        phone: &PhoneId,
    ) -> Result<(AgentId, Request), Refusal> {
        let codes = &self.config.feature_codes;
        if dialled == codes.sign_in {
            let agent = self.agent_of(phone).ok_or(Refusal::AgentUnknown)?;
            let request = Request::SignIn {
                agent,
                phone: phone.clone(),
                phone_state: self.phone_state(phone),
            };
            return Ok((agent, request));
        }
        let agent = self.agents.agent_at(phone).ok_or(Refusal::AgentSignedOut)?;
        let become_next = |next| Ok((agent, Request::Become { agent, next }));
        if dialled == codes.sign_out {
            become_next(Next::SignedOut)
        } else if dialled == codes.ready {
            become_next(Next::Ready)
        } else if dialled == codes.end_wrap_up {
            Ok((agent, Request::EndWrapUp { agent }))
        } else if let Some(digit) = dialled.strip_prefix(codes.busy.as_str()) {
            become_next(Next::Busy(self.reason_at(digit)?))
        } else {
            Err(Refusal::FeatureUnknown)
        }
    }

    /// The agent whose own phone this is.
    fn agent_of(&self, phone: &PhoneId) -> Option<AgentId> {
        let owns = |config: &crate::config::AgentConfig| config.phone.as_ref() == Some(phone);
        self.config.agents.iter().find(|(_, config)| owns(config)).map(|(agent, _)| *agent)
    }

    fn reason_at(&self, digit: &str) -> Result<Reason, Refusal> {
        let matches = |rule: &agent::BusyRule| {
            rule.digit.is_some_and(|wanted| digit.chars().eq(std::iter::once(wanted)))
        };
        let mut reasons = self.config.rules.reasons.iter();
        let found = reasons.find(|(_, rule)| matches(rule));
        found.map(|(reason, _)| reason.clone()).ok_or(Refusal::ReasonUnknown)
    }
}

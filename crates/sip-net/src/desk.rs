//! What lies outside calls: registrations, OPTIONS, and asking phones whether they are there.

use model::{PhoneId, Timestamp};
use sip::endpoint::{ArrivalId, Order, Outgoing, Rejection, Source};
use sip::registrar::{self, BindingId, RegisterRefusal};
use sip::subscription::ALLOW_EVENTS;
use sip::{HeaderName, Method, NameAddr, Request, Response, StatusCode, Uri};

use crate::counters::Counted;
use crate::exchange::Exchange;
use crate::settings::Serves;

/// What we take, as answered to OPTIONS.
const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, SUBSCRIBE, REGISTER";

/// What we support of registrations (RFC 3327, RFC 5626).
const REGISTER_EXTENSIONS: &str = "path, outbound";
/// How often a phone must at least say something by its flow (RFC 5626 §5.4).
const FLOW_TIMER: &str = "Flow-Timer";
/// Well below the two minutes after which many NATs forget a UDP flow.
const FLOW_SECONDS: &str = "90";

impl Exchange {
    /// A request outside any call.
    pub(crate) fn requested(
        &mut self,
        arrival: ArrivalId,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) {
        let response = if request.method == Method::Options {
            Ok(capabilities(request))
        } else if request.method == Method::Register
            && self.serves(source.listener) == Serves::Phones
        {
            self.register(request, source, now)
        } else if request.method == Method::Subscribe
            && self.serves(source.listener) == Serves::Phones
        {
            self.subscribe(request, source, now)
        } else {
            self.count(Counted::MethodRefused);
            let refusal = Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "not outside a call");
            Err(refusal.with(HeaderName::Allow, ALLOW))
        };
        let response = response.unwrap_or_else(|refusal| refused(request, &refusal));
        // The sender may have given up meanwhile.
        let _ = self.order(Order::Respond { arrival, response: Box::new(response) }, now);
    }

    fn register(
        &mut self,
        request: &Request,
        source: &Source,
        now: Timestamp,
    ) -> Result<Response, Rejection> {
        let account = self.identify(request, source, now)?;
        let registered = request.headers.to_ref().ok().and_then(|to| to.uri.user_name());
        if registered.as_deref() != Some(account.phone.as_str()) {
            self.count(Counted::OtherIdentity);
            return Err(Rejection::new(StatusCode::FORBIDDEN, "to is not the phone that asks"));
        }
        let flow = source.destination();
        match self.registrar.register(&account.phone, request, flow, now) {
            Ok(contacts) => {
                let mut response = request.response(StatusCode::OK);
                for contact in contacts {
                    response.headers.push(HeaderName::Contact, contact);
                }
                response.headers.copy(&HeaderName::Path, &request.headers);
                response.headers.push(HeaderName::Supported, REGISTER_EXTENSIONS);
                if registrar::asks_for_flow(request) {
                    response.headers.push(HeaderName::Require, "outbound");
                    response.headers.push(HeaderName::Other(FLOW_TIMER.into()), FLOW_SECONDS);
                }
                Ok(response)
            }
            Err(refusal) => {
                self.count(Counted::RegisterRefused);
                tracing::debug!(phone = %account.phone, %refusal, "registration refused");
                Err(register_refusal(refusal))
            }
        }
    }

    /// Asks a phone whether it is there (OPTIONS, RFC 3261 §11).
    pub(crate) fn ask_whether_there(&mut self, phone: &PhoneId, id: BindingId, now: Timestamp) {
        let binding = self.registrar.bindings(phone).iter().find(|binding| binding.id == id);
        let Some(binding) = binding else { return };
        let outgoing = Box::new(Outgoing {
            target: binding.contact.clone(),
            destination: binding.flow,
            from: NameAddr::new(Uri::of_host(self.domain.clone())),
            to: NameAddr::new(Uri::sip(phone.as_str(), self.domain.clone())),
            routes: binding.path.to_vec(),
            headers: Vec::new(),
            body: None,
            max_forwards: 70,
            attempt: None,
        });
        let request = self.next_request();
        self.checks.ask(request, id);
        if self.order(Order::Request { request, method: Method::Options, outgoing }, now).is_err() {
            // We are too busy to ask: that says nothing about the phone.
            self.checks.over(request, crate::checks::Answered::Unasked, now);
        }
    }
}

/// The answer to OPTIONS (RFC 3261 §11.2).
fn capabilities(request: &Request) -> Response {
    let mut response = request.response(StatusCode::OK);
    response.headers.set(HeaderName::Allow, ALLOW);
    response.headers.set(HeaderName::Accept, "application/sdp");
    response.headers.set(HeaderName::Supported, "100rel, timer, replaces, path, outbound");
    response.headers.set(HeaderName::AllowEvents, ALLOW_EVENTS);
    response
}

fn register_refusal(refusal: RegisterRefusal) -> Rejection {
    let rejection = Rejection::new(refusal.status(), &refusal.to_string());
    match refusal {
        RegisterRefusal::TooBrief(seconds) => {
            rejection.with(HeaderName::MinExpires, &seconds.to_string())
        }
        RegisterRefusal::Full => rejection.with(HeaderName::RetryAfter, crate::door::RETRY_AFTER),
        RegisterRefusal::Malformed(_)
        | RegisterRefusal::OutOfOrder
        | RegisterRefusal::NoFlow
        | RegisterRefusal::TooManyContacts => rejection,
    }
}

/// The response that refuses, with a Reason that tells why (RFC 3326).
fn refused(request: &Request, refusal: &Rejection) -> Response {
    let mut response = request.response(refusal.status);
    for (name, value) in &refusal.headers {
        response.headers.push(name.clone(), value.clone());
    }
    let reason = sip::reason_value(refusal.status, &refusal.text);
    response.headers.push(HeaderName::Reason, reason);
    response
}

//! What a call carries beside its numbers: read from an INVITE that arrives, written into those
//! that we send.

use model::{Attested, Carried, UserToUser};
use sip::endpoint::ExtraHeaders;
use sip::{HeaderName, Host, Request, attestation, claimed_attestation, user_to_user_value};
use switchboard::ports::{Alert, Origin};

use crate::counters::Counted;
use crate::exchange::Exchange;

/// How many values of User-to-User a call may carry.
const MOST_USER_TO_USER: usize = 4;
/// How many Identity header fields a call may carry.
const MOST_IDENTITIES: usize = 4;
/// The longest Identity header field, in octets. One with a certificate's address and a signature
/// has less than 1000.
const LONGEST_IDENTITY: usize = 4_096;
/// Carriers' own header fields for the attestation: `A`, `B` or `C`.
const ATTESTATIONS: [&str; 2] = ["Attestation-Info", "P-Attestation-Indicator"];

impl Exchange {
    /// What an arriving call carries. What cannot be kept is counted, and the call goes on without.
    pub(crate) fn carried(&self, request: &Request, origin: &Origin) -> Carried {
        let user_to_user = self.user_to_user(request);
        match origin {
            // What a phone says of its own number is nobody's attestation.
            Origin::Phone(_) => Carried { user_to_user, ..Carried::default() },
            Origin::Trunk(_) => {
                let identity = self.identities(request);
                let attested = attested(request, &identity);
                Carried { user_to_user, attested, identity, referred_by: None }
            }
        }
    }

    fn user_to_user(&self, request: &Request) -> Vec<UserToUser> {
        let mut kept = Vec::new();
        for value in request.headers.user_to_user() {
            match value {
                Ok(value) if kept.len() < MOST_USER_TO_USER => kept.push(value),
                Ok(_) | Err(_) => self.count(Counted::UserToUserDropped),
            }
        }
        kept
    }

    fn identities(&self, request: &Request) -> Vec<String> {
        let mut kept = Vec::new();
        for value in request.headers.all(&HeaderName::Identity) {
            let text = std::str::from_utf8(value).ok().filter(|it| it.len() <= LONGEST_IDENTITY);
            match text.filter(|_| kept.len() < MOST_IDENTITIES) {
                Some(text) => kept.push(text.to_owned()),
                None => self.count(Counted::IdentityDropped),
            }
        }
        kept
    }
}

/// What the trunk says of the calling number: in P-Asserted-Identity, else in From.
fn attested(request: &Request, identity: &[String]) -> Option<Attested> {
    let asserted = request.headers.addresses(&HeaderName::PAssertedIdentity).unwrap_or_default();
    let verdict = asserted.iter().chain(request.from().ok().as_ref()).find_map(|it| it.verdict());
    let indicated = || {
        let fields = ATTESTATIONS.into_iter().map(|name| HeaderName::Other(name.into()));
        fields.into_iter().find_map(|name| attestation(request.headers.first(&name)?))
    };
    let attested = Attested {
        verdict: verdict.map(|(verdict, _)| verdict),
        attestation: indicated().or_else(|| verdict?.1),
        unverified_attestation: identity.iter().find_map(|it| claimed_attestation(it.as_bytes())),
    };
    (attested != Attested::default()).then_some(attested)
}

/// The header fields that carry it on.
pub(crate) fn written(carried: &Carried, domain: &Host) -> ExtraHeaders {
    let user_to_user = carried.user_to_user.iter();
    let user_to_user = user_to_user.map(|it| (HeaderName::UserToUser, user_to_user_value(it)));
    let identity = carried.identity.iter();
    let identity = identity.map(|it| (HeaderName::Identity, it.clone().into_bytes()));
    let referrer = |phone| format!("<sip:{phone}@{domain}>").into_bytes();
    let referrer = carried.referred_by.iter().map(|it| (HeaderName::ReferredBy, referrer(it)));
    user_to_user.chain(identity).chain(referrer).collect()
}

/// The header fields that ask a phone to answer by itself: nothing is standard, and makes know one
/// or the other. The addresses in them mean nothing, but must be there (RFC 3261 §20.4, §20.9).
pub(crate) fn alerting(alert: Alert, domain: &Host) -> ExtraHeaders {
    match alert {
        Alert::Ring => Vec::new(),
        Alert::Answer => vec![
            (HeaderName::CallInfo, format!("<sip:{domain}>;answer-after=0").into_bytes()),
            (
                HeaderName::AlertInfo,
                format!("<http://{domain}>;info=alert-autoanswer;delay=0").into_bytes(),
            ),
        ],
    }
}

//! The registrar as the service has it: who may register is asked first, then it is carried out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::{PhoneId, Timestamp};
use sip::digest::{
    Algorithm, Attempt, Authenticator, Credentials, Denial, Ha1, NonceKey, NonceSettings,
};
use sip::endpoint::Destination;
use sip::registrar::{RegisterRefusal, Registrar, RegistrarSettings};
use sip::{HeaderName, Request, Response, StatusCode};

use crate::script::Script;

/// A registrar and whom it knows.
pub(crate) struct Desk {
    door: Authenticator,
    secrets: BTreeMap<String, Vec<Ha1>>,
    registrar: Registrar,
}

impl Desk {
    pub(crate) fn new(script: &Script) -> Self {
        let realm = script.realm.as_deref().unwrap_or("example.cn");
        let secrets = |password: &str, user: &str| {
            Algorithm::OFFERED.map(|it| Ha1::of(it, user, realm, password)).to_vec()
        };
        let accounts = script.accounts.iter();
        let key = NonceKey::new([3; 32]);
        Self {
            door: Authenticator::new(realm, NonceSettings::default(), key),
            secrets: accounts.map(|(user, it)| (user.clone(), secrets(it, user))).collect(),
            registrar: Registrar::new(RegistrarSettings::default()),
        }
    }

    /// The response to a REGISTER.
    pub(crate) fn judge(
        &mut self,
        request: &Request,
        flow: Destination,
        now: Timestamp,
    ) -> Response {
        let phone = match self.admit(request, now) {
            Ok(phone) => phone,
            Err(denial) => return self.challenge(request, denial, (flow.peer.ip(), now)),
        };
        match self.registrar.register(&phone, request, flow, now) {
            Ok(contacts) => {
                let mut response = request.response(StatusCode::OK);
                for contact in contacts {
                    response.headers.push(HeaderName::Contact, contact);
                }
                response
            }
            Err(refusal) => {
                let mut response = request.response(refusal.status());
                if let RegisterRefusal::TooBrief(seconds) = refusal {
                    response.headers.push(HeaderName::MinExpires, seconds.to_string());
                }
                response
            }
        }
    }

    fn admit(&mut self, request: &Request, now: Timestamp) -> Result<PhoneId, Option<Denial>> {
        let written = request.headers.text(&HeaderName::Authorization).ok_or(None)?;
        let credentials = Credentials::parse(written).map_err(|_| None)?;
        let uri = request.uri.to_string();
        let attempt =
            Attempt { method: request.method.as_str(), uri: &uri, credentials: &credentials };
        let secrets = self.secrets.get(&credentials.user).map(Vec::as_slice);
        self.door.check(&attempt, secrets, now).map_err(Some)?;
        Ok(PhoneId::from(credentials.user.as_str()))
    }

    fn challenge(
        &mut self,
        request: &Request,
        denial: Option<Denial>,
        (source, now): (IpAddr, Timestamp),
    ) -> Response {
        let mut response = request.response(StatusCode::UNAUTHORIZED);
        for challenge in self.door.challenges(denial, source, now) {
            response.headers.push(HeaderName::WwwAuthenticate, challenge.to_string());
        }
        response
    }
}

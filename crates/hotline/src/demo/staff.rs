//! Agents on simulated phones: they register, dial the sign-in code, and take what comes.

use std::time::Duration;

use model::{Number, PhoneId};
use switchboard::config::FloorConfig;
use testkit::{Answer, Manner, Phone, PhoneEvent, Settings};
use tokio::task::JoinSet;

use super::chance::Chance;
use super::secrets::Server;
use crate::failure::Failure;

/// How long a phone may take to register, or to be told that its agent is signed in.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a phone that is on a call may take to hang up.
const HANGING_UP: Duration = Duration::from_millis(500);

/// The agents.
#[derive(Debug)]
pub(crate) struct Staff {
    phones: Vec<(PhoneId, Phone)>,
    sign_out: String,
}

impl Staff {
    /// The first agents of the configuration sign in.
    pub(crate) async fn sign_in(
        floor: &FloorConfig,
        most: usize,
        server: &Server<'_>,
    ) -> Result<Self, Failure> {
        let mut chance = Chance::new()?;
        let mut phones = vec![];
        let phone_ids = floor.agents.values().filter_map(|agent| agent.phone.clone());
        for phone_id in phone_ids.take(most) {
            let phone = register(&phone_id, server).await?;
            phones.push((phone_id, phone));
        }
        for (phone_id, phone) in &mut phones {
            dial(phone, phone_id, &floor.feature_codes.sign_in).await?;
            let answer = chance.span(Duration::from_secs(1), Duration::from_secs(4));
            let talk = chance.span(Duration::from_secs(12), Duration::from_secs(35));
            phone.behave(Manner { answer: Answer::After(answer), talk: Some(talk) }).await?;
        }
        Ok(Self { phones, sign_out: floor.feature_codes.sign_out.clone() })
    }

    pub(crate) fn len(&self) -> usize {
        self.phones.len()
    }

    /// What to say of an extension that can be called, if there is one.
    pub(crate) fn extension(&self) -> String {
        let first = self.phones.first();
        first
            .map(|(id, _)| format!(", or an agent's extension 分机 such as {id}"))
            .unwrap_or_default()
    }

    /// The phone of the agent who signed in last.
    pub(crate) fn last(&self) -> Option<&PhoneId> {
        self.phones.last().map(|(id, _)| id)
    }

    pub(crate) fn uses(&self, phone: &PhoneId) -> bool {
        self.phones.iter().any(|(used, _)| used == phone)
    }

    /// Everybody hangs up, signs out and switches the phone off.
    pub(crate) async fn sign_out(self) {
        let mut leaving = JoinSet::new();
        for (phone_id, phone) in self.phones {
            leaving.spawn(leave(phone_id, phone, self.sign_out.clone()));
        }
        while leaving.join_next().await.is_some() {}
    }
}

async fn register(phone_id: &PhoneId, server: &Server<'_>) -> Result<Phone, Failure> {
    let mut settings = Settings::new(phone_id.as_str(), server.password(phone_id), server.address);
    settings.tone_hz = 800.0;
    let mut phone = Phone::start(settings).await?;
    phone.register().await?;
    let told = phone
        .expect(PATIENCE, |event| {
            matches!(event, PhoneEvent::Registered | PhoneEvent::RegistrationRefused(_))
        })
        .await;
    match told {
        Some(PhoneEvent::Registered) => Ok(phone),
        Some(PhoneEvent::RegistrationRefused(status)) => Err(Failure::new(format!(
            "the demo phone {phone_id} may not register ({status}): were the secrets changed?"
        ))),
        _ => Err(Failure::new(format!("the demo phone {phone_id} could not register in time"))),
    }
}

/// Who cannot sign out in order is signed out by the lost phone.
async fn leave(phone_id: PhoneId, mut phone: Phone, sign_out: String) {
    phone.forget_events();
    let _ = phone.hang_up().await;
    phone.expect(HANGING_UP, |event| matches!(event, PhoneEvent::Ended { .. })).await;
    let _ = dial(&mut phone, &phone_id, &sign_out).await;
    let _ = phone.unregister().await;
    phone.expect(PATIENCE, |event| *event == PhoneEvent::Registered).await;
}

/// Dials a code and waits for the tone to end. The agent's phone declines calls meanwhile.
async fn dial(phone: &mut Phone, phone_id: &PhoneId, code: &str) -> Result<(), Failure> {
    let code: Number = code.parse()?;
    phone.forget_events();
    phone.call(&code).await?;
    let ended = phone.expect(PATIENCE, |event| matches!(event, PhoneEvent::Ended { .. })).await;
    match ended {
        Some(PhoneEvent::Ended { status: None, .. }) => Ok(()),
        Some(PhoneEvent::Ended { status: Some(status), .. }) => {
            Err(Failure::new(format!("{code} dialled at {phone_id} was refused with {status}")))
        }
        _ => Err(Failure::new(format!("{code} dialled at {phone_id} was not obeyed in time"))),
    }
}

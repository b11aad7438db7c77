//! What the API sees of signalling.

use std::net::IpAddr;

use api::BoxFuture;
use model::LegId;
use sip_net::{Health, RegistrationStatus};

/// Signalling, as the API asks it.
#[derive(Debug)]
pub(crate) struct Door(pub(crate) sip_net::Handle);

impl api::Signalling for Door {
    fn bans(&self) -> BoxFuture<'_, Option<Vec<api::Ban>>> {
        Box::pin(async {
            let bans = self.0.bans().await.ok()?;
            Some(bans.iter().map(shown).collect())
        })
    }

    fn trunks(&self) -> Vec<api::Trunk> {
        self.0.trunk_status().into_iter().map(trunk).collect()
    }

    fn ladder(&self, legs: Vec<LegId>) -> BoxFuture<'_, Option<Vec<api::Rung>>> {
        Box::pin(async {
            let ladder = self.0.ladder(legs).await.ok()?;
            Some(ladder.into_iter().map(rung).collect())
        })
    }

    fn lift(&self, source: IpAddr) -> BoxFuture<'_, Option<bool>> {
        Box::pin(async move { self.0.lift(source).await.ok() })
    }
}

fn shown(ban: &sip_net::Ban) -> api::Ban {
    let sip_net::Ban { source, until, why, times, scope, ref account } = *ban;
    let scope = match (account, scope) {
        (Some(_), _) => "account",
        (None, sip_net::Scope::Datagrams) => "datagrams",
        (None, sip_net::Scope::Everything) => "everything",
    };
    api::Ban { source, until, why: why.to_owned(), times, scope, account: account.clone() }
}

fn trunk(status: sip_net::TrunkStatus) -> api::Trunk {
    let sip_net::TrunkStatus { trunk, places, unknown, registration } = status;
    api::Trunk {
        trunk: trunk.to_string(),
        places: places.into_iter().map(place).collect(),
        unknown,
        registration: registration.map(registered),
    }
}

fn place((place, health): (sip::locate::Place, Health)) -> api::Place {
    let (word, since, why) = match health {
        Health::Unknown => ("unknown", None, None),
        Health::Up => ("up", None, None),
        Health::Down { since, why } => ("down", Some(since), Some(why.to_owned())),
    };
    let transport = place.transport.as_str().to_owned();
    api::Place { transport, peer: place.peer, health: word.to_owned(), since, why }
}

fn registered(status: RegistrationStatus) -> api::Registration {
    let (state, until, why) = match status {
        RegistrationStatus::Registered(until) => ("registered", Some(until), None),
        RegistrationStatus::Failed(why, again) => ("failed", Some(again), Some(why)),
        RegistrationStatus::Trying => ("trying", None, None),
    };
    api::Registration { state: state.to_owned(), until, why }
}

fn rung(rung: sip_net::Rung) -> api::Rung {
    let sip_net::Rung { at, leg, way, transport, peer, what, cseq, reason, describes, text } = rung;
    let sent = way == sip_net::Way::Sent;
    let transport = transport.as_str().to_owned();
    api::Rung { at, leg, sent, transport, peer, what, cseq, reason, describes, text }
}

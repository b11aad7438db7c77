//! What the API sees of signalling.

use std::net::IpAddr;

use api::BoxFuture;
use model::LegId;

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
    let sip_net::Ban { source, until, why, times } = *ban;
    api::Ban { source, until, why: why.to_owned(), times }
}

fn rung(rung: sip_net::Rung) -> api::Rung {
    let sip_net::Rung { at, leg, way, transport, peer, what, cseq, reason, describes, text } = rung;
    let sent = way == sip_net::Way::Sent;
    let transport = transport.as_str().to_owned();
    api::Rung { at, leg, sent, transport, peer, what, cseq, reason, describes, text }
}

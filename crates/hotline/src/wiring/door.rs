//! What the API sees of signalling.

use std::net::IpAddr;

use api::BoxFuture;

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

    fn lift(&self, source: IpAddr) -> BoxFuture<'_, Option<bool>> {
        Box::pin(async move { self.0.lift(source).await.ok() })
    }
}

fn shown(ban: &sip_net::Ban) -> api::Ban {
    let sip_net::Ban { source, until, why, times } = *ban;
    api::Ban { source, until, why: why.to_owned(), times }
}

//! Phones and trunks as signalling wants them.

use std::collections::BTreeMap;

use model::{PhoneId, TrunkId};
use sip_net::{Account, Accounts, AddressRange, Trunk, Trunks};

use crate::config;

/// The phones' accounts.
pub(crate) fn accounts(accounts: &BTreeMap<PhoneId, config::Account>) -> Accounts {
    let account = |(phone, account): (&PhoneId, &config::Account)| Account {
        phone: phone.clone(),
        display: Some(account.name.clone()).filter(|name| !name.is_empty()),
        secrets: account.ha1.clone(),
    };
    accounts.iter().map(account).collect()
}

/// The trunks. One that only brings calls has nowhere to send any: its own address stands in, and
/// no rule for dialling out names it.
pub(crate) fn trunks(peers: &BTreeMap<TrunkId, config::TrunkPeer>) -> Trunks {
    peers.iter().map(|(id, peer)| trunk(id, peer)).collect()
}

fn trunk(id: &TrunkId, peer: &config::TrunkPeer) -> Trunk {
    let nowhere = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    let sources = peer.addresses.iter().filter_map(|network| network.to_string().parse().ok());
    Trunk {
        id: id.clone(),
        sources: sources.collect::<Vec<AddressRange>>(),
        destination: peer.proxy.unwrap_or(nowhere),
        transport: match peer.transport {
            config::Transport::Udp => sip::endpoint::Transport::Udp,
            config::Transport::Tcp => sip::endpoint::Transport::Tcp,
            config::Transport::Tls => sip::endpoint::Transport::Tls,
        },
        host: peer.host.clone(),
        login: None,
    }
}

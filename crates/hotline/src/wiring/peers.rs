//! Phones and trunks as signalling wants them.

use std::collections::BTreeMap;

use model::{PhoneId, TrunkId};
use sip::digest::Login;
use sip_net::{Account, Accounts, AddressRange, Trunk, TrunkCaller, Trunks};

use crate::config;

/// The phones' accounts.
pub(crate) fn accounts(accounts: &BTreeMap<PhoneId, config::Account>) -> Accounts {
    let account = |(phone, account): (&PhoneId, &config::Account)| Account {
        phone: phone.clone(),
        display: Some(account.name.clone()).filter(|name| !name.is_empty()),
        secrets: account.ha1.clone(),
        rules: account.rules.clone(),
    };
    accounts.iter().map(account).collect()
}

/// The trunks.
pub(crate) fn trunks(peers: &BTreeMap<TrunkId, config::TrunkPeer>) -> Trunks {
    peers.iter().map(|(id, peer)| trunk(id, peer)).collect()
}

fn trunk(id: &TrunkId, peer: &config::TrunkPeer) -> Trunk {
    let sources = peer.addresses.iter().filter_map(|network| network.to_string().parse().ok());
    let sources = sources.collect::<Vec<AddressRange>>();
    let caller = peer.caller.as_ref();
    let caller =
        caller.map(|(user, secrets)| TrunkCaller::new(id, user, secrets.clone(), &sources));
    let login = peer.user.clone().zip(peer.password.clone());
    Trunk {
        id: id.clone(),
        sources,
        caller,
        proxy: peer.proxy.clone(),
        host: peer.host.clone(),
        certificate: peer.certificate.clone(),
        login: login.map(|(user, password)| Login::Password { user, password: password.0 }),
        registers: peer.register,
        check_every: peer.options_every.filter(|_| peer.proxy.is_some()),
        dialled: peer.dialled,
        identity: peer.identity,
    }
}

//! Trunks, and what may be dialled out through them.

use std::collections::BTreeMap;
use std::ops::Range;

use model::TrunkId;
use sip::endpoint::Transport;
use sip::locate::Wanted;
use sip_net::{CallerIdentity, Dialled};
use switchboard::config::{OutboundRule, TrunkConfig};
use switchboard::numbering::Numbering;
use toml_edit::TableLike;

use super::TrunkPeer;
use super::finding::Code;
use super::key;
use super::listeners::Listeners;
use super::numbering::{self, check_shown};
use super::people::{self, People};
use super::section::{Reader, Section, Spanned};
use super::service::Settings;
use super::value::Network;

/// The world outside.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    pub(super) trunks: BTreeMap<TrunkId, TrunkConfig>,
    pub(super) peers: BTreeMap<TrunkId, TrunkPeer>,
    pub(super) rules: Vec<OutboundRule>,
}

/// Reads trunks and rules.
pub(super) fn read(
    reader: &Reader,
    root: &dyn TableLike,
    people: &People,
    (settings, listeners): (&Settings, &Listeners),
) -> Outside {
    let mut trunks = BTreeMap::new();
    let mut peers = BTreeMap::new();
    let mut blocks: Vec<(String, Network)> = Vec::new();
    for (name, section) in Section::named(reader, root, &key::TRUNKS) {
        let peer = read_peer(reader, &section, settings, (&name.value, &mut blocks));
        let by_tls = section.word("transport").is_some_and(|word| word.value == "tls");
        if by_tls && !listeners.have_tls_for_trunks() {
            let message = format!("no listener speaks TLS with trunk `{}`", name.value);
            let help = "add a table [listeners.<name>] with `serves = \"trunks\"` and \
                        `transport = \"tls\"`: the carrier answers there";
            reader.report(
                Code::ListenerMissing,
                &section.key_at("transport"),
                message,
                help.into(),
            );
        }
        check_caller(reader, &section, &peer, &peers);
        let id = TrunkId::from(name.value.as_str());
        trunks.insert(id.clone(), read_config(&section));
        peers.insert(id, peer);
    }
    let mut rules = Vec::new();
    for section in Section::listed(reader, root, &key::OUTBOUND) {
        let numbering = &settings.numbering;
        let Some(rule) = read_rule(reader, &section, (people, numbering), &peers) else { continue };
        check_reached(reader, &section.at(), &rule, &rules);
        rules.push(rule);
    }
    Outside { trunks, peers, rules }
}

/// What the floor knows of a trunk.
fn read_config(section: &Section<'_>) -> TrunkConfig {
    let (inbound, outbound) = numbering::read_trunk(section);
    TrunkConfig {
        max_calls: section.small("max_calls").unwrap_or(1),
        calls_per_second: section.small("calls_per_second"),
        inbound,
        outbound,
    }
}

fn read_peer(
    reader: &Reader,
    section: &Section<'_>,
    settings: &Settings,
    (name, blocks): (&str, &mut Vec<(String, Network)>),
) -> TrunkPeer {
    let addresses = section.networks("addresses");
    let caller = section.label("inbound_user");
    if section.is_empty_list("addresses") || (!section.has("addresses") && caller.is_none()) {
        let message = format!("nobody can be known as trunk `{name}`: it has no address");
        let help = "write the addresses the carrier's calls come from, or the `inbound_user` as \
                    whom it proves itself"
            .to_owned();
        reader.report(Code::TrunkWithoutAddress, &section.key_at("addresses"), message, help);
    }
    for block in &addresses {
        let clash =
            blocks.iter().find(|(other, known)| other != name && known.overlaps(&block.value));
        if let Some((other, known)) = clash {
            let message = format!("{} also belongs to trunk `{other}` ({known})", block.value);
            let help = "a call is told to its trunk by its address: keep them apart".to_owned();
            reader.report(Code::TrunkAddressClash, &block.at, message, help);
        }
        blocks.push((name.to_owned(), block.value));
    }
    let proxy = section.peer("proxy");
    if let Some(proxy) = &proxy {
        check_proxy(reader, proxy, settings);
    }
    let user = section.label("user");
    let register = section.duration("register");
    if let (Some(register), None) = (&register, &user) {
        let message = format!("we cannot register at trunk `{name}`: it does not say as whom");
        let help = "write the `user` that the carrier gave you".to_owned();
        reader.report(Code::MissingKey, &register.at, message, help);
    }
    if let (Some(register), None) = (&register, &proxy) {
        let message = format!("we cannot register at trunk `{name}`: it does not say where");
        let help = format!("add `proxy` to [trunks.{name}]");
        reader.report(Code::TrunkWithoutAddress, &register.at, message, help);
    }
    let every = section.duration("options_every").map(|span| span.value);
    let transport = section.word("transport");
    let transport = match transport.as_ref().map(|word| word.value.as_str()) {
        Some("tcp") => Some(Transport::Tcp),
        Some("tls") => Some(Transport::Tls),
        Some("auto") => None,
        _ => Some(Transport::Udp),
    };
    TrunkPeer {
        addresses: addresses.into_iter().map(|block| block.value).collect(),
        proxy: proxy.map(|proxy| Wanted { transport, ..proxy.value }),
        host: section.text("host").map(|host| host.value),
        certificate: section.label("certificate").map(|name| name.value),
        user: user.map(|user| user.value),
        register: register.map(|span| span.value),
        options_every: every.filter(|every| !every.is_zero()),
        dialled: dialled(section),
        password: None,
        caller: caller.map(|user| (user.value, Vec::new())),
        identity: identity(section),
    }
}

/// No two trunks prove themselves as the same user.
fn check_caller(
    reader: &Reader,
    section: &Section<'_>,
    peer: &TrunkPeer,
    others: &BTreeMap<TrunkId, TrunkPeer>,
) {
    let user = |peer: &TrunkPeer| peer.caller.as_ref().map(|(user, _)| user.clone());
    let Some(ours) = user(peer) else { return };
    if let Some((other, _)) = others.iter().find(|(_, it)| user(it).as_ref() == Some(&ours)) {
        let message = format!("trunk `{other}` calls as `{ours}`, too");
        let help = "a call is told to its trunk by its user: give each its own".to_owned();
        reader.report(Code::TrunkAddressClash, &section.key_at("inbound_user"), message, help);
    }
}

fn identity(section: &Section<'_>) -> CallerIdentity {
    match section.word("caller_id").as_ref().map(|word| word.value.as_str()) {
        Some("asserted") => CallerIdentity::Asserted,
        Some("withheld") => CallerIdentity::Withheld,
        _ => CallerIdentity::From,
    }
}

fn dialled(section: &Section<'_>) -> Dialled {
    match section.word("dialled").as_ref().map(|word| word.value.as_str()) {
        Some("to") => Dialled::To,
        Some("diversion") => Dialled::Diversion,
        Some("history_info") => Dialled::HistoryInfo,
        _ => Dialled::RequestUri,
    }
}

fn check_proxy(reader: &Reader, proxy: &Spanned<Wanted>, settings: &Settings) {
    let own = settings.sip.trunk_listen;
    // Where a name leads is only known when it is called.
    let Some(ip) = proxy.value.host.ip() else { return };
    if ip.is_ipv4() != own.is_ipv4() {
        let message = format!("{ip} cannot be reached from {own}: one is IPv4, one IPv6");
        let help = "write both as IPv4 or both as IPv6".to_owned();
        reader.report(Code::AddressFamily, &proxy.at, message, help);
    }
    if ip.is_unspecified() || proxy.value.port == Some(0) {
        let message = format!("no call can be sent to {ip}");
        let help = "write the address and the port the carrier gave you".to_owned();
        reader.report(Code::AddressUnusable, &proxy.at, message, help);
    }
}

fn read_rule(
    reader: &Reader,
    section: &Section<'_>,
    (people, numbering): (&People, &Numbering),
    peers: &BTreeMap<TrunkId, TrunkPeer>,
) -> Option<OutboundRule> {
    let roles = section.names("roles").unwrap_or_default();
    let known = people::roles(&people.phones);
    for role in roles.iter().filter(|role| !known.contains(role.value.as_str())) {
        reader.unknown(Code::RoleUnknown, "role of a phone", role, known.iter().copied());
    }
    let show = section.telephone("show");
    if let Some(show) = &show {
        check_shown(reader, numbering, show);
    }
    let prefix = section.prefix("prefix");
    let length = section.length("length").unwrap_or((1, 32));
    let strip: u8 = section.small("strip").unwrap_or_default();
    if strip >= length.1 {
        let message = format!("stripping {strip} characters leaves nothing to dial");
        let help = format!("numbers of this rule have at most {} characters", length.1);
        reader.report(Code::BadValue, &section.key_at("strip"), message, help);
    }
    let trunks = read_trunks(reader, section, peers);
    Some(OutboundRule {
        roles: roles.into_iter().map(|role| role.value).collect(),
        prefix: prefix?,
        strip,
        length,
        trunks,
        show: show.map(|show| show.value),
    })
}

/// The trunks a rule leads to, in order; none when it forbids the number.
fn read_trunks(
    reader: &Reader,
    section: &Section<'_>,
    peers: &BTreeMap<TrunkId, TrunkPeer>,
) -> Vec<TrunkId> {
    let listed = section.names("trunks");
    let said = [section.flag("forbid"), section.has("trunk"), section.has("trunks")];
    if said.iter().filter(|said| **said).count() != 1 || section.is_empty_list("trunks") {
        let message = "a rule either has `trunk`, or `trunks`, or says `forbid = true`".to_owned();
        let help = "write one of them; `trunks` are tried in the order written".to_owned();
        reader.report(Code::RuleUnclear, &section.at(), message, help);
    }
    let mut trunks = Vec::new();
    for written in section.name("trunk").into_iter().chain(listed.into_iter().flatten()) {
        check_trunk(reader, &written, peers);
        let trunk = TrunkId::from(written.value.as_str());
        if trunks.contains(&trunk) {
            let message = format!("trunk `{trunk}` is named twice");
            reader.report(Code::RuleUnclear, &written.at, message, "name each trunk once".into());
        } else {
            trunks.push(trunk);
        }
    }
    trunks
}

/// Calls can go out by the trunk.
fn check_trunk(reader: &Reader, written: &Spanned<String>, peers: &BTreeMap<TrunkId, TrunkPeer>) {
    let trunk = TrunkId::from(written.value.as_str());
    match peers.get(&trunk) {
        None => {
            let known = peers.keys().map(TrunkId::as_str);
            reader.unknown(Code::TrunkUnknown, "trunk", written, known);
        }
        Some(TrunkPeer { proxy: None, .. }) => {
            let message = format!("trunk `{trunk}` only brings calls");
            let help = format!("add `proxy` to [trunks.{trunk}]: where calls go out to");
            reader.report(Code::TrunkWithoutAddress, &written.at, message, help);
        }
        Some(_) => {}
    }
}

/// A rule that an earlier one always forestalls.
fn check_reached(
    reader: &Reader,
    at: &Range<usize>,
    rule: &OutboundRule,
    earlier: &[OutboundRule],
) {
    let takes_all = |earlier: &&OutboundRule| {
        let holds = earlier.roles.is_empty()
            || (!rule.roles.is_empty() && rule.roles.is_subset(&earlier.roles));
        holds
            && rule.prefix.starts_with(&earlier.prefix)
            && earlier.length.0 <= rule.length.0
            && earlier.length.1 >= rule.length.1
    };
    if let Some(earlier) = earlier.iter().find(takes_all) {
        let prefix = &earlier.prefix;
        let message = format!(
            "the rule for `{}` is never asked: the one for `{prefix}` comes first",
            rule.prefix
        );
        let help = "put the narrower rule before the wider one".to_owned();
        reader.report(Code::RuleUnreachable, at, message, help);
    }
}

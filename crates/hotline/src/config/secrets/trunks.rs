//! Trunks' passwords: what we prove ourselves with there, and they here.

use std::collections::BTreeMap;
use std::path::Path;

use model::TrunkId;
use sip::digest::Ha1;

use super::{ALGORITHMS, Password, SecretsFile, finding};
use crate::config::finding::{Code, Finding};
use crate::config::{Environment, TrunkPeer};

/// What the file gives the password of `user` by, and that of `inbound_user`.
const OURS: &str = "password";
const THEIRS: &str = "inbound_password";

/// What the environment gives them by.
const OUR_VARIABLE: &str = "HOTLINE_SECRET_TRUNK_";
const THEIR_VARIABLE: &str = "HOTLINE_SECRET_INBOUND_";

/// The keys of a trunk's table.
pub(super) const KEYS: [&str; 2] = [OURS, THEIRS];

/// Reads what the file has.
pub(super) fn read(file: &SecretsFile<'_>, realm: &str, trunks: &mut BTreeMap<TrunkId, TrunkPeer>) {
    for (name, table) in file.tables("trunks") {
        // A trunk that was taken out of the configuration may keep its password.
        let Some(trunk) = trunks.get_mut(&TrunkId::from(name)) else { continue };
        for key in KEYS {
            let Some(item) = table.get(key) else { continue };
            match item.as_str().filter(|text| !text.is_empty()) {
                Some(password) if key == OURS => trunk.password = Some(Password(password.into())),
                Some(password) => prove(trunk, realm, password),
                None => {
                    let message = format!("`{key}` of trunk {name} is none");
                    file.report(item, message, "write the password agreed on with the carrier");
                }
            }
        }
    }
}

/// Takes what the environment has; gives the names of the variables that are a trunk's.
pub(super) fn take_environment(
    realm: &str,
    environment: &Environment,
    trunks: &mut BTreeMap<TrunkId, TrunkPeer>,
) -> Vec<String> {
    let mut variables = Vec::new();
    for (id, trunk) in trunks {
        let [ours, theirs] = [OUR_VARIABLE, THEIR_VARIABLE].map(|of| variable(of, id));
        if let Some(password) = environment.value(&ours) {
            trunk.password = Some(Password(password.to_owned()));
        }
        if let Some(password) = environment.value(&theirs) {
            prove(trunk, realm, password);
        }
        variables.push(ours);
        if trunk.caller.is_some() {
            variables.push(theirs);
        }
    }
    variables
}

/// Whether a variable would be a trunk's, if there were one of this name.
pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(OUR_VARIABLE) || name.starts_with(THEIR_VARIABLE)
}

/// Trunks for which there should be a password that nobody has given.
pub(super) fn without_password(path: &Path, trunks: &BTreeMap<TrunkId, TrunkPeer>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lacks = |trunk: &TrunkId, what: &str, (key, variable_of): (&str, &str)| {
        let message = format!("trunk {trunk} has {what} and no password for it");
        let variable = variable(variable_of, trunk);
        let help = format!("add [trunks.{trunk}] with `{key}`, or set {variable}");
        findings.push(finding(path, Code::SecretMissing, message, &help));
    };
    for (id, trunk) in trunks {
        if trunk.user.is_some() && trunk.password.is_none() {
            lacks(id, "a `user`", (OURS, OUR_VARIABLE));
        }
        if trunk.caller.as_ref().is_some_and(|(_, secrets)| secrets.is_empty()) {
            lacks(id, "an `inbound_user`", (THEIRS, THEIR_VARIABLE));
        }
    }
    findings
}

/// The trunk proves itself with this password, of which the hashes alone are kept.
fn prove(trunk: &mut TrunkPeer, realm: &str, password: &str) {
    if let Some((user, secrets)) = &mut trunk.caller {
        *secrets =
            ALGORITHMS.map(|(_, algorithm)| Ha1::of(algorithm, user, realm, password)).into();
    }
}

fn variable(of: &str, trunk: &TrunkId) -> String {
    let name = trunk.as_str().chars();
    let name = name.map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    format!("{of}{}", name.collect::<String>())
}

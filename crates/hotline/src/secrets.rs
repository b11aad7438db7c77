//! Secrets of a new installation: made by chance, shown once, kept as hashes.

use std::collections::BTreeMap;
use std::path::Path;

use model::PhoneId;

use crate::config::Config;
use crate::config::secrets::{FILE, NewSecrets, TokenRole, create};
use crate::failure::Failure;
use crate::service::{OWNER_ALONE, folder};
use crate::{cli, report};

/// Octets of chance in a phone's password, which somebody has to type into the phone.
const PASSWORD: usize = 8;

/// Octets of chance in a token.
const TOKEN: usize = 32;

/// The tokens a new installation gets, by name.
const TOKENS: [(&str, TokenRole); 4] = [
    ("admin", TokenRole::Admin),
    ("team_lead", TokenRole::TeamLead),
    ("reviewer", TokenRole::Reviewer),
    ("viewer", TokenRole::Viewer),
];

/// Makes the secrets of a configuration and prints them, once.
pub(crate) fn make(path: &Path) -> Result<(), Failure> {
    let config = cli::read(path)?;
    let state = &config.store.state;
    let file = state.join(FILE);
    if file.exists() {
        return Err(Failure::new(format!(
            "{} is there already and is not overwritten: move it away to make new secrets, and \
             give every phone its new password",
            file.display()
        )));
    }
    let mut tokens = BTreeMap::new();
    for (name, role) in TOKENS {
        tokens.insert(name.to_owned(), (role, chance(TOKEN)?));
    }
    let secrets = NewSecrets { phones: passwords(&config)?, tokens };
    folder(state, "service.state", OWNER_ALONE)?;
    create(state, &config.sip.realm, &secrets)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", file.display())))?;
    let phones = secrets.phones.iter();
    let rows: Vec<_> =
        phones.map(|(phone, password)| vec![phone.to_string(), password.clone()]).collect();
    report::table(&["phone 话机", "password 密码"], &rows);
    let tokens = secrets.tokens.iter();
    let rows: Vec<_> = tokens.map(|(name, (_, token))| vec![name.clone(), token.clone()]).collect();
    report::line("");
    report::table(&["role 角色", "token 令牌"], &rows);
    report::line(&format!(
        "\nShown once: {} keeps only hashes of them 仅显示一次，请妥善保存",
        file.display()
    ));
    Ok(())
}

/// A password for each phone of a configuration.
pub(crate) fn passwords(config: &Config) -> Result<BTreeMap<PhoneId, String>, Failure> {
    let password = |phone: &PhoneId| Ok((phone.clone(), chance(PASSWORD)?));
    config.floor.phones.keys().map(password).collect()
}

/// So many octets of chance, in hexadecimal.
pub(crate) fn chance(octets: usize) -> Result<String, Failure> {
    let mut drawn = vec![0_u8; octets];
    getrandom::fill(&mut drawn).map_err(|error| Failure::new(error.to_string()))?;
    Ok(hex::encode(drawn))
}

/// The token by which the command line of this machine is known, new at every start.
pub(crate) fn local_token() -> Result<String, Failure> {
    chance(TOKEN)
}

//! Changes to `secrets.toml` while the service runs: a phone gets another password, or none. All else
//! in the file stays as it was written.

use std::fs;
use std::io;
use std::path::Path;

use model::PhoneId;
use provision::{Generation, Key};
use sip::digest::Ha1;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use super::secrets::{ALGORITHMS, FILE, GENERATION, KEY, head};
use crate::file;

/// What a phone's account becomes.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    /// Whose.
    pub(crate) phone: &'a PhoneId,
    /// Which of its passwords is the next.
    pub(crate) generation: Generation,
    /// Its secrets, once for each algorithm; none lock it out.
    pub(crate) ha1: &'a [Ha1],
}

/// The secrets of a password, once for each algorithm.
pub(crate) fn secrets_of(phone: &PhoneId, realm: &str, password: &str) -> Vec<Ha1> {
    let of = |(_, algorithm)| Ha1::of(algorithm, phone.as_str(), realm, password);
    ALGORITHMS.into_iter().map(of).collect()
}

/// Writes a change into the file; makes it where there is none.
///
/// # Errors
/// When the file cannot be read, is not what the service reads, or cannot be written. Then nothing
/// of it is changed.
pub(crate) fn write(
    state: &Path,
    realm: &str,
    key: &Key,
    change: &Change<'_>,
) -> Result<(), io::Error> {
    let path = state.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => head(realm),
        Err(error) => return Err(error),
    };
    let changed = changed(&text, key, change).ok_or(io::ErrorKind::InvalidData)?;
    // What the file is a link to is meant, not the link.
    let path = fs::canonicalize(&path).unwrap_or(path);
    file::replace(&path, changed.as_bytes())
}

/// The file's text after the change; none when it is not what the service reads.
fn changed(text: &str, key: &Key, change: &Change<'_>) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    if !document.contains_key(KEY) {
        document.insert(KEY, value(key.hex()));
    }
    let mut all = Table::new();
    all.set_implicit(true);
    let phones = document.entry("phones").or_insert(Item::Table(all)).as_table_like_mut()?;
    let phone = phones.entry(change.phone.as_str()).or_insert(Item::Table(Table::new()));
    put(phone.as_table_like_mut()?, change)?;
    Some(document.to_string())
}

fn put(phone: &mut dyn TableLike, change: &Change<'_>) -> Option<()> {
    for (name, algorithm) in ALGORITHMS {
        match change.ha1.iter().find(|ha1| ha1.algorithm() == algorithm) {
            Some(ha1) => phone.insert(name, value(ha1.hex())),
            None => phone.remove(name),
        };
    }
    phone.insert(GENERATION, value(i64::try_from(change.generation.number()).ok()?));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REALM: &str = "400.example.cn";

    fn change<'a>(phone: &'a PhoneId, ha1: &'a [Ha1]) -> Change<'a> {
        Change { phone, generation: Generation::new(7), ha1 }
    }

    #[test]
    fn a_change_leaves_all_else_as_it_was_written() {
        let (key, phone) = (Key::new([7; 32]), PhoneId::from("1001"));
        let before = "# mine\nrealm = \"400.example.cn\"\n\n[phones.1001]\nha1_md5 = \"old\" # reception\n\n\
                      [phones.1002]\nha1_md5 = \"other\"\n\n[tokens.admin]\nrole = \"admin\"\nsha256 = \"x\"\n";
        let ha1 = secrets_of(&phone, REALM, "password");
        let after = changed(before, &key, &change(&phone, &ha1)).unwrap();
        insta::assert_snapshot!(after);
        let again = changed(&after, &Key::new([8; 32]), &change(&phone, &ha1)).unwrap();
        assert_eq!(again, after, "a key that is there stays");
        let locked = changed(&after, &key, &change(&phone, &[])).unwrap();
        assert!(!locked.contains(ha1[0].hex()) && locked.contains("generation = 7"), "{locked}");
    }

    #[test]
    fn a_file_is_made_where_there_is_none_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (key, phone) = (Key::new([7; 32]), PhoneId::from("1001"));
        let state = tempfile::tempdir().unwrap();
        let ha1 = secrets_of(&phone, REALM, "password");
        write(state.path(), REALM, &key, &change(&phone, &ha1)).unwrap();
        let path = state.path().join(FILE);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("realm = \"400.example.cn\"") && text.contains(ha1[0].hex()));
        assert!(!text.contains("password\""), "{text}");
    }

    #[test]
    fn a_file_that_is_not_what_the_service_reads_is_left_alone() {
        let (key, phone) = (Key::new([7; 32]), PhoneId::from("1001"));
        for text in ["phones = 1\n", "= =\n", "[phones]\n1001 = 1\n"] {
            let state = tempfile::tempdir().unwrap();
            let path = state.path().join(FILE);
            fs::write(&path, text).unwrap();
            assert!(write(state.path(), REALM, &key, &change(&phone, &[])).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}

//! Peers of the end-to-end tests that no Debian package brings, in `target/clients`: pjsua for
//! Python, and JsSIP made into one script. `tests/clients` has the lists of what is taken, each
//! package with its checksum.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run;

/// One of them: the lists it is made from, a file that is there when it is, and how it is made.
struct Client {
    name: &'static str,
    lists: &'static [&'static str],
    product: &'static str,
    make: fn(&Path) -> Result<(), String>,
}

const CLIENTS: [Client; 2] = [
    Client { name: "python", lists: &["requirements.txt"], product: "bin/python", make: pjsua },
    Client {
        name: "browser",
        lists: &["package.json", "package-lock.json"],
        product: "jssip.js",
        make: jssip,
    },
];

/// Makes those that are missing, or were made from other lists.
///
/// # Errors
/// What could not be done, in a sentence.
pub(crate) fn install() -> Result<(), String> {
    CLIENTS.iter().try_for_each(|client| {
        let folder = run::root().join("target/clients").join(client.name);
        if client.is_made(&folder) {
            return Ok(());
        }
        println!("making {}", folder.display());
        client.lay(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        (client.make)(&folder)?;
        fs::write(folder.join(MADE), client.listed()).map_err(|error| error.to_string())
    })
}

/// What it was made from, written when that has gone well.
const MADE: &str = "made-from";

impl Client {
    fn is_made(&self, folder: &Path) -> bool {
        let made = fs::read_to_string(folder.join(MADE));
        folder.join(self.product).exists() && made.is_ok_and(|made| made == self.listed())
    }

    fn listed(&self) -> String {
        self.lists.iter().filter_map(|list| fs::read_to_string(source(list)).ok()).collect()
    }

    /// An empty folder with the lists in it.
    fn lay(&self, folder: &Path) -> std::io::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        for list in self.lists {
            fs::copy(source(list), folder.join(list))?;
        }
        Ok(())
    }
}

fn source(list: &str) -> PathBuf {
    run::root().join("tests/clients").join(list)
}

fn pjsua(folder: &Path) -> Result<(), String> {
    let (python, list) = (shown(&folder.join("bin/python")), shown(&source("requirements.txt")));
    run::command("python3", &["-m", "venv", &shown(folder)])?;
    let words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let checked = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement"];
    run::command(&python, &[&words[..], &checked[..], &[&list]].concat())
}

/// No package's own script is run: what is needed is in the packages.
fn jssip(folder: &Path) -> Result<(), String> {
    let folder = shown(folder);
    let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", &folder];
    run::command("npm", &words)?;
    run::command("npm", &["run", "--silent", "--prefix", &folder, "build"])
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

//! The repository's own files.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use crate::run;

const SKIPPED: &[&str] = &["target", ".git", "node_modules", ".hotline"];

/// One crate under `crates/`.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Its name, which is its folder's too.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Whether it takes the lints of the workspace.
    pub(crate) has_workspace_lints: bool,
    /// What it needs to be built and to run, by package name.
    pub(crate) dependencies: Vec<String>,
}

/// Every crate under `crates/`, by name.
///
/// # Errors
/// A sentence, when a manifest cannot be read.
pub(crate) fn crates() -> Result<Vec<Crate>, String> {
    let folder = run::root().join("crates");
    let mut found = Vec::new();
    for path in entries(&folder)? {
        let manifest = path.join("Cargo.toml");
        if manifest.is_file() {
            found.push(read_crate(&path, &manifest)?);
        }
    }
    Ok(found)
}

fn read_crate(folder: &Path, manifest: &Path) -> Result<Crate, String> {
    let document = read_toml(manifest)?;
    let name = package_name(&document)
        .ok_or_else(|| format!("{} names no package", manifest.display()))?;
    let dependencies = ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|key| document.get(key).and_then(Item::as_table_like))
        .flat_map(|table| table.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>())
        .collect();
    let has_workspace_lints = document
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(Item::as_bool)
        .unwrap_or(false);
    Ok(Crate { name, folder: folder.to_owned(), has_workspace_lints, dependencies })
}

/// The name of the package in `tests/`, where there is one.
pub(crate) fn end_to_end_package() -> Option<String> {
    let document = read_toml(&run::root().join("tests/Cargo.toml")).ok()?;
    package_name(&document)
}

fn package_name(document: &Document<String>) -> Option<String> {
    let package: &dyn TableLike = document.get("package")?.as_table_like()?;
    Some(package.get("name")?.as_str()?.to_owned())
}

fn read_toml(path: &Path) -> Result<Document<String>, String> {
    let text = read(path)?;
    Document::parse(text).map_err(|error| format!("{}: {error}", path.display()))
}

/// A file's text.
///
/// # Errors
/// A sentence, when it cannot be read.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// Every file with one of these endings, in a stable order, what is built and fetched left out.
///
/// # Errors
/// A sentence, when a folder cannot be read.
pub(crate) fn files(endings: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![run::root()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|end| endings.iter().any(|known| end == *known))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A path as people write it, from the root of the repository.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(run::root()).unwrap_or(path).display().to_string()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fault = |error| format!("{} cannot be read: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault)? {
        found.push(entry.map_err(fault)?.path());
    }
    found.sort();
    Ok(found)
}

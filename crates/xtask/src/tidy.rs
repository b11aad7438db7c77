//! What a reviewer should not have to say: sizes, names, module documentation, links.

use std::path::{Path, PathBuf};

use crate::source;

const MOST_PRODUCTION_LINES: usize = 800;

/// Words that promise work instead of doing it, or belong to one machine. Split, so that this
/// file does not find itself.
const FORBIDDEN: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX:"), concat!("/wo", "rk/")];

/// Words that say nothing about a thing.
const EMPTY_NAMES: &[&str] =
    &["Manager", "Service", "Helper", "Util", "Utils", "Info", "Data", "Processor"];

/// Checks every source file and every document.
///
/// # Errors
/// Every finding, one a line.
pub(crate) fn check() -> Result<(), String> {
    let sources = source::files(&["rs"])?;
    let documents = source::files(&["md"])?;
    let mut findings = Vec::new();
    for path in &sources {
        let text = source::read(path)?;
        findings.extend(source_findings(&source::shown(path), &text));
    }
    for path in source::files(&["rs", "md", "toml", "sh", "html", "js", "sql"])? {
        findings.extend(word_findings(&source::shown(&path), &source::read(&path)?));
    }
    findings.extend(link_findings(&documents)?);
    if findings.is_empty() {
        println!("{} source files, {} documents", sources.len(), documents.len());
        return Ok(());
    }
    Err(findings.join("\n"))
}

fn source_findings(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let is_test =
        path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/");
    let lines = production_lines(text);
    if !is_test && lines > MOST_PRODUCTION_LINES {
        findings.push(format!("{path}: {lines} production lines, {MOST_PRODUCTION_LINES} at most"));
    }
    if path.contains("/src/") && !is_test && !text.starts_with("//!") {
        findings.push(format!("{path}:1: does not open with what the module is for (`//!`)"));
    }
    for (number, line) in text.lines().enumerate() {
        if let Some(name) = empty_name(line) {
            findings.push(format!("{path}:{}: the name `{name}` says nothing", number + 1));
        }
    }
    findings
}

/// Lines before the tests at the file's foot.
fn production_lines(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

fn empty_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| is_modifier(word));
    let kind = words.next()?;
    let name = words.next()?.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    let is_empty = match kind {
        "struct" | "enum" | "trait" | "type" => EMPTY_NAMES.iter().any(|word| name.ends_with(word)),
        // `get_mut` is what the standard library calls it.
        "fn" => name.starts_with("get_") && name != "get_mut",
        _ => false,
    };
    is_empty.then_some(name)
}

fn is_modifier(word: &str) -> bool {
    word.starts_with("pub") || matches!(word, "const" | "async" | "unsafe")
}

fn word_findings(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in FORBIDDEN.iter().filter(|word| line.contains(**word)) {
            findings.push(format!("{path}:{}: `{word}` does not belong in the tree", number + 1));
        }
    }
    findings
}

/// Links that lead nowhere, and documents under `docs/` that nobody links.
fn link_findings(documents: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    let mut linked = Vec::new();
    for document in documents {
        let text = source::read(document)?;
        for link in links(&text) {
            let target = target(document, link);
            if target.exists() {
                linked.push((document.clone(), target.canonicalize().unwrap_or(target)));
            } else {
                findings
                    .push(format!("{}: the link `{link}` leads nowhere", source::shown(document)));
            }
        }
    }
    for document in documents.iter().filter(|path| source::shown(path).starts_with("docs/")) {
        let real = document.canonicalize().unwrap_or_else(|_| document.clone());
        if !linked.iter().any(|(from, to)| *to == real && from != document) {
            findings.push(format!("{}: no document links it", source::shown(document)));
        }
    }
    Ok(findings)
}

/// The local targets of markdown links, without their anchors.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ', '\n']).next())
        .filter_map(|link| link.split('#').next())
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
        .collect()
}

fn target(document: &Path, link: &str) -> PathBuf {
    document.parent().unwrap_or(Path::new(".")).join(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_before_the_tests_count() {
        assert_eq!(production_lines("//! x\nfn a() {}\n\n#[cfg(test)]\nmod tests {}\n"), 3);
    }

    #[test]
    fn a_file_that_is_too_long_is_named() {
        let text = format!("//! x\n{}", "fn a() {}\n".repeat(MOST_PRODUCTION_LINES));
        let expected = "crates/a/src/b.rs: 801 production lines, 800 at most";
        assert_eq!(source_findings("crates/a/src/b.rs", &text), [expected]);
        assert!(source_findings("crates/a/src/b/tests.rs", &text).is_empty());
    }

    #[test]
    fn a_module_opens_with_what_it_is_for() {
        assert_eq!(source_findings("crates/a/src/b.rs", "fn a() {}\n").len(), 1);
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        assert_eq!(empty_name(concat!("pub(crate) struct Call", "Manager {")), Some("CallManager"));
        assert_eq!(empty_name("    pub fn get_agent(&self) {"), Some("get_agent"));
        assert_eq!(empty_name("pub struct Database {"), None);
        assert_eq!(empty_name("pub struct InfoPackage;"), None);
    }

    #[test]
    fn local_links_are_found_without_their_anchors() {
        let text = "[a](docs/a.md#top) [b](https://example.org/) [c](#here) [d](../d.md)";
        assert_eq!(links(text), ["docs/a.md", "../d.md"]);
    }
}

//! Texts with gaps: `$name` stands for any text of one octet or more, the same wherever it stands;
//! `$_` for any text at all.

use std::collections::BTreeMap;

/// What the gaps were found to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found(BTreeMap<String, String>);

impl Found {
    /// Whether the text is what the pattern says; gaps that were open are filled.
    pub(crate) fn matches(&mut self, pattern: &str, text: &str) -> bool {
        match fit(self, pattern, text) {
            Some(found) => {
                *self = found;
                true
            }
            None => false,
        }
    }

    /// The text with every gap filled.
    ///
    /// # Errors
    /// The name of a gap that was not found yet.
    pub(crate) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = gap(rest) {
            filled.push_str(before);
            let value = self.0.get(name).ok_or_else(|| format!("`${name}` is not known yet"))?;
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// What stands before the first gap, its name, and what stands after it.
fn gap(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('$')?;
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    Some((before, name, after))
}

fn fit(found: &Found, pattern: &str, text: &str) -> Option<Found> {
    let Some((before, name, after)) = gap(pattern) else {
        return (pattern == text).then(|| found.clone());
    };
    let text = text.strip_prefix(before)?;
    if let Some(known) = found.0.get(name) {
        return fit(found, after, text.strip_prefix(known.as_str())?);
    }
    let least = usize::from(name != "_");
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.skip(least).find_map(|end| {
        let (value, rest) = text.split_at(end);
        let mut found = found.clone();
        if name != "_" {
            found.0.insert(name.to_owned(), value.to_owned());
        }
        fit(&found, after, rest)
    })
}

#[test]
fn gaps_are_filled_once_and_then_stand() {
    let mut found = Found::default();
    assert!(found.matches("<sip:$user@$_>;tag=$tag", "<sip:1001@192.0.2.1:5060>;tag=x"));
    assert_eq!(found.fill("$user/$tag").as_deref(), Ok("1001/x"));
    assert!(found.matches("$user", "1001"));
    assert!(!found.matches("$user", "1002"));
    assert!(!found.matches("a$nothing", "a"));
    assert!(found.matches("a$_", "a"));
    assert!(found.fill("$other").is_err());
}

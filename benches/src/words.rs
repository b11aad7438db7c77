//! What is said on the command line of a benchmark.

use std::fmt::Debug;
use std::str::FromStr;

/// The numbers after the option of this name, parted by commas, or those it has by default.
///
/// # Panics
/// When they are no numbers.
#[must_use]
pub fn numbers<T: FromStr<Err: Debug>>(name: &str, default: &str) -> Vec<T> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let given = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let text = given.map_or(default, String::as_str).split(',').filter(|text| !text.is_empty());
    text.map(|text| text.parse().expect("a list of numbers")).collect()
}

//! What the commands print.

use std::io::Write as _;

/// A line for people or scripts. A closed pipe is no fault of ours.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A fault.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "error: {text}");
}

/// Something beside what was asked for.
pub(crate) fn warning(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A table: columns as wide as what is in them, Chinese characters counted twice as wide.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    aligned(header, rows).iter().for_each(|row| line(row));
}

/// The lines of a table.
pub(crate) fn aligned(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let wide = |text: &str| text.chars().map(columns).sum::<usize>();
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| wide(cell));
            cells.chain([wide(name)]).max().unwrap_or(0)
        })
        .collect();
    let drawn = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - wide(cell))))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let first = drawn(&mut header.iter().copied());
    let rest = rows.iter().map(|row| drawn(&mut row.iter().map(String::as_str)));
    std::iter::once(first).chain(rest).collect()
}

fn columns(c: char) -> usize {
    let wide = matches!(c, '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF00}'..='\u{FF60}');
    if wide { 2 } else { 1 }
}

/// A span in milliseconds as `4:05` or `1:02:03`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_minutes_and_hours_when_there_are_any() {
        assert_eq!(span(245_000), "4:05");
        assert_eq!(span(3_723_000), "1:02:03");
    }
}

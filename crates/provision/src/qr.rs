//! QR codes (ISO/IEC 18004): as a picture, and as text for a terminal.

use std::fmt::{self, Write as _};

use qrcodegen::{QrCode, QrCodeEcc};

/// The light border that readers need around a code, in modules.
const BORDER: i32 = 4;

/// A QR code. `Debug` hides what it says.
#[derive(Clone)]
pub struct Qr(QrCode);

impl fmt::Debug for Qr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Qr({} modules wide, hidden)", self.0.size())
    }
}

/// A text is too long for a QR code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("text is too long for a QR code")
    }
}

impl std::error::Error for TooLong {}

impl Qr {
    /// The code of a text, of which a seventh may be unreadable.
    ///
    /// # Errors
    /// When the text is too long.
    pub fn of(text: &str) -> Result<Self, TooLong> {
        QrCode::encode_text(text, QrCodeEcc::Medium).map(Self).map_err(|_| TooLong)
    }

    /// The code as an SVG picture, black on white.
    #[must_use]
    pub fn svg(&self) -> String {
        let size = self.0.size() + 2 * BORDER;
        let mut path = String::new();
        for y in 0..self.0.size() {
            for x in 0..self.0.size() {
                if self.0.get_module(x, y) {
                    let _ = write!(path, "M{} {}h1v1h-1z", x + BORDER, y + BORDER);
                }
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/>\
             <path d=\"{path}\"/></svg>\n"
        )
    }

    /// The code as lines of half blocks, two rows of it a line. What is light is drawn, as terminals
    /// are dark; readers take it the other way round, too.
    #[must_use]
    pub fn text(&self) -> String {
        let span = -BORDER..self.0.size() + BORDER;
        let mut text = String::new();
        for y in span.clone().step_by(2) {
            let lit = |x, y| y < span.end && !self.0.get_module(x, y);
            text.extend(span.clone().map(|x| match (lit(x, y), lit(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "https://pbx.example.cn/provision/1001.1795826400.1795740000.\
                        00112233445566778899aabbccddeeff/linphone.xml";

    /// What a reader that nobody here wrote sees; each module is so many pixels wide.
    fn read(side: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
        const PIXELS: usize = 4;
        let side = side * PIXELS;
        let shade = |x, y| if is_dark(x / PIXELS, y / PIXELS) { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, shade);
        let codes = image.detect_grids();
        assert_eq!(codes.len(), 1);
        codes[0].decode().unwrap().1
    }

    #[test]
    fn a_reader_sees_in_the_picture_what_was_written() {
        let svg = Qr::of(TEXT).unwrap().svg();
        let side = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap();
        let is_dark = |x: usize, y: usize| svg.contains(&format!("M{x} {y}h1v1h-1z"));
        assert_eq!(read(side.parse().unwrap(), is_dark), TEXT);
    }

    #[test]
    fn a_reader_sees_in_a_terminal_what_was_written() {
        let text = Qr::of(TEXT).unwrap().text();
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        let side = lines[0].len();
        assert!(side <= 79, "{side} columns fit in a terminal");
        let is_dark = |x: usize, y: usize| {
            let halves = if y.is_multiple_of(2) { ['█', '▀'] } else { ['█', '▄'] };
            !halves.contains(&lines[y / 2][x])
        };
        assert_eq!(read(side, is_dark), TEXT);
    }

    #[test]
    fn a_text_too_long_for_any_code_is_refused() {
        assert_eq!(Qr::of(&"x".repeat(3_000)).unwrap_err(), TooLong);
    }
}

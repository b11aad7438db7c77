//! Whole messages out of a stream of octets (RFC 3261 §18.3, RFC 5626 §3.5.1).

use crate::limit::Limits;
use crate::message::Message;
use crate::parse::{Head, ParseError, ParseErrorKind};

#[cfg(test)]
mod tests;

/// What came out of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// A message.
    Message(Box<Message>),
    /// Octets whose end is known but which are no message: answer them if they can be answered
    /// and go on.
    Malformed(ParseError),
    /// A ping: answer with [`Framer::PONG`].
    Keepalive,
}

/// Cuts a stream into messages. Holds at most one message's octets and what was last pushed.
#[derive(Clone, Debug)]
pub struct Framer {
    limits: Limits,
    buffer: Vec<u8>,
    /// How much of the buffer has been given out.
    taken: usize,
    /// How much after that holds no empty line.
    searched: usize,
    /// The header of the message whose body is still coming.
    head: Option<Head>,
    /// Whether the last octets given out were a line end between messages: half a ping.
    half_ping: bool,
}

impl Framer {
    /// The answer to a ping.
    pub const PONG: &'static [u8] = b"\r\n";

    /// A framer for a new connection.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, buffer: Vec::new(), taken: 0, searched: 0, head: None, half_ping: false }
    }

    /// Takes in octets as they come. Call [`Framer::next_frame`] until it gives nothing before
    /// pushing more.
    pub fn push(&mut self, octets: &[u8]) {
        if self.pending() == 0 {
            // Thousands of idle connections must not each keep the room of their longest message.
            self.buffer = Vec::new();
        } else {
            self.buffer.drain(..self.taken);
        }
        self.taken = 0;
        self.buffer.extend_from_slice(octets);
    }

    /// The next message, ping or malformed message; nothing when more octets are needed.
    ///
    /// # Errors
    /// When nobody can tell where the next message starts: send the error's answer, if it has
    /// one, and close the connection.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ParseError> {
        if self.head.is_none() {
            if self.skip_line_ends() {
                return Ok(Some(Frame::Keepalive));
            }
            if !self.read_head()? {
                return Ok(None);
            }
        }
        Ok(self.finish())
    }

    /// How many octets wait for the rest of their message.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len().saturating_sub(self.taken)
    }

    /// Passes line ends between messages; true when two in a row made a ping.
    fn skip_line_ends(&mut self) -> bool {
        while self.rest().starts_with(b"\r\n") {
            self.take(2);
            self.half_ping = !self.half_ping;
            if !self.half_ping {
                return true;
            }
        }
        if self.pending() > 0 && self.rest() != b"\r" {
            self.half_ping = false;
        }
        false
    }

    /// Reads the header once its empty line is there.
    fn read_head(&mut self) -> Result<bool, ParseError> {
        let limits = self.limits;
        let Some(size) = self.find_end() else {
            return if self.pending() > limits.message { Err(self.too_large()) } else { Ok(false) };
        };
        let mut head = Head::read(self.rest().get(..size).unwrap_or_default(), &limits);
        if head.has_lost_its_end() {
            return Err(head.into_error());
        }
        match head.content_length {
            None => Err(head.into_error_of(ParseErrorKind::NoContentLength)),
            Some(length) if length.saturating_add(head.size) > limits.message => {
                Err(head.into_error_of(ParseErrorKind::TooLarge))
            }
            Some(length) => {
                // It is known where the next message begins: this one is passed over.
                if length > limits.body {
                    head.fault(ParseErrorKind::BodyTooLarge);
                }
                self.searched = 0;
                head.size = size;
                self.head = Some(head);
                Ok(true)
            }
        }
    }

    /// Gives out the message whose header is read once its body is there.
    fn finish(&mut self) -> Option<Frame> {
        let head = self.head.take()?;
        let (size, length) = (head.size, head.content_length.unwrap_or_default());
        let whole = size.saturating_add(length);
        let Some(body) = self.rest().get(size..whole) else {
            self.head = Some(head);
            return None;
        };
        let frame = match head.finish(body) {
            Ok(message) => Frame::Message(Box::new(message)),
            Err(error) => Frame::Malformed(error),
        };
        self.take(whole);
        Some(frame)
    }

    /// Where the empty line ends. What was searched before is not searched again.
    fn find_end(&mut self) -> Option<usize> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let mut from = self.searched;
        while let Some(at) = memchr::memchr(b'\n', rest.get(from..).unwrap_or_default()) {
            let next = from + at + 1;
            match rest.get(next..).unwrap_or_default() {
                [b'\n', ..] => return Some(next + 1),
                [b'\r', b'\n', ..] => return Some(next + 2),
                [] | [b'\r'] => {
                    self.searched = from + at;
                    return None;
                }
                _ => from = next,
            }
        }
        self.searched = rest.len();
        None
    }

    fn too_large(&self) -> ParseError {
        Head::read(self.rest(), &self.limits).into_error_of(ParseErrorKind::TooLarge)
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    fn take(&mut self, octets: usize) {
        self.taken = self.taken.saturating_add(octets).min(self.buffer.len());
        self.searched = 0;
    }
}

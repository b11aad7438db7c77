//! A far side's connection: messages one after another in a stream of any kind.

use std::time::Duration;

use sip::{Frame, Framer, Limits, Message, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);

/// A message on its way over this transport: the peer that makes it has a socket of its own.
pub(crate) fn over(transport: &str, octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap().replace("SIP/2.0/UDP", transport)
}

/// A connection over any stream; what it says is made by a peer without a socket of its own in use.
pub(crate) struct Line<S> {
    pub(crate) stream: S,
    framer: Framer,
    transport: &'static str,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    pub(crate) const fn new(stream: S, transport: &'static str) -> Self {
        Self { stream, framer: Framer::new(Limits::DEFAULT), transport }
    }

    pub(crate) async fn send(&mut self, octets: &[u8]) {
        let octets = over(self.transport, octets).into_bytes();
        // In two pieces: a stream has no message boundaries.
        let (one, two) = octets.split_at(octets.len() / 2);
        for piece in [one, two] {
            self.stream.write_all(piece).await.unwrap();
            self.stream.flush().await.unwrap();
        }
    }

    pub(crate) async fn receive(&mut self) -> Message {
        loop {
            if let Some(Frame::Message(message)) = self.framer.next_frame().unwrap() {
                return *message;
            }
            let mut octets = [0; 4096];
            let read = timeout(PATIENCE, self.stream.read(&mut octets)).await;
            let length = read.expect("nothing came").unwrap();
            assert!(length > 0, "the connection was closed");
            self.framer.push(&octets[..length]);
        }
    }

    /// The next response other than 100.
    pub(crate) async fn response(&mut self) -> Response {
        loop {
            match self.receive().await {
                Message::Response(it) if it.status != StatusCode::TRYING => return it,
                Message::Response(_) => {}
                Message::Request(request) => panic!("not a response: {request:?}"),
            }
        }
    }

    pub(crate) async fn is_closed(&mut self) {
        let mut octets = [0; 4096];
        while timeout(PATIENCE, self.stream.read(&mut octets)).await.unwrap().unwrap_or(0) > 0 {}
    }
}

//! What the task of a connection does: it cuts messages out, and writes what is queued.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clock::Clock;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use model::Timestamp;
use sip::endpoint::ConnectionId;
use sip::{Frame, Framer, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as WebSocketMessage;

use crate::channel::{Channel, Metered, Octets};
use crate::counters::Counted;
use crate::outbox::{Outbox, Unsent};
use crate::settings::ConnectionLimits;
use crate::stream::Arrival;

/// How long what answers the end of a stream has to leave.
const BREATH: Duration = Duration::from_millis(100);
/// Octets read at a time.
const CHUNK: usize = 16 * 1024;

/// What the task of a connection works with.
pub(crate) struct Line {
    pub(crate) id: ConnectionId,
    pub(crate) clock: Clock,
    pub(crate) limits: ConnectionLimits,
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    pub(crate) pongs: Outbox,
    /// Whether it has been of use: only then it may be silent for long.
    pub(crate) of_use: Arc<AtomicBool>,
}

impl Line {
    /// Reads and writes until the connection ends; gives the reason, where it is to be counted.
    pub(crate) async fn serve(&self, channel: Channel, unsent: Unsent) -> Option<Counted> {
        match channel {
            Channel::Octets(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                tokio::select! {
                    why = self.read(reader) => why,
                    why = write(writer, unsent, self.limits.slowest_message) => why,
                }
            }
            Channel::Messages(socket, read) => self.exchange(*socket, &read, unsent).await,
        }
    }

    /// Takes and gives whole messages, each one frame (RFC 7118 §4.3), until the connection ends.
    async fn exchange(
        &self,
        socket: WebSocketStream<Metered>,
        read: &AtomicU64,
        unsent: Unsent,
    ) -> Option<Counted> {
        let (sink, source) = socket.split();
        tokio::select! {
            why = self.take_messages(source, read) => why,
            why = give_messages(sink, unsent, self.limits.slowest_message) => why,
        }
    }

    async fn take_messages(
        &self,
        mut source: SplitStream<WebSocketStream<Metered>>,
        read: &AtomicU64,
    ) -> Option<Counted> {
        let connection = self.id;
        let mut silence = Silence::since(self.clock.now());
        loop {
            let next = match self.next_message(&mut source, read, silence).await {
                Ok(next) => next,
                Err(why) => return Some(why),
            };
            let octets = match next {
                Some(Ok(WebSocketMessage::Text(text))) => text.as_bytes().to_vec(),
                Some(Ok(WebSocketMessage::Binary(octets))) => octets.to_vec(),
                Some(Ok(WebSocketMessage::Close(_)) | Err(_)) | None => return None,
                // The library answers a ping by itself.
                Some(Ok(_)) => Vec::new(),
            };
            let is_empty = octets.iter().all(|octet| matches!(octet, b'\r' | b'\n'));
            silence.heard |= !is_empty;
            if !is_empty || self.may_rest(silence) {
                silence.since = self.clock.now();
            }
            if is_empty {
                if octets.len() >= 4 {
                    self.pongs.put(Framer::PONG.into());
                }
                continue;
            }
            let arrival = match Message::parse_within(&octets, &self.limits.message) {
                Ok(message) => Arrival::Message { connection, message: Box::new(message) },
                Err(error) => Arrival::Malformed { connection, error },
            };
            if self.arrivals.send(arrival).await.is_err() {
                return None;
            }
        }
    }

    /// The next message, when it comes in time: before the connection has been silent for too long, and
    /// without anything of it waiting for the rest for longer than a message may take. The library does
    /// not show what it has of a frame, so the octets that came are looked at now and then.
    async fn next_message<S: Stream + Unpin>(
        &self,
        source: &mut S,
        read: &AtomicU64,
        silence: Silence,
    ) -> Result<Option<S::Item>, Counted> {
        let whole = read.load(Ordering::Relaxed);
        let mut is_begun = false;
        loop {
            let look = self.clock.now() + self.limits.slowest_message;
            let until = silence.since + self.patience(silence);
            if let Ok(next) = timeout_at(self.instant(until.min(look)), source.next()).await {
                return Ok(next);
            }
            let is_silent = self.clock.now() >= silence.since + self.patience(silence);
            if is_silent || is_begun {
                return Err(Counted::SlowConnection);
            }
            is_begun = read.load(Ordering::Relaxed) > whole;
        }
    }

    async fn read(&self, mut reader: ReadHalf<Box<dyn Octets>>) -> Option<Counted> {
        let mut framer = Framer::new(self.limits.message);
        let mut chunk = vec![0; CHUNK];
        let mut silence = Silence::since(self.clock.now());
        loop {
            let rests = framer.pending() == 0;
            let span = if rests { self.patience(silence) } else { self.limits.slowest_message };
            let until = self.instant(silence.since + span);
            let Ok(read) = timeout_at(until, reader.read(&mut chunk)).await else {
                // It may have become of use since.
                if rests && self.patience(silence) > span {
                    continue;
                }
                return Some(Counted::SlowConnection);
            };
            let octets = match read {
                Ok(0) | Err(_) => return None,
                Ok(length) => chunk.get(..length).unwrap_or_default(),
            };
            framer.push(octets);
            let messages = match self.hand_over(&mut framer).await {
                Ok(messages) => messages,
                Err(why) => return why,
            };
            silence.heard |= messages > 0;
            let is_rest = rests || framer.pending() == 0;
            // Pings and beginnings keep nobody in who has been of no use.
            if messages > 0 || (is_rest && self.may_rest(silence)) {
                silence.since = self.clock.now();
            }
        }
    }

    /// Hands every whole message over; gives their number.
    async fn hand_over(&self, framer: &mut Framer) -> Result<usize, Option<Counted>> {
        let connection = self.id;
        let mut messages = 0;
        loop {
            let arrival = match framer.next_frame() {
                Ok(None) => return Ok(messages),
                Ok(Some(Frame::Keepalive)) => {
                    self.pongs.put(Framer::PONG.into());
                    continue;
                }
                Ok(Some(Frame::Message(message))) => Arrival::Message { connection, message },
                Ok(Some(Frame::Malformed(error))) => Arrival::Malformed { connection, error },
                Err(error) => {
                    let _ = self.arrivals.send(Arrival::Malformed { connection, error }).await;
                    // What answers it is queued by then.
                    tokio::time::sleep(BREATH).await;
                    return Err(Some(Counted::BadStream));
                }
            };
            messages += 1;
            if self.arrivals.send(arrival).await.is_err() {
                return Err(None);
            }
        }
    }

    /// How long it may say nothing.
    fn patience(&self, silence: Silence) -> Duration {
        if self.may_rest(silence) {
            self.limits.longest_silence
        } else {
            self.limits.slowest_message
        }
    }

    fn may_rest(&self, silence: Silence) -> bool {
        silence.heard && self.of_use.load(Ordering::Relaxed)
    }

    fn instant(&self, at: Timestamp) -> Instant {
        Instant::from_std(self.clock.instant(at))
    }
}

/// Since when nothing came that counts, and whether any message has come at all.
#[derive(Clone, Copy)]
struct Silence {
    since: Timestamp,
    heard: bool,
}

impl Silence {
    const fn since(since: Timestamp) -> Self {
        Self { since, heard: false }
    }
}

async fn write(
    mut writer: WriteHalf<Box<dyn Octets>>,
    mut unsent: Unsent,
    patience: Duration,
) -> Option<Counted> {
    while let Some(bytes) = unsent.next().await {
        let written = async {
            writer.write_all(&bytes).await?;
            // Over TLS, what is written is not yet sent.
            writer.flush().await
        };
        match timeout(patience, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(Counted::SlowConnection),
        }
    }
    None
}

async fn give_messages(
    mut sink: SplitSink<WebSocketStream<Metered>, WebSocketMessage>,
    mut unsent: Unsent,
    patience: Duration,
) -> Option<Counted> {
    while let Some(bytes) = unsent.next().await {
        // Browsers want text; what is none goes as it is.
        let message = match std::str::from_utf8(&bytes) {
            Ok(text) => WebSocketMessage::text(text),
            Err(_) => WebSocketMessage::binary(bytes.to_vec()),
        };
        match timeout(patience, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(Counted::SlowConnection),
        }
    }
    None
}

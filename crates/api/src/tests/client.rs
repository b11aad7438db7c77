//! A client that speaks HTTP and WebSocket octet by octet, so that it can also speak them badly.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| {
            panic!("{} {}", self.head, String::from_utf8_lossy(&self.body));
        })
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(super) fn code(&self) -> String {
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let body = self.json();
        assert_eq!(body["status"], self.status);
        body["code"].as_str().unwrap().to_owned()
    }
}

/// Sends octets as they are and reads all that comes until the connection ends.
pub(super) async fn raw(address: SocketAddr, octets: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has heard enough may close before all is sent.
    let _ = stream.write_all(octets).await;
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.unwrap();
    read
}

pub(super) async fn send(address: SocketAddr, request: &str) -> Answer {
    let octets = raw(address, request.as_bytes()).await;
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(octets[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: octets[end + 4..].to_vec() }
}

pub(super) struct Stream {
    stream: TcpStream,
    octets: Vec<u8>,
}

/// What a WebSocket server sends.
#[derive(Debug)]
pub(super) enum Frame {
    Text(Value),
    Close(u16, String),
}

impl Stream {
    /// Opens a WebSocket (RFC 6455 §4.1); the answer when it is refused.
    pub(super) async fn open(
        address: SocketAddr,
        path: &str,
        headers: &str,
    ) -> Result<Self, Answer> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: hotline\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut octets = Vec::new();
        let end = loop {
            if let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            read_more(&mut stream, &mut octets).await;
        };
        let head = String::from_utf8(octets[..end].to_vec()).unwrap().to_lowercase();
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        if status != 101 {
            let length = head.split("content-length: ").nth(1).unwrap();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            while octets.len() < end + 4 + length {
                read_more(&mut stream, &mut octets).await;
            }
            return Err(Answer { status, head, body: octets[end + 4..].to_vec() });
        }
        octets.drain(..end + 4);
        Ok(Self { stream, octets })
    }

    /// The next frame that is not a ping. Servers' frames are short, whole and unmasked here.
    pub(super) async fn next(&mut self) -> Frame {
        loop {
            self.fill(2).await;
            let (kind, mut length, mut head) =
                (self.octets[0] & 0x0f, usize::from(self.octets[1]), 2);
            if length == 126 {
                self.fill(4).await;
                length = usize::from(u16::from_be_bytes([self.octets[2], self.octets[3]]));
                head = 4;
            }
            self.fill(head + length).await;
            let body: Vec<u8> = self.octets.drain(..head + length).skip(head).collect();
            match kind {
                1 => return Frame::Text(serde_json::from_slice(&body).unwrap()),
                8 => {
                    let code = u16::from_be_bytes([body[0], body[1]]);
                    return Frame::Close(code, String::from_utf8(body[2..].to_vec()).unwrap());
                }
                9 => {}
                kind => panic!("frame of kind {kind}"),
            }
        }
    }

    pub(super) async fn json(&mut self) -> Value {
        match self.next().await {
            Frame::Text(value) => value,
            Frame::Close(code, reason) => panic!("closed: {code} {reason}"),
        }
    }

    pub(super) async fn write(&mut self, octets: &[u8]) {
        let _ = self.stream.write_all(octets).await;
    }

    /// The next event; `None` when the connection or the stream has ended, even within one.
    pub(super) async fn event_or_end(&mut self) -> Option<Value> {
        while !self.holds_a_frame() {
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.octets)).await.unwrap();
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
        match self.next().await {
            Frame::Text(value) => Some(value),
            Frame::Close(..) => None,
        }
    }

    fn holds_a_frame(&self) -> bool {
        match self.octets.get(1).map(|length| usize::from(*length)) {
            Some(126) => {
                let length = self.octets.get(2..4).map(|two| u16::from_be_bytes([two[0], two[1]]));
                length.is_some_and(|length| self.octets.len() >= 4 + usize::from(length))
            }
            Some(length) => self.octets.len() >= 2 + length,
            None => false,
        }
    }

    async fn fill(&mut self, length: usize) {
        while self.octets.len() < length {
            read_more(&mut self.stream, &mut self.octets).await;
        }
    }
}

async fn read_more(stream: &mut TcpStream, octets: &mut Vec<u8>) {
    let read = timeout(PATIENCE, stream.read_buf(octets)).await.unwrap().unwrap();
    assert!(read > 0, "connection ended: {}", String::from_utf8_lossy(octets));
}

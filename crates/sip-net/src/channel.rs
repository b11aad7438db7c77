//! What messages travel over: a stream of octets, in the clear or over TLS, or a WebSocket
//! (RFC 7118).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::counters::Counted;
use crate::settings::Protocol;
use crate::tls::{self, Expected, TlsClient};

/// The subprotocol that says that SIP is spoken (RFC 7118 §4.1).
const SUBPROTOCOL: &str = "sip";

/// The longest message over a WebSocket, as over any stream.
const LONGEST: usize = sip::Limits::DEFAULT.message;

/// Octets that are held for each WebSocket; more where a message is longer.
const READ_BUFFER: usize = 4_096;

/// How long a connection may take to come about: long enough for the system to have asked three
/// times, short enough for whoever waits to be served another way.
const CONNECTING: Duration = Duration::from_secs(4);

/// A stream of octets, whatever it is made of.
pub(crate) trait Octets: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Octets for T {}

/// A connection over which messages can be exchanged.
pub(crate) enum Channel {
    /// Messages follow each other in a stream.
    Octets(Box<dyn Octets>),
    /// Each message stands alone; with it, how many octets have come.
    Messages(Box<WebSocketStream<Metered>>, Arc<AtomicU64>),
}

/// Why a connection that was accepted came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unopened {
    /// Whoever opened it left again, would not have our certificate, or came from a page that may not:
    /// phones do that too.
    Left(Counted),
    /// Whoever opened it does not speak what is spoken there, or takes its time over it.
    Offended(Counted),
}

/// Opens the channel of a connection that was accepted.
///
/// # Errors
/// The reason to be counted, when what is said first is not what belongs there.
pub(crate) async fn greet(
    stream: TcpStream,
    protocol: Protocol,
    proves: Option<ServerName<'static>>,
) -> Result<Channel, Unopened> {
    prepare(&stream);
    match protocol {
        Protocol::Plain => Ok(Channel::Octets(Box::new(stream))),
        Protocol::Tls(tls) => Ok(Channel::Octets(secured(stream, &tls, proves).await?)),
        Protocol::WebSocket(origins) => upgraded(Box::new(stream), &origins).await,
        Protocol::SecureWebSocket(tls, origins) => {
            upgraded(secured(stream, &tls, proves).await?, &origins).await
        }
    }
}

/// Opens a connection in the clear.
pub(crate) async fn connect(peer: std::net::SocketAddr) -> Option<Channel> {
    Some(Channel::Octets(Box::new(opened(peer).await?)))
}

/// Opens a connection over TLS to a server that can prove this name.
pub(crate) async fn connect_secured(
    peer: std::net::SocketAddr,
    (client, expected): (TlsClient, Expected),
) -> Option<Channel> {
    let stream = opened(peer).await?;
    let Expected { trunk, name } = expected;
    match TlsConnector::from(client.config()).connect(name.clone(), stream).await {
        Ok(stream) => Some(Channel::Octets(Box::new(stream))),
        Err(error) => {
            let trunk = trunk.as_ref().map(|it| it.as_str());
            let theirs = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
            let name = name.to_str();
            if let Some(rustls::Error::InvalidCertificate(why)) = theirs {
                let must = "be for this name, in date, and from an authority in `tls_ca`";
                tracing::warn!(trunk, %peer, %name, ?why, must, "a certificate is not believed");
            } else {
                tracing::warn!(trunk, %peer, %error, "no TLS with this peer");
            }
            None
        }
    }
}

async fn opened(peer: std::net::SocketAddr) -> Option<TcpStream> {
    let stream = timeout(CONNECTING, TcpStream::connect(peer)).await.ok()?.ok()?;
    prepare(&stream);
    Some(stream)
}

fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

async fn secured(
    stream: TcpStream,
    tls: &crate::Tls,
    proves: Option<ServerName<'static>>,
) -> Result<Box<dyn Octets>, Unopened> {
    let accepted = TlsAcceptor::from(tls.config()).accept(stream).await;
    let stream = accepted.map_err(|error| {
        tracing::debug!(%error, "no TLS with whoever connects");
        // An expired certificate of ours must not shut out everybody who says so (RFC 8446 §6.2).
        let ours = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
        match ours {
            None | Some(rustls::Error::AlertReceived(_)) => {
                Unopened::Left(Counted::HandshakeFailed)
            }
            Some(_) => Unopened::Offended(Counted::HandshakeFailed),
        }
    })?;
    let (socket, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first);
    if let (Some(name), Some(shown)) = (proves, shown)
        && !tls::is_for(shown, &name)
    {
        let peer = socket.peer_addr().ok();
        let name = name.to_str();
        tracing::warn!(?peer, %name, "the certificate that a trunk shows is not for its name");
        return Err(Unopened::Offended(Counted::OtherCertificate));
    }
    Ok(Box::new(stream))
}

async fn upgraded(stream: Box<dyn Octets>, origins: &[String]) -> Result<Channel, Unopened> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
        .max_write_buffer_size(4 * LONGEST);
    #[expect(clippy::result_large_err, reason = "the answer of a handshake is the library's type")]
    let judge = |request: &Request, response: Response| judged(request, response, origins);
    let read = Arc::<AtomicU64>::default();
    let stream = Metered { stream, read: Arc::clone(&read) };
    let upgraded =
        tokio_tungstenite::accept_hdr_async_with_config(stream, judge, Some(config)).await;
    upgraded.map(|socket| Channel::Messages(Box::new(socket), read)).map_err(|error| {
        tracing::debug!(%error, "no WebSocket with whoever connects");
        let has_left = matches!(
            &error,
            Error::Io(_)
                | Error::ConnectionClosed
                | Error::Protocol(ProtocolError::HandshakeIncomplete)
        );
        let may_not =
            |it: &Error| matches!(it, Error::Http(it) if it.status() == StatusCode::FORBIDDEN);
        if has_left || may_not(&error) {
            Unopened::Left(Counted::HandshakeFailed)
        } else {
            Unopened::Offended(Counted::HandshakeFailed)
        }
    })
}

/// Takes the upgrade of whoever speaks SIP and comes from a page that may.
#[expect(clippy::result_large_err, reason = "the answer of a handshake is the library's type")]
fn judged(
    request: &Request,
    mut response: Response,
    origins: &[String],
) -> Result<Response, ErrorResponse> {
    if !speaks_sip(request.headers()) {
        return Err(refusal(StatusCode::BAD_REQUEST, "the subprotocol `sip` is needed"));
    }
    let origin = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let may = origins.is_empty()
        || origin.is_some_and(|origin| origins.iter().any(|known| known == origin));
    if !may {
        return Err(refusal(StatusCode::FORBIDDEN, "pages of this origin may not connect"));
    }
    let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
    response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    Ok(response)
}

fn speaks_sip(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|it| it.split(','));
    offered.any(|name| name.trim() == SUBPROTOCOL)
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(why.to_owned()));
    *response.status_mut() = status;
    response
}

/// A stream that says how many octets were read from it.
pub(crate) struct Metered {
    stream: Box<dyn Octets>,
    read: Arc<AtomicU64>,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let come = buffer.filled().len().saturating_sub(before);
        self.read.fetch_add(u64::try_from(come).unwrap_or(u64::MAX), Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

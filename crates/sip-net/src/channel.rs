//! What messages travel over: a stream of octets, in the clear or over TLS, or a WebSocket
//! (RFC 7118).

use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::counters::Counted;
use crate::settings::Protocol;
use crate::tls::TlsClient;

/// The subprotocol that says that SIP is spoken (RFC 7118 §4.1).
const SUBPROTOCOL: &str = "sip";

/// The longest message over a WebSocket, as over any stream.
const LONGEST: usize = sip::Limits::DEFAULT.message;

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
    /// Each message stands alone.
    Messages(Box<WebSocketStream<Box<dyn Octets>>>),
}

/// Opens the channel of a connection that was accepted.
///
/// # Errors
/// The reason to be counted, when what is said first is not what belongs there.
pub(crate) async fn greet(stream: TcpStream, protocol: Protocol) -> Result<Channel, Counted> {
    prepare(&stream);
    match protocol {
        Protocol::Plain => Ok(Channel::Octets(Box::new(stream))),
        Protocol::Tls(tls) => Ok(Channel::Octets(secured(stream, &tls).await?)),
        Protocol::WebSocket(origins) => upgraded(Box::new(stream), &origins).await,
        Protocol::SecureWebSocket(tls, origins) => {
            upgraded(secured(stream, &tls).await?, &origins).await
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
    (client, name): (TlsClient, ServerName<'static>),
) -> Option<Channel> {
    let stream = opened(peer).await?;
    match TlsConnector::from(client.config()).connect(name, stream).await {
        Ok(stream) => Some(Channel::Octets(Box::new(stream))),
        Err(error) => {
            tracing::warn!(%peer, %error, "no TLS with this peer");
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

async fn secured(stream: TcpStream, tls: &crate::Tls) -> Result<Box<dyn Octets>, Counted> {
    let accepted = TlsAcceptor::from(tls.config()).accept(stream).await;
    let stream = accepted.map_err(|error| {
        tracing::debug!(%error, "no TLS with whoever connects");
        Counted::HandshakeFailed
    })?;
    Ok(Box::new(stream))
}

async fn upgraded(stream: Box<dyn Octets>, origins: &[String]) -> Result<Channel, Counted> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
        .max_write_buffer_size(4 * LONGEST);
    #[expect(clippy::result_large_err, reason = "the answer of a handshake is the library's type")]
    let judge = |request: &Request, response: Response| judged(request, response, origins);
    let upgraded =
        tokio_tungstenite::accept_hdr_async_with_config(stream, judge, Some(config)).await;
    upgraded.map(|socket| Channel::Messages(Box::new(socket))).map_err(|error| {
        tracing::debug!(%error, "no WebSocket with whoever connects");
        Counted::HandshakeFailed
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

//! The HTTP server: bounded in connections and in how long a client may take to ask.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The most connections at once; further ones are closed.
const CONNECTIONS: usize = 1_024;

/// How long a client may take to send a request's head, and may keep a connection without asking.
/// Tests need not wait as long as people.
const HEAD: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });

/// How long an answer may lie unread before the connection is cut.
const UNREAD: Duration = Duration::from_secs(30);

/// The longest head, in octets.
const LONGEST_HEAD: usize = 32 << 10;

/// How long requests at hand may take once the service stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long accepting pauses when the system has no more file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a request's connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Serves until `stop` becomes true; then takes no more, lets requests at hand end, and returns.
///
/// # Errors
/// When the address cannot be listened on any more.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stopped(&mut stop) => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        connections.spawn(connection((stream, peer), router.clone(), place, stop.clone()));
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::info!(open = connections.len(), "connections cut at stop");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
    match listener.accept().await {
        Ok((stream, peer)) => {
            let place = Arc::clone(places).try_acquire_owned();
            place
                .inspect_err(|_| tracing::debug!(%peer, "too many connections: closed"))
                .ok()
                .map(|place| (stream, Peer(peer), place))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection cannot be accepted");
            sleep(PAUSE).await;
            None
        }
    }
}

async fn connection(
    (stream, peer): (TcpStream, Peer),
    router: Router,
    place: OwnedSemaphorePermit,
    mut stop: watch::Receiver<bool>,
) {
    // Without it small answers wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    // Whoever asks and does not take the answer would keep a place for ever.
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
    drop(place);
}

/// Waits until the service stops.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: then the service is ending.
    let _ = stop.wait_for(|stop| *stop).await;
}

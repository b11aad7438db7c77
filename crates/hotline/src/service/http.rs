//! The API's listener.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// The API, served until stopped.
#[derive(Debug)]
pub(crate) struct Http {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Http {
    pub(crate) async fn start(listen: SocketAddr, wiring: api::Wiring) -> Result<Self, Failure> {
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            Failure::new(format!(
                "the API cannot listen at {listen}: {error}; end what listens there, or change \
                 `listen` in [api]"
            ))
        })?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let router = api::router(wiring, stopped.clone());
        let task = tokio::spawn(api::serve(listener, router, stopped));
        Ok(Self { address, stop, task })
    }

    /// Whether it has ended, which before [`Http::stop`] is a fault.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Closes event streams, lets requests under way finish, and ends.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the API ended with an error"),
            Err(error) => tracing::error!(%error, "the API ended by a fault of ours"),
        }
    }
}

//! Requests that are too large for a datagram (RFC 3261 §18.1.1): by a stream to the same address,
//! and in a datagram after all when no stream is taken there.

use std::sync::Arc;

use model::Timestamp;

use super::{Full, TransactionId, TransactionLayer, sending};
use crate::endpoint::{Destination, Transport};
use crate::header::{self, HeaderName};
use crate::message::Request;
use crate::transaction::Reliability;
use crate::transaction::entry::{Datagram, Machine, essence_of_ours};

impl<U: Copy> TransactionLayer<U> {
    /// Sends a request like [`Self::send`], that is too large for the datagram it was made for.
    ///
    /// # Errors
    /// As there.
    pub fn send_large(
        &mut self,
        request: &Request,
        destination: Destination,
        user: U,
        now: Timestamp,
    ) -> Result<TransactionId, Full> {
        let mut by_stream = request.clone();
        let mut via = request.via().map_err(|_| Full)?;
        via.transport = header::Transport::Tcp;
        by_stream.headers.set(HeaderName::Via, &via);
        let stream = Destination { transport: Transport::Tcp, ..destination };
        let id = self.send(&by_stream, stream, user, now)?;
        if let Some(entry) = self.entries.get_mut(&id) {
            let bytes = request.to_bytes().into();
            let request = Box::new(essence_of_ours(request));
            entry.instead = Some(Box::new(Datagram { bytes, request, destination }));
        }
        Ok(id)
    }

    /// Where a request of ours would have gone, had it not been too large.
    #[must_use]
    pub fn too_large_for(&self, id: TransactionId) -> Option<Destination> {
        let datagram = self.entries.get(&id)?.instead.as_ref()?;
        Some(datagram.destination)
    }

    /// Nobody takes the stream. The branch stays: a peer who has read the request all the same
    /// knows this one for a copy.
    pub(super) fn send_instead(&mut self, id: TransactionId, datagram: Datagram, now: Timestamp) {
        let Datagram { bytes, request, destination } = datagram;
        let Some(entry) = self.entries.get_mut(&id) else { return };
        self.destinations.remove(&(entry.destination, id));
        self.destinations.insert((destination, id));
        let unreliable = Reliability::Unreliable;
        entry.machine = Machine::client(&request.method, &self.timing, unreliable, now);
        entry.request = Some(request);
        entry.repeated = Some(Arc::clone(&bytes));
        entry.destination = destination;
        self.output.push_back(sending(bytes, destination));
        self.rearm(id);
    }
}

//! What the layer keeps of one transaction: its machine, the messages to repeat, and its keys.

use std::sync::Arc;

use model::Timestamp;

use super::{
    Actions, ClientKey, InviteClient, InviteServer, NonInviteClient, NonInviteServer, Reliability,
    ResponseClass, ServerKey, Timing,
};
use crate::endpoint::Destination;
use crate::header::{HeaderName, Headers};
use crate::message::{Method, Request};

/// One transaction under way.
#[derive(Debug)]
pub(super) struct Entry<U> {
    pub(super) machine: Machine,
    pub(super) user: U,
    /// None of a server of a request other than INVITE whose final response is out.
    pub(super) request: Option<Box<Request>>,
    /// The request of a client, the last response of a server; none before the first response.
    pub(super) repeated: Option<Arc<[u8]>>,
    pub(super) acknowledgement: Option<Arc<[u8]>>,
    /// The datagram that it is too large for, to be sent when no stream is taken.
    pub(super) instead: Option<Box<Datagram>>,
    pub(super) destination: Destination,
    /// What stands in the set of deadlines.
    pub(super) deadline: Option<Timestamp>,
    pub(super) key: Key,
}

impl<U> Entry<U> {
    pub(super) fn reliability(&self) -> Reliability {
        self.destination.transport.reliability()
    }

    /// The octets of a request of ours, and where they were meant to go.
    pub(super) fn sent(&self) -> Option<(Arc<[u8]>, Destination)> {
        let bytes = self.repeated.clone().filter(|_| matches!(self.key, Key::Client(_)))?;
        // The stream was for one large request alone (§18.1.1).
        let usual = self.instead.as_ref().map_or(self.destination, |it| it.destination);
        Some((bytes, usual))
    }
}

/// The same request, for another transport.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) bytes: Arc<[u8]>,
    pub(super) request: Box<Request>,
    pub(super) destination: Destination,
}

/// Fields of a usual request that are worth keeping: room for so many is made at once.
const ESSENTIAL_FIELDS: usize = 8;

/// What of a request is worth keeping: the fields that responses, ACK, CANCEL and dialogs are made
/// of. The rest may be long, and thousands are kept.
pub(super) fn essence(request: &Request) -> Request {
    let mut kept = Request::new(request.method.clone(), request.uri.clone());
    kept.headers = Headers::with_room_for(ESSENTIAL_FIELDS);
    let fields = [
        HeaderName::Via,
        HeaderName::Route,
        HeaderName::RecordRoute,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::CSeq,
        HeaderName::Timestamp,
    ];
    for field in &fields {
        kept.headers.copy(field, &request.headers);
    }
    kept.headers = kept.headers.detached();
    kept
}

/// The same of a request of ours: the ACK of a 2xx has its credentials, too (§13.2.2.4).
pub(super) fn essence_of_ours(request: &Request) -> Request {
    let mut kept = essence(request);
    for field in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        kept.headers.copy(&field, &request.headers);
    }
    kept
}

/// Where the layer finds a transaction.
#[derive(Debug)]
pub(super) enum Key {
    Client(Arc<ClientKey>),
    Server(Arc<ServerKey>, Option<Arc<Origin>>),
}

/// What two copies of one request have in common (RFC 3261 §8.2.2.2).
#[derive(PartialEq, Eq, Hash, Debug)]
pub(super) struct Origin {
    call_id: Box<str>,
    from_tag: Box<str>,
    cseq: u32,
    method: Method,
}

impl Origin {
    /// None for a request without From tag: RFC 2543 cannot tell copies apart.
    pub(super) fn of(request: &Request) -> Option<Self> {
        Some(Self {
            call_id: request.call_id().ok()?.into(),
            from_tag: request.headers.from_ref().ok()?.tag()?.into(),
            cseq: request.cseq().ok()?.number,
            method: request.method.clone(),
        })
    }
}

/// One of the four machines. What is not for a kind of machine does nothing to it.
#[derive(Debug)]
pub(super) enum Machine {
    InviteClient(InviteClient),
    NonInviteClient(NonInviteClient),
    InviteServer(InviteServer),
    NonInviteServer(NonInviteServer),
}

impl Machine {
    pub(super) fn client(
        method: &Method,
        timing: &Timing,
        reliability: Reliability,
        now: Timestamp,
    ) -> Self {
        if *method == Method::Invite {
            Self::InviteClient(InviteClient::start(timing, reliability, now))
        } else {
            Self::NonInviteClient(NonInviteClient::start(timing, reliability, now))
        }
    }

    pub(super) fn server(method: &Method, timing: &Timing, now: Timestamp) -> Self {
        if *method == Method::Invite {
            Self::InviteServer(InviteServer::start())
        } else {
            Self::NonInviteServer(NonInviteServer::start(timing, now))
        }
    }

    pub(super) fn send(
        &mut self,
        class: ResponseClass,
        timing: &Timing,
        reliability: Reliability,
        now: Timestamp,
    ) -> Actions {
        match self {
            Self::InviteServer(machine) => machine.send(class, timing, reliability, now),
            Self::NonInviteServer(machine) => machine.send(class, timing, reliability, now),
            Self::InviteClient(_) | Self::NonInviteClient(_) => &[],
        }
    }

    pub(super) fn respond(
        &mut self,
        class: ResponseClass,
        timing: &Timing,
        reliability: Reliability,
        now: Timestamp,
    ) -> Actions {
        match self {
            Self::InviteClient(machine) => machine.respond(class, timing, reliability, now),
            Self::NonInviteClient(machine) => machine.respond(class, timing, reliability, now),
            Self::InviteServer(_) | Self::NonInviteServer(_) => &[],
        }
    }

    pub(super) fn acknowledge(
        &mut self,
        timing: &Timing,
        reliability: Reliability,
        now: Timestamp,
    ) -> Actions {
        match self {
            Self::InviteServer(machine) => machine.acknowledge(timing, reliability, now),
            Self::NonInviteServer(_) | Self::InviteClient(_) | Self::NonInviteClient(_) => &[],
        }
    }

    pub(super) fn repeat(&mut self) -> Actions {
        match self {
            Self::InviteServer(machine) => machine.repeat(),
            Self::NonInviteServer(machine) => machine.repeat(),
            Self::InviteClient(_) | Self::NonInviteClient(_) => &[],
        }
    }

    pub(super) fn fail(&mut self) -> Actions {
        match self {
            Self::InviteClient(machine) => machine.fail(),
            Self::NonInviteClient(machine) => machine.fail(),
            Self::InviteServer(machine) => machine.fail(),
            Self::NonInviteServer(machine) => machine.fail(),
        }
    }

    pub(super) fn expire(&mut self, timing: &Timing, now: Timestamp) -> Actions {
        match self {
            Self::InviteClient(machine) => machine.expire(timing, now),
            Self::NonInviteClient(machine) => machine.expire(timing, now),
            Self::InviteServer(machine) => machine.expire(timing, now),
            Self::NonInviteServer(machine) => machine.expire(),
        }
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        let deadline = match self {
            Self::InviteClient(machine) => machine.deadline(),
            Self::NonInviteClient(machine) => machine.deadline(),
            Self::InviteServer(machine) => machine.deadline(),
            Self::NonInviteServer(machine) => machine.deadline(),
        };
        deadline.map(|(due, _)| due)
    }

    /// Whether its request is needed no more: what is said again is said as it was.
    pub(super) const fn is_answered(&self) -> bool {
        matches!(self, Self::NonInviteServer(NonInviteServer::Completed { .. }))
    }

    /// Whether nothing came back yet.
    pub(super) const fn is_unheard(&self) -> bool {
        matches!(
            self,
            Self::InviteClient(InviteClient::Calling { .. })
                | Self::NonInviteClient(NonInviteClient::Trying { .. })
        )
    }

    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::InviteClient(machine) => *machine == InviteClient::Terminated,
            Self::NonInviteClient(machine) => *machine == NonInviteClient::Terminated,
            Self::InviteServer(machine) => *machine == InviteServer::Terminated,
            Self::NonInviteServer(machine) => *machine == NonInviteServer::Terminated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    #[test]
    fn what_is_kept_of_a_request_keeps_nothing_else_of_its_datagram() {
        let text = "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bKx\r\nRoute:\r\n\
                    From: <sip:c@a>;tag=1\r\nTo: <sip:c@a>\r\nCall-ID: d\r\nCSeq: 1 REGISTER\r\n\
                    Subject: long\r\n\r\n";
        let Ok(Message::Request(request)) = Message::parse(text.as_bytes()) else { panic!() };
        let kept = essence(&request);
        let written: Vec<_> = kept.headers.iter().map(|header| format!("{header:?}")).collect();
        let expected = [
            "Via: SIP/2.0/UDP b;branch=z9hG4bKx",
            "Route: ",
            "From: <sip:c@a>;tag=1",
            "To: <sip:c@a>",
            "Call-ID: d",
            "CSeq: 1 REGISTER",
        ];
        assert_eq!(written, expected);
        let octets = |request: &Request| -> Vec<_> {
            let values = request.headers.iter().map(|header| header.value());
            values.filter(|value| !value.is_empty()).map(<[u8]>::as_ptr_range).collect()
        };
        for value in octets(&kept) {
            let shared = octets(&request).iter().any(|theirs| theirs.contains(&value.start));
            assert!(!shared, "a value lies in the message that was received");
        }
    }
}

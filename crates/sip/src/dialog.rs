//! Dialogs: what two user agents share while they speak (RFC 3261 §12).
//!
//! | made by | route set | remote target | CSeq of ours | CSeq of theirs |
//! |---|---|---|---|---|
//! | a request that came in (§12.1.1) | Record-Route in order | its Contact | drawn here | the request's |
//! | a response to our request (§12.1.2) | Record-Route reversed | its Contact | the request's | not yet known |

use crate::endpoint::Destination;
use crate::header::{CSeq, HeaderError, HeaderName, NameAddr};
use crate::message::{Method, Request, Response};
use crate::uri::Uri;

/// Where our CSeq starts in a dialog that the peer opened; any number below 2³¹ will do.
const FIRST_CSEQ: u32 = 1;

/// A dialog, early or confirmed, seen from our side.
#[derive(Clone, Debug)]
pub struct Dialog {
    call_id: String,
    local: NameAddr,
    remote: NameAddr,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    target: Uri,
    routes: Vec<NameAddr>,
    destination: Destination,
}

/// What names a dialog among those of one Call-ID and one tag of ours.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RemoteTag(pub Box<str>);

impl RemoteTag {
    /// The tag of this From or To; empty when it has none, as in RFC 2543.
    #[must_use]
    pub fn of(address: &NameAddr) -> Self {
        Self(address.tag().unwrap_or_default().into())
    }
}

/// What a request's CSeq says of its place in the dialog (§12.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sequence {
    /// It follows what came before.
    InOrder,
    /// It is older than one already seen: to be refused with 500.
    Stale,
}

impl Dialog {
    /// The dialog that our answer with `local_tag` to this request makes.
    ///
    /// # Errors
    /// When the request lacks a header field that a dialog needs, Contact included.
    pub fn of_request(
        request: &Request,
        local_tag: &str,
        destination: Destination,
    ) -> Result<Self, HeaderError> {
        let missing = HeaderError { header: HeaderName::Contact, what: "missing" };
        Ok(Self {
            call_id: request.call_id()?.to_owned(),
            local: request.to()?.with_tag(local_tag),
            remote: request.from()?,
            local_cseq: FIRST_CSEQ - 1,
            remote_cseq: Some(request.cseq()?.number),
            target: request.contact()?.ok_or(missing)?.uri,
            routes: request.headers.addresses(&HeaderName::RecordRoute)?,
            destination,
        })
    }

    /// The dialog that this response to our request makes. A response without Contact leaves the
    /// target where the request went.
    ///
    /// # Errors
    /// When a header field that a dialog needs cannot be read.
    pub fn of_response(
        request: &Request,
        response: &Response,
        destination: Destination,
    ) -> Result<Self, HeaderError> {
        let mut routes = response.headers.addresses(&HeaderName::RecordRoute)?;
        routes.reverse();
        let contact = response.contact()?.map(|contact| contact.uri);
        Ok(Self {
            call_id: request.call_id()?.to_owned(),
            local: request.from()?,
            remote: response.to()?,
            local_cseq: request.cseq()?.number,
            remote_cseq: None,
            target: contact.unwrap_or_else(|| request.uri.clone()),
            routes,
            destination,
        })
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or_default()
    }

    /// The peer's tag.
    #[must_use]
    pub fn remote_tag(&self) -> RemoteTag {
        RemoteTag::of(&self.remote)
    }

    /// The user of our own address, for our Contact.
    #[must_use]
    pub fn local_user(&self) -> Option<&str> {
        self.local.uri.user.as_deref()
    }

    /// Where requests of this dialog go.
    #[must_use]
    pub const fn destination(&self) -> Destination {
        self.destination
    }

    /// Sends what follows somewhere else: the peer was heard from there.
    pub const fn move_to(&mut self, destination: Destination) {
        self.destination = destination;
    }

    /// The host that the next request is addressed to: the first route, or the target.
    #[must_use]
    pub fn next_hop(&self) -> &Uri {
        self.routes.first().map_or(&self.target, |route| &route.uri)
    }

    /// The next request of ours in this dialog (§12.2.1.1), without Via and Contact.
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq += 1;
        self.numbered(method, self.local_cseq)
    }

    /// The ACK of a 2xx to our INVITE with this CSeq number (§13.2.2.4), without Via.
    #[must_use]
    pub fn acknowledgement(&self, cseq: u32) -> Request {
        self.numbered(Method::Ack, cseq)
    }

    /// Takes note of the CSeq of a request of the peer other than ACK and CANCEL.
    pub fn follow(&mut self, cseq: u32) -> Sequence {
        if self.remote_cseq.is_some_and(|last| cseq < last) {
            return Sequence::Stale;
        }
        self.remote_cseq = Some(cseq);
        Sequence::InOrder
    }

    /// The peer's new address, when a target refresh names one (§12.2.1.2, §12.2.2).
    pub fn refresh(&mut self, contact: Option<NameAddr>) {
        if let Some(contact) = contact {
            self.target = contact.uri;
        }
    }

    fn numbered(&self, method: Method, number: u32) -> Request {
        let (uri, routes) = self.addressed();
        let mut request = Request::new(method.clone(), uri);
        let headers = &mut request.headers;
        for route in routes {
            headers.push(HeaderName::Route, &route);
        }
        headers.push(HeaderName::From, &self.local);
        headers.push(HeaderName::To, &self.remote);
        headers.push(HeaderName::CallId, self.call_id.as_str());
        headers.push(HeaderName::CSeq, &CSeq { number, method });
        request
    }

    /// The Request-URI and the Route fields (§12.2.1.1): a strict first route becomes the
    /// Request-URI, and the target the last route.
    fn addressed(&self) -> (Uri, Vec<NameAddr>) {
        match self.routes.split_first() {
            Some((first, rest)) if !first.uri.params.has("lr") => {
                let mut uri = first.uri.clone();
                uri.headers = None;
                uri.params.remove("method");
                let target = NameAddr::new(self.target.clone());
                (uri, rest.iter().cloned().chain([target]).collect())
            }
            _ => (self.target.clone(), self.routes.clone()),
        }
    }
}

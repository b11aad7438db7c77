//! Dialogs: what two user agents share while they speak (RFC 3261 §12).
//!
//! | made by | route set | remote target | CSeq of ours | CSeq of theirs |
//! |---|---|---|---|---|
//! | a request that came in (§12.1.1) | Record-Route in order | its Contact | drawn here | the request's |
//! | a response to our request (§12.1.2) | Record-Route reversed | its Contact | the request's | not yet known |
//!
//! The peer is followed to wherever it speaks from, for a NAT may give it another port at any time. But
//! whoever has read the tags can speak in its name, so there is a way by which the peer is known, and
//! the numbers heard by other ways do not count against what comes by that:
//!
//! | a request comes | its CSeq must be above | and |
//! |---|---|---|
//! | by the known way | the last that came by it | |
//! | from elsewhere | the last of all | at most 2¹⁶ above it |
//!
//! §12.2.2 has one count for all, with which a single number made up elsewhere would shut the peer out for
//! the rest of the call. In turn, what a peer has said after a move may be played again with its old address
//! forged, until it is known where it is: whoever can do that can write a request of his own, with the
//! next number. Only proof holds him back, and that is asked for where secrets are known.

use crate::endpoint::{Attempt, Body, Destination, ExtraHeaders, Outgoing};
use crate::header::{CSeq, HeaderError, HeaderName, NameAddr};
use crate::message::{Method, Request, Response};
use crate::uri::Uri;

/// Where our CSeq starts in a dialog that the peer opened; any number below 2³¹ will do.
const FIRST_CSEQ: u32 = 1;

/// How far the CSeq may leap from one request to the next that comes from elsewhere. A peer counts in
/// ones (§12.2.1.1), and what it has asked in vain, which we do not count, is less than that; what is more
/// leaves nobody else a number.
const FARTHEST: u32 = 1 << 16;

/// A dialog, early or confirmed, seen from our side.
#[derive(Clone, Debug)]
pub struct Dialog {
    call_id: String,
    local: NameAddr,
    remote: NameAddr,
    local_cseq: u32,
    /// That of the request carried out last, wherever it came from.
    remote_cseq: Option<u32>,
    known: Known,
    target: Uri,
    routes: Vec<NameAddr>,
    destination: Destination,
}

/// The way by which the peer is known: where it was when the dialog was made, or where it has proven
/// itself since.
#[derive(Clone, Copy, Debug)]
struct Known {
    way: Destination,
    /// The CSeq of the request carried out last that came by it.
    cseq: Option<u32>,
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
    /// Its number was used before, or an even later one: to be refused with 500. A request that is sent
    /// again is known by its transaction, and one whose answer was forgotten has been carried out: what
    /// it asks for must not be done twice, whoever it is that says it again.
    Stale,
    /// It comes from elsewhere, and its number is higher than the peer can have come to: refused too.
    Leaping,
}

impl Dialog {
    /// The dialog that our answer with `local_tag` to this request makes, which came by this way.
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
            known: Known { way: destination, cseq: Some(request.cseq()?.number) },
            target: request.contact()?.ok_or(missing)?.uri,
            routes: request.headers.addresses(&HeaderName::RecordRoute)?,
            destination,
        })
    }

    /// The dialog that this response to our request makes, which came by this way. A response without
    /// Contact leaves the target where the request went.
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
            known: Known { way: destination, cseq: None },
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

    /// Sends what follows somewhere else: the peer was heard from there, or names it.
    pub const fn move_to(&mut self, destination: Destination) {
        self.destination = destination;
    }

    /// The same, and the peer is known there from now on: it has proven itself.
    pub fn prove_at(&mut self, way: Destination) {
        if self.destination == way {
            // It was heard from there last.
            self.known.cseq = self.remote_cseq;
        }
        self.known.way = way;
        self.destination = way;
    }

    /// The way by which the peer is known.
    #[must_use]
    pub const fn known_way(&self) -> Destination {
        self.known.way
    }

    /// The host that the next request is addressed to: the first route, or the target.
    #[must_use]
    pub fn next_hop(&self) -> &Uri {
        self.routes.first().map_or(&self.target, |route| &route.uri)
    }

    /// The next request of ours in this dialog (§12.2.1.1), without Via and Contact.
    pub fn request(&mut self, method: Method) -> Request {
        let number = self.next_cseq();
        self.numbered(method, number)
    }

    /// The number of the next request of ours in this dialog.
    pub(crate) const fn next_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// The next request of ours in this dialog, for dialogs that no session keeps: to be sent with
    /// [`crate::endpoint::Order::Request`].
    pub fn outgoing(&mut self, headers: ExtraHeaders, body: Option<Body>) -> Outgoing {
        let (target, routes) = self.addressed();
        let from_tag = self.local_tag().to_owned();
        let (call_id, cseq) = (self.call_id.clone(), self.local_cseq);
        let attempt = Attempt { call_id, from_tag, cseq, interval: None };
        self.local_cseq += 1;
        Outgoing {
            target,
            destination: self.destination,
            from: self.local.clone(),
            to: self.remote.clone(),
            routes,
            headers,
            body,
            max_forwards: 70,
            attempt: Some(attempt),
        }
    }

    /// The ACK of a 2xx to our INVITE with this CSeq number (§13.2.2.4), without Via.
    #[must_use]
    pub fn acknowledgement(&self, cseq: u32) -> Request {
        self.numbered(Method::Ack, cseq)
    }

    /// Counts on from where this dialog stood before it was confirmed. Its route set is that of the
    /// confirming response (§13.2.2.4).
    pub(crate) fn follow_on(&mut self, early: &Self) {
        self.local_cseq = early.local_cseq;
        self.remote_cseq = early.remote_cseq;
        self.known.cseq = early.known.cseq;
    }

    /// What the CSeq of a request says that came by this way: it rises from one to the next
    /// (§12.2.1.1). ACK and CANCEL have that of their INVITE, and are not to be asked about.
    #[must_use]
    pub fn sequence(&self, cseq: u32, way: Destination) -> Sequence {
        let is_known = way == self.known.way;
        let last = if is_known { self.known.cseq } else { self.remote_cseq };
        match last {
            Some(last) if cseq <= last => Sequence::Stale,
            Some(last) if !is_known && cseq - last > FARTHEST => Sequence::Leaping,
            // A peer that we called begins where it likes (§8.1.1.5).
            Some(_) | None => Sequence::InOrder,
        }
    }

    /// Takes note of the CSeq of a request that came by this way and is carried out.
    pub fn follow(&mut self, cseq: u32, way: Destination) {
        self.remote_cseq = Some(cseq);
        if way == self.known.way {
            self.known.cseq = Some(cseq);
        }
    }

    /// The peer's new address, when a target refresh names one (§12.2.1.2, §12.2.2).
    pub fn refresh(&mut self, contact: Option<NameAddr>) {
        if let Some(contact) = contact {
            self.target = contact.uri;
        }
    }

    /// Whether requests pass proxies on their way, wherever the target is (§12.2.1.1).
    #[must_use]
    pub const fn has_routes(&self) -> bool {
        !self.routes.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::ListenerId;
    use crate::message::Message;

    const ROUTES: &str = "Record-Route: <sip:p1.example.cn;lr>, <sip:p2.example.cn;lr>\r\n";

    fn destination() -> Destination {
        Destination::udp(ListenerId(0), "192.0.2.1:5060".parse().unwrap())
    }

    fn message(first: &str, more: &str) -> Message {
        let text = format!(
            "{first}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n\
             From: \"Wang\" <sip:13800138000@192.0.2.1>;tag=one\r\n\
             To: <sip:4008001234@192.0.2.2>;tag=two\r\nCall-ID: a\r\nCSeq: 7 INVITE\r\n\
             Contact: <sip:13800138000@10.0.0.7:5066>\r\n{more}\r\n"
        );
        Message::parse(text.as_bytes()).unwrap()
    }

    fn invite(more: &str) -> Request {
        match message("INVITE sip:4008001234@192.0.2.2 SIP/2.0", more) {
            Message::Request(request) => request,
            Message::Response(response) => panic!("{response:?}"),
        }
    }

    fn ok(more: &str) -> Response {
        match message("SIP/2.0 200 OK", more) {
            Message::Response(response) => response,
            Message::Request(request) => panic!("{request:?}"),
        }
    }

    fn routes(request: &Request) -> Vec<String> {
        let routes = request.headers.addresses(&HeaderName::Route).unwrap();
        routes.iter().map(|route| route.uri.to_string()).collect()
    }

    #[test]
    fn the_answering_side_takes_the_route_set_in_order_and_the_target_from_contact() {
        let mut dialog = Dialog::of_request(&invite(ROUTES), "ours", destination()).unwrap();
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.to_string(), "sip:13800138000@10.0.0.7:5066");
        assert_eq!(routes(&bye), ["sip:p1.example.cn;lr", "sip:p2.example.cn;lr"]);
        assert_eq!(bye.from().unwrap().tag(), Some("ours"));
        assert_eq!(bye.to().unwrap().tag(), Some("one"));
        assert_eq!(bye.to().unwrap().display_text(), "Wang");
        assert_eq!(bye.call_id(), Ok("a"));
    }

    #[test]
    fn the_calling_side_takes_the_route_set_reversed_and_counts_on_from_its_invite() {
        let mut dialog = Dialog::of_response(&invite(""), &ok(ROUTES), destination()).unwrap();
        assert_eq!(dialog.acknowledgement(7).cseq().unwrap().number, 7);
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.cseq().unwrap().number, 8);
        assert_eq!(routes(&bye), ["sip:p2.example.cn;lr", "sip:p1.example.cn;lr"]);
        assert_eq!(bye.from().unwrap().tag(), Some("one"));
        assert_eq!(dialog.remote_tag(), RemoteTag("two".into()));
    }

    #[test]
    fn a_strict_first_route_becomes_the_request_uri_and_the_target_the_last_route() {
        let strict = "Record-Route: <sip:old.example.cn>, <sip:p2.example.cn;lr>\r\n";
        let mut dialog = Dialog::of_request(&invite(strict), "ours", destination()).unwrap();
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.to_string(), "sip:old.example.cn");
        assert_eq!(routes(&bye), ["sip:p2.example.cn;lr", "sip:13800138000@10.0.0.7:5066"]);
    }

    #[test]
    fn a_request_to_be_sent_without_a_session_has_the_names_of_the_dialog() {
        let mut dialog = Dialog::of_request(&invite(ROUTES), "ours", destination()).unwrap();
        dialog.request(Method::Notify);
        let outgoing = dialog.outgoing(Vec::new(), None);
        assert_eq!(outgoing.target.to_string(), "sip:13800138000@10.0.0.7:5066");
        assert_eq!(outgoing.routes.len(), 2);
        assert_eq!((outgoing.from.tag(), outgoing.to.tag()), (Some("ours"), Some("one")));
        // What is sent is one above what it goes on from.
        let attempt =
            Attempt { call_id: "a".into(), from_tag: "ours".into(), cseq: 1, interval: None };
        assert_eq!(outgoing.attempt, Some(attempt));
        assert_eq!(dialog.request(Method::Notify).cseq().unwrap().number, 3);
    }

    #[test]
    fn the_peers_cseq_must_rise_above_that_of_what_was_carried_out() {
        let here = destination();
        let mut dialog = Dialog::of_request(&invite(""), "ours", here).unwrap();
        assert_eq!(dialog.sequence(6, here), Sequence::Stale);
        assert_eq!(dialog.sequence(7, here), Sequence::Stale, "it is that of the INVITE");
        assert_eq!(dialog.sequence(900, here), Sequence::InOrder);
        assert_eq!(dialog.sequence(8, here), Sequence::InOrder, "the other was refused");
        dialog.follow(900, here);
        assert_eq!(dialog.sequence(900, here), Sequence::Stale);
        assert_eq!(dialog.sequence(901, here), Sequence::InOrder);
        let dialog = Dialog::of_response(&invite(""), &ok(""), here).unwrap();
        assert_eq!(dialog.sequence(1, here), Sequence::InOrder, "the peer counts for itself");
    }

    #[test]
    fn a_peer_that_proves_itself_where_it_was_heard_last_has_come_to_what_was_heard_there() {
        let elsewhere = Destination::udp(ListenerId(0), "192.0.2.9:5060".parse().unwrap());
        let mut dialog = Dialog::of_request(&invite(""), "ours", destination()).unwrap();
        dialog.follow(8, elsewhere);
        dialog.move_to(elsewhere);
        dialog.prove_at(elsewhere);
        assert_eq!(dialog.sequence(8, elsewhere), Sequence::Stale);
        assert_eq!(dialog.sequence(9, elsewhere), Sequence::InOrder);
    }

    #[test]
    fn an_invite_without_contact_makes_no_dialog() {
        let mut request = invite("");
        request.headers.remove(&HeaderName::Contact);
        let error = Dialog::of_request(&request, "ours", destination()).unwrap_err();
        assert_eq!(error.to_string(), "Contact: missing");
    }

    #[test]
    fn a_target_refresh_moves_the_target_and_leaves_the_route_set() {
        let mut dialog = Dialog::of_request(&invite(ROUTES), "ours", destination()).unwrap();
        dialog.refresh(Some(NameAddr::new(Uri::parse(b"sip:new@10.0.0.8").unwrap())));
        dialog.refresh(None);
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.to_string(), "sip:new@10.0.0.8");
        assert_eq!(routes(&bye).len(), 2);
    }
}

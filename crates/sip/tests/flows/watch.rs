//! What holds of every message that we send, whatever the flow.

use std::collections::{BTreeMap, BTreeSet};

use sip::{HeaderName, Headers, Message, Method, Request, Response, validate};

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Every request that came in.
    received: Vec<Request>,
    /// Every request and response that went out, octet for octet.
    written: BTreeSet<Vec<u8>>,
    branches: BTreeMap<String, Request>,
    /// The CSeq last used, by Call-ID and our tag.
    numbers: BTreeMap<(String, String), u32>,
    /// Our tag, by branch of the request that was answered.
    tags: BTreeMap<String, String>,
    /// How many refusals of INVITEs went out that are not remembered (§8.2.7).
    pub(crate) forgotten: u64,
}

impl Watch {
    pub(crate) fn received(&mut self, message: &Message) {
        if let Message::Request(request) = message {
            self.received.push(request.clone());
        }
    }

    /// Looks at a message that goes out.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(crate) fn sent(&mut self, message: &Message) -> Result<(), String> {
        if !self.written.insert(message.to_bytes()) {
            // Nothing but a repetition.
            return Ok(());
        }
        match message {
            Message::Request(request) => self.request(request),
            Message::Response(response) => self.response(response),
        }
    }

    fn request(&mut self, request: &Request) -> Result<(), String> {
        validate(request)
            .map_err(|it| format!("what we sent deserves {}: {}", it.status, it.what))?;
        if !request.headers.has(&HeaderName::MaxForwards) {
            return Err("Max-Forwards is missing (§8.1.1.6)".to_owned());
        }
        let via = request.via().unwrap();
        let branch = via.branch().unwrap_or_default();
        if !branch.starts_with(sip::MAGIC_COOKIE) {
            return Err("the branch lacks its cookie (§8.1.1.7)".to_owned());
        }
        if let Some(first) = self.branches.get(branch) {
            return sibling(first, request);
        }
        if request.method == Method::Cancel {
            return Err("CANCEL has not the branch of its INVITE (§9.1)".to_owned());
        }
        self.branches.insert(branch.to_owned(), request.clone());
        self.in_sequence(request)
    }

    /// The numbers of a dialog rise by one; the ACK of a 2xx has its INVITE's (§12.2.1.1,
    /// §13.2.2.4).
    fn in_sequence(&mut self, request: &Request) -> Result<(), String> {
        let tag = request.from().unwrap().tag().unwrap_or_default().to_owned();
        let key = (request.call_id().unwrap().to_owned(), tag);
        let number = request.cseq().unwrap().number;
        let last = self.numbers.get(&key).copied();
        if request.method == Method::Ack {
            let is_invites = self
                .branches
                .values()
                .any(|it| it.method == Method::Invite && it.cseq().unwrap().number == number);
            return if is_invites { Ok(()) } else { Err("ACK has a number of its own".to_owned()) };
        }
        self.numbers.insert(key, number);
        match last {
            Some(last) if number != last + 1 => Err(format!("CSeq {number} follows {last}")),
            _ => Ok(()),
        }
    }

    fn response(&mut self, response: &Response) -> Result<(), String> {
        let cseq = response.cseq().unwrap();
        let via = response.via().unwrap();
        let branch = via.branch().unwrap_or_default().to_owned();
        let is_it = |request: &&Request| {
            request.cseq().is_ok_and(|it| it == cseq)
                && request.via().is_ok_and(|it| it.branch() == Some(branch.as_str()))
        };
        let request =
            self.received.iter().rev().find(is_it).ok_or("nobody asked for this response")?;
        copied(&request.headers, &response.headers)?;
        let to = response.to().unwrap();
        let asked = request.to().unwrap();
        if asked.uri != to.uri || asked.tag().is_some_and(|tag| to.tag() != Some(tag)) {
            return Err("To is another (§8.2.6.2)".to_owned());
        }
        if response.status.code() == 100 {
            return Ok(());
        }
        let tag = to.tag().ok_or("the response has no To tag (§8.2.6.2)")?.to_owned();
        let known = self.tags.entry(branch).or_insert_with(|| tag.clone());
        if *known != tag {
            return Err("two responses have two tags (§8.2.6.2)".to_owned());
        }
        let invite = cseq.method == Method::Invite;
        self.forgotten += u64::from(invite && [401, 403, 407].contains(&response.status.code()));
        let makes_dialog = invite && response.status.code() < 300;
        if makes_dialog {
            response.contact().ok().flatten().ok_or("a dialog needs a Contact (§12.1.1)")?;
            let route = |headers: &Headers| headers.addresses(&HeaderName::RecordRoute);
            if route(&request.headers) != route(&response.headers) {
                return Err("Record-Route is not as it came (§12.1.1)".to_owned());
            }
        }
        Ok(())
    }
}

/// CANCEL and the ACK of a refusal are as their INVITE (§9.1, §17.1.1.3).
fn sibling(invite: &Request, request: &Request) -> Result<(), String> {
    if !matches!(request.method, Method::Cancel | Method::Ack) {
        return Err("two requests have one branch (§8.1.1.7)".to_owned());
    }
    let same = invite.uri == request.uri
        && invite.via() == request.via()
        && invite.from() == request.from()
        && invite.call_id() == request.call_id()
        && invite.cseq().unwrap().number == request.cseq().unwrap().number
        && invite.headers.addresses(&HeaderName::Route)
            == request.headers.addresses(&HeaderName::Route);
    if same { Ok(()) } else { Err(format!("{} is not as its INVITE", request.method)) }
}

/// A response has these fields as the request has them (§8.2.6.2).
fn copied(request: &Headers, response: &Headers) -> Result<(), String> {
    let (asked, given) = (request.vias().unwrap(), response.vias().unwrap());
    let below = |vias: &[sip::Via]| vias.get(1..).map(<[sip::Via]>::to_vec);
    if below(&asked) != below(&given) {
        return Err("the Vias are not as they came (§8.2.6.2)".to_owned());
    }
    for name in [HeaderName::From, HeaderName::CallId, HeaderName::CSeq] {
        if request.first(&name) != response.first(&name) {
            return Err(format!("{name} is not as it came (§8.2.6.2)"));
        }
    }
    Ok(())
}

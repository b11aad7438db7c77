//! What makes a message belong to a transaction (RFC 3261 §17.1.3, §17.2.3).

use crate::header::{HeaderError, MAGIC_COOKIE, ViaRef};
use crate::message::{Method, Request, Response};

/// What a response must agree in with the request it answers: the branch of the top Via and the
/// method of the CSeq (§17.1.3).
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct ClientKey {
    branch: Box<str>,
    method: Method,
}

impl ClientKey {
    /// The key of a request of ours.
    ///
    /// # Errors
    /// When the top Via cannot be read.
    pub fn of_request(request: &Request) -> Result<Self, HeaderError> {
        let via = request.headers.via_ref()?;
        Ok(Self { branch: branch_of(&via), method: request.method.clone() })
    }

    /// The key of a response that came in.
    ///
    /// # Errors
    /// When the top Via or the CSeq cannot be read.
    pub fn of_response(response: &Response) -> Result<Self, HeaderError> {
        let via = response.headers.via_ref()?;
        Ok(Self { branch: branch_of(&via), method: response.cseq()?.method })
    }
}

/// What a repeated request must agree in with the one before it (§17.2.3).
#[derive(PartialEq, Eq, Hash, Debug)]
pub enum ServerKey {
    /// The sender follows RFC 3261: branch, sent-by and method.
    Branch {
        /// The branch of the top Via.
        branch: Box<str>,
        /// The sent-by of the top Via, in one spelling.
        sent_by: Box<str>,
        /// The method; INVITE for an ACK.
        method: Method,
    },
    /// The sender follows RFC 2543.
    Old(Box<OldKey>),
}

/// By what a request of RFC 2543 is known (§17.2.3). The To tag adds nothing: Call-ID, From tag, CSeq
/// number and Via already name one request, and an ACK has a tag that its INVITE had not.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct OldKey {
    uri: Box<str>,
    from_tag: Box<str>,
    call_id: Box<str>,
    cseq: u32,
    via: Box<str>,
    /// INVITE for an ACK.
    method: Method,
}

impl ServerKey {
    /// The key of a request that came in, before anything was added to its Via.
    ///
    /// # Errors
    /// When a header field that takes part cannot be read.
    pub fn of(request: &Request) -> Result<Self, HeaderError> {
        let method = if request.method == Method::Ack { &Method::Invite } else { &request.method };
        Self::with_method(request, method)
    }

    /// The key of the INVITE that a CANCEL means (§9.2).
    ///
    /// # Errors
    /// When a header field that takes part cannot be read.
    pub fn of_cancelled(cancel: &Request) -> Result<Self, HeaderError> {
        Self::with_method(cancel, &Method::Invite)
    }

    fn with_method(request: &Request, method: &Method) -> Result<Self, HeaderError> {
        let via = request.headers.via_ref()?;
        let method = method.clone();
        let branch = branch_of(&via);
        if is_modern(&branch) {
            return Ok(Self::Branch { branch, sent_by: via.sent_by().into(), method });
        }
        Ok(Self::Old(Box::new(OldKey {
            uri: request.uri.to_string().into(),
            from_tag: request.headers.from_ref()?.tag().unwrap_or_default().into(),
            call_id: request.call_id()?.into(),
            cseq: request.cseq()?.number,
            via: format!("{};{branch}", via.sent_by()).into(),
            method,
        })))
    }
}

fn branch_of(via: &ViaRef<'_>) -> Box<str> {
    via.branch().unwrap_or_default().into()
}

fn is_modern(branch: &str) -> bool {
    let (start, rest) = branch.split_at_checked(MAGIC_COOKIE.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    fn request(method: &str, via: &str, rest: &str) -> Request {
        let text = format!(
            "{method} sip:4008001234@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\n\
             From: <sip:13800138000@192.0.2.1>;tag=one\r\nCall-ID: a\r\nCSeq: 7 {method}\r\n\
             {rest}\r\n\r\n"
        );
        match Message::parse(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(response) => panic!("{response:?}"),
        }
    }

    fn key(method: &str, via: &str) -> ServerKey {
        ServerKey::of(&request(method, via, "To: <sip:4008001234@192.0.2.2>")).unwrap()
    }

    #[test]
    fn branch_sent_by_and_method_name_a_request() {
        let invite = key("INVITE", "192.0.2.1;branch=z9hG4bKx");
        assert_eq!(invite, key("INVITE", "192.0.2.1:5060;rport;branch=z9hG4bKx"));
        assert_ne!(invite, key("INVITE", "192.0.2.1;branch=z9hG4bKy"));
        assert_ne!(invite, key("INVITE", "192.0.2.9;branch=z9hG4bKx"));
        assert_ne!(invite, key("OPTIONS", "192.0.2.1;branch=z9hG4bKx"));
    }

    #[test]
    fn an_ack_belongs_to_its_invite_and_a_cancel_to_none() {
        let via = "192.0.2.1;branch=z9hG4bKx";
        assert_eq!(key("ACK", via), key("INVITE", via));
        assert_ne!(key("CANCEL", via), key("INVITE", via));
        let cancel = request("CANCEL", via, "To: <sip:4008001234@192.0.2.2>");
        assert_eq!(ServerKey::of_cancelled(&cancel).unwrap(), key("INVITE", via));
    }

    #[test]
    fn without_the_magic_cookie_the_whole_request_names_itself() {
        for via in ["192.0.2.1", "192.0.2.1;branch=1", "192.0.2.1;branch=z9hG4bK"] {
            let invite = key("INVITE", via);
            assert!(matches!(invite, ServerKey::Old(_)), "{via}");
            let ack = request("ACK", via, "To: <sip:4008001234@192.0.2.2>;tag=two");
            assert_eq!(ServerKey::of(&ack).unwrap(), invite);
        }
        assert_ne!(key("INVITE", "192.0.2.1"), key("INVITE", "192.0.2.1:5070"));
    }
}

//! The names of header fields, long and compact (RFC 3261 §20, §7.3.3).

use std::fmt;

macro_rules! header_names {
    ($($(#[$doc:meta])* $variant:ident = $long:literal $(, $compact:literal)?;)*) => {
        /// The name of a header field. Names compare without regard to case (RFC 3261 §7.3.1).
        #[derive(Clone, Debug)]
        pub enum HeaderName {
            $(
                #[doc = concat!("`", $long, "`")]
                $variant,
            )*
            /// Any other, in the case it was first written.
            Other(Box<str>),
        }

        impl HeaderName {
            /// The long form of the name, as written by the RFC that defines it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $long,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for HeaderName {
            fn from(name: &str) -> Self {
                $(
                    if name.len() == $long.len() && name.eq_ignore_ascii_case($long) {
                        return Self::$variant;
                    }
                    $(if name.eq_ignore_ascii_case($compact) {
                        return Self::$variant;
                    })?
                )*
                Self::Other(name.into())
            }
        }

        #[cfg(test)]
        const NAMES: &[(&str, HeaderName)] =
            &[$(($long, HeaderName::$variant) $(, ($compact, HeaderName::$variant))?),*];
    };
}

header_names! {
    Via = "Via", "v";
    From = "From", "f";
    To = "To", "t";
    CallId = "Call-ID", "i";
    CSeq = "CSeq";
    Contact = "Contact", "m";
    MaxForwards = "Max-Forwards";
    ContentType = "Content-Type", "c";
    ContentLength = "Content-Length", "l";
    Route = "Route";
    RecordRoute = "Record-Route";
    Allow = "Allow";
    Supported = "Supported", "k";
    Require = "Require";
    ProxyRequire = "Proxy-Require";
    Unsupported = "Unsupported";
    UserAgent = "User-Agent";
    Server = "Server";
    Expires = "Expires";
    MinExpires = "Min-Expires";
    Authorization = "Authorization";
    WwwAuthenticate = "WWW-Authenticate";
    ProxyAuthorization = "Proxy-Authorization";
    ProxyAuthenticate = "Proxy-Authenticate";
    AuthenticationInfo = "Authentication-Info";
    Accept = "Accept";
    AcceptEncoding = "Accept-Encoding";
    AcceptLanguage = "Accept-Language";
    AlertInfo = "Alert-Info";
    AllowEvents = "Allow-Events", "u";
    CallInfo = "Call-Info";
    ContentDisposition = "Content-Disposition";
    ContentEncoding = "Content-Encoding", "e";
    ContentLanguage = "Content-Language";
    Date = "Date";
    Diversion = "Diversion";
    ErrorInfo = "Error-Info";
    Event = "Event", "o";
    HistoryInfo = "History-Info";
    Identity = "Identity", "y";
    InReplyTo = "In-Reply-To";
    Join = "Join";
    MimeVersion = "MIME-Version";
    MinSe = "Min-SE";
    Organization = "Organization";
    PAssertedIdentity = "P-Asserted-Identity";
    PPreferredIdentity = "P-Preferred-Identity";
    Path = "Path";
    Priority = "Priority";
    Privacy = "Privacy";
    RAck = "RAck";
    RSeq = "RSeq";
    Reason = "Reason";
    ReferSub = "Refer-Sub";
    ReferTo = "Refer-To", "r";
    ReferredBy = "Referred-By", "b";
    RemotePartyId = "Remote-Party-ID";
    Replaces = "Replaces";
    ReplyTo = "Reply-To";
    RetryAfter = "Retry-After";
    ServiceRoute = "Service-Route";
    SessionExpires = "Session-Expires", "x";
    InfoPackage = "Info-Package";
    RecvInfo = "Recv-Info";
    SipEtag = "SIP-ETag";
    SipIfMatch = "SIP-If-Match";
    Subject = "Subject", "s";
    SubscriptionState = "Subscription-State";
    Timestamp = "Timestamp";
    UserToUser = "User-to-User";
    Warning = "Warning";
    AcceptContact = "Accept-Contact", "a";
    RejectContact = "Reject-Contact", "j";
    RequestDisposition = "Request-Disposition", "d";
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(one), Self::Other(two)) => one.eq_ignore_ascii_case(two),
            (one, two) => std::mem::discriminant(one) == std::mem::discriminant(two),
        }
    }
}

impl Eq for HeaderName {}

impl fmt::Display for HeaderName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_in_any_case_long_or_compact() {
        for (text, name) in NAMES {
            assert_eq!(HeaderName::from(*text), *name);
            assert_eq!(HeaderName::from(text.to_ascii_uppercase().as_str()), *name);
        }
    }

    #[test]
    fn an_unknown_name_keeps_its_case_and_compares_without() {
        let name = HeaderName::from("X-Queue");
        assert_eq!(name.as_str(), "X-Queue");
        assert_eq!(name, HeaderName::from("x-queue"));
        assert_ne!(name, HeaderName::Via);
    }
}

//! Typed views of the header fields that decide something. Each reads on demand: what nobody
//! asks for is not parsed.

use std::fmt;

use super::{
    CSeq, Contacts, HeaderName, Headers, NameAddr, NameAddrRef, RAck, Replaces, SessionExpires,
    Via, ViaRef,
};
use crate::parse::scan;

/// Why a header field cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderError {
    /// The field.
    pub header: HeaderName,
    /// What is wrong with it.
    pub what: &'static str,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.header, self.what)
    }
}

impl std::error::Error for HeaderError {}

impl Headers {
    /// The topmost Via.
    ///
    /// # Errors
    /// When there is none or it is malformed.
    pub fn via(&self) -> Result<Via, HeaderError> {
        let element = self.list(&HeaderName::Via).next();
        read(HeaderName::Via, element.unwrap_or_default(), Via::parse)
    }

    /// The topmost Via, borrowed.
    ///
    /// # Errors
    /// When there is none or it is malformed.
    pub fn via_ref(&self) -> Result<ViaRef<'_>, HeaderError> {
        let element = self.list(&HeaderName::Via).next().unwrap_or_default();
        ViaRef::parse(element).map_err(|what| HeaderError { header: HeaderName::Via, what })
    }

    /// Every Via, topmost first.
    ///
    /// # Errors
    /// When one is malformed.
    pub fn vias(&self) -> Result<Vec<Via>, HeaderError> {
        self.list(&HeaderName::Via).map(|via| read(HeaderName::Via, via, Via::parse)).collect()
    }

    /// From.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.one_address(HeaderName::From)
    }

    /// To.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.one_address(HeaderName::To)
    }

    /// From, borrowed.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn from_ref(&self) -> Result<NameAddrRef<'_>, HeaderError> {
        self.one_address_ref(HeaderName::From)
    }

    /// To, borrowed.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn to_ref(&self) -> Result<NameAddrRef<'_>, HeaderError> {
        self.one_address_ref(HeaderName::To)
    }

    /// Call-ID.
    ///
    /// # Errors
    /// When it is missing, empty or has white space.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        let wrong = |what| HeaderError { header: HeaderName::CallId, what };
        let value = self.first(&HeaderName::CallId).ok_or_else(|| wrong("missing"))?;
        let fits = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
        std::str::from_utf8(value).ok().filter(|_| fits).ok_or_else(|| wrong("malformed"))
    }

    /// CSeq.
    ///
    /// # Errors
    /// When it is missing, malformed or out of range.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        let value = self.first(&HeaderName::CSeq).ok_or_else(|| missing(HeaderName::CSeq))?;
        read(HeaderName::CSeq, value, CSeq::parse)
    }

    /// Every Contact.
    ///
    /// # Errors
    /// When one is malformed, or `*` is not the only one.
    pub fn contacts(&self) -> Result<Contacts, HeaderError> {
        if self.list(&HeaderName::Contact).any(|element| element == b"*") {
            let header = HeaderName::Contact;
            return match self.list(&HeaderName::Contact).count() {
                1 => Ok(Contacts::All),
                _ => Err(HeaderError { header, what: "* is not the only one" }),
            };
        }
        self.addresses(&HeaderName::Contact).map(Contacts::These)
    }

    /// The first Contact: where the next request of a dialog goes.
    ///
    /// # Errors
    /// When it is malformed or `*`.
    pub fn contact(&self) -> Result<Option<NameAddr>, HeaderError> {
        let element = self.list(&HeaderName::Contact).next();
        element.map(|value| read(HeaderName::Contact, value, NameAddr::parse)).transpose()
    }

    /// Every address of a list field, in order: Route, Record-Route, Path, P-Asserted-Identity.
    ///
    /// # Errors
    /// When one is malformed.
    pub fn addresses(&self, name: &HeaderName) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name).map(|value| read(name.clone(), value, NameAddr::parse)).collect()
    }

    /// Whether there is a Via, and every one can be read.
    pub(crate) fn vias_make_sense(&self) -> Result<(), HeaderError> {
        let mut count = 0;
        for via in self.list(&HeaderName::Via) {
            ViaRef::parse(via).map_err(|what| HeaderError { header: HeaderName::Via, what })?;
            count += 1;
        }
        if count == 0 { Err(missing(HeaderName::Via)) } else { Ok(()) }
    }

    /// Whether [`Self::addresses`] can be read.
    pub(crate) fn addresses_make_sense(&self, name: &HeaderName) -> Result<(), HeaderError> {
        self.list(name)
            .try_for_each(|value| NameAddrRef::parse(value).map(|_| ()))
            .map_err(|what| HeaderError { header: name.clone(), what })
    }

    /// Whether [`Self::contacts`] can be read.
    pub(crate) fn contacts_make_sense(&self) -> Result<(), HeaderError> {
        if self.list(&HeaderName::Contact).any(|element| element == b"*") {
            return self.contacts().map(|_| ());
        }
        self.addresses_make_sense(&HeaderName::Contact)
    }

    /// The address of a field that has one, such as Refer-To or Referred-By.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn address(&self, name: &HeaderName) -> Result<NameAddr, HeaderError> {
        self.one_address(name.clone())
    }

    /// Max-Forwards, 0 to 255.
    ///
    /// # Errors
    /// When it is malformed or out of range.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        let header = HeaderName::MaxForwards;
        let Some(number) = self.number(&header)? else { return Ok(None) };
        let wrong = |_| HeaderError { header, what: "out of range" };
        u8::try_from(number).map(Some).map_err(wrong)
    }

    /// Expires in seconds; larger values become the largest (RFC 3261 §20.19).
    ///
    /// # Errors
    /// When it is no number.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        let number = self.number(&HeaderName::Expires)?;
        Ok(number.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
    }

    /// `RAck`.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn rack(&self) -> Result<RAck, HeaderError> {
        let value = self.first(&HeaderName::RAck).ok_or_else(|| missing(HeaderName::RAck))?;
        read(HeaderName::RAck, value, RAck::parse)
    }

    /// `Session-Expires`.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, HeaderError> {
        let value = self.first(&HeaderName::SessionExpires);
        value.map(|it| read(HeaderName::SessionExpires, it, SessionExpires::parse)).transpose()
    }

    /// `Replaces`.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn replaces(&self) -> Result<Option<Replaces>, HeaderError> {
        let value = self.first(&HeaderName::Replaces);
        value.map(|it| read(HeaderName::Replaces, it, Replaces::parse)).transpose()
    }

    /// The `Replaces` within the address of `Refer-To`: the far side wants its two calls joined
    /// (RFC 5589 §7).
    ///
    /// # Errors
    /// When there is no address, or what it has is malformed.
    pub fn refer_to_replaces(&self) -> Result<Option<Replaces>, HeaderError> {
        let value = self.address(&HeaderName::ReferTo)?.uri.header(HeaderName::Replaces.as_str());
        value.map(|it| read(HeaderName::Replaces, &it, Replaces::parse)).transpose()
    }

    /// A field whose value is a decimal number; what follows a semicolon or a comment does not
    /// count.
    ///
    /// # Errors
    /// When it is no number.
    pub fn number(&self, name: &HeaderName) -> Result<Option<u64>, HeaderError> {
        let Some(value) = self.first(name) else { return Ok(None) };
        let end = value.iter().position(|byte| b";(".contains(byte)).unwrap_or(value.len());
        let digits = scan::trim(value.get(..end).unwrap_or(value));
        let what = "no number";
        scan::number(digits).map(Some).ok_or_else(|| HeaderError { header: name.clone(), what })
    }

    /// The media type of the body in lower case, without parameters: `application/sdp`.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        let value = self.first(&HeaderName::ContentType)?;
        let kind = value.split(|byte| *byte == b';').next().map(scan::trim)?;
        let mut parts = kind.splitn(2, |byte| *byte == b'/').map(scan::trim);
        let (main, sub) = (scan::token(parts.next()?)?, scan::token(parts.next()?)?);
        Some(format!("{main}/{sub}").to_ascii_lowercase())
    }

    fn one_address(&self, name: HeaderName) -> Result<NameAddr, HeaderError> {
        self.one_address_ref(name).map(|it| it.to_name_addr())
    }

    fn one_address_ref(&self, name: HeaderName) -> Result<NameAddrRef<'_>, HeaderError> {
        let Some(value) = self.first(&name) else { return Err(missing(name)) };
        NameAddrRef::parse(value).map_err(|what| HeaderError { header: name, what })
    }
}

fn missing(header: HeaderName) -> HeaderError {
    HeaderError { header, what: "missing" }
}

fn read<T>(
    header: HeaderName,
    value: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, &'static str>,
) -> Result<T, HeaderError> {
    parse(value).map_err(|what| HeaderError { header, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(HeaderName, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name.clone(), *value);
        }
        headers
    }

    #[test]
    fn a_star_must_be_the_only_contact() {
        let star = headers(&[(HeaderName::Contact, "*")]);
        assert_eq!(star.contacts(), Ok(Contacts::All));
        let more = headers(&[(HeaderName::Contact, "*"), (HeaderName::Contact, "<sip:a@b>")]);
        assert!(more.contacts().is_err());
        assert_eq!(Headers::new().contacts(), Ok(Contacts::These(Vec::new())));
    }

    #[test]
    fn max_forwards_is_one_octet_and_expires_is_clamped() {
        let read =
            headers(&[(HeaderName::MaxForwards, "0068"), (HeaderName::Expires, "10000000000000")]);
        assert_eq!(read.max_forwards(), Ok(Some(68)));
        assert_eq!(read.expires(), Ok(Some(u32::MAX)));
        assert!(headers(&[(HeaderName::MaxForwards, "300")]).max_forwards().is_err());
        assert!(headers(&[(HeaderName::Expires, "soon")]).expires().is_err());
    }

    #[test]
    fn a_number_may_be_followed_by_a_comment_or_parameters() {
        let read = headers(&[(HeaderName::RetryAfter, "18000;duration=3600")]);
        assert_eq!(read.number(&HeaderName::RetryAfter), Ok(Some(18_000)));
        let read = headers(&[(HeaderName::RetryAfter, "120 (I'm in a meeting)")]);
        assert_eq!(read.number(&HeaderName::RetryAfter), Ok(Some(120)));
    }

    #[test]
    fn a_media_type_is_read_without_case_and_parameters() {
        let read = headers(&[(HeaderName::ContentType, "Application / SDP ; charset=utf-8")]);
        assert_eq!(read.content_type().unwrap(), "application/sdp");
        assert_eq!(headers(&[(HeaderName::ContentType, "sdp")]).content_type(), None);
    }

    #[test]
    fn a_call_id_has_no_white_space() {
        assert!(headers(&[(HeaderName::CallId, "a b")]).call_id().is_err());
        let what = Headers::new().call_id().unwrap_err().to_string();
        assert_eq!(what, "Call-ID: missing");
    }
}

//! The `Digest name=value, …` syntax of authentication headers (RFC 3261 §25.1), read and written.

use std::borrow::Cow;
use std::fmt;

use super::{Algorithm, Challenge, Credentials, DigestError, Protected};

/// What credentials usually have.
const USUAL_PARAMS: usize = 10;
/// More parameters than any client sends.
const MOST_PARAMS: usize = 32;

impl Challenge {
    /// Reads the value of a `WWW-Authenticate` or `Proxy-Authenticate` header.
    ///
    /// # Errors
    /// What cannot be read, or asks for an algorithm or protection we do not speak.
    pub fn parse(value: &str) -> Result<Self, DigestError> {
        let params = Params::parse(value)?;
        let protected = match params.find("qop") {
            None => false,
            Some(offered) if lists_auth(offered) => true,
            Some(_) => return Err(DigestError::Qop),
        };
        Ok(Self {
            realm: params.find("realm").ok_or(DigestError::Missing("realm"))?.to_owned(),
            nonce: params.need("nonce")?.to_owned(),
            opaque: params.find("opaque").map(str::to_owned),
            algorithm: params.algorithm()?,
            stale: params.find("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            protected,
        })
    }
}

impl Credentials {
    /// Reads the value of an `Authorization` or `Proxy-Authorization` header.
    ///
    /// # Errors
    /// What cannot be read, or uses an algorithm or protection we do not speak.
    pub fn parse(value: &str) -> Result<Self, DigestError> {
        let params = Params::parse(value)?;
        Ok(Self {
            user: params.need("username")?.to_owned(),
            realm: params.find("realm").ok_or(DigestError::Missing("realm"))?.to_owned(),
            nonce: params.need("nonce")?.to_owned(),
            uri: params.need("uri")?.to_owned(),
            response: params.need("response")?.to_owned(),
            algorithm: params.algorithm()?,
            opaque: params.find("opaque").map(str::to_owned),
            protection: params.protection()?,
        })
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Digest realm=\"{}\"", Quoted(&self.realm))?;
        write!(out, ", nonce=\"{}\"", Quoted(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(out, ", opaque=\"{}\"", Quoted(opaque))?;
        }
        write!(out, ", algorithm={}", self.algorithm)?;
        if self.stale {
            out.write_str(", stale=true")?;
        }
        if self.protected {
            out.write_str(", qop=\"auth\"")?;
        }
        Ok(())
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Digest username=\"{}\"", Quoted(&self.user))?;
        write!(out, ", realm=\"{}\"", Quoted(&self.realm))?;
        write!(out, ", nonce=\"{}\"", Quoted(&self.nonce))?;
        write!(out, ", uri=\"{}\"", Quoted(&self.uri))?;
        write!(out, ", response=\"{}\"", Quoted(&self.response))?;
        write!(out, ", algorithm={}", self.algorithm)?;
        if let Some(opaque) = &self.opaque {
            write!(out, ", opaque=\"{}\"", Quoted(opaque))?;
        }
        if let Some(Protected { nonce_count, cnonce }) = &self.protection {
            write!(out, ", qop=auth, nc={nonce_count:08x}, cnonce=\"{}\"", Quoted(cnonce))?;
        }
        Ok(())
    }
}

/// A text inside double quotes, with what would end it escaped.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut from = 0;
        for (at, _) in self.0.match_indices(['"', '\\']) {
            out.write_str(self.0.get(from..at).unwrap_or_default())?;
            out.write_str("\\")?;
            from = at;
        }
        out.write_str(self.0.get(from..).unwrap_or_default())
    }
}

/// The parameters of one header, names as written, values unquoted.
struct Params<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Params<'a> {
    fn parse(value: &'a str) -> Result<Self, DigestError> {
        let value = value.trim();
        let (scheme, mut rest) =
            value.split_once(|c: char| c.is_ascii_whitespace()).ok_or(DigestError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return Err(DigestError::Scheme);
        }
        let mut params = Self(Vec::with_capacity(USUAL_PARAMS));
        while let Some((name, value, left)) = next_param(rest)? {
            // Of two values one would be checked and the other believed.
            if params.find(name).is_some() || params.0.len() == MOST_PARAMS {
                return Err(DigestError::Syntax);
            }
            params.0.push((name, value));
            rest = left;
        }
        Ok(params)
    }

    fn find(&self, wanted: &str) -> Option<&str> {
        let mut params = self.0.iter();
        params.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| &**value)
    }

    fn need(&self, wanted: &'static str) -> Result<&str, DigestError> {
        self.find(wanted).filter(|value| !value.is_empty()).ok_or(DigestError::Missing(wanted))
    }

    /// MD5 where none is named (RFC 7616 §3.3).
    fn algorithm(&self) -> Result<Algorithm, DigestError> {
        self.find("algorithm")
            .map_or(Some(Algorithm::Md5), Algorithm::named)
            .ok_or(DigestError::Algorithm)
    }

    fn protection(&self) -> Result<Option<Protected>, DigestError> {
        match self.find("qop") {
            None => Ok(None),
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let count = self.need("nc")?;
                let eight = count.len() == 8 && count.bytes().all(|byte| byte.is_ascii_hexdigit());
                let nonce_count = u32::from_str_radix(count, 16)
                    .ok()
                    .filter(|_| eight)
                    .ok_or(DigestError::NonceCount)?;
                Ok(Some(Protected { nonce_count, cnonce: self.need("cnonce")?.to_owned() }))
            }
            Some(_) => Err(DigestError::Qop),
        }
    }
}

fn lists_auth(offered: &str) -> bool {
    offered.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"))
}

/// A name, its value, and what follows them.
type Next<'a> = (&'a str, Cow<'a, str>, &'a str);

/// The next `name=value` and what follows its comma; none at the end.
fn next_param(rest: &str) -> Result<Option<Next<'_>>, DigestError> {
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
    if rest.is_empty() {
        return Ok(None);
    }
    let (name, rest) = rest.split_once('=').ok_or(DigestError::Syntax)?;
    let (name, rest) = (name.trim(), rest.trim_start());
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(DigestError::Syntax);
    }
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => unquote(quoted)?,
        None => {
            let (value, rest) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            (Cow::Borrowed(value.trim()), rest)
        }
    };
    let rest = rest.trim_start();
    if !rest.is_empty() && !rest.starts_with(',') {
        return Err(DigestError::Syntax);
    }
    Ok(Some((name, value, rest)))
}

/// The text up to the closing quote, escapes resolved, and what follows the quote.
fn unquote(quoted: &str) -> Result<(Cow<'_, str>, &str), DigestError> {
    let end = quoted.find(['"', '\\']).ok_or(DigestError::Syntax)?;
    let (plain, rest) = quoted.split_at(end);
    if let Some(rest) = rest.strip_prefix('"') {
        return Ok((Cow::Borrowed(plain), rest));
    }
    let mut value = plain.to_owned();
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok((Cow::Owned(value), characters.as_str())),
            '\\' => value.push(characters.next().ok_or(DigestError::Syntax)?),
            other => value.push(other),
        }
    }
    Err(DigestError::Syntax)
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

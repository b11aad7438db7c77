//! The `Digest name=value, …` syntax of authentication headers (RFC 3261 §25.1), read and written.

use std::fmt;

use super::{Algorithm, Challenge, Credentials, DigestError, Protected};

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
        for character in self.0.chars() {
            if matches!(character, '"' | '\\') {
                out.write_str("\\")?;
            }
            fmt::Write::write_char(out, character)?;
        }
        Ok(())
    }
}

/// The parameters of one header, names as written, values unquoted.
struct Params(Vec<(String, String)>);

impl Params {
    fn parse(value: &str) -> Result<Self, DigestError> {
        let value = value.trim();
        let (scheme, mut rest) =
            value.split_once(|c: char| c.is_ascii_whitespace()).ok_or(DigestError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return Err(DigestError::Scheme);
        }
        let mut params = Self(Vec::new());
        while let Some((name, value, left)) = next_param(rest)? {
            // Of two values one would be checked and the other believed.
            if params.find(name).is_some() || params.0.len() == MOST_PARAMS {
                return Err(DigestError::Syntax);
            }
            params.0.push((name.to_owned(), value));
            rest = left;
        }
        Ok(params)
    }

    fn find(&self, wanted: &str) -> Option<&str> {
        let named = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(wanted);
        self.0.iter().find(named).map(|(_, value)| value.as_str())
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

/// The next `name=value` and what follows its comma; none at the end.
fn next_param(rest: &str) -> Result<Option<(&str, String, &str)>, DigestError> {
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
            (value.trim().to_owned(), rest)
        }
    };
    let rest = rest.trim_start();
    if !rest.is_empty() && !rest.starts_with(',') {
        return Err(DigestError::Syntax);
    }
    Ok(Some((name, value, rest)))
}

/// The text up to the closing quote, escapes resolved, and what follows the quote.
fn unquote(quoted: &str) -> Result<(String, &str), DigestError> {
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok((value, characters.as_str())),
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

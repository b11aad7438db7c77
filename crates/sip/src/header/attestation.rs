//! Who answers for a calling number (STIR/SHAKEN): the verdict of whoever verified it (`verstat`,
//! 3GPP TS 24.229 §7.2A.20), and what a PASSporT claims (RFC 8224, RFC 8225, RFC 8588).
//!
//! Nothing is verified here: no signature, no certificate.

use model::{Attestation, Verdict};

use super::NameAddr;
use crate::parse::scan;

/// The verdicts as they are written.
const VERDICTS: [(&str, Verdict); 3] = [
    ("TN-Validation-Passed", Verdict::Passed),
    ("TN-Validation-Failed", Verdict::Failed),
    ("No-TN-Validation", Verdict::NotValidated),
];

impl NameAddr {
    /// The verdict about the number in this address, where whoever verified it wrote one: among the
    /// parameters of a `tel` number, alone or as the user of a SIP URI, or beside them. Some carriers
    /// add the attestation to it, as in `TN-Validation-Passed-A`.
    #[must_use]
    pub fn verdict(&self) -> Option<(Verdict, Option<Attestation>)> {
        let of_user = || {
            let params = self.uri.user.as_deref()?.split(';').skip(1);
            params
                .filter_map(|param| param.split_once('='))
                .find_map(|(name, value)| name.eq_ignore_ascii_case("verstat").then_some(value))
        };
        let written = of_user()
            .or_else(|| self.uri.params.value("verstat"))
            .or_else(|| self.params.value("verstat"))?;
        VERDICTS.iter().find_map(|(word, verdict)| {
            let (head, rest) = written.split_at_checked(word.len())?;
            if !head.eq_ignore_ascii_case(word) {
                return None;
            }
            match rest.strip_prefix('-') {
                Some(level) => Some((*verdict, Some(attestation(level.as_bytes())?))),
                None => rest.is_empty().then_some((*verdict, None)),
            }
        })
    }
}

/// The attestation that a letter stands for: `A`, `B` or `C`.
#[must_use]
pub fn attestation(letter: &[u8]) -> Option<Attestation> {
    match scan::trim(letter) {
        b"A" | b"a" => Some(Attestation::Full),
        b"B" | b"b" => Some(Attestation::Partial),
        b"C" | b"c" => Some(Attestation::Gateway),
        _ => None,
    }
}

/// The attestation that the PASSporT in an Identity header field claims. Whoever sends it may
/// claim anything: the signature is not looked at.
#[must_use]
pub fn claimed_attestation(identity: &[u8]) -> Option<Attestation> {
    let token = identity.split(|byte| *byte == b';').next()?;
    let payload = scan::trim(token).split(|byte| *byte == b'.').nth(1)?;
    let claims: serde_json::Value = serde_json::from_slice(&base64url(payload)?).ok()?;
    attestation(claims.get("attest")?.as_str()?.as_bytes())
}

/// Undoes base64url without padding (RFC 7515 §2).
fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for letter in group {
            bits = bits << 6 | six_bits(*letter)?;
        }
        let filled = bits << (6 * 4_usize.saturating_sub(group.len()));
        let [_, bytes @ ..] = filled.to_be_bytes();
        octets.extend(bytes.iter().take(group.len().checked_sub(1).filter(|it| *it > 0)?));
    }
    Some(octets)
}

const fn six_bits(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(value as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(address: &str) -> Option<(Verdict, Option<Attestation>)> {
        NameAddr::parse(address.as_bytes()).unwrap().verdict()
    }

    #[test]
    fn a_verdict_is_found_wherever_carriers_write_it() {
        for address in [
            "<tel:+12155551212;verstat=TN-Validation-Passed>",
            "<sip:+12155551212;verstat=TN-Validation-Passed@carrier.example;user=phone>",
            "\"A\" <sip:+12155551212@carrier.example;user=phone;verstat=tn-validation-passed>;tag=1",
            "<sip:+12155551212@carrier.example>;verstat=TN-Validation-Passed",
        ] {
            assert_eq!(verdict(address), Some((Verdict::Passed, None)), "{address}");
        }
    }

    #[test]
    fn the_three_verdicts_are_known_and_no_other() {
        let of = |word: &str| verdict(&format!("<tel:+1;verstat={word}>"));
        assert_eq!(of("TN-Validation-Failed"), Some((Verdict::Failed, None)));
        assert_eq!(of("No-TN-Validation"), Some((Verdict::NotValidated, None)));
        let partial = Some((Verdict::Passed, Some(Attestation::Partial)));
        assert_eq!(of("TN-Validation-Passed-B"), partial);
        for word in ["TN-Validation-Passed-D", "TN-Validation-PassedA", "Passed", "TN"] {
            assert_eq!(of(word), None, "{word}");
        }
        assert_eq!(verdict("<tel:+1>"), None);
    }

    /// `{"alg":"ES256","ppt":"shaken","typ":"passport"}` and claims with this attestation.
    fn identity(payload: &str) -> String {
        format!("eyJhbGciOiJFUzI1NiJ9.{payload}.c2ln;info=<https://c.example/c.pem>;ppt=\"shaken\"")
    }

    #[test]
    fn a_passport_claims_an_attestation() {
        // {"attest":"A","iat":1}, {"attest":"B"}, {"attest":"D"}, {"iat":1}
        for (payload, claimed) in [
            ("eyJhdHRlc3QiOiJBIiwiaWF0IjoxfQ", Some(Attestation::Full)),
            ("eyJhdHRlc3QiOiJCIn0", Some(Attestation::Partial)),
            ("eyJhdHRlc3QiOiJEIn0", None),
            ("eyJpYXQiOjF9", None),
            ("", None),
            ("a", None),
            ("!!!!", None),
        ] {
            let identity = identity(payload);
            assert_eq!(claimed_attestation(identity.as_bytes()), claimed, "{payload}");
        }
        assert_eq!(claimed_attestation(b"..sig;info=<https://c.example/c.pem>"), None);
        assert_eq!(claimed_attestation(b""), None);
    }

    #[test]
    fn base64url_is_undone_whatever_the_length() {
        for (text, octets) in
            [("", &b""[..]), ("Zg", b"f"), ("Zm8", b"fo"), ("Zm9v", b"foo"), ("-_8", &[0xfb, 0xff])]
        {
            assert_eq!(base64url(text.as_bytes()).as_deref(), Some(octets), "{text}");
        }
        assert_eq!(base64url(b"Zm9vY"), None);
        assert_eq!(base64url(b"Zg=="), None);
    }
}

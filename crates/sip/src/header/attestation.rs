//! Who answers for a calling number (STIR/SHAKEN): the verdict of whoever verified it (`verstat`,
//! 3GPP TS 24.229 §7.2A.20), and what a PASSporT claims (RFC 8224, RFC 8225, RFC 8588).
//!
//! Nothing is verified here: no signature, no certificate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
    // Without padding (RFC 7515 §2).
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    attestation(claims.get("attest")?.as_str()?.as_bytes())
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
}

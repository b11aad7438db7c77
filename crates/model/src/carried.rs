//! What a call carries beside its numbers (随路数据).

use serde::{Deserialize, Serialize};

use crate::PhoneId;

/// What a call carries beside its numbers, from the side that began it to whoever it is passed on to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Carried {
    /// What the calling side tells the called one, in order.
    pub user_to_user: Vec<UserToUser>,
    /// What the trunk says of whether the calling number is the caller's own.
    pub attested: Option<Attested>,
    /// The values of the Identity header fields, as sent (RFC 8224 §4).
    pub identity: Vec<String>,
    /// Which of our phones has handed the call on, to whoever it goes to (RFC 3892). Known by digest,
    /// whatever a phone says of it itself.
    pub referred_by: Option<PhoneId>,
}

/// One value of User-to-User (RFC 7433 §4), as sent and not interpreted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct UserToUser {
    /// The data, without quotes; in hexadecimal where `encoding` is `hex`.
    pub data: String,
    /// How the data is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The package it belongs to, such as `isdn-uui` (RFC 7434).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What the data is, in the words of the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// What a trunk says of whether the calling number is the caller's own (STIR/SHAKEN). Nothing of
/// it is verified by us.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Attested {
    /// What came of the carrier's verification: `verstat` (3GPP TS 24.229 §7.2A.20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What the carrier says that the caller's carrier attests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
    /// What an Identity header field claims to be attested: its signature was not looked at by us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unverified_attestation: Option<Attestation>,
}

/// What came of a carrier's verification of the calling number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The signature is good: `TN-Validation-Passed`.
    Passed,
    /// It is not: `TN-Validation-Failed`.
    Failed,
    /// Nothing was verified: `No-TN-Validation`.
    NotValidated,
}

/// How far the caller's carrier answers for the calling number (RFC 8588 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Attestation {
    /// It knows the caller, and that the number is the caller's to use.
    #[serde(rename = "A")]
    Full,
    /// It knows the caller, and not that the number is.
    #[serde(rename = "B")]
    Partial,
    /// It knows from where the call came to it, and nothing more.
    #[serde(rename = "C")]
    Gateway,
}

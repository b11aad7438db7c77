//! Event packages: what may be watched, and in which form it is told.

use model::PhoneId;

/// An event package (RFC 6665 §5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Package {
    /// The calls of a phone (RFC 4235): busy lamps (忙灯).
    Dialog,
    /// The messages of a mailbox (RFC 3842).
    MessageSummary,
    /// Whether the agent at a phone is there (RFC 3856).
    Presence,
}

impl Package {
    /// All packages, in the order of [`ALLOW_EVENTS`].
    pub const ALL: [Self; 3] = [Self::Dialog, Self::MessageSummary, Self::Presence];

    /// The name in an Event field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::MessageSummary => "message-summary",
            Self::Presence => "presence",
        }
    }

    /// The media type of its bodies.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Dialog => "application/dialog-info+xml",
            Self::MessageSummary => "application/simple-message-summary",
            Self::Presence => "application/pidf+xml",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|package| package.as_str() == name)
    }
}

/// The value of Allow-Events (RFC 6665 §8.2.2).
pub const ALLOW_EVENTS: &str = "dialog, message-summary, presence";

/// What somebody watches.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Watch {
    /// What of it.
    pub package: Package,
    /// Whose.
    pub target: PhoneId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_what_can_be_watched() {
        assert_eq!(Package::ALL.map(Package::as_str).join(", "), ALLOW_EVENTS);
        for package in Package::ALL {
            assert_eq!(Package::named(package.as_str()), Some(package));
        }
        assert_eq!(Package::named("refer"), None);
    }
}

//! The state of a phone's calls for busy lamps (RFC 4235 §4): `application/dialog-info+xml`.
//!
//! Always the full state. What would let a reader take part in a call (Call-ID, tags) is never
//! written.

use std::fmt::Write as _;

use super::xml::escaped;

/// Dialogs of one document: more are on no lamp.
const MOST: usize = 16;

/// One call of a phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShownDialog {
    /// Tells it from the phone's other calls.
    pub id: String,
    /// Who began it.
    pub direction: Direction,
    /// How far it is.
    pub state: DialogState,
    /// The address of the other party, for readers who may know it.
    pub remote: Option<String>,
}

/// Who began a call, seen from the phone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// The phone calls.
    Initiator,
    /// The phone is called.
    Recipient,
}

impl Direction {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Initiator => "initiator",
            Self::Recipient => "recipient",
        }
    }
}

/// How far a call is (RFC 4235 §3.7.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DialogState {
    /// Asked for; nothing rings yet.
    Trying,
    /// It rings.
    Early,
    /// Answered.
    Confirmed,
    /// Over.
    Terminated,
}

impl DialogState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Early => "early",
            Self::Confirmed => "confirmed",
            Self::Terminated => "terminated",
        }
    }
}

/// The document of version `version` about the phone whose address is `entity`.
#[must_use]
pub fn write_dialog_info(entity: &str, version: u32, dialogs: &[ShownDialog]) -> Vec<u8> {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" \
         state=\"full\" entity=\"{}\">\n",
        escaped(entity)
    );
    for dialog in dialogs.iter().take(MOST) {
        write_dialog(&mut out, dialog);
    }
    if dialogs.is_empty() {
        // An empty document would say the same, but some phones leave the lamp as it was.
        out.push_str("<dialog id=\"none\">\n<state>terminated</state>\n</dialog>\n");
    }
    out.push_str("</dialog-info>\n");
    out.into_bytes()
}

fn write_dialog(out: &mut String, dialog: &ShownDialog) {
    let ShownDialog { id, direction, state, remote } = dialog;
    let (id, direction, state) = (escaped(id), direction.as_str(), state.as_str());
    // Writing into a String does not fail.
    let _ = write!(out, "<dialog id=\"{id}\" direction=\"{direction}\">\n<state>{state}</state>\n");
    if let Some(remote) = remote {
        let remote = escaped(remote);
        let _ = write!(
            out,
            "<remote>\n<identity>{remote}</identity>\n<target uri=\"{remote}\"/>\n</remote>\n"
        );
    }
    out.push_str("</dialog>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(version: u32, dialogs: &[ShownDialog]) -> String {
        String::from_utf8(write_dialog_info("sip:1001@400.example.cn", version, dialogs)).unwrap()
    }

    #[test]
    fn a_phone_that_rings_and_talks_is_shown_with_both_calls() {
        let rings = ShownDialog {
            id: "1-14".into(),
            direction: Direction::Recipient,
            state: DialogState::Early,
            remote: Some("sip:13800138000@400.example.cn".into()),
        };
        let talks = ShownDialog {
            id: "1-9".into(),
            direction: Direction::Initiator,
            state: DialogState::Confirmed,
            remote: None,
        };
        assert_eq!(
            text(7, &[rings, talks]),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"7\" \
             state=\"full\" entity=\"sip:1001@400.example.cn\">\n\
             <dialog id=\"1-14\" direction=\"recipient\">\n\
             <state>early</state>\n\
             <remote>\n\
             <identity>sip:13800138000@400.example.cn</identity>\n\
             <target uri=\"sip:13800138000@400.example.cn\"/>\n\
             </remote>\n\
             </dialog>\n\
             <dialog id=\"1-9\" direction=\"initiator\">\n\
             <state>confirmed</state>\n\
             </dialog>\n\
             </dialog-info>\n"
        );
    }

    #[test]
    fn a_phone_at_rest_has_one_dialog_that_is_over() {
        assert_eq!(
            text(0, &[]),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" \
             state=\"full\" entity=\"sip:1001@400.example.cn\">\n\
             <dialog id=\"none\">\n\
             <state>terminated</state>\n\
             </dialog>\n\
             </dialog-info>\n"
        );
    }

    #[test]
    fn what_comes_from_outside_cannot_write_elements_of_its_own() {
        let dialog = ShownDialog {
            id: "\"/><x".into(),
            direction: Direction::Recipient,
            state: DialogState::Trying,
            remote: Some("sip:a&b@x></dialog>".into()),
        };
        let text = text(1, &[dialog]);
        assert!(text.contains("<dialog id=\"&quot;/&gt;&lt;x\" direction"), "{text}");
        assert!(text.contains("<identity>sip:a&amp;b@x&gt;&lt;/dialog&gt;</identity>"), "{text}");
    }

    #[test]
    fn a_document_is_bounded_whatever_the_phone_does() {
        let dialog = ShownDialog {
            id: "1".into(),
            direction: Direction::Recipient,
            state: DialogState::Trying,
            remote: None,
        };
        assert_eq!(text(1, &vec![dialog; 500]).matches("<dialog ").count(), MOST);
    }
}

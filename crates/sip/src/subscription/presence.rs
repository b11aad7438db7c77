//! The agent at a phone, for those who want to know before they call (RFC 3863, RFC 4480):
//! `application/pidf+xml`.
//!
//! | state | basic | activity |
//! |---|---|---|
//! | signed out | closed | – |
//! | ready | open | – |
//! | reserved, ringing, on call | open | on the phone |
//! | busy, wrap-up | open | busy |

use model::{Reason, StateName};

use super::xml::escaped;

/// What an agent does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presence {
    /// The agent's state.
    pub state: StateName,
    /// Why the agent is busy.
    pub reason: Option<Reason>,
}

impl Presence {
    /// Nobody is signed in at the phone.
    pub const NOBODY: Self = Self { state: StateName::SignedOut, reason: None };

    /// Whether somebody could be reached.
    const fn basic(&self) -> &'static str {
        match self.state {
            StateName::SignedOut => "closed",
            StateName::Ready
            | StateName::Busy
            | StateName::Reserved
            | StateName::Ringing
            | StateName::OnCall
            | StateName::WrapUp => "open",
        }
    }

    /// The activity by which phones choose a colour (RFC 4480 §3.2).
    const fn activity(&self) -> Option<&'static str> {
        match self.state {
            StateName::SignedOut | StateName::Ready => None,
            StateName::Busy | StateName::WrapUp => Some("busy"),
            StateName::Reserved | StateName::Ringing | StateName::OnCall => Some("on-the-phone"),
        }
    }

    /// The state in Chinese and in English.
    const fn words(&self) -> (&'static str, &'static str) {
        match self.state {
            StateName::SignedOut => ("未签入", "signed out"),
            StateName::Ready => ("示闲", "ready"),
            StateName::Busy => ("示忙", "busy"),
            StateName::Reserved => ("预占", "reserved"),
            StateName::Ringing => ("振铃", "ringing"),
            StateName::OnCall => ("通话中", "on call"),
            StateName::WrapUp => ("话后处理", "wrap-up"),
        }
    }
}

/// The document about whoever is at the phone whose address is `entity`.
#[must_use]
pub fn write_presence(entity: &str, presence: &Presence) -> Vec<u8> {
    let (chinese, english) = presence.words();
    let reason = presence.reason.as_ref().map(|reason| format!(" ({})", escaped(reason.as_str())));
    let reason = reason.unwrap_or_default();
    let activity = presence.activity().map_or_else(String::new, |activity| {
        format!("<rpid:activities><rpid:{activity}/></rpid:activities>\n")
    });
    let notes = format!(
        "<note xml:lang=\"zh-CN\">{chinese}{reason}</note>\n\
         <note xml:lang=\"en\">{english}{reason}</note>\n"
    );
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{entity}\">\n\
         <tuple id=\"phone\">\n<status><basic>{basic}</basic></status>\n\
         <contact>{entity}</contact>\n{notes}</tuple>\n\
         <dm:person id=\"agent\">\n{activity}</dm:person>\n\
         </presence>\n",
        entity = escaped(entity),
        basic = presence.basic(),
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(state: StateName, reason: Option<&str>) -> String {
        let presence = Presence { state, reason: reason.map(Reason::from) };
        String::from_utf8(write_presence("sip:1001@400.example.cn", &presence)).unwrap()
    }

    #[test]
    fn a_busy_agent_is_there_and_says_why_in_both_languages() {
        assert_eq!(
            text(StateName::Busy, Some("lunch")),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:1001@400.example.cn\">\n\
             <tuple id=\"phone\">\n\
             <status><basic>open</basic></status>\n\
             <contact>sip:1001@400.example.cn</contact>\n\
             <note xml:lang=\"zh-CN\">示忙 (lunch)</note>\n\
             <note xml:lang=\"en\">busy (lunch)</note>\n\
             </tuple>\n\
             <dm:person id=\"agent\">\n\
             <rpid:activities><rpid:busy/></rpid:activities>\n\
             </dm:person>\n\
             </presence>\n"
        );
    }

    #[test]
    fn every_state_is_open_but_signed_out_and_has_words_of_its_own() {
        let mut notes = std::collections::BTreeSet::new();
        for state in StateName::ALL {
            let text = text(state, None);
            let is_open = text.contains("<basic>open</basic>");
            assert_eq!(is_open, state != StateName::SignedOut, "{state:?}");
            let on_the_phone =
                matches!(state, StateName::Reserved | StateName::Ringing | StateName::OnCall);
            assert_eq!(text.contains("<rpid:on-the-phone/>"), on_the_phone, "{state:?}");
            notes.insert(text.lines().find(|line| line.contains("zh-CN")).unwrap().to_owned());
        }
        assert_eq!(notes.len(), StateName::ALL.len());
    }

    #[test]
    fn a_reason_cannot_write_elements_of_its_own() {
        let text = text(StateName::Busy, Some("<a>&"));
        assert!(text.contains("busy (&lt;a&gt;&amp;)</note>"), "{text}");
    }
}

//! How many messages wait in a mailbox (RFC 3842 §5.2): `application/simple-message-summary`.

/// Messages of a mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mailbox {
    /// Not heard yet.
    pub new: u32,
    /// Heard, and kept.
    pub old: u32,
}

/// The summary of the mailbox whose address is `account`.
#[must_use]
pub fn write_message_summary(account: &str, mailbox: Mailbox) -> Vec<u8> {
    let Mailbox { new, old } = mailbox;
    let waiting = if new > 0 { "yes" } else { "no" };
    // A line of its own is all that an address could add.
    let account: String = account.chars().filter(|c| !c.is_control()).collect();
    format!(
        "Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\n\
         Voice-Message: {new}/{old} (0/0)\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(account: &str, new: u32, old: u32) -> String {
        String::from_utf8(write_message_summary(account, Mailbox { new, old })).unwrap()
    }

    #[test]
    fn a_lamp_is_lit_for_messages_not_heard_yet() {
        assert_eq!(
            text("sip:1001@400.example.cn", 2, 8),
            "Messages-Waiting: yes\r\nMessage-Account: sip:1001@400.example.cn\r\n\
             Voice-Message: 2/8 (0/0)\r\n"
        );
        assert!(text("sip:1001@x", 0, 8).starts_with("Messages-Waiting: no\r\n"));
    }

    #[test]
    fn an_address_adds_no_line() {
        assert_eq!(text("sip:1\r\nX: y", 0, 0).lines().count(), 3);
    }
}

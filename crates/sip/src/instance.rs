//! Which device a registration is of (RFC 5626 §4.1).

use sha2::{Digest as _, Sha256};

use crate::header::NameAddr;

/// The name of a device that stays the same however often it starts: `urn:uuid:…` made of what it is
/// called, a UUID of version 8 (RFC 9562 §5.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instance(String);

impl Instance {
    /// That of whatever has this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let hash = Sha256::digest(name.as_bytes());
        let mut number = hash.iter().take(16).fold(0_u128, |sum, it| sum << 8 | u128::from(*it));
        // Version and variant.
        number = number & !(0xf << 76) | 0x8 << 76;
        number = number & !(0b11 << 62) | 0b10 << 62;
        let hex = format!("{number:032x}");
        let mut groups = [8, 4, 4, 4, 12].into_iter().scan(hex.as_str(), |rest, length| {
            let (group, after) = rest.split_at_checked(length)?;
            *rest = after;
            Some(group)
        });
        let mut text = groups.next().unwrap_or_default().to_owned();
        groups.for_each(|group| text.extend(["-", group]));
        Self(format!("urn:uuid:{text}"))
    }

    /// The Contact of its one flow.
    #[must_use]
    pub fn named(&self, mut contact: NameAddr) -> NameAddr {
        contact.params.set("+sip.instance", &format!("\"<{}>\"", self.0));
        contact.params.set("reg-id", "1");
        contact
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::Uri;

    #[test]
    fn a_name_is_a_uuid_and_another_name_another_one() {
        let one = Instance::of("hotline.example carrier 192.0.2.1:5080");
        assert_eq!(one, Instance::of("hotline.example carrier 192.0.2.1:5080"));
        assert_ne!(one, Instance::of("hotline.example carrier 192.0.2.2:5080"));
        let groups: Vec<&str> = one.0.strip_prefix("urn:uuid:").unwrap().split('-').collect();
        assert_eq!(groups.iter().map(|it| it.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(groups[2].starts_with('8') && groups[3].starts_with(['8', '9', 'a', 'b']));
    }

    #[test]
    fn a_contact_tells_device_and_flow() {
        let contact = NameAddr::new("sip:4001@192.0.2.1:5080".parse::<Uri>().unwrap());
        let named = Instance::of("x").named(contact).to_bytes();
        let text = String::from_utf8(named).unwrap();
        assert!(text.starts_with("<sip:4001@192.0.2.1:5080>;+sip.instance=\"<urn:uuid:"), "{text}");
        assert!(text.ends_with(">\";reg-id=1"), "{text}");
    }
}

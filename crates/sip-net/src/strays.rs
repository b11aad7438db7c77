//! Phones that are used from where they may not be, told of in the log now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{PhoneId, Timestamp};

/// At most one line about a phone in this time: one that is at the wrong place tries every minute.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// When each phone was last told of, and how often it has tried since. Only who brings the right
/// secret gets here, so there are no more of them than accounts.
#[derive(Debug, Default)]
pub(crate) struct Strays(BTreeMap<PhoneId, (Timestamp, u64)>);

impl Strays {
    /// A phone is where it may not be. Gives how often it was since the last line, when it is time
    /// for another.
    pub(crate) fn seen(&mut self, phone: &PhoneId, now: Timestamp) -> Option<u64> {
        let Some((told, untold)) = self.0.get_mut(phone) else {
            self.0.insert(phone.clone(), (now, 0));
            return Some(1);
        };
        *untold += 1;
        if now.since(*told) < TOLD_EVERY {
            return None;
        }
        *told = now;
        Some(std::mem::take(untold))
    }

    /// Forgets phones that are no more.
    pub(crate) fn keep(&mut self, is_known: impl Fn(&PhoneId) -> bool) {
        self.0.retain(|phone, _| is_known(phone));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_told_of_at_once_and_then_once_a_minute_with_how_often() {
        let (mut strays, phone) = (Strays::default(), PhoneId::from("1001"));
        let at = |seconds: u64| Timestamp::from_secs(1_000 + seconds);
        assert_eq!(strays.seen(&phone, at(0)), Some(1));
        assert_eq!(strays.seen(&"1002".into(), at(1)), Some(1));
        assert_eq!(strays.seen(&phone, at(1)), None);
        assert_eq!(strays.seen(&phone, at(59)), None);
        assert_eq!(strays.seen(&phone, at(60)), Some(3));
        assert_eq!(strays.seen(&phone, at(61)), None);
        strays.keep(|_| false);
        assert_eq!(strays.seen(&phone, at(62)), Some(1));
    }
}

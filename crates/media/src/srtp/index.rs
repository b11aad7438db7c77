//! The number of a packet beyond the sixteen bits it carries, and which numbers have been seen
//! (RFC 3711 §3.3.1, §3.3.2).

/// How far back numbers are remembered.
const REMEMBERED: u64 = 128;

/// The numbers seen of late.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    newest: Option<u64>,
    /// Bit n says whether `newest - n` was seen.
    seen: u128,
}

impl Window {
    /// The highest number seen.
    pub(super) const fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Whether a number was seen, or is too old to tell.
    pub(super) fn has(&self, index: u64) -> bool {
        let Some(newest) = self.newest else { return false };
        match newest.checked_sub(index) {
            None => false,
            Some(back) if back < REMEMBERED => self.seen >> back & 1 == 1,
            Some(_) => true,
        }
    }

    /// Takes note that a number was seen.
    pub(super) fn note(&mut self, index: u64) {
        match self.newest.map(|newest| (newest, index.checked_sub(newest))) {
            None => (self.newest, self.seen) = (Some(index), 1),
            Some((_, Some(on))) => {
                let moved = if on < REMEMBERED { self.seen << on } else { 0 };
                (self.newest, self.seen) = (Some(index), moved | 1);
            }
            Some((newest, None)) => {
                let back = newest - index;
                if back < REMEMBERED {
                    self.seen |= 1 << back;
                }
            }
        }
    }
}

/// The number nearest to `newest` that ends in `sequence`.
pub(super) fn guess(newest: u64, sequence: u16) -> u64 {
    let distance = sequence.wrapping_sub(low(newest)).cast_signed();
    newest.checked_add_signed(i64::from(distance)).unwrap_or(u64::from(sequence))
}

fn low(index: u64) -> u16 {
    let [.., high, low] = index.to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_guessed_across_the_wrap_both_ways() {
        assert_eq!(guess(65_535, 0), 65_536);
        assert_eq!(guess(65_536, 65_535), 65_535);
        assert_eq!(guess(0x2_0000, 0x8000), 0x1_8000);
        assert_eq!(guess(0x2_0000, 0x7fff), 0x2_7fff);
        // Nothing lies before the first number.
        assert_eq!(guess(3, 65_000), 65_000);
    }

    proptest! {
        #[test]
        fn a_window_has_what_was_noted_and_what_is_too_old(
            indexes in proptest::collection::vec(0u64..600, 1..200),
        ) {
            let mut window = Window::default();
            let mut noted = std::collections::BTreeSet::new();
            for index in indexes {
                let newest = noted.last().copied();
                let old = newest.is_some_and(|newest: u64| newest.saturating_sub(index) >= REMEMBERED);
                prop_assert_eq!(window.has(index), old || noted.contains(&index));
                window.note(index);
                noted.insert(index);
            }
        }
    }
}

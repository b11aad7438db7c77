//! How many packets one far side may send: a flood, or two legs that were pointed at each other so
//! that packets go round for ever, must not take a whole thread.

use model::Timestamp;

/// Packets let through in each window: eight times what 20 ms of audio a packet needs.
const PACKETS: u16 = 200;

/// The length of a window in microseconds.
const WINDOW: u64 = 500_000;

/// Counts one stream's packets in windows of half a second.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    window: u64,
    used: u16,
}

impl Allowance {
    /// Whether one more packet may pass at `now`.
    pub(crate) const fn take(&mut self, now: Timestamp) -> bool {
        let window = now.as_micros() / WINDOW;
        if window != self.window {
            self.window = window;
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
        self.used <= PACKETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_what_follows_it_passes() {
        let mut allowance = Allowance::default();
        let passed = |allowance: &mut Allowance, millis| {
            (0..1_000).filter(|_| allowance.take(Timestamp::from_millis(millis))).count()
        };
        assert_eq!(passed(&mut allowance, 10_000), 200);
        assert_eq!(passed(&mut allowance, 10_499), 0);
        assert_eq!(passed(&mut allowance, 10_500), 200);
    }
}

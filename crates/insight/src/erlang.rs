//! Erlang's formulas for a queue with Poisson arrivals, exponential service and callers who wait
//! for ever (M/M/n).
//!
//! The *load* is in erlangs: calls in an hour × their mean length in hours.

use std::time::Duration;

/// Erlang B: the share of calls that find all `servers` busy where none may wait. By the usual
/// recursion, which neither overflows nor cancels.
#[must_use]
pub fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, server| {
        let busy = load * blocked;
        busy / (f64::from(server) + busy)
    })
}

/// Erlang C: the share of calls that must wait. 1 where the load is as many as the servers, or
/// more: then the queue has no end.
#[must_use]
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    let servers_free = f64::from(servers) - load;
    if servers_free <= 0.0 {
        return 1.0;
    }
    let blocked = erlang_b(servers, load);
    f64::from(servers) * blocked / (servers_free + load * blocked)
}

/// The mean wait of all calls, those that do not wait included, where they last `service` on
/// average. `None` where the queue has no end.
#[must_use]
pub fn erlang_c_wait(servers: u32, load: f64, service: Duration) -> Option<Duration> {
    let servers_free = f64::from(servers) - load;
    let wait = erlang_c(servers, load) * service.as_secs_f64() / servers_free;
    (servers_free > 0.0).then(|| Duration::try_from_secs_f64(wait).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 5e-5
    }

    #[test]
    fn the_formulas_give_what_the_tables_give() {
        // One server waits as often as it is busy; two: 2ρ²/(1+ρ) with ρ = a/2.
        assert!(close(erlang_c(1, 0.8), 0.8));
        assert!(close(erlang_c(2, 1.6), 2.0 * 0.64 / 1.8));
        // Printed tables of Erlang B: 10 servers and 5 erlangs block 0.0184.
        assert!(close(erlang_b(10, 5.0), 0.018_38));
        let wait = erlang_c_wait(1, 0.5, Duration::from_secs(60));
        assert_eq!(wait, Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_queue_without_end_is_told() {
        assert!(close(erlang_c(10, 10.0), 1.0));
        assert_eq!(erlang_c_wait(10, 12.0, Duration::from_secs(60)), None);
    }

    #[test]
    fn ten_thousand_servers_are_not_too_many() {
        let waits = erlang_c(10_000, 9_900.0);
        assert!(waits > 0.1 && waits < 0.5, "{waits}");
    }

    proptest! {
        #[test]
        fn it_is_the_sum_of_the_textbook(servers in 1_u32..40, share in 0.01_f64..0.99) {
            let load = f64::from(servers) * share;
            let mut term = 1.0;
            let mut sum = 0.0;
            for k in 0..servers {
                sum += term;
                term *= load / f64::from(k + 1);
            }
            let waiting = term / (1.0 - share);
            let textbook = waiting / (sum + waiting);
            prop_assert!((erlang_c(servers, load) - textbook).abs() < 1e-9);
        }
    }
}

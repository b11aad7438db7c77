//! The ports media lent the floor.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::config::PortLease;

/// Free and used port pairs. A port comes back to the end of the line, so that late packets of the
/// old call find nobody there.
#[derive(Debug)]
pub(crate) struct Ports {
    lease: PortLease,
    free: VecDeque<u16>,
    total: usize,
}

impl Ports {
    pub(crate) fn new(lease: PortLease) -> Self {
        let free: VecDeque<u16> = (lease.first..=lease.last).step_by(2).collect();
        let total = free.len();
        Self { lease, free, total }
    }

    pub(crate) fn take(&mut self) -> Option<SocketAddr> {
        self.free.pop_front().map(|port| SocketAddr::new(self.lease.address, port))
    }

    pub(crate) fn give_back(&mut self, address: SocketAddr) {
        self.free.push_back(address.port());
    }

    /// In use, and in all.
    pub(crate) fn usage(&self) -> (u32, u32) {
        let count = |ports: usize| u32::try_from(ports).unwrap_or(u32::MAX);
        (count(self.total - self.free.len()), count(self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_comes_back_is_the_last_to_be_lent_again() {
        let lease = PortLease { address: [127, 0, 0, 1].into(), first: 20_000, last: 20_002 };
        let mut ports = Ports::new(lease);
        let first = ports.take().unwrap();
        assert_eq!(ports.usage(), (1, 2));
        ports.give_back(first);
        assert_eq!(ports.take().unwrap().port(), 20_002);
        assert_eq!(ports.take(), Some(first));
        assert_eq!(ports.take(), None);
    }
}

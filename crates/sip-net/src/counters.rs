//! What was refused, malformed or lost, counted by reason.

use std::sync::atomic::{AtomicU64, Ordering};

use sip::endpoint::Tally;

macro_rules! counted {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Something that is counted and answered, and otherwise changes nothing.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Counted {
            $($(#[$doc])* $name,)*
        }

        impl Counted {
            /// All reasons, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The reason as the label of a metric.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

counted! {
    /// A message arrived that could be read.
    Received = "received",
    /// A message was sent.
    Sent = "sent",
    /// A keep-alive by STUN was answered.
    KeptAlive = "stun",
    /// Octets that are no SIP message.
    Malformed = "malformed",
    /// A datagram could not be sent: the socket's buffer was full or the address unreachable.
    SendFailed = "send_failed",
    /// A request on the trunk listener from an address that is no trunk's: 403.
    UnknownTrunk = "unknown_trunk",
    /// A request on the phone listener without credentials: challenged.
    Challenged = "challenged",
    /// Credentials that could not be read: challenged again.
    MalformedCredentials = "malformed_credentials",
    /// A user who has no account: challenged again.
    UnknownUser = "unknown_user",
    /// A wrong secret: challenged again.
    WrongSecret = "wrong_secret",
    /// A nonce too old, not ours or already used: challenged again.
    StaleNonce = "stale_nonce",
    /// Credentials for another realm or Request-URI, or without protection: challenged again.
    UnfitCredentials = "unfit_credentials",
    /// From or To names another than the authenticated phone: 403.
    OtherIdentity = "other_identity",
    /// A call to something that is no number: 404.
    NoNumber = "no_number",
    /// Data of a caller for whoever answers (User-to-User) that is malformed, longer than 512 octets or
    /// one value too many: left out.
    UserToUserDropped = "user_to_user",
    /// An Identity that is longer than 4096 octets, no UTF-8 or one too many: left out.
    IdentityDropped = "identity",
    /// A description that we cannot use: 400 or 488.
    UnusableOffer = "unusable_offer",
    /// A call refused with 503 because the floor has too much to do, or a subscription because
    /// signalling has.
    Overload = "overload",
    /// A request outside any call refused with 503 because more comes in than can be read in time.
    Strained = "strained",
    /// A call refused with 503 because the service is being stopped.
    Stopping = "stopping",
    /// A registration that could not be carried out.
    RegisterRefused = "register_refused",
    /// A subscription that was not begun, lengthened or ended as asked.
    SubscribeRefused = "subscribe_refused",
    /// A NOTIFY that was refused, or that nobody heard: the subscription is over.
    NotifyLost = "notify_lost",
    /// A request outside any call of a method that we have no use for: 405.
    MethodRefused = "method_refused",
    /// A wish to hand a call on that was refused before the floor heard of it: it names no number,
    /// no call, or one that is another phone's.
    TransferRefused = "transfer_refused",
    /// A connection closed because there were too many.
    TooManyConnections = "too_many_connections",
    /// A connection closed because it was slow, silent or half a message.
    SlowConnection = "slow_connection",
    /// Something from a source that is shut out: not read.
    Banned = "banned",
    /// A request dropped because its source sends too many.
    RateLimited = "rate_limited",
    /// A request of a program that looks for holes: dropped, and its source shut out.
    Scanner = "scanner",
    /// Credentials not looked at because too many for this account were wrong from there: 403.
    AccountWaits = "account_waits",
    /// A phone with the right secret at an address outside its networks: 403.
    OutsideNetworks = "outside_networks",
    /// A request of a call that does not come from where the call is: 481, or an ACK not heard.
    OutOfPlace = "out_of_place",
    /// A connection that we wanted could not be opened.
    ConnectFailed = "connect_failed",
    /// A connection closed because there was no TLS or no WebSocket with whoever opened it.
    HandshakeFailed = "handshake_failed",
    /// A connection closed because the certificate that a trunk showed is for another name.
    OtherCertificate = "other_certificate",
    /// A connection closed because what came over it is no SIP.
    BadStream = "bad_stream",
    /// An ACK that belongs to no call and to no refusal of ours: nothing.
    StrayAck = "stray_ack",
    /// A response that answers nothing of ours: nothing.
    StrayResponse = "stray_response",
    /// A request too broken to be answered: nothing.
    Unanswerable = "unanswerable",
    /// A command for a leg that is already gone: it crossed the end of the leg.
    LateCommand = "late_command",
    /// Something did not get into the trace on disk: it did not fit, or the disk took it not.
    TraceLost = "lost",
    /// A record of the trace on disk that could not be read was passed over.
    TraceDamaged = "damaged",
    /// A message was sent to the capture server.
    Captured = "captured",
    /// A message was not sent to the capture server: it did not fit, or the network took it not.
    Uncaptured = "uncaptured",
}

/// The lowest status of a refusal (RFC 3261 §21), and how many there are.
const FIRST_STATUS: u16 = 300;
const STATUSES: usize = 400;

/// How often each thing happened since the start.
#[derive(Debug)]
pub struct Counters {
    counted: [AtomicU64; Counted::ALL.len()],
    refused: [AtomicU64; STATUSES],
}

impl Default for Counters {
    fn default() -> Self {
        let counted = [const { AtomicU64::new(0) }; Counted::ALL.len()];
        Self { counted, refused: [const { AtomicU64::new(0) }; STATUSES] }
    }
}

impl Counters {
    /// Counts once.
    pub fn count(&self, what: Counted) {
        if let Some(counter) = self.counted.get(what as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes over what the endpoint has counted itself.
    pub(crate) fn set(&self, tally: &Tally) {
        for (what, times) in [
            (Counted::StrayAck, tally.stray_acks),
            (Counted::StrayResponse, tally.stray_responses),
            (Counted::Unanswerable, tally.unanswerable),
        ] {
            if let Some(counter) = self.counted.get(what as usize) {
                counter.store(times, Ordering::Relaxed);
            }
        }
        for (status, times) in &tally.refused {
            let place = status.checked_sub(FIRST_STATUS).map(usize::from);
            if let Some(counter) = place.and_then(|place| self.refused.get(place)) {
                counter.store(*times, Ordering::Relaxed);
            }
        }
    }

    /// How often requests were refused outside calls, before anything was remembered of them: by status,
    /// those that there were.
    pub fn refused(&self) -> impl Iterator<Item = (u16, u64)> {
        let counters = (FIRST_STATUS..).zip(&self.refused);
        let read = counters.map(|(status, counter)| (status, counter.load(Ordering::Relaxed)));
        read.filter(|(_, times)| *times > 0)
    }

    /// How often this has happened.
    #[must_use]
    pub fn of(&self, what: Counted) -> u64 {
        self.counted.get(what as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Every reason with its number, to be exposed.
    pub fn all(&self) -> impl Iterator<Item = (Counted, u64)> {
        Counted::ALL.iter().map(|what| (*what, self.of(*what)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_number() {
        let counters = Counters::default();
        counters.count(Counted::Malformed);
        counters.count(Counted::LateCommand);
        counters.count(Counted::LateCommand);
        let counted: Vec<_> = counters.all().filter(|(_, number)| *number > 0).collect();
        assert_eq!(counted, [(Counted::Malformed, 1), (Counted::LateCommand, 2)]);
    }

    #[test]
    fn what_the_endpoint_counts_is_taken_over_and_refusals_have_their_status() {
        let counters = Counters::default();
        let mut tally = Tally { stray_acks: 3, ..Tally::default() };
        tally.refused.extend([(401, 1), (699, 2), (200, 5)]);
        counters.set(&tally);
        tally.refused.insert(401, 7);
        counters.set(&tally);
        assert_eq!(counters.of(Counted::StrayAck), 3);
        assert_eq!(counters.refused().collect::<Vec<_>>(), [(401, 7), (699, 2)]);
    }
}

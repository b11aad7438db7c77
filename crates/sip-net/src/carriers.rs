//! Where the trunks are, and whether they are there: each is one place or several (RFC 3263), asked
//! from time to time (OPTIONS, RFC 3261 §11) and avoided while it does not answer.
//!
//! | what happens | the place is |
//! |---|---|
//! | it answers anything | there |
//! | it says nothing for as long as a peer may, or cannot be reached | gone |
//! | it answers 503 | busy: avoided for as long as it says, a minute otherwise |
//!
//! What is gone or busy is tried last, never not at all: a wrong guess of ours must not end calls.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use model::{Timestamp, TrunkId};
use sip::endpoint::RequestId;
use sip::locate::Place;

use crate::accounts::{Trunk, Trunks};
use crate::registering::{Asked, Registration};

/// How long a place is avoided that is busy and does not say for how long.
const BUSY: Duration = Duration::from_secs(60);
/// How long at most, whatever it says.
const BUSIEST: Duration = Duration::from_mins(10);

/// What is known of the trunks.
#[derive(Debug)]
pub(crate) struct Carriers {
    carriers: BTreeMap<TrunkId, Carrier>,
    asked: BTreeMap<RequestId, (TrunkId, Place)>,
    /// Whether anything is other than when it was looked at last.
    changed: bool,
    /// How long a place may say nothing.
    patience: Duration,
}

#[derive(Debug)]
struct Carrier {
    every: Option<Duration>,
    sites: Vec<Site>,
    /// Why its name leads nowhere.
    unknown: Option<String>,
    registration: Option<Registration>,
}

/// A place of a trunk.
#[derive(Clone, Debug)]
struct Site {
    place: Place,
    health: Health,
    /// Until when it does not want more.
    busy_until: Option<Timestamp>,
    /// When it is asked next, or has said nothing for too long.
    due: Option<Timestamp>,
    /// Whether an answer is awaited.
    asked: bool,
}

/// Whether a place is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Health {
    /// It was not asked yet.
    Unknown,
    /// It has answered, lately or ever since.
    Up,
    /// It does not answer.
    Down {
        /// Since when.
        since: Timestamp,
        /// Why we think so.
        why: &'static str,
    },
}

/// A trunk, as an administrator wants to know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrunkStatus {
    /// Its name.
    pub trunk: TrunkId,
    /// Where it is, in the order in which it is tried.
    pub places: Vec<(Place, Health)>,
    /// Why its name leads nowhere, if it does not.
    pub unknown: Option<String>,
    /// What became of our registration, where there is to be one.
    pub registration: Option<RegistrationStatus>,
}

/// Our registration at a trunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RegistrationStatus {
    /// It holds until then unless it is refreshed.
    Registered(Timestamp),
    /// It does not: why, and when it is tried again.
    Failed(String, Timestamp),
    /// It is under way for the first time.
    Trying,
}

/// What is due.
#[derive(Debug)]
pub(crate) enum Due {
    /// To ask this place whether it is there.
    Ask(TrunkId, Place),
    /// This place does not answer any more.
    Gone(TrunkId, Place),
    /// To register at this trunk.
    Register(TrunkId),
}

impl Carriers {
    pub(crate) const fn new(patience: Duration) -> Self {
        Self { carriers: BTreeMap::new(), asked: BTreeMap::new(), changed: true, patience }
    }

    /// Takes over what is known of trunks that are the same as before, and begins with the others.
    pub(crate) fn know(&mut self, trunks: &Trunks, before: &Trunks, now: Timestamp) {
        self.changed = true;
        let mut old = std::mem::take(&mut self.carriers);
        for trunk in trunks.iter() {
            let same = before.find(&trunk.id).is_some_and(|it| it.is_called_like(trunk));
            let known = old.remove(&trunk.id).filter(|_| same);
            let carrier = known.unwrap_or_else(|| Carrier::new(trunk, now));
            self.carriers.insert(trunk.id.clone(), carrier);
        }
        let carriers = &self.carriers;
        self.asked.retain(|_, (trunk, _)| carriers.contains_key(trunk));
    }

    /// Where a trunk is, as found now.
    pub(crate) fn located(
        &mut self,
        trunk: &TrunkId,
        found: Result<Vec<Place>, String>,
        now: Timestamp,
    ) {
        self.changed = true;
        let Some(carrier) = self.carriers.get_mut(trunk) else { return };
        match found {
            Ok(places) => {
                if carrier.unknown.take().is_some() {
                    tracing::info!(%trunk, "the trunk's name leads somewhere again");
                }
                carrier.settle(&places, now);
            }
            // What was found before may still be right.
            Err(why) if carrier.unknown.as_ref() != Some(&why) => {
                tracing::warn!(%trunk, why, "the trunk's name leads nowhere");
                carrier.unknown = Some(why);
            }
            Err(_) => {}
        }
    }

    /// Where to call a trunk, in order: first what is there, then what is busy, then what is gone.
    pub(crate) fn places(&self, trunk: &TrunkId, now: Timestamp) -> Vec<Place> {
        let Some(carrier) = self.carriers.get(trunk) else { return Vec::new() };
        let mut sites: Vec<&Site> = carrier.sites.iter().collect();
        sites.sort_by_key(|site| {
            let is_busy = site.busy_until.is_some_and(|until| until > now);
            (site.is_gone(carrier.every.is_some(), now), is_busy)
        });
        sites.into_iter().map(|site| site.place).collect()
    }

    /// The trunks at which we are registered.
    pub(crate) fn registered_at(&self, now: Timestamp) -> Vec<TrunkId> {
        let is_held =
            |carrier: &Carrier| carrier.registration.as_ref().is_some_and(|it| it.holds(now));
        let held = self.carriers.iter().filter(|(_, carrier)| is_held(carrier));
        held.map(|(id, _)| id.clone()).collect()
    }

    /// Whether there is any such.
    pub(crate) fn are_registered_at(&self, now: Timestamp) -> bool {
        !self.registered_at(now).is_empty()
    }

    /// Whether nobody has answered of late at this place of a trunk.
    pub(crate) fn is_gone(&self, trunk: &TrunkId, place: Place, now: Timestamp) -> bool {
        self.carriers.get(trunk).is_some_and(|carrier| {
            let site = carrier.sites.iter().find(|site| site.place == place);
            site.is_some_and(|site| site.is_gone(carrier.every.is_some(), now))
        })
    }

    pub(crate) fn registration(&mut self, trunk: &TrunkId) -> Option<&mut Registration> {
        self.changed = true;
        self.carriers.get_mut(trunk)?.registration.as_mut()
    }

    /// All places there are, with the trunks.
    pub(crate) fn all_places(&self) -> impl Iterator<Item = (&TrunkId, Place)> {
        let carriers = self.carriers.iter();
        carriers.flat_map(|(id, carrier)| carrier.sites.iter().map(move |it| (id, it.place)))
    }

    /// Whether the trunk is called at this address.
    pub(crate) fn is_at(&self, trunk: &TrunkId, address: IpAddr) -> bool {
        let mut sites = self.carriers.get(trunk).into_iter().flat_map(|carrier| &carrier.sites);
        sites.any(|site| site.place.peer.ip() == address)
    }

    /// Whether anything has changed since this was asked last.
    pub(crate) const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }

    /// How the trunks are.
    pub(crate) fn status(&self, now: Timestamp) -> Vec<TrunkStatus> {
        let carriers = self.carriers.iter();
        carriers
            .map(|(trunk, carrier)| {
                let health = |place: &Place| {
                    let site = carrier.sites.iter().find(|site| site.place == *place);
                    site.map_or(Health::Unknown, |site| site.health.clone())
                };
                let places = self.places(trunk, now).into_iter();
                TrunkStatus {
                    trunk: trunk.clone(),
                    places: places.map(|place| (place, health(&place))).collect(),
                    unknown: carrier.unknown.clone(),
                    registration: carrier.registration.as_ref().map(Registration::status),
                }
            })
            .collect()
    }

    /// A place has said something.
    pub(crate) fn answered(&mut self, trunk: &TrunkId, place: Place) {
        let Some(site) = self.site(trunk, place) else { return };
        if matches!(site.health, Health::Down { .. }) {
            tracing::info!(%trunk, peer = %place.peer, "the trunk answers again");
        }
        if std::mem::replace(&mut site.health, Health::Up) != Health::Up {
            self.changed = true;
        }
    }

    /// A place does not want more for a while.
    pub(crate) fn busy(
        &mut self,
        trunk: &TrunkId,
        place: Place,
        (after, now): (Option<Duration>, Timestamp),
    ) {
        self.answered(trunk, place);
        if let Some(site) = self.site(trunk, place) {
            site.busy_until = Some(now + after.unwrap_or(BUSY).min(BUSIEST));
        }
    }

    /// A place does not answer, or nothing can be sent there.
    pub(crate) fn failed(
        &mut self,
        trunk: &TrunkId,
        place: Place,
        (why, now): (&'static str, Timestamp),
    ) {
        let Some(site) = self.site(trunk, place) else { return };
        if !matches!(site.health, Health::Down { .. }) {
            tracing::warn!(%trunk, peer = %place.peer, why, "the trunk does not answer");
            site.health = Health::Down { since: now, why };
            self.changed = true;
        }
    }

    /// The place is asked by this request.
    pub(crate) fn ask(&mut self, request: RequestId, trunk: &TrunkId, place: Place) {
        self.asked.insert(request, (trunk.clone(), place));
    }

    /// Which place was asked by this request.
    pub(crate) fn was_asked(&mut self, request: RequestId) -> Option<(TrunkId, Place)> {
        self.asked.remove(&request)
    }

    /// The answer to a question has come, or will not: it is asked again in time.
    pub(crate) fn ask_again(&mut self, trunk: &TrunkId, place: Place, now: Timestamp) {
        let every = self.carriers.get(trunk).and_then(|carrier| carrier.every);
        if let Some(site) = self.site(trunk, place) {
            site.asked = false;
            site.due = every.map(|every| now + every);
        }
    }

    /// At which trunk we registered by this request.
    pub(crate) fn was_registering(&self, request: RequestId) -> Option<(TrunkId, Asked)> {
        self.carriers.iter().find_map(|(trunk, carrier)| {
            let asked = carrier.registration.as_ref()?.was_asked(request)?;
            Some((trunk.clone(), asked))
        })
    }

    /// When something is due next.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        let carriers = self.carriers.values();
        let due = |carrier: &Carrier| {
            let sites = carrier.sites.iter().filter_map(|site| site.due).min();
            let registration = carrier.registration.as_ref().and_then(Registration::due);
            [sites, registration].into_iter().flatten().min()
        };
        carriers.filter_map(due).min()
    }

    /// The next thing that is due.
    pub(crate) fn poll(&mut self, now: Timestamp) -> Option<Due> {
        let patience = self.patience;
        for (id, carrier) in &mut self.carriers {
            if let Some(site) =
                carrier.sites.iter_mut().find(|site| site.due.is_some_and(|due| due <= now))
            {
                if std::mem::replace(&mut site.asked, true) {
                    // Its answer may still come; then it is asked again.
                    site.due = None;
                    return Some(Due::Gone(id.clone(), site.place));
                }
                site.due = Some(now + patience);
                return Some(Due::Ask(id.clone(), site.place));
            }
            if let Some(registration) = &mut carrier.registration
                && registration.take_due(now)
            {
                return Some(Due::Register(id.clone()));
            }
        }
        None
    }

    fn site(&mut self, trunk: &TrunkId, place: Place) -> Option<&mut Site> {
        self.carriers.get_mut(trunk)?.sites.iter_mut().find(|site| site.place == place)
    }
}

impl Site {
    /// Whether it is not to be tried before others. Where nobody asks whether it is there again, it
    /// is tried again after a while.
    fn is_gone(&self, is_asked: bool, now: Timestamp) -> bool {
        match self.health {
            Health::Down { since, .. } => is_asked || now.since(since) < BUSY,
            Health::Unknown | Health::Up => false,
        }
    }
}

impl Carrier {
    fn new(trunk: &Trunk, now: Timestamp) -> Self {
        let registration = trunk.registers.filter(|_| trunk.login.is_some());
        Self {
            every: trunk.check_every,
            sites: Vec::new(),
            unknown: None,
            registration: registration.map(|expires| Registration::new(expires, now)),
        }
    }

    /// Keeps what is known of places that are still there.
    fn settle(&mut self, places: &[Place], now: Timestamp) {
        let old = std::mem::take(&mut self.sites);
        let due = self.every.map(|_| now);
        let site = |place: &Place| {
            let known = old.iter().find(|site| site.place == *place).cloned();
            known.unwrap_or(Site {
                place: *place,
                health: Health::Unknown,
                busy_until: None,
                due,
                asked: false,
            })
        };
        self.sites = places.iter().map(site).collect();
    }
}

#[cfg(test)]
mod tests {
    use sip::endpoint::Transport;
    use sip::locate::Wanted;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000 + seconds)
    }

    fn place(last: u8) -> Place {
        Place { transport: Transport::Udp, peer: ([192, 0, 2, last], 5060).into() }
    }

    fn id() -> TrunkId {
        "carrier".into()
    }

    fn trunks() -> Trunks {
        let host = sip::Host::parse("carrier.cn").unwrap();
        let proxy = Some(Wanted { host, port: None, transport: None });
        let trunk =
            Trunk { proxy, check_every: Some(Duration::from_secs(30)), ..Trunk::of("carrier") };
        [trunk].into_iter().collect()
    }

    fn carriers() -> Carriers {
        let mut carriers = Carriers::new(Duration::from_secs(5));
        carriers.know(&trunks(), &Trunks::default(), at(0));
        carriers.located(&id(), Ok(vec![place(1), place(2)]), at(0));
        carriers
    }

    #[test]
    fn a_place_that_says_nothing_is_tried_last_until_it_answers() {
        let mut carriers = carriers();
        for _ in 0..2 {
            assert!(matches!(carriers.poll(at(0)), Some(Due::Ask(..))));
        }
        assert!(carriers.poll(at(4)).is_none());
        carriers.answered(&id(), place(2));
        carriers.ask_again(&id(), place(2), at(4));
        let Some(Due::Gone(trunk, gone)) = carriers.poll(at(5)) else { panic!("still there") };
        carriers.failed(&trunk, gone, ("silent", at(5)));
        assert_eq!(carriers.places(&id(), at(5)), [place(2), place(1)]);
        carriers.answered(&id(), place(1));
        carriers.ask_again(&id(), place(1), at(9));
        assert_eq!(carriers.places(&id(), at(9)), [place(1), place(2)]);
        assert_eq!(carriers.poll_timeout(), Some(at(34)), "each is asked every 30 s");
    }

    #[test]
    fn a_busy_place_is_avoided_for_as_long_as_it_says_and_no_longer() {
        let mut carriers = carriers();
        carriers.busy(&id(), place(1), (Some(Duration::from_secs(20)), at(0)));
        assert_eq!(carriers.places(&id(), at(19)), [place(2), place(1)]);
        assert_eq!(carriers.places(&id(), at(20)), [place(1), place(2)]);
        carriers.busy(&id(), place(1), (Some(Duration::from_hours(24)), at(0)));
        assert_eq!(carriers.places(&id(), at(600)), [place(1), place(2)], "not for a day");
    }

    #[test]
    fn what_is_known_of_a_place_outlives_a_new_answer_and_a_name_that_fails() {
        let mut carriers = carriers();
        carriers.failed(&id(), place(1), ("silent", at(1)));
        carriers.located(&id(), Ok(vec![place(1), place(3)]), at(2));
        assert_eq!(carriers.places(&id(), at(2)), [place(3), place(1)]);
        carriers.located(&id(), Err("no such name".into()), at(3));
        assert_eq!(carriers.places(&id(), at(3)), [place(3), place(1)]);
        assert_eq!(carriers.status(at(3))[0].unknown.as_deref(), Some("no such name"));
        carriers.know(&trunks(), &trunks(), at(4));
        assert_eq!(carriers.places(&id(), at(4)).len(), 2, "a reload changes nothing");
        carriers.know(&Trunks::default(), &trunks(), at(5));
        assert!(carriers.status(at(5)).is_empty());
    }
}

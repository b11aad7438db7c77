//! The legs there are, and which SIP session belongs to which.
//!
//! | phase | what happens | next |
//! |---|---|---|
//! | `Arriving` | command: answer | `Talking` |
//! | `Arriving` | command: release; the caller gives up | gone |
//! | `Dialling` | the first fork answers | `Talking`, the others are cancelled |
//! | `Dialling` | the last fork refuses; command: release | gone |
//! | `Talking` | another session takes over | `Talking` over that |
//! | `Talking` | BYE either way, or the far side is lost | gone |
//!
//! A leg is gone here when its `Released` is reported; its session may still wait for the answer to
//! a BYE, which concerns the endpoint alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use model::{LegId, MediaDescription, Number, PhoneId, TrunkId};
use sip::SessionId;
use sip::StatusCode;
use sip::endpoint::Outgoing;
use sip::locate::Place;
use sip::registrar::{Binding, Removal};
use sip::sdp::{self, SdpError, SdpOrigin};
use sip::subscription::{DialogState, Direction};

/// One leg.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) phase: Phase,
    /// Who called whom.
    pub(crate) side: Side,
    /// Whom a phone of ours calls, or who calls it.
    pub(crate) remote: Option<Number>,
    /// Whether we have told the caller that it rings.
    pub(crate) rings: bool,
    /// What the far side waits for.
    pub(crate) wanted: Wanted,
    /// What we wait for since our offer went out in a 200.
    pub(crate) awaited: Option<Awaited>,
    pub(crate) refer: Refer,
    /// The phone at its other end, where it is one of ours.
    pub(crate) phone: Option<PhoneId>,
    /// The trunk by which it goes, and from where it came, for a caller.
    pub(crate) trunk: Option<(TrunkId, Option<IpAddr>)>,
    /// What the far side said of its end (RFC 3326).
    pub(crate) reason: Option<String>,
    /// A session that is to take the place of this leg's, and waits to be let (RFC 3891).
    pub(crate) taking_over: Option<SessionId>,
    /// The way by which its phone was reached, where that is gone and the phone has not come back.
    pub(crate) stranded: Option<(Arc<Binding>, Removal)>,
    /// A change of ours that must wait until one under way is over.
    pub(crate) owed: Option<MediaDescription>,
    /// The description last agreed on, as the far side wrote it.
    pub(crate) agreed: Option<Vec<u8>>,
    written: Written,
}

/// Where a leg stands.
#[derive(Debug)]
pub(crate) enum Phase {
    /// They called, nobody has answered.
    Arriving(SessionId),
    /// It rings at each of these places.
    Dialling(Dialling),
    /// Answered.
    Talking(SessionId),
}

/// A leg that rings at one place or several.
#[derive(Debug, Default)]
pub(crate) struct Dialling {
    pub(crate) forks: BTreeMap<SessionId, Fork>,
    /// The best of the refusals so far (RFC 3261 §16.7).
    pub(crate) refusal: Option<StatusCode>,
    /// Whether ringing has been reported.
    pub(crate) rings: bool,
}

/// One INVITE of a leg.
#[derive(Debug)]
pub(crate) enum Fork {
    /// To one of our phones, which never challenge us; and the other ways to the same device, each
    /// taken when the one before leads nowhere (RFC 5626 §7).
    Phone {
        /// In order.
        spares: VecDeque<Outgoing>,
    },
    /// To a trunk, which may: the request to repeat with credentials, and how often it was.
    Trunk {
        /// The request.
        outgoing: Box<Outgoing>,
        /// The trunk, for its login.
        trunk: TrunkId,
        /// How many times credentials were sent.
        tried: u8,
        /// Where the trunk may be found instead (RFC 3263 §4.3), in order.
        instead: VecDeque<Place>,
    },
}

/// Who began the leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// They called us.
    Caller,
    /// We called them.
    Called,
}

/// What the far side waits for.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Nothing.
    Nothing,
    /// Our answer to this offer.
    Answer(Vec<u8>),
    /// Our offer: it made none.
    Offer,
}

impl Wanted {
    /// What an INVITE with this body waits for.
    pub(crate) fn by(body: &[u8]) -> Self {
        if body.is_empty() { Self::Offer } else { Self::Answer(body.to_vec()) }
    }
}

/// An answer that is to come in an ACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Awaited {
    /// To the offer in our 200 to their INVITE without one.
    First,
    /// To the offer in our 200 to their re-INVITE without one.
    Change,
}

/// What became of the far side's wish to transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refer {
    /// There is none.
    None,
    /// It has been asked for.
    Asked,
    /// It has been accepted: the far side hears how it goes.
    Accepted,
}

/// What we last wrote about our media, and the number of that version (RFC 3264 §8).
#[derive(Debug)]
struct Written {
    session: u64,
    version: u64,
    last: Option<MediaDescription>,
}

impl Leg {
    /// A leg in this phase. `number` tells its descriptions from those of all others.
    pub(crate) fn new(phase: Phase, side: Side, number: u64) -> Self {
        Self {
            phase,
            side,
            remote: None,
            rings: false,
            wanted: Wanted::Nothing,
            awaited: None,
            refer: Refer::None,
            phone: None,
            trunk: None,
            reason: None,
            taking_over: None,
            stranded: None,
            owed: None,
            agreed: None,
            written: Written { session: number, version: 0, last: None },
        }
    }

    /// Every session of the leg.
    pub(crate) fn sessions(&self) -> Vec<SessionId> {
        let mut sessions: Vec<_> = match &self.phase {
            Phase::Arriving(session) | Phase::Talking(session) => vec![*session],
            Phase::Dialling(dialling) => dialling.forks.keys().copied().collect(),
        };
        sessions.extend(self.taking_over);
        sessions
    }

    /// The session in which the far side's wish to change it is answered: none while it rings at
    /// several places.
    pub(crate) fn changing(&self) -> Option<SessionId> {
        match &self.phase {
            Phase::Arriving(session) | Phase::Talking(session) => Some(*session),
            Phase::Dialling(dialling) => {
                let mut forks = dialling.forks.keys();
                forks.next().copied().filter(|_| forks.next().is_none())
            }
        }
    }

    /// How far it is, for those who watch the phone.
    pub(crate) const fn shown(&self) -> (Direction, DialogState) {
        let direction = match self.side {
            Side::Caller => Direction::Initiator,
            Side::Called => Direction::Recipient,
        };
        let state = match &self.phase {
            Phase::Talking(_) => DialogState::Confirmed,
            Phase::Dialling(Dialling { rings: true, .. }) => DialogState::Early,
            Phase::Arriving(_) if self.rings => DialogState::Early,
            Phase::Arriving(_) | Phase::Dialling(_) => DialogState::Trying,
        };
        (direction, state)
    }

    /// Our offer in SDP, with the streams of what was agreed before.
    pub(crate) fn offer(&mut self, description: &MediaDescription) -> Vec<u8> {
        let origin = self.written.next(description);
        sdp::write_offer(description, self.agreed.as_deref(), origin)
    }

    /// Our answer in SDP to the far side's offer; our offer where it made none.
    ///
    /// # Errors
    /// When its offer cannot be answered, which it could when it was reported.
    pub(crate) fn answer(&mut self, description: &MediaDescription) -> Result<Vec<u8>, SdpError> {
        let origin = self.written.next(description);
        match &self.wanted {
            Wanted::Answer(offer) => sdp::write_answer(description, offer, origin),
            Wanted::Offer | Wanted::Nothing => {
                Ok(sdp::write_offer(description, self.agreed.as_deref(), origin))
            }
        }
    }

    /// What the far side waited for was sent: its offer is what both have agreed on, or its answer
    /// to ours will come in the ACK.
    pub(crate) fn satisfied(&mut self, awaited: Awaited) {
        match std::mem::replace(&mut self.wanted, Wanted::Nothing) {
            Wanted::Answer(offer) => self.agreed = Some(offer),
            Wanted::Offer => self.awaited = Some(awaited),
            Wanted::Nothing => {}
        }
    }
}

impl Written {
    fn next(&mut self, description: &MediaDescription) -> SdpOrigin {
        if self.last.as_ref() != Some(description) {
            self.version += 1;
            self.last = Some(description.clone());
        }
        SdpOrigin { session_id: self.session, version: self.version }
    }
}

/// All legs, by their names and by their sessions'.
#[derive(Debug, Default)]
pub(crate) struct Legs {
    legs: BTreeMap<LegId, Leg>,
    sessions: BTreeMap<SessionId, LegId>,
    /// The legs of each phone that has any.
    phones: BTreeMap<PhoneId, BTreeSet<LegId>>,
    /// Phones of which something has changed that a lamp shows.
    touched: BTreeSet<PhoneId>,
}

impl Legs {
    pub(crate) fn len(&self) -> usize {
        self.legs.len()
    }

    /// How many sessions belong to legs.
    #[cfg(test)]
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn holds(&self, id: LegId) -> bool {
        self.legs.contains_key(&id)
    }

    pub(crate) fn ids(&self) -> Vec<LegId> {
        self.legs.keys().copied().collect()
    }

    pub(crate) fn insert(&mut self, id: LegId, leg: Leg) {
        for session in leg.sessions() {
            self.sessions.insert(session, id);
        }
        if let Some(phone) = &leg.phone {
            self.phones.entry(phone.clone()).or_default().insert(id);
            self.touched.insert(phone.clone());
        }
        self.legs.insert(id, leg);
    }

    /// What is shown of the leg has changed.
    pub(crate) fn touch(&mut self, id: LegId) {
        self.touched.extend(self.legs.get(&id).and_then(|leg| leg.phone.clone()));
    }

    /// The phones of which something has changed since this was last asked.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<PhoneId> {
        std::mem::take(&mut self.touched)
    }

    /// The legs of a phone, in order.
    pub(crate) fn of_phone(&self, phone: &PhoneId) -> impl Iterator<Item = (LegId, &Leg)> {
        let ids = self.phones.get(phone).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.legs.get(id)?)))
    }

    pub(crate) fn get_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(&id)
    }

    /// The leg this session belongs to; none when the leg is gone or has gone on without it.
    pub(crate) fn of(&mut self, session: SessionId) -> Option<(LegId, &mut Leg)> {
        let id = *self.sessions.get(&session)?;
        Some((id, self.legs.get_mut(&id)?))
    }

    /// From now on the session belongs to no leg.
    pub(crate) fn part(&mut self, session: SessionId) {
        self.sessions.remove(&session);
    }

    /// From now on the session belongs to the leg.
    pub(crate) fn join(&mut self, session: SessionId, id: LegId) {
        self.sessions.insert(session, id);
    }

    /// Takes a leg out, and its sessions with it.
    pub(crate) fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        for session in leg.sessions() {
            self.sessions.remove(&session);
        }
        if let Some(phone) = &leg.phone {
            if let Some(own) = self.phones.get_mut(phone) {
                own.remove(&id);
                if own.is_empty() {
                    self.phones.remove(phone);
                }
            }
            self.touched.insert(phone.clone());
        }
        Some(leg)
    }
}

//! One tenant's live floor: calls and their legs; joins the cores; writes the log.
//!
//! [`Switchboard::handle`] takes one input and the time, and returns every command that must now be
//! carried out, in order. Nothing else changes the floor. One file a concern:
//!
//! | file | concern |
//! |---|---|
//! | `arrive` | a new call: hotline, extension, number outside, feature code |
//! | `greet` | the flow before the queue |
//! | `memory` | what is remembered of callers: who served them last, when they gave up |
//! | `callback` | a caller leaves the line, keeps the place, and is called back |
//! | `exits` | keys by which callers leave a queue |
//! | `distribute` | what `acd` decides: offers, and how a wait ends |
//! | `staff` | what `agent` decides, and keeping `acd` in step with it |
//! | `dial` | an extension or a number outside is rung |
//! | `outside` | by which trunk a number outside is called, and by which next |
//! | `limits` | how many calls there may be, and how fast they may come |
//! | `places` | nothing: it counts them |
//! | `numbering` | nothing: it tells what a number is, however written |
//! | `keys` | how we protect what we send: keys drawn from the chance that is passed in |
//! | `talk` | two parties joined, held, recorded, parted |
//! | `transfer` | REFER: one party is handed on |
//! | `merge` | REFER with Replaces: two calls of a phone become one |
//! | `feature` | codes dialled at a phone |
//! | `leave` | legs and calls end |
//! | `requests` | what people ask through the API |
//! | `restart` | what a start finds of the run before |
//! | `look` | the floor as it is |
//! | `check` | the invariants |

mod arrive;
mod call;
mod callback;
mod check;
pub mod config;
mod dial;
mod distribute;
mod exits;
mod feature;
mod greet;
mod keys;
mod lease;
mod leave;
mod ledger;
mod limits;
mod look;
mod memory;
mod merge;
pub mod numbering;
mod outside;
mod places;
pub mod ports;
mod requests;
mod restart;
mod staff;
pub mod status;
mod talk;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use acd::{Acd, Decision};
use agent::Agents;
use model::{
    AgentId, AgentState, CallId, EventKind, HotlineId, LegId, Number, PhoneId, QueueId, Record,
    RecordingId, Timestamp,
};

use call::{Call, Leg};
use config::FloorConfig;
pub use keys::Secrets;
use lease::Ports;
use ledger::{About, Ledger};
use limits::Bar;
use memory::Memory;
use places::Places;
use ports::{Command, Input, LegFact, MediaCommand, MediaFact, RecordingFact};
pub use restart::Opening;

/// One tenant's live floor.
#[derive(Debug)]
pub struct Switchboard {
    config: FloorConfig,
    ledger: Ledger,
    agents: Agents,
    acd: Acd,
    calls: BTreeMap<CallId, Call>,
    legs: BTreeMap<LegId, Leg>,
    ports: Ports,
    keys: keys::Keys,
    /// Live bindings of each phone.
    bindings: BTreeMap<PhoneId, u32>,
    /// Deadlines of calls; each call has at most one.
    deadlines: BTreeSet<(Timestamp, CallId)>,
    /// What the distribution decided in this step and nobody has carried out yet.
    decisions: VecDeque<Decision>,
    /// Parts begun and neither sealed nor failed.
    unsealed: BTreeSet<RecordingId>,
    next_call: u32,
    next_leg: u32,
    stopping: Stopping,
    repairs: u64,
    /// The places taken.
    places: Places,
    /// How often what kept a call out, since start.
    barred: BTreeMap<Bar, u64>,
    /// What agents did since they signed in, as far as they are ranked by it.
    records: BTreeMap<AgentId, Record>,
    /// Who served each caller last.
    served: Memory<Number, AgentId>,
    /// When callers who gave up had come to each queue.
    abandoned: Memory<(Number, QueueId), Timestamp>,
    /// The callbacks that are not over, by whom they are for.
    callbacks: BTreeMap<callback::Whom, CallId>,
    /// The hotlines by their numbers, in the form that is matched.
    numbers: BTreeMap<Number, HotlineId>,
}

/// How far a stop has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stopping {
    /// Not asked for.
    No,
    /// No new calls; the last ones end and their recordings are sealed.
    Asked,
    /// Everything is over, and the log says so.
    Done,
}

impl Switchboard {
    /// Takes one input; returns everything that must now be done, in order.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Command> {
        self.ledger.now = self.ledger.now.max(now);
        self.step(input);
        self.settle();
        self.stop_when_idle();
        self.ledger.take_commands()
    }

    /// When the floor must be given an [`Input::Tick`], if nothing else happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let call = self.deadlines.first().map(|(at, _)| *at);
        [call, self.agents.poll_timeout(), self.acd.poll_timeout()].into_iter().flatten().min()
    }

    fn step(&mut self, input: Input) {
        match input {
            Input::Leg { leg, fact } => self.leg_fact(leg, fact),
            Input::Media { leg, fact } => self.media_fact(leg, &fact),
            Input::Recording { recording, fact } => self.recording_fact(recording, fact),
            Input::Binding { phone, bindings } => self.binding_changed(phone, bindings),
            Input::Request { reply, actor, request } => self.request(reply, &actor, request),
            Input::Note { actor, call, kind } => {
                self.ledger.event(About { call, ..About::default() }.by(actor), *kind);
            }
            Input::Configure(config) => self.configure(*config),
            Input::Tick => {}
            Input::Shutdown => self.shut_down(),
        }
        self.time_passed();
    }

    /// Carries out what the distribution decided, until nothing is left: while a caller waits and
    /// an agent who fits is ready, no time passes.
    fn settle(&mut self) {
        while let Some(decision) = self.decisions.pop_front() {
            self.carry_out(decision);
        }
    }

    fn leg_fact(&mut self, leg: LegId, fact: LegFact) {
        match fact {
            LegFact::RingsIn(rings) => self.arrive(leg, *rings),
            LegFact::Ringing { early } => self.far_end_rings(leg, early),
            LegFact::Answered { answer } => self.far_end_answered(leg, answer),
            LegFact::Reoffered { offer } => self.reoffered(leg, offer),
            LegFact::Reanswered { answer } => self.reanswered(leg, answer),
            LegFact::Digit(digit) => self.digit(leg, digit),
            LegFact::TransferAsked { to } => self.transfer_asked(leg, &to),
            LegFact::MergeAsked { with } => self.merge_asked(leg, with),
            LegFact::Released { cause, status, reason } => {
                self.released(leg, cause, (status, reason));
            }
        }
    }

    fn media_fact(&mut self, leg: LegId, fact: &MediaFact) {
        match fact {
            MediaFact::OpenFailed { .. } => self.media_failed(leg, model::Cause::MediaFailed),
            MediaFact::Lost => self.media_failed(leg, model::Cause::MediaLost),
            MediaFact::PlayEnded { play } => self.play_ended(leg, *play),
            MediaFact::Digit(digit) => self.digit(leg, *digit),
        }
    }

    fn recording_fact(&mut self, recording: RecordingId, fact: RecordingFact) {
        self.unsealed.remove(&recording);
        let kind = match fact {
            RecordingFact::Sealed { file, octets, duration, sha256, lost_frames, recovered } => {
                EventKind::RecordingSealed {
                    recording,
                    file,
                    octets,
                    duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
                    sha256,
                    lost_frames,
                    recovered,
                }
            }
            RecordingFact::Failed { error } => EventKind::RecordingFailed { recording, error },
        };
        self.ledger.event(About::call(recording.call), kind);
    }

    fn time_passed(&mut self) {
        let now = self.ledger.now;
        while let Some((at, call)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, call));
            if let Some(call) = self.calls.get_mut(&call) {
                call.deadline = None;
            }
            self.deadline_passed(call);
        }
        let decisions = self.acd.handle_timeout(now);
        self.decisions.extend(decisions);
        // The ring time ends an offer; only what it forgot is left for the agent's lease to mend.
        self.settle();
        for change in self.agents.handle_timeout(now) {
            self.mend_offer(&change);
            self.agents_changed(vec![change], None);
        }
    }

    /// An agent's lease ran out: an offer was forgotten, and the caller is given back.
    fn mend_offer(&mut self, change: &agent::Change) {
        let (AgentState::Reserved { call, .. } | AgentState::Ringing { call, .. }) = change.from
        else {
            return;
        };
        self.repairs += 1;
        let what = format!("agent {} was offered call {call} past the ring time", change.agent);
        let about = About::call(call).with_agent(Some(change.agent));
        self.ledger.event(about, EventKind::Repaired { what });
        self.end_offer(call, change.agent, model::OfferEnd::NoAnswer);
    }

    fn deadline_passed(&mut self, call: CallId) {
        match self.calls.get(&call).map(|call| &call.stage) {
            Some(call::Stage::Flow { .. }) => self.flow_timed_out(call),
            Some(call::Stage::Dialling(_)) => self.rang_out(call),
            Some(call::Stage::Transferring(_)) => self.transfer_rang_out(call),
            Some(call::Stage::Announcing { cause, .. }) => self.end_call(call, *cause),
            Some(call::Stage::Resting | call::Stage::Queued(_)) => self.callback_due(call),
            Some(call::Stage::CallingBack(_)) => self.calling_back_rang_out(call),
            // These stages set no deadline of their own.
            Some(call::Stage::Talking(_) | call::Stage::Ending) | None => {}
        }
    }

    fn set_deadline(&mut self, id: CallId, deadline: Option<Timestamp>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(old) = std::mem::replace(&mut call.deadline, deadline) {
            self.deadlines.remove(&(old, id));
        }
        if let Some(at) = deadline {
            self.deadlines.insert((at, id));
        }
    }

    fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.legs.get(&leg).map(|leg| leg.call)
    }

    /// Says how we protect what we send, in answer to how the far side proposes to.
    fn protect(&mut self, leg: LegId, theirs: &model::Security) {
        let Some(leg) = self.legs.get_mut(&leg) else { return };
        let own = self.keys.answer(theirs, &leg.own);
        if own != leg.own {
            leg.own = own.clone();
            self.ledger.media(leg.id, MediaCommand::Protect(own));
        }
    }

    fn remote_described(&mut self, leg: LegId, description: model::MediaDescription) {
        let Some(leg) = self.legs.get_mut(&leg) else { return };
        leg.remote = Some(description.clone());
        self.ledger.media(leg.id, MediaCommand::Remote(description));
    }

    fn next_leg_id(&mut self) -> LegId {
        // Arriving legs have odd numbers (`ports::LegIds`), dialled ones even.
        self.next_leg = self.next_leg.wrapping_add(2);
        LegId::new(self.ledger.epoch(), self.next_leg)
    }

    fn next_call_id(&mut self) -> CallId {
        self.next_call = self.next_call.wrapping_add(1);
        CallId::new(self.ledger.epoch(), self.next_call)
    }

    fn is_bound(&self, phone: &PhoneId) -> bool {
        self.bindings.get(phone).is_some_and(|bindings| *bindings > 0)
    }
}

//! A day out of the log: who called when, for what, how long they talked, and who was there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use insight::{AgentHistory, Calls, Cdr, StateInterval};
use model::{AgentId, Event, Outcome, Reason, StateName, Timestamp};

use crate::chance::{Chance, Spread};
use crate::day::{Break, Caller, Day, Manner, Shift, thing};

/// Gathers a day from the events of the log.
///
/// How long a caller talked is known of those who did, and how long one waits of those who gave up.
/// Of the others it is drawn: talk exponential with the mean of the day, patience as long as the
/// caller did wait and then exponential, with the mean that time waited ÷ callers who gave up is.
#[derive(Debug)]
pub struct Recorded {
    window: Range<Timestamp>,
    calls: Calls,
    history: AgentHistory,
    rows: Vec<Row>,
    unqueued: u64,
    sessions: BTreeMap<AgentId, Shift>,
    shifts: Vec<Shift>,
}

/// What a call's record says of its caller.
#[derive(Debug)]
struct Row {
    caller: Caller,
    waited: Duration,
    talked: Option<Duration>,
    gave_up: bool,
}

/// A recorded day, to be lived again.
#[derive(Clone, PartialEq, Debug)]
pub struct Replay {
    /// Who called.
    pub day: Day,
    /// Who was signed in when, and when busy.
    pub shifts: Vec<Shift>,
    /// Callers of that day who never came to a queue; they are not in it.
    pub unqueued: u64,
}

impl Recorded {
    /// Begins to gather the calls that arrived within these times.
    #[must_use]
    pub fn of(window: Range<Timestamp>) -> Self {
        Self {
            window,
            calls: Calls::default(),
            history: AgentHistory::default(),
            rows: vec![],
            unqueued: 0,
            sessions: BTreeMap::new(),
            shifts: vec![],
        }
    }

    /// Takes in the next event of the log, also from before and after the day: calls end, and
    /// sessions began.
    pub fn hear(&mut self, event: &Event) {
        if let Some(call) = self.calls.apply(event) {
            self.called(&call);
        }
        if event.at < self.window.end
            && let Some(stay) = self.history.apply(event)
        {
            self.stayed(&stay);
        }
    }

    /// The day as far as it has been heard. The same seed draws the same of what is not known.
    #[must_use]
    pub fn finish(mut self, seed: u64, manner: Manner) -> Replay {
        let open: Vec<_> = self.history.open().values().cloned().collect();
        open.iter().for_each(|stay| self.stayed(stay));
        let window = self.window.clone();
        let ended = |shift: Shift| Shift { until: window.end, ..shift };
        self.shifts.extend(std::mem::take(&mut self.sessions).into_values().map(ended));
        self.shifts.retain(|shift| shift.until > window.start && shift.from < shift.until);
        for shift in &mut self.shifts {
            shift.from = shift.from.max(window.start);
            shift.breaks.retain(|rest| rest.at >= window.start);
        }
        let callers = self.callers(seed);
        let day = Day { seed, begins: window.start, ends: window.end, callers, manner };
        Replay { day, shifts: self.shifts, unqueued: self.unqueued }
    }

    fn called(&mut self, call: &Cdr) {
        if !self.window.contains(&call.arrived_at) || call.hotline.is_none() {
            return;
        }
        let Some(queue) = call.queues.first() else {
            self.unqueued += 1;
            return;
        };
        let caller = Caller {
            at: call.arrived_at,
            hotline: call.hotline.clone(),
            wants: Some(queue.clone()),
            talk: Duration::ZERO,
            patience: None,
        };
        // Time on hold is part of the conversation.
        let talked = Duration::from_millis(call.talk_ms.saturating_add(call.held_ms));
        self.rows.push(Row {
            caller,
            waited: Duration::from_millis(call.waited_ms),
            talked: call.joined_at.map(|_| talked),
            gave_up: call.outcome == Some(Outcome::Abandoned),
        });
    }

    fn stayed(&mut self, stay: &StateInterval) {
        if stay.state == StateName::SignedOut {
            if let Some(session) = self.sessions.remove(&stay.agent) {
                self.shifts.push(Shift { until: stay.since, ..session });
            }
            return;
        }
        let (agent, from) = (stay.agent, stay.since);
        let begun = || Shift { agent, from, until: from, breaks: vec![] };
        let session = self.sessions.entry(agent).or_insert_with(begun);
        let by_rule = [Reason::NO_ANSWER, Reason::DEVICE_LOST];
        if let (Some(reason), Some(until)) = (&stay.reason, stay.until)
            && !by_rule.contains(&reason.as_str())
        {
            let (at, length) = (stay.since, until.since(stay.since));
            session.breaks.push(Break { at, length, reason: reason.clone() });
        }
    }

    /// The callers in order of arrival, with what is not known drawn.
    fn callers(&mut self, seed: u64) -> Vec<Caller> {
        self.rows.sort_by_key(|row| row.caller.at);
        let talked: Vec<Duration> = self.rows.iter().filter_map(|row| row.talked).collect();
        let talk = Spread::Exponential(mean(talked.iter().sum(), talked.len()));
        let gave_up = self.rows.iter().filter(|row| row.gave_up).count();
        let waited: Duration = self.rows.iter().map(|row| row.waited).sum();
        let patience = (gave_up > 0).then(|| Spread::Exponential(mean(waited, gave_up)));
        let rows = std::mem::take(&mut self.rows);
        let complete = |(number, row): (usize, Row)| {
            let mut chance = Chance::of(seed, thing::RECORDED, number as u64);
            let (drawn, more) = (talk.draw(&mut chance), patience.map(|it| it.draw(&mut chance)));
            let patience =
                if row.gave_up { Some(row.waited) } else { more.map(|more| row.waited + more) };
            Caller { talk: row.talked.unwrap_or(drawn), patience, ..row.caller }
        };
        rows.into_iter().enumerate().map(complete).collect()
    }
}

fn mean(sum: Duration, of: usize) -> Duration {
    u32::try_from(of).ok().and_then(|of| sum.checked_div(of)).unwrap_or_default()
}

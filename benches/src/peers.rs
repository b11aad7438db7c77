//! What other software needs for the same work, and what we hold ourselves to.
//!
//! The peers' figures were measured once, earlier, on a machine of this kind (two virtual cores of
//! an AMD EPYC, one for the server and one for the generator, loopback), the same way: G.711 A-law
//! of 20 ms both ways, every call through a queue and recorded, processor time of the process. They
//! are not measured again here; the bare relay is.

/// What one recorded call-minute costs, in seconds of processor time.
#[derive(Clone, Copy, Debug)]
pub struct CallMinute {
    /// So many calls at once.
    pub calls: u16,
    /// Asterisk 22.10.1, `app_queue` and MixMonitor.
    pub asterisk: f64,
    /// FreeSWITCH 1.11.1, `mod_callcenter`; at 200 calls it is the figure of 180.
    pub freeswitch: f64,
    /// rtpengine 26.0.1, relay and raw capture alone: no calls, no queue.
    pub rtpengine: f64,
}

/// The peers, by calls at once.
pub const CALL_MINUTES: [CallMinute; 3] = [
    CallMinute { calls: 50, asterisk: 0.317, freeswitch: 0.283, rtpengine: 0.106 },
    CallMinute { calls: 100, asterisk: 0.273, freeswitch: 0.299, rtpengine: 0.085 },
    CallMinute { calls: 200, asterisk: 0.285, freeswitch: 0.309, rtpengine: 0.068 },
];

/// The most a recorded call-minute may cost us at 100 calls and more, in seconds.
pub const CALL_MINUTE_BAR: f64 = 0.065;

/// The most a recorded call-minute may cost us, as a multiple of the bare relay.
pub const RELAY_BAR: f64 = 1.3;

/// Resident memory of a recorded call, in megabytes: Asterisk, rtpengine (relay alone), our bar.
pub const MEMORY: (f64, f64, f64) = (0.52, 0.06, 0.05);

/// From an agent's BYE to the next INVITE at that agent's phone with 10 to 2 000 callers waiting,
/// median and 99th of a hundred in milliseconds: Asterisk, FreeSWITCH (to 300 waiting), our bar.
pub const FREE_TO_INVITE: [(&str, &str); 3] = [
    ("Asterisk", "290–450 / 1 040–1 500"),
    ("FreeSWITCH", "720–800 / 1 110–1 190"),
    ("bar", "0.5 / 2"),
];

/// What signalling a queued call takes without any audio, in milliseconds of processor time: 200 agents
/// (rustpbx 300), hold of half a second, at 20 to 180, 10 to 70 and 10 to 130 calls a second.
pub const SIGNALLING: [(&str, &str); 4] =
    [("bar", "0.6"), ("Asterisk", "4.5–6.1"), ("FreeSWITCH", "13.8–16.2"), ("rustpbx", "6.3–8.6")];

/// The most calls a second with none failed and 99 of a hundred offered within a second (bar: within
/// 50 ms).
pub const CALLS_A_SECOND: [(&str, &str); 4] =
    [("bar", "1 000"), ("Asterisk", "180"), ("FreeSWITCH", "70"), ("rustpbx", "≥ 130")];

/// The peers at this many calls.
#[must_use]
pub fn at(calls: u16) -> Option<CallMinute> {
    CALL_MINUTES.into_iter().find(|row| row.calls == calls)
}

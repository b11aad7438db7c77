//! The drivers' figures for `/metrics`.

use std::sync::{Arc, PoisonError};

use api::Sample;
use media::Media;
use sip_net::{Counted, Health, RegistrationStatus};

use crate::wiring::RecorderCell;

/// A driver's figures, asked at every scrape.
type Figures = Box<dyn Fn() -> Vec<Sample> + Send + Sync>;

/// Whom a scrape asks.
pub(crate) fn samples(
    sip: &sip_net::Handle,
    media: &Arc<Media>,
    recorder: &RecorderCell,
    inbox: &runtime::Handle,
) -> Vec<Figures> {
    let (sip, media) = (sip.clone(), Arc::clone(media));
    let (recorder, inbox) = (Arc::clone(recorder), inbox.clone());
    vec![
        Box::new(move || signalling(&sip)),
        Box::new(move || audio(&media)),
        Box::new(move || recordings(&recorder)),
        Box::new(move || floor(&inbox)),
    ]
}

/// Figures this large lose their last digits, which nobody reads.
#[expect(clippy::cast_precision_loss, reason = "a metric is a float, and 2^53 packets are far off")]
const fn figure(count: u64) -> f64 {
    count as f64
}

fn signalling(sip: &sip_net::Handle) -> Vec<Sample> {
    let counted = sip.counters().all().map(of_signalling);
    let refused = sip.counters().refused().map(of_refusals).collect::<Vec<_>>();
    counted.chain(refused).chain(sip.trunk_status().iter().flat_map(of_trunk)).collect()
}

fn of_refusals((status, count): (u16, u64)) -> Sample {
    Sample {
        name: "hotline_sip_refusals_total",
        help: "Requests answered with a refusal before anything was remembered of them, by status.",
        labels: vec![("status", status.to_string())],
        value: figure(count),
    }
}

/// A trunk is there while one of its places is not known to be gone.
fn of_trunk(status: &sip_net::TrunkStatus) -> Vec<Sample> {
    let is_gone = |health: &Health| matches!(health, Health::Down { .. });
    let up = status.places.iter().any(|(_, health)| !is_gone(health));
    let sample = |name, help, holds: bool| Sample {
        name,
        help,
        labels: vec![("trunk", status.trunk.to_string())],
        value: if holds { 1.0 } else { 0.0 },
    };
    let mut samples = vec![sample("hotline_trunk_up", "Whether the trunk is there.", up)];
    if let Some(registration) = &status.registration {
        let holds = matches!(registration, RegistrationStatus::Registered(_));
        let help = "Whether we are registered at the trunk.";
        samples.push(sample("hotline_trunk_registered", help, holds));
    }
    samples
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are refusals")]
fn of_signalling((what, count): (Counted, u64)) -> Sample {
    let (name, help, label) = match what {
        Counted::Received | Counted::Sent => {
            ("hotline_sip_messages_total", "SIP messages, by direction.", "direction")
        }
        Counted::KeptAlive => {
            ("hotline_sip_keep_alives_total", "Keep-alives answered, by kind.", "kind")
        }
        Counted::TraceLost | Counted::TraceDamaged => (
            "hotline_sip_trace_total",
            "What did not get into the trace on disk, and what could not be read from it.",
            "result",
        ),
        Counted::Captured | Counted::Uncaptured => (
            "hotline_sip_capture_total",
            "Messages for the capture server: sent to it (captured) or not (uncaptured).",
            "result",
        ),
        _ => (
            "hotline_sip_refused_total",
            "What signalling refused, could not read or lost, by reason.",
            "reason",
        ),
    };
    Sample { name, help, labels: vec![(label, what.as_str().to_owned())], value: figure(count) }
}

fn audio(media: &Media) -> Vec<Sample> {
    let counted = media.counters();
    let packets = |what: &str, count| Sample {
        name: "hotline_media_packets_total",
        help: "Audio packets, by what became of them.",
        labels: vec![("result", what.to_owned())],
        value: figure(count),
    };
    vec![
        packets("received", counted.received),
        packets("sent", counted.sent),
        packets("unsent", counted.unsent),
        packets("stranger", counted.strangers),
        packets("malformed", counted.malformed),
        Sample::of("hotline_media_streams", "Streams open now.", figure(counted.streams)),
        Sample::of(
            "hotline_media_uncaptured_total",
            "Audio frames lost to recordings because there was no room.",
            figure(counted.uncaptured),
        ),
        Sample::of(
            "hotline_media_refused_commands_total",
            "Commands refused because an audio thread was too far behind.",
            figure(counted.refused_commands),
        ),
    ]
}

fn recordings(recorder: &RecorderCell) -> Vec<Sample> {
    let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(counted) = recorder.as_ref().map(recording::Recorder::counters) else {
        return vec![];
    };
    let parts = |what: &str, count| Sample {
        name: "hotline_recording_parts",
        help: "Parts of recordings, by state; sealed and failed since the start.",
        labels: vec![("state", what.to_owned())],
        value: figure(count),
    };
    vec![
        parts("open", counted.open_parts),
        parts("sealing", counted.sealing_parts),
        parts("sealed", counted.sealed_parts),
        parts("failed", counted.failed_parts),
        Sample::of(
            "hotline_recording_lost_frames_total",
            "Frames of audio that never reached a file.",
            figure(counted.lost_frames),
        ),
        Sample::of(
            "hotline_recording_octets_written_total",
            "Octets written while calls last.",
            figure(counted.octets_written),
        ),
    ]
}

fn floor(inbox: &runtime::Handle) -> Vec<Sample> {
    vec![
        Sample::of(
            "hotline_inbox_waiting",
            "Inputs that wait for the floor.",
            figure(u64::try_from(inbox.waiting()).unwrap_or(u64::MAX)),
        ),
        Sample::of(
            "hotline_inbox_refused_total",
            "New calls and requests refused because the floor was too far behind.",
            figure(inbox.refused()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_came_is_no_refusal() {
        let named = |what| {
            let Sample { name, labels, value, .. } = of_signalling((what, 3));
            (name, labels[0].0, labels[0].1.clone(), value)
        };
        let messages = ("hotline_sip_messages_total", "direction", "received".to_owned(), 3.0);
        assert_eq!(named(Counted::Received), messages);
        let kept = ("hotline_sip_keep_alives_total", "kind", "stun".to_owned(), 3.0);
        assert_eq!(named(Counted::KeptAlive), kept);
        let lost = ("hotline_sip_trace_total", "result", "lost".to_owned(), 3.0);
        assert_eq!(named(Counted::TraceLost), lost);
        let sent = ("hotline_sip_capture_total", "result", "captured".to_owned(), 3.0);
        assert_eq!(named(Counted::Captured), sent);
        let refused = ("hotline_sip_refused_total", "reason", "malformed".to_owned(), 3.0);
        assert_eq!(named(Counted::Malformed), refused);
    }
}

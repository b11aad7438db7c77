//! A call's signalling, drawn as a ladder: we stand on the left, each far side has a column.

use std::fmt::Write as _;
use std::net::SocketAddr;

use api::Rung;
use model::CallId;

use super::{Client, print_json};
use crate::failure::Failure;
use crate::report;

/// The width of one column.
const WIDTH: usize = 28;

pub(crate) fn ladder(
    client: &Client,
    as_json: bool,
    (call, whole): (CallId, bool),
) -> Result<(), Failure> {
    let value = client.get(&format!("/v1/calls/{call}/ladder"))?;
    if as_json {
        return print_json(&value);
    }
    let kept = value.get("ladder").cloned().unwrap_or_default();
    let rungs: Vec<Rung> = serde_json::from_value(kept)?;
    if rungs.is_empty() {
        report::line("nothing of this call is kept any more: raise `trace.disk` to keep more");
        return Ok(());
    }
    report::line(drawn(&rungs).trim_end());
    for rung in rungs.iter().filter(|_| whole) {
        let way = if rung.sent { "to" } else { "from" };
        report::line(&format!("\n── {} {way} {} ({})\n", rung.at, rung.peer, rung.transport));
        report::line(&rung.text.replace("\r\n", "\n"));
    }
    Ok(())
}

/// The ladder as text.
fn drawn(rungs: &[Rung]) -> String {
    let mut peers: Vec<SocketAddr> = Vec::new();
    for rung in rungs {
        if !peers.contains(&rung.peer) {
            peers.push(rung.peer);
        }
    }
    let mut head = format!("{:<17}{:<9}{:<WIDTH$}", "", "", "hotline");
    for peer in &peers {
        let _ = write!(head, "{:<WIDTH$}", peer.to_string());
    }
    let mut text = format!("{}\n", head.trim_end());
    for rung in rungs {
        let column = peers.iter().position(|peer| *peer == rung.peer).unwrap_or(0) + 1;
        let at = rung.at.to_string();
        let time = at.split('T').nth(1).unwrap_or(&at).trim_end_matches('Z');
        let line = across(peers.len(), column, rung);
        let reason = rung.reason.as_deref().map(|reason| format!("  {reason}")).unwrap_or_default();
        let _ = writeln!(text, "{time:<17}{:<9}{}{reason}", rung.leg.to_string(), line.trim_end());
    }
    text
}

/// One line of the ladder: an arrow between us and this column, across those between.
fn across(columns: usize, column: usize, rung: &Rung) -> String {
    let mut line: Vec<char> = vec![' '; columns * WIDTH + 1];
    for place in 0..=columns {
        put(&mut line, place * WIDTH, "│");
    }
    let end = column * WIDTH;
    put(&mut line, 1, &"─".repeat(end - 1));
    let (head, place) = if rung.sent { ("▶", end - 1) } else { ("◀", 1) };
    put(&mut line, place, head);
    let sdp = if rung.describes { " (SDP)" } else { "" };
    let label: String = format!(" {}{sdp} ", rung.what).chars().take(WIDTH - 4).collect();
    put(&mut line, end - WIDTH / 2 - label.chars().count() / 2, &label);
    line.into_iter().collect()
}

fn put(line: &mut [char], at: usize, text: &str) {
    for (place, character) in line.iter_mut().skip(at).zip(text.chars()) {
        *place = character;
    }
}

#[cfg(test)]
mod tests {
    use model::{Epoch, LegId, Timestamp};

    use super::*;

    fn rung((leg, host): (u32, u8), sent: bool, what: &str) -> Rung {
        Rung {
            at: Timestamp::from_secs(1_700_000_000),
            leg: LegId::new(Epoch::new(1), leg),
            sent,
            transport: "UDP".into(),
            peer: ([203, 0, 113, host], 5060).into(),
            what: what.into(),
            cseq: "1 INVITE".into(),
            reason: (what == "BYE").then(|| "Q.850;cause=16".to_owned()),
            describes: matches!(what, "INVITE" | "200 OK"),
            text: String::new(),
        }
    }

    #[test]
    fn a_call_is_drawn_with_us_on_the_left_and_each_far_side_in_its_column() {
        let (carrier, phone) = ((7, 9), (8, 20));
        let rungs = [
            rung(carrier, false, "INVITE"),
            rung(carrier, true, "100 Trying"),
            rung(phone, true, "INVITE"),
            rung(phone, false, "180 Ringing"),
            rung(phone, false, "200 OK"),
            rung(carrier, true, "200 OK"),
            rung(carrier, false, "BYE"),
        ];
        insta::assert_snapshot!(drawn(&rungs));
    }

    #[test]
    fn a_status_with_many_words_stays_in_its_column() {
        let long = rung((7, 9), false, &"503 Service Unavailable ".repeat(9));
        assert_eq!(across(1, 1, &long).chars().count(), WIDTH + 1);
    }
}

//! An event is appended to the journal and is on disk, beside a plain file.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use clock::Clock;
use hotline_benches::figures::nanos_each;
use model::{Event, TenantId};
use store::Journal;

use crate::Row;
use crate::floor::Floor;

const CALLS: u32 = 2_000;

pub(crate) fn measure(clock: Clock) -> Row {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, opened) =
        Journal::open(folder.path(), &TenantId::from("default")).expect("a new journal");
    let mut floor = Floor::open(opened.epoch, true);
    let mut most = 0;
    let nanos = nanos_each(clock, 1, || {
        // Making the events costs less than a tenth of writing them, and is taken off below.
        let events = events(&mut floor);
        most = events.len();
        for event in events {
            journal.append(event).expect("an open journal");
        }
        journal.flush().expect("an open journal");
    });
    let made = nanos_each(clock, 1, || drop(std::hint::black_box(events(&mut floor))));
    let plain = events(&mut floor);
    let path = folder.path().join("plain");
    let baseline = nanos_each(clock, 1, || {
        let mut file = BufWriter::new(File::create(&path).expect("a new file"));
        for event in &plain {
            serde_json::to_writer(&mut file, event).expect("an event is JSON");
            file.write_all(b"\n").expect("room on the disk");
        }
        file.flush().expect("room on the disk");
        file.get_ref().sync_data().expect("a disk that syncs");
    });
    Row {
        step: format!("append an event, {most} at a time, on disk at the end"),
        nanos: (nanos - made) / most as f64,
        baseline: "JSON lines into one file, one sync",
        baseline_nanos: baseline / plain.len() as f64,
    }
}

/// The events of so many calls.
fn events(floor: &mut Floor) -> Vec<Event> {
    for _ in 0..CALLS {
        floor.call();
        floor.hang_up();
    }
    std::mem::take(&mut floor.events)
}

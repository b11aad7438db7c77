//! The ring, and the files beside it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use model::Epoch;

use super::outlet::Sink as _;
use super::record::MAGIC;
use super::*;
use crate::settings::TraceFiles;

const LOCAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 5_060);

fn text(method: &str, call_id: &str) -> String {
    format!(
        "{method} sip:1001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\
         Proxy-Authorization: Digest username=\"1001\", response=\"abc\"\r\n\
         Reason: Q.850;cause=16\r\nContent-Length: 0\r\n\r\n"
    )
}

fn said(method: &str, call_id: &str) -> Said {
    said_at(1, method, call_id)
}

fn said_at(seconds: u64, method: &str, call_id: &str) -> Said {
    Said {
        at: Timestamp::from_secs(seconds),
        way: Way::Received,
        transport: Transport::Udp,
        peer: ([192, 0, 2, 2], 5060).into(),
        local: LOCAL,
        bytes: text(method, call_id).into_bytes().into(),
    }
}

fn leg(number: u32) -> LegId {
    LegId::new(Epoch::new(1), number)
}

const fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn what(rungs: &[Rung]) -> Vec<&str> {
    rungs.iter().map(|rung| rung.what.as_str()).collect()
}

#[test]
fn the_messages_of_a_leg_are_found_in_order_and_no_others() {
    let mut trace = Trace::new(1 << 20);
    for (number, call_id) in [(1, "one"), (1, "fork"), (2, "two")] {
        trace.leg(leg(number), call_id, at(1));
    }
    for (method, call_id) in [
        ("INVITE", "one"),
        ("INVITE", "two"),
        ("ACK", "one"),
        ("REGISTER", "one"),
        ("SUBSCRIBE", "one"),
        ("NOTIFY", "one"),
        ("BYE", "fork"),
    ] {
        trace.keep(said(method, call_id));
    }
    let found = rungs(&trace.of(&[leg(1)]).said, &[]);
    assert_eq!(what(&found), ["INVITE", "ACK", "NOTIFY", "BYE"]);
    assert_eq!(found[0].reason.as_deref(), Some("Q.850;cause=16"));
    assert_eq!(found[0].cseq, "1 INVITE");
}

#[test]
fn what_a_lamp_is_told_is_about_no_call_and_what_becomes_of_a_transfer_is() {
    let kept = ["dialog;id=7", "presence", "message-summary", "refer;id=2"].map(|event| {
        let text = text("NOTIFY", "one");
        let text = text.replace("Reason: Q.850;cause=16", &format!("Event: {event}"));
        head(text.as_bytes()).unwrap().is_call
    });
    assert_eq!(kept, [false, false, false, true]);
}

#[test]
fn no_credentials_are_shown() {
    let text = rung(leg(1), &said("INVITE", "one")).unwrap().text;
    assert!(text.contains("Proxy-Authorization: (hidden)") && !text.contains("abc"), "{text}");
}

#[test]
fn the_oldest_is_forgotten_and_the_bound_is_kept() {
    let mut trace = Trace::new(4_096);
    trace.leg(leg(1), "old", at(1));
    trace.leg(leg(2), "new", at(1));
    trace.keep(said("INVITE", "old"));
    for _ in 0..100 {
        trace.keep(said("INFO", "new"));
    }
    assert!(trace.octets <= 4_096);
    assert!(trace.of(&[leg(1)]).said.is_empty() && !trace.of(&[leg(2)]).said.is_empty());
    for number in 0..100_000 {
        trace.leg(leg(number), "x", at(1));
    }
    assert!(trace.legs.len() <= MOST_LEGS);
}

#[test]
fn a_trace_that_is_off_keeps_nothing() {
    let mut trace = Trace::new(0);
    trace.leg(leg(1), "one", at(1));
    trace.keep(said("INVITE", "one"));
    assert!(trace.of(&[leg(1)]).said.is_empty() && trace.legs.is_empty());
}

#[test]
fn memory_knows_whether_it_ever_had_more_of_a_leg() {
    let mut trace = Trace::new(4_096);
    let is_whole = |trace: &Trace, number| trace.of(&[leg(number)]).is_whole;
    assert!(!is_whole(&trace, 1), "a leg of a former run");
    trace.leg(leg(1), "one", at(10));
    trace.keep(said_at(10, "INVITE", "one"));
    assert!(is_whole(&trace, 1));
    for second in 11..40 {
        trace.keep(said_at(second, "INFO", "one"));
    }
    assert!(!is_whole(&trace, 1) && !trace.of(&[leg(1)]).said.is_empty());
    trace.leg(leg(2), "two", at(40));
    assert!(!is_whole(&trace, 2), "its caller may have been asked who it is before");
    trace.leg(leg(2), "two", at(99));
    trace.leg(leg(3), "three", at(100));
    trace.keep(said_at(100, "INVITE", "three"));
    assert!(is_whole(&trace, 3) && !is_whole(&trace, 2));
    assert!(!trace.of(&[leg(1), leg(3)]).is_whole);
}

#[test]
fn a_message_that_memory_and_disk_have_is_shown_once() {
    let both = |said: Said| (leg(1), said);
    let earlier = [both(said_at(1, "INVITE", "one")), both(said_at(2, "ACK", "one"))];
    let lately = [both(said_at(2, "ACK", "one")), both(said_at(3, "BYE", "one"))];
    assert_eq!(what(&rungs(&lately, &earlier)), ["INVITE", "ACK", "BYE"]);
    // What was sent again at the very same moment was sent twice.
    let twice = [both(said_at(1, "INVITE", "one")), both(said_at(1, "INVITE", "one"))];
    assert_eq!(what(&rungs(&twice, &[])), ["INVITE", "INVITE"]);
}

/// A folder of files, and who writes and reads them.
struct Disk {
    folder: tempfile::TempDir,
    octets: u64,
    counters: Arc<Counters>,
}

impl Disk {
    fn of(octets: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, octets, counters: Arc::default() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("trace")
    }

    fn writer(&self) -> Files {
        let settings = TraceFiles { folder: self.path(), octets: self.octets };
        Files::new(&settings, Arc::clone(&self.counters))
    }

    async fn find(&self, legs: &[LegId]) -> Vec<Rung> {
        self.find_beside(legs, u64::MAX).await
    }

    /// Looks legs up while the file of this number is being written.
    async fn find_beside(&self, legs: &[LegId], live: u64) -> Vec<Rung> {
        let live = Arc::new(std::sync::atomic::AtomicU64::new(live));
        let finder = Finder::new(self.path(), live, Arc::clone(&self.counters));
        Arc::new(finder).find(legs, Vec::new()).await
    }

    fn files(&self) -> Vec<(u64, u64)> {
        files::listed(&self.path()).unwrap()
    }

    fn file(&self, number: u64) -> std::path::PathBuf {
        files::path(&self.path(), number)
    }
}

fn tells_leg(files: &mut Files, number: u32, call_id: &str, since: u64) {
    files.take(&Told::Leg { leg: leg(number), since: at(since), call_id: call_id.into() });
}

fn tells(files: &mut Files, said: Said) {
    files.take(&Told::Said(hash(head(&said.bytes).unwrap().call_id), said));
}

/// One call of two messages, its leg named between them.
fn call(files: &mut Files, number: u32, second: u64) {
    let call_id = format!("call-{number}");
    tells(files, said_at(second, "INVITE", &call_id));
    tells_leg(files, number, &call_id, second);
    tells(files, said_at(second + 1, "BYE", &call_id));
    files.flush();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_call_is_found_on_disk_by_another_run_and_nobody_else_can_read_it() {
    let disk = Disk::of(1 << 20);
    assert_eq!(disk.find(&[leg(1)]).await, [], "no folder yet");
    let mut first = disk.writer();
    call(&mut first, 1, 10);
    call(&mut first, 2, 20);
    drop(first);
    let mut second = disk.writer();
    call(&mut second, 3, 30);
    for number in 1..=3 {
        let found = disk.find(&[leg(number)]).await;
        assert_eq!(what(&found), ["INVITE", "BYE"], "leg {number}");
        assert!(found.iter().all(|rung| rung.leg == leg(number) && rung.peer.port() == 5_060));
    }
    assert_eq!(disk.find(&[leg(1), leg(3)]).await.len(), 4);
    assert_eq!(disk.find(&[leg(9)]).await, []);
    assert_eq!(disk.files().len(), 2);
    assert_eq!((mode(&disk.path()), mode(&disk.file(1))), (0o700, 0o600));
    let octets = fs::read(disk.file(1)).unwrap();
    let is_there = |text: &str| octets.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(is_there("Proxy-Authorization: (hidden)") && is_there("call-1"));
    assert!(!is_there("abc") && !is_there("response="));
    assert!(disk.counters.all().all(|(_, count)| count == 0));
}

#[tokio::test]
async fn files_keep_their_bound_and_the_newest_calls() {
    let disk = Disk::of(1 << 20);
    let mut files = disk.writer();
    for number in 0..4_000 {
        call(&mut files, number, 100 + u64::from(number));
        let kept: u64 = disk.files().iter().map(|(_, size)| size).sum();
        assert!(kept <= 1 << 20, "{kept} octets");
    }
    let found = disk.files();
    assert!(found.len() > 4 && found[0].0 > 1, "{found:?}");
    assert!(found.iter().all(|(_, size)| *size <= 128 << 10), "{found:?}");
    assert_eq!(what(&disk.find(&[leg(3_999)]).await), ["INVITE", "BYE"]);
    assert_eq!(disk.find(&[leg(0)]).await, []);
    drop(files);
    // A smaller bound holds for what a run with a larger one has left.
    let small = Disk { octets: 256 << 10, ..disk };
    call(&mut small.writer(), 5_000, 9_000);
    let kept: u64 = small.files().iter().map(|(_, size)| size).sum();
    assert!(kept <= 256 << 10, "{kept} octets");
    assert_eq!(what(&small.find(&[leg(5_000)]).await), ["INVITE", "BYE"]);
}

#[tokio::test]
async fn a_call_that_outlasts_the_file_it_began_in_is_still_found() {
    let disk = Disk::of(1 << 20);
    let mut files = disk.writer();
    call(&mut files, 1, 10);
    for number in 2..4_000 {
        call(&mut files, number, 10 + u64::from(number));
    }
    assert!(disk.files()[0].0 > 1, "the file it began in is gone");
    tells(&mut files, said_at(5_000, "BYE", "call-1"));
    files.flush();
    assert_eq!(what(&disk.find(&[leg(1)]).await), ["BYE"]);
}

#[tokio::test]
async fn a_call_over_many_files_is_found_whole() {
    let disk = Disk::of(4 << 20);
    let mut files = disk.writer();
    tells(&mut files, said_at(100, "INVITE", "long"));
    tells_leg(&mut files, 1, "long", 100);
    for number in 2..2_000 {
        call(&mut files, number, 100 + u64::from(number));
    }
    tells_leg(&mut files, 1, "long-moved", 100);
    tells(&mut files, said_at(9_000, "BYE", "long-moved"));
    files.flush();
    assert!(disk.files().len() > 3);
    assert_eq!(what(&disk.find(&[leg(1)]).await), ["INVITE", "BYE"]);
}

#[tokio::test]
async fn what_a_crash_has_torn_is_passed_over_and_counted() {
    let disk = Disk::of(1 << 20);
    let mut files = disk.writer();
    call(&mut files, 1, 10);
    call(&mut files, 2, 20);
    let whole = fs::read(disk.file(1)).unwrap();
    let damaged = |disk: &Disk| disk.counters.of(Counted::TraceDamaged);

    fs::write(disk.file(1), &whole[..whole.len() - 3]).unwrap();
    assert_eq!(what(&disk.find(&[leg(2)]).await), ["INVITE"]);
    assert_eq!(damaged(&disk), 1);
    assert_eq!(what(&disk.find_beside(&[leg(2)], 1).await), ["INVITE"]);
    assert_eq!(damaged(&disk), 1, "a file that is being written has no end");

    let mut flipped = whole.clone();
    flipped[MAGIC.len() + 60] ^= 1;
    fs::write(disk.file(1), &flipped).unwrap();
    assert_eq!(what(&disk.find(&[leg(1)]).await), ["BYE"]);
    assert_eq!(damaged(&disk), 2);

    fs::write(disk.file(1), b"HLTRACE9 of a later program").unwrap();
    assert_eq!(disk.find(&[leg(1)]).await, []);
    assert_eq!(damaged(&disk), 3);
    fs::write(disk.path().join("note.txt"), b"somebody's").unwrap();
    fs::write(disk.path().join("7.trace"), b"somebody's").unwrap();
    assert_eq!(disk.files().len(), 1);

    // The next run writes beside it.
    call(&mut disk.writer(), 3, 30);
    assert_eq!(what(&disk.find(&[leg(3)]).await), ["INVITE", "BYE"]);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_costs_what_was_told_and_is_tried_again() {
    let disk = Disk::of(1 << 20);
    fs::write(disk.path(), b"no folder").unwrap();
    let mut files = disk.writer();
    call(&mut files, 1, 10);
    assert_eq!(disk.counters.of(Counted::TraceLost), 3);
    fs::remove_file(disk.path()).unwrap();
    call(&mut files, 2, 11);
    assert_eq!(disk.counters.of(Counted::TraceLost), 6, "not tried again at once");
    call(&mut files, 3, 20);
    assert_eq!(disk.counters.of(Counted::TraceLost), 6);
    assert_eq!(what(&disk.find(&[leg(3)]).await), ["INVITE", "BYE"]);
}

#[tokio::test]
async fn no_octets_in_a_file_end_the_look_up() {
    let disk = Disk::of(1 << 20);
    let mut files = disk.writer();
    call(&mut files, 1, 10);
    let whole = fs::read(disk.file(1)).unwrap();
    for at in 0..whole.len() {
        for octet in [0, 0xff, whole[at].wrapping_add(1)] {
            let mut broken = whole.clone();
            broken[at] = octet;
            fs::write(disk.file(1), &broken).unwrap();
            let found = disk.find(&[leg(1)]).await;
            assert!(found.len() <= 2, "at {at}");
        }
    }
}

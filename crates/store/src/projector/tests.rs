use std::path::Path;

use model::{
    AgentId, AgentState, CallId, CallKind, Epoch, EventKind, Number, Outcome, PartKind, PhoneId,
    QueueId, RecordingId, SegmentId, StateName, TenantId, Timestamp,
};

use super::*;
use crate::cluster::Cluster;
use crate::testing::{BEGIN, arrived, event, of_call};
use crate::{
    BindingChanges, BindingRow, CallFilter, Cursor, DrawRow, NumberFilter, Page, RecordingFilter,
    RecordingState,
};

fn tenant() -> TenantId {
    TenantId::from("default")
}

fn call(number: u32) -> CallId {
    CallId::new(Epoch::new(1), number)
}

fn part(number: u32) -> RecordingId {
    RecordingId { call: call(number), part: 1 }
}

/// A call that waits, is talked to by an agent and recorded, in thirteen events from `seq` on.
fn story(seq: u64, number: u32, agent: u32) -> Vec<Event> {
    let talk = EventKind::TalkStarted { call_kind: CallKind::Queue, with: None };
    let left = Some("13800138000".parse::<Number>().unwrap());
    let start = EventKind::RecordingStarted {
        recording: part(number),
        part: PartKind::Talk,
        left,
        right: None,
    };
    let sealed = EventKind::RecordingSealed {
        recording: part(number),
        file: format!("2026-11-22/1-{number}.1.wav"),
        octets: 16_044,
        duration_ms: 1_000,
        sha256: "ab".repeat(32),
        lost_frames: 0,
        recovered: false,
    };
    let ready = AgentState::Ready { since: BEGIN, idle_since: BEGIN };
    let on_call = AgentState::OnCall {
        call: call(number),
        kind: CallKind::Queue,
        since: BEGIN,
        next: None,
        before: None,
    };
    let left =
        EventKind::QueueLeft { outcome: Outcome::Answered, waited_ms: 1, to: None, key: None };
    let kinds = [
        (0, arrived()),
        (0, EventKind::CallAnswered {}),
        (1, EventKind::QueueEntered { priority: 0, waiting: 1 }),
        (1, left),
        (2, talk),
        (2, start),
        (0, EventKind::AgentStateChanged { from: ready.clone(), to: on_call.clone() }),
        (2, EventKind::Held {}),
        (2, EventKind::Retrieved {}),
        (2, EventKind::TalkEnded {}),
        (0, EventKind::CallEnded {}),
        (0, EventKind::AgentStateChanged { from: on_call, to: ready }),
        (0, sealed),
    ];
    let place = |(n, (segment, kind)): (u64, (u16, EventKind))| {
        let mut event = of_call(1, seq + n, number, kind);
        event.segment = (segment > 0).then(|| SegmentId::new(segment));
        event.queue = (segment > 0).then(|| QueueId::from("sales"));
        event.agent = (n >= 4).then(|| AgentId::new(agent));
        event
    };
    (0..).zip(kinds).map(place).collect()
}

/// Three calls one after another, all in the log.
fn log() -> Vec<Event> {
    let stories = [story(1, 1, 1001), story(14, 2, 1002), story(27, 3, 1001)];
    stories.into_iter().flatten().collect()
}

async fn database(state: &Path) -> Database {
    Database::sqlite(&state.join("hot line.db"), &tenant()).await.unwrap()
}

async fn projected(journal: &Journal, database: &Database) {
    let projector = Projector::start(journal.clone(), database.clone());
    projector.reached(journal.durable().unwrap()).await;
    projector.stop().await;
}

/// Everything the projections hold, as text.
async fn dump(database: &Database) -> String {
    let page = Page { limit: 500, after: None };
    let calls = database.calls(&CallFilter::default(), &page).await.unwrap();
    let recordings = database.recordings(&RecordingFilter::default(), &page).await.unwrap();
    let mut states = Vec::new();
    for agent in [1001, 1002] {
        states.push(database.agent_history(AgentId::new(agent), None, None, 500).await.unwrap());
    }
    let query = "SELECT call, n, kind, held_ms FROM segments ORDER BY call, n";
    let segments = sqlx::query_as::<_, (String, i64, String, i64)>(query);
    let segments = segments.fetch_all(&database.pool).await.unwrap();
    format!("{calls:#?}{recordings:#?}{states:#?}{segments:#?}")
}

fn journal(state: &Path) -> Journal {
    Journal::open(state, &tenant()).unwrap().0
}

fn append(journal: &Journal, events: &[Event]) {
    events.iter().for_each(|event| journal.append(event.clone()).unwrap());
    journal.flush().unwrap();
}

#[tokio::test]
async fn rows_are_the_same_however_often_the_projector_was_stopped_and_started() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (whole, pieces) = (database(one.path()).await, database(two.path()).await);
    let (log_one, log_two) = (journal(one.path()), journal(two.path()));
    append(&log_one, &log());
    projected(&log_one, &whole).await;
    for events in log().chunks(4) {
        append(&log_two, events);
        projected(&log_two, &pieces).await;
    }
    assert_eq!(dump(&whole).await, dump(&pieces).await);
    assert_eq!(whole.mark().await.unwrap(), log_one.durable());
}

#[tokio::test]
async fn dropped_projections_are_made_anew_the_same() {
    let state = tempfile::tempdir().unwrap();
    let (journal, database) = (journal(state.path()), database(state.path()).await);
    append(&journal, &log());
    projected(&journal, &database).await;
    let before = dump(&database).await;
    database.rebuild().await.unwrap();
    assert_eq!(database.mark().await.unwrap(), None);
    assert_ne!(dump(&database).await, before);
    projected(&journal, &database).await;
    assert_eq!(dump(&database).await, before);
}

#[tokio::test]
async fn lists_are_filtered_and_come_newest_first_a_page_at_a_time() {
    let state = tempfile::tempdir().unwrap();
    let (journal, database) = (journal(state.path()), database(state.path()).await);
    append(&journal, &log());
    projected(&journal, &database).await;
    lists(&database).await;
}

async fn lists(database: &Database) {
    let all = Page::default();
    let ids = |rows: Vec<insight::Cdr>| rows.iter().map(|row| row.call).collect::<Vec<_>>();
    let of_agent = CallFilter { agent: Some(AgentId::new(1001)), ..CallFilter::default() };
    assert_eq!(ids(database.calls(&of_agent, &all).await.unwrap()), [call(3), call(1)]);
    let in_queue = CallFilter {
        queue: Some("sales".into()),
        outcome: Some(Outcome::Answered),
        number: Some(NumberFilter {
            written: "013800138000".into(),
            canonical: "+8613800138000".into(),
        }),
        since: Some(BEGIN),
        until: Some(BEGIN + std::time::Duration::from_secs(86_400)),
        ..CallFilter::default()
    };
    assert_eq!(ids(database.calls(&in_queue, &all).await.unwrap()).len(), 3);
    let nobody = CallFilter { queue: Some("complaints".into()), ..CallFilter::default() };
    assert!(database.calls(&nobody, &all).await.unwrap().is_empty());

    let (mut seen, mut after) = (Vec::new(), None::<Cursor>);
    loop {
        let page = Page { limit: 1, after: after.take() };
        let rows = database.recordings(&RecordingFilter::default(), &page).await.unwrap();
        let Some(row) = rows.last() else { break };
        seen.push(row.recording);
        after = Some(Cursor { at: row.at, id: row.recording.to_string() });
    }
    assert_eq!(seen, [part(3), part(2), part(1)]);
    assert_eq!(
        database
            .drawable(Timestamp::EPOCH, Timestamp::from_secs(9_000_000_000))
            .await
            .unwrap()
            .len(),
        3
    );
    assert_eq!(database.call(call(9)).await.unwrap(), None);
    states_of_then(database).await;
    let served = database.served_since(&"sales".into(), BEGIN).await.unwrap();
    let served = served.iter().map(|served| (served.caller.to_string(), served.agent.number()));
    let caller = || "+8613800138000".to_owned();
    let by = [1001, 1002, 1001].map(|agent| (caller(), agent));
    assert_eq!(served.collect::<Vec<_>>(), by);
    let later = BEGIN + std::time::Duration::from_secs(86_400);
    assert!(database.served_since(&"sales".into(), later).await.unwrap().is_empty());
    assert!(database.abandoned_since(&"sales".into(), BEGIN).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_gave_up_waiting_is_known_with_when_the_wait_began() {
    let state = tempfile::tempdir().unwrap();
    let (journal, database) = (journal(state.path()), database(state.path()).await);
    let mut events = story(1, 1, 1001);
    events.truncate(5);
    events[4].kind = EventKind::CallEnded {};
    let outcome = Outcome::Abandoned;
    let left = EventKind::QueueLeft { outcome, waited_ms: 1, to: None, key: None };
    events[3].kind = left;
    events[3].at = BEGIN + std::time::Duration::from_secs(60);
    append(&journal, &events);
    projected(&journal, &database).await;
    let abandoned = database.abandoned_since(&"sales".into(), BEGIN).await.unwrap();
    let [gave_up] = abandoned.as_slice() else { panic!("{abandoned:?}") };
    assert_eq!(gave_up.caller.to_string(), "+8613800138000");
    assert_eq!((gave_up.arrived, gave_up.at), (events[2].at, events[3].at));
}

async fn states_of_then(database: &Database) {
    let before = async |seq, agent: Option<u32>| {
        let event = Position { epoch: Epoch::new(1), seq };
        let states = database.states_before(event, agent.map(AgentId::new)).await.unwrap();
        assert!(states.iter().all(|row| row.until.is_none()));
        states.iter().map(|row| (row.agent.number(), row.state)).collect::<Vec<_>>()
    };
    assert_eq!(before(7, None).await, []);
    assert_eq!(before(8, None).await, [(1001, StateName::OnCall)]);
    assert_eq!(before(12, None).await, [(1001, StateName::OnCall)]);
    let both = [(1001, StateName::Ready), (1002, StateName::OnCall)];
    assert_eq!(before(25, None).await, both);
    assert_eq!(before(25, Some(1002)).await, both[1..]);
    assert_eq!(before(25, Some(1003)).await, []);
}

#[tokio::test]
async fn a_part_of_a_recording_knows_its_call_agent_queue_and_checksum() {
    let state = tempfile::tempdir().unwrap();
    let (journal, database) = (journal(state.path()), database(state.path()).await);
    let events = story(1, 1, 1001);
    append(&journal, &events[..6]);
    projected(&journal, &database).await;
    let row = database.recording(part(1)).await.unwrap().unwrap();
    assert_eq!((row.state, row.file), (RecordingState::Started, None));
    append(&journal, &events[6..]);
    projected(&journal, &database).await;
    let row = database.recording(part(1)).await.unwrap().unwrap();
    assert_eq!((row.state, row.duration_ms), (RecordingState::Sealed, Some(1_000)));
    assert_eq!((row.agent, row.queue), (Some(AgentId::new(1001)), Some("sales".into())));
    assert_eq!(row.sha256, Some("ab".repeat(32)));
}

#[tokio::test]
async fn a_stalled_database_delays_the_projections_and_nothing_is_counted_twice() {
    let state = tempfile::tempdir().unwrap();
    let (journal, database) = (journal(state.path()), database(state.path()).await);
    let rename = |from: &str, to: &str| {
        let statement = format!("ALTER TABLE {from} RENAME TO {to}");
        sqlx::query(sqlx::AssertSqlSafe(statement))
    };
    rename("recordings", "elsewhere").execute(&database.pool).await.unwrap();
    append(&journal, &log());
    let projector = Projector::start(journal.clone(), database.clone());
    while projector.health().failing.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(database.mark().await.unwrap(), None);
    rename("elsewhere", "recordings").execute(&database.pool).await.unwrap();
    projector.reached(journal.durable().unwrap()).await;
    assert_eq!(projector.health().failing, None);
    projector.stop().await;
    lists(&database).await;
}

#[tokio::test]
async fn a_database_of_another_journal_is_told_apart() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let database = database(one.path()).await;
    let full = journal(one.path());
    append(&full, &log());
    projected(&full, &database).await;
    let projector = Projector::start(journal(two.path()), database);
    while projector.health().failing.is_none() {
        tokio::task::yield_now().await;
    }
    let error = projector.health().failing.unwrap();
    assert!(error.contains("the database is not of this journal"), "{error}");
}

#[tokio::test]
async fn bindings_and_draws_are_kept_and_a_rebuild_leaves_them_alone() {
    let state = tempfile::tempdir().unwrap();
    let database = database(state.path()).await;
    kept(&database).await;
}

async fn kept(database: &Database) {
    let phone = PhoneId::from("1001");
    let row = |contact: &str| BindingRow {
        path: "<sip:edge.example.cn;lr;ob>".into(),
        phone: phone.clone(),
        contact: contact.into(),
        source: "192.0.2.7:5060".into(),
        transport: "udp".into(),
        listener: "0.0.0.0:5060".into(),
        expires_at: Timestamp::from_secs(1_700_003_600),
        call_id: "x@y".into(),
        cseq: 7,
    };
    let mut rows: Vec<_> = (100..250).map(|it| row(&format!("sip:1001@192.0.2.{it}"))).collect();
    let live = |rows: &[BindingRow]| BindingChanges { live: rows.to_vec(), gone: Vec::new() };
    database.save_bindings(&live(&rows)).await.unwrap();
    rows[7].cseq = 8;
    let gone = rows.remove(0);
    let gone = vec![(gone.phone, gone.contact)];
    let changes = BindingChanges { live: vec![rows[6].clone()], gone };
    database.save_bindings(&changes).await.unwrap();
    let draw = DrawRow {
        draw: "d1".into(),
        at: BEGIN,
        actor: "user:qa/api".into(),
        content: serde_json::json!({ "seed": "spring" }),
    };
    database.save_draw(&draw).await.unwrap();
    database.rebuild().await.unwrap();
    assert_eq!(database.load_bindings().await.unwrap(), rows);
    assert_eq!(database.draw("d1").await.unwrap(), Some(draw.clone()));
    assert_eq!(database.draws(&Page::default()).await.unwrap(), [draw]);
    rows[0].expires_at = Timestamp::from_secs(1_700_003_601);
    database.save_bindings(&live(&rows[..1])).await.unwrap();
    database.forget_bindings_until(rows[1].expires_at).await.unwrap();
    assert_eq!(database.load_bindings().await.unwrap(), rows[..1]);
    database.forget_bindings_until(rows[0].expires_at).await.unwrap();
    assert!(database.load_bindings().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_named_without_its_password() {
    let error = Database::open("postgres://me:secret@127.0.0.1:1/none", &tenant()).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("postgres://…@127.0.0.1:1/none") && !error.contains("secret"),
        "{error}"
    );
    let nowhere = Database::sqlite(Path::new("/nowhere/at/all.db"), &tenant()).await;
    assert!(nowhere.unwrap_err().to_string().contains("its folder is there and writable"));
}

#[tokio::test]
async fn postgresql_answers_as_sqlite_does() {
    let Some(cluster) = Cluster::start() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "the gate tests PostgreSQL: install `postgresql`"
        );
        println!("not run: the Debian package `postgresql` is not installed");
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let journal = journal(state.path());
    append(&journal, &log());
    append(&journal, &[event(1, 40)]);
    let (lite, server) =
        (database(state.path()).await, Database::open(cluster.url(), &tenant()).await);
    let server = server.unwrap();
    projected(&journal, &lite).await;
    projected(&journal, &server).await;
    assert_eq!(dump(&server).await, dump(&lite).await);
    lists(&server).await;
    kept(&server).await;
}

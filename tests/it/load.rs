//! Fifty calls at once.

use std::time::Duration;

use model::Number;
use testkit::{Audio, Hearing, Phone, PhoneEvent, Settings};

use crate::house::{PASSWORD, Plan, SOON, Server, assert_heard, wait_until};

const CALLS: u16 = 50;
const TALK: Duration = Duration::from_secs(60);
/// How much longer the calls last: packets come by the sender's clock, and what is judged is a whole
/// minute of them.
const MARGIN: Duration = Duration::from_secs(1);

#[test]
fn fifty_calls_at_once_for_a_minute_lose_no_call_and_no_recording() {
    let mut server =
        Server::start(Plan { agents: CALLS, max_calls: 60, ring: "10s", ..Plan::default() });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (agents, callers) = runtime.block_on(connect(&server));
    wait_until("all talk", SOON * 2, || {
        let talking = server.status().calls.iter().filter(|call| call.stage == "talking").count();
        talking == usize::from(CALLS)
    });
    std::thread::sleep(TALK + MARGIN);
    let heard = runtime.block_on(part(callers));
    drop(agents);

    assert_eq!(heard.len(), usize::from(CALLS));
    for audio in &heard {
        assert_eq!(audio.lost, 0, "no packet is lost on the way to a caller");
        // Fifty packets a second.
        assert!(audio.received >= TALK.as_secs() * 50, "{} packets heard", audio.received);
    }
    let rows = server.sealed_recordings(usize::from(CALLS));
    assert_eq!(rows.len(), usize::from(CALLS));
    for row in &rows {
        assert_eq!(row["lost_frames"], 0, "{row}");
        let recorded = server.audio(row);
        assert!(recorded.seconds() >= TALK.as_secs_f64(), "{} s", recorded.seconds());
        assert_heard("left", &recorded.left, 600.0, TALK.as_secs_f64() - 1.0);
        assert_heard("right", &recorded.right, 1_000.0, TALK.as_secs_f64() - 1.0);
    }
    server.assert_all_at_rest(u64::from(CALLS));
    server.stop();
}

async fn connect(server: &Server) -> (Vec<Phone>, Vec<Phone>) {
    let mut agents = Vec::new();
    for index in 0..CALLS {
        let number = (1001 + index).to_string();
        let settings = Settings::new(&number, Some(PASSWORD), server.phones());
        let mut phone = Phone::start(Settings { tone_hz: 1_000.0, ..settings }).await.unwrap();
        phone.register().await.unwrap();
        let registered = |event: &PhoneEvent| *event == PhoneEvent::Registered;
        phone.expect(SOON, registered).await.expect("the phone registers");
        server.sign_in(u32::from(1001 + index));
        agents.push(phone);
    }
    let mut callers = Vec::new();
    for index in 0..CALLS {
        let number = format!("139000000{index:02}");
        let settings = Settings::new(&number, None, server.trunk());
        let hearing = Hearing::Counts;
        let phone = Phone::start(Settings { tone_hz: 600.0, hearing, ..settings }).await.unwrap();
        phone.call(&"4008001234".parse::<Number>().unwrap()).await.unwrap();
        callers.push(phone);
    }
    (agents, callers)
}

/// Every caller hangs up; what each has heard. A call that had ended before would have no audio of
/// a minute.
async fn part(mut callers: Vec<Phone>) -> Vec<Audio> {
    let mut heard = Vec::new();
    for caller in &mut callers {
        caller.hang_up().await.unwrap();
        let ended = |event: &PhoneEvent| matches!(event, PhoneEvent::Ended { .. });
        let Some(PhoneEvent::Ended { status: None, audio }) = caller.expect(SOON, ended).await
        else {
            panic!("a call failed");
        };
        heard.push(*audio);
    }
    heard
}

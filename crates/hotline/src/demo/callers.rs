//! Customers who dial the hotline, press a key, wait, talk and hang up.

use std::net::SocketAddr;
use std::time::Duration;

use model::Number;
use testkit::{Phone, PhoneEvent, Settings};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::chance::Chance;
use crate::failure::Failure;

/// The most callers at once: a demo must not drown its machine.
const MOST: usize = 100;

/// How long customers wait and talk before they give up or are done.
const SHORTEST: Duration = Duration::from_secs(25);
const LONGEST: Duration = Duration::from_secs(90);

/// The customers.
#[derive(Debug)]
pub(crate) struct Callers {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Callers {
    /// Begins to call `number` by the trunk at `server`.
    pub(crate) fn start(
        server: SocketAddr,
        number: Number,
        per_minute: u32,
    ) -> Result<Self, Failure> {
        let (stop, stopped) = watch::channel(false);
        let task =
            tokio::spawn(keep_calling(server, number, per_minute, (Chance::new()?, stopped)));
        Ok(Self { stop, task })
    }

    /// Everybody hangs up.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        // A caller that fails takes nothing with it.
        let _ = self.task.await;
    }
}

async fn keep_calling(
    server: SocketAddr,
    number: Number,
    per_minute: u32,
    (mut chance, mut stop): (Chance, watch::Receiver<bool>),
) {
    let mut callers = JoinSet::new();
    let gap = Duration::from_secs(60) / per_minute;
    loop {
        let pause = chance.span(gap / 2, gap * 3 / 2);
        tokio::select! {
            _ = stop.changed() => break,
            () = tokio::time::sleep(pause) => {}
        }
        while callers.try_join_next().is_some() {}
        if callers.len() < MOST {
            let caller = Caller {
                from: format!("1380{:07}", chance.below(10_000_000)),
                key: ['1', '2', '2', '3']
                    .get(usize::try_from(chance.below(4)).unwrap_or(0))
                    .copied(),
                patience: chance.span(SHORTEST, LONGEST),
            };
            callers.spawn(caller.call(server, number.clone(), stop.clone()));
        }
    }
    while callers.join_next().await.is_some() {}
}

struct Caller {
    from: String,
    key: Option<char>,
    patience: Duration,
}

impl Caller {
    async fn call(self, server: SocketAddr, number: Number, stop: watch::Receiver<bool>) {
        let mut settings = Settings::new(&self.from, None, server);
        settings.tone_hz = 500.0;
        let Ok(mut phone) = Phone::start(settings).await else { return };
        // A phone that has ended has nothing more to say.
        let _ = self.talk(&mut phone, &number, stop).await;
        let _ = phone.hang_up().await;
        phone
            .expect(Duration::from_secs(3), |event| matches!(event, PhoneEvent::Ended { .. }))
            .await;
    }

    async fn talk(
        &self,
        phone: &mut Phone,
        number: &Number,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), testkit::PhoneGone> {
        phone.call(number).await?;
        let deadline = tokio::time::Instant::now() + self.patience;
        let press_at = tokio::time::Instant::now() + Duration::from_secs(5);
        let mut key = self.key;
        loop {
            tokio::select! {
                event = phone.event() => {
                    if let PhoneEvent::Ended { .. } = event? {
                        return Ok(());
                    }
                }
                () = tokio::time::sleep_until(press_at), if key.is_some() => {
                    if let Some(key) = key.take() {
                        phone.press(key).await?;
                    }
                }
                () = tokio::time::sleep_until(deadline) => return Ok(()),
                _ = stop.changed() => return Ok(()),
            }
        }
    }
}

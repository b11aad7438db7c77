//! A simulated phone: one SIP account, one call at a time.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::Number;
use tokio::sync::mpsc;

use crate::audio::{Audio, Hearing};
use crate::line::Line;

/// How many asks and events wait at most; a test that reads no events loses the phone's attention,
/// not its memory.
const QUEUE: usize = 256;

/// Who the phone is and where its server is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account, or the number of a caller at a carrier.
    pub user: String,
    /// The password; a carrier's caller has none.
    pub password: Option<String>,
    /// The SIP domain written in From and To.
    pub domain: String,
    /// Where requests go.
    pub server: SocketAddr,
    /// The local address; ports are the system's choice.
    pub local: IpAddr,
    /// What it does when it rings.
    pub manner: Manner,
    /// The tone it sends, in hertz.
    pub tone_hz: f64,
    /// How closely it listens.
    pub hearing: Hearing,
}

impl Settings {
    /// A phone of this account that answers at once, sends 440 Hz and keeps nothing it hears.
    #[must_use]
    pub fn new(user: &str, password: Option<&str>, server: SocketAddr) -> Self {
        Self {
            user: user.to_owned(),
            password: password.map(str::to_owned),
            domain: server.ip().to_string(),
            server,
            local: server.ip(),
            manner: Manner::default(),
            tone_hz: 440.0,
            hearing: Hearing::Counts,
        }
    }
}

/// What a phone does of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manner {
    /// What it does when it rings.
    pub answer: Answer,
    /// How long it stays on a call; `None` until it is told or the other side hangs up.
    pub talk: Option<Duration>,
}

impl Default for Manner {
    fn default() -> Self {
        Self { answer: Answer::After(Duration::ZERO), talk: None }
    }
}

/// What a phone does when it rings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Answers after this long.
    After(Duration),
    /// Refuses with this status.
    Decline(u16),
    /// Rings on.
    Never,
}

/// What happened at a phone.
#[derive(Clone, PartialEq, Debug)]
pub enum PhoneEvent {
    /// The registration was accepted.
    Registered,
    /// The registration was refused with this status.
    RegistrationRefused(u16),
    /// It rings.
    Rings {
        /// The number shown.
        from: String,
    },
    /// The far end of the call it made rings.
    FarEndRings,
    /// The call is answered, at either end.
    Answered,
    /// The call is over.
    Ended {
        /// The final status, when the call was never answered.
        status: Option<u16>,
        /// What was heard and sent.
        audio: Box<Audio>,
    },
}

/// The phone's task has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PhoneGone;

impl fmt::Display for PhoneGone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the simulated phone has ended")
    }
}

impl std::error::Error for PhoneGone {}

#[derive(Debug)]
pub(crate) enum Ask {
    Register { expires: u32 },
    Call(String),
    Press(char),
    Hold(bool),
    Answer,
    HangUp,
    Transfer(String),
    Behave(Manner),
}

/// A simulated phone. Dropping it lets the phone vanish without a word, as a lost phone does.
#[derive(Debug)]
pub struct Phone {
    asks: mpsc::Sender<Ask>,
    events: mpsc::Receiver<PhoneEvent>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Phone {
    /// Switches the phone on. It does nothing of itself but behave as told when it rings.
    ///
    /// # Errors
    /// When no socket can be had.
    pub async fn start(settings: Settings) -> std::io::Result<Self> {
        let (asks, told) = mpsc::channel(QUEUE);
        let (tell, events) = mpsc::channel(QUEUE);
        let line = Line::open(settings, tell).await?;
        let address = line.address();
        Ok(Self { asks, events, address, task: tokio::spawn(line.run(told)) })
    }

    /// Where the phone listens for SIP.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Registers for an hour, and again before that is over.
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn register(&self) -> Result<(), PhoneGone> {
        self.ask(Ask::Register { expires: 3600 }).await
    }

    /// Removes the registration.
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn unregister(&self) -> Result<(), PhoneGone> {
        self.ask(Ask::Register { expires: 0 }).await
    }

    /// Dials a number.
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn call(&self, number: &Number) -> Result<(), PhoneGone> {
        self.ask(Ask::Call(number.to_string())).await
    }

    /// Presses a key (RFC 4733).
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn press(&self, digit: char) -> Result<(), PhoneGone> {
        self.ask(Ask::Press(digit)).await
    }

    /// Answers the call that rings.
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn answer(&self) -> Result<(), PhoneGone> {
        self.ask(Ask::Answer).await
    }

    /// Puts the far end on hold.
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn hold(&self) -> Result<(), PhoneGone> {
        self.ask(Ask::Hold(true)).await
    }

    /// Takes the far end back.
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn retrieve(&self) -> Result<(), PhoneGone> {
        self.ask(Ask::Hold(false)).await
    }

    /// Hands the far end on to another number (REFER).
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn transfer(&self, number: &Number) -> Result<(), PhoneGone> {
        self.ask(Ask::Transfer(number.to_string())).await
    }

    /// Ends the call, declines it, or gives it up, as its state is.
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn hang_up(&self) -> Result<(), PhoneGone> {
        self.ask(Ask::HangUp).await
    }

    /// Changes what it does of itself.
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn behave(&self, manner: Manner) -> Result<(), PhoneGone> {
        self.ask(Ask::Behave(manner)).await
    }

    /// What happens next at the phone.
    ///
    /// # Errors
    /// When the phone has ended.
    pub async fn event(&mut self) -> Result<PhoneEvent, PhoneGone> {
        self.events.recv().await.ok_or(PhoneGone)
    }

    /// Forgets what has happened so far: what comes next is new.
    pub fn forget_events(&mut self) {
        while self.events.try_recv().is_ok() {}
    }

    /// Waits for an event that `wanted` accepts, passing over others; `None` when it does not come
    /// within `patience`.
    pub async fn expect(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&PhoneEvent) -> bool,
    ) -> Option<PhoneEvent> {
        let search = async {
            loop {
                match self.event().await {
                    Ok(event) if wanted(&event) => return Some(event),
                    Ok(_) => {}
                    Err(PhoneGone) => return None,
                }
            }
        };
        tokio::time::timeout(patience, search).await.ok().flatten()
    }

    async fn ask(&self, ask: Ask) -> Result<(), PhoneGone> {
        self.asks.send(ask).await.map_err(|_| PhoneGone)
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

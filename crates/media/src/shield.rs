//! What stands between a socket and the packets of one stream: nothing, or SRTP both ways.

use std::net::SocketAddr;
use std::sync::Arc;

use model::{Dtls, IceCredentials, Security, SrtpKey, Timestamp};

use crate::handshake::{Broken, Handshake, Keys};
use crate::ice::{Answer, Check};
use crate::identity::Identity;
use crate::srtp::{Fault, Receiver, Sender};

/// How often a handshake that broke is begun again: a stranger may have been in it.
const MOST_HANDSHAKES: u8 = 8;

/// How a stream is protected, as both sides have said.
#[derive(Debug)]
pub(crate) struct Shield {
    identity: Arc<Identity>,
    own: Security,
    theirs: Security,
    mode: Mode,
    sender: Option<Box<Sender>>,
    receiver: Option<Box<Receiver>>,
    shaking: Option<Box<Shaking>>,
}

/// A handshake, and by which way it goes.
#[derive(Debug)]
struct Shaking {
    handshake: Handshake,
    /// What the far side announced when it began.
    theirs: Dtls,
    /// Where whoever it goes on with is.
    host: Host,
    /// The path that has been checked; `None` while there is none, or none is to be checked.
    path: Option<SocketAddr>,
    begun: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Mode {
    /// Both sides speak plain RTP.
    #[default]
    Plain,
    /// Both have a key.
    Keyed,
    /// Only one has, yet: nothing is let through either way.
    Shut,
}

impl Shield {
    /// None yet; hands will be shaken under this identity.
    pub(crate) fn new(identity: Arc<Identity>) -> Self {
        Self {
            identity,
            own: Security::None,
            theirs: Security::None,
            mode: Mode::Plain,
            sender: None,
            receiver: None,
            shaking: None,
        }
    }

    /// What we have said about what we send. A key that was said before changes nothing: packets
    /// go on being counted where they were.
    pub(crate) fn own(&mut self, own: &Security, now: Timestamp) {
        let before = std::mem::replace(&mut self.own, own.clone());
        if key(&before) != key(own) {
            self.sender = key(own).map(|key| Box::new(Sender::new(key)));
        }
        self.agree(now);
    }

    /// What the far side has said about what it sends.
    pub(crate) fn theirs(&mut self, theirs: &Security, now: Timestamp) {
        let before = std::mem::replace(&mut self.theirs, theirs.clone());
        if key(&before) != key(theirs) {
            self.receiver = key(theirs).map(|key| Box::new(Receiver::new(key)));
        }
        self.agree(now);
    }

    /// The path that was checked, where paths are.
    pub(crate) fn path(&self) -> Option<SocketAddr> {
        self.shaking.as_ref()?.path
    }

    /// When it has something to do by itself.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.shaking.as_ref()?.handshake.due()
    }

    /// Takes a check of the path; gives back the answer, and whether audio is to go this way.
    ///
    /// # Errors
    /// When it was not made by the far side.
    pub(crate) fn check(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
    ) -> Result<(Answer, Takes), Fault> {
        let (Some(own), Some(shaking)) = (ice(&self.own), &mut self.shaking) else {
            return Err(Fault::Malformed);
        };
        let check = Check::read(datagram, own)?;
        let answer = check.answer(from, own);
        // Before the far side has chosen, any path that it reaches us by will do.
        if check.nominates || shaking.path.is_none() {
            shaking.path = Some(from);
            return Ok((answer, Takes::Yes));
        }
        Ok((answer, Takes::No))
    }

    /// Takes a datagram of a handshake.
    ///
    /// # Errors
    /// When it is nobody's business.
    pub(crate) fn shake(
        &mut self,
        datagram: &[u8],
        (from, host, now): (SocketAddr, Host, Timestamp),
        send: impl FnMut(&[u8]),
    ) -> Result<(), Fault> {
        let checks = ice(&self.own).is_some();
        let Some(shaking) = &self.shaking else { return Err(Fault::Malformed) };
        let expected = if checks { shaking.path } else { shaking.handshake.peer.or(Some(from)) };
        if expected != Some(from) {
            // A stranger who came first makes way for whoever signalling has announced.
            let makes_way = host == Host::Announced && shaking.host == Host::Other;
            if checks || !makes_way || self.mode == Mode::Keyed {
                return Err(Fault::Forged);
            }
            self.begin(now, (None, shaking.begun));
        }
        let Some(shaking) = &mut self.shaking else { return Err(Fault::Malformed) };
        (shaking.handshake.peer, shaking.host) = (Some(from), host);
        let outcome = shaking.handshake.take(datagram, (&self.identity, now), send);
        self.shaken(outcome, now);
        Ok(())
    }

    /// Goes on with a handshake that is due.
    pub(crate) fn tick(&mut self, now: Timestamp, send: impl FnMut(&[u8])) {
        let Some(shaking) = &mut self.shaking else { return };
        if shaking.handshake.due().is_some_and(|due| now >= due) {
            let outcome = shaking.handshake.tick((&self.identity, now), send);
            self.shaken(outcome, now);
        }
    }

    fn shaken(&mut self, outcome: Result<Option<Keys>, Broken>, now: Timestamp) {
        match outcome {
            Ok(None) => {}
            Ok(Some(keys)) => {
                self.sender = Some(Box::new(Sender::new(&keys.own)));
                self.receiver = Some(Box::new(Receiver::new(&keys.theirs)));
                self.mode = self.agreed();
            }
            Err(Broken(why)) => {
                tracing::warn!(error = why, "handshake with a far side has failed");
                let begun = self.shaking.as_ref().map_or(0, |shaking| shaking.begun);
                let path = self.path();
                if begun < MOST_HANDSHAKES {
                    self.begin(now, (path, begun + 1));
                } else {
                    self.shaking = None;
                }
            }
        }
    }

    /// Begins a handshake where both sides have said that there is to be one.
    fn begin(&mut self, now: Timestamp, (path, begun): (Option<SocketAddr>, u8)) {
        let (Security::Dtls(own), Security::Dtls(theirs)) = (&self.own, &self.theirs) else {
            return;
        };
        let handshake = Handshake::new(&self.identity, theirs.fingerprint, own.setup, now);
        let theirs = (**theirs).clone();
        let host = Host::Other;
        self.shaking = Some(Box::new(Shaking { handshake, theirs, host, path, begun }));
        (self.sender, self.receiver) = (None, None);
    }

    /// Both sides have said what they have said.
    fn agree(&mut self, now: Timestamp) {
        match (&self.own, &self.theirs) {
            (Security::Dtls(_), Security::Dtls(theirs)) => {
                let goes_on = self.shaking.as_ref().is_some_and(|shaking| {
                    let known = &shaking.theirs;
                    (known.fingerprint, &known.ice) == (theirs.fingerprint, &theirs.ice)
                });
                if !goes_on {
                    self.begin(now, (None, 1));
                }
            }
            _ => self.shaking = None,
        }
        self.mode = self.agreed();
    }

    /// Whether a packet that opens can only come from who has the key.
    pub(crate) fn proves(&self) -> bool {
        self.mode == Mode::Keyed
    }

    /// Opens a packet where it lies; gives back its length.
    ///
    /// # Errors
    /// Why nobody may hear it.
    pub(crate) fn open(&mut self, packet: &mut [u8]) -> Result<usize, Fault> {
        match (self.mode, &mut self.receiver) {
            (Mode::Plain, _) => Ok(packet.len()),
            (Mode::Keyed, Some(receiver)) => receiver.open(packet),
            (Mode::Keyed | Mode::Shut, _) => Err(Fault::Forged),
        }
    }

    /// Opens a report in the same way.
    ///
    /// # Errors
    /// Why nobody may believe it.
    pub(crate) fn open_report(&mut self, packet: &mut [u8]) -> Result<usize, Fault> {
        match (self.mode, &mut self.receiver) {
            (Mode::Plain, _) => Ok(packet.len()),
            (Mode::Keyed, Some(receiver)) => receiver.open_report(packet),
            (Mode::Keyed | Mode::Shut, _) => Err(Fault::Forged),
        }
    }

    /// Protects the packet at the beginning of `buffer`, which has room for
    /// [`crate::srtp::MOST_ADDED`] octets more; gives back its length. `None` when it must not be
    /// sent.
    pub(crate) fn seal(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        match (self.mode, &mut self.sender) {
            (Mode::Plain, _) => Some(length),
            (Mode::Keyed, Some(sender)) => sender.protect(buffer, length),
            (Mode::Keyed | Mode::Shut, _) => None,
        }
    }

    /// Protects a report in the same way.
    pub(crate) fn seal_report(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        match (self.mode, &mut self.sender) {
            (Mode::Plain, _) => Some(length),
            (Mode::Keyed, Some(sender)) => sender.protect_report(buffer, length),
            (Mode::Keyed | Mode::Shut, _) => None,
        }
    }

    fn agreed(&self) -> Mode {
        match (&self.own, &self.theirs) {
            (Security::None, Security::None) => Mode::Plain,
            _ if self.sender.is_some() && self.receiver.is_some() => Mode::Keyed,
            _ => Mode::Shut,
        }
    }
}

/// Where a datagram comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Host {
    /// The host that signalling has named.
    Announced,
    /// Anywhere else, behind a NAT perhaps.
    Other,
}

/// Whether audio is to take a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Takes {
    Yes,
    No,
}

fn ice(security: &Security) -> Option<&IceCredentials> {
    match security {
        Security::Dtls(dtls) => dtls.ice.as_ref(),
        Security::None | Security::Sdes(_) => None,
    }
}

fn key(security: &Security) -> Option<&SrtpKey> {
    match security {
        Security::Sdes(sdes) => Some(&sdes.key),
        Security::None | Security::Dtls(_) => None,
    }
}

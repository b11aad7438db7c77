//! What stands between a socket and the packets of one stream: nothing, or SRTP both ways.

use model::{Security, SrtpKey};

use crate::srtp::{Fault, Receiver, Sender};

/// How a stream is protected, as both sides have said.
#[derive(Debug, Default)]
pub(crate) struct Shield {
    own: Security,
    theirs: Security,
    mode: Mode,
    sender: Option<Box<Sender>>,
    receiver: Option<Box<Receiver>>,
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
    /// What we have said about what we send. The same again changes nothing: packets go on being
    /// counted where they were.
    pub(crate) fn own(&mut self, own: &Security) {
        if self.own != *own {
            self.sender = key(own).map(|key| Box::new(Sender::new(key)));
            self.own = own.clone();
            self.mode = self.agreed();
        }
    }

    /// What the far side has said about what it sends.
    pub(crate) fn theirs(&mut self, theirs: &Security) {
        if self.theirs != *theirs {
            self.receiver = key(theirs).map(|key| Box::new(Receiver::new(key)));
            self.theirs = theirs.clone();
            self.mode = self.agreed();
        }
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

fn key(security: &Security) -> Option<&SrtpKey> {
    match security {
        Security::Sdes(sdes) => Some(&sdes.key),
        Security::None | Security::Dtls(_) => None,
    }
}

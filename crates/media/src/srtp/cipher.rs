//! The suites: what a packet is encrypted and proven with.

use std::ops::Range;

use aes::cipher::{InnerIvInit, KeyInit, StreamCipher};
use aes::{Aes128, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ctr::{Ctr128BE, CtrCore};
use hmac::{Hmac, Mac};
use model::{SrtpKey, SrtpSuite};
use sha1::Sha1;

use super::{ENCRYPTED, Fault, REPORT_HEADER, REPORT_INDEX};

/// The tag of reports, and of audio where it is not the short one (RFC 3711 §4.2.1).
const TAG: usize = 10;
const SHORT_TAG: usize = 4;
/// The tag of GCM (RFC 7714 §13.1).
const GCM_TAG: usize = 16;
/// A key of the authentication (RFC 3711 §5.2).
const MAC_KEY: usize = 20;

/// What a session key is for (RFC 3711 §4.3.1, §4.3.2).
#[derive(Clone, Copy)]
struct Labels {
    cipher: u8,
    mac: u8,
    salt: u8,
}

const AUDIO: Labels = Labels { cipher: 0, mac: 1, salt: 2 };
const REPORTS: Labels = Labels { cipher: 3, mac: 4, salt: 5 };

/// One direction's session keys.
pub(super) enum Cipher {
    Counter(Box<Counter>),
    Gcm(Box<Gcm>),
}

/// AES in counter mode, proven by HMAC-SHA1.
pub(super) struct Counter {
    audio: CounterKeys,
    reports: CounterKeys,
    tag: usize,
}

struct CounterKeys {
    aes: Aes128,
    mac: Hmac<Sha1>,
    salt: [u8; 14],
}

/// AES-GCM.
pub(super) struct Gcm {
    audio: GcmKeys,
    reports: GcmKeys,
}

struct GcmKeys {
    aes: GcmKey,
    salt: [u8; 12],
}

enum GcmKey {
    Short(Aes128Gcm),
    Long(Aes256Gcm),
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Counter(_) => "Cipher(AES-CM, hidden)",
            Self::Gcm(_) => "Cipher(AES-GCM, hidden)",
        })
    }
}

impl Cipher {
    pub(super) fn new(key: &SrtpKey) -> Self {
        let counter = |tag| {
            let keys = |labels| CounterKeys::derive(key, labels);
            Self::Counter(Box::new(Counter { audio: keys(AUDIO), reports: keys(REPORTS), tag }))
        };
        match key.suite() {
            SrtpSuite::AesCm128Sha1Tag80 => counter(TAG),
            SrtpSuite::AesCm128Sha1Tag32 => counter(SHORT_TAG),
            SrtpSuite::AesGcm128 | SrtpSuite::AesGcm256 => {
                let keys = |labels| GcmKeys::derive(key, labels);
                Self::Gcm(Box::new(Gcm { audio: keys(AUDIO), reports: keys(REPORTS) }))
            }
        }
    }

    /// Encrypts `body` of the packet that begins `buffer` and puts the tag after it; gives back
    /// the length of the packet.
    pub(super) fn seal(
        &self,
        buffer: &mut [u8],
        body: Range<usize>,
        ssrc: u32,
        index: u64,
    ) -> Option<usize> {
        match self {
            Self::Counter(keys) => {
                let (packet, rest) = buffer.split_at_mut_checked(body.end)?;
                let target = rest.get_mut(..keys.tag)?;
                keys.audio.apply(packet.get_mut(body.start..)?, ssrc, index);
                let tag = keys.audio.tag(packet, rollover(index));
                target.copy_from_slice(tag.get(..keys.tag)?);
                Some(body.end + keys.tag)
            }
            Self::Gcm(keys) => {
                let (packet, rest) = buffer.split_at_mut_checked(body.end)?;
                let target = rest.get_mut(..GCM_TAG)?;
                let (head, text) = packet.split_at_mut_checked(body.start)?;
                let nonce = keys.audio.nonce(ssrc, index);
                target.copy_from_slice(&keys.audio.encrypt(nonce, head, text)?);
                Some(body.end + GCM_TAG)
            }
        }
    }

    /// Checks and decrypts a packet with a header of this length; gives back its length without
    /// the tag.
    pub(super) fn open(
        &self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, Fault> {
        let tag = match self {
            Self::Counter(keys) => keys.tag,
            Self::Gcm(_) => GCM_TAG,
        };
        let length = packet.len().checked_sub(tag).filter(|length| *length >= header);
        let length = length.ok_or(Fault::Malformed)?;
        let (packet, tag) = packet.split_at_mut_checked(length).ok_or(Fault::Malformed)?;
        match self {
            Self::Counter(keys) => {
                keys.audio.check(packet, rollover(index), tag)?;
                keys.audio.apply(packet.get_mut(header..).ok_or(Fault::Malformed)?, ssrc, index);
            }
            Self::Gcm(keys) => {
                let nonce = keys.audio.nonce(ssrc, index);
                let (head, text) = packet.split_at_mut_checked(header).ok_or(Fault::Malformed)?;
                keys.audio.decrypt(nonce, head, text, tag)?;
            }
        }
        Ok(length)
    }

    /// Encrypts a report and puts its index and tag after it (RFC 3711 §3.4, RFC 7714 §9.2).
    pub(super) fn seal_report(
        &self,
        buffer: &mut [u8],
        length: usize,
        ssrc: u32,
        index: u32,
    ) -> Option<usize> {
        let trailer = (index | ENCRYPTED).to_be_bytes();
        match self {
            Self::Counter(keys) => {
                let body = buffer.get_mut(REPORT_HEADER..length)?;
                keys.reports.apply(body, ssrc, u64::from(index));
                let (packet, rest) = buffer.split_at_mut_checked(length)?;
                let tag = keys.reports.tag(packet, trailer);
                let rest = rest.get_mut(..REPORT_INDEX + TAG)?;
                rest.get_mut(..REPORT_INDEX)?.copy_from_slice(&trailer);
                rest.get_mut(REPORT_INDEX..)?.copy_from_slice(tag.get(..TAG)?);
                Some(length + REPORT_INDEX + TAG)
            }
            Self::Gcm(keys) => {
                let (packet, rest) = buffer.split_at_mut_checked(length)?;
                let (head, text) = packet.split_at_mut_checked(REPORT_HEADER)?;
                let known = report_known(head, trailer)?;
                let nonce = keys.reports.nonce(ssrc, u64::from(index));
                let tag = keys.reports.encrypt(nonce, &known, text)?;
                let rest = rest.get_mut(..GCM_TAG + REPORT_INDEX)?;
                rest.get_mut(..GCM_TAG)?.copy_from_slice(&tag);
                rest.get_mut(GCM_TAG..)?.copy_from_slice(&trailer);
                Some(length + GCM_TAG + REPORT_INDEX)
            }
        }
    }

    /// The index a report carries, with whether it is encrypted.
    pub(super) fn report_trailer(&self, packet: &[u8]) -> Option<u32> {
        let after = match self {
            Self::Counter(_) => TAG,
            Self::Gcm(_) => 0,
        };
        let end = packet.len().checked_sub(after)?;
        super::word(packet, end.checked_sub(REPORT_INDEX)?)
    }

    /// Checks and decrypts a report; gives back its length without index and tag.
    pub(super) fn open_report(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        trailer: u32,
    ) -> Result<usize, Fault> {
        let added = match self {
            Self::Counter(_) => REPORT_INDEX + TAG,
            Self::Gcm(_) => REPORT_INDEX + GCM_TAG,
        };
        let length = packet.len().checked_sub(added).filter(|length| *length >= REPORT_HEADER);
        let length = length.ok_or(Fault::Malformed)?;
        let (packet, rest) = packet.split_at_mut_checked(length).ok_or(Fault::Malformed)?;
        let index = u64::from(trailer & !ENCRYPTED);
        let (octets, (head, text)) = (
            trailer.to_be_bytes(),
            packet.split_at_mut_checked(REPORT_HEADER).ok_or(Fault::Malformed)?,
        );
        match self {
            Self::Counter(keys) => {
                let tag = rest.get(REPORT_INDEX..).ok_or(Fault::Malformed)?;
                keys.reports.check(packet, octets, tag)?;
                let text = packet.get_mut(REPORT_HEADER..).ok_or(Fault::Malformed)?;
                keys.reports.apply(text, ssrc, index);
            }
            Self::Gcm(keys) => {
                let known = report_known(head, octets).ok_or(Fault::Malformed)?;
                let tag = rest.get(..GCM_TAG).ok_or(Fault::Malformed)?;
                keys.reports.decrypt(keys.reports.nonce(ssrc, index), &known, text, tag)?;
            }
        }
        Ok(length)
    }
}

impl CounterKeys {
    fn derive(key: &SrtpKey, labels: Labels) -> Self {
        let (mut session, mut mac, mut salt) = ([0; 16], [0; MAC_KEY], [0; 14]);
        derive(key, labels.cipher, &mut session);
        derive(key, labels.mac, &mut mac);
        derive(key, labels.salt, &mut salt);
        Self { aes: Aes128::new(&session.into()), mac: keyed(&mac), salt }
    }

    /// The key stream over `text`, which encrypts and decrypts (RFC 3711 §4.1.1).
    fn apply(&self, text: &mut [u8], ssrc: u32, index: u64) {
        let mut start = [0; 16];
        for (target, octet) in start.iter_mut().zip(self.salt) {
            *target = octet;
        }
        let [_, _, index @ ..] = index.to_be_bytes();
        let mixed = ssrc.to_be_bytes().into_iter().chain(index);
        for (target, octet) in start.iter_mut().skip(4).zip(mixed) {
            *target ^= octet;
        }
        let core = CtrCore::inner_iv_init(self.aes.clone(), &start.into());
        Ctr128BE::<Aes128>::from_core(core).apply_keystream(text);
    }

    /// What proves a packet, over what follows it in thought or in fact: the rollover counter of
    /// audio, the index of a report (RFC 3711 §4.2).
    fn tag(&self, packet: &[u8], after: [u8; 4]) -> [u8; 20] {
        let mut mac = self.mac.clone();
        mac.update(packet);
        mac.update(&after);
        mac.finalize().into_bytes().into()
    }

    fn check(&self, packet: &[u8], after: [u8; 4], tag: &[u8]) -> Result<(), Fault> {
        let mut mac = self.mac.clone();
        mac.update(packet);
        mac.update(&after);
        mac.verify_truncated_left(tag).map_err(|_| Fault::Forged)
    }
}

impl GcmKeys {
    fn derive(key: &SrtpKey, labels: Labels) -> Self {
        let mut salt = [0; 12];
        derive(key, labels.salt, &mut salt);
        let aes = if key.suite() == SrtpSuite::AesGcm256 {
            let mut session = [0; 32];
            derive(key, labels.cipher, &mut session);
            GcmKey::Long(Aes256Gcm::new(&session.into()))
        } else {
            let mut session = [0; 16];
            derive(key, labels.cipher, &mut session);
            GcmKey::Short(Aes128Gcm::new(&session.into()))
        };
        Self { aes, salt }
    }

    /// Talker and index, masked by the salt (RFC 7714 §8.1, §9.1).
    fn nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let mut nonce = self.salt;
        let [_, _, index @ ..] = index.to_be_bytes();
        let mixed = ssrc.to_be_bytes().into_iter().chain(index);
        for (target, octet) in nonce.iter_mut().skip(2).zip(mixed) {
            *target ^= octet;
        }
        nonce
    }

    fn encrypt(&self, nonce: [u8; 12], known: &[u8], text: &mut [u8]) -> Option<[u8; GCM_TAG]> {
        let tag = match &self.aes {
            GcmKey::Short(aes) => aes.encrypt_inout_detached(&nonce.into(), known, text.into()),
            GcmKey::Long(aes) => aes.encrypt_inout_detached(&nonce.into(), known, text.into()),
        };
        tag.ok().map(Into::into)
    }

    fn decrypt(
        &self,
        nonce: [u8; 12],
        known: &[u8],
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<(), Fault> {
        let tag: [u8; GCM_TAG] = tag.try_into().map_err(|_| Fault::Malformed)?;
        let (nonce, tag) = (nonce.into(), tag.into());
        let opened = match &self.aes {
            GcmKey::Short(aes) => aes.decrypt_inout_detached(&nonce, known, text.into(), &tag),
            GcmKey::Long(aes) => aes.decrypt_inout_detached(&nonce, known, text.into(), &tag),
        };
        opened.map_err(|_| Fault::Forged)
    }
}

/// A session key: key stream of the master key from a start made of salt and label (RFC 3711
/// §4.3.3, RFC 6188 §3); the short salt of GCM is filled up with zeros (RFC 7714 §11).
fn derive(key: &SrtpKey, label: u8, target: &mut [u8]) {
    let (master, salt) = key.parts();
    let mut start = [0; 16];
    for (octet, salt) in start.iter_mut().zip(salt) {
        *octet = *salt;
    }
    if let Some(octet) = start.get_mut(7) {
        *octet ^= label;
    }
    target.fill(0);
    let start = start.into();
    if let Ok(master) = <[u8; 16]>::try_from(master) {
        let core = CtrCore::inner_iv_init(Aes128::new(&master.into()), &start);
        Ctr128BE::<Aes128>::from_core(core).apply_keystream(target);
    } else if let Ok(master) = <[u8; 32]>::try_from(master) {
        let core = CtrCore::inner_iv_init(Aes256::new(&master.into()), &start);
        Ctr128BE::<Aes256>::from_core(core).apply_keystream(target);
    }
}

/// HMAC takes keys of any length.
fn keyed(key: &[u8; MAC_KEY]) -> Hmac<Sha1> {
    let mut block = [0; 64];
    for (target, octet) in block.iter_mut().zip(key) {
        *target = *octet;
    }
    // A key shorter than the block is filled up with zeros (RFC 2104 §2).
    Hmac::new(&block.into())
}

/// How often the sixteen bits of the number have wrapped.
fn rollover(index: u64) -> [u8; 4] {
    let [_, _, rollover @ .., _, _] = index.to_be_bytes();
    rollover
}

/// What GCM proves of a report beside its text: its head and its index (RFC 7714 §9.2).
fn report_known(head: &[u8], trailer: [u8; 4]) -> Option<[u8; REPORT_HEADER + REPORT_INDEX]> {
    let mut known = [0; REPORT_HEADER + REPORT_INDEX];
    let (first, second) = known.split_at_mut_checked(REPORT_HEADER)?;
    first.copy_from_slice(head.get(..REPORT_HEADER)?);
    second.copy_from_slice(&trailer);
    Some(known)
}

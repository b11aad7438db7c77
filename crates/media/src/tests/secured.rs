//! Streams whose packets are protected.

use std::net::{SocketAddr, UdpSocket};

use clock::Clock;
use model::{
    CodecChoice, Dtls, Fingerprint, IceCredentials, MediaDescription, Rtcp, Sdes, Security, Setup,
    SrtpKey, SrtpSuite,
};
use rtp::{FRAME, Header, Packet};
use switchboard::ports::MediaCommand;

use super::house::*;
use crate::handshake::{Handshake, Keys};
use crate::ice::tests::check;
use crate::identity::Identity;
use crate::srtp::{Receiver, Sender};

/// A phone's end of SRTP.
struct Secured {
    phone: Phone,
    sender: Sender,
    receiver: Receiver,
}

fn key(octet: u8) -> SrtpKey {
    let suite = SrtpSuite::AesCm128Sha1Tag80;
    SrtpKey::new(suite, &vec![octet; suite.key_length() + suite.salt_length()]).unwrap()
}

fn sdes(octet: u8) -> Security {
    Security::Sdes(Box::new(Sdes { tag: 1, key: key(octet) }))
}

impl Secured {
    fn new(phone: Phone, keys: &Keys) -> Self {
        Self { phone, sender: Sender::new(&keys.own), receiver: Receiver::new(&keys.theirs) }
    }

    fn says(&mut self, octet: u8) {
        let header = &mut self.phone.header;
        let mut buffer = [0; 300];
        let length = header.write(&[octet; FRAME], &mut buffer).unwrap().len();
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(160);
        let length = self.sender.protect(&mut buffer, length).unwrap();
        self.phone.socket.send_to(&buffer[..length], self.phone.house.unwrap()).unwrap();
    }

    fn hears(&mut self) -> (Header, Vec<u8>) {
        let mut buffer = [0; 300];
        let length = self.phone.socket.recv(&mut buffer).unwrap();
        assert_eq!(length, 12 + FRAME + 10);
        let length = self.receiver.open(&mut buffer[..length]).unwrap();
        let packet = Packet::read(&buffer[..length]).unwrap();
        (packet.header, packet.payload.to_vec())
    }
}

/// A secured phone under these keys, joined to a plain one.
fn secured() -> (House, Secured, Phone) {
    let house = House::open(settings(1));
    let [mut agent, mut phone] = [CodecChoice::PCMA; 2].map(Phone::new);
    house.connect(2, &mut agent);
    let (local, _) = port_pair();
    phone.house = Some(local);
    let remote = Some(phone.description().protected(sdes(1)));
    house.tell(1, MediaCommand::Open { local, remote });
    house.tell(1, MediaCommand::Protect(sdes(2)));
    house.join(1, 2);
    let keys = Keys { own: key(1), theirs: key(2) };
    (house, Secured::new(phone, &keys), agent)
}

#[test]
fn a_phone_with_a_key_and_one_without_hear_each_other() {
    let (_house, mut phone, mut agent) = secured();
    phone.says(0xd5);
    assert_eq!(agent.hears(1)[0].1, [0xd5; FRAME]);
    agent.send(&[0x55; FRAME]);
    assert_eq!(phone.hears().1, [0x55; FRAME]);
}

#[test]
fn who_has_no_key_is_not_heard_from_the_phones_own_address_even() {
    let (house, mut phone, agent) = secured();
    phone.phone.send(&[0xd5; FRAME]);
    let mut forger = Sender::new(&key(3));
    std::mem::swap(&mut forger, &mut phone.sender);
    phone.says(0xd5);
    agent.hears_nothing();
    assert_eq!(house.media.counters().strangers, 2);
    std::mem::swap(&mut forger, &mut phone.sender);
    phone.says(0xd5);
    assert_eq!(agent.hears(1).len(), 1);
}

#[test]
fn a_phone_with_a_key_is_followed_to_another_address_at_once() {
    let (_house, mut phone, mut agent) = secured();
    phone.says(1);
    agent.hears(1);
    let moved = Phone::new(CodecChoice::PCMA);
    phone.phone.socket = moved.socket;
    phone.says(2);
    assert_eq!(agent.hears(1)[0].1, [2; FRAME]);
    agent.send(&[3; FRAME]);
    assert_eq!(phone.hears().1, [3; FRAME]);
}

#[test]
fn the_same_keys_said_again_go_on_and_nothing_is_sent_before_both_are_known() {
    let (house, mut phone, mut agent) = secured();
    agent.send(&[1; FRAME]);
    let first = phone.hears().0;
    let again = phone.phone.description().protected(sdes(1));
    house.tell(1, MediaCommand::Protect(sdes(2)));
    house.tell(1, MediaCommand::Remote(again));
    house.settle();
    agent.send(&[2; FRAME]);
    assert_eq!(phone.hears().0.sequence, first.sequence.wrapping_add(1));
    house.tell(1, MediaCommand::Remote(phone.phone.description()));
    house.settle();
    agent.send(&[3; FRAME]);
    phone.phone.hears_nothing();
}

fn browser(identity: &Identity, address: SocketAddr) -> (MediaDescription, Security) {
    let ice =
        |ufrag: &str| Some(IceCredentials { ufrag: ufrag.to_owned(), password: ufrag.repeat(6) });
    let theirs =
        Dtls { fingerprint: identity.fingerprint, setup: Setup::ActPass, ice: ice("them") };
    let own = Dtls { fingerprint: Fingerprint([0; 32]), setup: Setup::Passive, ice: ice("ours") };
    let description = MediaDescription { rtcp: Rtcp::Shared, ..MediaDescription::ours(address) };
    let description = description.protected(Security::Dtls(Box::new(theirs)));
    (description, Security::Dtls(Box::new(own)))
}

/// Shakes hands with the house as a browser does; nothing comes of it where the house is silent.
fn shake(phone: &Phone, identity: &Identity, house: &House) -> Option<Keys> {
    let now = identity.clock.now();
    let mut end = Handshake::new(identity, house.media.certificate(), Setup::Active, now);
    let send = |datagram: &[u8]| _ = phone.socket.send_to(datagram, phone.house.unwrap());
    let mut keys = end.tick((identity, now), send).unwrap();
    let mut buffer = [0; 2_000];
    while keys.is_none() {
        let length = phone.socket.recv(&mut buffer).ok()?;
        keys = end.take(&buffer[..length], (identity, identity.clock.now()), send).unwrap();
    }
    keys
}

#[test]
fn a_browser_checks_the_path_shakes_hands_and_is_heard() {
    let house = House::open(settings(1));
    let [mut agent, mut phone] = [CodecChoice::PCMA; 2].map(Phone::new);
    house.connect(2, &mut agent);
    let identity = Identity::new(Clock::start()).unwrap();
    let (local, _) = port_pair();
    phone.house = Some(local);
    // It knows no address of its own yet.
    let (remote, own) = browser(&identity, ([0, 0, 0, 0], 9).into());
    house.tell(1, MediaCommand::Open { local, remote: Some(remote) });
    house.tell(1, MediaCommand::Protect(own));
    house.join(1, 2);

    phone.socket.send_to(&check("ours:them", "wrong", &[]), local).unwrap();
    phone.hears_nothing();
    let nominating = check("ours:them", &"ours".repeat(6), &[0, 0x25, 0, 0]);
    phone.socket.send_to(&nominating, local).unwrap();
    let mut answer = [0; 200];
    let length = phone.socket.recv(&mut answer).unwrap();
    assert_eq!((&answer[..2], length > 60), (&[1, 1][..], true));

    let keys = shake(&phone, &identity, &house).unwrap();
    assert_eq!(keys.own.suite(), SrtpSuite::AesGcm256);
    // Whatever was sent to finish the handshake has been taken before the audio is.
    let mut phone = Secured::new(phone, &keys);
    phone.says(7);
    assert_eq!(agent.hears(1)[0].1, [7; FRAME]);
    agent.send(&[8; FRAME]);
    let mut buffer = [0; 300];
    let length = loop {
        let length = phone.phone.socket.recv(&mut buffer).unwrap();
        if buffer[0] >> 6 == 2 {
            break length;
        }
    };
    let length = phone.receiver.open(&mut buffer[..length]).unwrap();
    assert_eq!(Packet::read(&buffer[..length]).unwrap().payload, [8; FRAME]);
}

#[test]
fn a_telephone_shakes_hands_without_checks_and_another_certificate_is_not_heard() {
    let house = House::open(settings(1));
    let [mut agent, mut phone] = [CodecChoice::PCMA; 2].map(Phone::new);
    house.connect(2, &mut agent);
    let [identity, impostor] = [(); 2].map(|()| Identity::new(Clock::start()).unwrap());
    let (local, _) = port_pair();
    phone.house = Some(local);
    let without_ice = |security| {
        let Security::Dtls(mut dtls) = security else { panic!() };
        dtls.ice = None;
        Security::Dtls(dtls)
    };
    let (remote, own) = browser(&identity, phone.signalled);
    let security = without_ice(remote.security.clone());
    house.tell(1, MediaCommand::Open { local, remote: Some(remote.protected(security)) });
    house.tell(1, MediaCommand::Protect(without_ice(own)));
    house.join(1, 2);

    let mut stranger = Phone::new(CodecChoice::PCMA);
    stranger.house = phone.house;
    stranger.socket.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    if let Some(keys) = shake(&stranger, &impostor, &house) {
        Secured::new(stranger, &keys).says(6);
    }
    agent.hears_nothing();

    // Nor does one who begins and goes away keep the phone out.
    let elsewhere = UdpSocket::bind("127.0.0.2:0").unwrap();
    let now = impostor.clock.now();
    let mut end = Handshake::new(&impostor, house.media.certificate(), Setup::Active, now);
    end.tick((&impostor, now), |hello| _ = elsewhere.send_to(hello, local).unwrap()).unwrap();
    house.settle();

    let keys = shake(&phone, &identity, &house).unwrap();
    Secured::new(phone, &keys).says(7);
    assert_eq!(agent.hears(1)[0].1, [7; FRAME]);
}

//! Streams on real sockets, judged by RTP time.

mod house;
mod secured;

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use model::{Channel, CodecChoice, Direction};
use rtp::rtcp::{Compound, Element};
use rtp::{DigitSender, Heard, Tone, alaw_encode, heard, share_of};
use switchboard::ports::{MediaCommand, MediaFact};

use crate::{MediaSettings, PromptLibrary};
use house::{House, Phone, leg, part, port_pair, settings, sound};

/// Two phones of these codecs, joined.
fn joined(settings: MediaSettings, codecs: [CodecChoice; 2]) -> (House, Phone, Phone) {
    let house = House::open(settings);
    let [mut caller, mut agent] = codecs.map(Phone::new);
    house.connect(1, &mut caller);
    house.connect(2, &mut agent);
    house.join(1, 2);
    (house, caller, agent)
}

fn alaw_pair() -> (House, Phone, Phone) {
    joined(settings(1), [CodecChoice::PCMA; 2])
}

fn play(play: u32, prompts: &[&str], repeat: bool) -> MediaCommand {
    MediaCommand::Play {
        play,
        prompts: prompts.iter().map(|name| (*name).into()).collect(),
        repeat,
    }
}

#[test]
fn two_phones_hear_each_other_without_a_gap_under_our_own_numbers() {
    let (_house, mut caller, mut agent) = alaw_pair();
    caller.says(600.0, 40);
    agent.says(1_000.0, 40);
    for (phone, peer, hz) in [(&agent, &caller, 600.0), (&caller, &agent, 1_000.0)] {
        let packets = phone.hears(40);
        let whole = Heard { from: 0, to: 6_400, longest_gap: 0 };
        assert_eq!(heard(&sound(&packets), hz), Some(whole));
        let first = packets[0].0;
        assert!(first.marker && first.ssrc != peer.header.ssrc);
        for (at, (header, _)) in (0_u16..).zip(&packets) {
            assert_eq!(header.sequence, first.sequence.wrapping_add(at));
        }
    }
}

#[test]
fn phones_of_different_codecs_hear_each_other() {
    let (_house, mut caller, mut agent) =
        joined(settings(1), [CodecChoice::PCMA, CodecChoice::PCMU]);
    caller.says(600.0, 10);
    agent.says(1_000.0, 10);
    for (phone, payload_type, hz) in [(&agent, 0, 600.0), (&caller, 8, 1_000.0)] {
        let packets = phone.hears(10);
        assert!(packets.iter().all(|(header, _)| header.payload_type == payload_type));
        assert!(share_of(&sound(&packets), hz) > 0.99);
    }
}

#[test]
fn a_prompt_is_heard_whole_and_its_end_is_reported() {
    let tone: Vec<u8> = Tone::new(700.0).take(2_000).map(alaw_encode).collect();
    for codec in [CodecChoice::PCMA, CodecChoice::PCMU] {
        let prompts = [("one".into(), tone.clone()), ("two".into(), tone.clone())];
        let house = House::with_prompts(settings(1), prompts);
        let mut caller = Phone::new(codec);
        house.connect(1, &mut caller);
        house.tell(1, play(5, &["one", "missing", "two"], false));
        let packets = caller.hears(25);
        let sound = sound(&packets);
        let whole = heard(&sound, 700.0).unwrap();
        assert_eq!((whole.from, whole.to, whole.longest_gap), (0, 4_000, 0));
        assert_eq!(packets[0].0.payload_type, codec.payload_type);
        assert_eq!(house.fact(), (1, MediaFact::PlayEnded { play: 5 }));
        caller.hears_nothing();
    }
}

#[test]
fn music_goes_on_until_something_else_is_heard() {
    let music: Vec<u8> = Tone::new(500.0).take(480).map(alaw_encode).collect();
    let house = House::with_prompts(settings(1), [("music".into(), music)]);
    let mut caller = Phone::new(CodecChoice::PCMA);
    house.connect(1, &mut caller);
    house.tell(1, play(1, &["music"], true));
    assert_eq!(heard(&sound(&caller.hears(10)), 500.0).unwrap().longest_gap, 0);
    house.tell(1, MediaCommand::Ringback);
    house.settle();
    while caller.hears(1)[0].0.marker.eq(&false) {}
    assert!(share_of(&sound(&caller.hears(10)), 450.0) > 0.99);
    house.tell(1, MediaCommand::Silence);
    house.settle();
    caller.socket.set_nonblocking(true).unwrap();
    while caller.socket.recv_from(&mut [0; 200]).is_ok() {}
    caller.socket.set_nonblocking(false).unwrap();
    caller.hears_nothing();
    house.no_fact();
}

#[test]
fn the_change_from_a_prompt_to_a_person_runs_on_in_number_and_time() {
    let (house, caller, mut agent) = alaw_pair();
    house.tell(1, MediaCommand::Ringback);
    let last = caller.hears(3)[2].0;
    agent.says(1_000.0, 2);
    house.join(1, 2);
    agent.says(1_000.0, 2);
    let after = loop {
        let (header, payload) = caller.hears(1).remove(0);
        let samples: Vec<i16> = payload.into_iter().map(rtp::alaw_decode).collect();
        if share_of(&samples, 1_000.0) > 0.9 {
            break header;
        }
    };
    assert!(after.marker && after.ssrc == last.ssrc);
    assert!(rtp::sequence_after(last.sequence, after.sequence) >= 1);
    assert!((160..80_000).contains(&rtp::timestamp_after(last.timestamp, after.timestamp)));
}

#[test]
fn packets_of_strangers_are_neither_relayed_nor_recorded() {
    let (house, mut caller, agent) = alaw_pair();
    house.tell(1, MediaCommand::Record { recording: part(1), right: leg(2) });
    house.settle();
    let mut stranger = Phone::new(CodecChoice::PCMA);
    stranger.house = caller.house;
    for _ in 0..20 {
        caller.says(600.0, 1);
        agent.hears(1);
        stranger.says(2_000.0, 1);
    }
    caller.says(600.0, 1);
    agent.hears(1);
    agent.hears_nothing();
    assert_eq!(house.media.counters().strangers, 20);
    assert_eq!(heard(&house.captured(part(1), Channel::Left), 2_000.0), None);
    stranger.hears_nothing();
}

#[test]
fn a_phone_behind_a_nat_is_found_by_its_packets() {
    let house = House::open(settings(1));
    let mut caller = Phone::new(CodecChoice::PCMA);
    let mut agent = Phone::new(CodecChoice::PCMA);
    let behind = UdpSocket::bind("127.0.0.1:0").unwrap();
    agent.signalled = behind.local_addr().unwrap();
    house.connect(1, &mut caller);
    house.connect(2, &mut agent);
    house.join(1, 2);
    caller.says(600.0, 1);
    behind.recv_from(&mut [0; 200]).unwrap();
    agent.says(1_000.0, 6);
    assert_eq!(caller.hears(2).len(), 2, "the first four are on probation");
    caller.says(600.0, 1);
    agent.hears(1);
}

#[test]
fn a_key_press_is_one_digit_for_the_floor_and_a_telephone_event_for_the_peer() {
    let house = House::open(settings(1));
    let [mut caller, mut agent, mut deaf] = [CodecChoice::PCMA; 3].map(Phone::new);
    agent.telephone_event = Some(96);
    deaf.telephone_event = None;
    house.connect(1, &mut caller);
    house.connect(2, &mut agent);
    house.connect(3, &mut deaf);
    house.join(1, 2);
    press(&mut caller, '5');
    assert_eq!(house.fact(), (1, MediaFact::Digit('5')));
    let packets = agent.hears(8);
    assert!(packets.iter().all(|(header, _)| header.payload_type == 96));
    assert!(packets.iter().all(|(header, _)| header.timestamp == packets[0].0.timestamp));
    house.join(1, 3);
    press(&mut caller, '#');
    assert_eq!(house.fact(), (1, MediaFact::Digit('#')));
    caller.says(600.0, 2);
    let packets = deaf.hears(2);
    assert_eq!(rtp::sequence_after(packets[0].0.sequence, packets[1].0.sequence), 1);
    house.no_fact();
}

fn press(phone: &mut Phone, digit: char) {
    let speech = phone.header;
    for event in DigitSender::press(digit, 960).unwrap() {
        phone.header.payload_type = 101;
        phone.header.marker = event.marker;
        phone.send(&event.payload);
    }
    phone.header.payload_type = speech.payload_type;
    phone.header.marker = false;
    phone.header.timestamp = speech.timestamp.wrapping_add(960);
}

#[test]
fn nothing_is_sent_to_a_phone_on_hold_and_it_hears_again_when_retrieved() {
    let (house, mut caller, mut agent) = alaw_pair();
    caller.says(600.0, 1);
    agent.hears(1);
    agent.direction = Direction::SendOnly;
    house.tell(2, MediaCommand::Remote(agent.description()));
    house.settle();
    caller.says(600.0, 5);
    agent.hears_nothing();
    agent.says(1_000.0, 1);
    caller.hears(1);
    agent.direction = Direction::SendRecv;
    house.tell(2, MediaCommand::Remote(agent.description()));
    house.settle();
    caller.says(600.0, 1);
    assert!(agent.hears(1)[0].0.marker);
}

#[test]
fn both_sides_are_captured_on_one_clock_with_pauses_where_they_were() {
    let (house, mut caller, mut agent) =
        joined(settings(1), [CodecChoice::PCMA, CodecChoice::PCMU]);
    house.tell(1, MediaCommand::Record { recording: part(1), right: leg(2) });
    house.settle();
    caller.says(600.0, 10);
    caller.header.timestamp = caller.header.timestamp.wrapping_add(800);
    caller.says(600.0, 10);
    agent.says(1_000.0, 10);
    agent.hears(20);
    caller.hears(10);
    house.tell(1, MediaCommand::StopRecord { recording: part(1) });
    house.settle();
    caller.says(600.0, 5);
    agent.hears(5);
    let left = heard(&house.captured(part(1), Channel::Left), 600.0).unwrap();
    assert!((640..=960).contains(&left.longest_gap), "{left:?}");
    assert!((3_840..=4_160).contains(&(left.to - left.from)), "{left:?}");
    let right = heard(&house.captured(part(1), Channel::Right), 1_000.0).unwrap();
    assert!(right.longest_gap == 0 && right.to - right.from >= 1_440, "{right:?}");
    assert_eq!(heard(&house.captured(part(1), Channel::Right), 600.0), None);
}

#[test]
fn what_a_phone_on_hold_hears_is_not_captured() {
    let (house, mut caller, mut agent) = alaw_pair();
    house.tell(1, MediaCommand::Record { recording: part(1), right: leg(2) });
    house.tell(1, MediaCommand::Ringback);
    caller.hears(3);
    caller.says(600.0, 5);
    agent.hears(5);
    agent.says(1_000.0, 5);
    house.settle();
    assert!(heard(&house.captured(part(1), Channel::Left), 600.0).is_some());
    for channel in [Channel::Left, Channel::Right] {
        assert_eq!(heard(&house.captured(part(1), channel), 450.0), None);
    }
}

#[test]
fn a_port_in_use_is_reported_with_the_remedy_and_harms_nothing_else() {
    let house = House::open(settings(1));
    let (local, rtcp) = port_pair();
    let _other = UdpSocket::bind(rtcp).unwrap();
    house.tell(1, MediaCommand::Open { local, remote: None });
    let (number, MediaFact::OpenFailed { error }) = house.fact() else { panic!() };
    assert!(number == 1 && error.contains(&rtcp.to_string()), "{error}");
    assert!(error.contains("another program uses the port"), "{error}");
    assert!(UdpSocket::bind(local).is_ok(), "the first port is given back");
    house.connect(1, &mut Phone::new(CodecChoice::PCMA));
    assert_eq!(house.media.counters().streams, 2);
}

#[test]
fn a_closed_stream_gives_its_ports_back_and_its_peer_hears_nothing_more() {
    let (house, mut caller, mut agent) = alaw_pair();
    house.tell(2, MediaCommand::Close);
    house.settle();
    let port = agent.house.unwrap();
    assert!(UdpSocket::bind(port).is_ok());
    caller.says(600.0, 3);
    agent.hears_nothing();
    house.connect(2, &mut agent);
    house.join(2, 1);
    caller.says(600.0, 1);
    agent.hears(1);
}

#[test]
fn malformed_datagrams_do_no_harm() {
    let (house, mut caller, agent) = alaw_pair();
    let port = caller.house.unwrap();
    let mut state = 1_u32;
    for length in 0..400 {
        let mut datagram = vec![0; length % 200];
        for octet in &mut datagram {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *octet = state.to_be_bytes()[0];
        }
        if let Some(first) = datagram.first_mut().filter(|_| length % 2 == 0) {
            *first = 0x90 | *first & 0x2f;
        }
        let to = if length % 3 == 0 { (port.ip(), port.port() + 1).into() } else { port };
        caller.socket.send_to(&datagram, to).unwrap();
        if length % 20 == 19 {
            house.settle();
        }
    }
    house.settle();
    assert!(house.media.counters().malformed > 100);
    while agent.socket.set_nonblocking(true).is_ok() && agent.socket.recv(&mut [0; 300]).is_ok() {}
    agent.socket.set_nonblocking(false).unwrap();
    caller.header.ssrc ^= 1;
    caller.says(600.0, 10);
    assert!(share_of(&sound(&agent.hears(10)), 600.0) > 0.99);
}

#[test]
fn two_legs_pointed_at_each_other_do_not_take_the_thread() {
    let house = House::open(settings(1));
    let [(one, _), (two, _)] = [port_pair(), port_pair()];
    let mut phone = Phone::new(CodecChoice::PCMA);
    for (number, local, remote) in [(1, one, two), (2, two, one)] {
        phone.signalled = remote;
        let remote = Some(phone.description());
        house.tell(number, MediaCommand::Open { local, remote });
    }
    house.join(1, 2);
    phone.house = Some(one);
    phone.says(600.0, 5);
    for _ in 0..5 {
        house.settle();
    }
    let mut caller = Phone::new(CodecChoice::PCMA);
    house.connect(3, &mut caller);
    house.tell(3, MediaCommand::Ringback);
    caller.hears(30);
    let counters = house.media.counters();
    assert!(counters.excess > 0 && counters.received <= 1_200, "{counters:?}");
}

#[test]
fn a_far_side_that_falls_silent_is_lost_and_one_on_hold_is_not() {
    let lost_after = Duration::from_millis(500);
    let house = House::open(MediaSettings { lost_after, ..settings(1) });
    let [mut caller, mut held] = [CodecChoice::PCMA; 2].map(Phone::new);
    held.direction = Direction::Inactive;
    house.connect(2, &mut held);
    house.connect(1, &mut caller);
    house.tell(2, play(1, &[], true));
    caller.says(600.0, 1);
    assert_eq!(house.fact(), (1, MediaFact::Lost));
    house.no_fact();
    assert_eq!(house.fact(), (1, MediaFact::Lost), "silence that goes on is said again");
}

#[test]
fn a_caller_who_hears_ringback_need_not_speak_and_one_in_a_conversation_must() {
    let lost_after = Duration::from_millis(100);
    let house = House::open(MediaSettings { lost_after, ..settings(1) });
    let mut caller = Phone::new(CodecChoice::PCMA);
    house.connect(1, &mut caller);
    house.tell(1, MediaCommand::Ringback);
    caller.hears(10);
    house.no_fact();
    house.tell(1, play(1, &["missing"], true));
    assert_eq!(house.fact(), (1, MediaFact::Lost));
}

#[test]
fn streams_on_different_threads_meet_on_one() {
    let house = House::open(settings(3));
    let mut phones: Vec<Phone> = (0..6).map(|_| Phone::new(CodecChoice::PCMA)).collect();
    for (number, phone) in (1..).zip(&mut phones) {
        house.connect(number, phone);
    }
    for (one, other) in [(1, 2), (3, 4), (5, 6), (1, 4), (5, 2), (3, 6), (6, 1), (2, 3), (4, 5)] {
        house.join(one, other);
        house.tell(one, MediaCommand::Record { recording: part(1), right: leg(other) });
        house.settle();
        let (one, other) = (usize::try_from(one - 1).unwrap(), usize::try_from(other - 1).unwrap());
        phones[one].says(600.0, 3);
        assert!(share_of(&sound(&phones[other].hears(3)), 600.0) > 0.99);
        phones[other].says(900.0, 3);
        assert!(share_of(&sound(&phones[one].hears(3)), 900.0) > 0.99);
        house.tell(1, MediaCommand::StopRecord { recording: part(1) });
    }
    assert!(heard(&house.captured(part(1), Channel::Left), 600.0).is_some());
    assert!(heard(&house.captured(part(1), Channel::Right), 900.0).is_some());
    assert_eq!(house.media.counters().streams, 9);
}

#[test]
fn a_port_may_be_leased_again_as_soon_as_its_stream_was_told_to_close() {
    let house = House::open(settings(2));
    let (local, _) = port_pair();
    for number in 1..100 {
        house.tell(number, MediaCommand::Open { local, remote: None });
        house.tell(number, MediaCommand::Close);
        if number % 20 == 0 {
            house.settle();
        }
    }
    house.settle();
    assert_eq!(house.media.counters().streams, 2);
}

#[test]
fn streams_that_move_to_and_fro_while_others_do_never_stop_the_threads() {
    let house = House::open(settings(2));
    let mut phones: Vec<Phone> = (0..4).map(|_| Phone::new(CodecChoice::PCMA)).collect();
    for (number, phone) in (1..).zip(&mut phones) {
        house.connect(number, phone);
    }
    for round in 0..200_u32 {
        house.tell(1 + round % 4, MediaCommand::Join(leg(1 + (round * 7 + 1) % 4)));
        if round % 20 == 0 {
            house.settle();
        }
    }
    house.settle();
    assert_eq!(house.media.counters().refused_commands, 0);
    assert_eq!(house.media.counters().streams, 6);
}

#[test]
fn packets_that_are_collected_arrive_all_the_same() {
    let wake_every = Duration::from_millis(5);
    let (_house, mut caller, agent) =
        joined(MediaSettings { wake_every, ..settings(1) }, [CodecChoice::PCMA; 2]);
    caller.says(600.0, 20);
    assert_eq!(heard(&sound(&agent.hears(20)), 600.0).unwrap().longest_gap, 0);
}

#[test]
fn a_stream_says_goodbye_when_it_closes() {
    let house = House::open(settings(1));
    let mut caller = Phone::new(CodecChoice::PCMA);
    let (rtp, rtcp) = port_pair();
    let reports = UdpSocket::bind(rtcp).unwrap();
    reports.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    caller.socket = UdpSocket::bind(rtp).unwrap();
    caller.signalled = rtp;
    house.connect(1, &mut caller);
    let theirs = Compound::report(caller.header.ssrc, None, &[]);
    let port = caller.house.unwrap();
    reports.send_to(theirs.octets(), (port.ip(), port.port() + 1)).unwrap();
    caller.says(600.0, 3);
    house.tell(1, MediaCommand::Ringback);
    caller.hears(2);
    house.tell(1, MediaCommand::Close);
    let mut buffer = [0; 500];
    let length = reports.recv(&mut buffer).unwrap();
    let elements = rtp::rtcp::read(&buffer[..length]).unwrap();
    let Element::SenderReport { ssrc, sent, blocks } = &elements[0] else { panic!() };
    assert!(sent.packets >= 2 && sent.octets == sent.packets * 160);
    assert_eq!((blocks[0].ssrc, blocks[0].lost), (caller.header.ssrc, 0));
    assert_eq!(elements.last(), Some(&Element::Bye { sources: vec![*ssrc] }));
}

#[test]
fn too_many_streams_and_a_stream_twice_are_refused() {
    let house = House::open(MediaSettings { max_streams: 2, ..settings(1) });
    house.connect(1, &mut Phone::new(CodecChoice::PCMA));
    for (number, why) in [(1, "already open"), (2, "too many streams")] {
        house.tell(number, MediaCommand::Open { local: port_pair().0, remote: None });
        let (from, MediaFact::OpenFailed { error }) = house.fact() else { panic!() };
        assert!(from == number && error.contains(why), "{error}");
    }
}

#[test]
fn it_stops_at_once_and_closes_everything() {
    let (house, caller, _agent) = alaw_pair();
    assert!(house.media.is_running());
    house.media.stop();
    house.media.stop();
    assert!(!house.media.is_running());
    assert!(UdpSocket::bind(caller.house.unwrap()).is_ok());
    house.tell(1, MediaCommand::Ringback);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    struct Nobody;
    impl switchboard::ports::Inbox for Nobody {
        fn put(&self, _: switchboard::ports::Input) -> Result<(), switchboard::ports::Full> {
            Ok(())
        }
    }
    let mut errors = BTreeSet::new();
    for wrong in [
        MediaSettings { threads: 0, ..settings(1) },
        MediaSettings { wake_every: Duration::from_secs(1), threads: 0, ..settings(1) },
        settings(2),
    ] {
        let (prompts, clock) = (PromptLibrary::default(), clock::Clock::start());
        let media = crate::Media::start(wrong, prompts, Arc::new(Nobody), vec![], clock);
        errors.insert(media.unwrap_err().to_string());
    }
    assert_eq!(errors.len(), 2, "{errors:?}");
}

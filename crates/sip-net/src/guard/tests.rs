use super::*;

const THEM: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
/// What a datagram of theirs comes from.
const PEER: SocketAddr = SocketAddr::new(THEM, 5060);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

fn guard() -> Guard {
    Guard::new(GuardSettings { rate: 10, burst: 20, offences: 3, ..GuardSettings::default() })
}

fn guilty(guard: &mut Guard, now: Timestamp) -> Option<Ban> {
    let offence = |_| guard.offence(THEM, Scope::Everything, ("wrong_secret", 1), now);
    (0..3).filter_map(offence).last()
}

fn admits(guard: &mut Guard, address: IpAddr, now: Timestamp) -> Admission {
    guard.admits(SocketAddr::new(address, 5060), Lane::Datagrams, now)
}

#[test]
fn a_source_may_send_a_burst_and_then_its_rate() {
    let mut guard = guard();
    let admitted = |guard: &mut Guard, now| {
        (0..100).filter(|_| admits(guard, THEM, now) == Admission::Yes).count()
    };
    assert_eq!(admitted(&mut guard, at(0)), 20);
    assert_eq!(admitted(&mut guard, at(1)), 10);
    assert_eq!(admitted(&mut guard, at(100)), 20);
    assert_eq!(admits(&mut guard, THEM, at(100)), Admission::TooMany);
    // A neighbour is somebody else.
    assert_eq!(admits(&mut guard, "203.0.113.8".parse().unwrap(), at(100)), Admission::Yes);
}

#[test]
fn a_source_that_offends_is_shut_out_for_twice_as_long_each_time() {
    let mut guard = guard();
    let mut now = at(0);
    for (times, minutes) in [(1, 10), (2, 20), (3, 40)] {
        let ban = guilty(&mut guard, now).unwrap();
        assert_eq!((ban.times, ban.until), (times, now + Duration::from_mins(minutes)));
        assert_eq!(admits(&mut guard, THEM, now), Admission::Banned);
        assert_eq!(guard.bans(now), vec![ban.clone()]);
        now = ban.until;
        assert_eq!(admits(&mut guard, THEM, now), Admission::Yes);
        assert!(guard.bans(now).is_empty());
    }
    for _ in 0..20 {
        now = guilty(&mut guard, now).unwrap().until;
    }
    let ban = guilty(&mut guard, now).unwrap();
    assert_eq!(ban.until, now + Duration::from_hours(24));
}

#[test]
fn offences_long_past_do_not_count() {
    let mut guard = guard();
    for turn in 0..10 {
        assert_eq!(guard.offence(THEM, Scope::Everything, ("malformed", 1), at(turn * 601)), None);
    }
}

#[test]
fn a_ban_can_be_lifted_and_is_then_forgotten() {
    let mut guard = guard();
    guilty(&mut guard, at(0)).unwrap();
    assert!(guard.lift(THEM, at(0)));
    assert!(!guard.lift(THEM, at(0)));
    assert_eq!(admits(&mut guard, THEM, at(1)), Admission::Yes);
    assert_eq!(guilty(&mut guard, at(1)).unwrap().times, 1);
}

#[test]
fn where_a_phone_is_registered_nobody_is_shut_out_for_another() {
    let mut guard = guard();
    guard.registered(BindingId(1), (Transport::Udp, PEER), at(0));
    guard.registered(BindingId(2), (Transport::Udp, PEER), at(0));
    guard.registered(BindingId(2), (Transport::Udp, "203.0.113.8:5060".parse().unwrap()), at(0));
    assert_eq!(guilty(&mut guard, at(0)), None);
    guard.gone(BindingId(1));
    assert!(guilty(&mut guard, at(0)).is_some());
}

#[test]
fn a_flood_is_let_through_at_its_rate_however_close_its_requests_follow() {
    let mut guard = guard();
    let start = at(0);
    let times = (0..100_000_u64).map(|turn| start + Duration::from_micros(turn * 100));
    let admitted = times.filter(|now| admits(&mut guard, THEM, *now) == Admission::Yes).count();
    assert!((118..=121).contains(&admitted), "{admitted}");
}

#[test]
fn this_machine_and_trusted_networks_may_do_anything() {
    let mut trusted = GuardSettings::default().trusted;
    trusted.push("203.0.113.0/24".parse().unwrap());
    let mut guard = Guard::new(GuardSettings { trusted, ..GuardSettings::default() });
    for address in ["127.0.0.9", "::1", "203.0.113.7"] {
        let address = address.parse().unwrap();
        for _ in 0..10_000 {
            assert_eq!(guard.offence(address, Scope::Everything, ("malformed", 1), at(0)), None);
            assert_eq!(admits(&mut guard, address, at(0)), Admission::Yes);
        }
    }
}

#[test]
fn one_customer_of_ipv6_is_one_source() {
    let mut guard = guard();
    let address = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
    for last in 1..=3 {
        guard.offence(address(last), Scope::Everything, ("unknown_user", 1), at(0));
    }
    assert_eq!(admits(&mut guard, address(77), at(0)), Admission::Banned);
    let elsewhere = IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]);
    assert_eq!(admits(&mut guard, elsewhere, at(0)), Admission::Yes);
}

#[test]
fn a_million_sources_fill_nothing() {
    let mut guard = guard();
    for number in 0..1_000_000_u32 {
        let address = IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + number));
        admits(&mut guard, address, at(0));
        guard.offence(address, Scope::Everything, ("malformed", 3), at(0));
    }
    assert!(guard.suspects.len() + guard.before.len() <= 2 * guard.settings.sources);
    assert!(guard.bans.len() <= guard.settings.sources && guard.ends.len() == guard.bans.len());
}

#[test]
fn a_scanner_is_known_by_the_name_it_gives_itself() {
    let guard = guard();
    assert!(guard.is_scanner("friendly-scanner") && guard.is_scanner("SIPVicious 0.3"));
    assert!(!guard.is_scanner("Yealink SIP-T46U") && !guard.is_scanner(""));
}

#[test]
fn who_is_shut_out_and_goes_on_is_remembered_once_and_let_in_when_the_ban_ends() {
    let mut guard = guard();
    let ban = guilty(&mut guard, at(0)).unwrap();
    for turn in 0..1_000 {
        assert_eq!(guilty(&mut guard, at(turn % 600)), None);
    }
    assert_eq!((guard.bans.len(), guard.ends.len()), (1, 1));
    assert_eq!(admits(&mut guard, THEM, ban.until), Admission::Yes);
    // The next one is a second, and ends when it says.
    let second = guilty(&mut guard, ban.until).unwrap();
    assert_eq!((second.times, second.until), (2, ban.until + Duration::from_mins(20)));
    assert_eq!(guard.bans(second.until), vec![]);
}

#[test]
fn what_came_in_datagrams_shuts_out_datagrams_alone() {
    let mut guard = guard();
    let forged = ("scanner", guard.certain());
    let ban = guard.offence(THEM, Scope::Datagrams, forged, at(0)).unwrap();
    assert_eq!((ban.scope, ban.times), (Scope::Datagrams, 1));
    // Of its datagrams a few are read, so that whoever is there may show it.
    for _ in 0..10 {
        assert_eq!(guard.admits(PEER, Lane::Datagrams, at(0)), Admission::Yes);
    }
    for (lane, admission) in [
        (Lane::KeepAlives, Admission::Banned),
        (Lane::Datagrams, Admission::IfHeard),
        (Lane::Streams, Admission::Yes),
        (Lane::Connections, Admission::Yes),
    ] {
        assert_eq!(guard.admits(PEER, lane, at(0)), admission, "{lane:?}");
        assert!(!guard.is_shut_out(PEER, lane, at(0)));
    }
    assert_eq!(guard.admits(PEER, Lane::Datagrams, at(1)), Admission::Yes);
    // What it does itself shuts it out from everything, and for the first time.
    let ban = guilty(&mut guard, at(0)).unwrap();
    assert_eq!((ban.scope, ban.times), (Scope::Everything, 1));
    assert_eq!(guard.admits(PEER, Lane::Streams, at(0)), Admission::Banned);
    assert!(guard.is_shut_out(PEER, Lane::Datagrams, at(0)));
    assert_eq!(guard.bans(at(0)), vec![ban]);
}

#[test]
fn what_is_forged_again_shuts_out_for_no_longer() {
    let mut guard = guard();
    let mut now = at(0);
    for _ in 0..5 {
        let forged = ("scanner", guard.certain());
        let ban = guard.offence(THEM, Scope::Datagrams, forged, now).unwrap();
        assert_eq!(ban.until, now + Duration::from_mins(10));
        now = ban.until;
    }
}

#[test]
fn one_kind_of_message_does_not_starve_another() {
    let mut guard = guard();
    for lane in [Lane::KeepAlives, Lane::Datagrams, Lane::Streams, Lane::Connections] {
        let admitted = (0..100).filter(|_| guard.admits(PEER, lane, at(0)) == Admission::Yes);
        assert_eq!(admitted.count(), 20, "{lane:?}");
    }
}

#[test]
fn a_registered_phone_is_read_whatever_is_sent_in_its_neighbours_name() {
    let mut guard = guard();
    let neighbour = SocketAddr::new(THEM, 40_000);
    let forged = ("malformed", guard.certain());
    guard.offence(THEM, Scope::Datagrams, forged, at(0)).unwrap();
    guard.registered(BindingId(1), (Transport::Udp, PEER), at(0));
    for _ in 0..10 {
        guard.admits(neighbour, Lane::Datagrams, at(0));
    }
    assert_eq!(guard.admits(neighbour, Lane::Datagrams, at(0)), Admission::IfHeard);
    assert_eq!(guard.admits(PEER, Lane::Datagrams, at(0)), Admission::Yes);
    guard.lift(THEM, at(0));
    for _ in 0..100 {
        guard.admits(neighbour, Lane::Datagrams, at(0));
    }
    assert_eq!(guard.admits(neighbour, Lane::Datagrams, at(0)), Admission::TooMany);
    assert_eq!(guard.admits(PEER, Lane::Datagrams, at(0)), Admission::Yes);
    // To register again fills no bucket.
    for _ in 0..100 {
        guard.registered(BindingId(1), (Transport::Udp, PEER), at(0));
        guard.admits(PEER, Lane::Datagrams, at(0));
    }
    assert_eq!(guard.admits(PEER, Lane::Datagrams, at(0)), Admission::TooMany);
    guard.gone(BindingId(1));
    assert!(guard.flows.is_empty() && guard.at_home.is_empty());
}

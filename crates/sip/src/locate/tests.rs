use proptest::prelude::*;

use super::*;

const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

fn wanted(host: &str, port: Option<u16>, transport: Option<Transport>) -> Wanted {
    Wanted { host: Host::parse(host).unwrap(), port, transport }
}

fn srv(priority: u16, weight: u16, target: &str) -> Srv {
    Srv { priority, weight, port: 5070, target: target.to_owned() }
}

fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Naptr {
    let (flags, service) = ("S".to_owned(), service.to_owned());
    Naptr { order, preference, flags, service, replacement: replacement.to_owned() }
}

/// A DNS of a few names: who asks for anything else is told that there is nothing.
struct Zone {
    naptr: Vec<Naptr>,
    srv: Vec<(&'static str, Vec<Srv>)>,
    addresses: Vec<(&'static str, &'static str)>,
}

impl Zone {
    fn answer(&self, question: &Question) -> Records {
        match question {
            Question::Naptr(_) => Records::Naptr(self.naptr.clone()),
            Question::Srv(name) => {
                let found = self.srv.iter().find(|(of, _)| of == name);
                Records::Srv(found.map(|(_, records)| records.clone()).unwrap_or_default())
            }
            Question::Addresses(name) => {
                let found = self.addresses.iter().filter(|(of, _)| of == name);
                Records::Addresses(found.map(|(_, ip)| ip.parse().unwrap()).collect())
            }
        }
    }

    /// The questions asked, and where they led.
    fn search(&self, wanted: &Wanted, spoken: &[Transport]) -> (Vec<Question>, Vec<String>) {
        let mut search = Locator::new(wanted, spoken);
        let mut asked = Vec::new();
        while let Some(question) = search.question() {
            search.answer(self.answer(&question), |_| 0);
            asked.push(question);
        }
        let place = |place: &Place| format!("{} {}", place.transport.as_str(), place.peer);
        (asked, search.places().iter().map(place).collect())
    }
}

fn zone() -> Zone {
    Zone {
        naptr: vec![
            naptr(20, 10, "SIP+D2U", "_sip._udp.carrier.cn"),
            naptr(10, 20, "SIP+D2T", "_sip._tcp.carrier.cn"),
            naptr(10, 10, "SIPS+D2T", "_sips._tcp.carrier.cn"),
            naptr(5, 0, "SIP+D2S", "_sip._sctp.carrier.cn"),
        ],
        srv: vec![
            ("_sips._tcp.carrier.cn", vec![srv(1, 0, "tls.carrier.cn")]),
            ("_sip._tcp.carrier.cn", vec![srv(1, 0, "tcp.carrier.cn")]),
            ("_sip._udp.carrier.cn", vec![srv(2, 0, "b.carrier.cn"), srv(1, 0, "a.carrier.cn")]),
        ],
        addresses: vec![
            ("a.carrier.cn", "192.0.2.1"),
            ("b.carrier.cn", "192.0.2.2"),
            ("b.carrier.cn", "2001:db8::2"),
            ("tcp.carrier.cn", "192.0.2.3"),
            ("tls.carrier.cn", "192.0.2.4"),
            ("carrier.cn", "192.0.2.9"),
        ],
    }
}

#[test]
fn an_address_is_asked_of_nobody() {
    let (asked, places) = zone().search(&wanted("192.0.2.7", None, None), &ALL);
    assert_eq!((asked.len(), places), (0, vec!["UDP 192.0.2.7:5060".to_owned()]));
    let secured = wanted("[2001:db8::7]", None, Some(Transport::Tls));
    assert_eq!(zone().search(&secured, &ALL).1, ["TLS [2001:db8::7]:5061"]);
}

#[test]
fn a_name_with_a_port_is_looked_up_as_a_host() {
    let (asked, places) = zone().search(&wanted("carrier.cn", Some(5080), None), &ALL);
    assert_eq!(asked, [Question::Addresses("carrier.cn".into())]);
    assert_eq!(places, ["UDP 192.0.2.9:5080"]);
}

#[test]
fn a_name_with_a_transport_is_asked_for_its_service_by_that() {
    let (asked, places) = zone().search(&wanted("carrier.cn", None, Some(Transport::Udp)), &ALL);
    assert_eq!(asked[0], Question::Srv("_sip._udp.carrier.cn".into()));
    assert_eq!(places, ["UDP 192.0.2.1:5070", "UDP 192.0.2.2:5070", "UDP [2001:db8::2]:5070"]);
}

#[test]
fn a_bare_name_is_tried_in_its_owners_order_by_what_we_speak() {
    let wanted = wanted("carrier.cn", None, None);
    let (asked, places) = zone().search(&wanted, &ALL);
    assert_eq!(asked[0], Question::Naptr("carrier.cn".into()));
    let first = ["TLS 192.0.2.4:5070", "TCP 192.0.2.3:5070", "UDP 192.0.2.1:5070"];
    assert_eq!(places[..3], first);
    let (_, places) = zone().search(&wanted, &[Transport::Udp]);
    assert_eq!(places.len(), 3, "{places:?}");
    assert_eq!(places[0], "UDP 192.0.2.1:5070");
}

#[test]
fn without_naptr_each_transport_is_asked_for_and_without_srv_the_host() {
    let zone = Zone { naptr: Vec::new(), ..zone() };
    let bare = wanted("carrier.cn", None, None);
    let (_, places) = zone.search(&bare, &ALL);
    assert_eq!(places[0], "UDP 192.0.2.1:5070");
    assert_eq!(places.last().unwrap(), "TLS 192.0.2.4:5070");
    let zone = Zone { srv: Vec::new(), ..zone };
    assert_eq!(zone.search(&bare, &ALL).1, ["UDP 192.0.2.9:5060"]);
    let by_tls = wanted("carrier.cn", None, Some(Transport::Tls));
    assert_eq!(zone.search(&by_tls, &ALL).1, ["TLS 192.0.2.9:5061"], "not by another transport");
    let nowhere = Zone { addresses: Vec::new(), ..zone };
    assert_eq!(nowhere.search(&bare, &ALL).1, [""; 0]);
}

#[test]
fn a_service_that_is_decidedly_not_there_has_no_places() {
    let zone = Zone {
        naptr: Vec::new(),
        srv: vec![("_sip._udp.carrier.cn", vec![srv(0, 0, ".")])],
        ..zone()
    };
    let by_udp = wanted("carrier.cn", None, Some(Transport::Udp));
    assert_eq!(zone.search(&by_udp, &ALL).1, [""; 0]);
}

#[test]
fn targets_of_one_priority_are_drawn_by_their_weights() {
    let mut first = [0_u32; 3];
    for dice in 0..=100 {
        let by_udp = wanted("carrier.cn", None, Some(Transport::Udp));
        let mut search = Locator::new(&by_udp, &ALL);
        let records = vec![srv(1, 70, "c"), srv(1, 30, "b"), srv(1, 0, "a"), srv(2, 0, "d")];
        let mut drawn = Some(dice);
        search.answer(Records::Srv(records), |bound| drawn.take().unwrap_or(0).min(bound));
        let Some(Question::Addresses(host)) = search.question() else { panic!("{search:?}") };
        first["abc".find(&host).unwrap()] += 1;
        let order: Vec<_> = search.targets.iter().map(|target| target.host.clone()).collect();
        assert_eq!(order.last().unwrap(), "d");
    }
    assert_eq!(first, [1, 30, 70]);
}

#[test]
fn an_answer_to_something_else_ends_the_search() {
    let mut search = Locator::new(&wanted("carrier.cn", None, None), &ALL);
    search.answer(Records::Addresses(vec![]), |_| 0);
    assert_eq!(search.question(), None);
}

proptest! {
    #[test]
    fn every_search_ends_within_bounds_whatever_is_answered(
        services in prop::collection::vec((0..4_u16, 0..4_u16, 0..4_usize), 0..40),
        targets in prop::collection::vec((0..4_u16, 0..200_u16, 0..60_u8), 0..60),
        hosts in 0..40_u8,
        seed in any::<u32>(),
    ) {
        let kinds = ["SIP+D2U", "SIP+D2T", "SIPS+D2T", "x"];
        let mut search = Locator::new(&wanted("carrier.cn", None, None), &ALL);
        let mut dice = seed;
        let mut asked = 0;
        while let Some(question) = search.question() {
            asked += 1;
            prop_assert!(asked < 64);
            let records = match question {
                Question::Naptr(_) => Records::Naptr(services.iter().map(|(order, preference, kind)| {
                    naptr(*order, *preference, kinds[*kind], "_sip._udp.x")
                }).collect()),
                Question::Srv(_) => Records::Srv(targets.iter().map(|(priority, weight, host)| {
                    srv(*priority, *weight, &format!("h{host}"))
                }).collect()),
                Question::Addresses(_) => {
                    Records::Addresses((0..hosts).map(|last| IpAddr::from([192, 0, 2, last])).collect())
                }
            };
            search.answer(records, |bound| {
                dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                dice % (bound + 1)
            });
        }
        prop_assert!(search.places().len() <= MOST_PLACES);
    }
}

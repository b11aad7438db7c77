//! Trunks by name, with several places, asked whether they are there, registered at.

use std::net::SocketAddr;
use std::time::Duration;

use model::{CallId, Carried, Cause, Epoch};
use sip::digest::{Algorithm, Credentials, Login};
use sip::endpoint::Transport;
use sip::locate::Wanted;
use sip::{HeaderName, Host, Method, Request, StatusCode};
use sip_net::{CallerIdentity, Dialled, Health, RegistrationStatus, Setup, Trunk, TrunkStatus};
use switchboard::ports::{Alert, LegCommand, LegFact, Target};
use tokio::time::{sleep, timeout};

use crate::house::{House, at, dialled, number, ours, rings, trunk};
use crate::names::Names;
use crate::peer::Peer;

const PATIENCE: Duration = Duration::from_secs(5);
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

fn to_carrier() -> LegCommand {
    LegCommand::Dial {
        target: Target::Trunk { trunk: "carrier".into(), number: number("13900139000") },
        from: number("02088886666"),
        display: None,
        offer: ours(20_000),
        call: CallId::new(Epoch::new(1), 7),
        carried: Carried::default(),
        alert: Alert::Ring,
    }
}

/// Two ends of a carrier and the names that lead to them, the first before the second.
struct Carrier {
    first: Peer,
    second: Peer,
    names: Names,
}

impl Carrier {
    async fn open() -> Self {
        let first = Peer::at(2, "carrier", NOWHERE).await;
        let second = Peer::at(3, "carrier", NOWHERE).await;
        let names = Names::serve().await;
        let service = "_sip._udp.carrier.example";
        names.naptr("carrier.example", (10, "SIP+D2U"), service);
        for (priority, host, peer) in
            [(1, "a.carrier.example", &first), (2, "b.carrier.example", &second)]
        {
            names.srv(service, priority, (host, peer.address().port()));
            names.host(host, &peer.address().ip().to_string());
        }
        Self { first, second, names }
    }

    /// The service, whose trunk is this carrier; the carrier has been found.
    async fn house(&mut self, adjust: impl FnOnce(&mut Setup)) -> House {
        let server = self.names.address;
        let house = House::with(|setup| {
            let proxy = Some(by_name("carrier.example"));
            let known = trunk(([127, 0, 0, 2], 1), None);
            let sources = ["127.0.0.2", "127.0.0.3"].map(|it| it.parse().unwrap()).to_vec();
            setup.trunks = [Trunk { proxy, sources, ..known }].into_iter().collect();
            setup.settings.name_servers = vec![server];
            adjust(setup);
        })
        .await;
        self.first.server = house.handle.trunks();
        self.second.server = house.handle.trunks();
        until(&house, |status| status.places.len() == 2).await;
        house
    }
}

fn by_name(name: &str) -> Wanted {
    Wanted { host: Host::parse(name).unwrap(), port: None, transport: None }
}

/// Waits until the trunk is so.
async fn until(house: &House, is_so: impl Fn(&TrunkStatus) -> bool) -> TrunkStatus {
    let waited = timeout(PATIENCE, async {
        loop {
            let status = house.handle.trunk_status().into_iter().next();
            if let Some(status) = status.filter(&is_so) {
                return status;
            }
            sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("the trunk has not become so")
}

fn is_down(health: &Health) -> bool {
    matches!(health, Health::Down { .. })
}

#[tokio::test]
async fn a_trunk_by_name_is_called_where_its_name_leads_and_elsewhere_when_it_is_busy() {
    let mut carrier = Carrier::open().await;
    let mut house = carrier.house(|_| {}).await;
    let mut command = to_carrier();
    if let LegCommand::Dial { carried, .. } = &mut command {
        carried.identity.push("a.b.c;info=<https://carrier.example>".into());
    }
    house.command(dialled(1), command);
    let invite = carrier.first.request_of(&Method::Invite).await;
    assert_eq!(invite.uri.to_string(), "sip:13900139000@carrier.example");
    assert!(invite.headers.has(&HeaderName::Identity));
    let mut busy = invite.response(StatusCode::SERVICE_UNAVAILABLE);
    busy.headers.push(HeaderName::RetryAfter, "30");
    carrier.first.send(&busy.to_bytes()).await;
    let invite = carrier.second.request_of(&Method::Invite).await;
    assert_eq!(invite.from().unwrap().uri.user_name().as_deref(), Some("02088886666"));
    assert!(invite.headers.has(&HeaderName::Identity));
    carrier.second.answer(&invite, StatusCode::BUSY_HERE, b"").await;
    let over = LegFact::Released { cause: Cause::Refused, status: Some(486), reason: None };
    assert_eq!(house.fact(dialled(1)).await, over);
    // For half a minute the first is not asked again.
    house.command(dialled(2), to_carrier());
    carrier.second.request_of(&Method::Ack).await;
    carrier.second.request_of(&Method::Invite).await;
}

#[tokio::test]
async fn a_trunk_is_called_over_ipv6_where_its_name_says_so_and_over_ipv4_when_that_is_busy() {
    let mut carrier = Carrier::open().await;
    let mut sixth = Peer::bound("[::1]:0".parse().unwrap(), "carrier", NOWHERE).await;
    let service = "_sip._udp.carrier.example";
    carrier.names.srv(service, 0, ("six.carrier.example", sixth.address().port()));
    carrier.names.host("six.carrier.example", "::1");
    let server = carrier.names.address;
    let mut house = House::with(|setup| {
        let address = "[::1]:0".parse().unwrap();
        setup.settings.listeners.push(sip_net::Listen::plain(sip_net::Serves::Trunks, address));
        setup.settings.name_servers = vec![server];
        let known = trunk(([127, 0, 0, 2], 1), None);
        let proxy = Some(by_name("carrier.example"));
        setup.trunks = [Trunk { proxy, ..known }].into_iter().collect();
    })
    .await;
    sixth.server = *house.handle.bound().last().unwrap();
    until(&house, |status| status.places.len() == 3).await;
    house.command(dialled(1), to_carrier());
    let invite = sixth.request_of(&Method::Invite).await;
    assert!(invite.via().unwrap().host.to_string().contains("::1"));
    sixth.answer(&invite, StatusCode::SERVICE_UNAVAILABLE, b"").await;
    let invite = carrier.first.request_of(&Method::Invite).await;
    assert_eq!(invite.via().unwrap().host.to_string(), "127.0.0.1");
    carrier.first.server = house.handle.trunks();
    carrier.first.answer(&invite, StatusCode::BUSY_HERE, b"").await;
    assert!(matches!(house.fact(dialled(1)).await, LegFact::Released { .. }));
}

#[tokio::test]
async fn a_name_with_addresses_of_both_kinds_is_called_at_the_one_and_then_at_the_other() {
    let mut fourth = Peer::at(2, "carrier", NOWHERE).await;
    let port = fourth.address().port();
    let mut sixth = Peer::bound(SocketAddr::new("::1".parse().unwrap(), port), "c", NOWHERE).await;
    let names = Names::serve().await;
    names.srv("_sip._udp.carrier.example", 0, ("both.carrier.example", port));
    for peer in [&fourth, &sixth] {
        names.host("both.carrier.example", &peer.address().ip().to_string());
    }
    let mut house = House::with(|setup| {
        let address = "[::1]:0".parse().unwrap();
        setup.settings.listeners.push(sip_net::Listen::plain(sip_net::Serves::Trunks, address));
        setup.settings.name_servers = vec![names.address];
        let known = trunk(([127, 0, 0, 2], 1), None);
        let proxy = Some(by_name("carrier.example"));
        setup.trunks = [Trunk { proxy, ..known }].into_iter().collect();
    })
    .await;
    fourth.server = house.handle.trunks();
    sixth.server = *house.handle.bound().last().unwrap();
    until(&house, |status| status.places.len() == 2).await;
    house.command(dialled(1), to_carrier());
    let invite = fourth.request_of(&Method::Invite).await;
    fourth.answer(&invite, StatusCode::SERVICE_UNAVAILABLE, b"").await;
    let invite = sixth.request_of(&Method::Invite).await;
    sixth.answer(&invite, StatusCode::BUSY_HERE, b"").await;
    assert!(matches!(house.fact(dialled(1)).await, LegFact::Released { status: Some(486), .. }));
}

/// How the carrier is told who calls.
fn wants_to_know(setup: &mut Setup, identity: CallerIdentity) {
    let ours = setup.trunks.find(&"carrier".into()).unwrap().clone();
    setup.trunks = [Trunk { identity, ..ours }].into_iter().collect();
}

#[tokio::test]
async fn of_a_caller_who_withholds_the_number_no_trunk_is_told() {
    for identity in [CallerIdentity::From, CallerIdentity::Asserted, CallerIdentity::Withheld] {
        let mut carrier = Carrier::open().await;
        let house = carrier.house(|setup| wants_to_know(setup, identity)).await;
        let mut command = to_carrier();
        if let LegCommand::Dial { from, .. } = &mut command {
            *from = number("anonymous");
        }
        house.command(dialled(1), command);
        let invite = carrier.first.request_of(&Method::Invite).await;
        let shown = invite.from().unwrap().uri;
        assert_eq!(shown.to_string(), "sip:anonymous@anonymous.invalid");
        assert!(!invite.headers.has(&HeaderName::PAssertedIdentity));
        assert_eq!(invite.headers.text(&HeaderName::Privacy), Some("id"));
    }
}

#[tokio::test]
async fn a_trunk_is_told_who_calls_as_it_wants_it() {
    for (identity, from, asserted, privacy) in [
        (CallerIdentity::From, "02088886666", false, None),
        (CallerIdentity::Asserted, "02088886666", true, None),
        (CallerIdentity::Withheld, "anonymous", true, Some("id")),
    ] {
        let mut carrier = Carrier::open().await;
        let house = carrier.house(|setup| wants_to_know(setup, identity)).await;
        house.command(dialled(1), to_carrier());
        let first = carrier.first.request_of(&Method::Invite).await;
        carrier.first.answer(&first, StatusCode::SERVICE_UNAVAILABLE, b"").await;
        // Elsewhere it is told the same.
        for invite in [first, carrier.second.request_of(&Method::Invite).await] {
            let shown = invite.from().unwrap();
            assert_eq!(shown.uri.user_name().as_deref(), Some(from));
            let is_hidden = shown.uri.host.to_string() == "anonymous.invalid";
            assert_eq!(is_hidden, identity == CallerIdentity::Withheld);
            let named = invite.headers.addresses(&HeaderName::PAssertedIdentity).unwrap();
            let named = named.first().and_then(|it| it.uri.user_name());
            assert_eq!(named.as_deref(), asserted.then_some("02088886666"));
            assert_eq!(invite.headers.text(&HeaderName::Privacy), privacy);
        }
    }
}

#[tokio::test]
async fn what_a_trunk_says_of_a_refusal_is_kept() {
    let mut carrier = Carrier::open().await;
    let mut house = carrier.house(|_| {}).await;
    house.command(dialled(1), to_carrier());
    let invite = carrier.first.request_of(&Method::Invite).await;
    let mut refusal = invite.response(StatusCode::NOT_FOUND);
    refusal.headers.push(HeaderName::Reason, "Q.850;cause=1;text=\"Unallocated number\"");
    carrier.first.send(&refusal.to_bytes()).await;
    let over = house.fact(dialled(1)).await;
    let LegFact::Released { status, reason, .. } = over else { panic!("{over:?}") };
    assert_eq!(status, Some(404));
    assert_eq!(reason.as_deref(), Some("Q.850;cause=1;text=\"Unallocated number\""));
}

#[tokio::test]
async fn a_place_that_says_nothing_costs_a_caller_little_and_the_next_caller_nothing() {
    let mut carrier = Carrier::open().await;
    let mut house =
        carrier.house(|setup| setup.settings.answer_within = Duration::from_millis(200)).await;
    house.command(dialled(1), to_carrier());
    carrier.first.request_of(&Method::Invite).await;
    let invite = carrier.second.request_of(&Method::Invite).await;
    carrier.second.answer(&invite, StatusCode::BUSY_HERE, b"").await;
    let over = LegFact::Released { cause: Cause::Refused, status: Some(486), reason: None };
    assert_eq!(house.fact(dialled(1)).await, over);
    carrier.second.request_of(&Method::Ack).await;
    let status = until(&house, |status| is_down(&status.places[1].1)).await;
    assert_eq!(status.places[1].0.peer, carrier.first.address());
    house.command(dialled(2), to_carrier());
    carrier.second.request_of(&Method::Invite).await;
}

#[tokio::test]
async fn a_trunk_that_is_thought_gone_is_called_in_case_it_is_not_and_waited_for_a_second() {
    let silent = Peer::at(2, "carrier", NOWHERE).await;
    let address = silent.address();
    let mut house = House::with(move |setup| {
        let known = trunk(([127, 0, 0, 2], 1), None);
        setup.trunks = [Trunk { proxy: Some(at(address)), ..known }].into_iter().collect();
        setup.settings.answer_within = Duration::from_secs(3);
    })
    .await;
    let clock = clock::Clock::start();
    for (n, (least, most)) in [(1, (3_000, 4_500)), (2, (1_000, 2_500))] {
        let began = clock.now();
        house.command(dialled(n), to_carrier());
        assert!(matches!(house.fact(dialled(n)).await, LegFact::Released { .. }));
        let waited = clock.now().since(began).as_millis();
        assert!((least..most).contains(&waited), "{waited} ms");
        silent.request_of(&Method::Invite).await;
    }
}

#[tokio::test]
async fn a_trunk_is_asked_whether_it_is_there_and_seen_to_go_and_come_back() {
    let mut carrier = Carrier::open().await;
    let house = carrier
        .house(|setup| {
            let known = trunk(([127, 0, 0, 2], 1), None);
            let (proxy, every) = (Some(by_name("carrier.example")), Duration::from_millis(50));
            let check_every = Some(every);
            setup.trunks = [Trunk { proxy, check_every, ..known }].into_iter().collect();
            setup.settings.answer_within = Duration::from_millis(200);
        })
        .await;
    let answer = async |carrier: &Carrier| {
        let options = carrier.first.request_of(&Method::Options).await;
        assert_eq!(options.uri.to_string(), "sip:carrier.example");
        carrier.first.answer(&options, StatusCode::NOT_FOUND, b"").await;
    };
    answer(&carrier).await;
    until(&house, |status| status.places[0].1 == Health::Up).await;
    until(&house, |status| status.places.iter().any(|(_, health)| is_down(health))).await;
    let gone = until(&house, |status| status.places.iter().all(|(_, health)| is_down(health)));
    gone.await;
    let mut datagram = [0; 2_048];
    while carrier.first.socket.try_recv(&mut datagram).is_ok() {}
    // The question repeated is the one that is still open.
    answer(&carrier).await;
    until(&house, |status| status.places[0].1 == Health::Up).await;
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_told_and_calls_fail_at_once() {
    let names = Names::serve().await;
    let server = names.address;
    let mut house = House::with(move |setup| {
        let proxy = Some(by_name("nobody.example"));
        let known = trunk(([127, 0, 0, 2], 1), None);
        setup.trunks = [Trunk { proxy, ..known }].into_iter().collect();
        setup.settings.name_servers = vec![server];
    })
    .await;
    let status = until(&house, |status| status.unknown.is_some()).await;
    assert!(status.unknown.unwrap().contains("nobody.example"));
    house.command(dialled(1), to_carrier());
    let over = house.fact(dialled(1)).await;
    assert!(matches!(over, LegFact::Released { cause: Cause::Unreachable, .. }), "{over:?}");
}

#[tokio::test]
async fn a_registration_is_taken_back_when_the_service_stops() {
    let (house, carrier) = registering().await;
    let grant = |request: &Request, seconds: &str| {
        let mut granted = request.response(StatusCode::OK);
        let contact = request.contact().unwrap().unwrap().uri;
        if seconds != "0" {
            granted.headers.push(HeaderName::Contact, format!("<{contact}>;expires={seconds}"));
        }
        granted.to_bytes()
    };
    let request = carrier.request_of(&Method::Register).await;
    carrier.send(&grant(&request, "300")).await;
    until(&house, |it| matches!(it.registration, Some(RegistrationStatus::Registered(_)))).await;
    let farewell = async {
        let request = carrier.request_of(&Method::Register).await;
        assert_eq!(request.headers.text(&HeaderName::Expires), Some("0"));
        carrier.send(&grant(&request, "0")).await;
    };
    let clock = clock::Clock::start();
    let began = clock.now();
    tokio::join!(house.handle.shutdown(), farewell);
    assert!(clock.now().since(began) < Duration::from_millis(900));
}

/// A carrier at which we register, and the service that does.
async fn registering() -> (House, Peer) {
    let mut carrier = Peer::at(2, "carrier", NOWHERE).await;
    let address = carrier.address();
    let house = House::with(move |setup| {
        let login = Login::Password { user: "4001".into(), password: "pw".into() };
        let known = trunk(([127, 0, 0, 2], 1), Some(login));
        let registers = Some(Duration::from_secs(300));
        setup.trunks =
            [Trunk { proxy: Some(at(address)), registers, ..known }].into_iter().collect();
    })
    .await;
    carrier.server = house.handle.trunks();
    (house, carrier)
}

fn challenge(request: &Request) -> Vec<u8> {
    let challenge = "Digest realm=\"carrier.cn\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"";
    let mut refusal = request.response(StatusCode::UNAUTHORIZED);
    refusal.headers.push(HeaderName::WwwAuthenticate, challenge);
    refusal.to_bytes()
}

#[tokio::test]
async fn we_register_at_a_trunk_that_wants_it_and_call_by_the_way_it_names() {
    let (house, carrier) = registering().await;
    let request = carrier.request_of(&Method::Register).await;
    assert_eq!(request.uri.to_string(), format!("sip:{}", carrier.address()));
    assert_eq!(request.to().unwrap().uri.user_name().as_deref(), Some("4001"));
    assert_eq!(request.headers.text(&HeaderName::Expires), Some("300"));
    assert_eq!(request.headers.text(&HeaderName::Supported), Some("outbound, path"));
    let device = request.contact().unwrap().unwrap().params;
    assert!(device.value("+sip.instance").unwrap().starts_with("\"<urn:uuid:"), "{device:?}");
    assert_eq!(device.value("reg-id"), Some("1"));
    carrier.send(&challenge(&request)).await;
    let again = carrier.request_of(&Method::Register).await;
    assert_eq!(again.call_id(), request.call_id());
    let credentials = again.headers.text(&HeaderName::Authorization).unwrap();
    let credentials = Credentials::parse(credentials).unwrap();
    assert_eq!((credentials.user.as_str(), credentials.algorithm), ("4001", Algorithm::Sha256));
    let mut granted = again.response(StatusCode::OK);
    let contact = again.contact().unwrap().unwrap().uri;
    assert_eq!(contact.address(), Some(house.handle.trunks()));
    granted.headers.push(HeaderName::Contact, format!("<{contact}>;expires=120"));
    // Another has registered with the same account; its time is nearly over.
    granted.headers.push(HeaderName::Contact, "<sip:4001@192.0.2.50>;expires=3");
    granted.headers.push(HeaderName::ServiceRoute, "<sip:core.carrier.cn;lr>");
    carrier.send(&granted.to_bytes()).await;
    let later = clock::Clock::start().now() + Duration::from_secs(100);
    let holds = |status: &TrunkStatus| match status.registration {
        Some(RegistrationStatus::Registered(until)) => until > later,
        _ => false,
    };
    until(&house, holds).await;
    house.command(dialled(1), to_carrier());
    let invite = carrier.request_of(&Method::Invite).await;
    assert_eq!(invite.headers.text(&HeaderName::Route), Some("<sip:core.carrier.cn;lr>"));
}

#[tokio::test]
async fn we_register_without_a_flow_where_something_on_the_way_knows_none() {
    let (_house, carrier) = registering().await;
    let request = carrier.request_of(&Method::Register).await;
    carrier.send(&request.response(StatusCode::FIRST_HOP_LACKS_OUTBOUND).to_bytes()).await;
    let again = carrier.request_of(&Method::Register).await;
    assert_eq!(again.headers.text(&HeaderName::Supported), Some("path"));
    assert!(!again.contact().unwrap().unwrap().params.has("reg-id"));
}

#[tokio::test]
async fn we_register_at_a_trunk_by_name_as_soon_as_it_is_found() {
    let mut carrier = Carrier::open().await;
    let house = carrier
        .house(|setup| {
            let login = Some(Login::Password { user: "4001".into(), password: "pw".into() });
            let ours = setup.trunks.find(&"carrier".into()).unwrap().clone();
            let registers = Some(Duration::from_secs(300));
            setup.trunks = [Trunk { login, registers, ..ours }].into_iter().collect();
        })
        .await;
    let request = carrier.first.request_of(&Method::Register).await;
    assert_eq!(request.to().unwrap().uri.user_name().as_deref(), Some("4001"));
    drop(house);
}

#[tokio::test]
async fn a_registration_that_is_refused_is_told_with_its_reason() {
    let (house, carrier) = registering().await;
    let request = carrier.request_of(&Method::Register).await;
    carrier.send(&challenge(&request)).await;
    let again = carrier.request_of(&Method::Register).await;
    carrier.send(&challenge(&again)).await;
    let failed = |status: &TrunkStatus| matches!(&status.registration, Some(RegistrationStatus::Failed(why, _)) if why.contains("401"));
    until(&house, failed).await;
}

#[tokio::test]
async fn a_call_to_our_registration_is_for_the_number_in_to() {
    let (mut house, mut carrier) = registering().await;
    let mut invite = carrier.invite("4001", "to-our-contact");
    invite.headers.set(HeaderName::To, "<sip:4008001234@carrier.cn>");
    carrier.send(&invite.to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!(rings.to, number("4008001234"));
}

#[tokio::test]
async fn a_forwarded_call_is_for_the_number_that_was_dialled_first() {
    let cases = [
        (
            Dialled::Diversion,
            HeaderName::Diversion,
            "<sip:2@c>;reason=unconditional, <sip:4008001234@c>",
        ),
        (
            Dialled::HistoryInfo,
            HeaderName::HistoryInfo,
            "<sip:4008001234@c>;index=1, <sip:2@c>;index=1.1",
        ),
        (Dialled::To, HeaderName::To, "<sip:4008001234@c>"),
    ];
    for (place, header, value) in cases {
        let mut house = House::with(|setup| {
            let known = trunk(([127, 0, 0, 2], 1), None);
            setup.trunks = [Trunk { dialled: place, ..known }].into_iter().collect();
        })
        .await;
        let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
        let mut invite = carrier.invite("02088886666", "forwarded");
        invite.headers.set(header, value);
        carrier.send(&invite.to_bytes()).await;
        let (_, rings) = house.rings_in().await;
        assert_eq!(rings.to, number("4008001234"), "{place:?}");
        let invite = carrier.invite("02088886666", "direct");
        carrier.send(&invite.to_bytes()).await;
        let (_, rings) = house.rings_in().await;
        assert_eq!(rings.to, number("02088886666"), "without it, the number called");
    }
}

#[tokio::test]
async fn a_phone_that_says_nothing_is_given_up_soon() {
    let mut house =
        House::with(|setup| setup.settings.answer_within = Duration::from_millis(200)).await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    phone.registered().await;
    house.bindings().await;
    house.command(dialled(1), rings("1001"));
    let invite = phone.request_of(&Method::Invite).await;
    let over = LegFact::Released { cause: Cause::SignallingLost, status: Some(408), reason: None };
    assert_eq!(house.fact(dialled(1)).await, over);
    // It was only slow: its answer is taken back at once.
    phone.answer(&invite, StatusCode::OK, &crate::peer::sdp(phone.address(), 1)).await;
    phone.request_of(&Method::Bye).await;
    assert!(house.is_quiet());
}

#[tokio::test]
async fn the_transport_is_the_names_to_say() {
    let carrier = Carrier::open().await;
    carrier.names.naptr("carrier.example", (5, "SIP+D2T"), "_sip._tcp.carrier.example");
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    carrier.names.srv("_sip._tcp.carrier.example", 1, ("a.carrier.example", port));
    let server = carrier.names.address;
    let house = House::with(|setup| {
        let known = trunk(([127, 0, 0, 2], 1), None);
        let proxy = Some(by_name("carrier.example"));
        setup.trunks = [Trunk { proxy, ..known }].into_iter().collect();
        setup.settings.name_servers = vec![server];
    })
    .await;
    let status = until(&house, |status| !status.places.is_empty()).await;
    assert_eq!(status.places[0].0.transport, Transport::Tcp);
    house.command(dialled(1), to_carrier());
    timeout(PATIENCE, listener.accept()).await.expect("nobody came").unwrap();
}

use super::*;
use crate::endpoint::ListenerId;
use crate::header::HeaderName;
use crate::message::Method;

/// One phone, its registrar and a clock that is told the time.
struct Desk {
    registrar: Registrar,
    now: Timestamp,
}

impl Desk {
    fn open() -> Self {
        Self::with(RegistrarSettings::default())
    }

    fn with(settings: RegistrarSettings) -> Self {
        Self { registrar: Registrar::new(settings), now: Timestamp::from_secs(1_000_000) }
    }

    fn at(&mut self, seconds: u64) -> &mut Self {
        self.now = Timestamp::from_secs(1_000_000 + seconds);
        self.registrar.handle_timeout(self.now);
        self
    }

    fn asks(
        &mut self,
        request: &Request,
        flow: Destination,
    ) -> Result<Vec<String>, RegisterRefusal> {
        self.registrar.register(&phone(), request, flow, self.now)
    }

    fn registers(&mut self, cseq: u32, contact: &str) -> Result<Vec<String>, RegisterRefusal> {
        self.asks(&register("call-1", cseq, &[contact], None), udp(5062))
    }

    /// What changed since the last look: kind and contact.
    fn changes(&mut self) -> Vec<(ChangeKind, String)> {
        std::iter::from_fn(|| self.registrar.poll_change())
            .map(|change| (change.kind, change.binding.contact.to_string()))
            .collect()
    }
}

#[test]
fn a_phone_registers_and_is_listed_with_the_time_it_has_left() {
    let mut desk = Desk::open();
    let listed = desk.registers(1, "<sip:1001@192.168.1.5:5060>;expires=120").unwrap();
    assert_eq!(listed, ["<sip:1001@192.168.1.5:5060>;expires=120"]);
    desk.at(30);
    let listing = register("call-1", 2, &[], None);
    let listed = desk.asks(&listing, udp(5062)).unwrap();
    assert_eq!(listed, ["<sip:1001@192.168.1.5:5060>;expires=90"]);
    assert_eq!(desk.changes(), [(ChangeKind::Registered, "sip:1001@192.168.1.5:5060".into())]);
}

#[test]
fn requests_go_back_to_where_the_registration_was_seen_to_come_from() {
    let mut desk = Desk::open();
    desk.registers(1, "<sip:1001@192.168.1.5:5060>").unwrap();
    assert_eq!(desk.registrar.bindings(&phone())[0].flow, udp(5062));
}

#[test]
fn a_newer_request_refreshes_and_an_older_one_is_refused_without_effect() {
    let mut desk = Desk::open();
    desk.registers(5, "<sip:1001@a>;expires=100").unwrap();
    desk.at(50).registers(6, "<sip:1001@a>;expires=100").unwrap();
    assert_eq!(desk.registers(6, "<sip:1001@a>;expires=500"), Err(RegisterRefusal::OutOfOrder));
    assert_eq!(desk.registers(4, "<sip:1001@a>;expires=0"), Err(RegisterRefusal::OutOfOrder));
    assert_eq!(
        desk.registrar.bindings(&phone())[0].expires_at,
        desk.now + Duration::from_secs(100)
    );
    let kinds: Vec<_> = desk.changes().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [ChangeKind::Registered, ChangeKind::Refreshed]);
}

#[test]
fn a_phone_that_restarted_may_begin_its_count_again_under_a_new_call_id() {
    let mut desk = Desk::open();
    desk.registers(500, "<sip:1001@a>").unwrap();
    let again = register("call-2", 1, &["<sip:1001@a>"], None);
    assert!(desk.asks(&again, udp(5062)).is_ok());
    assert_eq!(desk.registrar.len(), 1);
}

#[test]
fn a_binding_that_is_not_refreshed_expires_on_time() {
    let mut desk = Desk::open();
    desk.registers(1, "<sip:1001@a>;expires=60").unwrap();
    assert_eq!(desk.registrar.poll_timeout(), Some(desk.now + Duration::from_secs(60)));
    desk.at(59).changes();
    assert_eq!(desk.registrar.len(), 1);
    let ended = desk.at(60).changes();
    assert_eq!(ended, [(ChangeKind::Removed(Removal::Expired), "sip:1001@a".into())]);
    assert_eq!((desk.registrar.len(), desk.registrar.poll_timeout()), (0, None));
}

#[test]
fn a_phone_takes_one_binding_back_and_keeps_the_other() {
    let mut desk = Desk::open();
    let both = register("call-1", 1, &["<sip:1001@a>, <sip:1001@b>;q=0.5"], Some("120"));
    assert_eq!(desk.asks(&both, udp(5062)).unwrap().len(), 2);
    let listed = desk.registers(2, "<sip:1001@a>;expires=0").unwrap();
    assert_eq!(listed, ["<sip:1001@b>;expires=120;q=0.500"]);
    let ended = desk.changes().pop();
    assert_eq!(ended, Some((ChangeKind::Removed(Removal::Unregistered), "sip:1001@a".into())));
}

#[test]
fn to_take_back_what_is_not_there_is_no_fault() {
    assert_eq!(Desk::open().registers(1, "<sip:1001@a>;expires=0"), Ok(Vec::new()));
}

#[test]
fn a_star_with_expires_0_ends_all_bindings() {
    let mut desk = Desk::open();
    desk.registers(1, "<sip:1001@a>, <sip:1001@b>").unwrap();
    let star = register("call-1", 2, &["*"], Some("0"));
    assert_eq!(desk.asks(&star, udp(5062)), Ok(Vec::new()));
    assert!(desk.registrar.is_empty());
}

#[test]
fn a_star_is_refused_with_other_contacts_or_another_expires_and_when_it_is_old() {
    let mut desk = Desk::open();
    desk.registers(5, "<sip:1001@a>").unwrap();
    let wrong = [
        register("call-1", 6, &["*"], None),
        register("call-1", 6, &["*"], Some("60")),
        register("call-1", 6, &["*", "<sip:1001@a>"], Some("0")),
    ];
    for request in wrong {
        let refusal = desk.asks(&request, udp(5062)).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::BAD_REQUEST, "{refusal}");
    }
    let old = register("call-1", 5, &["*"], Some("0"));
    assert_eq!(desk.asks(&old, udp(5062)), Err(RegisterRefusal::OutOfOrder));
    assert_eq!(desk.registrar.len(), 1);
}

#[test]
fn a_registration_too_brief_is_refused_whole_with_the_least_we_allow() {
    let mut desk = Desk::open();
    let request =
        register("call-1", 1, &["<sip:1001@a>;expires=300", "<sip:1001@b>;expires=59"], None);
    assert_eq!(desk.asks(&request, udp(5062)), Err(RegisterRefusal::TooBrief(60)));
    assert!(desk.registrar.is_empty() && desk.changes().is_empty());
}

#[test]
fn the_contacts_own_expires_comes_before_the_requests_and_that_before_ours() {
    let mut desk = Desk::open();
    let request = register(
        "call-1",
        1,
        &["<sip:1001@a>;expires=70", "<sip:1001@b>", "<sip:1001@c>;expires=soon"],
        Some("80"),
    );
    let listed = desk.asks(&request, udp(5062)).unwrap().join(" ");
    assert!(listed.contains("@a>;expires=70"), "{listed}");
    assert!(listed.contains("@b>;expires=80"), "{listed}");
    assert!(
        listed.contains("@c>;expires=600"),
        "a malformed one is an hour, cut to ours: {listed}"
    );
    let listed = Desk::open().registers(1, "<sip:1001@a>").unwrap();
    assert_eq!(listed, ["<sip:1001@a>;expires=300"]);
}

#[test]
fn the_preferred_binding_comes_first_then_the_youngest() {
    let mut desk = Desk::open();
    desk.registers(1, "<sip:1001@a>;q=0.2, <sip:1001@b>;q=0.9").unwrap();
    desk.at(1).registers(2, "<sip:1001@c>;q=0.9").unwrap();
    let order: Vec<_> =
        desk.registrar.bindings(&phone()).iter().map(|it| it.contact.to_string()).collect();
    assert_eq!(order, ["sip:1001@c", "sip:1001@b", "sip:1001@a"]);
}

#[test]
fn a_device_that_comes_back_from_another_address_replaces_itself() {
    let mut desk = Desk::open();
    let device = "+sip.instance=\"<urn:uuid:0001>\"";
    desk.registers(1, &format!("<sip:1001@a:1000>;{device}")).unwrap();
    let again = register("call-2", 1, &[&format!("<sip:1001@a:2000>;{device}")], None);
    let listed = desk.asks(&again, tcp(7)).unwrap();
    assert_eq!(listed, [format!("<sip:1001@a:2000>;expires=300;{device}")]);
    let kinds: Vec<_> = desk.changes().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds,
        [ChangeKind::Registered, ChangeKind::Removed(Removal::Replaced), ChangeKind::Registered]
    );
}

#[test]
fn two_devices_behind_two_nats_may_have_the_same_private_address() {
    let mut desk = Desk::open();
    desk.registers(1, "<sip:1001@192.168.1.5>;+sip.instance=\"<urn:uuid:1>\"").unwrap();
    let other = "<sip:1001@192.168.1.5>;+sip.instance=\"<urn:uuid:2>\"";
    desk.asks(&register("call-2", 1, &[other], None), udp(5099)).unwrap();
    assert_eq!(desk.registrar.len(), 2);
}

#[test]
fn a_changed_nat_address_is_a_new_binding_in_place_of_the_old() {
    let mut desk = Desk::open();
    desk.registers(1, "<sip:1001@a>").unwrap();
    let moved = register("call-1", 2, &["<sip:1001@a>"], None);
    desk.asks(&moved, udp(6000)).unwrap();
    assert_eq!(desk.registrar.len(), 1);
    assert_eq!(desk.registrar.bindings(&phone())[0].flow, udp(6000));
}

#[test]
fn over_the_limit_the_binding_refreshed_longest_ago_makes_room() {
    let mut desk = Desk::with(RegistrarSettings { per_phone: 2, ..RegistrarSettings::default() });
    for (second, host) in [(0, "a"), (1, "b"), (2, "c")] {
        let cseq = u32::try_from(second).unwrap() + 1;
        desk.at(second).registers(cseq, &format!("<sip:1001@{host}>")).unwrap();
    }
    let gone = desk.changes().pop();
    assert_eq!(gone, Some((ChangeKind::Removed(Removal::Replaced), "sip:1001@a".into())));
    let many = register("call-1", 9, &["<sip:1@a>, <sip:1@b>, <sip:1@c>"], None);
    assert_eq!(desk.asks(&many, udp(5062)), Err(RegisterRefusal::TooManyContacts));
    assert_eq!(desk.registrar.len(), 2);
}

#[test]
fn when_all_places_are_taken_new_phones_are_refused_and_known_ones_refreshed() {
    let mut desk = Desk::with(RegistrarSettings { total: 1, ..RegistrarSettings::default() });
    desk.registers(1, "<sip:1001@a>").unwrap();
    let other = register("call-9", 1, &["<sip:1002@a>"], None);
    let refusal = desk.registrar.register(&"1002".into(), &other, udp(5063), desk.now);
    assert_eq!(refusal, Err(RegisterRefusal::Full));
    assert!(desk.registers(2, "<sip:1001@a>").is_ok());
}

#[test]
fn a_lost_connection_ends_the_bindings_over_it_and_no_others() {
    let mut desk = Desk::open();
    desk.registers(1, "<sip:1001@a>").unwrap();
    desk.asks(&register("call-2", 1, &["<sip:1001@b>"], None), tcp(7)).unwrap();
    desk.asks(&register("call-3", 1, &["<sip:1001@c>"], None), tcp(8)).unwrap();
    desk.changes();
    desk.registrar.connection_lost(ConnectionId(7));
    desk.registrar.connection_lost(ConnectionId(9));
    let ended = desk.changes();
    assert_eq!(ended, [(ChangeKind::Removed(Removal::FlowLost), "sip:1001@b".into())]);
    assert_eq!(desk.registrar.len(), 2);
}

#[test]
fn after_a_restart_datagram_bindings_are_back_and_stream_ones_are_gone() {
    let mut desk = Desk::open();
    desk.registers(1, "<sip:1001@a>;expires=100").unwrap();
    desk.asks(&register("call-2", 1, &["<sip:1001@b>"], None), tcp(7)).unwrap();
    let rows: Vec<_> = desk.registrar.rows().collect();
    let mut after = Desk::open();
    after.registrar.restore(rows.clone(), after.now);
    assert_eq!(after.registrar.bindings(&phone())[0].contact.to_string(), "sip:1001@a");
    assert_eq!(after.registrar.len(), 1);
    let mut kinds: Vec<_> = after.changes().into_iter().map(|(kind, _)| kind).collect();
    kinds.sort_by_key(|kind| *kind == ChangeKind::Registered);
    assert_eq!(kinds, [ChangeKind::Removed(Removal::FlowLost), ChangeKind::Registered]);
    let mut late = Desk::open();
    late.at(200).registrar.restore(rows, Timestamp::from_secs(1_000_200));
    assert!(late.registrar.is_empty());
}

#[test]
fn a_phone_whose_account_is_gone_or_that_does_not_answer_is_no_longer_bound() {
    let mut desk = Desk::open();
    desk.registers(1, "<sip:1001@a>, <sip:1001@b>").unwrap();
    let id = desk.registrar.bindings(&phone())[0].id;
    desk.registrar.unreachable(&phone(), id);
    assert_eq!(desk.registrar.len(), 1);
    desk.registrar.forget(&phone());
    assert!(desk.registrar.is_empty());
    let why: Vec<_> = desk.changes().into_iter().skip(2).map(|(kind, _)| kind).collect();
    assert_eq!(
        why,
        [ChangeKind::Removed(Removal::Unreachable), ChangeKind::Removed(Removal::AccountGone)]
    );
}

#[test]
fn a_contact_that_no_request_can_be_sent_to_is_refused() {
    let refusal = Desk::open().registers(1, "<tel:+8613800138000>").unwrap_err();
    assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn a_path_is_kept_and_another_path_is_another_binding() {
    let mut desk = Desk::open();
    let mut request = register("call-1", 1, &["<sip:1001@a>"], None);
    request.headers.push(HeaderName::Path, "<sip:edge.example.cn;lr>, <sip:p2.example.cn;lr>");
    desk.asks(&request, udp(5062)).unwrap();
    let path = |desk: &Desk| {
        let binding = &desk.registrar.bindings(&phone())[0];
        binding.path.iter().map(|route| route.uri.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(path(&desk), ["sip:edge.example.cn;lr", "sip:p2.example.cn;lr"]);
    let mut request = register("call-1", 2, &["<sip:1001@a>"], None);
    request.headers.push(HeaderName::Path, "<sip:edge2.example.cn;lr>");
    desk.asks(&request, udp(5062)).unwrap();
    assert_eq!(path(&desk), ["sip:edge2.example.cn;lr"]);
    let kinds: Vec<_> = desk.changes().into_iter().map(|(kind, _)| kind).collect();
    let replaced = ChangeKind::Removed(Removal::Replaced);
    assert_eq!(kinds, [ChangeKind::Registered, replaced, ChangeKind::Registered]);
}

#[test]
fn a_device_has_as_many_flows_as_it_numbers() {
    let mut desk = Desk::open();
    for (cseq, flow) in [(1, 1), (2, 2), (3, 1)] {
        let request = by_flow(cseq, flow);
        assert!(asks_for_flow(&request));
        desk.asks(&request, tcp(flow)).unwrap();
    }
    let bindings = desk.registrar.bindings(&phone());
    assert_eq!(bindings.len(), 2);
    assert!(bindings.iter().all(|it| it.device() == Some("\"<urn:uuid:1>\"")), "{bindings:?}");
    desk.registrar.connection_lost(ConnectionId(1));
    let left = desk.registrar.bindings(&phone());
    assert_eq!(left.iter().map(|it| it.flow).collect::<Vec<_>>(), [tcp(2)]);
}

#[test]
fn without_the_option_tag_a_device_has_one_flow_whatever_it_numbers() {
    let mut desk = Desk::open();
    for (cseq, flow) in [(1, 1), (2, 2)] {
        let mut request = by_flow(cseq, flow);
        request.headers.remove(&HeaderName::Supported);
        assert!(!asks_for_flow(&request));
        desk.asks(&request, tcp(flow)).unwrap();
    }
    assert_eq!(desk.registrar.bindings(&phone()).len(), 1);
}

#[test]
fn a_flow_through_a_proxy_that_keeps_none_is_refused() {
    let relayed = |path: &str| {
        let mut request = by_flow(1, 1);
        for host in ["edge.example.cn", "192.0.2.7"] {
            request.headers.push(HeaderName::Via, format!("SIP/2.0/UDP {host};branch=z9hG4bK-1"));
        }
        request.headers.push(HeaderName::Path, path);
        Desk::open().asks(&request, udp(5062)).map(|_| ())
    };
    let refusal = relayed("<sip:edge.example.cn;lr>").unwrap_err();
    assert_eq!(refusal.status().code(), 439);
    assert_eq!(relayed("<sip:edge.example.cn;lr;ob>"), Ok(()));
}

fn by_flow(cseq: u32, flow: u64) -> Request {
    let contact = format!("<sip:1001@a;ob>;+sip.instance=\"<urn:uuid:1>\";reg-id={flow}");
    let mut request = register("call-1", cseq, &[&contact], None);
    request.headers.push(HeaderName::Supported, "path, outbound");
    request
}

fn phone() -> PhoneId {
    "1001".into()
}

fn udp(port: u16) -> Destination {
    Destination::udp(ListenerId(0), ([192, 0, 2, 7], port).into())
}

fn tcp(connection: u64) -> Destination {
    let peer = ([192, 0, 2, 7], 40_000).into();
    Destination::tcp(ListenerId(0), peer, Some(ConnectionId(connection)))
}

fn register(call_id: &str, cseq: u32, contacts: &[&str], expires: Option<&str>) -> Request {
    let mut request = Request::new(Method::Register, "sip:400.example.cn".parse().unwrap());
    request.headers.push(HeaderName::CallId, call_id);
    request.headers.push(HeaderName::CSeq, format!("{cseq} REGISTER"));
    for contact in contacts {
        request.headers.push(HeaderName::Contact, *contact);
    }
    if let Some(expires) = expires {
        request.headers.push(HeaderName::Expires, expires);
    }
    request
}

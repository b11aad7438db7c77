//! The rules of subscriptions, one by one; `network` plays whole lives of them.

mod network;

use super::*;
use crate::endpoint::{ListenerId, Rejection};
use crate::message::{Message, Request};

const SEED: [u8; 32] = [7; 32];

/// A notifier, phone 1001 that subscribes, and a clock that is told the time.
struct Desk {
    subscriptions: Subscriptions,
    now: Timestamp,
    last: u64,
}

/// A NOTIFY as it was given.
#[derive(Debug)]
struct Told {
    request: RequestId,
    outgoing: Outgoing,
}

impl Told {
    fn header(&self, name: &HeaderName) -> &str {
        let found = self.outgoing.headers.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| std::str::from_utf8(value).unwrap())
    }

    fn state(&self) -> &str {
        self.header(&HeaderName::SubscriptionState)
    }

    fn body(&self) -> &str {
        let body = self.outgoing.body.as_ref();
        body.map_or("", |body| std::str::from_utf8(&body.bytes).unwrap())
    }
}

impl Desk {
    fn open() -> Self {
        Self::with(SubscriptionSettings::default())
    }

    fn with(settings: SubscriptionSettings) -> Self {
        let subscriptions = Subscriptions::new(settings, SEED);
        Self { subscriptions, now: Timestamp::from_secs(1_000_000), last: 0 }
    }

    fn at(&mut self, millis: u64) -> &mut Self {
        self.now = Timestamp::from_millis(1_000_000_000 + millis);
        self
    }

    fn asks_as(&mut self, phone: &str, request: &Request) -> Result<Response, SubscribeRefusal> {
        let subscriber = Subscriber { phone: &phone.into(), flow: flow(5062), contact: &contact() };
        let may = |watch: &Watch| match watch.target.as_str() {
            "9999" => Err(SubscribeRefusal::NoSuchTarget),
            _ => Ok(()),
        };
        self.subscriptions.subscribe(request, &subscriber, may, self.now)
    }

    fn asks(&mut self, request: &Request) -> Result<Response, SubscribeRefusal> {
        self.asks_as("1001", request)
    }

    /// The first SUBSCRIBE, whose NOTIFY is heard; its response.
    fn watches(&mut self, call_id: &str) -> Response {
        let response = self.asks(&subscribe(call_id, 1, None, "dialog", "")).unwrap();
        assert!(self.tells().state().starts_with("active;"));
        response
    }

    /// Everybody who is to be told now, with the version as the body.
    fn all_told(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some(owed) = self.subscriptions.poll(self.now) {
            self.last += 1;
            let request = RequestId(self.last);
            let body = owed.version.to_string().into_bytes();
            let outgoing = self.subscriptions.notify(&owed, request, body, self.now).unwrap();
            told.push(Told { request, outgoing });
        }
        told
    }

    /// The one NOTIFY that is due, which is heard.
    #[track_caller]
    fn tells(&mut self) -> Told {
        let mut told = self.all_told();
        assert_eq!(told.len(), 1, "{told:?}");
        let told = told.remove(0);
        assert_eq!(self.answers(&told, 200, ""), Notified::Heard);
        told
    }

    fn answers(&mut self, told: &Told, status: u16, more: &str) -> Notified {
        let text = format!(
            "SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: a\r\nCSeq: 1 NOTIFY\r\n{more}\r\n"
        );
        let Message::Response(response) = Message::parse(text.as_bytes()).unwrap() else {
            panic!("no response: {text}");
        };
        self.subscriptions.notified(told.request, &Ok(Box::new(response)), self.now)
    }

    fn changes(&mut self) {
        self.subscriptions.changed(&lamp());
    }
}

fn flow(port: u16) -> Destination {
    Destination::udp(ListenerId(0), ([192, 0, 2, 7], port).into())
}

fn contact() -> NameAddr {
    NameAddr::new("sip:1002@192.0.2.1:5060".parse().unwrap())
}

fn lamp() -> Watch {
    Watch { package: Package::Dialog, target: "1002".into() }
}

/// A SUBSCRIBE of 1001 to 1002.
fn subscribe(call_id: &str, cseq: u32, tag: Option<&str>, event: &str, more: &str) -> Request {
    let tag = tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
    let text = format!(
        "SUBSCRIBE sip:1002@400.example.cn SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK{call_id}{cseq}\r\n\
         Record-Route: <sip:edge.example.cn;lr>\r\n\
         From: <sip:1001@400.example.cn>;tag=theirs\r\nTo: <sip:1002@400.example.cn>{tag}\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\nMax-Forwards: 70\r\n\
         Contact: <sip:1001@192.0.2.7:5062>\r\nEvent: {event}\r\n{more}\r\n"
    );
    match Message::parse(text.as_bytes()).unwrap() {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    }
}

fn tag_of(response: &Response) -> String {
    response.to().unwrap().tag().unwrap().to_owned()
}

#[test]
fn who_subscribes_gets_200_and_the_state_at_once() {
    let mut desk = Desk::open();
    let response = desk.asks(&subscribe("a", 1, None, "dialog;id=7", "Expires: 300\r\n")).unwrap();
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.headers.expires(), Ok(Some(300)));
    assert_eq!(response.contact().unwrap(), Some(contact()));
    assert_eq!(response.headers.addresses(&HeaderName::RecordRoute).unwrap().len(), 1);
    let told = desk.tells();
    assert_eq!(told.header(&HeaderName::Event), "dialog;id=7");
    assert_eq!(told.state(), "active;expires=300");
    assert_eq!(told.body(), "0");
    let Outgoing { target, routes, from, to, attempt, destination, .. } = &told.outgoing;
    assert_eq!(target.to_string(), "sip:1001@192.0.2.7:5062");
    assert_eq!((routes.len(), *destination), (1, flow(5062)));
    assert_eq!(from.tag(), Some(tag_of(&response).as_str()));
    assert_eq!(to.tag(), Some("theirs"));
    assert_eq!(attempt.as_ref().unwrap().call_id, "a");
    assert!(desk.all_told().is_empty());
}

#[test]
fn a_change_is_told_at_once_and_the_next_within_a_second_only_then() {
    let mut desk = Desk::open();
    desk.watches("a");
    desk.at(5_000).changes();
    assert_eq!(desk.tells().body(), "1");
    for millis in [5_100, 5_500, 5_999] {
        desk.at(millis).changes();
        assert!(desk.all_told().is_empty());
    }
    assert_eq!(desk.subscriptions.poll_timeout(), Some(Timestamp::from_millis(1_000_006_000)));
    // All that happened meanwhile is one NOTIFY with what is so now.
    assert_eq!(desk.at(6_000).tells().body(), "2");
    assert!(desk.at(60_000).all_told().is_empty());
}

#[test]
fn the_next_notify_waits_for_the_answer_to_the_one_before() {
    let mut desk = Desk::open();
    desk.watches("a");
    desk.at(5_000).changes();
    let told = desk.all_told().remove(0);
    desk.at(9_000).changes();
    assert!(desk.all_told().is_empty());
    assert_eq!(desk.answers(&told, 200, ""), Notified::Heard);
    assert_eq!(desk.tells().body(), "2");
}

#[test]
fn a_refresh_lengthens_the_subscription_moves_it_and_is_answered_by_a_notify() {
    let mut desk = Desk::open();
    let tag = tag_of(&desk.watches("a"));
    desk.at(200);
    let refresh = subscribe("a", 2, Some(&tag), "dialog", "Expires: 120\r\n");
    let subscriber = Subscriber { phone: &"1001".into(), flow: flow(6_000), contact: &contact() };
    let may = |_: &Watch| panic!("what is watched already has been judged");
    let response = desk.subscriptions.subscribe(&refresh, &subscriber, may, desk.now).unwrap();
    assert_eq!(tag_of(&response), tag);
    let told = desk.tells();
    assert_eq!((told.state(), told.outgoing.destination), ("active;expires=120", flow(6_000)));
    assert!(desk.at(120_000).all_told().is_empty());
    assert_eq!(desk.at(120_200).tells().state(), "terminated;reason=timeout");
    assert!(desk.subscriptions.is_empty());
}

#[test]
fn what_is_not_refreshed_ends_and_is_then_unknown() {
    let mut desk = Desk::open();
    let tag = tag_of(&desk.watches("a"));
    assert_eq!(desk.subscriptions.poll_timeout(), Some(Timestamp::from_secs(1_000_600)));
    let told = desk.at(600_000).all_told().remove(0);
    assert_eq!(told.state(), "terminated;reason=timeout");
    // Both cross: the refresh comes too late, and nothing is left when the NOTIFY is answered.
    let refresh = subscribe("a", 2, Some(&tag), "dialog", "");
    assert_eq!(desk.asks(&refresh).unwrap_err(), SubscribeRefusal::NoSuchSubscription);
    desk.changes();
    assert!(desk.all_told().is_empty());
    desk.answers(&told, 200, "");
    assert_eq!(desk.asks(&refresh).unwrap_err().status(), StatusCode::CALL_DOES_NOT_EXIST);
    assert_eq!((desk.subscriptions.len(), desk.subscriptions.poll_timeout()), (0, None));
}

#[test]
fn who_unsubscribes_is_told_the_state_once_more_however_lately_it_was_told() {
    let mut desk = Desk::open();
    let tag = tag_of(&desk.watches("a"));
    desk.at(10).asks(&subscribe("a", 2, Some(&tag), "dialog", "Expires: 0\r\n")).unwrap();
    let told = desk.tells();
    assert_eq!((told.state(), told.body()), ("terminated;reason=timeout", "1"));
    assert!(desk.subscriptions.is_empty());
}

#[test]
fn who_fetches_is_told_the_state_once() {
    let mut desk = Desk::open();
    let response = desk.asks(&subscribe("a", 1, None, "presence", "Expires: 0\r\n")).unwrap();
    assert_eq!(response.headers.expires(), Ok(Some(0)));
    let told = desk.tells();
    assert_eq!((told.state(), told.body()), ("terminated;reason=timeout", "0"));
    assert!(desk.subscriptions.is_empty());
}

#[test]
fn a_subscriber_who_is_gone_is_forgotten() {
    for (status, more) in [(481, ""), (404, ""), (500, ""), (407, ""), (481, "Retry-After: 1\r\n")]
    {
        let mut desk = Desk::open();
        desk.watches("a");
        desk.at(5_000).changes();
        let told = desk.all_told().remove(0);
        assert_eq!(desk.answers(&told, status, more), Notified::Lost, "{status}");
        assert!(desk.subscriptions.is_empty());
        assert!(!desk.subscriptions.is_watched(&lamp()));
    }
    for status in [StatusCode::REQUEST_TIMEOUT, StatusCode::SERVICE_UNAVAILABLE] {
        let mut desk = Desk::open();
        desk.watches("a");
        desk.at(5_000).changes();
        let told = desk.all_told().remove(0);
        let lost = desk.subscriptions.notified(told.request, &Err(status), desk.now);
        assert_eq!((lost, desk.subscriptions.len()), (Notified::Lost, 0));
    }
}

#[test]
fn a_subscriber_who_asks_for_time_is_told_later() {
    let mut desk = Desk::open();
    desk.watches("a");
    desk.at(5_000).changes();
    let told = desk.all_told().remove(0);
    assert_eq!(desk.answers(&told, 503, "Retry-After: 3\r\n"), Notified::Postponed);
    assert!(desk.at(7_999).all_told().is_empty());
    assert_eq!(desk.at(8_000).tells().body(), "2");
}

#[test]
fn a_notify_that_could_not_be_sent_comes_again_with_the_same_version() {
    let mut desk = Desk::open();
    desk.watches("a");
    desk.at(5_000).changes();
    let told = desk.all_told().remove(0);
    desk.subscriptions.unsent(told.request, desk.now);
    assert!(desk.all_told().is_empty());
    assert_eq!(desk.at(6_000).tells().body(), "1");
}

#[test]
fn who_is_put_off_is_told_later() {
    let mut desk = Desk::open();
    desk.watches("a");
    desk.at(5_000).changes();
    let owed = desk.subscriptions.poll(desk.now).unwrap();
    desk.subscriptions.postpone(&owed, desk.now);
    assert!(desk.all_told().is_empty());
    assert_eq!(desk.at(6_000).tells().body(), "1");
    // The end, too, comes when there is room for it.
    desk.at(600_000);
    let owed = desk.subscriptions.poll(desk.now).unwrap();
    desk.subscriptions.postpone(&owed, desk.now);
    assert_eq!(desk.at(601_000).tells().state(), "terminated;reason=timeout");
}

#[test]
fn a_subscription_is_known_by_its_call_id() {
    let mut desk = Desk::open();
    desk.watches("b");
    assert_eq!(["a", "b", "c"].map(|id| desk.subscriptions.has_call_id(id)), [false, true, false]);
}

#[test]
fn a_refresh_that_is_not_of_this_subscription_is_unknown() {
    let mut desk = Desk::open();
    let tag = tag_of(&desk.watches("a"));
    let unknown = |desk: &mut Desk, phone: &str, request: &Request| {
        let refusal = desk.asks_as(phone, request).unwrap_err();
        assert_eq!(refusal, SubscribeRefusal::NoSuchSubscription);
    };
    unknown(&mut desk, "1001", &subscribe("b", 2, Some(&tag), "dialog", ""));
    unknown(&mut desk, "1001", &subscribe("a", 2, Some("other"), "dialog", ""));
    unknown(&mut desk, "1001", &subscribe("a", 2, Some(&tag), "presence", ""));
    unknown(&mut desk, "1001", &subscribe("a", 2, Some(&tag), "dialog;id=2", ""));
    unknown(&mut desk, "1003", &subscribe("a", 2, Some(&tag), "dialog", ""));
    let mut forked = subscribe("a", 2, Some(&tag), "dialog", "");
    forked.headers.set(HeaderName::From, "<sip:1001@400.example.cn>;tag=another");
    unknown(&mut desk, "1001", &forked);
    assert!(desk.asks(&subscribe("a", 2, Some(&tag), "dialog", "")).is_ok());
}

#[test]
fn an_older_refresh_after_a_newer_one_changes_nothing() {
    let mut desk = Desk::open();
    let tag = tag_of(&desk.watches("a"));
    desk.asks(&subscribe("a", 5, Some(&tag), "dialog", "")).unwrap();
    desk.tells();
    let ended = subscribe("a", 4, Some(&tag), "dialog", "Expires: 0\r\n");
    assert_eq!(desk.asks(&ended).unwrap_err(), SubscribeRefusal::OutOfOrder);
    assert!(desk.all_told().is_empty());
}

#[test]
fn what_cannot_be_watched_is_refused_with_what_can_be() {
    let mut desk = Desk::open();
    for event in ["refer", "Dialog", "", "dialog.winfo"] {
        let refusal = desk.asks(&subscribe("a", 1, None, event, "")).unwrap_err();
        assert_eq!(refusal, SubscribeRefusal::BadEvent, "{event}");
        let Rejection { status, headers, .. } = refusal.into();
        assert_eq!(status, StatusCode::BAD_EVENT);
        assert_eq!(headers, [(HeaderName::AllowEvents, ALLOW_EVENTS.into())]);
    }
    let mut without = subscribe("a", 1, None, "dialog", "");
    without.headers.remove(&HeaderName::Event);
    assert_eq!(desk.asks(&without).unwrap_err(), SubscribeRefusal::BadEvent);
    let mut other = subscribe("a", 1, None, "dialog", "");
    other.uri = "sip:9999@400.example.cn".parse().unwrap();
    assert_eq!(desk.asks(&other).unwrap_err().status(), StatusCode::NOT_FOUND);
    other.uri = "sip:400.example.cn".parse().unwrap();
    assert_eq!(desk.asks(&other).unwrap_err().status(), StatusCode::NOT_FOUND);
    assert!(desk.subscriptions.is_empty());
}

#[test]
fn who_does_not_read_what_is_told_is_refused() {
    let mut desk = Desk::open();
    let refused = [("dialog", "application/pidf+xml"), ("presence", "text/plain, image/*")];
    for (event, accept) in refused {
        let request = subscribe("a", 1, None, event, &format!("Accept: {accept}\r\n"));
        assert_eq!(desk.asks(&request).unwrap_err().status(), StatusCode::NOT_ACCEPTABLE);
    }
    let taken = [
        ("dialog", "text/plain, application/dialog-info+xml;q=0.5"),
        ("presence", "application/*"),
        ("message-summary", "*/*"),
    ];
    for (event, accept) in taken {
        let request = subscribe(event, 1, None, event, &format!("Accept: {accept}\r\n"));
        assert!(desk.asks(&request).is_ok(), "{accept}");
    }
}

#[test]
fn a_subscription_has_a_least_and_a_longest_time() {
    let mut desk = Desk::open();
    let mut granted = |expires: &str| {
        let request = subscribe(expires, 1, None, "dialog", &format!("Expires: {expires}\r\n"));
        desk.asks(&request).map(|response| response.headers.expires().unwrap().unwrap())
    };
    assert_eq!(granted("59"), Err(SubscribeRefusal::TooBrief(60)));
    assert_eq!(granted("60"), Ok(60));
    assert_eq!(granted("3600"), Ok(600));
    assert_eq!(granted("99999999999"), Ok(600));
    assert!(matches!(granted("soon"), Err(SubscribeRefusal::Malformed(_))));
    let Rejection { headers, .. } = SubscribeRefusal::TooBrief(60).into();
    assert_eq!(headers, [(HeaderName::MinExpires, b"60".to_vec())]);
    let absent = desk.asks(&subscribe("absent", 1, None, "dialog", "")).unwrap();
    assert_eq!(absent.headers.expires(), Ok(Some(600)));
}

#[test]
fn what_makes_no_dialog_is_refused() {
    let mut desk = Desk::open();
    let mut without = subscribe("a", 1, None, "dialog", "");
    without.headers.remove(&HeaderName::Contact);
    assert!(matches!(desk.asks(&without), Err(SubscribeRefusal::Malformed(_))));
    let mut long = subscribe("a", 1, None, "dialog", "");
    for _ in 0..100 {
        long.headers.push(HeaderName::RecordRoute, "<sip:a.very.long.way.home.example.cn;lr>");
    }
    assert!(matches!(desk.asks(&long), Err(SubscribeRefusal::Malformed(_))));
    assert!(desk.subscriptions.is_empty());
}

#[test]
fn a_phone_watches_so_much_and_all_phones_together_so_much() {
    let settings =
        SubscriptionSettings { per_phone: 2, total: 3, ..SubscriptionSettings::default() };
    let mut desk = Desk::with(settings);
    let request = |call_id: &str| subscribe(call_id, 1, None, "presence", "");
    desk.asks_as("1001", &request("a")).unwrap();
    desk.asks_as("1001", &subscribe("b", 1, None, "dialog", "")).unwrap();
    let mut other = request("c");
    other.uri = "sip:1003@400.example.cn".parse().unwrap();
    assert_eq!(desk.asks_as("1001", &other).unwrap_err(), SubscribeRefusal::TooMany);
    desk.asks_as("1003", &request("d")).unwrap();
    let full = desk.asks_as("1004", &request("e")).unwrap_err();
    assert_eq!(full, SubscribeRefusal::Full);
    assert!(Rejection::from(full).headers.iter().any(|(name, _)| *name == HeaderName::RetryAfter));
    assert_eq!(desk.subscriptions.len(), 3);
}

#[test]
fn a_phone_that_was_switched_off_and_watches_the_same_again_is_let_in() {
    let settings = SubscriptionSettings { per_phone: 2, ..SubscriptionSettings::default() };
    let mut desk = Desk::with(settings);
    let first = tag_of(&desk.watches("before-1"));
    let second = tag_of(&desk.at(100).watches("before-2"));
    desk.at(200).watches("after");
    assert_eq!(desk.subscriptions.len(), 2);
    // The one refreshed longest ago gave way.
    let refresh = subscribe("before-1", 2, Some(&first), "dialog", "");
    assert_eq!(desk.asks(&refresh).unwrap_err(), SubscribeRefusal::NoSuchSubscription);
    assert!(desk.asks(&subscribe("before-2", 2, Some(&second), "dialog", "")).is_ok());
    // Another device of the same account is not the one that was switched off.
    let mut elsewhere = subscribe("elsewhere", 1, None, "dialog", "");
    elsewhere.headers.set(HeaderName::Contact, "<sip:1001@192.0.2.9>");
    assert_eq!(desk.asks(&elsewhere).unwrap_err(), SubscribeRefusal::TooMany);
}

#[test]
fn whoever_watches_what_is_gone_is_told_that_it_is() {
    let mut desk = Desk::open();
    desk.watches("a");
    desk.at(10).subscriptions.end_of_target(&"1003".into());
    assert!(desk.all_told().is_empty());
    desk.subscriptions.end_of_target(&"1002".into());
    let told = desk.tells();
    assert_eq!((told.state(), told.body()), ("terminated;reason=noresource", ""));
    assert!(desk.subscriptions.is_empty());
}

#[test]
fn a_phone_whose_account_is_another_must_subscribe_anew() {
    let mut desk = Desk::open();
    desk.watches("a");
    desk.subscriptions.end_of_subscriber(&"1002".into(), End::Deactivated);
    assert!(desk.all_told().is_empty());
    desk.subscriptions.end_of_subscriber(&"1001".into(), End::Deactivated);
    assert_eq!(desk.tells().state(), "terminated;reason=deactivated");
}

#[test]
fn whoever_watches_is_told_when_we_stop() {
    let mut desk = Desk::open();
    desk.watches("a");
    desk.watches("b");
    desk.subscriptions.end_all(End::Probation(Duration::from_secs(30)));
    let told = desk.all_told();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].state(), "terminated;reason=probation;retry-after=30");
}

#[test]
fn the_end_waits_for_the_answer_to_the_notify_before_it() {
    let mut desk = Desk::open();
    desk.asks(&subscribe("a", 1, None, "dialog", "Expires: 60\r\n")).unwrap();
    let first = desk.all_told().remove(0);
    assert!(desk.at(60_000).all_told().is_empty());
    assert_eq!(desk.subscriptions.poll_timeout(), None);
    assert_eq!(desk.answers(&first, 200, ""), Notified::Heard);
    assert_eq!(desk.tells().state(), "terminated;reason=timeout");
    assert!(desk.subscriptions.is_empty());
}

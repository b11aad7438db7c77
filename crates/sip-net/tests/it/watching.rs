//! Busy lamps, mailboxes and agents: who watches whom, and what is told.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{Cause, Reason, StateName};
use sip::digest::Algorithm;
use sip::subscription::Presence;
use sip::{HeaderName, Message, Method, Request, Response, StatusCode};
use sip_net::{Counted, Setup};
use switchboard::ports::{LegCommand, LegFact};

use crate::house::{House, dialled, rings};
use crate::peer::{Peer, sdp};

const SECRET: (&str, Algorithm) = ("secret", Algorithm::Md5);

/// Phone 1001, which watches, and the house it watches in.
struct Watching {
    house: House,
    phone: Peer,
    /// The NOTIFYs heard: on a slow machine they come again.
    heard: BTreeSet<(String, u32)>,
}

impl Watching {
    async fn begins() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(adjust: impl FnOnce(&mut Setup)) -> Self {
        let house = House::with(adjust).await;
        let phone = Peer::at(1, "1001", house.handle.phones()).await;
        Self { house, phone, heard: BTreeSet::new() }
    }

    fn subscribe(&mut self, target: &str, event: &str) -> Request {
        let target = format!("sip:{target}@400.example.cn");
        let call_id = format!("watch-{event}-{target}");
        let mut request = self.phone.request("SUBSCRIBE", &target, &call_id);
        request.headers.push(HeaderName::Event, event);
        request
    }

    /// Sends the request, and again with credentials.
    async fn asks(&mut self, request: Request) -> Response {
        let challenged = self.asks_plainly(&request).await;
        let again = self.phone.with_credentials(request, &challenged, SECRET);
        self.asks_plainly(&again).await
    }

    async fn asks_plainly(&mut self, request: &Request) -> Response {
        self.phone.send(&request.to_bytes()).await;
        loop {
            match self.phone.receive().await {
                Message::Response(it) if it.status != StatusCode::TRYING => return it,
                Message::Response(_) => {}
                Message::Request(notify) => assert!(!self.hears(&notify).await, "{notify:?}"),
            }
        }
    }

    /// Answers a NOTIFY; whether it is a new one.
    async fn hears(&mut self, notify: &Request) -> bool {
        self.phone.answer(notify, StatusCode::OK, b"").await;
        let call_id = notify.call_id().unwrap().to_owned();
        self.heard.insert((call_id, notify.cseq().unwrap().number))
    }

    /// Subscribes; the response, and what is told at once.
    async fn watches(&mut self, target: &str, event: &str) -> (Response, Request) {
        let request = self.subscribe(target, event);
        let response = self.asks(request).await;
        assert_eq!(response.status, StatusCode::OK);
        (response, self.is_told().await)
    }

    /// The next NOTIFY, which is heard.
    async fn is_told(&mut self) -> Request {
        loop {
            let notify = self.phone.request_of(&Method::Notify).await;
            if self.hears(&notify).await {
                return notify;
            }
        }
    }

    /// Is told again and again until this is in it.
    async fn is_told_of(&mut self, text: &str) -> Request {
        loop {
            let notify = self.is_told().await;
            if body(&notify).contains(text) {
                return notify;
            }
        }
    }

    /// The same subscription, lengthened or ended.
    fn refresh(&mut self, made: &Response, event: &str, expires: u64) -> Request {
        let mut request = self.phone.within("SUBSCRIBE", made);
        request.headers.push(HeaderName::Event, event);
        request.headers.push(HeaderName::Expires, expires.to_string());
        request
    }
}

fn body(request: &Request) -> &str {
    std::str::from_utf8(&request.body).unwrap()
}

fn state(notify: &Request) -> &str {
    notify.headers.text(&HeaderName::SubscriptionState).unwrap()
}

fn version(notify: &Request) -> u32 {
    let after = body(notify).split("version=\"").nth(2).unwrap();
    after.split('"').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_lamp_shows_how_a_call_to_another_phone_rings_is_answered_and_ends() {
    let mut it = Watching::begins().await;
    let mut other = Peer::at(1, "1002", it.house.handle.phones()).await;
    other.registered().await;
    it.house.bindings().await;
    let (made, first) = it.watches("1002", "dialog").await;
    assert_eq!(made.headers.expires(), Ok(Some(600)));
    assert_eq!(first.headers.text(&HeaderName::Event), Some("dialog"));
    assert_eq!(state(&first), "active;expires=600");
    assert_eq!(first.headers.content_type().as_deref(), Some("application/dialog-info+xml"));
    assert!(body(&first).contains("entity=\"sip:1002@400.example.cn\""), "{}", body(&first));
    assert!(body(&first).contains("<state>terminated</state>"));
    assert_eq!((version(&first), first.call_id()), (0, made.call_id()));
    assert_eq!(first.from().unwrap().tag(), made.to().unwrap().tag());

    let leg = dialled(1);
    it.house.command(leg, rings("1002"));
    let invite = other.request_of(&Method::Invite).await;
    other.answer(&invite, StatusCode::RINGING, b"").await;
    let rings = it.is_told_of("<state>early</state>").await;
    assert!(body(&rings).contains("direction=\"recipient\""));
    assert!(!body(&rings).contains("13800138000"), "the caller is none of the watcher's business");
    assert_eq!(it.house.fact(leg).await, LegFact::Ringing { early: None });
    other.answer(&invite, StatusCode::OK, &sdp(other.address(), 1)).await;
    other.request_of(&Method::Ack).await;
    let talks = it.is_told_of("<state>confirmed</state>").await;
    it.house.command(leg, LegCommand::Release { cause: Cause::CallEnded, status: None });
    let over = it.is_told_of("<state>terminated</state>").await;
    assert!(version(&rings) < version(&talks) && version(&talks) < version(&over));
    assert!(rings.cseq().unwrap().number < over.cseq().unwrap().number);
}

#[tokio::test]
async fn a_phone_that_watches_itself_sees_whom_it_calls() {
    let mut it = Watching::begins().await;
    it.watches("1001", "dialog").await;
    let invite = it.phone.invite("13900139000", "out");
    let challenged = it.asks_plainly(&invite).await;
    it.phone.acknowledge_refusal(&invite, &challenged).await;
    let again = it.phone.with_credentials(invite, &challenged, SECRET);
    it.phone.send(&again.to_bytes()).await;
    let (leg, _) = it.house.rings_in().await;
    let mut last = String::new();
    while !last.contains("<state>early</state>") {
        let Message::Request(notify) = it.phone.receive().await else { continue };
        if it.hears(&notify).await {
            body(&notify).clone_into(&mut last);
        }
        if last.contains("<state>trying</state>") {
            it.house.command(leg, LegCommand::Ring { answer: None });
        }
    }
    assert!(last.contains("direction=\"initiator\""), "{last}");
    assert!(last.contains("<identity>sip:13900139000@400.example.cn</identity>"), "{last}");
}

#[tokio::test]
async fn who_watches_an_agent_is_told_the_state_in_both_languages() {
    let mut it = Watching::begins().await;
    let (_, first) = it.watches("1002", "presence").await;
    assert_eq!(first.headers.content_type().as_deref(), Some("application/pidf+xml"));
    assert!(body(&first).contains("<basic>closed</basic>"));
    assert!(body(&first).contains("<note xml:lang=\"zh-CN\">未签入</note>"));
    let busy = Presence { state: StateName::Busy, reason: Some(Reason::from("lunch")) };
    it.house.handle.publish("1002".into(), busy).unwrap();
    let told = it.is_told().await;
    assert!(body(&told).contains("<basic>open</basic>"), "{}", body(&told));
    assert!(body(&told).contains("<note xml:lang=\"en\">busy (lunch)</note>"));
    assert!(body(&told).contains("<rpid:busy/>"));
    // Of a phone that nobody has, nothing is kept.
    let ready = Presence { state: StateName::Ready, reason: None };
    it.house.handle.publish("9999".into(), ready).unwrap();
    it.house.handle.publish("1002".into(), Presence::NOBODY).unwrap();
    it.is_told_of("<basic>closed</basic>").await;
}

#[tokio::test]
async fn a_phone_hears_that_no_message_waits_in_its_own_mailbox_and_of_no_other() {
    let mut it = Watching::begins().await;
    let (_, first) = it.watches("1001", "message-summary").await;
    assert_eq!(
        body(&first),
        "Messages-Waiting: no\r\nMessage-Account: sip:1001@400.example.cn\r\n\
         Voice-Message: 0/0 (0/0)\r\n"
    );
    let request = it.subscribe("1002", "message-summary");
    assert_eq!(it.asks(request).await.status, StatusCode::FORBIDDEN);
    assert_eq!(it.house.counted(Counted::SubscribeRefused), 1);
}

#[tokio::test]
async fn whoever_does_not_prove_who_it_is_watches_nothing() {
    let mut it = Watching::begins().await;
    let request = it.subscribe("1002", "dialog");
    let challenged = it.asks_plainly(&request).await;
    assert_eq!(challenged.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert!(challenged.headers.has(&HeaderName::ProxyAuthenticate));
    let wrong = it.phone.with_credentials(request, &challenged, ("wrong", Algorithm::Md5));
    let refused = it.asks_plainly(&wrong).await;
    assert_eq!(refused.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    let mut other = it.subscribe("1002", "dialog");
    other.headers.set(HeaderName::From, "<sip:1002@400.example.cn>;tag=x");
    assert_eq!(it.asks(other).await.status, StatusCode::FORBIDDEN);
    assert_eq!(it.house.counted(Counted::OtherIdentity), 1);
    // A refresh must prove it, too: else whoever guesses a tag could turn lamps elsewhere.
    let (made, _) = it.watches("1002", "dialog").await;
    let refresh = it.refresh(&made, "dialog", 0);
    assert_eq!(it.asks_plainly(&refresh).await.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
}

#[tokio::test]
async fn a_carrier_watches_nothing() {
    let house = House::open().await;
    let mut carrier = Peer::at(2, "1001", house.handle.trunks()).await;
    let mut request = carrier.request("SUBSCRIBE", "sip:1002@400.example.cn", "w");
    request.headers.push(HeaderName::Event, "dialog");
    assert_eq!(carrier.ask(&request).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(house.counted(Counted::MethodRefused), 1);
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused() {
    let mut it = Watching::begins().await;
    let request = it.subscribe("1002", "conference");
    let refused = it.asks(request).await;
    assert_eq!(refused.status, StatusCode::BAD_EVENT);
    assert!(refused.headers.lists(&HeaderName::AllowEvents, "dialog"));
    let request = it.subscribe("9999", "dialog");
    assert_eq!(it.asks(request).await.status, StatusCode::NOT_FOUND);
    let mut request = it.subscribe("1002", "dialog");
    request.headers.push(HeaderName::Expires, "5");
    let refused = it.asks(request).await;
    assert_eq!(refused.status, StatusCode::INTERVAL_TOO_BRIEF);
    assert_eq!(refused.headers.text(&HeaderName::MinExpires), Some("60"));
    let mut unknown = it.subscribe("1002", "dialog");
    unknown.headers.set(HeaderName::To, "<sip:1002@400.example.cn>;tag=never-given");
    assert_eq!(it.asks(unknown).await.status, StatusCode::CALL_DOES_NOT_EXIST);
    assert_eq!(it.house.counted(Counted::SubscribeRefused), 4);
}

#[tokio::test]
async fn a_phone_that_no_longer_knows_the_subscription_is_told_nothing_more() {
    let mut it = Watching::begins().await;
    let (made, _) = it.watches("1002", "presence").await;
    let ready = Presence { state: StateName::Ready, reason: None };
    it.house.handle.publish("1002".into(), ready).unwrap();
    let notify = it.phone.request_of(&Method::Notify).await;
    it.heard.insert((notify.call_id().unwrap().to_owned(), notify.cseq().unwrap().number));
    it.phone.answer(&notify, StatusCode::CALL_DOES_NOT_EXIST, b"").await;
    // What comes next over the same socket is read after the 481.
    let refresh = it.refresh(&made, "presence", 300);
    assert_eq!(it.asks(refresh).await.status, StatusCode::CALL_DOES_NOT_EXIST);
    assert_eq!(it.house.counted(Counted::NotifyLost), 1);
    it.house.handle.publish("1002".into(), Presence::NOBODY).unwrap();
    let options = it.phone.request("OPTIONS", "sip:400.example.cn", "o");
    assert_eq!(it.asks_plainly(&options).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_lengthens_a_subscription_and_an_end_ends_it() {
    let mut it = Watching::begins().await;
    let (made, _) = it.watches("1002", "dialog").await;
    let refresh = it.refresh(&made, "dialog", 120);
    let answer = it.asks(refresh).await;
    assert_eq!((answer.status, answer.headers.expires()), (StatusCode::OK, Ok(Some(120))));
    assert_eq!(state(&it.is_told().await), "active;expires=120");
    let end = it.refresh(&made, "dialog", 0);
    assert_eq!(it.asks(end).await.status, StatusCode::OK);
    assert_eq!(state(&it.is_told().await), "terminated;reason=timeout");
    let late = it.refresh(&made, "dialog", 120);
    assert_eq!(it.asks(late).await.status, StatusCode::CALL_DOES_NOT_EXIST);
}

#[tokio::test]
async fn a_subscription_that_is_not_refreshed_runs_out() {
    let mut it = Watching::with(|setup| {
        setup.settings.subscriptions.shortest = Duration::from_secs(1);
    })
    .await;
    let mut request = it.subscribe("1002", "dialog");
    request.headers.push(HeaderName::Expires, "1");
    let made = it.asks(request).await;
    assert_eq!(made.headers.expires(), Ok(Some(1)));
    assert!(state(&it.is_told().await).starts_with("active;"));
    assert_eq!(state(&it.is_told().await), "terminated;reason=timeout");
}

#[tokio::test]
async fn a_phone_watches_so_much_and_no_more() {
    let mut it = Watching::with(|setup| setup.settings.subscriptions.per_phone = 1).await;
    it.watches("1002", "dialog").await;
    let request = it.subscribe("1002", "presence");
    assert_eq!(it.asks(request).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn who_watches_an_account_that_is_gone_is_told_so_and_who_watches_at_a_stop_to_come_again() {
    let mut it = Watching::begins().await;
    it.watches("1002", "dialog").await;
    it.watches("1001", "message-summary").await;
    let left = ["1001"].map(crate::house::account).into_iter().collect();
    it.house.handle.replace_accounts(left).await.unwrap();
    let told = it.is_told().await;
    assert_eq!((state(&told), body(&told)), ("terminated;reason=noresource", ""));
    // A stop waits until it has been heard.
    let handle = it.house.handle.clone();
    let (told, ()) = tokio::join!(it.is_told(), handle.shutdown());
    assert_eq!(state(&told), "terminated;reason=probation;retry-after=30");
}

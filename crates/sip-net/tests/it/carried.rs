//! What calls carry beside their numbers: User-to-User, Identity, and the wish that a phone answers.

use model::{Attestation, Attested, CallId, Carried, Epoch, UserToUser, Verdict};
use sip::digest::Algorithm;
use sip::{HeaderName, Method, Request, StatusCode};
use sip_net::Counted;
use switchboard::ports::{Alert, LegCommand, RingsIn, Target};

use crate::house::{House, dialled, number, ours, trunk};
use crate::peer::Peer;

/// Claims `{"attest":"B"}`; nobody signed it.
const IDENTITY: &str = "eyJhbGciOiJFUzI1NiJ9.eyJhdHRlc3QiOiJCIn0.c2ln;\
                        info=<https://carrier.example/c.pem>;alg=ES256;ppt=\"shaken\"";

fn order() -> UserToUser {
    UserToUser {
        data: "6f726465722d3838".into(),
        encoding: Some("hex".into()),
        purpose: Some("isdn-uui".into()),
        content: None,
    }
}

fn dial(target: Target, carried: Carried, alert: Alert) -> LegCommand {
    LegCommand::Dial {
        target,
        from: number("13800138000"),
        display: None,
        offer: ours(20_000),
        call: CallId::new(Epoch::new(1), 7),
        carried,
        alert,
    }
}

/// A carrier's call with these header fields.
async fn rings_in(house: &mut House, fields: &[(HeaderName, &str)]) -> RingsIn {
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let mut invite = carrier.invite("4008001234", "c1");
    for (name, value) in fields {
        invite.headers.push(name.clone(), *value);
    }
    carrier.send(&invite.to_bytes()).await;
    house.rings_in().await.1
}

fn texts(request: &Request, name: &HeaderName) -> Vec<String> {
    let values = request.headers.all(name);
    values.map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn what_a_carriers_call_carries_is_told_to_the_floor() {
    let mut house = House::open().await;
    let fields = [
        (HeaderName::UserToUser, "6f726465722d3838;encoding=hex;purpose=isdn-uui"),
        (HeaderName::PAssertedIdentity, "<tel:+8613800138000;verstat=TN-Validation-Passed>"),
        (HeaderName::Other("Attestation-Info".into()), "A"),
        (HeaderName::Identity, IDENTITY),
    ];
    let rings = rings_in(&mut house, &fields).await;
    assert_eq!(rings.from, number("+8613800138000"));
    let attested = Attested {
        verdict: Some(Verdict::Passed),
        attestation: Some(Attestation::Full),
        unverified_attestation: Some(Attestation::Partial),
    };
    let identity = vec![IDENTITY.to_owned()];
    let user_to_user = vec![order()];
    assert_eq!(
        rings.carried,
        Carried { user_to_user, attested: Some(attested), identity, referred_by: None }
    );
}

#[tokio::test]
async fn a_verdict_in_from_counts_where_nothing_is_asserted() {
    let mut house = House::open().await;
    let from = "<sip:13800138000;verstat=TN-Validation-Failed-C@carrier.cn>;tag=x";
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let mut invite = carrier.invite("4008001234", "c1");
    invite.headers.set(HeaderName::From, from);
    carrier.send(&invite.to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!(rings.from, number("13800138000"));
    let attested = Attested {
        verdict: Some(Verdict::Failed),
        attestation: Some(Attestation::Gateway),
        unverified_attestation: None,
    };
    assert_eq!(rings.carried.attested, Some(attested));
}

#[tokio::test]
async fn what_is_too_long_or_broken_is_left_out_and_counted_and_the_call_goes_on() {
    let mut house = House::open().await;
    let (long, identity) = ("a".repeat(513), "i".repeat(4_097));
    let fields = [
        (HeaderName::UserToUser, long.as_str()),
        (HeaderName::UserToUser, "5;encoding=hex, a, b, c"),
        (HeaderName::UserToUser, "d, e"),
        (HeaderName::Identity, identity.as_str()),
    ];
    let rings = rings_in(&mut house, &fields).await;
    let kept: Vec<_> = rings.carried.user_to_user.iter().map(|it| it.data.as_str()).collect();
    assert_eq!(kept, ["a", "b", "c", "d"]);
    assert_eq!((rings.carried.attested, rings.carried.identity.len()), (None, 0));
    assert_eq!(house.counted(Counted::UserToUserDropped), 3);
    assert_eq!(house.counted(Counted::IdentityDropped), 1);
}

#[tokio::test]
async fn a_phone_tells_others_something_and_attests_nothing() {
    let mut house = House::open().await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let mut invite = phone.invite("1002", "c1");
    invite.headers.push(HeaderName::UserToUser, "6f726465722d3838;encoding=hex;purpose=isdn-uui");
    invite.headers.push(HeaderName::Identity, IDENTITY);
    invite.headers.push(HeaderName::PAssertedIdentity, "<tel:+1;verstat=TN-Validation-Passed>");
    let challenged = phone.ask(&invite).await;
    phone.acknowledge_refusal(&invite, &challenged).await;
    let invite = phone.with_credentials(invite, &challenged, ("secret", Algorithm::Sha256));
    phone.send(&invite.to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    let user_to_user = vec![order()];
    assert_eq!(rings.carried, Carried { user_to_user, ..Carried::default() });
}

#[tokio::test]
async fn an_agents_phone_is_told_what_the_caller_says_and_asked_to_answer_where_it_is_to() {
    let mut house = House::open().await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    phone.registered().await;
    house.bindings().await;
    let referred_by = Some("1002".into());
    let carried = Carried { user_to_user: vec![order()], referred_by, ..Carried::default() };
    let to_phone = || Target::Phone("1001".into());
    house.command(dialled(1), dial(to_phone(), carried, Alert::Answer));
    let invite = phone.request_of(&Method::Invite).await;
    let told = texts(&invite, &HeaderName::UserToUser);
    assert_eq!(told, ["6f726465722d3838;purpose=isdn-uui;encoding=hex"]);
    assert_eq!(texts(&invite, &HeaderName::ReferredBy), ["<sip:1002@400.example.cn>"]);
    let call_info = texts(&invite, &HeaderName::CallInfo);
    assert_eq!(call_info, ["<sip:400.example.cn>;answer-after=0"]);
    let alert_info = texts(&invite, &HeaderName::AlertInfo);
    assert_eq!(alert_info, ["<http://400.example.cn>;info=alert-autoanswer;delay=0"]);
    phone.answer(&invite, StatusCode::BUSY_HERE, b"").await;
    phone.request_of(&Method::Ack).await;

    house.command(dialled(2), dial(to_phone(), Carried::default(), Alert::Ring));
    let invite = phone.request_of(&Method::Invite).await;
    for name in [
        HeaderName::UserToUser,
        HeaderName::ReferredBy,
        HeaderName::CallInfo,
        HeaderName::AlertInfo,
    ] {
        assert!(!invite.headers.has(&name), "{name}");
    }
}

#[tokio::test]
async fn a_trunk_is_told_what_goes_on_with_the_call() {
    let mut carrier = Peer::at(2, "carrier", ([127, 0, 0, 1], 9).into()).await;
    let port = carrier.address().port();
    let house = House::with(|setup| {
        setup.trunks = [trunk(([127, 0, 0, 2], port), None)].into_iter().collect();
    })
    .await;
    carrier.server = house.handle.trunks();
    let carried = Carried {
        user_to_user: vec![order()],
        attested: None,
        identity: vec![IDENTITY.to_owned()],
        referred_by: None,
    };
    let target = Target::Trunk { trunk: "carrier".into(), number: number("13900139000") };
    house.command(dialled(1), dial(target, carried, Alert::Ring));
    let invite = carrier.request_of(&Method::Invite).await;
    assert_eq!(texts(&invite, &HeaderName::UserToUser).len(), 1);
    assert_eq!(texts(&invite, &HeaderName::Identity), [IDENTITY]);
}

//! Who is let in.

use std::time::Duration;

use sip::digest::Algorithm;
use sip::{HeaderName, Method, Response, StatusCode};
use sip_net::Counted;
use switchboard::ports::Origin;

use crate::house::{House, number};
use crate::peer::{Peer, challenges_of};

#[tokio::test]
async fn a_phone_registers_with_either_algorithm() {
    for algorithm in Algorithm::OFFERED {
        let mut house = House::open().await;
        let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
        let request = phone.register("r1");
        let answer = phone.ask_with(request, ("secret", algorithm)).await;
        assert_eq!(answer.status, StatusCode::OK);
        let contact = answer.contact().unwrap().unwrap();
        assert_eq!(contact.uri.address(), Some(phone.address()));
        assert_eq!(contact.expires(), Some(300));
        assert_eq!(house.bindings().await, ("1001".into(), 1));
    }
}

#[tokio::test]
async fn a_registration_is_challenged_with_sha_256_before_md5() {
    let house = House::open().await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let request = phone.register("r1");
    let answer = phone.ask(&request).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let algorithms: Vec<_> = challenges_of(&answer).iter().map(|it| it.algorithm).collect();
    assert_eq!(algorithms, [Algorithm::Sha256, Algorithm::Md5]);
}

#[tokio::test]
async fn a_phone_known_to_give_up_at_sha_256_is_offered_md5_alone() {
    let house = House::open().await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let mut request = phone.register("r1");
    request.headers.push(HeaderName::UserAgent, "baresip v1.0.0 (x86_64/linux)");
    let answer = phone.ask(&request).await;
    let algorithms: Vec<_> = challenges_of(&answer).iter().map(|it| it.algorithm).collect();
    assert_eq!(algorithms, [Algorithm::Md5]);
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_user_get_the_same_answer() {
    let mut house = House::open().await;
    let mut answers = Vec::new();
    for user in ["1001", "9999"] {
        let mut phone = Peer::at(1, user, house.handle.phones()).await;
        let request = phone.register("r1");
        answers.push(phone.ask_with(request, ("guess", Algorithm::Md5)).await);
    }
    let [wrong, unknown] = answers.try_into().unwrap();
    assert_eq!(alike(&wrong), alike(&unknown));
    assert_eq!(house.counted(Counted::WrongSecret), 1);
    assert_eq!(house.counted(Counted::UnknownUser), 1);
    assert!(house.is_quiet());
}

/// What a response says but for what differs between any two.
fn alike(response: &Response) -> (StatusCode, Vec<String>, Vec<String>) {
    let names = response.headers.iter().map(|header| header.name().to_string()).collect();
    let challenges = challenges_of(response).into_iter().map(|mut challenge| {
        challenge.nonce.clear();
        challenge.to_string()
    });
    (response.status, names, challenges.collect())
}

#[tokio::test]
async fn a_nonce_too_old_is_called_stale() {
    let house = House::with(|setup| setup.settings.nonces.lifetime = Duration::ZERO).await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let request = phone.register("r1");
    let answer = phone.ask_with(request, ("secret", Algorithm::Sha256)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(challenges_of(&answer).iter().all(|challenge| challenge.stale));
    assert_eq!(house.counted(Counted::StaleNonce), 1);
}

#[tokio::test]
async fn a_phone_registers_and_calls_under_its_own_name_alone() {
    let mut house = House::open().await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let mut request = phone.register("r1");
    request.headers.set(HeaderName::To, "<sip:1002@400.example.cn>");
    let answer = phone.ask_with(request, ("secret", Algorithm::Sha256)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let mut invite = phone.invite("4008001234", "c1");
    invite.headers.set(HeaderName::From, "<sip:1002@400.example.cn>;tag=x");
    let answer = phone.ask_with(invite, ("secret", Algorithm::Sha256)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(house.counted(Counted::OtherIdentity), 2);
    assert!(house.is_quiet());
}

#[tokio::test]
async fn a_phone_that_wants_not_to_be_shown_is_known_and_not_shown() {
    let mut house = House::open().await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let mut hidden = phone.invite("1002", "c1");
    hidden.headers.set(HeaderName::From, "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=x");
    let mut private = phone.invite("1002", "c2");
    private.headers.push(HeaderName::Privacy, "id");
    for invite in [hidden, private] {
        let challenged = phone.ask(&invite).await;
        phone.acknowledge_refusal(&invite, &challenged).await;
        let secret = ("secret", Algorithm::Sha256);
        let invite = phone.with_credentials(invite, &challenged, secret);
        phone.send(&invite.to_bytes()).await;
        let (_, rings) = house.rings_in().await;
        assert_eq!(rings.origin, Origin::Phone("1001".into()));
        assert_eq!((rings.from, rings.display), (number("anonymous"), None));
    }
}

#[tokio::test]
async fn a_stranger_is_challenged_and_never_reaches_a_number() {
    let mut house = House::open().await;
    let mut stranger = Peer::at(1, "1001", house.handle.phones()).await;
    let invite = stranger.invite("4008001234", "c1");
    let answer = stranger.ask(&invite).await;
    assert_eq!(answer.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    stranger.acknowledge_refusal(&invite, &answer).await;
    let guess = stranger.with_credentials(invite, &answer, ("guess", Algorithm::Sha256));
    let answer = stranger.ask(&guess).await;
    assert_eq!(answer.status, StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    assert!(house.is_quiet());
}

#[tokio::test]
async fn the_trunk_listener_knows_its_trunks_by_address_alone() {
    let mut house = House::open().await;
    let mut stranger = Peer::at(3, "1001", house.handle.trunks()).await;
    let invite = stranger.invite("4008001234", "c1");
    assert_eq!(stranger.ask(&invite).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.counted(Counted::UnknownTrunk), 1);
    assert!(house.is_quiet());
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let invite = carrier.invite("4008001234", "c2");
    carrier.send(&invite.to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!(rings.origin, Origin::Trunk("carrier".into()));
    assert_eq!((rings.from, rings.to), (number("13800138000"), number("4008001234")));
    assert_eq!(rings.offer.unwrap().address, (carrier.address().ip(), 40_000).into());
}

#[tokio::test]
async fn a_trunk_is_believed_about_who_calls_and_a_phone_is_not() {
    let mut house = House::open().await;
    let mut carrier = Peer::at(2, "anonymous", house.handle.trunks()).await;
    let mut invite = carrier.invite("4008001234", "c1");
    let asserted = "\"王芳\" <sip:+8613800138000@carrier.cn;user=phone>";
    invite.headers.push(HeaderName::PAssertedIdentity, asserted);
    carrier.send(&invite.to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!((rings.from, rings.display), (number("+8613800138000"), Some("王芳".into())));
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    let mut invite = phone.invite("4008001234", "c2");
    invite.headers.push(HeaderName::PAssertedIdentity, asserted);
    let challenged = phone.ask(&invite).await;
    let invite = phone.with_credentials(invite, &challenged, ("secret", Algorithm::Sha256));
    phone.send(&invite.to_bytes()).await;
    let (_, rings) = house.rings_in().await;
    assert_eq!((rings.origin, rings.from), (Origin::Phone("1001".into()), number("1001")));
}

#[tokio::test]
async fn a_caller_who_wants_not_to_be_shown_is_not() {
    for (privacy, from) in
        [("id", "anonymous"), ("header;critical", "anonymous"), ("none", "13800138000")]
    {
        let mut house = House::open().await;
        let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
        let mut invite = carrier.invite("4008001234", "hidden");
        invite.headers.push(HeaderName::PAssertedIdentity, "\"王芳\" <sip:13800138000@carrier.cn>");
        invite.headers.push(HeaderName::Privacy, privacy);
        carrier.send(&invite.to_bytes()).await;
        let (_, rings) = house.rings_in().await;
        assert_eq!(rings.from, number(from), "{privacy}");
        assert_eq!(rings.display.is_some(), privacy == "none");
    }
}

#[tokio::test]
async fn anybody_may_ask_for_options_and_gets_them() {
    let house = House::open().await;
    let mut anybody = Peer::at(3, "x", house.handle.phones()).await;
    let options = anybody.request("OPTIONS", "sip:400.example.cn", "o1");
    let answer = anybody.ask(&options).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.headers.lists(&HeaderName::Allow, "INVITE"));
    assert!(answer.headers.lists(&HeaderName::Accept, "application/sdp"));
    let message = anybody.request("MESSAGE", "sip:400.example.cn", "o2");
    let answer = anybody.ask(&message).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.headers.has(&HeaderName::Reason));
}

#[tokio::test]
async fn after_hostile_datagrams_the_next_call_is_served() {
    let mut house = House::open().await;
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let whole = carrier.invite("4008001234", "hostile").to_bytes();
    for cut in (0..whole.len()).step_by(7) {
        carrier.send(&whole[..cut]).await;
        let mut torn = whole.clone();
        torn[cut] ^= 0x80;
        torn.truncate(whole.len() - cut % 5);
        carrier.send(&torn).await;
    }
    for octets in [&b""[..], b"\r\n\r\n", b"\0\0\0\0", &[0xff; 1400], b"INVITE  SIP/2.0\r\n\r\n"] {
        carrier.send(octets).await;
    }
    let mut caller = Peer::at(2, "13900139000", house.handle.trunks()).await;
    let invite = caller.invite("4008001234", "next");
    caller.send(&invite.to_bytes()).await;
    loop {
        let (_, rings) = house.rings_in().await;
        if rings.sip_call_id == "next" {
            break;
        }
    }
    assert!(house.counted(Counted::Malformed) > 20);
}

#[tokio::test]
async fn an_account_that_is_gone_takes_its_bindings_with_it() {
    let mut house = House::open().await;
    let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
    phone.registered().await;
    assert_eq!(house.bindings().await, ("1001".into(), 1));
    let others = ["1002"].map(crate::house::account).into_iter().collect();
    house.handle.replace_accounts(others).await.unwrap();
    assert_eq!(house.bindings().await, ("1001".into(), 0));
    let request = phone.register("r2");
    let answer = phone.ask_with(request, ("secret", Algorithm::Sha256)).await;
    assert_eq!(
        (answer.status, answer.cseq().unwrap().method),
        (StatusCode::UNAUTHORIZED, Method::Register)
    );
}

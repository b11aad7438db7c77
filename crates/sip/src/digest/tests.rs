use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::*;
use model::Timestamp;

const REALM: &str = "400.example.cn";
const URI: &str = "sip:400.example.cn";
/// Where the phone is.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

#[test]
fn the_examples_of_rfc_7616_section_3_9_1_come_out() {
    let vectors = [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ];
    for (algorithm, expected) in vectors {
        let challenge = Challenge {
            realm: "http-auth@example.org".into(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
            opaque: Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS".into()),
            algorithm,
            stale: false,
            protected: true,
        };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".to_owned();
        let credentials = respond(
            &challenge,
            &password("Mufasa", "Circle of Life"),
            ("GET", "/dir/index.html"),
            Protected { nonce_count: 1, cnonce },
        );
        assert_eq!(credentials.unwrap().response, expected);
    }
}

#[test]
fn a_challenge_without_qop_gets_the_response_of_rfc_2069() {
    // The example of RFC 2617 §3.5 with its qop left out.
    let value = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    let challenge = Challenge::parse(value).unwrap();
    let login = password("Mufasa", "Circle Of Life");
    let half = Protected { nonce_count: 1, cnonce: "0a4f113b".into() };
    let credentials = respond(&challenge, &login, ("GET", "/dir/index.html"), half).unwrap();
    assert_eq!(credentials.response, "670fd8c2df070c60b045671b8b24ff02");
    assert_eq!(credentials.protection, None);
}

#[test]
fn sha_256_is_offered_before_md5() {
    let mut server = server();
    let challenges = server.challenges(None, HERE, at(0));
    let algorithms = challenges.each_ref().map(|challenge| challenge.algorithm);
    assert_eq!(algorithms, [Algorithm::Sha256, Algorithm::Md5]);
    let text = challenges[0].to_string();
    assert!(text.starts_with("Digest realm=\"400.example.cn\", nonce=\""), "{text}");
    assert!(text.ends_with("algorithm=SHA-256, qop=\"auth\""), "{text}");
}

#[test]
fn the_right_secret_is_let_in_with_either_algorithm() {
    for algorithm in Algorithm::OFFERED {
        let mut server = server();
        let credentials = answered(&mut server, algorithm, "secret", at(0));
        assert_eq!(attempt(&mut server, &credentials, at(1)), Ok(()));
    }
}

#[test]
fn a_wrong_secret_and_an_unknown_user_are_denied() {
    let mut server = server();
    let wrong = answered(&mut server, Algorithm::Sha256, "guess", at(0));
    assert_eq!(attempt(&mut server, &wrong, at(1)), Err(Denial::WrongSecret));
    let request = Attempt { method: "REGISTER", uri: URI, credentials: &wrong };
    assert_eq!(server.check(&request, None, at(1)), Err(Denial::UnknownUser));
    let md5_alone = [Ha1::of(Algorithm::Md5, "1001", REALM, "secret")];
    assert_eq!(server.check(&request, Some(&md5_alone), at(1)), Err(Denial::UnknownUser));
}

#[test]
fn a_nonce_past_its_lifetime_is_stale_and_a_new_one_may_be_tried_at_once() {
    let mut server = server();
    let old = answered(&mut server, Algorithm::Sha256, "secret", at(0));
    let denial = attempt(&mut server, &old, at(301)).unwrap_err();
    assert_eq!(denial, Denial::Stale);
    let [challenge, _] = server.challenges(Some(denial), HERE, at(301));
    assert!(challenge.stale && challenge.to_string().contains("stale=true"));
    let credentials = answer(&challenge, "secret", 1);
    assert_eq!(attempt(&mut server, &credentials, at(302)), Ok(()));
}

#[test]
fn a_wrong_secret_over_an_old_nonce_is_not_called_stale() {
    let mut server = server();
    let old = answered(&mut server, Algorithm::Md5, "guess", at(0));
    assert_eq!(attempt(&mut server, &old, at(301)), Err(Denial::WrongSecret));
}

#[test]
fn a_nonce_that_we_did_not_make_is_stale() {
    let mut server = server();
    let mut other = Authenticator::new(REALM, NonceSettings::default(), NonceKey::new([9; 32]));
    let foreign = answered(&mut other, Algorithm::Sha256, "secret", at(0));
    assert_eq!(attempt(&mut server, &foreign, at(1)), Err(Denial::Stale));
    let [mut challenge, _] = server.challenges(None, HERE, at(0));
    for nonce in ["", "x", "好好好好好好好好好好", &challenge.nonce.clone()[..40]] {
        challenge.nonce = nonce.to_owned();
        let credentials = answer(&challenge, "secret", 1);
        assert_eq!(attempt(&mut server, &credentials, at(1)), Err(Denial::Stale));
    }
}

#[test]
fn whoever_makes_a_nonce_up_learns_nothing_of_secrets_and_users() {
    let mut server = server();
    let mut other = Authenticator::new(REALM, NonceSettings::default(), NonceKey::new([9; 32]));
    for secret in ["secret", "guess"] {
        let foreign = answered(&mut other, Algorithm::Sha256, secret, at(0));
        assert_eq!(attempt(&mut server, &foreign, at(1)), Err(Denial::Stale));
        let request = Attempt { method: "REGISTER", uri: URI, credentials: &foreign };
        assert_eq!(server.check(&request, None, at(1)), Err(Denial::Stale));
    }
}

#[test]
fn a_nonce_shows_to_whom_it_was_given_and_is_good_from_anywhere() {
    let mut server = server();
    let mut credentials = answered(&mut server, Algorithm::Sha256, "secret", at(0));
    assert!(server.gave(&credentials, HERE));
    assert!(!server.gave(&credentials, "203.0.113.8".parse().unwrap()));
    assert_eq!(attempt(&mut server, &credentials, at(1)), Ok(()));
    // The mark of one nonce is no good in another.
    let [elsewhere, _] = server.challenges(None, "203.0.113.8".parse().unwrap(), at(0));
    credentials.nonce.replace_range(24..32, &elsewhere.nonce[24..32]);
    assert!(!server.gave(&credentials, "203.0.113.8".parse().unwrap()));
}

#[test]
fn a_nonce_from_the_future_is_stale() {
    let mut server = server();
    let credentials = answered(&mut server, Algorithm::Sha256, "secret", at(100));
    assert_eq!(attempt(&mut server, &credentials, at(50)), Err(Denial::Stale));
}

#[test]
fn a_captured_request_cannot_be_replayed() {
    let mut server = server();
    let [challenge, _] = server.challenges(None, HERE, at(0));
    let verdicts = [1, 1, 3, 2, 2, 3, 0, 100, 36, 35, 99].map(|count| {
        let credentials = answer(&challenge, "secret", count);
        attempt(&mut server, &credentials, at(1)).is_ok()
    });
    let expected = [true, false, true, true, false, false, false, true, true, false, true];
    assert_eq!(verdicts, expected);
}

#[test]
fn what_is_remembered_of_nonces_is_bounded_and_what_is_forgotten_is_stale() {
    let settings = NonceSettings { remembered: 3, ..NonceSettings::default() };
    let mut server = Authenticator::new(REALM, settings, NonceKey::new([7; 32]));
    let used: Vec<_> = (0..10)
        .map(|second| {
            let credentials = answered(&mut server, Algorithm::Md5, "secret", at(second));
            assert_eq!(attempt(&mut server, &credentials, at(second)), Ok(()));
            credentials
        })
        .collect();
    assert_eq!(server.remembered(), 3);
    for credentials in &used {
        assert_eq!(attempt(&mut server, credentials, at(10)), Err(Denial::Stale));
    }
    let fresh = answered(&mut server, Algorithm::Md5, "secret", at(10));
    assert_eq!(attempt(&mut server, &fresh, at(10)), Ok(()));
}

#[test]
fn old_nonces_are_forgotten_with_time() {
    let mut server = server();
    for second in [0, 1, 400] {
        let credentials = answered(&mut server, Algorithm::Md5, "secret", at(second));
        assert_eq!(attempt(&mut server, &credentials, at(second)), Ok(()));
    }
    assert_eq!(server.remembered(), 1);
}

#[test]
fn credentials_for_another_request_uri_or_method_are_denied() {
    let mut server = server();
    let credentials = answered(&mut server, Algorithm::Md5, "secret", at(0));
    let secrets = secrets();
    let other =
        Attempt { method: "REGISTER", uri: "sip:10086@elsewhere", credentials: &credentials };
    assert_eq!(server.check(&other, Some(&secrets), at(1)), Err(Denial::OtherUri));
    let other = Attempt { method: "INVITE", uri: URI, credentials: &credentials };
    assert_eq!(server.check(&other, Some(&secrets), at(1)), Err(Denial::WrongSecret));
}

#[test]
fn an_equivalent_spelling_of_the_request_uri_is_the_same_resource() {
    let mut server = server();
    let credentials = answered(&mut server, Algorithm::Md5, "secret", at(0));
    let spelled =
        Attempt { method: "REGISTER", uri: "sip:400.EXAMPLE.cn", credentials: &credentials };
    assert_eq!(server.check(&spelled, Some(&secrets()), at(1)), Ok(()));
}

#[test]
fn credentials_without_qop_or_for_another_realm_are_denied() {
    let mut server = server();
    let mut bare = answered(&mut server, Algorithm::Md5, "secret", at(0));
    bare.protection = None;
    assert_eq!(attempt(&mut server, &bare, at(1)), Err(Denial::Unprotected));
    let mut other = answered(&mut server, Algorithm::Md5, "secret", at(0));
    other.realm = "elsewhere".into();
    assert_eq!(attempt(&mut server, &other, at(1)), Err(Denial::OtherRealm));
}

#[test]
fn a_client_answers_the_first_challenge_that_its_secrets_are_good_for() {
    let challenges = server().challenges(None, HERE, at(0));
    let anything = password("1001", "secret");
    assert_eq!(choose(&challenges, &anything).unwrap().algorithm, Algorithm::Sha256);
    let md5 = vec![Ha1::of(Algorithm::Md5, "1001", REALM, "secret")];
    let old = Login::Secrets { user: "1001".into(), secrets: md5 };
    assert_eq!(choose(&challenges, &old).unwrap().algorithm, Algorithm::Md5);
    let none = Login::Secrets { user: "1001".into(), secrets: Vec::new() };
    assert!(choose(&challenges, &none).is_none());
}

#[test]
fn headers_read_back_as_written_with_quotes_and_backslashes_in_them() {
    let mut server =
        Authenticator::new("呼叫\"中心\\", NonceSettings::default(), NonceKey::new([1; 32]));
    let [challenge, _] = server.challenges(Some(Denial::Stale), HERE, at(0));
    assert_eq!(Challenge::parse(&challenge.to_string()), Ok(challenge.clone()));
    let credentials = answer(&challenge, "secret", 0xabcd);
    assert_eq!(Credentials::parse(&credentials.to_string()), Ok(credentials));
}

#[test]
fn the_order_and_case_of_parameters_and_unknown_ones_do_not_matter() {
    let value = "dIgEsT response=\"ab\" ,URI=\"sip:a\",  nonce = n1, x-vendor=\"1,2=3\", Realm=\"\", \
                 username=\"1001\", nc=00000002, QOP=AUTH, cnonce=c, algorithm=sha-256";
    let credentials = Credentials::parse(value).unwrap();
    assert_eq!(credentials.algorithm, Algorithm::Sha256);
    assert_eq!(credentials.protection.unwrap().nonce_count, 2);
    assert_eq!((credentials.nonce.as_str(), credentials.realm.as_str()), ("n1", ""));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_reason() {
    let good = "username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"ab\"";
    let cases = [
        (String::new(), DigestError::Scheme),
        ("Basic dTpw".into(), DigestError::Scheme),
        ("Digest".into(), DigestError::Scheme),
        (format!("Digest {good}, realm=\"r2\""), DigestError::Syntax),
        (format!("Digest {good}, opaque=\"never closed"), DigestError::Syntax),
        (format!("Digest {good}, opaque=\"a\" b"), DigestError::Syntax),
        (format!("Digest {good}, opaque"), DigestError::Syntax),
        ("Digest username=\"u\"".into(), DigestError::Missing("realm")),
        (format!("Digest {good}, algorithm=MD5-sess"), DigestError::Algorithm),
        (format!("Digest {good}, algorithm=SHA-256-sess"), DigestError::Algorithm),
        (format!("Digest {good}, algorithm=SHA-512-256"), DigestError::Algorithm),
        (format!("Digest {good}, qop=auth-int, nc=00000001, cnonce=c"), DigestError::Qop),
        (format!("Digest {good}, qop=auth, cnonce=c"), DigestError::Missing("nc")),
        (format!("Digest {good}, qop=auth, nc=1, cnonce=c"), DigestError::NonceCount),
        (format!("Digest {good}, qop=auth, nc=0000000g, cnonce=c"), DigestError::NonceCount),
        (format!("Digest {good}, qop=auth, nc=00000001"), DigestError::Missing("cnonce")),
    ];
    for (value, expected) in cases {
        assert_eq!(Credentials::parse(&value), Err(expected), "{value}");
    }
    let many: String = (0..40).map(|n| format!(", p{n}=1")).collect();
    assert_eq!(Credentials::parse(&format!("Digest {good}{many}")), Err(DigestError::Syntax));
}

#[test]
fn a_stored_secret_must_have_the_digits_of_its_algorithm() {
    let secret = Ha1::of(Algorithm::Md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
    assert_eq!(secret.hex(), "939e7578ed9e3c518a452acee763bce9");
    assert_eq!(Ha1::from_hex(Algorithm::Md5, &secret.hex().to_uppercase()), Some(secret.clone()));
    assert_eq!(Ha1::from_hex(Algorithm::Sha256, secret.hex()), None);
    assert_eq!(Ha1::from_hex(Algorithm::Md5, &"g".repeat(32)), None);
    assert!(!format!("{secret:?}").contains("939e"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(value in "(Digest )?[ -~]{0,200}") {
        let _ = Credentials::parse(&value);
        let _ = Challenge::parse(&value);
    }
}

fn server() -> Authenticator {
    Authenticator::new(REALM, NonceSettings::default(), NonceKey::new([7; 32]))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000) + Duration::from_secs(seconds)
}

fn password(user: &str, password: &str) -> Login {
    Login::Password { user: user.into(), password: password.into() }
}

fn secrets() -> [Ha1; 2] {
    Algorithm::OFFERED.map(|algorithm| Ha1::of(algorithm, "1001", REALM, "secret"))
}

/// What phone 1001 sends in answer to a challenge of this moment.
fn answered(
    server: &mut Authenticator,
    algorithm: Algorithm,
    secret: &str,
    now: Timestamp,
) -> Credentials {
    let challenges = server.challenges(None, HERE, now);
    let challenge = challenges.iter().find(|challenge| challenge.algorithm == algorithm).unwrap();
    answer(challenge, secret, 1)
}

fn answer(challenge: &Challenge, secret: &str, nonce_count: u32) -> Credentials {
    let half = Protected { nonce_count, cnonce: "cn".into() };
    respond(challenge, &password("1001", secret), ("REGISTER", URI), half).unwrap()
}

fn attempt(
    server: &mut Authenticator,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<(), Denial> {
    let request = Attempt { method: "REGISTER", uri: URI, credentials };
    server.check(&request, Some(&secrets()), now)
}

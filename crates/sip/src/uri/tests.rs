use super::*;

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

#[test]
fn every_part_is_read_and_written_as_it_was() {
    for text in [
        "sip:4008001234@hotline.example.cn",
        "sips:1001:secret@pbx.example.cn:5071;transport=tls;lr?Subject=hi&Priority=urgent",
        "sip:[2001:db8::10]:5070",
        "sip:192.0.2.7",
        "tel:+86-400-800-1234;phone-context=+86",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "sip:*11%23@example.cn",
    ] {
        assert_eq!(uri(text).to_string(), text);
    }
}

#[test]
fn a_user_is_escaped_when_made_and_plain_when_asked() {
    let made = Uri::sip("*14#王", Host::Name("example.cn".into()));
    assert_eq!(made.to_string(), "sip:*14%23%E7%8E%8B@example.cn");
    assert_eq!(made.user_name().unwrap(), "*14#王");
}

#[test]
fn what_looks_like_a_parameter_before_the_at_sign_is_the_user() {
    let uri = uri("sip:user;par=u%40example.net@example.com");
    assert_eq!(uri.user_name().unwrap(), "user;par=u@example.net");
    assert!(uri.params.is_empty());
}

#[test]
fn a_port_inside_the_brackets_is_part_of_the_address() {
    assert_eq!(uri("sip:[2001:db8::10:5070]").port, None);
    assert_eq!(uri("sip:[2001:db8::10]:5070").port, Some(5070));
    assert_eq!(uri("sip:a@[2001:db8:::192.0.2.1]"), uri("sip:a@[2001:db8::192.0.2.1]"));
}

#[test]
fn malformed_uris_are_refused() {
    for text in [
        "",
        "sip:",
        "sip",
        "sip:@host",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "<sip:a@b>",
        "sip:2001:db8::10",
        "sip:[2001:db8::10",
        "sip:[::1]x",
        "sip:host:",
        "sip:host:99999",
        "sip:a%4@b",
        "sip:h;;lr",
        "tel:",
        "tel:abc-xyz",
        "1sip:a",
        ":a",
        "sip:ho st",
        "sip:a\u{0}@b",
    ] {
        assert!(text.parse::<Uri>().is_err(), "{text}");
    }
}

#[test]
fn a_uri_has_so_many_parameters_and_headers_and_no_more() {
    let list = |count: usize, between: &str| {
        (0..count).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join(between)
    };
    for scheme in ["sip:a@h;", "tel:+1;", "sip:a@h?"] {
        let between = if scheme.ends_with('?') { "&" } else { ";" };
        let of = |count| format!("{scheme}{}", list(count, between));
        assert!(of(32).parse::<Uri>().is_ok(), "{scheme}");
        assert!(of(33).parse::<Uri>().is_err(), "{scheme}");
    }
}

#[test]
fn uris_that_mean_the_same_are_equivalent() {
    for (one, two) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+86-400-800", "tel:+86400800"),
        ("sip:a@x;shift=day;shift=night", "sip:a@x;shift=night;shift=day"),
    ] {
        assert!(uri(one).is_equivalent(&uri(one)), "{one}");
        assert!(uri(one).is_equivalent(&uri(two)), "{one} {two}");
    }
}

#[test]
fn uris_that_may_mean_different_things_are_not_equivalent() {
    for (one, two) in [
        ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a%3Bb@x", "sip:a;b@x"),
        ("sip:a@x;shift=day;shift=night", "sip:a@x;shift=day"),
        ("sip:a@x", "sips:a@x"),
        ("sip:x", "sip:a@x"),
    ] {
        assert!(!uri(one).is_equivalent(&uri(two)), "{one} {two}");
    }
}

#[test]
fn the_port_defaults_by_scheme_and_transport() {
    assert_eq!(uri("sip:h").port_or_default(), 5060);
    assert_eq!(uri("sips:h").port_or_default(), 5061);
    assert_eq!(uri("sip:h;transport=TLS").port_or_default(), 5061);
    assert_eq!(uri("sip:192.0.2.1:7000").address(), Some("192.0.2.1:7000".parse().unwrap()));
}

#[test]
fn a_header_component_is_found_by_its_name_and_its_escapes_are_undone() {
    let refer_to =
        uri("sip:b@h;user=phone?Subject=a%3Db&replaces=1%40h%3Bto-tag%3Da%3Bfrom-tag%3Db");
    let dialog = refer_to.header("Replaces").unwrap();
    assert_eq!(dialog, b"1@h;to-tag=a;from-tag=b");
    assert_eq!(refer_to.header("Subject").unwrap(), b"a=b");
    assert_eq!(refer_to.header("Body"), None);
    assert_eq!(uri("sip:b@h?Replaces").header("Replaces"), None);
    assert_eq!(uri("sip:b@h").header("Replaces"), None);
}

#[test]
fn an_address_is_written_as_it_is_read() {
    for octet in 0..=255 {
        let ip = std::net::Ipv4Addr::new(octet, 255 - octet, octet / 2, 10);
        assert_eq!(Host::Ip(ip.into()).to_string(), ip.to_string());
    }
}

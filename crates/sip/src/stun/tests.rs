use super::*;

/// The sample request (RFC 5769 §2.1).
const SAMPLE: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\
    \xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
    \x80\x22\x00\x10STUN test client\
    \x00\x24\x00\x04\x6e\x00\x01\xff\
    \x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\
    \x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20\
    \x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\
    \xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\
    \x80\x28\x00\x04\xe5\x7a\x3b\xcf";
/// The mapped addresses of the sample responses (RFC 5769 §2.2, §2.3).
const MAPPED_V4: &[u8] = b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43";
const MAPPED_V6: &[u8] = b"\x00\x20\x00\x14\x00\x02\xa1\x47\
    \x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9";

/// A request of the sample's transaction with these attributes.
fn request(attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    [b"\x00\x01", &length[..], &SAMPLE[4..20], attributes].concat()
}

fn answer(octets: &[u8], source: &str) -> Vec<u8> {
    BindingRequest::parse(octets).unwrap().answer(source.parse().unwrap())
}

#[test]
fn who_asks_is_told_where_it_is_seen() {
    for (source, length, mapped) in [
        ("192.0.2.1:32853", 12, MAPPED_V4),
        ("[::ffff:192.0.2.1]:32853", 12, MAPPED_V4),
        ("[2001:db8:1234:5678:11:2233:4455:6677]:32853", 24, MAPPED_V6),
    ] {
        let head = [b"\x01\x01\x00", &[length][..], &SAMPLE[4..20]].concat();
        assert_eq!(answer(&request(b""), source), [&head, mapped].concat(), "{source}");
    }
}

#[test]
fn what_may_be_passed_over_is() {
    let software = b"\x80\x22\x00\x05phone\0\0\0";
    let credentials = b"\x00\x06\x00\x02me\0\0";
    let plain = answer(&request(b""), "192.0.2.1:32853");
    let asked = request(&[&software[..], credentials].concat());
    assert_eq!(answer(&asked, "192.0.2.1:32853"), plain);
}

#[test]
fn what_must_be_understood_and_is_not_is_refused_by_name() {
    let refused = answer(SAMPLE, "192.0.2.1:32853");
    let head = [b"\x01\x11\x00\x24", &SAMPLE[4..20]].concat();
    let error = b"\x00\x09\x00\x15\x00\x00\x04\x14Unknown Attribute\0\0\0";
    let unknown = b"\x00\x0a\x00\x02\x00\x24\0\0";
    assert_eq!(refused, [&head[..], error, unknown].concat());
}

#[test]
fn what_only_looks_like_a_request_is_none() {
    let sound = request(b"\x80\x22\x00\x05phone\0\0\0");
    assert!(BindingRequest::parse(&sound).is_some());
    for size in 0..sound.len() {
        assert_eq!(BindingRequest::parse(&sound[..size]), None, "{size} octets of it");
    }
    let longer = [&sound[..], b"\0"].concat();
    let without_cookie = [&sound[..4], b"\0\0\0\0", &sound[8..]].concat();
    let indication = [b"\x00\x11", &sound[2..]].concat();
    let beyond_its_end = request(b"\x80\x22\x00\x09phone\0\0\0");
    let half_a_head = request(b"\x80\x22");
    for octets in [longer, without_cookie, indication, beyond_its_end, half_a_head] {
        assert_eq!(BindingRequest::parse(&octets), None, "{octets:x?}");
    }
}

use super::*;

fn invite() -> Request {
    let mut invite =
        Request::new(Method::Invite, "sip:4008001234@hotline.example.cn".parse().unwrap());
    for (name, value) in [
        (HeaderName::Via, "SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2"),
        (HeaderName::Via, "SIP/2.0/UDP c;branch=z9hG4bK3"),
        (HeaderName::MaxForwards, "70"),
        (HeaderName::From, "<sip:13800138000@carrier.example.cn>;tag=a"),
        (HeaderName::To, "<sip:4008001234@hotline.example.cn>"),
        (HeaderName::CallId, "1@carrier"),
        (HeaderName::CSeq, "1 INVITE"),
        (HeaderName::Timestamp, "54"),
    ] {
        invite.headers.push(name, value);
    }
    invite
}

#[test]
fn a_response_carries_what_identifies_the_request() {
    let response = invite().response(StatusCode::BUSY_HERE);
    assert_eq!(
        String::from_utf8(response.to_bytes()).unwrap(),
        "SIP/2.0 486 Busy Here\r\n\
         Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\r\n\
         Via: SIP/2.0/UDP c;branch=z9hG4bK3\r\n\
         From: <sip:13800138000@carrier.example.cn>;tag=a\r\n\
         To: <sip:4008001234@hotline.example.cn>\r\n\
         Call-ID: 1@carrier\r\n\
         CSeq: 1 INVITE\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn trying_gives_the_timestamp_back() {
    let response = invite().response(StatusCode::TRYING);
    assert_eq!(response.headers.text(&HeaderName::Timestamp), Some("54"));
}

#[test]
fn the_writer_states_the_length_of_the_body() {
    let mut invite = invite();
    invite.headers.push(HeaderName::ContentLength, "99");
    invite.body = b"abc".to_vec();
    let text = String::from_utf8(invite.to_bytes()).unwrap();
    assert!(text.ends_with("\r\nContent-Length: 3\r\n\r\nabc"), "{text}");
    assert_eq!(text.matches("Content-Length").count(), 1);
}

#[test]
fn a_phrase_cannot_make_another_line() {
    let response = invite().response(StatusCode::OK).with_reason("fine\r\nVia: x");
    assert!(response.to_bytes().starts_with(b"SIP/2.0 200 fine  Via: x\r\nVia: SIP"));
}

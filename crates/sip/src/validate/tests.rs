use super::*;
use crate::message::Message;

const OURS: Abilities<'_> = Abilities {
    methods: &[Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Register],
    extensions: &["100rel"],
    content_types: &["application/sdp"],
    answers_with: "application/sdp",
};

/// An INVITE in which fields of these names stand instead of its own.
fn invite(fields: &str) -> Request {
    let mut text = "INVITE sip:4008001234@hotline.example.cn SIP/2.0\r\n".to_owned();
    for line in [
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        "Max-Forwards: 70",
        "From: <sip:13800138000@carrier.example.cn>;tag=a",
        "To: <sip:4008001234@hotline.example.cn>",
        "Call-ID: 1@carrier",
        "CSeq: 1 INVITE",
    ] {
        let name = line.split(':').next().unwrap();
        if !fields.split("\r\n").any(|field| field.split(':').next() == Some(name)) {
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    text.push_str(fields);
    text.push_str("\r\n\r\n");
    match Message::parse(text.as_bytes()).unwrap() {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    }
}

fn status(outcome: Result<(), Violation>) -> u16 {
    outcome.map_or_else(|violation| violation.status.code(), |()| 200)
}

#[test]
fn a_field_that_must_be_there_once_is_missed_and_not_wanted_twice() {
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let mut request = invite("X: y");
        request.headers.remove(&HeaderName::from(name));
        assert_eq!(status(validate(&request)), 400, "{name}");
    }
    for name in ["From", "To", "Call-ID", "CSeq", "Max-Forwards"] {
        let mut request = invite("X: y");
        let name = HeaderName::from(name);
        let value = request.headers.first(&name).unwrap().to_vec();
        request.headers.push(name, value);
        assert_eq!(status(validate(&request)), 400);
    }
}

#[test]
fn a_request_of_rfc_2543_without_max_forwards_branch_and_tag_is_taken() {
    let mut request = invite("Via: SIP/2.0/UDP 192.0.2.1\r\nFrom: <sip:a@b>");
    request.headers.remove(&HeaderName::MaxForwards);
    assert_eq!(status(validate(&request)), 200);
}

#[test]
fn fields_that_cannot_be_read_are_refused() {
    for field in [
        "Via: SIP/2.0/UDP 192.0.2.15;;,;,,",
        "From: \"open <sip:a@b>;tag=1",
        "To: Bell, A <sip:a@b>",
        "Contact: sip:a@b?Route=%3Csip:x%3E",
        "Contact: <sip:a@b>;;;",
        "Max-Forwards: 300",
        "CSeq: 36893488147419103232 INVITE",
        "CSeq: 1 OPTIONS",
        "Call-ID: a b",
        "Route: sip:a b",
    ] {
        assert_eq!(status(validate(&invite(field))), 400, "{field}");
    }
}

#[test]
fn an_unknown_method_that_cseq_contradicts_is_not_implemented() {
    let mut request = invite("CSeq: 8 INVITE");
    request.method = Method::Other("NEWMETHOD".into());
    assert_eq!(status(validate(&request)), 501);
}

#[test]
fn what_we_cannot_do_is_refused_with_what_we_can() {
    let answer = |request: &Request| admit(request, &OURS).unwrap_err().response(request);
    let required = answer(&invite("Require: 100rel, timer\r\nRequire: sec-agree"));
    assert_eq!(required.status, StatusCode::BAD_EXTENSION);
    assert_eq!(required.headers.text(&HeaderName::Unsupported), Some("timer, sec-agree"));

    let mut odd = invite("Content-Type: application/x-call");
    odd.body = b"x".to_vec();
    let answered = answer(&odd);
    assert_eq!(answered.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(answered.headers.text(&HeaderName::Accept), Some("application/sdp"));
    odd.headers.push(HeaderName::ContentDisposition, "session;handling=optional");
    assert_eq!(admit(&odd, &OURS), Ok(()));

    let mut publish = invite("CSeq: 1 PUBLISH");
    publish.method = Method::Publish;
    let refused = answer(&publish);
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    let allow = refused.headers.text(&HeaderName::Allow);
    assert_eq!(allow, Some("INVITE, ACK, BYE, CANCEL, REGISTER"));
}

#[test]
fn other_schemes_and_answers_nobody_reads_are_refused() {
    let mut request = invite("Accept: text/nobodyKnowsThis");
    assert_eq!(status(admit(&request, &OURS)), 406);
    request.headers.push(HeaderName::Accept, "application/*;q=0.1");
    assert_eq!(status(admit(&request, &OURS)), 200);
    request.uri = "nobodyKnowsThisScheme:totallyopaquecontent".parse().unwrap();
    assert_eq!(status(admit(&request, &OURS)), 416);
}

#[test]
fn a_refusal_tells_why() {
    let request = invite("CSeq: 1 BYE");
    let response = validate(&request).unwrap_err().response(&request);
    assert_eq!(
        response.headers.text(&HeaderName::Reason),
        Some("SIP;cause=400;text=\"CSeq: method is not the request's\"")
    );
}

#[test]
fn a_response_that_strayed_is_dropped() {
    let mut response = invite("X: y").response(StatusCode::OK);
    assert_eq!(validate_response(&response), Ok(()));
    response.headers.push(HeaderName::Via, "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2");
    assert!(validate_response(&response).is_err());
}

use model::{
    Codec, CodecChoice, Direction, Dtls, Fingerprint, IceCredentials, MediaDescription, Rtcp, Sdes,
    Security, Setup, SrtpKey, SrtpSuite,
};

use super::*;

const ORIGIN: SdpOrigin = SdpOrigin { session_id: 7, version: 1 };

/// A description with these lines after its head.
fn sdp(lines: &str) -> Vec<u8> {
    let head = "v=0\no=- 1 1 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\n";
    format!("{head}{lines}").replace('\n', "\r\n").into_bytes()
}

fn read(lines: &str) -> MediaDescription {
    parse_description(&sdp(lines)).unwrap()
}

fn refusal(lines: &str) -> (u16, &'static str) {
    let error = parse_description(&sdp(lines)).unwrap_err();
    (error.status().code(), error.what())
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap().replace("\r\n", "\n")
}

fn ours() -> MediaDescription {
    MediaDescription::ours("198.51.100.1:20000".parse().unwrap())
}

#[test]
fn a_plain_offer_is_read() {
    let read = read(
        "m=audio 40000 RTP/AVP 8 0 96 101\na=rtpmap:8 PCMA/8000\na=rtpmap:96 opus/48000/2\n\
         a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=sendrecv\n",
    );
    assert_eq!(
        read,
        MediaDescription {
            telephone_event: Some(101),
            ..MediaDescription::ours("192.0.2.7:40000".parse().unwrap())
        }
    );
}

#[test]
fn codecs_go_by_name_and_clock_rate_not_by_number() {
    let read = read(
        "m=audio 40000 RTP/AVP 97 8 98 99\na=rtpmap:97 pcmu/8000/1\na=rtpmap:8 G726-32/8000\n\
         a=rtpmap:98 PCMA/16000\na=rtpmap:99 PCMU/8000\n",
    );
    assert_eq!(read.codecs, [CodecChoice { codec: Codec::Pcmu, payload_type: 97 }]);
    assert_eq!(read.telephone_event, None);
}

#[test]
fn events_of_another_clock_rate_are_not_ours() {
    let read = read(
        "m=audio 40000 RTP/AVP 8 110 126\na=rtpmap:110 telephone-event/48000\n\
         a=rtpmap:126 telephone-event/8000\n",
    );
    assert_eq!(read.telephone_event, Some(126));
}

#[test]
fn a_direction_of_the_stream_outweighs_the_sessions() {
    assert_eq!(read("a=sendonly\nm=audio 4 RTP/AVP 0\n").direction, Direction::SendOnly);
    let both = "a=sendonly\nm=audio 4 RTP/AVP 0\na=recvonly\n";
    assert_eq!(read(both).direction, Direction::RecvOnly);
    assert_eq!(read("m=audio 4 RTP/AVP 0\na=inactive\n").direction, Direction::Inactive);
}

#[test]
fn an_address_of_zeros_is_a_hold() {
    let held = read("m=audio 4 RTP/AVP 0\nc=IN IP4 0.0.0.0\n");
    assert_eq!(held.direction, Direction::SendOnly);
    assert!(!held.direction.receives());
    let held = read("m=audio 4 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=recvonly\n");
    assert_eq!(held.direction, Direction::Inactive);
}

#[test]
fn an_ipv6_stream_is_read_and_written() {
    let read = read("m=audio 4 RTP/AVP 0\nc=IN IP6 2001:db8::1\n");
    assert_eq!(read.address, "[2001:db8::1]:4".parse().unwrap());
    let body = text(write_offer(&read, None, ORIGIN));
    assert!(body.contains("c=IN IP6 2001:db8::1\n"), "{body}");
}

#[test]
fn the_first_stream_we_can_use_is_chosen() {
    let read = read(
        "m=audio 0 RTP/AVP 8\nm=video 5000 RTP/AVP 31\nm=audio 6000 RTP/SAVP 8\n\
         m=audio 7000 RTP/AVP 0\n",
    );
    assert_eq!(read.address.port(), 7000);
}

#[test]
fn what_we_do_not_do_is_refused_with_488() {
    for (lines, what) in [
        ("m=video 4 RTP/AVP 31\n", "no audio stream"),
        ("", "no audio stream"),
        ("m=audio 0 RTP/AVP 0\n", "audio stream is refused"),
        ("m=audio 4 TCP/RTP/AVP 0\n", "audio stream is neither RTP nor SRTP"),
        ("m=audio 4 RTP/SAVP 0\n", "audio stream has no key of a suite we speak"),
        ("m=audio 4 UDP/TLS/RTP/SAVPF 0\n", "audio stream has no fingerprint"),
        (
            "m=audio 4 UDP/TLS/RTP/SAVP 0\na=fingerprint:sha-1 AB:CD\n",
            "fingerprint of the audio stream is not by SHA-256",
        ),
        ("m=audio 4 RTP/AVP 18\n", "audio stream has no codec we speak"),
        ("m=audio 4 RTP/AVP 0\nc=IN IP4 host.example.cn\n", "address is no IP address"),
        ("m=audio 4 RTP/AVP 0\nc=IN IP4 224.2.1.1/127\n", "address is multicast"),
    ] {
        assert_eq!(refusal(lines), (488, what));
    }
}

#[test]
fn what_is_no_description_is_refused_with_400() {
    let status = |body: &[u8]| parse_description(body).unwrap_err().status().code();
    assert_eq!(status(b""), 400);
    assert_eq!(status(b"hello"), 400);
    assert_eq!(
        status(b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\n"),
        400
    );
    assert_eq!(refusal(&"m=audio 0 RTP/AVP 0\n".repeat(100)).0, 400);
}

#[test]
fn octets_that_are_no_utf_8_do_no_harm() {
    let mut body = b"v=0\r\no=\xcd\xf5 1 1 IN IP4 192.0.2.7\r\ns=\xb7\xbc\r\n".to_vec();
    body.extend_from_slice(b"c=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4 RTP/AVP 8\r\n");
    assert_eq!(parse_description(&body).unwrap().address.port(), 4);
}

#[test]
fn an_offer_says_what_we_do() {
    assert_eq!(
        text(write_offer(&ours(), None, ORIGIN)),
        "v=0\no=- 7 1 IN IP4 198.51.100.1\ns=-\nc=IN IP4 198.51.100.1\nt=0 0\n\
         m=audio 20000 RTP/AVP 8 0 101\na=rtpmap:8 PCMA/8000\na=rtpmap:0 PCMU/8000\n\
         a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=ptime:20\na=sendrecv\n"
    );
}

#[test]
fn an_offer_reads_back_as_what_was_written() {
    for direction in
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
    {
        let description = MediaDescription { direction, ..ours() };
        let body = write_offer(&description, None, ORIGIN);
        assert_eq!(parse_description(&body), Ok(description));
    }
}

#[test]
fn an_answer_has_the_streams_of_the_offer_in_their_order() {
    let offer = sdp("m=video 5000 RTP/AVP 31 34\na=rtpmap:31 H261/90000\n\
         m=audio 6000 RTP/AVP 97 120\na=rtpmap:97 PCMA/8000\na=rtpmap:120 telephone-event/8000\n\
         a=sendonly\nm=application 7 UDP/BFCP *\n");
    let answer = parse_description(&offer).unwrap().answer("198.51.100.1:20000".parse().unwrap());
    let body = text(write_answer(&answer, &offer, ORIGIN).unwrap());
    let from = body.find("m=").unwrap();
    assert_eq!(
        &body[from..],
        "m=video 0 RTP/AVP 31 34\nm=audio 20000 RTP/AVP 97 120\na=rtpmap:97 PCMA/8000\n\
         a=rtpmap:120 telephone-event/8000\na=fmtp:120 0-16\na=ptime:20\na=recvonly\n\
         m=application 0 UDP/BFCP *\n"
    );
}

#[test]
fn an_offer_with_feedback_is_answered_in_kind() {
    let offer = sdp("m=audio 6000 RTP/AVPF 8\n");
    let answer = parse_description(&offer).unwrap().answer("198.51.100.1:20000".parse().unwrap());
    let body = text(write_answer(&answer, &offer, ORIGIN).unwrap());
    assert!(body.contains("m=audio 20000 RTP/AVPF 8\n"), "{body}");
}

#[test]
fn a_later_offer_keeps_the_streams_agreed_on() {
    let previous = sdp("m=video 0 RTP/AVP 31\nm=audio 6000 RTP/AVP 8\n");
    let body = text(write_offer(&ours(), Some(&previous), ORIGIN));
    let streams: Vec<_> = body.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(streams, ["m=video 0 RTP/AVP 31", "m=audio 20000 RTP/AVP 8 0 101"]);
}

#[test]
fn an_offer_nobody_can_answer_gets_no_answer() {
    let error = write_answer(&ours(), &sdp("m=audio 4 RTP/SAVP 8\n"), ORIGIN).unwrap_err();
    assert_eq!(error.status(), StatusCode::NOT_ACCEPTABLE_HERE);
}

/// A key of sixteen octets of 1 and fourteen of 2, as SDP writes it.
const KEYING: &str = "AQEBAQEBAQEBAQEBAQEBAQICAgICAgICAgICAgIC";
/// Thirty-two octets of 171.
const PRINT: &str = "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:\
                     ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab";

fn sdes(tag: u32, suite: SrtpSuite) -> Security {
    let keying = [[1; 16].as_slice(), &[2; 14]].concat();
    Security::Sdes(Box::new(Sdes { tag, key: SrtpKey::new(suite, &keying).unwrap() }))
}

#[test]
fn the_first_key_we_can_use_is_taken() {
    let lines = format!(
        "m=audio 6000 RTP/SAVP 8\n\
         a=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEYING}\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEYING}|2^20|1:4\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEYING};inline:{KEYING}\n\
         a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEYING} UNENCRYPTED_SRTP\n\
         a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:AQEB\n\
         a=crypto:six AES_CM_128_HMAC_SHA1_80 inline:{KEYING}\n\
         a=crypto:7 aes_cm_128_hmac_sha1_32 inline:{KEYING}|2^31 WSH=128\n\
         a=crypto:8 AES_CM_128_HMAC_SHA1_80 inline:{KEYING}\n"
    );
    assert_eq!(read(&lines).security, sdes(7, SrtpSuite::AesCm128Sha1Tag32));
}

#[test]
fn an_offer_with_keys_is_answered_by_a_key_under_the_same_tag_and_transport() {
    let offer = sdp(&format!(
        "m=audio 6000 RTP/SAVP 8\na=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEYING}\n"
    ));
    let answer = parse_description(&offer).unwrap().answer("198.51.100.1:20000".parse().unwrap());
    let answer = answer.protected(sdes(4, SrtpSuite::AesCm128Sha1Tag80));
    let body = text(write_answer(&answer, &offer, ORIGIN).unwrap());
    assert!(body.contains("m=audio 20000 RTP/SAVP 8\n"), "{body}");
    let line = format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEYING}\n");
    assert!(body.contains(&line), "{body}");
}

#[test]
fn every_suite_reads_back_as_what_was_written() {
    for suite in SrtpSuite::ALL {
        let keying = vec![7; suite.key_length() + suite.salt_length()];
        let key = SrtpKey::new(suite, &keying).unwrap();
        let offer = ours().protected(Security::Sdes(Box::new(Sdes { tag: 1, key })));
        let body = write_offer(&offer, None, ORIGIN);
        assert!(text(body.clone()).contains("m=audio 20000 RTP/SAVP 8 0 101\n"));
        assert_eq!(parse_description(&body), Ok(offer));
    }
}

/// What a browser offers, shortened.
fn browser() -> Vec<u8> {
    let body = format!(
        "v=0\no=- 4611 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0\n\
         a=extmap-allow-mixed\na=msid-semantic: WMS\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 126\nc=IN IP4 0.0.0.0\na=rtcp:9 IN IP4 0.0.0.0\n\
         a=ice-ufrag:Xy+/\na=ice-pwd:0123456789abcdefABCDEF+/\na=ice-options:trickle\n\
         a=fingerprint:sha-256 {PRINT}\na=setup:actpass\na=mid:0\na=sendrecv\na=rtcp-mux\n\
         a=rtpmap:111 opus/48000/2\na=rtpmap:126 telephone-event/8000\n"
    );
    body.replace('\n', "\r\n").into_bytes()
}

#[test]
fn what_a_browser_offers_is_read_though_it_knows_no_address_yet() {
    let read = parse_description(&browser()).unwrap();
    let ice = IceCredentials {
        ufrag: "Xy+/".to_owned(),
        password: "0123456789abcdefABCDEF+/".to_owned(),
    };
    let fingerprint = Fingerprint([0xab; 32]);
    let dtls = Dtls { fingerprint, setup: Setup::ActPass, ice: Some(ice) };
    assert_eq!(read.security, Security::Dtls(Box::new(dtls)));
    assert_eq!((read.rtcp, read.direction), (Rtcp::Shared, Direction::SendRecv));
    assert_eq!(read.telephone_event, Some(126));
}

#[test]
fn a_browser_is_told_where_we_are_and_what_proves_it() {
    let offer = browser();
    let ice = IceCredentials { ufrag: "ours".to_owned(), password: "p".repeat(24) };
    let fingerprint = Fingerprint([0x0c; 32]);
    let dtls = Dtls { fingerprint, setup: Setup::Passive, ice: Some(ice) };
    let answer = parse_description(&offer).unwrap().answer("198.51.100.1:20000".parse().unwrap());
    let answer = answer.protected(Security::Dtls(Box::new(dtls)));
    let body = text(write_answer(&answer, &offer, ORIGIN).unwrap());
    for line in [
        "a=ice-lite\na=group:BUNDLE 0\nm=audio 20000 UDP/TLS/RTP/SAVPF 8 126\n",
        "a=rtcp-mux\n",
        "a=setup:passive\na=ice-ufrag:ours\n",
        "a=candidate:1 1 udp 2130706431 198.51.100.1 20000 typ host\na=end-of-candidates\n",
        "a=mid:0\n",
    ] {
        assert!(body.contains(line), "no {line:?} in {body}");
    }
    assert!(body.contains(&format!("a=fingerprint:sha-256 {}0C\n", "0C:".repeat(31))), "{body}");
}

#[test]
fn a_telephone_may_shake_hands_without_checking_the_path() {
    let lines =
        format!("a=fingerprint:SHA-256 {PRINT}\na=setup:active\nm=audio 6000 UDP/TLS/RTP/SAVP 8\n");
    let Security::Dtls(dtls) = read(&lines).security else { panic!() };
    assert_eq!((dtls.setup, dtls.ice), (Setup::Active, None));
    for (line, status) in [("a=setup:holdconn\n", 488), ("a=ice-ufrag:a b\na=ice-pwd:x\n", 400)] {
        assert_eq!(refusal(&format!("{lines}{line}")).0, status, "{line}");
    }
}

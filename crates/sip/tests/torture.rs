//! Hostile and odd messages: our own corpus, one message for each thing that RFC 4475 and
//! RFC 5118 test; the RFCs' own messages, where they are at hand; and ten thousand mutations.
//!
//! A verdict is what an endpoint does that knows of no call: `accept`, the status it refuses with, or
//! `drop`. A response is judged as one to a request that was sent.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test reads its corpus, says what was not run, and stops where it is broken"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use model::Timestamp;
use sip::endpoint::{
    Body, Destination, Endpoint, EndpointSettings, ListenerId, Order, Outgoing, Output, RequestId,
    Source, Transport,
};
use sip::sdp::parse_description;
use sip::{
    Contacts, Frame, Framer, Header, HeaderName, Limits, Message, Method, NameAddr, Request,
    Response, SessionId, StatusCode, Uri, validate,
};

const NOW: Timestamp = Timestamp::from_secs(1_000_000);
const US: &str = "192.0.2.1:5060";
const PEER: &str = "192.0.2.66:5060";

/// What an endpoint that has just begun does with a datagram: the door of the product, which every
/// message of a peer comes in by.
fn judge(datagram: &[u8]) -> String {
    let mut endpoint = Endpoint::new(EndpointSettings::listening([US.parse().unwrap()]), [7; 32]);
    match Message::parse(datagram) {
        Ok(Message::Response(response)) => return judge_response(&mut endpoint, response),
        Ok(Message::Request(request)) => {
            let judged = validate(&request);
            endpoint.receive_judged(request, judged, source(), NOW);
        }
        Err(error) => endpoint.receive_malformed(error, source()),
    }
    outcome(&mut endpoint)
}

/// What has become of the one request that came in.
fn outcome(endpoint: &mut Endpoint) -> String {
    let mut outcome = "drop".to_owned();
    while let Some(output) = endpoint.poll_output() {
        let Output::Send { bytes, .. } = output else { return "accept".to_owned() };
        match Message::parse(&bytes) {
            Ok(Message::Response(answer)) if answer.status.is_final() => {
                outcome = answer.status.to_string();
            }
            Ok(Message::Response(_)) => {}
            other => panic!("no response: {other:?}"),
        }
    }
    outcome
}

/// Whether a response is taken for the answer to a request of ours, whose branch it is given.
fn judge_response(endpoint: &mut Endpoint, mut response: Response) -> String {
    let method = response.cseq().map(|cseq| cseq.method);
    let branch = method.ok().and_then(|method| asked(endpoint, method));
    if let (Some(branch), Ok(mut via)) = (branch, response.headers.via()) {
        via.params.set("branch", &branch);
        response.headers.replace_top(HeaderName::Via, &via);
    }
    let is_taken = endpoint.receive_response(response, source(), NOW);
    if is_taken { "accept" } else { "drop" }.to_owned()
}

/// Sends a request of this method, where there is such; its branch.
fn asked(endpoint: &mut Endpoint, method: Method) -> Option<String> {
    let address = |of: &str| NameAddr::new(Uri::of_address(of.parse().unwrap()));
    let outgoing = Box::new(Outgoing {
        target: address(PEER).uri,
        destination: Destination::udp(ListenerId(0), PEER.parse().unwrap()),
        from: address(US),
        to: address(PEER),
        routes: Vec::new(),
        headers: Vec::new(),
        body: Some(Body::sdp(b"v=0".to_vec())),
        max_forwards: 70,
        attempt: None,
    });
    let order = if method == Method::Invite {
        Order::Invite { session: SessionId(1), outgoing }
    } else {
        Order::Request { request: RequestId(1), method, outgoing }
    };
    endpoint.order(order, NOW).ok()?;
    let Some(Output::Send { bytes, .. }) = endpoint.poll_output() else {
        panic!("nothing is sent")
    };
    let sent = Message::parse(&bytes).unwrap();
    sent.headers().via().unwrap().branch().map(str::to_owned)
}

fn source() -> Source {
    let (peer, local) = (PEER.parse().unwrap(), US.parse().unwrap());
    let (listener, transport) = (ListenerId(0), Transport::Udp);
    Source { listener, transport, connection: None, peer, local }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn message(name: &str) -> Vec<u8> {
    fs::read(corpus().join(name).with_extension("sip")).unwrap()
}

fn request(name: &str) -> Request {
    match Message::parse(&message(name)).unwrap() {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    }
}

fn response(name: &str) -> Response {
    match Message::parse(&message(name)).unwrap() {
        Message::Response(response) => response,
        Message::Request(request) => panic!("{request:?}"),
    }
}

/// Each line of the table: a message's name and its verdict.
fn verdicts() -> Vec<(String, String)> {
    let table = fs::read_to_string(corpus().join("verdicts.tsv")).unwrap();
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        (cells.next().unwrap(), cells.next().unwrap())
    };
    lines.map(row).collect()
}

#[test]
fn every_message_of_the_corpus_gets_its_verdict() {
    let given: Vec<_> =
        verdicts().iter().map(|(name, _)| (name.clone(), judge(&message(name)))).collect();
    assert_eq!(given, verdicts());
}

#[test]
fn every_message_has_a_row_in_the_table() {
    let mut files: Vec<_> = fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "sip"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut rows: Vec<_> = verdicts().into_iter().map(|(name, _)| name).collect();
    files.sort();
    rows.sort();
    assert_eq!(files, rows);
}

#[test]
fn what_can_be_read_is_written_so_that_it_reads_the_same() {
    for (name, _) in verdicts() {
        if let Ok(read) = Message::parse(&message(&name)) {
            assert_eq!(Message::parse(&read.to_bytes()), Ok(read), "{name}");
        }
    }
}

#[test]
fn folds_and_odd_spacing_change_nothing() {
    let request = request("folded-and-spaced");
    assert_eq!(request.to().unwrap().tag(), Some("4008n"));
    assert_eq!(request.from().unwrap().display_text(), "王芳 \\\"");
    assert_eq!(request.cseq().unwrap().number, 17);
    assert_eq!(request.max_forwards(), Ok(Some(42)));
    let branches: Vec<_> = request.headers.vias().unwrap();
    let branches: Vec<_> = branches.iter().filter_map(|via| via.branch()).collect();
    assert_eq!(branches, ["oldstyle", "z9hG4bKfold1", "z9hG4bKfold2"]);
    let contact = request.contact().unwrap().unwrap();
    assert_eq!((contact.q(), contact.params.value("newparam")), (Some(330), Some("newvalue")));
    assert_eq!(parse_description(&request.body).unwrap().address.port(), 30_000);
}

#[test]
fn every_legal_character_is_kept() {
    let request = request("every-legal-character");
    assert_eq!(request.method.as_str(), "Zz9-.!%*_+`'~call");
    assert_eq!(request.uri.user.as_deref(), Some("400_queue.~(vip!now)&isn't+it$/odd?,/;;*"));
    assert_eq!(request.to().unwrap().display_text(), "BEL:\u{7} NUL:\0 DEL:\u{7f}");
    let from = request.from().unwrap();
    assert_eq!(from.params.unquoted("param''~+*_!.-%").unwrap(), "坐席一号");
    assert_eq!(from.tag(), Some("_tag~1'+`*%!-."));
}

#[test]
fn escapes_are_undone_to_be_shown_and_kept_to_be_sent() {
    let request = request("escapes-in-uris");
    assert_eq!(request.uri.user_name().unwrap(), "sips:4008001234@hotline.example.cn");
    let to = request.to().unwrap().uri;
    assert_eq!(to.user_name().unwrap(), "4008001234");
    assert!(to.is_equivalent(&"sip:4008001234@hotline.example.cn".parse().unwrap()));
    let contact = request.contact().unwrap().unwrap().uri.to_string();
    assert_eq!(contact, "sip:1380%30138000@198.51.100.7;%6C%72;n%61me=v%61lue%25%34%31");
}

#[test]
fn an_escaped_nul_is_an_octet_like_any_other() {
    let request = request("escaped-nul");
    assert_eq!(request.to().unwrap().uri.user_name().unwrap(), "10\u{0}01");
    let Contacts::These(contacts) = request.contacts().unwrap() else { panic!("star") };
    assert!(!contacts[0].uri.is_equivalent(&contacts[1].uri));
}

#[test]
fn a_percent_sign_in_a_name_is_itself() {
    let request = request("percent-without-escape");
    assert_eq!(request.headers.all(&HeaderName::Contact).count(), 2);
    assert_eq!(request.from().unwrap().display_text(), "%Z%45");
}

#[test]
fn many_vias_under_many_spellings_are_one_list() {
    let request = request("long-values");
    assert_eq!(request.headers.vias().unwrap().len(), 35);
    assert_eq!(request.via().unwrap().host.to_string(), "hop40.example.cn");
}

#[test]
fn only_the_first_request_of_a_datagram_counts() {
    let request = request("two-requests-in-one-datagram");
    assert_eq!((request.method, request.body.len()), (Method::Register, 0));
}

#[test]
fn a_binary_body_is_kept() {
    let request = request("multipart-with-binary");
    assert!(request.body.windows(256).any(|octets| octets.iter().copied().eq(0..=255)));
}

#[test]
fn a_phrase_may_be_chinese_or_missing() {
    assert!(response("chinese-reason-phrase").reason.contains("坐席已接听"));
    assert_eq!(response("empty-reason-phrase").reason, "");
}

#[test]
fn a_route_escaped_in_a_contact_stays_there() {
    let request = request("contact-with-escaped-route");
    assert!(!request.headers.has(&HeaderName::Route));
    let contact = request.contact().unwrap().unwrap();
    assert_eq!(contact.uri.headers.as_deref(), Some("Route=%3Csip:edge.example.cn;lr%3E"));
}

#[test]
fn unknown_parameters_of_a_contact_and_of_its_uri_are_told_apart() {
    let contact = |name| request(name).contact().unwrap().unwrap();
    assert_eq!(contact("unknown-contact-parameter").params.value("shift"), Some("night"));
    assert!(contact("unknown-uri-parameter").uri.params.has("shift"));
}

#[test]
fn a_body_without_content_length_is_all_that_follows() {
    assert!(parse_description(&request("rfc-2543-invite").body).is_ok());
}

#[test]
fn a_name_in_gbk_leaves_as_it_came() {
    let request = request("gbk-display-name");
    assert_eq!(request.from().unwrap().display, b"\xcd\xf5\xb7\xbc\x83\\");
    let octets = b"\"\xcd\xf5\xb7\xbc\x83\\\" <sip:13800138000@carrier.example.cn>;tag=g1";
    let ringing = request.response(StatusCode::RINGING).to_bytes();
    assert!(ringing.windows(octets.len()).any(|window| window == octets));
}

#[test]
fn ipv6_addresses_are_read_where_they_stand() {
    assert_eq!(request("ipv6-port-inside").uri.port, None);
    assert_eq!(request("ipv6-port-outside").uri.port, Some(5070));
    let received = "2001:db8::9:255".parse().ok();
    for name in ["ipv6-received-in-brackets", "ipv6-received-bare"] {
        assert_eq!(request(name).via().unwrap().received(), received, "{name}");
    }
    assert_eq!(request("ipv6-three-colons").uri, request("ipv6-two-colons").uri);
    let media = |name| parse_description(&request(name).body).unwrap().address;
    assert_eq!(media("ipv6-in-sdp"), "[2001:db8::20]:30000".parse().unwrap());
    assert_eq!(media("ipv6-and-ipv4-streams"), "198.51.100.7:30000".parse().unwrap());
    assert_eq!(media("ipv6-mapped-ipv4"), "[::ffff:192.0.2.2]:30000".parse().unwrap());
}

#[test]
fn on_a_stream_a_length_nobody_can_trust_closes_the_connection_with_an_answer() {
    for name in ["content-length-negative", "two-content-lengths", "rfc-2543-invite"] {
        let mut framer = Framer::new(Limits::DEFAULT);
        framer.push(&message(name));
        let answer = framer.next_frame().unwrap_err().answer.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
    }
    let mut framer = Framer::new(Limits::DEFAULT);
    framer.push(&message("content-length-too-large"));
    assert_eq!(framer.next_frame(), Ok(None));
}

#[test]
fn on_a_stream_two_requests_in_one_piece_are_two_requests() {
    let mut framer = Framer::new(Limits::DEFAULT);
    framer.push(&message("two-requests-in-one-datagram"));
    let mut methods = Vec::new();
    while let Some(frame) = framer.next_frame().unwrap() {
        if let Frame::Message(message) = frame
            && let Message::Request(request) = *message
        {
            methods.push(request.method);
        }
    }
    assert_eq!(methods, [Method::Register, Method::Invite]);
}

/// The folder with the messages of this RFC, where it is at hand.
fn rfc_messages(rfc: &str) -> Option<BTreeMap<String, Vec<u8>>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let root = std::env::var_os("HOTLINE_RFC_CORPUS").map_or(beside, PathBuf::from);
    let Ok(folder) = fs::read_dir(root.join(rfc)) else {
        println!("not run: no folder {rfc} in {}", root.display());
        return None;
    };
    let paths = folder.map(|entry| entry.unwrap().path());
    let messages = paths.filter(|path| path.file_name().is_some_and(|name| name != "README.md"));
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    };
    Some(messages.map(read).collect())
}

/// `inv2543` names no Contact, without which there is no dialog (RFC 3261 §8.1.1.8); `wsinv` is of a
/// dialog that is not here.
const RFC_4475: &str = "
    badaspec 400    badbranch accept   baddate accept    baddn 400        badinv01 400
    badvers 505     bcast drop         bext01 420        bigcode drop     clerr 400
    cparam01 accept cparam02 accept    dblreq accept     esc01 accept     esc02 501
    escnull accept  escruri 400        insuf 400         intmeth 501      inv2543 400
    invut 415       longreq accept     ltgtruri 400      lwsdisp accept   lwsruri 400
    lwsstart 400    mcl01 400          mismatch01 400    mismatch02 501   mpart01 405
    multi01 400     ncl 400            noreason accept   novelsc 416      quotbal 400
    regaut01 accept regbadct 400       regescrt accept   scalar02 400     scalarlg drop
    sdp01 406       semiuri accept     transports accept trws 400         unkscm 416
    unksm2 accept   unreason accept    wsinv 481         zeromf accept
";

/// A BYE that could be read is refused all the same: there is no call to end.
const RFC_5118: &str = "
    ipv6-good accept                   ipv6-bad 400
    port-ambiguous accept              port-unambiguous accept
    via-received-param-with-delim 481
    via-received-param-no-delim accept
    ipv6-in-sdp accept                 mult-ip-in-header 481   
    mult-ip-in-sdp accept              ipv4-mapped-ipv6 accept
    ipv6-bug-abnf-3-colons accept      ipv6-correct-abnf-2-colons accept
";

fn expected(table: &str) -> BTreeMap<String, String> {
    let mut words = table.split_whitespace().map(str::to_owned);
    std::iter::from_fn(|| Some((words.next()?, words.next()?))).collect()
}

#[test]
fn the_messages_of_rfc_4475_get_their_verdicts() {
    let Some(mut messages) = rfc_messages("rfc4475") else { return };
    // In the archive, but no section of the RFC speaks of it: it must only do no harm.
    messages.remove("test").map(|octets| judge(&octets));
    let given: BTreeMap<_, _> =
        messages.iter().map(|(name, octets)| (name.clone(), judge(octets))).collect();
    assert_eq!(given, expected(RFC_4475));
}

#[test]
fn the_messages_of_rfc_5118_get_their_verdicts() {
    let Some(messages) = rfc_messages("rfc5118") else { return };
    let verdict = |(name, octets): (&String, &Vec<u8>)| (name.clone(), judge(&mended(octets)));
    let given: BTreeMap<_, _> = messages.iter().map(verdict).collect();
    assert_eq!(given, expected(RFC_5118));
}

/// The archive of RFC 5118 has bare line feeds, two messages without their empty line, and one
/// body shorter than its Content-Length says; nothing of that is what it tests.
fn mended(octets: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(octets.to_vec()).unwrap().replace('\n', "\r\n");
    let whole = if text.contains("\r\n\r\n") { text } else { text + "\r\n" };
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    let length = format!("Content-Length: {}", body.len());
    let head: Vec<_> = head
        .lines()
        .map(|line| if line.starts_with("Content-Length") { length.as_str() } else { line })
        .collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}

/// A small generator of our own, so that the mutations are the same everywhere and always.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

const SPICES: [&[u8]; 16] = [
    b"\r\n",
    b"\n",
    b"\r\n ",
    b"\0",
    b"\"",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"%",
    b"=",
    b"@",
    b"[",
    b"\xff\xfe",
    b"99999999999999999999",
];

fn mutated(seed: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut octets = seed.to_vec();
    for _ in 0..=chance.below(6) {
        let at = chance.below(octets.len() + 1);
        let to = (at + chance.below(40)).min(octets.len());
        match chance.below(6) {
            0 => octets[at.min(seed.len() / 2)..]
                .iter_mut()
                .take(1)
                .for_each(|it| *it ^= 1 << chance.below(8)),
            1 => drop(octets.drain(at..to)),
            2 => octets.truncate(at),
            3 => {
                let copy = octets[at..to].to_vec();
                octets.splice(at..at, copy);
            }
            4 => {
                let from = chance.below(other.len());
                let piece = &other[from..(from + 60).min(other.len())];
                octets.splice(at..to, piece.iter().copied());
            }
            _ => drop(octets.splice(at..at, SPICES[chance.below(SPICES.len())].iter().copied())),
        }
        if octets.is_empty() {
            break;
        }
    }
    octets
}

/// Reads everything there is to read in a message.
fn read_all(octets: &[u8]) {
    judge(octets);
    let mut framer = Framer::new(Limits::DEFAULT);
    for piece in octets.chunks(97) {
        framer.push(piece);
        while let Ok(Some(_)) = framer.next_frame() {}
    }
    let Ok(message) = Message::parse(octets) else { return };
    let headers = message.headers();
    let _views = (headers.vias(), headers.contacts(), headers.cseq(), headers.expires());
    for name in headers.iter().map(Header::name) {
        let _view = (headers.address(name), headers.addresses(name), headers.number(name));
    }
    if let Ok(via) = headers.via_ref() {
        let source = "203.0.113.9:40000".parse().unwrap();
        let _target = (via.stamped(source), via.reply_to(source));
    }
    let _description = parse_description(message.body());
    assert_eq!(Message::parse(&message.to_bytes()).as_ref(), Ok(&message));
}

#[test]
fn ten_thousand_mutated_datagrams_do_no_harm() {
    let seeds: Vec<_> = verdicts().iter().map(|(name, _)| message(name)).collect();
    let mut chance = Chance(4_008_001_234);
    for _ in 0..10_000 {
        let (seed, other) = (chance.below(seeds.len()), chance.below(seeds.len()));
        read_all(&mutated(&seeds[seed], &seeds[other], &mut chance));
    }
}

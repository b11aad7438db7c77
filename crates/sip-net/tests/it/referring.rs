//! A phone has its two calls joined: REFER with Replaces (RFC 5589 §7).

use model::{Cause, LegId};
use sip::digest::Algorithm;
use sip::{HeaderName, Method, Request, Response, StatusCode};
use sip_net::Counted;
use switchboard::ports::{LegCommand, LegFact};

use crate::house::{House, dialled, ours, rings};
use crate::peer::{Peer, sdp};

const SECRET: (&str, Algorithm) = ("secret", Algorithm::Sha256);

/// Phone 1001, on a call that we made to it.
struct Agent {
    house: House,
    phone: Peer,
    /// Our INVITE of the first call, as the phone has it.
    invite: Request,
}

impl Agent {
    async fn on_a_call() -> Self {
        let mut house = House::open().await;
        let mut phone = Peer::at(1, "1001", house.handle.phones()).await;
        phone.registered().await;
        house.bindings().await;
        house.command(dialled(1), rings("1001"));
        let invite = phone.request_of(&Method::Invite).await;
        phone.answer(&invite, StatusCode::OK, &sdp(phone.address(), 1)).await;
        assert!(matches!(house.fact(dialled(1)).await, LegFact::Answered { .. }));
        phone.request_of(&Method::Ack).await;
        Self { house, phone, invite }
    }

    /// The phone calls somebody: our leg, the request that got through, and the ringing.
    async fn consults(&mut self) -> (LegId, Request, Response) {
        let (leg, invite, phone) = calls(&mut self.house, "1001", &mut self.phone).await;
        self.house.command(leg, LegCommand::Ring { answer: None });
        let rings = phone.response().await;
        assert_eq!(rings.status, StatusCode::RINGING);
        (leg, invite, rings)
    }

    async fn is_answered(&mut self, leg: LegId) -> Response {
        self.house.command(leg, LegCommand::Answer { answer: ours(20_002) });
        let answer = self.phone.response().await;
        assert_eq!(answer.status, StatusCode::OK);
        self.phone.acknowledge(&answer, b"").await;
        answer
    }

    /// A REFER in the first call.
    fn refer(&mut self, refer_to: &str) -> Request {
        let target = self.invite.contact().unwrap().unwrap().uri.to_string();
        let mut refer = self.phone.request("REFER", &target, self.invite.call_id().unwrap());
        let own = self.invite.to().unwrap().with_tag(&format!("to-{}", self.phone.address()));
        refer.headers.set(HeaderName::From, &own);
        refer.headers.set(HeaderName::To, self.invite.headers.first(&HeaderName::From).unwrap());
        refer.headers.push(HeaderName::ReferTo, refer_to);
        refer
    }

    async fn is_refused(&mut self, refer_to: &str) -> StatusCode {
        let refer = self.refer(refer_to);
        let status = self.phone.ask(&refer).await.status;
        assert!(self.house.is_quiet(), "the floor hears nothing of it");
        status
    }
}

async fn calls<'a>(
    house: &mut House,
    user: &str,
    phone: &'a mut Peer,
) -> (LegId, Request, &'a Peer) {
    let to = if user == "1001" { "1002" } else { "1001" };
    let invite = phone.invite(to, &format!("consultation-{user}"));
    let challenged = phone.ask(&invite).await;
    phone.acknowledge_refusal(&invite, &challenged).await;
    let invite = phone.with_credentials(invite, &challenged, SECRET);
    phone.send(&invite.to_bytes()).await;
    let (leg, _) = house.rings_in().await;
    (leg, invite, phone)
}

/// Refer-To with the dialog that this response of ours is in: the far side of it, as seen there, is
/// the phone, so our tag is its to-tag.
fn joining(response: &Response, more: &str) -> String {
    format!(
        "<sip:1002@400.example.cn?Replaces={}%3Bto-tag%3D{}%3Bfrom-tag%3D{}{more}>",
        response.call_id().unwrap().replace('@', "%40"),
        response.to().unwrap().tag().unwrap(),
        response.from().unwrap().tag().unwrap(),
    )
}

#[tokio::test]
async fn its_two_calls_are_named_to_the_floor_and_both_end_when_they_are_joined() {
    let mut agent = Agent::on_a_call().await;
    let (leg, ..) = agent.consults().await;
    let answer = agent.is_answered(leg).await;
    let refer = agent.refer(&joining(&answer, ""));
    agent.phone.send(&refer.to_bytes()).await;
    assert_eq!(agent.house.fact(dialled(1)).await, LegFact::MergeAsked { with: leg });
    agent.house.command(dialled(1), LegCommand::TransferProgress { status: 100 });
    assert_eq!(agent.phone.response().await.status, StatusCode::ACCEPTED);
    for (status, done) in [("100", false), ("200", true)] {
        if done {
            agent.house.command(dialled(1), LegCommand::TransferProgress { status: 200 });
        }
        let notify = agent.phone.request_of(&Method::Notify).await;
        assert!(notify.body.starts_with(format!("SIP/2.0 {status}").as_bytes()));
        let state = notify.headers.text(&HeaderName::SubscriptionState).unwrap();
        assert_eq!(state.starts_with("terminated"), done, "{state}");
        agent.phone.answer(&notify, StatusCode::OK, b"").await;
    }
    for (leg, call_id) in
        [(leg, answer.call_id().unwrap()), (dialled(1), agent.invite.call_id().unwrap())]
    {
        agent.house.command(leg, LegCommand::Release { cause: Cause::Transferred, status: None });
        let bye = agent.phone.request_of(&Method::Bye).await;
        assert_eq!(bye.call_id().unwrap(), call_id);
        agent.phone.answer(&bye, StatusCode::OK, b"").await;
        let over = LegFact::Released { cause: Cause::Transferred, status: None, reason: None };
        assert_eq!(agent.house.fact(leg).await, over);
    }
}

#[tokio::test]
async fn a_call_that_still_rings_is_joined_too_and_its_invite_ends() {
    let mut agent = Agent::on_a_call().await;
    let (leg, invite, rings) = agent.consults().await;
    let refer = agent.refer(&joining(&rings, "%3Bearly-only"));
    agent.phone.send(&refer.to_bytes()).await;
    assert_eq!(agent.house.fact(dialled(1)).await, LegFact::MergeAsked { with: leg });
    agent.house.command(dialled(1), LegCommand::TransferProgress { status: 100 });
    assert_eq!(agent.phone.response().await.status, StatusCode::ACCEPTED);
    let notify = agent.phone.request_of(&Method::Notify).await;
    agent.phone.answer(&notify, StatusCode::OK, b"").await;
    let release = LegCommand::Release { cause: Cause::Transferred, status: Some(487) };
    agent.house.command(leg, release);
    let over = agent.phone.response().await;
    assert_eq!((over.status.code(), over.call_id()), (487, invite.call_id()));
    agent.phone.acknowledge_refusal(&invite, &over).await;
}

#[tokio::test]
async fn what_names_no_call_of_the_phones_is_refused_and_counted() {
    let mut agent = Agent::on_a_call().await;
    let (leg, ..) = agent.consults().await;
    let answer = agent.is_answered(leg).await;
    let mut other = Peer::at(1, "1002", agent.house.handle.phones()).await;
    let (others, ..) = calls(&mut agent.house, "1002", &mut other).await;
    agent.house.command(others, LegCommand::Answer { answer: ours(20_004) });
    let others = other.response().await;
    other.acknowledge(&others, b"").await;
    let nothing = "<sip:1002@400.example.cn?Replaces=none%3Bto-tag%3Da%3Bfrom-tag%3Db>";
    let wrong_tag = joining(&answer, "").replace("from-tag%3D", "from-tag%3Dx");
    let no_tag = "<sip:1002@400.example.cn?Replaces=none%3Bto-tag%3Da>";
    let refusals = [
        (nothing, 481),
        (wrong_tag.as_str(), 481),
        (no_tag, 400),
        (&joining(&others, ""), 403),
        (&joining(&answer, "%3Bearly-only"), 486),
        ("<sip:1002@400.example.cn?Subject=you>", 603),
    ];
    for (refer_to, status) in refusals {
        assert_eq!(agent.is_refused(refer_to).await.code(), status, "{refer_to}");
    }
    assert_eq!(agent.house.counted(Counted::TransferRefused), 6);
    agent.house.command(leg, LegCommand::Release { cause: Cause::AgentHungUp, status: None });
    agent.phone.request_of(&Method::Bye).await;
    agent.house.fact(leg).await;
    assert_eq!(agent.is_refused(&joining(&answer, "")).await.code(), 481);
}

#[tokio::test]
async fn a_carrier_joins_no_calls() {
    let mut house = House::open().await;
    let mut carrier = Peer::at(2, "13800138000", house.handle.trunks()).await;
    let mut answers = Vec::new();
    for name in ["one", "two"] {
        let invite = carrier.invite("4008001234", name);
        carrier.send(&invite.to_bytes()).await;
        let (leg, _) = house.rings_in().await;
        house.command(leg, LegCommand::Answer { answer: ours(20_000) });
        let answer = carrier.response().await;
        carrier.acknowledge(&answer, b"").await;
        answers.push(answer);
    }
    let mut refer = carrier.within("REFER", &answers[0]);
    refer.headers.push(HeaderName::ReferTo, joining(&answers[1], ""));
    assert_eq!(carrier.ask(&refer).await.status, StatusCode::FORBIDDEN);
    assert!(house.is_quiet());
}

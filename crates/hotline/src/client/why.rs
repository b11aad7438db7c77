//! Why a call met whom it met, step by step: when nobody was there, each offer with its candidates, and
//! how the wait ended.

use std::fmt::Write as _;

use api::Why;
use insight::{Candidate, Gap, Left, Offer, OfferResult, Present, Step, Wait};
use model::{CallId, Choice, Outcome, Rank, StateName, Timestamp};

use super::zone::Zone;
use super::{Client, print_json};
use crate::failure::Failure;
use crate::report;

/// What stands before what belongs to the line above.
const INDENT: &str = "              ";

pub(crate) fn why(client: &Client, as_json: bool, call: CallId) -> Result<(), Failure> {
    let value = client.get(&format!("/v1/calls/{call}/why"))?;
    if as_json {
        return print_json(&value);
    }
    report::line(told(&serde_json::from_value(value)?, Zone::HERE).trim_end());
    Ok(())
}

/// The explanation as text.
fn told(why: &Why, zone: Zone) -> String {
    let Some(first) = why.waits.first() else { return never_waited(why.call) };
    let mut text = heading(&format!("call 通话 {}", why.call), first.since, zone);
    for wait in &why.waits {
        wait_told(&mut text, wait, zone);
    }
    if why.unlisted > 0 {
        let _ = writeln!(text, "\n{} more waits are not listed 未列出", why.unlisted);
    }
    text.push_str(cut(why.cut));
    text
}

pub(super) fn never_waited(call: CallId) -> String {
    format!("call 通话 {call} never waited in a queue 未进入队列\n")
}

pub(super) fn heading(what: &str, at: Timestamp, zone: Zone) -> String {
    format!("{what}, {} ({})\n", zone.day(at), zone.offset(at))
}

pub(super) const fn cut(is_cut: bool) -> &'static str {
    if is_cut {
        "\nThe call waited for so long that the end is not told 过长,未全部列出\n"
    } else {
        ""
    }
}

fn wait_told(text: &mut String, wait: &Wait, zone: Zone) {
    let Wait { queue, priority, waiting, config_version, .. } = wait;
    let _ = writeln!(
        text,
        "\n{}  entered 进入 {queue}: priority 优先级 {priority}, waiting 等待 {waiting}, \
         configuration 配置 {config_version}",
        zone.clock(wait.since)
    );
    if let Some(of) = wait.callback_of {
        let _ = writeln!(text, "{INDENT}to call back whoever asked in 回拨 {of}");
    }
    for step in &wait.steps {
        match step {
            Step::Nobody(gap) => gap_told(text, gap, zone),
            Step::Offered(offer) => offer_told(text, offer, zone),
        }
    }
    if wait.unlisted > 0 {
        let _ =
            writeln!(text, "{INDENT}{} steps in the middle are not listed 未列出", wait.unlisted);
    }
    if let Some(callback) = wait.callback {
        let _ = writeln!(text, "{INDENT}asked to be called back: call 要求回拨 {callback}");
    }
    match &wait.left {
        Some(left) => left_told(text, left, zone),
        None => text.push_str("still waiting 仍在等待\n"),
    }
}

fn gap_told(text: &mut String, gap: &Gap, zone: Zone) {
    let span = gap.until.map(|until| format!(" for {}", seconds_between(gap.since, until)));
    let _ = writeln!(
        text,
        "{}  nobody 无人可分配{}: {}",
        zone.clock(gap.since),
        span.unwrap_or_default(),
        present(&gap.present)
    );
    if gap.most_ready > 0 {
        let _ = writeln!(
            text,
            "{INDENT}of those ready 示闲 (at most {}) none fitted the queue, or was past the pause after \
             an offer that came to nothing 技能不符或冷却中",
            gap.most_ready
        );
    }
}

fn present(present: &Present) -> String {
    let states: Vec<_> =
        present.states.iter().map(|(name, count)| format!("{count} {}", state(*name))).collect();
    let signed_in = format!("{} signed in 已签入", present.signed_in);
    if states.is_empty() { signed_in } else { format!("{signed_in}: {}", states.join(", ")) }
}

fn offer_told(text: &mut String, offer: &Offer, zone: Zone) {
    let _ = writeln!(
        text,
        "{}  offered 分配 to {} after {}: {}, configuration 配置 {}",
        zone.clock(offer.at),
        offer.agent,
        seconds(offer.waited_ms),
        chosen(offer),
        offer.config_version
    );
    for line in candidates(offer, zone) {
        let _ = writeln!(text, "{INDENT}{line}");
    }
    for passed in &offer.passed_over {
        let why = reason(&passed.why);
        let _ = writeln!(text, "{INDENT}–  {}  passed over 跳过: {why}", passed.agent);
    }
    if let Some(end) = &offer.end {
        let _ = writeln!(
            text,
            "{}  {} {} after {}",
            zone.clock(end.at),
            offer.agent,
            result(end.result),
            seconds(end.rang_ms)
        );
    }
}

/// The candidates as a small table, with what they were ranked by.
fn candidates(offer: &Offer, zone: Zone) -> Vec<String> {
    let ranks = || offer.candidates.iter().filter_map(|it| it.rank);
    let has_tiers = ranks().any(|rank| rank.tier > 0);
    let mut heading = vec!["#", "agent 坐席"];
    heading.extend(has_tiers.then_some("tier 梯队"));
    heading.extend(key_heading(&offer.routing));
    heading.extend(ranks().next().map(|_| "idle since 空闲自"));
    let row = |(place, candidate): (usize, &Candidate)| {
        let mut row = vec![(place + 1).to_string(), candidate.agent.to_string()];
        if let Some(rank) = candidate.rank {
            row.extend(has_tiers.then(|| rank.tier.to_string()));
            row.extend(key_heading(&offer.routing).map(|_| key(&offer.routing, rank)));
            row.push(zone.beside(rank.idle_since, offer.at));
        }
        row
    };
    let rows: Vec<_> = offer.candidates.iter().enumerate().map(row).collect();
    report::aligned(&heading, &rows)
}

/// By what the agent was chosen.
fn chosen(offer: &Offer) -> String {
    match offer.choice {
        Choice::Ranked => routing(&offer.routing),
        Choice::Preferred => "kept for this agent 专属坐席".to_owned(),
        Choice::Assigned => "given by a team lead 班长指派".to_owned(),
    }
}

/// What the strategy's key is called; `None` where it is the idle time.
pub(super) fn key_heading(routing: &str) -> Option<&'static str> {
    match routing {
        "longest_idle" => None,
        "fewest_calls" => Some("calls 接听数"),
        "fewest_calls_here" => Some("calls here 本队列接听数"),
        "least_talk_time" => Some("talk ms 通话毫秒"),
        "highest_skill" => Some("levels 技能等级"),
        _ => Some("key 排序值"),
    }
}

/// The strategy's key as people know it: of levels the highest is first.
pub(super) fn key(routing: &str, rank: Rank) -> String {
    match routing {
        "highest_skill" => rank.key.saturating_neg().to_string(),
        _ => rank.key.to_string(),
    }
}

fn left_told(text: &mut String, left: &Left, zone: Zone) {
    let Left { at, waited_ms, config_version, .. } = left;
    let cause = left.cause.filter(|cause| cause.as_str() != left.outcome.as_str());
    let cause = cause.map(|cause| format!(", cause 原因 {}", reason(cause.as_str())));
    let to = left.to.as_ref().map(|to| format!(" to 转入 {to}"));
    let key = left.key.map(|key| format!(" `{key}`"));
    let _ = writeln!(
        text,
        "{}  {}{}{} after {}{}, configuration 配置 {config_version}",
        zone.clock(*at),
        outcome(left.outcome),
        key.unwrap_or_default(),
        to.unwrap_or_default(),
        seconds(*waited_ms),
        cause.unwrap_or_default()
    );
}

/// A span in seconds with one decimal.
fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
}

fn seconds_between(since: Timestamp, until: Timestamp) -> String {
    seconds(u64::try_from(until.since(since).as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn routing(routing: &str) -> String {
    both(
        routing,
        match routing {
            "longest_idle" => "最长空闲",
            "highest_skill" => "技能优先",
            "fewest_calls" => "最少接听",
            "longest_since_call" => "最久未接",
            "fewest_calls_here" => "本队列最少接听",
            "least_talk_time" => "最少通话时长",
            "least_occupied" => "最低占用",
            "round_robin" => "轮选",
            "linear" => "顺序",
            "random" => "随机",
            "weighted_random" => "加权随机",
            _ => "",
        },
    )
}

pub(super) fn state(state: StateName) -> String {
    let chinese = match state {
        StateName::SignedOut => "未签入",
        StateName::Ready => "示闲",
        StateName::Busy => "示忙",
        StateName::Reserved => "预占",
        StateName::Ringing => "振铃",
        StateName::OnCall => "通话中",
        StateName::WrapUp => "话后处理",
    };
    both(state.as_str(), chinese)
}

/// Why somebody was passed over, or why something happened.
pub(super) fn reason(word: &str) -> String {
    both(
        word,
        match word {
            "no_answer" => "无应答",
            "requested" => "本人要求",
            "refused" => "拒接",
            "unreachable" => "话机不可达",
            "offer_withdrawn" => "分配撤回",
            "caller_left" | "caller_hung_up" => "主叫挂机",
            "max_wait" => "等待超时",
            "queue_full" => "队列已满",
            "nobody_signed_in" => "无人签入",
            "reconfigured" => "配置变更",
            "crash" => "服务中断",
            "shutdown" => "服务停止",
            "distributed" => "分配",
            _ => "",
        },
    )
}

fn result(result: OfferResult) -> &'static str {
    match result {
        OfferResult::Answered => "answered 接听",
        OfferResult::NoAnswer => "did not answer 无应答",
        OfferResult::Refused => "refused 拒接",
        OfferResult::Unreachable => "could not be reached 话机不可达",
        OfferResult::CallerLeft => "rang in vain: the caller left 主叫挂机",
        OfferResult::AnsweredElsewhere => "rings no more: another was faster 他人已接",
        OfferResult::Withdrawn => "rings no more: the offer was withdrawn 分配撤回",
    }
}

pub(super) fn outcome(outcome: Outcome) -> String {
    let chinese = match outcome {
        Outcome::Answered => "接听",
        Outcome::Abandoned => "放弃",
        Outcome::Overflowed => "溢出",
        Outcome::TimedOut => "超时",
        Outcome::Rejected => "拒绝",
        Outcome::LeftByKey => "按键离开",
        Outcome::Callback => "回拨",
        Outcome::Failed => "故障",
    };
    both(outcome.as_str(), chinese)
}

fn both(word: &str, chinese: &str) -> String {
    format!("{word} {chinese}").trim_end().to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use insight::{OfferClosed, PassedOver};
    use model::{AgentId, Cause, Epoch, SegmentId};

    use super::*;

    pub(in super::super) fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000) + Duration::from_secs(seconds)
    }

    fn candidate(agent: u32, key: i64, idle: u64) -> Candidate {
        let rank = Some(Rank { tier: 0, key, idle_since: at(idle) });
        Candidate { agent: AgentId::new(agent), rank }
    }

    fn offer(since: u64, agent: u32, result: OfferResult) -> Offer {
        Offer {
            at: at(since),
            event: (Epoch::new(1), since),
            agent: AgentId::new(agent),
            waited_ms: since * 1_000,
            routing: "longest_idle".into(),
            choice: Choice::Ranked,
            config_version: 4,
            candidates: Vec::new(),
            passed_over: Vec::new(),
            end: Some(OfferClosed { at: at(since + 8), result, rang_ms: 8_040 }),
        }
    }

    /// Nobody, then one who does not answer, then one who does.
    fn wait() -> Wait {
        let states = BTreeMap::from([(StateName::Ready, 1), (StateName::OnCall, 2)]);
        let present = Present { signed_in: 3, states };
        let gap = Gap { since: at(0), until: Some(at(12)), present, most_ready: 1 };
        let first = Offer {
            candidates: vec![candidate(1001, 0, 2), candidate(1002, 0, 9)],
            ..offer(12, 1001, OfferResult::NoAnswer)
        };
        let second = Offer {
            routing: "highest_skill".into(),
            candidates: vec![candidate(1002, -7, 9)],
            passed_over: vec![PassedOver { agent: AgentId::new(1001), why: "no_answer".into() }],
            ..offer(20, 1002, OfferResult::Answered)
        };
        let left = Left {
            at: at(28),
            outcome: Outcome::Answered,
            cause: Some(Cause::Distributed),
            waited_ms: 28_000,
            to: None,
            key: None,
            config_version: 4,
        };
        Wait {
            segment: SegmentId::new(2),
            queue: "support".into(),
            since: at(0),
            priority: 0,
            waiting: 3,
            config_version: 4,
            callback_of: None,
            callback: None,
            steps: vec![Step::Nobody(gap), Step::Offered(first), Step::Offered(second)],
            unlisted: 0,
            left: Some(left),
        }
    }

    fn of(waits: Vec<Wait>) -> Why {
        Why { call: CallId::new(Epoch::new(3), 17), waits, unlisted: 0, cut: false }
    }

    #[test]
    fn a_call_is_told_a_line_a_decision_with_the_candidates_below() {
        insta::assert_snapshot!(told(&of(vec![wait()]), Zone::CHINA));
    }

    #[test]
    fn a_call_that_overflowed_and_one_that_still_waits_say_so() {
        let left = Left {
            at: at(60),
            outcome: Outcome::Overflowed,
            cause: Some(Cause::MaxWait),
            waited_ms: 60_000,
            to: Some("sales".into()),
            key: None,
            config_version: 4,
        };
        let gap = |since| {
            Step::Nobody(Gap {
                since: at(since),
                until: None,
                present: Present::default(),
                most_ready: 0,
            })
        };
        let first = Wait { steps: Vec::new(), left: Some(left.clone()), ..wait() };
        let key = Some('1');
        let asked = Left { outcome: Outcome::Callback, to: None, key, ..left.clone() };
        let callback = "3-18".parse().ok();
        let third =
            Wait { callback, callback_of: None, steps: vec![], left: Some(asked), ..wait() };
        let fourth = Wait { callback_of: "3-16".parse().ok(), steps: vec![], left: None, ..wait() };
        let second = Wait { queue: "sales".into(), steps: vec![gap(60)], left: None, ..wait() };
        insta::assert_snapshot!(told(&of(vec![first, second, third, fourth]), Zone::CHINA));
        assert!(told(&of(Vec::new()), Zone::CHINA).contains("never waited"));
    }
}

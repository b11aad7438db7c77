//! What a queue may say of its distribution.

use std::time::Duration;

use acd::{Needs, Nobody, Ringing, Routing, Tier};
use model::{AgentId, QueueId, SkillId, WrapUpMode};
use switchboard::config::{CallbackRules, Exit, LastAgent, QueueRules};

use super::{Changed, Code};

const LABEL: &str = "[queues.presales]\n";

fn changed(more: &str) -> Changed {
    Changed::example().replace(LABEL, &format!("{LABEL}{more}"))
}

#[test]
fn every_rule_of_the_distribution_is_read() {
    let rules = "order = [1002, 1001]\nneeds_one_of = { presales = 2, complaints = 1 }\n\
        needs_not = [\"trainee\"]\nshares = { presales = 7, aftersales = 3 }\n\
        ringing = \"progressive\"\nring_another = \"4s\"\nmax_estimate = \"8m\"\n\
        most_at_once = 12\npriority_worth = \"30s\"\nnobody = \"working\"\nleave_after = \"1m\"\n\
        wrap_up_mode = \"manual\"\nlast_agent_within = \"24h\"\nresume_within = \"2m\"\n";
    let tier =
        "[[queues.presales.tiers]]\nneeds = { aftersales = 1 }\nafter = \"30s\"\nwaiting = 9\n";
    let changed = changed(rules).add(tier);
    let (config, _) = changed.load().unwrap_or_else(|findings| panic!("{findings}"));
    let id = QueueId::from("presales");
    let queue = &config.floor.acd.queues[&id];
    let skill = |name: &str, level| [(SkillId::from(name), level)].into();
    assert_eq!(queue.needs.any, [skill("presales", 2), skill("complaints", 1)]);
    assert_eq!(queue.needs.not, [SkillId::from("trainee")].into());
    assert_eq!(queue.order, [AgentId::new(1002), AgentId::new(1001)]);
    let shares: Vec<_> = queue.shares.iter().map(|it| (it.skill.as_str(), it.part)).collect();
    assert_eq!(shares, [("presales", 7), ("aftersales", 3)]);
    assert_eq!(queue.ringing, Ringing::Progressive { every: Duration::from_secs(4) });
    assert_eq!(queue.max_estimate, Some(Duration::from_secs(480)));
    assert_eq!((queue.most_at_once, queue.nobody), (Some(12), Nobody::Working));
    assert_eq!(queue.priority_worth, Some(Duration::from_secs(30)));
    assert_eq!(queue.leave_after, Some(Duration::from_secs(60)));
    let needs: Needs = [("aftersales".into(), 1)].into();
    let after = Some(Duration::from_secs(30));
    assert_eq!(queue.tiers, [Tier { needs, after, waiting: Some(9) }]);
    let (within, wait) = (Duration::from_secs(86_400), Duration::from_secs(20));
    let rules = QueueRules {
        last_agent: Some(LastAgent { within, wait }),
        resume_within: Some(Duration::from_secs(120)),
        wrap_up_mode: Some(WrapUpMode::Manual),
        ..QueueRules::default()
    };
    assert_eq!(config.floor.queues[&id], rules);
    assert_ne!(config.floor.acd.seed, 0);
}

#[test]
fn every_strategy_has_its_word() {
    for routing in Routing::ALL {
        let changed = Changed::example()
            .replace("routing = \"longest_idle\"", &format!("routing = \"{}\"", routing.as_str()));
        let (config, _) = changed.load().unwrap_or_else(|findings| panic!("{findings}"));
        let mut queues = config.floor.acd.queues.values();
        assert!(queues.any(|queue| queue.routing == routing), "{routing:?}");
    }
}

#[test]
fn a_tier_that_never_opens_or_too_early_is_a_finding() {
    let tier =
        |more: &str| format!("[[queues.presales.tiers]]\nneeds = {{ aftersales = 1 }}\n{more}");
    let never = Changed::example().add(&tier(""));
    let shown = never.expect([Code::TierNeverOpens]);
    assert!(shown.contains("this tier never opens"), "{shown}");
    let early = Changed::example().add(&(tier("after = \"30s\"\n") + &tier("after = \"20s\"\n")));
    early.expect([Code::TierNeverOpens]);
    let nobody = Changed::example()
        .add("[[queues.presales.tiers]]\nneeds = { chinese_opera = 1 }\nafter = \"5s\"\n");
    nobody.expect([Code::SkillNobodyHas]);
}

#[test]
fn a_mode_of_wrap_up_needs_wrap_up_that_it_is_about() {
    let wrap_up = |keys: &str| Changed::example().replace("wrap_up = \"10s\"", keys);
    let mode = |changed: Changed| {
        let (config, _) = changed.load().unwrap_or_else(|findings| panic!("{findings}"));
        config.floor.queues[&QueueId::from("presales")].wrap_up_mode
    };
    assert_eq!(mode(Changed::example()), None);
    assert_eq!(mode(wrap_up("wrap_up_mode = \"none\"")), Some(WrapUpMode::None));
    wrap_up("wrap_up = \"10s\"\nwrap_up_mode = \"none\"").expect([Code::BadValue]);
    wrap_up("wrap_up = \"0s\"\nwrap_up_mode = \"manual\"").expect([Code::BadValue]);
    wrap_up("wrap_up_mode = \"slow\"").expect([Code::UnknownValue]);
}

#[test]
fn agents_may_begin_with_some_of_the_queues_that_are_theirs() {
    let first = |names: &str| {
        Changed::example().replace("[agents.1001]", &format!("[agents.1001]\nqueues = {names}"))
    };
    let read = |changed: Changed| {
        let (config, _) = changed.load().unwrap_or_else(|findings| panic!("{findings}"));
        config.floor.rules.first_queues
    };
    assert_eq!(read(Changed::example()), [].into());
    let presales = [(AgentId::new(1001), [QueueId::from("presales")].into())].into();
    assert_eq!(read(first("[\"presales\"]")), presales);
    assert_eq!(read(first("[]")), [(AgentId::new(1001), [].into())].into());
    first("[\"presale\"]").expect([Code::QueueUnknown]);
    Changed::example()
        .add("\n[agents.1099]\nname = \"新\"\nphone = \"1001\"\nqueues = [\"presales\"]\n")
        .expect([Code::BadValue]);
}

#[test]
fn keys_lead_out_of_a_queue() {
    let keys = "keys = { 0 = \"queue:complaints\", \"*\" = \"flow:main\", 9 = \"release:goodbye\", 8 = \"release\" }\n";
    let changed = changed(&format!("{keys}keys_prompt = \"main-menu\"\n"));
    let (config, _) = changed.load().unwrap_or_else(|findings| panic!("{findings}"));
    let rules = &config.floor.queues[&QueueId::from("presales")];
    assert_eq!(rules.keys_prompt, Some("main-menu".into()));
    assert_eq!(rules.keys[&'0'], Exit::Queue("complaints".into()));
    assert_eq!(rules.keys[&'8'], Exit::Release(None));
    assert_eq!(rules.keys[&'9'], Exit::Release(Some("goodbye".into())));
    let Exit::Flow(flow) = &rules.keys[&'*'] else { panic!("{:?}", rules.keys) };
    assert_eq!(flow.name, "main");
}

#[test]
fn a_key_that_leads_nowhere_is_a_finding() {
    let key = |to: &str| changed(&format!("keys = {{ 0 = \"{to}\" }}\n"));
    let shown = key("complaints").expect([Code::BadValue]);
    assert!(shown.contains("nowhere a key could lead") && shown.contains("queue:NAME"), "{shown}");
    let shown = key("queue:complaint").expect([Code::QueueUnknown]);
    assert!(shown.contains("did you mean `complaints`?"), "{shown}");
    key("flow:mian").expect([Code::FlowUnknown]);
    key("release:good bye").expect([Code::BadValue]);
    key("release:nothing").expect([Code::PromptMissing]);
    let shown = key("queue:presales").expect([Code::BadValue]);
    assert!(shown.contains("the queue itself"), "{shown}");
    changed("keys = { 10 = \"release\" }\n").expect([Code::BadValue]);
    changed("keys_prompt = \"goodbye\"\n").expect([Code::BadValue]);
}

/// The example with callbacks for a queue, and a rule by which callers are called.
fn with_callback(more: &str) -> Changed {
    let rule =
        "[[outbound]]\nprefix = \"8\"\nstrip = 1\ntrunk = \"carrier\"\nshow = \"01088886666\"\n";
    changed("keys = { 1 = \"callback\" }\n")
        .replace("[[outbound]]", &format!("{rule}[[outbound]]"))
        .add(&format!("[queues.presales.callback]\nprefix = \"8\"\n{more}"))
}

#[test]
fn how_callers_are_called_back_is_read() {
    let more = "attempts = 2\nfrom = \"09:00\"\nuntil = \"18:30\"\naccepted = \"goodbye\"\n";
    let (config, _) = with_callback(more).load().unwrap_or_else(|findings| panic!("{findings}"));
    let rules = &config.floor.queues[&QueueId::from("presales")];
    assert_eq!(rules.keys[&'1'], Exit::Callback);
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let expected = CallbackRules {
        attempts: 2,
        pause: minutes(10),
        expires: minutes(8 * 60),
        hours: Some((minutes(9 * 60), minutes(18 * 60 + 30))),
        prefix: "8".into(),
        role: None,
        accepted: Some("goodbye".into()),
        refused: None,
    };
    assert_eq!(rules.callback, Some(expected));
}

#[test]
fn callbacks_that_could_not_be_made_are_findings() {
    with_callback("").expect([]);
    let shown = changed("keys = { 1 = \"callback\" }\n").expect([Code::MissingKey]);
    assert!(shown.contains("[queues.presales.callback]"), "{shown}");
    let hidden = with_callback("").replace("show = \"01088886666\"\n", "");
    let shown = hidden.expect([Code::CallbackWithoutRoute]);
    assert!(shown.contains("shows no number"), "{shown}");
    let nowhere = with_callback("").replace("prefix = \"8\"\nstrip", "prefix = \"7\"\nstrip");
    nowhere.expect([Code::CallbackWithoutRoute]);
    with_callback("from = \"09:00\"\n").expect([Code::BadValue]);
    with_callback("atempts = 3\n").expect([Code::UnknownKey]);
    let step = "[flows.main.steps.presales]\nkind = \"queue\"";
    let step_back = "[flows.main.steps.presales]\notherwise = \"complaints\"\nkind = \"callback\"";
    with_callback("").replace(step, step_back).expect([]);
    Changed::example().replace(step, step_back).expect([Code::MissingKey]);
}

//! Agents, skill groups, teams, phones, busy reasons and feature codes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use acd::Skills;
use agent::{BusyRule, CoolDown, Days, ForceNote, Rules, SecondSession};
use model::{AgentId, GroupId, Next, PhoneId, Reason, SkillId, TeamId, WrapUpMode};
use sip_net::{AccountRules, Rings};
use switchboard::config::{AgentConfig, FeatureCodes, PhoneConfig};
use switchboard::ports::Alert;
use toml_edit::TableLike;

use super::finding::Code;
use super::key;
use super::section::{Reader, Section, Spanned};
use super::{shifts, stays};

/// The highest work number.
const LAST_AGENT: u32 = 99_999_999;

/// Who works here and at what.
#[derive(Clone, Debug)]
pub(super) struct People {
    pub(super) agents: BTreeMap<AgentId, AgentConfig>,
    /// What each agent offers, groups included.
    pub(super) skills: BTreeMap<AgentId, Skills>,
    pub(super) phones: BTreeMap<PhoneId, Phone>,
    pub(super) rules: Rules,
    /// The queues that agents begin with, as written.
    pub(super) first_queues: Vec<Written>,
    pub(super) feature_codes: FeatureCodes,
    /// The feature codes with their places.
    pub(super) codes: Vec<Spanned<String>>,
}

/// One phone.
#[derive(Clone, Debug)]
pub(super) struct Phone {
    pub(super) at: Range<usize>,
    pub(super) name: String,
    pub(super) config: PhoneConfig,
    pub(super) rules: AccountRules,
}

/// Reads the tables about people and what they hold in their hands.
pub(super) fn read(reader: &Reader, root: &dyn TableLike) -> People {
    let phones = read_phones(reader, root);
    let mut skills = BTreeMap::new();
    let mut named = Named::default();
    let agents = read_agents(reader, root, &phones, (&mut skills, &mut named));
    let groups = read_groups(reader, root, &mut skills);
    let teams = read_teams(reader, root, &agents);
    let reasons = read_reasons(reader, root);
    let shifts = shifts::read(reader, root, &reasons);
    let shifts = shifts::assign(reader, &shifts, &named.shifts);
    let rules = Rules { groups, teams, shifts, ..read_rules(reader, root, reasons) };
    let (feature_codes, codes) = read_codes(reader, root);
    People { agents, skills, phones, rules, first_queues: named.queues, feature_codes, codes }
}

fn read_phones(reader: &Reader, root: &dyn TableLike) -> BTreeMap<PhoneId, Phone> {
    let usual = Section::of_root_again(reader, root, &key::SIP);
    let usual = account_rules(&usual, &AccountRules::default());
    let mut phones = BTreeMap::new();
    for (name, section) in Section::named(reader, root, &key::PHONES) {
        let is_extension =
            (2..=8).contains(&name.value.len()) && name.value.chars().all(|c| c.is_ascii_digit());
        if !is_extension {
            let message = format!("`{}` is not an extension", name.value);
            let help = "an extension is two to eight digits: it must be dialled".to_owned();
            reader.report(Code::BadName, &name.at, message, help);
        }
        let role = section.name("role").map(|role| role.value);
        let label = section.text("name").map(|label| label.value).unwrap_or_default();
        let rules = account_rules(&section, &usual);
        let alert = if section.flag("auto_answer") { Alert::Answer } else { Alert::Ring };
        let config = PhoneConfig { role, alert };
        let phone = Phone { at: name.at, name: label, config, rules };
        phones.insert(PhoneId::from(name.value.as_str()), phone);
    }
    phones
}

/// What is said about phones in a table; `usual` holds for what is not.
fn account_rules(section: &Section<'_>, usual: &AccountRules) -> AccountRules {
    let networks = section.networks("networks").into_iter();
    let networks = networks.filter_map(|network| network.value.to_string().parse().ok());
    let networks = networks.collect();
    AccountRules {
        networks: if section.has("networks") { networks } else { usual.networks.clone() },
        rings: match section.word("bindings") {
            Some(word) if word.value == "newest_rings" => Rings::Newest,
            Some(_) => Rings::All,
            None => usual.rings,
        },
        most_bindings: section.small("most_bindings").unwrap_or(usual.most_bindings),
    }
}

/// What an agent names, as written.
pub(super) type Written = (AgentId, Vec<Spanned<String>>);

/// What agents name that is read elsewhere.
#[derive(Default)]
struct Named {
    shifts: Vec<Written>,
    queues: Vec<Written>,
}

fn read_agents(
    reader: &Reader,
    root: &dyn TableLike,
    phones: &BTreeMap<PhoneId, Phone>,
    (skills, named): (&mut BTreeMap<AgentId, Skills>, &mut Named),
) -> BTreeMap<AgentId, AgentConfig> {
    let mut agents = BTreeMap::new();
    for (name, section) in Section::named(reader, root, &key::AGENTS) {
        let label = section.label("name").map(|label| label.value).unwrap_or_default();
        let own = section.levels("skills");
        let (works, first) = (section.names("shifts"), section.names("queues"));
        let Some(id) = work_number(&name.value) else {
            let message = format!("`{}` is not a work number", name.value);
            let help = format!("a work number is between 1 and {LAST_AGENT}");
            reader.report(Code::BadName, &name.at, message, help);
            continue;
        };
        let phone = agents_phone(reader, &name, section.name("phone"), phones);
        agents.insert(id, AgentConfig { name: label, phone });
        named.shifts.extend(works.map(|works| (id, works)));
        named.queues.extend(first.map(|first| (id, first)));
        skills
            .insert(id, own.into_iter().map(|(skill, level)| (skill_id(&skill), level)).collect());
    }
    agents
}

/// A work number, written without zeros before it.
pub(super) fn work_number(text: &str) -> Option<AgentId> {
    let number: u32 = text.parse().ok()?;
    let is_written_so = number.to_string() == text;
    (is_written_so && (1..=LAST_AGENT).contains(&number)).then_some(AgentId::new(number))
}

fn agents_phone(
    reader: &Reader,
    agent: &Spanned<String>,
    written: Option<Spanned<String>>,
    phones: &BTreeMap<PhoneId, Phone>,
) -> Option<PhoneId> {
    if let Some(written) = written {
        let phone = PhoneId::from(written.value.as_str());
        if phones.contains_key(&phone) {
            return Some(phone);
        }
        reader.unknown(Code::PhoneUnknown, "phone", &written, phones.keys().map(PhoneId::as_str));
        return None;
    }
    let own = PhoneId::from(agent.value.as_str());
    if phones.contains_key(&own) {
        return Some(own);
    }
    let message = format!("agent {} has no phone", agent.value);
    let help = format!("add [phones.{}], or name another with `phone`", agent.value);
    reader.report(Code::AgentWithoutPhone, &agent.at, message, help);
    None
}

fn skill_id(skill: &Spanned<String>) -> SkillId {
    SkillId::from(skill.value.as_str())
}

/// Gives the members of each group what the group offers; tells who is in which. An agent's own level comes first; among
/// groups the highest counts.
fn read_groups(
    reader: &Reader,
    root: &dyn TableLike,
    skills: &mut BTreeMap<AgentId, Skills>,
) -> BTreeMap<GroupId, BTreeSet<AgentId>> {
    let own = skills.clone();
    let mut groups: BTreeMap<GroupId, BTreeSet<AgentId>> = BTreeMap::new();
    for (name, section) in Section::named(reader, root, &key::GROUPS) {
        section.label("label");
        let offered = section.levels("skills");
        for member in section.agents("members") {
            let agent = u32::try_from(member.value).ok().map(AgentId::new);
            let Some((agent, has)) = agent.and_then(|agent| Some((agent, skills.get_mut(&agent)?)))
            else {
                agent_unknown(reader, &member, own.keys());
                continue;
            };
            groups.entry(GroupId::from(name.value.as_str())).or_default().insert(agent);
            for (skill, level) in offered.iter().map(|(skill, level)| (skill_id(skill), *level)) {
                let is_own = own.get(&agent).is_some_and(|own| own.contains_key(&skill));
                let known = has.entry(skill).or_insert(level);
                *known = if is_own { *known } else { level.max(*known) };
            }
        }
    }
    groups
}

/// Tells who is in which team.
fn read_teams(
    reader: &Reader,
    root: &dyn TableLike,
    agents: &BTreeMap<AgentId, AgentConfig>,
) -> BTreeMap<TeamId, BTreeSet<AgentId>> {
    let mut teams: BTreeMap<TeamId, BTreeSet<AgentId>> = BTreeMap::new();
    for (name, section) in Section::named(reader, root, &key::TEAMS) {
        section.label("label");
        let id = TeamId::from(name.value.as_str());
        for member in section.agents("members") {
            let agent = u32::try_from(member.value).ok().map(AgentId::new);
            let Some(agent) = agent.filter(|agent| agents.contains_key(agent)) else {
                agent_unknown(reader, &member, agents.keys());
                continue;
            };
            let other = teams.iter().find(|(other, of)| **other != id && of.contains(&agent));
            if let Some((other, _)) = other {
                let message = format!("agent {agent} is in team `{other}` already");
                let help = "an agent is in one team: leave it out of one of them".to_owned();
                reader.report(Code::BadValue, &member.at, message, help);
            }
            teams.entry(id.clone()).or_default().insert(agent);
        }
    }
    teams
}

fn agent_unknown<'a>(
    reader: &Reader,
    written: &Spanned<i64>,
    known: impl Iterator<Item = &'a AgentId>,
) {
    let name = Spanned { value: written.value.to_string(), at: written.at.clone() };
    let known: Vec<_> = known.map(ToString::to_string).collect();
    reader.unknown(Code::AgentUnknown, "agent", &name, known.iter().map(String::as_str));
}

fn read_reasons(reader: &Reader, root: &dyn TableLike) -> BTreeMap<Reason, BusyRule> {
    let mut reasons = BTreeMap::new();
    let mut digits = BTreeMap::new();
    for (name, section) in Section::named(reader, root, &key::REASONS) {
        if [Reason::NO_ANSWER, Reason::DEVICE_LOST].contains(&name.value.as_str()) {
            let message = format!("`{}` is a reason the service itself gives", name.value);
            reader.report(Code::BadName, &name.at, message, "choose another name".into());
        }
        let digit = section.digit("digit");
        if let Some(digit) = &digit
            && let Some(other) = digits.insert(digit.value, name.value.clone())
        {
            let message = format!("the reasons `{other}` and `{}` share a digit", name.value);
            let help = "agents dial the digit after the feature code for busy: choose another";
            reader.report(Code::DigitDuplicate, &digit.at, message, help.into());
        }
        let longest = section.duration("longest").map(|longest| longest.value);
        let (share, team_share) = stays::shares(reader, &section);
        let rule = BusyRule {
            label: section.label("label").map(|label| label.value).unwrap_or_default(),
            digit: digit.map(|digit| digit.value),
            longest,
            overstay: stays::overstay(reader, &section, longest),
            allowance: stays::allowance(reader, &section, longest),
            share,
            team_share,
        };
        reasons.insert(Reason::from(name.value.as_str()), rule);
    }
    reasons
}

fn read_rules(reader: &Reader, root: &dyn TableLike, reasons: BTreeMap<Reason, BusyRule>) -> Rules {
    let section = Section::of_root(reader, root, &key::RULES);
    let after_sign_in = read_after_sign_in(reader, &section, &reasons);
    let takes_over = section.word("second_session").is_some_and(|word| word.value == "take_over");
    let needs_note = section.word("force_note").is_some_and(|word| word.value == "needed");
    let standard = Rules::default();
    let pause = |name| section.duration(name).map_or(standard.cool_down.refused, |span| span.value);
    Rules {
        after_sign_in,
        second_session: if takes_over { SecondSession::TakeOver } else { SecondSession::Refuse },
        max_no_answer: section.small("max_no_answer").unwrap_or(standard.max_no_answer),
        device_lost_grace: pause("device_lost_grace"),
        force_note: if needs_note { ForceNote::Needed } else { ForceNote::Optional },
        wrap_up: section.word("wrap_up").map_or(standard.wrap_up, |word| wrap_up_mode(&word.value)),
        wrap_up_at_most: pause("wrap_up_at_most"),
        days: Days {
            utc_offset: section.offset("utc_offset").unwrap_or_default(),
            begin: section.clock("day_begins").map(|clock| clock.value).unwrap_or_default(),
        },
        cool_down: CoolDown {
            no_answer: pause("pause_after_no_answer"),
            refused: pause("pause_after_refused"),
            unreachable: pause("pause_after_unreachable"),
        },
        reasons,
        groups: BTreeMap::new(),
        teams: BTreeMap::new(),
        serves: BTreeMap::new(),
        first_queues: BTreeMap::new(),
        shifts: BTreeMap::new(),
        attendance: shifts::attendance(&section),
    }
}

/// The mode of wrap-up that has this word.
pub(super) fn wrap_up_mode(word: &str) -> WrapUpMode {
    match word {
        "fixed" => WrapUpMode::Fixed,
        "extendable" => WrapUpMode::Extendable,
        "endable" => WrapUpMode::Endable,
        "manual" => WrapUpMode::Manual,
        "none" => WrapUpMode::None,
        _ => WrapUpMode::Flexible,
    }
}

fn read_after_sign_in(
    reader: &Reader,
    section: &Section<'_>,
    reasons: &BTreeMap<Reason, BusyRule>,
) -> Next {
    let reason = section.name("after_sign_in_reason");
    let word = section.word("after_sign_in");
    let Some(word) = word.filter(|word| word.value == "busy") else { return Next::Ready };
    let Some(reason) = reason else {
        let message = "`after_sign_in` is busy, for no reason".to_owned();
        let help = "add `after_sign_in_reason` with one of [busy_reasons]".to_owned();
        reader.report(Code::MissingKey, &word.at, message, help);
        return Next::Ready;
    };
    let next = Reason::from(reason.value.as_str());
    if !reasons.contains_key(&next) {
        let known = reasons.keys().map(Reason::as_str);
        reader.unknown(Code::UnknownValue, "busy reason", &reason, known);
    }
    Next::Busy(next)
}

fn read_codes(reader: &Reader, root: &dyn TableLike) -> (FeatureCodes, Vec<Spanned<String>>) {
    let section = Section::of_root(reader, root, &key::FEATURE_CODES);
    let mut codes: Vec<Spanned<String>> = Vec::new();
    let mut read = |name: &str| -> String {
        let Some(code) = section.dial(name) else { return String::new() };
        let clash = codes.iter().find(|other| {
            other.value.starts_with(&code.value) || code.value.starts_with(&other.value)
        });
        if let Some(other) = clash {
            let message = format!("`{}` and `{}` cannot be told apart", code.value, other.value);
            let help = "no feature code may begin with another".to_owned();
            reader.report(Code::FeatureCodeClash, &code.at, message, help);
        }
        codes.push(code.clone());
        code.value
    };
    let feature_codes = FeatureCodes {
        sign_in: read("sign_in"),
        sign_out: read("sign_out"),
        ready: read("ready"),
        busy: read("busy"),
        end_wrap_up: read("end_wrap_up"),
    };
    (feature_codes, codes)
}

/// The roles phones have.
pub(super) fn roles(phones: &BTreeMap<PhoneId, Phone>) -> BTreeSet<&str> {
    phones.values().filter_map(|phone| phone.config.role.as_deref()).collect()
}

//! The reader against the example, against files with one fault, and against one with every fault.

mod agents;

use std::collections::BTreeSet;

use sip::digest::{Algorithm, Ha1};
use switchboard::ports::Alert;

use super::*;

mod queues;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/hotline.toml");

/// A folder with the example in it, changed, and a state folder beside.
struct Changed {
    folder: tempfile::TempDir,
    text: String,
    environment: Vec<(&'static str, &'static str)>,
}

impl Changed {
    fn example() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(EXAMPLE).unwrap();
        let prompts = Path::new(EXAMPLE).with_file_name("prompts");
        let text = text
            .replace("\"prompts\"\nqueue_music", &format!("\"{}\"\nqueue_music", prompts.display()))
            .replace("\"../.hotline\"", "\"state\"");
        Self { folder, text, environment: Vec::new() }
    }

    fn replace(mut self, old: &str, new: &str) -> Self {
        assert!(self.text.contains(old), "the example has no `{old}`");
        self.text = self.text.replacen(old, new, 1);
        self
    }

    fn add(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    fn secrets(self, text: &str, mode: u32) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let state = self.folder.path().join("state");
        fs::create_dir_all(&state).unwrap();
        fs::write(state.join(secrets::FILE), text).unwrap();
        fs::set_permissions(state.join(secrets::FILE), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn load(&self) -> Result<(Box<Config>, Findings), Findings> {
        let path = self.folder.path().join("hotline.toml");
        fs::write(&path, &self.text).unwrap();
        load(&path, &Environment::of(&self.environment))
    }

    /// Reads the file and expects exactly these findings.
    fn expect<const N: usize>(&self, codes: [Code; N]) -> String {
        let findings = match self.load() {
            Ok((_, warnings)) => warnings,
            Err(findings) => findings,
        };
        let shown = findings.to_string().replace(&*self.folder.path().to_string_lossy(), "");
        let found: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(found, codes, "\n{shown}");
        shown
    }
}

#[test]
fn the_example_checks_clean_as_it_stands() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let loaded = load(Path::new(EXAMPLE), &Environment::of(&[("HOTLINE_STATE", state)]));
    let (config, warnings) = loaded.unwrap_or_else(|findings| panic!("{findings}"));
    assert_eq!(warnings.iter().count(), 0, "{warnings}");
    assert_eq!(config.floor.agents.len(), 8);
    assert_eq!(config.floor.acd.queues.len(), 3);
    assert_eq!(config.floor.sha256.len(), 64);
    assert_eq!(config.store.state, Path::new(state));
    assert_eq!(config.sip.advertise.to_string(), "127.0.0.1");
}

#[test]
fn an_agents_own_level_comes_before_the_groups() {
    let (config, _) = Changed::example().load().unwrap();
    let level = |agent, skill: &str| {
        let skills = &config.floor.acd.agents[&model::AgentId::new(agent)];
        skills.get(&model::SkillId::from(skill)).copied()
    };
    assert_eq!(level(1001, "presales"), Some(8));
    assert_eq!(level(1002, "presales"), Some(5));
    assert_eq!(level(1003, "aftersales"), Some(2));
    assert_eq!(level(1008, "complaints"), Some(5));
    assert_eq!(level(1001, "complaints"), None);
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_was_meant() {
    let changed = Changed::example().replace("max_length = 50", "max_lenght = 50");
    let shown = changed.expect([Code::UnknownKey]);
    assert!(shown.contains("did you mean `max_length`?"), "{shown}");
}

#[test]
fn a_file_that_is_not_toml_is_told_where() {
    let changed = Changed::example().replace("max_calls = 200", "max_calls = = 200");
    let shown = changed.expect([Code::Syntax]);
    assert!(shown.contains("hotline.toml:6:13"), "{shown}");
}

#[test]
fn a_file_that_is_not_there_is_a_finding() {
    let findings = load(Path::new("/nowhere/hotline.toml"), &Environment::default()).unwrap_err();
    assert_eq!(findings.iter().next().unwrap().code, Code::FileUnreadable);
}

#[test]
fn a_phone_gets_its_secret_from_the_file_or_from_the_environment() {
    let mut new = secrets::NewSecrets::default();
    new.phones.insert(PhoneId::from("1001"), "open sesame".into());
    new.tokens.insert("cli".into(), (secrets::TokenRole::Admin, "token".into()));
    let mut changed = Changed::example();
    let state = changed.folder.path().join("state");
    fs::create_dir_all(&state).unwrap();
    secrets::create(&state, "hotline.example", &new).unwrap();
    changed.environment = vec![("HOTLINE_SECRET_PHONE_1002", "open sesame")];
    let (config, warnings) = changed.load().unwrap();
    let ha1 = |phone: &str| config.accounts[&PhoneId::from(phone)].ha1.len();
    assert_eq!((ha1("1001"), ha1("1002"), ha1("1003")), (2, 2, 0));
    assert_eq!(config.tokens["cli"].sha256, secrets::token_sha256("token"));
    assert!(warnings.iter().all(|finding| finding.code == Code::SecretMissing));
    assert_eq!(warnings.iter().count(), 8);
    assert!(secrets::create(&state, "hotline.example", &new).is_err(), "never overwritten");
}

#[test]
fn a_phones_own_rules_come_before_those_of_all_phones() {
    let all = "realm = \"hotline.example\"\nnetworks = [\"10.0.0.0/8\"]\nmost_bindings = 3\n";
    let own = "[phones.2001]\nnetworks = []\nbindings = \"newest_rings\"\nmost_bindings = 1\nauto_answer = true\n";
    let changed = Changed::example()
        .replace("realm = \"hotline.example\"", all)
        .replace("[phones.2001]\n", own);
    let (config, _) = changed.load().unwrap();
    let rules = |phone: &str| config.accounts[&PhoneId::from(phone)].rules.clone();
    let (first, second) = (rules("1001"), rules("2001"));
    assert!(first.admit([10, 1, 2, 3].into()) && !first.admit([192, 0, 2, 1].into()));
    assert_eq!((first.rings, first.most_bindings), (sip_net::Rings::All, 3));
    assert!(second.admit([192, 0, 2, 1].into()));
    assert_eq!((second.rings, second.most_bindings), (sip_net::Rings::Newest, 1));
    let alert = |phone: &str| config.floor.phones[&PhoneId::from(phone)].alert;
    assert_eq!((alert("1001"), alert("2001")), (Alert::Ring, Alert::Answer));
}

#[test]
fn phones_are_told_of_the_usual_listener_or_of_what_is_said() {
    let server = |keys: &str| {
        let changed = Changed::example().add(&format!("\n[provisioning]\n{keys}\n"));
        let (config, _) = changed.load().unwrap_or_else(|findings| panic!("{findings}"));
        config.provisioning.server
    };
    assert_eq!(server("").to_string(), "127.0.0.1:5060");
    for (said, told) in [
        ("sip.example.cn", "sip.example.cn:5060"),
        ("sip.example.cn:5070", "sip.example.cn:5070"),
        ("2001:db8::5", "[2001:db8::5]:5060"),
        ("[2001:db8::5]:5070", "[2001:db8::5]:5070"),
    ] {
        assert_eq!(server(&format!("server = \"{said}\"")).to_string(), told);
    }
    assert_eq!(server("transport = \"tcp\"").transport, provision::Transport::Tcp);
}

#[test]
fn what_was_issued_is_read_with_its_key() {
    let key = provision::Key::new([7; 32]);
    let text = |key: &str, generation: &str| {
        format!("provisioning_key = \"{key}\"\n[phones.1001]\ngeneration = {generation}\n")
    };
    let changed = Changed::example().secrets(&text(&key.hex(), "1795740000"), 0o600);
    let (config, _) = changed.load().unwrap();
    assert_eq!(config.key, Some(key.clone()));
    let account = &config.accounts[&PhoneId::from("1001")];
    assert_eq!(account.generation, Some(provision::Generation::new(1_795_740_000)));
    for text in [text("00", "1"), text(&key.hex(), "-1")] {
        let findings = Changed::example().secrets(&text, 0o600).load().unwrap_err();
        assert!(findings.iter().any(|finding| finding.code == Code::SecretInvalid), "{findings}");
        assert!(!findings.to_string().contains(&key.hex()));
    }
}

#[test]
fn the_realm_cannot_be_changed_while_secrets_hang_on_it() {
    let text = (1001..=1008)
        .chain([2001, 2002])
        .fold(String::from("realm = \"old.example\"\n"), |text, n| {
            text + &format!("[phones.{n}]\nha1_sha256 = \"{}\"\n", "a".repeat(64))
        });
    let shown = Changed::example().secrets(&text, 0o600).expect([Code::RealmChanged]);
    assert!(!shown.contains("old.example"), "{shown}");
}

#[test]
fn a_trunk_that_asks_who_we_are_is_told_with_a_password_kept_apart() {
    let more = "proxy = \"sip.carrier.cn\"\nuser = \"4001\"\nregister = \"10m\"";
    let changed = || {
        let example = Changed::example().replace("transport = \"udp\"", "transport = \"auto\"");
        example.replace("proxy = \"127.0.0.1:5090\"", more)
    };
    let shown = changed().expect([Code::SecretMissing]);
    assert!(shown.contains("HOTLINE_SECRET_TRUNK_CARRIER"), "{shown}");
    let mut by_environment = changed();
    by_environment.environment = vec![("HOTLINE_SECRET_TRUNK_CARRIER", "one")];
    let (config, _) = by_environment.load().unwrap();
    let trunk = &config.trunks["carrier"];
    assert_eq!(trunk.password.as_ref().unwrap().0, "one");
    let proxy = trunk.proxy.as_ref().unwrap();
    assert_eq!(
        (proxy.host.to_string().as_str(), proxy.port, proxy.transport),
        ("sip.carrier.cn", None, None)
    );
    let phones = (1001..=1008).chain([2001, 2002]).fold(String::new(), |text, n| {
        text + &format!("[phones.{n}]\nha1_sha256 = \"{}\"\n", "a".repeat(64))
    });
    let file = format!("{phones}[trunks.carrier]\npassword = \"hunter2\"\n");
    let (config, _) = changed().secrets(&file, 0o600).load().unwrap();
    assert_eq!(config.trunks["carrier"].password.as_ref().unwrap().0, "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"), "no password is shown");
    let nobody = Changed::example().replace("proxy = \"127.0.0.1:5090\"", "register = \"10m\"");
    let findings = nobody.load().unwrap_err().to_string();
    assert!(findings.contains("as whom") && findings.contains("does not say where"), "{findings}");
}

#[test]
fn a_trunk_that_proves_itself_has_a_password_of_which_the_hashes_are_kept() {
    let changed = || {
        let more = "inbound_user = \"branch\"\ncaller_id = \"withheld\"";
        Changed::example().replace("addresses = [\"127.0.0.0/8\"]", more)
    };
    let shown = changed().expect([Code::SecretMissing]);
    assert!(shown.contains("HOTLINE_SECRET_INBOUND_CARRIER"), "{shown}");
    let mut by_environment = changed();
    by_environment.environment = vec![("HOTLINE_SECRET_INBOUND_CARRIER", "hunter2")];
    let (config, _) = by_environment.load().unwrap();
    let trunk = &config.trunks["carrier"];
    let (user, secrets) = trunk.caller.as_ref().unwrap();
    let realm = &config.sip.realm;
    assert_eq!(user, "branch");
    assert!(secrets.contains(&Ha1::of(Algorithm::Sha256, "branch", realm, "hunter2")));
    assert_eq!(trunk.identity, sip_net::CallerIdentity::Withheld);
    let second = "[trunks.second]\ninbound_user = \"branch\"\n[hotlines";
    let findings = changed().replace("[hotlines", second).load().unwrap_err().to_string();
    assert!(findings.contains("calls as `branch`, too"), "{findings}");
}

#[test]
fn what_is_wrong_with_a_secret_is_told_without_showing_it() {
    let text =
        "[phones.1001]\nha1_md5 = \"hunter2\"\n[tokens.x]\nrole = \"root\"\nsha256 = \"hunter3\"\n";
    let findings = Changed::example().secrets(text, 0o644).load().unwrap_err();
    let codes: BTreeSet<_> = findings.iter().map(|finding| finding.code).collect();
    let expected = [Code::SecretInvalid, Code::SecretsExposed, Code::SecretMissing];
    assert_eq!(codes, expected.into());
    assert!(!findings.to_string().contains("hunter"), "{findings}");
}

#[test]
fn a_secret_that_nobody_has_is_told() {
    let hash = "a".repeat(64);
    let text = format!(
        "[token.x]\n[phones.1001]\nha1_sha265 = \"{hash}\"\n[tokens.local]\nrole = \"viewer\"\n\
         sha256 = \"{hash}\"\n[tokens.half]\nrole = \"viewer\"\n"
    );
    let mut changed = Changed::example().secrets(&text, 0o600);
    changed.environment = vec![
        ("HOTLINE_SECRET_PHONE_9999", "x"),
        ("HOTLINE_SECRET_TOKEN_ROOT", "x"),
        ("HOTLINE_SECRET_TOKEN_ADMIN", "short"),
    ];
    let findings = changed.load().unwrap_err();
    let shown = findings.to_string();
    for told in [
        "`token` is no key",
        "`ha1_sha265` is no key",
        "named `local`",
        "token `half` needs",
        "HOTLINE_SECRET_PHONE_9999",
        "HOTLINE_SECRET_TOKEN_ROOT",
        "shorter than 22",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(findings.iter().all(|finding| finding.help.is_some()), "{shown}");
    assert!(!shown.contains(&hash), "{shown}");
}

#[test]
fn secrets_that_are_not_toml_are_told_with_the_line_and_without_the_secret() {
    let findings = Changed::example().secrets("realm = \"a\"\nx = = hunter2\n", 0o600).load();
    let shown = findings.unwrap_err().to_string();
    assert!(shown.contains("secrets.toml:2:") && !shown.contains("hunter2"), "{shown}");
}

/// What is changed in the example, into what, and the one thing that is wrong then.
const SINGLE_FAULTS: &[(&str, &str, Code)] = &[
    ("realm = \"hotline.example\"", "", Code::MissingKey),
    ("max_calls = 200", "max_calls = \"200\"", Code::WrongType),
    ("max_calls = 200", "max_calls = 0", Code::BadValue),
    ("[rules]", "[[rules]]", Code::WrongType),
    ("ring = \"20s\"", "ring = \"20\"", Code::BadValue),
    ("ring = \"20s\"", "ring = \"20h\"", Code::BadValue),
    ("\"highest_skill\"", "\"highest_skil\"", Code::UnknownStrategy),
    ("after_sign_in = \"ready\"", "after_sign_in = \"reddy\"", Code::UnknownValue),
    ("complaints = 3 }", "complaints = 6 }", Code::SkillNobodyHas),
    ("needs = { presales = 1 }", "needs = { presales = 1, english = 2 }", Code::SkillNobodyHas),
    ("needs = { presales = 1 }", "needs = { presales = 8, aftersales = 5 }", Code::SkillNobodyHas),
    ("max_wait = \"5m\"", "overflow = \"complaints\"", Code::OverflowLoop),
    ("max_wait = \"5m\"", "overflow = \"aftersale\"", Code::QueueUnknown),
    ("queue = \"presales\"", "queue = \"presale\"", Code::QueueUnknown),
    ("flow = \"main\"", "", Code::NumberWithoutFlow),
    ("flow = \"main\"", "flow = \"mian\"", Code::FlowUnknown),
    ("next = \"menu\"", "next = \"menue\"", Code::StepUnknown),
    ("3 = \"complaints\"", "", Code::StepUnreachable),
    ("otherwise = \"aftersales\"", "otherwise = \"menu\"", Code::FlowLoop),
    ("wait = \"5s\"", "wait = \"5s\"\nnext = \"menu\"", Code::UnknownKey),
    ("[1001, 1002, 1003]", "[1001, 1002, 1009]", Code::AgentUnknown),
    ("name = \"王芳\"", "name = \"王芳\"\nphone = \"1009\"", Code::PhoneUnknown),
    ("[phones.1008]", "[phones.2008]", Code::AgentWithoutPhone),
    ("[phones.2001]", "[phones.reception]", Code::BadName),
    ("number = \"4008001234\"", "number = \"2001\"", Code::NumberDuplicate),
    ("digit = \"2\"", "digit = \"1\"", Code::DigitDuplicate),
    ("[busy_reasons.break]", "[busy_reasons.no_answer]", Code::BadName),
    ("queue_music = \"queue-music\"", "queue_music = \"jazz\"", Code::PromptMissing),
    ("\"20000-39999\"", "\"20001-39999\"", Code::PortsOdd),
    ("\"20000-39999\"", "\"20000-20399\"", Code::PortsTooFew),
    ("\"0.0.0.0:5080\"", "\"127.0.0.1:5060\"", Code::PortsClash),
    ("\"0.0.0.0:5080\"", "\"0.0.0.0:20002\"", Code::PortsClash),
    ("address = \"127.0.0.1\"", "address = \"0.0.0.0\"", Code::AddressUnusable),
    (
        "[media]",
        "advertise = \"::1\"
[media]",
        Code::AddressFamily,
    ),
    ("[media]", "trunk_advertise = \"0.0.0.0\"\n[media]", Code::AddressUnusable),
    ("\"127.0.0.1:5090\"", "\"[::1]:5090\"", Code::AddressFamily),
    ("addresses = [\"127.0.0.0/8\"]", "addresses = []", Code::TrunkWithoutAddress),
    ("addresses = [\"127.0.0.0/8\"]", "", Code::TrunkWithoutAddress),
    ("addresses = [\"127.0.0.0/8\"]", "addresses = [\"127.0.0.1/8\"]", Code::BadValue),
    ("prefix = \"000\"", "prefix = \"*9\"", Code::BadValue),
    ("proxy = \"127.0.0.1:5090\"", "", Code::TrunkWithoutAddress),
    ("addresses = [\"127.0.0.0/8\"]", "", Code::TrunkWithoutAddress),
    ("max_calls = 100", "max_calls = 100\ncaller_id = \"hidden\"", Code::UnknownValue),
    ("trunk = \"carrier\"", "trunk = \"carier\"", Code::TrunkUnknown),
    ("state = \"state\"", "state = \"/proc/hotline\"", Code::FolderNotWritable),
    ("[api]", "[feature_codes]\nready = \"*1\"\n[api]", Code::FeatureCodeClash),
    (
        "prefix = \"01\"\nstrip = 1\nlength = \"12\"",
        "prefix = \"10\"\nlength = \"4-12\"",
        Code::ExtensionClash,
    ),
    ("trunk = \"carrier\"", "trunk = \"carrier\"\nforbid = true", Code::RuleUnclear),
    ("show = \"01088886666\"", "show = \"4008001234\"", Code::CallerIdForbidden),
    ("[phones.1008]", "[phones.1008]\nnetworks = [\"10.0.0.1/8\"]", Code::BadValue),
    ("[phones.1008]", "[phones.1008]\nbindings = \"one\"", Code::UnknownValue),
    ("[phones.1008]", "[phones.1008]\nmost_bindings = 0", Code::BadValue),
    ("[media]", "networks = [\"ten\"]\n[media]", Code::BadValue),
    ("[media]", "[provisioning]\nurl = \"pbx.example.cn\"\n[media]", Code::BadValue),
    ("[media]", "[provisioning]\nserver = \"pbx:x\"\n[media]", Code::BadValue),
    ("[media]", "[provisioning]\nvalid = \"1s\"\n[media]", Code::BadValue),
    ("[media]", "[provisioning]\ntransport = \"tls\"\n[media]", Code::ListenerMissing),
    ("show = \"01088886666\"", "show = \"+864008001234\"", Code::CallerIdForbidden),
    ("show = \"01088886666\"", "show = \"04008001234\"", Code::CallerIdForbidden),
    ("show = \"01088886666\"", "show = \"8008101234\"", Code::CallerIdForbidden),
    ("flow = \"main\"", "flow = \"main\"\nreserved = 201", Code::ReservedTooMany),
    ("flow = \"main\"", "flow = \"main\"\nmax_calls = 5\nreserved = 6", Code::ReservedTooMany),
    ("flow = \"main\"", "flow = \"main\"\nreserved_on = { carrier = 101 }", Code::ReservedTooMany),
    ("flow = \"main\"", "flow = \"main\"\nreserved_on = { carier = 1 }", Code::TrunkUnknown),
    ("flow = \"main\"", "flow = \"main\"\nreserved_on = { carrier = 0 }", Code::BadValue),
    ("flow = \"main\"", "flow = \"main\"\ncalls_per_second = 0", Code::BadValue),
    ("max_calls = 100", "max_calls = 100\noutbound_numbers = \"e146\"", Code::UnknownValue),
    ("max_calls = 100", "max_calls = 100\noutbound_prefix = \"x\"", Code::BadValue),
    ("trunk = \"carrier\"", "trunks = [\"carrier\", \"carier\"]", Code::TrunkUnknown),
    ("trunk = \"carrier\"", "trunks = [\"carrier\", \"carrier\"]", Code::RuleUnclear),
    ("trunk = \"carrier\"", "trunks = []", Code::RuleUnclear),
    ("trunk = \"carrier\"", "trunk = \"carrier\"\ntrunks = [\"carrier\"]", Code::RuleUnclear),
    ("[media]", "[numbering]\narea = \"Beijing\"\n[media]", Code::BadValue),
    ("[media]", "[numbering]\ncountry = \"+86\"\n[media]", Code::BadValue),
    ("roles = [\"manager\"]", "roles = [\"manger\"]", Code::RoleUnknown),
];

#[test]
fn limits_spellings_and_the_order_of_trunks_are_read_as_written() {
    let second = "\n[trunks.second]\naddresses = [\"192.0.2.1\"]\nproxy = \"192.0.2.1:5060\"\n\
                  calls_per_second = 7\ninbound_numbers = \"e164\"\ninbound_strip = 2\n\
                  outbound_numbers = \"plus_e164\"\noutbound_prefix = \"77\"\n\
                  [numbering]\narea = \"010\"\n";
    let hotline = "flow = \"main\"\nmax_calls = 50\ncalls_per_second = 5\nreserved = 20\n\
                   reserved_on = { carrier = 10, second = 5 }";
    let changed = Changed::example()
        .replace("trunk = \"carrier\"", "trunks = [\"second\", \"carrier\"]")
        .replace("flow = \"main\"", hotline)
        .add(second);
    let (config, _) = changed.load().unwrap_or_else(|findings| panic!("{findings}"));
    let floor = config.floor;
    assert_eq!(floor.outbound[1].trunks, [TrunkId::from("second"), TrunkId::from("carrier")]);
    assert_eq!(floor.numbering.area.as_deref(), Some("10"));
    let trunk = &floor.trunks[&TrunkId::from("second")];
    assert_eq!((trunk.calls_per_second, trunk.max_calls), (Some(7), 30));
    assert_eq!((trunk.inbound.strip, trunk.outbound.prefix.as_str()), (2, "77"));
    assert_eq!(floor.trunks[&TrunkId::from("carrier")].outbound, Default::default());
    let limits = &floor.hotlines[&model::HotlineId::from("main")].limits;
    assert_eq!((limits.max_calls, limits.reserved), (Some(50), 20));
    assert_eq!(limits.reserved_on[&TrunkId::from("second")], 5);
}

#[test]
fn places_kept_for_several_hotlines_are_added_up() {
    let other = "\n[hotlines.other]\nnumber = \"4008001235\"\nflow = \"main\"\n";
    let both = |kept: &str| {
        let first = format!("flow = \"main\"\n{kept}");
        Changed::example().replace("flow = \"main\"", &first).add(&format!("{other}{kept}\n"))
    };
    both("reserved = 100").expect([]);
    let shown = both("reserved = 101").expect([Code::ReservedTooMany]);
    assert!(shown.contains("202 places of the service") && shown.contains("it has 200"), "{shown}");
    both("reserved_on = { carrier = 50 }").expect([]);
    let shown = both("reserved_on = { carrier = 51 }").expect([Code::ReservedTooMany]);
    assert!(shown.contains("102 places of trunk `carrier`"), "{shown}");
}

#[test]
fn two_spellings_of_one_number_are_one_number() {
    let other = "\n[hotlines.other]\nnumber = \"+864008001234\"\nflow = \"main\"\n";
    Changed::example().add(other).expect([Code::NumberDuplicate]);
    // The extension is what others in the city dial for the hotline.
    Changed::example()
        .replace("number = \"4008001234\"", "number = \"01088885555\"")
        .add("\n[numbering]\narea = \"010\"\n[phones.88885555]\n")
        .expect([Code::NumberDuplicate]);
}

/// A listener over TLS whose files are in the state folder, and these further keys.
fn with_listener(keys: &str) -> Changed {
    let table = format!("\n[listeners.more]\nlisten = \"127.0.0.1:5061\"\n{keys}\n");
    Changed::example().add(&table)
}

#[test]
fn what_a_further_listener_lacks_or_has_too_much_is_told() {
    let tls = "serves = \"phones\"\ntransport = \"tls\"";
    with_listener("serves = \"phones\"\ntransport = \"ws\"").expect([]);
    let two = "\ncertificate = \"a\"\nkey = \"b\"";
    with_listener(tls).expect([Code::MissingKey, Code::MissingKey]);
    with_listener(&format!("{tls}{two}")).expect([Code::TlsFile]);
    with_listener("serves = \"trunks\"\ntransport = \"wss\"")
        .expect([Code::MissingKey, Code::MissingKey]);
    with_listener("serves = \"trunks\"\ntransport = \"ws\"").expect([Code::BadValue]);
    let useless = "serves = \"phones\"\ntransport = \"udp_tcp\"\nclient_ca = \"x\"";
    with_listener(useless).expect([Code::UnknownKey]);
    with_listener("serves = \"phones\"\ntransport = \"sctp\"").expect([Code::UnknownValue]);
    let clash = with_listener("serves = \"phones\"\ntransport = \"ws\"");
    clash.replace("127.0.0.1:5061", "127.0.0.1:8080").expect([Code::PortsClash]);
    let listener = with_listener("serves = \"phones\"\ntransport = \"ws\"");
    let (config, _) = listener.load().unwrap();
    assert_eq!(config.listeners.all.len(), 3);
}

#[test]
fn a_trace_is_kept_unless_it_is_turned_off_and_goes_where_it_can_be_sent() {
    let (config, _) = Changed::example().load().unwrap();
    let usual = TraceSettings { disk: 256 << 20, capture: None };
    assert_eq!(config.trace, usual);
    let with = |keys: &str| Changed::example().add(&format!("\n[trace]\n{keys}\n"));
    let (config, _) = with("disk = 0\nhep = \"[::1]:9060\"\nhep_id = 4294967295").load().unwrap();
    let server = "[::1]:9060".parse().unwrap();
    let capture = sip_net::Capture { server, id: u32::MAX, key: None };
    assert_eq!(config.trace, TraceSettings { disk: 0, capture: Some(capture) });
    for nowhere in ["0.0.0.0:9060", "192.0.2.7:0"] {
        with(&format!("hep = \"{nowhere}\"")).expect([Code::AddressUnusable]);
    }
    with("hep = \"homer\"").expect([Code::BadValue]);
    with("disk = -1\nhep_id = 4294967296").expect([Code::BadValue, Code::BadValue]);
}

#[test]
fn what_a_capture_server_asks_for_is_a_secret() {
    let hep = || Changed::example().add("\n[trace]\nhep = \"192.0.2.7:9060\"\n");
    let key = |changed: &Changed| changed.load().unwrap().0.trace.capture.unwrap().key;
    let written = hep().secrets("realm = \"hotline.example\"\nhep_key = \"written\"\n", 0o600);
    assert_eq!(key(&written).as_deref(), Some("written"));
    let mut said = written;
    said.environment.push(("HOTLINE_SECRET_HEP", "said"));
    assert_eq!(key(&said).as_deref(), Some("said"), "the environment comes first");
    let shown = format!("{:?}", said.load().unwrap().0.trace);
    assert!(!shown.contains("said"), "{shown}");
    let mut long = hep();
    let longest = "x".repeat(257);
    long.environment.push(("HOTLINE_SECRET_HEP", longest.leak()));
    long.expect([Code::SecretInvalid]);
    let none = hep().secrets("realm = \"hotline.example\"\nhep_key = 17\n", 0o600);
    let findings = none.load().err().unwrap();
    assert!(findings.iter().any(|finding| finding.code == Code::SecretInvalid), "{findings}");
}

#[test]
fn a_certificate_that_nobody_believes_for_its_dates_is_a_warning() {
    let year = |year| rcgen::date_time_ymd(year, 1, 1);
    for (from, until, told) in [
        (year(2020), year(2021), Some("has expired")),
        (year(3000), year(3001), Some("is not valid yet")),
        (year(2020), year(3001), None),
    ] {
        let mut params = rcgen::CertificateParams::new(vec!["desk.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (from, until);
        let key = rcgen::KeyPair::generate().unwrap();
        let keys = "serves = \"phones\"\ntransport = \"tls\"\ncertificate = \"s.pem\"";
        let changed = with_listener(&format!("{keys}\nkey = \"s.key\""));
        let certificate = params.self_signed(&key).unwrap();
        fs::write(changed.folder.path().join("s.pem"), certificate.pem()).unwrap();
        fs::write(changed.folder.path().join("s.key"), key.serialize_pem()).unwrap();
        let file = changed.folder.path().join("s.pem");
        let christmas = "2020-12-25T00:00:00Z".parse().unwrap();
        let soon = (until == year(2021)).then_some("expires within 14 days");
        assert_eq!(listeners::dates(&file, christmas), soon.or(told));
        match told {
            None => drop(changed.expect([])),
            Some(told) => {
                let shown = changed.expect([Code::CertificateDates]);
                assert!(shown.contains(told) && shown.contains("s.pem"), "{shown}");
            }
        }
    }
}

#[test]
fn every_fault_of_a_single_kind_is_found_alone() {
    let mut wrong = String::new();
    for (old, new, code) in SINGLE_FAULTS {
        let findings = Changed::example().replace(old, new).load().err().unwrap_or_default();
        if findings.iter().any(|finding| finding.code != *code) || !findings.has_errors() {
            wrong.push_str(&format!("{old} → {new} should be {code:?}\n{findings}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_rule_that_is_never_asked_is_a_warning_and_no_error() {
    let changed = Changed::example()
        .add("\n[[outbound]]\nprefix = \"0001\"\nlength = \"9\"\nforbid = true\n");
    let shown = changed.expect([Code::RuleUnreachable]);
    assert!(shown.ends_with("1 warning\n"), "{shown}");
}

#[test]
fn a_prompt_that_cannot_be_played_is_named_by_its_file() {
    let changed = Changed::example().replace("nobody = \"nobody\"", "nobody = \"../state/cd\"");
    changed.expect([Code::BadValue]);
    let changed = Changed::example();
    let prompts = changed.folder.path().join("prompts");
    fs::create_dir(&prompts).unwrap();
    for entry in fs::read_dir(Path::new(EXAMPLE).with_file_name("prompts")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, prompts.join(path.file_name().unwrap())).unwrap();
    }
    fs::write(prompts.join("nobody.wav"), b"MThd").unwrap();
    let folder = prompts.display().to_string();
    let at = changed.text.find("folder = ").unwrap();
    let end = at + changed.text[at..].find('\n').unwrap();
    let written = changed.text[at..end].to_owned();
    let changed = changed.replace(&written, &format!("folder = \"{folder}\""));
    let shown = changed.expect([Code::PromptFormat]);
    assert!(shown.contains("nobody.wav"), "{shown}");
}

#[test]
fn no_file_however_broken_ends_the_program() {
    let text = fs::read_to_string(EXAMPLE).unwrap();
    let state = tempfile::tempdir().unwrap();
    let environment = Environment::of(&[("HOTLINE_STATE", state.path().to_str().unwrap())]);
    let folder = Path::new(EXAMPLE).parent().unwrap().to_owned();
    let paths = Paths { folder, environment: &environment };
    let read = |text: String| parse(Source { name: "hotline.toml".into(), text }, &paths).1;
    let cuts = (0..text.len()).step_by(61).filter(|at| text.is_char_boundary(*at));
    for at in cuts {
        read(text[..at].to_owned());
    }
    let lines: Vec<_> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once('=') else { continue };
        for value in ["-1", "1.5", "[[1]]", "{}", "\"电\""] {
            let mut lines = lines.clone();
            let changed = format!("{key}= {value}");
            lines[number] = &changed;
            read(lines.join("\n"));
        }
    }
    for name in text.lines().filter(|line| line.starts_with('[')) {
        read(text.replace(name, &name.replace('[', "[x.")));
        read(text.replace(&format!("\n{name}\n"), "\n"));
    }
}

/// Codes that need another file than `broken.toml`, each with a test of its own.
const ELSEWHERE: &[Code] = &[
    Code::FileUnreadable,
    Code::Syntax,
    Code::PromptFormat,
    Code::CertificateDates,
    Code::RealmChanged,
    Code::SecretMissing,
    Code::SecretInvalid,
    Code::SecretsExposed,
];

#[test]
fn a_file_with_one_of_everything_tells_everything() {
    let text = include_str!("broken.toml").to_owned();
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment::default();
    let paths = Paths { folder: folder.path().to_owned(), environment: &environment };
    let (_, findings) = parse(Source { name: "broken.toml".into(), text }, &paths);
    let found: BTreeSet<_> = findings.iter().map(|finding| finding.code).collect();
    let all: BTreeSet<_> = Code::ALL.iter().copied().collect();
    for finding in findings.iter() {
        assert!(finding.help.as_ref().is_some_and(|help| !help.is_empty()), "{finding}");
    }
    let missing: Vec<_> = all.difference(&found).filter(|code| !ELSEWHERE.contains(code)).collect();
    assert_eq!(missing, Vec::<&Code>::new(), "{findings}");
    let shown = findings.to_string().replace(&*folder.path().to_string_lossy(), "…");
    insta::assert_snapshot!("broken", shown);
}

#[test]
fn every_code_has_a_section_in_the_operating_guide() {
    let path = Path::new(EXAMPLE).with_file_name("../docs/operating.md");
    let guide = fs::read_to_string(path).unwrap();
    for code in Code::ALL {
        assert!(guide.contains(&format!("### `{}`\n", code.as_str())), "{}", code.as_str());
    }
}

#[test]
fn every_default_reads_as_what_the_key_takes() {
    let (config, _) = Changed::example().load().unwrap();
    assert_eq!(config.floor.ring.as_secs(), 60);
    assert_eq!(config.floor.feature_codes, switchboard::config::FeatureCodes::default());
    assert_eq!(config.floor.rules.cool_down, agent::CoolDown::default());
    assert_eq!(config.floor.rules.wrap_up_at_most, agent::Rules::default().wrap_up_at_most);
    for table in key::TABLES {
        for key in table.keys {
            if let (key::Absent::Value(text), key::Kind::Span(..)) = (key.when_absent, key.kind) {
                assert!(value::duration(text).is_some(), "{}.{}", table.path, key.name);
            }
        }
    }
}

/// `docs/configuration.md` is made from the table the reader uses. `cargo xtask docs` writes it.
#[test]
fn the_document_of_every_key_is_up_to_date() {
    let path = Path::new(EXAMPLE).with_file_name("../docs/configuration.md");
    let document = document::render();
    if std::env::var_os("HOTLINE_WRITE_DOCS").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == document, "docs/configuration.md is out of date: run `cargo xtask docs`");
}

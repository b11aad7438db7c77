//! What is wrong with a configuration, where, and what would be right.

use std::fmt;
use std::ops::Range;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $severity:ident;)*) => {
        /// The stable code of a finding; each has a section in `docs/operating.md`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub(crate) enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as people and scripts read it.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Whether the configuration can be used in spite of it.
            pub(crate) const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// A file cannot be read.
    FileUnreadable = "file_unreadable", Error;
    /// Not TOML.
    Syntax = "syntax", Error;
    /// A key nobody reads.
    UnknownKey = "unknown_key", Error;
    /// A key that must be there is not.
    MissingKey = "missing_key", Error;
    /// A text where a number belongs, and the like.
    WrongType = "wrong_type", Error;
    /// Out of range, or not of the form.
    BadValue = "bad_value", Error;
    /// A name with characters that names do not have.
    BadName = "bad_name", Error;
    /// Not one of the words the key takes.
    UnknownValue = "unknown_value", Error;
    /// No such routing strategy.
    UnknownStrategy = "unknown_strategy", Error;
    /// No such queue.
    QueueUnknown = "queue_unknown", Error;
    /// No such trunk.
    TrunkUnknown = "trunk_unknown", Error;
    /// No such phone.
    PhoneUnknown = "phone_unknown", Error;
    /// No such agent.
    AgentUnknown = "agent_unknown", Error;
    /// No such flow.
    FlowUnknown = "flow_unknown", Error;
    /// No phone has this role.
    RoleUnknown = "role_unknown", Error;
    /// A step leads to a step that is not there.
    StepUnknown = "step_unknown", Error;
    /// A step no caller reaches.
    StepUnreachable = "step_unreachable", Error;
    /// A caller who does nothing would stay for ever.
    FlowLoop = "flow_loop", Error;
    /// A public number behind which nothing is.
    NumberWithoutFlow = "number_without_flow", Error;
    /// A queue asks for what no agent offers.
    SkillNobodyHas = "skill_nobody_has", Error;
    /// A tier of a queue never opens, or opens before the one inside it.
    TierNeverOpens = "tier_never_opens", Error;
    /// Overflow leads back to where it began.
    OverflowLoop = "overflow_loop", Error;
    /// Two things share a number.
    NumberDuplicate = "number_duplicate", Error;
    /// Two reasons share a digit.
    DigitDuplicate = "digit_duplicate", Error;
    /// One feature code begins with another.
    FeatureCodeClash = "feature_code_clash", Error;
    /// An extension that would be taken for something else.
    ExtensionClash = "extension_clash", Error;
    /// An agent whom no phone rings.
    AgentWithoutPhone = "agent_without_phone", Error;
    /// A prompt's file is not there.
    PromptMissing = "prompt_missing", Error;
    /// A prompt's file is not 8 kHz A-law mono.
    PromptFormat = "prompt_format", Error;
    /// The RTP range does not begin with an even port and end with an odd one.
    PortsOdd = "ports_odd", Error;
    /// The RTP range cannot carry the calls allowed.
    PortsTooFew = "ports_too_few", Error;
    /// Two listeners want the same port.
    PortsClash = "ports_clash", Error;
    /// A folder that must be written cannot be.
    FolderNotWritable = "folder_not_writable", Error;
    /// A number that may not be shown to called parties.
    CallerIdForbidden = "caller_id_forbidden", Error;
    /// More places are kept for hotlines than there are.
    ReservedTooMany = "reserved_too_many", Error;
    /// A trunk nobody can be known by.
    TrunkWithoutAddress = "trunk_without_address", Error;
    /// An address that belongs to two trunks.
    TrunkAddressClash = "trunk_address_clash", Error;
    /// IPv4 here and IPv6 there.
    AddressFamily = "address_family", Error;
    /// An address nobody can send to.
    AddressUnusable = "address_unusable", Error;
    /// A certificate or key that cannot be used.
    TlsFile = "tls_file", Error;
    /// A certificate that has expired, will soon, or is not valid yet.
    CertificateDates = "certificate_dates", Warning;
    /// Nothing listens that a trunk's calls could leave by.
    ListenerMissing = "listener_missing", Error;
    /// Callers who are to be called back could not be dialled, or would see no number.
    CallbackWithoutRoute = "callback_without_route", Error;
    /// Neither a trunk nor a refusal, or both.
    RuleUnclear = "rule_unclear", Error;
    /// An earlier rule takes every number of this one.
    RuleUnreachable = "rule_unreachable", Warning;
    /// Secrets were made for another realm.
    RealmChanged = "realm_changed", Error;
    /// A phone that cannot register.
    SecretMissing = "secret_missing", Warning;
    /// A secret that is none.
    SecretInvalid = "secret_invalid", Error;
    /// A file of secrets that others may read.
    SecretsExposed = "secrets_exposed", Warning;
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Severity {
    /// Nothing of the configuration is applied.
    Error,
    /// It is applied, and somebody should look.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// A file's text with its name, to tell places in it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// As people name the file.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) text: String,
}

/// A place in a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    /// The line itself.
    text: String,
    /// How many characters are meant.
    length: usize,
}

impl Source {
    /// Where a range of octets is; its first line when it spans several.
    pub(crate) fn place(&self, range: &Range<usize>) -> Place {
        let start = floor_boundary(&self.text, range.start);
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = self.text.get(line_start..).unwrap_or_default();
        let text = rest.lines().next().unwrap_or_default().to_owned();
        let meant = self.text.get(start..floor_boundary(&self.text, range.end)).unwrap_or_default();
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let length = meant.lines().next().unwrap_or_default().chars().count().max(1);
        Place { line: before.matches('\n').count() + 1, column, text, length }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Finding {
    /// The file.
    pub(crate) file: String,
    /// Where in it, where that can be said.
    pub(crate) place: Option<Place>,
    /// The kind.
    pub(crate) code: Code,
    /// What is wrong.
    pub(crate) message: String,
    /// What would be right.
    pub(crate) help: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.as_str();
        writeln!(out, "{}[{code}]: {}", self.code.severity(), self.message)?;
        match &self.place {
            Some(place) => self.quote(place, out)?,
            None => writeln!(out, "  --> {}", self.file)?,
        }
        if let Some(help) = &self.help {
            let width = self.place.as_ref().map_or(1, gutter);
            writeln!(out, "{:width$} = help: {help}", "")?;
        }
        Ok(())
    }
}

impl Finding {
    fn quote(&self, place: &Place, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = gutter(place);
        writeln!(out, "{:width$}--> {}:{}:{}", "", self.file, place.line, place.column)?;
        writeln!(out, "{:width$} |", "")?;
        writeln!(out, "{} | {}", place.line, place.text)?;
        let under: String = place.text.chars().take(place.column - 1).map(blank).collect();
        let carets: String =
            place.text.chars().skip(place.column - 1).take(place.length).map(caret).collect();
        let carets = if carets.is_empty() { "^" } else { &carets };
        writeln!(out, "{:width$} | {under}{carets}", "")
    }
}

fn gutter(place: &Place) -> usize {
    place.line.to_string().len()
}

fn blank(c: char) -> &'static str {
    match c {
        '\t' => "\t",
        c if is_wide(c) => "  ",
        _ => " ",
    }
}

fn caret(c: char) -> &'static str {
    if is_wide(c) { "^^" } else { "^" }
}

/// Whether a terminal gives the character two columns: Chinese, Japanese, Korean, full width.
const fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF00}'..='\u{FF60}'
        | '\u{FFE0}'..='\u{FFE6}' | '\u{20000}'..='\u{3FFFD}')
}

/// Everything that is wrong, in the order of the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// In the order of files and places, each once.
    pub(crate) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort();
        findings.dedup();
        Self(findings)
    }

    /// Each finding.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// How many there are of one severity.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|finding| finding.code.severity() == severity).count()
    }

    /// Whether nothing may be applied.
    pub(crate) fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in self.iter() {
            writeln!(out, "{finding}")?;
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        match (errors, warnings) {
            (0, 0) => Ok(()),
            (0, warnings) => writeln!(out, "{}", counted(warnings, "warning")),
            (errors, 0) => writeln!(out, "{}: nothing is applied", counted(errors, "error")),
            (errors, warnings) => {
                let warnings = counted(warnings, "warning");
                writeln!(out, "{}, {warnings}: nothing is applied", counted(errors, "error"))
            }
        }
    }
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

impl std::error::Error for Findings {}

//! Flow files, read.

use std::net::SocketAddr;
use std::time::Duration;

use sip::endpoint::Transport;

/// One flow.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) name: String,
    /// The RFC and section it plays, such as `3665 3.1`.
    pub(crate) section: String,
    pub(crate) transport: Transport,
    pub(crate) realm: Option<String>,
    /// User and password.
    pub(crate) accounts: Vec<(String, String)>,
    pub(crate) peers: Vec<(String, SocketAddr)>,
    pub(crate) steps: Vec<Step>,
    /// How many lines there are.
    pub(crate) length: usize,
}

/// One step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) deed: Deed,
    /// The indented lines: a name and what stands after the colon.
    pub(crate) fields: Vec<(String, String)>,
}

/// What happens, or must happen.
#[derive(Debug)]
pub(crate) enum Deed {
    Arrives { peer: String, what: String },
    Sent { peer: String, what: String, again: bool },
    Told { peer: String, what: String },
    Ordered { peer: String, what: String },
    Passes(Duration),
}

impl Script {
    /// Reads a file.
    ///
    /// # Errors
    /// The file, the line, and what is wrong with it.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, String> {
        let mut script = Self {
            name: name.to_owned(),
            section: String::new(),
            transport: Transport::Udp,
            realm: None,
            accounts: Vec::new(),
            peers: Vec::new(),
            steps: Vec::new(),
            length: text.lines().count(),
        };
        let mut told = Vec::new();
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !is_blank(line));
        let mut dashes = false;
        for (number, line) in lines.by_ref() {
            if line == "---" {
                dashes = true;
                break;
            }
            let at = |fault: &str| format!("{name}:{number}: {fault}");
            let (key, value) = field(line).ok_or_else(|| at("no `name: value`"))?;
            script.head(&key, &value).map_err(|fault| at(&fault))?;
            told.push(key);
        }
        if !dashes {
            return Err(format!("{name}: no line of dashes after the head"));
        }
        if let Some(missing) =
            ["rfc", "part", "title", "peer"].iter().find(|it| !told.contains(&(**it).to_owned()))
        {
            return Err(format!("{name}: the head does not say `{missing}`"));
        }
        for (number, line) in lines {
            script.step(number, line).map_err(|fault| format!("{name}:{number}: {fault}"))?;
        }
        Ok(script)
    }

    fn head(&mut self, key: &str, value: &str) -> Result<(), String> {
        let pair = || value.split_once(' ').ok_or_else(|| format!("{key} needs two words"));
        match key {
            "rfc" => value.clone_into(&mut self.section),
            "part" | "title" if !value.is_empty() => {}
            "realm" => self.realm = Some(value.to_owned()),
            "account" => {
                let (user, password) = pair()?;
                self.accounts.push((user.to_owned(), password.to_owned()));
            }
            "peer" => {
                let (name, address) = pair()?;
                let address = address.parse().map_err(|_| format!("{address} is no address"))?;
                self.peers.push((name.to_owned(), address));
            }
            "transport" => {
                self.transport = match value {
                    "udp" => Transport::Udp,
                    "tcp" => Transport::Tcp,
                    "tls" => Transport::Tls,
                    _ => return Err(format!("{value} is no transport")),
                }
            }
            _ => return Err(format!("`{key}` says nothing")),
        }
        Ok(())
    }

    fn step(&mut self, line: usize, text: &str) -> Result<(), String> {
        if text.starts_with(' ') {
            let step = self.steps.last_mut().ok_or("there is no step above")?;
            step.fields.push(field(text).ok_or("no `Name: value`")?);
            return Ok(());
        }
        let deed = self.deed(text)?;
        self.steps.push(Step { line, deed, fields: Vec::new() });
        Ok(())
    }

    fn deed(&self, text: &str) -> Result<Deed, String> {
        let mut words = text.splitn(3, ' ');
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if first == "wait" {
            return duration(second).map(Deed::Passes).ok_or(format!("{second} is no time"));
        }
        if !self.peers.iter().any(|(name, _)| name == first) {
            return Err(format!("no peer is called {first}"));
        }
        let (peer, rest) = (first.to_owned(), words.next().unwrap_or_default());
        let what = rest.to_owned();
        match second {
            _ if rest.is_empty() => Err("the step says nothing".to_owned()),
            "->" => Ok(Deed::Arrives { peer, what }),
            "<-" => match rest.strip_suffix(" again") {
                Some(what) => Ok(Deed::Sent { peer, what: what.to_owned(), again: true }),
                None => Ok(Deed::Sent { peer, what, again: false }),
            },
            "!" => Ok(Deed::Told { peer, what }),
            ":" => Ok(Deed::Ordered { peer, what }),
            _ => Err(format!("`{second}` is no arrow")),
        }
    }
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

fn duration(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        return millis.parse().ok().map(Duration::from_millis);
    }
    text.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}

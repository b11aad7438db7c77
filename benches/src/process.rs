//! A program under load: started on its own core, with what it costs read from `/proc`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{available_parallelism, sleep};
use std::time::Duration;

/// Linux tells processor time in hundredths of a second.
const TICKS_A_SECOND: u64 = 100;

/// The core of whatever is measured.
const SERVICE_CORE: &str = "0";
/// The core of the generator.
const GENERATOR_CORE: &str = "1";

/// How often it is looked whether a program has ended that was asked to.
const LOOK: Duration = Duration::from_millis(20);
/// After so many looks it is killed.
const LOOKS: u32 = 150;

/// A running program; gone with the value.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program, on a core of its own where there are two and `taskset` is there; what it
    /// says goes into the file.
    pub fn start(program: &Path, said: &Path, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = if is_pinned() {
            let mut command = Command::new("taskset");
            command.args(["-c", SERVICE_CORE]).arg(program);
            command
        } else {
            Command::new(program)
        };
        prepare(&mut command);
        let out = File::create(said).expect("a file for what the program says");
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle of the same file"))
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Self { child }
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Processor time so far, of all threads, user and system.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let stat = self.read("stat");
        // The name in parentheses may hold anything; the 14th and 15th field follow it.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let ticks: u64 =
            fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND)
    }

    /// Processor time so far, of the program and of every program it has started.
    #[must_use]
    pub fn cpu_of_all(&self) -> Duration {
        let ticks = |id: &u32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
            let spent = fields.split(' ').skip(11).take(2);
            spent.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>()
        };
        let ticks: u64 = self.family().iter().map(ticks).sum();
        Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND)
    }

    /// Memory of the program and of every program it has started, in kibibytes; what they share
    /// counts once.
    #[must_use]
    pub fn resident_of_all_kib(&self) -> u64 {
        let shares = |id: &u32| {
            let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok())
        };
        self.family().iter().filter_map(shares).sum()
    }

    /// The program and all it has started, and those again.
    fn family(&self) -> Vec<u32> {
        let mut family = vec![self.child.id()];
        let mut looked = 0;
        while let Some(parent) = family.get(looked).copied() {
            looked += 1;
            let tasks = fs::read_dir(format!("/proc/{parent}/task"));
            for task in tasks.into_iter().flatten().flatten() {
                let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                family.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
        }
        family
    }

    /// Processor time so far by the threads' names, numbers left out.
    #[must_use]
    pub fn cpu_by_thread(&self) -> BTreeMap<String, Duration> {
        let mut threads = BTreeMap::new();
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        for task in tasks.into_iter().flatten().flatten() {
            let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let name =
                read("comm").trim().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
            let schedule = read("schedstat");
            let nanos = schedule.split(' ').next().and_then(|nanos| nanos.parse().ok());
            *threads.entry(name).or_default() += Duration::from_nanos(nanos.unwrap_or_default());
        }
        threads
    }

    /// Resident memory, in kibibytes.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
    }

    /// Asks it to end in order, and waits until it has.
    pub fn stop(mut self) {
        self.terminate();
        let _ = self.child.wait();
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap_or_default()
    }
}

impl Drop for Process {
    /// Asked to end first: a peer's workers would stay if their master were killed.
    fn drop(&mut self) {
        self.terminate();
        for _ in 0..LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether what is measured and the generator have a core each.
#[must_use]
pub fn is_pinned() -> bool {
    let works = || Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_ok();
    CORES
        .get_or_init(|| available_parallelism().is_ok_and(|cores| cores.get() > 1) && works())
        .to_owned()
}

// Asked once, before the generator confines itself to one core.
static CORES: std::sync::OnceLock<bool> = std::sync::OnceLock::new();

/// Confines this process, and every thread it starts from now on, to the generator's core.
pub fn pin_generator() {
    if is_pinned() {
        let id = std::process::id().to_string();
        let _ = Command::new("taskset")
            .args(["-a", "-c", "-p", GENERATOR_CORE, &id])
            .stdout(Stdio::null())
            .status();
    }
}

/// The machine and its load, in a line.
#[must_use]
pub fn machine() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let models: Vec<&str> = cpus
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, model)| model)
        .collect();
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    let kernel = read("/proc/sys/kernel/osrelease");
    let model = models.first().unwrap_or(&"unknown processor");
    let pinned = if is_pinned() { "a core each for service and generator" } else { "not pinned" };
    format!("{} × {model}, Linux {}, load {load}, {pinned}", models.len(), kernel.trim())
}

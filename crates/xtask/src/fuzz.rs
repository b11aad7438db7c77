//! Coverage-guided fuzzing, outside the gate: build the targets with their instructions in them,
//! run them, and keep what they found. `fuzz/README.md` says how and why.

use std::fs;
use std::path::Path;

use crate::{debian, run, source};

const MANIFEST: &str = "fuzz/Cargo.toml";
const CORPUS: &str = "fuzz/corpus";
const DICTIONARY: &str = "fuzz/sip.dict";
/// Under `target`, so that nothing of a run is committed by chance.
const WORK: &str = "target/fuzz";
const USUAL_SECONDS: u64 = 60;

/// What tells the fuzzer which way the code went: counters on every edge, and what was compared
/// with what. It is what `cargo fuzz` sets, without the sanitisers, which need a nightly compiler.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What was asked for.
#[derive(PartialEq, Eq, Debug)]
struct Asked {
    targets: Vec<String>,
    seconds: u64,
    /// Whether what goes new ways is added to the corpus.
    keep: bool,
}

/// Fuzzes the targets named, or each of them.
///
/// # Errors
/// A sentence: words that mean nothing, a build that failed, or an input that breaks a target.
pub(crate) fn fuzz(words: &[String]) -> Result<(), String> {
    let asked = Asked::read(words, &targets()?)?;
    debian::need(debian::BUILD)?;
    let host = host()?;
    build(&host)?;
    for (number, target) in asked.targets.iter().enumerate() {
        let of = asked.targets.len();
        println!("\n── {target}, {} of {of}, {} s ──", number + 1, asked.seconds);
        let program = run::root().join(WORK).join(&host).join("release").join(target);
        let program = program.display().to_string();
        run_target(&program, target, asked.seconds)?;
        if asked.keep {
            keep(&program, target)?;
        }
    }
    Ok(())
}

impl Asked {
    fn read(words: &[String], known: &[String]) -> Result<Self, String> {
        let mut asked = Self { targets: Vec::new(), seconds: USUAL_SECONDS, keep: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--keep" => asked.keep = true,
                "--seconds" => {
                    let seconds = words.next().and_then(|number| number.parse().ok());
                    asked.seconds = seconds.ok_or("`--seconds` needs a number")?;
                }
                target if known.iter().any(|name| name == target) => {
                    asked.targets.push(target.to_owned());
                }
                other => {
                    let known = known.join(", ");
                    return Err(format!("there is no target `{other}`; the targets are {known}"));
                }
            }
        }
        if asked.targets.is_empty() {
            asked.targets = known.to_vec();
        }
        Ok(asked)
    }
}

/// The names of the targets: those of their files.
fn targets() -> Result<Vec<String>, String> {
    let folder = run::root().join("fuzz/targets");
    let files = source::files(&["rs"])?.into_iter().filter(|path| path.starts_with(&folder));
    let name = |path: &Path| path.file_stem().map(|name| name.to_string_lossy().into_owned());
    Ok(files.filter_map(|path| name(&path)).collect())
}

/// The machine we build for. It is named to the build, too, so that the flags are for what runs and
/// not for what builds.
fn host() -> Result<String, String> {
    let version = run::output("rustc", &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not name its host".to_owned())
}

fn build(host: &str) -> Result<(), String> {
    let words = [
        "build",
        "--release",
        "--locked",
        "--bins",
        "--manifest-path",
        MANIFEST,
        "--target-dir",
        WORK,
        "--target",
        host,
    ];
    run::command_with("cargo", &words, ("RUSTFLAGS", FLAGS))
}

fn run_target(program: &str, target: &str, seconds: u64) -> Result<(), String> {
    let (found, broken) = (folder("found", target)?, folder("broken", target)?);
    let words = [
        &format!("-max_total_time={seconds}"),
        &format!("-artifact_prefix={broken}/"),
        &format!("-dict={DICTIONARY}"),
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        &found,
        &format!("{CORPUS}/{target}"),
    ];
    run::command(program, &words).map_err(|fault| {
        format!(
            "{fault}\nthe input is in {broken}; move it to {CORPUS}/{target}, where a test of \
             the gate plays it"
        )
    })
}

/// Adds to the corpus the fewest of the inputs found that go ways which those in it do not.
fn keep(program: &str, target: &str) -> Result<(), String> {
    let (corpus, found) = (format!("{CORPUS}/{target}"), folder("found", target)?);
    // By edges alone: how often each was taken would make ten times as many.
    run::command(program, &["-set_cover_merge=1", "-use_counters=0", "-use_cmp=0", &corpus, &found])
}

/// A folder under [`WORK`], made when it is not there; its path from the root.
fn folder(kind: &str, target: &str) -> Result<String, String> {
    let path = format!("{WORK}/{kind}/{target}");
    let fault = |error| format!("{path} cannot be made: {error}");
    fs::create_dir_all(run::root().join(&path)).map_err(fault)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Asked, String> {
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        Asked::read(&words, &["message".to_owned(), "sdp".to_owned()])
    }

    #[test]
    fn every_target_is_meant_unless_some_are_named() {
        let all = read("").unwrap();
        assert_eq!((all.targets.len(), all.seconds, all.keep), (2, USUAL_SECONDS, false));
        let one = read("sdp --seconds 5 --keep").unwrap();
        assert_eq!((one.targets, one.seconds, one.keep), (vec!["sdp".to_owned()], 5, true));
    }

    #[test]
    fn a_word_that_means_nothing_is_told_with_those_that_do() {
        assert!(read("spd").unwrap_err().ends_with("the targets are message, sdp"));
        assert!(read("--seconds soon").unwrap_err().contains("number"));
    }

    #[test]
    fn every_target_is_a_program_with_a_corpus() {
        let manifest = source::read(&run::root().join(MANIFEST)).unwrap();
        let targets = targets().unwrap();
        assert!(targets.len() > 5, "{targets:?}");
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"\n")), "{target}");
            assert!(run::root().join(CORPUS).join(&target).is_dir(), "{target}");
        }
    }
}

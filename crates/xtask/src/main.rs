//! Repository automation, as `cargo xtask <command>`: the gate that every change passes, the demo,
//! and what is generated. It needs no installed tool beside cargo.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod clients;
mod debian;
mod docs;
mod fuzz;
mod gate;
mod layers;
mod run;
mod soak;
mod source;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "cargo xtask <command>

  test [step …]    format, lint, layers, tidiness, documents and every test; what CI runs
  layers           who imports whom, and whether the pure crates are pure
  tidy             sizes, names, module documentation, links
  docs [--check]   write the generated documents, or say which are out of date
  prompts          make the prompts and the music again (needs espeak-ng and sox)
  demo [option …]  build, then run `hotline demo` with these options
  bench [option …] run the benchmarks
  fuzz [target …] [--seconds n] [--keep]
                   look for octets that break what reads the network, a minute for each target
  soak floor [--events n] [--seed n]
                   live through random days until so many inputs were handled (10 million when not
                   said), and name the seed of the first that breaks an invariant";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        println!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match obey(command, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("\nerror: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn obey(command: &str, rest: &[String]) -> Result<(), String> {
    match command {
        "test" => gate::test(rest),
        "layers" => layers::check(),
        "tidy" => tidy::check(),
        "docs" if rest.iter().any(|word| word == "--check") => docs::check(),
        "docs" => docs::write(),
        "prompts" => {
            debian::need(debian::PROMPTS)?;
            run::command("bash", &["config/prompts/make.sh"])
        }
        "demo" => {
            debian::need(debian::BUILD)?;
            run::command("cargo", &["build", "--package", "hotline"])?;
            let mut words = vec!["run", "--quiet", "--package", "hotline", "--", "demo"];
            words.extend(rest.iter().map(String::as_str));
            // Ctrl-C is for the demo, which has calls to end; the prompt comes back when it has.
            run::become_command("cargo", &words)
        }
        "fuzz" => fuzz::fuzz(rest),
        "soak" => soak::soak(rest),
        "bench" => {
            let mut words = vec!["bench", "--manifest-path", "benches/Cargo.toml"];
            words.extend(rest.iter().map(String::as_str));
            run::command("cargo", &words)
        }
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => Err(format!("there is no command `{unknown}`\n\n{USAGE}")),
    }
}

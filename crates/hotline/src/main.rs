//! hotline: the telephony middleware of a call centre behind one public number.
//!
//! | module | concern |
//! |---|---|
//! | `cli` | the command line |
//! | `config` | the configuration file, and everything that can be wrong with it |
//! | `service` | start, wire, stop |
//! | `wiring` | the floor's commands to the drivers |
//! | `client` | the commands that ask a running service |
//! | `report` | what those commands print |
//! | `secrets` | the secrets of a new installation |
//! | `demo` | a whole centre on one machine |
//! | `simulate` | a day in virtual time, against one configuration or several |

mod cli;
mod client;
mod config;
mod demo;
mod failure;
mod file;
mod report;
mod secrets;
mod service;
mod simulate;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

/// Signalling allocates for every message; the system's allocator took a fifth of its time
/// (`docs/decisions/0007-what-a-registration-costs.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::error(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

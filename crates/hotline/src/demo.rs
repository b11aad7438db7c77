//! A whole centre on one machine.

use clap::Args;

use crate::failure::Failure;

/// How the demo runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// The configuration file.
    #[arg(long, default_value = "config/hotline.toml")]
    config: std::path::PathBuf,
}

pub(crate) fn run(_settings: Settings) -> Result<(), Failure> {
    Err(Failure::new("in the making"))
}

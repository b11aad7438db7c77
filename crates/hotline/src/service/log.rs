//! The log: fields, one event a line.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Starts the log on standard error; `HOTLINE_LOG` says how much, as `info` or `sip_net=debug`;
/// `usual` when it does not. A panic is a line of it, too.
pub(crate) fn start_log(format: LogFormat, usual: &str) {
    let filter = EnvFilter::try_from_env("HOTLINE_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        tracing::error!(thread = thread.name(), %panic, "a fault of ours: please report it");
    }));
}

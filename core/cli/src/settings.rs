//! Where the configuration's layers come from: the file that `--config` names, the environment, and
//! the flags. What they mean, and which wins, is decided in igor-core.

use std::fs;
use std::path::Path;

use igor_core::config::{Config, LogLevel, OutputFormat, Plugins};

use crate::args;
use crate::output::Format;
use crate::plugins;
use crate::problem::Problem;

const WAY_OUT: &str =
    "`igor config example` prints every setting, `igor config show` those in force.";

/// A flag that stands for a setting: its name, the setting's path, and its text if it was given.
pub(crate) type Flag<'a> = (&'static str, &'static str, Option<&'a str>);

/// Reads the configuration.
pub(crate) fn load(
    common: &args::Common,
    flags: &[Flag<'_>],
    plugins: &Plugins,
) -> Result<Config, Problem> {
    let refused = |error| Problem::usage(error, WAY_OUT);
    let mut builder = plugins::config();
    if let Some(path) = &common.config {
        builder = builder.file(&path.display().to_string(), &read(path)?).map_err(refused)?;
    }
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    builder = builder.env(variables).map_err(refused)?;
    let own = [
        ("--output", "run.output", common.output.map(Format::word)),
        ("--log-level", "run.log_level", common.log_level.map(args::LogLevel::word)),
    ];
    for (flag, path, text) in own.iter().chain(flags) {
        if let Some(text) = text {
            builder = builder.flag(flag, path, text);
        }
    }
    builder.build(plugins).map_err(refused)
}

fn read(path: &Path) -> Result<String, Problem> {
    fs::read_to_string(path).map_err(|error| {
        Problem::usage(
            format_args!("read the configuration {}: {error}", path.display()),
            "Give a file that exists and can be read, or leave --config away.",
        )
    })
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Text => Self::Text,
            OutputFormat::Json => Self::Json,
        }
    }
}

impl From<LogLevel> for args::LogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => Self::Off,
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

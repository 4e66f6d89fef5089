//! `igor config`: the settings in force with where each comes from, and an example file with all of
//! them.

use std::fmt::Write;

use igor_core::Limits;
use igor_core::config::Config;
use serde::Serialize;

use crate::args::{Common, ConfigCommand};
use crate::exit::Exit;
use crate::output::Output;
use crate::plugins::{self, Plugin};
use crate::problem::Problem;
use crate::settings;
use crate::start;
use crate::text;

/// The sections that are not a plugin's. A line that begins with `#` and no space is a setting at
/// its default.
const OWN_SECTIONS: &str = include_str!("../example.toml");

#[derive(Serialize)]
struct ShowBody {
    settings: Vec<SettingBody>,
}

#[derive(Serialize)]
struct SettingBody {
    path: String,
    value: String,
    source: String,
}

#[derive(Serialize)]
struct ExampleBody {
    toml: String,
}

/// Shows the configuration, or an example.
pub(crate) fn run(what: ConfigCommand, common: &Common) -> Result<Exit, Problem> {
    let plugins = plugins::linked()?;
    let config = settings::load(common, &[], &plugins)?;
    let output = start(&config);
    match what {
        ConfigCommand::Show => show(&config, &output)?,
        ConfigCommand::Example => {
            let body = ExampleBody { toml: example(&plugins::all(&plugins)) };
            output.document("config_example", &body, || body.toml.clone())?;
        }
    }
    Ok(Exit::Done)
}

fn show(config: &Config, output: &Output) -> Result<(), Problem> {
    let settings = config.settings().into_iter();
    let settings = settings.map(|setting| SettingBody {
        path: setting.path,
        value: setting.value,
        source: setting.source.to_string(),
    });
    let body = ShowBody { settings: settings.collect() };
    output.document("config_show", &body, || {
        let mut rows = vec![["SETTING", "VALUE", "FROM"]];
        rows.extend(body.settings.iter().map(|setting| {
            [setting.path.as_str(), setting.value.as_str(), setting.source.as_str()]
        }));
        text::escape_lines(&text::table(&rows))
    })
}

fn example(plugins: &[Plugin]) -> String {
    let mut toml = OWN_SECTIONS.to_owned();
    toml.push_str(&limits());
    let mut kind = "";
    for plugin in plugins {
        if plugin.kind != kind {
            kind = plugin.kind;
            let of_kind = plugins.iter().filter(|plugin| plugin.kind == kind);
            let names: Vec<_> = of_kind.clone().map(|plugin| plugin.name).collect();
            let default = of_kind.clone().find(|plugin| plugin.default).map(|plugin| plugin.name);
            let _ = write!(toml, "\n# Which {kind}: {}.\n[{kind}]\n", names.join(", "));
            if let Some(default) = default {
                let _ = writeln!(toml, "#plugin = {default:?}");
            }
        }
        let _ = write!(toml, "\n# {}\n[{kind}.{}]\n", plugin.summary, plugin.name);
        for line in plugin.example.lines() {
            let setting = !line.is_empty() && !line.starts_with('#');
            let _ = writeln!(toml, "{}{line}", if setting { "#" } else { "" });
        }
    }
    toml
}

/// The limits table: a row each, with the highest value it may have.
fn limits() -> String {
    let rows = |limits: &Limits| serde_json::to_value(limits).unwrap_or_default();
    let (defaults, ceilings) = (rows(&Limits::default()), rows(&Limits::CEILING));
    let mut toml = "\n# What a guest or a file may make the node spend.\n[limits]\n".to_owned();
    for (row, value) in defaults.as_object().into_iter().flatten() {
        let ceiling = ceilings.get(row).map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(toml, "# At most {ceiling}.\n#{row} = {value}");
    }
    toml
}

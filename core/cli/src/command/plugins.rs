//! `igor plugins`: what is linked into this program.

use serde::Serialize;

use crate::exit::Exit;
use crate::output::Output;
use crate::plugins::{self, Plugin};
use crate::problem::Problem;
use crate::text;

#[derive(Serialize)]
struct Body {
    plugins: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    kind: &'static str,
    name: &'static str,
    summary: &'static str,
    default: bool,
}

/// Lists the plugins.
pub(crate) fn run(output: &Output) -> Result<Exit, Problem> {
    let plugins = plugins::all(&plugins::linked()?);
    let line = |plugin: &Plugin| {
        let Plugin { kind, name, summary, default, .. } = *plugin;
        Line { kind, name, summary, default }
    };
    let body = Body { plugins: plugins.iter().map(line).collect() };
    output.document("plugins", &body, || as_text(&plugins))?;
    Ok(Exit::Done)
}

fn as_text(plugins: &[Plugin]) -> String {
    let mut rows = vec![["KIND", "NAME", "DEFAULT", "SUMMARY"]];
    rows.extend(plugins.iter().map(|plugin| {
        let default = if plugin.default { "yes" } else { "" };
        [plugin.kind, plugin.name, default, plugin.summary]
    }));
    text::table(&rows)
}

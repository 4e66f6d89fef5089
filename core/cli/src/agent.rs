//! What the command line says about an agent: its name, its module and its manifest. It only reads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use igor_core::Limits;
use igor_core::format::{AgentId, AgentIdError};

use crate::problem::Problem;

/// The name of an agent that was given none: its module's file name without the extension; where that
/// says nothing, the folder's name; where that cannot be one either, `agent`.
pub(crate) fn id_of(module: &Path) -> Result<AgentId, Problem> {
    derive(module).map_err(|error| {
        Problem::usage(
            format_args!("name the agent after {}: {error}", module.display()),
            "Give it a name with --agent-id.",
        )
    })
}

fn derive(module: &Path) -> Result<AgentId, AgentIdError> {
    let stem = module.file_stem().map(|stem| stem.to_string_lossy());
    if let Some(stem) = stem.filter(|stem| stem != "agent") {
        return stem.parse();
    }
    let folder = module.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
    folder.and_then(|name| name.parse().ok()).map_or_else(|| "agent".parse(), Ok)
}

/// The bytes of the module.
pub(crate) fn module(path: &Path) -> Result<Vec<u8>, Problem> {
    read(path, Limits::CEILING.module_bytes_max).map_err(|error| {
        Problem::new(
            format_args!("read the module {}: {error}", path.display()),
            "Give the path of an agent's module, such as agents/prebuilt/heartbeat.wasm.",
        )
    })
}

/// The text of the manifest: that of `given`, else of the file beside the module, if there is one.
pub(crate) fn manifest(given: Option<&Path>, module: &Path) -> Result<Option<Vec<u8>>, Problem> {
    let sidecar = module.with_extension("manifest.json");
    let path = given.unwrap_or(&sidecar);
    match read(path, Limits::CEILING.manifest_bytes_max) {
        Ok(text) => Ok(Some(text)),
        Err(error) if given.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::new(
            format_args!("read the manifest {}: {error}", path.display()),
            "Give a manifest that can be read; one that says {} grants nothing.",
        )),
    }
}

/// The bytes of a file that has at most `bytes_max`.
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max) {
        return Ok(bytes);
    }
    Err(io::Error::other(format!("it has more than {bytes_max} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_named_after_its_module() {
        for (path, name) in [
            ("heartbeat.wasm", "heartbeat"),
            ("/x/y/heart.beat.wasm", "heart.beat"),
            ("x/noextension", "noextension"),
            ("trader/agent.wasm", "trader"),
            ("./agent.wasm", "agent"),
            ("agent.wasm", "agent"),
            ("/agent.wasm", "agent"),
            ("../agent.wasm", "agent"),
            (".hidden/agent.wasm", "agent"),
        ] {
            assert_eq!(derive(Path::new(path)).map(|id| id.to_string()), Ok(name.to_owned()));
        }
        assert!(id_of(Path::new("-x.wasm")).is_err());
    }
}

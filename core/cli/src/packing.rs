//! An agent that goes into a file, or comes from one, as a command does it and as a running node does it: the file
//! is made or read here, and what comes of it is said. What is in it is igor-node's to say, and who asks is not
//! this file's business.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use igor_core::Storage;
use igor_core::format::AgentKey;
use igor_core::format::export::{ExportContents, ExportPart};
use igor_node::export::{
    Archive, Copying, Examined, Wanted, examine, export, import, open_identity,
};

use crate::control::wire;
use crate::explain::{Scene, unfit};
use crate::passphrase::Passphrase;
use crate::problem::Problem;

/// Writes an agent into a new file that only its owner may read; it is there whole and durable, or not at all.
pub(crate) async fn pack(
    storage: &dyn Storage,
    wanted: &Wanted<'_>,
    (scene, path): (&Scene, &Path),
    watch: &mut dyn FnMut(Copying),
) -> Result<wire::Packed, Problem> {
    let failed = |error: std::io::Error| {
        let way_out = "Give the path of a file that does not exist yet, in a folder that can be \
                       written to.";
        Problem::new(format_args!("write {}: {error}", path.display()), way_out)
    };
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let mut out = BufWriter::new(&file);
    let exported = export(storage, wanted, &mut out, watch).await;
    let written = exported.map_err(|error| scene.export(&error, path)).and_then(|exported| {
        out.flush().and_then(|()| file.sync_all()).map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(exported)
    });
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.map(|exported| packed(path, &exported.contents, exported.bytes))
}

fn packed(path: &Path, contents: &ExportContents, bytes: u64) -> wire::Packed {
    let facts = contents.facts();
    let has = |part| contents.item(part).is_some();
    wire::Packed {
        file: path.display().to_string(),
        agent_id: facts.agent.to_string(),
        did: facts.public_key.did().to_string(),
        tick: facts.tick.0,
        epoch: facts.epoch.major,
        checkpoint: facts.checkpoint.to_string(),
        parts: contents.items().len(),
        bytes,
        identity: has(ExportPart::Identity),
        journal: has(ExportPart::Journal),
    }
}

/// The file of an agent, of which the beginning was read.
pub(crate) struct Parcel {
    path: PathBuf,
    archive: Archive<BufReader<File>>,
}

/// The same, read to its end and found in order.
pub(crate) struct Checked {
    parcel: Parcel,
    examined: Examined,
}

impl Parcel {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        let file = File::open(path).map_err(|error| {
            Problem::new(
                format_args!("read {}: {error}", path.display()),
                "Give a file that `igor export` wrote.",
            )
        })?;
        let archive = Archive::open(BufReader::new(file));
        let archive = archive.map_err(|error| unfit(&error.into(), path))?;
        Ok(Self { path: path.to_owned(), archive })
    }

    /// Whether the agent's identity is in it, under a passphrase.
    pub(crate) fn has_identity(&self) -> bool {
        self.archive.contents().item(ExportPart::Identity).is_some()
    }

    /// Reads all of it.
    pub(crate) fn check(mut self, watch: &mut dyn FnMut(Copying)) -> Result<Checked, Problem> {
        let examined = examine(&mut self.archive, watch);
        let examined = examined.map_err(|error| unfit(&error, &self.path))?;
        Ok(Checked { parcel: self, examined })
    }
}

impl Checked {
    /// Where the agent would be.
    pub(crate) fn scene(&self, dir: PathBuf) -> Scene {
        Scene { agent: self.examined.contents().facts().agent.clone(), dir, module: None }
    }

    /// What is in it.
    pub(crate) fn document(&self) -> wire::Imported {
        let (Parcel { path, archive }, contents) = (&self.parcel, self.examined.contents());
        let packed = packed(path, contents, archive.bytes());
        wire::Imported { packed, dry_run: false, was_here: false, held_epoch: None }
    }

    /// The agent's identity, if it is in it and there is a passphrase.
    pub(crate) fn key(
        &self,
        secret: Option<&Passphrase>,
        scene: &Scene,
    ) -> Result<Option<AgentKey>, Problem> {
        let Some((sealed, secret)) = self.examined.sealed_identity().zip(secret) else {
            return Ok(None);
        };
        let key = open_identity(sealed, secret);
        key.map(Some).map_err(|error| scene.unseal(&error, &self.parcel.path))
    }

    /// Brings the agent into the store.
    pub(crate) async fn unpack(
        mut self,
        storage: &dyn Storage,
        key: Option<AgentKey>,
        scene: &Scene,
        watch: &mut dyn FnMut(Copying),
    ) -> Result<wire::Imported, Problem> {
        let document = self.document();
        let Self { parcel: Parcel { path, archive }, examined } = &mut self;
        let imported = import(storage, archive, examined, key, watch).await;
        let imported = imported.map_err(|error| scene.import(&error, path))?;
        let held_epoch = imported.epoch.map(|epoch| epoch.major);
        Ok(wire::Imported { was_here: imported.was_here, held_epoch, ..document })
    }
}

/// The line of progress.
pub(crate) fn copying_line(copying: Copying) -> String {
    let Copying { done, total } = copying;
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    format!("{percent:3} %, {done} of {total} steps")
}

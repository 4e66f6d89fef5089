//! Agents of a running node that go into files and come from them. The file and what is in it are the business of
//! [`crate::packing`].

use std::path::PathBuf;
use std::sync::Arc;

use igor_core::format::AgentId;
use igor_node::export::Wanted;

use super::look_at;
use super::station::Station;
use crate::control::refusal::{Code, Refusal};
use crate::control::wire::{Imported, Packed, State};
use crate::packing::{Parcel, pack};
use crate::passphrase::Passphrase;
use crate::problem::Problem;

impl Station {
    /// Writes a stopped agent into a file; with its identity, if there is a passphrase.
    pub(crate) async fn export(
        self: &Arc<Self>,
        agent: AgentId,
        file: PathBuf,
        secret: Option<Passphrase>,
    ) -> Result<Packed, Refusal> {
        // It stands as it did; the claim of the store sees to it that it is not started meanwhile.
        let may = |state| if state == State::Stopped { Ok(()) } else { Err(Code::StillRuns) };
        self.known.turn(&agent, self.time(), State::Stopped, may)?;
        let station = Arc::clone(self);
        at_leisure(move |runtime| {
            let assembly = &station.assembly;
            let wanted = Wanted {
                agent: &agent,
                state_bytes_max: assembly.limits().state_bytes_max,
                passphrase: secret.as_ref().map(|secret| secret.as_slice()),
                entropy: &*assembly.node.entropy,
            };
            let (storage, scene) = (&*assembly.node.storage.0, station.scene(&agent));
            runtime.block_on(pack(storage, &wanted, (&scene, &file), &mut |_| {}))
        })
        .await
    }

    /// Brings an agent from a file; it can be started then, if there is a passphrase or its identity is here.
    pub(crate) async fn import(
        self: &Arc<Self>,
        file: PathBuf,
        secret: Option<Passphrase>,
    ) -> Result<Imported, Refusal> {
        let station = Arc::clone(self);
        at_leisure(move |runtime| {
            let checked = Parcel::open(&file)?.check(&mut |_| {})?;
            let scene = checked.scene(station.dir.clone());
            let key = checked.key(secret.as_ref(), &scene)?;
            let storage = &*station.assembly.node.storage.0;
            let imported = runtime.block_on(checked.unpack(storage, key, &scene, &mut |_| {}))?;
            let seen = runtime.block_on(look_at(&station, &scene.agent));
            seen.map_err(|error| scene.storage(&error))?;
            station.make_known(&scene.agent);
            Ok(imported)
        })
        .await
    }
}

/// Does what takes a while where nobody else waits, and to its end, whether or not somebody still waits for it.
async fn at_leisure<T: Send + 'static>(
    body: impl FnOnce(&tokio::runtime::Handle) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Refusal> {
    let runtime = tokio::runtime::Handle::current();
    match tokio::task::spawn_blocking(move || body(&runtime)).await {
        Ok(done) => done.map_err(|problem| Refusal::of(Code::Refused, &problem)),
        Err(error) => Err(Refusal::new(Code::Refused, error, "This is a defect of igor.")),
    }
}

//! Plugins: how an implementation of one of the four traits makes itself known, and how
//! configuration chooses one by name. Linking a plugin changes nothing until it is chosen. Nothing
//! here knows any plugin by name.

mod registry;
mod section;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

#[doc(hidden)]
pub use inventory as __inventory;
pub use registry::{Registry, RegistryError};
pub use section::{BuildError, ConfigSection};

use crate::format::NodeKey;
use crate::{Engine, Limits, Meter, Storage, Transport};

/// What every plugin is given when it is built, beside its own configuration.
#[derive(Clone)]
pub struct Context {
    /// The data directory. A plugin that keeps files keeps them in or below it.
    pub data_dir: PathBuf,
    /// The limits in force.
    pub limits: Limits,
    node_key: Option<Arc<NodeKey>>,
}

impl Context {
    /// What every plugin gets.
    pub fn new(data_dir: impl Into<PathBuf>, limits: Limits) -> Self {
        Self { data_dir: data_dir.into(), limits, node_key: None }
    }

    /// What a transport gets: the key that the node proves itself by. Nothing else needs it, so no
    /// other plugin is built with it.
    #[must_use]
    pub fn with_node_key(self, key: Arc<NodeKey>) -> Self {
        Self { node_key: Some(key), ..self }
    }

    /// The node's key, for the transport named `plugin`. It signs handshakes and nothing else
    /// ([`NodeKey::prove`]); a transport keeps no copy of its secret bytes.
    ///
    /// # Errors
    /// When the plugin is built without one.
    pub fn node_key(&self, plugin: &'static str) -> Result<Arc<NodeKey>, BuildError> {
        self.node_key.clone().ok_or_else(|| {
            let problem = "the node has no key to prove itself by".to_owned();
            BuildError::Failed { plugin, problem }
        })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Context");
        shown.field("data_dir", &self.data_dir).field("limits", &self.limits);
        shown.finish_non_exhaustive()
    }
}

/// A plugin's registration.
pub struct Entry<T: ?Sized + 'static> {
    /// The name by which configuration chooses it.
    pub name: &'static str,
    /// One line for `igor plugins`.
    pub summary: &'static str,
    /// An example of its configuration section, valid TOML, printed by `igor config example`.
    pub example: &'static str,
    /// Builds it from its configuration section.
    pub build: fn(&ConfigSection, &Context) -> Result<Arc<T>, BuildError>,
}

impl<T: ?Sized> Clone for Entry<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Entry<T> {}

impl<T: ?Sized> fmt::Debug for Entry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A kind of plugin: the trait object that is registered, and the word for it in configuration.
pub trait Kind: 'static {
    /// The configuration section and the word in messages, as in `engine`.
    const WORD: &'static str;

    /// The registrations linked into this program, in no particular order.
    fn linked() -> Vec<Entry<Self>>;
}

macro_rules! kind {
    ($($object:ty, $word:literal;)*) => {$(
        inventory::collect!(Entry<$object>);

        impl Kind for $object {
            const WORD: &'static str = $word;

            fn linked() -> Vec<Entry<Self>> {
                inventory::iter::<Entry<$object>>.into_iter().copied().collect()
            }
        }
    )*};
}

kind! {
    dyn Engine, "engine";
    dyn Storage, "storage";
    dyn Transport, "transport";
    dyn Meter, "meter";
}

/// Registers an engine: `register_engine! { name: …, summary: …, example: …, build: … }`.
#[macro_export]
macro_rules! register_engine {
    ($($fields:tt)*) => { $crate::__register! { dyn $crate::Engine; $($fields)* } };
}

/// Registers a storage: `register_storage! { name: …, summary: …, example: …, build: … }`.
#[macro_export]
macro_rules! register_storage {
    ($($fields:tt)*) => { $crate::__register! { dyn $crate::Storage; $($fields)* } };
}

/// Registers a transport: `register_transport! { name: …, summary: …, example: …, build: … }`.
#[macro_export]
macro_rules! register_transport {
    ($($fields:tt)*) => { $crate::__register! { dyn $crate::Transport; $($fields)* } };
}

/// Registers a meter: `register_meter! { name: …, summary: …, example: …, build: … }`.
#[macro_export]
macro_rules! register_meter {
    ($($fields:tt)*) => { $crate::__register! { dyn $crate::Meter; $($fields)* } };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($object:ty; $($fields:tt)*) => {
        const _: () = {
            use $crate::__inventory as inventory;
            inventory::submit! { $crate::plugin::Entry::<$object> { $($fields)* } }
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_key_is_handed_out_but_not_shown() {
        let context = Context::new("data", Limits::default());
        let error = context.node_key("mine").err().expect("there is no key").to_string();
        assert_eq!(error, "mine: the node has no key to prove itself by");
        let key = Arc::new(NodeKey::from_seed(&[7; 32]));
        let context = context.with_node_key(Arc::clone(&key));
        let given = context.node_key("mine").expect("there is a key");
        assert_eq!(given.public_key(), key.public_key());
        let shown = format!("{context:?}");
        assert!(shown.contains("data_dir") && !shown.contains("key"), "{shown}");
    }
}

//! The table of linked plugins of one kind. It is built once, by whoever composes a node, and never
//! changes behind anyone's back.

use std::fmt;
use std::sync::Arc;

use super::{BuildError, ConfigSection, Context, Entry, Kind};

/// The plugins of one kind, sorted by name.
pub struct Registry<T: ?Sized + Kind> {
    entries: Vec<Entry<T>>,
}

impl<T: ?Sized + Kind> fmt::Debug for Registry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.entries).finish()
    }
}

/// The registry cannot be built or does not hold what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two plugins of one kind registered the same name.
    #[error("two {kind} plugins are named {name:?}")]
    Duplicate {
        /// The kind of plugin.
        kind: &'static str,
        /// The name.
        name: &'static str,
    },
    /// No plugin of that name is linked.
    #[error(
        "no {kind} is named {name:?}; there {are}: {linked}. A plugin of your own must be linked: \
         add `use my_plugin as _;` to the program",
        are = if linked.contains(',') { "are" } else { "is" }
    )]
    Unknown {
        /// The kind of plugin.
        kind: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names that are linked, or "none".
        linked: String,
    },
}

impl<T: ?Sized + Kind> Registry<T> {
    /// A registry without plugins, for tests and embedders.
    pub fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    /// Every plugin linked into this program.
    ///
    /// # Errors
    /// When two of them have the same name.
    pub fn linked() -> Result<Self, RegistryError> {
        T::linked().into_iter().try_fold(Self::empty(), Self::with)
    }

    /// Adds a plugin.
    ///
    /// # Errors
    /// When there is one of that name.
    pub fn with(mut self, entry: Entry<T>) -> Result<Self, RegistryError> {
        match self.entries.binary_search_by_key(&entry.name, |entry| entry.name) {
            Ok(_) => Err(RegistryError::Duplicate { kind: T::WORD, name: entry.name }),
            Err(place) => {
                self.entries.insert(place, entry);
                Ok(self)
            }
        }
    }

    /// The plugins, sorted by name.
    pub fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }

    /// The plugin named `name`.
    ///
    /// # Errors
    /// When there is none; the error lists those there are.
    pub fn find(&self, name: &str) -> Result<&Entry<T>, RegistryError> {
        self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let names: Vec<_> = self.entries.iter().map(|entry| entry.name).collect();
            let linked = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            RegistryError::Unknown { kind: T::WORD, name: name.to_owned(), linked }
        })
    }

    /// Builds the plugin that `section` belongs to.
    ///
    /// # Errors
    /// When there is none of that name, or it refuses its configuration.
    pub fn build(
        &self,
        name: &str,
        section: &ConfigSection,
        context: &Context,
    ) -> Result<Arc<T>, BuildError> {
        (self.find(name)?.build)(section, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Meter;

    fn entry(name: &'static str) -> Entry<dyn Meter> {
        let build = |_: &ConfigSection, _: &Context| {
            Err(BuildError::Failed { plugin: "test", problem: "is not built in this test".into() })
        };
        Entry { name, summary: "", example: "", build }
    }

    #[test]
    fn entries_are_sorted_whatever_the_order_of_linking() {
        let registry =
            ["b", "c", "a"].into_iter().map(entry).try_fold(Registry::empty(), Registry::with);
        let names: Vec<_> =
            registry.expect("names differ").entries().iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn a_duplicate_name_is_refused() {
        let twice =
            Registry::empty().with(entry("a")).and_then(|registry| registry.with(entry("a")));
        let error = twice.expect_err("the name is taken");
        assert_eq!(error, RegistryError::Duplicate { kind: "meter", name: "a" });
    }

    #[test]
    fn an_unknown_name_lists_what_there_is() {
        let registry = Registry::empty().with(entry("clock")).and_then(|r| r.with(entry("work")));
        let registry = registry.expect("names differ");
        let error = registry.find("wrok").expect_err("nothing has that name").to_string();
        assert!(
            error.starts_with("no meter is named \"wrok\"; there are: clock, work."),
            "{error}"
        );
        let none = Registry::<dyn Meter>::empty().find("work").expect_err("empty").to_string();
        assert!(none.contains("there is: none"), "{none}");
    }
}

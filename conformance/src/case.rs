//! One check of one implementation. A case knows its subject only through a trait; how it is listed
//! and run is the harness's business.

/// A named check of a subject; it fails by panicking.
pub struct Case<S: ?Sized> {
    /// The name, a sentence in snake case.
    pub name: &'static str,
    /// The behaviours, named in the trait's documentation, that it checks.
    pub covers: &'static [&'static str],
    /// The check.
    pub run: fn(&S),
}

impl<S: ?Sized> Clone for Case<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for Case<S> {}

/// Lists cases by function: `cases![Subject; name covers ["behaviour"], …]`.
#[macro_export]
macro_rules! cases {
    ($subject:ty; $($name:ident covers [$($id:literal),* $(,)?]),* $(,)?) => {
        vec![$($crate::Case::<$subject> {
            name: stringify!($name),
            covers: &[$($id),*],
            run: $name,
        }),*]
    };
}

//! Takes in agents of the original, over its protocol `/igor/migrate/1.0.0`: one message of JSON brings
//! everything, and one answers it. What it brings is checked like any other package before anything is
//! written; why it is refused is said in the original's words, as its sender looks for them. It opens no
//! stream, and it never sends an agent. What the sender does with an agent that was taken, or not, is outside
//! what igor promises: nothing in this protocol stops it from running the agent on.
//!
//! In order: [`Parcel::read`], [`Known::read`](super::package::Known::read), [`Parcel::examine`],
//! [`Admitted::stage`], [`Inherited::complete`], and from there as any agent that comes; [`answer`] at the
//! end, whatever the end is.

mod parcel;
mod rejection;
mod replay;

pub use parcel::{Admitted, Inherited, Parcel, transfer_bytes_max};
pub use rejection::{Rejection, answer};

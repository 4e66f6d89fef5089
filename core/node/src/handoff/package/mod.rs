//! An agent on its way from one node to another: everything that it consists of, listed, carried,
//! checked and put into another store. It sends nothing and decides nothing about custody; every check
//! comes before anything that the agent's holder would have to take back.
//!
//! At the node that it leaves: [`stock`] lists it, [`read_part`] reads what the other node lacks. At the
//! node that it comes to, in this order:
//!
//! 1. [`Known::read`] and [`Known::check`]: what is known of it there, and what of it lies there already;
//! 2. [`Package`]: takes the rest in, piece by piece;
//! 3. [`examine`]: checks everything that can be checked while it still runs elsewhere, and compiles it;
//! 4. [`stage`]: makes that durable, claimed and not yet this node's;
//! 5. [`Staged::complete`]: checks the offer and what came last;
//! 6. [`Complete::group`]: what makes it this node's, to be committed as one;
//! 7. [`Complete::taken`] and [`Taken::launch`]: it goes on here, without being read or compiled again.

mod complete;
mod examine;
mod expected;
mod inventory;
mod known;
mod lineage;
mod part;
mod proof;
mod record;
mod refusal;
mod stage;
mod stock;
mod take;
mod transit;

pub use complete::Complete;
pub(crate) use examine::examine_unjournaled;
pub use examine::{Examined, Receiving, examine};
pub use expected::Expected;
pub use inventory::{Inventory, InventoryError};
pub use known::Known;
pub use refusal::Refusal;
pub use stage::{Staged, discard, stage};
pub use stock::{Stock, StockError, read_part, stock, stock_since};
pub use take::Taken;
pub use transit::{Package, Remains};

//! The commands about other nodes: `migrate`, `peers` and `price`. They ask the running node, which does it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::Method;
use igor_core::format::Microcents;

use crate::args::{Common, MigrateArgs, PlaceArgs, PriceArgs};
use crate::bar::Bar;
use crate::command::control::{NOTHING, place_of, ready};
use crate::control::client::{Client, path_of};
use crate::control::wire::{AskPrices, Charges, Migrate, Moved, PeerListing, Status};
use crate::exit::Exit;
use crate::os::OsClock;
use crate::problem::Problem;
use crate::text;

/// How often it is asked how far a move has got.
const LOOK: Duration = Duration::from_millis(200);
/// Columns of a NodeId and of a place on a narrow terminal.
const ID_COLUMNS: usize = 16;

/// Gives an agent to another node.
pub(crate) fn migrate(args: &MigrateArgs, common: &Common) -> Result<Exit, Problem> {
    let (dir, output) = place_of(&args.place, common)?;
    let node = Client::of(&args.place.control, &dir, Some(&args.agent_id))?;
    let body = Migrate { to: args.to.clone(), prewarm: args.prewarm };
    let path = path_of(&args.agent_id, "/migrate");
    let is_over = AtomicBool::new(false);
    let moved: Moved = std::thread::scope(|scope| {
        scope.spawn(|| watch(&dir, args, &is_over));
        let moved = node.ask(Method::POST, &path, Some(&body));
        is_over.store(true, Ordering::Relaxed);
        moved
    })?;
    output.document("migrate", &moved, || {
        let what = if moved.is_there { "is at" } else { "can go at once to" };
        let (agent, address) = (text::escape(&moved.agent_id), text::one_line(&moved.address));
        format!("{agent} {what} {address}\n")
    })?;
    Ok(Exit::Done)
}

/// Shows how far a move has got, until it is over.
fn watch(dir: &Path, args: &MigrateArgs, is_over: &AtomicBool) {
    let clock = OsClock::new();
    let mut bar = Bar::new(&clock);
    while bar.is_shown() && !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK);
        let found = Client::choose(&args.place.control, dir, Some(&args.agent_id));
        let Ok(Some(node)) = found else { continue };
        let status = node.ask::<Status>(Method::GET, &path_of(&args.agent_id, ""), NOTHING);
        let Ok(Status { sending: Some(sending), .. }) = status else { continue };
        bar.show(|_| {
            let percent = sending.done.saturating_mul(100).checked_div(sending.total);
            format!(
                "sent {} of {} bytes, {} %",
                sending.done,
                sending.total,
                percent.unwrap_or(100)
            )
        });
    }
    bar.clear();
}

/// Lists the nodes that a node knows.
pub(crate) fn peers(args: &PlaceArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(args, None, common)?;
    let listing: PeerListing = node.ask(Method::GET, "/v1/peers", NOTHING)?;
    output.document("peers", &listing, || peers_text(&listing))?;
    Ok(Exit::Done)
}

fn peers_text(listing: &PeerListing) -> String {
    let mut shown = format!("this node {}\n", text::one_line(&listing.node_id));
    for address in &listing.addresses {
        shown.push_str(&format!("at {}\n", text::one_line(address)));
    }
    if listing.peers.is_empty() {
        shown.push_str("no other node is known; `igor price ADDR` asks one\n");
        return shown;
    }
    let cells = |peer: &crate::control::wire::Peer| {
        [
            text::shorten(&peer.node_id, ID_COLUMNS),
            peer.price.map_or("unknown".to_owned(), units),
            peer.failures.to_string(),
            peer.addresses.first().map_or(String::new(), |address| text::one_line(address)),
        ]
    };
    let rows: Vec<_> = listing.peers.iter().map(cells).collect();
    let mut table = vec![["NODE", "PRICE", "FAILED", "ADDRESS"]];
    table.extend(rows.iter().map(|row| row.each_ref().map(String::as_str)));
    shown + &text::table(&table)
}

/// Asks nodes what they charge.
pub(crate) fn price(args: &PriceArgs, common: &Common) -> Result<Exit, Problem> {
    let (node, output) = ready(&args.place, None, common)?;
    let body = AskPrices { addresses: args.addresses.clone() };
    let charges: Charges = node.ask(Method::POST, "/v1/prices", Some(&body))?;
    output.document("prices", &charges, || {
        let line = |charge: &crate::control::wire::Charge| {
            let address = text::one_line(&charge.address);
            match (&charge.price, &charge.error) {
                (Some(price), _) => format!("{} per second at {address}\n", units(*price)),
                (None, error) => {
                    let error = text::one_line(error.as_deref().unwrap_or("no answer"));
                    format!("unknown at {address}: {error}\n")
                }
            }
        };
        charges.prices.iter().map(line).collect()
    })?;
    if charges.prices.iter().any(|charge| charge.price.is_some()) {
        return Ok(Exit::Done);
    }
    Err(Problem::new("no node said what it charges", "See what was said of each address."))
}

fn units(microcents: i64) -> String {
    Microcents::new(microcents).map_or_else(|_| microcents.to_string(), |it| it.to_string())
}

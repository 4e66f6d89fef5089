//! Capabilities `wallet` and `pricing`: what the agent owns and what running costs. Reading only;
//! nothing here moves money.

use igor_core::Trap;
use igor_core::engine::{Caller, guest_slice_mut};
use igor_core::format::ObservationKind;

use crate::host::{NodeHost, charge_bytes};

const BAD_INDEX: i32 = -1;
const BUFFER_TOO_SMALL: i32 = -4;

/// `wallet_balance`: the budget before the current call is charged, in microcents.
pub(super) fn balance(host: &mut NodeHost) -> Result<i64, Trap> {
    let (wallet, kind) = (&host.wallet, ObservationKind::WALLET_BALANCE);
    let budget = || wallet.answer(kind).unwrap_or(wallet.budget.get());
    host.recorder.observe_i64(kind, budget)
}

/// `node_price`: microcents per nominal second.
pub(super) fn price(host: &mut NodeHost) -> Result<i64, Trap> {
    let (wallet, kind) = (&host.wallet, ObservationKind::NODE_PRICE);
    let price = || wallet.answer(kind).unwrap_or(wallet.price.microcents().get());
    host.recorder.observe_i64(kind, price)
}

/// `wallet_receipt_count`: how many receipts there are.
pub(super) fn receipt_count(host: &mut NodeHost) -> Result<i32, Trap> {
    let count = i32::try_from(host.wallet.receipts.len()).unwrap_or(i32::MAX);
    host.recorder.observe_i32(ObservationKind::WALLET_RECEIPT_COUNT, || count)
}

/// `wallet_receipt`: writes receipt `index`. The observation is the receipt, or nothing if there is
/// none of that index.
pub(super) fn receipt(
    host: &mut NodeHost,
    index: u32,
    pointer: u32,
    capacity: u32,
    caller: Caller<'_>,
) -> Result<i32, Trap> {
    let receipts = &host.wallet.receipts;
    let found = usize::try_from(index).ok().and_then(|index| receipts.get(index));
    let receipt = host.recorder.observe(
        ObservationKind::WALLET_RECEIPT,
        |_| true,
        |payload| payload.extend_from_slice(found.map_or(&[], Vec::as_slice)),
    )?;
    if receipt.is_empty() {
        return Ok(BAD_INDEX);
    }
    let length = u32::try_from(receipt.len()).unwrap_or(u32::MAX);
    if length > capacity {
        return Ok(BUFFER_TOO_SMALL);
    }
    let Ok(target) = guest_slice_mut(caller.memory, pointer, length) else {
        return Ok(BUFFER_TOO_SMALL);
    };
    charge_bytes(caller.gas_left, receipt.len());
    target.copy_from_slice(receipt);
    Ok(length.cast_signed())
}

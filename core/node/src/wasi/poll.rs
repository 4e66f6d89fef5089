//! `poll_oneoff`: everything a guest can wait for is ready at once. Time does not pass inside a tick;
//! an agent that wants to wait returns.

use igor_core::engine::{Caller, guest_slice};

use super::errno::Errno;
use super::{Failure, put};
use crate::host::charge_bytes;

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;
const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;
const HANGUP: u8 = 1;

pub(super) fn oneoff(
    subscriptions: u32,
    events: u32,
    count: u32,
    written: u32,
    caller: Caller<'_>,
) -> Result<(), Failure> {
    let Caller { memory, gas_left } = caller;
    if count == 0 {
        return Err(Errno::INVAL.into());
    }
    for index in 0..count {
        charge_bytes(gas_left, 80);
        let event = event(memory, at(subscriptions, index, SUBSCRIPTION_BYTES)?)?;
        put(memory, at(events, index, EVENT_BYTES)?, &event)?;
    }
    put(memory, written, &count.to_le_bytes())
}

/// The event that answers the subscription at `pointer`: its user data, an errno and its type.
fn event(memory: &[u8], pointer: u32) -> Result<[u8; 32], Failure> {
    let subscription =
        guest_slice(memory, pointer, SUBSCRIPTION_BYTES).map_err(|_| Errno::FAULT)?;
    let (Some(user_data), Some(&kind), Some(&fd)) = (
        subscription.first_chunk::<8>(),
        subscription.get(8),
        subscription.get(16..).and_then(|rest| rest.first_chunk::<4>()),
    ) else {
        return Err(Errno::FAULT.into());
    };
    let (errno, flags) = match (kind, u32::from_le_bytes(fd)) {
        (CLOCK, _) | (FD_WRITE, 1 | 2) => (Errno::SUCCESS, 0),
        (FD_READ, 0) => (Errno::SUCCESS, HANGUP),
        (FD_READ | FD_WRITE, _) => (Errno::BADF, 0),
        _ => return Err(Errno::INVAL.into()),
    };
    let mut event = [0; 32];
    event[..8].copy_from_slice(user_data);
    event[8..10].copy_from_slice(&errno.0.to_le_bytes());
    event[10] = kind;
    event[24] = flags;
    Ok(event)
}

fn at(start: u32, index: u32, stride: u32) -> Result<u32, Failure> {
    let offset = index.checked_mul(stride).ok_or(Errno::INVAL)?;
    Ok(start.checked_add(offset).ok_or(Errno::FAULT)?)
}

//! The three file descriptors a guest has: an empty stdin, and stdout and stderr, whose lines become
//! log lines. There are no others.

use igor_core::engine::{Caller, guest_slice};
use igor_core::format::ObservationKind;

use super::errno::Errno;
use super::lines::LineBuffer;
use super::{Failure, put, read_u32};
use crate::host::{NodeHost, charge_bytes};

const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;
const CHARACTER_DEVICE: u8 = 2;
const RIGHT_READ: u64 = 1 << 1;
const RIGHT_WRITE: u64 = 1 << 6;
const IOVEC_BYTES: u32 = 8;

/// Succeeds for an open descriptor.
pub(super) fn open(fd: u32) -> Result<(), Failure> {
    if fd <= STDERR { Ok(()) } else { Err(Errno::BADF.into()) }
}

/// Refuses with `errno`, or because the descriptor is not open.
pub(super) fn refuse(fd: u32, errno: Errno) -> Result<(), Failure> {
    open(fd)?;
    Err(errno.into())
}

pub(super) fn write(
    host: &mut NodeHost,
    fd: u32,
    vectors: u32,
    count: u32,
    written: u32,
    caller: Caller<'_>,
) -> Result<(), Failure> {
    let Caller { memory, gas_left } = caller;
    if fd != STDOUT && fd != STDERR {
        return Err(Errno::BADF.into());
    }
    let kept_max = usize::try_from(host.environment.limits.log_line_bytes_max).unwrap_or(0);
    let mut total: u32 = 0;
    for index in 0..count {
        charge_bytes(gas_left, 8);
        let (pointer, length) = vector(memory, vectors, index)?;
        let bytes = guest_slice(memory, pointer, length).map_err(|_| Errno::FAULT)?;
        total = total.checked_add(length).ok_or(Errno::INVAL)?;
        charge_bytes(gas_left, bytes.len());
        let mut buffer = std::mem::take(unfinished(host, fd));
        let outcome = buffer.write(bytes, kept_max, |line| {
            charge_bytes(gas_left, 8);
            host.log(ObservationKind::WASI_WRITE, &line.kept, line.written).map(|_| ())
        });
        *unfinished(host, fd) = buffer;
        outcome?;
    }
    put(memory, written, &total.to_le_bytes())
}

/// The unfinished line of stdout or stderr.
fn unfinished(host: &mut NodeHost, fd: u32) -> &mut LineBuffer {
    let buffers = &mut host.wasi_lines;
    if fd == STDOUT { &mut buffers.out } else { &mut buffers.err }
}

/// Reads from stdin, which is at its end.
pub(super) fn read(
    fd: u32,
    vectors: u32,
    count: u32,
    read: u32,
    caller: Caller<'_>,
) -> Result<(), Failure> {
    if fd != STDIN {
        return Err(Errno::BADF.into());
    }
    let bytes = count.checked_mul(IOVEC_BYTES).ok_or(Errno::INVAL)?;
    guest_slice(caller.memory, vectors, bytes).map_err(|_| Errno::FAULT)?;
    put(caller.memory, read, &0u32.to_le_bytes())
}

/// `fd_fdstat_get`: 24 bytes of type, flags and rights.
pub(super) fn stat(fd: u32, out: u32, caller: Caller<'_>) -> Result<(), Failure> {
    open(fd)?;
    let rights = if fd == STDIN { RIGHT_READ } else { RIGHT_WRITE };
    let mut stat = [0; 24];
    stat[0] = CHARACTER_DEVICE;
    stat[8..16].copy_from_slice(&rights.to_le_bytes());
    put(caller.memory, out, &stat)
}

/// `fd_filestat_get`: 64 bytes, all zero but the type.
pub(super) fn filestat(fd: u32, out: u32, caller: Caller<'_>) -> Result<(), Failure> {
    open(fd)?;
    let mut stat = [0; 64];
    stat[16] = CHARACTER_DEVICE;
    put(caller.memory, out, &stat)
}

/// The pointer and length of the `index`th vector at `vectors`.
fn vector(memory: &[u8], vectors: u32, index: u32) -> Result<(u32, u32), Failure> {
    let offset = index.checked_mul(IOVEC_BYTES).ok_or(Errno::INVAL)?;
    let start = vectors.checked_add(offset).ok_or(Errno::FAULT)?;
    let length_at = start.checked_add(4).ok_or(Errno::FAULT)?;
    Ok((read_u32(memory, start)?, read_u32(memory, length_at)?))
}

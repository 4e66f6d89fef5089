//! The encoding of guest state and of most of igor's own records: little-endian integers and
//! length-prefixed byte strings, with exactly the bytes of the original's SDK. It is not a
//! self-describing format: the reader must ask for the fields in the order they were written.
//!
//! The [`Decoder`] is sticky, like the original's: the first failed read is remembered, later reads
//! return zero values, and one check at the end decides. So a state is read as one expression
//! and an error cannot be overlooked half way.

use alloc::vec::Vec;
use core::fmt;

/// Writes values one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder that has written nothing.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// An encoder with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// An encoder that writes after `bytes`.
    pub const fn after(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Writes 8 bytes.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Writes 8 bytes, two's complement.
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Writes 4 bytes.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Writes 4 bytes, two's complement.
    pub fn i32(&mut self, value: i32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Writes 1 byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    /// Writes 1 byte: 1 or 0.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    /// Writes a length of 4 bytes, then the bytes.
    ///
    /// # Panics
    /// If there are 2^32 bytes or more, which no guest's memory and no record holds.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        let length = u32::try_from(value.len()).expect("a byte string is shorter than 4 GiB");
        self.u32(length).raw(value)
    }

    /// Writes text like [`Encoder::bytes`].
    ///
    /// # Panics
    /// Like [`Encoder::bytes`].
    pub fn str(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// Writes bytes without a length; the reader must know how many there are.
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(value);
        self
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Why bytes could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeError {
    /// A read reached beyond the last byte.
    ShortRead,
    /// Text is not UTF-8.
    NotUtf8,
    /// Bytes are left after the last field.
    TrailingBytes,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShortRead => "igor: short read during decode",
            Self::NotUtf8 => "igor: text that is not UTF-8 during decode",
            Self::TrailingBytes => "igor: trailing bytes after decode",
        })
    }
}

impl core::error::Error for DecodeError {}

/// Reads values in the order they were written. It allocates nothing: byte strings and text are
/// slices of the input.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    rest: &'a [u8],
    error: Option<DecodeError>,
}

impl<'a> Decoder<'a> {
    /// A decoder at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, error: None }
    }

    /// Reads 8 bytes.
    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// Reads 8 bytes, two's complement.
    pub fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    /// Reads 4 bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// Reads 4 bytes, two's complement.
    pub fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.array())
    }

    /// Reads 1 byte.
    pub fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    /// Reads 1 byte; every value but 0 is true.
    pub fn bool(&mut self) -> bool {
        self.u8() != 0
    }

    /// Reads a length of 4 bytes, then that many bytes.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = self.u32();
        // A length that does not fit the address space cannot fit the input either.
        self.fixed(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Reads text like [`Decoder::bytes`].
    pub fn str(&mut self) -> &'a str {
        core::str::from_utf8(self.bytes()).unwrap_or_else(|_| {
            self.fail(DecodeError::NotUtf8);
            ""
        })
    }

    /// Reads exactly `length` bytes.
    pub fn fixed(&mut self, length: usize) -> &'a [u8] {
        match self.rest.split_at_checked(length) {
            Some((read, rest)) if self.error.is_none() => {
                self.rest = rest;
                read
            }
            _ => {
                self.fail(DecodeError::ShortRead);
                &[]
            }
        }
    }

    /// Reads exactly `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        self.fixed(N).try_into().unwrap_or([0; N])
    }

    /// Fills `target`, or leaves it untouched on an error.
    pub fn read_into(&mut self, target: &mut [u8]) {
        let read = self.fixed(target.len());
        if read.len() == target.len() {
            target.copy_from_slice(read);
        }
    }

    /// How many bytes are left; 0 after an error.
    pub const fn remaining(&self) -> usize {
        if self.error.is_some() { 0 } else { self.rest.len() }
    }

    /// Whether every read so far succeeded.
    ///
    /// # Errors
    /// The first failure.
    pub const fn status(&self) -> Result<(), DecodeError> {
        match self.error {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// Whether every read succeeded and nothing is left.
    ///
    /// # Errors
    /// The first failure, or [`DecodeError::TrailingBytes`].
    pub const fn finish(&self) -> Result<(), DecodeError> {
        match self.error {
            Some(error) => Err(error),
            None if self.rest.is_empty() => Ok(()),
            None => Err(DecodeError::TrailingBytes),
        }
    }

    fn fail(&mut self, error: DecodeError) {
        self.error.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_round_trips() {
        let mut encoder = Encoder::new();
        encoder.u64(u64::MAX).i64(i64::MIN).u32(7).i32(-7).u8(9).bool(true).bool(false);
        encoder.bytes(&[1, 2]).str("größe").raw(&[3, 4, 5, 6]);
        let bytes = encoder.into_bytes();

        let mut decoder = Decoder::new(&bytes);
        assert_eq!(decoder.u64(), u64::MAX);
        assert_eq!(decoder.i64(), i64::MIN);
        assert_eq!(decoder.u32(), 7);
        assert_eq!(decoder.i32(), -7);
        assert_eq!(decoder.u8(), 9);
        assert!(decoder.bool());
        assert!(!decoder.bool());
        assert_eq!(decoder.bytes(), [1, 2]);
        assert_eq!(decoder.str(), "größe");
        assert_eq!(decoder.array(), [3, 4]);
        let mut target = [0; 2];
        decoder.read_into(&mut target);
        assert_eq!(target, [5, 6]);
        assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn the_first_error_sticks_and_later_reads_are_zero() {
        let mut decoder = Decoder::new(&[1, 0, 0, 0, 0xff, 7, 7]);
        assert_eq!(decoder.str(), "");
        assert_eq!(decoder.u8(), 0, "a byte was left, but the error is sticky");
        assert_eq!(decoder.u64(), 0);
        let mut target = [9; 2];
        decoder.read_into(&mut target);
        assert_eq!(target, [9, 9]);
        assert_eq!(decoder.bytes(), [0; 0]);
        assert_eq!(decoder.remaining(), 0);
        assert_eq!(decoder.status(), Err(DecodeError::NotUtf8));
        assert_eq!(decoder.finish(), Err(DecodeError::NotUtf8));
    }

    #[test]
    fn a_length_beyond_the_input_is_a_short_read() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff][..], &[2, 0, 0, 0, 1], &[1, 0, 0], &[]] {
            let mut decoder = Decoder::new(bytes);
            assert_eq!(decoder.bytes(), [0; 0]);
            assert_eq!(decoder.status(), Err(DecodeError::ShortRead), "{bytes:?}");
        }
        assert_eq!(DecodeError::ShortRead.to_string(), "igor: short read during decode");
    }

    #[test]
    fn trailing_bytes_are_only_an_error_of_finish() {
        let mut decoder = Decoder::new(&[5, 1]);
        assert_eq!(decoder.u8(), 5);
        assert_eq!(decoder.status(), Ok(()));
        assert_eq!(decoder.finish(), Err(DecodeError::TrailingBytes));
    }

    #[test]
    fn any_byte_but_zero_is_true() {
        for (byte, expected) in [(0, false), (1, true), (2, true), (255, true)] {
            assert_eq!(Decoder::new(&[byte]).bool(), expected);
        }
    }
}

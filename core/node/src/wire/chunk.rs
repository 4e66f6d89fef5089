//! A part cut into chunks, and one chunk unfolded. Chunks are packed where that pays; what is unfolded is
//! never larger than the chunk says, which is never larger than a chunk may be.

use igor_core::format::{CHUNK_BYTES_MAX, Chunk, ChunkContent};

/// A chunk is packed if that saves at least one part in this many.
const SAVED_PART_MIN: usize = 8;
/// Plain bytes below which packing is not tried.
const PACKED_BYTES_MIN: usize = 512;

/// Why a chunk cannot be unfolded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// It is no LZ4 block, or one that unfolds to more than it says.
    #[error("a chunk of item {item} at {offset} cannot be unfolded to {plain_bytes} bytes")]
    Packed {
        /// The number of the item.
        item: u32,
        /// Where it begins.
        offset: u64,
        /// How many bytes it stands for.
        plain_bytes: u32,
    },
}

/// The chunks of `part`, the content of the item of this number, from `offset` on.
pub fn pieces(item: u32, part: &[u8], offset: u64) -> impl Iterator<Item = Chunk> {
    let chunk_bytes = usize::try_from(CHUNK_BYTES_MAX).unwrap_or(usize::MAX);
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = part.get(start..).unwrap_or_default();
    let offsets = (offset..).step_by(chunk_bytes);
    rest.chunks(chunk_bytes).zip(offsets).map(move |(plain, offset)| Chunk {
        item,
        offset,
        content: pack(plain),
    })
}

fn pack(plain: &[u8]) -> ChunkContent {
    let raw = || ChunkContent::Raw(plain.to_vec());
    let Ok(plain_bytes) = u32::try_from(plain.len()) else { return raw() };
    if plain.len() < PACKED_BYTES_MIN {
        return raw();
    }
    let bytes = lz4_flex::block::compress(plain);
    let pays = bytes.len() <= plain.len() - plain.len() / SAVED_PART_MIN;
    if pays { ChunkContent::Lz4 { plain_bytes, bytes } } else { raw() }
}

/// The bytes that a chunk stands for.
///
/// # Errors
/// [`ChunkError`].
pub fn unpack(chunk: Chunk) -> Result<Vec<u8>, ChunkError> {
    let Chunk { item, offset, content } = chunk;
    match content {
        ChunkContent::Raw(bytes) => Ok(bytes),
        ChunkContent::Lz4 { plain_bytes, bytes } => {
            let error = ChunkError::Packed { item, offset, plain_bytes };
            if plain_bytes > CHUNK_BYTES_MAX {
                return Err(error);
            }
            let length = usize::try_from(plain_bytes).map_err(|_| error)?;
            let mut plain = vec![0; length];
            match lz4_flex::block::decompress_into(&bytes, &mut plain) {
                Ok(unfolded) if unfolded == length => Ok(plain),
                _ => Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that nothing makes smaller.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..count).map(|_| next()).collect()
    }

    fn check(part: &[u8], offset: usize) -> Vec<Chunk> {
        let start = u64::try_from(offset).expect("it is small");
        let chunks: Vec<Chunk> = pieces(7, part, start).collect();
        let mut at = offset;
        for chunk in &chunks {
            assert_eq!((chunk.item, chunk.offset), (7, u64::try_from(at).expect("it is small")));
            let plain = unpack(chunk.clone()).expect("it was packed here");
            assert_eq!(
                u64::try_from(plain.len()).expect("it is small"),
                chunk.content.plain_bytes()
            );
            assert_eq!(plain, part[at..at + plain.len()]);
            at += plain.len();
        }
        assert_eq!(at, part.len().max(offset));
        chunks
    }

    #[test]
    fn a_part_is_whole_again_from_any_offset() {
        let text = b"the same again and again, ".repeat(30_000);
        for offset in [0, 1, 262_144, 262_145, text.len() - 1, text.len(), text.len() + 1] {
            check(&text, offset);
        }
        for count in [0, 1, 511, 512, 262_143, 262_144, 262_145] {
            check(&noise(count), 0);
            check(&text[..count], 0);
        }
    }

    #[test]
    fn chunks_are_packed_where_it_pays() {
        let is_packed = |chunk: &Chunk| matches!(chunk.content, ChunkContent::Lz4 { .. });
        let text = b"the same again and again, ".repeat(30_000);
        assert!(check(&text, 0).iter().all(is_packed));
        assert!(!check(&noise(300_000), 0).iter().any(is_packed));
        assert!(!check(&text[..511], 0).iter().any(is_packed), "it is short");
    }

    #[test]
    fn the_block_of_the_specification_unfolds() {
        let bytes = b"\x1fa\x01\x00\x0f\x50aaaaa".to_vec();
        let content = ChunkContent::Lz4 { plain_bytes: 40, bytes };
        assert_eq!(unpack(Chunk { item: 2, offset: 0, content }), Ok(vec![b'a'; 40]));
    }

    #[test]
    fn what_unfolds_to_another_size_is_refused() {
        let block = lz4_flex::block::compress(&[b'a'; 1_000]);
        let check = |plain_bytes, bytes: &[u8], is_sound: bool| {
            let content = ChunkContent::Lz4 { plain_bytes, bytes: bytes.to_vec() };
            let unpacked = unpack(Chunk { item: 3, offset: 9, content });
            let expected = ChunkError::Packed { item: 3, offset: 9, plain_bytes };
            assert_eq!(unpacked.err(), (!is_sound).then_some(expected), "{plain_bytes}");
        };
        check(1_000, &block, true);
        for plain_bytes in [0, 1, 999, 1_001, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1, u32::MAX] {
            check(plain_bytes, &block, false);
        }
        check(1_000, &block[..block.len() - 1], false);
        check(1_000, &[&block[..], &[0]].concat(), false);
        check(1_000, &[], false);
        // A match that reaches back before the beginning.
        check(40, b"\x1fa\x02\x00\x0f\x50aaaaa", false);
    }
}

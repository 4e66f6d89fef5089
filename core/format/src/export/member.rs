//! The headers of a tar archive's members, in the one form that is written: POSIX ustar, a plain file that its
//! owner may read and write, without owner, group and time. Nothing else is read: a reader that knows a member's
//! name and size makes the header and compares.

/// Bytes of a block: headers have one, contents are filled up to whole ones.
pub const MEMBER_BLOCK: usize = 512;
/// The name of the first member, which says what the others are.
pub const CONTENTS_NAME: &str = "igor-export";

/// The largest content: what eleven octal digits hold.
const SIZE_MAX: u64 = (1 << 33) - 1;
const NAME_MAX: usize = 100;
const SIZE_AT: usize = 124;
const SIZE_DIGITS: usize = 11;
const CHECKSUM_AT: usize = 148;

/// The header of a member; `None` if no member can have this name or size.
pub fn member_header(name: &str, bytes: u64) -> Option<[u8; MEMBER_BLOCK]> {
    if name.is_empty() || name.len() > NAME_MAX || bytes > SIZE_MAX {
        return None;
    }
    let mut header = [0; MEMBER_BLOCK];
    let size = format!("{bytes:011o}\0");
    let fields: [(usize, &[u8]); 9] = [
        (0, name.as_bytes()),
        (100, b"0000600\0"),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (SIZE_AT, size.as_bytes()),
        (136, b"00000000000\0"),
        (CHECKSUM_AT, b"        "),
        (156, b"0"),
        (257, b"ustar\x0000"),
    ];
    for (at, text) in fields {
        write_at(&mut header, at, text);
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    write_at(&mut header, CHECKSUM_AT, format!("{sum:06o}\0 ").as_bytes());
    Some(header)
}

/// The size that the header of a member of this name states, if it is one in the form that is written.
pub fn member_size(header: &[u8; MEMBER_BLOCK], name: &str) -> Option<u64> {
    let digits = header.get(SIZE_AT..SIZE_AT + SIZE_DIGITS)?;
    let digits = core::str::from_utf8(digits).ok()?;
    let bytes = u64::from_str_radix(digits, 8).ok()?;
    (member_header(name, bytes)?.as_slice() == header).then_some(bytes)
}

/// How many zero bytes follow a content of `bytes`.
pub fn padding(bytes: u64) -> usize {
    // The remainder of the low half is that of the whole.
    let [low, high, ..] = bytes.to_le_bytes();
    let used = usize::from(u16::from_le_bytes([low, high])) % MEMBER_BLOCK;
    (MEMBER_BLOCK - used) % MEMBER_BLOCK
}

/// What stands behind the last member.
pub const fn member_end() -> [u8; 2 * MEMBER_BLOCK] {
    [0; 2 * MEMBER_BLOCK]
}

fn write_at(header: &mut [u8; MEMBER_BLOCK], at: usize, text: &[u8]) {
    for (target, source) in header.iter_mut().skip(at).zip(text) {
        *target = *source;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_is_written() {
        for bytes in [0, 1, 511, 512, 513, 1 << 20, SIZE_MAX] {
            let header = member_header("checkpoint", bytes).expect("it fits");
            assert_eq!(member_size(&header, "checkpoint"), Some(bytes));
            assert_eq!(member_size(&header, "record"), None);
        }
        assert_eq!(member_header("x", SIZE_MAX + 1), None);
        assert_eq!(member_header(&"x".repeat(101), 0), None);
        assert_eq!(member_header("", 0), None);
    }

    #[test]
    fn a_header_in_another_form_is_not_read() {
        let header = member_header("checkpoint", 217).expect("it fits");
        for index in 0..header.len() {
            let mut other = header;
            other[index] ^= 1;
            assert_eq!(member_size(&other, "checkpoint"), None, "byte {index}");
        }
    }

    /// The checksum is what every tar writes: the sum of the bytes, with blanks for itself.
    #[test]
    fn a_header_is_one_that_others_read() {
        let header = member_header("record", 8).expect("it fits");
        assert_eq!(&header[..7], b"record\0");
        assert_eq!(&header[124..136], b"00000000010\0");
        assert_eq!(&header[257..265], b"ustar\x0000");
        let blanks = 8 * u32::from(b' ');
        let others = header.iter().enumerate().filter(|(at, _)| !(148..156).contains(at));
        let sum = others.map(|(_, byte)| u32::from(*byte)).sum::<u32>() + blanks;
        assert_eq!(&header[148..156], format!("{sum:06o}\0 ").as_bytes());
    }

    #[test]
    fn contents_are_filled_up_to_whole_blocks() {
        for (bytes, zeros) in [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511), (1 << 32, 0)] {
            assert_eq!(padding(bytes), zeros, "{bytes}");
        }
        assert_eq!(padding(u64::MAX), 1);
    }
}

//! The records of an agent's log as one part of an export: the position of the first, then each with its length
//! before it. It does not judge them.

use igor_core::format::{DecodeError, Decoder, Encoder, Seq};

/// Records with the position that the first had.
pub(super) type Records = (Seq, Vec<Vec<u8>>);

pub(super) fn encode((first, records): &Records) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.u64(first.0);
    for record in records {
        encoder.bytes(record);
    }
    encoder.into_bytes()
}

pub(super) fn decode(bytes: &[u8]) -> Result<Records, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let first = Seq(decoder.u64());
    let mut records = Vec::new();
    while decoder.remaining() > 0 && decoder.status().is_ok() {
        records.push(decoder.bytes().to_vec());
    }
    decoder.finish()?;
    Ok((first, records))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_are_written() {
        let all = (Seq(7), vec![vec![1, 2], Vec::new(), vec![3]]);
        let bytes = encode(&all);
        assert_eq!(decode(&bytes), Ok(all));
        assert_eq!(decode(&encode(&(Seq(0), Vec::new()))), Ok((Seq(0), Vec::new())));
        let ends = [8, 14, 18];
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]).is_ok(), ends.contains(&cut), "cut to {cut}");
        }
    }
}

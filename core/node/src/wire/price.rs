//! The question for a node's price and its answer, byte for byte as the original's nodes write them: one
//! line of JSON each. What a price is worth is not judged here.

use igor_core::format::{AmountError, Microcents, Price};
use serde::{Deserialize, Serialize};

/// Bytes of the longest line.
pub const LINE_BYTES_MAX: usize = 4_096;

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRequest {
    /// For which agent, if the asker says so. Nothing depends on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent_id: String,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceReply {
    /// What a nominal second costs.
    pub price: Price,
    /// The node's name as its transport shows it. The connection proves who it is, not this.
    pub node_id: String,
}

#[derive(Serialize, Deserialize)]
struct ReplyLine {
    price_per_second: i64,
    #[serde(default)]
    node_id: String,
}

/// Why a line is no question or no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// It is longer than is allowed.
    #[error("a line of more than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// It is no JSON object.
    #[error("a line that is no JSON object")]
    NoObject,
    /// It is no JSON of this form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// The price is no amount.
    #[error("the price: {0}")]
    Amount(#[from] AmountError),
}

/// The question as a line.
///
/// # Errors
/// [`PriceError::TooLong`].
pub fn write_request(request: &PriceRequest) -> Result<Vec<u8>, PriceError> {
    line(serde_json::to_vec(request)?)
}

/// The answer as a line.
///
/// # Errors
/// [`PriceError::TooLong`].
pub fn write_reply(reply: &PriceReply) -> Result<Vec<u8>, PriceError> {
    let price_per_second = reply.price.microcents().get();
    line(serde_json::to_vec(&ReplyLine { price_per_second, node_id: reply.node_id.clone() })?)
}

/// Reads a question.
///
/// # Errors
/// [`PriceError`].
pub fn read_request(line: &[u8]) -> Result<PriceRequest, PriceError> {
    Ok(serde_json::from_slice(object(line)?)?)
}

/// Reads an answer.
///
/// # Errors
/// [`PriceError`].
pub fn read_reply(line: &[u8]) -> Result<PriceReply, PriceError> {
    let ReplyLine { price_per_second, node_id } = serde_json::from_slice(object(line)?)?;
    let price = Price::per_second(Microcents::new(price_per_second)?);
    Ok(PriceReply { price, node_id })
}

fn line(mut json: Vec<u8>) -> Result<Vec<u8>, PriceError> {
    json.push(b'\n');
    checked(&json)?;
    Ok(json)
}

fn checked(line: &[u8]) -> Result<&[u8], PriceError> {
    if line.len() > LINE_BYTES_MAX { Err(PriceError::TooLong) } else { Ok(line) }
}

/// A list would be taken for an object without names.
fn object(line: &[u8]) -> Result<&[u8], PriceError> {
    let line = checked(line)?;
    if line.trim_ascii_start().starts_with(b"{") { Ok(line) } else { Err(PriceError::NoObject) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(price: i64) -> PriceReply {
        let price = Price::per_second(Microcents::new(price).expect("an amount"));
        PriceReply { price, node_id: "12D3KooW".to_owned() }
    }

    #[test]
    fn lines_are_those_of_the_original() {
        let request = |agent_id: &str| PriceRequest { agent_id: agent_id.to_owned() };
        for (agent, line) in [("", "{}\n"), ("survivor", "{\"agent_id\":\"survivor\"}\n")] {
            let written = write_request(&request(agent)).expect("it is short");
            assert_eq!(written, line.as_bytes());
            assert_eq!(read_request(line.as_bytes()).expect("it is one"), request(agent));
        }
        let line = b"{\"price_per_second\":1000,\"node_id\":\"12D3KooW\"}\n";
        assert_eq!(write_reply(&reply(1_000)).expect("it is short"), line);
        assert_eq!(read_reply(line).expect("it is one"), reply(1_000));
    }

    #[test]
    fn other_fields_and_spaces_do_not_matter() {
        let line = b" { \"node_id\" : \"12D3KooW\", \"x\": [1], \"price_per_second\": 0 } \r\n";
        assert_eq!(read_reply(line).expect("it is one"), reply(0));
        assert_eq!(read_request(b"{\"x\":1}").expect("it is one"), PriceRequest::default());
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for line in [
            "",
            "\n",
            "[]",
            "[1,\"x\"]",
            "{\"price_per_second\":1.5}",
            "{\"price_per_second\":\"1\"}",
            "{\"price_per_second\":-1}",
            "{\"price_per_second\":9007199254740992}",
            "{\"price_per_second\":99999999999999999999}",
            "{\"price_per_second\":1}{}",
            "{\"node_id\":\"x\"}",
        ] {
            assert!(read_reply(line.as_bytes()).is_err(), "{line}");
        }
        assert!(read_request(b"{\"agent_id\":5}").is_err());
        assert!(matches!(read_request(b"[]"), Err(PriceError::NoObject)));
        assert!(read_request("[".repeat(4_096).as_bytes()).is_err());
        let long = format!("{{}}{}", " ".repeat(4_095));
        assert!(matches!(read_request(long.as_bytes()), Err(PriceError::TooLong)));
        let request = PriceRequest { agent_id: "x".repeat(4_096) };
        assert!(matches!(write_request(&request), Err(PriceError::TooLong)));
    }
}

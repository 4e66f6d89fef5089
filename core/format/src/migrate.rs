//! The JSON messages by which the original moves an agent to another node. igor's own handoff is
//! another protocol; these exist so that what the original wrote can be read, checked and written
//! back with the same bytes. Nothing in them is verified: hashes, checkpoint and identity are taken
//! as they are.
//!
//! `None` in a field of bytes is Go's nil, which it writes as `null`; empty bytes are `""`.

use serde::{Deserialize, Serialize};

use crate::go_json::{Base64, SecretBase64, escape_like_go, read_like_go};

/// An agent on its way to another node.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgentTransfer {
    /// The agent.
    #[serde(rename = "Package")]
    pub package: AgentPackage,
    /// The node it comes from.
    #[serde(rename = "SourceNodeID")]
    pub source_node_id: String,
}
read_like_go! {
    AgentTransfer {
        "Package" => package,
        "SourceNodeID" => source_node_id,
    }
}

/// Everything that is sent of an agent.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgentPackage {
    /// The agent's name on the source.
    #[serde(rename = "AgentID")]
    pub agent_id: String,
    /// The module.
    #[serde(rename = "WASMBinary")]
    pub wasm_binary: Option<Base64>,
    /// The SHA-256 of the module.
    #[serde(rename = "WASMHash")]
    pub wasm_hash: Option<Base64>,
    /// The checkpoint.
    #[serde(rename = "Checkpoint")]
    pub checkpoint: Option<Base64>,
    /// The manifest's text.
    #[serde(rename = "ManifestData")]
    pub manifest_data: Option<Base64>,
    /// The budget in microcents.
    #[serde(rename = "Budget")]
    pub budget: i64,
    /// The price in microcents per second.
    #[serde(rename = "PricePerSecond")]
    pub price_per_second: i64,
    /// The last tick, to be replayed by the target.
    #[serde(rename = "ReplayData", skip_serializing_if = "Option::is_none")]
    pub replay_data: Option<ReplayData>,
    /// The receipts file.
    #[serde(rename = "Receipts", skip_serializing_if = "is_empty")]
    pub receipts: Option<Base64>,
    /// The epoch's major number.
    #[serde(rename = "MajorVersion", skip_serializing_if = "is_zero")]
    pub major_version: u64,
    /// The epoch's generation.
    #[serde(rename = "LeaseGeneration", skip_serializing_if = "is_zero")]
    pub lease_generation: u64,
    /// The identity file, that is, the private key.
    #[serde(rename = "AgentIdentity", skip_serializing_if = "is_empty_secret")]
    pub agent_identity: Option<SecretBase64>,
}
read_like_go! {
    AgentPackage {
        "AgentID" => agent_id,
        "WASMBinary" => wasm_binary,
        "WASMHash" => wasm_hash,
        "Checkpoint" => checkpoint,
        "ManifestData" => manifest_data,
        "Budget" => budget,
        "PricePerSecond" => price_per_second,
        "ReplayData" => replay_data,
        "Receipts" => receipts,
        "MajorVersion" => major_version,
        "LeaseGeneration" => lease_generation,
        "AgentIdentity" => agent_identity,
    }
}

/// A tick with what it observed.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayData {
    /// The state before the tick.
    #[serde(rename = "PreTickState")]
    pub pre_tick_state: Option<Base64>,
    /// The tick.
    #[serde(rename = "TickNumber")]
    pub tick_number: u64,
    /// What it observed, in order.
    #[serde(rename = "Entries")]
    pub entries: Option<Vec<ReplayEntry>>,
}
read_like_go! {
    ReplayData {
        "PreTickState" => pre_tick_state,
        "TickNumber" => tick_number,
        "Entries" => entries,
    }
}

/// One observation. Unlike Go, which would take it for hostcall 0, an entry without the number of its
/// hostcall is refused: so a list cannot have far more entries than its text has bytes for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenEntry")]
pub struct ReplayEntry {
    /// The number of the hostcall.
    #[serde(rename = "HostcallID")]
    pub hostcall_id: u16,
    /// What it gave to the guest.
    #[serde(rename = "Payload")]
    pub payload: Option<Base64>,
}

#[derive(Default)]
struct WrittenEntry {
    hostcall_id: Option<u16>,
    payload: Option<Base64>,
}
read_like_go! {
    WrittenEntry {
        "HostcallID" => hostcall_id,
        "Payload" => payload,
    }
}

impl TryFrom<WrittenEntry> for ReplayEntry {
    type Error = &'static str;

    fn try_from(written: WrittenEntry) -> Result<Self, &'static str> {
        let WrittenEntry { hostcall_id, payload } = written;
        Ok(Self { hostcall_id: hostcall_id.ok_or("an entry without HostcallID")?, payload })
    }
}

/// The target's answer.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct AgentStarted {
    /// The agent's name; empty if the message could not be read.
    #[serde(rename = "AgentID")]
    pub agent_id: String,
    /// The target.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Whether the agent was taken over.
    #[serde(rename = "Success")]
    pub success: bool,
    /// Why not.
    #[serde(rename = "Error")]
    pub error: String,
}
read_like_go! {
    AgentStarted {
        "AgentID" => agent_id,
        "NodeID" => node_id,
        "Success" => success,
        "Error" => error,
    }
}

/// Why text is not the message that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// More text than the caller allows.
    #[error("read migration message: {length} bytes, at most {limit} allowed")]
    TooLarge {
        /// Bytes of the text.
        length: u64,
        /// The limit it exceeds.
        limit: u64,
    },
    /// Not JSON, or JSON of another shape.
    #[error("read migration message: {0}")]
    Json(String),
}

mod sealed {
    pub trait Sealed: serde::Serialize + serde::de::DeserializeOwned {}
    impl Sealed for super::AgentTransfer {}
    impl Sealed for super::AgentPackage {}
    impl Sealed for super::AgentStarted {}
}

/// A message of the original's migration protocol: [`AgentTransfer`], [`AgentPackage`] or
/// [`AgentStarted`].
pub trait MigrateMessage: sealed::Sealed {
    /// Reads a message of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`MigrateError`].
    fn from_json(json: &[u8], bytes_max: u64) -> Result<Self, MigrateError> {
        let length = u64::try_from(json.len()).unwrap_or(u64::MAX);
        if length > bytes_max {
            return Err(MigrateError::TooLarge { length, limit: bytes_max });
        }
        serde_json::from_slice(json).map_err(|error| MigrateError::Json(error.to_string()))
    }

    /// The message in one line, as it goes over a stream; the newline is part of it.
    fn to_json_line(&self) -> String {
        let json = serde_json::to_string(self).expect("these messages have text keys only");
        let mut line = escape_like_go(&json);
        line.push('\n');
        line
    }

    /// The message indented by two spaces, without a newline at the end, as it lies in files.
    fn to_json_indented(&self) -> String {
        let json = serde_json::to_string_pretty(self).expect("these messages have text keys only");
        escape_like_go(&json)
    }
}

impl<T: sealed::Sealed> MigrateMessage for T {}

/// Go leaves out slices without elements, nil or not.
fn is_empty(bytes: &Option<Base64>) -> bool {
    bytes.as_ref().is_none_or(|bytes| bytes.0.is_empty())
}

fn is_empty_secret(bytes: &Option<SecretBase64>) -> bool {
    bytes.as_ref().is_none_or(|bytes| bytes.expose().is_empty())
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nil_and_empty_bytes_are_told_apart() {
        let zero = AgentPackage::default().to_json_line();
        assert!(zero.contains(r#""WASMBinary":null"#), "{zero}");
        let empty = AgentPackage { wasm_binary: Some(Base64(Vec::new())), ..Default::default() };
        let json = empty.to_json_line();
        assert!(json.contains(r#""WASMBinary":"""#), "{json}");
        assert_eq!(AgentPackage::from_json(json.as_bytes(), 1_000), Ok(empty));
    }

    #[test]
    fn fields_without_content_are_left_out_only_where_go_does() {
        let package = AgentPackage {
            receipts: Some(Base64(Vec::new())),
            agent_identity: Some(SecretBase64::new(Vec::new().into())),
            replay_data: Some(ReplayData::default()),
            ..Default::default()
        };
        let json = package.to_json_line();
        for name in ["Receipts", "AgentIdentity", "MajorVersion", "LeaseGeneration"] {
            assert!(!json.contains(name), "{json}");
        }
        let replay = r#""ReplayData":{"PreTickState":null,"TickNumber":0,"Entries":null}"#;
        assert!(json.contains(replay), "{json}");
    }

    #[test]
    fn errors_are_escaped_like_go_does_it() {
        let started = AgentStarted { error: "<&>\u{2028}".to_owned(), ..Default::default() };
        let json = started.to_json_line();
        assert!(json.ends_with(",\"Error\":\"\\u003c\\u0026\\u003e\\u2028\"}\n"), "{json}");
        assert_eq!(AgentStarted::from_json(json.as_bytes(), 1_000), Ok(started));
    }

    #[test]
    fn names_are_read_in_any_case_and_unknown_ones_skipped() {
        let json = br#"{"package":{"agentid":"a","budget":-1,"Other":[]},"sourcenodeid":"s"}"#;
        let transfer = AgentTransfer::from_json(json, 1_000).expect("a transfer");
        assert_eq!(transfer.package.agent_id, "a");
        assert_eq!(transfer.package.budget, -1);
        assert_eq!(transfer.source_node_id, "s");
    }

    #[test]
    fn larger_messages_and_other_shapes_are_refused() {
        let limit = MigrateError::TooLarge { length: 2, limit: 1 };
        assert_eq!(AgentStarted::from_json(b"{}", 1), Err(limit));
        for json in ["", "[]", "{", r#"{"Success":1}"#, r#"{"Error":"\ud800"}"#, "{} x"] {
            let read = AgentStarted::from_json(json.as_bytes(), 1_000);
            assert!(matches!(read, Err(MigrateError::Json(_))), "{json}: {read:?}");
        }
        for entry in ["{}", r#"{"HostcallID":65536}"#, r#"{"HostcallID":null}"#] {
            let json = format!(r#"{{"ReplayData":{{"Entries":[{entry}]}}}}"#);
            assert!(AgentPackage::from_json(json.as_bytes(), 1_000).is_err(), "{json}");
        }
    }
}

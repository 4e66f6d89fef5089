//! The limits table: what a guest, a file or a peer may make a node spend. One table, with a default and a
//! hard ceiling for each row; configuration (`[limits]`) may lower or raise a default up to its
//! ceiling. It does not enforce anything itself; each row names where that happens.

use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $default:expr, $ceiling:expr;)*) => {
        /// The limits in force on a node.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Limits {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// The highest value of each row.
            pub const CEILING: Self = Self { $($name: $ceiling,)* };

            /// Refuses a row that is zero or above its ceiling.
            ///
            /// # Errors
            /// The first such row.
            pub fn validate(&self) -> Result<(), LimitError> {
                $(if self.$name == 0 || self.$name > $ceiling {
                    let (row, value, ceiling) = (stringify!($name), self.$name, $ceiling);
                    return Err(LimitError { row, value, ceiling });
                })*
                Ok(())
            }
        }
    };
}

limits! {
    /// Bytes of a module as its author built it. Enforced by preparation.
    module_bytes_max: 4 << 20, 16 << 20;
    /// Bytes of one function body, which bounds compile time. Enforced by preparation.
    function_bytes_max: 128 << 10, 1 << 20;
    /// Functions defined by a module. Enforced by preparation.
    functions_max: 20_000, 20_000;
    /// Locals of one function, parameters included. Enforced by preparation.
    locals_max: 4_096, 4_096;
    /// Globals of a module. Enforced by preparation.
    globals_max: 1_000, 1_000;
    /// Parameters of one function type, and results of one. Enforced by preparation.
    params_max: 32, 32;
    /// Element segments of a module. Enforced by preparation.
    element_segments_max: 1_000, 1_000;
    /// Data segments of a module; a standard Go guest has 31,000. Enforced by preparation.
    data_segments_max: 100_000, 100_000;
    /// Pages of 64 KiB a guest's memory may have. Enforced by preparation, which lowers the
    /// module's own maximum to it.
    memory_pages_max: 1_024, 16_384;
    /// Elements a guest's table may have. Enforced by preparation likewise.
    table_elements_max: 10_000, 100_000;
    /// Gas of one guest call; every engine gets through it within `tick_ns_max`.
    tick_gas_max: 1_000_000_000, 1_000_000_000;
    /// Nanoseconds of one guest call. Enforced through the gas counter's slow path.
    tick_ns_max: 15_000_000_000, 60_000_000_000;
    /// Stack-guard slots of one guest call. Enforced by preparation.
    stack_slots_max: 65_536, 65_536;
    /// Bytes of an agent's state. Enforced at every capture and in the checkpoint decoder.
    state_bytes_max: 4 << 20, 64 << 20;
    /// Observations of one tick. Enforced by the recorder.
    observations_max: 4_096, 65_536;
    /// Bytes of the observations of one tick. Enforced by the recorder.
    observation_bytes_max: 4 << 20, 64 << 20;
    /// Bytes of one log line; the rest is cut and marked.
    log_line_bytes_max: 4 << 10, 64 << 10;
    /// Bytes of log lines of one tick; further lines are dropped and counted.
    log_bytes_max: 64 << 10, 1 << 20;
    /// Random bytes of one `rand_bytes` call; more is answered with -2.
    entropy_bytes_max: 4 << 10, 64 << 10;
    /// Bytes of a manifest. Enforced where it is read.
    manifest_bytes_max: 64 << 10, 1 << 20;
    /// Bytes of everything that an agent consists of when it moves, at each end. Enforced where it is
    /// listed and where it arrives.
    package_bytes_max: 96 << 20, 1 << 30;
    /// Bytes of one message of a handoff. Enforced by the frame decoder.
    frame_bytes_max: 1 << 20, 16 << 20;
    /// Nanoseconds from a stream's beginning to its first byte, and what a message may take beside the
    /// time for its bytes. Enforced by the frame reader.
    first_byte_ns_max: 5_000_000_000, 60_000_000_000;
    /// Nanoseconds from one message to the next, and without progress of a writer. Enforced by the
    /// frame reader and writer.
    idle_ns_max: 30_000_000_000, 600_000_000_000;
    /// Nanoseconds of a message from its first byte to its last. Enforced by the frame reader and writer.
    message_ns_max: 60_000_000_000, 600_000_000_000;
    /// Nanoseconds of a ping or the question for a price. Enforced at both ends.
    question_ns_max: 10_000_000_000, 60_000_000_000;
    /// Bytes of a second that a peer has to send while it sends. Enforced by the frame reader.
    wire_bytes_per_second_min: 64 << 10, 16 << 20;
    /// Bytes that are kept of what arrives from other nodes: agents, their bills, and messages that have not
    /// arrived whole. Enforced at the node's door.
    inbound_bytes_max: 256 << 20, 4 << 30;
    /// The same, of one other node.
    inbound_bytes_per_peer_max: 128 << 20, 4 << 30;
    /// Connections of a node to others, whoever began them. Enforced by each transport.
    connections_max: 256, 4_096;
    /// Connections with one other node, whoever began them. Enforced by each transport.
    connections_per_peer_max: 2, 64;
    /// Connections that arrived and that nobody has taken yet. Enforced by each transport.
    connections_pending_max: 32, 1_024;
    /// Streams of one connection that are open at once, counted for each end that opens them.
    /// Enforced by each transport.
    streams_max: 16, 256;
    /// Nanoseconds until a connection is proven and admitted, and until a stream has said its
    /// protocol. Enforced by each transport over a network.
    handshake_ns_max: 5_000_000_000, 60_000_000_000;
    /// Nanoseconds without a sign of life until a connection counts as lost. Enforced by each
    /// transport over a network.
    silence_ns_max: 30_000_000_000, 600_000_000_000;
}

/// A configured limit is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[limits] {row} = {value}: must lie between 1 and {ceiling}")]
pub struct LimitError {
    row: &'static str,
    value: u64,
    ceiling: u64,
}

impl LimitError {
    /// The row that is out of range.
    pub const fn row(&self) -> &'static str {
        self.row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_ceilings_are_valid() {
        assert_eq!(Limits::default().validate(), Ok(()));
        assert_eq!(Limits::CEILING.validate(), Ok(()));
    }

    #[test]
    fn a_row_out_of_range_is_named() {
        let zero = Limits { state_bytes_max: 0, ..Limits::default() };
        let above = Limits { module_bytes_max: (16 << 20) + 1, ..Limits::default() };
        for (limits, row) in [(zero, "state_bytes_max"), (above, "module_bytes_max")] {
            let error = limits.validate().expect_err("the row is out of range").to_string();
            assert!(error.contains(row), "{error}");
        }
    }
}

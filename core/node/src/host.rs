//! The node's side of an instance: the gas gate, the recorder, and what hostcalls read and leave
//! behind. It is made for one incarnation and outlives none; it knows neither storage nor driver.

use std::sync::Arc;

use igor_core::engine::{Caller, Host, Value};
use igor_core::format::{Hash, Microcents, ObservationKind, Observations, Price, Tick};
use igor_core::gas::{CancelFlag, GasGate};
use igor_core::observe::{ObservationLimits, Recorder};
use igor_core::{Clock, Entropy, Limits, Trap};

use crate::abi::Binding;
use crate::arguments::Arguments;
use crate::simulate::Answers;
use crate::wasi::{LineBuffers, StandIn};

/// Gas for each started eight bytes that a hostcall moves.
const BYTES_PER_GAS: usize = 8;

/// What every incarnation on a node shares.
#[derive(Clone)]
pub struct Environment {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
    /// The limits in force for the agent.
    pub limits: Limits,
    /// Stops the running guest call.
    pub cancel: CancelFlag,
}

/// What the wallet hostcalls show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wallet {
    /// The budget before the current call is charged.
    pub(crate) budget: Microcents,
    /// What a nominal second costs.
    pub(crate) price: Price,
    /// The agent's receipts, encoded.
    pub(crate) receipts: Arc<[Vec<u8>]>,
    /// What is answered in place of the node, in a simulation.
    pub(crate) answers: Option<Arc<Answers>>,
}

impl Wallet {
    /// What is answered instead of what the node would say, if anything is.
    pub(crate) fn answer(&self, kind: ObservationKind) -> Option<i64> {
        self.answers.as_ref().and_then(|answers| answers.next(kind))
    }
}

/// What a manifest grants, beyond the imports it lets in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    /// WASI clocks show the node's time.
    pub(crate) clock: bool,
    /// WASI random bytes come from the node.
    pub(crate) rand: bool,
    /// The agent may be moved to other nodes.
    pub(crate) moves: bool,
}

/// Lines that a guest logged in one operation.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The lines, in order.
    pub(crate) lines: Vec<String>,
    bytes: usize,
    dropped: u64,
}

/// Serves one instance.
pub(crate) struct NodeHost {
    pub(crate) environment: Environment,
    pub(crate) gate: GasGate,
    pub(crate) recorder: Recorder,
    pub(crate) wallet: Wallet,
    pub(crate) granted: Granted,
    /// Whether the operation is a tick.
    pub(crate) is_ticking: bool,
    pub(crate) stand_in: StandIn,
    pub(crate) wasi_lines: LineBuffers,
    pub(crate) outbox: Outbox,
    bindings: Arc<[Binding]>,
}

impl NodeHost {
    /// A host for an instance whose imports are bound to `bindings`.
    pub(crate) fn new(
        environment: &Environment,
        bindings: Arc<[Binding]>,
        granted: Granted,
        stand_in: StandIn,
    ) -> Self {
        let limits = &environment.limits;
        let to_usize = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let observation_limits = ObservationLimits {
            count_max: to_usize(limits.observations_max),
            bytes_max: to_usize(limits.observation_bytes_max),
        };
        Self {
            gate: GasGate::new(Arc::clone(&environment.clock), environment.cancel.clone()),
            recorder: Recorder::new(observation_limits),
            environment: environment.clone(),
            wallet: Wallet::default(),
            granted,
            is_ticking: false,
            stand_in,
            wasi_lines: LineBuffers::default(),
            outbox: Outbox::default(),
            bindings,
        }
    }

    /// Starts an operation: a start, or the tick of this number. With a record, what it observes is
    /// answered from there.
    pub(crate) fn begin(
        &mut self,
        operation: Operation,
        wallet: Wallet,
        record: Option<Observations>,
    ) {
        match record {
            None => self.recorder.begin(),
            Some(record) => self.recorder.load(record),
        }
        self.is_ticking = matches!(operation, Operation::Tick(_));
        self.stand_in.begin(operation);
        self.wallet = wallet;
        self.outbox = Outbox::default();
    }

    /// Ends an operation: finishes what was written without a newline, and takes what was logged.
    ///
    /// # Errors
    /// The trap that the last lines meet at an observation limit.
    pub(crate) fn finish(&mut self) -> Result<Vec<String>, Trap> {
        let unfinished: Vec<_> = self.wasi_lines.flush().collect();
        for line in unfinished {
            self.log(ObservationKind::WASI_WRITE, &line.kept, line.written)?;
        }
        let Outbox { mut lines, dropped, .. } = std::mem::take(&mut self.outbox);
        if dropped > 0 {
            lines.push(format!("[{dropped} more lines dropped]"));
        }
        Ok(lines)
    }

    /// Sends out a line of which `written` bytes were written and `text` is the start, cut at the line
    /// limit and dropped beyond the limit of the operation. Returns how many bytes were taken.
    pub(crate) fn log(
        &mut self,
        kind: ObservationKind,
        text: &[u8],
        written: usize,
    ) -> Result<usize, Trap> {
        let limits = &self.environment.limits;
        let line_max = usize::try_from(limits.log_line_bytes_max).unwrap_or(usize::MAX);
        let all_max = usize::try_from(limits.log_bytes_max).unwrap_or(usize::MAX);
        let kept = text.get(..line_max).unwrap_or(text);
        if self.outbox.bytes.saturating_add(kept.len()) > all_max {
            self.outbox.dropped += 1;
            return Ok(0);
        }
        self.recorder.send(kind, kept)?;
        self.outbox.bytes += kept.len();
        let mut line = String::from_utf8_lossy(kept).into_owned();
        if kept.len() < written {
            line.push_str(&format!(" [{} bytes cut]", written - kept.len()));
        }
        self.outbox.lines.push(line);
        Ok(kept.len())
    }

    /// Draws random bytes; the observation is empty if the source failed.
    pub(crate) fn observe_entropy(
        &mut self,
        kind: ObservationKind,
        length: usize,
    ) -> Result<&[u8], Trap> {
        let entropy = &self.environment.entropy;
        self.recorder.observe(
            kind,
            |payload| payload.is_empty() || payload.len() == length,
            |payload| {
                let start = payload.len();
                payload.resize(start + length, 0);
                let drawn = payload.get_mut(start..).map(|target| entropy.fill(target));
                if !matches!(drawn, Some(Ok(()))) {
                    payload.truncate(start);
                }
            },
        )
    }
}

impl Host for NodeHost {
    fn refill(&mut self, left: i64) -> Result<i64, Trap> {
        self.gate.refill(left)
    }

    fn call(
        &mut self,
        import: usize,
        args: &[Value],
        caller: Caller<'_>,
    ) -> Result<Option<Value>, Trap> {
        let arguments = Arguments(args);
        match self.bindings.get(import) {
            Some(Binding::Igor(call)) => call.serve(self, arguments, caller),
            Some(Binding::Wasi(call)) => call.serve(self, arguments, caller),
            None => Err(Trap::Unreachable),
        }
    }
}

/// What a guest is doing as a whole: one incarnation's start, or one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Starting, with this many ticks committed before.
    Start(Tick),
    /// The tick of this number.
    Tick(Tick),
}

/// Charges a hostcall for the bytes it moves.
pub(crate) fn charge_bytes(gas_left: &mut i64, bytes: usize) {
    let gas = i64::try_from(gas_for_bytes(bytes)).unwrap_or(i64::MAX);
    *gas_left = gas_left.saturating_sub(gas);
}

/// Charges a hostcall for the random bytes it draws, which cost more than moved ones.
pub(crate) fn charge_random(gas_left: &mut i64, bytes: usize) {
    *gas_left = gas_left.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
}

/// The gas for moving `bytes` between guest and node.
pub(crate) fn gas_for_bytes(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BYTES_PER_GAS)).unwrap_or(u64::MAX)
}

/// The identity of a guest, as far as its stand-ins for time and randomness depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestIdentity {
    /// The module as its author built it.
    pub code_hash: Hash,
    /// The agent's public key.
    pub public_key: [u8; 32],
}

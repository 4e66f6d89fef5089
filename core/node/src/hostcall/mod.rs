//! igor's own hostcalls, defined once for every engine: names, signatures, capabilities and what each
//! does. None of them holds replay logic: what enters the guest goes through the recorder, which
//! knows whether it is live.

mod clock;
mod log;
mod migrate;
mod rand;
mod wallet;

pub use migrate::MoveWish;
pub(crate) use migrate::asked;

use igor_core::Trap;
use igor_core::engine::{Caller, Value};
use igor_core::prepare::FunctionType;

use crate::abi::function_type;
use crate::arguments::Arguments;
use crate::host::NodeHost;

/// One of igor's hostcalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hostcall {
    /// `clock_now() -> i64`
    ClockNow,
    /// `log_emit(ptr, len)`
    LogEmit,
    /// `migrate_request(price_max, ptr, len) -> i32`
    MigrateRequest,
    /// `node_price() -> i64`
    NodePrice,
    /// `rand_bytes(ptr, len) -> i32`
    RandBytes,
    /// `wallet_balance() -> i64`
    WalletBalance,
    /// `wallet_receipt(index, ptr, cap) -> i32`
    WalletReceipt,
    /// `wallet_receipt_count() -> i32`
    WalletReceiptCount,
}

impl Hostcall {
    /// Every hostcall.
    pub const ALL: [Self; 8] = [
        Self::ClockNow,
        Self::LogEmit,
        Self::MigrateRequest,
        Self::NodePrice,
        Self::RandBytes,
        Self::WalletBalance,
        Self::WalletReceipt,
        Self::WalletReceiptCount,
    ];

    /// The hostcall that is imported as `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.name() == name)
    }

    /// The name it is imported as.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClockNow => "clock_now",
            Self::LogEmit => "log_emit",
            Self::MigrateRequest => "migrate_request",
            Self::NodePrice => "node_price",
            Self::RandBytes => "rand_bytes",
            Self::WalletBalance => "wallet_balance",
            Self::WalletReceipt => "wallet_receipt",
            Self::WalletReceiptCount => "wallet_receipt_count",
        }
    }

    /// The capability that a manifest must declare for it.
    pub const fn capability(self) -> &'static str {
        match self {
            Self::ClockNow => "clock",
            Self::LogEmit => "log",
            Self::MigrateRequest => "migrate",
            Self::NodePrice => "pricing",
            Self::RandBytes => "rand",
            Self::WalletBalance | Self::WalletReceipt | Self::WalletReceiptCount => "wallet",
        }
    }

    /// The signature it must be imported with.
    pub fn signature(self) -> FunctionType {
        match self {
            Self::ClockNow | Self::NodePrice | Self::WalletBalance => function_type("", "I"),
            Self::LogEmit => function_type("ii", ""),
            Self::MigrateRequest => function_type("Iii", "i"),
            Self::RandBytes => function_type("ii", "i"),
            Self::WalletReceipt => function_type("iii", "i"),
            Self::WalletReceiptCount => function_type("", "i"),
        }
    }

    /// Serves one call.
    ///
    /// # Errors
    /// The trap that ends the guest call: an observation limit, or a divergence in a replay.
    pub(crate) fn serve(
        self,
        host: &mut NodeHost,
        arguments: Arguments<'_>,
        caller: Caller<'_>,
    ) -> Result<Option<Value>, Trap> {
        match self {
            Self::ClockNow => clock::now(host).map(|ns| Some(Value::I64(ns))),
            Self::LogEmit => {
                let (pointer, length) = (arguments.u32(0), arguments.u32(1));
                log::emit(host, pointer, length, caller).map(|()| None)
            }
            Self::MigrateRequest => {
                let (pointer, length) = (arguments.u32(1), arguments.u32(2));
                let code = migrate::request(host, arguments.i64(0), pointer, length, caller)?;
                Ok(Some(Value::I32(code)))
            }
            Self::NodePrice => wallet::price(host).map(|price| Some(Value::I64(price))),
            Self::RandBytes => {
                let (pointer, length) = (arguments.u32(0), arguments.u32(1));
                rand::bytes(host, pointer, length, caller).map(|code| Some(Value::I32(code)))
            }
            Self::WalletBalance => wallet::balance(host).map(|amount| Some(Value::I64(amount))),
            Self::WalletReceipt => {
                let (pointer, capacity) = (arguments.u32(1), arguments.u32(2));
                let code = wallet::receipt(host, arguments.u32(0), pointer, capacity, caller)?;
                Ok(Some(Value::I32(code)))
            }
            Self::WalletReceiptCount => {
                wallet::receipt_count(host).map(|count| Some(Value::I32(count)))
            }
        }
    }
}

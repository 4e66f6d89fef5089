#![doc = include_str!("../README.md")]

mod config;
mod meter;

use std::sync::Arc;

use config::GasConfig;
pub use meter::GasMeter;

/// The name by which configuration chooses this meter.
pub const NAME: &str = "gas";

igor_core::register_meter! {
    name: NAME,
    summary: "Charges deterministic gas: 1,000,000,000 gas cost the price, on every machine.",
    example: include_str!("../example.toml"),
    build: |section, _| {
        let GasConfig {} = section.parse()?;
        Ok(Arc::new(GasMeter))
    },
}

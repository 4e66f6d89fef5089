#![doc = include_str!("../README.md")]

mod config;
mod meter;

use std::sync::Arc;

use config::WallConfig;
pub use meter::WallMeter;

/// The name by which configuration chooses this meter.
pub const NAME: &str = "wall";

igor_core::register_meter! {
    name: NAME,
    summary: "Charges wall-clock time: a second costs the price, whatever ran in it.",
    example: include_str!("../example.toml"),
    build: |section, _| {
        let WallConfig {} = section.parse()?;
        Ok(Arc::new(WallMeter))
    },
}

//! Tells a refused growth from a failed one: beyond the prepared maximum the guest gets its -1, but a
//! machine without memory ends the call, because no guest may see what machine it runs on.

use igor_core::PreparedModule;
use wasmi::ResourceLimiter;
use wasmi::errors::{MemoryError, TableError};
use wasmi_core::LimiterError;

const PAGE_BYTES: u64 = 64 << 10;

/// The bounds of one instance, as preparation fixed them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    table_elements_max: usize,
}

impl Limiter {
    pub(crate) fn new(module: &PreparedModule) -> Self {
        let bytes = module.memory_pages_max().saturating_mul(PAGE_BYTES);
        Self {
            memory_bytes_max: usize::try_from(bytes).unwrap_or(usize::MAX),
            table_elements_max: usize::try_from(module.table_elements_max()).unwrap_or(usize::MAX),
        }
    }
}

fn within(desired: usize, limit: usize, maximum: Option<usize>) -> bool {
    desired <= limit && maximum.is_none_or(|maximum| desired <= maximum)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        Ok(within(desired, self.memory_bytes_max, maximum))
    }

    fn memory_grow_failed(&mut self, _error: &MemoryError) -> Result<(), LimiterError> {
        Err(LimiterError::ResourceLimiterDeniedAllocation)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        Ok(within(desired, self.table_elements_max, maximum))
    }

    fn table_grow_failed(&mut self, _error: &TableError) -> Result<(), LimiterError> {
        Err(LimiterError::ResourceLimiterDeniedAllocation)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        usize::MAX
    }

    fn memories(&self) -> usize {
        1
    }
}

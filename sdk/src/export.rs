//! The macros that an agent's crate calls: [`export!`](crate::export) and
//! [`runtime!`](crate::runtime) once each at its top level, [`log!`](crate::log!) wherever it has
//! something to say. They hold no logic; what they expand to lives in [`crate::abi`].

/// Exports the agent ABI for an [`Agent`](crate::Agent): `agent_init`, `agent_tick`,
/// `agent_checkpoint`, `agent_checkpoint_ptr`, `agent_resume` and, on `wasm32-unknown-unknown`,
/// `malloc` (on `wasm32-wasip1` that is wasi-libc's). Natively it exports nothing.
///
/// A state that does not decode is written to the log before the start fails, so the module imports
/// `log_emit` and its manifest must declare `log`. An agent without that capability says
/// `export!(MyAgent, log = false)`.
#[macro_export]
macro_rules! export {
    ($agent:ty) => {
        $crate::export!(@abi $agent, $crate::abi::report);
    };
    ($agent:ty, log = false) => {
        $crate::export!(@abi $agent, $crate::abi::stay_silent);
    };
    (@abi $agent:ty, $report:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            static SLOT: $crate::abi::Slot<$agent> = $crate::abi::Slot::new($report);

            #[unsafe(no_mangle)]
            extern "C" fn agent_init() {
                SLOT.init();
            }

            #[unsafe(no_mangle)]
            extern "C" fn agent_tick() -> i32 {
                SLOT.tick()
            }

            #[unsafe(no_mangle)]
            extern "C" fn agent_checkpoint() -> usize {
                SLOT.checkpoint()
            }

            #[unsafe(no_mangle)]
            extern "C" fn agent_checkpoint_ptr() -> *const u8 {
                SLOT.checkpoint_ptr()
            }

            #[unsafe(no_mangle)]
            extern "C" fn agent_resume(state: *const u8, length: usize) {
                SLOT.resume($crate::abi::StateBuffer::of_node(state, length));
            }

            #[cfg(target_os = "unknown")]
            #[unsafe(no_mangle)]
            extern "C" fn malloc(length: usize) -> *mut u8 {
                $crate::abi::allocate(length)
            }
        };
        const _: fn() -> $agent = <$agent as $crate::Agent>::init;
    };
}

/// Gives a `no_std` agent what `std` would: an allocator and a panic handler. It expands to nothing
/// except on `wasm32-unknown-unknown`; an agent that uses `std` leaves it out.
///
/// A panic is written to the log before it traps. An agent without the capability `log` says
/// `runtime!(log = false)`.
#[macro_export]
macro_rules! runtime {
    () => {
        $crate::runtime!(@with $crate::abi::report);
    };
    (log = false) => {
        $crate::runtime!(@with $crate::abi::stay_silent);
    };
    (@with $report:path) => {
        #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
        const _: () = {
            #[global_allocator]
            static ALLOCATOR: $crate::__private::GlobalDlmalloc =
                $crate::__private::GlobalDlmalloc;

            #[panic_handler]
            fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
                $crate::abi::panicked(info, $report)
            }
        };
    };
}

/// Formats its arguments as `format!` does and writes the line with [`log`](fn@crate::log).
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => {
        $crate::log(&$crate::__private::format!($($argument)*))
    };
}

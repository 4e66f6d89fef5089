//! WASI preview1, served by the node itself so that it is the same on every engine and nothing in it
//! escapes the recorder. A guest finds no arguments, no environment, no files and no sockets; its
//! output becomes log lines, its waiting ends at once, and its clocks and random bytes follow the
//! capabilities `clock` and `rand`. This is not a general WASI host.

mod clock;
mod errno;
mod fd;
mod lines;
mod poll;
mod random;
mod stand_in;

use igor_core::Trap;
use igor_core::engine::{Caller, Value, guest_slice_mut};
use igor_core::prepare::FunctionType;

use crate::abi::function_type;
use crate::arguments::Arguments;
use crate::host::NodeHost;
use errno::Errno;
pub(crate) use lines::LineBuffers;
pub(crate) use stand_in::StandIn;

macro_rules! wasi_calls {
    ($($variant:ident $name:literal $params:literal)*) => {
        /// A function of WASI preview1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each is named and specified by WASI preview1")]
        pub enum WasiCall { $($variant,)* }

        impl WasiCall {
            /// Every function of WASI preview1.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name it is imported as.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            const fn params(self) -> &'static str {
                match self { $(Self::$variant => $params,)* }
            }
        }
    };
}

wasi_calls! {
    ArgsGet "args_get" "ii"
    ArgsSizesGet "args_sizes_get" "ii"
    ClockResGet "clock_res_get" "ii"
    ClockTimeGet "clock_time_get" "iIi"
    EnvironGet "environ_get" "ii"
    EnvironSizesGet "environ_sizes_get" "ii"
    FdAdvise "fd_advise" "iIIi"
    FdAllocate "fd_allocate" "iII"
    FdClose "fd_close" "i"
    FdDatasync "fd_datasync" "i"
    FdFdstatGet "fd_fdstat_get" "ii"
    FdFdstatSetFlags "fd_fdstat_set_flags" "ii"
    FdFdstatSetRights "fd_fdstat_set_rights" "iII"
    FdFilestatGet "fd_filestat_get" "ii"
    FdFilestatSetSize "fd_filestat_set_size" "iI"
    FdFilestatSetTimes "fd_filestat_set_times" "iIIi"
    FdPread "fd_pread" "iiiIi"
    FdPrestatDirName "fd_prestat_dir_name" "iii"
    FdPrestatGet "fd_prestat_get" "ii"
    FdPwrite "fd_pwrite" "iiiIi"
    FdRead "fd_read" "iiii"
    FdReaddir "fd_readdir" "iiiIi"
    FdRenumber "fd_renumber" "ii"
    FdSeek "fd_seek" "iIii"
    FdSync "fd_sync" "i"
    FdTell "fd_tell" "ii"
    FdWrite "fd_write" "iiii"
    PathCreateDirectory "path_create_directory" "iii"
    PathFilestatGet "path_filestat_get" "iiiii"
    PathFilestatSetTimes "path_filestat_set_times" "iiiiIIi"
    PathLink "path_link" "iiiiiii"
    PathOpen "path_open" "iiiiiIIii"
    PathReadlink "path_readlink" "iiiiii"
    PathRemoveDirectory "path_remove_directory" "iii"
    PathRename "path_rename" "iiiiii"
    PathSymlink "path_symlink" "iiiii"
    PathUnlinkFile "path_unlink_file" "iii"
    PollOneoff "poll_oneoff" "iiii"
    ProcExit "proc_exit" "i"
    ProcRaise "proc_raise" "i"
    RandomGet "random_get" "ii"
    SchedYield "sched_yield" ""
    SockAccept "sock_accept" "iii"
    SockRecv "sock_recv" "iiiiii"
    SockSend "sock_send" "iiiii"
    SockShutdown "sock_shutdown" "ii"
}

impl WasiCall {
    /// The function that is imported as `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|call| call.name() == name)
    }

    /// The signature it must be imported with.
    pub fn signature(self) -> FunctionType {
        let results = if self == Self::ProcExit { "" } else { "i" };
        function_type(self.params(), results)
    }

    /// Serves one call.
    ///
    /// # Errors
    /// The trap that ends the guest call: `proc_exit`, an observation limit, or a divergence in a
    /// replay. Everything else is an errno.
    pub(crate) fn serve(
        self,
        host: &mut NodeHost,
        arguments: Arguments<'_>,
        caller: Caller<'_>,
    ) -> Result<Option<Value>, Trap> {
        if self == Self::ProcExit {
            return Err(Trap::Exit(arguments.u32(0).cast_signed()));
        }
        let errno = match self.answer(host, arguments, caller) {
            Ok(()) => Errno::SUCCESS,
            Err(Failure::Errno(errno)) => errno,
            Err(Failure::Trap(trap)) => return Err(trap),
        };
        Ok(Some(Value::I32(i32::from(errno.0))))
    }

    fn answer(
        self,
        host: &mut NodeHost,
        arguments: Arguments<'_>,
        caller: Caller<'_>,
    ) -> Result<(), Failure> {
        let word = |index| arguments.u32(index);
        match self {
            Self::ArgsGet | Self::EnvironGet | Self::SchedYield => Ok(()),
            Self::ArgsSizesGet | Self::EnvironSizesGet => {
                put(caller.memory, word(0), &0u32.to_le_bytes())?;
                put(caller.memory, word(1), &0u32.to_le_bytes())
            }
            Self::ClockResGet => clock::resolution(word(0), word(1), caller),
            Self::ClockTimeGet => clock::time(host, word(0), word(2), caller),
            Self::RandomGet => random::get(host, word(0), word(1), caller),
            Self::PollOneoff => poll::oneoff(word(0), word(1), word(2), word(3), caller),
            Self::FdWrite => fd::write(host, word(0), word(1), word(2), word(3), caller),
            Self::FdRead => fd::read(word(0), word(1), word(2), word(3), caller),
            Self::FdFdstatGet => fd::stat(word(0), word(1), caller),
            Self::FdFilestatGet => fd::filestat(word(0), word(1), caller),
            Self::FdClose | Self::FdFdstatSetFlags => fd::open(word(0)),
            Self::FdPrestatGet | Self::FdPrestatDirName => Err(Errno::BADF.into()),
            Self::FdSeek
            | Self::FdTell
            | Self::FdPread
            | Self::FdPwrite
            | Self::FdAdvise
            | Self::FdAllocate => fd::refuse(word(0), Errno::SPIPE),
            Self::FdSync | Self::FdDatasync | Self::FdFilestatSetSize => {
                fd::refuse(word(0), Errno::INVAL)
            }
            Self::FdFdstatSetRights | Self::FdFilestatSetTimes | Self::FdRenumber => {
                fd::refuse(word(0), Errno::NOTSUP)
            }
            Self::FdReaddir
            | Self::PathCreateDirectory
            | Self::PathFilestatGet
            | Self::PathFilestatSetTimes
            | Self::PathLink
            | Self::PathOpen
            | Self::PathReadlink
            | Self::PathRemoveDirectory
            | Self::PathRename
            | Self::PathUnlinkFile => fd::refuse(word(0), Errno::NOTDIR),
            Self::PathSymlink => fd::refuse(word(2), Errno::NOTDIR),
            Self::SockAccept | Self::SockRecv | Self::SockSend | Self::SockShutdown => {
                fd::refuse(word(0), Errno::NOTSOCK)
            }
            Self::ProcRaise | Self::ProcExit => Err(Errno::NOSYS.into()),
        }
    }
}

/// Why a WASI call did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The guest is told so and goes on.
    Errno(Errno),
    /// The guest call ends.
    Trap(Trap),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Trap> for Failure {
    fn from(trap: Trap) -> Self {
        Self::Trap(trap)
    }
}

/// Writes `bytes` to guest memory.
fn put(memory: &mut [u8], pointer: u32, bytes: &[u8]) -> Result<(), Failure> {
    let length = u32::try_from(bytes.len()).map_err(|_| Errno::FAULT)?;
    guest_slice_mut(memory, pointer, length).map_err(|_| Errno::FAULT)?.copy_from_slice(bytes);
    Ok(())
}

/// Reads a little-endian u32 from guest memory.
fn read_u32(memory: &[u8], pointer: u32) -> Result<u32, Failure> {
    let start = usize::try_from(pointer).map_err(|_| Errno::FAULT)?;
    let bytes = memory.get(start..).and_then(|rest| rest.first_chunk()).ok_or(Errno::FAULT)?;
    Ok(u32::from_le_bytes(*bytes))
}

//! `cargo xtask agents`: builds the example agents to wasm, one cargo call per guest, because feature
//! unification across guests would grow them. It writes `agents/prebuilt/*.wasm`, or with `--check`
//! compares what a fresh build imports and exports with what is committed there. It does not compare
//! bytes: they differ between compiler versions.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use clap::ValueEnum;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef, Validator};

use crate::TaskResult;

/// The guests' target.
const TARGET: &str = "wasm32-unknown-unknown";

/// The agents that are built; each is a package below `agents/`.
const AGENTS: [&str; 3] = ["heartbeat", "liquidation", "survivor"];

/// Build the example agents to wasm.
///
/// Writes agents/prebuilt/NAME.wasm. Uses the wasm32-unknown-unknown target of rustup when it is
/// installed, else Debian's rustc-web and rust-web-src.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The agents to build; all of them if none is named.
    names: Vec<String>,
    /// Compare imports and exports with the committed files; write nothing below agents/.
    #[arg(long)]
    check: bool,
    /// Which compiler to use.
    #[arg(long, value_enum, default_value = "auto")]
    toolchain: Choice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// rustup's target if installed, else Debian's compiler.
    Auto,
    /// rustup's target.
    Rustup,
    /// Debian's rustc-web and rust-web-src.
    Debian,
}

/// A compiler that can build guests.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Toolchain {
    /// The active compiler has the target's standard library.
    Rustup,
    /// Debian's compiler builds `core` and `alloc` from its own source.
    Debian {
        /// The root of the standard library's source.
        source: PathBuf,
        /// The linker that rustup's toolchain ships.
        linker: PathBuf,
    },
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> TaskResult {
    let root = workspace_root()?;
    let names = selected(&args.names)?;
    let toolchain = find_toolchain(args.toolchain)?;
    println!("compiler: {}", toolchain.describe());
    for name in names {
        let built = build(&root, &toolchain, name)?;
        let bytes = fs::read(&built).map_err(|error| format!("read {built:?}: {error}"))?;
        let committed = root.join("agents/prebuilt").join(format!("{name}.wasm"));
        if args.check {
            check(name, &bytes, &committed)?;
        } else {
            shape(&bytes).map_err(|error| format!("agent {name}: {error}"))?;
            fs::write(&committed, &bytes)
                .map_err(|error| format!("write {committed:?}: {error}"))?;
            println!("{name}: {} bytes", bytes.len());
        }
    }
    Ok(())
}

fn workspace_root() -> TaskResult<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().ok_or("the manifest directory has no parent")?;
    Ok(root.canonicalize().map_err(|error| format!("resolve {root:?}: {error}"))?)
}

fn selected(names: &[String]) -> TaskResult<Vec<&'static str>> {
    if names.is_empty() {
        return Ok(AGENTS.to_vec());
    }
    let find = |name: &String| {
        let known = AGENTS.iter().copied().find(|known| known == name);
        known.ok_or_else(|| format!("no agent {name:?}; there are {}", AGENTS.join(", ")).into())
    };
    names.iter().map(find).collect()
}

impl Toolchain {
    fn describe(&self) -> String {
        match self {
            Self::Rustup => format!("rustup's {TARGET}"),
            Self::Debian { source, .. } => {
                format!("Debian's rustc, source in {}", source.display())
            }
        }
    }
}

fn find_toolchain(choice: Choice) -> TaskResult<Toolchain> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let rustlib = Path::new(sysroot.trim()).join("lib/rustlib");
    if choice != Choice::Debian && rustlib.join(TARGET).join("lib").is_dir() {
        return Ok(Toolchain::Rustup);
    }
    let host = host_triple()?;
    let linker = rustlib.join(host).join("bin/rust-lld");
    if choice != Choice::Rustup
        && linker.is_file()
        && let Some(source) = debian_source()
    {
        return Ok(Toolchain::Debian { source, linker });
    }
    Err(match choice {
        Choice::Rustup | Choice::Auto => format!(
            "no compiler for {TARGET}: run `rustup target add {TARGET}`, or, where rustup cannot \
             fetch it, on Debian `apt-get install --no-install-recommends rustc-web rust-web-src`"
        ),
        Choice::Debian => format!(
            "Debian's compiler is not complete: it needs `apt-get install \
             --no-install-recommends rustc-web rust-web-src` and {}",
            linker.display()
        ),
    }
    .into())
}

fn host_triple() -> TaskResult<String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("`rustc -vV` names no host")?.to_owned())
}

/// The source that belongs to `/usr/bin/rustc`, if both are Debian's.
fn debian_source() -> Option<PathBuf> {
    let sysroot = output(Command::new("/usr/bin/rustc").args(["--print", "sysroot"])).ok()?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    source.join("library/core/Cargo.toml").is_file().then_some(source)
}

/// Builds one agent and returns where its module lies.
fn build(root: &Path, toolchain: &Toolchain, name: &str) -> TaskResult<PathBuf> {
    let target_dir = root.join("target/guests");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(root)
        .args(["build", "--quiet", "--locked", "--profile", "guest", "--target", TARGET])
        .args(["--package", name, "--lib", "--target-dir"])
        .arg(&target_dir)
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(root, toolchain)?);
    if let Toolchain::Debian { linker, .. } = toolchain {
        command
            .env("RUSTC", "/usr/bin/rustc")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
            .arg("-Zbuild-std=core,alloc,panic_abort");
    }
    let status = command.status().map_err(|error| format!("start cargo: {error}"))?;
    if !status.success() {
        return Err(format!("build agent {name}: cargo ended with {status}").into());
    }
    Ok(target_dir.join(TARGET).join("guest").join(format!("{name}.wasm")))
}

/// Path prefixes are mapped to fixed names, so that a module does not depend on where it was built.
fn rustflags(root: &Path, toolchain: &Toolchain) -> TaskResult<OsString> {
    let home = env::var_os("HOME").map(PathBuf::from);
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| home.map(|home| home.join(".cargo")))
        .ok_or("neither CARGO_HOME nor HOME is set")?;
    let mut flags = OsString::new();
    let mut map = |from: &Path, to: &str| {
        if !flags.is_empty() {
            flags.push("\x1f");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push(format!("={to}"));
    };
    map(root, "/igor");
    map(&cargo_home, "/cargo");
    if let Toolchain::Debian { source, .. } = toolchain {
        map(source, "/rust");
        if let Ok(real) = source.canonicalize() {
            map(&real, "/rust");
        }
    }
    Ok(flags)
}

fn output(command: &mut Command) -> TaskResult<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("start {program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout).map_err(|_| format!("{program} wrote no text"))?)
}

/// What a node sees of a module: its imports and exports, each with its type, sorted.
fn shape(bytes: &[u8]) -> TaskResult<Vec<String>> {
    let types = Validator::new().validate_all(bytes)?;
    let types = types.as_ref();
    let describe = |index: u32| {
        let function = types.get(types.core_function_at(index));
        function.map(|function| function.unwrap_func().to_string()).unwrap_or_default()
    };
    let (mut lines, mut functions) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    let import = import?;
                    let ty = match import.ty {
                        TypeRef::Func(_) => {
                            functions += 1;
                            describe(functions - 1)
                        }
                        other => format!("{other:?}"),
                    };
                    lines.push(format!("import {} {} {ty}", import.module, import.name));
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    let ty = match export.kind {
                        ExternalKind::Func => describe(export.index),
                        other => format!("{other:?}"),
                    };
                    lines.push(format!("export {} {ty}", export.name));
                }
            }
            _ => {}
        }
    }
    lines.sort();
    Ok(lines)
}

fn check(name: &str, built: &[u8], committed: &Path) -> TaskResult {
    let bytes = fs::read(committed).map_err(|error| format!("read {committed:?}: {error}"))?;
    let (fresh, kept) = (shape(built)?, shape(&bytes)?);
    if fresh == kept {
        println!("{name}: {} imports and exports as committed", fresh.len());
        return Ok(());
    }
    let mut problem = format!("agent {name} differs from {}:", committed.display());
    for line in fresh.iter().filter(|line| !kept.contains(line)) {
        problem.push_str(&format!("\n  only built: {line}"));
    }
    for line in kept.iter().filter(|line| !fresh.contains(line)) {
        problem.push_str(&format!("\n  only committed: {line}"));
    }
    problem.push_str("\nrun `cargo xtask agents` and commit the result");
    Err(problem.into())
}

//! Where a passphrase comes from: a file, an environment variable, or the terminal, without echo. It is never an
//! argument, as others see those. Its strength is its owner's business.

use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::args::PassphraseArgs;
use crate::problem::Problem;

/// Bytes of the longest passphrase.
const BYTES_MAX: u64 = 4_096;

/// A passphrase, erased from memory when dropped.
pub(crate) type Passphrase = Zeroizing<Vec<u8>>;

/// The passphrase that `args` name, or that is typed; twice, if it is a new one.
pub(crate) fn passphrase(args: &PassphraseArgs, is_new: bool) -> Result<Passphrase, Problem> {
    let passphrase = match (&args.passphrase_file, &args.passphrase_env) {
        (Some(path), _) => of_file(path)?,
        (None, Some(name)) => of_variable(name)?,
        (None, None) => typed(is_new)?,
    };
    if passphrase.is_empty() {
        return Err(Problem::usage("the passphrase is empty", "Give one that is not."));
    }
    Ok(passphrase)
}

fn of_file(path: &Path) -> Result<Passphrase, Problem> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path)
        .and_then(|file| file.take(BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes));
    read.map_err(|error| {
        Problem::usage(
            format_args!("read the passphrase from {}: {error}", path.display()),
            "Give a file that can be read; its first line is the passphrase.",
        )
    })?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if u64::try_from(line.len()).is_ok_and(|length| length <= BYTES_MAX) {
        return Ok(Zeroizing::new(line.to_vec()));
    }
    Err(Problem::usage(
        format_args!("the first line of {} has more than {BYTES_MAX} bytes", path.display()),
        "Give a file whose first line is a passphrase.",
    ))
}

fn of_variable(name: &str) -> Result<Passphrase, Problem> {
    let value: Option<OsString> = std::env::var_os(name);
    value.map(|value| Zeroizing::new(value.into_vec())).ok_or_else(|| {
        Problem::usage(
            format_args!("read the passphrase: there is no environment variable {name}"),
            "Set it, or leave --passphrase-env away to be asked.",
        )
    })
}

fn typed(is_new: bool) -> Result<Passphrase, Problem> {
    let no_terminal = |error: &str| {
        Problem::usage(
            format_args!("ask for the passphrase: {error}"),
            "Give it with --passphrase-file or --passphrase-env.",
        )
    };
    if !std::io::stdin().is_terminal() && !std::io::stderr().is_terminal() {
        return Err(no_terminal("there is no terminal"));
    }
    let ask = |prompt| {
        let typed = rpassword::prompt_password(prompt);
        let typed = typed.map_err(|error| no_terminal(&error.to_string()))?;
        Ok::<_, Problem>(Zeroizing::new(typed.into_bytes()))
    };
    let passphrase = ask("Passphrase: ")?;
    if is_new && *ask("Passphrase again: ")? != *passphrase {
        return Err(Problem::usage("the two passphrases differ", "Try again."));
    }
    Ok(passphrase)
}

//! The token that stands for the user where the system does not say who connects: a secret in a file that only its
//! owner may read. Whoever shows it may do everything that the control API can.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use igor_core::clock::Entropy;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::os::OsEntropy;
use crate::problem::Problem;

/// Where it is, below the data directory, unless another file is named.
const FILE: &str = ".igor/.control-token";
/// Characters of a token: fewer could be guessed.
const LENGTH: std::ops::RangeInclusive<usize> = 32..=256;
/// What stands before it in a request.
const SCHEME: &str = "Bearer ";

/// A token, erased from memory when dropped.
pub(crate) struct Token(Zeroizing<String>);

impl Token {
    /// The file of the node on `dir`.
    pub(crate) fn file(dir: &Path) -> PathBuf {
        dir.join(FILE)
    }

    /// The token in `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        read(path).map_err(|error| {
            let way_out = format!(
                "Give a file of mode 0600 whose first line is the token, {} to {} visible characters.",
                LENGTH.start(),
                LENGTH.end()
            );
            Problem::new(format_args!("read the control token {}: {error}", path.display()), way_out)
        })
    }

    /// The token in `path`, which is made if it is not there.
    pub(crate) fn take(path: &Path) -> Result<Self, Problem> {
        match make(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(|error| {
                let what = format_args!("make the control token {}: {error}", path.display());
                Problem::new(what, "Give another file with --control-token-file.")
            })?,
        }
        Self::read(path)
    }

    /// What a request carries.
    pub(crate) fn header(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{SCHEME}{}", *self.0))
    }

    /// Whether a request carries it. How long that takes says nothing about where the two differ.
    pub(crate) fn is_in(&self, header: Option<&[u8]>) -> bool {
        let shown = header.and_then(|header| header.strip_prefix(SCHEME.as_bytes()));
        shown.is_some_and(|shown| shown.ct_eq(self.0.as_bytes()).into())
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut secret = Zeroizing::new([0; 32]);
    OsEntropy.fill(&mut *secret).map_err(|error| io::Error::other(error.to_string()))?;
    let mut text = Zeroizing::new(String::new());
    for byte in secret.iter() {
        text.push_str(&format!("{byte:02x}"));
    }
    text.push('\n');
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read(path: &Path) -> io::Result<Token> {
    let found = fs::symlink_metadata(path)?;
    let own = rustix::process::getuid().as_raw();
    if !found.is_file() || ![own, 0].contains(&found.uid()) || found.mode() & 0o077 != 0 {
        return Err(io::Error::other("it is no file, or not of this user, or others may use it"));
    }
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(4_096).read_to_string(&mut text)?;
    let token = text.lines().next().unwrap_or_default();
    if LENGTH.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Token(Zeroizing::new(token.to_owned())));
    }
    Err(io::Error::other("its first line is no token"))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_for_its_owner_only() {
        let place = tempfile::tempdir().expect("a folder can be made");
        let path = place.path().join("token");
        assert!(read(&path).is_err());
        let made = Token::take(&path).map_err(|problem| problem.to_string()).expect("it is made");
        let mode = fs::metadata(&path).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Token::take(&path).map_err(|problem| problem.to_string()).expect("it is there");
        assert_eq!(*made.0, *again.0);
        assert_eq!(made.0.len(), 64);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("changed");
        assert!(read(&path).is_err());
        fs::set_permissions(&path, Permissions::from_mode(0o400)).expect("changed");
        assert!(read(&path).is_ok());
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        assert!(read(&link).is_err());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let place = tempfile::tempdir().expect("a folder can be made");
        let path = place.path().join("token");
        let check = |text: &str, is_one: bool| {
            let _ = fs::remove_file(&path);
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(&path);
            file.and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
            assert_eq!(read(&path).is_ok(), is_one, "{text:?}");
        };
        check(&"x".repeat(32), true);
        check(&format!("{}\nand more", "x".repeat(256)), true);
        check(&"x".repeat(31), false);
        check(&"x".repeat(257), false);
        check(&format!("{} {}", "x".repeat(20), "x".repeat(20)), false);
        check("", false);
    }

    #[test]
    fn only_the_token_itself_is_accepted() {
        let token = Token(Zeroizing::new("t".repeat(40)));
        assert!(token.is_in(Some(token.header().as_bytes())));
        let (shorter, other) = ("t".repeat(39), "T".repeat(40));
        for header in ["", "Bearer ", &format!("Bearer {shorter}"), &format!("Bearer {other}")] {
            assert!(!token.is_in(Some(header.as_bytes())), "{header:?}");
        }
        for scheme in ["bearer ", "Basic ", "Bearer  ", ""] {
            assert!(!token.is_in(Some(format!("{scheme}{}", *token.0).as_bytes())), "{scheme:?}");
        }
        assert!(!token.is_in(None));
    }
}

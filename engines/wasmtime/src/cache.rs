//! Compiled code kept below the data directory. Whoever can write there must not thereby run code in
//! the node, so an entry counts only under a MAC whose key lies elsewhere, readable by the owner
//! alone. It hands out and takes bytes; it neither compiles nor loads them.
//!
//! An entry is `MAGIC`, the HMAC-SHA256 over its key and its code, and the code. Its key is a hash of
//! the prepared module and of everything that the compiler's output depends on, wasmtime's version
//! included, so that an entry of another module or another compiler is no entry of this one.

use std::hash::{Hash as StdHash, Hasher};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use igor_core::format::Hash;
use sha2::{Digest, Sha256};

use crate::error::CacheError;
use crate::folder::Folder;

/// What an entry begins with.
const MAGIC: &[u8; 16] = b"igor code cache\x01";
const MAC_BYTES: usize = 32;
const SECRET_BYTES: usize = 32;

/// The data directory's own folder, which is never created here.
const OWN: &str = ".igor";
const SECRETS: &str = ".secrets";
const SECRET: &str = "code-cache-key";
const CACHES: &str = ".cache";
const CACHE: &str = "wasmtime";

/// What an entry is the code of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryKey(Hash);

impl EntryKey {
    /// The key of the code that `engine` makes of the prepared module with this hash.
    pub(crate) fn new(prepared_hash: Hash, engine: &wasmtime::Engine) -> Self {
        // Includes wasmtime's version, the target and every setting that code depends on.
        let mut compiler = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut compiler);
        let compiler: [u8; 32] = compiler.0.finalize().into();
        Self(Hash::of_parts(&[MAGIC, prepared_hash.as_bytes(), &compiler]))
    }

    fn file(&self) -> String {
        self.0.to_string()
    }
}

/// Lets a [`std::hash::Hash`] value be digested without a collision that anyone could find.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = self.0.clone().finalize().into();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// The MAC's key.
struct Secret([u8; SECRET_BYTES]);

impl Secret {
    fn mac(&self, key: &EntryKey, code: &[u8]) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0);
        let mut mac = mac.expect("HMAC takes a key of any length");
        mac.update(MAGIC);
        mac.update(key.0.as_bytes());
        mac.update(code);
        mac
    }
}

/// Decides whether an entry was written by whoever holds the secret; tests put a broken one in.
type Verify = fn(Hmac<Sha256>, &[u8]) -> bool;

fn verify_mac(computed: Hmac<Sha256>, stated: &[u8]) -> bool {
    computed.verify_slice(stated).is_ok()
}

/// The entries of one data directory.
#[derive(Debug)]
pub(crate) struct CodeCache {
    data_dir: PathBuf,
    bytes_max: u64,
    verify: Verify,
}

impl CodeCache {
    /// The cache below `data_dir`, which holds at most `bytes_max`. Nothing is touched yet.
    pub(crate) fn new(data_dir: &Path, bytes_max: u64) -> Self {
        Self { data_dir: data_dir.to_owned(), bytes_max, verify: verify_mac }
    }

    /// The code kept under `key`, if it is there and unharmed.
    ///
    /// # Errors
    /// When the cache is not what only this user could have put there, or cannot be read.
    pub(crate) fn load(&self, key: &EntryKey) -> Result<Option<Vec<u8>>, CacheError> {
        let Some(own) = Folder::open(&self.data_dir, OWN)? else { return Ok(None) };
        let Some(secret) = existing_secret(&own)? else { return Ok(None) };
        let Some(caches) = own.private(CACHES)? else { return Ok(None) };
        let Some(cache) = caches.private(CACHE)? else { return Ok(None) };
        let Some(mut entry) = cache.read(&key.file(), self.bytes_max)? else { return Ok(None) };
        let Some(code_start) = self.code_start(&secret, key, &entry) else { return Ok(None) };
        entry.drain(..code_start);
        Ok(Some(entry))
    }

    /// Where the code begins, if `entry` is an unharmed entry of `key`.
    fn code_start(&self, secret: &Secret, key: &EntryKey, entry: &[u8]) -> Option<usize> {
        let rest = entry.strip_prefix(MAGIC)?;
        let (mac, code) = rest.split_at_checked(MAC_BYTES)?;
        (self.verify)(secret.mac(key, code), mac).then_some(MAGIC.len() + MAC_BYTES)
    }

    /// Keeps `code` under `key`, and drops the oldest entries to make room. Does nothing where the
    /// data directory is not igor's yet.
    ///
    /// # Errors
    /// When the cache is not what only this user could have put there, or cannot be written.
    pub(crate) fn store(&self, key: &EntryKey, code: &[u8]) -> Result<(), CacheError> {
        let overhead = MAGIC.len() + MAC_BYTES;
        let bytes = u64::try_from(code.len().saturating_add(overhead)).unwrap_or(u64::MAX);
        if bytes > self.bytes_max {
            return Ok(());
        }
        let Some(own) = Folder::open(&self.data_dir, OWN)? else { return Ok(()) };
        let secret = match existing_secret(&own)? {
            Some(secret) => secret,
            None => new_secret(&own)?,
        };
        let cache = own.private_or_new(CACHES)?.private_or_new(CACHE)?;
        make_room(&cache, self.bytes_max - bytes)?;
        let mac = secret.mac(key, code).finalize().into_bytes();
        let temporary = temporary_name()?;
        cache.create(&temporary, &[MAGIC, &mac, code], false)?;
        cache.rename(&temporary, &key.file()).inspect_err(|_| cache.remove(&temporary))
    }
}

/// Removes the oldest files until no more than `bytes_max` are left.
fn make_room(cache: &Folder, bytes_max: u64) -> Result<(), CacheError> {
    let items = cache.items()?;
    let mut bytes = items.iter().fold(0_u64, |sum, item| sum.saturating_add(item.bytes));
    for item in items {
        if bytes <= bytes_max {
            break;
        }
        cache.remove(&item.name);
        bytes = bytes.saturating_sub(item.bytes);
    }
    Ok(())
}

fn existing_secret(own: &Folder) -> Result<Option<Secret>, CacheError> {
    let Some(secrets) = own.private(SECRETS)? else { return Ok(None) };
    read_secret(&secrets)
}

fn read_secret(secrets: &Folder) -> Result<Option<Secret>, CacheError> {
    let Some(content) = secrets.read(SECRET, u64::MAX)? else { return Ok(None) };
    match content.try_into() {
        Ok(bytes) => Ok(Some(Secret(bytes))),
        Err(_) => Err(CacheError::Foreign {
            object: SECRET.to_owned(),
            problem: "it is not 32 bytes long; remove it to have a new one made",
        }),
    }
}

/// Makes the secret, or takes the one that another process made first.
fn new_secret(own: &Folder) -> Result<Secret, CacheError> {
    let secrets = own.private_or_new(SECRETS)?;
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(CacheError::Random)?;
    // Linking a finished file, instead of writing in place, never shows half a secret to anyone.
    let temporary = temporary_name()?;
    secrets.create(&temporary, &[&bytes], true)?;
    let linked = secrets.link(&temporary, SECRET);
    secrets.remove(&temporary);
    linked?;
    secrets.sync()?;
    let vanished = || CacheError::io("open", SECRET)(std::io::ErrorKind::NotFound);
    read_secret(&secrets)?.ok_or_else(vanished)
}

fn temporary_name() -> Result<String, CacheError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(CacheError::Random)?;
    Ok(format!(".{:016x}.new", u64::from_le_bytes(bytes)))
}

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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::{Duration, SystemTime};
    use std::{fs, thread};

    use tempfile::TempDir;

    use super::*;

    const CODE: &[u8] = b"stands for machine code; the cache does not look into it";

    /// A data directory with igor's own folder, and a cache in it.
    fn cache() -> (TempDir, CodeCache) {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join(OWN)).unwrap();
        let cache = CodeCache::new(data.path(), 10_000);
        (data, cache)
    }

    fn key(module: &[u8]) -> EntryKey {
        EntryKey::new(Hash::of(module), &wasmtime::Engine::default())
    }

    fn entry(data: &TempDir, key: &EntryKey) -> PathBuf {
        data.path().join(OWN).join(CACHES).join(CACHE).join(key.file())
    }

    /// Damages a good entry in every way there is; the first way that is not noticed.
    fn unnoticed(verify: Verify) -> Option<String> {
        let (data, mut cache) = cache();
        cache.verify = verify;
        let (mine, other) = (key(b"mine"), key(b"other"));
        cache.store(&mine, CODE).unwrap();
        cache.store(&other, b"the code of another module").unwrap();
        let path = entry(&data, &mine);
        let good = fs::read(&path).unwrap();
        let served = |damaged: &[u8]| {
            fs::write(&path, damaged).unwrap();
            cache.load(&mine).unwrap().is_some()
        };
        assert!(served(&good), "the entry is good before it is damaged");
        for place in 0..good.len() {
            for bit in 0..8 {
                let mut damaged = good.clone();
                damaged[place] ^= 1 << bit;
                if served(&damaged) {
                    return Some(format!("bit {bit} of byte {place} flipped"));
                }
            }
        }
        for length in 0..good.len() {
            if served(&good[..length]) {
                return Some(format!("cut to {length} bytes"));
            }
        }
        if served(&[&good, &b"x"[..]].concat()) {
            return Some("a byte appended".to_owned());
        }
        if served(&fs::read(entry(&data, &other)).unwrap()) {
            return Some("the entry of another module".to_owned());
        }
        fs::write(data.path().join(OWN).join(SECRETS).join(SECRET), [7; SECRET_BYTES]).unwrap();
        served(&good).then(|| "the key replaced".to_owned())
    }

    #[test]
    fn no_damaged_or_foreign_entry_is_served() {
        assert_eq!(unnoticed(verify_mac), None);
    }

    #[test]
    fn a_cache_without_its_mac_is_caught() {
        let found = unnoticed(|_, _| true).expect("damage goes unnoticed without the MAC");
        assert!(found.contains("flipped"), "{found}");
    }

    #[test]
    fn what_is_stored_is_served_until_the_key_is_gone() {
        let (data, cache) = cache();
        let key = key(b"module");
        assert_eq!(cache.load(&key).unwrap(), None);
        cache.store(&key, CODE).unwrap();
        assert_eq!(cache.load(&key).unwrap().unwrap(), CODE);
        cache.store(&key, b"newer").unwrap();
        assert_eq!(cache.load(&key).unwrap().unwrap(), b"newer");
        fs::remove_file(data.path().join(OWN).join(SECRETS).join(SECRET)).unwrap();
        assert_eq!(cache.load(&key).unwrap(), None);
        cache.store(&key, CODE).unwrap();
        assert_eq!(cache.load(&key).unwrap().unwrap(), CODE, "under a new key");
    }

    #[test]
    fn another_module_or_compiler_has_another_entry() {
        let mut settings = wasmtime::Config::new();
        settings.memory_reservation(0);
        let other = wasmtime::Engine::new(&settings).unwrap();
        assert_eq!(key(b"a"), key(b"a"));
        assert_ne!(key(b"a"), key(b"b"));
        assert_ne!(key(b"a"), EntryKey::new(Hash::of(b"a"), &other));
    }

    #[test]
    fn the_secret_is_private_and_made_once() {
        let (data, cache) = cache();
        cache.store(&key(b"a"), CODE).unwrap();
        let path = data.path().join(OWN).join(SECRETS).join(SECRET);
        let secret = fs::read(&path).unwrap();
        assert_eq!(secret.len(), SECRET_BYTES);
        assert_ne!(secret, [0; SECRET_BYTES]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let folder = fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);
        cache.store(&key(b"b"), CODE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), secret);
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn processes_that_start_together_agree_on_the_secret() {
        let (data, _) = cache();
        let own = Folder::open(data.path(), OWN).unwrap().unwrap();
        let secrets: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| new_secret(&own))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap().0).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }

    #[test]
    fn a_secret_that_others_could_know_disables_the_cache() {
        let spoil: [fn(&Path); 5] = [
            |secret| fs::set_permissions(secret, fs::Permissions::from_mode(0o644)).unwrap(),
            |secret| fs::write(secret, b"short").unwrap(),
            |secret| {
                fs::rename(secret, secret.with_extension("moved")).unwrap();
                symlink(secret.with_extension("moved"), secret).unwrap();
            },
            |secret| {
                let folder = secret.parent().unwrap();
                fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
            },
            |secret| {
                let folder = secret.parent().unwrap();
                fs::rename(folder, folder.with_extension("moved")).unwrap();
                symlink(folder.with_extension("moved"), folder).unwrap();
            },
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let (data, cache) = cache();
            cache.store(&key(b"a"), CODE).unwrap();
            spoil(&data.path().join(OWN).join(SECRETS).join(SECRET));
            let foreign = |error| matches!(error, Some(CacheError::Foreign { .. }));
            assert!(foreign(cache.load(&key(b"a")).err()), "{number}");
            assert!(foreign(cache.store(&key(b"b"), CODE).err()), "{number}");
        }
    }

    #[test]
    fn nothing_is_created_where_igor_is_not_at_home() {
        let data = tempfile::tempdir().unwrap();
        for directory in [data.path().to_owned(), data.path().join("missing")] {
            let cache = CodeCache::new(&directory, 10_000);
            cache.store(&key(b"a"), CODE).unwrap();
            assert_eq!(cache.load(&key(b"a")).unwrap(), None);
        }
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
    }

    #[test]
    fn looking_creates_nothing() {
        let (data, cache) = cache();
        assert_eq!(cache.load(&key(b"a")).unwrap(), None);
        assert_eq!(fs::read_dir(data.path().join(OWN)).unwrap().count(), 0);
    }

    #[test]
    fn the_oldest_entries_make_room() {
        let (data, cache) = cache();
        let code = [1; 3_000];
        for name in [b"a", b"b", b"c", b"d"] {
            cache.store(&key(name), &code).unwrap();
            // File systems may keep times coarsely; give each entry a time of its own.
            let seconds = u64::from(name[0]);
            let file = fs::File::options().append(true).open(entry(&data, &key(name))).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        }
        let kept = |name: &[u8]| cache.load(&key(name)).unwrap().is_some();
        assert_eq!([kept(b"a"), kept(b"b"), kept(b"c"), kept(b"d")], [false, true, true, true]);
        cache.store(&key(b"too big"), &[1; 10_000]).unwrap();
        assert!(kept(b"b"), "what cannot be kept displaces nothing");
        assert!(!kept(b"too big"));
    }
}

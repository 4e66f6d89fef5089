//! An agent's identity under a passphrase: scrypt makes a key of it, XChaCha20-Poly1305 seals the identity file. The
//! work that a file may ask for is bounded. Where a passphrase comes from is not known here.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};
use igor_core::Entropy;
use igor_core::clock::EntropyError;
use igor_core::format::{
    AgentKey, Decoder, Encoder, IDENTITY_BYTES, IdentityError, decode_identity, encode_identity,
};
use zeroize::Zeroizing;

/// What a sealed identity begins with.
const TAG: [u8; 14] = *b"igor/sealed/1\0";
/// The work that is asked for: 2^17 blocks of 1 KiB, 128 MiB of memory.
const LOG_N: u8 = 17;
/// The work that is done at most, and at least: 256 MiB and 1 MiB of memory.
const LOG_N_ALLOWED: std::ops::RangeInclusive<u8> = 10..=18;
const BLOCK_SIZE: u32 = 8;
const PARALLELISM: u32 = 1;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const MAC_BYTES: usize = 16;

/// Why an identity was not sealed or not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no randomness.
    #[error("seal the identity: {0}")]
    Entropy(#[from] EntropyError),
    /// What was sealed is no identity.
    #[error("open the identity: {0}")]
    Identity(#[from] IdentityError),
    /// The bytes are not those of a sealed identity.
    #[error("open the identity: it is not sealed in a way that is known here")]
    NotSealed,
    /// The passphrase is another one, or the bytes were changed.
    #[error("open the identity: the passphrase is wrong")]
    Passphrase,
    /// There is none.
    #[error("a passphrase cannot be empty")]
    PassphraseEmpty,
    /// It asks for more or less work than is allowed.
    #[error("open the identity: it asks for scrypt with 2^{0} blocks; 2^10 to 2^18 are allowed")]
    Work(u8),
}

/// Seals the identity of `key`.
pub(super) fn seal_identity(
    key: &AgentKey,
    passphrase: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
    entropy.fill(&mut salt)?;
    entropy.fill(&mut nonce)?;
    let mut sealed = Encoder::new();
    sealed.raw(&TAG).u8(LOG_N).raw(&salt).raw(&nonce);
    let mut secret = encode_identity(key);
    let cipher = cipher(passphrase, LOG_N, &salt)?;
    let nonce = XNonce::from(nonce);
    let mac = cipher
        .encrypt_inout_detached(&nonce, sealed.as_bytes(), (&mut secret[..]).into())
        .map_err(|_| SealError::NotSealed)?;
    sealed.raw(&secret[..]).raw(&mac);
    Ok(sealed.into_bytes())
}

/// Opens a sealed identity.
///
/// # Errors
/// [`SealError`].
pub fn open_identity(sealed: &[u8], passphrase: &[u8]) -> Result<AgentKey, SealError> {
    let mut decoder = Decoder::new(sealed);
    let tag = decoder.array();
    let log_n = decoder.u8();
    let (salt, nonce) = (decoder.array(), decoder.array::<NONCE_BYTES>());
    let associated = sealed.len().saturating_sub(decoder.remaining());
    let mut secret = Zeroizing::new(decoder.array::<IDENTITY_BYTES>());
    let mac = decoder.array::<MAC_BYTES>();
    if tag != TAG || decoder.finish().is_err() {
        return Err(SealError::NotSealed);
    }
    let associated = sealed.get(..associated).unwrap_or_default();
    let cipher = cipher(passphrase, log_n, &salt)?;
    cipher
        .decrypt_inout_detached(
            &XNonce::from(nonce),
            associated,
            (&mut secret[..]).into(),
            &Tag::from(mac),
        )
        .map_err(|_| SealError::Passphrase)?;
    Ok(decode_identity(&secret[..])?)
}

fn cipher(
    passphrase: &[u8],
    log_n: u8,
    salt: &[u8; SALT_BYTES],
) -> Result<XChaCha20Poly1305, SealError> {
    if passphrase.is_empty() {
        return Err(SealError::PassphraseEmpty);
    }
    if !LOG_N_ALLOWED.contains(&log_n) {
        return Err(SealError::Work(log_n));
    }
    let params = scrypt::Params::new(log_n, BLOCK_SIZE, PARALLELISM);
    let params = params.map_err(|_| SealError::Work(log_n))?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase, salt, &params, &mut *key).map_err(|_| SealError::Work(log_n))?;
    Ok(XChaCha20Poly1305::new(&Key::from(*key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
            out.fill(7);
            Ok(())
        }
    }

    #[test]
    fn an_identity_is_opened_by_its_passphrase_only() {
        let key = AgentKey::from_seed(&[3; 32]);
        let sealed = seal_identity(&key, b"correct horse", &Counting).expect("it is sealed");
        let seed = [3; 32];
        assert!(!sealed.windows(32).any(|window| window == seed), "the key lies open");
        let opened = open_identity(&sealed, b"correct horse").expect("it is opened");
        assert_eq!(opened.public_key(), key.public_key());
        let wrong = open_identity(&sealed, b"correct horsf").err();
        assert_eq!(wrong, Some(SealError::Passphrase));
    }

    #[test]
    fn what_is_not_sealed_so_is_refused_without_much_work() {
        let key = AgentKey::from_seed(&[3; 32]);
        assert_eq!(seal_identity(&key, b"", &Counting).err(), Some(SealError::PassphraseEmpty));
        let mut sealed = Encoder::new();
        sealed.raw(&TAG).u8(10).raw(&[1; 16 + 24 + 68 + 16]);
        let sealed = sealed.into_bytes();
        let check = |sealed: &[u8], expected| {
            assert_eq!(open_identity(sealed, b"p").err(), Some(expected));
        };
        check(&sealed, SealError::Passphrase);
        for log_n in [0, 9, 19, 63, 255] {
            let mut other = sealed.clone();
            other[14] = log_n;
            check(&other, SealError::Work(log_n));
        }
        check(&sealed[..sealed.len() - 1], SealError::NotSealed);
        check(&[&sealed[..], &[0]].concat(), SealError::NotSealed);
        check(&[0; 139], SealError::NotSealed);
        check(b"", SealError::NotSealed);
    }

    #[test]
    fn every_byte_of_a_sealed_identity_counts() {
        let key = AgentKey::from_seed(&[3; 32]);
        let cipher = cipher(b"p", 10, &[5; 16]).expect("little work");
        let mut sealed = Encoder::new();
        sealed.raw(&TAG).u8(10).raw(&[5; 16]).raw(&[6; 24]);
        let mut secret = encode_identity(&key);
        let mac = cipher
            .encrypt_inout_detached(
                &XNonce::from([6; 24]),
                sealed.as_bytes(),
                (&mut secret[..]).into(),
            )
            .expect("it is sealed");
        sealed.raw(&secret[..]).raw(&mac);
        let sealed = sealed.into_bytes();
        assert!(open_identity(&sealed, b"p").is_ok());
        for index in 0..sealed.len() {
            let mut other = sealed.clone();
            other[index] ^= 1;
            assert!(open_identity(&other, b"p").is_err(), "byte {index}");
        }
    }
}

//! Short hashes, for names and tokens.

use sha2::{Digest as _, Sha256};

/// Returns the first 16 hexadecimal digits of the SHA-256 of a text or document.
#[must_use]
pub fn short_hash(content: impl AsRef<[u8]>) -> String {
    let first = Sha256::digest(content)
        .iter()
        .take(8)
        .fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    format!("{first:016x}")
}

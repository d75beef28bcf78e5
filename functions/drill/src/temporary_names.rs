//! Names of the temporary resources of a drill. They are derived from the source, so that every run
//! finds them again.

use lamplighter::model::{Arn, Database, short_hash};
use lamplighter::policy::{SLOT, TARGET};
use sha2::{Digest as _, Sha256};

/// Prefix of `startedBy` on every task that a drill starts.
pub const STARTED_BY_PREFIX: &str = "lamplighter-drill/";
/// Prefix of the names of temporary databases. The IAM policies refer to it.
const NAME_PREFIX: &str = "lamplighter-drill-";
/// Suffix of the name of a temporary cluster's instance.
const MEMBER_SUFFIX: &str = "-1";
/// Maximum name length of RDS instances and clusters.
const MAX_NAME_LENGTH: usize = 63;
/// Maximum name length of caches.
const MAX_CACHE_NAME_LENGTH: usize = 40;

/// Returns the name of a source's temporary database.
#[must_use]
pub fn temporary_name(source: &Arn) -> String {
    let max_length = if source.is_cache() {
        MAX_CACHE_NAME_LENGTH
    } else {
        MAX_NAME_LENGTH
    };
    let name = source.display_name();
    let room = max_length - NAME_PREFIX.len() - MEMBER_SUFFIX.len();
    if name.len() <= room {
        return format!("{NAME_PREFIX}{name}");
    }
    let hash = Sha256::digest(&name)
        .iter()
        .take(4)
        .fold(0_u32, |hash, byte| (hash << 8) | u32::from(*byte));
    let short: String = name.chars().take(room - "-12345678".len()).collect();
    format!("{NAME_PREFIX}{}-{hash:08x}", short.trim_end_matches('-'))
}

/// Returns the name of the instance in a temporary cluster.
#[must_use]
pub fn member_name(source: &Arn) -> String {
    format!("{}{MEMBER_SUFFIX}", temporary_name(source))
}

/// Returns the token that links a check task to its drill: a hash of the source and the drill's
/// start time.
pub fn check_token(restored: &Database) -> Option<String> {
    let source = restored.tags.get(TARGET)?;
    let began = restored.tags.get(SLOT)?;
    let hash = short_hash(format!("{source} {began}"));
    Some(format!("{STARTED_BY_PREFIX}{hash}"))
}

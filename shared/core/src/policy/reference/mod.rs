//! The one table of tags: the keys that the parsers accept, and what docs/tags.md says about them.

mod data;
mod general;
mod releases;
mod services;

pub use data::{BACKUP_TAG, LOGS_TAG};
pub use general::{ACK_TAG, APP_TAG, MANAGED_TAG, SILENCE_TAG};
pub use releases::{APPROVE_TAG, DEPLOY_TAG, FREEZE_TAG};
pub use services::{HEAL_TAG, SCALE_TAG, SCHEDULE_TAG};

/// A tag that an operator may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagReference {
    pub key: &'static str,
    /// The kinds of resources that the tag is read on.
    pub on: &'static str,
    pub summary: &'static str,
    /// A valid value, which every error message repeats.
    pub example: &'static str,
    /// Values besides `key=value` pairs: a word and its meaning.
    pub words: &'static [(&'static str, &'static str)],
    /// The `key=value` pairs that the parser accepts.
    pub pairs: &'static [PairReference],
}

/// A `key=value` pair of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairReference {
    /// The key. One that ends in a dot is the continuation of the pair before it: `verify.2`.
    pub key: &'static str,
    /// The values that are accepted.
    pub values: &'static str,
    /// The value that applies without the pair; empty if there is none.
    pub default: &'static str,
    pub meaning: &'static str,
}

const fn pair(
    key: &'static str,
    values: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> PairReference {
    PairReference {
        key,
        values,
        default,
        meaning,
    }
}

impl TagReference {
    /// Returns the keys that the parser of this tag accepts.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.pairs.iter().map(|pair| pair.key)
    }
}

/// All tags that an operator may set, in the order of docs/tags.md.
pub const TAGS: [&TagReference; 12] = [
    &MANAGED_TAG,
    &APP_TAG,
    &DEPLOY_TAG,
    &APPROVE_TAG,
    &FREEZE_TAG,
    &SCALE_TAG,
    &SCHEDULE_TAG,
    &HEAL_TAG,
    &BACKUP_TAG,
    &LOGS_TAG,
    &SILENCE_TAG,
    &ACK_TAG,
];

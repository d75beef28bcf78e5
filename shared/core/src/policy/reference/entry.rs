//! An entry of the table of tags.

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

pub(super) const fn pair(
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

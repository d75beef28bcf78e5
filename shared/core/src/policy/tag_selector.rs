//! The image tags that a service tracks, by pattern or by version range.

use std::cmp::Ordering;

use super::grammar::{TagError, TagPairs};
use super::version::{SemverRange, TagPattern};

/// The image tags that a service tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagSelector {
    Tag(TagPattern),
    Semver(SemverRange),
}

/// Parses `tag=` or `semver=`.
pub(super) fn parse_selector(pairs: &TagPairs<'_>) -> Result<TagSelector, TagError> {
    let takes_pre_releases = pairs.parse_switch("pre", false)?;
    match (pairs.get("tag"), pairs.get("semver")) {
        (Some(_), None) if takes_pre_releases => {
            Err(pairs.build_error("pre=yes needs semver=; a tag= matches whatever stands in it"))
        }
        (Some(tag), None) => TagPattern::parse(tag)
            .map(TagSelector::Tag)
            .map_err(|problem| pairs.build_error(problem)),
        (None, Some(range)) => SemverRange::parse(range, takes_pre_releases)
            .map(TagSelector::Semver)
            .ok_or_else(|| {
                pairs.build_error(format!(
                    "semver={range} is not a version range such as 2.x or 1.4"
                ))
            }),
        (Some(_), Some(_)) => Err(pairs.build_error("tag= and semver= are mutually exclusive")),
        (None, None) => Err(pairs.build_error("tag= (or semver=) is missing")),
    }
}

impl TagSelector {
    #[must_use]
    pub fn matches_tag(&self, tag: &str) -> bool {
        self.compare_tags(tag, tag).is_some()
    }

    /// Returns the tag if the selector matches exactly one, such as `latest`.
    #[must_use]
    pub fn as_fixed_tag(&self) -> Option<&str> {
        match self {
            Self::Tag(pattern) if pattern.is_fixed() => Some(pattern.as_str()),
            Self::Tag(_) | Self::Semver(_) => None,
        }
    }

    /// Orders two tags by version; `None` unless both match.
    #[must_use]
    pub fn compare_tags(&self, a: &str, b: &str) -> Option<Ordering> {
        match self {
            Self::Tag(pattern) => Some(
                pattern
                    .extract_version(a)?
                    .cmp(&pattern.extract_version(b)?),
            ),
            Self::Semver(range) => Some(range.extract_version(a)?.cmp(&range.extract_version(b)?)),
        }
    }
}

impl std::fmt::Display for TagSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(pattern) => f.write_str(pattern.as_str()),
            Self::Semver(range) => write!(f, "semver {range}"),
        }
    }
}

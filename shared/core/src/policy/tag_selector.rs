//! The image tags that a service tracks, by pattern, by version range or by push time.

use std::cmp::Ordering;

use wildmatch::WildMatchPattern;

use super::grammar::{TagError, TagPairs};
use super::version::{SemverRange, TagPattern};

/// The image tags that a service tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagSelector {
    Tag(TagPattern),
    Semver(SemverRange),
    /// The matching tag that was pushed last.
    Newest(TextPattern),
}

/// A pattern in which `@` stands for any text: `main-@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPattern {
    text: String,
}

/// The character that stands for any text. Image tags have none of both, and AWS allows no `*` in the value of a tag.
const ANY_TEXT: char = '@';
/// The character that would stand for one character, which no pattern has.
const ANY_CHARACTER: char = '?';

impl TextPattern {
    /// Parses the value of `newest=`.
    ///
    /// # Errors
    /// The reason why the pattern can match nothing useful.
    fn parse(text: &str) -> Result<Self, String> {
        let is_allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ANY_TEXT);
        if !text.chars().all(is_allowed) {
            return Err(format!(
                "newest={text} can match no image tag, which has only letters, digits, _ . and -; @ stands for any text"
            ));
        }
        if !text.contains(ANY_TEXT) {
            return Err(format!(
                "newest={text} has no @, which stands for any text; tag={text} tracks this one tag"
            ));
        }
        Ok(Self {
            text: text.to_owned(),
        })
    }

    fn matches(&self, tag: &str) -> bool {
        WildMatchPattern::<ANY_TEXT, ANY_CHARACTER>::new(&self.text).matches(tag)
    }
}

/// Parses `tag=`, `semver=` or `newest=`.
pub(super) fn parse_selector(pairs: &TagPairs<'_>) -> Result<TagSelector, TagError> {
    let takes_pre_releases = pairs.parse_switch("pre", false)?;
    match (pairs.get("tag"), pairs.get("semver"), pairs.get("newest")) {
        (Some(_), None, None) | (None, None, Some(_)) if takes_pre_releases => Err(pairs
            .build_error("pre=yes needs semver=; tag= and newest= match whatever stands in them")),
        (Some(tag), None, None) => TagPattern::parse(tag)
            .map(TagSelector::Tag)
            .map_err(|problem| pairs.build_error(problem)),
        (None, Some(range), None) => SemverRange::parse(range, takes_pre_releases)
            .map(TagSelector::Semver)
            .ok_or_else(|| {
                pairs.build_error(format!(
                    "semver={range} is not a version range such as 2.x or 1.4"
                ))
            }),
        (None, None, Some(text)) => TextPattern::parse(text)
            .map(TagSelector::Newest)
            .map_err(|problem| pairs.build_error(problem)),
        (None, None, None) => Err(pairs.build_error("tag= (or semver= or newest=) is missing")),
        _ => Err(pairs.build_error("tag=, semver= and newest= are mutually exclusive")),
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
            Self::Tag(_) | Self::Semver(_) | Self::Newest(_) => None,
        }
    }

    /// Reports whether the push time alone orders the tags.
    #[must_use]
    pub fn follows_push_time(&self) -> bool {
        match self {
            Self::Newest(_) => true,
            Self::Tag(_) | Self::Semver(_) => false,
        }
    }

    /// Orders two tags by version; `None` unless both match. Tags that follow the push time are equal.
    #[must_use]
    pub fn compare_tags(&self, a: &str, b: &str) -> Option<Ordering> {
        match self {
            Self::Tag(pattern) => Some(
                pattern
                    .extract_version(a)?
                    .cmp(&pattern.extract_version(b)?),
            ),
            Self::Semver(range) => Some(range.extract_version(a)?.cmp(&range.extract_version(b)?)),
            Self::Newest(pattern) => {
                let match_both = pattern.matches(a) && pattern.matches(b);
                match_both.then_some(Ordering::Equal)
            }
        }
    }
}

impl std::fmt::Display for TagSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(pattern) => f.write_str(pattern.as_str()),
            Self::Semver(range) => write!(f, "semver {range}"),
            Self::Newest(pattern) => f.write_str(&pattern.text),
        }
    }
}

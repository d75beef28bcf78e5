//! Image tag patterns and version ranges that a service tracks, and their order.

use semver::{Version, VersionReq};

/// A tag pattern in which a whole segment `x` stands for a number (`RC_x.x.x`, `v2.x.x`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Number,
}

impl TagPattern {
    /// Parses a pattern by splitting it at every boundary between alphanumeric and other
    /// characters.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut segments = Vec::new();
        for word in split_runs(text) {
            match (word, segments.last_mut()) {
                ("x", _) => segments.push(Segment::Number),
                (word, Some(Segment::Literal(literal))) => literal.push_str(word),
                (word, _) => segments.push(Segment::Literal(word.to_owned())),
            }
        }
        Self {
            text: text.to_owned(),
            segments,
        }
    }

    /// Reports whether the pattern matches exactly one tag, such as `latest`.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        !self.segments.contains(&Segment::Number)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the numbers at the positions of `x`, in order; `None` if the tag does not match.
    /// Comparing two results compares the versions.
    #[must_use]
    pub fn extract_version(&self, tag: &str) -> Option<Vec<u64>> {
        let mut rest = tag;
        let mut numbers = Vec::new();
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Segment::Number => {
                    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                    let (number, after) = rest.split_at_checked(digits)?;
                    numbers.push(number.parse().ok()?);
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(numbers)
    }
}

/// Splits a text into alternating runs of alphanumeric and other characters.
fn split_runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?.is_ascii_alphanumeric();
        let end = rest
            .find(|c: char| c.is_ascii_alphanumeric() != first)
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(word)
    })
}

/// A range of semantic versions: `2.x`, `1.4.x`. Tags may start with `v`; pre-releases do not
/// match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SemverRange(VersionReq);

impl SemverRange {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        VersionReq::parse(text).ok().map(Self)
    }

    #[must_use]
    pub fn extract_version(&self, tag: &str) -> Option<Version> {
        let version = Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()?;
        self.0.matches(&version).then_some(version)
    }
}

impl std::fmt::Display for SemverRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("RC_x.x.x", "RC_1.4.2", Some(vec![1, 4, 2]))]
    #[case("RC_x.x.x", "RC_1.4.2-debug", None)]
    #[case("RC_x.x.x", "rc_1.4.2", None)]
    #[case("RC_x.x.x", "RC_1.4", None)]
    #[case("v2.x.x", "v2.10.0", Some(vec![10, 0]))]
    #[case("v2.x.x", "v3.0.0", None)]
    #[case("main-x", "main-1764", Some(vec![1764]))]
    #[case("x", "99999999999999999999999", None)]
    #[case("latest", "latest", Some(vec![]))]
    #[case("linux", "linux", Some(vec![]))]
    fn only_a_whole_segment_x_is_a_number(
        #[case] pattern: &str,
        #[case] tag: &str,
        #[case] version: Option<Vec<u64>>,
    ) {
        assert_eq!(TagPattern::parse(pattern).extract_version(tag), version);
    }

    #[test]
    fn versions_compare_by_number_not_by_letter() {
        let pattern = TagPattern::parse("RC_x.x.x");
        assert!(pattern.extract_version("RC_1.10.0") > pattern.extract_version("RC_1.9.9"));
    }

    #[rstest]
    #[case("2.x", "v2.4.1", true)]
    #[case("2.x", "3.0.0", false)]
    #[case("2.x", "2.4.1-rc.1", false)]
    #[case("2.x", "2.4", false)]
    #[case("1.4.x", "1.4.9", true)]
    fn a_line_of_versions(#[case] line: &str, #[case] tag: &str, #[case] belongs: bool) {
        assert_eq!(
            SemverRange::parse(line)
                .unwrap()
                .extract_version(tag)
                .is_some(),
            belongs
        );
    }
}

//! Image tag patterns and version ranges that a service tracks, and their order.

use semver::{Prerelease, Version, VersionReq};

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

/// Words before a version whose letter `x` beside them is a number: `vx.x.x`, `RCx`.
const VERSION_WORDS: [&str; 3] = ["v", "r", "rc"];
/// Words that may end a name as well: `build` in `buildx`.
const POSSIBLE_VERSION_WORDS: [&str; 6] = ["b", "build", "rel", "release", "ver", "version"];
/// Words before commit hashes, of which a few have digits alone.
const HASH_WORDS: [&str; 2] = ["sha", "commit"];
/// The longest image tag. Source: the OCI distribution specification.
const MAX_TAG_LENGTH: usize = 128;

impl TagPattern {
    /// Parses a pattern by splitting it at every boundary between alphanumeric and other characters.
    ///
    /// A whole word `x` is a number. An `x` at the end of a word is one after `v`, `r` and `RC`, and after words such as
    /// `build` if a version follows.
    ///
    /// # Errors
    /// The reason why the pattern can match nothing useful, or both its readings if it has two.
    pub fn parse(text: &str) -> Result<Self, String> {
        check_characters(text)?;
        let words: Vec<&str> = split_runs(text).collect();
        let mut segments = Vec::new();
        for (n, word) in words.iter().enumerate() {
            let is_before_number = words.get(n + 1) == Some(&".") && words.get(n + 2) == Some(&"x");
            match split_number(word, is_before_number)? {
                Some(literal) => {
                    push_literal(&mut segments, literal);
                    segments.push(Segment::Number);
                }
                None => push_literal(&mut segments, word),
            }
        }
        let pattern = Self {
            text: text.to_owned(),
            segments,
        };
        pattern.check_hashes()?;
        Ok(pattern)
    }

    /// Rejects a number where commit hashes stand.
    fn check_hashes(&self) -> Result<(), String> {
        let mut pairs = self.segments.iter().zip(self.segments.iter().skip(1));
        let is_hash = pairs.any(|pair| match pair {
            (Segment::Literal(literal), Segment::Number) => {
                let word = literal.trim_end_matches(['-', '_', '.']).to_lowercase();
                HASH_WORDS.contains(&word.as_str())
            }
            (Segment::Literal(_) | Segment::Number, _) => false,
        });
        if is_hash {
            return Err(format!(
                "tag={} would match only commit hashes of digits alone; newest={} follows the push time",
                self.text,
                self.text.replace('x', "@")
            ));
        }
        Ok(())
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

/// Rejects a pattern with characters that no image tag has.
fn check_characters(text: &str) -> Result<(), String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let is_fit = text.len() <= MAX_TAG_LENGTH
        && text.chars().all(is_allowed)
        && !text.starts_with(['.', '-']);
    if is_fit {
        return Ok(());
    }
    Err(format!(
        "tag={text} can match no image tag, which has only letters, digits, _ . and -"
    ))
}

/// Returns the letters before the number that a word ends with: `v` for `vx`, nothing for `x`. `None` if the word is a
/// name. `is_before_number`: `.x` follows.
///
/// # Errors
/// Both readings, if the word has two.
fn split_number(word: &str, is_before_number: bool) -> Result<Option<&str>, String> {
    let Some(letters) = word.strip_suffix('x') else {
        return Ok(None);
    };
    let lower = letters.to_lowercase();
    let is_version = letters.is_empty() || VERSION_WORDS.contains(&lower.as_str());
    let may_be_version = POSSIBLE_VERSION_WORDS.contains(&lower.as_str());
    if is_version || may_be_version && is_before_number {
        return Ok(Some(letters));
    }
    if may_be_version || is_before_number {
        let rest = if is_before_number { ".7" } else { "" };
        return Err(format!(
            "{word} has two readings: the name {word}{rest}, or {letters}7{rest} with a number for x. Divide name and \
             number, as in {word}-x or {letters}-x"
        ));
    }
    Ok(None)
}

fn push_literal(segments: &mut Vec<Segment>, text: &str) {
    match segments.last_mut() {
        _ if text.is_empty() => {}
        Some(Segment::Literal(literal)) => literal.push_str(text),
        Some(Segment::Number) | None => segments.push(Segment::Literal(text.to_owned())),
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

/// A range of semantic versions: `2.x`, `1.4` (which is `1.4.x`), `1.4.2` (which is itself). Tags may start with `v`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SemverRange {
    range: VersionReq,
    /// Pre-releases match as the release that they lead to.
    takes_pre_releases: bool,
}

impl SemverRange {
    #[must_use]
    pub fn parse(text: &str, takes_pre_releases: bool) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let text = match text.split('.').count() {
            3.. if is_plain => format!("={text}"),
            _ if is_plain => format!("~{text}"),
            _ => text.to_owned(),
        };
        let range = VersionReq::parse(&text).ok()?;
        Some(Self {
            range,
            takes_pre_releases,
        })
    }

    #[must_use]
    pub fn extract_version(&self, tag: &str) -> Option<Version> {
        let version = Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()?;
        let mut matched = version.clone();
        if self.takes_pre_releases {
            matched.pre = Prerelease::EMPTY;
        }
        self.range.matches(&matched).then_some(version)
    }
}

impl std::fmt::Display for SemverRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.range.fmt(f)?;
        if self.takes_pre_releases {
            f.write_str(" with pre-releases")?;
        }
        Ok(())
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
    #[case("vx.x.x", "v1.4.2", Some(vec![1, 4, 2]))]
    #[case("vx.x.x", "vx.4.2", None)]
    #[case("RCx.x.x", "RC1.4.2", Some(vec![1, 4, 2]))]
    #[case("RCx", "RC7", Some(vec![7]))]
    #[case("buildx.x", "build7.1", Some(vec![7, 1]))]
    #[case("release-vx.x", "release-v1.4", Some(vec![1, 4]))]
    #[case("linux-x", "linux-7", Some(vec![7]))]
    #[case("nginx-x.x.x", "nginx-1.2.3", Some(vec![1, 2, 3]))]
    #[case("web_x-linux", "web_7-linux", Some(vec![7]))]
    fn a_number_stands_where_x_does(
        #[case] pattern: &str,
        #[case] tag: &str,
        #[case] version: Option<Vec<u64>>,
    ) {
        let pattern = TagPattern::parse(pattern).unwrap();
        assert_eq!(pattern.extract_version(tag), version);
    }

    #[test]
    fn versions_compare_by_number_not_by_letter() {
        let pattern = TagPattern::parse("RC_x.x.x").unwrap();
        assert!(pattern.extract_version("RC_1.10.0") > pattern.extract_version("RC_1.9.9"));
    }

    #[rstest]
    #[case("2.x", "v2.4.1", true)]
    #[case("2.x", "3.0.0", false)]
    #[case("2.x", "2.4.1-rc.1", false)]
    #[case("2.x", "2.4", false)]
    #[case("1.4.x", "1.4.9", true)]
    #[case("1.4", "1.4.9", true)]
    #[case("1.4", "1.9.0", false)]
    #[case("v1.4", "v1.4.9", true)]
    #[case("1", "1.9.0", true)]
    #[case("1", "2.0.0", false)]
    #[case("1.4.2", "1.4.2", true)]
    #[case("1.4.2", "1.4.3", false)]
    #[case("^1.4.2", "1.9.0", true)]
    fn a_line_of_versions(#[case] line: &str, #[case] tag: &str, #[case] belongs: bool) {
        assert_eq!(
            SemverRange::parse(line, false)
                .unwrap()
                .extract_version(tag)
                .is_some(),
            belongs
        );
    }

    #[test]
    fn pre_releases_match_on_request_and_come_before_their_release() {
        let range = SemverRange::parse("1.4", true).unwrap();
        let candidate = range.extract_version("v1.4.0-rc.2").unwrap();
        assert!(candidate > range.extract_version("1.4.0-rc.1").unwrap());
        assert!(candidate < range.extract_version("1.4.0").unwrap());
        assert_eq!(range.extract_version("1.5.0-rc.1"), None);
    }

    #[rstest]
    #[case(
        "RC_*",
        "tag=RC_* can match no image tag, which has only letters, digits, _ . and -"
    )]
    #[case(
        "regexp:^v1",
        "tag=regexp:^v1 can match no image tag, which has only letters, digits, _ . and -"
    )]
    #[case(
        "-x",
        "tag=-x can match no image tag, which has only letters, digits, _ . and -"
    )]
    #[case(
        "sha-x",
        "tag=sha-x would match only commit hashes of digits alone; newest=sha-@ follows the push time"
    )]
    #[case(
        "nginx.x.x",
        "nginx has two readings: the name nginx.7, or ngin7.7 with a number for x. Divide name and number, as in nginx-x or ngin-x"
    )]
    #[case(
        "buildx",
        "buildx has two readings: the name buildx, or build7 with a number for x. Divide name and number, as in buildx-x or build-x"
    )]
    fn a_pattern_that_is_no_use_is_an_error(#[case] pattern: &str, #[case] problem: &str) {
        assert_eq!(TagPattern::parse(pattern).unwrap_err(), problem);
    }
}

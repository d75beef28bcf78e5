//! The grammar that all tags share: `key=value` pairs separated by spaces.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::reference::TagReference;
use crate::notify::redact::redact_whole;

/// An invalid tag: its key, its value, the problem and a valid example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub struct TagError {
    pub tag: String,
    pub value: String,
    pub problem: String,
    pub example: String,
}

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address in the value may contain a password, and the problem may quote it.
        let (value, problem) = (redact_whole(&self.value), redact_whole(&self.problem));
        write!(f, "tag {} = \"{value}\": {problem}", self.tag)?;
        if self.example.is_empty() {
            Ok(())
        } else {
            write!(f, "; for example: {}", self.example)
        }
    }
}

pub(super) fn build_tag_error(tag: &str, value: &str, problem: &str, example: &str) -> TagError {
    TagError {
        tag: tag.to_owned(),
        value: value.to_owned(),
        problem: problem.to_owned(),
        example: example.to_owned(),
    }
}

/// The `key=value` pairs of one tag, validated against its known keys.
#[derive(Debug)]
pub(super) struct TagPairs<'a> {
    tag: &'a str,
    value: &'a str,
    example: &'static str,
    given: BTreeMap<&'a str, &'a str>,
}

impl<'a> TagPairs<'a> {
    /// Parses a tag's value against the pairs of its reference. A key that ends in a dot allows
    /// continuations (`verify.` allows `verify.2=…`).
    pub fn parse(reference: &'static TagReference, value: &'a str) -> Result<Self, TagError> {
        let known: Vec<&str> = reference.keys().collect();
        let mut parsed = Self {
            tag: reference.key,
            value,
            example: reference.example,
            given: BTreeMap::new(),
        };
        for pair in value.split_whitespace() {
            let Some((key, text)) = pair.split_once('=') else {
                return Err(parsed.build_error(format!("\"{pair}\" is not key=value")));
            };
            if !is_known_key(key, &known) {
                return Err(parsed.build_unknown_key_error(key, &known));
            }
            if text.is_empty() {
                return Err(parsed.build_error(format!("{key}= has no value")));
            }
            if parsed.given.insert(key, text).is_some() {
                return Err(parsed.build_error(format!("{key}= is given twice")));
            }
        }
        Ok(parsed)
    }

    fn build_unknown_key_error(&self, key: &str, known: &[&str]) -> TagError {
        let known: Vec<&str> = known
            .iter()
            .copied()
            .filter(|k| !k.ends_with('.'))
            .collect();
        let suggestion = find_closest(key, &known)
            .map(|k| format!(", did you mean \"{k}\"?"))
            .unwrap_or_default();
        self.build_error(format!(
            "unknown key \"{key}\"{suggestion} (known: {})",
            known.join(", ")
        ))
    }

    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.given.get(key).copied()
    }

    pub fn get_required(&self, key: &str) -> Result<&'a str, TagError> {
        self.get(key)
            .ok_or_else(|| self.build_error(format!("{key}= is missing")))
    }

    /// Returns the values of a key and its continuations (`verify`, `verify.2`, …).
    pub fn get_all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.given
            .iter()
            .filter(move |(k, _)| k.split_once('.').map_or(**k, |(base, _)| base) == key)
            .map(|(_, v)| *v)
    }

    /// Parses a switch: `yes`/`no` or `on`/`off`.
    pub fn parse_switch(&self, key: &str, default: bool) -> Result<bool, TagError> {
        match self.get(key) {
            None => Ok(default),
            Some("yes" | "on") => Ok(true),
            Some("no" | "off") => Ok(false),
            Some(other) => Err(self.build_error(format!("{key}={other} is neither yes nor no"))),
        }
    }

    /// Parses a whole number within bounds; `None` if the key is absent.
    pub fn parse_number(
        &self,
        key: &str,
        bounds: std::ops::RangeInclusive<u32>,
    ) -> Result<Option<u32>, TagError> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if bounds.contains(&number) => Ok(Some(number)),
            _ => Err(self.build_error(format!(
                "{key}={text} is not a whole number from {} to {}",
                bounds.start(),
                bounds.end()
            ))),
        }
    }

    /// Parses a duration within bounds, in seconds; `None` if the key is absent. `expected` describes
    /// a valid value.
    pub fn parse_duration(
        &self,
        key: &str,
        bounds: std::ops::RangeInclusive<u64>,
        expected: &str,
    ) -> Result<Option<u64>, TagError> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        match parse_seconds(text) {
            Some(seconds) if bounds.contains(&seconds) => Ok(Some(seconds)),
            _ => Err(self.build_error(format!("{key}={text} is not a {expected}"))),
        }
    }

    pub fn build_error(&self, problem: impl fmt::Display) -> TagError {
        build_tag_error(self.tag, self.value, &problem.to_string(), self.example)
    }
}

/// Reports whether a key is known, or continues a known key that ends in a dot.
fn is_known_key(key: &str, known: &[&str]) -> bool {
    let base = key.find('.').and_then(|dot| key.get(..=dot));
    known.contains(&key) || base.is_some_and(|base| known.contains(&base))
}

/// Finds the known word closest to a misspelt one, at most two edits away.
#[must_use]
pub fn find_closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let distances = known.iter().map(|k| (strsim::osa_distance(word, k), *k));
    distances
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, k)| k)
}

/// Parses a duration with one unit, such as `15m`, `24h` or `7d`, into seconds.
pub(super) fn parse_seconds(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()
        .filter(|n| *n > 0)?
        .checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::policy::reference::PairReference;

    const fn pair(key: &'static str) -> PairReference {
        PairReference {
            key,
            values: "",
            default: "",
            meaning: "",
        }
    }

    const SAMPLE: TagReference = TagReference {
        key: "lamplighter:deploy",
        on: "service",
        summary: "",
        example: "tag=latest",
        words: &[],
        pairs: &[pair("tag"), pair("repo")],
    };

    #[rstest]
    #[case(
        "tga=latest",
        "unknown key \"tga\", did you mean \"tag\"? (known: tag, repo)"
    )]
    #[case("latest", "\"latest\" is not key=value")]
    #[case("tag=", "tag= has no value")]
    #[case("tag=a tag=b", "tag= is given twice")]
    fn an_error_names_the_problem_and_a_valid_example(#[case] value: &str, #[case] problem: &str) {
        let error = TagPairs::parse(&SAMPLE, value).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("tag lamplighter:deploy = \"{value}\": {problem}; for example: tag=latest")
        );
    }

    #[rstest]
    #[case("15m", Some(900))]
    #[case("24h", Some(86_400))]
    #[case("7d", Some(604_800))]
    #[case("0h", None)]
    #[case("h", None)]
    #[case("1.5h", None)]
    #[case("", None)]
    fn durations_have_one_unit(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(parse_seconds(text), expected);
    }
}

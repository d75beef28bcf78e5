//! `lamplighter:heal`: the healing actions that Lamplighter may take.

use std::collections::BTreeMap;

use serde::Serialize;

use super::grammar::{TagError, TagPairs, build_tag_error};
use super::reference::HEAL_TAG;
use super::{HEAL, get_tag};
/// Default number of healing steps before escalation.
const DEFAULT_STEPS: u32 = 3;

/// The healing policy of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealPolicy {
    pub mode: HealMode,
    /// Number of healing steps before escalation.
    pub steps: u32,
    /// Percentage by which memory may be raised, once, after a task ran out of memory.
    pub memory: Option<u32>,
    pub crash: OnCrashLoop,
    /// Move tasks to on-demand capacity while Spot capacity is unavailable.
    pub spot_fallback: bool,
}

/// The mode of healing: act, only notify, or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum HealMode {
    On,
    Notify,
    Off,
}

/// The handling of a crash loop that healing can't stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnCrashLoop {
    /// Let ECS keep restarting the tasks.
    #[default]
    Retry,
    /// Park the service: run the fewest tasks allowed, never zero.
    Park,
}

impl HealPolicy {
    /// Parses the healing tag of a target. Healing is on by default.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn from_tags(tags: &BTreeMap<String, String>) -> Result<Self, TagError> {
        Self::parse(get_tag(tags, HEAL).unwrap_or("on"))
    }

    fn parse(value: &str) -> Result<Self, TagError> {
        let (word, options) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        let mode = parse_mode(value, word)?;
        TagPairs::parse(&HEAL_TAG, options)
            .and_then(|pairs| Self::parse_options(mode, &pairs))
            // The error quotes the whole value, not only the options.
            .map_err(|error| TagError {
                value: value.to_owned(),
                ..error
            })
    }

    fn parse_options(mode: HealMode, pairs: &TagPairs<'_>) -> Result<Self, TagError> {
        Ok(Self {
            mode,
            memory: parse_memory(pairs)?,
            crash: parse_crash(pairs)?,
            steps: pairs
                .parse_number("steps", 1..=10)?
                .unwrap_or(DEFAULT_STEPS),
            spot_fallback: pairs.parse_switch("spot-fallback", false)?,
        })
    }
}

fn parse_mode(value: &str, word: &str) -> Result<HealMode, TagError> {
    match word {
        "on" => Ok(HealMode::On),
        "notify" => Ok(HealMode::Notify),
        "off" => Ok(HealMode::Off),
        _ => Err(build_tag_error(
            HEAL,
            value,
            "must start with on, notify or off",
            HEAL_TAG.example,
        )),
    }
}

/// Parses `memory=+25`; `None` if it is absent.
fn parse_memory(pairs: &TagPairs<'_>) -> Result<Option<u32>, TagError> {
    let Some(text) = pairs.get("memory") else {
        return Ok(None);
    };
    text.strip_prefix('+')
        .and_then(|n| n.parse().ok())
        .filter(|n| (1..=100).contains(n))
        .map(Some)
        .ok_or_else(|| {
            pairs.build_error(format!("memory={text} is not a percentage from +1 to +100"))
        })
}

fn parse_crash(pairs: &TagPairs<'_>) -> Result<OnCrashLoop, TagError> {
    match pairs.get("crash") {
        None | Some("retry") => Ok(OnCrashLoop::Retry),
        Some("park") => Ok(OnCrashLoop::Park),
        Some(other) => Err(pairs.build_error(format!("crash={other} is neither retry nor park"))),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn healing_is_on_unless_the_tag_says_otherwise() {
        let on = HealPolicy {
            mode: HealMode::On,
            steps: 3,
            memory: None,
            crash: OnCrashLoop::Retry,
            spot_fallback: false,
        };
        assert_eq!(HealPolicy::from_tags(&BTreeMap::new()), Ok(on));
        assert_eq!(
            HealPolicy::parse("notify"),
            Ok(HealPolicy {
                mode: HealMode::Notify,
                ..on
            })
        );
        let all = HealPolicy {
            steps: 5,
            memory: Some(25),
            crash: OnCrashLoop::Park,
            spot_fallback: true,
            ..on
        };
        assert_eq!(
            HealPolicy::parse("on steps=5 memory=+25 crash=park spot-fallback=yes"),
            Ok(all)
        );
    }

    #[rstest]
    #[case("never", "must start with on, notify or off")]
    #[case("on memory=25", "memory=25 is not a percentage from +1 to +100")]
    #[case("on crash=stop", "crash=stop is neither retry nor park")]
    #[case("on steps=0", "steps=0 is not a whole number from 1 to 10")]
    #[case(
        "on step=2",
        "unknown key \"step\", did you mean \"steps\"? (known: steps, memory, crash, spot-fallback)"
    )]
    fn an_error_names_the_problem(#[case] value: &str, #[case] problem: &str) {
        let mistake = HealPolicy::parse(value).unwrap_err();
        assert_eq!(
            (mistake.problem.as_str(), mistake.value.as_str()),
            (problem, value)
        );
    }
}

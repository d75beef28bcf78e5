//! `lamplighter:heal`: how far healing may go.

use std::collections::BTreeMap;

use serde::Serialize;

use super::grammar::{Pairs, TagError, error};
use super::{HEAL, get};

const EXAMPLE: &str = "on steps=3 memory=+25";
const KEYS: [&str; 4] = ["steps", "memory", "crash", "spot-fallback"];
/// Steps before a person is called, where the tag does not say.
const STEPS: u32 = 3;

/// What the operator allows for one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealPolicy {
    pub reach: Heal,
    /// Steps that are taken before a person is called.
    pub steps: u32,
    /// By how many per cent its memory may be raised, once, where it was too little.
    pub memory: Option<u32>,
    pub crash: Crash,
    /// Its tasks go on-demand while there is no Spot capacity.
    pub spot_fallback: bool,
}

/// How far healing may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Heal {
    On,
    Notify,
    Off,
}

/// What becomes of a service that crashes whatever is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Crash {
    /// ECS goes on starting it.
    #[default]
    Retry,
    /// It runs as few tasks as it may, and never none.
    Park,
}

impl HealPolicy {
    /// Reads the tag among others; healing is on where a managed service does not say.
    ///
    /// # Errors
    /// [`TagError`] naming what is wrong.
    pub fn of(tags: &BTreeMap<String, String>) -> Result<Self, TagError> {
        Self::parse(get(tags, HEAL).unwrap_or("on"))
    }

    fn parse(value: &str) -> Result<Self, TagError> {
        let (word, options) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        let reach = match word {
            "on" => Heal::On,
            "notify" => Heal::Notify,
            "off" => Heal::Off,
            _ => {
                return Err(error(
                    HEAL,
                    value,
                    "does not begin with on, notify or off",
                    EXAMPLE,
                ));
            }
        };
        let named = |mistake: TagError| TagError {
            value: value.to_owned(),
            ..mistake
        };
        let pairs = Pairs::parse(HEAL, options, &KEYS, EXAMPLE).map_err(named)?;
        let wrong = |problem: String| error(HEAL, value, &problem, EXAMPLE);
        let memory = match pairs.get("memory") {
            None => None,
            Some(text) => {
                let percent = text
                    .strip_prefix('+')
                    .and_then(|n| n.parse().ok())
                    .filter(|n| (1..=100).contains(n));
                let problem = || wrong(format!("memory={text} is not +1 to +100, in per cent"));
                Some(percent.ok_or_else(problem)?)
            }
        };
        let crash = match pairs.get("crash") {
            None | Some("retry") => Crash::Retry,
            Some("park") => Crash::Park,
            Some(other) => return Err(wrong(format!("crash={other} is neither retry nor park"))),
        };
        let steps = pairs
            .number("steps", 1..=10)
            .map_err(named)?
            .unwrap_or(STEPS);
        let spot_fallback = pairs.switch("spot-fallback", false).map_err(named)?;
        Ok(Self {
            reach,
            steps,
            memory,
            crash,
            spot_fallback,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn healing_is_on_unless_the_tag_says_otherwise() {
        let on = HealPolicy {
            reach: Heal::On,
            steps: 3,
            memory: None,
            crash: Crash::Retry,
            spot_fallback: false,
        };
        assert_eq!(HealPolicy::of(&BTreeMap::new()), Ok(on));
        assert_eq!(
            HealPolicy::parse("notify"),
            Ok(HealPolicy {
                reach: Heal::Notify,
                ..on
            })
        );
        let all = HealPolicy {
            steps: 5,
            memory: Some(25),
            crash: Crash::Park,
            spot_fallback: true,
            ..on
        };
        assert_eq!(
            HealPolicy::parse("on steps=5 memory=+25 crash=park spot-fallback=yes"),
            Ok(all)
        );
    }

    #[rstest]
    #[case("never", "does not begin with on, notify or off")]
    #[case("on memory=25", "memory=25 is not +1 to +100, in per cent")]
    #[case("on crash=stop", "crash=stop is neither retry nor park")]
    #[case("on steps=0", "steps=0 is not a whole number from 1 to 10")]
    #[case(
        "on step=2",
        "unknown key \"step\", did you mean \"steps\"? (known: steps, memory, crash, spot-fallback)"
    )]
    fn a_mistake_is_named(#[case] value: &str, #[case] problem: &str) {
        let mistake = HealPolicy::parse(value).unwrap_err();
        assert_eq!(
            (mistake.problem.as_str(), mistake.value.as_str()),
            (problem, value)
        );
    }
}

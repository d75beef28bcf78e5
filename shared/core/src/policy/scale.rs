//! `lamplighter:scale`: bounds of the task count, and the capacity of one task.

use std::collections::BTreeMap;

use super::grammar::{TagError, TagPairs};
use super::reference::SCALE_TAG;
use super::{SCALE, StackDefaults};
/// More tasks than one ECS service can have.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>
const TASKS_PER_SERVICE: u32 = 5_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePolicy {
    pub min: u32,
    pub max: u32,
    /// Requests per second that one task serves; `None` ignores requests.
    pub rps: Option<u32>,
    /// Target for average CPU utilization, in percent.
    pub cpu: u32,
    /// Target for average memory utilization, in percent; `None` ignores memory.
    pub memory: Option<u32>,
    pub autoscaling: Autoscaling,
}

/// The handling of a service that Application Auto Scaling scales as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Autoscaling {
    /// Raise its minimum capacity while the load needs more, and restore it afterwards.
    #[default]
    Raise,
    /// Only notify the operator of the required capacity.
    Notify,
}

impl ScalePolicy {
    /// Parses the scaling tag of a target; `None` if it is absent.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn from_tags(
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, TagError> {
        tags.get(SCALE)
            .map(|value| Self::parse(value, defaults))
            .transpose()
    }

    /// Parses the tag's value. The stack provides the defaults of `rps` and `cpu`.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid.
    pub fn parse(value: &str, defaults: &StackDefaults) -> Result<Self, TagError> {
        let pairs = TagPairs::parse(&SCALE_TAG, value)?;
        let max = pairs
            .parse_number("max", 1..=TASKS_PER_SERVICE)?
            .ok_or_else(|| pairs.build_error("max= is missing"))?;
        let min = pairs
            .parse_number("min", 1..=TASKS_PER_SERVICE)?
            .unwrap_or(1);
        if min > max {
            return Err(pairs.build_error(format!("min={min} is more than max={max}")));
        }
        let autoscaling = match pairs.get("autoscaling") {
            None | Some("raise") => Autoscaling::Raise,
            Some("notify") => Autoscaling::Notify,
            Some(other) => {
                return Err(
                    pairs.build_error(format!("autoscaling={other} is neither raise nor notify"))
                );
            }
        };
        Ok(Self {
            min,
            max,
            rps: parse_rps(&pairs, defaults.rps)?,
            cpu: pairs
                .parse_number("cpu", 1..=100)?
                .unwrap_or(defaults.cpu_peak),
            memory: pairs.parse_number("memory", 1..=100)?,
            autoscaling,
        })
    }
}

/// Parses the requests per second that one task serves; `off` ignores requests.
fn parse_rps(pairs: &TagPairs<'_>, default: u32) -> Result<Option<u32>, TagError> {
    if pairs.get("rps") == Some("off") {
        return Ok(None);
    }
    let rps = pairs.parse_number("rps", 1..=1_000_000)?;
    Ok(Some(rps.unwrap_or(default)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_stack_provides_defaults() {
        let policy = ScalePolicy::parse("max=8", &StackDefaults::default()).unwrap();
        let autoscaling = Autoscaling::Raise;
        assert_eq!(
            policy,
            ScalePolicy {
                min: 1,
                max: 8,
                rps: Some(10),
                cpu: 80,
                memory: None,
                autoscaling
            }
        );
    }

    #[rstest]
    #[case("min=5 max=2", "min=5 is more than max=2")]
    #[case("max=4 rps=ten", "rps=ten is not a whole number from 1 to 1000000")]
    #[case("max=4 cpu=180", "cpu=180 is not a whole number from 1 to 100")]
    #[case("min=2", "max= is missing")]
    #[case("min=0 max=4", "min=0 is not a whole number from 1 to 5000")]
    #[case("max=4 autoscaling=off", "autoscaling=off is neither raise nor notify")]
    fn an_error_names_the_problem(#[case] value: &str, #[case] problem: &str) {
        assert_eq!(
            ScalePolicy::parse(value, &StackDefaults::default())
                .unwrap_err()
                .problem,
            problem
        );
    }
}

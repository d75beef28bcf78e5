//! `lamplighter:alarms`: the bounds of alarms, and which of them exist.

use std::collections::{BTreeMap, BTreeSet};

use super::grammar::{TagError, TagPairs, find_closest};
use super::reference::ALARMS_TAG;
use super::{ALARMS, ScalePolicy, StackDefaults, Tags, join_continuations};
use crate::model::AlarmKind;

/// The fewest errors in five minutes that count.
const ERRORS_COUNT: u32 = 5;
/// The greatest number that a count may have.
const MAX_COUNT: f64 = 1_000_000.0;
/// The longest time that a bound may have, in seconds.
const MAX_SECONDS: f64 = 600.0;

/// The error of computing with bounds.
const ROUNDING: f64 = 1e-9;

/// The unit of a bound in the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Percent,
    Count,
    /// A time, kept in seconds.
    Time,
    /// Memory in MiB.
    Mebibytes,
}

/// The keys of the tag that set the bound of a kind.
const KEYS: [(&str, AlarmKind, Unit); 18] = [
    ("errors", AlarmKind::Errors, Unit::Percent),
    ("balancer-errors", AlarmKind::BalancerErrors, Unit::Percent),
    ("latency", AlarmKind::Latency, Unit::Time),
    ("unhealthy", AlarmKind::UnhealthyTargets, Unit::Count),
    ("busiest", AlarmKind::BusiestTask, Unit::Percent),
    ("cpu", AlarmKind::Cpu, Unit::Percent),
    ("memory", AlarmKind::Memory, Unit::Percent),
    ("storage", AlarmKind::FreeStorage, Unit::Percent),
    ("connections", AlarmKind::Connections, Unit::Count),
    ("lag", AlarmKind::ReplicaLag, Unit::Time),
    ("free-memory", AlarmKind::FreeMemory, Unit::Mebibytes),
    ("credits", AlarmKind::CpuCredits, Unit::Count),
    ("acu", AlarmKind::Capacity, Unit::Percent),
    ("burst", AlarmKind::BurstBalance, Unit::Percent),
    ("io", AlarmKind::IoBalance, Unit::Percent),
    ("read-latency", AlarmKind::ReadLatency, Unit::Time),
    ("write-latency", AlarmKind::WriteLatency, Unit::Time),
    ("evictions", AlarmKind::Evictions, Unit::Count),
];

/// The bounds and switches of a target's alarms, from its tag.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmPolicy {
    bounds: BTreeMap<AlarmKind, f64>,
    /// The fewest errors in five minutes that count.
    pub errors_count: u32,
    off: BTreeSet<AlarmKind>,
}

impl Default for AlarmPolicy {
    fn default() -> Self {
        Self {
            bounds: BTreeMap::new(),
            errors_count: ERRORS_COUNT,
            off: BTreeSet::new(),
        }
    }
}

impl AlarmPolicy {
    /// Parses the tag of a target; without it, every alarm has its default.
    ///
    /// # Errors
    /// [`TagError`] if the value is invalid, or sets or removes an alarm that the scaling of the target starts from.
    pub fn from_tags(tags: &Tags, defaults: &StackDefaults) -> Result<Self, TagError> {
        let Some(value) = join_continuations(tags, ALARMS) else {
            return Ok(Self::default());
        };
        let pairs = TagPairs::parse(&ALARMS_TAG, &value)?;
        let mut bounds = BTreeMap::new();
        for (key, kind, unit) in KEYS {
            if let Some(text) = pairs.get(key) {
                bounds.insert(kind, unit.parse(&pairs, key, text)?);
            }
        }
        let policy = Self {
            bounds,
            errors_count: pairs
                .parse_number("errors-count", 1..=1_000_000)?
                .unwrap_or(ERRORS_COUNT),
            off: parse_kinds(&pairs)?,
        };
        policy.check_scaled(&pairs, tags, defaults)?;
        Ok(policy)
    }

    /// Returns the bound of a kind in the unit of its key: percent, a count, seconds, or MiB.
    #[must_use]
    pub fn bound(&self, kind: AlarmKind) -> Option<f64> {
        self.bounds.get(&kind).copied()
    }

    /// Reports whether the tag switches the alarms of a kind off.
    #[must_use]
    pub fn is_off(&self, kind: AlarmKind) -> bool {
        self.off.contains(&kind)
    }

    /// Reports whether the tag sets the least count of errors.
    #[must_use]
    pub fn counts_errors(&self) -> bool {
        self.errors_count != ERRORS_COUNT
    }

    /// Returns the kinds that the tag gives a bound.
    pub fn list_bounded_kinds(&self) -> impl Iterator<Item = AlarmKind> {
        self.bounds.keys().copied()
    }

    /// Refuses what would contradict the scale tag: the alarms on a scaled measure start the scaling.
    fn check_scaled(
        &self,
        pairs: &TagPairs<'_>,
        tags: &Tags,
        defaults: &StackDefaults,
    ) -> Result<(), TagError> {
        // A mistake in the scale tag is reported where it is parsed.
        let Ok(Some(scale)) = ScalePolicy::from_tags(tags, defaults) else {
            return Ok(());
        };
        let scaled = [
            (AlarmKind::Cpu, "cpu="),
            (AlarmKind::Memory, "memory="),
            (AlarmKind::Requests, "rps="),
        ];
        for (kind, key) in scaled {
            if !scale.starts_from(kind) {
                continue;
            }
            let name = kind.name();
            if self.bounds.contains_key(&kind) {
                return Err(pairs.build_error(format!(
                    "the alarm {name} starts the scaling, so its bound is {key} in lamplighter:scale"
                )));
            }
            if self.is_off(kind) {
                return Err(pairs.build_error(format!(
                    "off={name} would stop the scaling, which starts from this alarm"
                )));
            }
        }
        Ok(())
    }
}

/// Returns the key of the tag that sets the bound of a kind.
fn find_key(kind: AlarmKind) -> Option<(&'static str, Unit)> {
    KEYS.into_iter()
        .find(|(_, keyed, _)| *keyed == kind)
        .map(|(key, _, unit)| (key, unit))
}

/// Writes a bound as the tag has it: `latency=800ms`; `None` if no key sets it, or the tag can't say it. `bound`: in the unit of the key.
#[must_use]
pub fn format_bound(kind: AlarmKind, bound: f64) -> Option<String> {
    let (key, unit) = find_key(kind)?;
    let text = unit.format(bound);
    let is_exact = unit
        .read(&text)
        .is_some_and(|read| (read - bound).abs() < ROUNDING * bound.max(1.0));
    is_exact.then(|| format!("{key}={text}"))
}

/// Returns the key of a kind with its sign: `latency=`.
#[must_use]
pub fn bound_key(kind: AlarmKind) -> Option<String> {
    find_key(kind).map(|(key, _)| format!("{key}="))
}

impl Unit {
    fn parse(self, pairs: &TagPairs<'_>, key: &str, text: &str) -> Result<f64, TagError> {
        self.read(text).ok_or_else(|| {
            pairs.build_error(format!("{key}={text} is not {}", self.describe_values()))
        })
    }

    /// Reads a value; `None` if it isn't valid.
    fn read(self, text: &str) -> Option<f64> {
        let (number, least, greatest) = match self {
            Self::Percent => (text.parse().ok()?, 0.1, 100.0),
            Self::Count | Self::Mebibytes => (text.parse::<u32>().ok()?.into(), 1.0, MAX_COUNT),
            Self::Time => (parse_time(text)?, 0.001, MAX_SECONDS),
        };
        (least..=greatest).contains(&number).then_some(number)
    }

    fn describe_values(self) -> &'static str {
        match self {
            Self::Percent => "a percentage from 0.1 to 100",
            Self::Count => "a whole number from 1 to 1000000",
            Self::Mebibytes => "a whole number of MiB from 1 to 1000000",
            Self::Time => "a time from 1ms to 10m, such as 800ms or 2s",
        }
    }

    fn format(self, bound: f64) -> String {
        match self {
            Self::Percent => format_short(bound),
            Self::Count | Self::Mebibytes => format!("{bound:.0}"),
            Self::Time if (bound * 1_000.0).round() % 1_000.0 == 0.0 => format!("{bound:.0}s"),
            Self::Time => format!("{:.0}ms", bound * 1_000.0),
        }
    }
}

/// Formats a number with one digit after the point, unless it is whole.
fn format_short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Parses a time such as `800ms`, `2s` or `1m` into seconds.
fn parse_time(text: &str) -> Option<f64> {
    let (number, factor) = if let Some(number) = text.strip_suffix("ms") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1.0)
    } else {
        (text.strip_suffix('m')?, 60.0)
    };
    let number: u32 = number.parse().ok()?;
    Some(f64::from(number) * factor)
}

fn parse_kinds(pairs: &TagPairs<'_>) -> Result<BTreeSet<AlarmKind>, TagError> {
    let names = AlarmKind::ALL.map(AlarmKind::name);
    let mut kinds = BTreeSet::new();
    for name in pairs.get("off").into_iter().flat_map(|off| off.split('+')) {
        let Some(kind) = AlarmKind::ALL.into_iter().find(|kind| kind.name() == name) else {
            let suggestion = find_closest(name, &names)
                .map(|name| format!(", did you mean \"{name}\"?"))
                .unwrap_or_default();
            return Err(pairs.build_error(format!(
                "off={name} is no kind of alarm{suggestion} (known: {})",
                names.join(", ")
            )));
        };
        kinds.insert(kind);
    }
    Ok(kinds)
}

#[cfg(test)]
#[path = "alarms_tests.rs"]
mod tests;

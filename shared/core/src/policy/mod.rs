//! Policies: tags say whether and what, the stack parameters give the defaults.
//!
//! Every tag is parsed on its own. An invalid one disables the one operation it configures, on the
//! target that carries it, and the notification carries the text of its [`TagError`].

mod alarms;
mod backup;
#[cfg(test)]
mod backup_tests;
mod check;
mod clock;
mod deploy;
mod deploy_options;
#[cfg(test)]
mod deploy_tests;
mod freeze;
#[cfg(test)]
mod freeze_tests;
mod grammar;
mod heal;
mod logs;
mod names;
pub mod reference;
mod retention;
mod scale;
mod schedule;
mod stack;
mod stray;
mod tag_selector;
#[cfg(test)]
mod tag_tests;
mod time_window;
#[cfg(test)]
mod time_window_tests;
mod version;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use alarms::{AlarmPolicy, bound_key, format_bound};
pub use backup::{BackupPolicy, DrillSchedule, Slots};
pub use check::check_tags;
pub use deploy::DeployPolicy;
pub use deploy_options::{
    BaseRevision, OnInconclusive, RestartOn, Severity as FindingSeverity, Strategy,
};
pub use freeze::frozen_until;
pub use grammar::{TagError, find_closest};
pub use heal::{HealMode, HealPolicy, OnCrashLoop};
pub use logs::{ExportRetention, LogsPolicy};
pub use names::{find_target, suggest_name};
pub use retention::Retention;
pub use scale::{Autoscaling, QueuePolicy, ScalePolicy};
pub use schedule::ScheduleWindow;
pub use stack::{
    DEFAULTS_VARIABLE, HOOK_VARIABLE, LINKS_VARIABLE, LifecycleHook, Mode,
    REQUEST_FUNCTION_VARIABLE, STATUS_FUNCTION_VARIABLE, SignedLinks, StackDefaults,
};
pub use stray::{StrayMistake, is_general_tag};
pub use tag_selector::TagSelector;
pub use time_window::TimeWindow;
pub use version::{SemverRange, TagPattern};

use grammar::build_tag_error;
use reference::{SILENCE_TAG, TAGS};

pub use crate::model::tag_keys::{
    ACK, ALARMS, APP, APPROVE, BACKUP, BASE, COPIED, DEPLOY, DRILL, FREEZE, HEAL, HOLD, LOGS,
    MANAGED, PREFIX, ROLLOUT_TIER, RUNBOOK, SCALE, SCHEDULE, SILENCE, SLOT, STACK, TAKEN, TARGET,
    TARGET_ID, TIER, VERIFIED,
};

/// All other keys of ours. Lamplighter sets them, or a person does so on a resource that it
/// created.
const OURS: [&str; 10] = [
    TARGET, TARGET_ID, STACK, SLOT, TIER, HOLD, DRILL, VERIFIED, TAKEN, COPIED,
];

/// The value of `lamplighter:managed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Managed {
    /// `true`: act on the target.
    Act,
    /// `observe`: plan and notify, change nothing.
    Observe,
    /// `paused`: ignore the target.
    Paused,
    /// The tag is absent.
    No,
}

impl Managed {
    /// Reports whether Lamplighter observes the target, and possibly acts on it.
    #[must_use]
    pub fn is_active(self) -> bool {
        match self {
            Self::Act | Self::Observe => true,
            Self::Paused | Self::No => false,
        }
    }
}

type Tags = BTreeMap<String, String>;

fn get_tag<'a>(tags: &'a Tags, key: &str) -> Option<&'a str> {
    tags.get(key).map(|value| value.trim())
}

/// Returns the value of a tag, with its continuations (`lamplighter:deploy.2`) in the order of their numbers. `None` if the
/// tag itself is missing.
#[must_use]
pub fn join_continuations(tags: &Tags, key: &str) -> Option<String> {
    let parts = list_continuations(tags, key).into_iter();
    let values: Vec<&str> = parts.map(|(_, value)| value.trim()).collect();
    tags.contains_key(key).then(|| values.join(" "))
}

/// Returns a tag and its continuations, by key and value, in the order of their numbers.
fn list_continuations<'a>(tags: &'a Tags, key: &str) -> Vec<(&'a str, &'a str)> {
    let mut parts: Vec<(u32, &str, &str)> = tags
        .iter()
        .filter(|(tag, _)| strip_continuation(tag) == key)
        .map(|(tag, value)| {
            let number = tag.rsplit_once('.').and_then(|(_, n)| n.parse().ok());
            (number.unwrap_or_default(), tag.as_str(), value.as_str())
        })
        .collect();
    parts.sort_unstable();
    parts
        .into_iter()
        .map(|(_, tag, value)| (tag, value))
        .collect()
}

/// Parses `lamplighter:managed`.
///
/// # Errors
/// [`TagError`] for any value but `true`, `observe` and `paused`.
pub fn parse_managed(tags: &Tags) -> Result<Managed, TagError> {
    // Not trimmed, since the IAM condition compares the exact value.
    match tags.get(MANAGED).map(String::as_str) {
        None => Ok(Managed::No),
        Some("true") => Ok(Managed::Act),
        Some("observe") => Ok(Managed::Observe),
        Some("paused") => Ok(Managed::Paused),
        Some(value) => Err(build_tag_error(
            MANAGED,
            value,
            "is not one of true, observe, paused",
            "true",
        )),
    }
}

/// Returns the name of the application that a target belongs to.
#[must_use]
pub fn app_name(tags: &Tags) -> Option<&str> {
    get_tag(tags, APP).filter(|app| !app.is_empty())
}

/// Returns the image digest that a person approved by tag.
#[must_use]
pub fn find_approval(tags: &Tags) -> Option<&str> {
    get_tag(tags, APPROVE)
}

/// Returns the incident that a person acknowledged by tag, as notifications name it.
#[must_use]
pub fn find_acknowledgement(tags: &Tags) -> Option<&str> {
    get_tag(tags, ACK).filter(|incident| !incident.is_empty())
}

/// Returns the address of a target's runbook; `None` if the tag is absent or no address.
#[must_use]
pub fn find_runbook(tags: &Tags) -> Option<&str> {
    get_tag(tags, RUNBOOK).filter(|address| is_web_address(address))
}

/// Returns the value of the runbook tag if it is no address.
#[must_use]
pub fn find_invalid_runbook(tags: &Tags) -> Option<&str> {
    get_tag(tags, RUNBOOK).filter(|address| !is_web_address(address))
}

fn is_web_address(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        text.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    }) && !text.contains(char::is_whitespace)
}

/// Parses the time until which a target is silenced.
///
/// # Errors
/// [`TagError`] if the tag is not `until=` and a time with its zone.
pub fn parse_silence(tags: &Tags) -> Result<Option<Timestamp>, TagError> {
    let Some(value) = get_tag(tags, SILENCE) else {
        return Ok(None);
    };
    let pairs = grammar::TagPairs::parse(&SILENCE_TAG, value)?;
    let until = pairs.get_required("until")?;
    until.parse().map(Some).map_err(|_| {
        pairs.build_error(format!(
            "until={until} is not a time such as 2026-12-01T08:00Z"
        ))
    })
}

/// Parses the schedule of minimum task counts: `lamplighter:schedule` and its continuations, in
/// key order.
///
/// # Errors
/// [`TagError`] for the first invalid window.
pub fn parse_schedule(tags: &Tags) -> Result<Vec<ScheduleWindow>, TagError> {
    list_continuations(tags, SCHEDULE)
        .into_iter()
        .map(|(key, value)| ScheduleWindow::parse(key, value))
        .collect()
}

/// Returns the freezes of a service as they are written.
#[must_use]
pub fn list_freezes(tags: &Tags) -> Vec<&str> {
    let freezes = list_continuations(tags, FREEZE).into_iter();
    freezes.map(|(_, value)| value).collect()
}

/// Parses the freezes of a service: `lamplighter:freeze` and its continuations.
///
/// # Errors
/// [`TagError`] for the first invalid freeze.
pub fn parse_freezes(tags: &Tags) -> Result<Vec<TimeWindow>, TagError> {
    list_continuations(tags, FREEZE)
        .into_iter()
        .map(|(key, value)| TimeWindow::parse(key, value))
        .collect()
}

/// Parses the schedule of a service that scales.
///
/// # Errors
/// [`TagError`] for the first invalid window, or if `lamplighter:scale` is missing.
pub fn parse_scaling_schedule(tags: &Tags) -> Result<Vec<ScheduleWindow>, TagError> {
    let windows = parse_schedule(tags)?;
    if let (false, None, Some(value)) = (windows.is_empty(), tags.get(SCALE), tags.get(SCHEDULE)) {
        return Err(build_tag_error(
            SCHEDULE,
            value,
            "needs lamplighter:scale, which is missing",
            "lamplighter:scale = min=2 max=8",
        ));
    }
    Ok(windows)
}

/// Returns an error for each tag with our prefix and an unknown key, with the key that was likely
/// meant, and for a continuation of a tag that is missing.
pub fn find_unknown_tags(tags: &Tags) -> impl Iterator<Item = TagError> {
    tags.iter().filter_map(|(key, value)| {
        let problem = if is_unknown_key(key) {
            let suggestion = find_closest(key, &TAGS.map(|tag| tag.key))
                .map(|k| format!("; did you mean {k}?"))
                .unwrap_or_default();
            format!("is not a Lamplighter tag{suggestion}")
        } else if let Some(tag) = find_missing_tag(tags, key) {
            format!("continues the tag {tag}, which is missing")
        } else {
            return None;
        };
        Some(build_tag_error(key, value, &problem, ""))
    })
}

/// Returns the key of ours that was likely meant by one with a slightly different prefix, such as `Lamplighter:deploy` or
/// `lamplighter-deploy`. `None` for any other key.
#[must_use]
pub fn find_meant_key(key: &str) -> Option<&'static str> {
    if key.starts_with(PREFIX) {
        return None;
    }
    let (head, tail) = key.split_once([':', '-', '/', '.', '_'])?;
    let name = PREFIX.trim_end_matches(':');
    let is_near = find_closest(&head.to_lowercase(), &[name]).is_some();
    let wanted = format!("{PREFIX}{}", strip_number(&tail.to_lowercase()));
    find_closest(&wanted, &TAGS.map(|tag| tag.key)).filter(|_| is_near)
}

/// Strips the number of a continuation from any key.
fn strip_number(key: &str) -> &str {
    match key.rsplit_once('.') {
        Some((rest, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => key,
    }
}

/// Returns the entry of a tag in the table of tags, whether or not its key has the number of a continuation. `None` for
/// keys that operators don't set.
#[must_use]
pub fn find_reference(key: &str) -> Option<&'static reference::TagReference> {
    let key = strip_continuation(key);
    TAGS.into_iter().find(|tag| tag.key == key)
}

/// Returns the tag that a key continues, if it is missing. The windows of freezes and schedules are complete in any key.
fn find_missing_tag(tags: &Tags, key: &str) -> Option<&'static str> {
    [ALARMS, DEPLOY]
        .into_iter()
        .find(|tag| strip_continuation(key) == *tag && !tags.contains_key(*tag))
}

/// Reports whether a key has our prefix, but is none of ours.
fn is_unknown_key(key: &str) -> bool {
    key.starts_with(PREFIX) && !is_reference_key(strip_continuation(key)) && !OURS.contains(&key)
}

/// Reports whether an operator may set this tag.
fn is_reference_key(key: &str) -> bool {
    TAGS.iter().any(|tag| tag.key == key)
}

/// The tags that may be continued under a key with a number.
const CONTINUED: [&str; 4] = [ALARMS, DEPLOY, FREEZE, SCHEDULE];

/// Strips the number of a continuation: `lamplighter:schedule` for `lamplighter:schedule.2`.
fn strip_continuation(key: &str) -> &str {
    let tag = strip_number(key);
    if CONTINUED.contains(&tag) { tag } else { key }
}

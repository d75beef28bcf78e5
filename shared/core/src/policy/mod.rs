//! Policies: tags say whether and what, the stack parameters give the defaults.
//!
//! Every tag is parsed on its own. An invalid one disables the one operation it configures, on the
//! target that carries it, and the notification carries the text of its [`TagError`].

mod backup;
mod clock;
mod deploy;
mod deploy_options;
mod grammar;
mod heal;
mod logs;
pub mod reference;
mod scale;
mod stack;
mod tag_selector;
mod version;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use backup::{BackupPolicy, DrillSchedule, Retention, Slots};
pub use clock::{FreezeWindow, ScheduleWindow};
pub use deploy::DeployPolicy;
pub use deploy_options::{BaseRevision, OnInconclusive, Severity as FindingSeverity, Strategy};
pub use grammar::{TagError, find_closest};
pub use heal::{HealMode, HealPolicy, OnCrashLoop};
pub use logs::{ExportRetention, LogsPolicy};
pub use scale::{Autoscaling, ScalePolicy};
pub use stack::{
    DEFAULTS_VARIABLE, HOOK_VARIABLE, LINKS_VARIABLE, LifecycleHook, Mode, SignedLinks,
    StackDefaults,
};
pub use tag_selector::TagSelector;
pub use version::{SemverRange, TagPattern};

use grammar::build_tag_error;
use reference::{SILENCE_TAG, TAGS};

pub use crate::model::tag_keys::{
    ACK, APP, APPROVE, BACKUP, BASE, DEPLOY, DRILL, FREEZE, HEAL, HOLD, LOGS, MANAGED, PREFIX,
    ROLLOUT_TIER, SCALE, SCHEDULE, SILENCE, SLOT, STACK, TARGET, TIER, VERIFIED,
};

/// All other keys of ours. Lamplighter sets them, or a person does so on a resource that it
/// created.
const OURS: [&str; 7] = [TARGET, STACK, SLOT, TIER, HOLD, DRILL, VERIFIED];

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
    tags.iter()
        .filter(|(key, _)| strip_continuation(key) == SCHEDULE)
        .map(|(key, value)| ScheduleWindow::parse(key, value))
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
/// meant.
pub fn find_unknown_tags(tags: &Tags) -> impl Iterator<Item = TagError> {
    tags.keys().filter(|key| is_unknown_key(key)).map(|key| {
        let suggestion = find_closest(key, &TAGS.map(|tag| tag.key))
            .map(|k| format!("; did you mean {k}?"))
            .unwrap_or_default();
        build_tag_error(
            key,
            &tags[key],
            &format!("is not a Lamplighter tag{suggestion}"),
            "",
        )
    })
}

/// Reports whether a key has our prefix, but is none of ours.
fn is_unknown_key(key: &str) -> bool {
    key.starts_with(PREFIX) && !is_reference_key(strip_continuation(key)) && !OURS.contains(&key)
}

/// Reports whether an operator may set this tag.
fn is_reference_key(key: &str) -> bool {
    TAGS.iter().any(|tag| tag.key == key)
}

/// Strips the number of a continuation: `lamplighter:schedule` for `lamplighter:schedule.2`.
fn strip_continuation(key: &str) -> &str {
    match key.split_once('.') {
        Some((SCHEDULE, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => SCHEDULE,
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn an_unknown_key_is_reported_with_a_suggestion() {
        let tags = tags(&[
            ("lamplighter:depoly", "tag=latest"),
            ("lamplighter:schedule.2", ""),
            ("team", "a"),
        ]);
        let errors: Vec<String> = find_unknown_tags(&tags).map(|e| e.to_string()).collect();
        assert_eq!(
            errors,
            [
                "tag lamplighter:depoly = \"tag=latest\": is not a Lamplighter tag; did you mean lamplighter:deploy?"
            ]
        );
    }

    #[test]
    fn managed_accepts_three_values() {
        assert_eq!(
            parse_managed(&tags(&[(MANAGED, "observe")])),
            Ok(Managed::Observe)
        );
        assert_eq!(
            parse_managed(&tags(&[(MANAGED, "yes")]))
                .unwrap_err()
                .to_string(),
            "tag lamplighter:managed = \"yes\": is not one of true, observe, paused; for example: true"
        );
    }

    #[test]
    fn a_schedule_has_continuations_and_one_invalid_window_rejects_it() {
        let night = ("lamplighter:schedule.2", "sat 02:00-04:00 UTC min=3");
        let windows = parse_schedule(&tags(&[
            (SCHEDULE, "mon-fri 05:00-10:00 Europe/Rome min=6"),
            night,
        ]))
        .unwrap();
        assert_eq!(
            windows.iter().map(|window| window.min).collect::<Vec<_>>(),
            [6, 3]
        );
        let error =
            parse_schedule(&tags(&[night, ("lamplighter:schedule.3", "daily")])).unwrap_err();
        assert_eq!(error.tag, "lamplighter:schedule.3");
    }

    #[test]
    fn silence_ends_at_a_time() {
        let until = parse_silence(&tags(&[(SILENCE, "until=2026-12-01T08:00Z")]))
            .unwrap()
            .unwrap();
        assert_eq!(until.to_string(), "2026-12-01T08:00:00Z");
        assert!(parse_silence(&tags(&[(SILENCE, "until=tomorrow")])).is_err());
        assert!(parse_silence(&tags(&[(SILENCE, "2026-12-01T08:00Z")])).is_err());
    }
}

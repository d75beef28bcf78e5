//! What operators want: tags say whether and what, the stack gives the defaults.
//!
//! Every tag is read by itself: an unreadable one disables the one operation it configures, on the one
//! target that carries it, and is told to a person by [`TagError`]'s text.

mod backup;
mod clock;
mod deploy;
mod grammar;
mod heal;
mod logs;
mod scale;
mod stack;
mod version;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use backup::{BackupPolicy, Drill, Retention, Slots};
pub use clock::{Freeze, ScheduleWindow};
pub use deploy::{DeployPolicy, Selector, Severity as FindingSeverity, Strategy, Unclear};
pub use grammar::TagError;
pub use heal::{Crash, Heal, HealPolicy};
pub use logs::{Keep, LogsPolicy};
pub use scale::{Autoscaling, ScalePolicy};
pub use stack::{HOOK_VARIABLE, Hook, LINKS_VARIABLE, Mode, SealedLinks, StackDefaults, VARIABLE};
pub use version::{SemverLine, TagPattern};

use grammar::{closest, error};

pub use crate::model::tag_keys::{
    ACK, APP, APPROVE, BACKUP, BASE, DEPLOY, DRILL, FREEZE, HEAL, HOLD, LOGS, MANAGED, PREFIX,
    SCALE, SCHEDULE, SILENCE, SLOT, STACK, TARGET, TIER, VERIFIED,
};

/// Every key an operator may set. `lamplighter:schedule.2`, `.3` … continue `lamplighter:schedule`.
const KEYS: [&str; 12] = [
    MANAGED, APP, DEPLOY, SCALE, SCHEDULE, HEAL, FREEZE, SILENCE, BACKUP, LOGS, APPROVE, ACK,
];

/// Every other key of ours: this system sets them, or a person on what it made.
const OURS: [&str; 7] = [TARGET, STACK, SLOT, TIER, HOLD, DRILL, VERIFIED];

/// Whether a target is ours to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Managed {
    /// `true`: act.
    Act,
    /// `observe`: plan and tell, change nothing.
    Observe,
    /// `paused`: leave alone.
    Paused,
    /// The tag is absent.
    No,
}

type Tags = BTreeMap<String, String>;

fn get<'a>(tags: &'a Tags, key: &str) -> Option<&'a str> {
    tags.get(key).map(|value| value.trim())
}

/// Reads `lamplighter:managed`.
///
/// # Errors
/// [`TagError`] for any value but `true`, `observe` and `paused`.
pub fn managed(tags: &Tags) -> Result<Managed, TagError> {
    // Not trimmed: IAM compares the value as it is.
    match tags.get(MANAGED).map(String::as_str) {
        None => Ok(Managed::No),
        Some("true") => Ok(Managed::Act),
        Some("observe") => Ok(Managed::Observe),
        Some("paused") => Ok(Managed::Paused),
        Some(value) => Err(error(
            MANAGED,
            value,
            "is not one of true, observe, paused",
            "true",
        )),
    }
}

/// The application a target belongs to.
#[must_use]
pub fn app(tags: &Tags) -> Option<&str> {
    get(tags, APP).filter(|app| !app.is_empty())
}

/// The digest a person has approved by tag.
#[must_use]
pub fn approved(tags: &Tags) -> Option<&str> {
    get(tags, APPROVE)
}

/// The incident that somebody looks at, as its messages name it.
#[must_use]
pub fn acknowledged(tags: &Tags) -> Option<&str> {
    get(tags, ACK).filter(|incident| !incident.is_empty())
}

/// Until when nothing is told about this target.
///
/// # Errors
/// [`TagError`] where the tag is not `until=` and a time with its zone.
pub fn silenced_until(tags: &Tags) -> Result<Option<Timestamp>, TagError> {
    const EXAMPLE: &str = "until=2026-12-01T08:00Z";
    let Some(value) = get(tags, SILENCE) else {
        return Ok(None);
    };
    let pairs = grammar::Pairs::parse(SILENCE, value, &["until"], EXAMPLE)?;
    let until = pairs.required("until")?;
    until.parse().map(Some).map_err(|_| {
        pairs.error(format!(
            "until={until} is not a time such as 2026-12-01T08:00Z"
        ))
    })
}

/// The floors that known bursts need: `lamplighter:schedule` and its continuations, in key order.
///
/// # Errors
/// [`TagError`] for the first window that can't be read.
pub fn schedule(tags: &Tags) -> Result<Vec<ScheduleWindow>, TagError> {
    tags.iter()
        .filter(|(key, _)| base_of(key) == SCHEDULE)
        .map(|(key, value)| ScheduleWindow::parse(key, value))
        .collect()
}

/// The floors of a service that scales.
///
/// # Errors
/// [`TagError`] for the first window that can't be read, or where there are no bounds to keep it in.
pub fn floors(tags: &Tags) -> Result<Vec<ScheduleWindow>, TagError> {
    let windows = schedule(tags)?;
    if let (false, None, Some(value)) = (windows.is_empty(), tags.get(SCALE), tags.get(SCHEDULE)) {
        return Err(error(
            SCHEDULE,
            value,
            "needs lamplighter:scale, which is missing",
            "lamplighter:scale = min=2 max=8",
        ));
    }
    Ok(windows)
}

/// Our keys among the given ones that mean nothing to us, each told as a mistake with its likely meaning.
pub fn misspelt(tags: &Tags) -> impl Iterator<Item = TagError> {
    let known = |key: &String| KEYS.contains(&base_of(key)) || OURS.contains(&key.as_str());
    let unknown = move |key: &&String| key.starts_with(PREFIX) && !known(key);
    tags.keys().filter(unknown).map(|key| {
        let meant = closest(key, &KEYS)
            .map(|k| format!("; did you mean {k}?"))
            .unwrap_or_default();
        error(
            key,
            &tags[key],
            &format!("is no tag of Lamplighter{meant}"),
            "",
        )
    })
}

/// `lamplighter:schedule` of `lamplighter:schedule.2`.
fn base_of(key: &str) -> &str {
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
    fn a_misspelt_key_is_told_with_what_was_meant() {
        let tags = tags(&[
            ("lamplighter:depoly", "tag=latest"),
            ("lamplighter:schedule.2", ""),
            ("team", "a"),
        ]);
        let told: Vec<String> = misspelt(&tags).map(|e| e.to_string()).collect();
        assert_eq!(
            told,
            [
                "tag lamplighter:depoly = \"tag=latest\": is no tag of Lamplighter; did you mean lamplighter:deploy?"
            ]
        );
    }

    #[test]
    fn managed_takes_three_words() {
        assert_eq!(
            managed(&tags(&[(MANAGED, "observe")])),
            Ok(Managed::Observe)
        );
        assert_eq!(
            managed(&tags(&[(MANAGED, "yes")])).unwrap_err().to_string(),
            "tag lamplighter:managed = \"yes\": is not one of true, observe, paused; for example: true"
        );
    }

    #[test]
    fn a_schedule_may_be_continued_and_one_bad_window_spoils_it() {
        let night = ("lamplighter:schedule.2", "sat 02:00-04:00 UTC min=3");
        let windows = schedule(&tags(&[
            (SCHEDULE, "mon-fri 05:00-10:00 Europe/Rome min=6"),
            night,
        ]))
        .unwrap();
        assert_eq!(
            windows.iter().map(|window| window.min).collect::<Vec<_>>(),
            [6, 3]
        );
        let error = schedule(&tags(&[night, ("lamplighter:schedule.3", "daily")])).unwrap_err();
        assert_eq!(error.tag, "lamplighter:schedule.3");
    }

    #[test]
    fn silence_ends_at_a_time() {
        let until = silenced_until(&tags(&[(SILENCE, "until=2026-12-01T08:00Z")]))
            .unwrap()
            .unwrap();
        assert_eq!(until.to_string(), "2026-12-01T08:00:00Z");
        assert!(silenced_until(&tags(&[(SILENCE, "until=tomorrow")])).is_err());
        assert!(silenced_until(&tags(&[(SILENCE, "2026-12-01T08:00Z")])).is_err());
    }
}

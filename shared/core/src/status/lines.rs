//! The status of a target as sentences.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::pluralize;
use crate::plan::{Hold, HoldKind};
use crate::policy::APPROVE;
use crate::status::backups::{BackupStatus, MissingCopy};
use crate::status::condition::Condition;
use crate::status::holds::ActiveHold;
use crate::status::incidents::OpenIncident;
use crate::status::mode::TargetMode;
use crate::status::target::TargetStatus;

/// The most characters of one sentence: a tag error quotes the whole tag.
const MAX_CHARS: usize = 400;

/// Something that is said about a target, and what comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusLine {
    pub what: String,
    /// What Lamplighter or a person does next; empty if nothing follows.
    pub next: String,
}

impl TargetStatus {
    /// Describes the target, what matters most first. A healthy target has no lines.
    #[must_use]
    pub fn describe(&self, now: Timestamp) -> Vec<StatusLine> {
        let incidents = self
            .incidents
            .iter()
            .map(|incident| describe_incident(incident, now));
        let mistakes = self.mistakes.iter().map(|mistake| {
            let next = "Correct the tag. Until then, what it configures is disabled.";
            StatusLine::new(mistake.clone(), next)
        });
        let acts = self.mode == TargetMode::Acting;
        let risk = self.backups.as_ref();
        let missing = risk.into_iter().flat_map(|backups| &backups.missing_copies);
        let missing = missing.map(|missing| describe_missing_copy(missing, now));
        let risk = risk.and_then(|backups| describe_risk(backups, acts));
        let holds = self
            .reported_holds()
            .into_iter()
            .map(|hold| describe_hold(hold, now));
        let activity = self
            .activity
            .as_ref()
            .map(|activity| StatusLine::new(activity.describe(), activity.next_step()));
        incidents
            .chain(mistakes)
            .chain(risk)
            .chain(missing)
            .chain(holds)
            .chain(activity)
            .chain(describe_mode(&self.mode))
            .chain(self.describe_rest(now))
            .map(StatusLine::shorten)
            .collect()
    }

    fn describe_rest(&self, now: Timestamp) -> Vec<StatusLine> {
        let silence = self.silenced_until.map(|until| {
            let what = format!("silenced until {}", format_time(until, now));
            StatusLine::new(what, "Nobody is notified until then.")
        });
        let stopped_since = self.tasks.and_then(|tasks| tasks.stopped_since);
        let idle = stopped_since.map(|since| {
            let what = format!(
                "stopped by Lamplighter since {}: nothing to do",
                format_time(since, now)
            );
            StatusLine::new(
                what,
                "It starts with the first message of its queue, or at the end of its window.",
            )
        });
        let state = match self.condition {
            Condition::Stopped if idle.is_some() => None,
            Condition::Stopped => Some("stopped: nothing is desired to run"),
            Condition::Absent => Some("AWS does not describe it: deleted, or just created"),
            Condition::Critical
            | Condition::Warning
            | Condition::Misconfigured
            | Condition::Unprotected
            | Condition::Held
            | Condition::Recovering
            | Condition::Changing
            | Condition::Paused
            | Condition::NotManaged
            | Condition::Observed
            | Condition::Silenced
            | Condition::AtRisk
            | Condition::Healthy => None,
        };
        let findings = (!self.findings.is_empty())
            .then(|| StatusLine::new(pluralize(self.findings.len(), "open finding"), ""));
        let state = state.map(|what| StatusLine::new(what, ""));
        silence
            .into_iter()
            .chain(idle)
            .chain(state)
            .chain(findings)
            .collect()
    }
}

impl StatusLine {
    fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next: next.into(),
        }
    }

    fn shorten(mut self) -> Self {
        if self.what.chars().count() > MAX_CHARS {
            self.what = self.what.chars().take(MAX_CHARS).chain(['…']).collect();
        }
        self
    }
}

fn describe_incident(incident: &OpenIncident, now: Timestamp) -> StatusLine {
    let acknowledged = if incident.is_acknowledged {
        ", acknowledged"
    } else {
        ""
    };
    let since = format_time(incident.since, now);
    let what = format!("{} (since {since}{acknowledged})", incident.title);
    StatusLine::new(what, incident.action.clone())
}

/// `acts`: Lamplighter backs the target up.
fn describe_risk(backups: &BackupStatus, acts: bool) -> Option<StatusLine> {
    let when_acting = |next: &'static str| if acts { next } else { "" };
    if backups.lacks_recovery_point() {
        let next = "Lamplighter takes a backup at the next backup time.";
        Some(StatusLine::new("no recovery point", when_acting(next)))
    } else if backups.has_failed_drill() {
        Some(StatusLine::new(
            "the last drill failed: its backups are not proven",
            when_acting("Lamplighter drills again at the next drill time."),
        ))
    } else {
        None
    }
}

fn describe_missing_copy(missing: &MissingCopy, now: Timestamp) -> StatusLine {
    let place = &missing.place;
    let newest = missing.newest.map_or_else(
        || "has no copy yet".to_owned(),
        |at| format!("has copies up to {}", format_time(at, now)),
    );
    let why = missing
        .failing_since
        .map(|since| format!(": copies fail since {}", format_time(since, now)))
        .unwrap_or_default();
    StatusLine::new(
        format!("{place} {newest}{why}"),
        "Lamplighter goes on trying. Its message names what AWS said.",
    )
}

fn describe_hold(hold: &ActiveHold, now: Timestamp) -> StatusLine {
    let since = hold
        .since
        .map(|since| format!(" (since {})", format_time(since, now)))
        .unwrap_or_default();
    let next = describe_end(&hold.hold, now);
    let reason = &hold.hold.reason;
    let what = match hold.hold.kind {
        // The reason of a limit does not say what it withholds.
        HoldKind::Failure | HoldKind::Limit | HoldKind::Veto => {
            format!("{} held: {reason}{since}", hold.operation)
        }
        HoldKind::Configuration
        | HoldKind::NoMatch
        | HoldKind::Platform
        | HoldKind::Promotion
        | HoldKind::Freeze
        | HoldKind::Scan
        | HoldKind::Approval
        | HoldKind::Snapshot
        | HoldKind::PreDeploymentTask
        | HoldKind::Quarantine
        | HoldKind::OlderVersion
        | HoldKind::Retry
        | HoldKind::Hotfix
        | HoldKind::ActiveDeployment
        | HoldKind::Unsettled
        | HoldKind::Adoptions => format!("{reason}{since}"),
    };
    StatusLine::new(what, next)
}

/// Says what ends a hold: the time, if that is known, or how a person ends it.
fn describe_end(hold: &Hold, now: Timestamp) -> String {
    if let Some(until) = hold.until.filter(|until| *until > now) {
        return format!("Until {}.", format_time(until, now));
    }
    let end = hold.kind.end();
    if let (Some(image), HoldKind::Approval) = (&hold.image, hold.kind) {
        let tag = &image.tag;
        return format!("Ends with {end}: tag it {APPROVE} = {tag}, or send a request.");
    }
    format!("Ends with {end}.")
}

fn describe_mode(mode: &TargetMode) -> Option<StatusLine> {
    match mode {
        // An unreadable tag is a mistake of its own.
        TargetMode::Acting | TargetMode::Misconfigured => None,
        TargetMode::Observing => Some(StatusLine::new(
            "observed: decisions are notified",
            "Lamplighter changes nothing.",
        )),
        TargetMode::Paused(pause) => Some(StatusLine::new(
            pause.clone(),
            "Nothing is changed until it ends.",
        )),
        TargetMode::Off => Some(StatusLine::new(
            "the stack is switched off",
            "Set its parameter Mode to act or observe.",
        )),
        TargetMode::NotManaged => Some(StatusLine::new(
            "not managed: the tag lamplighter:managed is missing",
            "Add lamplighter:managed = true, or remove its other tags.",
        )),
    }
}

/// Formats a time in UTC, without the date if that is today.
fn format_time(at: Timestamp, now: Timestamp) -> String {
    let day = |time: Timestamp| time.strftime("%F").to_string();
    let format = if day(at) == day(now) {
        "%H:%M UTC"
    } else {
        "%F %H:%M UTC"
    };
    at.strftime(format).to_string()
}

//! The assessment of one target.

use jiff::{SignedDuration, Timestamp};

use crate::notify::Severity;
use crate::plan::HoldKind;
use crate::policy;
use crate::state::{TargetState, TimelineEntry};
use crate::status::activity::Activity;
use crate::status::backups::BackupStatus;
use crate::status::condition::Condition;
use crate::status::facts::{RunningVersion, TaskCounts};
use crate::status::holds::list_holds;
use crate::status::incidents::list_open_incidents;
use crate::status::inputs::StatusInputs;
use crate::status::mode::TargetMode;
use crate::status::target::{LastAction, TargetStatus};

/// How far back the last action is looked for.
const ACTION_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);

impl TargetStatus {
    /// Assesses one target.
    #[must_use]
    pub fn assess(inputs: &StatusInputs<'_>) -> Self {
        let StatusInputs {
            tagged, state, now, ..
        } = *inputs;
        let mistakes = policy::check_tags(&tagged.arn, &tagged.tags, inputs.defaults);
        let mode = TargetMode::assess(inputs);
        // Nothing evaluates a hold of a target on which nothing works.
        let holds = if mode.is_evaluated() {
            list_holds(inputs)
        } else {
            Vec::new()
        };
        let mut status = Self {
            target: tagged.arn.clone(),
            name: tagged.arn.display_name(),
            app: policy::app_name(&tagged.tags).map(str::to_owned),
            mode,
            condition: Condition::Healthy,
            mistakes: mistakes.iter().map(ToString::to_string).collect(),
            version: inputs
                .service
                .map(|service| RunningVersion::of_service(service, state)),
            tasks: inputs.service.map(|service| {
                TaskCounts::of_service(service, &tagged.tags, inputs.defaults, state)
            }),
            activity: Activity::find(inputs),
            holds,
            incidents: list_open_incidents(inputs),
            runbook: policy::find_runbook(&tagged.tags).map(str::to_owned),
            silenced_until: find_silence(inputs),
            findings: state.findings.values().cloned().collect(),
            backups: BackupStatus::assess(inputs),
            last_action: find_last_action(state, now),
        };
        status.condition = find_condition(&status, inputs);
        status
    }
}

/// Returns the end of the silence by tag, or by a request about the target, its application or everything.
fn find_silence(inputs: &StatusInputs<'_>) -> Option<Timestamp> {
    let (tags, now) = (&inputs.tagged.tags, inputs.now);
    let by_tag = policy::parse_silence(tags).ok().flatten();
    let app = policy::app_name(tags);
    let requested = [&inputs.state.requests, inputs.pauses]
        .into_iter()
        .filter_map(|requests| requests.find_silence(app, now)?.until)
        .max();
    by_tag.max(requested).filter(|until| *until > now)
}

fn find_last_action(state: &TargetState, now: Timestamp) -> Option<LastAction> {
    let mut entries = state.list_timeline(now - ACTION_AGE, now);
    entries
        .pop()
        .map(|TimelineEntry { at, what }| LastAction { at, what })
}

/// Returns the condition of a target: the worst that applies.
fn find_condition(status: &TargetStatus, inputs: &StatusInputs<'_>) -> Condition {
    Condition::ALL
        .into_iter()
        .find(|condition| is_in_condition(*condition, status, inputs))
        .unwrap_or(Condition::Healthy)
}

fn is_in_condition(condition: Condition, status: &TargetStatus, inputs: &StatusInputs<'_>) -> bool {
    let mode = &status.mode;
    match condition {
        Condition::Critical => {
            let is_broken = status.activity.as_ref().is_some_and(Activity::is_broken);
            is_broken || has_incident(status, Severity::Critical)
        }
        Condition::Warning => has_incident(status, Severity::Warning),
        Condition::Misconfigured => {
            !status.mistakes.is_empty() || has_hold(status, HoldKind::is_of_configuration)
        }
        Condition::Unprotected => {
            let mut backups = status.backups.iter();
            backups.any(BackupStatus::is_at_risk)
        }
        Condition::Held => has_hold(status, HoldKind::is_reported),
        Condition::Recovering => status.activity.as_ref().is_some_and(is_recovery),
        Condition::Changing => status.activity.is_some(),
        Condition::Paused => matches!(mode, TargetMode::Paused(_) | TargetMode::Off),
        Condition::NotManaged => *mode == TargetMode::NotManaged,
        Condition::Observed => *mode == TargetMode::Observing,
        Condition::Silenced => status.silenced_until.is_some(),
        Condition::Stopped => is_stopped(inputs),
        Condition::Absent => is_absent(inputs),
        Condition::AtRisk => !status.findings.is_empty(),
        Condition::Healthy => true,
    }
}

fn has_incident(status: &TargetStatus, severity: Severity) -> bool {
    let mut incidents = status.incidents.iter();
    incidents.any(|incident| incident.severity == severity)
}

fn has_hold(status: &TargetStatus, is_wanted: fn(HoldKind) -> bool) -> bool {
    let mut holds = status.holds.iter();
    holds.any(|active| is_wanted(active.hold.kind))
}

/// Reports whether the target recovers, rather than that something is done with it.
fn is_recovery(activity: &Activity) -> bool {
    match activity {
        Activity::Healing { .. } | Activity::Parked { .. } | Activity::StartingTasks { .. } => true,
        Activity::RollingBack { .. }
        | Activity::Restarting { .. }
        | Activity::Releasing { .. }
        | Activity::RunningTaskBefore { .. }
        | Activity::Drilling { .. }
        | Activity::Broken { .. }
        | Activity::Changing { .. } => false,
    }
}

fn is_stopped(inputs: &StatusInputs<'_>) -> bool {
    let service = inputs.service.is_some_and(|service| {
        service.desired_count == 0 && service.scheduling_strategy != "DAEMON"
    });
    let database = inputs
        .database
        .is_some_and(|database| database.status == "stopped");
    service || database
}

fn is_absent(inputs: &StatusInputs<'_>) -> bool {
    let arn = &inputs.tagged.arn;
    let is_service = arn.ecs_cluster_and_name().is_some();
    let is_database = arn.is_cache() || arn.database_kind().is_some();
    is_service && inputs.service.is_none() || is_database && inputs.database.is_none()
}

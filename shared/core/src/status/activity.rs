//! What is in progress on a target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::pluralize;
use crate::state::TargetState;
use crate::status::inputs::StatusInputs;

/// The states of a database or cache in which nothing is in progress.
const SETTLED: [&str; 3] = ["available", "stopped", ""];

/// The states that do not end by themselves.
/// Source: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html#Overview.DBInstance.Status>
const BROKEN: [&str; 10] = [
    "failed",
    "storage-full",
    "incompatible-credentials",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "inaccessible-encryption-credentials",
    "restore-error",
    "create-failed",
];

/// What is in progress on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// A rollback to this revision, by its family and number.
    RollingBack { to: String, since: Timestamp },
    /// A restart of the tasks.
    Restarting { since: Timestamp },
    /// The release of a tag, until its result is known.
    Releasing { tag: String, since: Timestamp },
    /// The task that runs before the release of a tag.
    RunningTaskBefore { tag: String, since: Timestamp },
    /// The service is unhealthy, or was until now.
    Healing {
        since: Timestamp,
        steps: usize,
        is_escalated: bool,
        is_healthy_again: bool,
    },
    /// The service runs as few tasks as possible, because it is in a crash loop.
    Parked { before: u32, since: Timestamp },
    /// Fewer tasks run than are desired.
    StartingTasks { missing: i32 },
    /// A restore test of a snapshot.
    Drilling { since: Timestamp },
    /// The status of a database or cache, in AWS's spelling, that does not end by itself.
    Broken { status: String },
    /// The status of a database or cache in AWS's spelling.
    Changing { status: String },
}

impl Activity {
    pub(super) fn find(inputs: &StatusInputs<'_>) -> Option<Self> {
        let state = inputs.state;
        find_change(inputs)
            .filter(Self::is_broken)
            .or_else(|| find_healing(state))
            .or_else(|| find_rollback(inputs))
            .or_else(|| find_release(state))
            .or_else(|| find_missing_tasks(inputs))
            .or_else(|| find_drill(state))
            .or_else(|| find_change(inputs))
    }

    /// Reports whether nothing is in progress, and nothing works.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }

    /// Describes the activity: `releasing RC_1.4.2`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::RollingBack { to, .. } => format!("rolling back to {to}"),
            Self::Restarting { .. } => "restarting its tasks".to_owned(),
            Self::Releasing { tag, .. } => format!("releasing {tag}"),
            Self::RunningTaskBefore { tag, .. } => format!("running the task before {tag}"),
            Self::Healing {
                is_healthy_again: true,
                ..
            } => "healthy again".to_owned(),
            Self::Healing { steps: 0, .. } => "unhealthy, no healing step taken".to_owned(),
            Self::Healing { steps, .. } => {
                format!("unhealthy, {} taken", pluralize(*steps, "healing step"))
            }
            Self::Parked { before, .. } => {
                format!("parked because of a crash loop, {before} tasks before")
            }
            Self::StartingTasks { missing } => {
                let missing = usize::try_from(*missing).unwrap_or_default();
                format!("{} not running yet", pluralize(missing, "task"))
            }
            Self::Drilling { .. } => "a drill restores its newest snapshot".to_owned(),
            Self::Broken { status } | Self::Changing { status } => {
                format!("its status is {status}")
            }
        }
    }

    /// Returns what happens next.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::RollingBack { .. } => "Lamplighter watches the rollback until it completes.",
            Self::Restarting { .. } => "Lamplighter watches the restart until it completes.",
            Self::Releasing { .. } => "Lamplighter verifies the release, or rolls it back.",
            Self::RunningTaskBefore { .. } => {
                "Lamplighter deploys the release once the task passes."
            }
            Self::Healing {
                is_healthy_again: true,
                ..
            } => "The incident ends once it stays healthy.",
            Self::Healing {
                is_escalated: true, ..
            } => "Nothing more is tried until something else is deployed.",
            Self::Healing { .. } => {
                "Lamplighter takes the next step if the service stays unhealthy."
            }
            Self::Parked { .. } => "The tasks return once another revision runs.",
            Self::StartingTasks { .. } => "ECS starts them.",
            Self::Drilling { .. } => {
                "Lamplighter checks the restored database, and deletes it afterwards."
            }
            Self::Broken { .. } => "AWS does not repair it by itself: look at its events.",
            Self::Changing { .. } => "AWS completes it.",
        }
    }
}

fn find_healing(state: &TargetState) -> Option<Activity> {
    if let Some(parked) = &state.health.parked {
        return Some(Activity::Parked {
            before: parked.before,
            since: parked.at,
        });
    }
    state
        .health
        .incident
        .as_ref()
        .map(|incident| Activity::Healing {
            since: incident.since,
            steps: incident.steps.len(),
            is_escalated: incident.is_escalated,
            is_healthy_again: incident.healthy_since.is_some(),
        })
}

fn find_rollback(inputs: &StatusInputs<'_>) -> Option<Activity> {
    let state = inputs.state;
    let rollback = state.releases.active_rollback.as_ref()?;
    if !state.is_release_in_progress(inputs.now) {
        return None;
    }
    let since = rollback.at;
    Some(match &rollback.to {
        Some(to) => Activity::RollingBack {
            to: to.rsplit('/').next().unwrap_or_default().to_owned(),
            since,
        },
        None => Activity::Restarting { since },
    })
}

fn find_release(state: &TargetState) -> Option<Activity> {
    let releases = &state.releases;
    if let Some((_, run)) = releases.find_open_pre_deployment() {
        return Some(Activity::RunningTaskBefore {
            tag: run.tag.clone(),
            since: run.at,
        });
    }
    releases
        .active_rollout
        .as_ref()
        .map(|active| Activity::Releasing {
            tag: active.tag.clone(),
            since: active.at,
        })
}

fn find_missing_tasks(inputs: &StatusInputs<'_>) -> Option<Activity> {
    let missing = inputs.service?.count_missing_tasks();
    (missing > 0).then_some(Activity::StartingTasks { missing })
}

fn find_drill(state: &TargetState) -> Option<Activity> {
    let (since, _) = state.backups.drill.as_ref()?;
    Some(Activity::Drilling { since: *since })
}

fn find_change(inputs: &StatusInputs<'_>) -> Option<Activity> {
    let status = inputs.database?.status.clone();
    if BROKEN.contains(&status.as_str()) {
        return Some(Activity::Broken { status });
    }
    let is_settled = SETTLED.contains(&status.as_str());
    (!is_settled).then_some(Activity::Changing { status })
}

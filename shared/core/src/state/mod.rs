//! The state of one target between invocations: only what AWS itself does not store.

mod attempt;
mod backups;
mod certificates;
mod healing;
mod logs;
mod pre_deployment;
mod probe_streak;
mod record;
mod releases;
mod requests;
mod retry;
mod scaling;
mod target;
#[cfg(test)]
mod target_tests;
mod timeline;

pub use attempt::Attempt;
pub use backups::{BackupState, CopyPlace, CopyRecord, CopySight, PolicyUse, SourceRecord};
pub use certificates::RecordedCertificate;
pub use healing::{
    HealStep, HealthIncident, HealthState, NoneServes, Parked, RunWatch, SwitchedCapacity,
};
pub use logs::{Exporting, LogState};
pub use pre_deployment::{PreDeploymentResult, PreDeploymentRun};
pub use probe_streak::{ProbeStreak, REQUIRED_STREAK};
pub use releases::{
    ActiveRollback, ActiveRollout, AdoptedRevision, NotBlamed, PendingRestart, PendingVerdict,
    ReleaseState, RolloutProgress, UnpinnedImage, Verified,
};
pub use requests::{OpenRequests, RequestState, approval_key};
pub use scaling::{
    LoadLevel, NoGain, RaisedMinimum, Scaling, ScalingState, SetByOthers, Surge, Unresponsive,
    Utilization,
};
pub(crate) use target::silenced_key;
pub use target::{Pending, RecordedHold, TargetState};
pub use timeline::TimelineEntry;

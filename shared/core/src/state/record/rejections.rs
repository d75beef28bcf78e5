//! What a rejection leaves outside the state of releases: in the health incident, and in the task before the release.

use crate::plan::RecordResult;
use crate::state::healing::EscalatedRelease;
use crate::state::pre_deployment::PreDeploymentResult;
use crate::state::target::TargetState;

impl TargetState {
    /// Records which release the health incident rejected. Any other result of the same image comes later, and counts.
    pub(super) fn record_escalation(&mut self, record: &RecordResult) {
        let Some(incident) = &mut self.health.incident else {
            return;
        };
        if let Some(revision) = &record.escalated {
            incident.rejected = Some(EscalatedRelease {
                digest: record.digest.clone(),
                tag: record.tag.clone(),
                revision: revision.clone(),
            });
        } else {
            incident
                .rejected
                .take_if(|rejected| rejected.digest == record.digest);
        }
    }

    /// Records what a rejection means for the task before the release. Returns whether the task has no result yet.
    pub(super) fn record_rejected_run(&mut self, record: &RecordResult) -> bool {
        let runs = &mut self.releases.pre_deployment;
        let Some(run) = runs.get_mut(&record.digest) else {
            return false;
        };
        let is_open = run.result.is_none();
        if record.request.is_some() {
            // The task goes on, and its result is recorded when it ends.
            run.is_rejected |= is_open;
        } else {
            run.result.get_or_insert(PreDeploymentResult::Failed);
        }
        is_open
    }
}

//! What a rejection leaves outside the state of releases: in the health incident, and in the task before the release.

use crate::model::Digest;
use crate::plan::RecordResult;
use crate::state::pre_deployment::PreDeploymentResult;
use crate::state::target::TargetState;

impl TargetState {
    /// Records that no rollback may return to a release any more, because no healing step made it healthy.
    pub(super) fn withdraw_verification(&mut self, record: &RecordResult) {
        let verified = &mut self.releases.verified;
        let at = verified
            .iter()
            .position(|verified| verified.digest == record.digest);
        let withdrawn = at.map(|at| verified.remove(at));
        if let Some(incident) = &mut self.health.incident {
            incident.withdrawn = withdrawn;
        }
    }

    /// Forgets that a release may be verified again: any other result of its image comes later, and counts.
    pub(super) fn forget_withdrawal(&mut self, digest: &Digest) {
        if let Some(incident) = &mut self.health.incident {
            incident
                .withdrawn
                .take_if(|withdrawn| withdrawn.digest == *digest);
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

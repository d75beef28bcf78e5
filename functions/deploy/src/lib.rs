//! `deploy`: rolls a pushed image out, pinned by digest, to every service that tracks its tag.
//!
//! Triggers: an ECR push, a finished scan, a rotated secret, a changed tag, and a sweep that finds
//! lost events. `rollout` tracks how a rollout ends. Lamplighter does not build, scan or sign
//! images.

mod approvals;
mod backup;
mod candidate;
mod change;
mod change_messages;
#[cfg(test)]
mod change_tests;
mod code_deploy;
mod container;
mod decide;
#[cfg(test)]
mod decide_tests;
mod discovery;
#[cfg(test)]
mod fixtures;
mod holds;
mod messages;
#[cfg(test)]
mod messages_tests;
mod newest;
mod observation;
mod observed;
mod observed_task;
mod offer;
mod policy;
mod pre_deployment;
mod pre_deployment_messages;
mod promotion;
mod reads;
mod restart;
mod revision_diff;
mod rollout;
mod rollout_message;
mod scan;
mod shift;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, Observe, TargetContext, Targets};
use lamplighter::plan::{self, Action, BackupAction, ReleaseAction};
use lamplighter::policy::{BASE, StackDefaults, TagError};
use lamplighter::ports::capability::DeployActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::{TargetState, UnpinnedImage};
use lamplighter::{AwsError, Function, Operation, Plan};

use crate::reads::Reads;

pub use container::{SelectedContainer, select_container};
pub use decide::decide;
pub use observed::{Observed, Offer};
pub use observed_task::{BeforeRevision, ObservedTask};
pub use policy::Policy;
pub use promotion::{EarlierStage, Prefetched};

pub struct Deploy;

impl Operation for Deploy {
    const FUNCTION: Function = Function::Deploy;
    const PUBLISHES_EVENTS: bool = true;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = DeployActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        Policy::parse(tags, defaults)
    }

    fn decide(
        &self,
        context: TargetContext<'_, Policy>,
        observed: &Observed,
        now: Timestamp,
    ) -> Plan {
        decide(context, observed, now)
    }

    fn preconditions(observed: &Observed) -> Preconditions {
        observed
            .service
            .as_ref()
            .map_or_else(Preconditions::for_missing_target, Preconditions::from)
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Release(action) => is_release_applied(action, observed),
            Action::Backup(action) => is_backup_applied(action, observed),
            Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => false,
        }
    }

    /// Keeps the image that runs before the first release, the result of a pre-deployment task, which ECS forgets after an
    /// hour, and the digests of approved images, so that an approval by tag is not for what the tag names later.
    fn prune_state(state: &mut TargetState, observed: &Observed, now: Timestamp) {
        if let Some(unpinned) = &observed.unpinned {
            let image = observed.find_unpinned_tag();
            state.releases.unpinned = Some(UnpinnedImage {
                image,
                ..unpinned.clone()
            });
        }
        let requests = &mut state.requests;
        requests.approved.extend(observed.approved.clone());
        if let Some(approvals) = &observed.approvals {
            requests
                .approved
                .retain(|key, _| approvals.keys.contains(key));
            requests.used.extend(approvals.used.clone());
            requests.used.retain(|key| approvals.keys.contains(key));
        }
        for problem in &observed.approval_problems {
            requests.close_rejection(problem.rejection());
        }
        if let Some(ended) = &observed.pre_deployment {
            ended.record(&mut state.releases, now);
        }
        if let Some(rejected) = &observed.rejected {
            requests.resolve_rejection(&rejected.request.id, &rejected.digest);
        }
    }
}

fn is_release_applied(action: &ReleaseAction, observed: &Observed) -> bool {
    match action {
        ReleaseAction::Rollout(rollout) => is_rolled_out(rollout, observed),
        ReleaseAction::RestartTasks(restart) => observed
            .service
            .as_ref()
            .is_some_and(|service| service.was_deployed_since(restart.since)),
        ReleaseAction::RunPreDeploymentTask(run) => {
            let task = observed.pre_deployment.as_ref();
            task.is_some_and(|task| task.run.token == run.token && task.task.is_some())
        }
        ReleaseAction::StopPreDeploymentTask(stop) => {
            let task = observed.pre_deployment.as_ref();
            let task = task.and_then(|task| task.task.as_ref());
            task.is_some_and(|task| task.task == stop.task && task.is_stopped())
        }
        ReleaseAction::Rollback(_)
        | ReleaseAction::ContinueDeployment(_)
        | ReleaseAction::RecordResult(_)
        | ReleaseAction::AnswerCodeDeployHook(_)
        | ReleaseAction::PinRevision(_)
        | ReleaseAction::RestoreStrategy(_) => false,
    }
}

/// Reports whether the service runs the image, on the template if the rollout only changes settings.
fn is_rolled_out(rollout: &plan::Rollout, observed: &Observed) -> bool {
    let runs_image = observed.runs_everywhere(&rollout.digest);
    let base = rollout.base.rsplit('/').next();
    let running = observed.running.as_ref();
    let is_built_on_base =
        running.is_some_and(|running| running.tags.get(BASE).map(String::as_str) == base);
    runs_image && (rollout.template_image.is_none() || is_built_on_base)
}

fn is_backup_applied(action: &BackupAction, observed: &Observed) -> bool {
    match action {
        BackupAction::CreateSnapshot(backup) => observed
            .databases
            .iter()
            .flat_map(|entry| &entry.snapshots)
            .any(|snapshot| snapshot.identifier == backup.identifier),
        BackupAction::CopySnapshot(_) | BackupAction::DeleteSnapshot(_) => false,
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Deploy {
    async fn find_targets(
        &self,
        discovery: DiscoveryContext<'_, C, L>,
    ) -> Result<Targets<Prefetched>, AwsError> {
        let found = discovery::find_targets(discovery.event, discovery.cloud).await?;
        Ok(match found {
            Targets::Found(targets, ()) => {
                let prefetched = Prefetched::read(&targets, discovery.ledger).await?;
                Targets::Found(targets, prefetched)
            }
            Targets::Skipped(reason) => Targets::Skipped(reason),
        })
    }

    async fn observe(
        &self,
        context: TargetContext<'_, Policy>,
        prefetched: &Prefetched,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let earlier_stage = prefetched.find_earlier_stage(context);
        observation::observe(context, earlier_stage, cloud).await
    }
}

//! Restarts a service's tasks after a secret or parameter that they read has changed.

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::secret::{SecretChange, SecretChangeKind};
use lamplighter::model::{DeploymentController, Service, TaskDefinition};
use lamplighter::plan::{Action, ReleaseAction, RestartTasks};
use lamplighter::policy::RestartOn;

use crate::messages;
use crate::policy::Policy;

/// How long before its report a rotation has moved the label of the current version.
const ROTATION_ENDS_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// Plans one restart per change, because tasks read a secret only when they start. The start time
/// of the newest deployment shows whether a restart has happened since.
pub fn plan_secret_restart(
    context: TargetContext<'_, Policy>,
    service: &Service,
    running: &TaskDefinition,
    secret: &SecretChange,
) -> Plan {
    let name = secret.short_name();
    let noun = secret.noun();
    if !is_restarted_for(context.policy.deploy.restart, secret.kind) {
        return Plan::nothing(format!(
            "restart= in its tag does not include this change of the {noun} {name}"
        ));
    }
    if !running
        .secret_references()
        .any(|reference| secret.matches_reference(reference))
    {
        return Plan::nothing(format!(
            "{} does not read the {noun} {name}",
            running.family_and_revision()
        ));
    }
    let Some(changed_at) = context.event.time else {
        return Plan::nothing(
            "the event has no time, so it can't be distinguished from an earlier change",
        );
    };
    // The last step of a rotation moves the label, which is reported as a change of its own.
    let known_since = match (context.policy.deploy.restart, secret.kind) {
        (RestartOn::Secrets, SecretChangeKind::Rotation) => changed_at - ROTATION_ENDS_WITHIN,
        (RestartOn::Secrets | RestartOn::Rotation | RestartOn::Never, _) => changed_at,
    };
    if service.was_deployed_since(known_since) || context.state.has_restarted_since(known_since) {
        return Plan::nothing(format!(
            "its tasks were started after the {noun} {name} changed"
        ));
    }
    if service.deployment_controller != DeploymentController::Ecs {
        return Plan::notify(messages::unsupported_controller(
            service,
            &format!("tasks not restarted for {noun} {name}"),
        ));
    }
    let message = messages::restarting_tasks(service, running.family_and_revision(), secret);
    let restart = RestartTasks {
        service: service.arn.clone(),
        since: changed_at,
        shifts: service.shifts_traffic(),
        heals: false,
    };
    Plan::single_step(
        Action::Release(ReleaseAction::RestartTasks(restart)),
        message.title.clone(),
        message,
    )
}

/// Reports whether a change of this kind restarts the tasks.
pub fn is_restarted_for(restart: RestartOn, kind: SecretChangeKind) -> bool {
    match (restart, kind) {
        (RestartOn::Secrets, _) | (RestartOn::Rotation, SecretChangeKind::Rotation) => true,
        (RestartOn::Rotation, SecretChangeKind::NewVersion | SecretChangeKind::Parameter)
        | (RestartOn::Never, _) => false,
    }
}

/// Plans a restart again that a limit or an error prevented before.
pub fn plan_pending_restart(context: TargetContext<'_, Policy>, service: &Service) -> Option<Plan> {
    let pending = context.state.releases.pending_restart.as_ref()?;
    if service.was_deployed_since(pending.restart.since) {
        return None;
    }
    let action = Action::Release(ReleaseAction::RestartTasks(pending.restart.clone()));
    let message = pending.message.clone();
    Some(Plan::single_step(action, message.title.clone(), message))
}

//! Restarts a service's tasks after a secret that they read was rotated.

use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::secret::SecretRotated;
use lamplighter::model::{DeploymentController, Service, TaskDefinition};
use lamplighter::plan::{Action, ReleaseAction, RestartTasks};

use crate::messages;
use crate::policy::Policy;

/// Plans one restart per rotation, because tasks read a secret only when they start. The start time
/// of the newest deployment shows whether a restart has happened since.
pub fn plan_secret_restart(
    context: TargetContext<'_, Policy>,
    service: &Service,
    running: &TaskDefinition,
    secret: &SecretRotated,
) -> Plan {
    let name = secret.secret_arn.rsplit(':').next().unwrap_or_default();
    if !running
        .secret_references()
        .any(|reference| secret.matches_reference(reference))
    {
        return Plan::nothing(format!(
            "{} does not read the secret {name}",
            running.family_and_revision()
        ));
    }
    let Some(rotated_at) = context.event.time else {
        return Plan::nothing(
            "the event has no time, so it can't be distinguished from an earlier rotation",
        );
    };
    if service.was_deployed_since(rotated_at) || context.state.has_restarted_since(rotated_at) {
        return Plan::nothing(format!(
            "its tasks were started after the secret {name} was rotated"
        ));
    }
    if service.deployment_controller != DeploymentController::Ecs {
        return Plan::notify(messages::unsupported_controller(
            service,
            &format!("tasks not restarted for secret {name}"),
        ));
    }
    let message = messages::restarting_tasks(service, running.family_and_revision(), name);
    let restart = RestartTasks {
        service: service.arn.clone(),
        since: rotated_at,
        shifts: service.shifts_traffic(),
        heals: false,
    };
    Plan::single_step(
        Action::Release(ReleaseAction::RestartTasks(restart)),
        message.title.clone(),
        message,
    )
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

//! Restarts a service's tasks after a secret that they read was rotated.

use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::secret::SecretRotated;
use lamplighter::model::{Service, TaskDefinition};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, ReleaseAction, RestartTasks};

use crate::Policy;
use crate::messages::unsupported_controller;

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
        return Plan::nothing("the rotation has no time, so it can't be told from an earlier one");
    };
    if service.was_deployed_since(rotated_at) || context.state.has_restarted_since(rotated_at) {
        return Plan::nothing(format!(
            "its tasks were started after the secret {name} was rotated"
        ));
    }
    if service.deployment_controller.as_str() != "ECS" {
        return Plan::notify(unsupported_controller(
            service,
            &format!("the rotated secret {name}"),
        ));
    }
    let title = format!("restarting tasks: the secret {name} was rotated");
    let message = Message::info(title.clone())
        .why(format!(
            "{} reads it when a task starts.",
            running.family_and_revision()
        ))
        .next("ECS replaces the tasks with the same image.");
    let restart = RestartTasks {
        service: service.arn.clone(),
        since: rotated_at,
        shifts: service.shifts_traffic(),
        heals: false,
    };
    Plan::single_step(
        Action::Release(ReleaseAction::RestartTasks(restart)),
        title,
        message,
    )
}

/// Plans a restart again that a limit or an error prevented before.
pub fn plan_pending_restart(context: TargetContext<'_, Policy>, service: &Service) -> Option<Plan> {
    let owed = context.state.releases.pending_restart.as_ref()?;
    let due = !service.was_deployed_since(owed.restart.since);
    let (action, message) = (
        Action::Release(ReleaseAction::RestartTasks(owed.restart.clone())),
        owed.message.clone(),
    );
    due.then(|| Plan::single_step(action, message.title.clone(), message))
}

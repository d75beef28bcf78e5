//! Starting a service's tasks anew, because a secret they read was rotated.

use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::event::detail::secret::SecretRotated;
use lamplighter::model::{Service, TaskDefinition};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, Redeploy};

use crate::Policy;
use crate::words::unsupported;

/// A rotated secret is read when a task starts, so the tasks are started anew: once per rotation, which
/// the time of the newest deployment tells.
pub fn restart(
    seen: Seen<'_, Policy>,
    service: &Service,
    running: &TaskDefinition,
    secret: &SecretRotated,
) -> Plan {
    let name = secret.secret_arn.rsplit(':').next().unwrap_or_default();
    if !running
        .secret_references()
        .any(|reference| secret.is_read_by(reference))
    {
        return Plan::nothing(format!(
            "{} does not read the secret {name}",
            running.label()
        ));
    }
    let Some(rotated_at) = seen.event.time else {
        return Plan::nothing("the rotation has no time, so it can't be told from an earlier one");
    };
    if service.started_since(rotated_at) || seen.memory.restarted_since(rotated_at) {
        return Plan::nothing(format!(
            "its tasks were started after the secret {name} was rotated"
        ));
    }
    if service.deployment_controller.as_str() != "ECS" {
        return Plan::tell(unsupported(service, &format!("the rotated secret {name}")));
    }
    let title = format!("restarting tasks: the secret {name} was rotated");
    let message = Message::info(title.clone())
        .why(format!("{} reads it when a task starts.", running.label()))
        .next("ECS replaces the tasks with the same image.");
    let restart = Redeploy {
        service: service.arn.clone(),
        since: rotated_at,
        shifts: service.shifts_traffic(),
        heals: false,
    };
    Plan::act(Action::Redeploy(restart), title, message)
}

/// A restart that a limit or a failure stood against, decided again.
pub fn owed_restart(seen: Seen<'_, Policy>, service: &Service) -> Option<Plan> {
    let owed = seen.memory.owed.as_ref()?;
    let due = !service.started_since(owed.restart.since);
    let (action, message) = (Action::Redeploy(owed.restart.clone()), owed.message.clone());
    due.then(|| Plan::act(action, message.title.clone(), message))
}

//! The messages about releases that their environment failed.

use lamplighter::model::EnvironmentCause;
use lamplighter::notify::{Message, RELEASE_CONDITION};
use lamplighter::release::rollback::RollbackTarget;
use lamplighter::state::ActiveRollout;

use crate::failure;
use crate::messages::revision_name;
use crate::observed::Observed;

/// Warns that ECS or a person rolled the release back, for which its image is not to blame.
pub fn rollback_not_blamed(
    active: &ActiveRollout,
    minutes: i64,
    observed: &Observed,
    cause: EnvironmentCause,
) -> Message {
    let revision = observed
        .service
        .as_ref()
        .map_or("", |service| revision_name(&service.task_definition));
    Message::warning(format!(
        "{} rolled back to {revision} after {minutes} min - {}",
        active.tag,
        describe_cause(cause, &observed.down)
    ))
    .action(DEPLOYS_AGAIN)
    .why(format!(
        "ECS, CodeDeploy or a person rolled the service back. {}",
        explain_environment(observed, cause)
    ))
    .next(describe_repair(cause, &observed.down))
    .clears(RELEASE_CONDITION)
}

/// Warns that Lamplighter rolls a release back for which its image is not to blame.
pub fn rollback_started_not_blamed(
    active: &ActiveRollout,
    minutes: i64,
    target: &RollbackTarget,
    why: &str,
    cause: EnvironmentCause,
) -> Message {
    Message::warning(format!(
        "{} not live after {minutes} min, rolling back to {} - {}",
        active.tag,
        target.version,
        describe_cause(cause, &[])
    ))
    .action(format!(
        "Lamplighter rolls the service back to {}. It deploys the image again later, with growing pauses.",
        revision_name(&target.revision)
    ))
    .why(why)
    .next(describe_repair(cause, &[]))
    .clears(RELEASE_CONDITION)
}

/// The action on a release whose image is not to blame.
const DEPLOYS_AGAIN: &str = "Lamplighter does not quarantine the image. It deploys the image again in 5 min, then with growing pauses.";

fn describe_cause(cause: EnvironmentCause, down: &[String]) -> String {
    if down.is_empty() {
        cause.describe().to_owned()
    } else {
        format!("{} ({})", cause.describe(), down.join(", "))
    }
}

fn explain_environment(observed: &Observed, cause: EnvironmentCause) -> String {
    match cause {
        EnvironmentCause::Dependency => {
            "During a dependency outage, any revision fails.".to_owned()
        }
        EnvironmentCause::Capacity
        | EnvironmentCause::Placement
        | EnvironmentCause::MissingResource
        | EnvironmentCause::Registry
        | EnvironmentCause::Template => failure::describe_failure(observed),
    }
}

/// Returns what a person has to repair, so that the next attempt succeeds.
fn describe_repair(cause: EnvironmentCause, down: &[String]) -> String {
    match cause {
        EnvironmentCause::Capacity => {
            "Add capacity, subnets or other capacity providers, or wait for AWS.".to_owned()
        }
        EnvironmentCause::Placement => {
            "Raise maximumPercent of the service, or lower minimumHealthyPercent.".to_owned()
        }
        EnvironmentCause::MissingResource => {
            "Restore the secret, role, log group or network that the message names.".to_owned()
        }
        EnvironmentCause::Registry => {
            "Check that the image exists, and that the execution role and the subnets reach its registry.".to_owned()
        }
        EnvironmentCause::Dependency => format!("Restore {}.", down.join(", ")),
        EnvironmentCause::Template => {
            "Correct the template: the image ran with the settings before.".to_owned()
        }
    }
}

//! Decides what to do with one service. Pure: all input is in the arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Service, TaskDefinition};

use crate::candidate::Candidate;
use crate::messages;
use crate::observed::{Observed, Offer};
use crate::policy::Policy;
use crate::restart::{plan_pending_restart, plan_secret_restart};

/// Returns the plan for one service.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(service) = &observed.service else {
        return Plan::nothing("the service does not exist any more");
    };
    let Some(running) = &observed.running else {
        return Plan::notify(messages::unsupported_controller(
            service,
            "deployments disabled",
        ));
    };
    if let Detail::SecretRotated(secret) = &context.event.detail {
        return plan_secret_restart(context, service, running, secret);
    }
    let plan = decide_image(context, observed, service, running, now);
    if !plan.is_empty() {
        return plan;
    }
    match plan_pending_restart(context, service) {
        Some(restart) => Plan {
            messages: plan.messages,
            ..restart
        },
        None => plan,
    }
}

/// Returns the plan for the image that the registry offers.
fn decide_image(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    service: &Service,
    running: &TaskDefinition,
    now: Timestamp,
) -> Plan {
    let container = match &observed.container {
        Ok(container) => container,
        Err(problem) => return Plan::notify(messages::container_not_found(problem)),
    };
    match &observed.offer {
        Offer::NotApplicable => Plan::nothing("the event is not about an image"),
        Offer::NoRepository => Plan::notify(messages::repository_not_found(container)),
        Offer::NoTag => Plan::nothing(format!(
            "the repository {} has no tag like {}",
            container.repository.name, context.policy.deploy.follows
        )),
        Offer::Older { tag, digest } => Plan::notify(messages::push_is_older(
            tag,
            &container.running_image().version_label(),
            digest,
        )),
        Offer::Image { image, pushed_at } => {
            let candidate = Candidate {
                context,
                observed,
                service,
                running,
                container,
                image,
                pushed_at: *pushed_at,
                now,
            };
            match candidate.check_holds() {
                None => candidate.plan_rollout(),
                Some(hold) => match candidate.plan_repetition() {
                    Some(mut repetition) => {
                        repetition.messages.extend(hold.messages);
                        repetition
                    }
                    None => hold,
                },
            }
        }
    }
}

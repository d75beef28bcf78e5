//! Traffic shifting for releases, if the tag sets `strategy=`.

use std::collections::BTreeSet;

use lamplighter::model::Service;
use lamplighter::notify::Message;
use lamplighter::plan::TrafficShiftSettings;

use crate::Policy;

/// The ECS name for a hook that pauses until someone continues the deployment.
const PAUSE_HOOK: &str = "PAUSE";

/// Returns the traffic shift that the tag requests, if the service's load balancers support it.
pub fn find_requested_shift(policy: &Policy, service: &Service) -> Option<TrafficShiftSettings> {
    let (strategy, hook) = (policy.deploy.strategy?, policy.hook.clone()?);
    let pauses = policy.deploy.approve;
    service
        .shifting
        .is_possible
        .then_some(TrafficShiftSettings {
            strategy,
            hook,
            pauses,
            bake: policy.deploy.bake,
        })
}

/// Returns the requested traffic shift if it differs from the service's current configuration.
pub fn find_shift_change(policy: &Policy, service: &Service) -> Option<TrafficShiftSettings> {
    find_requested_shift(policy, service).filter(|shift| {
        let pause = shift.pauses.then(|| PAUSE_HOOK.to_owned());
        let hooks: BTreeSet<String> = pause
            .into_iter()
            .chain([shift.hook.function.clone()])
            .collect();
        // A pause hook that the tag does not request may be the operator's own, so it stays.
        let pauses = service.shifting.hooks.contains(PAUSE_HOOK);
        let bakes = shift.bake >= 60 && shift.bake / 60 * 60 != service.shifting.bake;
        let other = service.strategy != shift.strategy.as_str() || bakes;
        other || pauses != shift.pauses || !hooks.is_subset(&service.shifting.hooks)
    })
}

/// Returns a warning if the load balancers don't support the strategy in the tag.
pub fn warn_unsupported_shift(policy: &Policy, service: &Service) -> Option<Message> {
    let strategy = policy.deploy.strategy?;
    if service.shifting.is_possible {
        return None;
    }
    let word = strategy.as_str();
    let message =
        Message::warning(format!("can't shift traffic ({word}); releases are rolled out as {}", service.strategy))
            .why(
                "The tag says strategy=, and that needs load balancers which can lead to two revisions of the service.",
            )
            .next(
                "Give each of its load balancers an alternate target group and a production listener rule \
             (advancedConfiguration), or take strategy= out of the tag.",
            );
    Some(message.deduplicated_by(format!("no-shift:{word}")))
}

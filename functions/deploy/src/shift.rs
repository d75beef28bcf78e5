//! Traffic shifting for releases, if the tag sets `strategy=`.

use std::collections::BTreeSet;

use lamplighter::model::Service;
use lamplighter::notify::Message;
use lamplighter::plan::TrafficShiftSettings;

use crate::messages;
use crate::policy::Policy;

/// The ECS name for a hook that pauses until someone continues the deployment.
const PAUSE_HOOK: &str = "PAUSE";

/// Returns the traffic shift that the tag requests, if the service's load balancers support it.
pub fn find_requested_shift(policy: &Policy, service: &Service) -> Option<TrafficShiftSettings> {
    let strategy = policy.deploy.strategy?;
    let hook = policy.hook.clone()?;
    service
        .shifting
        .is_possible
        .then_some(TrafficShiftSettings {
            strategy,
            hook,
            pauses: policy.deploy.approve,
            bake: policy.deploy.bake,
        })
}

/// Returns the requested traffic shift if it differs from the service's current configuration.
pub fn find_shift_change(policy: &Policy, service: &Service) -> Option<TrafficShiftSettings> {
    find_requested_shift(policy, service).filter(|shift| differs_from_current(shift, service))
}

/// Reports whether the shift differs from the service's current configuration.
fn differs_from_current(shift: &TrafficShiftSettings, service: &Service) -> bool {
    let pause = shift.pauses.then(|| PAUSE_HOOK.to_owned());
    let hooks: BTreeSet<String> = pause
        .into_iter()
        .chain([shift.hook.function.clone()])
        .collect();
    // A pause hook that the tag does not request may be the operator's own, so it stays.
    let pauses = service.shifting.hooks.contains(PAUSE_HOOK);
    // ECS counts the bake time in whole minutes.
    let has_other_bake = shift.bake >= 60 && shift.bake / 60 * 60 != service.shifting.bake;
    let has_other_strategy = service.strategy != shift.strategy.as_str();
    has_other_strategy
        || has_other_bake
        || pauses != shift.pauses
        || !hooks.is_subset(&service.shifting.hooks)
}

/// Returns a warning if the load balancers don't support the strategy in the tag.
pub fn warn_unsupported_shift(policy: &Policy, service: &Service) -> Option<Message> {
    let strategy = policy.deploy.strategy?;
    if service.shifting.is_possible {
        return None;
    }
    Some(messages::unsupported_shift(
        strategy.as_str(),
        &service.strategy,
    ))
}

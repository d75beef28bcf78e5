//! Traffic shifting for releases, if the tag sets `strategy=`.

use std::collections::BTreeSet;

use lamplighter::model::Service;
use lamplighter::notify::Message;
use lamplighter::plan::TrafficShiftSettings;

use crate::messages;
use crate::policy::Policy;

/// The ECS name for a hook that pauses until someone continues the deployment.
const PAUSE_HOOK: &str = "PAUSE";

/// Returns the traffic shift that the tag requests, if the service supports it.
pub fn find_requested_shift(policy: &Policy, service: &Service) -> Option<TrafficShiftSettings> {
    let strategy = policy.deploy.strategy?;
    let hook = policy.hook.clone()?;
    supports_shift(service).then_some(TrafficShiftSettings {
        strategy,
        hook,
        pauses: policy.deploy.approve,
        bake: policy.deploy.bake,
    })
}

/// Reports whether the service can be set to shift traffic. ECS itself sets the strategy in Express Mode.
fn supports_shift(service: &Service) -> bool {
    service.shifting.is_possible && !service.is_express
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

/// Returns a warning if the service doesn't support the strategy in the tag.
pub fn warn_unsupported_shift(policy: &Policy, service: &Service) -> Option<Message> {
    let requested = policy.deploy.strategy?.as_str();
    if supports_shift(service) {
        None
    } else if service.is_express {
        Some(messages::strategy_of_express_mode(
            requested,
            &service.strategy,
        ))
    } else {
        Some(messages::unsupported_shift(requested, &service.strategy))
    }
}

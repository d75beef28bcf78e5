//! How traffic is shifted to a release, where the tag says `strategy=`.

use std::collections::BTreeSet;

use lamplighter::model::Service;
use lamplighter::notify::Message;
use lamplighter::plan::Shift;

use crate::Policy;

/// How ECS names a hook that waits for a person.
const PAUSE: &str = "PAUSE";

/// What the tag asks for, as far as the service's load balancers allow it.
pub fn wanted(policy: &Policy, service: &Service) -> Option<Shift> {
    let (strategy, hook) = (policy.deploy.strategy?, policy.hook.clone()?);
    let pauses = policy.deploy.approve;
    service.shifting.is_possible.then_some(Shift {
        strategy,
        hook,
        pauses,
        bake: policy.deploy.bake,
    })
}

/// The same, where the service does not do so already.
pub fn change(policy: &Policy, service: &Service) -> Option<Shift> {
    wanted(policy, service).filter(|shift| {
        let pause = shift.pauses.then(|| PAUSE.to_owned());
        let hooks: BTreeSet<String> = pause
            .into_iter()
            .chain([shift.hook.function.clone()])
            .collect();
        // One that nobody asks for may be a person's own, which stays.
        let pauses = service.shifting.hooks.contains(PAUSE);
        let bakes = shift.bake >= 60 && shift.bake / 60 * 60 != service.shifting.bake;
        let other = service.strategy != shift.strategy.as_str() || bakes;
        other || pauses != shift.pauses || !hooks.is_subset(&service.shifting.hooks)
    })
}

/// Why the tag is not followed; `None` where it is.
pub fn impossible(policy: &Policy, service: &Service) -> Option<Message> {
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
    Some(message.once(format!("no-shift:{word}")))
}

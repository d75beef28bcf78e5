//! `enroll`: sets up monitoring for a tagged service or database. It creates the alarms and keeps
//! them up to date, keeps a dashboard for each application, and reports configuration risks as
//! findings.
//!
//! It also reports its own alarms: as incidents that nothing else of Lamplighter acts on.
//!
//! Triggers: a changed tag, a created service, an alarm of its own, a sweep every hour, and one every five minutes over
//! the targets whose alarms fire. It never changes an alarm
//! that it doesn't own, even one with a name of its own. It reports findings but doesn't fix them.

#[cfg(test)]
mod alarm_bounds_tests;
mod alarm_details;
mod alarm_drift;
mod alarm_findings;
mod alarm_incidents;
mod alarm_messages;
mod alarm_reads;
mod alarm_spec;
#[cfg(test)]
mod alarm_tests;
mod alarm_words;
mod balancer_metrics;
mod cache_alarms;
mod cache_graphs;
mod dashboard;
mod dashboard_targets;
mod database_alarms;
mod database_findings;
mod database_graphs;
mod decide;
mod discovery;
mod finding;
mod findings;
mod instance_class;
mod layout;
mod observation;
mod observed;
mod policy;
mod reads;
mod service_alarms;
mod service_findings;
mod service_graphs;
mod stray_tags;
mod subject_alarms;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use lamplighter::Function;
use lamplighter::engine::Observe;
use lamplighter::engine::arbiter::Preconditions;
use lamplighter::engine::{DiscoveryContext, TargetContext, Targets};
use lamplighter::model::Arn;
use lamplighter::plan::{Action, MonitoringAction};
use lamplighter::policy::{StackDefaults, TagError};
use lamplighter::ports::capability::AlarmActions;
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Event, Operation, Plan};

use crate::dashboard_targets::is_dashboard;
use crate::reads::Reads;

pub use alarm_details::AlarmDetails;
pub use dashboard::Member;
pub use decide::decide;
pub use observation::Prefetched;
pub use observed::{Observed, OwnAlarm, Subject};
pub use policy::Policy;
pub use stray_tags::StrayTag;
pub use subject_alarms::subject_alarms;

/// The operation that sets up and maintains monitoring.
pub struct Enroll;

impl Operation for Enroll {
    const FUNCTION: Function = Function::Enroll;
    const CLEANS_UP_UNMANAGED: bool = true;
    type Policy = Policy;
    type Prefetched = Prefetched;
    type Observed = Observed;
    type Capability = AlarmActions;

    fn parse_policy(
        &self,
        tags: &BTreeMap<String, String>,
        defaults: &StackDefaults,
    ) -> Result<Option<Policy>, TagError> {
        Policy::from_tags(tags, defaults).map(Some)
    }

    fn find_mistake(policy: &Policy) -> Option<&TagError> {
        policy.invalid.as_ref()
    }

    fn cleanup_policy(&self, defaults: &StackDefaults) -> Option<Policy> {
        Some(Policy::for_cleanup(defaults))
    }

    fn decide(
        &self,
        context: TargetContext<'_, Policy>,
        observed: &Observed,
        now: Timestamp,
    ) -> Plan {
        decide(context, observed, now)
    }

    /// Reports whether a target is followed up within minutes: while an alarm of it fires, and a dashboard after an
    /// event. Events of other members that came meanwhile found the dashboard locked.
    /// A sweep that changes a dashboard may have read its members before an event added one, so it is looked at again, too.
    fn needs_requeue(context: TargetContext<'_, Policy>, observed: &Observed, plan: &Plan) -> bool {
        match &observed.subject {
            Subject::Application { .. } => !context.event.is_sweep() || !plan.steps.is_empty(),
            Subject::Service { .. }
            | Subject::Database(_)
            | Subject::Topic { .. }
            | Subject::Gone => alarm_incidents::needs_follow_up(observed, context.state),
        }
    }

    // `scale` and `rollout` may react to the same alarm.
    fn lease_patience(_: &Arn) -> Duration {
        Duration::from_secs(5)
    }

    /// Leaves a locked dashboard to the invocation that holds it, which asks for a follow-up. Many members of one
    /// application may be tagged at once, and each event is about the same dashboard.
    fn skips_locked(_: &Event, target: &Arn) -> bool {
        is_dashboard(target)
    }

    fn preconditions(_: &Observed) -> Preconditions {
        // Monitoring doesn't change a target, so its state is never an obstacle.
        Preconditions::for_active_target()
    }

    fn is_applied(action: &Action, observed: &Observed) -> bool {
        match action {
            Action::Monitoring(MonitoringAction::ApplyAlarms(alarms)) => {
                alarms.put.iter().all(|alarm| observed.has_alarm(alarm))
                    && alarms
                        .delete
                        .iter()
                        .all(|name| observed.find_alarm(name).is_none())
            }
            Action::Monitoring(MonitoringAction::ApplyDashboard(dashboard)) => {
                observed.dashboard == dashboard.body
            }
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => false,
        }
    }
}

impl<C: Reads, L: Ledger> Observe<C, L> for Enroll {
    async fn find_targets(
        &self,
        discovery: DiscoveryContext<'_, C, L>,
    ) -> Result<Targets<Prefetched>, AwsError> {
        discovery::find_targets(discovery).await
    }

    async fn observe(
        &self,
        context: TargetContext<'_, Policy>,
        prefetched: &Prefetched,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        prefetched.observe_target(context, cloud).await
    }
}

//! Drains a container instance whose agent is disconnected from ECS and whose tasks fail.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{ContainerInstance, Task, pluralize};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, DrainInstance, HealingAction};
use lamplighter::policy::HealMode;
use lamplighter::{Function, Plan};
use serde::Serialize;

use crate::policy::Policy;
use lamplighter::release::stopped_task::StoppedTask;

/// The time for which an agent may be disconnected. Normally it disconnects several times an hour.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_container_instance_events.html>
const AGENT_GRACE_PERIOD: SignedDuration = SignedDuration::from_mins(10);
const WAIT_KEY: &str = "its agent";

/// If several instances, at least one in this many of their cluster, are disconnected at once, they
/// are not the cause: ECS itself, a zone or a network is in trouble.
const CLUSTER_SHARE_DIVISOR: usize = 4;

/// One observed container instance, and the failing tasks on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ObservedInstance {
    pub instance: ContainerInstance,
    /// Disconnected instances of the cluster, and all its instances if several are disconnected.
    pub disconnected: (usize, usize),
    /// Descriptions of the task failures since the agent disconnected.
    pub failures: Vec<String>,
    /// The Auto Scaling group of the instance.
    pub scaling_group: Option<String>,
}

impl ObservedInstance {
    /// Reports whether the agent of an active instance is disconnected for longer than its grace
    /// period.
    #[must_use]
    pub fn has_lost_agent(&self, context: TargetContext<'_, Policy>, now: Timestamp) -> bool {
        let since = context.state.waiting_since(Function::Heal.name(), WAIT_KEY);
        !self.instance.agent_connected
            && self.instance.status == "ACTIVE"
            && since.is_some_and(|since| now.duration_since(since) >= AGENT_GRACE_PERIOD)
    }

    /// Records the tasks that failed since the agent disconnected.
    pub fn record_failures(
        &mut self,
        tasks: &[Task],
        context: TargetContext<'_, Policy>,
        now: Timestamp,
    ) {
        let since = disconnected_since(context, now);
        self.failures = tasks
            .iter()
            .filter_map(|task| describe_failure(task, since))
            .collect();
    }
}

/// Describes how a task failed since a time, or returns `None` if it did not. A stop without a time
/// counts too: ECS can't complete it while the agent is away.
fn describe_failure(task: &Task, since: Timestamp) -> Option<String> {
    let stop = StoppedTask::from_task(task, None);
    let has_failed = stop.is_failure()
        && task.stopped_at.is_none_or(|at| at >= since)
        && !stop.reason.is_empty();
    if has_failed {
        return Some(format!("task {} stopped: {}", task.task_id(), stop.reason));
    }
    (task.health == "UNHEALTHY").then(|| format!("task {} is unhealthy", task.task_id()))
}

fn disconnected_since(context: TargetContext<'_, Policy>, now: Timestamp) -> Timestamp {
    context
        .state
        .waiting_since(Function::Heal.name(), WAIT_KEY)
        .unwrap_or(now)
}

/// Decides whether to drain an instance. Its agent alone is no reason: without it, the tasks run on.
pub fn decide(context: TargetContext<'_, Policy>, host: &ObservedInstance, now: Timestamp) -> Plan {
    let instance = &host.instance;
    if context.policy.heal.mode == HealMode::Off {
        return Plan::nothing("healing is off");
    }
    if instance.agent_connected {
        return Plan::nothing("the ECS agent is connected");
    }
    if instance.status != "ACTIVE" {
        return Plan::nothing(format!("the instance is already {}", instance.status));
    }
    let silent_for = now.duration_since(disconnected_since(context, now));
    let plan = match find_reason_to_wait(host, silent_for) {
        Some(reason) => Plan::nothing(format!(
            "the ECS agent has been disconnected for {} min{reason}",
            silent_for.as_mins()
        )),
        None if context.policy.heal.mode == HealMode::Notify => {
            Plan::notify(build_alert(host, silent_for, false))
        }
        None => return drain_instance(host, build_alert(host, silent_for, true)),
    };
    Plan {
        waits_for: Some(WAIT_KEY.to_owned()),
        ..plan
    }
}

/// Returns why an instance with a disconnected agent is not drained now, if so. The reason
/// continues a sentence.
fn find_reason_to_wait(host: &ObservedInstance, silent_for: SignedDuration) -> Option<String> {
    let (silent, all) = host.disconnected;
    if silent_for < AGENT_GRACE_PERIOD {
        Some(String::new())
    } else if silent > 1 && silent * CLUSTER_SHARE_DIVISOR >= all {
        Some(format!(
            ", like {silent} of {all} agents of its cluster: the cause is outside the instances"
        ))
    } else if host.failures.is_empty() {
        Some(", and no task on it fails".to_owned())
    } else {
        None
    }
}

fn drain_instance(host: &ObservedInstance, message: Message) -> Plan {
    let drain = DrainInstance {
        instance: host.instance.arn.clone(),
        ec2: host.instance.ec2.clone(),
        has_group: host.scaling_group.is_some(),
    };
    Plan::single_step(
        Action::Healing(HealingAction::DrainInstance(drain)),
        message.title.clone(),
        message,
    )
}

fn build_alert(host: &ObservedInstance, silent_for: SignedDuration, is_drained: bool) -> Message {
    let ec2 = &host.instance.ec2;
    let (action, next) = match (&host.scaling_group, is_drained) {
        (Some(group), true) => (
            format!(
                "Lamplighter drained the instance; its Auto Scaling group {group} replaces it."
            ),
            "Nothing to do. ECS starts the tasks on other instances.".to_owned(),
        ),
        (None, true) => (
            "Lamplighter drained the instance; ECS starts the tasks on other instances.".to_owned(),
            format!("Stop or replace {ec2}: it belongs to no Auto Scaling group."),
        ),
        (_, false) => (
            "Lamplighter takes no step, because the tag says lamplighter:heal = notify.".to_owned(),
            format!("Drain and replace {ec2}."),
        ),
    };
    Message::warning(format!(
        "{} failing on {ec2} - ECS agent lost",
        pluralize(host.failures.len(), "task")
    ))
    .action(action)
    .why(format!(
        "The ECS agent has been disconnected for {} min. First failure: {}.",
        silent_for.as_mins(),
        host.failures.first().cloned().unwrap_or_default()
    ))
    .next(next)
    .deduplicated_by("drain")
}

//! Drains a container instance whose agent is disconnected from ECS and whose tasks fail.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{ContainerInstance, Task, pluralize};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, DrainInstance, HealingAction};
use lamplighter::policy::HealMode as Reach;
use lamplighter::{Operation, Plan};
use serde::Serialize;

use crate::stopped_task::StoppedTask;
use crate::{Heal, Policy};

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
        let since = context.state.waiting_since(Heal::FUNCTION.name(), WAIT_KEY);
        !self.instance.agent_connected
            && self.instance.status == "ACTIVE"
            && since.is_some_and(|since| now.duration_since(since) >= AGENT_GRACE_PERIOD)
    }

    /// Records the tasks that failed since the agent disconnected. A stop without a time counts
    /// too: ECS can't complete it while the agent is away.
    pub fn record_failures(
        &mut self,
        tasks: &[Task],
        context: TargetContext<'_, Policy>,
        now: Timestamp,
    ) {
        let since = context
            .state
            .waiting_since(Heal::FUNCTION.name(), WAIT_KEY)
            .unwrap_or(now);
        let how = |task: &Task| {
            let stop = StoppedTask::from_task(task);
            let fails = stop.is_failure()
                && task.stopped_at.is_none_or(|at| at >= since)
                && !stop.reason.is_empty();
            match task.health.as_str() {
                _ if fails => Some(format!(
                    "the task {} stopped: {}",
                    task.task_id(),
                    stop.reason
                )),
                "UNHEALTHY" => Some(format!("the task {} is unhealthy", task.task_id())),
                _ => None,
            }
        };
        self.failures = tasks.iter().filter_map(how).collect();
    }
}

pub fn decide(context: TargetContext<'_, Policy>, host: &ObservedInstance, now: Timestamp) -> Plan {
    let ObservedInstance {
        instance,
        failures: failing,
        ..
    } = host;
    if context.policy.heal.mode == Reach::Off {
        return Plan::nothing("it is not to be healed");
    }
    if instance.agent_connected {
        return Plan::nothing("its agent is connected");
    }
    if instance.status != "ACTIVE" {
        return Plan::nothing(format!("it is {} already", instance.status));
    }
    let since = context
        .state
        .waiting_since(Heal::FUNCTION.name(), WAIT_KEY)
        .unwrap_or(now);
    let silent_for = now.duration_since(since);
    let waits = |reason: String| Plan {
        waits_for: Some(WAIT_KEY.to_owned()),
        ..Plan::nothing(reason)
    };
    let gone = format!(
        "its agent is not connected since {} min",
        silent_for.as_mins()
    );
    if silent_for < AGENT_GRACE_PERIOD {
        return waits(gone);
    }
    let (silent, all) = host.disconnected;
    if silent > 1 && silent * CLUSTER_SHARE_DIVISOR >= all {
        return waits(format!(
            "{gone}, like {silent} of {all} of its cluster: the cause is in none of them"
        ));
    }
    if failing.is_empty() {
        return waits(format!("{gone}, and no task on it fails"));
    }
    let what = if failing.len() == 1 {
        "a task fails".to_owned()
    } else {
        format!("{} fail", pluralize(failing.len(), "task"))
    };
    let group = host.scaling_group.as_ref().map_or(
        "It is of no Auto Scaling group: stop or replace it.".to_owned(),
        |group| format!("Its Auto Scaling group {group} replaces it."),
    );
    let message = Message::warning(format!(
        "{} is drained: its agent is gone and tasks on it fail",
        instance.ec2
    ))
    .why(format!(
        "ECS has not heard of the agent for {} min, and {what}: {}.",
        silent_for.as_mins(),
        failing.first().cloned().unwrap_or_default()
    ))
    .next(format!("ECS starts its tasks elsewhere. {group}"))
    .deduplicated_by("drain");
    if context.policy.heal.mode == Reach::Notify {
        return Plan {
            waits_for: Some(WAIT_KEY.to_owned()),
            ..Plan::notify(message)
        };
    }
    let drain = DrainInstance {
        instance: instance.arn.clone(),
        ec2: instance.ec2.clone(),
        has_group: host.scaling_group.is_some(),
    };
    Plan::single_step(
        Action::Healing(HealingAction::DrainInstance(drain)),
        message.title.clone(),
        message,
    )
}

//! A container instance that ECS does not hear of any more.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::Seen;
use lamplighter::model::{ContainerInstance, Task, counted};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, Drain};
use lamplighter::policy::Heal as Reach;
use lamplighter::{Operation, Plan};
use serde::Serialize;

use crate::stop::Stop;
use crate::{Heal, Policy};

/// An agent disconnects several times an hour as part of its normal life.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_container_instance_events.html>
const SILENT_FOR: SignedDuration = SignedDuration::from_mins(10);
const WAITS_FOR: &str = "its agent";

/// Of several at once, where they are this part of their cluster, it is no fault of theirs: ECS itself, a zone or a network
/// is in trouble.
const PART: usize = 4;

/// An instance, and tasks on it that fail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Host {
    pub instance: ContainerInstance,
    /// Instances of its cluster that ECS does not hear of, of how many where they are several.
    pub silent: (usize, usize),
    /// How tasks on it fail since its agent is gone, in words.
    pub failing: Vec<String>,
    /// The Auto Scaling group that it is of.
    pub group: Option<String>,
}

impl Host {
    /// Its agent is gone for long.
    #[must_use]
    pub fn is_in_question(&self, seen: Seen<'_, Policy>, now: Timestamp) -> bool {
        let since = seen.memory.waits_since(Heal::NAME, WAITS_FOR);
        !self.instance.agent_connected
            && self.instance.status == "ACTIVE"
            && since.is_some_and(|since| now.duration_since(since) >= SILENT_FOR)
    }

    /// Notes tasks that fail since its agent is gone; what ECS can't stop has no time yet.
    pub fn look_at(&mut self, tasks: &[Task], seen: Seen<'_, Policy>, now: Timestamp) {
        let since = seen
            .memory
            .waits_since(Heal::NAME, WAITS_FOR)
            .unwrap_or(now);
        let how = |task: &Task| {
            let stop = Stop::of(task);
            let fails = stop.is_failure()
                && task.stopped_at.is_none_or(|at| at >= since)
                && !stop.says.is_empty();
            match task.health.as_str() {
                _ if fails => Some(format!("the task {} stopped: {}", task.id(), stop.says)),
                "UNHEALTHY" => Some(format!("the task {} is unhealthy", task.id())),
                _ => None,
            }
        };
        self.failing = tasks.iter().filter_map(how).collect();
    }
}

pub fn decide(seen: Seen<'_, Policy>, host: &Host, now: Timestamp) -> Plan {
    let Host {
        instance, failing, ..
    } = host;
    if seen.policy.heal.reach == Reach::Off {
        return Plan::nothing("it is not to be healed");
    }
    if instance.agent_connected {
        return Plan::nothing("its agent is connected");
    }
    if instance.status != "ACTIVE" {
        return Plan::nothing(format!("it is {} already", instance.status));
    }
    let since = seen
        .memory
        .waits_since(Heal::NAME, WAITS_FOR)
        .unwrap_or(now);
    let silent_for = now.duration_since(since);
    let waits = |reason: String| Plan {
        waits_for: Some(WAITS_FOR.to_owned()),
        ..Plan::nothing(reason)
    };
    let gone = format!(
        "its agent is not connected since {} min",
        silent_for.as_mins()
    );
    if silent_for < SILENT_FOR {
        return waits(gone);
    }
    let (silent, all) = host.silent;
    if silent > 1 && silent * PART >= all {
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
        format!("{} fail", counted(failing.len(), "task"))
    };
    let group = host.group.as_ref().map_or(
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
    .once("drain");
    if seen.policy.heal.reach == Reach::Notify {
        return Plan {
            waits_for: Some(WAITS_FOR.to_owned()),
            ..Plan::tell(message)
        };
    }
    let drain = Drain {
        instance: instance.arn.clone(),
        ec2: instance.ec2.clone(),
        has_group: host.group.is_some(),
    };
    Plan::act(Action::Drain(drain), message.title.clone(), message)
}

//! Every message of `heal`, as people read it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::{Operation, TargetContext};
use lamplighter::model::TargetHealthCheck;
use lamplighter::model::TaskSizes;
use lamplighter::model::{
    Arn, CapacityShare, CloudTrailEvent, ContainerInstance, Digest, Service, Tagged,
};
use lamplighter::notify::Message;
use lamplighter::policy::StackDefaults;
use lamplighter::release::rollback::RollbackTarget;
use lamplighter::state::{HealStep, HealthIncident, Parked, TargetState};
use lamplighter::{Event, Plan};

use crate::health::{Failing, Symptom, Unhealthy};
use crate::instance::{self, ObservedInstance};
use crate::mass_failure::{self, MassFailure};
use crate::messages::Remedy;
use crate::observed_service::{ObservedService, OutOfMemory, PossibleRollback};
use crate::outage::Serving;
use crate::{Heal, messages};
use lamplighter::release::stop_reasons::find_reason;
use lamplighter::release::stopped_task::StopCause;

fn book(messages: &[Message]) -> String {
    messages
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z
const REVISION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:42";

fn before(minutes: i64) -> Timestamp {
    NOW - SignedDuration::from_mins(minutes)
}

fn failing(cause: StopCause, says: &str) -> Symptom {
    let (container, first) = (Some("web".to_owned()), Some(before(12)));
    let exit_code = (cause == StopCause::Exit).then_some(1);
    let within = SignedDuration::from_mins(30);
    Symptom::Failing(Failing {
        cause,
        count: 4,
        total: 5,
        within,
        container,
        exit_code,
        reason: says.to_owned(),
        is_retriable: find_reason(says).is_none_or(|reason| reason.is_retriable),
        advice: find_reason(says).map_or("", |reason| reason.advice),
        first_failure_at: first,
        last_failure_at: None,
    })
}

fn healing(steps: &[&str]) -> HealthIncident {
    let steps = steps.iter().zip([9, 5, 1]).map(|(what, ago)| HealStep {
        at: before(ago),
        what: (*what).to_owned(),
    });
    let (since, revision) = (before(12), REVISION.to_owned());
    HealthIncident {
        revision,
        steps: steps.collect(),
        ..HealthIncident::new(since)
    }
}

/// shop/web with all of its three tasks running.
fn healthy_unit() -> ObservedService {
    let mut healthy = unit();
    healthy.service.running_count = 3;
    healthy
}

/// shop/web with one of three tasks running.
fn unit() -> ObservedService {
    let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    let service = Service {
        task_definition: REVISION.to_owned(),
        running_count: 1,
        ..Service::new_rolling(arn, 3)
    };
    ObservedService::new(service, NOW, lamplighter::policy::HealMode::On)
}

/// shop/web with none of three tasks running, for two minutes.
fn outage() -> ObservedService {
    let mut none = unit();
    none.service.running_count = 0;
    none.serving = Serving {
        tasks: 0,
        none_since: Some(before(2)),
        startup: SignedDuration::from_secs(75),
    };
    none
}

fn rollback_target() -> PossibleRollback {
    let (digest, tag) = (Digest::new("sha256:ab"), "RC_1.4.1".to_owned());
    let revision = REVISION.replace(":42", ":41");
    let to = RollbackTarget {
        version: tag.clone(),
        revision,
        digest: None,
    };
    PossibleRollback {
        target: to,
        digest,
        tag,
    }
}

fn unhealthy_targets() -> Symptom {
    Symptom::Unhealthy(Unhealthy {
        tasks: vec!["task/shop/1".to_owned()],
        targets: 1,
        total: 3,
        reason: "Request timed out".to_owned(),
    })
}

fn out_of_memory() -> OutOfMemory {
    OutOfMemory {
        container: "web".to_owned(),
        limit: Some(512),
        peak: Some(97.0),
        larger: None,
    }
}

/// The messages about repairs that are not temporary.
fn repair_messages() -> Vec<Message> {
    let exit = failing(StopCause::Exit, "Essential container in task exited");
    let new = healing(&[]);
    let tried = healing(&["restart the tasks"]);
    vec![
        messages::step_message(&exit, &unit(), Remedy::RestartTasks, (1, 3), &new),
        messages::step_message(
            &unhealthy_targets(),
            &healthy_unit(),
            Remedy::ReplaceTask,
            (2, 3),
            &tried,
        ),
        messages::rollback_message(&exit, &unit(), &rollback_target(), &new),
    ]
}

/// The messages about memory, parking and capacity.
fn resource_messages() -> Vec<Message> {
    let killed = failing(
        StopCause::OutOfMemory,
        "OutOfMemoryError: container killed due to memory usage",
    );
    let no_capacity = failing(StopCause::Capacity, "Capacity is unavailable at this time");
    let new = healing(&[]);
    let memory = out_of_memory();
    let sizes = TaskSizes {
        cpu: None,
        memory: Some(1024),
        containers: BTreeMap::from([("web".to_owned(), 640)]),
    };
    let unlimited = OutOfMemory {
        limit: None,
        peak: None,
        ..memory.clone()
    };
    let observed = ObservedService {
        out_of_memory: Some(memory.clone()),
        ..unit()
    };
    let parked = Parked {
        before: 3,
        to: 1,
        revision: REVISION.to_owned(),
        at: before(30),
    };
    vec![
        messages::memory_increase_message(&killed, &memory, &sizes, &observed, &new),
        messages::out_of_memory_message(&unlimited, &healthy_unit()),
        messages::park_message(&killed, &observed, 1, &new),
        messages::still_parked_message(&killed, &observed, &parked, &new),
        messages::unpark_message(&parked),
        messages::on_demand_message(&no_capacity, &unit(), 1, &new),
        messages::spot_retry_message(2),
    ]
}

/// The messages about the end of an incident.
fn resolution_messages() -> Vec<Message> {
    let after_a_step = HealthIncident {
        healthy_since: Some(before(2)),
        ..healing(&["restart the tasks"])
    };
    let without_steps = HealthIncident {
        steps: Vec::new(),
        ..after_a_step.clone()
    };
    let service = healthy_unit().service;
    vec![
        messages::recovery_message(&service, &after_a_step, Some("RC_1.4.2"), NOW),
        messages::recovery_message(&service, &without_steps, None, NOW),
        messages::no_longer_managed_message(
            "the desired count is 0",
            &after_a_step.escalation_key(),
        ),
    ]
}

#[test]
fn every_message_of_a_step() {
    let messages = [
        repair_messages(),
        resource_messages(),
        resolution_messages(),
    ]
    .concat();
    insta::assert_snapshot!(book(&messages));
}

#[test]
fn every_escalation_message() {
    let exit = failing(StopCause::Exit, "Essential container in task exited");
    let image = failing(
        StopCause::Image,
        "CannotPullContainerError: manifest for shop/web:RC_1.4.2 not found",
    );
    let secret = "ResourceInitializationError: unable to pull secrets: not authorized to perform \
                  secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf";
    let setup = failing(StopCause::Setup, secret);
    let (new, tried) = (
        healing(&[]),
        healing(&["restart the tasks", "restart the tasks"]),
    );
    let change = Some(CloudTrailEvent {
        at: before(20),
        call: "DeleteSecret".to_owned(),
        by: "deploy-role".to_owned(),
    });
    let room = "(service web) was unable to place a task because no container instance met all of its requirements.";
    let no_room = ObservedService {
        service_events: Some(vec![room.to_owned()]),
        ..unit()
    };
    let mut spot = no_room.clone();
    spot.service.capacity = vec![CapacityShare {
        provider: "FARGATE_SPOT".to_owned(),
        weight: 1,
        base: 0,
    }];
    let none = outage();
    let down = ObservedService {
        down: vec!["orders".to_owned()],
        ..unit()
    };
    let messages = [
        messages::missing_tasks_message(&Symptom::MissingTasks, &no_room, &new),
        messages::missing_tasks_message(&Symptom::MissingTasks, &spot, &new),
        messages::missing_tasks_message(&Symptom::MissingTasks, &none, &new),
        messages::dependency_message(&exit, &down, &new),
        messages::notify_only_message(&exit, &unit(), &new),
        messages::notify_only_message(&setup, &none, &new),
        messages::escalation_message(&image, &unit(), &new, None),
        messages::escalation_message(&setup, &ObservedService { change, ..unit() }, &new, None),
        messages::escalation_message(&exit, &unit(), &tried, Some("RC_1.4.2")),
        messages::escalation_message(&Symptom::MissingTasks, &unit(), &tried, None),
    ];
    insta::assert_snapshot!(book(&messages));
}

#[test]
fn every_message_of_an_outage() {
    let new = healing(&[]);
    let exit = failing(StopCause::Exit, "Essential container in task exited");
    let health = failing(StopCause::HealthCheck, "Task failed ELB health checks");
    let memory = failing(StopCause::OutOfMemory, "OutOfMemoryError");
    let check = TargetHealthCheck {
        path: "/health".to_owned(),
        matcher: "200-299".to_owned(),
        interval: 30,
    };
    let mut unreached = outage();
    unreached.service.running_count = 3;
    unreached.health_checks = vec![check];
    let killed = ObservedService {
        out_of_memory: Some(out_of_memory()),
        ..outage()
    };
    let mut notified = outage();
    notified.heal_mode = lamplighter::policy::HealMode::Notify;
    let wait = Some("Lamplighter takes no step yet: ECS has until 03:01:00 UTC to recover it.");
    let messages = [
        messages::outage_message(Some(&exit), &outage(), wait, &new),
        messages::outage_message(Some(&health), &unreached, wait, &new),
        messages::outage_message(Some(&memory), &killed, wait, &new),
        messages::outage_message(Some(&exit), &notified, wait, &new),
        messages::outage_message(None, &outage(), None, &new),
        messages::step_message(&exit, &outage(), Remedy::RestartTasks, (1, 3), &new),
        messages::escalation_message(&health, &unreached, &new, None),
    ];
    insta::assert_snapshot!(book(&messages));
}

/// Lists all messages of a plan.
fn list_messages(plan: Plan) -> Vec<Message> {
    plan.steps
        .into_iter()
        .filter_map(|step| step.message)
        .chain(plan.messages)
        .collect()
}

fn service_arn(n: usize) -> Arn {
    Arn::new(format!(
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/web{n}"
    ))
}

fn tagged(n: usize) -> Tagged {
    Tagged {
        arn: service_arn(n),
        tags: BTreeMap::new(),
    }
}

/// A container instance with a disconnected agent and one failed task.
fn host(scaling_group: Option<&str>) -> ObservedInstance {
    ObservedInstance {
        instance: ContainerInstance {
            ec2: "i-0a1b2c3d".into(),
            status: "ACTIVE".into(),
            ..ContainerInstance::default()
        },
        disconnected: (1, 1),
        failures: vec!["task 1 stopped: Essential container in task exited".to_owned()],
        scaling_group: scaling_group.map(str::to_owned),
    }
}

/// A target state that has waited for a condition for twelve minutes.
fn waiting_for(key: &str) -> TargetState {
    TargetState {
        waiting: [(
            Heal::FUNCTION.name().to_owned(),
            (key.to_owned(), before(12)),
        )]
        .into(),
        ..TargetState::default()
    }
}

#[test]
fn every_message_of_mass_failures_and_instances() {
    let all: Vec<Tagged> = (0..20).map(tagged).collect();
    let zones = BTreeMap::from([("eu-west-1a".to_owned(), 11), ("eu-west-1b".to_owned(), 1)]);
    let failure = MassFailure {
        stopped_by_zone: zones,
        down: vec!["orders".to_owned()],
        ..MassFailure::new((0..12).map(service_arn).collect(), &all)
    };
    let resolved = MassFailure::new(vec![service_arn(0)], &all);
    let event = Event::scheduled_sweep("sweep");
    let target = tagged(0);
    let policy = Heal
        .parse_policy(&target.tags, &StackDefaults::default())
        .unwrap()
        .unwrap();
    let failing = waiting_for("mass-failure");
    let disconnected = waiting_for("its agent");
    let context = |state| TargetContext {
        event: &event,
        target: &target,
        policy: &policy,
        state,
    };
    let plans = [
        mass_failure::decide(context(&failing), &failure, NOW),
        mass_failure::decide(context(&failing), &resolved, NOW),
        instance::decide(context(&disconnected), &host(Some("shop-hosts")), NOW),
        instance::decide(context(&disconnected), &host(None), NOW),
    ];
    let messages: Vec<Message> = plans.into_iter().flat_map(list_messages).collect();
    assert_eq!(messages.len(), 4);
    insta::assert_snapshot!(book(&messages));
}

//! Every message of `rollout`, as people read it. A change of a text is a change of its snapshot.

use jiff::Timestamp;
use lamplighter::model::{
    AlarmState, AlarmTopics, Arn, Command, Digest, EnvironmentCause, ExistingAlarm, Request,
    RequestScope, Service,
};
use lamplighter::notify::Message;
use lamplighter::release::evidence::{Blame, Evidence};
use lamplighter::release::rollback::RollbackTarget;
use lamplighter::state::ActiveRollout;
use lamplighter::state::ProbeStreak;

use crate::Observed;
use crate::environment_messages;
use crate::failure::{self, Failure};
use crate::messages;
use crate::stage::RolloutStage;

fn book(messages: &[Message]) -> String {
    messages
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

const NOW: Timestamp = Timestamp::constant(1_795_233_600, 0); // 2026-11-21T04:00:00Z
const STARTED: Timestamp = Timestamp::constant(1_795_232_640, 0); // 16 min before
const REVISION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41";

fn digest() -> Digest {
    Digest::new(format!("sha256:{:064x}", 2))
}

fn service() -> Service {
    let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    Service {
        task_definition: REVISION.to_owned(),
        running_count: 2,
        ..Service::new_rolling(arn, 2)
    }
}

fn active() -> ActiveRollout {
    ActiveRollout {
        digest: digest(),
        tag: "RC_1.4.2".to_owned(),
        base: REVISION.to_owned(),
        at: STARTED,
        deployment: None,
        probe_streak: ProbeStreak::default(),
        progress: None,
        previous: None,
        built_on: String::new(),
        template: None,
    }
}

/// Returns a rollout whose failure ECS does not explain.
fn unexplained() -> Observed {
    Observed {
        service: Some(service()),
        stage: RolloutStage::TimedOut,
        ..Observed::default()
    }
}

/// Returns a rollout with a service event, stopped tasks and log lines.
fn explained() -> Observed {
    let event = "(service web) was unable to place a task because no container instance met all of its requirements.";
    Observed {
        service_events: vec![event.to_owned()],
        evidence: Evidence {
            stops: Some(
                "3 tasks stopped: Essential container in task exited (web: exit code 1)."
                    .to_owned(),
            ),
            lines: Some(("web".to_owned(), vec!["panic: no configuration".to_owned()])),
            log_group: Some("/ecs/web".to_owned()),
            missing: None,
            blame: Blame::Image,
        },
        ..unexplained()
    }
}

/// Returns probes of which so many failed in a row at last.
fn probes(bad: u32) -> ProbeStreak {
    ProbeStreak {
        total: 20,
        passed: 14,
        failures: bad,
        problem: Some("https://shop.example.com/health: HTTP 503".to_owned()),
        ..ProbeStreak::default()
    }
}

fn describe_probes(bad: u32) -> String {
    failure::describe_probe_failure(&Observed {
        probe_streak: Some(probes(bad)),
        ..unexplained()
    })
}

fn alarm() -> ExistingAlarm {
    ExistingAlarm {
        name: "checkout-errors".into(),
        arn: String::new(),
        state: AlarmState::Alarm,
        state_since: Some(STARTED),
        state_reason: "Threshold Crossed: 3 datapoints were greater than the threshold (5.0)."
            .into(),
        description: String::new(),
        actions: AlarmTopics::default(),
        alarm: None,
    }
}

fn rollback(failure: Failure, why: &str, is_approval_used: bool) -> Message {
    messages::rollback_started(&active(), 16, failure, &target(), why, is_approval_used)
}

fn during_outage() -> Observed {
    Observed {
        down: vec!["orders".to_owned()],
        ..unexplained()
    }
}

fn target() -> RollbackTarget {
    RollbackTarget {
        version: "RC_1.4.1".to_owned(),
        revision: REVISION.to_owned(),
        digest: None,
    }
}

fn request() -> Request {
    Request {
        id: "call-1".to_owned(),
        at: NOW,
        by: "arn:aws:sts::123456789012:assumed-role/Operators/alice".to_owned(),
        reason: "checkout shows wrong prices".to_owned(),
        until: None,
        scope: RequestScope::Target(
            "arn:aws:ecs:eu-west-1:123456789012:service/shop/web".to_owned(),
        ),
        command: Command::RollBack(None),
    }
}

/// Returns a rollout of which no task could be placed.
fn without_capacity() -> Observed {
    Observed {
        evidence: Evidence::default(),
        ..explained()
    }
}

fn not_blamed(cause: EnvironmentCause) -> Message {
    let why = failure::describe_incomplete_rollout(&without_capacity());
    environment_messages::rollback_started_not_blamed(&active(), 16, &target(), &why, cause)
}

/// A release is blamed for what its image caused alone.
#[test]
fn the_environment_is_told_apart_from_the_image() {
    assert_eq!(failure::find_environment_cause(&explained()), None);
    assert_eq!(failure::find_environment_cause(&unexplained()), None);
    assert_eq!(
        failure::find_environment_cause(&during_outage()),
        Some(EnvironmentCause::Dependency)
    );
    assert_eq!(
        failure::find_environment_cause(&without_capacity()),
        Some(EnvironmentCause::Capacity)
    );
}

fn rolled_back(observed: &Observed, cause: EnvironmentCause) -> Message {
    environment_messages::rollback_not_blamed(&active(), 16, observed, cause)
}

#[test]
fn every_message() {
    let active = active();
    let service = service();
    let request = request();
    let target = target();
    let orders = ["orders".to_owned()];
    let late = failure::describe_incomplete_rollout(&explained());
    let fired = failure::describe_alarm(&alarm(), &unexplained());
    let messages = [
        messages::release_verified(&service, &active, 16, &[]),
        messages::release_verified(&service, &active, 16, &[alarm()]),
        messages::alarms_not_found(&["checkout-errors".to_owned()]),
        messages::alarms_not_found(&["checkout-errors", "checkout-latency"].map(str::to_owned)),
        messages::waits_for_approval(&active, true),
        messages::waits_for_approval(&active, false),
        messages::approval_received(&active, None),
        messages::approval_received(&active, Some(&request)),
        messages::requested_rollback_started(&active, &target, &request),
        messages::requested_rollback_without_effect(
            &request,
            "no earlier revision is verified, active and still in ECR",
        ),
        messages::rollback_detected(&active, 16, &unexplained(), false),
        messages::rollback_detected(&active, 16, &explained(), true),
        rollback(Failure::Deadline, &late, false),
        rollback(Failure::FailedProbes, &describe_probes(3), true),
        rollback(Failure::FailedProbes, &describe_probes(0), false),
        rollback(Failure::FailedDeployment, &late, false),
        rollback(Failure::FiringAlarm, &fired, false),
        messages::no_rollback_target(&service, &active, 16, &late),
        messages::rollback_held_by_outage(&service, &active, 16, &late, &orders),
        rolled_back(&during_outage(), EnvironmentCause::Dependency),
        rolled_back(&without_capacity(), EnvironmentCause::Capacity),
        not_blamed(EnvironmentCause::Capacity),
        not_blamed(EnvironmentCause::Placement),
        not_blamed(EnvironmentCause::MissingResource),
        not_blamed(EnvironmentCause::Registry),
        not_blamed(EnvironmentCause::Template),
        messages::probes_inconclusive(&active, &probes(0)),
        messages::release_superseded(
            &active,
            &[(format!("depends:{}", active.digest), NOW)].into(),
        )
        .unwrap(),
    ];
    insta::assert_snapshot!(book(&messages));
}

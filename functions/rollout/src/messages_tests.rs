//! Every message of `rollout`, as people read it. A change of a text is a change of its snapshot.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{AlarmState, AlarmTopics, Arn, Digest, ExistingAlarm, Service};
use lamplighter::notify::Message;
use lamplighter::release::evidence::Evidence;
use lamplighter::state::ProbeStreak;
use lamplighter::state::{ActiveRollout, Verified};

use crate::Observed;
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
const REVISION: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:41";

fn observed(service: &Service, events: &[&str], evidence: Evidence) -> Observed {
    Observed {
        service: Some(service.clone()),
        code_deployment: None,
        stage: RolloutStage::TimedOut,
        rollback_target: None,
        probe_streak: None,
        alarms: Vec::new(),
        down: Vec::new(),
        service_events: events.iter().map(|text| (*text).to_owned()).collect(),
        evidence,
        pause: None,
        deadline_restarts_at: None,
        rollback_finished: false,
        revertible_deployment: None,
    }
}

#[test]
fn every_message() {
    let digest = Digest::new(format!("sha256:{:064x}", 2));
    let at = NOW - SignedDuration::from_mins(16);
    let active = ActiveRollout {
        digest: digest.clone(),
        tag: "RC_1.4.2".to_owned(),
        base: REVISION.to_owned(),
        at,
        deployment: None,
        looks: ProbeStreak::default(),
    };
    let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    let service = Service {
        task_definition: REVISION.to_owned(),
        running_count: 2,
        ..Service::new_rolling(arn, 2)
    };
    let good = Verified {
        digest,
        tag: "RC_1.4.1".to_owned(),
        revision: REVISION.to_owned(),
        at,
    };
    let stops =
        Some("3 tasks stopped: Essential container in task exited (web: exit code 1).".to_owned());
    let lines = Some(("web".to_owned(), vec!["panic: no configuration".to_owned()]));
    let evidence = Evidence {
        stops,
        lines,
        missing: None,
    };
    let silent = observed(&service, &[], Evidence::default());
    let ecs = [
        "(service web) was unable to place a task because no container instance met all of its requirements.",
    ];
    let explained = observed(&service, &ecs, evidence);
    let problem = Some("https://shop.example.com/health: it answers 503".to_owned());
    let streak = ProbeStreak {
        all: 20,
        passed: 14,
        bad: 3,
        problem,
        ..ProbeStreak::default()
    };
    let unclear = ProbeStreak {
        bad: 0,
        ..streak.clone()
    };
    let alarm = ExistingAlarm {
        name: "checkout-errors".into(),
        arn: String::new(),
        state: AlarmState::Alarm,
        state_since: Some(at),
        state_reason: "Threshold Crossed: 3 datapoints were greater than the threshold (5.0)."
            .into(),
        actions: AlarmTopics::default(),
        alarm: None,
    };
    let orders = ["orders".to_owned()];
    let late = failure::describe_incomplete_rollout(&explained);
    let probed = |streak: &ProbeStreak| {
        failure::describe_probe_failure(&Observed {
            probe_streak: Some(streak.clone()),
            ..silent.clone()
        })
    };
    let rollback = |failure: Failure, why: &str, used: bool| {
        messages::rollback_started(&active, 16, failure, &good, why, used)
    };
    let alarms = std::slice::from_ref(&alarm);
    let messages = [
        messages::release_verified(&service, &active, 16, &[]),
        messages::release_verified(&service, &active, 16, alarms),
        messages::waits_for_approval(&active, true),
        messages::waits_for_approval(&active, false),
        messages::approval_received(&active),
        messages::rollback_detected(&active, 16, &silent, false),
        messages::rollback_detected(&active, 16, &explained, true),
        rollback(Failure::Deadline, &late, false),
        rollback(Failure::FailedProbes, &probed(&streak), true),
        rollback(Failure::FailedProbes, &probed(&unclear), false),
        rollback(Failure::FailedDeployment, &late, false),
        rollback(
            Failure::FiringAlarm,
            &failure::describe_alarm(&alarm, &silent),
            false,
        ),
        messages::no_rollback_target(&service, &active, 16, &late),
        messages::rollback_held_by_outage(&service, &active, 16, &late, &orders),
        messages::rolled_back_during_outage(&service, &active, 16, &orders),
        messages::probes_inconclusive(&active, &unclear),
        messages::release_superseded(
            &active,
            &[(format!("depends:{}", active.digest), NOW)].into(),
        )
        .unwrap(),
    ];
    insta::assert_snapshot!(book(&messages));
}

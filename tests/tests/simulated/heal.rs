//! The real `heal`, in a simulated world with ECS's scheduler and unhealthy services.

use e2e::testkit::healing::HealWorld;
use e2e::testkit::releases::{digest, minutes, release};
use e2e::testkit::world::Fault;
use e2e::testkit::world::tasks::{Conduct, stopped};
use heal::Heal;
use jiff::SignedDuration;
use lamplighter::model::{Arn, CapacityShare, CloudTrailEvent, Task};
use lamplighter::notify::Severity;
use rstest::rstest;
use serde_json::json;

#[test]
fn a_healthy_service_costs_one_listing_and_is_left_alone() {
    let mut heal_world = HealWorld::new();
    heal_world.service("web", 3, "on");
    heal_world.minutes(60);
    assert_eq!(
        (
            heal_world.world.count("UpdateService"),
            heal_world.world.count("StopTask"),
            heal_world.told("shop/web").len()
        ),
        (0, 0, 0)
    );
    assert_eq!(heal_world.world.count("ListTasks"), 0);
}

#[test]
fn a_task_that_ecs_replaces_is_no_incident() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(1);
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(40);
    assert_eq!(
        (
            heal_world.world.count("UpdateService"),
            heal_world.told("shop/web").len()
        ),
        (0, 0),
        "{:?}",
        heal_world.world.titles()
    );
    // Nothing is left in the state or on the watch list once it is healthy.
    assert!(
        heal_world.world.state().held[&web]
            .memory
            .health
            .incident
            .is_none()
    );
    assert!(
        !heal_world.world.state().held[&web]
            .memory
            .watched
            .contains("heal")
    );
}

/// From the event to the decision: the service, and its stopped tasks.
#[test]
fn a_task_that_stops_costs_three_calls() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.world.advance(SignedDuration::from_mins(1));
    heal_world.fleet.minute();
    let before = heal_world.world.state().calls.len();
    heal_world
        .world
        .invoke(&Heal, heal_world.fleet.events[0].clone())
        .unwrap()
        .unwrap();
    let calls = heal_world.world.state().calls[before..].to_vec();
    let to_aws = calls
        .iter()
        .filter(|call| {
            ["Describe", "List"]
                .iter()
                .any(|kind| call.starts_with(kind))
        })
        .count();
    assert_eq!(to_aws, 3, "{calls:?}");
}

/// Asserts that a title names a crash loop, the start of its time, and the result of the step.
fn assert_crash_loop(title: &str, since: &str, result: &str) {
    assert!(
        title.contains(" tasks running")
            && title.contains(" - crash loop (exit 1)")
            && title.contains(&format!(" since {since}"))
            && title.ends_with(result),
        "{title}"
    );
}

#[test]
fn a_crash_loop_that_started_with_the_new_revision_is_rolled_back() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    release(&heal_world.world, &web, "RC_1.1.0", 11);
    heal_world.minutes(30);
    let good = heal_world.world.state().services[&web]
        .task_definition
        .clone();
    release(&heal_world.world, &web, "RC_1.2.0", 12);
    heal_world.fleet.set_revision(&web, Conduct::Crashes);
    let before = heal_world.world.count("UpdateService");
    heal_world.minutes(6);
    assert_eq!(
        heal_world.world.state().services[&web].task_definition,
        good,
        "{:?}",
        heal_world.world.titles()
    );
    let told = heal_world.told("shop/web");
    assert_crash_loop(told.last().unwrap(), "", ", rolled back");
    let actions = heal_world.actions("shop/web");
    assert!(
        actions
            .last()
            .unwrap()
            .starts_with("Lamplighter rolled the service back to RC_1.1.0 (shop-web:2)"),
        "{actions:?}"
    );
    assert!(
        heal_world
            .last_why("shop/web")
            .contains("failed within 30 min in container web"),
        "{}",
        heal_world.last_why("shop/web")
    );
    // The image is quarantined, and people are notified of the recovery.
    let digest = e2e::testkit::releases::digest(12);
    assert!(
        heal_world.world.state().held[&web]
            .memory
            .releases
            .quarantined
            .contains_key(&digest)
    );
    heal_world.minutes(40);
    assert_eq!(heal_world.world.count("UpdateService"), before + 1);
    assert!(
        heal_world
            .told("shop/web")
            .last()
            .unwrap()
            .starts_with("2/2 tasks running since")
    );
}

#[test]
fn a_later_crash_loop_is_restarted_with_back_off_and_then_escalated() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.minutes(60);
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(60);
    assert_eq!(heal_world.world.count("UpdateService shop/web"), 3);
    let told = heal_world.told("shop/web");
    for step in &told[..3] {
        assert_crash_loop(step, "", ", tasks restarted");
    }
    assert_crash_loop(&told[3], "04:0", ", 3 steps failed");
    assert_eq!(told.len(), 4);
    let steps = heal_world.world.state().held[&web]
        .memory
        .health
        .incident
        .clone()
        .unwrap()
        .steps;
    let waits: Vec<i64> = steps
        .windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].at).as_mins())
        .collect();
    assert!(waits[0] >= 1 && waits[1] >= 2, "{waits:?}");
    let why = heal_world.last_why("shop/web");
    assert!(
        why.contains("Tried: ") && why.matches("restart the tasks").count() == 3,
        "{why}"
    );
    // Somebody fixes it.
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(30);
    assert!(
        heal_world
            .told("shop/web")
            .last()
            .unwrap()
            .contains(" - recovered after ")
    );
    heal_world.minutes(60);
    assert_eq!(
        (
            heal_world.told("shop/web").len(),
            heal_world.world.count("UpdateService shop/web")
        ),
        (5, 3)
    );
}

#[test]
fn a_service_with_unhealthy_targets_gets_one_task_replaced_and_then_all() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.minutes(20);
    heal_world.fleet.hang(&web);
    heal_world
        .world
        .invoke(&Heal, alarm("ALARM"))
        .unwrap()
        .unwrap();
    assert_eq!(heal_world.world.count("StopTask"), 1);
    let told = heal_world.told("shop/web");
    assert!(
        told.len() == 1
            && told[0].starts_with("2/2 tasks running, 2 unhealthy since ")
            && told[0].ends_with(", 1 task replaced"),
        "{told:?}"
    );
    heal_world.minutes(15);
    assert_eq!(
        (
            heal_world.world.count("StopTask"),
            heal_world.world.count("UpdateService shop/web")
        ),
        (1, 1)
    );
    heal_world.minutes(20);
    let told = heal_world.told("shop/web");
    assert!(
        told[1].ends_with(", tasks restarted") && told[2].contains(" - recovered after "),
        "{told:?}"
    );
    assert_eq!(heal_world.world.count("UpdateService shop/web"), 1);
}

fn alarm(state: &str) -> serde_json::Value {
    json!({
        "id": "alarm", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
        "resources": ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lamplighter/shop/web/unhealthy-targets"],
        "detail": {
            "alarmName": "lamplighter/shop/web/unhealthy-targets",
            "state": {"value": state, "reason": "Threshold Crossed", "timestamp": "2026-11-21T03:20:00.000+0000"},
            "configuration": {"metrics": []},
        },
    })
}

#[rstest]
#[case::secret(
    Conduct::NoSecret,
    "- required resource missing",
    "DeleteSecret by mallory at 03:15 UTC"
)]
#[case::image(Conduct::NoImage, "- image pull failed", "failed to resolve ref")]
fn a_cause_that_no_restart_fixes_is_escalated_at_once(
    #[case] conduct: Conduct,
    #[case] title: &str,
    #[case] why: &str,
) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.minutes(20);
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf";
    let at = "2026-11-21T03:15:00Z".parse().unwrap();
    let change = CloudTrailEvent {
        at,
        call: "DeleteSecret".to_owned(),
        by: "mallory".to_owned(),
    };
    heal_world
        .world
        .state_mut()
        .changes
        .insert(secret.to_owned(), vec![change]);
    // The running tasks are replaced by tasks that can't start.
    heal_world.world.state_mut().tasks.clear();
    heal_world.set(&web, conduct);
    heal_world.minutes(60);
    assert_eq!(heal_world.world.count("UpdateService"), 0);
    let told = heal_world.told("shop/web");
    assert!(
        told.len() == 1 && told[0].contains(title) && told[0].contains(" since 03:"),
        "{told:?}"
    );
    assert!(
        heal_world.last_why("shop/web").contains(why),
        "{}",
        heal_world.last_why("shop/web")
    );
    assert_eq!(
        heal_world.world.state().notices[0].message.severity,
        Severity::Critical
    );
}

#[test]
fn memory_is_increased_once_if_the_tag_allows_it() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on memory=+25");
    give_memory(&heal_world, &web);
    heal_world.minutes(60);
    heal_world.fleet.set_revision(&web, Conduct::OutOfMemory);
    heal_world.minutes(10);
    let told = heal_world.told("shop/web");
    assert!(
        told.len() == 1
            && told[0].contains(" - out of memory")
            && told[0].ends_with(", memory increased"),
        "{told:?}"
    );
    let actions = heal_world.actions("shop/web");
    assert!(
        actions[0].ends_with("with more memory: 1024 MiB for the task."),
        "{actions:?}"
    );
    let why = heal_world.last_why("shop/web");
    assert!(why.contains("its memory limit is 512 MiB"), "{why}");
    let state = heal_world.world.state();
    let newest = state.definitions.last().unwrap();
    assert_eq!(
        (
            newest.document["memory"].as_str(),
            newest.family_and_revision()
        ),
        (Some("1024"), "shop-web:2")
    );
    drop(state);
    heal_world.minutes(40);
    assert!(
        heal_world.told("shop/web")[1].contains(" - recovered after "),
        "{:?}",
        heal_world.told("shop/web")
    );
    assert_eq!(heal_world.world.count("RegisterTaskDefinition"), 1);
    // The memory is not increased a second time.
    heal_world.fleet.set_revision(&web, Conduct::OutOfMemory);
    heal_world.minutes(60);
    assert_eq!(heal_world.world.count("RegisterTaskDefinition"), 1);
    assert!(
        heal_world
            .told("shop/web")
            .last()
            .unwrap()
            .ends_with(" failed")
    );
}

fn give_memory(heal_world: &HealWorld, service: &Arn) {
    let mut state = heal_world.world.state_mut();
    let revision = state.services[service].task_definition.clone();
    let definition = state
        .definitions
        .iter_mut()
        .find(|definition| definition.arn() == revision)
        .unwrap();
    definition
        .document
        .insert("memory".to_owned(), json!("512"));
    definition
        .document
        .insert("requiresCompatibilities".to_owned(), json!(["FARGATE"]));
}

#[test]
fn one_out_of_memory_kill_is_notified_without_a_step() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 3, "on");
    give_memory(&heal_world, &web);
    heal_world.set(&web, Conduct::OutOfMemory);
    heal_world.minutes(1);
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(30);
    assert_eq!(
        heal_world.told("shop/web"),
        ["3/3 tasks running - container web ran out of memory"]
    );
    assert_eq!(heal_world.world.count("UpdateService"), 0);
}

#[test]
fn an_incident_closes_when_people_scale_its_service_to_zero() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(30);
    let before = heal_world.told("shop/web").len();
    heal_world
        .world
        .state_mut()
        .services
        .get_mut(&web)
        .unwrap()
        .desired_count = 0;
    heal_world.minutes(30);
    let told = heal_world.told("shop/web");
    assert!(
        before > 0 && told[before..] == ["incident closed - the desired count is 0"],
        "{told:?}"
    );
}

#[test]
fn a_crash_loop_is_parked_if_the_tag_says_so_until_the_next_revision() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 6, "on crash=park");
    heal_world.tag(&web, "lamplighter:scale", "min=2 max=8");
    heal_world.minutes(60);
    heal_world.fleet.set_revision(&web, Conduct::Crashes);
    heal_world.minutes(40);
    assert_eq!(heal_world.world.state().services[&web].desired_count, 2);
    let told = heal_world.told("shop/web");
    assert_crash_loop(&told[0], "", ", parked at 2 tasks");
    assert_eq!(
        heal_world.world.count("UpdateService"),
        1,
        "{:?}",
        heal_world.world.titles()
    );
    heal_world.world.sweep(&scale::Scale).unwrap().unwrap();
    assert_eq!(heal_world.world.state().services[&web].desired_count, 2);
    release(&heal_world.world, &web, "RC_1.1.0", 11);
    heal_world.minutes(30);
    assert_eq!(
        heal_world.world.state().services[&web].desired_count,
        6,
        "{:?}",
        heal_world.world.titles()
    );
}

#[test]
fn tasks_run_on_demand_without_spot_capacity_and_return_after_an_hour() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on spot-fallback=yes");
    let spot = vec![CapacityShare {
        provider: "FARGATE_SPOT".to_owned(),
        weight: 1,
        base: 0,
    }];
    heal_world
        .world
        .state_mut()
        .services
        .get_mut(&web)
        .unwrap()
        .capacity = spot.clone();
    let said =
        "(service web) was unable to place a task. Reason: Capacity is unavailable at this time.";
    heal_world.minutes(10);
    heal_world
        .world
        .state_mut()
        .said
        .insert(web.clone(), vec![said.to_owned()]);
    heal_world
        .world
        .state_mut()
        .tasks
        .get_mut(&web)
        .unwrap()
        .pop();
    heal_world.set(&web, Conduct::NoRoom);
    heal_world.minutes(15);
    assert_eq!(
        heal_world.world.state().services[&web].capacity[0].provider,
        "FARGATE"
    );
    let told = heal_world.told("shop/web");
    assert!(
        told[0].starts_with("1/2 tasks running since ")
            && told[0].ends_with(" - no capacity, moved to on-demand"),
        "{told:?}"
    );
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(80);
    assert_eq!(
        heal_world.world.state().services[&web].capacity,
        spot,
        "{:?}",
        heal_world.told("shop/web")
    );
    assert_eq!(heal_world.world.count("UpdateService"), 2);
}

#[test]
fn a_capacity_shortage_is_notified_and_nothing_is_restarted() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.minutes(10);
    let said = "(service web) was unable to place a task because no container instance met all of its requirements.";
    heal_world
        .world
        .state_mut()
        .said
        .insert(web.clone(), vec![said.to_owned()]);
    heal_world.world.state_mut().tasks.clear();
    heal_world.set(&web, Conduct::NoRoom);
    heal_world.minutes(60);
    assert_eq!(
        (
            heal_world.world.count("UpdateService"),
            heal_world.told("shop/web").len()
        ),
        (0, 1)
    );
    for title in heal_world.told("shop/web") {
        assert!(
            title.starts_with("0/2 tasks running since ") && title.ends_with(" - no capacity"),
            "{title}"
        );
    }
    assert!(
        heal_world
            .last_why("shop/web")
            .contains("no container instance met")
    );
}

#[rstest]
#[case::notify("notify", 1)]
#[case::off("off", 0)]
#[case::unreadable("on crash=stop", 1)]
fn no_step_is_taken_that_the_tag_forbids(#[case] tag: &str, #[case] messages: usize) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, tag);
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(60);
    assert_eq!(
        (
            heal_world.world.count("UpdateService"),
            heal_world.told("shop/web").len()
        ),
        (0, messages),
        "{:?}",
        heal_world.world.titles()
    );
}

#[test]
fn a_thousand_stopped_tasks_are_all_read() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    let revision = heal_world.world.state().services[&web]
        .task_definition
        .clone();
    let now = heal_world.world.state().now;
    let old = (0..1_000).map(|n| Task {
        task: format!("arn:aws:ecs:eu-west-1:123456789012:task/shop/old{n}"),
        task_definition: revision.clone(),
        status: "STOPPED".to_owned(),
        stop_code: "ServiceSchedulerInitiated".to_owned(),
        reason: "Scaling activity initiated by (deployment ecs-svc/1)".to_owned(),
        stopped_at: Some(now),
        ..Task::default()
    });
    heal_world
        .world
        .state_mut()
        .tasks
        .entry(web.clone())
        .or_default()
        .extend(old);
    heal_world
        .world
        .state_mut()
        .tasks
        .get_mut(&web)
        .unwrap()
        .remove(0);
    heal_world.minutes(1);
    let one = Task {
        task: "t".to_owned(),
        stopped_at: Some(now),
        ..Task::default()
    };
    let before = heal_world.world.count("DescribeTasks");
    heal_world
        .world
        .invoke(&Heal, stopped(&web, &one))
        .unwrap()
        .unwrap();
    assert_eq!(heal_world.world.count("DescribeTasks") - before, 10);
    heal_world.minutes(30);
    assert_eq!(
        (
            heal_world.world.count("UpdateService"),
            heal_world.world.titles().len()
        ),
        (0, 0)
    );
}

#[rstest]
#[case::throttled(Fault::Throttled)]
#[case::lost(Fault::AnswerLost)]
#[case::killed(Fault::Killed)]
fn a_step_whose_call_fails_is_taken_once(#[case] fault: Fault) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on steps=1");
    heal_world.minutes(60);
    heal_world.set(&web, Conduct::Crashes);
    heal_world.world.inject_fault("UpdateService", fault);
    heal_world.minutes_with(40, |events| events);
    // A step that did not take effect is retried.
    let calls = if fault == Fault::AnswerLost { 1 } else { 2 };
    assert_eq!(
        heal_world.world.count("UpdateService"),
        calls,
        "{:?}",
        heal_world.world.titles()
    );
    assert!(
        heal_world
            .told("shop/web")
            .last()
            .unwrap()
            .ends_with(" failed"),
        "{:?}",
        heal_world.told("shop/web")
    );
}

#[test]
fn a_tracked_release_is_left_to_rollout() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    e2e::testkit::releases::push(&heal_world.world, "RC_1.1.0", 11);
    heal_world.fleet.set_revision(&web, Conduct::NoSecret);
    let deployed = heal_world.world.count("UpdateService");
    heal_world.minutes(10);
    heal_world.world.sweep(&Heal).unwrap().unwrap();
    assert_eq!(
        heal_world.world.count("UpdateService"),
        deployed,
        "{:?}",
        heal_world.world.titles()
    );
    assert!(
        heal_world.world.state().held[&web]
            .memory
            .releases
            .active_rollout
            .is_some()
    );
}

#[test]
fn observe_mode_notifies_once_what_heal_would_do() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.tag(&web, "lamplighter:managed", "observe");
    heal_world.minutes(30);
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(60);
    assert_eq!(
        (
            heal_world.world.count("UpdateService"),
            heal_world.told("shop/web")
        ),
        (0, vec!["would restart the tasks".to_owned()])
    );
}

#[test]
fn an_event_of_a_locked_service_is_left_to_the_sweep() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.set(&web, Conduct::Crashes);
    heal_world.world.advance(SignedDuration::from_mins(1));
    heal_world.fleet.minute();
    let until = heal_world.world.state().now + SignedDuration::from_mins(1);
    heal_world
        .world
        .state_mut()
        .held
        .entry(web.clone())
        .or_default()
        .lease = Some(("deploy".to_owned(), until));
    let answer = heal_world
        .world
        .invoke(&Heal, heal_world.fleet.events[0].clone())
        .unwrap()
        .unwrap();
    assert!(
        answer["targets"][0]["left"]
            .as_str()
            .unwrap()
            .contains("is locked by deploy"),
        "{answer}"
    );
}

/// The old revision fails as well: its incident starts over, without a wait of hours.
#[test]
fn a_failing_rollback_target_is_escalated() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    release(&heal_world.world, &web, "RC_1.1.0", 11);
    heal_world.minutes(60);
    release(&heal_world.world, &web, "RC_1.2.0", 12);
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(120);
    let told = heal_world.told("shop/web");
    assert!(
        told.iter().any(|title| title.ends_with(", rolled back")),
        "{told:?}"
    );
    let actions = heal_world.actions("shop/web");
    assert!(
        actions
            .iter()
            .any(|action| action.contains("rolled the service back to RC_1.1.0")),
        "{actions:?}"
    );
    assert!(told.last().unwrap().ends_with(" failed"), "{told:?}");
}

/// A release does not remove a secret.
#[test]
fn a_missing_secret_rolls_no_release_back() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    release(&heal_world.world, &web, "RC_1.1.0", 11);
    heal_world.minutes(30);
    release(&heal_world.world, &web, "RC_1.2.0", 12);
    heal_world.set(&web, Conduct::NoSecret);
    heal_world.world.state_mut().tasks.clear();
    heal_world.minutes(60);
    let told = heal_world.told("shop/web");
    assert!(
        told.last()
            .unwrap()
            .contains(" - required resource missing"),
        "{told:?}"
    );
    assert!(
        heal_world.world.state().held[&web]
            .memory
            .releases
            .quarantined
            .is_empty()
    );
}

/// The hook of a canary leaves its verdict in the target state.
#[test]
fn a_pending_verdict_does_not_prevent_healing() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    heal_world.minutes(30);
    let judging = json!({"deployment": "d", "execution": null, "since": null, "step": "PRE_SCALE_UP",
                         "step_since": "2026-11-21T03:00:00Z", "failed": false, "probe_streak": serde_json::to_value(lamplighter::state::ProbeStreak::default()).unwrap()});
    heal_world
        .world
        .state_mut()
        .held
        .entry(web.clone())
        .or_default()
        .memory
        .releases
        .pending_verdict = serde_json::from_value(judging).unwrap();
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(20);
    assert!(heal_world.world.count("UpdateService shop/web") >= 1);
}

/// The cause of the crash loop is gone, without another revision.
#[test]
fn a_healthy_parked_service_gets_its_desired_count_back() {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 6, "on crash=park");
    heal_world.minutes(60);
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(20);
    assert_eq!(heal_world.world.state().services[&web].desired_count, 1);
    heal_world.set(&web, Conduct::Runs);
    heal_world.minutes(40);
    assert_eq!(
        heal_world.world.state().services[&web].desired_count,
        6,
        "{:?}",
        heal_world.told("shop/web")
    );
    assert!(
        heal_world
            .told("shop/web")
            .iter()
            .any(|title| title.contains(" - recovered after ")),
        "{:?}",
        heal_world.told("shop/web")
    );
}

/// A release that was verified, and fails later for good, is no rollback target any more. If it recovers, it is one again.
#[rstest]
#[case::stays_down(false)]
#[case::recovers(true)]
fn a_release_that_heal_escalates_about_is_rejected_until_it_recovers(#[case] recovers: bool) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    for (tag, content) in [("RC_1.1.0", 11), ("RC_1.2.0", 12)] {
        release(&heal_world.world, &web, tag, content);
        heal_world.minutes(120);
    }
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(120);
    let releases = |heal_world: &HealWorld| {
        let state = heal_world.world.state();
        state.held[&web].memory.releases.clone()
    };
    let tags = |heal_world: &HealWorld| -> Vec<String> {
        let verified = releases(heal_world).verified;
        verified.into_iter().map(|verified| verified.tag).collect()
    };
    assert_eq!(
        tags(&heal_world),
        ["RC_1.1.0"],
        "{:?}",
        heal_world.told("shop/web")
    );
    // Its image is not quarantined: a template with other settings may repair it.
    assert!(releases(&heal_world).quarantined.is_empty());
    assert_eq!(releases(&heal_world).current, Some(digest(12)));
    assert!(heal_world.world.image_of(&web).contains("RC_1.2.0"));
    // After an escalation, nothing is done until something new is deployed.
    let changes = heal_world.world.count("UpdateService");
    heal_world.minutes(240);
    assert_eq!(heal_world.world.count("UpdateService"), changes);
    if recovers {
        heal_world.set(&web, Conduct::Runs);
        heal_world.minutes(60);
        let verified = releases(&heal_world).verified;
        assert_eq!(tags(&heal_world), ["RC_1.1.0", "RC_1.2.0"]);
        assert!(verified[1].base.contains("shop-web"), "{verified:?}");
    }
    // Neither way is anything deployed that nobody pushed.
    assert!(heal_world.world.image_of(&web).contains("RC_1.2.0"));
}

/// A missing secret or capacity is not the fault of the release.
#[rstest]
#[case::secret(Conduct::NoSecret)]
#[case::capacity(Conduct::NoRoom)]
fn an_escalation_for_the_environment_rejects_no_release(#[case] conduct: Conduct) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    release(&heal_world.world, &web, "RC_1.1.0", 11);
    heal_world.minutes(120);
    heal_world.set(&web, conduct);
    heal_world.world.state_mut().tasks.clear();
    heal_world.minutes(120);
    let state = heal_world.world.state();
    assert!(state.held[&web].memory.releases.quarantined.is_empty());
}

/// What repairs a service after an escalation is often a template with other settings, or a person who puts an older
/// revision back. Neither is undone, and neither loses the image that should run.
#[rstest]
#[case::a_template_while_it_is_down(true, false)]
#[case::a_template_after_it_recovered(true, true)]
#[case::a_person_while_it_is_down(false, false)]
#[case::a_person_after_it_recovered(false, true)]
fn what_repairs_a_service_after_an_escalation_stays(
    #[case] by_template: bool,
    #[case] has_recovered: bool,
) {
    let mut heal_world = HealWorld::new();
    let web = heal_world.service("web", 2, "on");
    for (tag, content) in [("RC_1.1.0", 11), ("RC_1.2.0", 12)] {
        release(&heal_world.world, &web, tag, content);
        heal_world.minutes(120);
    }
    let older = {
        let state = heal_world.world.state();
        let verified = &state.held[&web].memory.releases.verified;
        verified[0].revision.clone()
    };
    heal_world.set(&web, Conduct::Crashes);
    heal_world.minutes(120);
    heal_world.set(&web, Conduct::Runs);
    if has_recovered {
        heal_world.minutes(60);
    }
    let world = heal_world.world.clone();
    let revision = if by_template {
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let image = format!("{host}/shop/web:RC_1.0.0");
        world.state_mut().register("shop-web", &image)
    } else {
        older
    };
    world.advance(SignedDuration::from_mins(3));
    world.state_mut().deploy(&web, &revision);
    world.state_mut().settle(&web);
    minutes(&world, 6);
    world.state_mut().settle(&web);
    minutes(&world, 30);
    let expected = if by_template { "RC_1.2.0" } else { "RC_1.1.0" };
    assert!(
        world.image_of(&web).contains(expected),
        "{:?}",
        world.titles()
    );
}

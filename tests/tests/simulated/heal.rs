//! The real `heal`, in a simulated world with ECS's scheduler and unhealthy services.

use e2e::testkit::healing::Ward;
use e2e::testkit::releases::release;
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
    let mut ward = Ward::new();
    ward.service("web", 3, "on");
    ward.minutes(60);
    assert_eq!(
        (
            ward.world.count("UpdateService"),
            ward.world.count("StopTask"),
            ward.told("shop/web").len()
        ),
        (0, 0, 0)
    );
    assert_eq!(ward.world.count("ListTasks"), 0);
}

#[test]
fn a_task_that_ecs_replaces_is_no_incident() {
    let mut ward = Ward::new();
    let web = ward.service("web", 3, "on");
    ward.set(&web, Conduct::Crashes);
    ward.minutes(1);
    ward.set(&web, Conduct::Runs);
    ward.minutes(40);
    assert_eq!(
        (
            ward.world.count("UpdateService"),
            ward.told("shop/web").len()
        ),
        (0, 0),
        "{:?}",
        ward.world.titles()
    );
    // Nothing is left in the state or on the watch list once it is healthy.
    assert!(
        ward.world.state().held[&web]
            .memory
            .health
            .healing
            .is_none()
    );
    assert!(
        !ward.world.state().held[&web]
            .memory
            .watched
            .contains("heal")
    );
}

/// From the event to the decision: the service, and its stopped tasks.
#[test]
fn a_task_that_stops_costs_three_calls() {
    let mut ward = Ward::new();
    let web = ward.service("web", 3, "on");
    ward.set(&web, Conduct::Crashes);
    ward.world.pass(SignedDuration::from_mins(1));
    ward.fleet.minute();
    let before = ward.world.state().calls.len();
    ward.world
        .invoke(&Heal, ward.fleet.events[0].clone())
        .unwrap()
        .unwrap();
    let calls = ward.world.state().calls[before..].to_vec();
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
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    release(&ward.world, &web, "RC_1.1.0", 11);
    ward.minutes(30);
    let good = ward.world.state().services[&web].task_definition.clone();
    release(&ward.world, &web, "RC_1.2.0", 12);
    ward.fleet.set_revision(&web, Conduct::Crashes);
    let before = ward.world.count("UpdateService");
    ward.minutes(6);
    assert_eq!(
        ward.world.state().services[&web].task_definition,
        good,
        "{:?}",
        ward.world.titles()
    );
    let told = ward.told("shop/web");
    assert_crash_loop(told.last().unwrap(), "", ", rolled back");
    let actions = ward.actions("shop/web");
    assert!(
        actions
            .last()
            .unwrap()
            .starts_with("Lamplighter rolled the service back to RC_1.1.0 (shop-web:2)"),
        "{actions:?}"
    );
    assert!(
        ward.last_why("shop/web")
            .contains("failed within 30 min in container web"),
        "{}",
        ward.last_why("shop/web")
    );
    // The image is quarantined, and people are notified of the recovery.
    let digest = e2e::testkit::releases::digest(12);
    assert!(
        ward.world.state().held[&web]
            .memory
            .releases
            .quarantined
            .contains_key(&digest)
    );
    ward.minutes(40);
    assert_eq!(ward.world.count("UpdateService"), before + 1);
    assert!(
        ward.told("shop/web")
            .last()
            .unwrap()
            .starts_with("2/2 tasks running since")
    );
}

#[test]
fn a_later_crash_loop_is_restarted_with_back_off_and_then_escalated() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.minutes(60);
    ward.set(&web, Conduct::Crashes);
    ward.minutes(60);
    assert_eq!(ward.world.count("UpdateService shop/web"), 3);
    let told = ward.told("shop/web");
    assert_crash_loop(&told[0], "", ", tasks restarted");
    assert_crash_loop(&told[1], "04:0", ", 3 steps failed");
    assert_eq!(told.len(), 2);
    let steps = ward.world.state().held[&web]
        .memory
        .health
        .healing
        .clone()
        .unwrap()
        .steps;
    let waits: Vec<i64> = steps
        .windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].at).as_mins())
        .collect();
    assert!(waits[0] >= 1 && waits[1] >= 2, "{waits:?}");
    let why = ward.last_why("shop/web");
    assert!(
        why.contains("Tried: ") && why.matches("restart the tasks").count() == 3,
        "{why}"
    );
    // Somebody fixes it.
    ward.set(&web, Conduct::Runs);
    ward.minutes(30);
    assert!(
        ward.told("shop/web")
            .last()
            .unwrap()
            .contains(" - recovered after ")
    );
    ward.minutes(60);
    assert_eq!(
        (
            ward.told("shop/web").len(),
            ward.world.count("UpdateService shop/web")
        ),
        (3, 3)
    );
}

#[test]
fn a_service_with_unhealthy_targets_gets_one_task_replaced_and_then_all() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.minutes(20);
    ward.fleet.hang(&web);
    ward.world.invoke(&Heal, alarm("ALARM")).unwrap().unwrap();
    assert_eq!(ward.world.count("StopTask"), 1);
    let told = ward.told("shop/web");
    assert!(
        told.len() == 1
            && told[0].starts_with("2/2 tasks running, 2 unhealthy since ")
            && told[0].ends_with(", 1 task replaced"),
        "{told:?}"
    );
    ward.minutes(15);
    assert_eq!(
        (
            ward.world.count("StopTask"),
            ward.world.count("UpdateService shop/web")
        ),
        (1, 1)
    );
    ward.minutes(20);
    assert!(
        ward.told("shop/web")[1].contains(" - recovered after "),
        "{:?}",
        ward.told("shop/web")
    );
    assert_eq!(ward.world.count("UpdateService shop/web"), 1);
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
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.minutes(20);
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf";
    let at = "2026-11-21T03:15:00Z".parse().unwrap();
    let change = CloudTrailEvent {
        at,
        call: "DeleteSecret".to_owned(),
        by: "mallory".to_owned(),
    };
    ward.world
        .state_mut()
        .changes
        .insert(secret.to_owned(), vec![change]);
    // The running tasks are replaced by tasks that can't start.
    ward.world.state_mut().tasks.clear();
    ward.set(&web, conduct);
    ward.minutes(60);
    assert_eq!(ward.world.count("UpdateService"), 0);
    let told = ward.told("shop/web");
    assert!(
        told.len() == 1 && told[0].contains(title) && told[0].contains(" since 03:"),
        "{told:?}"
    );
    assert!(
        ward.last_why("shop/web").contains(why),
        "{}",
        ward.last_why("shop/web")
    );
    assert_eq!(
        ward.world.state().notices[0].message.severity,
        Severity::Critical
    );
}

#[test]
fn memory_is_increased_once_if_the_tag_allows_it() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on memory=+25");
    give_memory(&ward, &web);
    ward.minutes(60);
    ward.fleet.set_revision(&web, Conduct::OutOfMemory);
    ward.minutes(10);
    let told = ward.told("shop/web");
    assert!(
        told.len() == 1
            && told[0].contains(" - out of memory")
            && told[0].ends_with(", memory increased"),
        "{told:?}"
    );
    let actions = ward.actions("shop/web");
    assert!(
        actions[0].ends_with("with more memory: 1024 MiB for the task."),
        "{actions:?}"
    );
    let why = ward.last_why("shop/web");
    assert!(why.contains("its memory limit is 512 MiB"), "{why}");
    let state = ward.world.state();
    let newest = state.definitions.last().unwrap();
    assert_eq!(
        (
            newest.document["memory"].as_str(),
            newest.family_and_revision()
        ),
        (Some("1024"), "shop-web:2")
    );
    drop(state);
    ward.minutes(40);
    assert!(
        ward.told("shop/web")[1].contains(" - recovered after "),
        "{:?}",
        ward.told("shop/web")
    );
    assert_eq!(ward.world.count("RegisterTaskDefinition"), 1);
    // The memory is not increased a second time.
    ward.fleet.set_revision(&web, Conduct::OutOfMemory);
    ward.minutes(60);
    assert_eq!(ward.world.count("RegisterTaskDefinition"), 1);
    assert!(ward.told("shop/web").last().unwrap().ends_with(" failed"));
}

fn give_memory(ward: &Ward, service: &Arn) {
    let mut state = ward.world.state_mut();
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
    let mut ward = Ward::new();
    let web = ward.service("web", 3, "on");
    give_memory(&ward, &web);
    ward.set(&web, Conduct::OutOfMemory);
    ward.minutes(1);
    ward.set(&web, Conduct::Runs);
    ward.minutes(30);
    assert_eq!(
        ward.told("shop/web"),
        ["3/3 tasks running - container web ran out of memory"]
    );
    assert_eq!(ward.world.count("UpdateService"), 0);
}

#[test]
fn an_incident_closes_when_people_scale_its_service_to_zero() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.set(&web, Conduct::Crashes);
    ward.minutes(30);
    let before = ward.told("shop/web").len();
    ward.world
        .state_mut()
        .services
        .get_mut(&web)
        .unwrap()
        .desired_count = 0;
    ward.minutes(30);
    let told = ward.told("shop/web");
    assert!(
        before > 0 && told[before..] == ["incident closed - the desired count is 0"],
        "{told:?}"
    );
}

#[test]
fn a_crash_loop_is_parked_if_the_tag_says_so_until_the_next_revision() {
    let mut ward = Ward::new();
    let web = ward.service("web", 6, "on crash=park");
    ward.tag(&web, "lamplighter:scale", "min=2 max=8");
    ward.minutes(60);
    ward.fleet.set_revision(&web, Conduct::Crashes);
    ward.minutes(40);
    assert_eq!(ward.world.state().services[&web].desired_count, 2);
    let told = ward.told("shop/web");
    assert_crash_loop(&told[0], "", ", parked at 2 tasks");
    assert_eq!(
        ward.world.count("UpdateService"),
        1,
        "{:?}",
        ward.world.titles()
    );
    ward.world.sweep(&scale::Scale).unwrap().unwrap();
    assert_eq!(ward.world.state().services[&web].desired_count, 2);
    release(&ward.world, &web, "RC_1.1.0", 11);
    ward.minutes(30);
    assert_eq!(
        ward.world.state().services[&web].desired_count,
        6,
        "{:?}",
        ward.world.titles()
    );
}

#[test]
fn tasks_run_on_demand_without_spot_capacity_and_return_after_an_hour() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on spot-fallback=yes");
    let spot = vec![CapacityShare {
        provider: "FARGATE_SPOT".to_owned(),
        weight: 1,
        base: 0,
    }];
    ward.world
        .state_mut()
        .services
        .get_mut(&web)
        .unwrap()
        .capacity = spot.clone();
    let said =
        "(service web) was unable to place a task. Reason: Capacity is unavailable at this time.";
    ward.minutes(10);
    ward.world
        .state_mut()
        .said
        .insert(web.clone(), vec![said.to_owned()]);
    ward.world.state_mut().tasks.get_mut(&web).unwrap().pop();
    ward.set(&web, Conduct::NoRoom);
    ward.minutes(15);
    assert_eq!(
        ward.world.state().services[&web].capacity[0].provider,
        "FARGATE"
    );
    let told = ward.told("shop/web");
    assert!(
        told.len() == 1
            && told[0].starts_with("1/2 tasks running since ")
            && told[0].ends_with(" - no capacity, moved to on-demand"),
        "{told:?}"
    );
    ward.set(&web, Conduct::Runs);
    ward.minutes(80);
    assert_eq!(
        ward.world.state().services[&web].capacity,
        spot,
        "{:?}",
        ward.told("shop/web")
    );
    assert_eq!(ward.world.count("UpdateService"), 2);
}

#[test]
fn a_capacity_shortage_is_notified_and_nothing_is_restarted() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.minutes(10);
    let said = "(service web) was unable to place a task because no container instance met all of its requirements.";
    ward.world
        .state_mut()
        .said
        .insert(web.clone(), vec![said.to_owned()]);
    ward.world.state_mut().tasks.clear();
    ward.set(&web, Conduct::NoRoom);
    ward.minutes(60);
    assert_eq!(
        (
            ward.world.count("UpdateService"),
            ward.told("shop/web").len()
        ),
        (0, 1)
    );
    assert!(
        ward.told("shop/web")[0].starts_with("0/2 tasks running since ")
            && ward.told("shop/web")[0].ends_with(" - no capacity"),
        "{:?}",
        ward.told("shop/web")
    );
    assert!(
        ward.last_why("shop/web")
            .contains("no container instance met")
    );
}

#[rstest]
#[case::notify("notify", 1)]
#[case::off("off", 0)]
#[case::unreadable("on crash=stop", 1)]
fn no_step_is_taken_that_the_tag_forbids(#[case] tag: &str, #[case] messages: usize) {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, tag);
    ward.set(&web, Conduct::Crashes);
    ward.minutes(60);
    assert_eq!(
        (
            ward.world.count("UpdateService"),
            ward.told("shop/web").len()
        ),
        (0, messages),
        "{:?}",
        ward.world.titles()
    );
}

#[test]
fn a_thousand_stopped_tasks_are_all_read() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    let revision = ward.world.state().services[&web].task_definition.clone();
    let now = ward.world.state().now;
    let old = (0..1_000).map(|n| Task {
        task: format!("arn:aws:ecs:eu-west-1:123456789012:task/shop/old{n}"),
        task_definition: revision.clone(),
        status: "STOPPED".to_owned(),
        stop_code: "ServiceSchedulerInitiated".to_owned(),
        reason: "Scaling activity initiated by (deployment ecs-svc/1)".to_owned(),
        stopped_at: Some(now),
        ..Task::default()
    });
    ward.world
        .state_mut()
        .tasks
        .entry(web.clone())
        .or_default()
        .extend(old);
    ward.world
        .state_mut()
        .tasks
        .get_mut(&web)
        .unwrap()
        .remove(0);
    ward.minutes(1);
    let one = Task {
        task: "t".to_owned(),
        stopped_at: Some(now),
        ..Task::default()
    };
    let before = ward.world.count("DescribeTasks");
    ward.world
        .invoke(&Heal, stopped(&web, &one))
        .unwrap()
        .unwrap();
    assert_eq!(ward.world.count("DescribeTasks") - before, 10);
    ward.minutes(30);
    assert_eq!(
        (ward.world.count("UpdateService"), ward.world.titles().len()),
        (0, 0)
    );
}

#[rstest]
#[case::throttled(Fault::Throttled)]
#[case::lost(Fault::AnswerLost)]
#[case::killed(Fault::Killed)]
fn a_step_whose_call_fails_is_taken_once(#[case] fault: Fault) {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on steps=1");
    ward.minutes(60);
    ward.set(&web, Conduct::Crashes);
    ward.world.fault("UpdateService", fault);
    ward.minutes_with(40, |events| events);
    // A step that did not take effect is retried.
    let calls = if fault == Fault::AnswerLost { 1 } else { 2 };
    assert_eq!(
        ward.world.count("UpdateService"),
        calls,
        "{:?}",
        ward.world.titles()
    );
    assert!(
        ward.told("shop/web").last().unwrap().ends_with(" failed"),
        "{:?}",
        ward.told("shop/web")
    );
}

#[test]
fn a_tracked_release_is_left_to_rollout() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    e2e::testkit::releases::push(&ward.world, "RC_1.1.0", 11);
    ward.fleet.set_revision(&web, Conduct::NoSecret);
    let deployed = ward.world.count("UpdateService");
    ward.minutes(10);
    ward.world.sweep(&Heal).unwrap().unwrap();
    assert_eq!(
        ward.world.count("UpdateService"),
        deployed,
        "{:?}",
        ward.world.titles()
    );
    assert!(
        ward.world.state().held[&web]
            .memory
            .releases
            .active_rollout
            .is_some()
    );
}

#[test]
fn observe_mode_notifies_once_what_heal_would_do() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.tag(&web, "lamplighter:managed", "observe");
    ward.minutes(30);
    ward.set(&web, Conduct::Crashes);
    ward.minutes(60);
    assert_eq!(
        (ward.world.count("UpdateService"), ward.told("shop/web")),
        (0, vec!["would restart the tasks".to_owned()])
    );
}

#[test]
fn an_event_of_a_locked_service_is_left_to_the_sweep() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.set(&web, Conduct::Crashes);
    ward.world.pass(SignedDuration::from_mins(1));
    ward.fleet.minute();
    let until = ward.world.state().now + SignedDuration::from_mins(1);
    ward.world
        .state_mut()
        .held
        .entry(web.clone())
        .or_default()
        .lease = Some(("deploy".to_owned(), until));
    let answer = ward
        .world
        .invoke(&Heal, ward.fleet.events[0].clone())
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
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    release(&ward.world, &web, "RC_1.1.0", 11);
    ward.minutes(60);
    release(&ward.world, &web, "RC_1.2.0", 12);
    ward.set(&web, Conduct::Crashes);
    ward.minutes(120);
    let told = ward.told("shop/web");
    assert!(
        told.iter().any(|title| title.ends_with(", rolled back")),
        "{told:?}"
    );
    let actions = ward.actions("shop/web");
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
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    release(&ward.world, &web, "RC_1.1.0", 11);
    ward.minutes(30);
    release(&ward.world, &web, "RC_1.2.0", 12);
    ward.set(&web, Conduct::NoSecret);
    ward.world.state_mut().tasks.clear();
    ward.minutes(60);
    let told = ward.told("shop/web");
    assert!(
        told.last()
            .unwrap()
            .contains(" - required resource missing"),
        "{told:?}"
    );
    assert!(
        ward.world.state().held[&web]
            .memory
            .releases
            .quarantined
            .is_empty()
    );
}

/// The hook of a canary leaves its verdict in the target state.
#[test]
fn a_pending_verdict_does_not_prevent_healing() {
    let mut ward = Ward::new();
    let web = ward.service("web", 2, "on");
    ward.minutes(30);
    let judging = json!({"deployment": "d", "execution": null, "since": null, "step": "PRE_SCALE_UP",
                         "step_since": "2026-11-21T03:00:00Z", "failed": false, "probe_streak": serde_json::to_value(lamplighter::state::ProbeStreak::default()).unwrap()});
    ward.world
        .state_mut()
        .held
        .entry(web.clone())
        .or_default()
        .memory
        .releases
        .pending_verdict = serde_json::from_value(judging).unwrap();
    ward.set(&web, Conduct::Crashes);
    ward.minutes(20);
    assert!(ward.world.count("UpdateService shop/web") >= 1);
}

/// The cause of the crash loop is gone, without another revision.
#[test]
fn a_healthy_parked_service_gets_its_desired_count_back() {
    let mut ward = Ward::new();
    let web = ward.service("web", 6, "on crash=park");
    ward.minutes(60);
    ward.set(&web, Conduct::Crashes);
    ward.minutes(20);
    assert_eq!(ward.world.state().services[&web].desired_count, 1);
    ward.set(&web, Conduct::Runs);
    ward.minutes(40);
    assert_eq!(
        ward.world.state().services[&web].desired_count,
        6,
        "{:?}",
        ward.told("shop/web")
    );
    assert!(
        ward.told("shop/web")
            .iter()
            .any(|title| title.contains(" - recovered after ")),
        "{:?}",
        ward.told("shop/web")
    );
}

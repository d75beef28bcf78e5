//! The real `deploy` and `rollout`, in a simulated world: a bad release goes back to the last good one, and stays away.

use e2e::testkit::releases::{MINUTE, VERIFIED, digest, minutes, push, release, runs};
use e2e::testkit::world::{Fault, World};
use lamplighter::model::{AlarmState, AlarmTopics, ExistingAlarm};
use lamplighter::notify::Severity;
use proptest::prelude::*;
use rollout::Rollout;
use rstest::rstest;
use serde_json::json;

#[test]
fn a_completed_release_is_verified_and_notified() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    let titles = world.titles();
    assert_eq!(
        titles.last().unwrap(),
        "RC_1.1.0 verified: 2 tasks running after 3 min"
    );
    let verified = world.state().held[&web].memory.releases.verified.clone();
    assert_eq!(
        (verified.len(), verified[0].digest.clone()),
        (1, digest(11))
    );
    assert_eq!(
        verified[0].revision,
        world.state().services[&web].task_definition
    );
    // Nothing is followed any more, and a sweep costs one call to the ledger.
    minutes(&world, 1);
    let calls = world.state().calls.len();
    world.sweep(&Rollout).unwrap().unwrap();
    assert_eq!(world.state().calls[calls..], ["Watched all".to_owned()]);
}

#[test]
fn a_circuit_breaker_rollback_is_notified_and_quarantines_the_image() {
    let world = World::new();
    let web = world.web();
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 3);
    let said = "(service web) (port 80) is unhealthy in (target-group t) due to (reason Health checks failed).";
    world.state_mut().said.insert(
        web.clone(),
        vec![
            said.to_owned(),
            "(service web) has started 1 tasks.".to_owned(),
        ],
    );
    world.state_mut().roll_back(&web);
    minutes(&world, 2);
    let titles = world.titles();
    assert_eq!(
        titles[1..],
        ["RC_1.1.0 rejected after 4 min, rolled back to shop-web:1".to_owned()]
    );
    let why = world.state().notices[1].message.why.clone();
    assert!(
        why.contains("fail the health check of the load balancer") && why.contains(said),
        "{why}"
    );
    assert!(!why.contains("has started"), "{why}");
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 20);
    assert!(runs(&world, &web, "RC_1.0.0") || world.image_of(&web).ends_with("RC_1.0.0"));
    assert_eq!(
        (world.count("RegisterTaskDefinition"), world.titles().len()),
        (1, 2)
    );
    // A new image is another matter.
    release(&world, &web, "RC_1.1.1", 12);
    assert!(runs(&world, &web, "RC_1.1.1"));
}

#[test]
fn a_hanging_release_is_rolled_back_after_its_deadline() {
    let world = World::new();
    let web = world.service(
        "web",
        "shop/web",
        "RC_1.0.0",
        "tag=RC_x.x.x repo=shop/web deadline=10m",
    );
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 9);
    assert!(runs(&world, &web, "RC_1.2.0"));
    minutes(&world, 2);
    assert!(runs(&world, &web, "RC_1.1.0"));
    let titles = world.titles();
    assert_eq!(
        titles.last().unwrap(),
        "RC_1.2.0 rejected after 10 min, rolling back to RC_1.1.0 - deadline"
    );
    minutes(&world, 30);
    assert!(runs(&world, &web, "RC_1.1.0"));
    assert_eq!(world.titles().len(), titles.len());
}

/// ECS takes a deployment back to where it began.
#[test]
fn ecs_rolls_a_hanging_release_back() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 16);
    assert!(runs(&world, &web, "RC_1.1.0"));
    assert_eq!(
        (
            world.count("StopServiceDeployment"),
            world.count("UpdateService")
        ),
        (1, 2)
    );
}

/// That would be a release which was completed and failed its checks after that: so the service is updated.
#[test]
fn ecs_does_not_roll_back_to_a_rejected_revision() {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", VERIFIED);
    release(&world, &web, "RC_1.1.0", 11);
    minutes(&world, 3);
    world.state_mut().unwell = Some(|_| true);
    release(&world, &web, "RC_1.2.0", 12);
    minutes(&world, 3);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    push(&world, "RC_1.3.0", 13);
    minutes(&world, 17);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    assert_eq!(
        (
            world.count("StopServiceDeployment"),
            world.count("UpdateService")
        ),
        (0, 5)
    );
}

#[test]
fn after_two_rejected_releases_the_last_verified_one_runs() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    for (tag, content) in [("RC_1.2.0", 12), ("RC_1.3.0", 13)] {
        push(&world, tag, content);
        minutes(&world, 17);
        assert!(runs(&world, &web, "RC_1.1.0"), "{}", world.image_of(&web));
    }
    assert_eq!(
        world.state().held[&web].memory.releases.quarantined.len(),
        2
    );
}

#[test]
fn without_a_rollback_target_the_release_stays_with_one_critical_alert() {
    let world = World::new();
    let web = world.web();
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 60);
    assert!(runs(&world, &web, "RC_1.1.0"));
    let state = world.state();
    let critical: Vec<&str> = state
        .notices
        .iter()
        .filter(|notice| notice.message.severity == Severity::Critical)
        .map(|notice| notice.message.title.as_str())
        .collect();
    assert_eq!(
        critical,
        ["2/2 tasks running - RC_1.1.0 failed after 15 min, no rollback target"]
    );
}

#[rstest]
#[case::revision_deregistered(true)]
#[case::image_deleted(false)]
fn a_deleted_revision_or_image_is_no_rollback_target(#[case] deregistered: bool) {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    release(&world, &web, "RC_1.2.0", 12);
    if deregistered {
        let revision = world.state().services[&web].task_definition.clone();
        world.state_mut().inactive.insert(revision);
    } else {
        world.state_mut().purged.insert(digest(12));
        world
            .state_mut()
            .images
            .remove(&("shop/web".to_owned(), "RC_1.2.0".to_owned()));
    }
    push(&world, "RC_1.3.0", 13);
    minutes(&world, 17);
    assert!(
        world
            .titles()
            .iter()
            .any(|title| title.ends_with("rolling back to RC_1.1.0 - deadline"))
    );
    minutes(&world, 10);
    // A superseded tag never comes back by itself, though its image is still there.
    assert!(runs(&world, &web, "RC_1.1.0"), "{}", world.image_of(&web));
}

/// An alarm of the service that is on since now.
fn alarm(world: &World, kind: &str) {
    let name = format!("lamplighter/shop/web/{kind}");
    let mut state = world.state_mut();
    let alarm = ExistingAlarm {
        arn: format!("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}"),
        name: name.clone(),
        state: AlarmState::Alarm,
        state_since: Some(state.now),
        state_reason: "Threshold Crossed".into(),
        description: String::new(),
        actions: AlarmTopics::default(),
        alarm: None,
    };
    state.alarms.insert(name, alarm);
}

#[test]
fn an_alarm_within_the_bake_time_rolls_the_release_back() {
    let world = World::new();
    let web = world.service(
        "web",
        "shop/web",
        "RC_1.0.0",
        "tag=RC_x.x.x repo=shop/web bake=5m",
    );
    release(&world, &web, "RC_1.1.0", 11);
    assert_eq!(world.titles().len(), 1, "it bakes: {:?}", world.titles());
    minutes(&world, 6);
    assert!(
        world.titles()[1].contains("verified: "),
        "{:?}",
        world.titles()
    );
    release(&world, &web, "RC_1.2.0", 12);
    minutes(&world, 2);
    alarm(&world, "errors-5xx");
    minutes(&world, 2);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    let title = "RC_1.2.0 rejected after 6 min, rolling back to RC_1.1.0 - alarm";
    assert_eq!(world.titles().last().unwrap(), title);
    assert!(
        world
            .state()
            .notices
            .last()
            .unwrap()
            .message
            .why
            .contains("errors-5xx has been firing since")
    );
}

#[rstest]
#[case::on_before("errors-5xx", true, true)]
#[case::of_load("cpu-peak", false, false)]
fn an_unrelated_alarm_rolls_nothing_back(
    #[case] kind: &str,
    #[case] before: bool,
    #[case] is_named: bool,
) {
    let world = World::new();
    let web = world.service(
        "web",
        "shop/web",
        "RC_1.0.0",
        "tag=RC_x.x.x repo=shop/web bake=5m",
    );
    release(&world, &web, "RC_1.1.0", 11);
    minutes(&world, 6);
    if before {
        alarm(&world, kind);
        world.advance(MINUTE);
    }
    release(&world, &web, "RC_1.2.0", 12);
    if !before {
        alarm(&world, kind);
    }
    minutes(&world, 8);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:?}", world.titles());
    let why = world.state().notices.last().unwrap().message.why.clone();
    assert_eq!(
        why.contains("Already firing before the release, and so not counted against it"),
        is_named,
        "{why}"
    );
}

#[test]
fn three_passed_probes_in_a_row_verify_a_release() {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", VERIFIED);
    release(&world, &web, "RC_1.1.0", 11);
    assert_eq!(world.titles().len(), 1, "{:?}", world.titles());
    minutes(&world, 2);
    assert!(
        world.titles()[1].contains("verified: "),
        "{:?}",
        world.titles()
    );
    assert_eq!(world.count("Ask"), 3);
    minutes(&world, 5);
    assert_eq!(world.count("Ask"), 3);
}

#[test]
fn failed_probes_roll_a_release_back() {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", VERIFIED);
    release(&world, &web, "RC_1.1.0", 11);
    minutes(&world, 3);
    world.state_mut().unwell = Some(|_| true);
    release(&world, &web, "RC_1.2.0", 12);
    minutes(&world, 1);
    // What comes in one burst counts once.
    for _ in 0..5 {
        world.sweep(&Rollout).unwrap().unwrap();
    }
    assert!(runs(&world, &web, "RC_1.2.0"), "twice may be chance");
    minutes(&world, 1);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:?}", world.titles());
    let state = world.state();
    let told = &state.notices.last().unwrap().message;
    assert_eq!(
        told.title,
        "RC_1.2.0 rejected after 5 min, rolling back to RC_1.1.0 - failed probes"
    );
    assert!(
        told.why.ends_with(
            "3 probes in a row failed. Last failure: https://shop.example.com/health: HTTP 503."
        ),
        "{}",
        told.why
    );
    assert!(
        state.held[&web]
            .memory
            .releases
            .quarantined
            .contains_key(&digest(12))
    );
}

#[test]
fn a_release_with_mixed_probes_stays_and_is_notified_as_inconclusive() {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", VERIFIED);
    release(&world, &web, "RC_1.1.0", 11);
    minutes(&world, 3);
    world.state_mut().unwell = Some(|now| now.as_second() / 60 % 2 == 0);
    release(&world, &web, "RC_1.2.0", 12);
    minutes(&world, 12);
    assert!(runs(&world, &web, "RC_1.2.0"));
    let title = "RC_1.2.0 inconclusive: 5 of 10 probes passed";
    assert_eq!(world.titles().last().unwrap(), title);
    // It is nothing to go back to.
    assert_eq!(world.state().held[&web].memory.releases.verified.len(), 1);
}

#[test]
fn a_manual_rollout_meanwhile_is_left_alone() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 3);
    let by_hand = world.state_mut().register("shop-web", "shop/web:hotfix");
    world.state_mut().deploy(&web, &by_hand);
    world.state_mut().settle(&web);
    minutes(&world, 3);
    let updates = world.count("UpdateService");
    minutes(&world, 30);
    assert_eq!(
        (
            world.count("UpdateService"),
            world.state().services[&web].task_definition.clone()
        ),
        (updates, by_hand)
    );
}

#[test]
fn an_unmanaged_service_is_no_longer_tracked() {
    let world = World::new();
    let web = world.web();
    push(&world, "RC_1.1.0", 11);
    world.state_mut().tags.remove(&web);
    minutes(&world, 30);
    assert!(runs(&world, &web, "RC_1.1.0"));
    assert_eq!(
        world.sweep(&Rollout).unwrap().unwrap()["targets"][0]["reason"],
        "no rollout is active"
    );
}

/// The calls that a look at a rollout costs, and those that it costs to take one back.
#[test]
fn an_observation_takes_two_calls_and_a_rollback_ten() {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    let of_aws = |calls: &[String]| {
        let own = [
            "Watched",
            "Acquire",
            "Intend",
            "Conclude",
            "SendMessageBatch",
            "PutEvents",
            "GetItem",
        ];
        calls
            .iter()
            .filter(|call| !own.iter().any(|name| call.starts_with(name)))
            .count()
    };
    let sweep = |world: &World| {
        let before = world.state().calls.len();
        world.advance(MINUTE);
        world.sweep(&Rollout).unwrap().unwrap();
        of_aws(&world.state().calls[before..])
    };
    assert_eq!(sweep(&world), 2);
    world.advance(MINUTE * 15);
    let calls = sweep(&world);
    assert!(
        runs(&world, &web, "RC_1.1.0"),
        "in the first sweep after its deadline"
    );
    assert_eq!(calls, 12, "{:?}", world.state().calls);
}

#[test]
fn an_event_reports_the_result_before_the_sweep() {
    let world = World::new();
    let web = world.web();
    push(&world, "RC_1.1.0", 11);
    world.advance(MINUTE);
    world.state_mut().settle(&web);
    for name in ["ECS Deployment State Change", "ECS Service Action"] {
        let event = json!({
            "detail-type": name, "source": "aws.ecs", "region": "eu-west-1", "account": "123456789012",
            "resources": [web.as_str()], "detail": {"eventName": "SERVICE_DEPLOYMENT_COMPLETED", "deploymentId": "ecs-svc/1"},
        });
        world.invoke(&Rollout, event).unwrap().unwrap();
    }
    assert_eq!(world.titles().len(), 2);
}

#[rstest]
#[case::looking("DescribeServices")]
#[case::going_back("UpdateService")]
#[case::asking("BatchGetImage")]
#[case::journalling("Intend")]
#[case::telling("SendMessageBatch")]
#[case::concluding("Conclude")]
fn a_killed_function_is_completed_by_the_next_sweep(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let world = World::new();
    let web = world.web();
    release(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 14);
    world.inject_fault(call, fault);
    minutes(&world, 6);
    assert!(runs(&world, &web, "RC_1.1.0"), "{}", world.image_of(&web));
    let told = world
        .titles()
        .iter()
        .filter(|title| title.ends_with(" - deadline"))
        .count();
    assert!((1..=2).contains(&told), "{:?}", world.titles());
    assert!(
        world.state().held[&web]
            .memory
            .releases
            .quarantined
            .contains_key(&digest(12))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever releases do: a bad one does not stay past its deadline where a good one is known, a good one is never
    /// taken back, and everything settles.
    #[test]
    fn only_good_releases_stay(fates in prop::collection::vec(0_usize..3, 1..12), faults in prop::collection::vec(0_usize..12, 0..6)) {
        const CALLS: [&str; 4] = ["DescribeServices", "UpdateService", "Intend", "Conclude"];
        let world = World::new();
        let web = world.web();
        release(&world, &web, "RC_1.0.1", 1_000);
        let mut good = "RC_1.0.1".to_owned();
        let mut faults = faults.into_iter();
        for (n, fate) in fates.into_iter().enumerate() {
            let tag = format!("RC_1.{}.0", n + 1);
            push(&world, &tag, n as u64 + 1);
            if let Some(fault) = faults.next() {
                world.inject_fault(CALLS[fault % 4], [Fault::Killed, Fault::AnswerLost, Fault::Throttled][fault / 4]);
            }
            minutes(&world, 7);
            let is_on_it = runs(&world, &web, &tag);
            match fate {
                0 if is_on_it => { world.state_mut().settle(&web); good.clone_from(&tag); }
                1 if is_on_it => world.state_mut().roll_back(&web),
                _ => {}
            }
            minutes(&world, 30);
            // What goes back is a rollout as well, which ends.
            world.state_mut().settle(&web);
            minutes(&world, 2);
            prop_assert!(runs(&world, &web, &good), "{} after {} {}: {:?}", world.image_of(&web), tag, fate, world.titles());
        }
        world.state_mut().faults.clear();
        let updates = world.count("UpdateService");
        minutes(&world, 60);
        prop_assert_eq!(world.count("UpdateService"), updates);
    }
}

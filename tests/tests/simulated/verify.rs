//! The real `verify`, in a simulated world: a release that is worse is taken back from a share of the traffic.

use deploy::Deploy;
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use lamplighter::model::{
    Arn, Digest, ServiceDeployment, ServiceRevision, TargetGroup, TargetHealthCheck,
};
use lamplighter::state::ActiveRollback;
use rstest::rstest;
use serde_json::{Value, json};
use verify::Verify;

const DEPLOYMENT: &str = "arn:aws:ecs:eu-west-1:123456789012:service-deployment/shop/web/1";
const TAG: &str = "tag=RC_x.x.x repo=shop/web";

fn group(side: &str) -> String {
    format!(
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{side}/0123456789abcdef"
    )
}

fn revision(world: &World, web: &Arn, side: &str, weight: f64) -> ServiceRevision {
    let state = world.state();
    let definition = match side {
        "new" => state.services[web].task_definition.clone(),
        _ => state.definitions[0].arn().to_owned(),
    };
    ServiceRevision {
        arn: side.to_owned(),
        task_definition: definition,
        target_groups: vec![group(side)],
        weight: Some(weight),
    }
}

/// A service whose release RC_1.1.0 gets so many per cent of the traffic.
fn canary(tag: &str, weight: f64) -> (World, Arn) {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", tag);
    let event = world.push("shop/web", "RC_1.1.0", 11);
    world.invoke(&Deploy, event).unwrap().unwrap();
    shift(&world, &web, weight);
    for side in ["old", "new"] {
        let balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/fedcba9876543210";
        let group = TargetGroup {
            arn: group(side),
            load_balancers: vec![balancer.to_owned()],
            health_check: TargetHealthCheck::default(),
        };
        world
            .state_mut()
            .target_groups
            .insert(group.arn.clone(), group);
    }
    (world, web)
}

fn shift(world: &World, web: &Arn, weight: f64) {
    let deployment = ServiceDeployment {
        arn: DEPLOYMENT.to_owned(),
        status: "IN_PROGRESS".to_owned(),
        from: Some(revision(world, web, "old", 100.0 - weight)),
        to: revision(world, web, "new", weight),
        ..ServiceDeployment::default()
    };
    world
        .state_mut()
        .shifting
        .insert(DEPLOYMENT.to_owned(), deployment);
}

/// A minute of traffic: requests and errors with the old revision, and with the new one.
fn minute(world: &World, old: (f64, f64), new: (f64, f64)) {
    for (side, (requests, errors)) in [("old", old), ("new", new)] {
        let mut state = world.state_mut();
        let now = state.now;
        let traffic = state.traffic.entry(group(side)).or_default();
        traffic.requests.insert(now, requests);
        traffic.errors.insert(now, errors);
        traffic.answers.insert(now, requests);
    }
    world.advance(SignedDuration::from_mins(1));
}

fn call(stage: &str, weights: &Value) -> Value {
    json!({
        "executionId": "e1", "lifecycleStage": stage, "resourceArn": DEPLOYMENT,
        "executionDetails": {
            "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/shop/web", "targetServiceRevisionArn": "new",
            "testTrafficWeights": {}, "productionTrafficWeights": weights,
        },
    })
}

fn ask(world: &World, stage: &str) -> String {
    let weight = world.state().shifting[DEPLOYMENT].to.weight.unwrap();
    let weights = if stage.starts_with("PRODUCTION") {
        json!({"new": weight, "old": 100.0 - weight})
    } else {
        json!({})
    };
    let answer = world
        .invoke(&Verify, call(stage, &weights))
        .unwrap()
        .unwrap();
    answer["hookStatus"].as_str().unwrap().to_owned()
}

/// Asks every minute until it is answered, and says how, and after how many minutes.
fn until_answered(world: &World, old: (f64, f64), new: (f64, f64)) -> (String, u32) {
    for minutes in 1..30 {
        minute(world, old, new);
        let answer = ask(world, "PRODUCTION_TRAFFIC_SHIFT");
        if answer != "IN_PROGRESS" {
            return (answer, minutes);
        }
    }
    panic!("it is never answered: {:?}", world.state().journal.last())
}

fn last_why(world: &World) -> String {
    world.state().notices.last().unwrap().message.why.clone()
}

#[test]
fn more_errors_roll_the_release_back_and_quarantine_it() {
    let (world, web) = canary(TAG, 5.0);
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    let (answer, minutes) = until_answered(&world, (1_140.0, 1.0), (60.0, 6.0));
    assert_eq!(
        (answer.as_str(), minutes <= 4),
        ("FAILED", true),
        "{minutes}"
    );
    let title = "RC_1.1.0 rejected at 5 % of traffic, rolling back - more errors";
    assert_eq!(world.titles().last().unwrap(), title);
    assert!(
        last_why(&world).contains("requests (10.0 %) failed with the new revision"),
        "{}",
        last_why(&world)
    );
    let memory = world.state().held[&web].memory.clone();
    assert!(
        memory
            .releases
            .quarantined
            .contains_key(&Digest::new(format!("sha256:{:064x}", 11)))
    );
    assert!(
        memory.releases.active_rollout.is_none(),
        "`rollout` has nothing to add"
    );
    // While ECS goes back it asks again, and nothing may stand in its way.
    shift(&world, &web, 0.0);
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "SUCCEEDED");
}

#[test]
fn a_release_that_is_no_worse_proceeds_step_by_step() {
    let (world, web) = canary(TAG, 5.0);
    let (answer, minutes) = until_answered(&world, (1_140.0, 1.0), (60.0, 0.0));
    assert_eq!(
        (answer.as_str(), minutes <= 7),
        ("SUCCEEDED", true),
        "{minutes}"
    );
    // The next step is judged by its own minutes.
    shift(&world, &web, 50.0);
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    assert_eq!(
        until_answered(&world, (600.0, 1.0), (600.0, 1.0)).0,
        "SUCCEEDED"
    );
    assert_eq!(ask(&world, "POST_PRODUCTION_TRAFFIC_SHIFT"), "SUCCEEDED");
    assert_eq!(world.titles().len(), 1, "{:?}", world.titles());
}

/// The calls that a question costs; task definitions and target groups are remembered by a function that stays warm.
#[test]
fn the_first_hook_takes_seven_calls() {
    let (world, _) = canary(TAG, 5.0);
    let before = world.state().calls.len();
    ask(&world, "PRODUCTION_TRAFFIC_SHIFT");
    let calls: Vec<String> = world.state().calls[before..]
        .iter()
        .map(|c| c.split(' ').next().unwrap().to_owned())
        .collect();
    let expected = [
        "DescribeServices",
        "GetItem",
        "Acquire",
        "DescribeServiceDeployments",
        "DescribeServiceRevisions",
        "DescribeTaskDefinition",
        "DescribeTaskDefinition",
        "DescribeTargetGroups",
        "GetMetricData",
        "Conclude",
    ];
    assert_eq!(calls, expected);
}

/// What is bad for both is not the new one's fault.
#[test]
fn an_outage_of_both_revisions_rolls_nothing_back() {
    let (world, _) = canary(TAG, 5.0);
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    let (answer, _) = until_answered(&world, (1_140.0, 456.0), (60.0, 24.0));
    assert_eq!(answer, "SUCCEEDED", "by policy, as nobody can say");
    assert!(
        world
            .titles()
            .last()
            .unwrap()
            .ends_with(" - not enough evidence"),
        "{:?}",
        world.titles()
    );
}

#[rstest]
#[case::kept(
    TAG,
    "SUCCEEDED",
    "RC_1.1.0 inconclusive at 5 % of traffic - not enough evidence"
)]
#[case::taken_back(
    "tag=RC_x.x.x repo=shop/web inconclusive=rollback",
    "FAILED",
    "RC_1.1.0 inconclusive at 5 % of traffic, rolling back - not enough evidence"
)]
fn too_few_requests_are_notified_as_inconclusive(
    #[case] tag: &str,
    #[case] expected: &str,
    #[case] title: &str,
) {
    let (world, _) = canary(tag, 5.0);
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    let (answer, minutes) = until_answered(&world, (28.0, 0.0), (2.0, 0.0));
    assert_eq!((answer.as_str(), minutes), (expected, 10));
    assert_eq!(world.titles().last().unwrap(), title);
    assert!(
        last_why(&world).contains("At this rate, steps longer by about"),
        "{}",
        last_why(&world)
    );
}

#[test]
fn a_slower_release_is_rolled_back() {
    let (world, _) = canary(
        "tag=RC_x.x.x repo=shop/web bake=30m inconclusive=rollback",
        50.0,
    );
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    let mut answer = String::new();
    for n in 0..20 {
        for (side, p90) in [("old", 0.2), ("new", 0.5)] {
            let now = world.state().now;
            world
                .state_mut()
                .traffic
                .entry(group(side))
                .or_default()
                .p90
                .insert(now, p90);
        }
        // So high a rate of errors that it settles nothing.
        minute(&world, (40.0, 12.0), (40.0, 12.0));
        answer = ask(&world, "PRODUCTION_TRAFFIC_SHIFT");
        if answer != "IN_PROGRESS" {
            assert!(n >= 9, "{n}");
            break;
        }
    }
    assert_eq!(answer, "FAILED");
    assert!(
        world
            .titles()
            .last()
            .unwrap()
            .ends_with(" - higher latency"),
        "{:?}",
        world.titles()
    );
}

const TESTED: &str = "tag=RC_x.x.x repo=shop/web verify-test=https://test.example.com/health";

#[rstest]
#[case::well(false, "SUCCEEDED")]
#[case::unwell(true, "FAILED")]
fn the_test_listener_is_probed_before_production_traffic_shifts(
    #[case] unwell: bool,
    #[case] expected: &str,
) {
    let (world, _) = canary(TESTED, 0.0);
    if unwell {
        world.state_mut().unwell = Some(|_| true);
    }
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(ask(&world, "POST_TEST_TRAFFIC_SHIFT"));
        world.advance(SignedDuration::from_secs(15));
    }
    assert_eq!(answers, ["IN_PROGRESS", "IN_PROGRESS", expected]);
    assert_eq!(world.count("Ask https://test.example.com/health"), 3);
}

/// Where real requests are few, the test listener is asked for more of them.
#[test]
fn low_traffic_is_complemented_by_test_requests() {
    let (world, _) = canary(TESTED, 5.0);
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    minute(&world, (28.0, 0.0), (2.0, 0.0));
    minute(&world, (28.0, 0.0), (2.0, 0.0));
    let before = world.count("Ask");
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    assert_eq!(world.count("Ask") - before, 5);
    for _ in 0..3 {
        minute(&world, (1_140.0, 0.0), (60.0, 0.0));
    }
    let before = world.count("Ask");
    ask(&world, "PRODUCTION_TRAFFIC_SHIFT");
    assert_eq!(world.count("Ask"), before);
}

#[test]
fn a_quarantined_image_is_rejected_however_it_is_deployed() {
    let (world, web) = canary(TAG, 5.0);
    ask(&world, "PRODUCTION_TRAFFIC_SHIFT");
    until_answered(&world, (1_140.0, 1.0), (60.0, 6.0));
    // Somebody deploys the same digest by hand: another deployment.
    world
        .state_mut()
        .held
        .get_mut(&web)
        .unwrap()
        .memory
        .releases
        .pending_verdict = None;
    shift(&world, &web, 0.0);
    for stage in ["PRE_SCALE_UP", "PRE_SCALE_UP"] {
        assert_eq!(ask(&world, stage), "FAILED");
    }
    let refused = "RC_1.1.0 rejected, rolling back - quarantined image";
    assert_eq!(
        world
            .titles()
            .iter()
            .filter(|title| *title == refused)
            .count(),
        1
    );
}

#[rstest]
#[case::throttled(Fault::Throttled)]
#[case::no_answer(Fault::AnswerLost)]
fn the_response_is_valid_whatever_fails(
    #[case] fault: Fault,
    #[values(
        "DescribeServices",
        "Acquire",
        "DescribeServiceDeployments",
        "GetMetricData",
        "Conclude"
    )]
    name: &'static str,
) {
    let (world, _) = canary(TAG, 5.0);
    world.inject_fault(name, fault);
    let answer = world.invoke(
        &Verify,
        call("PRODUCTION_TRAFFIC_SHIFT", &json!({"new": 5, "old": 95})),
    );
    let answer = answer.unwrap().unwrap();
    assert_eq!(answer["hookStatus"], "IN_PROGRESS", "{name}");
    assert!(answer["callBackDelay"].as_u64().is_some(), "{answer}");
}

#[rstest]
#[case::unreadable(json!({"executionDetails": 7}))]
#[case::nothing(json!({}))]
#[case::a_service_that_is_gone(json!({"serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/shop/gone", "targetServiceRevisionArn": "r"}))]
fn an_unverifiable_deployment_proceeds(#[case] payload: Value) {
    let (world, _) = canary(TAG, 5.0);
    assert_eq!(
        world.invoke(&Verify, payload).unwrap().unwrap(),
        json!({"hookStatus": "SUCCEEDED"})
    );
}

#[rstest]
#[case::not_managed("lamplighter:managed", None)]
#[case::paused("lamplighter:managed", Some("paused"))]
#[case::observed("lamplighter:managed", Some("observe"))]
#[case::misspelt("lamplighter:deploy", Some("tga=RC_x.x.x"))]
fn a_service_without_verification_proceeds(#[case] key: &str, #[case] value: Option<&str>) {
    let (world, web) = canary(TAG, 5.0);
    ask(&world, "PRODUCTION_TRAFFIC_SHIFT");
    {
        let mut state = world.state_mut();
        let tags = state.tags.get_mut(&web).unwrap();
        tags.remove(key);
        tags.extend(value.map(|value| (key.to_owned(), value.to_owned())));
    }
    for _ in 0..5 {
        minute(&world, (1_140.0, 1.0), (60.0, 60.0));
    }
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "SUCCEEDED");
}

/// A function that is killed answers nothing, and ECS takes the deployment back; one that was killed before answers the next.
#[test]
fn the_lease_of_a_killed_function_is_waited_for() {
    let (world, _) = canary(TAG, 5.0);
    world.inject_fault("GetMetricData", Fault::Killed);

    assert!(
        world
            .invoke(
                &Verify,
                call("PRODUCTION_TRAFFIC_SHIFT", &json!({"new": 5, "old": 95}))
            )
            .is_none()
    );
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
}

/// A release that failed is taken back by a deployment of its own where that is all there is: it is nobody's release.
#[test]
fn a_rollback_is_not_verified() {
    let (world, web) = canary(TAG, 5.0);
    let to = revision(&world, &web, "old", 0.0).task_definition;
    let at = world.state().now;
    {
        let mut state = world.state_mut();
        state
            .held
            .get_mut(&web)
            .unwrap()
            .memory
            .releases
            .active_rollback = Some(ActiveRollback {
            to: Some(to.clone()),
            at,
        });
        let deployment = state.shifting.get_mut(DEPLOYMENT).unwrap();
        std::mem::swap(&mut deployment.to, deployment.from.as_mut().unwrap());
        deployment.to.weight = Some(5.0);
    }
    for _ in 0..5 {
        minute(&world, (1_140.0, 1.0), (60.0, 60.0));
    }
    let answer = world.invoke(
        &Verify,
        call("PRODUCTION_TRAFFIC_SHIFT", &json!({"new": 95, "old": 5})),
    );
    assert_eq!(answer.unwrap().unwrap()["hookStatus"], "SUCCEEDED");
    assert!(
        world.state().held[&web]
            .memory
            .releases
            .quarantined
            .is_empty()
    );
}

/// Its tasks take requests and never answer.
#[test]
fn an_unresponsive_release_is_rolled_back_without_any_error() {
    let (world, _) = canary(TAG, 5.0);
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    let mut answer = String::new();
    for _ in 0..5 {
        minute(&world, (1_140.0, 1.0), (20.0, 0.0));
        let last = world.state().now - SignedDuration::from_mins(1);
        world
            .state_mut()
            .traffic
            .get_mut(&group("new"))
            .unwrap()
            .answers
            .insert(last, 2.0);
        answer = ask(&world, "PRODUCTION_TRAFFIC_SHIFT");
        if answer != "IN_PROGRESS" {
            break;
        }
    }
    assert_eq!(answer, "FAILED");
    assert!(
        world.titles().last().unwrap().ends_with(" - no responses"),
        "{:?}",
        world.titles()
    );
}

/// The image is the one that ran before: whatever else was changed is to blame.
#[test]
fn an_image_that_ran_before_is_not_quarantined() {
    let (world, web) = canary(TAG, 5.0);
    let image = world.image_of(&web);
    let other = world.state_mut().register("shop-web", &image);
    world
        .state_mut()
        .shifting
        .get_mut(DEPLOYMENT)
        .unwrap()
        .from
        .as_mut()
        .unwrap()
        .task_definition = other;
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    assert_eq!(
        until_answered(&world, (1_140.0, 1.0), (60.0, 6.0)).0,
        "FAILED"
    );
    assert!(
        world
            .titles()
            .last()
            .unwrap()
            .starts_with("new revision rejected at 5 % of traffic"),
        "{:?}",
        world.titles()
    );
    assert!(
        world.state().held[&web]
            .memory
            .releases
            .quarantined
            .is_empty()
    );
}

/// A secret was rotated: the tasks are started anew with what they run.
#[test]
fn a_restart_is_not_verified() {
    let (world, web) = canary(TAG, 5.0);
    let definition = world.state().services[&web].task_definition.clone();
    world
        .state_mut()
        .shifting
        .get_mut(DEPLOYMENT)
        .unwrap()
        .from
        .as_mut()
        .unwrap()
        .task_definition = definition;
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "SUCCEEDED");
}

#[rstest]
#[case::kept(TAG, "SUCCEEDED")]
#[case::taken_back("tag=RC_x.x.x repo=shop/web inconclusive=rollback", "FAILED")]
fn a_missing_comparison_is_notified(#[case] tag: &str, #[case] expected: &str) {
    let (world, _) = canary(tag, 5.0);
    world.state_mut().shifting.get_mut(DEPLOYMENT).unwrap().from = None;
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), expected);
    assert!(
        world.titles().last().unwrap().ends_with(" - no comparison"),
        "{:?}",
        world.titles()
    );
}

/// While everything is paused, ECS goes on with a canary, and a verdict still stops a bad one.
#[test]
fn a_bad_release_is_stopped_while_everything_is_paused() {
    let (world, _) = canary(TAG, 5.0);
    let pause = json!({"command": "pause", "everything": true, "reason": "database migration"});
    e2e::testkit::requests::request(&world, &pause);
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    let (answer, _) = until_answered(&world, (1_140.0, 1.0), (60.0, 6.0));
    assert_eq!(answer, "FAILED");
}

/// The rejection of another image says nothing about a canary.
#[test]
fn the_rejection_of_another_image_does_not_stop_a_canary() {
    let (world, _) = canary(TAG, 5.0);
    let _ = world.push("shop/web", "RC_0.9.0", 9);
    assert_eq!(ask(&world, "PRODUCTION_TRAFFIC_SHIFT"), "IN_PROGRESS");
    let reject =
        json!({"command": "reject", "target": "shop/web", "image": "RC_0.9.0", "reason": "x"});
    e2e::testkit::requests::request(&world, &reject);
    let (answer, _) = until_answered(&world, (1_140.0, 1.0), (60.0, 0.0));
    assert_eq!(answer, "SUCCEEDED");
}

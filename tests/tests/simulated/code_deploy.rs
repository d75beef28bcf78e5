//! The real `deploy`, `rollout` and `verify` with services that CodeDeploy deploys, in a simulated world.

use deploy::Deploy;
use e2e::testkit::world::Deployed;
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use lamplighter::model::{Arn, Digest};
use lamplighter::policy::{LifecycleHook, StackDefaults};
use rollout::Rollout;
use rstest::rstest;
use serde_json::{Value, json};
use verify::Verify;

const TAG: &str = "tag=RC_x.x.x repo=shop/web";
const TESTED: &str = "tag=RC_x.x.x repo=shop/web verify-test=https://test.example.com/health";

fn web(tag: &str) -> (World, Arn) {
    let world = World::new();
    let web = world.service("web", "shop/web", "RC_1.0.0", tag);
    world.by_code_deploy(&web);
    (world, web)
}

fn push(world: &World, tag: &str, content: u64) {
    let hook = Some(LifecycleHook {
        function: "verify".into(),
        role: "role".into(),
    });
    let event = world.push("shop/web", tag, content);
    let _ = world.invoke_with(
        &Deploy,
        event,
        StackDefaults {
            hook,
            ..StackDefaults::default()
        },
    );
}

fn minutes(world: &World, minutes: usize) {
    for minute in 0..minutes {
        world.advance(SignedDuration::from_mins(1));
        let _ = world.sweep(&Rollout);
        let _ = world.sweep(&Verify);
        if minute % 5 == 0 {
            let _ = world.sweep(&Deploy);
        }
    }
}

fn newest(world: &World) -> Deployed {
    world.state().newest_code_deployment()
}

/// The newest deployment ends so.
fn ends(world: &World, how: &str) {
    let id = newest(world).deployment.id;
    world.state_mut().moves_on(&id, how);
}

fn release(world: &World, tag: &str, content: u64) {
    push(world, tag, content);
    minutes(world, 3);
    ends(world, "Succeeded");
    minutes(world, 2);
}

fn digest(content: u64) -> Digest {
    Digest::new(format!("sha256:{content:064x}"))
}

#[test]
fn a_release_goes_through_code_deploy_one_at_a_time_and_the_newest_waits() {
    let (world, web) = web(TAG);
    push(&world, "RC_1.1.0", 11);
    assert_eq!(
        (
            world.count("CreateDeployment"),
            world.count("UpdateService")
        ),
        (1, 0)
    );
    assert!(newest(&world).ask.is_none(), "there is nothing to be asked");
    for (tag, content) in [("RC_1.2.0", 12), ("RC_1.3.0", 13)] {
        push(&world, tag, content);
    }
    minutes(&world, 6);
    assert_eq!(world.count("CreateDeployment"), 1);
    ends(&world, "Succeeded");
    minutes(&world, 2);
    assert!(
        world
            .titles()
            .iter()
            .any(|title| title.starts_with("RC_1.1.0") && title.contains("verified: "))
    );
    minutes(&world, 6);
    assert_eq!(
        (
            world.count("CreateDeployment"),
            world.count("RegisterTaskDefinition")
        ),
        (2, 2)
    );
    ends(&world, "Succeeded");
    minutes(&world, 2);
    assert!(
        world.image_of(&web).contains("RC_1.3.0"),
        "{}",
        world.image_of(&web)
    );
}

#[test]
fn a_rollback_by_code_deploy_is_notified_and_quarantines_the_image() {
    let (world, web) = web(TAG);
    release(&world, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 2);
    let id = newest(&world).deployment.id;
    let said = "The deployment failed because an alarm was on.".to_owned();
    world
        .state_mut()
        .code_deployments
        .get_mut(&id)
        .unwrap()
        .deployment
        .error = said;
    ends(&world, "Failed");
    minutes(&world, 2);
    let last = world.state().notices.last().unwrap().message.clone();
    assert_eq!(
        last.title,
        "RC_1.2.0 rejected after 3 min, rolled back to shop-web:2"
    );
    assert!(last.why.contains("an alarm was on"), "{}", last.why);
    minutes(&world, 20);
    assert_eq!(world.count("CreateDeployment"), 2);
    assert!(world.image_of(&web).contains("RC_1.1.0"));
}

#[test]
fn a_hanging_release_is_stopped_and_rolled_back_by_code_deploy() {
    let (world, web) = web(TAG);
    release(&world, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    minutes(&world, 14);
    assert_eq!(world.count("StopDeployment"), 0);
    minutes(&world, 3);
    assert_eq!(
        (
            world.count("StopDeployment"),
            world.count("CreateDeployment")
        ),
        (1, 2)
    );
    let title = "RC_1.2.0 rejected after 15 min, rolling back to RC_1.1.0 - deadline";
    assert_eq!(world.titles().last().unwrap(), title);
    minutes(&world, 20);
    assert_eq!(world.count("CreateDeployment"), 2);
    assert!(world.image_of(&web).contains("RC_1.1.0"));
}

/// What is completed and fails its check goes back by a deployment of its own.
#[test]
fn failed_probes_roll_a_release_back_through_code_deploy() {
    let (world, web) = web("tag=RC_x.x.x repo=shop/web verify=https://shop.example.com/health");
    release(&world, "RC_1.1.0", 11);
    minutes(&world, 3);
    world.state_mut().unwell = Some(|_| true);
    release(&world, "RC_1.2.0", 12);
    minutes(&world, 3);
    let back = newest(&world);
    assert_eq!(world.count("CreateDeployment"), 3);
    assert_eq!(back.revision, world.state().definitions[1].arn());
    ends(&world, "Succeeded");
    minutes(&world, 10);
    assert!(world.image_of(&web).contains("RC_1.1.0"));
    assert_eq!(world.count("CreateDeployment"), 3);
}

#[test]
fn an_event_reports_the_result_before_the_sweep() {
    let (world, _) = web(TAG);
    push(&world, "RC_1.1.0", 11);
    world.advance(SignedDuration::from_mins(3));
    ends(&world, "Succeeded");
    let event = |id: &str| {
        json!({
            "detail-type": "CodeDeploy Deployment State-change Notification", "source": "aws.codedeploy", "id": "e1",
            "resources": ["arn:aws:codedeploy:eu-west-1:123456789012:application:shop"],
            "detail": {"application": "shop", "deploymentGroup": "web", "deploymentId": id, "state": "SUCCESS"},
        })
    };
    let other = world.invoke(&Rollout, event("d-other")).unwrap().unwrap();
    assert!(
        other["targets"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("d-other"),
        "{other}"
    );
    world
        .invoke(&Rollout, event(&newest(&world).deployment.id))
        .unwrap()
        .unwrap();
    assert!(
        world.titles().last().unwrap().contains("verified: "),
        "{:?}",
        world.titles()
    );
}

/// The newest deployment asks at a lifecycle event, as CodeDeploy does.
fn asks(world: &World, stage: &str) -> Option<Result<Value, lamplighter::Error>> {
    ends(world, stage);
    let id = newest(world).deployment.id;
    world.invoke(
        &Verify,
        json!({"DeploymentId": id, "LifecycleEventHookExecutionId": format!("x-{stage}")}),
    )
}

#[rstest]
#[case::well(false, true)]
#[case::unwell(true, false)]
fn the_test_listener_is_probed_and_the_hook_answered_by_a_call(
    #[case] unwell: bool,
    #[case] passed: bool,
) {
    let (world, web) = web(TESTED);
    release(&world, "RC_1.1.0", 11);
    if unwell {
        world.state_mut().unwell = Some(|_| true);
    }
    push(&world, "RC_1.2.0", 12);
    assert_eq!(newest(&world).ask.as_deref(), Some("verify"));
    asks(&world, "AfterAllowTestTraffic").unwrap().unwrap();
    assert!(newest(&world).answers.is_empty());
    minutes(&world, 4);
    assert_eq!(newest(&world).answers, [passed]);
    assert_eq!(
        world.state().held[&web].memory.releases.pending_verdict,
        None,
        "nothing is waited for any more"
    );
    assert_eq!(
        world.state().held[&web]
            .memory
            .releases
            .quarantined
            .contains_key(&digest(12)),
        unwell
    );
    let calls = world.count("ListDeploymentTargets");
    minutes(&world, 2);
    assert_eq!(world.count("ListDeploymentTargets"), calls);
}

/// A service that is deleted while CodeDeploy waits is watched no more.
#[test]
fn a_deleted_service_leaves_the_watch_list() {
    let (world, web) = web(TESTED);
    push(&world, "RC_1.1.0", 11);
    asks(&world, "AfterAllowTestTraffic").unwrap().unwrap();
    world.state_mut().services.remove(&web);
    for _ in 0..3 {
        world.advance(SignedDuration::from_mins(1));
        world.sweep(&Verify).unwrap().unwrap();
    }
    assert_eq!(newest(&world).answers, [true]);
    let idle = world.sweep(&Verify).unwrap().unwrap();
    assert_eq!(idle["targets"][0]["reason"], "no hook waits for an answer");
}

/// The verdict is remembered, whatever becomes of the call.
#[test]
fn a_rejection_stands_although_the_first_call_is_lost() {
    let (world, web) = web(TESTED);
    release(&world, "RC_1.1.0", 11);
    world.state_mut().unwell = Some(|_| true);
    push(&world, "RC_1.2.0", 12);
    asks(&world, "AfterAllowTestTraffic").unwrap().unwrap();
    minutes(&world, 1);
    world.inject_fault("PutLifecycleEventHookExecutionStatus", Fault::Throttled);
    minutes(&world, 5);
    assert_eq!(newest(&world).answers, [false]);
    assert!(
        world.state().held[&web]
            .memory
            .releases
            .quarantined
            .contains_key(&digest(12))
    );
    let told = world
        .titles()
        .iter()
        .filter(|title| title.contains("failed probes"))
        .count();
    assert_eq!(told, 1, "{:?}", world.titles());
}

#[rstest]
#[case::not_managed("lamplighter:managed", None)]
#[case::paused("lamplighter:managed", Some("paused"))]
#[case::observed("lamplighter:managed", Some("observe"))]
#[case::misspelt("lamplighter:deploy", Some("tga=RC_x.x.x"))]
#[case::untagged("lamplighter:deploy", None)]
fn an_open_hook_is_answered_whatever_the_tags_say(#[case] key: &str, #[case] value: Option<&str>) {
    let (world, web) = web(TESTED);
    push(&world, "RC_1.1.0", 11);
    world.state_mut().unwell = Some(|_| true);
    {
        let mut state = world.state_mut();
        let tags = state.tags.get_mut(&web).unwrap();
        tags.remove(key);
        tags.extend(value.map(|value| (key.to_owned(), value.to_owned())));
    }
    let _ = asks(&world, "AfterAllowTestTraffic");
    minutes(&world, 2);
    assert_eq!(newest(&world).answers, [true]);
}

#[rstest]
fn a_hook_is_answered_whatever_fails(
    #[values(
        "GetDeployment",
        "ListDeploymentTargets",
        "Acquire",
        "Ask",
        "Intend",
        "PutLifecycleEventHookExecutionStatus",
        "Conclude"
    )]
    call: &'static str,
    #[values(Fault::Throttled, Fault::AnswerLost, Fault::Killed)] fault: Fault,
) {
    let (world, _) = web(TESTED);
    push(&world, "RC_1.1.0", 11);
    world.inject_fault(call, fault);
    if !matches!(asks(&world, "AfterAllowTestTraffic"), Some(Ok(_))) {
        // Lambda invokes the function again.
        world.advance(SignedDuration::from_mins(2));
        let _ = asks(&world, "AfterAllowTestTraffic");
    }
    minutes(&world, 6);
    let answers = newest(&world).answers;
    assert!(
        !answers.is_empty() && answers.iter().all(|passed| *passed),
        "{answers:?}"
    );
}

#[rstest]
#[case::lost(Fault::AnswerLost)]
#[case::throttled(Fault::Throttled)]
#[case::killed(Fault::Killed)]
fn a_deployment_whose_identifier_was_lost_is_tracked(#[case] fault: Fault) {
    let (world, web) = web(TAG);
    world.inject_fault("CreateDeployment", fault);
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 12);
    ends(&world, "Succeeded");
    minutes(&world, 8);
    assert!(
        world.image_of(&web).contains("RC_1.1.0"),
        "{}",
        world.image_of(&web)
    );
    assert_eq!(
        world.state().code_deployments.len(),
        2,
        "one, and what ran before"
    );
    assert_eq!(world.count("RegisterTaskDefinition"), 1);
}

/// A group that the tag names must be one for this service: no other service is ever deployed.
#[rstest]
#[case::of_another_service(
    Some("billing/api"),
    "RC_1.2.0 not deployed - deployment group billing/prod is for billing/api"
)]
#[case::missing(None, "RC_1.2.0 not deployed - no deployment group billing/prod")]
fn a_group_of_another_service_is_refused(#[case] service: Option<&str>, #[case] title: &str) {
    let world = World::new();
    let web = world.web();
    {
        let mut state = world.state_mut();
        let service_of = service.map(str::to_owned);
        state
            .deployment_groups
            .insert("billing/prod".to_owned(), service_of);
        let known = state.services.get_mut(&web).unwrap();
        known.deployment_controller = lamplighter::model::DeploymentController::CodeDeploy;
        known.reached = Some(("web".to_owned(), 80));
        let tag = "tag=RC_x.x.x repo=shop/web group=billing/prod".to_owned();
        state
            .tags
            .get_mut(&web)
            .unwrap()
            .insert("lamplighter:deploy".to_owned(), tag);
    }
    let push = world.push("shop/web", "RC_1.2.0", 12);
    world.invoke(&deploy::Deploy, push).unwrap().unwrap();
    assert_eq!(world.count("CreateDeployment"), 0);
    assert_eq!(world.titles(), [title]);
}

//! Traffic that is shifted step by step, end to end: the real binaries on the local stack, asked as ECS asks.

use e2e::testkit::ledger::{age_state, wait_until_idle};
use e2e::testkit::shifting::{TwoGroups, behind_two_groups, carried, stage};
use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{create_web, deployed_image, describe, push_image, tag_service};
use serde_json::{Value, json};

fn told(stack: &Stack, what: &str) -> usize {
    stack
        .mail()
        .iter()
        .filter(|mail| mail["subject"].as_str().unwrap().contains(what))
        .count()
}

/// `shop/web` runs RC_1.1.0, and RC_1.2.0 is being shifted to.
fn shifting(tag: &str) -> (Stack, String, TwoGroups) {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"rollouts": "manual"}));
    let web = create_web(&stack, &[]);
    let groups = behind_two_groups(&stack, "web");
    wait_until_idle(&stack);
    let tag = format!("tag=RC_x.x.x repo=shop/web {tag}");
    tag_service(
        &stack,
        &web,
        &[
            ("lamplighter:managed", "true"),
            ("lamplighter:deploy", &tag),
        ],
    );
    wait_until_idle(&stack);
    push(&stack, &web, "RC_1.1.0", "a");
    wait_until_idle(&stack);
    stack.control(
        "deployment",
        json!({"cluster": "shop", "service": "web", "how": "COMPLETED"}),
    );
    stack.until("it is live", || {
        (told(&stack, " verified: ") == 1).then_some(())
    });
    wait_until_idle(&stack);
    push(&stack, &web, "RC_1.2.0", "b");
    wait_until_idle(&stack);
    (stack, web, groups)
}

fn push(stack: &Stack, web: &str, tag: &str, content: &str) {
    let digest = push_image(stack, "shop/web", tag, &["arm64"], content);
    stack.until("it is rolled out", || {
        deployed_image(stack, web).ends_with(&digest).then_some(())
    });
}

/// Asks once more once nobody holds the service.
fn ask(stack: &Stack, name: &str, weight: u32) -> String {
    wait_until_idle(stack);
    stage(stack, "web", name, weight)
}

/// Asks again and again, as ECS does, until it is answered.
fn answer(stack: &Stack, name: &str, weight: u32) -> String {
    stack.until("it is answered", || {
        Some(ask(stack, name, weight)).filter(|answer| answer != "IN_PROGRESS")
    })
}

#[test]
fn a_canary_with_more_errors_is_rolled_back_at_its_first_step() {
    let (stack, web, groups) = shifting("strategy=canary");
    let configuration = describe(&stack, &web)["deploymentConfiguration"].clone();
    assert_eq!(
        (&configuration["strategy"], &configuration["maximumPercent"]),
        (&json!("CANARY"), &json!(200))
    );
    let canary = json!({"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10});
    assert_eq!(configuration["canaryConfiguration"], canary);
    let hook = &configuration["lifecycleHooks"][0];
    assert!(
        hook["hookTargetArn"].as_str().unwrap().contains("Verify"),
        "{hook}"
    );
    assert!(
        hook["roleArn"].as_str().unwrap().contains("HookRole"),
        "{hook}"
    );

    assert_eq!(answer(&stack, "PRE_SCALE_UP", 0), "SUCCEEDED");
    assert_eq!(ask(&stack, "PRODUCTION_TRAFFIC_SHIFT", 5), "IN_PROGRESS");
    wait_until_idle(&stack);
    age_state(&stack, &web);
    carried(&stack, &groups, &[(1_140.0, 1.0); 6], &[(60.0, 12.0); 6]);
    assert_eq!(
        answer(&stack, "PRODUCTION_TRAFFIC_SHIFT", 5),
        "FAILED",
        "{}",
        stack.logs()
    );
    stack.until("it is told", || {
        (told(
            &stack,
            "rejected at 5 % of traffic, rolling back - more errors",
        ) == 1)
            .then_some(())
    });
    wait_until_idle(&stack);
    assert!(deployed_image(&stack, &web).contains("RC_1.1.0"));
    // The same image is not rolled out again, under whatever tag.
    let updates = stack.calls_of("UpdateService");
    push_image(&stack, "shop/web", "RC_1.2.1", &["arm64"], "b");
    stack.until("it is refused", || {
        stack
            .logs()
            .contains("is quarantined: it had more errors at 5 %")
            .then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(stack.calls_of("UpdateService"), updates);
    assert_eq!(told(&stack, "rolled back to"), 0, "it is told once");
}

#[test]
fn a_release_that_is_no_worse_proceeds_to_its_end() {
    let (stack, web, groups) = shifting("strategy=canary");
    assert_eq!(ask(&stack, "PRODUCTION_TRAFFIC_SHIFT", 5), "IN_PROGRESS");
    wait_until_idle(&stack);
    age_state(&stack, &web);
    carried(&stack, &groups, &[(11_400.0, 1.0); 6], &[(600.0, 0.0); 6]);
    assert_eq!(
        answer(&stack, "PRODUCTION_TRAFFIC_SHIFT", 5),
        "SUCCEEDED",
        "{}",
        stack.logs()
    );
    assert_eq!(answer(&stack, "PRODUCTION_TRAFFIC_SHIFT", 100), "SUCCEEDED");
    assert_eq!(
        answer(&stack, "POST_PRODUCTION_TRAFFIC_SHIFT", 100),
        "SUCCEEDED"
    );
    wait_until_idle(&stack);
    stack.control(
        "deployment",
        json!({"cluster": "shop", "service": "web", "how": "COMPLETED"}),
    );
    stack.until("it is live", || {
        (told(&stack, " verified: ") == 2).then_some(())
    });
    assert!(deployed_image(&stack, &web).contains("RC_1.2.0"));
}

#[test]
fn approve_yes_holds_the_release_after_its_test() {
    let (stack, web, _) = shifting("strategy=blue-green");
    assert_eq!(
        answer(&stack, "POST_TEST_TRAFFIC_SHIFT", 0),
        "SUCCEEDED",
        "{}",
        stack.logs()
    );
    wait_until_idle(&stack);
    stack.control(
        "deployment",
        json!({"cluster": "shop", "service": "web", "how": "COMPLETED"}),
    );
    stack.until("it is live", || {
        (told(&stack, " verified: ") == 2).then_some(())
    });
    let tag = "tag=RC_x.x.x repo=shop/web strategy=blue-green approve=yes";
    tag_service(&stack, &web, &[("lamplighter:deploy", tag)]);
    wait_until_idle(&stack);
    push(&stack, &web, "RC_1.3.0", "c");
    assert_eq!(ask(&stack, "POST_TEST_TRAFFIC_SHIFT", 0), "IN_PROGRESS");
    stack.until("it is told", || {
        (told(&stack, "held at 0 % of traffic - waiting for approval") == 1).then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(
        ask(&stack, "POST_TEST_TRAFFIC_SHIFT", 0),
        "IN_PROGRESS",
        "nobody has approved it"
    );
    let digest: Value = deployed_image(&stack, &web)
        .split('@')
        .nth(1)
        .unwrap()
        .into();
    wait_until_idle(&stack);
    tag_service(
        &stack,
        &web,
        &[("lamplighter:approve", digest.as_str().unwrap())],
    );
    stack.sweep_until("RolloutSweep", "it goes on", || {
        (stack.calls_of("ContinueServiceDeployment") == 1).then_some(())
    });
    assert_eq!(answer(&stack, "POST_TEST_TRAFFIC_SHIFT", 0), "SUCCEEDED");
    stack.until("it is told", || {
        (told(&stack, "approved, shifting traffic") == 1).then_some(())
    });
}

#[test]
fn an_unsupported_strategy_is_notified_and_the_release_rolls() {
    let stack = Stack::start(&[]).unwrap();
    let web = create_web(&stack, &[]);
    wait_until_idle(&stack);
    let tag = "tag=RC_x.x.x repo=shop/web strategy=linear";
    tag_service(
        &stack,
        &web,
        &[("lamplighter:managed", "true"), ("lamplighter:deploy", tag)],
    );
    wait_until_idle(&stack);
    push(&stack, &web, "RC_1.1.0", "a");
    stack.until("it is told", || {
        (told(&stack, "releases deploy as ROLLING, not LINEAR") == 1).then_some(())
    });
    assert!(
        describe(&stack, &web)["deploymentConfiguration"]["strategy"]
            .as_str()
            .is_none_or(|s| s == "ROLLING")
    );
}

//! Rollouts that fail, end to end: the real binaries on the local stack.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use e2e::ledger::items;
use e2e::stack::Stack;
use e2e::workload::{NewService, create_repository, create_service, deployed_image, image, push_image, tag_service};
use serde_json::{Value, json};

fn told(stack: &Stack, what: &str) -> usize {
    stack.mail().iter().filter(|mail| mail["subject"].as_str().unwrap().contains(what)).count()
}

/// Events that the function gave up on; here others have theirs retried within half a second, and may meet it.
fn given_up(stack: &Stack) -> usize {
    let of_ours = |letter: &Value| letter["requestContext"]["functionArn"].to_string().contains("Rollout");
    stack.dead_letters().iter().filter(|letter| of_ours(letter)).count()
}

fn free(stack: &Stack) {
    let mut calm = 0;
    stack.until("all targets are free", || {
        let held = items(stack).iter().any(|item| item.get("holder").is_some());
        calm = if held { 0 } else { calm + 1 };
        (calm > 4).then_some(())
    });
}

fn ends(stack: &Stack, how: &str) {
    free(stack);
    stack.control("deployment", json!({"cluster": "shop", "service": "web", "how": how}));
}

/// A service that follows `RC_x.x.x`, with RC_1.1.0 live on it.
fn live() -> (Stack, String, String) {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"rollouts": "manual"}));
    create_repository(&stack, "shop/web");
    let image = image("shop/web", "RC_1.0.0");
    let web = NewService { cluster: "shop", name: "web", image: &image, architecture: "ARM64", tags: &[] };
    let web = create_service(&stack, &web);
    free(&stack);
    tag_service(&stack, &web, &[("lamplighter:managed", "true"), ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web")]);
    free(&stack);
    let good = push(&stack, &web, "RC_1.1.0", "a");
    ends(&stack, "COMPLETED");
    stack.until("it is live", || (told(&stack, "RC_1.1.0 (") >= 2 && told(&stack, ") is live: ") == 1).then_some(()));
    free(&stack);
    (stack, web, good)
}

fn push(stack: &Stack, web: &str, tag: &str, content: &str) -> String {
    let digest = push_image(stack, "shop/web", tag, &["arm64"], content);
    stack.until("it is rolled out", || deployed_image(stack, web).ends_with(&digest).then_some(()));
    digest
}

#[test]
fn what_the_circuit_breaker_takes_back_is_told_and_refused_from_then_on() {
    let (stack, web, good) = live();
    let bad = push(&stack, &web, "RC_1.2.0", "b");
    ends(&stack, "FAILED");
    stack.until("it is told", || (told(&stack, "failed and went back to") == 1).then_some(()));
    free(&stack);
    assert!(deployed_image(&stack, &web).ends_with(&good));
    let updates = stack.calls_of("UpdateService");
    push_image(&stack, "shop/web", "RC_1.2.1", &["arm64"], "b");
    stack.until("it is refused", || stack.logs().contains("is quarantined: it went back on").then_some(()));
    free(&stack);
    assert_eq!((stack.calls_of("UpdateService"), deployed_image(&stack, &web).ends_with(&bad)), (updates, false));
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

#[test]
fn what_ecs_gives_up_goes_back_to_the_last_good_revision() {
    let (stack, web, good) = live();
    push(&stack, &web, "RC_1.2.0", "b");
    ends(&stack, "GIVEN_UP");
    stack.until("it goes back", || deployed_image(&stack, &web).ends_with(&good).then_some(()));
    stack.until("it is told", || (told(&stack, "failed: going back to RC_1.1.0") == 1).then_some(()));
    free(&stack);
    let updates = stack.calls_of("UpdateService");
    ends(&stack, "COMPLETED");
    for sweep in ["RolloutSweep", "DeploySweep"] {
        stack.control("schedule", json!({"name": sweep}));
        free(&stack);
    }
    assert_eq!(stack.calls_of("UpdateService"), updates);
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

#[test]
fn an_alarm_within_the_bake_time_takes_a_release_back() {
    let (stack, web, good) = live();
    tag_service(&stack, &web, &[("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web bake=10m")]);
    free(&stack);
    let bad = push(&stack, &web, "RC_1.2.0", "b");
    ends(&stack, "COMPLETED");
    stack.until("it bakes", || stack.logs().contains("alarms have 10 min to speak against it").then_some(()));
    free(&stack);
    assert!(deployed_image(&stack, &web).ends_with(&bad));
    let alarm = json!({
        "AlarmName": "lamplighter/shop/web/errors-5xx", "Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count",
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    stack.call("monitoring", "PutMetricAlarm", alarm).unwrap();
    let on = json!({"AlarmName": "lamplighter/shop/web/errors-5xx", "StateValue": "ALARM", "StateReason": "Threshold Crossed"});
    stack.call("monitoring", "SetAlarmState", on).unwrap();
    stack.control("schedule", json!({"name": "RolloutSweep"}));
    stack.until("it goes back", || deployed_image(&stack, &web).ends_with(&good).then_some(()));
    stack.until("it is told", || (told(&stack, "raised an alarm: going back to RC_1.1.0") == 1).then_some(()));
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

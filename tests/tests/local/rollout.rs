//! Rollouts that fail, end to end: the real binaries on the local stack.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

use e2e::testkit::ledger::{age_attempts, age_state, wait_until_idle};
use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{
    NewService, create_service, create_web, deployed_image, describe, image, push_image,
    tag_service, task_definition,
};
use serde_json::{Value, json};

fn told(stack: &Stack, what: &str) -> usize {
    stack
        .mail()
        .iter()
        .filter(|mail| mail["subject"].as_str().unwrap().contains(what))
        .count()
}

/// Reports whether exactly one mail says that RC_1.2.0 is rolled back to RC_1.1.0 for this cause.
fn rejected(stack: &Stack, cause: &str) -> bool {
    told(stack, &format!(", rolling back to RC_1.1.0 - {cause}")) == 1
}

/// Events that the function gave up on. Here retries follow within a second, so that events may meet at a target until
/// their retries are used up: those are left out.
fn given_up(stack: &Stack) -> usize {
    let of_ours = |letter: &Value| {
        let is_rollout = letter["requestContext"]["functionArn"]
            .to_string()
            .contains("Rollout");
        is_rollout && letter["responsePayload"]["errorType"] != "TargetBusy"
    };
    stack
        .dead_letters()
        .iter()
        .filter(|letter| of_ours(letter))
        .count()
}

fn ends(stack: &Stack, how: &str) {
    wait_until_idle(stack);
    stack.control(
        "deployment",
        json!({"cluster": "shop", "service": "web", "how": how}),
    );
}

/// A service that follows `RC_x.x.x`, with RC_1.1.0 live on it.
fn live() -> (Stack, String, String) {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"rollouts": "manual"}));
    let web = create_web(&stack, &[]);
    wait_until_idle(&stack);
    tag_service(
        &stack,
        &web,
        &[
            ("lamplighter:managed", "true"),
            ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web"),
        ],
    );
    wait_until_idle(&stack);
    let good = push(&stack, &web, "RC_1.1.0", "a");
    ends(&stack, "COMPLETED");
    stack.until("it is live", || {
        (told(&stack, "RC_1.1.0 ") >= 2 && told(&stack, " verified: ") == 1).then_some(())
    });
    wait_until_idle(&stack);
    (stack, web, good)
}

fn push(stack: &Stack, web: &str, tag: &str, content: &str) -> String {
    let digest = push_image(stack, "shop/web", tag, &["arm64"], content);
    stack.until("it is rolled out", || {
        deployed_image(stack, web).ends_with(&digest).then_some(())
    });
    digest
}

#[test]
fn a_circuit_breaker_rollback_is_notified_and_quarantines_the_image() {
    let (stack, web, good) = live();
    let bad = push(&stack, &web, "RC_1.2.0", "b");
    ends(&stack, "FAILED");
    stack.until("it is told", || {
        (told(&stack, ", rolled back to ") == 1).then_some(())
    });
    wait_until_idle(&stack);
    assert!(deployed_image(&stack, &web).ends_with(&good));
    let updates = stack.calls_of("UpdateService");
    push_image(&stack, "shop/web", "RC_1.2.1", &["arm64"], "b");
    stack.until("it is refused", || {
        stack
            .logs()
            .contains("is quarantined: it was rolled back on")
            .then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(
        (
            stack.calls_of("UpdateService"),
            deployed_image(&stack, &web).ends_with(&bad)
        ),
        (updates, false)
    );
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

#[test]
fn a_failed_deployment_is_rolled_back_to_the_last_verified_revision() {
    let (stack, web, good) = live();
    push(&stack, &web, "RC_1.2.0", "b");
    ends(&stack, "GIVEN_UP");
    stack.until("it goes back", || {
        deployed_image(&stack, &web).ends_with(&good).then_some(())
    });
    stack.until("it is told", || {
        rejected(&stack, "failed deployment").then_some(())
    });
    wait_until_idle(&stack);
    let updates = stack.calls_of("UpdateService");
    ends(&stack, "COMPLETED");
    for sweep in ["RolloutSweep", "DeploySweep"] {
        stack.control("schedule", json!({"name": sweep}));
        wait_until_idle(&stack);
    }
    assert_eq!(stack.calls_of("UpdateService"), updates);
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

#[test]
fn ecs_rolls_a_hanging_release_back_with_evidence_of_its_tasks() {
    let (stack, web, good) = live();
    push(&stack, &web, "RC_1.2.0", "b");
    wait_until_idle(&stack);
    let lines = json!([
        "listening on 8080",
        "ERROR: postgres://shop:hunter2@db/shop refused the connection"
    ]);
    let stop = json!({"cluster": "shop", "service": "web", "reason": "Essential container in task exited", "exit_code": 3, "lines": lines});
    stack.control("stop_task", stop);
    age_state(&stack, &web);
    stack.sweep_until("RolloutSweep", "it goes back", || {
        deployed_image(&stack, &web).ends_with(&good).then_some(())
    });
    stack.until("it is told", || rejected(&stack, "deadline").then_some(()));
    assert_eq!(stack.calls_of("StopServiceDeployment"), 1);
    let body = stack
        .mail()
        .iter()
        .rev()
        .find_map(|mail| mail["body"].as_str().map(str::to_owned))
        .unwrap();
    let said = "1 task stopped: container web exited with code 3.\nLast log lines of container web:\n  \
                ERROR: postgres://[hidden]@db/shop refused the connection";
    assert!(body.contains(said), "{body}");
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

#[test]
fn an_alarm_within_the_bake_time_rolls_the_release_back() {
    let (stack, web, good) = live();
    tag_service(
        &stack,
        &web,
        &[("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web bake=10m")],
    );
    wait_until_idle(&stack);
    let bad = push(&stack, &web, "RC_1.2.0", "b");
    ends(&stack, "COMPLETED");
    stack.until("it bakes", || {
        stack
            .logs()
            .contains("an alarm can still reject it within its bake time of 10 min")
            .then_some(())
    });
    wait_until_idle(&stack);
    assert!(deployed_image(&stack, &web).ends_with(&bad));
    let alarm = json!({
        "AlarmName": "lamplighter/shop/web/errors-5xx", "Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count",
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 10.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    stack.call("monitoring", "PutMetricAlarm", alarm).unwrap();
    let on = json!({"AlarmName": "lamplighter/shop/web/errors-5xx", "StateValue": "ALARM", "StateReason": "Threshold Crossed"});
    stack.call("monitoring", "SetAlarmState", on).unwrap();
    stack.sweep_until("RolloutSweep", "it goes back", || {
        deployed_image(&stack, &web).ends_with(&good).then_some(())
    });
    stack.until("it is told", || rejected(&stack, "alarm").then_some(()));
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

/// A server that answers with this status until it is told another one.
fn server(status: &Arc<AtomicU16>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, status) = (listener.local_addr().unwrap(), Arc::clone(status));
    // It ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1_024]);
            let answer = format!(
                "HTTP/1.1 {} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                status.load(Ordering::SeqCst)
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/health")
}

/// Pushes RC_1.2.0, which completes, fails its probes and is rolled back.
fn push_and_fail_probes(stack: &Stack, web: &str, good: &str) {
    wait_until_idle(stack);
    push(stack, web, "RC_1.2.0", "b");
    ends(stack, "COMPLETED");
    stack.sweep_until("RolloutSweep", "it is rolled back", || {
        rejected(stack, "failed probes").then_some(())
    });
    assert!(deployed_image(stack, web).ends_with(good));
}

#[test]
fn failed_probes_roll_a_release_back() {
    let (stack, web, good) = live();
    let status = Arc::new(AtomicU16::new(503));
    let tag = format!("tag=RC_x.x.x repo=shop/web verify={}", server(&status));
    tag_service(&stack, &web, &[("lamplighter:deploy", &tag)]);
    push_and_fail_probes(&stack, &web, &good);
    let body = stack
        .mail()
        .iter()
        .rev()
        .find_map(|mail| mail["body"].as_str().map(str::to_owned))
        .unwrap();
    assert!(
        body.contains("3 probes in a row failed") && body.contains("HTTP 503"),
        "{body}"
    );
    ends(&stack, "COMPLETED");
    status.store(200, Ordering::SeqCst);
    push(&stack, &web, "RC_1.3.0", "c");
    ends(&stack, "COMPLETED");
    let live = told(&stack, " verified: ");
    stack.sweep_until("RolloutSweep", "it is live", || {
        (told(&stack, " verified: ") > live).then_some(())
    });
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

/// Registers a revision with this image and more CPU, as a template does, and puts the service on it.
fn apply_template(stack: &Stack, web: &str, image: &str) {
    let mut template = task_definition(stack, web);
    let container = template["containerDefinitions"][0].as_object_mut().unwrap();
    container.insert("image".to_owned(), json!(image));
    let request = json!({
        "family": template["family"], "cpu": "512", "memory": "1024", "networkMode": template["networkMode"],
        "requiresCompatibilities": ["FARGATE"], "runtimePlatform": template["runtimePlatform"],
        "executionRoleArn": template["executionRoleArn"], "containerDefinitions": template["containerDefinitions"],
    });
    let registered = stack
        .call("ecs", "RegisterTaskDefinition", request)
        .unwrap();
    update_service(stack, &registered["taskDefinition"]["taskDefinitionArn"]);
    ends(stack, "COMPLETED");
    wait_until_idle(stack);
    age_attempts(stack, web);
}

fn update_service(stack: &Stack, revision: &Value) {
    let request = json!({"cluster": "shop", "service": "web", "taskDefinition": revision});
    stack.call("ecs", "UpdateService", request).unwrap();
}

fn sweep_deploy(stack: &Stack) {
    stack.control("schedule", json!({"name": "DeploySweep"}));
    wait_until_idle(stack);
}

/// A1: a template that is applied again keeps its settings and not its image.
#[test]
fn a_template_changes_everything_but_the_image() {
    let (stack, web, good) = live();
    apply_template(&stack, &web, &image("shop/web", "RC_1.0.0"));
    sweep_deploy(&stack);
    assert!(
        deployed_image(&stack, &web).ends_with(&good),
        "{}",
        stack.logs()
    );
    let running = task_definition(&stack, &web);
    assert_eq!(running["cpu"], "512");
    stack.until("it is notified", || {
        (told(&stack, "deploying again RC_1.1.0") == 1).then_some(())
    });
    let mail = stack.mail();
    let body = mail.iter().find_map(|mail| {
        let subject = mail["subject"].as_str()?;
        subject
            .contains("deploying again")
            .then(|| mail["body"].as_str())?
    });
    let body = body.unwrap();
    assert!(
        body.contains("is taken for a template") && body.contains("cpu 256 -> 512"),
        "{body}"
    );
    assert!(!body.contains("hunter2"), "{body}");
    ends(&stack, "COMPLETED");
    let before = stack.calls_of("UpdateService");
    for _ in 0..2 {
        sweep_deploy(&stack);
    }
    assert_eq!(stack.calls_of("UpdateService"), before);
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

/// B1: what a person rolled back stays away, also after the next release has failed.
#[test]
fn a_release_that_was_rolled_back_by_hand_stays_away() {
    let (stack, web, good) = live();
    let first = task_definition(&stack, &web)["taskDefinitionArn"].clone();
    push(&stack, &web, "RC_1.2.0", "b");
    ends(&stack, "COMPLETED");
    stack.until("it is live", || {
        (told(&stack, " verified: ") == 2).then_some(())
    });
    wait_until_idle(&stack);
    update_service(&stack, &first);
    ends(&stack, "COMPLETED");
    age_attempts(&stack, &web);
    sweep_deploy(&stack);
    stack.until("it is notified", || {
        (told(
            &stack,
            "RC_1.2.0 rejected - ECS or a person rolled it back to RC_1.1.0",
        ) == 1)
            .then_some(())
    });
    push(&stack, &web, "RC_1.3.0", "c");
    ends(&stack, "FAILED");
    stack.until("it is rejected", || {
        (told(&stack, "RC_1.3.0 rejected") == 1).then_some(())
    });
    for _ in 0..2 {
        sweep_deploy(&stack);
    }
    assert!(
        deployed_image(&stack, &web).ends_with(&good),
        "{}",
        stack.logs()
    );
    assert_eq!(given_up(&stack), 0, "{}", stack.logs());
}

/// C3: the rollback of a canary service shifts all traffic at once, and the canary is restored afterwards.
#[test]
fn a_rollback_does_without_the_steps_of_a_canary() {
    let (stack, web, good) = live();
    let status = Arc::new(AtomicU16::new(503));
    let tag = format!("tag=RC_x.x.x repo=shop/web verify={}", server(&status));
    tag_service(&stack, &web, &[("lamplighter:deploy", &tag)]);
    let canary = json!({"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 4});
    let configuration = json!({"strategy": "CANARY", "bakeTimeInMinutes": 7, "canaryConfiguration": canary,
        "minimumHealthyPercent": 100, "maximumPercent": 200});
    let request =
        json!({"cluster": "shop", "service": "web", "deploymentConfiguration": configuration});
    stack.call("ecs", "UpdateService", request).unwrap();
    push_and_fail_probes(&stack, &web, &good);
    let strategy = |stack: &Stack| describe(stack, &web)["deploymentConfiguration"].clone();
    assert_eq!(strategy(&stack)["strategy"], "BLUE_GREEN");
    assert_eq!(strategy(&stack)["bakeTimeInMinutes"], 0);
    ends(&stack, "COMPLETED");
    wait_until_idle(&stack);
    age_state(&stack, &web);
    stack.sweep_until("RolloutSweep", "the strategy is restored", || {
        (strategy(&stack)["strategy"] == "CANARY").then_some(())
    });
    assert_eq!(strategy(&stack)["canaryConfiguration"], canary);
    assert_eq!(strategy(&stack)["bakeTimeInMinutes"], 7);
}

/// `after=`: what is verified in one service is deployed to the next one at once.
#[test]
fn an_image_is_promoted_when_it_is_verified() {
    let (stack, web, good) = live();
    let image = image("shop/web", "RC_1.0.0");
    let shop = NewService {
        cluster: "shop",
        name: "production",
        image: &image,
        architecture: "ARM64",
        tags: &[
            ("lamplighter:managed", "true"),
            (
                "lamplighter:deploy",
                "tag=RC_x.x.x repo=shop/web after=shop/web",
            ),
        ],
    };
    let shop = create_service(&stack, &shop);
    stack.sweep_until("DeploySweep", "what is verified comes", || {
        deployed_image(&stack, &shop).ends_with(&good).then_some(())
    });
    wait_until_idle(&stack);
    let how = json!({"cluster": "shop", "service": "production", "how": "COMPLETED"});
    stack.control("deployment", how);
    wait_until_idle(&stack);
    let next = push(&stack, &web, "RC_1.2.0", "b");
    wait_until_idle(&stack);
    assert!(deployed_image(&stack, &shop).ends_with(&good), "not yet");
    ends(&stack, "COMPLETED");
    // By the event alone, without a sweep.
    stack.until("it is promoted", || {
        deployed_image(&stack, &shop).ends_with(&next).then_some(())
    });
}

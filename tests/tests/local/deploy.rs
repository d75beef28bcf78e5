//! The real binaries, in the local stack, through its front door: an event in, AWS changed, people told.

use std::process::Command;
use std::thread;
use std::time::Duration;

use e2e::testkit::ledger::{age_state, expire_lease, is_idle, items, journal};
use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{
    NewService, create_repository, create_service, deployed_image, describe, image, push_image,
    secret_arn, tag_service, task_definition,
};
use lamplighter_aws::lambda::read_clock;
use serde_json::{Value, json};

const FOLLOWS: [(&str, &str); 2] = [
    ("lamplighter:managed", "true"),
    ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web"),
];
const BOTH: [&str; 2] = ["amd64", "arm64"];

fn stack() -> Stack {
    let stack = Stack::start(&[]).unwrap();
    create_repository(&stack, "shop/web");
    stack
}

fn service(stack: &Stack, name: &str, tags: &[(&str, &str)]) -> String {
    let image = image("shop/web", "RC_1.0.0");
    let arn = create_service(
        stack,
        &NewService {
            cluster: "shop",
            name,
            image: &image,
            architecture: "ARM64",
            tags,
        },
    );
    if tags.iter().any(|(key, _)| *key == "lamplighter:deploy") {
        settle(stack, &arn);
    }
    arn
}

/// The tag change has been looked at and the target is free again.
fn settle(stack: &Stack, arn: &str) {
    stack.until("the tagged service was visited", || {
        let visited = items(stack)
            .iter()
            .any(|item| item["pk"]["S"] == arn && item["sk"]["S"] == "state");
        (visited && is_idle(stack)).then_some(())
    });
}

/// Releases from now on end by hand alone, so that no message that one is live comes into the mail about its begin.
fn stay_under_way(stack: &Stack) {
    stack.control("settings", json!({"rollouts": "manual"}));
}

/// What `deploy` told; `enroll` has its own tests.
fn mails(stack: &Stack) -> Vec<Value> {
    let mut mails = stack.mail();
    mails.retain(|mail| {
        mail["body"]
            .as_str()
            .is_some_and(|body| body.contains(" · deploy"))
    });
    mails
}

fn subjects(stack: &Stack) -> Vec<String> {
    mails(stack)
        .iter()
        .map(|mail| mail["subject"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn until_deployed(stack: &Stack, arn: &str, digest: &str) {
    stack.until("the image is deployed", || {
        deployed_image(stack, arn).ends_with(digest).then_some(())
    });
}

#[test]
fn a_push_is_deployed_and_notified() {
    let stack = stack();
    let arn = service(&stack, "web", &FOLLOWS);
    stay_under_way(&stack);
    let before = task_definition(&stack, &arn);
    let digest = push_image(&stack, "shop/web", "RC_1.4.2", &BOTH, "a");
    until_deployed(&stack, &arn, &digest);
    stack.until("there is a mail", || {
        (!mails(&stack).is_empty()).then_some(())
    });

    let after = task_definition(&stack, &arn);
    let mut expected = before.clone();
    expected["containerDefinitions"][0]["image"] =
        json!(format!("{}@{digest}", image("shop/web", "RC_1.4.2")));
    for field in ["taskDefinitionArn", "revision", "registeredAt", "tags"] {
        expected[field] = after[field].clone();
    }
    assert_eq!(after, expected, "only the image has changed");
    assert_eq!(
        after["containerDefinitions"][0]["optionThatNoSdkKnowsYet"],
        json!({"kept": 2.5})
    );
    let mut tags: Vec<&str> = after["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tag| tag["key"].as_str())
        .collect();
    tags.sort_unstable();
    assert_eq!(tags, ["lamplighter:base", "lamplighter:image-tag", "team"]);

    let service = describe(&stack, &arn);
    assert_eq!(service["desiredCount"], 3);
    assert_eq!(
        service["deploymentConfiguration"],
        json!({"minimumHealthyPercent": 100, "maximumPercent": 200,
               "deploymentCircuitBreaker": {"enable": true, "rollback": true, "resetOnHealthyTask": false}})
    );
    let mail = &mails(&stack)[0];
    let short = &digest[..15];
    let subject = mail["subject"].as_str().unwrap();
    assert!(
        subject.starts_with(&format!(
            "shop/web: deploying RC_1.4.2 ({short}), was RC_1.0.0, pushed "
        )),
        "{subject}"
    );
    assert_eq!(mail["to"], "ops@example.com");

    let is_outcome = |r: &Value| r["operation"] == "deploy" && r["kind"] == "outcome";
    stack.until("the outcome is written", || {
        journal(&stack).iter().any(is_outcome).then_some(())
    });
    let kinds: Vec<Value> = journal(&stack)
        .iter()
        .filter(|r| r["operation"] == "deploy" && (r["plan"].is_object() || r["kind"] == "outcome"))
        .map(|r| r["kind"].clone())
        .collect();
    assert_eq!(kinds, ["intent", "outcome"]);
    assert!(
        !stack.logs().contains("hunter2"),
        "an environment value was logged"
    );
    let ledger = serde_json::to_string(&items(&stack)).unwrap();
    assert!(
        !ledger.contains("hunter2"),
        "an environment value is in the ledger"
    );
}

#[test]
fn the_demo_proves_its_scenes() {
    let output = Command::new(env!("CARGO_BIN_EXE_demo")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("28 of 28 scenes proven"), "{said}");
    assert!(!said.contains('\u{1b}'), "colour without a terminal");
}

#[test]
fn a_function_killed_between_registering_and_updating_is_completed() {
    let stack = stack();
    let arn = service(&stack, "web", &FOLLOWS);
    stay_under_way(&stack);
    stack.control(
        "fault",
        json!({"service": "ecs", "action": "UpdateService", "kind": "kill"}),
    );
    let digest = push_image(&stack, "shop/web", "RC_1.4.2", &BOTH, "a");
    stack.until("the event ended in the dead-letter queue", || {
        let letters = stack.dead_letters();
        letters
            .iter()
            .any(|letter| letter["responsePayload"]["errorType"] == "TargetBusy")
            .then_some(())
    });
    assert!(deployed_image(&stack, &arn).ends_with("RC_1.0.0"));
    assert_eq!(stack.calls_of("RegisterTaskDefinition"), 1);
    expire_lease(&stack, &arn);
    stack.sweep();
    until_deployed(&stack, &arn, &digest);
    stack.until("there is a mail", || {
        (!mails(&stack).is_empty()).then_some(())
    });
    assert_eq!(
        stack.calls_of("RegisterTaskDefinition"),
        1,
        "the revision of the killed attempt was used"
    );
    assert!(
        task_definition(&stack, &arn)["taskDefinitionArn"]
            .as_str()
            .unwrap()
            .ends_with(":2")
    );
}

#[test]
fn a_throttled_update_is_retried_until_it_is_accepted() {
    let stack = stack();
    let arn = service(&stack, "web", &FOLLOWS);
    stay_under_way(&stack);
    stack.control(
        "fault",
        json!({"service": "ecs", "action": "UpdateService", "kind": "throttle", "times": 2}),
    );
    let digest = push_image(&stack, "shop/web", "RC_1.4.2", &BOTH, "a");
    until_deployed(&stack, &arn, &digest);
    stack.until("there is a mail", || {
        (!mails(&stack).is_empty()).then_some(())
    });
    assert_eq!(subjects(&stack).len(), 1, "{:?}", subjects(&stack));
    assert_eq!(stack.calls_of("UpdateService"), 3);
}

#[test]
fn an_update_whose_answers_are_lost_is_notified_once() {
    let stack = stack();
    let arn = service(&stack, "web", &FOLLOWS);
    stay_under_way(&stack);
    stack.control(
        "fault",
        json!({"service": "ecs", "action": "UpdateService", "kind": "lost", "times": 4}),
    );
    let digest = push_image(&stack, "shop/web", "RC_1.4.2", &BOTH, "a");
    until_deployed(&stack, &arn, &digest);
    let told = || {
        subjects(&stack)
            .iter()
            .filter(|subject| subject.contains(": deploying RC_1.4.2"))
            .count()
    };
    stack.until("the retry finds it done and tells", || {
        (told() > 0).then_some(())
    });
    settle(&stack, &arn);
    let subjects = subjects(&stack);
    assert!(
        subjects[0].starts_with("[warning] shop/web: outcome unknown: roll out RC_1.4.2 (sha256:"),
        "{subjects:?}"
    );
    assert_eq!((subjects.len(), told()), (2, 1), "{subjects:?}");
    assert_eq!(stack.calls_of("RegisterTaskDefinition"), 1);
}

#[test]
fn a_revision_whose_registration_answer_was_lost_is_reused() {
    let stack = stack();
    let arn = service(&stack, "web", &FOLLOWS);
    stack.control(
        "fault",
        json!({"service": "ecs", "action": "RegisterTaskDefinition", "kind": "lost"}),
    );
    let digest = push_image(&stack, "shop/web", "RC_1.4.2", &BOTH, "a");
    until_deployed(&stack, &arn, &digest);
    assert_eq!(stack.calls_of("RegisterTaskDefinition"), 1);
    assert!(
        task_definition(&stack, &arn)["taskDefinitionArn"]
            .as_str()
            .unwrap()
            .ends_with(":2")
    );
}

#[test]
fn two_pushes_within_a_second_end_with_the_newer() {
    let stack = stack();
    let arn = service(&stack, "web", &FOLLOWS);
    push_image(&stack, "shop/web", "RC_1.4.1", &BOTH, "a");
    let newer = push_image(&stack, "shop/web", "RC_1.4.2", &BOTH, "b");
    until_deployed(&stack, &arn, &newer);
    // The event that came later or was retried does not take it back.
    thread::sleep(Duration::from_secs(2));
    assert!(deployed_image(&stack, &arn).ends_with(&newer));
}

#[test]
fn fifty_services_on_one_repository_all_roll_out() {
    let stack = stack();
    stack.control("settings", json!({"events": false}));
    let image = image("shop/web", "RC_1.0.0");
    let arns: Vec<String> = (0..50)
        .map(|n| {
            let name = format!("web{n}");
            let service = NewService {
                cluster: "shop",
                name: &name,
                image: &image,
                architecture: "X86_64",
                tags: &FOLLOWS,
            };
            create_service(&stack, &service)
        })
        .collect();
    stack.control("settings", json!({"events": true}));
    let digest = push_image(&stack, "shop/web", "RC_1.4.2", &BOTH, "a");
    for arn in &arns {
        until_deployed(&stack, arn, &digest);
    }
    stack.until("everybody is told", || {
        // One that is live before somebody was told of it is told as live.
        let mails = stack.mail();
        let told = |n: usize| {
            mails.iter().any(|mail| {
                mail["subject"]
                    .as_str()
                    .unwrap()
                    .starts_with(&format!("shop/web{n}: "))
            })
        };
        (0..50).all(told).then_some(())
    });
    assert_eq!(stack.calls_of("UpdateService"), 50);
    // One listing for the push, and one for each verified release, which others may wait for.
    assert!(stack.calls_of("GetResources") <= 51);
}

#[test]
fn observe_changes_nothing() {
    let stack = Stack::start(&[("Mode", "observe")]).unwrap();
    create_repository(&stack, "shop/web");
    let arn = service(&stack, "web", &FOLLOWS);
    push_image(&stack, "shop/web", "RC_1.4.2", &BOTH, "a");
    stack.until("there is a mail", || {
        (!mails(&stack).is_empty()).then_some(())
    });
    let [only] = <[String; 1]>::try_from(subjects(&stack)).unwrap();
    assert!(
        only.starts_with("shop/web: would roll out RC_1.4.2 (sha256:"),
        "{only}"
    );
    assert!(deployed_image(&stack, &arn).ends_with("RC_1.0.0"));
    assert_eq!(
        stack.calls_of("RegisterTaskDefinition") + stack.calls_of("UpdateService"),
        0
    );
}

#[test]
fn a_malformed_event_ends_in_the_dead_letter_queue_with_the_reason() {
    let stack = stack();
    stack.control(
        "event",
        json!({"source": "aws.ecr", "detail-type": "ECR Image Action",
        "detail": {"action-type": "PUSH", "result": "SUCCESS", "image-tag": "RC_1.0.0"}}),
    );
    let letter = stack.until("there is a dead letter", || stack.dead_letters().pop());
    assert_eq!(letter["responsePayload"]["errorType"], "MalformedEvent");
    let reason = letter["responsePayload"]["errorMessage"].as_str().unwrap();
    assert!(
        reason.contains("missing field `repository-name`"),
        "{reason}"
    );
    assert_eq!(letter["requestPayload"]["detail"]["image-tag"], "RC_1.0.0");
}

#[test]
fn a_rotated_secret_restarts_its_readers_once() {
    let stack = stack();
    let arn = service(&stack, "web", &FOLLOWS);
    let other = create_service(
        &stack,
        &NewService {
            cluster: "shop",
            name: "other",
            image: &image("shop/web", "RC_1.0.0"),
            architecture: "ARM64",
            tags: &FOLLOWS,
        },
    );
    settle(&stack, &other);
    let before = [&arn, &other].map(|arn| describe(&stack, arn)["deployments"][0]["id"].clone());
    // CloudTrail's times are whole seconds.
    thread::sleep(Duration::from_millis(1100));
    let at = read_clock().to_string();
    let rotation = json!({"source": "aws.secretsmanager", "detail-type": "AWS Service Event via CloudTrail", "time": at, "detail": {
        "eventSource": "secretsmanager.amazonaws.com", "eventName": "RotationSucceeded",
        "additionalEventData": {"SecretId": secret_arn("shop-web")}}});
    for _ in 0..2 {
        stack.control("event", rotation.clone());
        stack.until("its tasks were restarted", || {
            (describe(&stack, &arn)["deployments"][0]["id"] != before[0]).then_some(())
        });
    }
    let again = "its tasks were started after the secret shop-web-AbCdEf changed";
    stack.until("the second event was looked at", || {
        stack.logs().contains(again).then_some(())
    });
    stack.until("there is a mail", || {
        (!mails(&stack).is_empty()).then_some(())
    });
    settle(&stack, &arn);
    assert_eq!(
        subjects(&stack),
        ["shop/web: restarting 3 tasks - secret shop-web-AbCdEf rotated"]
    );
    assert_eq!(describe(&stack, &other)["deployments"][0]["id"], before[1]);
    assert_eq!(stack.calls_of("UpdateService"), 1);
}

#[test]
fn a_circuit_breaker_rollback_is_not_deployed_again() {
    let stack = stack();
    let arn = service(&stack, "web", &FOLLOWS);
    stay_under_way(&stack);
    let digest = push_image(&stack, "shop/web", "RC_1.4.2", &BOTH, "bad");
    until_deployed(&stack, &arn, &digest);
    settle(&stack, &arn);
    stack.control(
        "deployment",
        json!({"cluster": "shop", "service": "web", "how": "FAILED"}),
    );
    assert!(deployed_image(&stack, &arn).ends_with("RC_1.0.0"));
    stack.until("somebody is told", || {
        let told = |mail: &Value| {
            mail["subject"]
                .as_str()
                .is_some_and(|s| s.contains(", rolled back to "))
        };
        stack.mail().iter().any(told).then_some(())
    });
    settle(&stack, &arn);
    age_state(&stack, &arn);
    stack.sweep();
    settle(&stack, &arn);
    assert!(deployed_image(&stack, &arn).ends_with("RC_1.0.0"));
    settle(&stack, &arn);
    tag_service(&stack, &arn, &[("lamplighter:approve", &digest)]);
    until_deployed(&stack, &arn, &digest);
    assert_eq!(stack.calls_of("RegisterTaskDefinition"), 2);
}

/// A6: a service that runs the image of its tag already is left alone, and rolled back to it after a bad release.
#[test]
fn a_service_that_runs_the_right_image_is_not_deployed_again() {
    let stack = stack();
    stay_under_way(&stack);
    let running = push_image(&stack, "shop/web", "latest", &BOTH, "a");
    let latest = image("shop/web", "latest");
    let new = NewService {
        cluster: "shop",
        name: "web",
        image: &latest,
        architecture: "ARM64",
        tags: &[],
    };
    let web = create_service(&stack, &new);
    let how = json!({"cluster": "shop", "service": "web", "how": "COMPLETED"});
    stack.control("deployment", how);
    let tasks = json!({"cluster": "shop", "service": "web", "running": 3, "digest": running});
    stack.control("running", tasks);
    tag_service(
        &stack,
        &web,
        &[
            ("lamplighter:managed", "true"),
            ("lamplighter:deploy", "tag=latest repo=shop/web"),
        ],
    );
    settle(&stack, &web);
    assert_eq!(stack.calls_of("UpdateService"), 0, "{}", stack.logs());
    assert!(stack.logs().contains("the next release pins it by digest"));
    let next = push_image(&stack, "shop/web", "latest", &BOTH, "b");
    stack.until("the next one is released", || {
        deployed_image(&stack, &web).ends_with(&next).then_some(())
    });
    // What ran before is registered by its digest, to go back to.
    let revisions = stack
        .call(
            "ecs",
            "ListTaskDefinitions",
            json!({"familyPrefix": "shop-web"}),
        )
        .unwrap();
    assert_eq!(revisions["taskDefinitionArns"].as_array().unwrap().len(), 3);
}

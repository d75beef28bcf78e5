//! `before=`: a migration with the new image runs in the network of the service, and decides about the release.

use e2e::testkit::ledger::{expire_lease, wait_until_idle};
use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{
    NewService, create_repository, create_service, deployed_image, image, push_image,
};
use serde_json::{Value, json};

const TAGS: [(&str, &str); 2] = [
    ("lamplighter:managed", "true"),
    (
        "lamplighter:deploy",
        "tag=RC_x.x.x repo=shop/web before=shop-migrate",
    ),
];

/// shop/web in a network, and the family of its migrations.
fn stack() -> (Stack, String) {
    let stack = Stack::start(&[]).unwrap();
    create_repository(&stack, "shop/web");
    let old = image("shop/web", "RC_1.0.0");
    let web = create_service(
        &stack,
        &NewService {
            cluster: "shop",
            name: "web",
            image: &old,
            architecture: "ARM64",
            tags: &[],
        },
    );
    let network = json!({"awsvpcConfiguration": {
        "subnets": ["subnet-0a", "subnet-0b"], "securityGroups": ["sg-0web"], "assignPublicIp": "ENABLED",
    }});
    let update = json!({"cluster": "shop", "service": "web", "networkConfiguration": network});
    stack.call("ecs", "UpdateService", update).unwrap();
    let migrate = json!({
        "family": "shop-migrate", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/shop-migrate",
        "containerDefinitions": [{
            "name": "migrate", "image": old, "essential": true, "command": ["migrate", "--all"],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "/shop-migrate", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs"}},
        }],
        "tags": [{"key": "lamplighter:managed", "value": "true"}],
    });
    stack
        .call("ecs", "RegisterTaskDefinition", migrate)
        .unwrap();
    e2e::testkit::workload::tag_service(&stack, &web, &TAGS);
    wait_until_idle(&stack);
    (stack, web)
}

fn push(stack: &Stack, tag: &str, content: &str) -> String {
    push_image(stack, "shop/web", tag, &["amd64", "arm64"], content)
}

/// The tasks that run before a release, as ECS describes them.
fn tasks(stack: &Stack) -> Vec<Value> {
    let mut arns = Vec::new();
    for status in ["RUNNING", "STOPPED"] {
        let request = json!({"cluster": "shop", "family": "shop-migrate", "desiredStatus": status});
        let listed = stack.call("ecs", "ListTasks", request).unwrap();
        arns.extend(listed["taskArns"].as_array().unwrap().clone());
    }
    if arns.is_empty() {
        return Vec::new();
    }
    let request = json!({"cluster": "shop", "tasks": arns, "include": ["TAGS"]});
    let described = stack.call("ecs", "DescribeTasks", request).unwrap();
    described["tasks"].as_array().unwrap().clone()
}

fn until_task_runs(stack: &Stack) -> Value {
    let found = stack.until("the task runs", || {
        tasks(stack)
            .into_iter()
            .find(|task| task["lastStatus"] == "RUNNING")
    });
    wait_until_idle(stack);
    found
}

/// Waits for a mail that says this. What comes close together is one mail, whose subject is about one of its lines.
fn until_mail(stack: &Stack, text: &str) -> String {
    stack.until("there is a mail", || {
        stack
            .mail()
            .iter()
            .filter_map(|mail| {
                Some(format!(
                    "{}\n{}",
                    mail["subject"].as_str()?,
                    mail["body"].as_str()?
                ))
            })
            .find(|mail| mail.contains(text))
    })
}

#[test]
fn a_release_follows_a_migration_that_passes() {
    let (stack, web) = stack();
    let digest = push(&stack, "RC_1.1.0", "a");
    let task = until_task_runs(&stack);
    assert!(deployed_image(&stack, &web).ends_with("RC_1.0.0"));
    let revision = task["taskDefinitionArn"].clone();
    let described = stack
        .call(
            "ecs",
            "DescribeTaskDefinition",
            json!({"taskDefinition": revision}),
        )
        .unwrap();
    let container = &described["taskDefinition"]["containerDefinitions"][0];
    assert!(container["image"].as_str().unwrap().ends_with(&digest));
    assert_eq!(container["command"], json!(["migrate", "--all"]));
    assert_eq!(task["launchType"], "FARGATE");
    let tags = task["tags"].to_string();
    assert!(tags.contains("lamplighter:stack"), "{tags}");
    until_mail(&stack, "running shop-migrate before RC_1.1.0");
    let ended = json!({"started_by": "lamplighter-before/", "exit_code": 0});
    stack.control("end_task", ended);
    stack.until("the image is deployed", || {
        deployed_image(&stack, &web)
            .ends_with(&digest)
            .then_some(())
    });
    let body = until_mail(&stack, "deploying RC_1.1.0");
    assert!(
        body.contains("shop-migrate ran before it and exited with code 0"),
        "{body}"
    );
    wait_until_idle(&stack);
    assert_eq!(stack.calls_of("RunTask"), 1);
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[test]
fn a_migration_that_fails_rejects_the_release_with_its_last_lines() {
    let (stack, web) = stack();
    push(&stack, "RC_1.1.0", "a");
    until_task_runs(&stack);
    let lines = [
        "applying 0042_orders",
        "ERROR: column total of orders is not null",
    ];
    let ended = json!({"started_by": "lamplighter-before/", "exit_code": 1, "lines": lines});
    stack.control("end_task", ended);
    let body = until_mail(
        &stack,
        "RC_1.1.0 rejected - shop-migrate exited with code 1",
    );
    assert!(
        body.contains("column total of orders is not null"),
        "{body}"
    );
    wait_until_idle(&stack);
    stack.sweep();
    wait_until_idle(&stack);
    assert!(deployed_image(&stack, &web).ends_with("RC_1.0.0"));
    assert_eq!(stack.calls_of("RunTask"), 1);
    let digest = push(&stack, "RC_1.1.1", "b");
    until_task_runs(&stack);
    stack.control(
        "end_task",
        json!({"started_by": "lamplighter-before/", "exit_code": 0}),
    );
    stack.until("the corrected image is deployed", || {
        deployed_image(&stack, &web)
            .ends_with(&digest)
            .then_some(())
    });
}

#[test]
fn a_function_killed_before_it_runs_the_task_runs_it_once() {
    let (stack, web) = stack();
    stack.control(
        "fault",
        json!({"service": "ecs", "action": "RunTask", "kind": "kill"}),
    );
    push(&stack, "RC_1.1.0", "a");
    stack.until("the event ended in the dead-letter queue", || {
        (!stack.dead_letters().is_empty()).then_some(())
    });
    expire_lease(&stack, &web);
    stack.sweep();
    until_task_runs(&stack);
    assert_eq!(tasks(&stack).len(), 1);
    // The revision of the killed attempt is used: one of the family's owner, and one with the image.
    let listed = stack
        .call(
            "ecs",
            "ListTaskDefinitions",
            json!({"familyPrefix": "shop-migrate"}),
        )
        .unwrap();
    assert_eq!(listed["taskDefinitionArns"].as_array().unwrap().len(), 2);
}

#[test]
fn a_task_whose_answer_was_lost_is_found_again() {
    let (stack, web) = stack();
    stack.control(
        "fault",
        json!({"service": "ecs", "action": "RunTask", "kind": "lost"}),
    );
    push(&stack, "RC_1.1.0", "a");
    until_task_runs(&stack);
    stack.sweep();
    wait_until_idle(&stack);
    assert_eq!(tasks(&stack).len(), 1);
    stack.control(
        "end_task",
        json!({"started_by": "lamplighter-before/", "exit_code": 0}),
    );
    stack.until("the image is deployed", || {
        let image = deployed_image(&stack, &web);
        image.contains("RC_1.1.0").then_some(())
    });
}

#[test]
fn a_migration_that_takes_too_long_is_stopped_and_rejects_the_release() {
    let (stack, web) = stack();
    push(&stack, "RC_1.1.0", "a");
    until_task_runs(&stack);
    let long_ago = json!({"started_by": "lamplighter-before/", "seconds": 1_900});
    stack.control("age_task", long_ago);
    stack.sweep();
    wait_until_idle(&stack);
    stack.sweep();
    let body = until_mail(
        &stack,
        "RC_1.1.0 rejected - shop-migrate did not end in time",
    );
    assert!(body.contains("What it changed until then stays."), "{body}");
    assert_eq!(tasks(&stack)[0]["stopCode"], "UserInitiated");
    assert!(deployed_image(&stack, &web).ends_with("RC_1.0.0"));
}

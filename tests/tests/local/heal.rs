//! Unhealthy services, end to end: the real binaries on the local stack.

use e2e::testkit::ledger::{age_state, wait_until_idle};
use e2e::testkit::shifting::behind_two_groups;
use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{NewService, create_service, image, secret_arn};
use serde_json::{Value, json};

const EXITED: &str = "Essential container in task exited";

fn told(stack: &Stack, what: &str) -> usize {
    stack
        .mail()
        .iter()
        .filter(|mail| mail["subject"].as_str().unwrap().contains(what))
        .count()
}

/// The one mail whose subject has this in it.
fn body(stack: &Stack, subject: &str) -> String {
    let mails = stack.mail();
    let found = mails
        .iter()
        .find(|mail| mail["subject"].as_str().unwrap().contains(subject));
    found.unwrap_or_else(|| panic!("no mail says {subject:?}: {mails:?}"))["body"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// `shop/web`, managed, with so much of `lamplighter:heal`.
fn sick(heal: &str) -> (Stack, String) {
    let stack = Stack::start(&[]).unwrap();
    let image = image("shop/web", "RC_1.0.0");
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:heal", heal),
        ("lamplighter:app", "shop"),
    ];
    let web = NewService {
        cluster: "shop",
        name: "web",
        image: &image,
        architecture: "ARM64",
        tags: &tags,
    };
    let web = create_service(&stack, &web);
    wait_until_idle(&stack);
    (stack, web)
}

/// Two tasks of `shop/web` stop, one after the other, and so many are left.
fn stops(stack: &Stack, more: &Value) {
    let mut request = json!({"cluster": "shop", "service": "web", "running": 2});
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    for _ in 0..2 {
        stack.control("stop_task", request.clone());
        wait_until_idle(stack);
    }
}

fn sweep(stack: &Stack) {
    stack.control("schedule", json!({"name": "HealSweep"}));
    wait_until_idle(stack);
}

#[test]
fn a_crash_loop_is_restarted_and_notified_with_its_last_log_lines() {
    let (stack, web) = sick("on");
    let lines = [
        "listening on :8080",
        "ERROR can't reach payments: connection refused",
    ];
    stops(
        &stack,
        &json!({"reason": EXITED, "exit_code": 3, "lines": lines}),
    );
    assert_eq!(
        (told(&stack, "crash"), stack.calls_of("UpdateService")),
        (0, 0)
    );
    age_state(&stack, &web);
    sweep(&stack);
    stack.until("it is told", || {
        (told(&stack, ", tasks restarted") == 1).then_some(())
    });
    let body = body(&stack, "crash loop (exit 3)");
    assert!(
        body.contains("can't reach payments") && body.contains("(step 1 of 3)"),
        "{body}"
    );
    wait_until_idle(&stack);
    assert_eq!(stack.calls_of("UpdateService"), 1);
    // The event again, and a sweep, within the back-off.
    stops(&stack, &json!({"reason": EXITED, "exit_code": 3}));
    sweep(&stack);
    assert_eq!(
        (stack.calls_of("UpdateService"), told(&stack, "crash")),
        (1, 1)
    );
}

#[test]
fn three_steps_that_do_not_help_are_escalated_with_the_list_of_steps() {
    let (stack, web) = sick("on");
    for _ in 0..5 {
        stops(&stack, &json!({"reason": EXITED, "exit_code": 1}));
        age_state(&stack, &web);
        sweep(&stack);
    }
    stack.until("a person is called", || {
        (told(&stack, ", 3 steps failed") == 1).then_some(())
    });
    assert_eq!(stack.calls_of("UpdateService"), 3);
    let body = body(&stack, "steps failed");
    assert_eq!(body.matches("restart the tasks").count(), 3, "{body}");
}

#[test]
fn a_missing_secret_is_escalated_with_who_deleted_it() {
    let (stack, web) = sick("on");
    let secret = secret_arn("shop-web");
    stack.control(
        "change",
        json!({"resource": secret, "call": "DeleteSecret", "by": "mallory", "ago": 1_200}),
    );
    let reason = format!(
        "ResourceInitializationError: unable to pull secrets or registry auth: failed to fetch secret {secret} from secrets manager"
    );
    stops(&stack, &json!({"reason": reason}));
    age_state(&stack, &web);
    sweep(&stack);
    stack.until("a person is called", || {
        (told(&stack, " - required resource missing") == 1).then_some(())
    });
    let body = body(&stack, "required resource missing");
    assert!(
        body.contains("DeleteSecret by mallory") && body.contains("A restart does not help"),
        "{body}"
    );
    assert_eq!(stack.calls_of("UpdateService"), 0);
}

#[test]
fn a_service_with_unhealthy_targets_gets_a_task_replaced() {
    let (stack, _) = sick("on");
    let groups = behind_two_groups(&stack, "web");
    wait_until_idle(&stack);
    let task = stack.control(
        "run_task",
        json!({"cluster": "shop", "service": "web", "address": "10.0.1.2"}),
    )["task"]
        .clone();
    stack.control(
        "targets",
        json!({"group": groups.old, "unhealthy": {"10.0.1.2": "Request timed out"}}),
    );
    stack.control(
        "event",
        json!({
            "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change",
            "resources": ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lamplighter/shop/web/unhealthy-targets"],
            "detail": {
                "alarmName": "lamplighter/shop/web/unhealthy-targets", "configuration": {"metrics": []},
                "state": {"value": "ALARM", "reason": "Threshold Crossed", "timestamp": "2026-11-21T03:20:00.000+0000"},
            },
        }),
    );
    stack.until("it is told", || {
        (told(&stack, ", 1 task replaced") == 1).then_some(())
    });
    wait_until_idle(&stack);
    let described = stack
        .call(
            "ecs",
            "DescribeTasks",
            json!({"cluster": "shop", "tasks": [task]}),
        )
        .unwrap();
    assert_eq!(described["tasks"][0]["stopCode"], "UserInitiated");
    assert_eq!(
        described["tasks"][0]["stoppedReason"],
        "lamplighter: its targets are unhealthy"
    );
}

#[test]
fn an_instance_with_a_disconnected_agent_is_drained_once_its_tasks_fail() {
    let (stack, _) = sick("on");
    let silent = json!({"cluster": "shop", "ec2": "i-0123456789abcdef0", "connected": false, "group": "shop-hosts", "tags": {"lamplighter:managed": "true"}});
    let instance = stack.control("instance", silent)["instance"]
        .as_str()
        .unwrap()
        .to_owned();
    stack.until("it is seen", || {
        stack
            .logs()
            .contains("the ECS agent has been disconnected for 0 min")
            .then_some(())
    });
    wait_until_idle(&stack);
    // No task on it fails, so a disconnected agent alone is no reason to drain.
    age_state(&stack, &instance);
    sweep(&stack);
    assert!(stack.logs().contains("and no task on it fails"));
    assert_eq!(stack.calls_of("UpdateContainerInstancesState"), 0);
    let task = json!({"cluster": "shop", "service": "web", "address": "10.0.1.2", "instance": instance, "health": "UNHEALTHY"});
    stack.control("run_task", task);
    sweep(&stack);
    stack.until("it is told", || {
        (told(&stack, "failing on i-0123456789abcdef0 - ECS agent lost") == 1).then_some(())
    });
    wait_until_idle(&stack);
    assert!(
        body(&stack, "ECS agent lost").contains("its Auto Scaling group shop-hosts replaces it.")
    );
    sweep(&stack);
    assert_eq!(
        (
            stack.calls_of("SetInstanceHealth"),
            stack.calls_of("UpdateContainerInstancesState")
        ),
        (1, 1)
    );
}

#[test]
fn a_throttled_step_is_retried() {
    let (stack, web) = sick("on");
    stops(&stack, &json!({"reason": EXITED, "exit_code": 1}));
    age_state(&stack, &web);
    let throttled =
        json!({"service": "ecs", "action": "UpdateService", "kind": "throttle", "times": 4});
    stack.control("fault", throttled);
    sweep(&stack);
    stack.until("it is told", || {
        (told(&stack, "failed to restart the tasks") == 1).then_some(())
    });
    wait_until_idle(&stack);
    sweep(&stack);
    stack.until("it is done", || {
        (told(&stack, ", tasks restarted") == 1).then_some(())
    });
}

#[test]
fn a_step_that_is_always_denied_is_escalated() {
    let (stack, web) = sick("on");
    let denied = json!({"service": "ecs", "action": "UpdateService", "kind": "error", "code": "AccessDeniedException", "times": 9});
    stack.control("fault", denied);
    for _ in 0..5 {
        stops(&stack, &json!({"reason": EXITED, "exit_code": 1}));
        age_state(&stack, &web);
        sweep(&stack);
    }
    stack.until("a person is called", || {
        (told(&stack, ", 3 steps failed") == 1).then_some(())
    });
    let body = body(&stack, "steps failed");
    assert_eq!(
        body.matches("tried to restart the tasks, but AWS rejected it")
            .count(),
        3,
        "{body}"
    );
    assert_eq!(stack.calls_of("UpdateService"), 3);
}

/// Events are off while the services are created, so that no other function handles them.
#[test]
fn a_hundred_services_that_fail_in_one_minute_are_one_incident() {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"events": false}));
    let image = image("shop/web", "RC_1.0.0");
    let names: Vec<String> = (0..100).map(|n| format!("s{n:03}")).collect();
    for name in &names {
        let tags = [("lamplighter:managed", "true")];
        let service = NewService {
            cluster: "shop",
            name,
            image: &image,
            architecture: "ARM64",
            tags: &tags,
        };
        create_service(&stack, &service);
    }
    stack.control("settings", json!({"events": true}));
    for name in &names {
        let stop = json!({"cluster": "shop", "service": name, "reason": EXITED, "exit_code": 1, "running": 1});
        stack.control("stop_task", stop);
    }
    stack.until("all were looked at", || {
        (stack.logs().matches("ECS has until").count()
            + stack
                .logs()
                .matches("the cause is outside the services")
                .count()
            >= 100)
            .then_some(())
    });
    wait_until_idle(&stack);
    sweep(&stack);
    for _ in 0..2 {
        age_state(&stack, "arn:aws:ecs:eu-west-1:123456789012:all-services");
        sweep(&stack);
        stack.until("it is told", || {
            (told(&stack, "of 100 services unhealthy since") == 1).then_some(())
        });
    }
    wait_until_idle(&stack);
    assert_eq!(
        (stack.calls_of("UpdateService"), stack.mail().len()),
        (0, 1),
        "{:?}",
        stack.mail()
    );
}

#[test]
fn a_function_that_is_killed_in_the_middle_of_a_step_takes_it_once() {
    let (stack, web) = sick("on");
    stops(&stack, &json!({"reason": EXITED, "exit_code": 1}));
    age_state(&stack, &web);
    stack.control(
        "fault",
        json!({"service": "ecs", "action": "UpdateService", "kind": "kill"}),
    );
    stack.control("schedule", json!({"name": "HealSweep"}));
    stack.until("it was killed", || {
        (stack.calls_of("UpdateService") == 1).then_some(())
    });
    e2e::testkit::ledger::expire_lease(&stack, &web);
    sweep(&stack);
    stack.until("it is told", || {
        (told(&stack, ", tasks restarted") == 1).then_some(())
    });
    wait_until_idle(&stack);
    // The call of the killed invocation, and another.
    assert_eq!(stack.calls_of("UpdateService"), 2);
}

/// A scheduled task fails: from the event of ECS to the e-mail with its last log line, and its end.
#[test]
fn a_scheduled_task_that_fails_is_told_until_a_later_one_succeeds() {
    let stack = Stack::start(&[]).unwrap();
    stack
        .call("ecs", "CreateCluster", json!({"clusterName": "shop"}))
        .unwrap();
    let image = image("shop/web", "RC_1.0.0");
    let definition = json!({
        "family": "nightly", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "job", "image": image, "essential": true,
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/nightly",
                "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs"}}}],
        "tags": [{"key": "lamplighter:managed", "value": "true"}],
    });
    stack
        .call("ecs", "RegisterTaskDefinition", definition)
        .unwrap();
    let run = |started_by: &str| {
        let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        let request = json!({"cluster": "shop", "taskDefinition": "nightly", "launchType": "FARGATE",
            "startedBy": started_by, "networkConfiguration": network});
        stack.call("ecs", "RunTask", request).unwrap();
    };
    run("events-rule/first");
    let failed = json!({"started_by": "events-rule/first", "exit_code": 1, "lines": ["ERROR no such table: orders"]});
    stack.control("end_task", failed);
    stack.until("the failure is told", || {
        (told(&stack, "nightly: run failed") == 1).then_some(())
    });
    let body = body(&stack, "nightly: run failed");
    assert!(
        body.contains("ERROR no such table: orders") && body.contains("--cluster shop"),
        "{body}"
    );
    run("events-rule/second");
    stack.control(
        "end_task",
        json!({"started_by": "events-rule/second", "exit_code": 0}),
    );
    wait_until_idle(&stack);
    stack.control("schedule", json!({"name": "HealSweep"}));
    stack.until("the end is told", || {
        (told(&stack, "succeeded") == 1).then_some(())
    });
    wait_until_idle(&stack);
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

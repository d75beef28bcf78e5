//! `scale` and `enroll` in the local stack, through its front door: tags, alarms and metrics in, counts and
//! alarms changed, people told.

use e2e::testkit::ledger::{journal, wait_until_idle};
use e2e::testkit::stack::Stack;
use e2e::testkit::traffic::{
    Traffic, alarms, auto_scale, behind_balancer, carry, count, create_database, fail_requests,
    set_count,
};
use e2e::testkit::workload::{NewService, create_service, image, service_arn, tag_service};
use serde_json::{Value, json};

const SCALED: [(&str, &str); 3] = [
    ("lamplighter:managed", "true"),
    ("lamplighter:app", "shop"),
    ("lamplighter:scale", "min=2 max=8 rps=10 cpu=80"),
];

/// `shop/NAME` without tags.
fn untagged(stack: &Stack, name: &str) -> String {
    let image = image("shop/web", "RC_1.0.0");
    let new = NewService {
        cluster: "shop",
        name,
        image: &image,
        architecture: "ARM64",
        tags: &[],
    };
    create_service(stack, &new)
}

/// `shop/NAME` behind a load balancer, with two tasks and these tags; free again after its enrolment.
fn service(stack: &Stack, name: &str, tags: &[(&str, &str)]) -> String {
    let arn = untagged(stack, name);
    set_count(stack, name, 2);
    behind_balancer(stack, name);
    tag_service(stack, &arn, tags);
    arn
}

fn enrolled(stack: &Stack, name: &str, tags: &[(&str, &str)], expected: usize) -> String {
    let arn = service(stack, name, tags);
    let prefix = format!("lamplighter/shop/{name}/");
    stack.until("the service has its alarms", || {
        (alarms(stack)
            .iter()
            .filter(|(alarm, _)| alarm.starts_with(&prefix))
            .count()
            == expected)
            .then_some(())
    });
    wait_until_idle(stack);
    arn
}

fn subjects(stack: &Stack) -> Vec<String> {
    stack
        .mail()
        .iter()
        .map(|mail| mail["subject"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn told(stack: &Stack, text: &str) -> Value {
    stack.until(&format!("a mail says {text:?}"), || {
        stack.mail().into_iter().find(|mail| {
            mail["subject"]
                .as_str()
                .is_some_and(|subject| subject.contains(text))
        })
    })
}

fn fire(stack: &Stack, rule: &str) {
    let fired = stack.control("schedule", json!({"name": rule}));
    assert!(fired["fired"].as_u64() > Some(0), "no rule {rule}");
}

#[test]
fn load_makes_a_service_grow_and_somebody_is_told() {
    let stack = Stack::start(&[]).unwrap();
    enrolled(&stack, "web", &SCALED, 6);
    let before = stack.function_calls().len();
    carry(
        &stack,
        "web",
        &Traffic {
            rps: &[12.0, 12.0, 37.2],
            cpu: &[30.0, 30.0, 60.0],
            tasks: 2,
        },
    );
    stack.until("the service has four tasks", || {
        (count(&stack, "web") == 4).then_some(())
    });
    told(
        &stack,
        "shop/web: scaled out 2 -> 4 tasks - 37.2 req/s at 10 per task (max 8)",
    );
    wait_until_idle(&stack);
    let calls: Vec<String> = stack.function_calls()[before..].to_vec();
    let until_update: Vec<&String> = calls
        .iter()
        .take_while(|call| *call != "UpdateService")
        .collect();
    let aws: Vec<&str> = until_update
        .iter()
        .map(|call| call.as_str())
        .filter(|call| !["UpdateItem", "TransactWriteItems", "Query", "Publish"].contains(call))
        .collect();
    // With UpdateService four; a function that has just started asks DescribeTargetGroups as well.
    // Between them may stand those of `enroll`, which hears of the alarm too, and of messages.
    let ours = [
        "DescribeServices",
        "DescribeScalableTargets",
        "GetMetricData",
    ];
    let mut following = aws.iter();
    assert!(
        ours.iter().all(|call| following.any(|other| other == call)),
        "{aws:?}"
    );
    // Once for each alarm: two may ring in the same moment.
    let rang = alarms(&stack)
        .iter()
        .filter(|(name, state)| name.contains("/web/") && state == "ALARM")
        .count();
    assert!(
        aws.iter().filter(|call| **call == "GetMetricData").count() <= rang,
        "{rang} rang: {aws:?}"
    );

    // It stays high: the alarm spoke once, the sweep goes on, by as much as a minute may add.
    carry(
        &stack,
        "web",
        &Traffic {
            rps: &[37.2, 64.0, 64.0],
            cpu: &[60.0, 60.0, 60.0],
            tasks: 4,
        },
    );
    fire(&stack, "ScaleSweep");
    stack.until("the service has six tasks", || {
        (count(&stack, "web") == 6).then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(
        subjects(&stack)
            .iter()
            .filter(|s| s.contains("scaled out"))
            .count(),
        1,
        "one message a surge"
    );
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[test]
fn a_peak_of_a_service_that_is_not_scaled_is_told_once() {
    let stack = Stack::start(&[]).unwrap();
    enrolled(&stack, "web", &[("lamplighter:managed", "true")], 5);
    carry(
        &stack,
        "web",
        &Traffic {
            rps: &[5.0; 15],
            cpu: &[41.0, 43.0, 88.0, 91.0, 93.0],
            tasks: 2,
        },
    );
    let mail = told(&stack, "shop/web: CPU 93 % since ");
    let body = mail["body"].as_str().unwrap();
    assert!(body.contains("Last 5 min: ▁▁▇██ (41 to 93 %)."), "{body}");
    assert!(body.contains("add the tag lamplighter:scale"), "{body}");
    carry(
        &stack,
        "web",
        &Traffic {
            rps: &[5.0; 15],
            cpu: &[88.0, 91.0, 93.0],
            tasks: 2,
        },
    );
    fire(&stack, "ScaleSweep");
    wait_until_idle(&stack);
    assert_eq!(count(&stack, "web"), 2);
    assert_eq!(
        subjects(&stack)
            .iter()
            .filter(|s| s.contains("CPU 93 % since "))
            .count(),
        1
    );
}

#[test]
fn under_application_auto_scaling_the_minimum_is_raised_and_put_back() {
    let stack = Stack::start(&[]).unwrap();
    let service = service(&stack, "web", &[]);
    auto_scale(&stack, "web", 2, 6);
    tag_service(&stack, &service, &SCALED);
    let mail = told(
        &stack,
        "shop/web: 2 findings: no circuit breaker with rollback",
    );
    assert!(
        mail["body"]
            .as_str()
            .unwrap()
            .contains("keeps 2 to 6 tasks - the tag sets min=2 max=8"),
        "{mail}"
    );
    wait_until_idle(&stack);
    carry(
        &stack,
        "web",
        &Traffic {
            rps: &[12.0, 12.0, 37.2],
            cpu: &[30.0; 3],
            tasks: 2,
        },
    );
    told(&stack, "shop/web: raised minimum capacity 2 -> 4 tasks");
    assert_eq!(count(&stack, "web"), 4);
    assert!(!stack.function_calls().contains(&"UpdateService".to_owned()));
    wait_until_idle(&stack);
    carry(
        &stack,
        "web",
        &Traffic {
            rps: &[12.0; 15],
            cpu: &[30.0; 15],
            tasks: 4,
        },
    );
    fire(&stack, "ScaleSweep");
    told(&stack, "shop/web: restored minimum capacity 4 -> 2 tasks");
}

/// All tasks run, and the service answers with errors: an incident as soon as the alarm fires, and its end.
#[test]
fn errors_are_an_incident_at_once_and_over_when_they_end() {
    let stack = Stack::start(&[]).unwrap();
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:runbook", "https://wiki.example.com/shop/web"),
    ];
    enrolled(&stack, "web", &tags, 5);
    fail_requests(&stack, "web", &[0.0, 0.0, 412.0, 412.0, 412.0], 430.0);
    let mail = told(
        &stack,
        "shop/web: 96 % of requests fail with HTTP 5xx since ",
    );
    let subject = mail["subject"].as_str().unwrap_or_default();
    assert!(
        subject.starts_with("[CRITICAL] ") && subject.ends_with(" UTC, limit 2 %"),
        "{subject}"
    );
    let body = mail["body"].as_str().unwrap_or_default();
    for text in [
        "▁▁███",
        "412 requests failed in the last minute",
        "Runbook: https://wiki.example.com/shop/web",
    ] {
        assert!(body.contains(text), "{body}");
    }
    // A sweep over firing alarms says nothing new.
    wait_until_idle(&stack);
    let before = subjects(&stack).len();
    fire(&stack, "EnrollWatched");
    wait_until_idle(&stack);
    assert_eq!(subjects(&stack).len(), before);
    fail_requests(&stack, "web", &[0.0; 5], 430.0);
    told(
        &stack,
        "0 % of requests fail with HTTP 5xx - back within the limit",
    );
}

#[test]
fn untagging_takes_the_alarms_away_and_leaves_those_of_others() {
    let stack = Stack::start(&[]).unwrap();
    let arn = enrolled(&stack, "web", &SCALED, 6);
    let others = json!({"AlarmName": "lamplighter/shop/web/by-hand", "Namespace": "AWS/ECS", "MetricName": "CPUUtilization",
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Average"});
    stack.call("monitoring", "PutMetricAlarm", others).unwrap();
    // A changed tag changes the alarm.
    tag_service(
        &stack,
        &arn,
        &[("lamplighter:scale", "min=2 max=8 rps=10 cpu=60")],
    );
    stack.until("the bound is 60", || {
        let request = json!({"AlarmNames": ["lamplighter/shop/web/cpu-peak"]});
        let answer = stack.call("monitoring", "DescribeAlarms", request).unwrap();
        (answer["MetricAlarms"][0]["Threshold"].as_f64() == Some(60.0)).then_some(())
    });
    let keys = [
        "lamplighter:managed",
        "lamplighter:app",
        "lamplighter:scale",
    ];
    stack
        .call(
            "ecs",
            "UntagResource",
            json!({"resourceArn": arn, "tagKeys": keys}),
        )
        .unwrap();
    stack.until("the alarms are gone", || {
        (alarms(&stack)
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            == ["lamplighter/shop/web/by-hand"])
        .then_some(())
    });
    wait_until_idle(&stack);
    fire(&stack, "EnrollSweep");
    stack.until("the dashboard is gone", || {
        let answer = stack
            .call("monitoring", "ListDashboards", json!({}))
            .unwrap();
        answer["DashboardEntries"]
            .as_array()
            .unwrap()
            .is_empty()
            .then_some(())
    });
}

/// Each event wants the application's one dashboard. AWS retries after exactly one and two minutes, so those that met there
/// would meet again.
#[test]
fn services_of_one_application_tagged_at_once_leave_no_dead_letter() {
    const COUNT: usize = 12;
    let stack = Stack::start(&[]).unwrap();
    let names: Vec<String> = (0..COUNT).map(|n| format!("web-{n}")).collect();
    let arns: Vec<String> = names.iter().map(|name| untagged(&stack, name)).collect();
    for arn in &arns {
        tag_service(&stack, arn, &SCALED);
    }
    wait_until_idle(&stack);
    // What came while the dashboard was locked is on it after a follow-up, at the latest after the hourly sweep.
    let is_complete = || {
        let request = json!({"DashboardName": "lamplighter-eu-west-1-shop"});
        let answer = stack.call("monitoring", "GetDashboard", request).unwrap();
        let body = answer["DashboardBody"].as_str().unwrap();
        names
            .iter()
            .all(|name| body.contains(&format!("\"{name}\"")))
    };
    for schedule in ["EnrollWatched", "EnrollWatched", "EnrollSweep"] {
        if !is_complete() {
            fire(&stack, schedule);
            wait_until_idle(&stack);
        }
    }
    stack.until("every service is on the dashboard", || {
        is_complete().then_some(())
    });
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[test]
fn a_bad_scale_tag_touches_nothing_and_is_told_once() {
    for (tag, problem) in [
        ("min=5 max=2", "min=5 is more than max=2"),
        ("max=8 rps=ten", "rps=ten is not a whole number"),
    ] {
        let stack = Stack::start(&[]).unwrap();
        let tags = [("lamplighter:managed", "true"), ("lamplighter:scale", tag)];
        service(&stack, "web", &tags);
        let mail = told(
            &stack,
            "shop/web: invalid tag lamplighter:scale - its operations are disabled",
        );
        assert!(mail["body"].as_str().unwrap().contains(problem), "{mail}");
        wait_until_idle(&stack);
        carry(
            &stack,
            "web",
            &Traffic {
                rps: &[99.0; 3],
                cpu: &[99.0; 3],
                tasks: 2,
            },
        );
        fire(&stack, "ScaleSweep");
        fire(&stack, "EnrollSweep");
        wait_until_idle(&stack);
        assert_eq!((alarms(&stack).len(), count(&stack, "web")), (0, 2));
        assert_eq!(
            subjects(&stack)
                .iter()
                .filter(|s| s.contains("invalid tag"))
                .count(),
            1,
            "{:?}",
            subjects(&stack)
        );
    }
}

#[test]
fn a_database_is_enrolled_and_what_will_hurt_is_told() {
    let stack = Stack::start(&[]).unwrap();
    create_database(
        &stack,
        "orders",
        &[("lamplighter:managed", "true"), ("lamplighter:app", "shop")],
    );
    told(&stack, "orders: finding: no automated backups");
    let names: Vec<String> = alarms(&stack).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "lamplighter/db:orders/connections",
            "lamplighter/db:orders/cpu-peak",
            "lamplighter/db:orders/free-memory",
            "lamplighter/db:orders/free-storage"
        ]
    );
    stack.control("unconfirm", json!({"endpoint": e2e::testkit::stack::EMAIL}));
    fire(&stack, "EnrollSweep");
    let journalled = |text: &str| {
        stack.until(text, || {
            journal(&stack)
                .iter()
                .any(|record| record["notified"].to_string().contains(text))
                .then_some(())
        });
    };
    journalled("subscription not confirmed");
    wait_until_idle(&stack);
    stack.control(
        "unconfirm",
        json!({"endpoint": e2e::testkit::stack::EMAIL, "ended": true}),
    );
    fire(&stack, "EnrollSweep");
    journalled("gets no notifications - unsubscribed");
}

#[test]
fn two_hundred_services_are_enrolled_in_one_sweep_although_aws_throttles() {
    const SERVICES: usize = 200;
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"events": false}));
    let image = image("shop/web", "RC_1.0.0");
    for n in 0..SERVICES {
        let name = format!("web{n}");
        let tags = [
            ("lamplighter:managed", "true"),
            ("lamplighter:scale", "min=3 max=8 rps=10"),
        ];
        create_service(
            &stack,
            &NewService {
                cluster: "shop",
                name: &name,
                image: &image,
                architecture: "ARM64",
                tags: &tags,
            },
        );
    }
    let throttle = json!({"service": "monitoring", "action": "PutMetricAlarm", "kind": "throttle", "times": 3});
    stack.control("fault", throttle);
    fire(&stack, "EnrollSweep");
    stack.until("every service has its alarms", || {
        (alarms(&stack).len() == SERVICES * 2).then_some(())
    });
    wait_until_idle(&stack);
    assert!(stack.dead_letters().is_empty());
    let puts = stack.calls_of("PutMetricAlarm");
    assert_eq!(puts, SERVICES * 2 + 3);
    // A second sweep has nothing to do.
    fire(&stack, "EnrollSweep");
    wait_until_idle(&stack);
    assert_eq!(stack.calls_of("PutMetricAlarm"), puts);
}

#[test]
fn a_storm_of_alarms_ends_with_every_service_at_its_right_count() {
    const SERVICES: usize = 20;
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"events": false}));
    let names: Vec<String> = (0..SERVICES).map(|n| format!("web{n}")).collect();
    for name in &names {
        service(&stack, name, &SCALED);
        carry(
            &stack,
            name,
            &Traffic {
                rps: &[12.0, 12.0, 37.2],
                cpu: &[30.0; 3],
                tasks: 2,
            },
        );
    }
    stack.control("settings", json!({"events": true}));
    let alarm = |name: &str, n: usize| {
        json!({
            "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "id": format!("{name}-{n}"),
            "resources": [format!("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lamplighter/shop/{name}/requests")],
            "detail": {
                "alarmName": format!("lamplighter/shop/{name}/requests"),
                "state": {"value": "ALARM", "timestamp": "2026-11-21T05:00:00.000+0000"},
                "configuration": {"metrics": [{"id": "m1", "metricStat": {"metric": {
                    "namespace": "AWS/ECS", "name": "CPUUtilization",
                    "dimensions": {"ClusterName": "shop", "ServiceName": name}}}}]},
            },
        })
    };
    // Each alarm speaks ten times: 200 events at once.
    for n in 0..10 {
        for name in &names {
            stack.control("event", alarm(name, n));
        }
    }
    stack.until("all have four tasks", || {
        names
            .iter()
            .all(|name| count(&stack, name) == 4)
            .then_some(())
    });
    wait_until_idle(&stack);
    assert!(names.iter().all(|name| count(&stack, name) == 4));
    let grown = || {
        subjects(&stack)
            .iter()
            .filter(|s| s.contains("scaled out 2 -> 4 tasks"))
            .count()
    };
    stack.until("all are told", || (grown() >= SERVICES).then_some(()));
    assert_eq!(grown(), SERVICES, "one message for each");
}

#[test]
fn the_service_arn_is_what_the_alarms_are_tagged_with() {
    let stack = Stack::start(&[]).unwrap();
    enrolled(&stack, "web", &SCALED, 6);
    let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lamplighter/shop/web/cpu-peak";
    let answer = stack
        .call(
            "monitoring",
            "ListTagsForResource",
            json!({"ResourceARN": arn}),
        )
        .unwrap();
    let tags: Vec<(&str, &str)> = answer["Tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| (tag["Key"].as_str().unwrap(), tag["Value"].as_str().unwrap()))
        .collect();
    let service = service_arn("shop", "web");
    let expected = [
        ("lamplighter:managed", "true"),
        ("lamplighter:stack", "lamplighter"),
        ("lamplighter:target", service.as_str()),
    ];
    assert!(expected.iter().all(|tag| tags.contains(tag)), "{tags:?}");
}

/// A worker without messages stops, and starts within a sweep of the first one.
#[test]
fn a_queue_worker_stops_and_starts_with_its_messages() {
    let stack = Stack::start(&[]).unwrap();
    let queue = stack
        .call("sqs", "CreateQueue", json!({"QueueName": "jobs"}))
        .unwrap();
    let arn = untagged(&stack, "web");
    set_count(&stack, "web", 1);
    let idle = Traffic {
        rps: &[],
        cpu: &[1.0; 20],
        tasks: 1,
    };
    carry(&stack, "web", &idle);
    let scale = "min=0 max=8 queue=jobs latency=60s";
    tag_service(
        &stack,
        &arn,
        &[
            ("lamplighter:managed", "true"),
            ("lamplighter:scale", scale),
        ],
    );
    told(&stack, "shop/web: stopped - nothing to do");
    assert_eq!(count(&stack, "web"), 0);
    wait_until_idle(&stack);
    for n in 0..3 {
        let message = json!({"QueueUrl": queue["QueueUrl"], "MessageBody": format!("job {n}")});
        stack.call("sqs", "SendMessage", message).unwrap();
    }
    fire(&stack, "ScaleSweep");
    let mail = told(&stack, "shop/web: started again with 1 task");
    assert_eq!(count(&stack, "web"), 1);
    let body = mail["body"].as_str().unwrap_or_default();
    assert!(body.contains("3 messages wait"), "{body}");
    // A queue that doesn't exist is named.
    tag_service(
        &stack,
        &arn,
        &[("lamplighter:scale", "min=1 max=8 queue=job")],
    );
    told(&stack, "shop/web: 1 task kept - no queue job");
    assert_eq!(count(&stack, "web"), 1);
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

//! What AWS says by itself, end to end: from its event over the queue to a mail.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use e2e::alerts::{notice, sweep, tell};
use e2e::ledger::{items, let_alerts_wait};
use e2e::setup::root;
use e2e::stack::Stack;
use serde_json::{Value, json};

fn send(stack: &Stack, sample: &str) {
    let file = root().join(format!("events/alert/{sample}.json"));
    let event: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let keys = ["source", "detail-type", "detail", "resources"];
    let request: serde_json::Map<String, Value> = keys
        .iter()
        .map(|key| ((*key).to_owned(), event[*key].clone()))
        .collect();
    stack.control("event", Value::Object(request));
}

fn subjects(stack: &Stack) -> Vec<String> {
    stack
        .mail()
        .iter()
        .map(|mail| mail["subject"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_aws_says_reaches_people_in_words() {
    let stack = Stack::start(&[("TellJobs", "yes")]).unwrap();
    // What happens every day goes first, and makes no mail.
    stack.control(
        "event",
        json!({
            "source": "aws.rds", "detail-type": "RDS DB Instance Event", "resources": [],
            "detail": {"EventCategories": ["notification"], "SourceArn": "arn:aws:rds:eu-west-1:123456789012:db:orders",
                       "SourceIdentifier": "orders", "Message": "a patch was applied", "EventID": "RDS-EVENT-0047"},
        }),
    );
    for sample in [
        "database-backed-up",
        "database-storage-full",
        "health-scheduled-change",
        "scaled-to-max",
        "rotation-failed",
        "backup-job-failed",
        "deployment-failed",
        "dead-letters",
    ] {
        send(&stack, sample);
    }
    stack.until("seven are told", || {
        (subjects(&stack).len() == 7).then_some(())
    });
    let told = subjects(&stack);
    for expected in [
        "[CRITICAL] orders: DB instance has reached the storage-full threshold",
        "[warning] EC2: AWS will change something",
        "[warning] shop/web: is at the maximum of Application Auto Scaling: 8 tasks",
        "[warning] shop/db: its rotation failed",
        "[warning] fs-0a1b2c3d4e5f67890: AWS Backup took no backup: its job failed",
        "[warning] reports/production: its deployment d-4Q7K2M9XE failed",
        "[CRITICAL] lamplighter: an event was given up on",
    ] {
        assert_eq!(
            told.iter()
                .filter(|subject| subject.starts_with(expected))
                .count(),
            1,
            "{expected}: {told:?}"
        );
    }
    send(&stack, "dead-letters-taken-out");
    let over = "[over] lamplighter: the dead-letter queue is empty";
    stack.until("it is over", || {
        subjects(&stack)
            .iter()
            .any(|subject| subject == over)
            .then_some(())
    });
    assert_eq!(stack.dead_letters(), Vec::<Value>::new());
}

#[test]
fn a_sweep_that_somebody_turned_off_is_told_until_it_runs_again() {
    let stack = Stack::start(&[]).unwrap();
    let rules = stack.call("events", "ListRules", json!({})).unwrap();
    let names = rules["Rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|rule| rule["Name"].as_str());
    let rule = names
        .into_iter()
        .find(|name| name.contains("HealSweep"))
        .unwrap();
    let started = |values: &Value| {
        let series = json!({"namespace": "AWS/Events", "name": "Invocations", "dimensions": {"RuleName": rule}, "values": values});
        stack.control("metrics", json!({"series": [series]}))["lamplighter-silent-heal"].clone()
    };
    assert_eq!(started(&json!([null])), "INSUFFICIENT_DATA");
    assert_eq!(started(&json!([1])), "OK");
    assert_eq!(started(&json!([1, null, null, null, null])), "ALARM");
    // Beside the two alarms that go past Alert, which say that they are well.
    let told = || {
        stack.mail().into_iter().filter(|mail| {
            mail["subject"]
                .as_str()
                .is_some_and(|s| s.contains("sweep"))
        })
    };
    let mail = stack.until("it is told", || told().next());
    assert_eq!(
        mail["subject"],
        "[CRITICAL] lamplighter: the sweep of heal does not run"
    );
    assert!(
        mail["body"]
            .as_str()
            .unwrap()
            .contains(&format!("enable-rule --region eu-west-1 --name {rule}")),
        "{mail}"
    );
    assert_eq!(started(&json!([null, null, null, 1])), "OK");
    let mail = stack.until("it is over", || told().nth(1));
    assert_eq!(
        mail["subject"],
        "[over] lamplighter: the sweep of heal runs again"
    );
}

/// Incidents of which the topic was told.
fn told(stack: &Stack) -> usize {
    let all = items(stack);
    let open = all
        .iter()
        .filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("open#"));
    let incidents = open.map(|item| {
        serde_json::from_str::<Value>(item["incident"]["S"].as_str().unwrap()).unwrap()
    });
    incidents
        .filter(|incident| incident["told"]["e-mail"]["at"].is_string())
        .count()
}

const TEMPLATE: [(&str, &str); 2] = [("AlertInterval", "5"), ("MessagesPerMinute", "8")];

#[test]
fn one_incident_is_told_when_it_begins_changes_lasts_and_is_over() {
    let stack = Stack::start(&TEMPLATE).unwrap();
    let lasts = json!({"begins": "heal"});
    tell(
        &stack,
        &[notice(
            "web",
            "warning",
            "crashes again and again: its tasks are started anew",
            &lasts,
        )],
    );
    stack.until("it is told", || (subjects(&stack).len() == 1).then_some(()));
    tell(
        &stack,
        &[notice(
            "web",
            "warning",
            "crashes again and again: the second restart",
            &lasts,
        )],
    );
    stack.until("the second is heard", || {
        (items(&stack).iter().any(|i| {
            i["incident"]["S"]
                .as_str()
                .is_some_and(|i| i.contains("second restart"))
        }))
        .then_some(())
    });
    sweep(&stack);
    assert_eq!(
        subjects(&stack).len(),
        1,
        "not before five minutes have passed"
    );
    let_alerts_wait(&stack, 5);
    sweep(&stack);
    let_alerts_wait(&stack, 240);
    sweep(&stack);
    tell(
        &stack,
        &[notice(
            "web",
            "info",
            "is well again: 2 tasks run",
            &json!({"ends": "heal"}),
        )],
    );
    let_alerts_wait(&stack, 5);
    sweep(&stack);
    stack.until("it is over", || (subjects(&stack).len() == 4).then_some(()));
    assert_eq!(
        subjects(&stack),
        [
            "[warning] shop/web: crashes again and again: its tasks are started anew",
            "[warning] shop/web: crashes again and again: the second restart",
            "[warning] shop/web: still: crashes again and again: the second restart",
            "[over] shop/web: is well again: 2 tasks run",
        ]
    );
    let body = stack.mail()[3]["body"].as_str().unwrap().to_owned();
    assert!(
        body.contains("It lasted 4 h") && body.contains("crashes again and again: its tasks"),
        "{body}"
    );
}

#[test]
fn a_thousand_incidents_in_a_minute_end_in_at_most_ten_messages() {
    let stack = Stack::start(&TEMPLATE).unwrap();
    let lasts = json!({"begins": "heal"});
    let all: Vec<Value> = (0..1_000)
        .map(|n| notice(&format!("s{n}"), "warning", "crashes", &lasts))
        .collect();
    tell(&stack, &all);
    let known = || {
        items(&stack)
            .iter()
            .filter(|i| i["sk"]["S"].as_str().unwrap().starts_with("open#"))
            .count()
    };
    stack.until("all are known", || (known() == 1_000).then_some(()));
    // Everything that did not fit into the first minute.
    for _ in 0..10 {
        if told(&stack) < 1_000 {
            let_alerts_wait(&stack, 6);
            sweep(&stack);
        }
    }
    assert_eq!(told(&stack), 1_000);
    assert!(subjects(&stack).len() <= 10, "{:?}", subjects(&stack));
    assert_eq!(stack.dead_letters(), Vec::<Value>::new());
}

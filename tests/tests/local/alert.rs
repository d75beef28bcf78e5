//! Incidents and AWS events, end to end: from an event over the queue to an e-mail.

use e2e::testkit::alerts::{notice, sweep, tell};
use e2e::testkit::ledger::{age_incidents, items};
use e2e::testkit::setup::root;
use e2e::testkit::stack::Stack;
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

fn wait_for_messages(stack: &Stack, count: usize) {
    stack.until(&format!("{count} messages are sent"), || {
        (subjects(stack).len() == count).then_some(())
    });
}

#[test]
fn aws_events_become_messages() {
    let stack = Stack::start(&[("NotifyJobs", "yes"), ("MessagesPerMinute", "20")]).unwrap();
    // A routine event goes first, and makes no message.
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
        "health-credentials-exposed",
        "copy-job-failed",
        "launch-failed",
        "certificate-revoked",
        "dead-letters",
    ] {
        send(&stack, sample);
    }
    wait_for_messages(&stack, 11);
    let sent = subjects(&stack);
    for expected in [
        "[CRITICAL] orders: DB instance has reached the storage-full threshold",
        "[warning] i-0123456789abcdef0: scheduled change in eu-west-1 on 2026-12-01 22:00 UTC",
        "[CRITICAL] AKIAIOSFODNN7EXAMPLE: AWS found exposed credentials - AWS_RISK_CREDENTIALS_EXPOSED",
        "[warning] fs-0f1e2d3c4b5a69788: no copy in vault offsite - AWS Backup copy job failed",
        "[warning] shop-hosts: no instance launched in eu-west-1b - no EC2 capacity",
        "[CRITICAL] shop.example.com: certificate revoked",
        "[warning] shop/web: 8/8 tasks - Application Auto Scaling is at its maximum",
        "[warning] shop/db: secret rotation failed - tasks keep the current value",
        "[warning] fs-0a1b2c3d4e5f67890: no recovery point created - AWS Backup job failed",
        "[warning] reports/production: deployment d-4Q7K2M9XE failed",
        "[CRITICAL] lamplighter: events failed all retries - dead-letter queue is not empty",
    ] {
        assert_eq!(
            sent.iter()
                .filter(|subject| subject.starts_with(expected))
                .count(),
            1,
            "{expected}: {sent:?}"
        );
    }
    send(&stack, "dead-letters-taken-out");
    let resolved = "[RESOLVED] lamplighter: dead-letter queue is empty";
    stack.until("it is resolved", || {
        subjects(&stack)
            .iter()
            .any(|subject| subject == resolved)
            .then_some(())
    });
    assert_eq!(stack.dead_letters(), Vec::<Value>::new());
}

#[test]
fn a_disabled_sweep_fires_until_it_runs_again() {
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
    assert_eq!(started(&json!([1, null, null, null, null, null])), "ALARM");
    // The two alarms that publish to the topic directly report OK as well.
    let sweep_mails = || {
        stack.mail().into_iter().filter(|mail| {
            mail["subject"]
                .as_str()
                .is_some_and(|s| s.contains("sweep"))
        })
    };
    let mail = stack.until("the alert is sent", || sweep_mails().next());
    assert_eq!(
        mail["subject"],
        "[CRITICAL] lamplighter: heal sweep is not running - its EventBridge rule started nothing"
    );
    assert!(
        mail["body"]
            .as_str()
            .unwrap()
            .contains(&format!("enable-rule --region eu-west-1 --name {rule}")),
        "{mail}"
    );
    assert_eq!(started(&json!([null, null, null, 1])), "OK");
    let mail = stack.until("it is resolved", || sweep_mails().nth(1));
    assert_eq!(
        mail["subject"],
        "[RESOLVED] lamplighter: heal sweep is running again"
    );
}

/// Returns the number of incidents that were sent to the topic.
fn count_sent(stack: &Stack) -> usize {
    let all = items(stack);
    let open = all
        .iter()
        .filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("open#"));
    let incidents = open.map(|item| {
        serde_json::from_str::<Value>(item["incident"]["S"].as_str().unwrap()).unwrap()
    });
    incidents
        .filter(|incident| incident["deliveries"]["e-mail"]["at"].is_string())
        .count()
}

const TEMPLATE: [(&str, &str); 2] = [("AlertInterval", "5"), ("MessagesPerMinute", "8")];

/// Sends a notification about one service.
fn report(stack: &Stack, severity: &str, title: &str, course: &Value) {
    tell(stack, &[notice("web", severity, title, course)]);
}

/// Waits until an incident has a line with this text.
fn wait_for_line(stack: &Stack, text: &str) {
    stack.until("the line is stored", || {
        let incidents = items(stack);
        let mut incidents = incidents
            .iter()
            .filter_map(|item| item["incident"]["S"].as_str());
        incidents
            .any(|incident| incident.contains(text))
            .then_some(())
    });
}

#[test]
fn an_incident_fires_is_updated_reminds_and_resolves() {
    let stack = Stack::start(&TEMPLATE).unwrap();
    let lasts = json!({"fires": "heal"});
    report(
        &stack,
        "warning",
        "0/2 tasks running - crash loop (exit 3)",
        &lasts,
    );
    wait_for_messages(&stack, 1);
    report(
        &stack,
        "warning",
        "0/2 tasks running - crash loop after the second restart",
        &lasts,
    );
    wait_for_line(&stack, "second restart");
    sweep(&stack);
    assert_eq!(
        subjects(&stack).len(),
        1,
        "not before five minutes have passed"
    );
    age_incidents(&stack, 5);
    sweep(&stack);
    age_incidents(&stack, 240);
    sweep(&stack);
    report(
        &stack,
        "info",
        "2/2 tasks healthy again",
        &json!({"clears": "heal"}),
    );
    age_incidents(&stack, 5);
    sweep(&stack);
    wait_for_messages(&stack, 4);
    assert_eq!(
        subjects(&stack),
        [
            "[warning] shop/web: 0/2 tasks running - crash loop (exit 3)",
            "[warning] shop/web: 0/2 tasks running - crash loop after the second restart",
            "[warning] shop/web: reminder: 0/2 tasks running - crash loop after the second restart",
            "[RESOLVED] shop/web: 2/2 tasks healthy again",
        ]
    );
    let body = stack.mail()[3]["body"].as_str().unwrap().to_owned();
    assert!(
        body.contains("Duration: 4 h") && body.contains("crash loop (exit 3)"),
        "{body}"
    );
}

#[test]
fn a_thousand_incidents_in_a_minute_end_in_at_most_ten_messages() {
    let stack = Stack::start(&TEMPLATE).unwrap();
    let lasts = json!({"fires": "heal"});
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
        if count_sent(&stack) < 1_000 {
            age_incidents(&stack, 6);
            sweep(&stack);
        }
    }
    assert_eq!(count_sent(&stack), 1_000);
    assert!(subjects(&stack).len() <= 10, "{:?}", subjects(&stack));
    assert_eq!(stack.dead_letters(), Vec::<Value>::new());
}

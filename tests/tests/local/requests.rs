//! The request API, end to end: a signed call, the real binaries, and what people hear.

use e2e::testkit::alerts::{follow, notice};
use e2e::testkit::ledger::wait_until_idle;
use e2e::testkit::live_service::{start_live_service, wait_until_runs, wait_until_verified};
use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{deployed_image, push_image};
use serde_json::{Value, json};

/// Waits for a mail whose subject or body has a text, and returns its subject.
fn until_told(stack: &Stack, text: &str) -> String {
    let subject = stack.sweep_until("AlertSweep", text, || {
        let mails = stack.mail();
        let mail = mails.iter().find(|mail| mail.to_string().contains(text))?;
        Some(mail["subject"].as_str()?.to_owned())
    });
    wait_until_idle(stack);
    subject
}

fn request(stack: &Stack, body: &Value) -> Value {
    let (status, answer) = stack.call_http_api(&stack.output("RequestUrl"), body);
    assert_eq!(status, 200, "{answer}");
    wait_until_idle(stack);
    answer
}

#[test]
fn a_person_rolls_back_and_deploys_an_untracked_tag() {
    let (stack, web, first) = start_live_service(&[("RequestApi", "yes")]);
    let second = push_image(&stack, "shop/web", "RC_1.2.0", &["arm64"], "b");
    wait_until_runs(&stack, &web, &second);
    wait_until_verified(&stack, "RC_1.2.0");
    let body = json!({"command": "roll-back", "target": "shop/web", "reason": "wrong prices"});
    let answer = request(&stack, &body);
    assert!(
        answer["target"].to_string().contains("shop/web"),
        "{answer}"
    );
    wait_until_runs(&stack, &web, &first);
    until_told(
        &stack,
        "RC_1.2.0 rejected by root, rolling back to RC_1.1.0",
    );
    let hotfix = push_image(&stack, "shop/web", "hotfix-1", &["arm64"], "c");
    let body =
        json!({"command": "deploy", "target": "shop/web", "image": "hotfix-1", "reason": "prices"});
    request(&stack, &body);
    wait_until_runs(&stack, &web, &hotfix);
    stack.sweep();
    wait_until_idle(&stack);
    assert!(deployed_image(&stack, &web).ends_with(&hotfix));
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[test]
fn a_pause_of_everything_holds_at_once_and_stands_in_each_message() {
    let (stack, web, first) = start_live_service(&[("RequestApi", "yes")]);
    let scope = json!({"command": "pause", "everything": true, "reason": "database migration"});
    request(&stack, &scope);
    until_told(&stack, "everything paused by root until it is resumed");
    let second = push_image(&stack, "shop/web", "RC_1.2.0", &["arm64"], "b");
    stack.sweep();
    wait_until_idle(&stack);
    assert!(deployed_image(&stack, &web).ends_with(&first));
    let storage_full = json!({
        "source": "aws.rds", "detail-type": "RDS DB Instance Event",
        "resources": ["arn:aws:rds:eu-west-1:123456789012:db:orders"],
        "detail": {"EventID": "RDS-EVENT-0007", "EventCategories": ["low storage"], "SourceType": "DB_INSTANCE",
                   "SourceIdentifier": "orders", "SourceArn": "arn:aws:rds:eu-west-1:123456789012:db:orders",
                   "Message": "Allocated storage has been exhausted.", "Date": "2026-11-21T03:00:00.000Z"},
    });
    stack.control("event", storage_full);
    let subject = until_told(
        &stack,
        "Note: everything paused by root until it is resumed. Lamplighter changes nothing.",
    );
    assert!(
        subject.starts_with("[CRITICAL, PAUSED] orders: "),
        "{subject}"
    );
    request(
        &stack,
        &json!({"command": "resume", "everything": true, "reason": "done"}),
    );
    until_told(&stack, "everything resumed by root");
    stack.sweep();
    wait_until_runs(&stack, &web, &second);
}

/// A failed invocation and a notification that EventBridge could not deliver are handled again; a letter of another stack
/// stays.
#[test]
fn dead_letters_are_sent_again() {
    let stack = Stack::start(&[("RequestApi", "yes")]).unwrap();
    let failed = |function: &str| {
        json!({
            "requestContext": {"functionArn": format!("{function}:$LATEST"), "condition": "RetriesExhausted"},
            "requestPayload": {"source": "aws.events", "detail-type": "Scheduled Event", "id": "sent-again"},
        })
    };
    let send = |body: &Value, attributes: Value| {
        let request = json!({
            "QueueUrl": stack.output("DeadLettersUrl"), "MessageBody": body.to_string(),
            "MessageAttributes": attributes,
        });
        stack.call("sqs", "SendMessage", request).unwrap();
    };
    let foreign = failed("arn:aws:lambda:eu-west-1:123456789012:function:payments-Charge-1A2B");
    send(&failed(&stack.output("ScaleArn")), json!({}));
    send(&foreign, json!({}));
    let crash = notice(
        "web",
        "critical",
        "0/2 tasks running",
        &json!({"fires": "heal"}),
    );
    let queue = "arn:aws:sqs:eu-west-1:123456789012:lamplighter-Notifications";
    let target = json!({"TARGET_ARN": {"DataType": "String", "StringValue": queue}});
    send(&crash, target);
    let body = json!({"command": "redrive", "everything": true, "reason": "the bug is fixed"});
    let answer = request(&stack, &body);
    assert!(
        answer["result"]
            .to_string()
            .contains("3 dead letters are sent again"),
        "{answer}"
    );
    until_told(&stack, "0/2 tasks running");
    until_told(&stack, "about 3 dead letters sent again by root");
    let denied = stack.control("denied", Value::Null);
    assert_eq!(denied, json!([]));
    // What stays is hidden from others for two minutes.
    let left = stack.call(
        "sqs",
        "GetQueueAttributes",
        json!({"QueueUrl": stack.output("DeadLettersUrl"), "AttributeNames": ["All"]}),
    );
    let left = left.unwrap()["Attributes"].clone();
    assert_eq!(left["ApproximateNumberOfMessages"], "0", "{left}");
    assert_eq!(left["ApproximateNumberOfMessagesNotVisible"], "1", "{left}");
}

/// Without a signature API Gateway refuses the call; with a mistake the function answers what is wrong.
#[test]
fn a_call_with_a_mistake_changes_nothing() {
    let stack = Stack::start(&[("RequestApi", "yes")]).unwrap();
    let url = stack.output("RequestUrl");
    let (status, _) = follow(&stack, "POST", &url);
    assert_eq!(status, 403);
    let (status, answer) =
        stack.call_http_api(&url, &json!({"command": "pause", "everything": true}));
    assert_eq!(status, 400, "{answer}");
    assert!(
        answer["error"].to_string().contains("is missing"),
        "{answer}"
    );
    let body = json!({"command": "pause", "target": "shop/wbe", "reason": "x"});
    let (status, answer) = stack.call_http_api(&url, &body);
    assert_eq!(status, 422, "{answer}");
    assert_eq!(stack.mail(), Vec::<Value>::new());
}

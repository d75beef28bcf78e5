//! Notifications as operations send them, and the function that turns them into messages.

use lamplighter::Function;
use lamplighter::notify::{Notification, Source};
use lamplighter_aws::lambda::read_clock;
use serde_json::{Value, json};

use crate::testkit::ledger::wait_until_idle;
use crate::testkit::stack::Stack;

/// Sends notifications through the queue, as an operation does.
///
/// # Panics
/// If the queue does not accept them.
pub fn tell(stack: &Stack, notices: &[Value]) {
    let queues = stack
        .call("sqs", "ListQueues", json!({}))
        .unwrap_or_default();
    let mut urls = queues["QueueUrls"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let url = urls
        .find(|url| url.contains("Notifications"))
        .unwrap_or_else(|| panic!("there is no queue for notices"));
    for ten in notices.chunks(10) {
        let entries: Vec<Value> = ten
            .iter()
            .enumerate()
            .map(|(n, notice)| json!({"Id": n.to_string(), "MessageBody": notice.to_string()}))
            .collect();
        stack
            .call(
                "sqs",
                "SendMessageBatch",
                json!({"QueueUrl": url, "Entries": entries}),
            )
            .unwrap_or_else(|e| panic!("{e}"));
    }
}

/// Returns a notification of `heal` about a service of `shop`. `course` adds `begins` or `ends`.
///
/// # Panics
/// If `alert` could not read it.
#[must_use]
pub fn notice(service: &str, severity: &str, title: &str, course: &Value) -> Value {
    let mut notice = json!({
        "severity": severity, "key": null, "title": title, "why": "Its tasks end with exit code 3.",
        "next": "Nothing to do.", "at": read_clock(), "source": Source::from(Function::Heal), "name": format!("shop/{service}"),
        "target": format!("arn:aws:ecs:eu-west-1:123456789012:service/shop/{service}"), "app": "shop",
        "stack": "lamplighter", "link": "https://eu-west-1.console.aws.amazon.com/ecs/v2",
    });
    if let (Some(notice), Some(course)) = (notice.as_object_mut(), course.as_object()) {
        notice.extend(course.clone());
    }
    let read = serde_json::from_value::<Notification>(notice.clone());
    assert!(read.is_ok(), "{notice} is no notification: {read:?}");
    notice
}

/// Runs the sweep of `alert`, which sends what is due.
pub fn sweep(stack: &Stack) {
    stack.control("schedule", json!({"name": "AlertSweep"}));
    wait_until_idle(stack);
}

/// Returns the link in a message that stops reminders.
#[must_use]
pub fn link(body: &str) -> Option<&str> {
    body.lines()
        .find(|line| line.starts_with("http") && line.contains(".execute-api."))
}

/// Follows a link as a browser does. Returns the status and the page.
///
/// # Panics
/// If there is no response.
#[must_use]
pub fn follow(stack: &Stack, method: &str, link: &str) -> (u16, String) {
    let (_, rest) = link
        .split_once("://")
        .unwrap_or_else(|| panic!("{link} has no scheme"));
    let (host, query) = rest
        .split_once('/')
        .unwrap_or_else(|| panic!("{link} has no path"));
    let id = host.split('.').next().unwrap_or_default();
    // The host names of the emulator's APIs do not resolve, so the API is named in the path.
    let url = format!(
        "{}/_aws/execute-api/{id}/$default/{query}",
        stack.endpoint()
    );
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build(),
    );
    let answer = if method == "POST" {
        agent.post(url).send_empty()
    } else {
        agent.get(url).call()
    };
    let mut answer = answer.unwrap_or_else(|e| panic!("{method} {link}: {e}"));
    (
        answer.status().as_u16(),
        answer.body_mut().read_to_string().unwrap_or_default(),
    )
}

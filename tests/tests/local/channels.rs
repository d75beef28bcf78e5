//! Messages to Slack, PagerDuty and webhooks, end to end: the real function and servers that record what they get.

use std::collections::BTreeSet;

use e2e::testkit::alerts::{notice, sweep, tell};
use e2e::testkit::stack::Stack;
use lamplighter_aws::webhook_signature::sign_webhook;
use serde_json::{Value, json};

/// A stack whose channels are those of the secret.
fn stack(channels: impl Fn(&str) -> Value) -> Stack {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:channels";
    let stack = Stack::start(&[("ChannelsSecret", arn)]).unwrap();
    change(&stack, &channels(&stack.people()));
    stack
}

fn change(stack: &Stack, channels: &Value) {
    let (name, text) = ("channels", channels.to_string());
    if stack
        .call(
            "secretsmanager",
            "CreateSecret",
            json!({"Name": name, "SecretString": text, "ClientRequestToken": token()}),
        )
        .is_err()
    {
        stack
            .call(
                "secretsmanager",
                "PutSecretValue",
                json!({"SecretId": name, "SecretString": text, "ClientRequestToken": token()}),
            )
            .unwrap();
    }
}

/// Returns another token each time.
fn token() -> String {
    format!(
        "{:032}",
        lamplighter_aws::lambda::read_clock().as_nanosecond()
    )
}

fn heard(stack: &Stack, path: &str) -> Vec<Value> {
    let all = stack.control("people", json!({}));
    all.as_array()
        .unwrap()
        .iter()
        .filter(|one| one["path"].as_str().unwrap().contains(path))
        .cloned()
        .collect()
}

fn crash() -> Value {
    notice(
        "web",
        "warning",
        "crash loop <exit 3> & no healthy task",
        &json!({"fires": "heal"}),
    )
}

fn called() -> Value {
    notice(
        "web",
        "critical",
        "0/2 tasks running - no restart helped",
        &json!({"fires": "heal:called"}),
    )
}

fn well() -> Value {
    notice(
        "web",
        "info",
        "2/2 tasks healthy again",
        &json!({"clears": "heal"}),
    )
}

fn wait_for_calls(stack: &Stack, method: &str, count: usize) {
    stack.until(&format!("{count} calls of {method}"), || {
        (heard(stack, method).len() == count).then_some(())
    });
}

/// Returns the text of a Slack message's first section.
fn first_section(call: &Value) -> &str {
    call["body"]["blocks"][0]["text"]["text"].as_str().unwrap()
}

/// Asserts that all later messages reply to the first one, and that only the one of the higher severity is also shown
/// in the channel.
fn assert_replies(posted: &[Value], first: &Value) {
    assert!(
        posted[1..]
            .iter()
            .all(|reply| reply["body"]["thread_ts"] == *first),
        "{posted:?}"
    );
    assert_eq!(
        (
            &posted[1]["body"]["reply_broadcast"],
            &posted[2]["body"]["reply_broadcast"]
        ),
        (&json!(true), &json!(false))
    );
}

#[test]
fn in_slack_an_incident_is_one_thread_whose_first_message_has_its_status() {
    let stack = stack(
        |people| json!({"ops": {"slack_token": "xoxb-secret", "channel": "C0123", "api": people}}),
    );
    tell(&stack, &[crash()]);
    wait_for_calls(&stack, "chat.postMessage", 1);
    tell(&stack, &[called()]);
    wait_for_calls(&stack, "chat.update", 1);
    tell(&stack, &[well()]);
    wait_for_calls(&stack, "chat.update", 2);
    let (posted, updated) = (
        heard(&stack, "chat.postMessage"),
        heard(&stack, "chat.update"),
    );
    assert_eq!(posted[0]["headers"]["authorization"], "Bearer xoxb-secret");
    assert_eq!(
        (
            &posted[0]["body"]["channel"],
            posted[0]["body"].get("thread_ts")
        ),
        (&json!("C0123"), None)
    );
    assert_replies(&posted, &updated[1]["body"]["ts"]);
    let text = first_section(&posted[0]);
    assert!(
        text.starts_with(
            ":large_orange_circle: *shop/web: crash loop &lt;exit 3&gt; &amp; no healthy task*"
        ),
        "{text}"
    );
    let now = first_section(&updated[1]);
    assert!(
        now.starts_with(":white_check_mark: *shop/web: 0/2 tasks running")
            && now.contains("Resolved after"),
        "{now}"
    );
    assert!(
        !stack.logs().contains("xoxb-secret")
            && !stack
                .mail()
                .iter()
                .any(|mail| mail.to_string().contains("xoxb"))
    );
}

#[test]
fn pagerduty_gets_critical_incidents_and_a_webhook_all_of_them_signed() {
    let stack = stack(|people| {
        json!({
            "pager": {"pagerduty_key": "key", "from": "critical", "api": format!("{people}/enqueue")},
            "hook": {"webhook": format!("{people}/hook"), "signing_key": "whsec_c2VjcmV0"},
            "team": {"teams": format!("{people}/team"), "from": "critical"},
            "chief": {"slack_webhook": format!("{people}/chief"), "escalate": "24h"},
            "crm": {"slack_webhook": format!("{people}/crm"), "apps": ["crm"]},
        })
    });
    tell(&stack, &[crash()]);
    stack.until("the webhook gets it", || {
        (heard(&stack, "hook").len() == 1).then_some(())
    });
    assert_eq!(heard(&stack, "enqueue").len(), 0);
    tell(&stack, &[called()]);
    stack.until("somebody is paged", || {
        (heard(&stack, "enqueue").len() == 1).then_some(())
    });
    tell(&stack, &[well()]);
    stack.until("it is resolved", || {
        (heard(&stack, "enqueue").len() == 2 && heard(&stack, "hook").len() == 3).then_some(())
    });
    let (paged, hooked) = (heard(&stack, "enqueue"), heard(&stack, "hook"));
    assert_eq!(
        (
            &paged[0]["body"]["event_action"],
            &paged[1]["body"]["event_action"]
        ),
        (&json!("trigger"), &json!("resolve"))
    );
    assert_eq!(paged[0]["body"]["dedup_key"], paged[1]["body"]["dedup_key"]);
    assert_eq!(paged[0]["body"]["payload"]["severity"], "critical");
    assert_eq!(
        hooked
            .iter()
            .map(|hook| &hook["body"]["kind"])
            .collect::<Vec<_>>(),
        ["firing", "updated", "resolved"]
    );
    for hook in &hooked {
        let header = |name: &str| hook["headers"][name].as_str().unwrap_or_default();
        let seconds = header("webhook-timestamp").parse().unwrap();
        let body = hook["raw"].as_str().unwrap();
        assert_eq!(
            header("webhook-signature"),
            sign_webhook("secret", header("webhook-id"), seconds, body)
        );
    }
    let ids: BTreeSet<&str> = hooked
        .iter()
        .filter_map(|hook| hook["headers"]["webhook-id"].as_str())
        .collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    let cards = heard(&stack, "team");
    assert_eq!(cards.len(), 2);
    let card = &cards[0]["body"]["attachments"][0];
    assert_eq!(
        card["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let heading = &card["content"]["body"][0]["inlines"][0]["text"];
    assert!(heading.to_string().contains("CRITICAL"), "{card}");
    assert_eq!(heard(&stack, "chief").len(), 0);
    assert_eq!(heard(&stack, "crm").len(), 0);
}

/// Each sweep calls the address of a heartbeat, which gets no messages and reports no failure of its own.
#[test]
fn a_heartbeat_is_called_by_each_sweep_and_by_nothing_else() {
    let stack = stack(|people| {
        json!({
            "alive": {"heartbeat": format!("{people}/alive")},
            "broken": {"heartbeat": format!("{people}/broken")},
        })
    });
    stack.control(
        "refuse",
        json!({"path": "broken", "times": 9, "status": 500}),
    );
    tell(&stack, &[crash()]);
    stack.until("the mail is there", || {
        (stack.mail().len() == 1).then_some(())
    });
    assert_eq!(heard(&stack, "alive").len(), 0);
    sweep(&stack);
    sweep(&stack);
    assert_eq!(heard(&stack, "alive").len(), 2);
    assert_eq!(stack.mail().len(), 1);
    assert_eq!(stack.dead_letters().len(), 0);
}

#[test]
fn messages_that_slack_rejects_are_retried_and_a_new_secret_is_read() {
    let stack =
        stack(|people| json!({"ops": {"slack_token": "old", "channel": "C0123", "api": people}}));
    stack.control(
        "refuse",
        json!({"path": "chat.postMessage", "times": 1, "status": 429, "after": 1}),
    );
    tell(&stack, &[crash()]);
    stack.until("the mail is there", || {
        (stack.mail().len() == 1).then_some(())
    });
    assert_eq!(heard(&stack, "chat").len(), 0);
    stack.sweep_until(
        "AlertSweep",
        "it is taken after the second that Slack asked for",
        || (heard(&stack, "chat.postMessage").len() == 1).then_some(()),
    );
    // The token was revoked, and there is a new one.
    stack.control(
        "refuse",
        json!({"path": "chat.postMessage", "times": 1, "status": 403}),
    );
    change(
        &stack,
        &json!({"ops": {"slack_token": "new", "channel": "C0123", "api": stack.people()}}),
    );
    tell(&stack, &[called()]);
    stack.until("it is sent with the new one", || {
        heard(&stack, "chat.postMessage")
            .get(1)
            .filter(|post| post["headers"]["authorization"] == "Bearer new")
            .map(drop)
    });
}

#[test]
fn an_invalid_secret_is_reported_by_e_mail_without_its_values() {
    let stack = stack(|_| json!({"ops": {"slack_tokn": "xoxb-secret"}}));
    tell(&stack, &[crash()]);
    let told = |what: &str| {
        stack
            .mail()
            .iter()
            .any(|mail| mail["subject"].as_str().unwrap().contains(what))
    };
    stack.until("the invalid secret is reported", || {
        told("ChannelsSecret can't be used").then_some(())
    });
    let body = stack
        .mail()
        .iter()
        .map(Value::to_string)
        .collect::<String>();
    assert!(
        body.contains("channel ops: has none of slack_webhook") && !body.contains("xoxb"),
        "{body}"
    );
    change(
        &stack,
        &json!({"ops": {"slack_webhook": format!("{}/ops", stack.people())}}),
    );
    sweep(&stack);
    stack.until("the valid secret is reported", || {
        told("all channels of ChannelsSecret are in use again").then_some(())
    });
    stack.sweep_until("AlertSweep", "the pending message is sent", || {
        (!heard(&stack, "ops").is_empty()).then_some(())
    });
}

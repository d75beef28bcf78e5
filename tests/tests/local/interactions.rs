//! Buttons in Slack and acknowledgements in PagerDuty, end to end: signed calls, the real binaries, and what people see.

use e2e::testkit::alerts::{notice, sweep, tell};
use e2e::testkit::ledger::wait_until_idle;
use e2e::testkit::live_service::{release_first_image, wait_until_runs, wait_until_verified};
use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{deployed_image, push_image};
use lamplighter_aws::hmac_sha256::sign_in_hex;
use serde_json::{Value, json};

const CHANNELS: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:channels";
const BUTTONS: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:buttons";
const SLACK_KEY: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const PAGER_DUTY_KEY: &str = "pager-key";

/// A stack with a Slack bot and PagerDuty as channels. Alice may press buttons, and Bob as a member of a group.
fn start() -> Stack {
    let stack = Stack::start(&[
        ("ChannelsSecret", CHANNELS),
        ("InteractionsSecret", BUTTONS),
    ])
    .unwrap();
    let people = stack.people();
    let channels = json!({
        "ops": {"slack_token": "xoxb-secret", "channel": "C0123", "api": people, "buttons": true},
        "pager": {"pagerduty_key": "key", "api": format!("{people}/enqueue")},
    });
    let buttons = json!({
        "slack_signing_secret": SLACK_KEY, "slack_team": "T0123", "slack_users": ["U0ALICE"], "slack_groups": ["S0ONCALL"],
        "slack_token": "xoxb-groups", "slack_api": people, "pagerduty_signing_secrets": ["old", PAGER_DUTY_KEY],
    });
    for (name, document) in [("channels", channels), ("buttons", buttons)] {
        let secret = json!({
            "Name": name, "SecretString": document.to_string(),
            "ClientRequestToken": format!("{name:0>32}"),
        });
        stack
            .call("secretsmanager", "CreateSecret", secret)
            .unwrap();
    }
    stack
}

fn heard(stack: &Stack, path: &str) -> Vec<Value> {
    let all = stack.control("people", json!({}));
    let all = all.as_array().unwrap().iter();
    all.filter(|one| one["path"].as_str().unwrap().contains(path))
        .cloned()
        .collect()
}

/// Returns the newest button with a label that Slack got.
fn find_button(stack: &Stack, label: &str) -> Option<Value> {
    let posted = heard(stack, "chat.postMessage");
    let buttons = posted.iter().rev().flat_map(|call| {
        let blocks = call["body"]["blocks"].as_array().unwrap();
        blocks
            .iter()
            .filter_map(|block| block["elements"].as_array())
    });
    buttons
        .flatten()
        .find(|element| element["text"]["text"] == label)
        .cloned()
}

/// Presses a button of a message of now. Returns the status of the answer.
fn press(stack: &Stack, user: &str, button: &Value, key: &str) -> u16 {
    let now = lamplighter_aws::lambda::read_clock();
    let payload = json!({
        "type": "block_actions",
        "user": {"id": user, "username": user.trim_start_matches("U0").to_lowercase(), "team_id": "T0123"},
        "container": {"message_ts": format!("{}.000100", now.as_second()), "channel_id": "C0123"},
        "response_url": format!("{}/response", stack.people()),
        "actions": [{"action_id": button["action_id"], "value": button["value"],
                     "action_ts": now.as_nanosecond().to_string()}],
    });
    let encoded = payload
        .to_string()
        .replace('%', "%25")
        .replace('&', "%26")
        .replace('+', "%2B");
    let body = format!("payload={encoded}");
    let time = now.as_second().to_string();
    let signature = sign_in_hex(key.as_bytes(), format!("v0:{time}:{body}").as_bytes());
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-slack-request-timestamp", time.as_str()),
        ("x-slack-signature", &format!("v0={signature}")),
    ];
    let url = format!("{}/slack", stack.output("InteractionUrl"));
    let (status, _) = stack.call_public_api(&url, &headers, &body);
    wait_until_idle(stack);
    status
}

/// Returns the last answer in Slack: for whom, and its text.
fn last_answer(stack: &Stack) -> (String, String) {
    let answers = heard(stack, "response");
    let body = &answers.last().expect("an answer")["body"];
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    (text("response_type"), text("text"))
}

fn wait_for_button(stack: &Stack, label: &str) -> Value {
    stack.until(&format!("the button {label}"), || find_button(stack, label))
}

/// Only who is allowed rolls back, only with Slack's signature, and everybody sees who did.
#[test]
fn a_button_in_slack_rolls_a_release_back() {
    let stack = start();
    let (web, first) = release_first_image(&stack);
    let second = push_image(&stack, "shop/web", "RC_1.2.0", &["arm64"], "b");
    wait_until_runs(&stack, &web, &second);
    wait_until_verified(&stack, "RC_1.2.0");
    let button = wait_for_button(&stack, "Roll back");
    assert!(
        button["confirm"]["text"].to_string().contains("shop/web"),
        "{button}"
    );

    assert_eq!(press(&stack, "U0ALICE", &button, "forged"), 401);
    assert_eq!(heard(&stack, "response"), Vec::<Value>::new());
    assert_eq!(press(&stack, "U0MALLORY", &button, SLACK_KEY), 200);
    let (whom, text) = last_answer(&stack);
    assert_eq!(whom, "ephemeral");
    assert!(text.contains("U0MALLORY to slack_users"), "{text}");
    assert!(deployed_image(&stack, &web).ends_with(&second));

    assert_eq!(press(&stack, "U0BOB", &button, SLACK_KEY), 200);
    let (whom, text) = last_answer(&stack);
    assert_eq!(whom, "in_channel", "{text}");
    assert!(
        text.starts_with("bob pressed \"Roll back\": recorded"),
        "{text}"
    );
    wait_until_runs(&stack, &web, &first);
    let told = stack.sweep_until("AlertSweep", "the rollback is told", || {
        let mails = stack.mail();
        let mail = mails
            .into_iter()
            .find(|mail| mail.to_string().contains("RC_1.2.0 rejected by bob"))?;
        Some(mail.to_string())
    });
    assert!(
        told.contains("slack:T0123:U0BOB/bob requested it"),
        "{told}"
    );
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

fn crash() -> Value {
    notice(
        "web",
        "critical",
        "0/2 tasks running",
        &json!({"fires": "heal"}),
    )
}

/// An acknowledgement goes both ways: from Slack to PagerDuty, and from PagerDuty to Slack.
#[test]
fn an_acknowledgement_is_seen_in_slack_and_in_pager_duty() {
    let stack = start();
    tell(&stack, &[crash()]);
    let button = wait_for_button(&stack, "Acknowledge");
    assert_eq!(press(&stack, "U0ALICE", &button, SLACK_KEY), 200);
    assert_eq!(last_answer(&stack).0, "ephemeral");
    let event = stack.sweep_until("AlertSweep", "it is acknowledged in PagerDuty", || {
        heard(&stack, "enqueue")
            .into_iter()
            .find(|call| call["body"]["event_action"] == "acknowledge")
    });
    let first = &heard(&stack, "enqueue")[0];
    assert_eq!(event["body"]["dedup_key"], first["body"]["dedup_key"]);
    stack.until("the thread says who", || {
        let posted = heard(&stack, "chat.postMessage");
        let last = posted.last()?.to_string();
        last.contains("acknowledged by alice in Slack")
            .then_some(())
    });
    sweep(&stack);
    assert_eq!(heard(&stack, "enqueue").len(), 2);
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[test]
fn an_acknowledgement_in_pager_duty_is_seen_in_slack() {
    let stack = start();
    tell(&stack, &[crash()]);
    wait_for_button(&stack, "Acknowledge");
    let sent = stack.until("PagerDuty has it", || heard(&stack, "enqueue").pop());
    let body = json!({"event": {
        "event_type": "incident.acknowledged", "agent": {"type": "user_reference", "summary": "Carol"},
        "data": {"incident_key": sent["body"]["dedup_key"]},
    }})
    .to_string();
    let url = format!("{}/pagerduty", stack.output("InteractionUrl"));
    let call = |key: &str| {
        let signature = format!("v1={}", sign_in_hex(key.as_bytes(), body.as_bytes()));
        let headers = [
            ("content-type", "application/json"),
            ("x-pagerduty-signature", &*signature),
        ];
        stack.call_public_api(&url, &headers, &body).0
    };
    assert_eq!(call("forged"), 401);
    assert_eq!(call(PAGER_DUTY_KEY), 200);
    stack.sweep_until("AlertSweep", "the thread says who", || {
        let posted = heard(&stack, "chat.postMessage");
        let last = posted.last()?.to_string();
        last.contains("acknowledged by Carol in PagerDuty")
            .then_some(())
    });
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

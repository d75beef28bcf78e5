//! Channels as the secret describes them.

use jiff::SignedDuration;
use lamplighter::notify::Severity;
use rstest::rstest;

use super::destination::{DestinationKind, parse};

#[test]
fn every_kind_of_channel_is_parsed() {
    let document = r#"{
        "ops": {"slack_token": "xoxb-1", "channel": "C1", "from": "warning"},
        "shop": {"slack_webhook": "https://hooks.slack.com/services/1", "apps": ["shop"]},
        "pager": {"pagerduty_key": "1", "from": "critical"},
        "hook": {"webhook": "https://example.com", "signing_key": "1"},
        "chief": {"slack_webhook": "https://hooks.slack.com/services/2", "escalate": "15m", "quiet": "daily 22:00-07:00 Europe/Rome"},
        "team": {"teams": "https://example.com/workflows/1"},
        "alive": {"heartbeat": "https://example.com/ping"},
        "chat": {"topic": "arn:aws:sns:eu-west-1:123456789012:lamplighter-chat", "amazon_q": true}}"#;
    let all = parse(document).unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(
        (all.len(), all["ops"].min_severity, &all["shop"].apps[..]),
        (8, Severity::Warning, &["shop".to_owned()][..])
    );
    assert!(
        matches!(&all["ops"].kind, DestinationKind::SlackBot(bot) if bot.api == "https://slack.com/api")
    );
    assert_eq!(
        all["chief"].escalates_after,
        Some(SignedDuration::from_mins(15))
    );
    assert!(matches!(
        all["chat"].kind,
        DestinationKind::Topic { amazon_q: true, .. }
    ));
}

#[rstest]
#[case("xoxb-secret", "not a JSON object (line 1, column 1)")]
#[case(r#"{"ops": "xoxb-secret"}"#, "channel ops: is not a JSON object")]
#[case(
    r#"{"ops": {"token": "xoxb-secret"}}"#,
    "channel ops: has none of slack_webhook, slack_token, pagerduty_key, webhook, teams, topic and heartbeat"
)]
#[case(
    r#"{"ops": {"slack_token": "xoxb-secret"}}"#,
    "channel ops: channel is missing"
)]
#[case(
    r#"{"e-mail": {"slack_webhook": "x"}}"#,
    "channel e-mail: this is the name of the stack's own topic; choose another name"
)]
#[case(
    r#"{"ops": {"slack_webhook": 7}}"#,
    "channel ops: slack_webhook is not a text, or empty"
)]
#[case(
    r#"{"ops": {"pagerduty_key": "secret", "form": "critical"}}"#,
    "channel ops: form is unknown; allowed are pagerduty_key, api, from, apps, escalate and quiet"
)]
#[case(
    r#"{"ops": {"pagerduty_key": "secret", "from": "secret"}}"#,
    "channel ops: from is not one of info, warning, critical"
)]
#[case(
    r#"{"ops": {"pagerduty_key": "secret", "escalate": "soon"}}"#,
    "channel ops: escalate is not a time of up to 24h such as 15m"
)]
#[case(
    r#"{"ops": {"pagerduty_key": "secret", "quiet": "at night"}}"#,
    "channel ops: quiet is no time such as daily 22:00-07:00 Europe/Rome"
)]
#[case(
    r#"{"ops": {"webhook": "https://example.com", "signing_key": "whsec_%"}}"#,
    "channel ops: signing_key is not base64 after whsec_"
)]
#[case(
    r#"{"ops": {"pagerduty_key": "secret", "escalate": "9223372036854775807m"}}"#,
    "channel ops: escalate is not a time of up to 24h such as 15m"
)]
#[case(
    r#"{"ops": {"pagerduty_key": "secret", "escalate": "48h"}}"#,
    "channel ops: escalate is not a time of up to 24h such as 15m"
)]
fn an_error_names_the_field_and_never_a_value(#[case] document: &str, #[case] problem: &str) {
    assert_eq!(parse(document).err().as_deref(), Some(problem));
}

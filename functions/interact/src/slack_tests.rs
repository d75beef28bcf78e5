//! What is taken for a press of a button, and what is not.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Digest};
use lamplighter::notify::{Offer, TargetOffer};
use lamplighter_aws::hmac_sha256::sign_in_hex;
use rstest::rstest;
use serde_json::{Value, json};

use crate::call::Call;
use crate::slack::{Press, is_from_slack, parse_press};

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const NOW: Timestamp = Timestamp::constant(1_531_420_618, 0);

/// The call that the documentation of Slack signs as an example.
const DOCUMENTED_BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const DOCUMENTED_SIGNATURE: &str =
    "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

fn call(body: &str, timestamp: &str, signature: &str) -> Value {
    json!({
        "requestContext": {"http": {"method": "POST", "path": "/slack"}},
        "headers": {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature},
        "body": body,
        "isBase64Encoded": false,
    })
}

fn is_accepted(payload: &Value, secret: &str, now: Timestamp) -> bool {
    is_from_slack(&Call::parse(payload).unwrap(), secret, now)
}

/// Source: <https://docs.slack.dev/authentication/verifying-requests-from-slack>
#[test]
fn the_signed_example_of_slack_is_accepted() {
    let payload = call(DOCUMENTED_BODY, "1531420618", DOCUMENTED_SIGNATURE);
    assert!(is_accepted(&payload, SECRET, NOW));
}

#[test]
fn a_form_that_api_gateway_encoded_is_accepted() {
    let mut payload = call("", "1531420618", DOCUMENTED_SIGNATURE);
    payload["body"] = json!(aws_smithy_types::base64::encode(DOCUMENTED_BODY));
    payload["isBase64Encoded"] = json!(true);
    assert!(is_accepted(&payload, SECRET, NOW));
}

#[rstest]
#[case::changed_body("token=other", "1531420618", DOCUMENTED_SIGNATURE, SECRET)]
#[case::changed_time(DOCUMENTED_BODY, "1531420619", DOCUMENTED_SIGNATURE, SECRET)]
#[case::other_secret(DOCUMENTED_BODY, "1531420618", DOCUMENTED_SIGNATURE, "other")]
#[case::no_signature(DOCUMENTED_BODY, "1531420618", "", SECRET)]
#[case::no_time(DOCUMENTED_BODY, "", DOCUMENTED_SIGNATURE, SECRET)]
#[case::other_version(
    DOCUMENTED_BODY,
    "1531420618",
    &DOCUMENTED_SIGNATURE[3..],
    SECRET
)]
fn what_slack_did_not_sign_is_refused(
    #[case] body: &str,
    #[case] timestamp: &str,
    #[case] signature: &str,
    #[case] secret: &str,
) {
    assert!(!is_accepted(&call(body, timestamp, signature), secret, NOW));
}

/// Without a secret in the settings, anybody could sign with the empty key.
#[test]
fn nothing_is_accepted_without_a_secret() {
    let signature = format!("v0={}", sign_in_hex(b"", b"v0:1531420618:a"));
    assert!(!is_accepted(&call("a", "1531420618", &signature), "", NOW));
}

#[rstest]
#[case::replayed(301, false)]
#[case::slow(299, true)]
#[case::ahead(-299, true)]
#[case::from_the_future(-301, false)]
fn a_call_is_accepted_for_five_minutes(#[case] seconds: i64, #[case] is_valid: bool) {
    let payload = call(DOCUMENTED_BODY, "1531420618", DOCUMENTED_SIGNATURE);
    let now = NOW + SignedDuration::from_secs(seconds);
    assert_eq!(is_accepted(&payload, SECRET, now), is_valid);
}

fn form(payload: &Value) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &payload.to_string())
        .finish()
        .into_bytes()
}

fn pressed(offer: Offer) -> Press {
    let value = TargetOffer {
        target: Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
        at: NOW,
        offer,
    };
    let payload = json!({
        "type": "block_actions",
        "user": {"id": "U0123ABC", "username": "alice", "team_id": "T0123ABC"},
        "container": {"type": "message", "message_ts": "1531420618.000200", "channel_id": "C0123ABC"},
        "response_url": "https://hooks.slack.com/actions/T0123ABC/1/x",
        "actions": [
            {"action_id": "abc", "type": "button", "url": "https://wiki.example.com"},
            {"action_id": "lamplighter:Roll back", "value": json!(value).to_string(), "action_ts": "1531420700.1"},
        ],
    });
    parse_press(&form(&payload)).unwrap()
}

#[test]
fn a_press_names_person_target_and_thread() {
    let press = pressed(Offer::Silence);
    assert_eq!(press.caller(), "slack:T0123ABC:U0123ABC/alice");
    assert_eq!(press.offer.target.display_name(), "shop/web");
    assert_eq!(
        (press.message.as_str(), press.thread.as_str()),
        ("1531420618.000200", "")
    );
}

/// Slack reports buttons that only open a link, too.
#[rstest]
#[case::link(json!({"type": "block_actions", "actions": [{"action_id": "abc"}]}))]
#[case::other_kind(json!({"type": "view_closed"}))]
#[case::foreign_value(json!({"actions": [{"action_id": "lamplighter:x", "value": "{}"}]}))]
fn anything_else_is_no_press(#[case] payload: Value) {
    assert_eq!(parse_press(&form(&payload)), None);
    assert_eq!(parse_press(b"no form"), None);
}

#[rstest]
#[case::rollback(Offer::RollBack(Digest::new("sha256:ab")), true)]
#[case::approval(Offer::Approve(Digest::new("sha256:ab")), true)]
#[case::silence(Offer::Silence, false)]
#[case::acknowledgement(Offer::Acknowledge("9f799f05ef5e-1795229940".to_owned()), false)]
fn a_button_that_changes_what_runs_is_valid_for_a_day(#[case] offer: Offer, #[case] expires: bool) {
    let press = pressed(offer);
    let day = SignedDuration::from_hours(24);
    assert!(!press.is_too_old(NOW + day));
    assert_eq!(
        press.is_too_old(NOW + day + SignedDuration::from_secs(1)),
        expires
    );
}

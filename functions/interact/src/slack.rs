//! What Slack sends when somebody presses a button.
//!
//! Source: <https://docs.slack.dev/authentication/verifying-requests-from-slack>,
//! <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::{BUTTON_PREFIX, Offer, TargetOffer};
use lamplighter_aws::hmac_sha256::is_signed_in_hex;
use serde_json::Value;

use crate::call::{Call, text_at};

/// The age from which a call counts as repeated by somebody who recorded it.
const REPLAY_WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// The age from which a button that changes what runs is too old: its reader may not know what happened since.
const VALIDITY: SignedDuration = SignedDuration::from_hours(24);

/// A button that somebody pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    pub user: String,
    pub user_name: String,
    pub team: String,
    pub offer: TargetOffer,
    /// The identifier of the message with the button.
    pub message: String,
    /// The thread of the message; empty if it is in none yet.
    pub thread: String,
    /// Identifies this press.
    pub pressed_at: String,
    /// The address for answers, valid for 30 minutes. Whoever knows it can post to the channel.
    pub response_url: String,
}

/// Reports whether Slack sent a call, within the last minutes.
#[must_use]
pub fn is_from_slack(call: &Call<'_>, secret: &str, now: Timestamp) -> bool {
    let sent = call.header("x-slack-request-timestamp");
    let sent_at = sent
        .parse()
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    let is_recent =
        sent_at.is_some_and(|sent_at| now.duration_since(sent_at).abs() <= REPLAY_WINDOW);
    let signed = [b"v0:", sent.as_bytes(), b":", &call.body].concat();
    let signature = call.header("x-slack-signature").strip_prefix("v0=");
    !secret.is_empty()
        && is_recent
        && signature
            .is_some_and(|signature| is_signed_in_hex(secret.as_bytes(), &signed, signature))
}

/// Parses the press of one of Lamplighter's buttons. `None` for anything else, such as a button that only opens a link.
#[must_use]
pub fn parse_press(body: &[u8]) -> Option<Press> {
    let (_, document) = form_urlencoded::parse(body).find(|(key, _)| key == "payload")?;
    let payload: Value = serde_json::from_str(&document).ok()?;
    let actions = payload.get("actions").and_then(Value::as_array)?;
    let action = actions
        .iter()
        .find(|action| text(action, "/action_id").starts_with(BUTTON_PREFIX))?;
    Some(Press {
        user: text(&payload, "/user/id"),
        user_name: text(&payload, "/user/username"),
        team: text(&payload, "/user/team_id"),
        offer: serde_json::from_str(&text(action, "/value")).ok()?,
        message: text(&payload, "/container/message_ts"),
        thread: text(&payload, "/container/thread_ts"),
        pressed_at: text(action, "/action_ts"),
        response_url: text(&payload, "/response_url"),
    })
}

impl Press {
    /// Returns the name of the person, or the identifier if Slack sent none.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.user_name.is_empty() {
            &self.user
        } else {
            &self.user_name
        }
    }

    /// Returns who pressed the button, as requests name callers: identifiers that Slack assigns, then the name that the
    /// user chose.
    #[must_use]
    pub fn caller(&self) -> String {
        format!("slack:{}:{}/{}", self.team, self.user, self.name())
    }

    /// Reports whether the button changes what runs, and was offered more than a day ago.
    #[must_use]
    pub fn is_too_old(&self, now: Timestamp) -> bool {
        match self.offer.offer {
            Offer::Acknowledge(_) | Offer::Silence => false,
            Offer::Approve(_) | Offer::Reject(_) | Offer::RollBack(_) => {
                now.duration_since(self.offer.at) > VALIDITY
            }
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    text_at(value, pointer).unwrap_or_default().to_owned()
}

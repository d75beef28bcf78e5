//! Handles a button that somebody pressed in Slack.

use jiff::Timestamp;
use lamplighter::notify::{Offer, escape_mrkdwn};
use lamplighter_aws::http::{post, post_json};
use lamplighter_aws::is_local;
use serde_json::{Value, json};

use crate::Interact;
use crate::call::{Answer, Call};
use crate::settings::Settings;
use crate::slack::{Press, is_from_slack, parse_press};

/// What became of a press, for people.
enum Outcome {
    /// For all readers of the thread.
    Public(String),
    /// For the user who pressed: a refusal, or what `alert` says to the others.
    Private(String),
}

impl Interact {
    pub(crate) async fn handle_slack(&self, call: &Call<'_>, settings: &Settings) -> Answer {
        let now = (self.clock)();
        if !is_from_slack(call, &settings.slack_signing_secret, now) {
            return Answer::refuse(401, "not signed by Slack within the last five minutes");
        }
        let Some(press) = parse_press(&call.body) else {
            return Answer::accept();
        };
        let outcome = self.handle_press(&press, settings, now).await;
        send_answer(&press, outcome).await;
        Answer::accept()
    }

    async fn handle_press(&self, press: &Press, settings: &Settings, now: Timestamp) -> Outcome {
        let offer = &press.offer.offer;
        match is_allowed(press, settings).await {
            Ok(true) => {}
            Ok(false) => {
                return Outcome::Private(format!(
                    "You may not press this: add your member ID {} to slack_users in the secret of the stack parameter \
                     InteractionsSecret.",
                    press.user
                ));
            }
            Err(problem) => {
                return Outcome::Private(format!(
                    "Nothing was changed: Slack did not say who is in slack_groups ({problem}). Press again, or ask for the \
                     scope usergroups:read of slack_token."
                ));
            }
        }
        if press.is_too_old(now) {
            return Outcome::Private(format!(
                "Nothing was changed: \"{}\" is valid for 24 hours. Use a newer message or a request.",
                offer.label()
            ));
        }
        match offer {
            Offer::Acknowledge(incident) => self.acknowledge_press(press, incident).await,
            Offer::Silence | Offer::Approve(_) | Offer::Reject(_) | Offer::RollBack(_) => {
                self.hand_in_request(press, now).await
            }
        }
    }

    async fn acknowledge_press(&self, press: &Press, incident: &str) -> Outcome {
        match self
            .acknowledge_incident(incident, &format!("{} in Slack", press.name()))
            .await
        {
            Ok(()) => Outcome::Private(
                "Passed on: the reminders of the incident stop within a minute, if it is open."
                    .to_owned(),
            ),
            Err(error) => {
                tracing::error!(error = %error, "an acknowledgement was not queued");
                Outcome::Private(
                    "Not acknowledged: AWS could not be reached. Press again.".to_owned(),
                )
            }
        }
    }

    /// Hands the request of a button to the function `request`, as the HTTP API hands in others.
    async fn hand_in_request(&self, press: &Press, now: Timestamp) -> Outcome {
        let label = press.offer.offer.label();
        let payload = build_request_call(press, now);
        let answer = match self
            .functions
            .invoke(&self.request_function, &payload)
            .await
        {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(error = %error, "a request was not handed in");
                return Outcome::Private(format!(
                    "It is unknown whether \"{label}\" was recorded: the function Request gave no answer. Press again."
                ));
            }
        };
        let body = answer
            .get("body")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        match answer.get("statusCode").and_then(Value::as_u64) {
            Some(200) => {
                tracing::info!(by = press.caller(), label, "a request was handed in");
                Outcome::Public(format!(
                    "{} pressed \"{label}\": {}",
                    press.name(),
                    text("result")
                ))
            }
            Some(409 | 503) => Outcome::Private(format!(
                "Nothing was changed yet: {}. Press again in a minute.",
                text("problem")
            )),
            _ => Outcome::Private(format!("Nothing was changed: {}", text("error"))),
        }
    }
}

/// Builds the call of the request API that a button stands for.
fn build_request_call(press: &Press, now: Timestamp) -> Value {
    let offer = &press.offer.offer;
    let command = offer.command();
    let mut body = json!({
        "command": command.name(),
        "target": press.offer.target,
        "reason": format!("button \"{}\" in Slack", offer.label()),
        "id": build_request_id(press),
    });
    let argument = match offer {
        Offer::Approve(digest) | Offer::Reject(digest) | Offer::RollBack(digest) => {
            Some(("image", json!(digest)))
        }
        Offer::Silence => offer.until(now).map(|until| ("until", json!(until))),
        Offer::Acknowledge(incident) => Some(("incident", json!(incident))),
    };
    if let (Some((key, value)), Some(fields)) = (argument, body.as_object_mut()) {
        fields.insert(key.to_owned(), value);
    }
    json!({
        "requestContext": {
            "authorizer": {"iam": {"userArn": press.caller()}},
            "requestId": press.pressed_at,
            "timeEpoch": now.as_millisecond(),
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
}

/// Returns the identifier of the request: pressing a button twice is one request, and each silence is a new one.
fn build_request_id(press: &Press) -> String {
    let what = match &press.offer.offer {
        Offer::Approve(digest) | Offer::Reject(digest) | Offer::RollBack(digest) => {
            digest.short_digest()
        }
        Offer::Silence | Offer::Acknowledge(_) => press.pressed_at.clone(),
    };
    format!(
        "slack-{}-{}-{what}",
        press.message,
        press.offer.offer.label()
    )
}

/// Reports whether a person may press buttons: by name, or as a member of a group.
///
/// # Errors
/// Why Slack did not say who is in a group.
async fn is_allowed(press: &Press, settings: &Settings) -> Result<bool, String> {
    if !settings.allows_team(&press.team) {
        return Ok(false);
    }
    if settings.allows_user(&press.user) {
        return Ok(true);
    }
    for group in &settings.slack_groups {
        if list_members(group, settings).await?.contains(&press.user) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lists the members of a Slack user group.
///
/// Source: <https://docs.slack.dev/reference/methods/usergroups.users.list>
async fn list_members(group: &str, settings: &Settings) -> Result<Vec<String>, String> {
    let url = format!("{}/usergroups.users.list", settings.slack_api);
    let bearer = format!("Bearer {}", settings.slack_token);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("usergroup", group)
        .finish();
    let call = move || {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", bearer.as_str()),
        ];
        post(&url, &headers, &form, is_local())
    };
    let response = tokio::task::spawn_blocking(call).await;
    let response = response.unwrap_or_else(|error| Err(error.to_string()))?;
    let document: Value = serde_json::from_str(&response.body).unwrap_or_default();
    match document.get("users").and_then(Value::as_array) {
        Some(users) => Ok(users
            .iter()
            .filter_map(|user| user.as_str().map(str::to_owned))
            .collect()),
        None => Err(document
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or("unreadable answer")
            .to_owned()),
    }
}

/// Answers in Slack: refusals to the person, and what was done in the thread. Without an answer, the notification of what
/// follows still comes, so a failure is only logged.
async fn send_answer(press: &Press, outcome: Outcome) {
    // An answer to one person is only seen in a thread that exists; one to all begins it.
    let (response_type, thread, text) = match outcome {
        Outcome::Public(text) if press.thread.is_empty() => ("in_channel", &press.message, text),
        Outcome::Public(text) => ("in_channel", &press.thread, text),
        Outcome::Private(text) => ("ephemeral", &press.thread, text),
    };
    let mut document = json!({
        "response_type": response_type, "replace_original": false, "text": escape_mrkdwn(&text),
    });
    if let (false, Some(fields)) = (thread.is_empty(), document.as_object_mut()) {
        fields.insert("thread_ts".to_owned(), json!(thread));
    }
    let url = press.response_url.clone();
    let call = move || post_json(&url, &[], &document.to_string(), is_local());
    let result = tokio::task::spawn_blocking(call).await;
    match result.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(response) if (200..300).contains(&response.status) => {}
        Ok(response) => tracing::warn!(status = response.status, "Slack did not take an answer"),
        Err(problem) => tracing::warn!(problem, "Slack did not take an answer"),
    }
}

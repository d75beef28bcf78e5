//! Requests: calls of the HTTP API, and the events by which they are passed on.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::MalformedEvent;
use crate::model::{Command, Request, RequestScope};

/// The `source` and the `detail-type` of the event that passes a request on.
pub const SOURCE: &str = "lamplighter";
pub const DETAIL_TYPE: &str = "Lamplighter Request";

/// The most characters of a reason, an identifier and any other text of a request.
const MAX_TEXT: usize = 256;
const EXAMPLE: &str =
    r#"{"command": "deploy", "target": "shop/web", "image": "RC_1.4.2", "reason": "hotfix"}"#;

/// The body of a call: `command` with its arguments, and one of `target`, `application` and `everything`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    command: String,
    target: Option<String>,
    application: Option<String>,
    everything: Option<bool>,
    image: Option<String>,
    to: Option<String>,
    incident: Option<String>,
    reason: Option<String>,
    until: Option<String>,
    id: Option<String>,
}

/// Parses a call of the HTTP API. Returns `None` for any other payload.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
pub fn parse_http_call(payload: &Value) -> Option<Result<Request, MalformedEvent>> {
    let context = payload.get("requestContext")?;
    let parsed = parse_call(context, payload);
    Some(parsed.map_err(MalformedEvent))
}

fn parse_call(context: &Value, payload: &Value) -> Result<Request, String> {
    let by = text_at(context, "/authorizer/iam/userArn")
        .ok_or("the call has no caller: the API must use IAM authorization")?;
    let at = context
        .get("timeEpoch")
        .and_then(Value::as_i64)
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .ok_or("the call has no time")?;
    let call_id = text_at(context, "/requestId").unwrap_or_default();
    if payload.get("isBase64Encoded").and_then(Value::as_bool) == Some(true) {
        return Err(
            "the body must be JSON text: set the header content-type to application/json"
                .to_owned(),
        );
    }
    let text = text_at(payload, "/body").unwrap_or_default();
    let body: Body = serde_json::from_str(text)
        .map_err(|error| format!("the body is not a request ({error}); for example: {EXAMPLE}"))?;
    build_request(body, by, at, call_id)
}

fn build_request(body: Body, by: &str, at: Timestamp, call_id: &str) -> Result<Request, String> {
    let scope = parse_scope(&body)?;
    let until = parse_until(body.until.as_deref(), at)?;
    let command = parse_command(&body)?;
    if scope.describe_many().is_some() && !command.is_for_many() {
        return Err(format!(
            "{} is for one target: name it as \"target\"",
            command.name()
        ));
    }
    if command == Command::Redrive && scope != RequestScope::Everything {
        return Err("redrive is for the whole stack: \"everything\": true".to_owned());
    }
    check_until(&command, until)?;
    let reason = body.reason.unwrap_or_default().trim().to_owned();
    if reason.is_empty() {
        return Err("\"reason\" is missing: say why, for those who read the journal".to_owned());
    }
    let id = body
        .id
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| call_id.to_owned());
    for text in [&reason, &id] {
        check_length(text)?;
    }
    Ok(Request {
        id,
        at,
        by: by.to_owned(),
        reason,
        until,
        scope,
        command,
    })
}

fn parse_scope(body: &Body) -> Result<RequestScope, String> {
    match (&body.target, &body.application, body.everything) {
        (Some(target), None, None) if !target.trim().is_empty() => {
            Ok(RequestScope::Target(target.trim().to_owned()))
        }
        (None, Some(app), None) if !app.trim().is_empty() => {
            Ok(RequestScope::Application(app.trim().to_owned()))
        }
        (None, None, Some(true)) => Ok(RequestScope::Everything),
        _ => Err(
            "exactly one of these is needed: \"target\": \"shop/web\", \"application\": \"shop\", \"everything\": true"
                .to_owned(),
        ),
    }
}

fn parse_until(until: Option<&str>, at: Timestamp) -> Result<Option<Timestamp>, String> {
    let Some(text) = until else { return Ok(None) };
    let until: Timestamp = text
        .parse()
        .map_err(|_| format!("until {text:?} is not a time such as 2026-12-01T08:00Z"))?;
    if until <= at {
        return Err(format!("until {text} is not in the future"));
    }
    Ok(Some(until))
}

/// Checks that only a pause or a silence has an end, and that a silence has one.
fn check_until(command: &Command, until: Option<Timestamp>) -> Result<(), String> {
    match (command, until) {
        (Command::Silence, None) => {
            Err("silence needs \"until\": a time such as 2026-12-01T08:00Z".to_owned())
        }
        (Command::Pause, _) | (Command::Silence, Some(_)) | (_, None) => Ok(()),
        (other, Some(_)) => Err(format!("{} has no \"until\"", other.name())),
    }
}

fn parse_command(body: &Body) -> Result<Command, String> {
    let command = match body.command.as_str() {
        "pause" => Command::Pause,
        "resume" => Command::Resume,
        "silence" => Command::Silence,
        "unsilence" => Command::Unsilence,
        "acknowledge" => Command::Acknowledge(require("incident", body.incident.as_deref())?),
        "approve" => Command::Approve(require("image", body.image.as_deref())?),
        "reject" => Command::Reject(require("image", body.image.as_deref())?),
        "deploy" => Command::Deploy(require("image", body.image.as_deref())?),
        "roll-back" => Command::RollBack(body.to.clone().filter(|to| !to.trim().is_empty())),
        "back-up" => Command::BackUp,
        "drill" => Command::Drill,
        "redrive" => Command::Redrive,
        other => {
            return Err(format!(
                "command {other:?} is not one of pause, resume, silence, unsilence, acknowledge, approve, reject, deploy, roll-back, back-up, drill, redrive"
            ));
        }
    };
    let given = [
        (
            "image",
            &body.image,
            matches!(
                command,
                Command::Approve(_) | Command::Reject(_) | Command::Deploy(_)
            ),
        ),
        ("to", &body.to, matches!(command, Command::RollBack(_))),
        (
            "incident",
            &body.incident,
            matches!(command, Command::Acknowledge(_)),
        ),
    ];
    for (key, value, is_read) in given {
        if let Some(value) = value {
            check_length(value)?;
            if !is_read {
                return Err(format!("{} has no \"{key}\"", command.name()));
            }
        }
    }
    Ok(command)
}

fn require(key: &str, value: Option<&str>) -> Result<String, String> {
    let value = value.map(str::trim).unwrap_or_default();
    if value.is_empty() {
        return Err(format!("\"{key}\" is missing; for example: {EXAMPLE}"));
    }
    Ok(value.to_owned())
}

fn check_length(text: &str) -> Result<(), String> {
    if text.chars().count() > MAX_TEXT {
        return Err(format!("a text is longer than {MAX_TEXT} characters"));
    }
    Ok(())
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

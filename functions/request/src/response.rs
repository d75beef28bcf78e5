//! The answers of the HTTP API.

use lamplighter::Error;
use serde_json::{Value, json};

/// Builds the response to a call of the HTTP API. Any other payload gets the result as it is.
///
/// Status codes: 200 recorded, 400 unreadable, 409 busy, 422 not possible, 503 try again.
///
/// # Errors
/// The error of an event that is not a call.
pub fn build_response(payload: &Value, result: Result<Value, Error>) -> Result<Value, Error> {
    if payload.get("requestContext").is_none() {
        return result;
    }
    let (status, body) = match result {
        Ok(answer) => describe_answer(&answer),
        Err(Error::MalformedEvent(problem)) => (400, json!({"error": problem.to_string()})),
        Err(error) if error.is_target_busy() => (409, describe_retry(&error.to_string())),
        Err(error) => {
            tracing::error!(error = %error, "a request was not recorded");
            (503, describe_retry(&error.to_string()))
        }
    };
    Ok(json!({
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": body.to_string(),
    }))
}

/// Builds the body about a request that can be sent again.
fn describe_retry(problem: &str) -> Value {
    build_error(problem, ". Send the request again with the same \"id\".")
}

/// Builds the body of an error: `problem`, and `error` with what a caller of the API can do.
fn build_error(problem: &str, remedy: &str) -> Value {
    json!({"error": format!("{problem}{remedy}"), "problem": problem})
}

fn describe_answer(answer: &Value) -> (u16, Value) {
    let one = answer.pointer("/targets/0").cloned().unwrap_or_default();
    let reason = one.get("reason").cloned().unwrap_or_default();
    if one.get("refused").is_some() {
        return (422, json!({"error": reason}));
    }
    match one.get("target") {
        Some(target) => (200, json!({"target": target, "result": reason})),
        None if answer.get("mode").is_some() => (
            422,
            build_error(
                "the stack parameter Mode is off, so that no request is recorded",
                "",
            ),
        ),
        None => (422, json!({"error": reason})),
    }
}

//! Calls of the request API in the simulated world.

use backup::Backup;
use deploy::Deploy;
use drill::Drill;
use lamplighter::policy::StackDefaults;
use request::RequestOperation;
use rollout::Rollout;
use serde_json::{Value, json};

use crate::testkit::world::World;

pub const ALICE: &str = "arn:aws:sts::123456789012:assumed-role/Operators/alice";

/// The payload of a call, as API Gateway passes it on.
#[must_use]
pub fn call_payload(world: &World, body: &Value) -> Value {
    let state = world.state();
    json!({
        "version": "2.0", "routeKey": "POST /", "rawPath": "/", "rawQueryString": "", "headers": {},
        "requestContext": {
            "authorizer": {"iam": {"userArn": ALICE}}, "requestId": format!("call-{}", state.calls.len()),
            "timeEpoch": state.now.as_millisecond(),
        },
        "body": body.to_string(), "isBase64Encoded": false,
    })
}

/// Calls the API. `None` where the function was killed, else the status code and the body of the answer.
///
/// # Panics
/// Where the function gave no answer of an HTTP API.
#[must_use]
pub fn try_call(world: &World, body: &Value) -> Option<(u16, Value)> {
    let answer = world.invoke(&RequestOperation, call_payload(world, body))?;
    let answer = answer.expect("each call gets an answer");
    let status = answer["statusCode"].as_u64().expect("a status code");
    let text = answer["body"].as_str().expect("a body");
    let body = serde_json::from_str(text).expect("JSON");
    Some((u16::try_from(status).expect("a status code"), body))
}

/// Calls the API, and delivers what it passed on.
///
/// # Panics
/// Where the request was not recorded.
pub fn request(world: &World, body: &Value) -> Value {
    let (status, answer) = try_call(world, body).expect("not killed");
    assert_eq!(status, 200, "{answer}");
    deliver(world);
    answer
}

/// Delivers the events on the bus to the functions whose rules match them.
pub fn deliver(world: &World) {
    let events = std::mem::take(&mut world.state_mut().bus);
    for event in events {
        let _ = world.invoke(&Deploy, event.clone());
        let _ = world.invoke(&Rollout, event.clone());
        let _ = world.invoke(&Backup, event.clone());
        let _ = world.invoke_with(&Drill, event, closed());
    }
}

/// A stack with a security group for drills.
#[must_use]
pub fn closed() -> StackDefaults {
    StackDefaults {
        drill_group: "sg-0123456789abcdef0".into(),
        ..StackDefaults::default()
    }
}

//! Values that several modules need: an error response of AWS, a service and a time.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use lamplighter::model::Arn;
use serde_json::json;

/// An error response of a JSON protocol.
pub fn refused(status: u16, code: &str, message: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": message}).to_string();
    let mut response =
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.1");
    response
}

pub fn service(n: usize) -> Arn {
    Arn::new(format!(
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/web{n}"
    ))
}

pub fn now() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

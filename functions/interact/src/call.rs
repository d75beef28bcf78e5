//! A call of the HTTP API, and its answer.

use aws_smithy_types::base64;
use lamplighter::MalformedEvent;
use serde_json::{Value, json};

/// A call as API Gateway passes it on.
pub struct Call<'a> {
    payload: &'a Value,
    pub path: &'a str,
    /// The body as the caller sent and signed it.
    pub body: Vec<u8>,
}

impl<'a> Call<'a> {
    /// Parses the payload.
    ///
    /// # Errors
    /// [`MalformedEvent`] if the payload is no call of an HTTP API.
    /// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
    pub fn parse(payload: &'a Value) -> Result<Self, MalformedEvent> {
        let path = text_at(payload, "/requestContext/http/path").ok_or_else(|| {
            MalformedEvent("not a call of an HTTP API: it has no path".to_owned())
        })?;
        let body = text_at(payload, "/body").unwrap_or_default();
        // API Gateway encodes forms, which it takes for binary.
        let is_encoded = payload.get("isBase64Encoded").and_then(Value::as_bool) == Some(true);
        let body = if is_encoded {
            base64::decode(body)
                .map_err(|error| MalformedEvent(format!("its body is no base64: {error}")))?
        } else {
            body.as_bytes().to_vec()
        };
        Ok(Self {
            payload,
            path,
            body,
        })
    }

    /// Returns a header by its name in lower case, or an empty text.
    #[must_use]
    pub fn header(&self, name: &str) -> &'a str {
        let headers = self.payload.get("headers");
        headers
            .and_then(|headers| headers.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// An answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    /// Accepts a call. Slack shows nothing for an empty text.
    #[must_use]
    pub const fn accept() -> Self {
        Self {
            status: 200,
            text: String::new(),
        }
    }

    #[must_use]
    pub fn refuse(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }

    /// Builds the response of the HTTP API.
    #[must_use]
    pub fn into_response(self) -> Value {
        json!({
            "statusCode": self.status,
            "headers": {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"},
            "body": self.text,
        })
    }
}

/// Returns the text at a JSON pointer.
#[must_use]
pub fn text_at<'a>(payload: &'a Value, pointer: &str) -> Option<&'a str> {
    payload.pointer(pointer).and_then(Value::as_str)
}

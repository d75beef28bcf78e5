//! AWS Lambda: invokes functions of the stack.
//!
//! One call doesn't deserve the SDK crate of Lambda, one of the largest. The call is signed with the SDK's own signer.
//! Source: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use serde_json::Value;

use super::Config;
use super::config::find_endpoint;
use super::http::{PostResponse, post};
use super::signature::UnsignedPost;
use crate::is_local;
use lamplighter::AwsError;
use lamplighter::model::Arn;

const CALL: &str = "Invoke";
/// The header that says whether the caller waits for the result.
const INVOCATION_TYPE: &str = "x-amz-invocation-type";

/// Access to functions in the region of this one.
pub struct Functions {
    config: Config,
}

impl Functions {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Invokes a function and waits up to five seconds for its answer.
    ///
    /// # Errors
    /// [`AwsError`] if there is no answer, or the function failed.
    pub async fn invoke(&self, function: &Arn, payload: &Value) -> Result<Value, AwsError> {
        let response = self.post(function, "RequestResponse", payload).await?;
        let answer: Value = serde_json::from_str(&response.body).unwrap_or_default();
        // A function that fails answers with status 200 and this field.
        match answer.get("errorMessage").and_then(Value::as_str) {
            Some(message) => Err(build_error(function, "FunctionError", message, false)),
            None => Ok(answer),
        }
    }

    /// Hands an event to a function, which Lambda invokes later and retries.
    ///
    /// # Errors
    /// [`AwsError`] if Lambda did not accept the event.
    pub async fn invoke_later(&self, function: &Arn, payload: &Value) -> Result<(), AwsError> {
        self.post(function, "Event", payload).await.map(drop)
    }

    async fn post(
        &self,
        function: &Arn,
        invocation_type: &'static str,
        payload: &Value,
    ) -> Result<PostResponse, AwsError> {
        let (_, name) = function.resource().split_once(':').unwrap_or_default();
        let url = format!(
            "{}/2015-03-31/functions/{name}/invocations",
            find_endpoint("lambda", function.region(), function.dns_suffix())
        );
        let body = payload.to_string();
        let fail = |code: &str, message: &str| build_error(function, code, message, false);
        let unsigned = UnsignedPost {
            service: "lambda",
            region: function.region(),
            url: &url,
            headers: &[
                ("content-type", "application/json"),
                (INVOCATION_TYPE, invocation_type),
            ],
            body: &body,
        };
        let headers = unsigned
            .sign(&self.config)
            .await
            .map_err(|problem| fail("SigningError", &problem))?;
        let call = move || {
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            post(&url, &headers, &body, is_local())
        };
        let response = tokio::task::spawn_blocking(call)
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
            .map_err(|problem| fail("DispatchFailure", &problem))?;
        match response.status {
            200..=299 => Ok(response),
            status => {
                let refused = (400..500).contains(&status);
                let (code, message) = describe_refusal(&response);
                Err(build_error(function, &code, &message, refused))
            }
        }
    }
}

/// Returns the code and the message of a call that AWS refused.
fn describe_refusal(response: &PostResponse) -> (String, String) {
    let body: Value = serde_json::from_str(&response.body).unwrap_or_default();
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let code = text("__type").or_else(|| text("Code"));
    let message = text("Message").or_else(|| text("message"));
    (
        code.unwrap_or_else(|| format!("HTTP{}", response.status)),
        message.unwrap_or_default(),
    )
}

fn build_error(function: &Arn, code: &str, message: &str, refused: bool) -> AwsError {
    AwsError {
        call: CALL,
        target: function.display_name(),
        code: code.to_owned(),
        message: message.to_owned(),
        refused,
    }
}

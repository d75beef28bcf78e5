//! AWS calls as a test or the demo makes them: plain JSON over HTTP, no SDK.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

/// An AWS error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub code: String,
    pub message: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// The time that one call may take. The longest ones invoke a function and wait for its answer.
const TIMEOUT: Duration = Duration::from_mins(3);

/// A client of one endpoint.
#[derive(Debug, Clone)]
pub struct Api {
    agent: Agent,
    endpoint: String,
    account: String,
}

impl Api {
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .build()
            .into();
        Self {
            agent,
            endpoint: endpoint.into(),
            account: "123456789012".to_owned(),
        }
    }

    /// Calls from another account.
    #[must_use]
    pub fn in_account(&self, account: &str) -> Self {
        Self {
            account: account.to_owned(),
            ..self.clone()
        }
    }

    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The account that calls.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Calls `service` (`ecs`, `ecr`, `dynamodb`, `sqs`, `events`, `logs`) with a JSON document.
    ///
    /// # Errors
    /// The error that AWS answers.
    ///
    /// # Panics
    /// Where the stack does not answer.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write json!() in place"
    )]
    pub fn call(&self, service: &str, action: &str, request: Value) -> Result<Value, ApiError> {
        let answer = self
            .agent
            .post(&self.endpoint)
            .header("x-amz-target", format!("{}.{action}", target_of(service)))
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", self.credential(service))
            .send_json(&request);
        let mut answer = answer.unwrap_or_else(|e| panic!("{service} {action}: {e}"));
        let succeeded = answer.status().is_success();
        let body: Value = answer.body_mut().read_json().unwrap_or_default();
        if succeeded {
            Ok(body)
        } else {
            Err(error_in(&body))
        }
    }

    /// Calls an API that takes forms and answers XML (`cloudformation`, `sns`).
    ///
    /// # Errors
    /// The XML of an error answer.
    ///
    /// # Panics
    /// Where the stack does not answer.
    pub fn query(
        &self,
        service: &str,
        action: &str,
        form: &[(&str, &str)],
    ) -> Result<String, String> {
        let form = [&[("Action", action), ("Version", "2010-05-15")], form].concat();
        let answer = self
            .agent
            .post(&self.endpoint)
            .header("authorization", self.credential(service))
            .send_form(form);
        let mut answer = answer.unwrap_or_else(|e| panic!("{service} {action}: {e}"));
        let succeeded = answer.status().is_success();
        let body = answer.body_mut().read_to_string().unwrap_or_default();
        if succeeded { Ok(body) } else { Err(body) }
    }

    /// The emulator reads account, region and service from here and checks no signature.
    fn credential(&self, service: &str) -> String {
        let account = &self.account;
        format!(
            "AWS4-HMAC-SHA256 Credential={account}/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=none"
        )
    }

    /// Puts an object into a bucket, or makes the bucket where the key is empty. Answers its URL.
    ///
    /// # Errors
    /// The XML of an error answer.
    ///
    /// # Panics
    /// Where the stack does not answer.
    pub fn put_object(&self, bucket: &str, key: &str, body: &str) -> Result<String, String> {
        let url = format!("{}/{bucket}/{key}", self.endpoint);
        let answer = self
            .agent
            .put(&url)
            .header("authorization", self.credential("s3"))
            .send(body);
        let mut answer = answer.unwrap_or_else(|e| panic!("s3 PutObject: {e}"));
        if answer.status().is_success() {
            Ok(url)
        } else {
            Err(answer.body_mut().read_to_string().unwrap_or_default())
        }
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Panics
    /// Where the stack does not answer.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write json!() in place"
    )]
    pub fn invoke(&self, function: &str, payload: Value) -> Value {
        let url = format!(
            "{}/2015-03-31/functions/{function}/invocations",
            self.endpoint
        );
        let answer = self
            .agent
            .post(url)
            .header("authorization", self.credential("lambda"))
            .send_json(&payload);
        let mut answer = answer.unwrap_or_else(|e| panic!("Invoke {function}: {e}"));
        answer.body_mut().read_json().unwrap_or_default()
    }

    /// Calls an HTTP API with the credentials of the account's root user. Returns the status code and the body of the answer.
    ///
    /// # Panics
    /// Where nothing answers, or the answer is not JSON.
    pub fn call_http_api(&self, url: &str, body: &Value) -> (u16, Value) {
        let host = url.split("://").nth(1).unwrap_or_default();
        let id = host.split('.').next().unwrap_or_default();
        // The host names of the emulator's APIs do not resolve, so the API is named in the path.
        let path = format!("{}/_aws/execute-api/{id}/$default/", self.endpoint);
        let answer = self
            .agent
            .post(path)
            .header("authorization", self.credential("execute-api"))
            .send_json(body);
        let mut answer = answer.unwrap_or_else(|e| panic!("POST {url} {body}: {e}"));
        let status = answer.status().as_u16();
        let read = answer.body_mut().read_json();
        (
            status,
            read.unwrap_or_else(|e| panic!("POST {url} {body}: {e}")),
        )
    }

    /// Posts a body to a path of a public HTTP API, as somebody on the internet. Returns the status code and the body of the
    /// answer.
    ///
    /// # Panics
    /// Where nothing answers.
    pub fn call_public_api(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String) {
        let (host, path) = url
            .split("://")
            .nth(1)
            .and_then(|rest| rest.split_once('/'))
            .unwrap_or_default();
        let id = host.split('.').next().unwrap_or_default();
        let url = format!("{}/_aws/execute-api/{id}/$default/{path}", self.endpoint);
        let mut request = self.agent.post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request
            .send(body)
            .unwrap_or_else(|e| panic!("POST {path}: {e}"));
        let status = answer.status().as_u16();
        (
            status,
            answer.body_mut().read_to_string().unwrap_or_default(),
        )
    }

    /// Calls the local stack's control API (`tests/stack/control.py`).
    ///
    /// # Panics
    /// Where the stack refuses: that is a mistake in the test.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write json!() in place"
    )]
    pub fn control(&self, name: &str, request: Value) -> Value {
        let answer = self
            .agent
            .post(format!("{}/_stack/{name}", self.endpoint))
            .send_json(&request);
        let mut answer = answer.unwrap_or_else(|e| panic!("control {name}: {e}"));
        let succeeded = answer.status().is_success();
        let body: Value = answer.body_mut().read_json().unwrap_or_default();
        assert!(succeeded, "control {name}: {body}");
        body
    }
}

fn error_in(body: &Value) -> ApiError {
    let text = |keys: [&str; 2]| {
        keys.iter()
            .find_map(|key| body[*key].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let code = text(["__type", "code"]);
    ApiError {
        code: code.rsplit('#').next().unwrap_or_default().to_owned(),
        message: text(["message", "Message"]),
    }
}

fn target_of(service: &str) -> &'static str {
    match service {
        "application-autoscaling" => "AnyScaleFrontendService",
        "dynamodb" => "DynamoDB_20120810",
        "ecr" => "AmazonEC2ContainerRegistry_V20150921",
        "ecs" => "AmazonEC2ContainerServiceV20141113",
        "events" => "AWSEvents",
        "logs" => "Logs_20140328",
        "monitoring" => "GraniteServiceVersion20100801",
        "secretsmanager" => "secretsmanager",
        "sqs" => "AmazonSQS",
        other => panic!("no JSON API {other} here"),
    }
}

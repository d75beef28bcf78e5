//! Talks to a stack: asks its function, and sends requests to its API.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use jiff::Timestamp;
use lamplighter_aws::UnsignedPost;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::arguments::{Account, Why};
use crate::error::CommandError;
use crate::stack::{Stack, find_stack, load_configuration};

/// The time for one call: a little more than the function has.
const TIMEOUT: Duration = Duration::from_secs(130);
/// The largest answer of a function.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_BODY_BYTES: u64 = 6 * 1024 * 1024 + 1024;
/// Pauses before a request is sent again, in seconds: a target is locked for a minute at most.
const PAUSES: [u64; 6] = [1, 2, 4, 8, 16, 32];
/// The time before their end at which credentials are asked for again.
const EXPIRY_MARGIN: Duration = Duration::from_mins(2);

/// A stack, and the user's right to talk to it.
pub struct Client {
    pub configuration: SdkConfig,
    pub stack: Stack,
    /// The credentials of the last call: a profile may ask a person, or another program, for new ones.
    credentials: RefCell<Option<Credentials>>,
}

/// The answer to a request that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The whole answer.
    pub answer: Value,
    /// The time before the request was sent, by the clock of this machine.
    pub sent_at: Timestamp,
    /// The name of the request.
    pub id: String,
}

impl Recorded {
    /// Returns the effect, in words.
    #[must_use]
    pub fn result(&self) -> String {
        text_at(&self.answer, "result").unwrap_or_default()
    }
}

/// The answer to a POST.
struct Answer {
    status: u16,
    body: String,
    /// The function failed, and the body says why.
    failed: bool,
}

impl Client {
    /// Finds the stack.
    ///
    /// # Errors
    /// [`CommandError`] if there is none, or it can't be found.
    pub async fn connect(account: &Account) -> Result<Self, CommandError> {
        let configuration = load_configuration(account).await?;
        let stack = find_stack(account, &configuration).await?;
        Ok(Self {
            configuration,
            stack,
            credentials: RefCell::default(),
        })
    }

    /// Asks the stack a question, and returns its answer as it is.
    ///
    /// # Errors
    /// [`CommandError`] if it can't be asked, or refuses.
    pub async fn ask(&self, question: &Value) -> Result<Value, CommandError> {
        const CALL: &str = "Invoke";
        let stack = &self.stack;
        let endpoint = self.configuration.endpoint_url().map_or_else(
            || format!("https://lambda.{}.{}", stack.region, stack.dns_suffix),
            |own| own.trim_end_matches('/').to_owned(),
        );
        let url = format!(
            "{endpoint}/2015-03-31/functions/{}/invocations",
            stack.digest_function
        );
        let answer = self.post(CALL, "lambda", &url, question).await?;
        let body = read_json(&answer.body);
        if answer.failed {
            let message = text_at(&body, "errorMessage").unwrap_or_else(|| answer.body.clone());
            return Err(CommandError::Refused(message));
        }
        if !(200..300).contains(&answer.status) {
            let remedy = if answer.status == 403 {
                format!(
                    ". Sign in again if the session has expired; else allow lambda:InvokeFunction on the function {}",
                    stack.digest_function
                )
            } else {
                String::new()
            };
            let message = text_at(&body, "Message").or_else(|| text_at(&body, "message"));
            return Err(CommandError::Aws {
                call: CALL,
                problem: message.unwrap_or_else(|| format!("HTTP {}", answer.status)),
                remedy,
            });
        }
        Ok(body)
    }

    /// Asks the stack a question.
    ///
    /// # Errors
    /// [`CommandError`] if it can't be asked, or answers something else.
    pub async fn query<T: DeserializeOwned>(&self, query: &Value) -> Result<T, CommandError> {
        let answer = self.ask(&json!({ "query": query })).await?;
        serde_json::from_value(answer).map_err(|error| CommandError::Unreadable(error.to_string()))
    }

    /// Sends a request, and again while its target is locked. `fields`: the command with its arguments.
    ///
    /// # Errors
    /// [`CommandError`] if it was not recorded.
    pub async fn request(
        &self,
        mut fields: Map<String, Value>,
        why: &Why,
    ) -> Result<Recorded, CommandError> {
        const CALL: &str = "request";
        let url = self.stack.request_url.as_deref();
        let url = url.ok_or_else(|| CommandError::NoRequestApi {
            stack: self.stack.name.clone(),
        })?;
        let id = why.id.clone().unwrap_or_else(make_id);
        fields.insert("reason".to_owned(), json!(why.reason));
        fields.insert("id".to_owned(), json!(id));
        let body = Value::Object(fields);
        let sent_at = read_clock();
        let answer = self.send_until_taken(CALL, url, &body).await?;
        let read = read_json(&answer.body);
        match answer.status {
            200 if read.get("result").is_some() => Ok(Recorded {
                id,
                answer: read,
                sent_at,
            }),
            200..400 => Err(CommandError::Refused(format!(
                "{url} is not the API of a stack: nothing was recorded"
            ))),
            403 => Err(CommandError::Aws {
                call: CALL,
                problem: describe_problem(&answer),
                remedy: format!(
                    ". Sign in again if the session has expired; else allow execute-api:Invoke on the API {url}"
                ),
            }),
            _ => Err(CommandError::Refused(describe_problem(&answer))),
        }
    }

    /// Sends a request, and again while its target is locked or nothing answers.
    async fn send_until_taken(
        &self,
        call: &'static str,
        url: &str,
        body: &Value,
    ) -> Result<Answer, CommandError> {
        for pause in PAUSES {
            let problem = match self.post(call, "execute-api", url, body).await {
                Ok(answer) if !is_busy(answer.status) => return Ok(answer),
                Err(error @ CommandError::Machine(_)) => return Err(error),
                // It may have arrived all the same: the same id again has no further effect.
                Ok(answer) => describe_problem(&answer),
                Err(error) => error.to_string(),
            };
            anstream::eprintln!("{problem}; again in {pause} s");
            tokio::time::sleep(Duration::from_secs(pause)).await;
        }
        self.post(call, "execute-api", url, body).await
    }

    /// Returns the configuration with credentials that are still valid for a while.
    async fn sign_in(&self) -> Result<SdkConfig, CommandError> {
        let soon = SystemTime::from(read_clock()) + EXPIRY_MARGIN;
        let known = self.credentials.borrow().clone();
        let known = known.filter(|one| one.expiry().is_none_or(|expiry| expiry > soon));
        let credentials = match (known, self.configuration.credentials_provider()) {
            (Some(known), _) => known,
            (None, Some(provider)) => {
                let answer = provider.provide_credentials().await;
                answer.map_err(|error| CommandError::Machine(format!("{error}: sign in again")))?
            }
            (None, None) => return Err(CommandError::Machine("no credentials".to_owned())),
        };
        self.credentials.replace(Some(credentials.clone()));
        let provider = SharedCredentialsProvider::new(credentials);
        let configuration = self.configuration.to_builder();
        Ok(configuration.credentials_provider(provider).build())
    }

    async fn post(
        &self,
        call: &'static str,
        service: &str,
        url: &str,
        body: &Value,
    ) -> Result<Answer, CommandError> {
        let body = body.to_string();
        let unsigned = UnsignedPost {
            service,
            region: &self.stack.region,
            url,
            headers: &[("content-type", "application/json")],
            body: &body,
        };
        let fail = |problem: String| CommandError::Aws {
            call,
            problem,
            remedy: String::new(),
        };
        let headers = unsigned.sign(&self.sign_in().await?).await;
        let headers = headers.map_err(CommandError::Machine)?;
        let url = url.to_owned();
        let sent = tokio::task::spawn_blocking(move || post_once(&url, &headers, &body)).await;
        let sent = sent.map_err(|error| fail(error.to_string()))?;
        sent.map_err(fail)
    }
}

fn post_once(url: &str, headers: &[(String, String)], body: &str) -> Result<Answer, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        // The next host would get the session of the user.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("lamplighter/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut request = agent.post(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut answer = request.send(body).map_err(|error| error.to_string())?;
    let failed = answer.headers().contains_key("x-amz-function-error");
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_BODY_BYTES)
        .read_to_string()
        .map_err(|error| error.to_string())?;
    Ok(Answer {
        status: answer.status().as_u16(),
        body,
        failed,
    })
}

/// Reads an answer. Texts of others, such as log lines of applications, lose what a terminal would act on.
fn read_json(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap_or_default();
    clean(&mut value);
    value
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|letter| !letter.is_control() || letter == '\n'),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Says why a request was not taken.
fn describe_problem(answer: &Answer) -> String {
    let read = read_json(&answer.body);
    let texts = ["problem", "error", "message", "Message"];
    let mut texts = texts.into_iter().filter_map(|key| text_at(&read, key));
    texts
        .next()
        .unwrap_or_else(|| format!("HTTP {}", answer.status))
}

/// Reports whether a request can be sent again: its target is locked, or something was not reached or throttled.
fn is_busy(status: u16) -> bool {
    matches!(status, 409 | 429 | 500..=599)
}

/// Returns the text of a field; `None` if there is none.
fn text_at(answer: &Value, key: &str) -> Option<String> {
    answer.get(key)?.as_str().map(str::to_owned)
}

/// Returns a new name for a request.
fn make_id() -> String {
    format!("cli-{:016x}", fastrand::u64(..))
}

/// Reads the clock of this machine.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place of the command that reads the clock"
)]
pub fn read_clock() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

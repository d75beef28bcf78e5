//! `interact`: turns buttons that people press in Slack, and acknowledgements in PagerDuty, into requests.
//!
//! The function faces the internet, so it only reads the secret with which Slack and PagerDuty sign, hands requests to the
//! function `request`, which records them, and queues acknowledgements for `alert`.

// One invocation at a time on one thread: futures need not be `Send`.
#![allow(async_fn_in_trait)]

mod call;
mod pager_duty;
mod press;
mod settings;
mod slack;
#[cfg(test)]
mod slack_tests;

use std::cell::RefCell;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::Invocation;
use lamplighter::model::Arn;
use lamplighter::notify::{Notification, Outbox};
use lamplighter::policy::{REQUEST_FUNCTION_VARIABLE, StackDefaults};
use lamplighter::{AwsError, Error, Function, ParameterError};
use lamplighter_aws::lambda;
use lamplighter_aws::{Config, Functions, NotificationQueue, Secret, build_sdk_config};
use serde_json::Value;

use call::{Answer, Call};
use settings::Settings;

/// The paths of the HTTP API.
const SLACK_PATH: &str = "/slack";
const PAGER_DUTY_PATH: &str = "/pagerduty";
/// The time for which the secret is known. A replaced one is read within it.
const SETTINGS_VALIDITY: SignedDuration = SignedDuration::from_mins(5);

/// Runs the Lambda function; `main` only calls it.
///
/// # Errors
/// [`lambda::StartupError`] if the process cannot start.
pub fn serve() -> Result<(), lambda::StartupError> {
    lambda::serve_handler(|defaults| {
        defaults.require_parts(&["notices", "topic"])?;
        let interact = Rc::new(Interact::new(build_sdk_config()?, defaults)?);
        Ok(move |payload, _: Invocation| {
            let interact = Rc::clone(&interact);
            async move { interact.handle_call(&payload).await }
        })
    })
}

/// The `interact` function without its Lambda entry point.
pub struct Interact {
    secret: Secret,
    /// The settings of the secret, and when they were read.
    settings: RefCell<Option<(Timestamp, Rc<Settings>)>>,
    functions: Functions,
    request_function: Arn,
    outbox: NotificationQueue,
    /// The target of acknowledgements: the incident's own target is not known here.
    topic: Arn,
    stack: String,
    clock: Box<dyn Fn() -> Timestamp>,
}

impl Interact {
    /// Creates the function.
    ///
    /// # Errors
    /// [`ParameterError`] if the secret or the function `request` isn't named.
    pub fn new(config: Config, defaults: StackDefaults) -> Result<Self, ParameterError> {
        let request_function = defaults.request_function.ok_or_else(|| ParameterError {
            parameter: REQUEST_FUNCTION_VARIABLE.to_owned(),
            problem: "missing; infra/template.yaml sets it".to_owned(),
        })?;
        Ok(Self {
            secret: Secret::new(config.clone(), &defaults.interactions_secret),
            settings: RefCell::default(),
            functions: Functions::new(config.clone()),
            request_function,
            outbox: NotificationQueue::new(config, &defaults.notices),
            topic: Arn::new(&defaults.topic),
            stack: defaults.stack,
            clock: Box::new(lambda::read_clock),
        })
    }

    /// Answers a call of the HTTP API.
    ///
    /// # Errors
    /// [`lamplighter::MalformedEvent`] if the payload is no such call.
    pub async fn handle_call(&self, payload: &Value) -> Result<Value, Error> {
        let call = Call::parse(payload)?;
        let answer = match self.load_settings().await {
            Ok(settings) => match call.path {
                SLACK_PATH => self.handle_slack(&call, &settings).await,
                PAGER_DUTY_PATH => self.handle_pager_duty(&call, &settings).await,
                other => Answer::refuse(404, format!("no such path: {other}")),
            },
            Err(problem) => {
                tracing::error!(problem, "the secret of InteractionsSecret can't be used");
                Answer::refuse(
                    503,
                    "the secret of InteractionsSecret can't be used; see the log",
                )
            }
        };
        Ok(answer.into_response())
    }

    /// Returns the settings, which are read again after a few minutes.
    ///
    /// # Errors
    /// What is wrong with the secret, without a value.
    async fn load_settings(&self) -> Result<Rc<Settings>, String> {
        let now = (self.clock)();
        if let Some((read_at, settings)) = &*self.settings.borrow()
            && now.duration_since(*read_at) < SETTINGS_VALIDITY
        {
            return Ok(Rc::clone(settings));
        }
        let document = self.secret.read_text().await;
        let document = document.map_err(|error| error.to_string())?;
        let settings = Rc::new(Settings::parse(&document)?);
        self.settings.replace(Some((now, Rc::clone(&settings))));
        Ok(settings)
    }

    async fn handle_pager_duty(&self, call: &Call<'_>, settings: &Settings) -> Answer {
        if !pager_duty::is_from_pager_duty(call, &settings.pagerduty_signing_secrets) {
            return Answer::refuse(401, "not signed by PagerDuty with a known secret");
        }
        let Some(acknowledgement) = pager_duty::parse_acknowledgement(&call.body) else {
            return Answer::accept();
        };
        match self
            .acknowledge_incident(&acknowledgement.incident, &acknowledgement.by)
            .await
        {
            Ok(()) => Answer::accept(),
            Err(error) => {
                tracing::error!(error = %error, "an acknowledgement was not queued");
                // PagerDuty repeats what was not accepted.
                Answer::refuse(503, "try again")
            }
        }
    }

    /// Queues an acknowledgement for `alert`.
    async fn acknowledge_incident(&self, incident: &str, by: &str) -> Result<(), AwsError> {
        let notification = Notification::acknowledgement(
            (incident, by),
            Function::Interact,
            (&self.topic, &self.stack),
            (self.clock)(),
        );
        let sent = self.outbox.send(vec![notification]).await;
        sent.map_err(|unsent| unsent.error)
    }
}

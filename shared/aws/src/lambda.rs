//! The Lambda entry point: reads the environment and runs Lambda's event loop around a handler.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;

use lamplighter::engine::telemetry::PayloadLabel;
use lamplighter::engine::{Engine, Invocation, Observe, Operation, PauseCache};
use lamplighter::policy::{
    DEFAULTS_VARIABLE, HOOK_VARIABLE, LINKS_VARIABLE, REQUEST_FUNCTION_VARIABLE,
    STATUS_FUNCTION_VARIABLE, StackDefaults,
};
use lamplighter::{Error, ParameterError};

use crate::execute::Execute;
use crate::logging::{print_line, start_logging};
use crate::{Aws, DynamoLedger, NotificationQueue, build_sdk_config};

/// Reads and validates the stack defaults from the environment.
///
/// # Errors
/// [`ParameterError`] if a stack parameter is invalid.
pub fn read_stack_defaults() -> Result<StackDefaults, ParameterError> {
    let document = read_variable(DEFAULTS_VARIABLE);
    let defaults = StackDefaults::parse(if document.is_empty() { "{}" } else { &document })?;
    Ok(defaults
        .with_hook(&read_variable(HOOK_VARIABLE))?
        .with_links(&read_variable(LINKS_VARIABLE))?
        .with_functions(
            &read_variable(REQUEST_FUNCTION_VARIABLE),
            &read_variable(STATUS_FUNCTION_VARIABLE),
        ))
}

/// Returns a variable of the environment; empty without it.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the stack's environment document"
)]
pub fn read_variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Returns the current time of the system clock.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn read_clock() -> Timestamp {
    Timestamp::now()
}

/// An error that ends the process of a function at its start.
pub type StartupError = lambda_runtime::Error;

/// Serves an operation over the real AWS; this is the whole `main` of a function.
///
/// # Errors
/// [`StartupError`] if the process can't start.
pub fn serve_operation<Op>(operation: Op) -> Result<(), StartupError>
where
    Op: Operation + Observe<Aws<<Op as Operation>::Capability>, DynamoLedger> + 'static,
    <Op as Operation>::Capability: Execute,
{
    serve_handler(|defaults| {
        defaults.require_parts(&["table", "notices"])?;
        let config = build_sdk_config()?;
        let engine = Engine {
            cloud: Aws::<<Op as Operation>::Capability>::new(config.clone())
                .with_vault(&defaults.vault_role, &defaults.stack)
                .with_queues(&defaults),
            ledger: DynamoLedger::new(config.clone(), &defaults.table),
            outbox: NotificationQueue::new(config, &defaults.notices),
            defaults,
            clock: Box::new(read_clock),
            metrics: print_line,
            pauses: PauseCache::default(),
        };
        let shared = Rc::new((engine, operation));
        Ok(move |payload, run| {
            let shared = Rc::clone(&shared);
            // Boxed: with an unboxed future of this depth, the runtime's layers exceed rustc's
            // limits.
            Box::pin(async move { shared.0.handle_payload(&shared.1, payload, &run).await })
                as Pin<Box<dyn Future<Output = Result<Value, Error>>>>
        })
    })
}

/// Serves invocations with a handler until Lambda ends the process.
///
/// # Errors
/// [`StartupError`] if a stack parameter is invalid or the Lambda runtime API is not available.
pub fn serve_handler<H, F>(
    build: impl FnOnce(StackDefaults) -> Result<H, Error>,
) -> Result<(), StartupError>
where
    H: Fn(Value, Invocation) -> F,
    F: Future<Output = Result<Value, Error>>,
{
    start_logging();
    let handler = read_stack_defaults()
        .map_err(Error::from)
        .and_then(build)
        .inspect_err(|error| {
            tracing::error!(error_type = error.kind(), error = %error, "the function can't start");
        })?;
    let service = service_fn(|event: LambdaEvent<Value>| {
        let run = Invocation {
            request_id: event.context.request_id.clone(),
            function_arn: event.context.invoked_function_arn.clone(),
            deadline: i64::try_from(event.context.deadline)
                .ok()
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .unwrap_or(Timestamp::MAX),
        };
        let label = PayloadLabel::from_payload(&event.payload);
        let function = event.context.env_config.function_name.clone();
        let answer = handler(event.payload, run.clone());
        async move {
            answer.await.map_err(|error| {
                label.log_failure(&function, env!("CARGO_PKG_VERSION"), &run, &error);
                to_diagnostic(&error)
            })
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(lambda_runtime::run(service))
}

/// Converts an error into the runtime's answer, with [`Error::kind`] as its stable type.
fn to_diagnostic(error: &Error) -> Diagnostic {
    Diagnostic {
        error_type: error.kind().to_owned(),
        error_message: error.to_string(),
    }
}

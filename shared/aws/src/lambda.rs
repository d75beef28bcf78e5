//! The door of a function: environment in, Lambda's event loop around a handler.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;

use lamplighter::engine::{Engine, Invocation, Operation};
use lamplighter::policy::{HOOK_VARIABLE, LINKS_VARIABLE, StackDefaults, VARIABLE};
use lamplighter::{Error, ParameterError};

use crate::capability::Performs;
use crate::logging::{print_line, start_logging};
use crate::{Aws, DynamoLedger, NoticeQueue, config};

/// Reads and checks the stack's defaults.
///
/// # Errors
/// [`ParameterError`] naming the parameter.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the stack's environment document"
)]
pub fn stack_defaults() -> Result<StackDefaults, ParameterError> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let document = variable(VARIABLE);
    let defaults = StackDefaults::parse(if document.is_empty() { "{}" } else { &document })?;
    defaults
        .with_hook(&variable(HOOK_VARIABLE))?
        .with_links(&variable(LINKS_VARIABLE))
}

/// The wall clock.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn clock() -> Timestamp {
    Timestamp::now()
}

/// What ends a function's process at its start.
pub type Failure = lambda_runtime::Error;

/// Serves an operation over the real AWS: the whole of a function's `main`.
///
/// # Errors
/// What ends the process at its start.
pub fn operate<Op>(operation: Op) -> Result<(), Failure>
where
    Op: Operation + 'static,
    Op::Reach: Performs,
{
    serve(|defaults| {
        defaults.require(&["table", "notices"])?;
        let config = config()?;
        let engine = Engine {
            cloud: Aws::<Op::Reach>::new(config.clone())
                .with_vault(&defaults.vault_role, &defaults.stack),
            ledger: DynamoLedger::new(config.clone(), &defaults.table),
            outbox: NoticeQueue::new(config, &defaults.notices),
            defaults,
            clock: Box::new(clock),
            metrics: print_line,
        };
        let shared = Rc::new((engine, operation));
        Ok(move |payload, run| {
            let shared = Rc::clone(&shared);
            // Boxed: the runtime's layers around an unboxed future of this depth exceed rustc's limits.
            Box::pin(async move { shared.0.handle(&shared.1, payload, &run).await })
                as Pin<Box<dyn Future<Output = Result<Value, Error>>>>
        })
    })
}

/// Serves invocations until Lambda ends the process.
///
/// # Errors
/// What ends the process at its start: a bad stack parameter, or no Lambda runtime to talk to.
pub fn serve<H, F>(build: impl FnOnce(StackDefaults) -> Result<H, Error>) -> Result<(), Failure>
where
    H: Fn(Value, Invocation) -> F,
    F: Future<Output = Result<Value, Error>>,
{
    start_logging();
    let handler = stack_defaults()
        .map_err(Error::from)
        .and_then(build)
        .inspect_err(|error| {
            tracing::error!(error_type = error.kind(), error = %error, "can't start");
        })?;
    let service = service_fn(|event: LambdaEvent<Value>| {
        let run = Invocation {
            request_id: event.context.request_id.clone(),
            deadline: i64::try_from(event.context.deadline)
                .ok()
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .unwrap_or(Timestamp::MAX),
        };
        let answer = handler(event.payload, run);
        async move { answer.await.map_err(to_diagnostic) }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(lambda_runtime::run(service))
}

/// Converts an error into the runtime's answer, with [`Error::kind`] as its stable type.
fn to_diagnostic(error: Error) -> Diagnostic {
    Diagnostic {
        error_type: error.kind().to_owned(),
        error_message: error.to_string(),
    }
}

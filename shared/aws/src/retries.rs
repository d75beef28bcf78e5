//! Retries of calls that are not idempotent.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};

/// A retry classifier that forbids every retry except after a 4xx response from AWS.
///
/// A call that starts something new must not be repeated if its response was lost. The next
/// reconciliation observes the outcome.
#[derive(Debug)]
pub struct RetryRejectionsOnly;

impl ClassifyRetry for RetryRejectionsOnly {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context
            .response()
            .map(|response| response.status().as_u16())
        {
            Some(400..=499) => RetryAction::NoActionIndicated,
            // This includes a response that broke off after its headers, which may have status 200.
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "RetryRejectionsOnly"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

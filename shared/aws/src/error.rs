//! The mapping from SDK errors to [`AwsError`].

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use lamplighter::AwsError;

/// Converts an SDK error to an [`AwsError`] with the call, the target and AWS's error code.
pub fn aws_error<E>(call: &'static str, target: &str, error: &SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let (code, message) = match error {
        SdkError::ServiceError(service) => (
            service.err().code().unwrap_or("ServiceError").to_owned(),
            service
                .err()
                .message()
                .map_or_else(|| format_error_chain(service.err()), str::to_owned),
        ),
        SdkError::TimeoutError(_) => ("Timeout".to_owned(), format_error_chain(error)),
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => {
            ("Timeout".to_owned(), format_error_chain(error))
        }
        SdkError::DispatchFailure(_) => ("DispatchFailure".to_owned(), format_error_chain(error)),
        SdkError::ResponseError(answer) => (
            format!("HTTP{}", answer.raw().status().as_u16()),
            format_error_chain(error),
        ),
        _ => ("RequestError".to_owned(), format_error_chain(error)),
    };
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let refused = matches!(status, Some(400..=499));
    AwsError {
        call,
        target: target.to_owned(),
        code,
        message,
        refused,
    }
}

/// Returns the error for a response without a required field.
pub fn incomplete_response(call: &'static str, target: &str, missing: &str) -> AwsError {
    AwsError {
        call,
        target: target.to_owned(),
        code: "IncompleteResponse".to_owned(),
        message: format!("the response has no {missing}"),
        refused: false,
    }
}

/// Formats an error and its causes in one line, without repetitions.
fn format_error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !next.is_empty() && !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

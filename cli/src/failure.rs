//! Says why a call of AWS failed, and what helps.

use std::error::Error;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use lamplighter::AwsError;

use crate::error::CommandError;

/// Describes a call that an adapter made. `if_denied`: what helps if the user lacks the permission.
pub fn describe_aws_error(error: &AwsError, if_denied: &str) -> CommandError {
    let remedy = if error.code.contains("AccessDenied") {
        format!(". {if_denied}")
    } else {
        String::new()
    };
    CommandError::Aws {
        call: error.call,
        problem: format!("{}: {}: {}", error.target, error.code, error.message),
        remedy,
    }
}

/// Describes a failed call. `if_denied`: what helps if the user lacks the permission.
pub fn describe_failure<E: ProvideErrorMetadata + Error>(
    call: &'static str,
    if_denied: &str,
    error: &E,
) -> CommandError {
    let mut chain = Vec::new();
    let mut cause = error.source();
    while let Some(source) = cause {
        chain.push(source.to_string());
        cause = source.source();
    }
    let has_no_credentials = chain.iter().any(|cause| cause.contains("credential"));
    let code = error.code().unwrap_or_default();
    let is_rejected = ["Expired", "InvalidClientToken", "UnrecognizedClient"]
        .iter()
        .any(|part| code.contains(part));
    let remedy = if has_no_credentials || is_rejected {
        ". Sign in, for instance by aws sso login, and pass --profile or set AWS_PROFILE".to_owned()
    } else if code.contains("AccessDenied") {
        format!(". {if_denied}")
    } else {
        String::new()
    };
    let problem = match error.message() {
        Some(message) => format!("{code}: {message}"),
        None if has_no_credentials => "no valid credentials".to_owned(),
        None if !code.is_empty() => code.to_owned(),
        None => chain.last().cloned().unwrap_or_else(|| error.to_string()),
    };
    CommandError::Aws {
        call,
        problem,
        remedy,
    }
}

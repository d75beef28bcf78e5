//! Prints results.

use std::io::{ErrorKind, Write as _};

use serde::Serialize;

use crate::arguments::Output;
use crate::error::CommandError;

/// Prints a result: as it is for programs, as a text for people.
///
/// # Errors
/// [`CommandError`] if it can't be written.
pub fn print(
    output: Output,
    value: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<(), CommandError> {
    match output {
        Output::Json => print_json(value),
        Output::Table => print_text(&text()),
    }
}

/// Prints a value as JSON.
///
/// # Errors
/// [`CommandError::Machine`] if it is none.
fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| CommandError::Machine(error.to_string()))?;
    print_text(&format!("{text}\n"))
}

/// Prints a text for people.
///
/// # Errors
/// [`CommandError::Closed`] if nothing reads it any more, and [`CommandError::Machine`] if it can't be written.
pub fn print_text(text: &str) -> Result<(), CommandError> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => CommandError::Closed,
        _ => CommandError::Machine(error.to_string()),
    })
}

/// Ignores that nothing reads the output any more, where the exit code says it all.
///
/// # Errors
/// Any other error.
pub fn ignore_closed(printed: Result<(), CommandError>) -> Result<(), CommandError> {
    match printed {
        Err(CommandError::Closed) => Ok(()),
        other => other,
    }
}

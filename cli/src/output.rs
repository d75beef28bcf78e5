//! Prints results for programs.

use serde::Serialize;

use crate::arguments::Output;
use crate::error::CommandError;

/// Reports whether results are printed for programs.
pub fn is_json(output: Output) -> bool {
    output == Output::Json
}

/// Prints a value as JSON.
///
/// # Errors
/// [`CommandError::Machine`] if it is none.
pub fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| CommandError::Machine(error.to_string()))?;
    anstream::println!("{text}");
    Ok(())
}

//! Shows the status again and again.

use std::io::IsTerminal;
use std::time::Duration;

use super::questions;
use crate::arguments::{Output, StatusArguments};
use crate::client::Client;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::print_text;

/// Moves to the top of a terminal and clears it.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Shows the status every so many seconds, until the user interrupts it.
///
/// # Errors
/// [`CommandError`] of the first status that can't be shown.
pub async fn repeat(
    client: &Client,
    chosen: &StatusArguments,
    output: Output,
    seconds: u64,
) -> Result<Exit, CommandError> {
    loop {
        if std::io::stdout().is_terminal() {
            print_text(CLEAR)?;
        }
        questions::show_status(client, chosen, output).await?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

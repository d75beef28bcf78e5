//! `lamplighter`: the operator's command.
//!
//! The command shows what a stack knows, sends requests to it, and checks tags before they are applied. It decides nothing: it
//! asks the function of the output `DigestFunction`, which only reads, and sends requests to the API of the output
//! `RequestUrl`, which IAM authorizes.

mod arguments;
mod client;
mod commands;
mod error;
mod exit;
mod failure;
mod health;
mod init;
mod lint;
mod output;
pub mod preview;
pub mod render;
mod stack;
mod values;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use arguments::{Arguments, PreviewArguments};
pub use error::CommandError;
pub use exit::Exit;
pub use health::OWN_ALARMS;

/// Runs the command with the arguments of the process.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and the version are no mistakes.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            let _ = error.print();
            return exit.into();
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(commands::execute(&arguments)),
        Err(error) => Err(CommandError::Machine(error.to_string())),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(CommandError::Closed) => CommandError::Closed.exit().into(),
        Err(error) => {
            anstream::eprintln!("error: {error}");
            error.exit().into()
        }
    }
}

/// Returns the definition of the command, from which its documentation is generated.
#[must_use]
pub fn build_definition() -> clap::Command {
    Arguments::command()
}

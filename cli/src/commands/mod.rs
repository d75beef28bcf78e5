//! The commands.

mod doctor;
mod questions;
mod requests;
mod wait;
mod watch;

use clap::CommandFactory;
use clap_complete::generate;

use crate::arguments::{Account, Arguments, Command};
use crate::client::Client;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::init;
use crate::lint;
use crate::output::print_text;
use crate::preview;
use crate::stack::load_configuration;

/// Executes the command.
///
/// # Errors
/// [`CommandError`] with what helps.
pub async fn execute(arguments: &Arguments) -> Result<Exit, CommandError> {
    match &arguments.command {
        // These need no stack.
        Command::Lint(lint) => lint::run(lint, arguments.account.output),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            generate(*shell, &mut Arguments::command(), "lamplighter", &mut text);
            print_text(&String::from_utf8_lossy(&text))?;
            Ok(Exit::Done)
        }
        Command::Init(init) => {
            let configuration = load_configuration(&arguments.account).await?;
            init::run(init, &configuration, arguments.account.output).await
        }
        Command::Preview(preview) => {
            let configuration = load_configuration(&arguments.account).await?;
            preview::run(preview, &configuration, arguments.account.output).await
        }
        command => {
            let client = Client::connect(&arguments.account).await?;
            execute_on(&client, command, &arguments.account).await
        }
    }
}

async fn execute_on(
    client: &Client,
    command: &Command,
    account: &Account,
) -> Result<Exit, CommandError> {
    let output = account.output;
    match command {
        Command::Status(status) => match status.watch {
            Some(seconds) => watch::repeat(client, status, output, seconds).await,
            None => questions::show_status(client, status, output).await,
        },
        Command::Explain(target) => questions::explain(client, &target.target, output).await,
        Command::Timeline(timeline) => questions::show_timeline(client, timeline, output).await,
        Command::Incidents => questions::list_incidents(client, output).await,
        Command::Findings => questions::list_findings(client, output).await,
        Command::Releases(target) => questions::list_releases(client, &target.target, output).await,
        Command::Doctor => doctor::check_stack(client, output).await,
        Command::RestorePlan(target) => {
            questions::plan_restore(client, &target.target, output).await
        }
        Command::Deploy(deploy) => {
            let recorded = requests::send(client, command).await?;
            if deploy.wait {
                anstream::eprintln!("{}", recorded.result());
                return wait::wait_for_verdict(client, deploy, &recorded, output).await;
            }
            requests::print_result(&recorded, output)?;
            Ok(Exit::Done)
        }
        Command::Ack(ack) => requests::acknowledge(client, ack, output).await,
        Command::Approve(approve) => requests::approve(client, approve, output).await,
        Command::Reject(_)
        | Command::Rollback(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Silence(_)
        | Command::Unsilence(_)
        | Command::Backup(_)
        | Command::Drill(_)
        | Command::Redrive(_) => {
            let recorded = requests::send(client, command).await?;
            requests::print_result(&recorded, output)?;
            Ok(Exit::Done)
        }
        Command::Lint(_) | Command::Init(_) | Command::Preview(_) | Command::Completions { .. } => {
            Ok(Exit::Done)
        }
    }
}

//! Records of requests, and the capability to make them.

use super::capability::{Execute, unsupported};
use crate::account::Account;
use crate::dead_letters;
use crate::eventbridge;
use lamplighter::AwsError;
use lamplighter::plan::{Action, RequestAction};
use lamplighter::ports::capability::RequestActions;

impl Execute for RequestActions {
    async fn execute(account: &Account, action: &Action) -> Result<String, AwsError> {
        match action {
            Action::Request(RequestAction::Record(request))
                if request.command.needed_tag().is_some() =>
            {
                eventbridge::put_request(account.clients.eventbridge(), request).await
            }
            Action::Request(RequestAction::Redrive(_)) => {
                let clients = &account.clients;
                dead_letters::redrive(clients.sqs(), clients.config(), clients.queues()).await
            }
            // The target state has it.
            Action::Request(RequestAction::Record(_)) => Ok("recorded".to_owned()),
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_) => Err(unsupported(action)),
        }
    }
}

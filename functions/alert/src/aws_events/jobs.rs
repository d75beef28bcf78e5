//! Translates failed AWS Backup jobs and CodeDeploy deployments. Lamplighter reports those it takes
//! part in itself.

use lamplighter::MalformedEvent;
use lamplighter::event::detail::deployment::CodeDeploymentChange;
use lamplighter::event::detail::rds::BackupJob;
use lamplighter::model::Arn;
use lamplighter::notify::Message;

use super::envelope::{AwsEvent, shorten_text};
use super::translation::{TranslatedEvent, console_page_link};
use crate::conditions::FAILED_PREFIX;

/// Translates a backup job that ended without a backup; `None` for any other.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_backup_job(event: &AwsEvent) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let job: BackupJob = event.parse_detail()?;
    if !job.has_failed() {
        return Ok(None);
    }
    let message = Message::warning(format!(
        "no recovery point created - AWS Backup job {}",
        job.state.to_lowercase()
    ))
    .why(shorten_text(&job.describe_cause()))
    .next("Fix the cause, or start a job by hand. The backup plan retries at its next scheduled time.");
    let target = Arn::new(job.resource_arn);
    let page = format!(
        "home?region={}#/jobs/backup/details/{}",
        event.region, job.backup_job_id
    );
    let link = console_page_link(event, &target, "backup", &page);
    Ok(Some(TranslatedEvent {
        message,
        name: target.display_name(),
        target,
        app: None,
        link: Some(link),
    }))
}

/// Translates a deployment that failed, was stopped or succeeded; success resolves the incident.
/// Returns `None` while it is in progress.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_code_deployment(
    event: &AwsEvent,
) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let detail: CodeDeploymentChange = event.parse_detail()?;
    let id = &detail.deployment_id;
    let group = format!("{}/{}", detail.application, detail.group);
    let condition = format!("{FAILED_PREFIX}{group}");
    let message = match detail.state.as_str() {
        "FAILURE" => deployment_failed_message(id).fires(condition),
        "STOP" => deployment_stopped_message(id).fires(condition),
        "SUCCESS" => deployment_succeeded_message(id).clears(condition),
        _ => return Ok(None),
    };
    let target = event.build_arn("codedeploy", &format!("deploymentgroup:{group}"));
    let page = format!("deployments/{id}?region={}", event.region);
    let link = console_page_link(event, &target, "codesuite/codedeploy", &page);
    Ok(Some(TranslatedEvent {
        message,
        target,
        name: group,
        app: None,
        link: Some(link),
    }))
}

fn deployment_failed_message(id: &str) -> Message {
    Message::warning(format!("deployment {id} failed"))
        .why("The event of CodeDeploy gives no reason; the deployment's page does.")
        .next("Open the deployment's page. Check the cause, and whether CodeDeploy rolled back.")
}

fn deployment_stopped_message(id: &str) -> Message {
    Message::info(format!("deployment {id} was stopped"))
        .why("A person or an alarm of the deployment group stopped it.")
        .next("Fix the cause, then deploy again.")
}

fn deployment_succeeded_message(id: &str) -> Message {
    Message::info(format!("deployment {id} succeeded"))
        .why("CodeDeploy reports success.")
        .next("Nothing to do.")
}

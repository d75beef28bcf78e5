//! Translates failed AWS Backup jobs (backups, copies, restores) and CodeDeploy deployments. Lamplighter reports those it
//! takes part in itself.
//!
//! Source: <https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html>

use lamplighter::MalformedEvent;
use lamplighter::event::detail::deployment::CodeDeploymentChange;
use lamplighter::event::detail::rds::{BackupJob, describe_job_cause};
use lamplighter::model::Arn;
use lamplighter::notify::Message;
use serde::Deserialize;

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
    .why(describe_cause(Some(&job.status_message)))
    .next("Fix the cause, or start a job by hand. The backup plan retries at its next scheduled time.");
    let target = Arn::new(job.resource_arn);
    let page = format!(
        "home?region={}#/jobs/backup/details/{}",
        event.region, job.backup_job_id
    );
    Ok(Some(build_job_notification(event, message, target, &page)))
}

/// A job that copies a recovery point to another vault.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CopyJob {
    #[serde(default)]
    state: String,
    #[serde(default, rename = "copyJobId")]
    id: String,
    #[serde(default)]
    resource_arn: String,
    #[serde(default)]
    source_recovery_point_arn: String,
    #[serde(default)]
    destination_backup_vault_arn: String,
    #[serde(default)]
    status_message: Option<String>,
}

/// A job that restores a recovery point. It has a status instead of a state.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestoreJob {
    #[serde(default)]
    status: String,
    #[serde(default, rename = "restoreJobId")]
    id: String,
    #[serde(default)]
    source_resource_arn: String,
    #[serde(default)]
    recovery_point_arn: String,
    #[serde(default)]
    resource_type: String,
    #[serde(default)]
    status_message: Option<String>,
}

/// Translates a copy job that failed, in part or as a whole; `None` for any other.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_copy_job(event: &AwsEvent) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let job: CopyJob = event.parse_detail()?;
    if !["FAILED", "PARTIAL"].contains(&job.state.as_str()) {
        return Ok(None);
    }
    let vault = Arn::new(job.destination_backup_vault_arn).display_name();
    let title = format!(
        "no copy in vault {vault} - AWS Backup copy job {}",
        job.state.to_lowercase()
    );
    let message = Message::warning(title)
        .why(describe_cause(job.status_message.as_deref()))
        .next("Fix the cause, then copy the recovery point by hand. The backup plan copies the next one at its next scheduled time.");
    let target = first_arn([job.resource_arn, job.source_recovery_point_arn]);
    let page = format!("home?region={}#/jobs/copy/details/{}", event.region, job.id);
    Ok(Some(build_job_notification(event, message, target, &page)))
}

/// Translates a restore job that ended without a resource; `None` for any other.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_restore_job(event: &AwsEvent) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let job: RestoreJob = event.parse_detail()?;
    if !["FAILED", "ABORTED"].contains(&job.status.as_str()) {
        return Ok(None);
    }
    let title = format!(
        "nothing restored - AWS Backup restore job of {} {}",
        if job.resource_type.is_empty() {
            "a recovery point"
        } else {
            &job.resource_type
        },
        job.status.to_lowercase()
    );
    let message = Message::warning(title)
        .why(describe_cause(job.status_message.as_deref()))
        .next("Fix the cause, then start the restore again.");
    let target = first_arn([job.source_resource_arn, job.recovery_point_arn]);
    let page = format!(
        "home?region={}#/jobs/restore/details/{}",
        event.region, job.id
    );
    Ok(Some(build_job_notification(event, message, target, &page)))
}

/// Returns the first ARN that an event gives.
fn first_arn(arns: [String; 2]) -> Arn {
    Arn::new(
        arns.into_iter()
            .find(|arn| !arn.is_empty())
            .unwrap_or_default(),
    )
}

/// Describes why a job failed in one sentence.
fn describe_cause(status_message: Option<&str>) -> String {
    shorten_text(&describe_job_cause(status_message.unwrap_or_default()))
}

fn build_job_notification(
    event: &AwsEvent,
    message: Message,
    target: Arn,
    page: &str,
) -> TranslatedEvent {
    let link = console_page_link(event, &target, "backup", page);
    let name = match target.display_name() {
        name if name.is_empty() => "AWS Backup".to_owned(),
        name => name,
    };
    TranslatedEvent {
        message,
        name,
        target,
        app: None,
        link: Some(link),
    }
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

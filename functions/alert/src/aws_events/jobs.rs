//! Translates failed AWS Backup jobs and CodeDeploy deployments. Lamplighter reports those it takes
//! part in itself.

use lamplighter::MalformedEvent;
use lamplighter::event::detail::deployment::CodeDeploymentChange;
use lamplighter::event::detail::rds::BackupJob;
use lamplighter::model::Arn;
use lamplighter::notify::Message;

use crate::grouping::FAILED;

use super::{Event, TranslatedEvent, console_page_link, parse_detail, shorten_text};

/// Translates a backup job that ended without a backup; `None` for any other.
///
/// # Errors
/// [`MalformedEvent`] if the event's detail cannot be parsed.
pub fn translate_backup_job(event: &Event) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let job: BackupJob = parse_detail(event)?;
    if !job.has_failed() {
        return Ok(None);
    }
    let message = Message::warning(format!(
        "AWS Backup took no backup: its job {}",
        job.state.to_lowercase()
    ))
    .why(shorten_text(&job.describe_cause()))
    .next("Its plan tries again at its next time. Mend the reason before, or start a job by hand.");
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
pub fn translate_code_deployment(event: &Event) -> Result<Option<TranslatedEvent>, MalformedEvent> {
    let of: CodeDeploymentChange = parse_detail(event)?;
    let (id, group) = (
        &of.deployment_id,
        format!("{}/{}", of.application, of.group),
    );
    let lasts = format!("{FAILED}{group}");
    let message = match of.state.as_str() {
        "FAILURE" => Message::warning(format!("its deployment {id} failed"))
            .why("CodeDeploy's event has no reason; its page has.")
            .next("See there what failed, and whether CodeDeploy went back by itself.")
            .fires(lasts),
        "STOP" => Message::info(format!("its deployment {id} was stopped"))
            .why("Somebody stopped it, or an alarm of its deployment group did.")
            .next("Deploy again once the reason is mended.")
            .fires(lasts),
        "SUCCESS" => Message::info(format!("its deployment {id} succeeded"))
            .why("CodeDeploy says so.")
            .next("Nothing to do.")
            .clears(lasts),
        _ => return Ok(None),
    };
    let target = format!(
        "arn:{}:codedeploy:{}:{}",
        event.partition(),
        event.region,
        event.account
    );
    let target = Arn::new(format!("{target}:deploymentgroup:{group}"));
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

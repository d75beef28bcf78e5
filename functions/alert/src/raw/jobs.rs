//! Backup jobs of AWS Backup and deployments of CodeDeploy that failed. What Lamplighter has a part in, it tells itself.

use lamplighter::MalformedEvent;
use lamplighter::event::detail::deployment::CodeDeploymentChange;
use lamplighter::event::detail::rds::BackupJob;
use lamplighter::model::Arn;
use lamplighter::notify::Message;

use crate::gather::FAILED;

use super::{Event, Told, cut, link, read};

/// A job that ended without a backup; `None` of any other.
pub fn backup(event: &Event) -> Result<Option<Told>, MalformedEvent> {
    let job: BackupJob = read(event)?;
    if !job.failed() {
        return Ok(None);
    }
    let message = Message::warning(format!(
        "AWS Backup took no backup: its job {}",
        job.state.to_lowercase()
    ))
    .why(cut(&job.why()))
    .next("Its plan tries again at its next time. Mend the reason before, or start a job by hand.");
    let target = Arn::new(job.resource_arn);
    let page = format!(
        "home?region={}#/jobs/backup/details/{}",
        event.region, job.backup_job_id
    );
    let link = link(event, &target, "backup", &page);
    Ok(Some(Told {
        message,
        name: target.name(),
        target,
        app: None,
        link: Some(link),
    }))
}

/// A deployment that failed or was stopped, and one that succeeded, which ends that; `None` while it goes on.
pub fn deployment(event: &Event) -> Result<Option<Told>, MalformedEvent> {
    let of: CodeDeploymentChange = read(event)?;
    let (id, group) = (
        &of.deployment_id,
        format!("{}/{}", of.application, of.group),
    );
    let lasts = format!("{FAILED}{group}");
    let message = match of.state.as_str() {
        "FAILURE" => Message::warning(format!("its deployment {id} failed"))
            .why("CodeDeploy's event has no reason; its page has.")
            .next("See there what failed, and whether CodeDeploy went back by itself.")
            .begins(lasts),
        "STOP" => Message::info(format!("its deployment {id} was stopped"))
            .why("Somebody stopped it, or an alarm of its deployment group did.")
            .next("Deploy again once the reason is mended.")
            .begins(lasts),
        "SUCCESS" => Message::info(format!("its deployment {id} succeeded"))
            .why("CodeDeploy says so.")
            .next("Nothing to do.")
            .ends(lasts),
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
    let link = link(event, &target, "codesuite/codedeploy", &page);
    Ok(Some(Told {
        message,
        target,
        name: group,
        app: None,
        link: Some(link),
    }))
}

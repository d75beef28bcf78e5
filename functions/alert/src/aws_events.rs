//! Translates AWS events that no operation handles into notifications. Operations report their own
//! actions; this module reports what AWS says about databases, caches, its own health, scaling limits,
//! instances that can't be launched, certificates, secrets, images and failed jobs.

mod alarms;
mod caches;
mod certificates;
mod databases;
mod envelope;
mod health;
mod health_detail;
mod images;
mod jobs;
mod launches;
mod rds_events;
mod scaling;
mod secrets;
mod stack_alarms;
mod translation;
mod unknown;

use jiff::Timestamp;
use lamplighter::MalformedEvent;
use lamplighter::notify::Notification;
use serde::Deserialize;
use serde_json::Value;

use envelope::AwsEvent;

/// Reports whether a payload is an AWS event and not a notification.
#[must_use]
pub fn is_aws_event(payload: &Value) -> bool {
    payload.get("detail-type").is_some()
}

/// Translates an AWS event into a notification; `None` if it is routine.
///
/// # Errors
/// [`MalformedEvent`] if it is no event, or lacks what its kind needs.
pub fn translate_event(
    payload: Value,
    stack: &str,
    now: Timestamp,
) -> Result<Option<Notification>, MalformedEvent> {
    let event = AwsEvent::deserialize(&payload)
        .map_err(|e| MalformedEvent(format!("not an EventBridge event: {e}")))?;
    let translation = match event.detail_type.as_str() {
        "AWS Health Event" | "AWS Health Abuse Event" => health::translate_health_event(&event)?,
        "Application Auto Scaling Scaling Activity State Change" => {
            scaling::translate_scaling_limit(&event)
        }
        "AWS Service Event via CloudTrail" => secrets::translate_rotation_failure(&event),
        "ECR Image Scan" | "Inspector2 Scan" => images::translate_scan(&event)?,
        "Inspector2 Finding" => images::translate_finding(&event)?,
        "CloudWatch Alarm State Change" => alarms::translate_alarm(payload, &event, stack)?,
        "Backup Job State Change" => jobs::translate_backup_job(&event)?,
        "Copy Job State Change" => jobs::translate_copy_job(&event)?,
        "Restore Job State Change" => jobs::translate_restore_job(&event)?,
        launches::LAUNCH_FAILED | launches::LAUNCH_SUCCEEDED => {
            Some(launches::translate_launch(&event)?)
        }
        "CodeDeploy Deployment State-change Notification" => {
            jobs::translate_code_deployment(&event)?
        }
        kind if kind.starts_with("RDS ") => databases::translate_rds_event(&event)?,
        kind if kind.starts_with("ACM Certificate ") => certificates::translate_certificate(&event),
        kind if event.source == "aws.elasticache" && !kind.contains("CloudTrail") => {
            caches::translate_cache_event(&event)?
        }
        _ => Some(unknown::translate_unknown_event(&event)),
    };
    Ok(translation.map(|translation| translation.into_notification(&event, stack, now)))
}

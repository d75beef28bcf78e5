//! Short terms that several messages share.

use jiff::Timestamp;
use lamplighter::model::{Service, pluralize};
use lamplighter::notify::Message;

use crate::observed_service::ObservedService;

/// Builds a message by its impact: critical if nothing has served for longer than a new task needs to start.
#[must_use]
pub fn message_by_impact(title: String, observed: &ObservedService) -> Message {
    if observed.is_outage() {
        Message::critical(title)
    } else {
        Message::warning(title)
    }
}

/// Describes how much of a service serves: `1/3 tasks running`, or `0/3 tasks serving` if more run than serve.
#[must_use]
pub fn describe_impact(observed: &ObservedService) -> String {
    let service = &observed.service;
    if observed.is_outage() && service.running_count > observed.serving.tasks {
        format!(
            "{}/{} serving",
            observed.serving.tasks,
            service.describe_task_count()
        )
    } else {
        describe_running_tasks(service)
    }
}

/// Describes the running and desired tasks: `1/3 tasks running`.
#[must_use]
pub fn describe_running_tasks(service: &Service) -> String {
    format!(
        "{}/{} running",
        service.running_count,
        service.describe_task_count()
    )
}

/// Describes a number of tasks: `1 task`.
#[must_use]
pub fn count_tasks(count: u32) -> String {
    pluralize(usize::try_from(count).unwrap_or_default(), "task")
}

/// Returns the family and number of a task definition revision: `shop-web:42`.
#[must_use]
pub fn revision_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// Formats a time of the day: `03:12 UTC`.
#[must_use]
pub fn format_time(at: Timestamp) -> String {
    at.strftime("%H:%M UTC").to_string()
}

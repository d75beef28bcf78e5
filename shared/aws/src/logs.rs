//! Amazon CloudWatch Logs: log groups, log lines and export tasks.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types as logs;
use jiff::Timestamp;

use super::error::{aws_error, incomplete_response};
use lamplighter::AwsError;
use lamplighter::model::{Arn, ExportTask, LogGroup, LogStream};
use lamplighter::plan::{ExportLogs, SetRetention};

/// Maximum number of log groups per DescribeLogGroups call.
const NAMES_PER_CALL: usize = 50;

/// Describes the log groups with these ARNs; missing ones are left out. Source: DescribeLogGroups.
pub async fn describe_log_groups(client: &Client, arns: &[Arn]) -> Result<Vec<LogGroup>, AwsError> {
    let mut found = Vec::new();
    for chunk in arns.chunks(NAMES_PER_CALL) {
        let names: Vec<String> = chunk.iter().map(Arn::display_name).collect();
        let mut pages = client
            .describe_log_groups()
            .set_log_group_identifiers(Some(names.clone()))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| aws_error("DescribeLogGroups", &names.join(", "), &e))?;
            found.extend(
                page.log_groups
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(convert_log_group),
            );
        }
    }
    found.retain(|group| arns.contains(&group.arn));
    Ok(found)
}

/// Converts a log group. Its ARN has the form of the tagging API, without `:*` at the end.
fn convert_log_group(group: logs::LogGroup) -> Option<LogGroup> {
    let arn = group.log_group_arn.or(group.arn)?;
    Some(LogGroup {
        arn: Arn::new(arn.trim_end_matches(":*")),
        created: group
            .creation_time
            .and_then(|at| Timestamp::from_millisecond(at).ok()),
        retention_days: group.retention_in_days.map(i32::unsigned_abs),
        class: group
            .log_group_class
            .map_or_else(|| "STANDARD".to_owned(), |class| class.as_str().to_owned()),
    })
}

/// Lists the unfinished export tasks, also those of other tools. Source: DescribeExportTasks.
pub async fn list_running_exports(client: &Client) -> Result<Vec<ExportTask>, AwsError> {
    let mut found = Vec::new();
    for status in [
        logs::ExportTaskStatusCode::Running,
        logs::ExportTaskStatusCode::Pending,
    ] {
        let answer = client
            .describe_export_tasks()
            .status_code(status.clone())
            .send()
            .await;
        let answer = answer.map_err(|e| aws_error("DescribeExportTasks", status.as_str(), &e))?;
        found.extend(
            answer
                .export_tasks
                .unwrap_or_default()
                .into_iter()
                .filter_map(convert_export_task),
        );
    }
    Ok(found)
}

/// Returns an export task, or `None` if AWS no longer knows it. Source: DescribeExportTasks.
pub async fn find_export_task(client: &Client, id: &str) -> Result<Option<ExportTask>, AwsError> {
    let answer = client.describe_export_tasks().task_id(id).send().await;
    match answer.map_err(|e| aws_error("DescribeExportTasks", id, &e)) {
        Ok(answer) => Ok(answer
            .export_tasks
            .unwrap_or_default()
            .into_iter()
            .find_map(convert_export_task)),
        Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
        Err(error) => Err(error),
    }
}

fn convert_export_task(task: logs::ExportTask) -> Option<ExportTask> {
    let status = task
        .status
        .unwrap_or(logs::ExportTaskStatus::builder().build());
    Some(ExportTask {
        id: task.task_id?,
        name: task.task_name.unwrap_or_default(),
        log_group: task.log_group_name.unwrap_or_default(),
        bucket: task.destination.unwrap_or_default(),
        prefix: task.destination_prefix.unwrap_or_default(),
        status: status
            .code
            .map(|code| code.as_str().to_owned())
            .unwrap_or_default(),
        message: status.message.unwrap_or_default(),
    })
}

/// Starts an export and returns the identifier of its export task.
pub async fn create_export_task(client: &Client, export: &ExportLogs) -> Result<String, AwsError> {
    let name = export.of.group.display_name();
    let request = client
        .create_export_task()
        .task_name(export.of.task_name())
        .log_group_name(&name)
        .from(export.from.as_millisecond())
        .to(export.to.as_millisecond())
        .destination(&export.of.bucket)
        .destination_prefix(&export.of.prefix);
    let answer = request.send().await;
    let answer = answer.map_err(|e| aws_error("CreateExportTask", &name, &e))?;
    answer
        .task_id
        .ok_or_else(|| incomplete_response("CreateExportTask", &name, "taskId"))
}

/// Sets the retention of a log group. Source: PutRetentionPolicy.
pub async fn set_retention(client: &Client, retention: &SetRetention) -> Result<String, AwsError> {
    let name = retention.group.display_name();
    let days = i32::try_from(retention.days).unwrap_or(i32::MAX);
    let answer = client
        .put_retention_policy()
        .log_group_name(&name)
        .retention_in_days(days)
        .send()
        .await;
    answer.map_err(|e| aws_error("PutRetentionPolicy", &name, &e))?;
    Ok(format!("{name} keeps its events for {days} days"))
}

/// Returns the last log lines of a container, the newest last. Source: GetLogEvents.
pub async fn read_last_lines(
    client: &Client,
    stream: &LogStream,
    most: usize,
) -> Result<Vec<String>, AwsError> {
    let limit = i32::try_from(most).unwrap_or(i32::MAX);
    let request = client
        .get_log_events()
        .log_group_name(&stream.group)
        .log_stream_name(&stream.name);
    match request
        .start_from_head(false)
        .limit(limit)
        .send()
        .await
        .map_err(|e| aws_error("GetLogEvents", &stream.group, &e))
    {
        Ok(answer) => Ok(answer
            .events
            .unwrap_or_default()
            .into_iter()
            .filter_map(|event| event.message)
            .collect()),
        // A container that never ran has no log stream.
        Err(error) if error.code == "ResourceNotFoundException" => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

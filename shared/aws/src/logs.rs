//! Amazon CloudWatch Logs, and the Amazon S3 bucket of exported logs.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types as logs;
use aws_sdk_s3::primitives::ByteStream;
use jiff::Timestamp;
use serde::Serialize;

use super::error::{aws_error, incomplete_response};
use lamplighter::AwsError;
use lamplighter::model::{Arn, ExportTask, LogDay, LogGroup};
use lamplighter::plan::{ExportLogs, SetRetention, WriteManifest};

/// Maximum number of log groups per DescribeLogGroups call.
const NAMES_PER_CALL: usize = 50;

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
    let (status, message) = task
        .status
        .map(|status| (status.code, status.message))
        .unwrap_or_default();
    Some(ExportTask {
        id: task.task_id?,
        name: task.task_name.unwrap_or_default(),
        log_group: task.log_group_name.unwrap_or_default(),
        bucket: task.destination.unwrap_or_default(),
        prefix: task.destination_prefix.unwrap_or_default(),
        status: status
            .map(|code| code.as_str().to_owned())
            .unwrap_or_default(),
        message: message.unwrap_or_default(),
    })
}

/// Starts an export and returns the identifier of its export task.
pub async fn create_export_task(client: &Client, export: &ExportLogs) -> Result<String, AwsError> {
    let name = export.of.group.display_name();
    let request = client
        .create_export_task()
        .task_name(export.of.task_name())
        .log_group_name(&name);
    let request = request
        .from(export.from.as_millisecond())
        .to(export.to.as_millisecond());
    let answer = request
        .destination(&export.of.bucket)
        .destination_prefix(&export.of.prefix)
        .send()
        .await;
    let answer = answer.map_err(|e| aws_error("CreateExportTask", &name, &e))?;
    answer
        .task_id
        .ok_or_else(|| incomplete_response("CreateExportTask", &name, "taskId"))
}

pub async fn set_retention(client: &Client, retain: &SetRetention) -> Result<String, AwsError> {
    let (name, days) = (
        retain.group.display_name(),
        i32::try_from(retain.days).unwrap_or(i32::MAX),
    );
    let answer = client
        .put_retention_policy()
        .log_group_name(&name)
        .retention_in_days(days)
        .send()
        .await;
    answer.map_err(|e| aws_error("PutRetentionPolicy", &name, &e))?;
    Ok(format!("{name} keeps its events for {days} days"))
}

pub async fn is_export_complete(
    client: &aws_sdk_s3::Client,
    day: &LogDay,
) -> Result<bool, AwsError> {
    let key = day.manifest_key();
    let answer = client
        .head_object()
        .bucket(&day.bucket)
        .key(&key)
        .send()
        .await;
    match answer {
        Ok(_) => Ok(true),
        // The response to HEAD has no body with an error code, so the status decides.
        Err(error)
            if error
                .raw_response()
                .is_some_and(|answer| answer.status().as_u16() == 404) =>
        {
            Ok(false)
        }
        Err(error) => Err(aws_error(
            "HeadObject",
            &format!("s3://{}/{key}", day.bucket),
            &error,
        )),
    }
}

/// The manifest of an exported day: its source and all its objects.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    log_group: String,
    day: jiff::civil::Date,
    task: &'a str,
    bytes: i64,
    objects: Vec<Object>,
}

#[derive(Debug, Serialize)]
struct Object {
    key: String,
    bytes: i64,
}

/// Lists the objects that an export task wrote, and writes the manifest of the day.
///
/// The manifest of a day without log events lists no objects.
pub async fn write_manifest(
    client: &aws_sdk_s3::Client,
    complete: &WriteManifest,
) -> Result<String, AwsError> {
    let WriteManifest { of, task } = complete;
    let prefix = format!("{}/{task}/", of.prefix);
    let mut pages = client
        .list_objects_v2()
        .bucket(&of.bucket)
        .prefix(&prefix)
        .into_paginator()
        .send();
    let mut objects = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page
            .map_err(|e| aws_error("ListObjectsV2", &format!("s3://{}/{prefix}", of.bucket), &e))?;
        let listed = page.contents.unwrap_or_default().into_iter();
        objects.extend(listed.filter_map(|object| {
            Some(Object {
                key: object.key?,
                bytes: object.size.unwrap_or_default(),
            })
        }));
    }
    let bytes = objects.iter().map(|object| object.bytes).sum();
    let said = format!("{} objects, {bytes} bytes", objects.len());
    let manifest = Manifest {
        log_group: of.group.display_name(),
        day: of.day,
        task,
        bytes,
        objects,
    };
    let key = of.manifest_key();
    let body = serde_json::to_vec(&manifest).unwrap_or_default();
    let request = client
        .put_object()
        .bucket(&of.bucket)
        .key(&key)
        .content_type("application/json");
    let answer = request.body(ByteStream::from(body)).send().await;
    answer.map_err(|e| aws_error("PutObject", &format!("s3://{}/{key}", of.bucket), &e))?;
    Ok(said)
}

//! Amazon S3: the bucket of exported logs, and the manifest of each exported day.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use serde::Serialize;

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::LogDay;
use lamplighter::plan::WriteManifest;

/// Reports whether a day has its manifest, which is written last. Source: HeadObject.
pub async fn is_export_complete(client: &Client, day: &LogDay) -> Result<bool, AwsError> {
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
        Err(error) => Err(aws_error("HeadObject", &object_url(day, &key), &error)),
    }
}

/// The manifest of an exported day: its source and all its objects.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    log_group: String,
    day: jiff::civil::Date,
    task: &'a str,
    bytes: i64,
    objects: Vec<ExportedObject>,
}

#[derive(Debug, Serialize)]
struct ExportedObject {
    key: String,
    bytes: i64,
}

/// Lists the objects that an export task wrote, and writes the manifest of the day.
///
/// The manifest of a day without log events lists no objects.
pub async fn write_manifest(client: &Client, export: &WriteManifest) -> Result<String, AwsError> {
    let day = &export.of;
    let objects = list_exported_objects(client, export).await?;
    let bytes = objects.iter().map(|object| object.bytes).sum();
    let summary = format!("{} objects, {bytes} bytes", objects.len());
    let manifest = Manifest {
        log_group: day.group.display_name(),
        day: day.day,
        task: &export.task,
        bytes,
        objects,
    };
    let key = day.manifest_key();
    let body = serde_json::to_vec(&manifest).unwrap_or_default();
    let request = client
        .put_object()
        .bucket(&day.bucket)
        .key(&key)
        .content_type("application/json")
        .body(ByteStream::from(body));
    let answer = request.send().await;
    answer.map_err(|e| aws_error("PutObject", &object_url(day, &key), &e))?;
    Ok(summary)
}

async fn list_exported_objects(
    client: &Client,
    export: &WriteManifest,
) -> Result<Vec<ExportedObject>, AwsError> {
    let day = &export.of;
    let prefix = format!("{}/{}/", day.prefix, export.task);
    let mut pages = client
        .list_objects_v2()
        .bucket(&day.bucket)
        .prefix(&prefix)
        .into_paginator()
        .send();
    let mut objects = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("ListObjectsV2", &object_url(day, &prefix), &e))?;
        let listed = page.contents.unwrap_or_default().into_iter();
        objects.extend(listed.filter_map(|object| {
            Some(ExportedObject {
                key: object.key?,
                bytes: object.size.unwrap_or_default(),
            })
        }));
    }
    Ok(objects)
}

fn object_url(day: &LogDay, key: &str) -> String {
    format!("s3://{}/{key}", day.bucket)
}

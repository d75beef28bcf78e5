//! Amazon ECR: image tags, manifests and scans.

use std::collections::BTreeMap;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::describe_image_scan_findings::DescribeImageScanFindingsOutput;
use aws_sdk_ecr::types::{ImageIdentifier, ScanStatus, TagStatus};
use serde::Deserialize;

use super::error::aws_error;
use super::timestamps::to_second;
use lamplighter::AwsError;
use lamplighter::model::{Digest, Image, ImageScan, ImageTag, Platform, PlatformImage, Repository};

/// Maximum number of images per page of DescribeImages.
const PAGE_SIZE: i32 = 1_000;
/// Accepted manifest media types. Without them, ECR returns the oldest format it can convert to.
const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Returns the image behind a tag; `None` if the repository has no such tag. Source: BatchGetImage.
pub async fn find_image(
    client: &Client,
    repository: &Repository,
    tag: &str,
) -> Result<Option<Image>, AwsError> {
    let mut request = client
        .batch_get_image()
        .registry_id(repository.registry_id())
        .repository_name(&repository.name)
        .image_ids(ImageIdentifier::builder().image_tag(tag).build());
    for media_type in MEDIA_TYPES {
        request = request.accepted_media_types(media_type);
    }
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error("BatchGetImage", &repository.name, &e))?;
    let found = answer.images.unwrap_or_default().into_iter().next();
    Ok(found.and_then(|image| {
        let digest = Digest::new(image.image_id?.image_digest?);
        let manifest = image.image_manifest.unwrap_or_default();
        Some(Image {
            tag: tag.to_owned(),
            digest,
            platforms: parse_platforms(&manifest),
            commit: parse_commit(&manifest),
        })
    }))
}

/// Reports whether a repository has an image. Source: BatchGetImage.
pub async fn has_image(
    client: &Client,
    repository: &Repository,
    digest: &Digest,
) -> Result<bool, AwsError> {
    let request = client
        .batch_get_image()
        .registry_id(repository.registry_id())
        .repository_name(&repository.name);
    let request = request.image_ids(
        ImageIdentifier::builder()
            .image_digest(digest.as_str())
            .build(),
    );
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error("BatchGetImage", &repository.name, &e))?;
    Ok(!answer.images.unwrap_or_default().is_empty())
}

/// Lists all tags of a repository. Source: DescribeImages.
pub async fn list_tags(
    client: &Client,
    repository: &Repository,
) -> Result<Vec<ImageTag>, AwsError> {
    let filter = aws_sdk_ecr::types::DescribeImagesFilter::builder()
        .tag_status(TagStatus::Tagged)
        .build();
    let mut pages = client
        .describe_images()
        .registry_id(repository.registry_id())
        .repository_name(&repository.name)
        .filter(filter)
        .max_results(PAGE_SIZE)
        .into_paginator()
        .send();
    let mut tags = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("DescribeImages", &repository.name, &e))?;
        for image in page.image_details.unwrap_or_default() {
            let Some(digest) = image.image_digest.map(Digest::new) else {
                continue;
            };
            let pushed_at = image.image_pushed_at.and_then(to_second);
            let named = image.image_tags.unwrap_or_default().into_iter();
            tags.extend(named.map(|tag| ImageTag {
                tag,
                digest: digest.clone(),
                pushed_at,
            }));
        }
    }
    Ok(tags)
}

/// Returns the result of an image scan. Source: DescribeImageScanFindings.
pub async fn describe_scan(
    client: &Client,
    repository: &Repository,
    digest: &Digest,
) -> Result<ImageScan, AwsError> {
    let request = client
        .describe_image_scan_findings()
        .registry_id(repository.registry_id())
        .repository_name(&repository.name)
        .image_id(
            ImageIdentifier::builder()
                .image_digest(digest.as_str())
                .build(),
        );
    let answer = request.send().await;
    match answer.map_err(|e| aws_error("DescribeImageScanFindings", &repository.name, &e)) {
        Ok(answer) => Ok(convert_scan(answer)),
        Err(error) if error.code == "ScanNotFoundException" => {
            Ok(ImageScan::Unavailable("it was never scanned".to_owned()))
        }
        Err(error) => Err(error),
    }
}

fn convert_scan(answer: DescribeImageScanFindingsOutput) -> ImageScan {
    let status = answer.image_scan_status.and_then(|s| s.status);
    let findings = answer.image_scan_findings;
    // An enhanced scan stays ACTIVE from the start; only the completion time shows a result.
    let completed = findings
        .as_ref()
        .is_some_and(|f| f.image_scan_completed_at.is_some());
    match status {
        Some(ScanStatus::Active) if !completed => {
            ImageScan::Pending("the scan is ACTIVE, without a result yet".to_owned())
        }
        Some(ScanStatus::Complete | ScanStatus::Active) => {
            let counts = findings
                .and_then(|f| f.finding_severity_counts)
                .unwrap_or_default();
            let counts = counts
                .into_iter()
                .map(|(severity, n)| (severity.as_str().to_owned(), n.unsigned_abs()));
            ImageScan::Finished(counts.collect())
        }
        Some(status @ (ScanStatus::InProgress | ScanStatus::Pending)) => {
            ImageScan::Pending(format!("the scan is {status}"))
        }
        Some(status) => ImageScan::Unavailable(format!("the scan is {status}")),
        None => ImageScan::Pending("the scan has no status yet".to_owned()),
    }
}

#[derive(Deserialize)]
struct ImageIndex {
    manifests: Vec<ManifestEntry>,
}

#[derive(Deserialize)]
struct ManifestEntry {
    digest: String,
    platform: Option<EntryPlatform>,
}

#[derive(Deserialize)]
struct EntryPlatform {
    os: String,
    architecture: String,
}

/// Parses the per-platform images of an image index; `None` if the manifest names no platform.
///
/// Attestations are entries with the platform `unknown/unknown` and are left out.
/// Source: <https://github.com/opencontainers/image-spec/blob/main/image-index.md>
fn parse_platforms(manifest: &str) -> Option<Vec<PlatformImage>> {
    let index: ImageIndex = serde_json::from_str(manifest).ok()?;
    let images = index.manifests.into_iter().filter_map(|child| {
        let EntryPlatform { os, architecture } = child.platform.filter(|p| p.os != "unknown")?;
        Some(PlatformImage {
            platform: Platform { os, architecture },
            digest: Digest::new(child.digest),
        })
    });
    let images: Vec<_> = images.collect();
    (!images.is_empty()).then_some(images)
}

/// The most characters of a commit: a SHA-256 hash has 64.
const MAX_COMMIT: usize = 64;

#[derive(Deserialize)]
struct Annotated {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Parses the commit from the annotations of a manifest or an index. No other document is read for it.
/// Source: <https://github.com/opencontainers/image-spec/blob/main/annotations.md>
fn parse_commit(manifest: &str) -> Option<String> {
    let mut annotated: Annotated = serde_json::from_str(manifest).ok()?;
    let commit = annotated
        .annotations
        .remove("org.opencontainers.image.revision")?;
    (!commit.is_empty() && commit.len() <= MAX_COMMIT).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_names_its_platforms_without_attestations() {
        let manifest = r#"{"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
            {"digest": "sha256:a", "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
            {"digest": "sha256:b", "platform": {"os": "unknown", "architecture": "unknown"}}]}"#;
        let found = parse_platforms(manifest).unwrap();
        assert_eq!(
            found
                .iter()
                .map(|image| image.platform.to_string())
                .collect::<Vec<_>>(),
            ["linux/arm64"]
        );
        assert_eq!(parse_platforms(r#"{"config": {}, "layers": []}"#), None);
    }

    #[test]
    fn a_manifest_may_name_its_commit() {
        let manifest =
            r#"{"layers": [], "annotations": {"org.opencontainers.image.revision": "3f9c1e0"}}"#;
        assert_eq!(parse_commit(manifest).as_deref(), Some("3f9c1e0"));
        for none in [r#"{"layers": []}"#, r#"{"annotations": {}}"#, ""] {
            assert_eq!(parse_commit(none), None);
        }
    }
}

//! Amazon ECR: tags, manifests and scans.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{ImageIdentifier, ScanStatus, TagStatus};
use jiff::Timestamp;
use serde::Deserialize;

use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::model::{
    Digest, Image, Platform, PlatformImage, Repository, Scan, TagInRepository,
};

/// The most one page may hold.
const PER_PAGE: i32 = 1_000;
/// What is accepted: without these ECR answers with the oldest format it can convert to.
const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

pub async fn image(
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
        .map_err(|e| failure("BatchGetImage", &repository.name, &e))?;
    let found = answer.images.unwrap_or_default().into_iter().next();
    Ok(found.and_then(|image| {
        let digest = Digest::new(image.image_id?.image_digest?);
        let platforms = image.image_manifest.as_deref().and_then(platforms);
        Some(Image {
            tag: tag.to_owned(),
            digest,
            platforms,
        })
    }))
}

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
        .map_err(|e| failure("BatchGetImage", &repository.name, &e))?;
    Ok(!answer.images.unwrap_or_default().is_empty())
}

pub async fn tags(
    client: &Client,
    repository: &Repository,
) -> Result<Vec<TagInRepository>, AwsError> {
    let filter = aws_sdk_ecr::types::DescribeImagesFilter::builder()
        .tag_status(TagStatus::Tagged)
        .build();
    let mut pages = client
        .describe_images()
        .registry_id(repository.registry_id())
        .repository_name(&repository.name)
        .filter(filter)
        .max_results(PER_PAGE)
        .into_paginator()
        .send();
    let mut tags = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| failure("DescribeImages", &repository.name, &e))?;
        for image in page.image_details.unwrap_or_default() {
            let Some(digest) = image.image_digest.map(Digest::new) else {
                continue;
            };
            let pushed_at = image
                .image_pushed_at
                .and_then(|t| Timestamp::from_second(t.secs()).ok());
            let named = image.image_tags.unwrap_or_default().into_iter();
            tags.extend(named.map(|tag| TagInRepository {
                tag,
                digest: digest.clone(),
                pushed_at,
            }));
        }
    }
    Ok(tags)
}

pub async fn scan(
    client: &Client,
    repository: &Repository,
    digest: &Digest,
) -> Result<Scan, AwsError> {
    let request = client
        .describe_image_scan_findings()
        .registry_id(repository.registry_id())
        .repository_name(&repository.name)
        .image_id(
            ImageIdentifier::builder()
                .image_digest(digest.as_str())
                .build(),
        );
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = failure("DescribeImageScanFindings", &repository.name, &error);
            if error.code == "ScanNotFoundException" {
                return Ok(Scan::Impossible("it was never scanned".to_owned()));
            }
            return Err(error);
        }
    };
    let status = answer.image_scan_status.and_then(|s| s.status);
    let findings = answer.image_scan_findings;
    // Enhanced scanning is ACTIVE from the start and stays so; the time of the first result tells.
    let completed = findings
        .as_ref()
        .is_some_and(|f| f.image_scan_completed_at.is_some());
    Ok(match status {
        Some(ScanStatus::Active) if !completed => {
            Scan::Waiting("the scan is ACTIVE, without a result yet".to_owned())
        }
        Some(ScanStatus::Complete | ScanStatus::Active) => {
            let counts = findings
                .and_then(|f| f.finding_severity_counts)
                .unwrap_or_default();
            let counts = counts
                .into_iter()
                .map(|(severity, n)| (severity.as_str().to_owned(), n.unsigned_abs()));
            Scan::Finished(counts.collect())
        }
        Some(status @ (ScanStatus::InProgress | ScanStatus::Pending)) => {
            Scan::Waiting(format!("the scan is {status}"))
        }
        Some(status) => Scan::Impossible(format!("the scan is {status}")),
        None => Scan::Waiting("the scan has no status yet".to_owned()),
    })
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Child>,
}

#[derive(Deserialize)]
struct Child {
    digest: String,
    platform: Option<PlatformOfChild>,
}

#[derive(Deserialize)]
struct PlatformOfChild {
    os: String,
    architecture: String,
}

/// The images of an index; `None` where the manifest names no platform. Attestations are children for
/// `unknown/unknown`, which no service runs on.
/// Source: <https://github.com/opencontainers/image-spec/blob/main/image-index.md>
fn platforms(manifest: &str) -> Option<Vec<PlatformImage>> {
    let index: Index = serde_json::from_str(manifest).ok()?;
    let images = index.manifests.into_iter().filter_map(|child| {
        let PlatformOfChild { os, architecture } = child.platform.filter(|p| p.os != "unknown")?;
        Some(PlatformImage {
            platform: Platform { os, architecture },
            digest: Digest::new(child.digest),
        })
    });
    let images: Vec<_> = images.collect();
    (!images.is_empty()).then_some(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_names_its_platforms_and_attestations_are_none() {
        let manifest = r#"{"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
            {"digest": "sha256:a", "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
            {"digest": "sha256:b", "platform": {"os": "unknown", "architecture": "unknown"}}]}"#;
        let found = platforms(manifest).unwrap();
        assert_eq!(
            found
                .iter()
                .map(|image| image.platform.to_string())
                .collect::<Vec<_>>(),
            ["linux/arm64"]
        );
        assert_eq!(platforms(r#"{"config": {}, "layers": []}"#), None);
    }
}

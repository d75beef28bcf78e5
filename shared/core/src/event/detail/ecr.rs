//! Amazon ECR events: image actions and completed scans.
//! Source: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html>

use serde::Deserialize;

/// `ECR Image Action`. Pushing a multi-platform image emits several events about a second apart.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageAction {
    pub action_type: String,
    #[serde(default)]
    pub result: String,
    pub repository_name: String,
    #[serde(default)]
    pub image_digest: String,
    /// Empty, not only absent, for the untagged children of an index.
    #[serde(default)]
    pub image_tag: String,
    pub manifest_media_type: Option<String>,
    pub artifact_media_type: Option<String>,
}

/// An image that ECR copied: `ECR Replication Action` in the registry it was replicated to, or
/// `ECR Pull Through Cache Action`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageCopied {
    repository_name: String,
    #[serde(default)]
    image_digest: String,
    #[serde(default)]
    image_tag: String,
    /// Of a replication.
    result: Option<String>,
    /// Of a pull-through.
    sync_status: Option<String>,
}

/// The action of an event about a copied image, in the terms of a push.
const COPY: &str = "COPY";

impl From<ImageCopied> for ImageAction {
    fn from(copied: ImageCopied) -> Self {
        Self {
            action_type: COPY.to_owned(),
            result: copied.result.or(copied.sync_status).unwrap_or_default(),
            repository_name: copied.repository_name,
            image_digest: copied.image_digest,
            image_tag: copied.image_tag,
            manifest_media_type: None,
            artifact_media_type: None,
        }
    }
}

/// A completed scan: `ECR Image Scan` (basic scanning) or `Inspector2 Scan` (enhanced).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageScanned {
    /// A name with basic scanning, a full ARN with enhanced scanning: see
    /// [`ImageScanned::repository`].
    pub repository_name: String,
    #[serde(default)]
    pub image_digest: String,
}

impl ImageScanned {
    #[must_use]
    pub fn repository(&self) -> &str {
        self.repository_name
            .split_once(":repository/")
            .map_or(self.repository_name.as_str(), |(_, name)| name)
    }
}

impl ImageAction {
    /// Checks that the event is a successful push, or copy, of a runnable image.
    ///
    /// # Errors
    /// A readable reason for rejecting it.
    ///
    /// Rejected are deletions, failed pushes, untagged children of an index, attestations,
    /// signatures, SBOMs and Helm charts.
    pub fn check_push(&self) -> Result<(), String> {
        if self.action_type != "PUSH" && self.action_type != COPY {
            return Err(format!("{} is not a push", self.action_type));
        }
        if self.result != "SUCCESS" {
            return Err(format!("the push ended in {:?}, not SUCCESS", self.result));
        }
        if self.image_tag.is_empty() {
            return Err("untagged: the child of an index, or an attestation".to_owned());
        }
        if is_signature_tag(&self.image_tag) {
            return Err(format!(
                "{} is a signature, attestation or SBOM, not an image",
                self.image_tag
            ));
        }
        match (
            self.manifest_media_type.as_deref(),
            self.artifact_media_type.as_deref(),
        ) {
            (Some(manifest), _) if !is_manifest(manifest) => {
                Err(format!("{manifest} is not an image or an index"))
            }
            (_, Some(artifact)) if !is_image_config(artifact) => {
                Err(format!("{artifact} is not a container image"))
            }
            _ => Ok(()),
        }
    }
}

/// Reports whether the tag is Cosign's `sha256-<digest>.sig` (`.att`, `.sbom`).
///
/// The media type is not sufficient: some versions of Cosign use that of an ordinary image.
fn is_signature_tag(tag: &str) -> bool {
    tag.strip_prefix("sha256-").is_some_and(|rest| {
        rest.len() >= 64 && rest.bytes().take(64).all(|b| b.is_ascii_hexdigit())
    })
}

fn is_manifest(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
            | "application/vnd.docker.distribution.manifest.v1+prettyjws"
    )
}

fn is_image_config(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json"
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

    fn push(tag: &str, manifest: Option<&str>, artifact: Option<&str>) -> ImageAction {
        ImageAction {
            action_type: "PUSH".into(),
            result: "SUCCESS".into(),
            repository_name: "shop/web".into(),
            image_digest: "sha256:ab".into(),
            image_tag: tag.into(),
            manifest_media_type: manifest.map(Into::into),
            artifact_media_type: artifact.map(Into::into),
        }
    }

    #[rstest]
    #[case::index(push("RC_1.0.0", Some(INDEX), None))]
    #[case::single_image(push("RC_1.0.0", Some(OCI), Some(CONFIG)))]
    #[case::event_of_2019_without_media_types(push("27", None, None))]
    fn counts_as_a_push(#[case] action: ImageAction) {
        assert_eq!(action.check_push(), Ok(()));
    }

    #[rstest]
    #[case::child(push("", Some(OCI), Some(CONFIG)), "untagged")]
    #[case::helm(
        push("1.0.0", Some(OCI), Some("application/vnd.cncf.helm.config.v1+json")),
        "helm"
    )]
    #[case::sbom(push("1.0.0", Some(OCI), Some("text/sbom+json")), "text/sbom+json")]
    #[case::signature(
        push(&format!("sha256-{}.sig", "a".repeat(64)), Some(OCI), Some(CONFIG)),
        "signature"
    )]
    #[case::deletion(ImageAction { action_type: "DELETE".into(), ..push("1", None, None) }, "DELETE is not a push")]
    #[case::archived(ImageAction { action_type: "UPDATE_STORAGE_CLASS".into(), ..push("1", None, None) }, "UPDATE_STORAGE_CLASS")]
    #[case::failed(ImageAction { result: "FAILURE".into(), ..push("1", None, None) }, "FAILURE")]
    fn a_rejected_push_has_a_reason(#[case] action: ImageAction, #[case] expected: &str) {
        let reason = action.check_push().unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
}

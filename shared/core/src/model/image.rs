//! Container images and their registries.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An image digest, `sha256:…`: the only immutable name of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    pub fn new(digest: impl Into<String>) -> Self {
        Self(digest.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the digest shortened to eight hash characters for messages: `sha256:ab12cd34`.
    #[must_use]
    pub fn short_digest(&self) -> String {
        let (algorithm, hash) = self.0.split_once(':').unwrap_or(("", &self.0));
        format!("{algorithm}:{}", hash.chars().take(8).collect::<String>())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An ECR repository: its registry host and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// `123456789012.dkr.ecr.eu-west-1.amazonaws.com`
    pub host: String,
    /// `shop/web`
    pub name: String,
}

impl Repository {
    /// Returns the account that owns the registry, which may differ from the service's account.
    #[must_use]
    pub fn registry_id(&self) -> &str {
        self.host.split('.').next().unwrap_or_default()
    }

    /// Reports whether the host is a private ECR registry, by its IPv4 or its dual-stack name.
    #[must_use]
    pub fn is_ecr(&self) -> bool {
        let registry = self.host.contains(".dkr.ecr") || self.host.contains(".dkr-ecr.");
        registry && self.registry_id().bytes().all(|b| b.is_ascii_digit())
    }

    /// Returns the region of the registry, which may differ from the service's region.
    ///
    /// Example: `eu-west-1` for `123456789012.dkr.ecr.eu-west-1.amazonaws.com` and for
    /// `123456789012.dkr-ecr.eu-west-1.on.aws`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let (_, rest) = self
            .host
            .split_once(".dkr.ecr")
            .or_else(|| self.host.split_once(".dkr-ecr"))?;
        // FIPS endpoints (`.dkr.ecr-fips.`) are registries as well.
        rest.split('.').nth(1)
    }
}

/// An image reference of a container, `host/name:tag@digest`; tag and digest are optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRef {
    pub repository: Repository,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

impl ImageRef {
    /// Parses an image reference. Without a registry host (`nginx:1.27`), `host` is empty.
    #[must_use]
    pub fn parse(image: &str) -> Self {
        let (image, digest) = match image.split_once('@') {
            Some((image, digest)) => (image, Some(Digest::new(digest))),
            None => (image, None),
        };
        let (path, tag) = match image.rsplit_once(':') {
            // A colon before the last slash belongs to the host's port.
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag.to_owned())),
            _ => (image, None),
        };
        let (host, name) = match path.split_once('/') {
            Some((host, name)) if host.contains(['.', ':']) => (host, name),
            _ => ("", path),
        };
        Self {
            repository: Repository {
                host: host.to_owned(),
                name: name.to_owned(),
            },
            tag,
            digest,
        }
    }

    /// Returns the version used in messages: the tag, else the digest, else `latest`.
    #[must_use]
    pub fn version_label(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => tag.clone(),
            (None, Some(digest)) => digest.short_digest(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.repository.host.is_empty() {
            write!(f, "{}/", self.repository.host)?;
        }
        f.write_str(&self.repository.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest
            .iter()
            .try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// The image that a tag currently points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    pub tag: String,
    pub digest: Digest,
    /// Images of a multi-platform index, by platform. `None` if the manifest names no platform, as
    /// for a single image.
    pub platforms: Option<Vec<PlatformImage>>,
    /// The commit that it was built from, by the annotation `org.opencontainers.image.revision` of its manifest.
    pub commit: Option<String>,
}

/// One platform's image in a multi-platform index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformImage {
    pub platform: Platform,
    pub digest: Digest,
}

/// An operating system and a CPU architecture in OCI spelling: `linux/arm64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// One tag from the list of a repository's images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageTag {
    pub tag: String,
    pub digest: Digest,
    pub pushed_at: Option<Timestamp>,
}

/// The state of an image's vulnerability scan in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ImageScan {
    /// The scan is queued or running. This does not mean that the image is clean.
    Pending(String),
    /// There is no scan, and none will run without manual action.
    Unavailable(String),
    /// Number of findings by severity (`CRITICAL`, `HIGH`, …). A severity without findings is
    /// absent.
    Finished(BTreeMap<String, u32>),
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        true,
        Some("eu-west-1")
    )]
    #[case(
        "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
        true,
        Some("us-east-1")
    )]
    #[case("123456789012.dkr-ecr.eu-west-1.on.aws", true, Some("eu-west-1"))]
    #[case("public.ecr.aws", false, None)]
    fn a_registry_host_contains_its_region(
        #[case] host: &str,
        #[case] is_ecr: bool,
        #[case] region: Option<&str>,
    ) {
        let repository = Repository {
            host: host.into(),
            name: "shop/web".into(),
        };
        assert_eq!((repository.is_ecr(), repository.region()), (is_ecr, region));
    }

    #[rstest]
    #[case(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:RC_1.4.2@sha256:ab12",
        "shop/web",
        Some("RC_1.4.2")
    )]
    #[case(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web",
        "shop/web",
        None
    )]
    #[case("localhost:5000/web:27", "web", Some("27"))]
    #[case("nginx:1.27", "nginx", Some("1.27"))]
    #[case("library/nginx", "library/nginx", None)]
    fn an_image_reference_parses_and_formats(
        #[case] image: &str,
        #[case] name: &str,
        #[case] tag: Option<&str>,
    ) {
        let parsed = ImageRef::parse(image);
        assert_eq!(
            (parsed.repository.name.as_str(), parsed.tag.as_deref()),
            (name, tag)
        );
        assert_eq!(parsed.to_string(), image);
    }
}

//! Container images and the registry they are in.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `sha256:…`, the only name of an image that cannot be moved.
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

    /// The first eight characters of the hash, for people: `sha256:ab12cd34`.
    #[must_use]
    pub fn short(&self) -> String {
        let (algorithm, hash) = self.0.split_once(':').unwrap_or(("", &self.0));
        format!("{algorithm}:{}", hash.chars().take(8).collect::<String>())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An ECR repository: where it is and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// `123456789012.dkr.ecr.eu-west-1.amazonaws.com`
    pub host: String,
    /// `shop/web`
    pub name: String,
}

impl Repository {
    /// The account the registry belongs to, which need not be the service's.
    #[must_use]
    pub fn registry_id(&self) -> &str {
        self.host.split('.').next().unwrap_or_default()
    }

    /// Whether a host name is that of a private ECR registry, by its IPv4 or its dual-stack name.
    #[must_use]
    pub fn is_ecr(&self) -> bool {
        let registry = self.host.contains(".dkr.ecr") || self.host.contains(".dkr-ecr.");
        registry && self.registry_id().bytes().all(|b| b.is_ascii_digit())
    }

    /// The region the registry is in, which need not be the service's:
    /// `eu-west-1` of `123456789012.dkr.ecr.eu-west-1.amazonaws.com` and of
    /// `123456789012.dkr-ecr.eu-west-1.on.aws`.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let (_, rest) = self
            .host
            .split_once(".dkr.ecr")
            .or_else(|| self.host.split_once(".dkr-ecr"))?;
        // `.dkr.ecr-fips.` is a registry as well.
        rest.split('.').nth(1)
    }
}

/// An image as a container names it: `host/name:tag@digest`, tag and digest each optional.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRef {
    pub repository: Repository,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

impl ImageRef {
    /// Takes an image name apart. What has no registry host (`nginx:1.27`) has an empty one.
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

    /// What to call this image when talking to a person: its tag, else its digest, else `latest`.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => tag.clone(),
            (None, Some(digest)) => digest.short(),
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

/// What a tag points at now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    pub tag: String,
    pub digest: Digest,
    /// The images of an index by platform; `None` where the manifest names no platform, as that of a
    /// single image does.
    pub platforms: Option<Vec<PlatformImage>>,
}

/// One image of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformImage {
    pub platform: Platform,
    pub digest: Digest,
}

/// An operating system and a processor architecture in the spelling of OCI: `linux/arm64`.
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

/// One tag of a repository's listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagInRepository {
    pub tag: String,
    pub digest: Digest,
    pub pushed_at: Option<Timestamp>,
}

/// What the registry's scan says of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Scan {
    /// Still running or waiting. Not the same as clean.
    Waiting(String),
    /// There is none and, unless somebody acts, there will be none.
    Impossible(String),
    /// How many findings there are of each severity (`CRITICAL`, `HIGH`, …); severities without any
    /// are absent.
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
    fn a_registry_tells_its_region(
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
    fn an_image_name_comes_apart_and_together_again(
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

//! How people name an image: by its tag, or by its digest or the beginning of it.

use std::collections::BTreeSet;
use std::fmt;

use super::{Digest, ImageTag};

/// The least digits of a digest that name an image.
const MIN_DIGITS: usize = 8;

/// A tag, a digest such as `sha256:ab12…`, or at least eight of its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSelector(String);

/// The images of a repository that a selector names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// One image, by the newest of its tags.
    One(ImageTag),
    /// No image.
    None,
    /// Images with different digests, by tag.
    Several(Vec<String>),
}

impl ImageSelector {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reports whether the selector names a tag, or the digest of its image.
    #[must_use]
    pub fn matches(&self, tag: &str, digest: &Digest) -> bool {
        self.0 == tag || self.matches_digest(digest)
    }

    /// Reports whether the selector is a digest, or at least eight digits from its beginning.
    #[must_use]
    pub fn matches_digest(&self, digest: &Digest) -> bool {
        let digits = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        let digits = digits.to_ascii_lowercase();
        let hash = digest.as_str().split_once(':').map_or("", |(_, hash)| hash);
        digits.len() >= MIN_DIGITS && hash.starts_with(&digits)
    }

    /// Finds the image that the selector names. A tag takes precedence over the beginning of a digest.
    #[must_use]
    pub fn select(&self, tags: &[ImageTag]) -> Selection {
        if let Some(exact) = tags.iter().find(|listed| listed.tag == self.0) {
            return Selection::One(exact.clone());
        }
        let matching: Vec<&ImageTag> = tags
            .iter()
            .filter(|listed| self.matches_digest(&listed.digest))
            .collect();
        let digests: BTreeSet<&Digest> = matching.iter().map(|listed| &listed.digest).collect();
        let newest = matching.iter().max_by_key(|listed| listed.pushed_at);
        match (newest, digests.len()) {
            (Some(newest), 1) => Selection::One((*newest).clone()),
            (Some(_), _) => {
                Selection::Several(matching.iter().map(|listed| listed.tag.clone()).collect())
            }
            (None, _) => Selection::None,
        }
    }
}

impl fmt::Display for ImageSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn listed(tag: &str, digest: &str) -> ImageTag {
        ImageTag {
            tag: tag.to_owned(),
            digest: Digest::new(format!("sha256:{digest}")),
            pushed_at: None,
        }
    }

    #[rstest]
    #[case::tag("RC_1.4.2", "RC_1.4.2")]
    #[case::full_digest("sha256:ab12cd34ef567890", "RC_1.4.2")]
    #[case::digits("ab12cd34ef567890", "RC_1.4.2")]
    #[case::as_messages_print_it("sha256:cd34ef56", "RC_1.4.3")]
    #[case::eight_digits("CD34EF56", "RC_1.4.3")]
    #[case::seven_digits("cd34ef5", "none")]
    #[case::two_images("ab12cd34", "several")]
    #[case::tag_of_digits("11223344", "11223344")]
    #[case::unknown("RC_9.9.9", "none")]
    fn an_image_is_named_by_tag_or_digest(#[case] text: &str, #[case] expected: &str) {
        let tags = [
            listed("RC_1.4.2", "ab12cd34ef567890"),
            listed("RC_1.4.1", "ab12cd34ffffffff"),
            listed("RC_1.4.3", "cd34ef5678901234"),
            listed("11223344", "eeeeeeeeeeeeeeee"),
            listed("other", "1122334455667788"),
        ];
        let found = match ImageSelector::new(text).select(&tags) {
            Selection::One(image) => image.tag,
            Selection::None => "none".to_owned(),
            Selection::Several(_) => "several".to_owned(),
        };
        assert_eq!(found, expected);
    }
}

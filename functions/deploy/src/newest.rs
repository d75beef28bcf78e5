//! The newest tags of a repository, for messages.

use lamplighter::model::ImageTag;

/// The number of tags that a message lists.
const MAX_LISTED_TAGS: usize = 5;

/// Lists the newest tags of a repository.
pub fn list_newest(tags: &[ImageTag]) -> Vec<String> {
    let mut newest: Vec<&ImageTag> = tags.iter().collect();
    newest.sort_by(|a, b| {
        b.pushed_at
            .cmp(&a.pushed_at)
            .then_with(|| a.tag.cmp(&b.tag))
    });
    newest
        .iter()
        .take(MAX_LISTED_TAGS)
        .map(|tag| tag.tag.clone())
        .collect()
}

//! The messages about what others made the service run.

use jiff::Timestamp;
use lamplighter::model::{Digest, Image, TaskDefinition};
use lamplighter::notify::{Message, RELEASE_CONDITION};
use lamplighter::policy;

use crate::messages::format_age;

/// Warns that ECS or a person rolled a release back to `version`. `revision`: the one that runs.
pub fn release_rolled_back(
    (tag, digest): (&str, &Digest),
    version: &str,
    revision: &str,
    rolled_out: Option<Timestamp>,
    now: Timestamp,
    is_approval_used: bool,
) -> Message {
    let age = rolled_out.map_or("earlier".to_owned(), |at| format_age(at, now));
    let next = if is_approval_used {
        "Push a new image.".to_owned()
    } else {
        format!(
            "Push a new image, or tag the service {} = {digest} to try this one again.",
            policy::APPROVE
        )
    };
    Message::warning(format!(
        "{tag} rejected - ECS or a person rolled it back to {version}"
    ))
    .action(format!(
        "Lamplighter leaves the service on {version} and quarantines the image {}.",
        digest.short_digest()
    ))
    .why(format!(
        "It was deployed {age}, and the service has returned to {revision} since."
    ))
    .next(next)
    .clears(RELEASE_CONDITION)
}

/// Warns that a person deployed another image, which stays until the next push.
pub fn hotfix_kept(
    image: &Image,
    version: &str,
    running: &TaskDefinition,
    is_approval_used: bool,
) -> Message {
    let instead = if is_approval_used {
        String::new()
    } else {
        format!(
            " To deploy {} on this revision instead, tag the service {} = {}.",
            image.tag,
            policy::APPROVE,
            image.digest
        )
    };
    Message::warning(format!(
        "{} replaced by {version} - taken for a hotfix",
        image.tag
    ))
    .action(format!(
        "Lamplighter leaves {version} running until the next push."
    ))
    .why(format!(
        "{} runs an image that no template named before{}.",
        running.family_and_revision(),
        describe_registration(running)
    ))
    .next(format!("Push an image with the fix.{instead}"))
    .deduplicated_by(format!("hotfix:{}", running.arn()))
}

/// Formats who registered a revision: ` (registered by ci)`.
pub fn describe_registration(revision: &TaskDefinition) -> String {
    let by = revision.registration().map_or("", |(_, by)| {
        by.split(":assumed-role/").last().unwrap_or(by)
    });
    let by = by.rsplit_once(":user/").map_or(by, |(_, user)| user);
    if by.is_empty() {
        String::new()
    } else {
        format!(" (registered by {by})")
    }
}

//! The messages about the task that runs before a release.

use jiff::Timestamp;
use lamplighter::model::{Image, TaskDefinition};
use lamplighter::notify::{APPROVAL_CONDITION, Message};
use lamplighter::policy;

use crate::observed_task::{ObservedTask, TaskFailure};
use crate::rollout_message::describe_snapshots;

/// Announces the task that runs before a release. `limit`: its longest time in seconds; `missing`: the snapshots that
/// should have been taken before it.
pub fn task_started(
    image: &Image,
    family: &str,
    limit: u64,
    snapshots: &[String],
    missing: Option<&str>,
) -> Message {
    let tag = &image.tag;
    let minutes = limit / 60;
    let taken = describe_snapshots(snapshots);
    let title = format!("running {family} before {tag}");
    let message = match missing {
        None => Message::info(title),
        Some(_) => Message::warning(format!("{title}, without a snapshot")),
    };
    message
        .action(format!(
            "Lamplighter deploys {tag} once the task exits with code 0, and rejects it otherwise."
        ))
        .why(format!(
            "{} sets before={family}. The task runs the new image once, for {minutes} min at most.{taken}{}",
            policy::DEPLOY,
            missing.unwrap_or_default()
        ))
        .next("Nothing to do.")
        .clears(APPROVAL_CONDITION)
}

/// Warns that the task before a release did not pass.
pub fn task_failed(open: &ObservedTask, failure: &TaskFailure) -> Message {
    let (family, tag) = (&open.run.family, &open.run.tag);
    let how = failure.describe();
    let more = match (failure, &open.task) {
        (TaskFailure::Lost, _) => {
            " ECS does not list the task any more, so nobody knows how it ended.".to_owned()
        }
        (TaskFailure::TimedOut | TaskFailure::Failed(_) | TaskFailure::NotStopping, Some(task)) => {
            format!(" It is the task {}.", task.task_id())
        }
        (TaskFailure::TimedOut | TaskFailure::Failed(_) | TaskFailure::NotStopping, None) => {
            String::new()
        }
    };
    Message::warning(format!("{tag} rejected - {family} {how}"))
        .action(format!(
            "Lamplighter quarantines the image {} and leaves the service as it is.",
            open.digest.short_digest()
        ))
        .why(format!(
            "{} set before={family}, and this task {how}. What it changed until then stays.{more}{}",
            policy::DEPLOY,
            open.evidence.render_text()
        ))
        .next(format!(
            "Check the database. Then push a corrected image, or send a request to deploy {tag}, for which {family} runs again."
        ))
}

/// Warns that ECS did not start the task before a release.
pub fn task_not_started(image: &Image, family: &str, reason: &str, retry_at: Timestamp) -> Message {
    let tag = &image.tag;
    let reason = reason.trim_end_matches('.');
    Message::warning(format!("{tag} held - {family} did not start"))
        .action(format!(
            "Lamplighter starts it again at {}, then with growing pauses.",
            retry_at.strftime("%H:%M UTC")
        ))
        .why(format!("None of its containers ran: {reason}."))
        .next(format!(
            "Restore what ECS names, or remove before= from the tag {}.",
            policy::DEPLOY
        ))
        .deduplicated_by(format!("before-not-started:{family}:{}", image.digest))
}

/// Warns that `before=` names no family of task definitions.
pub fn family_not_found(image: &Image, family: &str) -> Message {
    Message::warning(format!("{} held - no task definition {family}", image.tag))
        .action("Lamplighter deploys it once the task definition exists and its task has run.")
        .why(format!(
            "{} sets before={family}, and ECS has no active revision of this family.",
            policy::DEPLOY
        ))
        .next(format!(
            "Register the task definition, or correct before= in the tag {}.",
            policy::DEPLOY
        ))
        .deduplicated_by(format!("before:{family}:{}", image.digest))
}

/// Warns that `before=` names the family of the service itself.
pub fn family_of_service(image: &Image, family: &str) -> Message {
    Message::warning(format!(
        "{} held - before={family} is the service itself",
        image.tag
    ))
    .action("Lamplighter deploys it once the tag names another family.")
    .why(format!(
        "The service runs {family}, whose task would not end by itself."
    ))
    .next("Register a family whose command ends, such as a migration, and name it in before=.")
    .deduplicated_by(format!("before:{family}:{}", image.digest))
}

/// Warns that the task definition of `before=` is not tagged as managed.
pub fn family_not_managed(image: &Image, revision: &TaskDefinition) -> Message {
    let name = revision.family_and_revision();
    Message::warning(format!("{} held - {name} is not managed", image.tag))
        .action("Lamplighter deploys it once the task definition is tagged and its task has run.")
        .why(format!(
            "Lamplighter runs only task definitions that are tagged {} = true.",
            policy::MANAGED
        ))
        .next(format!(
            "aws ecs tag-resource --resource-arn {} --tags key={},value=true",
            revision.arn(),
            policy::MANAGED
        ))
        .deduplicated_by(format!("before:{name}:{}", image.digest))
}

/// Warns that no container of the task definition of `before=` can get the new image.
pub fn family_without_image(image: &Image, revision: &TaskDefinition, repository: &str) -> Message {
    let name = revision.family_and_revision();
    let containers: Vec<String> = revision
        .containers()
        .map(|container| format!("{} ({})", container.name, container.image))
        .collect();
    Message::warning(format!("{} held - {name} runs no image of {repository}", image.tag))
        .action("Lamplighter deploys it once a container of the task definition runs an image of the repository.")
        .why(format!("Its containers: {}.", containers.join(", ")))
        .next(format!(
            "Correct the image in the task definition, or before= in the tag {}.",
            policy::DEPLOY
        ))
        .deduplicated_by(format!("before:{name}:{}", image.digest))
}

//! The messages of `deploy`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::event::detail::secret::{SecretChange, SecretChangeKind};
use lamplighter::model::{Digest, Image, Service};
use lamplighter::notify::{APPROVAL_CONDITION, Message, Offer};
use lamplighter::policy::{self, FindingSeverity};

use crate::approvals::{ApprovalProblem, Asked, ProblemKind, RejectedImage};
use crate::container::SelectedContainer;

pub fn container_not_found(problem: &str) -> Message {
    Message::warning(format!(
        "deployments disabled - {} does not match the service",
        policy::DEPLOY
    ))
    .action("Lamplighter checks the tag again at the next sweep.")
    .why(format!("{problem}."))
    .next(format!("Correct the tag {}.", policy::DEPLOY))
    .deduplicated_by(format!("subject:{problem}"))
}

/// `impact`: what does not happen because of the controller.
pub fn unsupported_controller(service: &Service, impact: &str) -> Message {
    let controller = service.deployment_controller.as_str();
    Message::warning(format!("{impact} - deployment controller {controller}"))
        .why("Lamplighter supports the deployment controllers ECS and CODE_DEPLOY.")
        .next("Deploy as before, or give the service the ECS deployment controller.")
        .deduplicated_by(format!("controller:{controller}"))
}

pub fn unknown_deployment_group(tag: &str) -> Message {
    Message::warning(format!("{tag} not deployed - deployment group unknown"))
        .why("CodeDeploy deploys this service, and ECS does not report its application and group.")
        .next(format!(
            "Add group=APPLICATION/GROUP to the tag {}.",
            policy::DEPLOY
        ))
        .deduplicated_by("no-deployment-group")
}

pub fn repository_not_found(container: &SelectedContainer) -> Message {
    let name = &container.repository.name;
    Message::warning(format!("deployments disabled - no ECR repository {name}"))
        .action("Lamplighter deploys no image until the repository exists.")
        .why(format!(
            "ECR has no repository {name} in {}.",
            container.repository.host
        ))
        .next(format!(
            "Correct repo= in the tag {}, or create the repository.",
            policy::DEPLOY
        ))
        .deduplicated_by(format!("repository:{name}"))
}

/// Warns that a pattern has matched no tag for an hour. `newest`: tags that the repository has.
pub fn no_matching_tag(follows: &str, repository: &str, newest: &[String]) -> Message {
    let tags = if newest.is_empty() {
        "The repository has no tag at all.".to_owned()
    } else {
        format!("Its newest tags are {}.", newest.join(", "))
    };
    Message::warning(format!("no tag like {follows} in {repository} for 1 h"))
        .action("Lamplighter deploys the first tag that matches.")
        .why(tags)
        .next(format!(
            "Push an image with such a tag, or correct tag= or repo= in {}.",
            policy::DEPLOY
        ))
        .deduplicated_by(format!("no-tag:{follows}:{repository}"))
}

/// Answers an approval or a rejection that has no effect. `follows`: the tags that the service tracks.
pub fn approval_without_effect(problem: &ApprovalProblem, follows: &str) -> Message {
    let image = &problem.image;
    let asked = match problem.asked {
        Asked::Approval => "approved without effect",
        Asked::Deployment => "not deployed",
        Asked::Rejection(_) => "rejected without effect",
    };
    let newest = if problem.newest.is_empty() {
        "The repository has no tag.".to_owned()
    } else {
        format!("The newest tags are {}.", problem.newest.join(", "))
    };
    let (title, why, next) = match &problem.kind {
        ProblemKind::NoImage => (
            format!("{image} {asked} - no such image"),
            format!("The repository has neither a tag nor a digest {image}. {newest}"),
            "Name the image by its tag, its digest, or at least 8 digits of its digest.".to_owned(),
        ),
        ProblemKind::SeveralImages(tags) => (
            format!("{image} {asked} - several images"),
            format!("It is the beginning of the digests of {}.", tags.join(", ")),
            "Name the image by its tag, or by more digits of its digest.".to_owned(),
        ),
        ProblemKind::NotTracked => (
            format!("{image} approved without effect - not tracked"),
            format!("The service tracks {follows}. {newest}"),
            "To deploy it all the same, send a request to deploy it, or change tag= in lamplighter:deploy.".to_owned(),
        ),
    };
    Message::warning(title)
        .action("Lamplighter changes nothing.")
        .why(why)
        .next(next)
        .deduplicated_by(format!("approval:{}", problem.id))
}

/// Reports that a person rejected an image that the service does not run.
pub fn image_rejected(rejected: &RejectedImage) -> Message {
    let by = rejected.request.caller_name();
    Message::info(format!("{} rejected by {by}", rejected.tag))
        .action(format!(
            "Lamplighter quarantines the image {}.",
            rejected.digest.short_digest()
        ))
        .why(format!(
            "{} requested it: {}.",
            rejected.request.by, rejected.request.reason
        ))
        .next("Nothing to do. A request to approve it lifts the quarantine for one release.")
        .clears(APPROVAL_CONDITION)
}

/// Reports once that a push is older by version than the version that runs.
pub fn push_is_older(tag: &str, running: &str, digest: &Digest) -> Message {
    Message::warning(format!("{tag} not deployed - older by version than {running}"))
        .action("Lamplighter deploys only versions that are newer than the one that runs.")
        .why(format!("{running} runs, and {tag} was pushed after it."))
        .next(format!(
            "If {running} was a mistake, tag the service {} = {digest} to deploy {tag}. Otherwise, nothing to do.",
            policy::APPROVE
        ))
        .deduplicated_by(format!("older:{running}"))
}

pub fn platform_missing(image: &Image, needed: &str, available: &str) -> Message {
    Message::warning(format!("{} held - image has no {needed}", image.tag))
        .action("Lamplighter deploys the tag once it has an image for this platform.")
        .why(format!(
            "The service runs on {needed}; the image has {available}."
        ))
        .next(format!("Build for {needed} and push the same tag again (docker buildx build --platform {needed} --push)."))
        .deduplicated_by(format!("platform:{}", image.digest))
}

pub fn freeze_hold(image: &Image, until: Timestamp) -> Message {
    Message::info(format!(
        "{} held until {} - freeze",
        image.tag,
        until.strftime("%F %H:%M UTC")
    ))
    .action("Lamplighter deploys the newest push when the freeze ends.")
    .why(format!("{} holds new images at this time.", policy::FREEZE))
    .next(format!(
        "Nothing to do. To deploy it now, remove the tag {}.",
        policy::FREEZE
    ))
    .deduplicated_by(format!("frozen:{}", image.digest))
}

pub fn not_scanned(image: &Image, why: &str) -> Message {
    Message::warning(format!("{} held - {why}", image.tag))
        .action("Lamplighter deploys it once its scan is finished and clean.")
        .why("lamplighter:deploy sets scan=, and only a scanned image is known to be clean.")
        .next(
            "Enable scanning for the repository and scan the image, or remove scan= from the tag.",
        )
        .deduplicated_by(format!("not-scanned:{}", image.digest))
}

pub fn scan_findings(image: &Image, findings: &str) -> Message {
    Message::warning(format!("{} held - scan found {findings}", image.tag))
        .action("Lamplighter does not deploy this image.")
        .why(format!(
            "lamplighter:deploy sets scan=, and image {} has these findings.",
            image.digest
        ))
        .next("Push an image without them, or change scan= in the tag.")
        .deduplicated_by(format!("scan:{}", image.digest))
}

/// Warns that nothing was ever released in the service that `after=` names.
pub fn earlier_stage_unknown(image: &Image, cluster: &str, service: &str) -> Message {
    Message::warning(format!(
        "{} held - nothing is verified in {cluster}/{service}",
        image.tag
    ))
    .action(format!(
        "Lamplighter deploys it once it is verified in {cluster}/{service}."
    ))
    .why(format!(
        "lamplighter:deploy sets after={cluster}/{service}, and Lamplighter has released nothing there."
    ))
    .next(format!(
        "Correct after= in the tag, or tag the service {cluster}/{service} {} and {}.",
        policy::MANAGED,
        policy::DEPLOY
    ))
    .deduplicated_by(format!("after:{cluster}/{service}"))
}

/// Warns that the deployment group of the tag deploys another service. `services`: those that it deploys.
pub fn wrong_deployment_group(tag: &str, group: &str, services: Option<&[String]>) -> Message {
    let (title, why) = match services {
        None => (
            format!("{tag} not deployed - no deployment group {group}"),
            format!("lamplighter:deploy sets group={group}, and CodeDeploy has no such group."),
        ),
        Some(services) => {
            let list = match services {
                [] => "no ECS service".to_owned(),
                services => services.join(", "),
            };
            (
                format!("{tag} not deployed - deployment group {group} is for {list}"),
                format!(
                    "lamplighter:deploy sets group={group}, which deploys {list} and not this service."
                ),
            )
        }
    };
    Message::warning(title)
        .action("Lamplighter starts no deployment.")
        .why(why)
        .next(format!("Correct group= in the tag {}.", policy::DEPLOY))
        .deduplicated_by(format!("group:{group}"))
}

pub fn waits_for_approval(image: &Image) -> Message {
    Message::warning(format!("{} held - waiting for approval", image.tag))
        .action("Lamplighter deploys it as soon as it is approved.")
        .why("lamplighter:deploy sets approve=yes.")
        .next(format!(
            "To approve it, tag the service {} = {}",
            policy::APPROVE,
            image.digest
        ))
        .deduplicated_by(format!("approve:{}", image.digest))
        .offers(Offer::Approve(image.digest.clone()))
        .offers(Offer::Reject(image.digest.clone()))
        .fires(APPROVAL_CONDITION)
}

/// `databases`: the state of each database without a usable snapshot. `limit` is in seconds.
pub fn waits_for_snapshot(image: &Image, databases: &str, limit: u64) -> Message {
    Message::info(format!(
        "{} held for up to {} min - snapshot pending",
        image.tag,
        limit / 60
    ))
    .action(
        "Lamplighter deploys it once the snapshot is usable, or without it after snapshot-limit=.",
    )
    .why(format!(
        "lamplighter:deploy sets snapshot=yes: {databases}."
    ))
    .next("Nothing to do.")
    .deduplicated_by(format!("snapshot:{}", image.digest))
}

pub fn no_database(image: &Image) -> Message {
    Message::warning(format!("{} held - no database to back up", image.tag))
        .action("Lamplighter deploys it once there is one with a usable snapshot.")
        .why(format!(
            "lamplighter:deploy sets snapshot=yes, but no database with the service's {} has {} = true and {}.",
            policy::APP,
            policy::MANAGED,
            policy::BACKUP
        ))
        .next("Add the missing tags to the database, or remove snapshot=yes from lamplighter:deploy.")
        .deduplicated_by(format!("no-database:{}", image.digest))
}

/// Warns that the service keeps `actual` as its strategy, not the `requested` one.
pub fn unsupported_shift(requested: &str, actual: &str) -> Message {
    Message::warning(format!(
        "releases deploy as {actual}, not {requested} - nothing can route to two revisions"
    ))
    .why("lamplighter:deploy sets strategy=, and that needs load balancers, or Service Connect, that route to two revisions of the service.")
    .next(
        "Give each of its load balancers an alternate target group and a production listener rule \
         (advancedConfiguration), let others reach it by Service Connect, or remove strategy= from the tag.",
    )
    .deduplicated_by(format!("no-shift:{requested}"))
}

/// Warns that a service of Express Mode keeps the strategy that ECS gave it.
pub fn strategy_of_express_mode(requested: &str, actual: &str) -> Message {
    Message::warning(format!(
        "releases deploy as {actual}, not {requested} - ECS Express Mode sets the strategy"
    ))
    .why("lamplighter:deploy sets strategy=, and ECS doesn't let a service of Express Mode change its deployment configuration. Releases, verification and rollbacks work, with the strategy that it has.")
    .next("Remove strategy= from the tag, or create the service without Express Mode.")
    .deduplicated_by(format!("express-strategy:{requested}"))
}

/// Announces the restart after a change of a secret or parameter. `revision`: the one that reads it.
pub fn restarting_tasks(service: &Service, revision: &str, secret: &SecretChange) -> Message {
    let noun = secret.noun();
    let verb = match secret.kind {
        SecretChangeKind::Rotation => "rotated",
        SecretChangeKind::NewVersion | SecretChangeKind::Parameter => "changed",
    };
    Message::info(format!(
        "restarting {} - {noun} {} {verb}",
        service.describe_task_count(),
        secret.short_name()
    ))
    .action("ECS replaces the tasks with the same image.")
    .why(format!(
        "{revision} reads the {noun} only when a task starts."
    ))
    .next("Nothing to do.")
}

/// Formats the number of scan findings at or above a severity: `2 CRITICAL, 5 HIGH`.
pub fn format_findings(level: FindingSeverity, counts: &BTreeMap<String, u32>) -> String {
    let found = level.self_and_worse().filter_map(|severity| {
        let n = counts.get(severity.as_str()).copied().filter(|n| *n > 0)?;
        Some(format!("{n} {}", severity.as_str()))
    });
    found.collect::<Vec<_>>().join(", ")
}

/// Formats the age of a time: `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`.
pub fn format_age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

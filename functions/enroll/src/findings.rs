//! Findings: configuration risks that are checked at enrollment and every hour. A new finding is
//! notified.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{
    AlarmState, Database, ImageRef, InactiveSubscription, ScalableTarget, Service, TargetGroup,
    TaskDefinition,
};
use lamplighter::notify::Message;
use lamplighter::plan::Finding;
use lamplighter::policy::ScalePolicy;
use lamplighter::state::{RaisedMinimum, TargetState};

use crate::Policy;
use crate::alarms;
use crate::observation::{Observed, Subject};

/// An alarm that stays in ALARM for this long does not report a peak and becomes a finding.
const STUCK_ALARM_AFTER: SignedDuration = SignedDuration::from_hours(1);

pub fn find_problems(
    context: TargetContext<'_, Policy>,
    observed: &Observed,
    now: Timestamp,
) -> Vec<Finding> {
    let mut found = match &observed.subject {
        Subject::Service {
            service,
            groups,
            definition,
            scalable,
        } => {
            let mut found = check_service(
                service,
                context.policy.scale.as_ref(),
                groups,
                definition.as_ref(),
            );
            let bounded = context.policy.scale.as_ref().zip(scalable.as_ref());
            found.extend(
                definition
                    .as_ref()
                    .and_then(|definition| check_drift(definition, context.state)),
            );
            found.extend(bounded.and_then(|(scale, scalable)| {
                check_scaling_bounds(scale, scalable, context.state.scaling.raised)
            }));
            found
        }
        Subject::Database(database) if !database.arn.is_cache() => check_database(database),
        Subject::Topic(unreached) => unreached.iter().map(check_subscription).collect(),
        Subject::Database(_) | Subject::Application { .. } | Subject::Gone => Vec::new(),
    };
    found.extend(check_alarms(context.policy, observed, now));
    found
}

fn build_finding(
    key: impl Into<String>,
    title: impl Into<String>,
    why: impl Into<String>,
    next: &str,
) -> Finding {
    Finding {
        key: key.into(),
        message: Message::warning(title).why(why).next(next),
    }
}

fn check_service(
    service: &Service,
    scale: Option<&ScalePolicy>,
    groups: &[TargetGroup],
    definition: Option<&TaskDefinition>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let rolls = service.deployment_controller.as_str() == "ECS" && service.strategy == "ROLLING";
    if rolls && !(service.circuit_breaker.enable && service.circuit_breaker.rollback) {
        found.push(build_finding(
            "no-circuit-breaker",
            "no circuit breaker with rollback",
            "A rollout whose tasks do not start goes on trying for ever.",
            "Switch it on in the service's deployment configuration; a rollout by lamplighter:deploy does so.",
        ));
    }
    if let Some((least, most)) = service.rollout_deadlock() {
        found.push(build_finding(
            "no-room-to-roll",
            format!(
                "at least {least} and at most {most} of {} may run: no rollout can ever begin",
                service.describe_task_count()
            ),
            "ECS may neither stop an old task nor start a new one.",
            "Set maximumPercent to 200, or minimumHealthyPercent so low that one task may stop.",
        ));
    }
    let least = scale.map_or(service.desired_count, |scale| {
        i32::try_from(scale.min).unwrap_or(i32::MAX)
    });
    if scale.is_some() && service.desired_count == 0 {
        found.push(build_finding(
            "stopped",
            "has a desired count of 0; it is left alone",
            "Nobody but a person sets that, so it is not scaled until the count is at least 1.",
            "Set the desired count to 1 or more to have it scaled again, or remove lamplighter:scale.",
        ));
    } else if least == 1 && service.scheduling_strategy != "DAEMON" {
        found.push(build_finding(
            "one-task",
            "one task only",
            "Until a lost task is replaced there is no service.",
            "Run at least two, in two availability zones: min=2 in lamplighter:scale.",
        ));
    }
    found.extend(definition.and_then(check_mutable_image));
    if groups.is_empty() && definition.is_some_and(|definition| !has_health_check(definition)) {
        found.push(build_finding(
            "no-health-check",
            "no health check",
            "Neither a container nor a load balancer says whether a task works.",
            "Give the essential container a healthCheck, or put the service behind a target group.",
        ));
    }
    found
}

/// Detects drift: a revision that someone else (Terraform, CDK, a person) registered after the last
/// rollout.
fn check_drift(definition: &TaskDefinition, memory: &TargetState) -> Option<Finding> {
    let rollout = memory.last_rollout()?;
    let (at, by) = definition.registration()?;
    if definition.is_lamplighter_revision() || at <= rollout.at {
        return None;
    }
    let (label, tag) = (
        definition.family_and_revision(),
        rollout.tag.as_deref().unwrap_or("the last release"),
    );
    Some(build_finding(
        format!("changed:{label}"),
        format!("its task definition was changed by {}", principal_name(by)),
        format!(
            "{by} registered {label} on {}, after {tag} was rolled out from here.",
            at.strftime("%F %H:%M UTC")
        ),
        "Nothing to do if that was meant: the next rollout builds on it. Let your templates leave the image alone, or \
         each of their runs brings an old one back.",
    ))
}

/// Returns the principal of an ARN. For an assumed role it is the role and the session name, such
/// as `terraform/ci` for `arn:aws:sts::123456789012:assumed-role/terraform/ci`.
fn principal_name(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    match resource.strip_prefix("assumed-role/").unwrap_or(resource) {
        "" => "somebody",
        who => who,
    }
}

/// Compares the Application Auto Scaling bounds with the scale tag. A minimum that Lamplighter
/// raised counts with its earlier value.
fn check_scaling_bounds(
    scale: &ScalePolicy,
    scalable: &ScalableTarget,
    raised: Option<RaisedMinimum>,
) -> Option<Finding> {
    let min = raised
        .filter(|raised| raised.to == scalable.min)
        .map_or(scalable.min, |raised| raised.before);
    if (min, scalable.max) == (scale.min, scale.max) {
        return None;
    }
    Some(build_finding(
        "autoscaling-bounds",
        format!(
            "Application Auto Scaling keeps it from {min} to {}, and its tag says min={} max={}",
            scalable.max, scale.min, scale.max
        ),
        "Its count is left to Application Auto Scaling; only the minimum there is raised, within the maximum there.",
        "Make the bounds the same in both places, or deregister the scalable target.",
    ))
}

/// Finds an ECR image that is not pinned: no digest, and no tag or `latest`. A rollback to such a
/// task definition starts whatever the tag points to then.
fn check_mutable_image(definition: &TaskDefinition) -> Option<Finding> {
    let mutable = |image: &ImageRef| {
        image.digest.is_none() && image.tag.as_deref().is_none_or(|tag| tag == "latest")
    };
    let named = definition
        .containers()
        .map(|container| (container.name, ImageRef::parse(container.image)));
    let (name, image) = named
        .into_iter()
        .find(|(_, image)| image.repository.is_ecr() && mutable(image))?;
    Some(build_finding(
        "mutable-image",
        format!(
            "container {name} runs {}:{}, which changes under it",
            image.repository.name,
            image.tag.as_deref().unwrap_or("latest")
        ),
        "Going back to this task definition starts whatever the tag names then, not what ran before.",
        "Let lamplighter:deploy roll it out: images are then pinned by digest.",
    ))
}

fn has_health_check(definition: &TaskDefinition) -> bool {
    let containers = definition
        .document
        .get("containerDefinitions")
        .and_then(|c| c.as_array());
    containers.into_iter().flatten().any(|container| {
        container
            .get("healthCheck")
            .is_some_and(|check| !check.is_null())
    })
}

fn check_database(database: &Database) -> Vec<Finding> {
    // Settings of a cluster are checked on the cluster, not on its instances.
    let own = database.cluster.is_none();
    let checks = [
        (
            own && database.backup_retention_days == 0,
            "no-automated-backups",
            "no automated backups",
            "There is no point in time to go back to.",
            "Set a retention of at least 7 days. From 0 that restarts an instance: choose the hour.",
        ),
        (
            own && !database.multi_az && !database.is_replica,
            "single-az",
            "in one availability zone only",
            "When the zone fails, so does the database.",
            "Make it Multi-AZ, or give the cluster a second instance in another zone.",
        ),
        (
            database.publicly_accessible,
            "public",
            "publicly accessible",
            "It has an address that the Internet resolves.",
            "Switch public access off and reach it from inside the VPC.",
        ),
        (
            own && !database.encrypted,
            "unencrypted",
            "not encrypted",
            "Storage and snapshots can be read by whoever gets hold of them.",
            "Copy a snapshot with a key and restore it; it can't be switched on.",
        ),
        (
            own && !database.deletion_protection,
            "no-deletion-protection",
            "deletion protection is off",
            "One call deletes it.",
            "Switch deletion protection on; that takes effect at once.",
        ),
    ];
    let found = checks.into_iter().filter(|(holds, ..)| *holds);
    found
        .map(|(_, key, title, why, next)| build_finding(key, title, why, next))
        .collect()
}

fn check_subscription(unreached: &InactiveSubscription) -> Finding {
    match unreached {
        InactiveSubscription::Unconfirmed(address) => build_finding(
            format!("unconfirmed:{address}"),
            format!("{address} has not confirmed its subscription and gets no messages"),
            "AWS sent a link to confirm it, which is good for 48 hours.",
            "Follow the link in that mail, or subscribe again.",
        ),
        InactiveSubscription::Unsubscribed(address) => build_finding(
            format!("unsubscribed:{address}"),
            format!("{address} was unsubscribed and gets no messages any more"),
            "Every mail of SNS ends with a link that does so without asking: whoever has the mail, or scans it, can follow it.",
            "Subscribe it again if it was by mistake. Confirmed by the AWS CLI with --authenticate-on-unsubscribe true, the link \
             asks for a login.",
        ),
    }
}

fn check_alarms(policy: &Policy, observed: &Observed, now: Timestamp) -> Vec<Finding> {
    let wanted: Vec<String> = match &observed.subject {
        Subject::Service {
            service, groups, ..
        } => alarms::service_alarms(policy, service, groups)
            .into_iter()
            .map(|alarm| alarm.name)
            .collect(),
        Subject::Database(database) => alarms::database_alarms(policy, database)
            .into_iter()
            .map(|alarm| alarm.name)
            .collect(),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for own in observed
        .alarms
        .iter()
        .filter(|own| wanted.contains(&own.existing.name))
    {
        let name = &own.existing.name;
        if !own.is_ours {
            found.push(build_finding(
                format!("foreign-alarm:{name}"),
                format!("the alarm {name} is somebody else's; it is left alone"),
                "It has a name of ours and lacks the tags that this stack gives its alarms.",
                "Rename or delete it, and it is made anew within the hour.",
            ));
        } else if let Some(since) = own.existing.state_since.filter(|since| {
            own.existing.state == AlarmState::Alarm
                && now.duration_since(*since) >= STUCK_ALARM_AFTER
        }) {
            found.push(build_finding(
                format!("in-alarm:{name}"),
                format!("the alarm {name} has been in ALARM since {}", since.strftime("%Y-%m-%d %H:%M UTC")),
                format!("{} An alarm that is always on says nothing when it matters.", own.existing.state_reason),
                "Mend the cause; if this is normal, change the bound: cpu=, memory= and rps= in lamplighter:scale.",
            ));
        }
    }
    found
}

//! Configuration risks of a service.

use lamplighter::model::{
    Arn, DeploymentController, ImageRef, ScalableTarget, Service, TargetGroup, TaskDefinition,
};
use lamplighter::plan::Finding;
use lamplighter::policy::ScalePolicy;
use lamplighter::state::{RaisedMinimum, TargetState};

use crate::finding::build_finding;

/// A service with what its checks need.
pub struct ServiceFacts<'a> {
    pub service: &'a Service,
    pub scale: Option<&'a ScalePolicy>,
    pub groups: &'a [TargetGroup],
    pub definition: Option<&'a TaskDefinition>,
    /// The newest revision of the family, if releases are deployed to the service.
    pub newest: Option<&'a TaskDefinition>,
    pub scalable: Option<&'a ScalableTarget>,
    pub state: &'a TargetState,
    /// Whether `scale` starts the service again that it stopped: its tags are valid, and it may act.
    pub is_started_by_us: bool,
}

impl ServiceFacts<'_> {
    pub fn find_problems(&self) -> Vec<Finding> {
        let bounds = self.scale.zip(self.scalable);
        [
            self.check_circuit_breaker(),
            self.check_rollout_room(),
            self.check_task_count(),
            self.definition.and_then(check_mutable_image),
            self.check_health_check(),
            self.definition
                .and_then(|definition| check_drift(definition, self.state)),
            self.check_unused_revision(),
            bounds.and_then(|(scale, scalable)| {
                check_scaling_bounds(scale, scalable, self.state.scaling.raised)
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn check_circuit_breaker(&self) -> Option<Finding> {
        let service = self.service;
        let rolls = service.deployment_controller == DeploymentController::Ecs
            && service.strategy == "ROLLING";
        let has_breaker = service.circuit_breaker.enable && service.circuit_breaker.rollback;
        if !rolls || has_breaker {
            return None;
        }
        Some(build_finding(
            "no-circuit-breaker",
            "no circuit breaker with rollback",
            "ECS retries a rollout forever if its tasks do not start.",
            "Enable it in the deployment configuration, or let lamplighter:deploy roll the service out.",
        ))
    }

    fn check_rollout_room(&self) -> Option<Finding> {
        let (least, most) = self.service.rollout_deadlock()?;
        Some(build_finding(
            "no-room-to-roll",
            format!(
                "rollouts can't start - at least {least} and at most {most} of {} may run",
                self.service.describe_task_count()
            ),
            "ECS may neither stop an old task nor start a new one.",
            "Set maximumPercent to 200, or lower minimumHealthyPercent so that one task may stop.",
        ))
    }

    fn check_task_count(&self) -> Option<Finding> {
        let service = self.service;
        let least = self.scale.map_or(service.desired_count, |scale| {
            i32::try_from(scale.min).unwrap_or(i32::MAX)
        });
        let is_ours = self.state.scaling.stopped_since.is_some();
        if service.desired_count == 0 && is_ours {
            return (!self.is_started_by_us).then(|| {
                build_finding(
                    "left-stopped",
                    "0 tasks desired - not started again",
                    "Lamplighter stopped the service while nothing was to do. It starts it only with a valid tag lamplighter:scale and \
                     lamplighter:managed = true.",
                    format!("Correct the tags, or start it by hand: {} --desired-count 1", update_service_command(&service.arn)),
                )
            });
        }
        if self.scale.is_some() && service.desired_count == 0 {
            return Some(build_finding(
                "stopped",
                "0 tasks desired - not scaled",
                "Somebody else set a desired count of 0, which Lamplighter does not change.",
                format!(
                    "Remove lamplighter:scale, or have it scaled again: {} --desired-count 1",
                    update_service_command(&service.arn)
                ),
            ));
        }
        let has_queue = self.scale.is_some_and(|scale| scale.queue.is_some());
        (least == 1 && !has_queue && service.scheduling_strategy != "DAEMON").then(|| {
            build_finding(
                "one-task",
                "only 1 task - no redundancy",
                "If the task is lost, the service is down until ECS has replaced it.",
                "Run at least 2 tasks in two Availability Zones: min=2 in lamplighter:scale.",
            )
        })
    }

    /// Finds a revision that somebody else registered and nothing uses: releases are built on what runs.
    fn check_unused_revision(&self) -> Option<Finding> {
        let newest = self.newest?;
        let running = self.definition?;
        let (at, by) = newest.registration()?;
        let is_newer = running.registration().is_some_and(|(since, _)| at > since);
        if newest.is_lamplighter_revision() || newest.arn() == running.arn() || !is_newer {
            return None;
        }
        let label = newest.family_and_revision();
        Some(build_finding(
            format!("unused:{label}"),
            format!("task definition {label} is not used"),
            format!(
                "{} registered it on {}, and the service runs {}. Releases are built on the revision that runs.",
                principal_name(by),
                at.strftime("%F %H:%M UTC"),
                running.family_and_revision()
            ),
            "Set base=latest in lamplighter:deploy, so that the next release is built on it, or update the service.",
        ))
    }

    fn check_health_check(&self) -> Option<Finding> {
        let definition = self.definition?;
        (self.groups.is_empty() && !has_health_check(definition)).then(|| {
            build_finding(
                "no-health-check",
                "no health check",
                "Neither a container nor a load balancer checks whether a task works.",
                "Add a healthCheck to the essential container, or put the service behind a target group.",
            )
        })
    }
}

/// Returns the AWS CLI command that changes a service, without its change.
fn update_service_command(service: &Arn) -> String {
    let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
    format!("aws ecs update-service --cluster {cluster} --service {name}")
}

/// Detects drift: a revision that someone else (Terraform, CDK, a person) registered after the last
/// rollout.
fn check_drift(definition: &TaskDefinition, memory: &TargetState) -> Option<Finding> {
    let rollout = memory.last_rollout()?;
    let (at, by) = definition.registration()?;
    if definition.is_lamplighter_revision() || at <= rollout.at {
        return None;
    }
    let label = definition.family_and_revision();
    let tag = rollout.tag.as_deref().unwrap_or("the last release");
    Some(build_finding(
        format!("changed:{label}"),
        format!("drift - task definition changed by {}", principal_name(by)),
        format!(
            "{by} registered {label} on {}, after Lamplighter had rolled out {tag}.",
            at.strftime("%F %H:%M UTC")
        ),
        "Nothing to do if this was intended: releases are built on it. If a template names an image, Lamplighter deploys the \
         release again after each of its runs; let the template ignore the task definition of the service to avoid that.",
    ))
}

/// Returns the principal of an ARN. For an assumed role it is the role and the session name, such
/// as `terraform/ci` for `arn:aws:sts::123456789012:assumed-role/terraform/ci`.
fn principal_name(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    match resource.strip_prefix("assumed-role/").unwrap_or(resource) {
        "" => "an unknown principal",
        principal => principal,
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
            "Application Auto Scaling keeps {min} to {} tasks - the tag sets min={} max={}",
            scalable.max, scale.min, scale.max
        ),
        "Application Auto Scaling sets the desired count. Lamplighter only raises its minimum, up to its maximum.",
        "Use the same bounds in both places, or deregister the scalable target.",
    ))
}

/// Finds an ECR image that is not pinned: no digest, and no tag or `latest`. A rollback to such a
/// task definition starts whatever the tag points to then.
fn check_mutable_image(definition: &TaskDefinition) -> Option<Finding> {
    let named = definition
        .containers()
        .map(|container| (container.name, ImageRef::parse(container.image)));
    let (name, image) = named
        .into_iter()
        .find(|(_, image)| image.repository.is_ecr() && is_mutable(image))?;
    Some(build_finding(
        "mutable-image",
        format!(
            "container {name} runs the mutable tag {}:{}",
            image.repository.name,
            image.tag.as_deref().unwrap_or("latest")
        ),
        "A rollback to this task definition starts the image that the tag then points to, not the one that ran before.",
        "Let lamplighter:deploy roll the service out, which pins images by digest.",
    ))
}

fn is_mutable(image: &ImageRef) -> bool {
    image.digest.is_none() && image.tag.as_deref().is_none_or(|tag| tag == "latest")
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

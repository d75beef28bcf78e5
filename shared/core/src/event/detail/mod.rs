//! Typed details of the events that at least one operation handles.

pub mod alarm;
pub mod created;
pub mod deployment;
pub mod ecr;
pub mod hook;
pub mod rds;
pub mod request;
pub mod secret;
pub mod tag;
pub mod task;

use serde_json::Value;

use crate::model::{ReleaseEventKind, Request};

/// The kind of an event, with its typed content.
#[derive(Debug, Clone)]
pub enum Detail {
    ImageAction(ecr::ImageAction),
    ImageScanned(ecr::ImageScanned),
    SecretChange(secret::SecretChange),
    TagChange(tag::TagChange),
    AlarmChange(alarm::AlarmChange),
    ServiceCreated(created::ServiceCreated),
    TaskChange(task::TaskChange),
    /// A run that ECS started no task for.
    RunFailure(task::RunFailure),
    InstanceChange(task::InstanceChange),
    DeploymentChange(deployment::DeploymentChange),
    Snapshot(rds::RdsEvent),
    BackupJob(rds::BackupJob),
    Database(rds::RdsEvent),
    Drill(rds::DrillRequest),
    /// A lifecycle hook of an ECS deployment, which waits for the response.
    Hook(hook::HookCall),
    /// A lifecycle hook of a CodeDeploy deployment, which is answered by a separate API call.
    CodeDeployHook(hook::CodeDeployHook),
    CodeDeployment(deployment::CodeDeploymentChange),
    /// A request of a person or a pipeline: from the HTTP API, or passed on by `request`.
    Request(Request),
    /// What happened to a release of another service, which `resources` names.
    Release(ReleaseEventKind),
    /// A scheduled sweep: reconcile all targets.
    Sweep,
    /// A kind that no operation handles. Not an error, since rules may match more than the code
    /// knows.
    Other {
        source: String,
        detail_type: String,
    },
}

impl Detail {
    pub(crate) fn parse(
        source: &str,
        detail_type: &str,
        detail: Value,
        resources: &[String],
    ) -> Result<Self, serde_json::Error> {
        let other = Self::Other {
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
        };
        Ok(match detail_type {
            "ECR Image Action" => Self::ImageAction(serde_json::from_value(detail)?),
            "ECR Image Scan" | "Inspector2 Scan" => {
                Self::ImageScanned(serde_json::from_value(detail)?)
            }
            "ECR Replication Action" | "ECR Pull Through Cache Action" => {
                let copied: ecr::ImageCopied = serde_json::from_value(detail)?;
                Self::ImageAction(copied.into())
            }
            "Tag Change on Resource" => Self::TagChange(serde_json::from_value(detail)?),
            "AWS Service Event via CloudTrail"
            | "Secret Label Updated"
            | "Parameter Store Change" => secret::parse_change(detail_type, &detail, resources)
                .map_or(other, Self::SecretChange),
            "AWS API Call via CloudTrail" => Self::parse_call(&detail).unwrap_or(other),
            "CloudWatch Alarm State Change" | "CloudWatch Alarm Contributor State Change" => {
                let arn = resources.first().cloned().unwrap_or_default();
                Self::AlarmChange(alarm::parse_event_detail(detail, arn)?)
            }
            "RDS DB Snapshot Event" | "RDS DB Cluster Snapshot Event" => {
                Self::Snapshot(serde_json::from_value(detail)?)
            }
            "RDS DB Instance Event" | "RDS DB Cluster Event" => {
                Self::Database(serde_json::from_value(detail)?)
            }
            "Backup Job State Change" => Self::BackupJob(serde_json::from_value(detail)?),
            "ECS Deployment State Change" | "ECS Service Action" | "ECS Hook State Change" => {
                Self::DeploymentChange(serde_json::from_value(detail)?)
            }
            "CodeDeploy Deployment State-change Notification" => {
                Self::CodeDeployment(serde_json::from_value(detail)?)
            }
            "ECS Task State Change" => Self::TaskChange(serde_json::from_value(detail)?),
            "ECS Container Instance State Change" => {
                Self::InstanceChange(serde_json::from_value(detail)?)
            }
            "Scheduled Event" => Self::Sweep,
            _ if source == request::SOURCE => {
                Self::parse_own(detail_type, detail)?.unwrap_or(other)
            }
            _ => other,
        })
    }

    /// Parses a call that CloudTrail recorded; `None` for one that no operation handles.
    fn parse_call(detail: &Value) -> Option<Self> {
        created::parse_service_created(detail)
            .map(Self::ServiceCreated)
            .or_else(|| task::RunFailure::parse(detail).map(Self::RunFailure))
    }

    /// Parses an event that Lamplighter itself put on the bus; `None` for an unknown kind.
    fn parse_own(detail_type: &str, detail: Value) -> Result<Option<Self>, serde_json::Error> {
        if detail_type == request::DETAIL_TYPE {
            return serde_json::from_value(detail).map(|request| Some(Self::Request(request)));
        }
        Ok(ReleaseEventKind::from_detail_type(detail_type).map(Self::Release))
    }
}

//! What an incident is about.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an incident is about. Notifications about one target with one cause are one incident.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Tags of the target that can't be used.
    Tags,
    /// A release, from push to verdict.
    Release,
    /// The health of a service or of the host of its tasks.
    Health,
    /// The load of a service.
    Load,
    /// Backups and drills.
    Backup,
    /// Retention and exports of logs.
    Logs,
    /// Certificates of the load balancers in front of a service.
    Certificates,
    /// Requests of people and pipelines, such as a pause.
    Requests,
    /// Findings and alarms that are managed.
    Setup,
    /// The stack's own alerts, acknowledgements and daily report.
    Stack,
    /// A page of the daily report, from 1. Each is a message of its own.
    Report(u8),
    /// An AWS service that reports something.
    Aws(AwsService),
    /// A notification channel that does not work, by name.
    Channel(String),
    /// The secret that configures the channels.
    ChannelSettings,
}

/// An AWS service whose events are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AwsService {
    Rds,
    Health,
    ApplicationAutoScaling,
    SecretsManager,
    Ecr,
    Inspector,
    Backup,
    CodeDeploy,
    CloudWatch,
    AutoScaling,
    CertificateManager,
    ElastiCache,
    Ecs,
    /// One without a name here.
    Other,
}

impl AwsService {
    /// Returns the service that sends events with this EventBridge source: `aws.rds`.
    #[must_use]
    pub fn from_event_source(source: &str) -> Self {
        match source {
            "aws.rds" => Self::Rds,
            "aws.health" => Self::Health,
            "aws.application-autoscaling" => Self::ApplicationAutoScaling,
            "aws.secretsmanager" => Self::SecretsManager,
            "aws.ecr" => Self::Ecr,
            "aws.inspector2" => Self::Inspector,
            "aws.backup" => Self::Backup,
            "aws.codedeploy" => Self::CodeDeploy,
            "aws.cloudwatch" => Self::CloudWatch,
            "aws.autoscaling" => Self::AutoScaling,
            "aws.acm" => Self::CertificateManager,
            "aws.elasticache" => Self::ElastiCache,
            "aws.ecs" => Self::Ecs,
            _ => Self::Other,
        }
    }

    /// Returns the name as AWS spells it: `Application Auto Scaling`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rds => "RDS",
            Self::Health => "AWS Health",
            Self::ApplicationAutoScaling => "Application Auto Scaling",
            Self::SecretsManager => "Secrets Manager",
            Self::Ecr => "ECR",
            Self::Inspector => "Inspector",
            Self::Backup => "AWS Backup",
            Self::CodeDeploy => "CodeDeploy",
            Self::CloudWatch => "CloudWatch",
            Self::AutoScaling => "EC2 Auto Scaling",
            Self::CertificateManager => "ACM",
            Self::ElastiCache => "ElastiCache",
            Self::Ecs => "ECS",
            Self::Other => "AWS",
        }
    }
}

/// Formats the cause for people and for fields of other systems: `release`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tags => f.write_str("tags"),
            Self::Release => f.write_str("release"),
            Self::Health => f.write_str("health"),
            Self::Load => f.write_str("load"),
            Self::Backup => f.write_str("backup"),
            Self::Logs => f.write_str("logs"),
            Self::Certificates => f.write_str("certificates"),
            Self::Requests => f.write_str("requests"),
            Self::Setup => f.write_str("set-up"),
            Self::Stack => f.write_str("stack"),
            Self::Report(1) => f.write_str("daily report"),
            Self::Report(page) => write!(f, "daily report, page {page}"),
            Self::Aws(service) => f.write_str(service.name()),
            Self::Channel(channel) => write!(f, "channel {channel}"),
            Self::ChannelSettings => f.write_str("channels"),
        }
    }
}

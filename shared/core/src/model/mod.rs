//! Plain data that describes AWS resources. Contains no SDK types.

mod address;
mod alarm;
mod alarm_kind;
mod alarm_name;
mod answer;
mod arn;
mod cause;
mod certificate;
mod change;
mod code_deployment;
mod database;
mod database_kind;
mod database_settings;
mod environment;
mod hash;
mod image;
mod image_selector;
mod instance;
mod load;
mod log_group;
mod place;
mod queue;
mod release_event;
mod request;
mod series;
mod service;
mod service_deployment;
mod sizes;
mod snapshot;
pub mod tag_keys;
mod target;
mod task;
mod task_definition;

pub use address::InactiveSubscription;
pub use alarm::{
    Alarm, AlarmMetric, AlarmState, AlarmTopics, ExistingAlarm, Measure, Share, Statistic,
};
pub use alarm_kind::AlarmKind;
pub use alarm_name::{ALARM_PREFIX, alarm_prefix, split_alarm_kind, split_alarm_name};
pub use answer::ProbeResult;
pub use arn::{Arn, find_partition};
pub use cause::{AwsService, Cause};
pub use certificate::{Certificate, PendingDomain, Renewal};
pub use change::CloudTrailEvent;
pub use code_deployment::{CodeDeployGroup, CodeDeployTarget, CodeDeployment};
pub use database::Database;
pub use database_kind::DatabaseKind;
pub use database_settings::{
    CacheSettings, CapacityRange, DatabaseSettings, EnhancedMonitoring, FeatureRole,
};
pub use environment::EnvironmentCause;
pub use hash::short_hash;
pub use image::{
    Digest, Image, ImageRef, ImageScan, ImageTag, Platform, PlatformImage, Repository,
};
pub use image_selector::{ImageSelector, Selection};
pub use instance::ContainerInstance;
pub use load::{Load, LoadQuery, ScalableTarget, TargetGroup, TargetHealthCheck, Traffic};
pub use log_group::{ExportTask, LogDay, LogGroup};
pub use place::CopyDestination;
pub use queue::{Backlog, QueueLoad, QueueProblem};
pub use release_event::{ReleaseEvent, ReleaseEventKind};
pub use request::{Command, Request, RequestScope};
pub use series::Series;
pub use service::{
    CapacityShare, CircuitBreaker, Deployment, DeploymentController, SKIPPING_STRATEGY, Service,
    StrategySettings, TrafficShift,
};
pub use service_deployment::{ServiceDeployment, ServiceRevision};
pub use sizes::TaskSizes;
pub use snapshot::{
    Quota, Quotas, SNAPSHOT_READY_STATUSES, Snapshot, add_name_suffix, build_snapshot_name,
    build_snapshot_tags,
};
pub use target::LoadBalancerTarget;
pub use task::{Task, TaskContainer, is_standalone};
pub use task_definition::{Container, LogStream, TaskDefinition};

use std::collections::BTreeMap;

/// Returns a number with its noun in singular or plural: `1 task`, `2 tasks`.
#[must_use]
pub fn pluralize(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}

/// A resource with its tags, as the tagging API lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    pub arn: Arn,
    pub tags: BTreeMap<String, String>,
}

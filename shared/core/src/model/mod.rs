//! Plain data about what is on AWS. No SDK types.

mod address;
mod alarm;
mod answer;
mod arn;
mod change;
mod code_deployment;
mod database;
mod image;
mod instance;
mod load;
mod log_group;
mod place;
mod service;
mod service_deployment;
mod sizes;
mod snapshot;
pub mod tag_keys;
mod target;
mod task;
mod task_definition;

pub use address::Unreached;
pub use alarm::{Alarm, AlarmActions, AlarmMetric, AlarmState, HasAlarm, Measure, Statistic};
pub use answer::Answer;
pub use arn::Arn;
pub use change::Change;
pub use code_deployment::{CodeDeployment, CodeGroup, CodeTarget};
pub use database::{Database, DatabaseKind};
pub use image::{
    Digest, Image, ImageRef, Platform, PlatformImage, Repository, Scan, TagInRepository,
};
pub use instance::ContainerInstance;
pub use load::{Load, LoadQuery, ScalableTarget, Series, TargetGroup, Traffic};
pub use log_group::{ExportTask, LogDay, LogGroup};
pub use place::Place;
pub use service::{
    CapacityShare, CircuitBreaker, Deployment, DeploymentController, Service, Shifting,
};
pub use service_deployment::{ServiceDeployment, ServiceRevision};
pub use sizes::Sizes;
pub use snapshot::{Quota, Quotas, READY, Snapshot, snapshot_name, snapshot_tags};
pub use target::Target;
pub use task::{Task, TaskContainer};
pub use task_definition::{Container, LogStream, TaskDefinition};

use std::collections::BTreeMap;

/// `1 task`, `2 tasks`.
#[must_use]
pub fn counted(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}

/// A resource and its tags, as the tagging API lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    pub arn: Arn,
    pub tags: BTreeMap<String, String>,
}

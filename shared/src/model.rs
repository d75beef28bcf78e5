//! Plain data about what is on AWS. No SDK types.

mod arn;
mod image;
mod service;
mod task_definition;

pub use arn::Arn;
pub use image::{Digest, Image, ImageRef, Platform, PlatformImage, Repository, Scan, TagInRepository};
pub use service::{CircuitBreaker, Deployment, DeploymentController, Service};
pub use task_definition::{Container, TaskDefinition};

use std::collections::BTreeMap;

/// A resource and its tags, as the tagging API lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    pub arn: Arn,
    pub tags: BTreeMap<String, String>,
}

//! The answers of a stack about its targets, which the command `lamplighter` shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, Request};
use crate::notify::incident::Line;
use crate::policy::Mode;
use crate::state::{RequestState, approval_key};
use crate::status::incidents::OpenIncident;
use crate::status::releases::ReleaseHistory;
use crate::status::target::TargetStatus;

/// The status of a stack: of all its targets, and what holds for many of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackStatus {
    pub stack: String,
    /// The version of Lamplighter that the stack runs.
    pub version: String,
    pub mode: Mode,
    pub at: Timestamp,
    /// Pauses and silences of everything and of applications, each as a sentence.
    pub requests: Vec<String>,
    /// The status of each target, the worst first.
    pub targets: Vec<TargetStatus>,
    /// Open incidents about something that is no target.
    pub other_incidents: Vec<OtherIncident>,
}

/// An open incident about something that is no target, such as an instance, an alarm or the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherIncident {
    pub name: String,
    pub link: String,
    pub incident: OpenIncident,
}

/// A request to approve or to deploy an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRequest {
    pub request: Request,
    /// The digest of its image; `None` until `deploy` has found it.
    pub digest: Option<Digest>,
    /// Its image was released, or rejected since.
    pub is_used: bool,
}

impl ReleaseRequest {
    /// Returns the last request of a target.
    #[must_use]
    pub fn of_state(requests: &RequestState) -> Option<Self> {
        let request = requests.release.clone()?;
        let key = approval_key(&request);
        Some(Self {
            digest: requests.approved.get(&key).cloned(),
            is_used: requests.used.contains(&key),
            request,
        })
    }
}

/// The details of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetDetail {
    pub stack: String,
    pub version: String,
    pub at: Timestamp,
    pub status: TargetStatus,
    /// Lamplighter's tags of the target.
    pub tags: BTreeMap<String, String>,
    /// The last requests about it, oldest first.
    pub requests: Vec<Request>,
    /// The last request to approve or to deploy an image, until another release or a rollback ends it.
    pub release_request: Option<ReleaseRequest>,
    /// The releases that the target state remembers.
    pub releases: ReleaseHistory,
    /// The newest lines of the incidents about the target, the newest first.
    pub messages: Vec<Line>,
}

//! The answers of a stack about its targets, which the command `lamplighter` shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Request;
use crate::notify::incident::Line;
use crate::policy::Mode;
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
    /// The request to approve or to deploy an image that has not been acted on.
    pub pending_release: Option<Request>,
    /// The releases that the target state remembers.
    pub releases: ReleaseHistory,
    /// The newest lines of the incidents about the target, the newest first.
    pub messages: Vec<Line>,
}

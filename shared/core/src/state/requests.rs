//! The requests about one target, and what they set.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Command, Digest, Request, RequestScope};

/// The time after which a request to reject or to roll back that was not possible is dropped.
const REJECTION_EXPIRES_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Requests that are kept as history for people, and to recognize repetitions.
const KEPT: usize = 20;

/// The requests about a target, or about all targets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestState {
    /// The last requests, oldest first.
    pub recorded: Vec<Request>,
    /// The requests whose pause is in effect. Those of a target have its scope.
    pub pauses: Vec<Request>,
    /// The request that silences the target.
    pub silence: Option<Request>,
    /// The last request to release an image: an approval, or a deployment.
    pub release: Option<Request>,
    /// The digests of approved images, by the key of the approval.
    pub approved: BTreeMap<String, Digest>,
    /// The time of the last request to back the database up.
    pub backup: Option<Timestamp>,
    /// The last request to reject an image or to roll back.
    pub rejection: Option<Request>,
}

impl RequestState {
    /// Reports whether a request with this identifier was recorded.
    #[must_use]
    pub fn is_recorded(&self, id: &str) -> bool {
        self.recorded.iter().any(|request| request.id == id)
    }

    /// Lists the pauses in effect.
    pub fn list_pauses(&self, now: Timestamp) -> impl Iterator<Item = &Request> {
        self.pauses
            .iter()
            .filter(move |pause| !has_ended(pause, now))
    }

    /// Returns the silence in effect.
    #[must_use]
    pub fn find_silence(&self, now: Timestamp) -> Option<&Request> {
        self.silence
            .as_ref()
            .filter(|silence| !has_ended(silence, now))
    }

    /// Returns the pause in effect for a target of this application.
    #[must_use]
    pub fn find_pause(&self, app: Option<&str>, now: Timestamp) -> Option<&Request> {
        self.list_pauses(now).find(|pause| match &pause.scope {
            RequestScope::Everything | RequestScope::Target(_) => true,
            RequestScope::Application(paused) => app == Some(paused.as_str()),
        })
    }

    /// Lists the pauses and silences whose time is up.
    #[must_use]
    pub fn list_ended(&self, now: Timestamp) -> Vec<Request> {
        self.pauses
            .iter()
            .chain(&self.silence)
            .filter(|request| has_ended(request, now))
            .cloned()
            .collect()
    }

    /// Removes pauses and silences that have ended.
    pub fn remove(&mut self, ended: &[Request]) {
        self.pauses.retain(|pause| !ended.contains(pause));
        self.silence = self.silence.take().filter(|one| !ended.contains(one));
    }

    /// Reports whether a pause or a silence is in effect.
    #[must_use]
    pub fn has_open(&self) -> bool {
        !self.pauses.is_empty() || self.silence.is_some()
    }

    /// Returns the open request to reject an image or to roll back.
    #[must_use]
    pub fn open_rejection(&self, now: Timestamp) -> Option<&Request> {
        self.rejection
            .as_ref()
            .filter(|request| now.duration_since(request.at) < REJECTION_EXPIRES_AFTER)
    }

    /// Closes the request to reject an image or to roll back, if it is still this one.
    pub fn close_rejection(&mut self, id: Option<&str>) {
        self.rejection
            .take_if(|request| Some(request.id.as_str()) == id);
    }

    /// Records a request, and what it sets.
    pub(super) fn record(&mut self, request: &Request) {
        match &request.command {
            Command::Pause => {
                self.end_pause(&request.scope);
                self.pauses.push(request.clone());
            }
            Command::Resume => self.end_pause(&request.scope),
            Command::Silence => self.silence = Some(request.clone()),
            Command::Unsilence => self.silence = None,
            // Only `alert` knows incidents, so the notification passes an acknowledgement on; `drill` starts at once,
            // by the event that passes the request on.
            Command::Acknowledge(_) | Command::Drill => {}
            Command::BackUp => self.backup = Some(request.at),
            Command::Approve(_) | Command::Deploy(_) => self.release = Some(request.clone()),
            Command::Reject(_) | Command::RollBack(_) => self.rejection = Some(request.clone()),
        }
        self.recorded.push(request.clone());
        let surplus = self.recorded.len().saturating_sub(KEPT);
        self.recorded.drain(..surplus);
    }

    fn end_pause(&mut self, scope: &RequestScope) {
        self.pauses.retain(|pause| pause.scope != *scope);
    }
}

/// Reports whether the time of a pause or silence is up.
fn has_ended(request: &Request, now: Timestamp) -> bool {
    request.until.is_some_and(|until| until <= now)
}

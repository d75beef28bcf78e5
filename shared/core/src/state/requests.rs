//! The requests about one target, and what they set.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Command, Digest, ImageSelector, Request, RequestScope};

/// The time after which a request to reject or to roll back that was not possible is dropped.
const REJECTION_EXPIRES_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Requests that are kept as history for people, and to recognize repetitions.
const KEPT: usize = 20;
/// Pauses and silences that can be in effect at once, and requests to reject or to roll back that can be open.
const MAX_OPEN: usize = 20;

/// The requests about a target, or about all targets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestState {
    /// The last requests, oldest first.
    pub recorded: Vec<Request>,
    /// The requests whose pause is in effect. Those of a target have its scope.
    pub pauses: Vec<Request>,
    /// The requests that silence targets, one for each scope. Those of a target have its scope.
    pub silences: Vec<Request>,
    /// The last request to release an image: an approval, or a deployment.
    pub release: Option<Request>,
    /// The digests of approved images, by the key of the approval.
    pub approved: BTreeMap<String, Digest>,
    /// The keys of approvals that allow nothing more: a rollout used them, or their image was rejected since.
    pub used: BTreeSet<String>,
    /// A person chose what the service runs, by a deployment or a rollback, and nothing else was released since.
    pub is_chosen: bool,
    /// The time of the last request to back the database up.
    pub backup: Option<Timestamp>,
    /// The time of the last request for a drill.
    pub drill: Option<Timestamp>,
    /// The open requests to reject an image or to roll back, oldest first.
    pub rejections: Vec<Request>,
}

/// A list of requests that are open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenRequests {
    Pauses,
    Silences,
    /// Requests to reject or to roll back.
    Rejections,
}

impl RequestState {
    /// Returns the recorded request with this identifier.
    #[must_use]
    pub fn find_recorded(&self, id: &str) -> Option<&Request> {
        self.recorded.iter().find(|request| request.id == id)
    }

    /// Returns the open request to release an image that a newer one replaces.
    #[must_use]
    pub fn find_replaced(&self, newer: &Request) -> Option<&Request> {
        let is_release = matches!(newer.command, Command::Approve(_) | Command::Deploy(_));
        self.release
            .as_ref()
            .filter(|open| is_release && !self.used.contains(&approval_key(open)))
    }

    /// Lists the pauses in effect.
    pub fn list_pauses(&self, now: Timestamp) -> impl Iterator<Item = &Request> {
        self.pauses
            .iter()
            .filter(move |pause| !has_ended(pause, now))
    }

    /// Lists the silences in effect.
    pub fn list_silences(&self, now: Timestamp) -> impl Iterator<Item = &Request> {
        self.silences
            .iter()
            .filter(move |silence| !has_ended(silence, now))
    }

    /// Returns the longest silence in effect for a target of this application.
    #[must_use]
    pub fn find_silence(&self, app: Option<&str>, now: Timestamp) -> Option<&Request> {
        let silences = self.list_silences(now);
        silences
            .filter(|silence| includes(&silence.scope, app))
            .max_by_key(|silence| silence.until)
    }

    /// Returns the silence with exactly this scope.
    #[must_use]
    pub fn find_silence_of(&self, scope: &RequestScope) -> Option<&Request> {
        let mut silences = self.silences.iter();
        silences.find(|silence| silence.scope == *scope)
    }

    /// Returns the pause in effect for a target of this application.
    #[must_use]
    pub fn find_pause(&self, app: Option<&str>, now: Timestamp) -> Option<&Request> {
        self.list_pauses(now)
            .find(|pause| includes(&pause.scope, app))
    }

    /// Lists the pauses and silences whose time is up.
    #[must_use]
    pub fn list_ended(&self, now: Timestamp) -> Vec<Request> {
        self.pauses
            .iter()
            .chain(&self.silences)
            .filter(|request| has_ended(request, now))
            .cloned()
            .collect()
    }

    /// Removes pauses and silences that have ended.
    pub fn remove(&mut self, ended: &[Request]) {
        self.pauses.retain(|pause| !ended.contains(pause));
        self.silences.retain(|silence| !ended.contains(silence));
    }

    /// Reports whether a pause or a silence is in effect.
    #[must_use]
    pub fn has_open(&self) -> bool {
        !self.pauses.is_empty() || !self.silences.is_empty()
    }

    /// Reports whether a request to reject an image or to roll back was not possible for too long.
    #[must_use]
    pub fn has_expired(request: &Request, now: Timestamp) -> bool {
        now.duration_since(request.at) >= REJECTION_EXPIRES_AFTER
    }

    /// Reports whether a request to reject an image or to roll back is open.
    #[must_use]
    pub fn is_rejection_open(&self, id: &str) -> bool {
        self.rejections.iter().any(|request| request.id == id)
    }

    /// Closes a request to reject an image or to roll back.
    pub fn close_rejection(&mut self, id: Option<&str>) {
        self.rejections
            .retain(|request| Some(request.id.as_str()) != id);
    }

    /// Replaces the image of a request to reject one by its digest.
    pub fn resolve_rejection(&mut self, id: &str, digest: &Digest) {
        for request in &mut self.rejections {
            if request.id == id {
                request.command = Command::Reject(digest.to_string());
            }
        }
    }

    /// Ends the approvals of a digest that are older than a request: they allow nothing more. `tag`: the tag under which
    /// it was released; `request`: the identifier of the request, `None` for all approvals.
    pub(super) fn end_approvals(
        &mut self,
        digest: &Digest,
        tag: Option<&str>,
        request: Option<&str>,
    ) {
        let mut rejections = self.rejections.iter();
        let asked = rejections.find(|rejection| Some(rejection.id.as_str()) == request);
        let asked_at = asked.map(|rejection| rejection.at);
        let newer = self
            .release
            .as_ref()
            .filter(|release| asked_at.is_some_and(|at| release.at > at))
            .map(approval_key);
        let approved = self
            .approved
            .iter()
            .filter(|(key, known)| *known == digest && Some(*key) != newer.as_ref());
        let mut ended: Vec<String> = approved.map(|(key, _)| key.clone()).collect();
        if let (Some(release), None) = (&self.release, &newer)
            && names_image(release, digest, tag)
            && !self.approved.contains_key(&approval_key(release))
        {
            ended.push(approval_key(release));
        }
        self.used.extend(ended);
    }

    /// Records a release: whether a person chose it, and that requests for other images are superseded.
    pub(super) fn record_release(&mut self, digest: &Digest) {
        let approved = &self.approved;
        self.release
            .take_if(|request| approved.get(&approval_key(request)) != Some(digest));
        let requested = self.release.as_ref();
        self.is_chosen = requested.is_some_and(|one| matches!(one.command, Command::Deploy(_)));
    }

    /// Returns the list that has no room for another request with this command. None is dropped for a newer one.
    #[must_use]
    pub fn find_full_list(&self, command: &Command) -> Option<OpenRequests> {
        let (list, open) = match command {
            Command::Pause => (OpenRequests::Pauses, self.pauses.len()),
            Command::Silence => (OpenRequests::Silences, self.silences.len()),
            Command::Reject(_) | Command::RollBack(_) => {
                (OpenRequests::Rejections, self.rejections.len())
            }
            Command::Resume
            | Command::Unsilence
            | Command::Acknowledge(_)
            | Command::Approve(_)
            | Command::Deploy(_)
            | Command::BackUp
            | Command::Drill
            | Command::Redrive => return None,
        };
        (open >= MAX_OPEN).then_some(list)
    }

    /// Records a request, and what it sets.
    pub(super) fn record(&mut self, request: &Request) {
        match &request.command {
            Command::Pause => self.pauses.push(request.clone()),
            Command::Resume => self.pauses.retain(|pause| pause.scope != request.scope),
            Command::Silence => {
                self.silences.retain(|known| known.scope != request.scope);
                self.silences.push(request.clone());
            }
            Command::Unsilence => self.silences.retain(|known| known.scope != request.scope),
            // Only `alert` knows incidents, so the notification passes an acknowledgement on. Dead letters are no state.
            Command::Acknowledge(_) | Command::Redrive => {}
            Command::BackUp => self.backup = Some(request.at),
            Command::Drill => self.drill = Some(request.at),
            Command::Approve(_) | Command::Deploy(_) => self.release = Some(request.clone()),
            Command::Reject(image) => {
                self.release.take_if(|release| {
                    matches!(&release.command, Command::Approve(other) | Command::Deploy(other) if other == image)
                });
                self.rejections.push(request.clone());
            }
            Command::RollBack(_) => {
                self.release = None;
                self.rejections.push(request.clone());
            }
        }
        self.recorded.push(request.clone());
        let surplus = self.recorded.len().saturating_sub(KEPT);
        self.recorded.drain(..surplus);
    }
}

/// Reports whether a request to release an image names this one.
fn names_image(request: &Request, digest: &Digest, tag: Option<&str>) -> bool {
    match &request.command {
        Command::Approve(image) | Command::Deploy(image) => {
            ImageSelector::new(image).matches_digest(digest) || Some(image.as_str()) == tag
        }
        _ => false,
    }
}

/// Returns the key under which the digest of a requested image is stored.
#[must_use]
pub fn approval_key(request: &Request) -> String {
    format!("request:{}", request.id)
}

/// Reports whether a scope includes a target of this application, in whose state or in that of all targets it is recorded.
fn includes(scope: &RequestScope, app: Option<&str>) -> bool {
    match scope {
        RequestScope::Everything | RequestScope::Target(_) => true,
        RequestScope::Application(name) => app == Some(name.as_str()),
    }
}

/// Reports whether the time of a pause or silence is up.
fn has_ended(request: &Request, now: Timestamp) -> bool {
    request.until.is_some_and(|until| until <= now)
}

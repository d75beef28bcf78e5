//! The notification of a rollout: what is deployed and why, how, and what follows.

use std::fmt::Write;

use lamplighter::model::Request;
use lamplighter::notify::{APPROVAL_CONDITION, Message, Offer, RELEASE_CONDITION};
use lamplighter::policy;
use lamplighter::release::approval::Approval;

use crate::candidate::Candidate;
use crate::change::Change;
use crate::change_messages::describe_registration;
use crate::revision_diff::describe_differences;
use crate::shift;

impl Candidate<'_> {
    /// Builds the notification; a warning if the time limit for snapshots passed without one.
    pub fn build_rollout_message(&self, title: String, snapshots: &[String]) -> Message {
        let message = match self.describe_missing_snapshots() {
            None => {
                let before = self.describe_pre_deployment();
                let snapshots = describe_snapshots(snapshots);
                Message::info(title).why(self.describe_rollout(&format!("{snapshots}{before}")))
            }
            Some(missing) => Message::warning(format!(
                "deploying {} without a snapshot, was {}",
                self.label(),
                self.running_label()
            ))
            .why(self.describe_rollout(&missing)),
        };
        message
            .action(self.describe_deployment())
            .next(self.describe_next())
            .offers(Offer::RollBack(self.image.digest.clone()))
            .fires(RELEASE_CONDITION)
            .clears(APPROVAL_CONDITION)
    }

    fn describe_rollout(&self, snapshots: &str) -> String {
        let superseded = self.describe_superseded();
        if let Some(change) = self.describe_template_change() {
            return format!("{change}{snapshots}");
        }
        if let Some(template) = self.find_other_base() {
            return format!(
                "The new revision is built on {}{}, which the service does not run.{superseded}{snapshots}",
                template.family_and_revision(),
                describe_registration(template)
            );
        }
        if let Some(request) = self.open_approval().and_then(|approval| approval.request) {
            return format!(
                "{} requested it ({}): {}.{superseded}{snapshots}",
                request.by, request.command, request.reason
            );
        }
        let not_blamed = &self.context.state.releases.not_blamed;
        if let Some(failed) = not_blamed.get(&self.image.digest) {
            return format!(
                "It is deployed again, because its environment failed it before: {}.{superseded}{snapshots}",
                failed.cause.describe()
            );
        }
        format!(
            "The service tracks {} in {}, and {} is its newest match.{superseded}{snapshots}",
            self.context.policy.deploy.follows, self.container.repository.name, self.image.tag
        )
    }

    /// Names the task that ran before the rollout, after another sentence.
    fn describe_pre_deployment(&self) -> String {
        let releases = &self.context.state.releases;
        let run = releases.pre_deployment.get(&self.image.digest);
        run.filter(|run| run.has_passed() && !self.is_expected())
            .map_or(String::new(), |run| {
                format!(" {} ran before it and exited with code 0.", run.family)
            })
    }

    /// Describes the rollout and the request that end with this rollout.
    fn describe_superseded(&self) -> String {
        let mut text = String::new();
        if self.service.has_rollout_in_progress() {
            text = format!(
                " It supersedes the rollout of {} that was in progress.",
                self.running_label()
            );
        }
        if let Some(request) = self.find_ended_request() {
            let _ = write!(
                text,
                " It ends the request of {} ({}), whose image was not released.",
                request.caller_name(),
                request.command
            );
        }
        text
    }

    /// Returns the request for another image that is open, or whose image is tried again. This rollout ends both.
    fn find_ended_request(&self) -> Option<Request> {
        let state = self.context.state;
        let current = state.releases.current.as_ref();
        let approval = Approval::find_requested(state)?;
        let is_done = match approval.digest(state) {
            Some(digest) => {
                let is_retried = state.releases.not_blamed.contains_key(digest);
                *digest == self.image.digest
                    || current == Some(digest)
                    || approval.is_used(digest, state) && !is_retried
            }
            None => state.requests.used.contains(&approval.key) || self.has_open_approval(),
        };
        // A rollout of what runs already supersedes no request.
        let repeats = current == Some(&self.image.digest);
        approval.request.filter(|_| !is_done && !repeats)
    }

    /// Describes the revision of a template that replaced the release: who registered it, and what it changed.
    fn describe_template_change(&self) -> Option<String> {
        if !self.is_expected() || self.find_change() != Some(Change::Template) {
            return None;
        }
        let revision = self.running.family_and_revision();
        let by = describe_registration(self.running);
        let released = self.observed.released.as_ref();
        let changes = released.map_or(String::new(), |released| {
            match describe_differences(released, self.running).as_str() {
                "" => " It changes nothing but the image.".to_owned(),
                changes => format!(" It changes {changes}."),
            }
        });
        Some(format!(
            "{revision}{by} replaced the release, and is taken for a template: its settings stay, its image does not.{changes}"
        ))
    }

    /// Describes how ECS or CodeDeploy performs the rollout, and what happens if it fails.
    fn describe_deployment(&self) -> String {
        if let Some(group) = self.deployment_group() {
            return format!(
                "CodeDeploy shifts traffic to it in the deployment group {}/{}.",
                group.application, group.group
            );
        }
        let revision = self.running.family_and_revision();
        let has_breaker =
            self.context.policy.deploy.breaker || self.service.circuit_breaker.rollback;
        if !self.is_rolling() {
            self.describe_traffic_shift()
        } else if has_breaker {
            format!(
                "ECS replaces the tasks, and its circuit breaker rolls back to {revision} if they don't start."
            )
        } else {
            format!(
                "ECS replaces the tasks; with breaker=off its circuit breaker does not roll back to {revision}."
            )
        }
    }

    fn describe_traffic_shift(&self) -> String {
        let how = match self.effective_strategy() {
            "CANARY" => "ECS gives it a small share of the traffic first, then all of it",
            "LINEAR" => "ECS shifts the traffic to it in equal steps",
            "BLUE_GREEN" => {
                "ECS starts it beside the old revision, then gives it all of the traffic"
            }
            _ => "ECS shifts traffic to it",
        };
        if shift::find_requested_shift(self.context.policy, self.service).is_some() {
            format!("{how}; Lamplighter evaluates each step and rolls back if one fails.")
        } else {
            format!("{how}.")
        }
    }

    fn describe_next(&self) -> String {
        let pauses = self.deployment_group().is_none()
            && !self.is_rolling()
            && shift::find_requested_shift(self.context.policy, self.service)
                .is_some_and(|shift| shift.pauses);
        if self.is_expected() {
            format!(
                "Nothing to do. To stay on another image, push it, or tag the service {} = paused.",
                policy::MANAGED
            )
        } else if pauses {
            format!(
                "To approve it after its test, tag the service {} = {}",
                policy::APPROVE,
                self.image.digest
            )
        } else {
            "Nothing to do.".to_owned()
        }
    }
}

/// Names the snapshots that were taken before a release, after another sentence; empty if there are none.
pub fn describe_snapshots(snapshots: &[String]) -> String {
    if snapshots.is_empty() {
        String::new()
    } else {
        format!(" Snapshot taken before it: {}.", snapshots.join(", "))
    }
}

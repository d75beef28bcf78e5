//! The verdict that an open hook waits for.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::Digest;
use lamplighter::notify::{Message, RELEASE_CONDITION};
use lamplighter::plan::{Action, HookStatus, RecordResult, ReleaseAction, ReleaseResult};
use lamplighter::policy::OnInconclusive;
use lamplighter::state::{PendingVerdict, REQUIRED_STREAK};

use crate::hook_plan::{RETRY_LATER_SECONDS, RETRY_SOON_SECONDS, postpone_hook, succeed_hook};
use crate::messages;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::sequential::{Comparison, ComparisonResult};

/// An open verdict, with all that it depends on.
pub struct OpenVerdict<'a> {
    pub context: TargetContext<'a, Policy>,
    pub observed: &'a Observed,
    pub pending: &'a PendingVerdict,
    pub now: Timestamp,
}

impl OpenVerdict<'_> {
    /// Returns the version for titles: the image's tag, if the image is known.
    pub fn version(&self) -> String {
        let image = self.observed.image.as_ref();
        image.map_or_else(|| "new revision".to_owned(), |(tag, _)| tag.clone())
    }

    /// Rejects a quarantined digest that someone deploys outside `lamplighter:deploy`. The active
    /// rollout is exempt, because it was approved.
    pub fn check_quarantine(&self) -> Option<Plan> {
        let (_, digest) = self.observed.image.as_ref()?;
        let releases = &self.context.state.releases;
        let reason = releases.quarantined.get(digest)?;
        let is_ours = releases
            .active_rollout
            .as_ref()
            .is_some_and(|active| active.digest == *digest);
        if is_ours {
            return None;
        }
        let message = messages::image_quarantined(&self.version(), digest, reason);
        Some(Plan::notify(message).with_hook_status(HookStatus::Failed))
    }

    /// Reports whether the time limit of this step has passed.
    fn is_late(&self) -> bool {
        let waited = self.now.duration_since(self.pending.step_since).as_secs();
        u64::try_from(waited).is_ok_and(|waited| waited >= self.context.policy.step)
    }

    /// Decides by the probes at `place`.
    pub fn check_probes(&self, place: &str) -> Plan {
        let streak = &self.pending.probe_streak;
        let version = self.version();
        let progress = format!(
            "{version} passed {} of {REQUIRED_STREAK} probes in a row at {place}",
            streak.successes
        );
        if streak.is_healthy() {
            succeed_hook(progress)
        } else if streak.is_unhealthy() {
            self.fail_release(
                messages::probes_failed(&version, place, streak),
                &format!("its probes failed at {place}"),
            )
        } else if streak.is_inconclusive() || self.is_late() {
            let unclear = self.context.policy.unclear;
            self.plan_inconclusive(messages::probes_inconclusive(
                &version, place, unclear, streak,
            ))
        } else {
            postpone_hook(progress, RETRY_SOON_SECONDS)
        }
    }

    /// Decides by the traffic of both revisions at `place`.
    pub fn check_comparison(&self, place: &str, comparison: &Comparison) -> Plan {
        let version = self.version();
        match comparison.current_result() {
            ComparisonResult::MoreErrors => self.fail_release(
                messages::more_errors(&version, place, comparison),
                &format!("it had more errors at {place}"),
            ),
            ComparisonResult::Slower => self.fail_release(
                messages::higher_latency(&version, place, comparison),
                &format!("it had a higher latency at {place}"),
            ),
            ComparisonResult::Unresponsive => self.fail_release(
                messages::unanswered_requests(&version, place, comparison),
                &format!("it did not respond at {place}"),
            ),
            ComparisonResult::NoWorse => succeed_hook(format!(
                "{version} is no worse at {place}: {}",
                messages::describe_counts(comparison)
            )),
            ComparisonResult::Inconclusive { minutes } => {
                self.await_evidence(place, comparison, minutes)
            }
        }
    }

    /// Waits for more traffic until the time limit of the step.
    fn await_evidence(&self, place: &str, comparison: &Comparison, minutes: Option<u32>) -> Plan {
        let version = self.version();
        if self.is_late() {
            let unclear = self.context.policy.unclear;
            return self.plan_inconclusive(messages::not_enough_evidence(
                &version, place, unclear, comparison, minutes,
            ));
        }
        let outlook = minutes
            .map(|minutes| format!("; about {minutes} min more at this rate"))
            .unwrap_or_default();
        postpone_hook(
            format!(
                "not enough evidence yet about {version} at {place}: {}{outlook}",
                messages::describe_counts(comparison)
            ),
            RETRY_LATER_SECONDS,
        )
    }

    /// Fails the hook, so that the deployment rolls back and the image is quarantined.
    fn fail_release(&self, message: Message, because: &str) -> Plan {
        // For CodeDeploy, no other notification reports the end of the release.
        let message = message.clears(RELEASE_CONDITION);
        let plan = match &self.observed.image {
            Some((tag, digest)) => self.plan_rejection(tag, digest, message, because),
            None => Plan::notify(
                message
                    .action("The deployment rolls back to the old revision.")
                    .next("Deploy another image.")
                    .deduplicated_by(self.step_subkey("failed")),
            ),
        };
        plan.with_hook_status(HookStatus::Failed)
    }

    /// Records the release as rejected, which quarantines its digest.
    fn plan_rejection(&self, tag: &str, digest: &Digest, message: Message, because: &str) -> Plan {
        let is_approval_used = self.context.state.is_approval_used(digest);
        let message = message
            .action(messages::describe_rejection(digest))
            .next(messages::describe_retry(digest, is_approval_used));
        let candidates_after = self.context.state.rollout_start(digest);
        let result = ReleaseResult::Rejected {
            reason: format!("{because} on {}", self.now.strftime("%F %H:%M UTC")),
        };
        let record = RecordResult {
            candidates_after,
            ..RecordResult::new(&self.context.target.arn, digest, tag, result)
        };
        Plan::single_step(
            Action::Release(ReleaseAction::RecordResult(record)),
            message.title.clone(),
            message,
        )
    }

    /// Lets the deployment proceed without a result, or fails it under `inconclusive=rollback`.
    pub fn plan_inconclusive(&self, message: Message) -> Plan {
        match self.context.policy.unclear {
            OnInconclusive::Rollback => self.fail_release(message, "it was inconclusive"),
            OnInconclusive::Keep => Plan::notify(
                messages::proceeding(message).deduplicated_by(self.step_subkey("unclear")),
            )
            .with_hook_status(HookStatus::Succeeded),
        }
    }

    /// Returns a deduplication key for this step of this deployment.
    fn step_subkey(&self, prefix: &str) -> String {
        format!("{prefix}:{}:{}", self.pending.deployment, self.pending.step)
    }
}

//! What the tags of a target say: its silence, its mode and the policy of the operation.

use jiff::Timestamp;

use crate::engine::messages::{
    invalid_silence_message, invalid_tag_message, unknown_tag_message, unmanaged_target_message,
};
use crate::engine::operation::Observe;
use crate::engine::reconciliation::Reconciliation;
use crate::model::Request;
use crate::notify::Outbox;
use crate::policy::{self, Managed, TagError};
use crate::ports::Executor;
use crate::ports::ledger::Ledger;

impl<Op: Observe<C, L>, C: Executor, L: Ledger, O: Outbox> Reconciliation<'_, Op, C, L, O> {
    pub(super) fn read_silence_tag(&mut self) {
        match policy::parse_silence(&self.target.tags) {
            Ok(until) => self.silence_tag = until.filter(|until| self.now < *until),
            Err(mistake) => {
                self.notify_once(invalid_silence_message(&mistake));
            }
        }
    }

    /// Returns the time until which the target is silenced: by its tag, by a request, or by one about its application or
    /// about everything.
    pub(super) fn silenced_until(&self) -> Option<Timestamp> {
        let app = policy::app_name(&self.target.tags);
        let own = &self.lease.state.requests;
        // Those of all targets are in its own state, and fresh.
        let of_all = (!self.target.arn.is_all_targets()).then_some(&self.pauses);
        let requested = of_all
            .into_iter()
            .chain([own])
            .filter_map(|requests| requests.find_silence(app, self.now)?.until)
            .max();
        self.silence_tag.max(requested)
    }

    /// Returns the pause of the target, of its application or of everything.
    fn find_pause(&self) -> Option<&Request> {
        if Op::IGNORES_PAUSES {
            return None;
        }
        let app = policy::app_name(&self.target.tags);
        self.pauses
            .find_pause(app, self.now)
            .or_else(|| self.lease.state.requests.find_pause(app, self.now))
    }

    pub(super) fn notify_unknown_tags(&mut self) {
        let target = self.target;
        for mistake in policy::find_unknown_tags(&target.tags) {
            self.notify_once(unknown_tag_message(&mistake));
        }
    }

    /// Returns the mode and the policy of the target.
    ///
    /// # Errors
    /// The reason why the operation does nothing with the target.
    pub(super) fn select_policy(&mut self) -> Result<(Managed, Op::Policy), String> {
        if !Op::ALWAYS_CLEANS_UP
            && let Some(pause) = self.find_pause()
        {
            return Err(pause.describe_pause());
        }
        let (managed, policy) = match self.read_tags() {
            Ok(Some(read)) => read,
            Ok(None) => {
                return Err(format!(
                    "not managed by {}: it has no tag for it",
                    Op::FUNCTION.name()
                ));
            }
            Err(mistake) => {
                self.notify_once(invalid_tag_message(&mistake));
                return Err(mistake.to_string());
            }
        };
        match managed {
            Managed::Paused => Err("paused by lamplighter:managed".to_owned()),
            Managed::No if !self.cleans_up_unmanaged() => {
                self.notify_once(unmanaged_target_message(self.find_own_tag()));
                Err("lamplighter:managed is missing".to_owned())
            }
            Managed::Act | Managed::Observe | Managed::No => {
                if let Some(mistake) = Op::find_mistake(&policy) {
                    self.notify_once(invalid_tag_message(mistake));
                }
                Ok((managed, policy))
            }
        }
    }

    fn read_tags(&self) -> Result<Option<(Managed, Op::Policy)>, TagError> {
        let op = self.run.op;
        let defaults = &self.engine.defaults;
        let managed = policy::parse_managed(&self.target.tags);
        let is_active = managed.as_ref().is_ok_and(|managed| managed.is_active())
            && self.find_pause().is_none();
        if Op::ALWAYS_CLEANS_UP && !is_active {
            return Ok(op
                .cleanup_policy(defaults)
                .map(|policy| (Managed::Act, policy)));
        }
        let managed = managed?;
        let policy = if managed == Managed::No && self.cleans_up_unmanaged() {
            op.cleanup_policy(defaults)
        } else {
            match op.parse_policy(&self.target.tags, defaults) {
                // Another operation notifies people about the invalid tag.
                Err(_) if Op::ALWAYS_CLEANS_UP => op.cleanup_policy(defaults),
                policy => policy?,
            }
        };
        Ok(policy.map(|policy| (managed, policy)))
    }

    /// Returns the tag that configures the operation, if it has one and the target carries it.
    fn find_own_tag(&self) -> Option<&'static str> {
        Op::FUNCTION
            .tag()
            .filter(|tag| self.target.tags.contains_key(*tag))
    }

    /// Reports whether the operation has something to clean up on a target that is no longer
    /// managed.
    fn cleans_up_unmanaged(&self) -> bool {
        Op::CLEANS_UP_UNMANAGED || self.lease.state.watched.contains(Op::FUNCTION.name())
    }
}

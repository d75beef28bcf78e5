//! What scaling leaves in the target state.

use jiff::{SignedDuration, Timestamp};

use crate::plan::{Action, ScalingAction, SetDesiredCount, SetMinCapacity};
use crate::state::scaling::{RaisedMinimum, Scaling, SetByOthers, Surge};
use crate::state::target::TargetState;

impl TargetState {
    pub(in crate::state) fn record_min_capacity(&mut self, floor: &SetMinCapacity) {
        let before = self
            .scaling
            .raised
            .map_or(floor.from, |raised| raised.before);
        self.scaling.raised = (!floor.restores).then_some(RaisedMinimum {
            before,
            to: floor.to,
        });
    }

    /// Drops what someone else has ended: a surge if the count has changed since, and a raised
    /// minimum if it has another value now. Also drops pending intents, which are decided again.
    pub fn prune_scaling(&mut self, desired: Option<u32>, minimum: Option<u32>, now: Timestamp) {
        if self.scaling.stopped_since.is_some() && desired.is_some_and(|desired| desired > 0) {
            self.scaling.stopped_since = None;
            self.scaling.started_by_others = Some(now);
        }
        let known = self.scaling.scalings.last().map(|scaling| scaling.to);
        // Application Auto Scaling sets the count of a service that has a minimum there.
        let by_others = desired.filter(|desired| known != Some(*desired) && minimum.is_none());
        self.scaling.set_by_others = by_others.map(|count| {
            let known = self.scaling.set_by_others;
            let same = known.filter(|known| known.count == count);
            same.unwrap_or(SetByOthers { count, since: now })
        });
        self.scaling.surge = self
            .scaling
            .surge
            .filter(|surge| desired == Some(surge.count));
        self.pending
            .retain(|pending| !matches!(pending.action, Action::Scaling(_)));
        self.scaling.raised = self
            .scaling
            .raised
            .filter(|raised| minimum == Some(raised.to));
    }

    /// Records that a scaling action has taken effect.
    pub(in crate::state) fn record_scaling_action(
        &mut self,
        action: &ScalingAction,
        at: Timestamp,
    ) {
        match action {
            ScalingAction::SetDesiredCount(scale) => self.record_scaling(scale, at),
            ScalingAction::SetMinCapacity(bound) => self.record_min_capacity(bound),
        }
    }

    /// Records that Lamplighter changed a desired count.
    pub(in crate::state) fn record_count(&mut self, from: u32, to: u32, at: Timestamp) {
        let scalings = &mut self.scaling.scalings;
        scalings.retain(|scaling| at.duration_since(scaling.at) <= SignedDuration::from_hours(1));
        scalings.push(Scaling { at, from, to });
    }

    pub(in crate::state) fn record_scaling(&mut self, scale: &SetDesiredCount, at: Timestamp) {
        self.record_count(scale.from, scale.to, at);
        self.scaling.stopped_since = (scale.to == 0).then_some(at);
        if scale.to == 0 {
            self.scaling.started_by_others = None;
        }
        let started = Surge {
            since: at,
            base: scale.base,
            peak: scale.to,
            count: scale.to,
            at,
            task_seconds: 0,
        };
        self.scaling.surge = match self.scaling.surge {
            Some(surge) if scale.to <= surge.base => None,
            Some(surge) => Some(Surge {
                count: scale.to,
                peak: surge.peak.max(scale.to),
                ..surge.advance_to(at)
            }),
            None => (scale.to > scale.base && scale.to > scale.from).then_some(started),
        };
    }
}

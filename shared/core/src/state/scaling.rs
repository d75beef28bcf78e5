//! What is remembered of a service's desired count.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Memory;
use crate::plan::{Action, Floor, Scale};

/// A change of the desired count that AWS took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    pub at: Timestamp,
    pub from: u32,
    pub to: u32,
}

/// The minimum of a scalable target while it is raised from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// What it was before.
    pub before: u32,
    /// What it was set to. Another value was set by somebody else, and is theirs.
    pub to: u32,
}

/// From the first step out until the count is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surge {
    pub since: Timestamp,
    /// The count before.
    pub base: u32,
    pub peak: u32,
    /// The count, and since when.
    pub count: u32,
    pub at: Timestamp,
    /// Tasks above the base × seconds, up to `at`.
    pub task_seconds: i64,
}

impl Surge {
    /// What it cost up to a time: tasks above the base × minutes.
    #[must_use]
    pub fn task_minutes(&self, now: Timestamp) -> i64 {
        self.until(now).task_seconds / 60
    }

    fn until(mut self, now: Timestamp) -> Self {
        let seconds = now.duration_since(self.at).as_secs().max(0);
        self.task_seconds += i64::from(self.count.saturating_sub(self.base)) * seconds;
        self.at = now;
        self
    }
}

impl Memory {
    pub(super) fn floored(&mut self, floor: &Floor) {
        let before = self.raised.map_or(floor.from, |raised| raised.before);
        self.raised = (!floor.restores).then_some(Raised {
            before,
            to: floor.to,
        });
    }

    /// Forgets what somebody else has ended: a surge where the count is not what was set last, and a raised
    /// minimum that is another one now. An intent that does not show by now is decided anew.
    pub fn forget_scaling(&mut self, desired: Option<u32>, minimum: Option<u32>) {
        self.surge = self.surge.filter(|surge| desired == Some(surge.count));
        self.pending
            .retain(|pending| !matches!(pending.action, Action::Scale(_) | Action::Floor(_)));
        self.raised = self.raised.filter(|raised| minimum == Some(raised.to));
    }

    pub(super) fn scaled(&mut self, scale: &Scale, at: Timestamp) {
        let recent =
            |scaling: &Scaling| at.duration_since(scaling.at) <= SignedDuration::from_hours(1);
        self.scalings.retain(recent);
        self.scalings.push(Scaling {
            at,
            from: scale.from,
            to: scale.to,
        });
        let begun = Surge {
            since: at,
            base: scale.base,
            peak: scale.to,
            count: scale.to,
            at,
            task_seconds: 0,
        };
        self.surge = match self.surge {
            Some(surge) if scale.to <= surge.base => None,
            Some(surge) => Some(Surge {
                count: scale.to,
                peak: surge.peak.max(scale.to),
                ..surge.until(at)
            }),
            None => (scale.to > scale.base && scale.to > scale.from).then_some(begun),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Arn;

    #[test]
    fn a_surge_counts_what_it_cost_and_ends_at_its_base() {
        let start: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
        let mut memory = Memory::default();
        for (minutes, from, to) in [(0, 2, 4), (10, 4, 8), (30, 8, 5)] {
            let action = Action::Scale(Scale {
                service: Arn::new("web"),
                from,
                to,
                base: 2,
            });
            memory.intend(
                "scale",
                &action,
                None,
                start + SignedDuration::from_mins(minutes),
            );
            memory.finish(&action, "");
        }
        let surge = memory.surge.unwrap();
        assert_eq!((surge.base, surge.peak, surge.count), (2, 8, 5));
        // 2 tasks more for 10 minutes, 6 for 20, 3 for 5.
        assert_eq!(
            surge.task_minutes(start + SignedDuration::from_mins(35)),
            20 + 120 + 15
        );
        memory.scaled(
            &Scale {
                service: Arn::new("web"),
                from: 5,
                to: 2,
                base: 2,
            },
            start + SignedDuration::from_mins(35),
        );
        assert_eq!(memory.surge, None);
        assert_eq!(memory.scalings.len(), 4);
    }
}

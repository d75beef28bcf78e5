//! What Lamplighter changed about a target within a time, for messages that ask what changed before a problem.

use jiff::Timestamp;

use crate::model::{Digest, pluralize};
use crate::state::attempt::Attempt;
use crate::state::target::TargetState;

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimelineEntry {
    pub at: Timestamp,
    /// The change as a phrase: `release of RC_1.4.2`.
    pub what: String,
}

impl TargetState {
    /// Lists the releases, restarts, scalings and healing steps from `since` until `until`, oldest first.
    #[must_use]
    pub fn list_timeline(&self, since: Timestamp, until: Timestamp) -> Vec<TimelineEntry> {
        let releases = self.releases.attempts.iter().map(|attempt| TimelineEntry {
            at: attempt.at,
            what: describe_attempt(attempt),
        });
        let verified = self.releases.verified.iter().map(|verified| TimelineEntry {
            at: verified.at,
            what: format!("{} verified", verified.tag),
        });
        let scalings = self.scaling.scalings.iter().map(|scaling| TimelineEntry {
            at: scaling.at,
            what: format!(
                "scaled from {} to {}",
                scaling.from,
                pluralize(usize::try_from(scaling.to).unwrap_or_default(), "task")
            ),
        });
        let steps = self.health.incident.iter().flat_map(|incident| {
            incident.steps.iter().map(|step| TimelineEntry {
                at: step.at,
                what: format!("Lamplighter healed: {}", step.what),
            })
        });
        let mut entries: Vec<TimelineEntry> = releases
            .chain(verified)
            .chain(scalings)
            .chain(steps)
            .filter(|entry| (since..=until).contains(&entry.at))
            .collect();
        entries.sort();
        entries
    }

    /// Returns the image whose release was the last change of the tasks from `since` until `until`; `None` if they were
    /// restarted after it.
    #[must_use]
    pub fn find_deployed_image(&self, since: Timestamp, until: Timestamp) -> Option<Digest> {
        let attempts = self.releases.attempts.iter();
        attempts
            .filter(|attempt| (since..=until).contains(&attempt.at))
            .max_by_key(|attempt| attempt.at)
            .and_then(|attempt| attempt.digest.clone())
    }
}

fn describe_attempt(attempt: &Attempt) -> String {
    match (&attempt.tag, &attempt.digest) {
        (Some(tag), _) => format!("release of {tag}"),
        (None, Some(digest)) => format!("release of {digest}"),
        (None, None) => "tasks restarted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::state::Scaling;

    #[test]
    fn the_timeline_has_what_lies_within_its_time_in_order() {
        let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let ago = |minutes| now - SignedDuration::from_mins(minutes);
        let mut state = TargetState::default();
        let release = |minutes, tag: &str| Attempt {
            tag: Some(tag.to_owned()),
            ..Attempt::at(ago(minutes))
        };
        state.releases.attempts = vec![release(90, "RC_1.0.0"), release(20, "RC_1.1.0")];
        state.scaling.scalings = vec![Scaling {
            at: ago(25),
            from: 2,
            to: 4,
        }];
        let listed = state.list_timeline(ago(30), now);
        let texts: Vec<&str> = listed.iter().map(|entry| entry.what.as_str()).collect();
        assert_eq!(texts, ["scaled from 2 to 4 tasks", "release of RC_1.1.0"]);
    }
}

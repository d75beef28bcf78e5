//! The releases of the period and their results.

use jiff::Timestamp;
use lamplighter::model::Arn;
use lamplighter::plan::{Action, ReleaseAction, Rollout};
use lamplighter::state::TargetState;
use lamplighter::status::ReleaseResult;

use crate::inputs::ReportInputs;
use crate::report::actions::list_completed_actions;

/// A release of an image in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSummary {
    pub name: String,
    pub tag: String,
    /// The shortened image digest: `sha256:ab12cd34`.
    pub digest: String,
    pub at: Timestamp,
    pub result: ReleaseResult,
}

pub fn list_releases(inputs: &ReportInputs) -> Vec<ReleaseSummary> {
    list_completed_actions(&inputs.records)
        .filter_map(|(at, action)| match action {
            Action::Release(ReleaseAction::Rollout(rollout)) => {
                Some(summarize_release(inputs, rollout, at))
            }
            Action::Release(_)
            | Action::Scaling(_)
            | Action::Monitoring(_)
            | Action::Backup(_)
            | Action::Drill(_)
            | Action::Log(_)
            | Action::Healing(_)
            | Action::Request(_) => None,
        })
        .collect()
}

fn summarize_release(inputs: &ReportInputs, rollout: &Rollout, at: Timestamp) -> ReleaseSummary {
    let state = find_state(inputs, &rollout.service);
    ReleaseSummary {
        name: rollout.service.display_name(),
        tag: rollout.tag.clone(),
        digest: rollout.digest.short_digest(),
        at,
        result: state.map_or(ReleaseResult::NotVerified, |state| {
            ReleaseResult::of_release(&state.releases, &rollout.digest, at)
        }),
    }
}

fn find_state<'a>(inputs: &'a ReportInputs, service: &Arn) -> Option<&'a TargetState> {
    inputs
        .services
        .iter()
        .find(|(tagged, _)| tagged.arn == *service)
        .map(|(_, state)| state)
}

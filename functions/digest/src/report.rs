//! Computes the daily report from its inputs. No I/O, no clock.

mod actions;
mod findings;
mod incidents;
mod notes;
mod orphans;
mod releases;
mod scaling;
mod spending;
mod statuses;

use jiff::Timestamp;
use lamplighter::model::Tagged;
use lamplighter::policy::{MANAGED, StackDefaults};
use lamplighter::state::TargetState;
use lamplighter::status::{BackupStatus, OtherIncident, TargetMode, TargetStatus};

use crate::inputs::ReportInputs;
use crate::window::Window;
use findings::group_findings;
use incidents::list_incidents;
use notes::{list_expiring, list_notes};
use orphans::list_orphans;
use releases::list_releases;
use scaling::summarize_scaling;
use spending::{stack_cost, summarize_spending};
pub(crate) use statuses::{assess_targets, list_other_incidents};

pub use findings::FindingGroup;
pub use incidents::IncidentSummary;
pub use notes::{Entry, list_wide_requests};
pub use orphans::OrphanedBackups;
pub use releases::ReleaseSummary;
pub use scaling::{ScalingSummary, TimeAtMaximum};
pub use spending::{Money, Spending};

/// The content of a daily report.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyReport {
    pub window: Window,
    pub now: Timestamp,
    /// The number of managed services and databases.
    pub services: usize,
    pub databases: usize,
    /// The status of each target, the worst first.
    pub statuses: Vec<TargetStatus>,
    /// Open incidents about something that is no target.
    pub other_incidents: Vec<OtherIncident>,
    pub releases: Vec<ReleaseSummary>,
    pub scaling: Vec<ScalingSummary>,
    pub incidents: Vec<IncidentSummary>,
    /// Pauses and silences.
    pub notes: Vec<Entry>,
    /// Certificates and silences that end soon.
    pub expiring: Vec<Entry>,
    pub findings: Vec<FindingGroup>,
    /// Backups whose database is gone or no longer tagged.
    pub orphans: Vec<OrphanedBackups>,
    /// Costs by application; the error code if they are not available, `None` if they are disabled.
    pub costs: Option<Result<Vec<Spending>, String>>,
    /// The cost of the stack itself on the last day.
    pub own_cost: Option<Money>,
}

impl DailyReport {
    #[must_use]
    pub fn from_inputs(
        inputs: &ReportInputs,
        window: &Window,
        now: Timestamp,
        defaults: &StackDefaults,
    ) -> Self {
        let statuses = assess_targets(inputs, now, defaults);
        let targets = inputs
            .services
            .iter()
            .chain(&inputs.databases)
            .chain(&inputs.log_groups);
        let notes = targets.flat_map(|(tagged, state)| list_notes(tagged, state, now));
        Self {
            window: window.clone(),
            now,
            services: count_managed(&inputs.services),
            databases: count_managed(&inputs.databases),
            other_incidents: list_other_incidents(inputs, &statuses),
            releases: list_releases(inputs),
            scaling: summarize_scaling(inputs, window, now, defaults),
            incidents: list_incidents(inputs, window),
            notes: list_wide_requests(&inputs.requests, now)
                .chain(notes)
                .collect(),
            expiring: list_expiring(inputs, now),
            findings: group_findings(&statuses),
            orphans: list_orphans(inputs, &defaults.stack),
            statuses,
            costs: inputs
                .costs
                .as_ref()
                .map(|costs| costs.as_ref().map(summarize_spending).map_err(Clone::clone)),
            own_cost: inputs
                .costs
                .as_ref()
                .and_then(|costs| stack_cost(costs.as_ref().ok()?)),
        }
    }

    /// Returns the targets that a person should look at, the worst first.
    pub fn attention(&self) -> impl Iterator<Item = &TargetStatus> {
        let statuses = self.statuses.iter();
        statuses.filter(|status| status.condition.needs_attention())
    }

    /// Reports whether the report has nothing that an operator must know.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let nothing_done =
            self.releases.is_empty() && self.scaling.is_empty() && self.incidents.is_empty();
        nothing_done
            && self.attention().next().is_none()
            && self.notes.is_empty()
            && self.expiring.is_empty()
            && self.findings.is_empty()
    }

    /// Returns the backups of each managed database, by its name.
    pub fn list_backups(&self) -> impl Iterator<Item = (&str, &BackupStatus)> {
        let managed = self
            .statuses
            .iter()
            .filter(|status| status.mode != TargetMode::NotManaged);
        managed.filter_map(|status| Some((status.name.as_str(), status.backups.as_ref()?)))
    }

    /// Returns the database with the oldest recovery point; one without a recovery point comes
    /// first.
    #[must_use]
    pub fn oldest_recovery_point(&self) -> Option<(&str, &BackupStatus)> {
        self.list_backups()
            .min_by_key(|(_, backups)| backups.recovery_point)
    }
}

fn count_managed(targets: &[(Tagged, TargetState)]) -> usize {
    let managed = targets
        .iter()
        .filter(|(tagged, _)| tagged.tags.contains_key(MANAGED));
    managed.count()
}

//! Computes the daily report from its inputs. No I/O, no clock.

mod actions;
mod backups;
mod holds;
mod incidents;
mod releases;
mod scaling;
mod spending;

use jiff::Timestamp;
use lamplighter::model::Tagged;
use lamplighter::policy::StackDefaults;
use lamplighter::state::TargetState;

use crate::inputs::ReportInputs;
use crate::window::Window;
use backups::summarize_backups;
use holds::{list_expiring, list_holds, list_wide_pauses};
use incidents::list_incidents;
use releases::list_releases;
use scaling::summarize_scaling;
use spending::{stack_cost, summarize_spending};

pub use backups::BackupStatus;
pub use holds::Entry;
pub use incidents::IncidentSummary;
pub use releases::{ReleaseStatus, ReleaseSummary};
pub use scaling::{ScalingSummary, TimeAtMaximum};
pub use spending::{Money, Spending};

/// The content of a daily report.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyReport {
    pub window: Window,
    pub now: Timestamp,
    pub services: usize,
    pub databases: usize,
    pub releases: Vec<ReleaseSummary>,
    pub scaling: Vec<ScalingSummary>,
    pub backups: Vec<BackupStatus>,
    pub incidents: Vec<IncidentSummary>,
    /// Targets that are paused, held, silenced, frozen or quarantined.
    pub held: Vec<Entry>,
    /// Certificates and silences that end soon.
    pub expiring: Vec<Entry>,
    /// Findings that are open.
    pub findings: Vec<Entry>,
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
        let targets: Vec<&(Tagged, TargetState)> =
            inputs.services.iter().chain(&inputs.databases).collect();
        Self {
            window: window.clone(),
            now,
            services: inputs.services.len(),
            databases: inputs.databases.len(),
            releases: list_releases(inputs),
            scaling: summarize_scaling(inputs, window, now, defaults),
            backups: inputs
                .databases
                .iter()
                .map(|(tagged, state)| summarize_backups(inputs, tagged, state))
                .collect(),
            incidents: list_incidents(inputs),
            held: list_wide_pauses(&inputs.requests, now)
                .chain(
                    targets
                        .iter()
                        .flat_map(|(tagged, state)| list_holds(tagged, state, now)),
                )
                .collect(),
            expiring: list_expiring(inputs, now),
            findings: targets
                .iter()
                .flat_map(|(tagged, state)| {
                    state
                        .findings
                        .values()
                        .map(|title| Entry::new(tagged, title.clone()))
                })
                .collect(),
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

    /// Reports whether the report has nothing that an operator must know.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let nothing_done =
            self.releases.is_empty() && self.scaling.is_empty() && self.incidents.is_empty();
        nothing_done && self.held.is_empty() && self.expiring.is_empty() && self.findings.is_empty()
    }

    /// Returns the database with the oldest recovery point; one without a recovery point comes
    /// first.
    #[must_use]
    pub fn oldest_recovery_point(&self) -> Option<&BackupStatus> {
        self.backups
            .iter()
            .min_by_key(|backups| backups.recovery_point)
    }
}

//! Reads the inputs of a daily report from AWS and the ledger.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lamplighter::AwsError;
use lamplighter::model::{Arn, Database, Service, Snapshot, Tagged};
use lamplighter::notify::incident::Incident;
use lamplighter::policy::{APP, BACKUP, DEPLOY, LOGS, MANAGED, StackDefaults};
use lamplighter::ports::costs::DailyCost;
use lamplighter::ports::ledger::{JournalReader, Record};
use lamplighter::ports::{ResourceKind, SnapshotFilter};
use lamplighter::state::{RequestState, TargetState};

use crate::reads::Reads;
use crate::window::Window;

/// All that a report is computed from.
#[derive(Debug, Clone, Default)]
pub struct ReportInputs {
    /// The journal records of the period.
    pub records: Vec<Record>,
    pub incidents: Vec<Incident>,
    /// The services, databases and log groups with our tags, each with its target state.
    pub services: Vec<(Tagged, TargetState)>,
    pub databases: Vec<(Tagged, TargetState)>,
    pub log_groups: Vec<(Tagged, TargetState)>,
    /// The pauses of applications and of everything.
    pub requests: RequestState,
    /// The services and databases as AWS describes them, and all snapshots.
    pub described_services: Vec<Service>,
    pub described: Vec<Database>,
    pub snapshots: Vec<Snapshot>,
    /// The costs per application and of the stack before the end of the period; the error code if
    /// they are not available, `None` if they are disabled.
    pub costs: Option<Result<Costs, String>>,
}

/// Eight days of costs: the last day and the seven before it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Costs {
    pub last: Date,
    pub by_app: Vec<DailyCost>,
    pub own: Vec<DailyCost>,
}

/// The tag with which CloudFormation marks the resources of a stack.
const STACK_TAG: &str = "aws:cloudformation:stack-name";

impl ReportInputs {
    /// Reads all inputs of a report.
    ///
    /// # Errors
    /// [`AwsError`] of the first input that cannot be read: a report with gaps would mislead.
    pub async fn read_all<C: Reads, L: JournalReader, M: lamplighter::ports::costs::Costs>(
        (cloud, ledger, costs): (&C, &L, &M),
        window: &Window,
        now: Timestamp,
        defaults: &StackDefaults,
    ) -> Result<Self, AwsError> {
        let present = Self::read_present((cloud, ledger), window.from, now, defaults).await?;
        Ok(Self {
            records: ledger.list_records(window.from, window.to.min(now)).await?,
            costs: if defaults.costs {
                Some(read_costs(costs, &defaults.stack, window.to.min(now)).await)
            } else {
                None
            },
            ..present
        })
    }

    /// Reads what holds now, and the incidents that opened since a time or are still open. No journal and no costs.
    ///
    /// # Errors
    /// [`AwsError`] of the first input that cannot be read.
    pub async fn read_present<C: Reads, L: JournalReader>(
        (cloud, ledger): (&C, &L),
        since: Timestamp,
        now: Timestamp,
        defaults: &StackDefaults,
    ) -> Result<Self, AwsError> {
        let services = read_targets(cloud, ledger, ResourceKind::Service, DEPLOY).await?;
        let databases = read_targets(cloud, ledger, ResourceKind::DatabaseOrCache, BACKUP).await?;
        let log_groups = read_targets(cloud, ledger, ResourceKind::LogGroup, LOGS).await?;
        let service_arns = list_arns(&services);
        let described_services = if service_arns.is_empty() {
            Vec::new()
        } else {
            cloud.describe_services(&service_arns).await?
        };
        let (caches, instances): (Vec<Arn>, Vec<Arn>) =
            list_arns(&databases).into_iter().partition(Arn::is_cache);
        let mut described = Vec::new();
        let mut snapshots = Vec::new();
        if !instances.is_empty() {
            described.extend(cloud.describe_databases(&instances).await?);
        }
        // Also without a database: the backups of a deleted one are left.
        snapshots.extend(cloud.list_snapshots(None, SnapshotFilter::All).await?);
        if !caches.is_empty() {
            described.extend(cloud.describe_caches(&caches).await?);
            snapshots.extend(cloud.list_cache_snapshots(SnapshotFilter::All).await?);
        }
        Ok(Self {
            // The status is that of now, whatever the period.
            incidents: ledger.list_incidents(since, now).await?,
            services,
            databases,
            log_groups,
            requests: ledger
                .read_state(&Arn::new(&defaults.topic).all_targets())
                .await?
                .requests,
            described_services,
            described,
            snapshots,
            ..Self::default()
        })
    }
}

/// Reads the costs of the eight days before `end`. Costs are optional: without them the report says
/// so.
///
/// # Errors
/// The error code of Cost Explorer.
async fn read_costs<M: lamplighter::ports::costs::Costs>(
    costs: &M,
    stack: &str,
    end: Timestamp,
) -> Result<Costs, String> {
    let today = end.to_zoned(TimeZone::UTC).date();
    let from = today.saturating_sub(8.days());
    let by_app = costs
        .list_costs(APP, None, from, today)
        .await
        .map_err(|error| error.code)?;
    let own = costs
        .list_costs(STACK_TAG, Some(stack), from, today)
        .await
        .map_err(|error| error.code)?;
    Ok(Costs {
        last: today.saturating_sub(1.day()),
        by_app,
        own,
    })
}

/// Lists the resources of a kind that are managed, or that have another tag of ours, with their target states. Sorted by
/// display name.
async fn read_targets<C: Reads, L: JournalReader>(
    cloud: &C,
    ledger: &L,
    kind: ResourceKind,
    other_tag: &str,
) -> Result<Vec<(Tagged, TargetState)>, AwsError> {
    let mut all = cloud.list_tagged(kind, MANAGED).await?;
    let others = cloud.list_tagged(kind, other_tag).await?;
    all.extend(
        others
            .into_iter()
            .filter(|tagged| !tagged.tags.contains_key(MANAGED)),
    );
    let mut targets = Vec::new();
    for tagged in all {
        let state = ledger.read_state(&tagged.arn).await?;
        targets.push((tagged, state));
    }
    targets.sort_by_key(|(tagged, _)| tagged.arn.display_name());
    Ok(targets)
}

fn list_arns(targets: &[(Tagged, TargetState)]) -> Vec<Arn> {
    let arns = targets.iter().map(|(tagged, _)| tagged.arn.clone());
    arns.collect()
}

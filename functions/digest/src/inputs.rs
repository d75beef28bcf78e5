//! Reads the inputs of a daily report from AWS and the ledger.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lamplighter::AwsError;
use lamplighter::model::{Arn, Database, Service, Snapshot, Tagged};
use lamplighter::notify::incident::Incident;
use lamplighter::policy::{self, APP, BACKUP, DEPLOY, LOGS, MANAGED, StackDefaults};
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

/// The resources that have tags of ours.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    pub services: Vec<Tagged>,
    pub databases: Vec<Tagged>,
    pub log_groups: Vec<Tagged>,
    /// Snapshots are read as well.
    pub needs_snapshots: bool,
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
        let targets = Targets::list(cloud).await?;
        let present =
            Self::read_present((cloud, ledger), targets, window.from, now, defaults).await?;
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

    /// Reads what holds now about some targets, and the incidents that opened since a time or are still open. No journal and
    /// no costs.
    ///
    /// # Errors
    /// [`AwsError`] of the first input that cannot be read.
    pub async fn read_present<C: Reads, L: JournalReader>(
        (cloud, ledger): (&C, &L),
        targets: Targets,
        since: Timestamp,
        now: Timestamp,
        defaults: &StackDefaults,
    ) -> Result<Self, AwsError> {
        let needs_snapshots = targets.needs_snapshots;
        let services = read_states(ledger, targets.services).await?;
        let databases = read_states(ledger, targets.databases).await?;
        let log_groups = read_states(ledger, targets.log_groups).await?;
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
        if needs_snapshots {
            snapshots.extend(cloud.list_snapshots(None, SnapshotFilter::All).await?);
        }
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

impl Targets {
    /// Lists the resources that are managed, or that have another tag of ours.
    ///
    /// # Errors
    /// [`AwsError`] if the tags can't be read.
    pub async fn list<C: Reads>(cloud: &C) -> Result<Self, AwsError> {
        Ok(Self {
            services: list_kind(cloud, ResourceKind::Service, DEPLOY).await?,
            databases: list_kind(cloud, ResourceKind::DatabaseOrCache, BACKUP).await?,
            log_groups: list_kind(cloud, ResourceKind::LogGroup, LOGS).await?,
            // Also without a database: the backups of a deleted one are left.
            needs_snapshots: true,
        })
    }

    /// Returns the only target with this name or ARN, alone.
    ///
    /// # Errors
    /// Why there is none, with the name that may be meant.
    pub fn select(self, name: &str) -> Result<(Tagged, Self), String> {
        let all = [&self.services[..], &self.databases, &self.log_groups].concat();
        let target = policy::find_target(name, &all)?.clone();
        let databases = keep_only(self.databases, &target.arn);
        let selected = Self {
            services: keep_only(self.services, &target.arn),
            needs_snapshots: !databases.is_empty(),
            databases,
            log_groups: keep_only(self.log_groups, &target.arn),
        };
        Ok((target, selected))
    }
}

fn keep_only(mut targets: Vec<Tagged>, arn: &Arn) -> Vec<Tagged> {
    targets.retain(|tagged| tagged.arn == *arn);
    targets
}

/// Lists the resources of a kind that are managed, or that have another tag of ours. Sorted by display name.
async fn list_kind<C: Reads>(
    cloud: &C,
    kind: ResourceKind,
    other_tag: &str,
) -> Result<Vec<Tagged>, AwsError> {
    let mut all = cloud.list_tagged(kind, MANAGED).await?;
    let others = cloud.list_tagged(kind, other_tag).await?;
    all.extend(
        others
            .into_iter()
            .filter(|tagged| !tagged.tags.contains_key(MANAGED)),
    );
    all.sort_by_key(|tagged| tagged.arn.display_name());
    Ok(all)
}

async fn read_states<L: JournalReader>(
    ledger: &L,
    targets: Vec<Tagged>,
) -> Result<Vec<(Tagged, TargetState)>, AwsError> {
    let mut read = Vec::new();
    for tagged in targets {
        let state = ledger.read_state(&tagged.arn).await?;
        read.push((tagged, state));
    }
    Ok(read)
}

fn list_arns(targets: &[(Tagged, TargetState)]) -> Vec<Arn> {
    let arns = targets.iter().map(|(tagged, _)| tagged.arn.clone());
    arns.collect()
}

//! `snapshot=yes`: backs up the application's databases before a rollout. Pure.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{
    Database, SNAPSHOT_READY_STATUSES, Snapshot, build_snapshot_name, build_snapshot_tags,
};
use lamplighter::plan::{Action, BackupAction, CreateSnapshot, Step};
use lamplighter::state::PreDeploymentResult;
use lamplighter::{Function, Plan};

use crate::candidate::Candidate;
use crate::messages;
use crate::observed::DatabaseSnapshots;

/// Tolerated difference between AWS's clock and ours; AWS reports whole seconds.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

impl Candidate<'_> {
    /// Returns the plan that holds the image until snapshots exist; `None` if all are usable or the
    /// time limit has passed.
    pub fn check_snapshots(&self) -> Option<Plan> {
        if !self.context.policy.deploy.snapshot {
            return None;
        }
        if self.observed.databases.is_empty() {
            return Some(Plan::notify(messages::no_database(self.image)));
        }
        let missing = self.databases_without_snapshot();
        if missing.is_empty() || self.has_waited_enough() {
            return None;
        }
        let databases = self.describe_databases(&missing);
        Some(Plan {
            steps: self.build_backup_steps(&missing),
            messages: vec![messages::waits_for_snapshot(
                self.image,
                &databases,
                self.context.policy.deploy.snapshot_limit,
            )],
            waits_for: Some(self.wait_key()),
            ..Plan::nothing(format!("{} is held: {databases}", self.label()))
        })
    }

    /// Returns the key under which the target state tracks the wait for snapshots.
    fn wait_key(&self) -> String {
        format!("snapshots before {}", self.image.digest)
    }

    /// Returns when the image began to wait for snapshots, or `now` if it has not waited yet. Those that were taken before
    /// its pre-deployment task stay usable.
    pub fn wait_start(&self) -> Timestamp {
        let state = self.context.state;
        let run = state.releases.pre_deployment.get(&self.image.digest);
        let before_task = run
            .filter(|run| run.result != Some(PreDeploymentResult::Failed))
            .map(|run| run.snapshots_since);
        before_task
            .or_else(|| state.waiting_since(Function::Deploy.name(), &self.wait_key()))
            .unwrap_or(self.now)
    }

    fn has_waited_enough(&self) -> bool {
        let limit = i64::try_from(self.context.policy.deploy.snapshot_limit).unwrap_or(i64::MAX);
        self.now.duration_since(self.wait_start()) >= SignedDuration::from_secs(limit)
    }

    /// Builds a backup for each database that has none in progress and can be backed up now.
    fn build_backup_steps(&self, missing: &[&DatabaseSnapshots]) -> Vec<Step> {
        missing
            .iter()
            .filter(|entry| self.snapshots_since_wait(entry).next().is_none())
            .filter(|entry| is_ready(&entry.database))
            .map(|entry| self.build_backup_step(&entry.database))
            .collect()
    }

    fn build_backup_step(&self, database: &Database) -> Step {
        let hex = self
            .image
            .digest
            .as_str()
            .rsplit(':')
            .next()
            .unwrap_or_default();
        let short: String = hex.chars().take(8).collect();
        // The time comes first, so that names sort chronologically.
        let purpose = format!(
            "{}-before-{short}",
            self.wait_start().strftime("%Y%m%d-%H%M")
        );
        let action = Action::Backup(BackupAction::CreateSnapshot(CreateSnapshot {
            database: database.arn.clone(),
            node: database.snapshot_node.clone(),
            identifier: build_snapshot_name(&database.arn, &purpose),
            tags: build_snapshot_tags(database, &self.context.policy.stack, &purpose, "rollout"),
        }));
        Step {
            action,
            reason: format!("before {} is deployed", self.label()),
            message: None,
        }
    }

    /// Returns Lamplighter's snapshots of a database since the wait began, except failed ones.
    fn snapshots_since_wait<'b>(
        &self,
        entry: &'b DatabaseSnapshots,
    ) -> impl Iterator<Item = &'b Snapshot> {
        let since = self.wait_start();
        let database = &entry.database;
        let stack = self.context.policy.stack.clone();
        entry.snapshots.iter().filter(move |snapshot| {
            let ours = snapshot.is_taken_by(&stack, database);
            ours && snapshot.status != "failed"
                && snapshot.taken_at.is_none_or(|at| at + CLOCK_SKEW >= since)
        })
    }

    fn has_usable_snapshot(&self, entry: &DatabaseSnapshots) -> bool {
        self.snapshots_since_wait(entry)
            .any(Snapshot::is_restorable)
    }

    /// Returns the databases without a usable snapshot.
    fn databases_without_snapshot(&self) -> Vec<&DatabaseSnapshots> {
        self.observed
            .databases
            .iter()
            .filter(|entry| !self.has_usable_snapshot(entry))
            .collect()
    }

    /// Formats the state of each database: `orders is modifying, carts has no snapshot yet`.
    fn describe_databases(&self, missing: &[&DatabaseSnapshots]) -> String {
        missing
            .iter()
            .map(|entry| self.describe_database(entry))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn describe_database(&self, entry: &DatabaseSnapshots) -> String {
        let database = &entry.database;
        match self.snapshots_since_wait(entry).next() {
            Some(snapshot) => format!("{} is {}", snapshot.identifier, snapshot.status),
            None if is_ready(database) => format!("{} has no snapshot yet", database.identifier),
            None => format!("{} is {}", database.identifier, database.status),
        }
    }

    /// Returns the identifiers of the usable snapshots taken before this rollout.
    pub fn usable_snapshots(&self) -> Vec<String> {
        self.observed
            .databases
            .iter()
            .filter_map(|entry| self.newest_usable_snapshot(entry))
            .map(|snapshot| snapshot.identifier.clone())
            .collect()
    }

    fn newest_usable_snapshot<'b>(&self, entry: &'b DatabaseSnapshots) -> Option<&'b Snapshot> {
        self.snapshots_since_wait(entry)
            .filter(|snapshot| snapshot.is_restorable())
            .max_by_key(|snapshot| snapshot.taken_at)
    }

    /// Describes the missing snapshots of a rollout that starts after the time limit; `None` if
    /// there are none.
    pub fn describe_missing_snapshots(&self) -> Option<String> {
        let missing = self.databases_without_snapshot();
        if !self.context.policy.deploy.snapshot || missing.is_empty() {
            return None;
        }
        Some(format!(
            " Its snapshot-limit= passed without a usable snapshot: {}. Find out why before you migrate data.",
            self.describe_databases(&missing)
        ))
    }
}

/// Reports whether RDS accepts a request for a snapshot now.
fn is_ready(database: &Database) -> bool {
    SNAPSHOT_READY_STATUSES.contains(&database.status.as_str())
}

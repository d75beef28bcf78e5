//! `snapshot=yes`: backs up the application's databases before a rollout. Pure.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::model::{
    Database, Digest, SNAPSHOT_READY_STATUSES, Snapshot, build_snapshot_name, build_snapshot_tags,
};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, BackupAction, CreateSnapshot, Step};
use lamplighter::policy::{APP, BACKUP, MANAGED};
use lamplighter::{Operation, Plan};

use crate::decide::Candidate;
use crate::observation::DatabaseSnapshots;
use crate::{Deploy, Policy};

/// Tolerated difference between AWS's clock and ours; AWS reports whole seconds.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// Returns the key under which the target state tracks the wait for snapshots.
fn wait_key(digest: &Digest) -> String {
    format!("snapshots before {digest}")
}

/// Returns when the image began to wait for snapshots, or `now` if it has not waited yet.
fn find_wait_start(
    context: TargetContext<'_, Policy>,
    digest: &Digest,
    now: Timestamp,
) -> Timestamp {
    context
        .state
        .waiting_since(Deploy::FUNCTION.name(), &wait_key(digest))
        .unwrap_or(now)
}

impl Candidate<'_> {
    /// Returns the plan that holds the image until snapshots exist; `None` if all are usable or the
    /// time limit has passed.
    pub fn check_snapshots(&self) -> Option<Plan> {
        if !self.context.policy.deploy.snapshot {
            return None;
        }
        if self.observed.databases.is_empty() {
            return Some(Plan::notify(self.build_no_database_message()));
        }
        let missing = self.databases_without_snapshot();
        let limit = i64::try_from(self.context.policy.deploy.snapshot_limit).unwrap_or(i64::MAX);
        let waited = self.now.duration_since(self.wait_start());
        if missing.is_empty() || waited >= SignedDuration::from_secs(limit) {
            return None;
        }
        let steps = missing
            .iter()
            .filter(|before| self.snapshots_since_wait(before).next().is_none());
        let ready = steps
            .filter(|before| SNAPSHOT_READY_STATUSES.contains(&before.database.status.as_str()));
        let steps: Vec<Step> = ready
            .map(|before| self.build_backup_step(&before.database))
            .collect();
        let names = self.describe_databases(&missing);
        let reason = format!("{} waits: {names}", self.label());
        let waits_for = Some(wait_key(&self.image.digest));
        Some(Plan {
            reason,
            steps,
            messages: vec![self.build_wait_message(&names)],
            waits_for,
            ..Plan::nothing("")
        })
    }

    fn wait_start(&self) -> Timestamp {
        find_wait_start(self.context, &self.image.digest, self.now)
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
        let what_for = format!(
            "{}-before-{short}",
            self.wait_start().strftime("%Y%m%d-%H%M")
        );
        let action = Action::Backup(BackupAction::CreateSnapshot(CreateSnapshot {
            database: database.arn.clone(),
            identifier: build_snapshot_name(&database.arn, &what_for),
            tags: build_snapshot_tags(database, &self.context.policy.stack, &what_for, "rollout"),
        }));
        Step {
            action,
            reason: format!("before {} is rolled out", self.label()),
            message: None,
        }
    }

    /// Returns Lamplighter's snapshots of a database since the wait began, except failed ones.
    fn snapshots_since_wait<'b>(
        &self,
        before: &'b DatabaseSnapshots,
    ) -> impl Iterator<Item = &'b Snapshot> {
        let (since, database, stack) = (
            self.wait_start(),
            &before.database,
            self.context.policy.stack.clone(),
        );
        before.snapshots.iter().filter(move |snapshot| {
            let ours = snapshot.is_taken_by(&stack, &database.arn)
                && snapshot.matches_resource_id(&database.resource_id);
            ours && snapshot.status != "failed"
                && snapshot.taken_at.is_none_or(|at| at + CLOCK_SKEW >= since)
        })
    }

    /// Returns the databases without a usable snapshot.
    fn databases_without_snapshot(&self) -> Vec<&DatabaseSnapshots> {
        let has = |before: &&DatabaseSnapshots| {
            !self
                .snapshots_since_wait(before)
                .any(Snapshot::is_restorable)
        };
        self.observed.databases.iter().filter(has).collect()
    }

    /// Formats the state of each database: `orders is modifying, carts has none yet`.
    fn describe_databases(&self, missing: &[&DatabaseSnapshots]) -> String {
        let each = missing.iter().map(|before| {
            let Database {
                identifier, status, ..
            } = &before.database;
            match self.snapshots_since_wait(before).next() {
                Some(snapshot) => format!("{} is {}", snapshot.identifier, snapshot.status),
                None if SNAPSHOT_READY_STATUSES.contains(&status.as_str()) => {
                    format!("{identifier} has none yet")
                }
                None => format!("{identifier} is {status}"),
            }
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// Returns the identifiers of the usable snapshots taken before this rollout.
    pub fn usable_snapshots(&self) -> Vec<String> {
        let newest = |before: &DatabaseSnapshots| {
            self.snapshots_since_wait(before)
                .filter(|s| s.is_restorable())
                .max_by_key(|s| s.taken_at)
                .map(|s| s.identifier.clone())
        };
        self.observed.databases.iter().filter_map(newest).collect()
    }

    fn build_wait_message(&self, names: &str) -> Message {
        let limit = self.context.policy.deploy.snapshot_limit / 60;
        Message::info(format!("{} waits for a snapshot", self.label()))
            .why(format!("The tag says snapshot=yes: {names}."))
            .next(format!("It is rolled out when that is good, or after {limit} min without it (snapshot-limit=)."))
            .deduplicated_by(format!("snapshot:{}", self.image.digest))
    }

    fn build_no_database_message(&self) -> Message {
        Message::warning(format!("{} is held: there is no database to take a snapshot of", self.label()))
            .why(format!(
                "The tag says snapshot=yes, and no database with the {APP} of the service has {MANAGED} = true and {BACKUP}."
            ))
            .next("Tag the database so, or take snapshot=yes out of the tag.")
            .deduplicated_by(format!("no-database:{}", self.image.digest))
    }

    /// Describes the missing snapshots of a rollout that starts after the time limit; `None` if
    /// there are none.
    pub fn describe_missing_snapshots(&self) -> Option<String> {
        let missing = self.databases_without_snapshot();
        let says = self.context.policy.deploy.snapshot && !missing.is_empty();
        says.then(|| {
            format!(
                " It has no snapshot to go back to: {}.",
                self.describe_databases(&missing)
            )
        })
    }
}

//! `snapshot=yes`: the databases of the application are backed up before an image is rolled out. Pure.

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::Seen;
use lamplighter::model::{Database, Digest, READY, Snapshot, snapshot_name, snapshot_tags};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, Backup, Step};
use lamplighter::policy::{APP, BACKUP, MANAGED};
use lamplighter::{Operation, Plan};

use crate::decide::Case;
use crate::observe::Before;
use crate::{Deploy, Policy};

/// By how much AWS's clock and ours may differ; AWS tells whole seconds.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// What a plan that waits for snapshots waits for.
fn key(digest: &Digest) -> String {
    format!("snapshots before {digest}")
}

/// Since when an image has waited for snapshots; now, if it has not.
fn since(seen: Seen<'_, Policy>, digest: &Digest, now: Timestamp) -> Timestamp {
    seen.memory
        .waits_since(Deploy::NAME, &key(digest))
        .unwrap_or(now)
}

impl Case<'_> {
    /// Why the image waits for snapshots; `None` where all are good, or it has waited long enough.
    pub fn backed_up(&self) -> Option<Plan> {
        if !self.seen.policy.deploy.snapshot {
            return None;
        }
        if self.observed.databases.is_empty() {
            return Some(Plan::tell(self.no_database()));
        }
        let missing = self.missing();
        let limit = i64::try_from(self.seen.policy.deploy.snapshot_limit).unwrap_or(i64::MAX);
        let waited = self.now.duration_since(self.since());
        if missing.is_empty() || waited >= SignedDuration::from_secs(limit) {
            return None;
        }
        let steps = missing
            .iter()
            .filter(|before| self.of_this_wait(before).next().is_none());
        let ready = steps.filter(|before| READY.contains(&before.database.status.as_str()));
        let steps: Vec<Step> = ready.map(|before| self.step(&before.database)).collect();
        let names = self.in_words(&missing);
        let reason = format!("{} waits: {names}", self.label());
        let waits_for = Some(key(&self.image.digest));
        Some(Plan {
            reason,
            steps,
            messages: vec![self.waits(&names)],
            waits_for,
            ..Plan::nothing("")
        })
    }

    fn since(&self) -> Timestamp {
        since(self.seen, &self.image.digest, self.now)
    }

    fn step(&self, database: &Database) -> Step {
        let hex = self
            .image
            .digest
            .as_str()
            .rsplit(':')
            .next()
            .unwrap_or_default();
        let short: String = hex.chars().take(8).collect();
        // The time first, so that names sort by it.
        let what_for = format!("{}-before-{short}", self.since().strftime("%Y%m%d-%H%M"));
        let action = Action::Backup(Backup {
            database: database.arn.clone(),
            identifier: snapshot_name(&database.arn, &what_for),
            tags: snapshot_tags(database, &self.seen.policy.stack, &what_for, "rollout"),
        });
        Step {
            action,
            reason: format!("before {} is rolled out", self.label()),
            message: None,
        }
    }

    /// Snapshots of a database that were taken since the image waits, whoever asked for them.
    fn of_this_wait<'b>(&self, before: &'b Before) -> impl Iterator<Item = &'b Snapshot> {
        let (since, database, stack) = (
            self.since(),
            &before.database,
            self.seen.policy.stack.clone(),
        );
        before.snapshots.iter().filter(move |snapshot| {
            let ours =
                snapshot.is_ours(&stack, &database.arn) && snapshot.is_of(&database.resource_id);
            ours && snapshot.status != "failed"
                && snapshot.taken_at.is_none_or(|at| at + SKEW >= since)
        })
    }

    /// Databases that have no good snapshot yet.
    fn missing(&self) -> Vec<&Before> {
        let has = |before: &&Before| !self.of_this_wait(before).any(Snapshot::is_good);
        self.observed.databases.iter().filter(has).collect()
    }

    /// `orders is modifying, carts has none yet`
    fn in_words(&self, missing: &[&Before]) -> String {
        let each = missing.iter().map(|before| {
            let Database {
                identifier, status, ..
            } = &before.database;
            match self.of_this_wait(before).next() {
                Some(snapshot) => format!("{} is {}", snapshot.identifier, snapshot.status),
                None if READY.contains(&status.as_str()) => format!("{identifier} has none yet"),
                None => format!("{identifier} is {status}"),
            }
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// Snapshots that the rollout can go back to, by name.
    pub fn taken(&self) -> Vec<String> {
        let newest = |before: &Before| {
            self.of_this_wait(before)
                .filter(|s| s.is_good())
                .max_by_key(|s| s.taken_at)
                .map(|s| s.identifier.clone())
        };
        self.observed.databases.iter().filter_map(newest).collect()
    }

    fn waits(&self, names: &str) -> Message {
        let limit = self.seen.policy.deploy.snapshot_limit / 60;
        Message::info(format!("{} waits for a snapshot", self.label()))
            .why(format!("The tag says snapshot=yes: {names}."))
            .next(format!("It is rolled out when that is good, or after {limit} min without it (snapshot-limit=)."))
            .once(format!("snapshot:{}", self.image.digest))
    }

    fn no_database(&self) -> Message {
        Message::warning(format!("{} is held: there is no database to take a snapshot of", self.label()))
            .why(format!(
                "The tag says snapshot=yes, and no database with the {APP} of the service has {MANAGED} = true and {BACKUP}."
            ))
            .next("Tag the database so, or take snapshot=yes out of the tag.")
            .once(format!("no-database:{}", self.image.digest))
    }

    /// What a rollout that has not waited any longer goes without.
    pub fn without(&self) -> Option<String> {
        let missing = self.missing();
        let says = self.seen.policy.deploy.snapshot && !missing.is_empty();
        says.then(|| {
            format!(
                " It has no snapshot to go back to: {}.",
                self.in_words(&missing)
            )
        })
    }
}

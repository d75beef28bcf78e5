//! `snapshot=yes`: the databases of the application are backed up before an image is rolled out. Pure.

use jiff::SignedDuration;
use lamplighter::Plan;
use lamplighter::model::{Arn, Database, Digest, READY, snapshot_name, snapshot_tags};
use lamplighter::notice::Message;
use lamplighter::plan::{Action, Backup, Step};
use lamplighter::policy::APP;

use crate::decide::Case;

/// What a snapshot of before an image is for: `before-ab12cd34ef56`.
fn what_for(digest: &Digest) -> String {
    let hex = digest.as_str().rsplit(':').next().unwrap_or_default();
    format!("before-{}", hex.chars().take(12).collect::<String>())
}

/// The ARN of the snapshot that a database has from before an image.
pub fn snapshot_arn(database: &Database, digest: &Digest) -> Arn {
    let (arn, name) = (&database.arn, snapshot_name(&database.arn, &what_for(digest)));
    let kind = if database.is_cluster { "cluster-snapshot" } else { "snapshot" };
    Arn::new(format!("arn:{}:rds:{}:{}:{kind}:{name}", arn.partition(), arn.region(), arn.account()))
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
        let names = self.missing();
        if names.is_empty() || self.has_waited() {
            return None;
        }
        let steps = self.observed.databases.iter().filter(|before| before.snapshot.is_none());
        let ready = steps.filter(|before| READY.contains(&before.database.status.as_str()));
        let step = |database: &Database| Step {
            action: Action::Backup(Backup {
                database: database.arn.clone(),
                identifier: snapshot_arn(database, &self.image.digest).name(),
                tags: snapshot_tags(database, &self.seen.policy.stack, &what_for(&self.image.digest)),
            }),
            reason: format!("before {} is rolled out", self.label()),
            message: None,
        };
        let steps: Vec<Step> = ready.map(|before| step(&before.database)).collect();
        let reason = format!("{} waits for {}", self.label(), names.join(", "));
        Some(Plan { reason, steps, messages: vec![self.waits(&names)], findings: None })
    }

    /// Snapshots that are not good yet, by name.
    pub fn missing(&self) -> Vec<String> {
        let is_missing = |before: &&crate::observe::Before| before.snapshot.as_ref().is_none_or(|s| !s.is_good());
        let missing = self.observed.databases.iter().filter(is_missing);
        missing.map(|before| snapshot_arn(&before.database, &self.image.digest).name()).collect()
    }

    /// Snapshots that the rollout can go back to, by name.
    pub fn taken(&self) -> Vec<String> {
        let good = self.observed.databases.iter().filter_map(|before| before.snapshot.as_ref()).filter(|s| s.is_good());
        good.map(|snapshot| snapshot.identifier.clone()).collect()
    }

    fn key(&self) -> String {
        format!("snapshot:{}", self.image.digest)
    }

    fn has_waited(&self) -> bool {
        let limit = i64::try_from(self.seen.policy.deploy.snapshot_limit).unwrap_or(i64::MAX);
        let told = &self.seen.memory.told;
        let since = told.get(&self.key()).or_else(|| told.get(&format!("muted:{}", self.key())));
        since.is_some_and(|since| self.now.duration_since(*since) >= SignedDuration::from_secs(limit))
    }

    fn waits(&self, names: &[String]) -> Message {
        let limit = self.seen.policy.deploy.snapshot_limit / 60;
        Message::info(format!("{} waits for a snapshot", self.label()))
            .why(format!("The tag says snapshot=yes, and {} is not good yet.", names.join(", ")))
            .next(format!("It is rolled out when that is good, or after {limit} min without it (snapshot-limit=)."))
            .once(self.key())
    }

    fn no_database(&self) -> Message {
        Message::warning(format!("{} is held: there is no database to take a snapshot of", self.label()))
            .why(format!("The tag says snapshot=yes, and no managed database has the {APP} of the service."))
            .next(format!("Give service and database the same {APP}, or take snapshot=yes out of the tag."))
            .once(format!("no-database:{}", self.image.digest))
    }

    /// Told beside a rollout that has not waited any longer.
    pub fn without(&self) -> Option<Message> {
        let missing = self.missing();
        (self.seen.policy.deploy.snapshot && !missing.is_empty()).then(|| {
            Message::warning(format!("{} is rolled out without its snapshot", self.label()))
                .why(format!(
                    "{} was not good after {} min.",
                    missing.join(", "),
                    self.seen.policy.deploy.snapshot_limit / 60
                ))
                .next("Look why it takes so long; what it was for can't be undone by it any more.")
        })
    }
}

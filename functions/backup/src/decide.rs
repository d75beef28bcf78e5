//! What should happen to the backups of one database. Pure: everything it knows is in its arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Database, READY, Snapshot, counted, snapshot_name, snapshot_tags};
use lamplighter::notify::Message;
use lamplighter::plan::{Action, Backup, Expire, Step};
use lamplighter::policy::BackupPolicy;
use sha2::{Digest as _, Sha256};

use crate::rotate::{Verdict, rotate};
use crate::survey::Observed;
use crate::{Policy, words};

/// Snapshots of one database that go in one run; the rest goes in the next.
pub const MOST_AT_ONCE: usize = 10;

/// Backups of one cache that ElastiCache takes within a day.
/// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups.html>
const MOST_OF_A_CACHE: i32 = 20;

/// Decides for one database.
#[must_use]
pub fn decide(seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let Some(database) = &observed.database else {
        return Plan::nothing("the database does not exist any more; its snapshots stay");
    };
    if let Some(cluster) = &database.cluster {
        return Plan::tell(words::member(cluster));
    }
    let policy = &seen.policy.backup;
    let slot = policy.slot(now);
    let case = Case {
        seen,
        database,
        policy,
        observed,
        slot,
        now,
    };
    let mut plan = case.plan();
    if observed.speaks && observed.quota.is_near() {
        plan.messages.push(words::quota(database, observed.quota));
    }
    case.copy(&mut plan);
    let waits = plan.messages.iter().any(|message| {
        message
            .key
            .as_ref()
            .is_some_and(|key| key.starts_with(words::OVERDUE))
    });
    plan.messages.extend(case.recovery_point(waits));
    plan.messages.extend(job(seen));
    if database.arn.is_cache() {
        plan.messages
            .extend((!policy.copy.is_empty()).then(words::no_copies_of_caches));
        let a_day = SignedDuration::from_hours(24);
        plan.messages
            .extend((policy.interval() * MOST_OF_A_CACHE < a_day).then(words::too_many_of_a_cache));
    }
    plan
}

/// An AWS Backup job that failed is nobody's business here but to be told.
fn job(seen: Seen<'_, Policy>) -> Option<Message> {
    match &seen.event.detail {
        Detail::BackupJob(job) if job.failed() => Some(words::job_failed(job)),
        _ => None,
    }
}

/// The name of the snapshot of a database for a slot: `lamplighter-orders-20261121-0300`, in UTC.
#[must_use]
pub fn name(database: &Arn, slot: Timestamp) -> String {
    snapshot_name(database, &slot.strftime("%Y%m%d-%H%M").to_string())
}

/// One database and all that speaks about its backups.
pub struct Case<'a> {
    pub seen: Seen<'a, Policy>,
    pub database: &'a Database,
    pub policy: &'a BackupPolicy,
    pub observed: &'a Observed,
    /// The slot that is due.
    slot: Timestamp,
    pub now: Timestamp,
}

impl Case<'_> {
    fn plan(&self) -> Plan {
        let identifier = self.identifier();
        let of_slot = self
            .observed
            .snapshots
            .iter()
            .find(|snapshot| snapshot.identifier == identifier);
        match of_slot {
            Some(snapshot) if snapshot.is_good() => self.tidy(&format!("{identifier} is there")),
            Some(snapshot) if snapshot.status == "failed" => {
                self.rid(&format!("{identifier} failed"))
            }
            Some(snapshot) => Plan::nothing(format!("{identifier} is {}", snapshot.status)),
            None => self.take(identifier),
        }
    }

    /// The name for the slot; another one where a database that had this one's name before has a snapshot of it.
    fn identifier(&self) -> String {
        let (name, id) = (
            name(&self.database.arn, self.slot),
            &self.database.resource_id,
        );
        let is_taken = self
            .observed
            .snapshots
            .iter()
            .any(|s| s.identifier == name && !s.is_of(id));
        if !is_taken {
            return name;
        }
        let hash = Sha256::digest(id)
            .iter()
            .take(2)
            .fold(0_u16, |hash, byte| (hash << 8) | u16::from(*byte));
        format!("{name}-{hash:04x}")
    }

    fn take(&self, identifier: String) -> Plan {
        let waits = |reason: String| {
            let mut plan = Plan::nothing(reason.clone());
            plan.messages.extend(
                self.is_overdue()
                    .then(|| words::overdue(&reason, self.slot, self.now)),
            );
            plan
        };
        if !READY.contains(&self.database.status.as_str()) {
            return waits(format!(
                "{identifier} waits: the database is {}",
                self.database.status
            ));
        }
        if self.observed.quota.is_reached() {
            let plan = self.tidy("the quota of manual snapshots is reached");
            if !plan.is_empty() {
                return plan;
            }
            return Plan::nothing(format!(
                "{identifier} waits: the quota of manual snapshots is reached, and none may go"
            ));
        }
        let slot = self.slot.strftime("%FT%H:%MZ").to_string();
        let tags = snapshot_tags(
            self.database,
            &self.seen.policy.stack,
            &slot,
            &self.policy.keep.to_string(),
        );
        let backup = Backup {
            database: self.database.arn.clone(),
            identifier,
            tags,
        };
        let reason = format!("due since {}", self.slot.strftime("%F %H:%M UTC"));
        let message = self.is_overdue().then(|| words::late(self.slot, self.now));
        Plan::act(Action::Backup(backup), reason, message)
    }

    /// Deletes what the policy does not keep: after a good backup alone, so that none goes when they have stopped.
    fn tidy(&self, because: &str) -> Plan {
        self.delete(because, |_| true)
    }

    /// Deletes what is no backup at all.
    fn rid(&self, because: &str) -> Plan {
        self.delete(because, |snapshot| !snapshot.is_good())
    }

    fn delete(&self, because: &str, may_go: impl Fn(&Snapshot) -> bool) -> Plan {
        let in_use = self.in_use();
        let rules = self
            .seen
            .policy
            .rules(&self.database.arn, &self.database.resource_id, &in_use);
        let mut verdicts = rotate(&self.observed.snapshots, rules, self.now);
        // The oldest goes first, whatever order AWS lists them in.
        verdicts.sort_by(|(a, _), (b, _)| {
            (a.taken_at, &a.identifier).cmp(&(b.taken_at, &b.identifier))
        });
        let going = verdicts
            .iter()
            .filter_map(|(snapshot, verdict)| match verdict {
                Verdict::Delete(reason)
                    if may_go(snapshot) && self.observed.asked.contains(&snapshot.identifier) =>
                {
                    Some((*snapshot, reason))
                }
                _ => None,
            });
        let step = |(snapshot, reason): (&Snapshot, &String)| Step {
            action: Action::Expire(Expire {
                snapshot: snapshot.arn.clone(),
            }),
            reason: format!("{}: {reason}", snapshot.identifier),
            message: None,
        };
        let steps: Vec<Step> = going.take(MOST_AT_ONCE).map(step).collect();
        let kept = verdicts.iter().filter(|(s, v)| {
            s.is_good() && matches!(v, Verdict::Keep(_)) && s.is_ours(rules.stack, rules.database)
        });
        let kept: Vec<String> = kept
            .map(|(snapshot, verdict)| words::kept(snapshot, verdict))
            .collect();
        let stay = counted(kept.len(), "good snapshot");
        if steps.is_empty() {
            return Plan::nothing(format!("{because}; {stay} in all, and none is to go"));
        }
        let reason = format!(
            "{because}; {} go; {stay} stay: {}",
            steps.len(),
            kept.join("; ")
        );
        Plan {
            steps,
            ..Plan::nothing(reason)
        }
    }

    /// It waits for longer than half of what there is to lose.
    fn is_overdue(&self) -> bool {
        let allowed = self.policy.recovery_point();
        let spare = allowed - self.policy.interval();
        let most = if spare.is_positive() { spare } else { allowed };
        self.now.duration_since(self.slot) >= most / 2
    }

    /// A snapshot is being made, or the first one is asked for just now.
    fn is_on_its_way(&self) -> bool {
        let allowed = self.policy.recovery_point();
        let mut ours = self
            .observed
            .snapshots
            .iter()
            .filter(|s| s.is_ours(&self.seen.policy.stack, &self.database.arn));
        let being_made = |snapshot: &Snapshot| {
            let asked = snapshot.taken_at.unwrap_or(self.slot);
            snapshot.status == "creating" && self.now.duration_since(asked) < allowed
        };
        let tried = self
            .seen
            .memory
            .told
            .keys()
            .any(|key| key.starts_with("failed:take a snapshot"));
        let is_first = ours.clone().next().is_none()
            && !tried
            && READY.contains(&self.database.status.as_str());
        is_first || ours.any(being_made)
    }

    /// Half of what is to spare is gone, whatever keeps the next one from being taken.
    fn crosses_soon(&self, age: SignedDuration) -> bool {
        let allowed = self.policy.recovery_point();
        let spare = allowed - self.policy.interval();
        age > if spare.is_positive() {
            allowed - spare / 2
        } else {
            allowed / 2
        }
    }

    /// No event says that a backup failed: that there is none does.
    fn recovery_point(&self, waits: bool) -> Option<Message> {
        let allowed = self.policy.recovery_point();
        let age = self
            .observed
            .recovery_point()
            .map(|at| self.now.duration_since(at));
        let is_old = age.map_or_else(|| self.is_overdue(), |age: SignedDuration| age > allowed);
        if is_old && self.is_on_its_way() {
            return None;
        }
        match age {
            _ if is_old => Some(words::recovery_point_is_old(age, allowed)),
            Some(age) if self.crosses_soon(age) && !waits => {
                Some(words::recovery_point_will_be_old(age, allowed))
            }
            age => age.map(words::recovery_point_is_good),
        }
    }
}

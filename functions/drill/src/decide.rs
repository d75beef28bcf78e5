//! What the next step of a drill is. Pure: everything it knows is in its arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::Seen;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::plan::{Action, Drilled, Remove, Restore, RestorePart, Step, Verify};
use lamplighter::policy::{DRILL, Drill, SLOT, STACK, TARGET};
use sha2::{Digest as _, Sha256};

use crate::survey::Observed;
use crate::{Policy, words};

/// A throwaway database that is older than this is deleted, whatever state it is in.
pub const CEILING: SignedDuration = SignedDuration::from_hours(6);
/// States out of which a database does not come by itself.
const BROKEN: [&str; 4] = ["incompatible-", "failed", "restore-error", "create-failed"];
/// What the names of throwaway databases begin with; IAM knows it.
const PREFIX: &str = "lamplighter-drill-";
/// Of instances and clusters, and of caches.
const LONGEST_NAME: usize = 63;
const LONGEST_CACHE: usize = 40;

/// Decides for one database.
#[must_use]
pub fn decide(seen: Seen<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let case = Case {
        seen,
        observed,
        now,
    };
    let left = [&observed.restored, &observed.member].into_iter().flatten();
    match left.clone().find(|database| !case.is_ours(database)) {
        // ElastiCache does not tell the tags of a cache that is being made.
        Some(cache)
            if cache.arn.is_cache() && cache.tags.is_empty() && cache.status != "available" =>
        {
            Plan::nothing(format!("{} is {}", cache.identifier, cache.status))
        }
        Some(foreign) => Plan::tell(words::name_is_taken(&foreign.identifier)),
        None if left.count() > 0 => case.go_on(),
        None => case.verify().unwrap_or_else(|| case.begin()),
    }
}

/// Whether a drill is to begin: a person asks for one, or the last is long enough ago and AWS refused none today.
#[must_use]
pub fn is_due(seen: Seen<'_, Policy>, now: Timestamp) -> bool {
    if matches!(seen.event.detail, Detail::Drill(_)) {
        return true;
    }
    let period = seen
        .policy
        .backup
        .as_ref()
        .and_then(|backup| backup.drill)
        .map(Drill::period);
    let last = seen.memory.drill.as_ref().map(|(at, _)| *at);
    let was_refused = words::was_refused(seen.memory, now);
    period.is_some_and(|period| {
        last.is_none_or(|last| now.duration_since(last) >= period) && !was_refused
    })
}

/// What the throwaway database of a source is called.
#[must_use]
pub fn name(source: &Arn) -> String {
    let longest = if source.is_cache() {
        LONGEST_CACHE
    } else {
        LONGEST_NAME
    };
    let (name, room) = (source.name(), longest - PREFIX.len() - "-1".len());
    if name.len() <= room {
        return format!("{PREFIX}{name}");
    }
    let hash = Sha256::digest(&name)
        .iter()
        .take(4)
        .fold(0_u32, |hash, byte| (hash << 8) | u32::from(*byte));
    let short: String = name.chars().take(room - 9).collect();
    format!("{PREFIX}{}-{hash:08x}", short.trim_end_matches('-'))
}

/// The instance of a throwaway cluster.
#[must_use]
pub fn member_name(source: &Arn) -> String {
    format!("{}-1", name(source))
}

pub struct Case<'a> {
    pub seen: Seen<'a, Policy>,
    pub observed: &'a Observed,
    pub now: Timestamp,
}

impl Case<'_> {
    pub fn source(&self) -> &Arn {
        &self.seen.target.arn
    }

    fn is_ours(&self, database: &Database) -> bool {
        let says = |key: &str, value: &str| database.tags.get(key).is_some_and(|tag| tag == value);
        says(STACK, &self.seen.policy.stack)
            && says(TARGET, self.source().as_str())
            && database.tags.contains_key(DRILL)
    }

    /// A drill passed, and its snapshot does not say so yet.
    fn verify(&self) -> Option<Plan> {
        let passed = self
            .seen
            .memory
            .drilled
            .as_ref()
            .filter(|drilled| drilled.passed)?;
        let is_it =
            |snapshot: &&Snapshot| snapshot.arn == passed.snapshot && !snapshot.is_verified();
        let snapshot = self.observed.snapshots.iter().find(is_it)?;
        let verify = Action::Verify(Verify {
            snapshot: snapshot.arn.clone(),
            at: self.now,
        });
        Some(Plan::act(
            verify,
            format!("{} was proven and is not marked yet", snapshot.identifier),
            None,
        ))
    }

    fn begin(&self) -> Plan {
        let Some(source) = &self.observed.source else {
            return Plan::nothing("the database does not exist any more");
        };
        if source.cluster.is_some() {
            return Plan::nothing("it is restored with its cluster");
        }
        if !is_due(self.seen, self.now) {
            return Plan::nothing(words::not_due(self.seen.memory, self.now));
        }
        if !self.observed.may_begin {
            return Plan::nothing("as many drills run as may at a time; it waits");
        }
        let last = self.seen.memory.drill.as_ref().map(|(at, _)| *at);
        let good = self.observed.snapshots.iter().filter(|s| {
            s.is_good()
                && s.is_of(&source.resource_id)
                && s.is_ours(&self.seen.policy.stack, self.source())
        });
        let Some(snapshot) = good.max_by_key(|snapshot| snapshot.taken_at) else {
            return Plan::nothing("there is no good snapshot yet");
        };
        if self.seen.policy.group.is_empty() {
            return Plan::tell(words::no_group());
        }
        let part = if source.is_cluster {
            RestorePart::Cluster
        } else {
            RestorePart::Instance
        };
        let restore = self.restore(
            source,
            snapshot.arn.clone(),
            name(self.source()),
            part,
            self.now,
        );
        let reason = format!(
            "{} is to be proven; {}",
            snapshot.identifier,
            words::last(last)
        );
        Plan::act(Action::Restore(restore), reason, None)
    }

    fn restore(
        &self,
        source: &Database,
        snapshot: Arn,
        into: String,
        part: RestorePart,
        began: Timestamp,
    ) -> Restore {
        let taken = self.snapshot(&snapshot);
        let version = taken.map(|snapshot| snapshot.engine_version.clone());
        let groups = taken.map(|snapshot| {
            (
                snapshot.subnet_group.clone(),
                snapshot.parameter_group.clone(),
            )
        });
        let (subnet_group, parameter_group) = groups.unwrap_or_default();
        let tags = [
            (STACK, self.seen.policy.stack.clone()),
            (TARGET, self.source().to_string()),
            (DRILL, snapshot.to_string()),
            (SLOT, began.strftime("%FT%H:%M:%SZ").to_string()),
        ];
        let own_class = part != RestorePart::Cluster || source.is_multi_az_cluster();
        Restore {
            source: self.source().clone(),
            snapshot,
            into,
            engine: source.engine.clone(),
            engine_version: version.filter(|version| !version.is_empty()),
            part,
            class: if own_class {
                self.observed.class.clone()
            } else {
                String::new()
            },
            storage_type: source
                .storage_type
                .clone()
                .filter(|_| source.is_multi_az_cluster()),
            iops: source.iops.filter(|_| source.is_multi_az_cluster()),
            subnet_group: source.subnet_group.clone().or(subnet_group),
            subnets: source.subnets.clone(),
            encrypted: source.encrypted,
            parameter_group: source.parameter_group.clone().or(parameter_group),
            security_group: self.seen.policy.group.clone(),
            tags: tags.map(|(key, value)| (key.to_owned(), value)).into(),
        }
    }

    fn snapshot(&self, arn: &Arn) -> Option<&Snapshot> {
        self.observed
            .snapshots
            .iter()
            .find(|snapshot| snapshot.arn == *arn)
    }

    /// Something is there: what was restored is looked at when it is ready, and deleted in any case.
    fn go_on(&self) -> Plan {
        let (restored, member) = (
            self.observed.restored.as_ref(),
            self.observed.member.as_ref(),
        );
        let Some(one) = restored.or(member) else {
            return Plan::nothing("nothing is left");
        };
        let began = one
            .tags
            .get(SLOT)
            .and_then(|at| at.parse::<Timestamp>().ok())
            .unwrap_or(self.now);
        let snapshot = Arn::new(one.tags.get(DRILL).cloned().unwrap_or_default());
        let is_known = self
            .seen
            .memory
            .drilled
            .as_ref()
            .is_some_and(|drilled| drilled.began == began);
        let took = self.now.duration_since(began);
        let (available, checked) = self.times(began);
        let outcome = |passed: bool| Drilled {
            snapshot: snapshot.clone(),
            began,
            took: available,
            checked,
            passed,
        };
        if is_known || self.seen.policy.backup.is_none() {
            return self.remove("the drill is over", None);
        }
        let is_available =
            |database: Option<&Database>| database.is_some_and(|d| d.status == "available");
        let ready = is_available(restored) && (!has_member(one) || is_available(member));
        let broken = [restored, member]
            .into_iter()
            .flatten()
            .find(|d| BROKEN.iter().any(|s| d.status.starts_with(s)));
        if let Some(broken) = broken {
            let mut plan = self.remove("what was restored can't be used", Some(outcome(false)));
            plan.messages.push(words::broken(&snapshot, broken, began));
            return plan;
        }
        if took > CEILING && !ready {
            let mut plan = self.remove("it took too long", Some(outcome(false)));
            plan.messages
                .push(words::took_too_long(&snapshot, took, &one.status, began));
            return plan;
        }
        let (Some(restored), Some(source)) = (restored, &self.observed.source) else {
            return self.remove("its source or a part of it is gone", None);
        };
        if restored.status != "available" {
            return Plan::nothing(format!(
                "{} is {} since {} min",
                restored.identifier,
                restored.status,
                took.as_mins()
            ));
        }
        let waits = has_member(restored)
            .then(|| self.member(source, &outcome(false)))
            .flatten();
        let waits = waits.or_else(|| self.check(source, restored, &outcome(false)));
        waits.unwrap_or_else(|| self.conclude(source, restored, outcome))
    }

    /// What is still to be done about the instance of a cluster that was restored; `None` where it is available.
    fn member(&self, source: &Database, failed: &Drilled) -> Option<Plan> {
        match &self.observed.member {
            None if self.observed.class.is_empty() => {
                let mut plan = self.remove(
                    "no instance class is known for its engine",
                    Some(failed.clone()),
                );
                plan.messages
                    .push(words::no_class(&source.engine, failed.began));
                Some(plan)
            }
            None => {
                let into = member_name(self.source());
                let part = self.restore(
                    source,
                    failed.snapshot.clone(),
                    into,
                    RestorePart::Member,
                    failed.began,
                );
                Some(Plan::act(
                    Action::Restore(part),
                    "the restored cluster is available and has no instance",
                    None,
                ))
            }
            Some(member) if member.status != "available" => Some(Plan::nothing(format!(
                "{} is {}",
                member.identifier, member.status
            ))),
            Some(_) => None,
        }
    }

    fn conclude(
        &self,
        source: &Database,
        restored: &Database,
        outcome: impl Fn(bool) -> Drilled,
    ) -> Plan {
        let snapshot = self.snapshot(&outcome(true).snapshot);
        let mut differences = differences(source, snapshot, restored);
        differences.extend(self.failure());
        let outcome = outcome(differences.is_empty());
        let rto = self
            .seen
            .policy
            .backup
            .as_ref()
            .and_then(|backup| backup.rto);
        let message = words::concluded(snapshot, &outcome, &differences, rto);
        let reason = message.title.clone();
        let mut plan = self.remove(&reason, Some(outcome.clone()));
        if outcome.passed {
            let verify = Action::Verify(Verify {
                snapshot: outcome.snapshot,
                at: self.now,
            });
            plan.steps.push(Step {
                action: verify,
                reason: reason.clone(),
                message: None,
            });
        }
        if let Some(first) = plan.steps.first_mut() {
            first.message = Some(message);
        }
        plan.messages
            .extend(self.no_place().then(words::no_check_cluster));
        plan.reason = reason;
        plan
    }

    /// The instance of a cluster first; what is being deleted already is left alone.
    pub fn remove(&self, because: &str, outcome: Option<Drilled>) -> Plan {
        let Some(next) = self
            .observed
            .member
            .as_ref()
            .or(self.observed.restored.as_ref())
        else {
            return Plan::nothing(because);
        };
        let mut plan = if next.status == "deleting" {
            Plan::nothing(format!("{because}; {} is being deleted", next.identifier))
        } else {
            let remove = Remove {
                source: self.source().clone(),
                database: next.arn.clone(),
                outcome,
            };
            Plan::act(Action::Remove(remove), because, None)
        };
        plan.steps.extend(self.halt());
        plan
    }
}

/// It is a cluster whose instance has to be made by itself.
fn has_member(database: &Database) -> bool {
    database.is_cluster && !database.is_multi_az_cluster()
}

/// What of the restored database is other than in the source, or in the snapshot.
fn differences(source: &Database, snapshot: Option<&Snapshot>, restored: &Database) -> Vec<String> {
    let mut found = Vec::new();
    if source.engine != restored.engine {
        found.push(format!(
            "its engine is {}, not {}",
            restored.engine, source.engine
        ));
    }
    let version = snapshot
        .map(|snapshot| snapshot.engine_version.as_str())
        .filter(|version| !version.is_empty());
    // A replication group does not tell its version.
    let version = version.filter(|_| !restored.engine_version.is_empty());
    if let Some(version) = version.filter(|version| *version != restored.engine_version) {
        found.push(format!(
            "its version is {}, not {version}",
            restored.engine_version
        ));
    }
    let storage = snapshot
        .and_then(|snapshot| snapshot.allocated_gib)
        .zip(restored.allocated_gib);
    if let Some((own, other)) = storage.filter(|(own, other)| other < own) {
        found.push(format!("it has {other} GiB, not {own}"));
    }
    if source.encrypted && !restored.encrypted {
        found.push("it is not encrypted".to_owned());
    }
    found
}

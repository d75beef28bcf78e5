//! Decision about the next step of a drill. Pure: all inputs are arguments.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::plan::{
    Action, DeleteRestoredDatabase, DrillAction, DrillResult, MarkVerified, RestoreForDrill,
    RestorePart, Step,
};
use lamplighter::policy::{DRILL, DrillSchedule, SLOT, STACK, TARGET};
use sha2::{Digest as _, Sha256};

use crate::observation::Observed;
use crate::{Policy, messages};

/// Age at which an unfinished drill fails and its temporary database is deleted.
pub const MAX_DURATION: SignedDuration = SignedDuration::from_hours(6);
/// Prefixes of statuses that a database doesn't leave by itself.
const BROKEN_STATES: [&str; 4] = ["incompatible-", "failed", "restore-error", "create-failed"];
/// Prefix of the names of temporary databases. The IAM policies refer to it.
const NAME_PREFIX: &str = "lamplighter-drill-";
/// Maximum name length of RDS instances and clusters; the next constant is that of caches.
const MAX_NAME_LENGTH: usize = 63;
const MAX_CACHE_NAME_LENGTH: usize = 40;

/// Decides the plan for one database.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let case = Decision {
        context,
        observed,
        now,
    };
    let left = [&observed.restored, &observed.member].into_iter().flatten();
    match left.clone().find(|database| !case.is_ours(database)) {
        // ElastiCache returns no tags while a cache is being created.
        Some(cache)
            if cache.arn.is_cache() && cache.tags.is_empty() && cache.status != "available" =>
        {
            Plan::nothing(format!("{} is {}", cache.identifier, cache.status))
        }
        Some(foreign) => Plan::notify(messages::name_taken(&foreign.identifier)),
        None if left.count() > 0 => case.continue_drill(),
        None => case.mark_verified().unwrap_or_else(|| case.start_drill()),
    }
}

/// Reports whether a drill is due.
///
/// A drill is due on a manual request, or when its period has elapsed. After AWS rejected a
/// restore, scheduled drills pause for 24 hours.
#[must_use]
pub fn is_due(context: TargetContext<'_, Policy>, now: Timestamp) -> bool {
    if matches!(context.event.detail, Detail::Drill(_)) {
        return true;
    }
    let period = context
        .policy
        .backup
        .as_ref()
        .and_then(|backup| backup.drill)
        .map(DrillSchedule::repeat_interval);
    let last = context.state.backups.drill.as_ref().map(|(at, _)| *at);
    let was_refused = messages::was_restore_rejected(context.state, now);
    period.is_some_and(|period| {
        last.is_none_or(|last| now.duration_since(last) >= period) && !was_refused
    })
}

/// Returns the name of a source's temporary database.
#[must_use]
pub fn temporary_name(source: &Arn) -> String {
    let longest = if source.is_cache() {
        MAX_CACHE_NAME_LENGTH
    } else {
        MAX_NAME_LENGTH
    };
    let (name, room) = (
        source.display_name(),
        longest - NAME_PREFIX.len() - "-1".len(),
    );
    if name.len() <= room {
        return format!("{NAME_PREFIX}{name}");
    }
    let hash = Sha256::digest(&name)
        .iter()
        .take(4)
        .fold(0_u32, |hash, byte| (hash << 8) | u32::from(*byte));
    let short: String = name.chars().take(room - 9).collect();
    format!("{NAME_PREFIX}{}-{hash:08x}", short.trim_end_matches('-'))
}

/// Returns the name of the instance in a temporary cluster.
#[must_use]
pub fn member_name(source: &Arn) -> String {
    format!("{}-1", temporary_name(source))
}

pub struct Decision<'a> {
    pub context: TargetContext<'a, Policy>,
    pub observed: &'a Observed,
    pub now: Timestamp,
}

impl Decision<'_> {
    pub fn source_arn(&self) -> &Arn {
        &self.context.target.arn
    }

    fn is_ours(&self, database: &Database) -> bool {
        let says = |key: &str, value: &str| database.tags.get(key).is_some_and(|tag| tag == value);
        says(STACK, &self.context.policy.stack)
            && says(TARGET, self.source_arn().as_str())
            && database.tags.contains_key(DRILL)
    }

    /// Marks the snapshot of a passed drill as verified, if it isn't marked yet.
    fn mark_verified(&self) -> Option<Plan> {
        let passed = self
            .context
            .state
            .backups
            .drilled
            .as_ref()
            .filter(|drilled| drilled.passed)?;
        let is_it =
            |snapshot: &&Snapshot| snapshot.arn == passed.snapshot && !snapshot.is_verified();
        let snapshot = self.observed.snapshots.iter().find(is_it)?;
        let verify = Action::Drill(DrillAction::MarkVerified(MarkVerified {
            snapshot: snapshot.arn.clone(),
            at: self.now,
        }));
        Some(Plan::single_step(
            verify,
            format!("{} was proven and is not marked yet", snapshot.identifier),
            None,
        ))
    }

    fn start_drill(&self) -> Plan {
        let Some(source) = &self.observed.source else {
            return Plan::nothing("the database does not exist any more");
        };
        if source.cluster.is_some() {
            return Plan::nothing("it is restored with its cluster");
        }
        if !is_due(self.context, self.now) {
            return Plan::nothing(messages::describe_not_due(self.context.state, self.now));
        }
        if !self.observed.may_begin {
            return Plan::nothing("as many drills run as may at a time; it waits");
        }
        let last = self.context.state.backups.drill.as_ref().map(|(at, _)| *at);
        let good = self.observed.snapshots.iter().filter(|s| {
            s.is_restorable()
                && s.matches_resource_id(&source.resource_id)
                && s.is_taken_by(&self.context.policy.stack, self.source_arn())
        });
        let Some(snapshot) = good.max_by_key(|snapshot| snapshot.taken_at) else {
            return Plan::nothing("there is no good snapshot yet");
        };
        if self.context.policy.group.is_empty() {
            return Plan::notify(messages::no_security_group());
        }
        let part = if source.is_cluster {
            RestorePart::Cluster
        } else {
            RestorePart::Instance
        };
        let restore = self.build_restore(
            source,
            snapshot.arn.clone(),
            temporary_name(self.source_arn()),
            part,
            self.now,
        );
        let reason = format!(
            "{} is to be proven; {}",
            snapshot.identifier,
            messages::describe_last_drill(last)
        );
        Plan::single_step(
            Action::Drill(DrillAction::RestoreForDrill(restore)),
            reason,
            None,
        )
    }

    fn build_restore(
        &self,
        source: &Database,
        snapshot: Arn,
        into: String,
        part: RestorePart,
        began: Timestamp,
    ) -> RestoreForDrill {
        let taken = self.find_snapshot(&snapshot);
        let version = taken.map(|snapshot| snapshot.engine_version.clone());
        let groups = taken.map(|snapshot| {
            (
                snapshot.subnet_group.clone(),
                snapshot.parameter_group.clone(),
            )
        });
        let (subnet_group, parameter_group) = groups.unwrap_or_default();
        let tags = [
            (STACK, self.context.policy.stack.clone()),
            (TARGET, self.source_arn().to_string()),
            (DRILL, snapshot.to_string()),
            (SLOT, began.strftime("%FT%H:%M:%SZ").to_string()),
        ];
        let own_class = part != RestorePart::Cluster || source.is_multi_az_cluster();
        RestoreForDrill {
            source: self.source_arn().clone(),
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
            security_group: self.context.policy.group.clone(),
            tags: tags.map(|(key, value)| (key.to_owned(), value)).into(),
        }
    }

    fn find_snapshot(&self, arn: &Arn) -> Option<&Snapshot> {
        self.observed
            .snapshots
            .iter()
            .find(|snapshot| snapshot.arn == *arn)
    }

    /// Continues a running drill: checks the restored database once it is available, and deletes it
    /// in any case.
    fn continue_drill(&self) -> Plan {
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
            .context
            .state
            .backups
            .drilled
            .as_ref()
            .is_some_and(|drilled| drilled.began == began);
        let took = self.now.duration_since(began);
        let (available, checked) = self.measure_times(began);
        let outcome = |passed: bool| DrillResult {
            snapshot: snapshot.clone(),
            began,
            took: available,
            checked,
            passed,
        };
        if is_known || self.context.policy.backup.is_none() {
            return self.delete_restored("the drill is over", None);
        }
        let is_available =
            |database: Option<&Database>| database.is_some_and(|d| d.status == "available");
        let ready = is_available(restored) && (!has_member(one) || is_available(member));
        let broken = [restored, member]
            .into_iter()
            .flatten()
            .find(|d| BROKEN_STATES.iter().any(|s| d.status.starts_with(s)));
        if let Some(broken) = broken {
            let mut plan =
                self.delete_restored("what was restored can't be used", Some(outcome(false)));
            plan.messages
                .push(messages::restore_unusable(&snapshot, broken, began));
            return plan;
        }
        if took > MAX_DURATION && !ready {
            let mut plan = self.delete_restored("it took too long", Some(outcome(false)));
            plan.messages.push(messages::restore_timed_out(
                &snapshot,
                took,
                &one.status,
                began,
            ));
            return plan;
        }
        let (Some(restored), Some(source)) = (restored, &self.observed.source) else {
            return self.delete_restored("its source or a part of it is gone", None);
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
            .then(|| self.restore_member(source, &outcome(false)))
            .flatten();
        let waits = waits.or_else(|| self.plan_check(source, restored, &outcome(false)));
        waits.unwrap_or_else(|| self.finish_drill(source, restored, outcome))
    }

    /// Plans the next step for the instance of a restored cluster; `None` once it is available.
    fn restore_member(&self, source: &Database, failed: &DrillResult) -> Option<Plan> {
        match &self.observed.member {
            None if self.observed.class.is_empty() => {
                let mut plan = self.delete_restored(
                    "no instance class is known for its engine",
                    Some(failed.clone()),
                );
                plan.messages
                    .push(messages::no_instance_class(&source.engine, failed.began));
                Some(plan)
            }
            None => {
                let into = member_name(self.source_arn());
                let part = self.build_restore(
                    source,
                    failed.snapshot.clone(),
                    into,
                    RestorePart::Member,
                    failed.began,
                );
                Some(Plan::single_step(
                    Action::Drill(DrillAction::RestoreForDrill(part)),
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

    fn finish_drill(
        &self,
        source: &Database,
        restored: &Database,
        outcome: impl Fn(bool) -> DrillResult,
    ) -> Plan {
        let snapshot = self.find_snapshot(&outcome(true).snapshot);
        let mut differences = find_differences(source, snapshot, restored);
        differences.extend(self.check_failure());
        let outcome = outcome(differences.is_empty());
        let rto = self
            .context
            .policy
            .backup
            .as_ref()
            .and_then(|backup| backup.rto);
        let message = messages::drill_result(snapshot, &outcome, &differences, rto);
        let reason = message.title.clone();
        let mut plan = self.delete_restored(&reason, Some(outcome.clone()));
        if outcome.passed {
            let verify = Action::Drill(DrillAction::MarkVerified(MarkVerified {
                snapshot: outcome.snapshot,
                at: self.now,
            }));
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
            .extend(self.lacks_check_cluster().then(messages::no_check_cluster));
        plan.reason = reason;
        plan
    }

    /// Deletes the temporary database, starting with a cluster's instance. Skips one that is
    /// already being deleted.
    pub fn delete_restored(&self, because: &str, outcome: Option<DrillResult>) -> Plan {
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
            let remove = DeleteRestoredDatabase {
                source: self.source_arn().clone(),
                database: next.arn.clone(),
                outcome,
            };
            Plan::single_step(
                Action::Drill(DrillAction::DeleteRestoredDatabase(remove)),
                because,
                None,
            )
        };
        plan.steps.extend(self.stop_check_task());
        plan
    }
}

/// Reports whether the database is a cluster whose instance must be created separately.
fn has_member(database: &Database) -> bool {
    database.is_cluster && !database.is_multi_az_cluster()
}

/// Lists the differences between the restored database and its source or snapshot.
fn find_differences(
    source: &Database,
    snapshot: Option<&Snapshot>,
    restored: &Database,
) -> Vec<String> {
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
    // ElastiCache returns no version for a replication group.
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

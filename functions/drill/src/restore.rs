//! Start of a drill: the restore of the newest good snapshot. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::plan::{Action, DrillAction, RestoreForDrill, RestorePart};
use lamplighter::policy::{DRILL, SLOT, STACK, TARGET};

use crate::decision::{Decision, RunningDrill};
use crate::messages;
use crate::schedule::{describe_not_due, is_due, last_start};
use crate::temporary_names::{member_name, temporary_name};

/// What to restore of a source, and when its drill began.
struct Restore<'a> {
    source: &'a Database,
    snapshot: &'a Arn,
    part: RestorePart,
    began: Timestamp,
}

impl Decision<'_> {
    pub fn start_drill(&self) -> Plan {
        let Some(source) = &self.observed.source else {
            return Plan::nothing("the database no longer exists");
        };
        if source.cluster.is_some() {
            return Plan::nothing("it is restored with its cluster");
        }
        if !is_due(self.context, self.now) {
            return Plan::nothing(describe_not_due(self.context.state, self.now));
        }
        if !self.observed.may_begin {
            return Plan::nothing("waiting: the maximum number of drills is running");
        }
        let Some(snapshot) = self.newest_good_snapshot(source) else {
            return Plan::nothing("there is no good snapshot yet");
        };
        if self.context.policy.group.is_empty() {
            return Plan::notify(messages::no_security_group());
        }
        let restore = self.build_restore(&Restore {
            source,
            snapshot: &snapshot.arn,
            part: if source.is_cluster {
                RestorePart::Cluster
            } else {
                RestorePart::Instance
            },
            began: self.now,
        });
        let last = messages::describe_last_drill(last_start(self.context.state));
        Plan::single_step(
            Action::Drill(DrillAction::RestoreForDrill(restore)),
            format!("a drill of {} is due; {last}", snapshot.identifier),
            None,
        )
    }

    /// Plans the next step for the instance of a restored cluster; `None` if there is none to
    /// restore, or it is available.
    pub fn restore_member(
        &self,
        source: &Database,
        restored: &Database,
        drill: &RunningDrill,
    ) -> Option<Plan> {
        if !has_member(restored) {
            return None;
        }
        match &self.observed.member {
            None if self.observed.class.is_empty() => Some(self.end_without_class(source, drill)),
            None => {
                let restore = self.build_restore(&Restore {
                    source,
                    snapshot: &drill.snapshot,
                    part: RestorePart::Member,
                    began: drill.began,
                });
                Some(Plan::single_step(
                    Action::Drill(DrillAction::RestoreForDrill(restore)),
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

    /// Ends the drill of a cluster for which AWS offers no small instance class.
    fn end_without_class(&self, source: &Database, drill: &RunningDrill) -> Plan {
        let reason = "no instance class is known for the engine";
        let mut plan = self.delete_restored(reason, Some(drill.result(false)));
        plan.messages
            .push(messages::no_instance_class(&source.engine, drill.began));
        plan
    }

    /// Returns the newest restorable snapshot that this stack took of the source.
    fn newest_good_snapshot(&self, source: &Database) -> Option<&Snapshot> {
        self.observed
            .snapshots
            .iter()
            .filter(|snapshot| {
                snapshot.is_restorable() && snapshot.is_taken_by(&self.context.policy.stack, source)
            })
            .max_by_key(|snapshot| snapshot.taken_at)
    }

    fn build_restore(&self, restore: &Restore<'_>) -> RestoreForDrill {
        let source = restore.source;
        let taken = self.observed.find_snapshot(restore.snapshot);
        let is_multi_az = source.is_multi_az_cluster();
        // A cache does not report its groups; its snapshot does.
        let subnet_group = taken.and_then(|snapshot| snapshot.subnet_group.clone());
        let parameter_group = taken.and_then(|snapshot| snapshot.parameter_group.clone());
        RestoreForDrill {
            source: self.source_arn().clone(),
            snapshot: restore.snapshot.clone(),
            into: self.restore_name(restore.part),
            engine: source.engine.clone(),
            engine_version: taken
                .map(|snapshot| snapshot.engine_version.clone())
                .filter(|version| !version.is_empty()),
            part: restore.part,
            class: self.restore_class(restore),
            storage_type: source.storage_type.clone().filter(|_| is_multi_az),
            iops: source.iops.filter(|_| is_multi_az),
            subnet_group: source.subnet_group.clone().or(subnet_group),
            subnets: source.subnets.clone(),
            shards: taken
                .and_then(|snapshot| snapshot.shards)
                .filter(|_| source.has_cluster_mode),
            encrypted: source.encrypted,
            parameter_group: source.parameter_group.clone().or(parameter_group),
            security_group: self.context.policy.group.clone(),
            tags: self.restore_tags(restore),
        }
    }

    /// Returns the name of the temporary database, or of one part of it.
    fn restore_name(&self, part: RestorePart) -> String {
        match part {
            RestorePart::Instance | RestorePart::Cluster => temporary_name(self.source_arn()),
            RestorePart::Member => member_name(self.source_arn()),
        }
    }

    /// Returns the class for a restore. A cluster has none of its own, unless it is Multi-AZ.
    fn restore_class(&self, restore: &Restore<'_>) -> String {
        let has_class = match restore.part {
            RestorePart::Instance | RestorePart::Member => true,
            RestorePart::Cluster => restore.source.is_multi_az_cluster(),
        };
        if has_class {
            self.observed.class.clone()
        } else {
            String::new()
        }
    }

    /// Returns the tags by which a later run knows the drill of a temporary database.
    fn restore_tags(&self, restore: &Restore<'_>) -> BTreeMap<String, String> {
        [
            (STACK, self.context.policy.stack.clone()),
            (TARGET, self.source_arn().to_string()),
            (DRILL, restore.snapshot.to_string()),
            (SLOT, restore.began.strftime("%FT%H:%M:%SZ").to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

/// Reports whether the database is a cluster whose instance must be created separately.
pub fn has_member(database: &Database) -> bool {
    database.is_cluster && !database.is_multi_az_cluster()
}

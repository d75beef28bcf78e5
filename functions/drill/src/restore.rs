//! Start of a drill: the restore of the newest good snapshot. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::plan::{Action, DrillAction, RestoreCall, RestoreForDrill, Temporary};
use lamplighter::policy::{DRILL, SLOT, STACK, TARGET};
use lamplighter::restore::{RestoreName, build_member, build_restore};

use crate::decision::{Decision, RunningDrill};
use crate::messages;
use crate::schedule::{describe_not_due, is_due, last_start};
use crate::temporary_names::{member_name, temporary_name};

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
        let call = build_restore(source, Some(snapshot), &temporary_name(self.source_arn()));
        let restore = self.build_drill(call, &snapshot.arn, self.now);
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
                let name = RestoreName {
                    database: temporary_name(self.source_arn()),
                    member: member_name(self.source_arn()),
                };
                let call = RestoreCall::Member(build_member(source, None, None, &name));
                let restore = self.build_drill(call, &drill.snapshot, drill.began);
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

    /// Builds the action that executes the call of a real restore for a drill.
    fn build_drill(&self, call: RestoreCall, snapshot: &Arn, began: Timestamp) -> RestoreForDrill {
        RestoreForDrill {
            source: self.source_arn().clone(),
            snapshot: snapshot.clone(),
            call: call.make_temporary(Temporary {
                class: self.observed.class.clone(),
                security_group: self.context.policy.group.clone(),
                tags: self.restore_tags(snapshot, began),
            }),
        }
    }

    /// Returns the tags by which a later run knows the drill of a temporary database.
    fn restore_tags(&self, snapshot: &Arn, began: Timestamp) -> BTreeMap<String, String> {
        [
            (STACK, self.context.policy.stack.clone()),
            (TARGET, self.source_arn().to_string()),
            (DRILL, snapshot.to_string()),
            (SLOT, began.strftime("%FT%H:%M:%SZ").to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

/// Reports whether the database is a cluster whose instance must be created separately.
pub fn has_member(database: &Database) -> bool {
    database.is_cluster && !database.is_multi_az_cluster()
}

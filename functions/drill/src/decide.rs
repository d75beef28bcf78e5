//! Decision about the next step of a drill. Pure: all inputs are arguments.

use jiff::Timestamp;
use lamplighter::Plan;
use lamplighter::engine::TargetContext;
use lamplighter::model::Database;
use lamplighter::plan::{Action, DrillAction, MarkVerified};

use crate::decision::{Decision, MAX_DURATION, RunningDrill};
use crate::messages;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::restore::has_member;

/// Prefixes of statuses that a database doesn't leave by itself.
const BROKEN_STATES: [&str; 4] = ["incompatible-", "failed", "restore-error", "create-failed"];

/// Decides the plan for one database.
#[must_use]
pub fn decide(context: TargetContext<'_, Policy>, observed: &Observed, now: Timestamp) -> Plan {
    let decision = Decision {
        context,
        observed,
        now,
    };
    let foreign = observed
        .temporary_databases()
        .find(|database| !decision.is_own(database));
    match foreign {
        // ElastiCache returns no tags while a cache is being created.
        Some(cache)
            if cache.arn.is_cache() && cache.tags.is_empty() && cache.status != "available" =>
        {
            Plan::nothing(format!("{} is {}", cache.identifier, cache.status))
        }
        Some(foreign) => Plan::notify(messages::name_taken(&foreign.identifier)),
        None if observed.temporary_databases().next().is_some() => decision.continue_drill(),
        None => decision
            .mark_verified()
            .unwrap_or_else(|| decision.start_drill()),
    }
}

impl Decision<'_> {
    /// Marks the snapshot of a passed drill as verified, if it isn't marked yet.
    fn mark_verified(&self) -> Option<Plan> {
        let last = self.context.state.backups.last_drill.as_ref();
        let passed = last.filter(|result| result.passed)?;
        let snapshot = self
            .observed
            .find_snapshot(&passed.snapshot)
            .filter(|snapshot| !snapshot.is_verified())?;
        let mark = Action::Drill(DrillAction::MarkVerified(MarkVerified {
            snapshot: snapshot.arn.clone(),
            at: self.now,
        }));
        Some(Plan::single_step(
            mark,
            format!(
                "{} passed its drill and is not marked yet",
                snapshot.identifier
            ),
            None,
        ))
    }

    /// Continues a running drill: checks the restored database once it is available, and deletes it
    /// in any case.
    fn continue_drill(&self) -> Plan {
        let restored = self.observed.restored.as_ref();
        let Some(temporary) = restored.or(self.observed.member.as_ref()) else {
            return Plan::nothing("no temporary database is left");
        };
        let drill = self.running_drill(temporary);
        if self.has_result(&drill) || self.context.policy.backup.is_none() {
            return self.delete_restored("the drill is over", None);
        }
        if let Some(plan) = self.check_restore_failure(temporary, &drill) {
            return plan;
        }
        let (Some(restored), Some(source)) = (restored, &self.observed.source) else {
            return self
                .delete_restored("the source or a part of the restore no longer exists", None);
        };
        if restored.status != "available" {
            return Plan::nothing(format!(
                "{} has been {} for {} min",
                restored.identifier,
                restored.status,
                drill.took.as_mins()
            ));
        }
        self.restore_member(source, restored, &drill)
            .or_else(|| self.plan_check(source, restored, &drill))
            .unwrap_or_else(|| self.finish_drill(source, restored, &drill))
    }

    /// Ends a drill whose restore can't succeed or takes too long; `None` if it may still succeed.
    fn check_restore_failure(&self, temporary: &Database, drill: &RunningDrill) -> Option<Plan> {
        let broken = self.observed.temporary_databases().find(|database| {
            BROKEN_STATES
                .iter()
                .any(|state| database.status.starts_with(state))
        });
        if let Some(broken) = broken {
            let mut plan = self.delete_restored(
                "the restored database is unusable",
                Some(drill.result(false)),
            );
            plan.messages.push(messages::restore_unusable(
                &drill.snapshot,
                broken,
                drill.began,
            ));
            return Some(plan);
        }
        if drill.took <= MAX_DURATION || self.is_restore_available(temporary) {
            return None;
        }
        let mut plan = self.delete_restored("the restore took too long", Some(drill.result(false)));
        plan.messages.push(messages::restore_timed_out(
            &drill.snapshot,
            drill.took,
            &temporary.status,
            drill.began,
        ));
        Some(plan)
    }

    /// Reports whether all parts of the restored database are available.
    fn is_restore_available(&self, temporary: &Database) -> bool {
        is_available(self.observed.restored.as_ref())
            && (!has_member(temporary) || is_available(self.observed.member.as_ref()))
    }
}

fn is_available(database: Option<&Database>) -> bool {
    database.is_some_and(|database| database.status == "available")
}

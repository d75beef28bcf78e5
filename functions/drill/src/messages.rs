//! Messages and reasons of `drill`.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::notify::Message;
use lamplighter::plan::DrillResult;
use lamplighter::policy::BACKUP;
use lamplighter::state::TargetState;

/// Prefix of the message keys for a restore that AWS rejected.
const RESTORE_FAILED_KEY: &str = "failed:restore for a drill";

pub fn describe_last_drill(last: Option<Timestamp>) -> String {
    last.map_or_else(
        || "there was no drill yet".to_owned(),
        |at| format!("the last drill was on {}", at.strftime("%F")),
    )
}

pub fn name_taken(name: &str) -> Message {
    Message::warning(format!("can't be drilled: {name} is somebody else's"))
        .why("A database of this name exists and lacks the tags of one that this stack restored.")
        .next("Rename or delete it; it is left alone.")
        .deduplicated_by(format!("taken:{name}"))
}

pub fn no_security_group() -> Message {
    Message::warning("can't be drilled: there is no closed security group")
        .why("What is restored must be reachable by nobody.")
        .next(format!(
            "Set the stack parameter DrillVpc to the VPC of the database, or drill-group=sg-… in the tag {BACKUP}."
        ))
        .deduplicated_by("no-drill-group")
}

/// Reports whether AWS rejected a restore, with a notification, within the last 24 hours.
pub fn was_restore_rejected(memory: &TargetState, now: Timestamp) -> bool {
    let today = |at: &Timestamp| now.duration_since(*at) < SignedDuration::from_hours(24);
    memory
        .notified
        .iter()
        .any(|(key, at)| key.starts_with(RESTORE_FAILED_KEY) && today(at))
}

pub fn describe_not_due(memory: &TargetState, now: Timestamp) -> String {
    if was_restore_rejected(memory, now) {
        return "AWS refused a restore within the last day; it is tried again after that"
            .to_owned();
    }
    describe_last_drill(memory.backups.drill.as_ref().map(|(at, _)| *at))
}

pub fn no_instance_class(engine: &str, began: Timestamp) -> Message {
    Message::warning("drill failed: no instance class is known for its engine")
        .why(format!("A restored cluster needs an instance, and none of the small classes is offered for {engine}."))
        .next("Restore it by hand now and then: RESTORE.md says how. The throwaway cluster is deleted.")
        .deduplicated_by(format!("no-class:{began}"))
}

/// Builds the message about a restored database in a status that it doesn't leave by itself.
pub fn restore_unusable(snapshot: &Arn, broken: &Database, began: Timestamp) -> Message {
    Message::warning(format!("drill failed: the restored database is {}", broken.status))
        .why(format!(
            "{} was restored to {} in the class {}. The parameter group of the source may ask for more than that has.",
            snapshot.display_name(),
            broken.identifier,
            broken.class
        ))
        .next("Restore it by hand to see why: RESTORE.md says how. The throwaway database is deleted.")
        .deduplicated_by(format!("broken:{began}"))
}

pub fn restore_timed_out(
    snapshot: &Arn,
    took: SignedDuration,
    status: &str,
    began: Timestamp,
) -> Message {
    Message::critical(format!(
        "drill failed: not restored within {} h",
        took.as_hours()
    ))
    .why(format!(
        "What was restored from {} is still {status}. It is deleted, so that it costs no more.",
        snapshot.display_name()
    ))
    .next("Restore it by hand to see why: RESTORE.md says how.")
    .deduplicated_by(format!("too-long:{began}"))
}

pub fn check_timed_out(
    snapshot: &Arn,
    task: &str,
    took: SignedDuration,
    began: Timestamp,
) -> Message {
    Message::critical(format!("drill failed: its check {task} did not end within {} h", took.as_hours()))
        .why(format!("{} was restored, and the task that looks into it still runs, or could never be started.", snapshot.display_name()))
        .next("Give the command a time limit of its own, and look at its logs. The task is stopped and the throwaway database deleted.")
        .deduplicated_by(format!("check-too-long:{began}"))
}

pub fn no_check_cluster() -> Message {
    Message::warning("check-task= is not run: the stack has no cluster for it")
        .why("Restored databases are looked into by a task in the cluster that the stack parameter CheckCluster names.")
        .next(format!("Set CheckCluster, or take check-task= out of the tag {BACKUP}. What can be seen from outside is checked all the same."))
        .deduplicated_by("no-check-cluster")
}

/// Builds the message about the result of a drill.
pub fn drill_result(
    snapshot: Option<&Snapshot>,
    outcome: &DrillResult,
    differences: &[String],
    rto: Option<u64>,
) -> Message {
    let name = outcome.snapshot.display_name();
    let of = snapshot
        .and_then(|snapshot| snapshot.taken_at)
        .map_or(name.clone(), |at| at.strftime("%F %H:%M UTC").to_string());
    let minutes = outcome.took / 60;
    if !differences.is_empty() {
        return Message::critical(format!(
            "drill failed: the backup of {of} is not what it should be"
        ))
        .why(format!(
            "{name} was restored, and {}.",
            differences.join("; ")
        ))
        .next(
            "Restore it by hand and look: RESTORE.md says how. The throwaway database is deleted.",
        );
    }
    let checked = outcome
        .checked
        .map(|checked| format!(", checked after {} min", checked / 60));
    let proven = format!(
        "backup of {of} is proven: restored in {minutes} min{}",
        checked.unwrap_or_default()
    );
    let looked = if outcome.checked.is_some() {
        ", and its check passed"
    } else {
        ""
    };
    let why = format!(
        "{name} was restored to a throwaway database, which had the engine and the storage of the source{looked}."
    );
    let took = outcome.checked.unwrap_or(outcome.took);
    let too_long = rto.filter(|rto| u64::try_from(took).is_ok_and(|took| took > *rto));
    match too_long {
        Some(rto) => Message::warning(format!("{proven}, {} min are allowed", rto / 60)).why(why).next(format!(
            "Raise rto= in the tag {BACKUP}, or find a faster way back: a read replica, a smaller database."
        )),
        None => Message::info(proven).why(why).next("Nothing to do; the throwaway database is deleted."),
    }
}

//! What `drill` tells people.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Database, Snapshot};
use lamplighter::notify::Message;
use lamplighter::plan::Drilled;
use lamplighter::policy::BACKUP;
use lamplighter::state::Memory;

/// What the keys of what was told begin with when AWS refused a restore.
const REFUSED: &str = "failed:restore for a drill";

pub fn last(last: Option<Timestamp>) -> String {
    last.map_or_else(
        || "there was no drill yet".to_owned(),
        |at| format!("the last drill was on {}", at.strftime("%F")),
    )
}

pub fn name_is_taken(name: &str) -> Message {
    Message::warning(format!("can't be drilled: {name} is somebody else's"))
        .why("A database of this name exists and lacks the tags of one that this stack restored.")
        .next("Rename or delete it; it is left alone.")
        .once(format!("taken:{name}"))
}

pub fn no_group() -> Message {
    Message::warning("can't be drilled: there is no closed security group")
        .why("What is restored must be reachable by nobody.")
        .next(format!(
            "Set the stack parameter DrillVpc to the VPC of the database, or drill-group=sg-… in the tag {BACKUP}."
        ))
        .once("no-drill-group")
}

/// AWS refused a restore, and people were told, within the last day.
pub fn was_refused(memory: &Memory, now: Timestamp) -> bool {
    let today = |at: &Timestamp| now.duration_since(*at) < SignedDuration::from_hours(24);
    memory
        .told
        .iter()
        .any(|(key, at)| key.starts_with(REFUSED) && today(at))
}

pub fn not_due(memory: &Memory, now: Timestamp) -> String {
    if was_refused(memory, now) {
        return "AWS refused a restore within the last day; it is tried again after that"
            .to_owned();
    }
    last(memory.drill.as_ref().map(|(at, _)| *at))
}

pub fn no_class(engine: &str, began: Timestamp) -> Message {
    Message::warning("drill failed: no instance class is known for its engine")
        .why(format!("A restored cluster needs an instance, and none of the small classes is offered for {engine}."))
        .next("Restore it by hand now and then: RESTORE.md says how. The throwaway cluster is deleted.")
        .once(format!("no-class:{began}"))
}

/// What was restored is in a state out of which it does not come.
pub fn broken(snapshot: &Arn, broken: &Database, began: Timestamp) -> Message {
    Message::warning(format!("drill failed: the restored database is {}", broken.status))
        .why(format!(
            "{} was restored to {} in the class {}. The parameter group of the source may ask for more than that has.",
            snapshot.name(),
            broken.identifier,
            broken.class
        ))
        .next("Restore it by hand to see why: RESTORE.md says how. The throwaway database is deleted.")
        .once(format!("broken:{began}"))
}

pub fn took_too_long(
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
        snapshot.name()
    ))
    .next("Restore it by hand to see why: RESTORE.md says how.")
    .once(format!("too-long:{began}"))
}

pub fn check_took_too_long(
    snapshot: &Arn,
    task: &str,
    took: SignedDuration,
    began: Timestamp,
) -> Message {
    Message::critical(format!("drill failed: its check {task} did not end within {} h", took.as_hours()))
        .why(format!("{} was restored, and the task that looks into it still runs, or could never be started.", snapshot.name()))
        .next("Give the command a time limit of its own, and look at its logs. The task is stopped and the throwaway database deleted.")
        .once(format!("check-too-long:{began}"))
}

pub fn no_check_cluster() -> Message {
    Message::warning("check-task= is not run: the stack has no cluster for it")
        .why("Restored databases are looked into by a task in the cluster that the stack parameter CheckCluster names.")
        .next(format!("Set CheckCluster, or take check-task= out of the tag {BACKUP}. What can be seen from outside is checked all the same."))
        .once("no-check-cluster")
}

/// How a drill ended.
pub fn concluded(
    snapshot: Option<&Snapshot>,
    outcome: &Drilled,
    differences: &[String],
    rto: Option<u64>,
) -> Message {
    let name = outcome.snapshot.name();
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

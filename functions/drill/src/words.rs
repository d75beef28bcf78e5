//! What `drill` tells people.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Snapshot};
use lamplighter::notice::Message;
use lamplighter::plan::Drilled;
use lamplighter::policy::BACKUP;

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

pub fn took_too_long(snapshot: &Arn, took: SignedDuration, status: &str) -> Message {
    Message::critical(format!("drill failed: not restored within {} h", took.as_hours()))
        .why(format!(
            "What was restored from {} is {status}. It is deleted, so that it costs no more.",
            snapshot.name()
        ))
        .next("Restore it by hand to see why: RESTORE.md says how.")
}

/// How a drill ended.
pub fn concluded(snapshot: Option<&Snapshot>, outcome: &Drilled, differences: &[String], rto: Option<u64>) -> Message {
    let name = outcome.snapshot.name();
    let of = snapshot
        .and_then(|snapshot| snapshot.taken_at)
        .map_or(name.clone(), |at| at.strftime("%F %H:%M UTC").to_string());
    let minutes = outcome.took / 60;
    if !differences.is_empty() {
        return Message::critical(format!("drill failed: the backup of {of} is not what it should be"))
            .why(format!("{name} was restored, and {}.", differences.join("; ")))
            .next("Restore it by hand and look: RESTORE.md says how. The throwaway database is deleted.");
    }
    let proven = format!("backup of {of} is proven: restored in {minutes} min");
    let why =
        format!("{name} was restored to a throwaway database, which had the engine and the storage of the source.");
    let too_long = rto.filter(|rto| u64::try_from(outcome.took).is_ok_and(|took| took > *rto));
    match too_long {
        Some(rto) => Message::warning(format!("{proven}, {} min are allowed", rto / 60)).why(why).next(format!(
            "Raise rto= in the tag {BACKUP}, or find a faster way back: a read replica, a smaller database."
        )),
        None => Message::info(proven).why(why).next("Nothing to do; the throwaway database is deleted."),
    }
}

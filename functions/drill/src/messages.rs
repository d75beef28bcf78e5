//! Messages and reasons of `drill`.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Arn, Database, Snapshot, pluralize};
use lamplighter::notify::Message;
use lamplighter::plan::DrillResult;
use lamplighter::policy::BACKUP;

const DELETES: &str = "Lamplighter deletes the temporary database.";
const RESTORE_BY_HAND: &str = "Restore the snapshot by hand to find the cause: see RESTORE.md.";

pub fn describe_last_drill(last: Option<Timestamp>) -> String {
    last.map_or_else(
        || "there was no drill yet".to_owned(),
        |at| format!("the last drill was on {}", at.strftime("%F")),
    )
}

pub fn name_taken(name: &str) -> Message {
    Message::warning("no drill - name of the temporary database is taken")
        .action("Lamplighter starts no drill, and leaves that database alone.")
        .why(format!(
            "A database {name} exists without the tags of a drill of this stack."
        ))
        .next("Rename or delete that database.")
        .deduplicated_by(format!("taken:{name}"))
}

pub fn no_security_group() -> Message {
    Message::warning("no drill - no closed security group")
        .action("Lamplighter starts no drill.")
        .why("A restored database must not be reachable by anyone.")
        .next(format!(
            "Set the stack parameter DrillVpc to the VPC of the database, or drill-group=sg-… in the tag {BACKUP}."
        ))
        .deduplicated_by("no-drill-group")
}

pub fn no_instance_class(engine: &str, began: Timestamp) -> Message {
    Message::warning(format!("drill failed - no instance class known for {engine}"))
        .action("Lamplighter deletes the temporary cluster.")
        .why("A restored cluster needs an instance, and AWS offers none of the small classes for this engine.")
        .next("Restore a snapshot by hand regularly: see RESTORE.md.")
        .deduplicated_by(format!("no-class:{began}"))
}

/// Builds the message about a restored database in a status that it doesn't leave by itself.
pub fn restore_unusable(snapshot: &Arn, broken: &Database, began: Timestamp) -> Message {
    Message::warning(format!(
        "drill failed - restored database is {}",
        broken.status
    ))
    .action(DELETES)
    .why(format!(
        "{} was restored to {} in the class {}. The parameter group of the source may need a larger class: set drill-class= in lamplighter:backup.",
        snapshot.display_name(),
        broken.identifier,
        broken.class
    ))
    .next(RESTORE_BY_HAND)
    .deduplicated_by(format!("broken:{began}"))
}

pub fn restore_timed_out(
    snapshot: &Arn,
    took: SignedDuration,
    status: &str,
    began: Timestamp,
) -> Message {
    Message::critical(format!(
        "drill failed - restore not finished within {} h",
        took.as_hours()
    ))
    .action(DELETES)
    .why(format!(
        "The database restored from {} is still {status}.",
        snapshot.display_name()
    ))
    .next(RESTORE_BY_HAND)
    .deduplicated_by(format!("too-long:{began}"))
}

pub fn check_timed_out(
    snapshot: &Arn,
    task: &str,
    took: SignedDuration,
    began: Timestamp,
) -> Message {
    Message::critical(format!(
        "drill failed - check {task} not finished within {} h",
        took.as_hours()
    ))
    .action("Lamplighter stops the check task and deletes the temporary database.")
    .why(format!(
        "{} was restored. The check task still runs or could not be started.",
        snapshot.display_name()
    ))
    .next("Look at the logs of the check task, and give its command a time limit.")
    .deduplicated_by(format!("check-too-long:{began}"))
}

pub fn no_check_cluster() -> Message {
    Message::warning("drill without check-task= - the stack has no cluster for it")
        .action("Lamplighter compares the restored database with its source, but does not run the check task.")
        .why("The stack parameter CheckCluster is empty. It names the cluster in which check tasks run.")
        .next(format!(
            "Set CheckCluster, or remove check-task= from the tag {BACKUP}."
        ))
        .deduplicated_by("no-check-cluster")
}

/// Builds the message about the result of a drill.
pub fn drill_result(
    snapshot: Option<&Snapshot>,
    result: &DrillResult,
    problems: &[String],
    rto: Option<u64>,
) -> Message {
    let name = result.snapshot.display_name();
    let taken_at = snapshot
        .and_then(|snapshot| snapshot.taken_at)
        .map_or(name.clone(), |at| at.strftime("%F %H:%M UTC").to_string());
    if !problems.is_empty() {
        return drill_failed(&name, &taken_at, problems);
    }
    let took = result.checked.unwrap_or(result.took);
    let exceeded = rto.filter(|rto| u64::try_from(took).is_ok_and(|took| took > *rto));
    let minutes = took / 60;
    let message = match exceeded {
        Some(rto) => Message::warning(format!(
            "drill took {minutes} min, RTO {} min - backup of {taken_at} usable",
            rto / 60
        ))
        .next(format!(
            "Raise rto= in the tag {BACKUP}, or recover faster: with a read replica or a smaller database."
        )),
        None => Message::info(format!("drill passed in {minutes} min - backup of {taken_at} usable"))
            .next("Nothing to do."),
    };
    message.action(DELETES).why(describe_success(&name, result))
}

fn drill_failed(name: &str, taken_at: &str, problems: &[String]) -> Message {
    Message::critical(format!(
        "drill failed - {} in backup of {taken_at}",
        pluralize(problems.len(), "problem")
    ))
    .action(DELETES)
    .why(format!("{name} was restored, but {}.", problems.join("; ")))
    .next(RESTORE_BY_HAND)
}

/// Describes a restore that has the engine and storage of its source, and its check.
fn describe_success(name: &str, result: &DrillResult) -> String {
    let restored = format!(
        "{name} was restored to a temporary database with the engine and storage of its source"
    );
    match result.checked {
        Some(_) => format!(
            "{restored}. It was available after {} min, and its check passed.",
            result.took / 60
        ),
        None => format!("{restored}."),
    }
}

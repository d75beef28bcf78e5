//! Messages and reasons of `archive`.

use jiff::civil::Date;
use lamplighter::model::{ExportTask, pluralize};
use lamplighter::notify::Message;
use lamplighter::policy::LOGS;

const LATE_KEY: &str = "late-export";

pub fn retention_changed(was: Option<u32>, days: u32) -> Message {
    let kept = |days: u32| pluralize(days as usize, "day");
    Message::info(format!("keeps its events for {}", kept(days)))
        .why(format!(
            "The tag {LOGS} says so; it was {}.",
            was.map_or("for ever".to_owned(), kept)
        ))
        .next("CloudWatch Logs deletes what is older within three days.")
}

pub fn wrong_class(class: &str) -> Message {
    Message::warning(format!("can't be exported: its log class is {class}"))
        .why("CloudWatch Logs exports log groups of the class STANDARD alone, and the class can't be changed.")
        .next(format!("Log to a new group of the class STANDARD, or remove export from the tag {LOGS}."))
        .deduplicated_by("log-class")
}

pub fn retention_too_short(days: u32) -> Message {
    Message::warning(format!("can't be exported: events are deleted after {}", pluralize(days as usize, "day")))
        .why("A day is exported at noon of the next one, when CloudWatch Logs has all of it; by then a part is gone.")
        .next(format!("Let the group keep its events longer: retain=3d in the tag {LOGS}, or more."))
        .deduplicated_by("deleted-too-early")
}

pub fn export_failed(day: Date, task: &ExportTask) -> Message {
    let why = if task.message.is_empty() {
        "CloudWatch Logs does not say why".to_owned()
    } else {
        task.message.clone()
    };
    Message::warning(format!("the export of the logs of {day} {}", task.status.to_lowercase()))
        .why(format!("{why} (task {}).", task.id))
        .next("It is tried again every hour. The policy of the bucket must let CloudWatch Logs write to it.")
        .deduplicated_by(format!("export-failed:{day}"))
}

pub fn export_late(day: Date, reason: &str) -> Message {
    Message::warning(format!("the logs of {day} are not exported yet"))
        .why(format!("They have been due for more than a day: {reason}."))
        .next("They are exported in the order of their days. AWS exports for one log group at a time: with many, or with exports of somebody else, that takes its time.")
        .fires_until_resolved(LATE_KEY)
}

pub fn export_on_schedule() -> Message {
    Message::info("exports of its logs are in time again")
        .why("No day is due for longer than one day.")
        .next("Nothing to do.")
        .resolves(LATE_KEY)
}

pub fn logs_lost(first: Date, until: Date, retention: u32) -> Message {
    let last = until.yesterday().unwrap_or(until);
    let days = if first == last {
        first.to_string()
    } else {
        format!("{first} to {last}")
    };
    Message::critical(format!("logs of {days} were not exported and are gone"))
        .why(format!("CloudWatch Logs deletes events of this group after {}.", pluralize(retention as usize, "day")))
        .next(format!(
            "What is still there is exported next. Let the group keep its events longer: retain= in the tag {LOGS}."
        ))
        .deduplicated_by(format!("lost:{first}"))
}

//! Messages and reasons of `archive`.

use jiff::civil::Date;
use lamplighter::model::{ExportTask, pluralize};
use lamplighter::notify::Message;
use lamplighter::policy::LOGS;

const LATE_KEY: &str = "late-export";

pub fn retention_changed(previous: Option<u32>, days: u32) -> Message {
    let previous = previous.map_or("unlimited".to_owned(), format_days);
    Message::info(format!(
        "log retention set to {}, was {previous}",
        format_days(days)
    ))
    .action("Lamplighter set the retention of the log group.")
    .why(format!(
        "The retention differed from retain= in the tag {LOGS}."
    ))
    .next("Nothing to do. CloudWatch Logs deletes older events within three days.")
}

pub fn wrong_class(class: &str) -> Message {
    Message::warning(format!("logs not exported - log class is {class}"))
        .action("Lamplighter exports nothing from this log group.")
        .why("CloudWatch Logs exports only log groups of the class STANDARD, and the class can't be changed.")
        .next(format!(
            "Log to a new group of the class STANDARD, or remove export from the tag {LOGS}."
        ))
        .deduplicated_by("log-class")
}

pub fn retention_too_short(days: u32) -> Message {
    Message::warning(format!(
        "logs not exported - events deleted after {}",
        format_days(days)
    ))
    .action("Lamplighter exports nothing from this log group.")
    .why("A day is exported at noon UTC of the next day. By then some of its events are deleted.")
    .next(format!(
        "Set a longer retention: retain=3d or more in the tag {LOGS}."
    ))
    .deduplicated_by("deleted-too-early")
}

pub fn export_failed(day: Date, task: &ExportTask) -> Message {
    let cause = if task.message.is_empty() {
        "CloudWatch Logs gives no reason"
    } else {
        task.message.as_str()
    };
    Message::warning(format!(
        "logs of {day} not exported - export task {}",
        task.status
    ))
    .action("Lamplighter retries the export every hour.")
    .why(format!("{cause} (task {}).", task.id))
    .next("Check that the bucket policy lets CloudWatch Logs write to the bucket.")
    .deduplicated_by(format!("export-failed:{day}"))
}

pub fn export_late(day: Date, reason: &str) -> Message {
    Message::warning(format!("export of logs of {day} more than 24 h late"))
        .action("Lamplighter exports the due days in order.")
        .why(format!("Current state: {reason}."))
        .next("Nothing to do, unless it lasts. AWS runs one export task at a time, so check for export tasks of others.")
        .fires_until_resolved(LATE_KEY)
}

pub fn export_on_schedule() -> Message {
    Message::info("log exports on schedule again")
        .why("No day has been due for more than a day.")
        .next("Nothing to do.")
        .resolves(LATE_KEY)
}

/// Builds the message about the days from `first` until before `until`, which were deleted.
pub fn logs_lost(first: Date, until: Date, retention: u32) -> Message {
    let last = until.yesterday().unwrap_or(until);
    let days = if first == last {
        first.to_string()
    } else {
        format!("{first} to {last}")
    };
    let count = u32::try_from((until - first).get_days()).unwrap_or_default();
    Message::critical(format!(
        "{} of logs lost ({days}) - deleted before export",
        format_days(count)
    ))
    .action("Lamplighter exports the remaining days next.")
    .why(format!(
        "CloudWatch Logs deletes events of this group after {}.",
        format_days(retention)
    ))
    .next(format!(
        "Set a longer retention with retain= in the tag {LOGS}."
    ))
    .deduplicated_by(format!("lost:{first}"))
}

fn format_days(days: u32) -> String {
    pluralize(days as usize, "day")
}

//! The tags of databases, caches and log groups.

use super::entry::{TagReference, pair};
use crate::model::tag_keys::{BACKUP, LOGS};

pub const BACKUP_TAG: TagReference = TagReference {
    key: BACKUP,
    on: "database, cache",
    summary: "Takes snapshots, rotates them and proves them by restore drills.",
    example: "at=03:00 keep=7d",
    words: &[],
    pairs: &[
        pair(
            "at",
            "`00:00` to `23:59`",
            "`BackupAt`",
            "The time of the daily snapshot.",
        ),
        pair(
            "every",
            "`1h` or longer",
            "",
            "Instead of `at=`: the interval of snapshots, counted from midnight UTC.",
        ),
        pair(
            "tz",
            "time zone such as `Europe/Rome`",
            "UTC",
            "The time zone of `at=` and of days, weeks and months.",
        ),
        pair(
            "keep",
            "`3l+24h+7d+4w+12m+2y`",
            "`RetentionDays`",
            "Retention by tier: last snapshots, hours, days, weeks, months, years.",
        ),
        pair(
            "rpo",
            "duration such as `1h`",
            "the interval and a quarter",
            "The largest age of the recovery point before a critical notification.",
        ),
        pair(
            "copy",
            "regions and `vault`, joined by `+`",
            "",
            "Copies every snapshot to these regions, or to the vault account.",
        ),
        pair(
            "copy-key",
            "KMS key",
            "the RDS key there",
            "The key at the destination for encrypted snapshots.",
        ),
        pair(
            "copy-option-group",
            "option group",
            "the default one there",
            "The option group at the destination, which copies of instances with permanent options (TDE, time zone) need.",
        ),
        pair(
            "drill",
            "`daily`, `weekly`, `monthly`",
            "",
            "Restores the newest snapshot to a temporary database, checks it, times it and deletes it.",
        ),
        pair(
            "drill-group",
            "security group `sg-…`",
            "that of the stack",
            "The security group of the temporary database.",
        ),
        pair(
            "drill-class",
            "class such as `db.r6g.large`",
            "the smallest offered",
            "The instance class of the temporary database, or the node type of the temporary cache.",
        ),
        pair(
            "check-task",
            "family or `family:revision`",
            "",
            "The ECS task that checks the restored database.",
        ),
        pair(
            "rto",
            "duration such as `2h`",
            "",
            "The longest restore, with its check, before a warning.",
        ),
    ],
};

pub const LOGS_TAG: TagReference = TagReference {
    key: LOGS,
    on: "log group",
    summary: "Exports each day of a log group to the stack's bucket, and sets its retention.",
    example: "export keep=7d",
    words: &[("export", "Export every day at noon UTC of the next one.")],
    pairs: &[
        pair(
            "keep",
            "`7d`, `30d`, `90d`, `365d`",
            "7d",
            "Retention of the exports in the bucket.",
        ),
        pair(
            "retain",
            "days such as `7d`",
            "unchanged",
            "Retention of the log group in CloudWatch Logs.",
        ),
    ],
};

//! Messages and reasons of `backup`.

use jiff::{SignedDuration, Timestamp};
use lamplighter::event::detail::rds::BackupJob;
use lamplighter::model::{CopyDestination, Database, Quota, Snapshot};
use lamplighter::notify::Message;
use lamplighter::policy::BACKUP;

use crate::rotate::RotationDecision;

const RPO_KEY: &str = "recovery-point";
/// Prefix of the message key of an overdue backup.
pub const OVERDUE_KEY: &str = "overdue:";

/// Describes a snapshot with its reasons, such as `2026-11-21 03:00 (day 2026-11-21)`.
pub fn describe_kept(snapshot: &Snapshot, verdict: &RotationDecision) -> String {
    let at = snapshot.taken_at.unwrap_or_default().strftime("%F %H:%M");
    match verdict {
        RotationDecision::Keep(reasons) => format!("{at} ({})", reasons.join(", ")),
        RotationDecision::Delete(reason) => format!("{at} ({reason})"),
    }
}

pub fn cluster_member(cluster: &str) -> Message {
    Message::warning(format!("is part of the cluster {cluster}; nothing is done"))
        .why("Instances of Aurora, DocumentDB and Multi-AZ clusters are backed up with their cluster, once.")
        .next(format!("Move the tag {BACKUP} to the cluster {cluster}."))
        .deduplicated_by("member")
}

pub fn cache_copies_unsupported() -> Message {
    Message::warning("copy= does nothing for a cache")
        .why("ElastiCache copies no backup to another region or account; they are taken here all the same.")
        .next(format!("Remove copy= from the tag {BACKUP}."))
        .deduplicated_by("copies-of-caches")
}

pub fn too_many_cache_snapshots() -> Message {
    Message::warning("is to be backed up more often than ElastiCache allows")
        .why("It takes 20 backups of a cache within 24 hours at most; those after that are refused until the next day.")
        .next(format!("Say every=2h or more in the tag {BACKUP}."))
        .deduplicated_by("too-many-of-a-cache")
}

pub fn backup_overdue(reason: &str, slot: Timestamp, now: Timestamp) -> Message {
    Message::warning(format!("no backup for {}", format_duration(now.duration_since(slot))))
        .why(format!("It has been due since {}. {reason}.", slot.strftime("%F %H:%M UTC")))
        .next("It is tried again every quarter of an hour. See in the RDS console what keeps it from being available.")
        .deduplicated_by(format!("{OVERDUE_KEY}{slot}"))
}

pub fn backup_late(slot: Timestamp, now: Timestamp) -> Message {
    Message::info(format!(
        "backup of {} was taken {} late",
        slot.strftime("%F %H:%M UTC"),
        format_duration(now.duration_since(slot))
    ))
    .why("The slot was missed: the database was busy, it was tagged only now, or nothing ran.")
    .next("Nothing to do.")
    .deduplicated_by(format!("late:{slot}"))
}

pub fn quota_usage(database: &Database, quota: Quota) -> Message {
    if quota.is_reached() {
        return Message::critical(format!("all {} manual snapshots of this account and region are used", quota.max))
            .why(format!("No {} can be backed up before one goes, and what is kept is what its policy promises.", database_kind(database)))
            .next("Raise the quota of manual snapshots, or delete some that are not Lamplighter's. Where a policy lets old ones go, they go first.")
            .deduplicated_by(format!("quota-reached:{}", database_kind(database)));
    }
    Message::warning(format!(
        "{} of {} manual snapshots are used",
        quota.used, quota.max
    ))
    .why(format!(
        "At the limit no {} can be backed up in this account and region.",
        database_kind(database)
    ))
    .next(format!(
        "Raise the quota, or keep fewer: keep= in the tag {BACKUP}."
    ))
    .deduplicated_by("quota-near")
}

pub fn recovery_point_too_old(age: Option<SignedDuration>, allowed: SignedDuration) -> Message {
    let title = age.map_or_else(
        || "has no recovery point".to_owned(),
        |age| {
            format!(
                "recovery point is {} old, {} is allowed",
                format_duration(age),
                format_duration(allowed)
            )
        },
    );
    Message::critical(title)
        .why("Neither a good snapshot nor point-in-time recovery reaches closer to now.")
        .next("What was written since then would be lost: take a snapshot by hand now. Why backups wait or fail, earlier messages and the journal say; nothing is deleted meanwhile.")
        .fires_until_resolved(RPO_KEY)
}

pub fn recovery_point_aging(age: SignedDuration, allowed: SignedDuration) -> Message {
    Message::warning(format!("recovery point is {} old and grows; {} is allowed", format_duration(age), format_duration(allowed)))
        .why(format!("At this rate that is crossed in {}: no snapshot was good since.", format_duration(allowed - age)))
        .next("It is tried again every quarter of an hour. Look at the journal for why the last ones failed or wait.")
        .deduplicated_by("recovery-point-grows")
}

pub fn recovery_point_ok(age: SignedDuration) -> Message {
    Message::info(format!(
        "recovery point is {} old again",
        format_duration(age)
    ))
    .why("There is a newer good snapshot, or point-in-time recovery reaches on.")
    .next("Nothing to do.")
    .resolves(RPO_KEY)
}

pub fn copy_too_old(place: &CopyDestination, age: SignedDuration) -> Message {
    Message::warning(format!("the newest copy in {place} is {} old", format_duration(age)))
        .why("Copies wait, fail, or take longer than they may.")
        .next(format!("Look at the snapshots in {place}: a key that may not be used is the usual cause. It is tried again by every sweep."))
        .deduplicated_by(format!("copy-old:{place}"))
}

pub fn no_vault() -> Message {
    Message::warning("copy=vault does nothing: the stack has no vault")
        .why("Copies for another account are made by a role there, which the stack parameter VaultRole names.")
        .next(format!("Deploy infra/vault.yaml in the other account and set VaultRole to its output, or take vault out of copy= in {BACKUP}."))
        .deduplicated_by("no-vault")
}

pub fn unreadable_place(place: &CopyDestination, error: &str) -> Message {
    Message::warning(format!("backups are not copied to {place}: it can't be read"))
        .why(error.to_owned())
        .next(format!(
            "Look whether the region is one, is enabled for the account, and may be used, or whether the role of the vault may be taken on; copy= in {BACKUP} names it."
        ))
        .deduplicated_by(format!("unreadable-place:{place}"))
}

pub fn job_failed(job: &BackupJob) -> Message {
    Message::warning(format!("an AWS Backup job is {}", job.state))
        .why(job.describe_cause())
        .next("The snapshots that Lamplighter takes do not depend on it.")
        .deduplicated_by(format!("job:{}", job.backup_job_id))
}

fn database_kind(database: &Database) -> &'static str {
    if database.is_cluster {
        "cluster"
    } else {
        "instance"
    }
}

/// Formats a duration in minutes, hours or days, such as `90 min` or `26 h`.
fn format_duration(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    match minutes {
        ..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

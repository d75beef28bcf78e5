//! What `backup` tells people.

use jiff::{SignedDuration, Timestamp};
use lamplighter::event::detail::rds::BackupJob;
use lamplighter::model::{Database, Place, Quota, Snapshot};
use lamplighter::notify::Message;
use lamplighter::policy::BACKUP;

use crate::rotate::Verdict;

const RPO: &str = "recovery-point";
/// What the key of a backup that waits begins with.
pub const OVERDUE: &str = "overdue:";

/// `2026-11-21 03:00 (day 2026-11-21)`
pub fn kept(snapshot: &Snapshot, verdict: &Verdict) -> String {
    let at = snapshot.taken_at.unwrap_or_default().strftime("%F %H:%M");
    match verdict {
        Verdict::Keep(reasons) => format!("{at} ({})", reasons.join(", ")),
        Verdict::Delete(reason) => format!("{at} ({reason})"),
    }
}

pub fn member(cluster: &str) -> Message {
    Message::warning(format!("is part of the cluster {cluster}; nothing is done"))
        .why("Instances of Aurora, DocumentDB and Multi-AZ clusters are backed up with their cluster, once.")
        .next(format!("Move the tag {BACKUP} to the cluster {cluster}."))
        .once("member")
}

pub fn no_copies_of_caches() -> Message {
    Message::warning("copy= does nothing for a cache")
        .why("ElastiCache copies no backup to another region or account; they are taken here all the same.")
        .next(format!("Remove copy= from the tag {BACKUP}."))
        .once("copies-of-caches")
}

pub fn too_many_of_a_cache() -> Message {
    Message::warning("is to be backed up more often than ElastiCache allows")
        .why("It takes 20 backups of a cache within 24 hours at most; those after that are refused until the next day.")
        .next(format!("Say every=2h or more in the tag {BACKUP}."))
        .once("too-many-of-a-cache")
}

pub fn overdue(reason: &str, slot: Timestamp, now: Timestamp) -> Message {
    Message::warning(format!("no backup for {}", duration(now.duration_since(slot))))
        .why(format!("It has been due since {}. {reason}.", slot.strftime("%F %H:%M UTC")))
        .next("It is tried again every quarter of an hour. See in the RDS console what keeps it from being available.")
        .once(format!("{OVERDUE}{slot}"))
}

pub fn late(slot: Timestamp, now: Timestamp) -> Message {
    Message::info(format!(
        "backup of {} was taken {} late",
        slot.strftime("%F %H:%M UTC"),
        duration(now.duration_since(slot))
    ))
    .why("The slot was missed: the database was busy, it was tagged only now, or nothing ran.")
    .next("Nothing to do.")
    .once(format!("late:{slot}"))
}

pub fn quota(database: &Database, quota: Quota) -> Message {
    if quota.is_reached() {
        return Message::critical(format!("all {} manual snapshots of this account and region are used", quota.max))
            .why(format!("No {} can be backed up before one goes, and what is kept is what its policy promises.", kind(database)))
            .next("Raise the quota of manual snapshots, or delete some that are not Lamplighter's. Where a policy lets old ones go, they go first.")
            .once(format!("quota-reached:{}", kind(database)));
    }
    Message::warning(format!(
        "{} of {} manual snapshots are used",
        quota.used, quota.max
    ))
    .why(format!(
        "At the limit no {} can be backed up in this account and region.",
        kind(database)
    ))
    .next(format!(
        "Raise the quota, or keep fewer: keep= in the tag {BACKUP}."
    ))
    .once("quota-near")
}

pub fn recovery_point_is_old(age: Option<SignedDuration>, allowed: SignedDuration) -> Message {
    let title = age.map_or_else(
        || "has no recovery point".to_owned(),
        |age| {
            format!(
                "recovery point is {} old, {} is allowed",
                duration(age),
                duration(allowed)
            )
        },
    );
    Message::critical(title)
        .why("Neither a good snapshot nor point-in-time recovery reaches closer to now.")
        .next("What was written since then would be lost: take a snapshot by hand now. Why backups wait or fail, earlier messages and the journal say; nothing is deleted meanwhile.")
        .lasts(RPO)
}

pub fn recovery_point_will_be_old(age: SignedDuration, allowed: SignedDuration) -> Message {
    Message::warning(format!("recovery point is {} old and grows; {} is allowed", duration(age), duration(allowed)))
        .why(format!("At this rate that is crossed in {}: no snapshot was good since.", duration(allowed - age)))
        .next("It is tried again every quarter of an hour. Look at the journal for why the last ones failed or wait.")
        .once("recovery-point-grows")
}

pub fn recovery_point_is_good(age: SignedDuration) -> Message {
    Message::info(format!("recovery point is {} old again", duration(age)))
        .why("There is a newer good snapshot, or point-in-time recovery reaches on.")
        .next("Nothing to do.")
        .resolves(RPO)
}

pub fn copy_is_old(place: &Place, age: SignedDuration) -> Message {
    Message::warning(format!("the newest copy in {place} is {} old", duration(age)))
        .why("Copies wait, fail, or take longer than they may.")
        .next(format!("Look at the snapshots in {place}: a key that may not be used is the usual cause. It is tried again by every sweep."))
        .once(format!("copy-old:{place}"))
}

pub fn no_vault() -> Message {
    Message::warning("copy=vault does nothing: the stack has no vault")
        .why("Copies for another account are made by a role there, which the stack parameter VaultRole names.")
        .next(format!("Deploy infra/vault.yaml in the other account and set VaultRole to its output, or take vault out of copy= in {BACKUP}."))
        .once("no-vault")
}

pub fn unreadable_place(place: &Place, error: &str) -> Message {
    Message::warning(format!("backups are not copied to {place}: it can't be read"))
        .why(error.to_owned())
        .next(format!(
            "Look whether the region is one, is enabled for the account, and may be used, or whether the role of the vault may be taken on; copy= in {BACKUP} names it."
        ))
        .once(format!("unreadable-place:{place}"))
}

pub fn job_failed(job: &BackupJob) -> Message {
    Message::warning(format!("an AWS Backup job is {}", job.state))
        .why(job.why())
        .next("The snapshots that Lamplighter takes do not depend on it.")
        .once(format!("job:{}", job.backup_job_id))
}

fn kind(database: &Database) -> &'static str {
    if database.is_cluster {
        "cluster"
    } else {
        "instance"
    }
}

/// `26 h`, `90 min`
fn duration(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    match minutes {
        ..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

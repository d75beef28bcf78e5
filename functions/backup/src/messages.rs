//! Messages and reasons of `backup`.

use jiff::{SignedDuration, Timestamp};
use lamplighter::event::detail::rds::BackupJob;
use lamplighter::model::{CopyDestination, Database, Quota, Snapshot, pluralize};
use lamplighter::notify::Message;
use lamplighter::policy::{BACKUP, HOLD, Retention};

/// The key of the warning about backups that a shorter policy would delete.
pub const SHORTER_POLICY: &str = "shorter-policy";
const RPO_KEY: &str = "recovery-point";
const RETRIES: &str = "Lamplighter retries the backup every 15 minutes.";

/// Backups that a message lists by name.
const MAX_LISTED: usize = 10;

/// Describes a snapshot with its reasons, such as `2026-11-21 03:00 (day 2026-11-21)`.
pub fn describe_kept(snapshot: &Snapshot, reasons: &[String]) -> String {
    let at = snapshot.taken_at.unwrap_or_default().strftime("%F %H:%M");
    format!("{at} ({})", reasons.join(", "))
}

pub fn cluster_member(cluster: &str) -> Message {
    Message::warning(format!(
        "no backup of its own - member of cluster {cluster}"
    ))
    .action("Lamplighter takes no backup of this instance.")
    .why("A backup of an Aurora, DocumentDB or Multi-AZ cluster covers all of its instances.")
    .next(format!("Move the tag {BACKUP} to the cluster {cluster}."))
    .deduplicated_by("member")
}

/// Warns of the backups that a shorter policy would delete, by place.
pub fn shorter_policy(keep: &Retention, places: &[(String, Vec<String>)]) -> Message {
    let count: usize = places.iter().map(|(_, names)| names.len()).sum();
    let listed: Vec<String> = places
        .iter()
        .map(|(place, names)| format!("{place}: {}", list_names(names)))
        .collect();
    Message::critical(format!(
        "{} would go - keep= shortened to {keep}",
        pluralize(count, "backup")
    ))
    .action("Lamplighter keeps them for a day from when it noticed the shorter policy. Until then they count for the quota as well.")
    .why(format!(
        "The policy no longer keeps them. {}.",
        listed.join("; ")
    ))
    .next(format!(
        "If that is a mistake, set keep= in the tag {BACKUP} (or RetentionDays) as before, or tag single backups {HOLD}. If not, nothing \
         to do."
    ))
    .fires_until_resolved(SHORTER_POLICY)
}

/// Ends the warning: the policy was set back, or the day is over.
pub fn shorter_policy_ended(keep: &Retention) -> Message {
    Message::info(format!("no backups wait for a shorter keep= - now {keep}"))
        .why("keep= was set back, or the day is over, and Lamplighter deletes what the policy no longer keeps.")
        .next("Nothing to do.")
        .resolves(SHORTER_POLICY)
}

/// Lists the first names, and says how many there are beside them.
fn list_names(names: &[String]) -> String {
    let first = names.iter().take(MAX_LISTED);
    let first: Vec<&str> = first.map(String::as_str).collect();
    match names.len().saturating_sub(MAX_LISTED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Says that a copy in the region of the database is none.
pub fn copy_in_own_region(region: &str) -> Message {
    Message::warning(format!("no copy in {region} - the database is there"))
        .action("Lamplighter backs the database up as usual, and copies nothing to this region.")
        .why("A copy in the same region survives no more than its original.")
        .next(format!("Name another region in copy= of the tag {BACKUP}."))
        .deduplicated_by("copy-in-own-region")
}

pub fn cache_copies_unsupported() -> Message {
    Message::warning("no backup copies - ElastiCache does not support copy=")
        .action("Lamplighter backs the cache up in this region only.")
        .why("ElastiCache can't copy a backup to another region or account.")
        .next(format!("Remove copy= from the tag {BACKUP}."))
        .deduplicated_by("copies-of-caches")
}

pub fn too_many_cache_snapshots(requested: u64, allowed: u64) -> Message {
    Message::warning(format!(
        "{requested} backups a day requested, ElastiCache allows {allowed}"
    ))
    .action("Lamplighter requests them all; ElastiCache rejects the surplus until the next day.")
    .why("The tag asks for more backups than ElastiCache takes of one cache within 24 hours.")
    .next(format!("Set every=2h or longer in the tag {BACKUP}."))
    .deduplicated_by("too-many-of-a-cache")
}

pub fn backup_overdue(status: &str, slot: Timestamp, now: Timestamp) -> Message {
    let overdue = format_duration(now.duration_since(slot));
    Message::warning(format!("backup {overdue} overdue - database is {status}"))
        .action(RETRIES)
        .why(format!(
            "The backup was due at {}. AWS takes no snapshot in this status.",
            slot.strftime("%F %H:%M UTC")
        ))
        .next("Check in the AWS console why the database is not available.")
        .deduplicated_by(format!("overdue:{slot}"))
}

pub fn backup_late(slot: Timestamp, now: Timestamp) -> Message {
    Message::info(format!(
        "backup of {} taken {} late",
        slot.strftime("%F %H:%M UTC"),
        format_duration(now.duration_since(slot))
    ))
    .action("Lamplighter made up for the missed slot.")
    .why("The database was busy, was tagged only now, or no sweep ran at the slot.")
    .next("Nothing to do.")
    .deduplicated_by(format!("late:{slot}"))
}

pub fn quota_usage(database: &Database, quota: Quota) -> Message {
    let kind = database_kind(database);
    let used = format!("{} of {} manual snapshots used", quota.used, quota.max);
    if quota.is_reached() {
        return Message::critical(format!("{used} - new {kind} backups blocked"))
            .action("Lamplighter deletes its own snapshots that no policy keeps, and retries every 15 minutes.")
            .why("The quota of this account and region is reached.")
            .next("Raise the quota of manual snapshots, or delete some that are not Lamplighter's.")
            .deduplicated_by(format!("quota-reached:{kind}"));
    }
    Message::warning(format!("{used} - {kind} backups stop at the limit"))
        .why("The quota of this account and region is nearly reached.")
        .next(format!(
            "Raise the quota, or keep fewer snapshots with keep= in the tag {BACKUP}."
        ))
        .deduplicated_by("quota-near")
}

pub fn recovery_point_too_old(age: Option<SignedDuration>, allowed: SignedDuration) -> Message {
    let allowed = format_duration(allowed);
    let message = match age {
        Some(age) => Message::critical(format!(
            "recovery point {} old, RPO {allowed}",
            format_duration(age)
        ))
        .why(
            "There is no newer usable snapshot, and point-in-time recovery does not reach further.",
        ),
        None => Message::critical(format!("no recovery point, RPO {allowed}"))
            .why("There is no usable snapshot and no point-in-time recovery."),
    };
    message
        .action(format!(
            "{RETRIES} It deletes no snapshot that the policy keeps."
        ))
        .next(
            "Take a manual snapshot now (aws rds create-db-snapshot, or create-db-cluster-snapshot). \
             Earlier notifications and the journal say why backups wait or fail.",
        )
        .fires_until_resolved(RPO_KEY)
}

pub fn recovery_point_aging(
    age: SignedDuration,
    allowed: SignedDuration,
    left: SignedDuration,
) -> Message {
    Message::warning(format!(
        "RPO {} missed in {} - recovery point {} old",
        format_duration(allowed),
        format_duration(left),
        format_duration(age)
    ))
    .action(RETRIES)
    .why("No snapshot has succeeded since.")
    .next("See in the journal why the last backups wait or failed.")
    .deduplicated_by("recovery-point-grows")
}

pub fn recovery_point_ok(age: SignedDuration) -> Message {
    Message::info(format!(
        "recovery point {} old again, within the RPO",
        format_duration(age)
    ))
    .why("There is a newer usable snapshot, or point-in-time recovery reaches further.")
    .next("Nothing to do.")
    .resolves(RPO_KEY)
}

/// Tells the first copy of a place that failed after AWS had begun it.
pub fn copy_failed(
    place: &CopyDestination,
    failed: Option<(&Snapshot, Option<Timestamp>)>,
) -> Message {
    let action = match failed {
        Some((copy, _)) if place.is_vault() => format!(
            "The vault deletes the failed copy {} within two hours. Lamplighter then makes it again.",
            copy.identifier
        ),
        Some((copy, Some(at))) => format!(
            "Lamplighter deletes the failed copy {} and makes it again at {}.",
            copy.identifier,
            at.strftime("%F %H:%M UTC")
        ),
        Some((copy, None)) => format!(
            "Lamplighter deletes the failed copy {} and makes it again.",
            copy.identifier
        ),
        None => "Lamplighter makes the copy again.".to_owned(),
    };
    let keys = if place.is_vault() {
        "the database's KMS key (its policy must allow the vault's account) and the vault's key"
    } else {
        "the KMS key of copy-key= (enabled, and usable by RDS in that region)"
    };
    Message::warning(format!("backup copy in {place} failed"))
        .action(action)
        .why("AWS began the copy and then gave it up. The backups here are not affected.")
        .next(format!("Check {keys}. The events of the snapshot in the RDS console of {place} may name the cause."))
        .fires_until_resolved(copy_failed_key(place))
}

pub fn copies_succeed(place: &CopyDestination) -> Message {
    Message::info(format!("backup copies in {place} succeed again"))
        .why("The newest backup has a good copy there.")
        .next("Nothing to do.")
        .resolves(copy_failed_key(place))
}

fn copy_failed_key(place: &CopyDestination) -> String {
    format!("copy-failed:{place}")
}

/// Says once what becomes of the copies at a place that the policy dropped.
pub fn copies_left(place: &CopyDestination) -> Message {
    let (account, region, action) = match place.region() {
        Some(region) => (
            "",
            format!(" --region {region}"),
            "Lamplighter makes no new copies there and deletes none.",
        ),
        None => (
            " in the vault's account",
            String::new(),
            "Lamplighter makes no new copies there. The vault keeps what is there by its own policy.",
        ),
    };
    Message::warning(format!("copies in {place} stay - copy= names it no longer"))
        .action(action)
        .why(format!("The tag {BACKUP} has changed. Copies cost storage until somebody deletes them."))
        .next(format!(
            "If that is a mistake, name it in copy= again. If not, list the copies{account} with aws rds describe-db-snapshots --snapshot-type \
             manual{region} (or describe-db-cluster-snapshots), and delete those that you don't need."
        ))
        .deduplicated_by(format!("copies-left:{place}"))
}

pub fn copy_too_old(place: &CopyDestination, age: SignedDuration) -> Message {
    Message::warning(format!(
        "no new copy in {place} for {}",
        format_duration(age)
    ))
    .action("Lamplighter retries the copies at every sweep.")
    .why("Copies wait, fail or take too long.")
    .next(format!(
        "Check the snapshots in {place}. The usual cause is a KMS key without permission for the copy."
    ))
    .deduplicated_by(format!("copy-old:{place}"))
}

pub fn no_vault() -> Message {
    Message::warning("no copies in the vault - the stack has no vault")
        .action("Lamplighter takes the backups in this account only.")
        .why("The stack parameter VaultRole is empty. It names the role that makes the copies in another account.")
        .next(format!(
            "Deploy infra/vault.yaml in the other account and set VaultRole to its output (docs/backups.md, The vault). Or remove vault from copy= in the tag {BACKUP}."
        ))
        .deduplicated_by("no-vault")
}

pub fn unreadable_place(place: &CopyDestination, error: &str) -> Message {
    let next = if place.is_vault() {
        "Check that the role in the stack parameter VaultRole exists, and that SourceRole of infra/vault.yaml is this stack's output BackupRoleArn. After the stack was deleted and made again, deploy the vault again, too.".to_owned()
    } else {
        format!(
            "Check that the region in copy= of the tag {BACKUP} exists and is enabled for the account."
        )
    };
    Message::warning(format!(
        "backups not copied to {place} - snapshots there can't be read"
    ))
    .action("Lamplighter continues with backups here, and retries the copies at every sweep.")
    .why(error.to_owned())
    .next(next)
    .deduplicated_by(format!("unreadable-place:{place}"))
}

/// Says that copies are deleted no longer, because others may use them.
pub fn unknown_sharing(place: &CopyDestination, error: &str) -> Message {
    let next = "Check that no policy denies rds:DescribeDBSnapshotAttributes or rds:DescribeDBClusterSnapshotAttributes there.";
    Message::warning(format!("no copies deleted in {place} - sharing can't be read"))
        .action("Lamplighter goes on making copies there. It deletes none of which it doesn't know whether another account uses it.")
        .why(error.to_owned())
        .next(next)
        .deduplicated_by(format!("unknown-sharing:{place}"))
}

pub fn job_failed(job: &BackupJob) -> Message {
    Message::warning(format!("AWS Backup job {}", job.state))
        .why(format!(
            "{} Lamplighter's own snapshots do not depend on this job.",
            job.describe_cause()
        ))
        .next(format!(
            "Check the job {} in the AWS Backup console.",
            job.backup_job_id
        ))
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

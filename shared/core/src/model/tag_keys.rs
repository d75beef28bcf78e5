//! The keys of all tags that Lamplighter reads or sets.

/// The prefix of all our tags.
pub const PREFIX: &str = "lamplighter:";
pub const MANAGED: &str = "lamplighter:managed";
pub const APP: &str = "lamplighter:app";
pub const DEPLOY: &str = "lamplighter:deploy";
pub const SCALE: &str = "lamplighter:scale";
pub const SCHEDULE: &str = "lamplighter:schedule";
pub const ALARMS: &str = "lamplighter:alarms";
pub const HEAL: &str = "lamplighter:heal";
pub const FREEZE: &str = "lamplighter:freeze";
pub const SILENCE: &str = "lamplighter:silence";
pub const BACKUP: &str = "lamplighter:backup";
pub const LOGS: &str = "lamplighter:logs";
pub const APPROVE: &str = "lamplighter:approve";
pub const ACK: &str = "lamplighter:ack";
pub const RUNBOOK: &str = "lamplighter:runbook";

/// On a revision: the revision from which its rollout copied everything but the images.
pub const BASE: &str = "lamplighter:base";
/// On a resource created for a target: the ARN of the target.
pub const TARGET: &str = "lamplighter:target";
/// On a resource created for a target: the stack that created it.
pub const STACK: &str = "lamplighter:stack";
/// On a snapshot that Lamplighter takes: the resource ID of the database, which survives a rename.
pub const TARGET_ID: &str = "lamplighter:target-id";
/// On a copy of a snapshot: when the data were taken, as an RFC 3339 time.
pub const TAKEN: &str = "lamplighter:taken";
/// On a copy of a snapshot: when the copying was requested, as an RFC 3339 time.
pub const COPIED: &str = "lamplighter:copied";
/// On a snapshot that Lamplighter takes: the slot of the backup, as an RFC 3339 time.
pub const SLOT: &str = "lamplighter:slot";
/// On a snapshot that Lamplighter takes: its tiers, `24h+7d`, or `rollout`.
pub const TIER: &str = "lamplighter:tier";
/// The value of [`TIER`] on a snapshot that was taken before a rollout.
pub const ROLLOUT_TIER: &str = "rollout";
/// On a copy in the vault: since when the vault's policy doesn't keep it, as an RFC 3339 time.
pub const EXPIRED: &str = "lamplighter:expired";
/// On a snapshot, set by a person: never delete it.
pub const HOLD: &str = "lamplighter:hold";
/// On a database that was restored for a drill: the ARN of the snapshot.
pub const DRILL: &str = "lamplighter:drill";
/// On a snapshot that was restored and checked: the time.
pub const VERIFIED: &str = "lamplighter:verified";

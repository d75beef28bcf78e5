//! The keys of all tags that Lamplighter reads or sets.

/// All our tags begin with this.
pub const PREFIX: &str = "lamplighter:";
pub const MANAGED: &str = "lamplighter:managed";
pub const APP: &str = "lamplighter:app";
pub const DEPLOY: &str = "lamplighter:deploy";
pub const SCALE: &str = "lamplighter:scale";
pub const SCHEDULE: &str = "lamplighter:schedule";
pub const HEAL: &str = "lamplighter:heal";
pub const FREEZE: &str = "lamplighter:freeze";
pub const SILENCE: &str = "lamplighter:silence";
pub const BACKUP: &str = "lamplighter:backup";
pub const LOGS: &str = "lamplighter:logs";
pub const APPROVE: &str = "lamplighter:approve";
pub const ACK: &str = "lamplighter:ack";

/// On a revision: the one that its rollout took everything but the images from.
pub const BASE: &str = "lamplighter:base";
/// On what was made for a target: the target's ARN.
pub const TARGET: &str = "lamplighter:target";
/// On what was made for a target: the stack that made it.
pub const STACK: &str = "lamplighter:stack";
/// On what we take: the slot of a backup that it is for, as an RFC 3339 time.
pub const SLOT: &str = "lamplighter:slot";
/// On what we take: the tiers it was taken for, `24h+7d`, or `rollout`.
pub const TIER: &str = "lamplighter:tier";
/// On a snapshot, by a person: it stays.
pub const HOLD: &str = "lamplighter:hold";
/// On a database that was restored to prove a backup: the ARN of the snapshot.
pub const DRILL: &str = "lamplighter:drill";
/// On a snapshot that was restored and checked: when.
pub const VERIFIED: &str = "lamplighter:verified";

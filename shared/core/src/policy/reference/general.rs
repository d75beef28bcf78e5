//! The tags of every kind of resource.

use super::entry::{TagReference, pair};
use crate::model::tag_keys::{ACK, APP, MANAGED, RUNBOOK, SILENCE};

pub const MANAGED_TAG: TagReference = TagReference {
    key: MANAGED,
    on: "service, database, cache, log group, task definition",
    summary: "Says whether Lamplighter may act on the resource. Without it, Lamplighter changes nothing.",
    example: "true",
    words: &[
        ("true", "Manage the resource."),
        ("observe", "Dry run: decide and notify, but change nothing."),
        (
            "paused",
            "Ignore the resource. Hooks are still answered and temporary resources deleted.",
        ),
    ],
    pairs: &[],
};

pub const APP_TAG: TagReference = TagReference {
    key: APP,
    on: "service, database, cache",
    summary: "Names the application. Services and databases of one application depend on each other, share a dashboard and are reported together.",
    example: "shop",
    words: &[("shop", "The name of the application.")],
    pairs: &[],
};

pub const SILENCE_TAG: TagReference = TagReference {
    key: SILENCE,
    on: "service, database, cache, log group",
    summary: "Silences notifications about the resource until a time. Actions go on, and an incident that still fires afterwards is sent then.",
    example: "until=2026-12-01T08:00Z",
    words: &[],
    pairs: &[pair(
        "until",
        "time with its zone",
        "",
        "The end of the silence. Required.",
    )],
};

pub const ACK_TAG: TagReference = TagReference {
    key: ACK,
    on: "service, database, cache, log group",
    summary: "Acknowledges one incident: no more reminders of it.",
    example: "4b1d0c8ff6a7-1763694720",
    words: &[(
        "4b1d0c8ff6a7-1763694720",
        "The identifier of the incident as the notification names it.",
    )],
    pairs: &[],
};

pub const RUNBOOK_TAG: TagReference = TagReference {
    key: RUNBOOK,
    on: "service, database, cache, log group",
    summary: "The address of what to do about the resource at night. Every message about it links there.",
    example: "https://wiki.example.com/shop/web",
    words: &[(
        "https://wiki.example.com/shop/web",
        "An address that starts with https:// or http://.",
    )],
    pairs: &[],
};

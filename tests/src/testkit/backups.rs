//! Backups on the local stack: snapshots of any age, as if the stack had taken them on earlier nights.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::testkit::stack::Stack;
use crate::testkit::traffic::create_database;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The tags of a database that is backed up once a day, and was due five minutes before the first call.
#[must_use]
pub fn nightly() -> [(&'static str, String); 2] {
    let backup = format!("at={} keep=7d drill=weekly", night(0).strftime("%H:%M"));
    [
        ("lamplighter:managed", "true".to_owned()),
        ("lamplighter:backup", backup),
    ]
}

/// The slot of a night, 0 for the one that is due now.
#[must_use]
pub fn night(ago: i32) -> Timestamp {
    static SLOT: OnceLock<Timestamp> = OnceLock::new();
    let five_minutes_ago = || {
        let second = Timestamp::now().as_second() - 300;
        Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or_default()
    };
    *SLOT.get_or_init(five_minutes_ago) - DAY * ago
}

/// Makes a database that is backed up [`nightly`].
pub fn backed_up(stack: &Stack, name: &str) {
    let tags = nightly();
    create_database(
        stack,
        name,
        &tags.each_ref().map(|(key, value)| (*key, value.as_str())),
    );
}

/// What the snapshot of a database for a night is called.
#[must_use]
pub fn name(database: &str, ago: i32) -> String {
    format!(
        "lamplighter-{database}-{}",
        night(ago).strftime("%Y%m%d-%H%M")
    )
}

/// Makes the snapshots that the stack would have taken on these nights.
pub fn taken_on(stack: &Stack, database: &str, nights: std::ops::Range<i32>) {
    for ago in nights {
        let arn = format!("arn:aws:rds:eu-west-1:123456789012:db:{database}");
        let tags = json!({
            "lamplighter:stack": "lamplighter",
            "lamplighter:target": arn,
            "lamplighter:slot": night(ago).strftime("%FT%H:%MZ").to_string(),
        });
        let at = night(ago) + SignedDuration::from_mins(1);
        let snapshot = json!({"name": name(database, ago), "database": database, "at": at.to_string(), "tags": tags});
        stack.control("snapshot", snapshot);
    }
}

/// Sets the state of a database.
pub fn set_state(stack: &Stack, database: &str, status: &str) {
    stack.control("database", json!({"database": database, "status": status}));
}

/// The snapshots of a database by name, and their states.
#[must_use]
pub fn snapshots(stack: &Stack, database: &str) -> BTreeMap<String, String> {
    let all = stack.control("snapshots", json!({}));
    let of = |s: &Value| {
        Some((
            s["name"].as_str()?.to_owned(),
            s["status"].as_str()?.to_owned(),
        ))
    };
    all.as_array()
        .into_iter()
        .flatten()
        .filter(|s| s["database"] == database)
        .filter_map(of)
        .collect()
}

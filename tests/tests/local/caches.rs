//! Backups of caches, end to end: the real binary on the local stack.

use e2e::testkit::backups::{name, night, nightly};
use e2e::testkit::stack::{ACCOUNT, REGION, Stack};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

/// What a group with cluster mode is created with.
const SHARDS: &[(&str, &str)] = &[
    ("NumNodeGroups", "3"),
    ("AutomaticFailoverEnabled", "true"),
    ("CacheParameterGroupName", "default.valkey8.cluster.on"),
];

/// Makes a cache that is backed up once a day.
fn cache(stack: &Stack, action: &str, named: &str, with: &[(&str, &str)]) {
    let tags = nightly();
    let keys: Vec<[String; 2]> = (1..=tags.len())
        .map(|n| [format!("Tags.Tag.{n}.Key"), format!("Tags.Tag.{n}.Value")])
        .collect();
    let mut form = vec![
        (named, "sessions"),
        ("ReplicationGroupDescription", "of the shop"),
        ("Engine", "valkey"),
    ];
    form.extend(with);
    for ([key, value], (tag, text)) in keys.iter().zip(&tags) {
        form.extend([(key.as_str(), *tag), (value.as_str(), text.as_str())]);
    }
    stack.query("elasticache", action, &form).unwrap();
}

#[rstest]
#[case::replication_group(
    "CreateReplicationGroup",
    "ReplicationGroupId",
    "group",
    "replicationgroup",
    &[]
)]
#[case::cluster_mode(
    "CreateReplicationGroup",
    "ReplicationGroupId",
    "group",
    "replicationgroup",
    SHARDS
)]
#[case::serverless(
    "CreateServerlessCache",
    "ServerlessCacheName",
    "serverless",
    "serverlesscache",
    &[]
)]
fn a_cache_is_backed_up_and_the_oldest_goes(
    #[case] action: &str,
    #[case] named: &str,
    #[case] of: &str,
    #[case] resource: &str,
    #[case] with: &[(&str, &str)],
) {
    let stack = Stack::start(&[]).unwrap();
    cache(&stack, action, named, with);
    let arn = format!("arn:aws:elasticache:{REGION}:{ACCOUNT}:{resource}:sessions");
    let tags = json!({"lamplighter:stack": "lamplighter", "lamplighter:target": arn});
    for ago in 1..9 {
        let at = (night(ago) + SignedDuration::from_mins(1)).to_string();
        stack.control(
            "cache_snapshot",
            json!({"name": name("sessions", ago), of: "sessions", "at": at, "tags": tags}),
        );
    }
    let by_hand =
        json!({"name": "by-hand", of: "sessions", "at": "2020-01-01T00:00:00Z", "tags": {}});
    stack.control("cache_snapshot", by_hand);
    // Nothing tells that a snapshot of a cache was made: the next sweep finds it.
    let there = stack.sweep_until("BackupSweep", "seven are left, and the one by hand", || {
        let there: Vec<Value> = stack
            .control("cache_snapshots", json!({}))
            .as_array()
            .unwrap()
            .clone();
        (there.len() == 8).then_some(there)
    });
    assert!(
        there.contains(&json!("by-hand")) && there.contains(&json!(name("sessions", 0))),
        "{there:?}"
    );
    assert!(
        !there.contains(&json!(name("sessions", 8)))
            && !there.contains(&json!(name("sessions", 7)))
    );
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[rstest]
#[case::replication_group(
    "CreateReplicationGroup",
    "ReplicationGroupId",
    "group",
    "DescribeReplicationGroups",
    &[]
)]
#[case::cluster_mode(
    "CreateReplicationGroup",
    "ReplicationGroupId",
    "group",
    "DescribeReplicationGroups",
    SHARDS
)]
#[case::of_an_older_version(
    "CreateReplicationGroup",
    "ReplicationGroupId",
    "group",
    "DescribeReplicationGroups",
    &[("EngineVersion", "7.2"), ("CacheParameterGroupName", "default.valkey7")]
)]
#[case::serverless(
    "CreateServerlessCache",
    "ServerlessCacheName",
    "serverless",
    "DescribeServerlessCaches",
    &[]
)]
fn a_backup_of_a_cache_is_proven(
    #[case] action: &str,
    #[case] named: &str,
    #[case] of: &str,
    #[case] listing: &str,
    #[case] with: &[(&str, &str)],
) {
    let stack = Stack::start(&[("DrillVpc", "vpc-0123456789abcdef0")]).unwrap();
    cache(&stack, action, named, with);
    let there = || {
        stack
            .query("elasticache", listing, &[])
            .unwrap()
            .contains("lamplighter-drill-sessions")
    };
    let told = || {
        let mail = stack.mail();
        // With what the emulator refuses for a serverless cache it is one message.
        mail.iter()
            .any(|mail| {
                mail["body"]
                    .as_str()
                    .unwrap()
                    .contains("sessions: drill passed")
            })
            .then_some(())
    };
    let mut looks = 0;
    stack.until("it is proven", || {
        if looks % 20 == 0 {
            // One after the other: at the same time one of them would always find the cache held.
            let sweep = if looks % 40 == 0 {
                "BackupSweep"
            } else {
                "DrillSweep"
            };
            stack.control("schedule", json!({"name": sweep}));
        }
        looks += 1;
        told()
    });
    stack.until("nothing is left", || (!there()).then_some(()));
    assert_eq!(stack.calls_of(action), 1, "{of}");
}

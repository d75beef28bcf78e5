//! Tests of restore plans: what they say, and what holds for all of them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::model::{
    Arn, CapacityRange, CopyDestination, Database, EnhancedMonitoring, FeatureRole, Snapshot,
    build_snapshot_tags,
};
use crate::plan::{DrillResult, RestoreCall, Temporary};
use crate::state::{BackupState, CopyPlace, CopyRecord};

const NOW: Timestamp = Timestamp::constant(1_795_233_600, 0); // 2026-11-21T04:00:00Z
const STACK: &str = "lamplighter";

fn arn(resource: &str) -> Arn {
    let service = if resource.contains("cache") || resource.contains("replicationgroup") {
        "elasticache"
    } else {
        "rds"
    };
    Arn::new(format!(
        "arn:aws:{service}:eu-west-1:123456789012:{resource}"
    ))
}

/// A PostgreSQL instance with everything that a restore can lose.
fn orders() -> Database {
    let mut database = Database {
        arn: arn("db:orders"),
        identifier: "orders".into(),
        engine: "postgres".into(),
        engine_version: "16.4".into(),
        resource_id: "db-ORDERS".into(),
        status: "available".into(),
        class: "db.r6g.large".into(),
        storage_type: Some("io2".into()),
        iops: Some(12_000),
        backup_retention_days: 7,
        multi_az: true,
        encrypted: true,
        deletion_protection: true,
        subnet_group: Some("private".into()),
        port: Some(5432),
        user: "shop".into(),
        secret: Some("arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1".into()),
        parameter_group: Some("pg16-shop".into()),
        tags: tags(&[
            ("team", "pay ments"),
            ("lamplighter:managed", "paused"),
            ("lamplighter:backup", "at=03:00 keep=7d"),
        ]),
        ..Database::default()
    };
    let settings = &mut database.settings;
    settings.security_groups = vec!["sg-1".into(), "sg-2".into()];
    settings.option_group = Some("audit".into());
    settings.log_exports = vec!["postgresql".into(), "upgrade".into()];
    settings.has_iam_authentication = true;
    settings.upgrades_minor_versions = true;
    settings.backup_window = Some("02:00-02:30".into());
    settings.maintenance_window = Some("sun:04:00-sun:04:30".into());
    settings.monitoring = Some(EnhancedMonitoring {
        interval_seconds: 60,
        role: "arn:aws:iam::123456789012:role/monitoring".into(),
    });
    settings.has_performance_insights = true;
    settings.max_allocated_gib = Some(500);
    settings.roles = vec![FeatureRole {
        feature: "s3Import".into(),
        role: "arn:aws:iam::123456789012:role/import".into(),
    }];
    settings.read_replicas = vec!["orders-replica".into()];
    settings.others = vec!["--storage-throughput 500".into()];
    settings.insights_days = Some(731);
    database
}

fn cluster(engine: &str) -> LostDatabase {
    let mut database = orders();
    database.arn = arn("cluster:shop");
    database.identifier = "shop".into();
    database.engine = engine.into();
    database.is_cluster = true;
    database.class = String::new();
    database.storage_type = None;
    database.iops = None;
    database.multi_az = false;
    database.parameter_group = Some("shop-parameters".into());
    database.settings.option_group = None;
    database.settings.writer = Some("shop-b".into());
    let member = |name: &str, tier| {
        let mut member = Database {
            arn: arn(&format!("db:{name}")),
            identifier: name.into(),
            engine: engine.into(),
            class: "db.r6g.large".into(),
            cluster: Some("shop".into()),
            parameter_group: Some("shop-members".into()),
            ..Database::default()
        };
        member.settings.promotion_tier = Some(tier);
        member
    };
    lost(database, vec![member("shop-a", 1), member("shop-b", 0)])
}

fn multi_az_cluster() -> LostDatabase {
    let mut lost = cluster("postgres");
    lost.members.clear();
    lost.database.class = "db.m6gd.large".into();
    lost.database.storage_type = Some("gp3".into());
    lost.database.iops = Some(3_000);
    lost
}

fn serverless_cluster() -> LostDatabase {
    let mut lost = cluster("aurora-postgresql");
    lost.database.settings.capacity = Some(CapacityRange {
        min: "0.5".into(),
        max: "4".into(),
        pause_after: Some(300),
    });
    for member in &mut lost.members {
        member.class = "db.serverless".into();
    }
    lost
}

fn replication_group(has_cluster_mode: bool) -> LostDatabase {
    let mut database = Database {
        arn: arn("replicationgroup:sessions"),
        identifier: "sessions".into(),
        engine: "valkey".into(),
        class: "cache.r7g.large".into(),
        nodes: vec!["sessions-001".into(), "sessions-002".into()],
        has_cluster_mode,
        encrypted: true,
        port: Some(6379),
        ..Database::default()
    };
    let cache = &mut database.settings.cache;
    (cache.nodes, cache.shards) = if has_cluster_mode { (6, 3) } else { (2, 1) };
    (cache.has_failover, cache.is_multi_az, cache.has_tls) = (true, true, true);
    cache.tls_mode = Some("required".into());
    cache.has_auth_token = true;
    let mut lost = lost(database, Vec::new());
    for snapshot in &mut lost.snapshots {
        snapshot.engine_version = "8.0.1".into();
        snapshot.shards = has_cluster_mode.then_some(3);
        snapshot.subnet_group = Some("private".into());
        snapshot.parameter_group = Some("valkey8-shop".into());
    }
    lost
}

fn serverless_cache() -> LostDatabase {
    let mut database = Database {
        arn: arn("serverlesscache:sessions"),
        identifier: "sessions".into(),
        engine: "valkey".into(),
        subnets: vec!["subnet-1".into(), "subnet-2".into()],
        ..Database::default()
    };
    database.settings.security_groups = vec!["sg-1".into()];
    lost(database, Vec::new())
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// A database with a snapshot of this night and a verified one of the night before.
fn lost(database: Database, members: Vec<Database>) -> LostDatabase {
    let night = |day: &str, at: SignedDuration, is_verified: bool| {
        let name = format!("lamplighter-{}-{day}-0300", database.identifier);
        let kind = if database.is_cluster {
            "cluster-snapshot"
        } else if database.arn.resource().starts_with("serverlesscache") {
            "serverlesscachesnapshot"
        } else {
            "snapshot"
        };
        let mut own = build_snapshot_tags(&database, STACK, "slot", "7d");
        if is_verified {
            own.insert("lamplighter:verified".into(), "true".into());
        }
        Snapshot {
            arn: Arn::new(format!(
                "arn:aws:{}:eu-west-1:123456789012:{kind}:{name}",
                database.arn.service()
            )),
            identifier: name,
            database: database.identifier.clone(),
            kind: database.arn.database_kind().unwrap_or_default(),
            status: "available".into(),
            taken_at: Some(NOW - at),
            engine_version: database.engine_version.clone(),
            resource_id: database.resource_id.clone(),
            tags: own,
            ..Snapshot::default()
        }
    };
    LostDatabase {
        retained: None,
        earlier: None,
        snapshots: vec![
            night("20261121", SignedDuration::from_hours(1), false),
            night("20261120", SignedDuration::from_hours(25), true),
        ],
        database,
        members,
        exists: true,
    }
}

/// A state with copies in another region and in the vault, and a drill.
fn state(kind: &str, name: &str) -> BackupState {
    let copy = |region: &str, account: &str| CopyPlace {
        newest: Some(CopyRecord {
            snapshot: Arn::new(format!(
                "arn:aws:rds:{region}:{account}:{kind}:lamplighter-{name}-20261120-0300-3f2a"
            )),
            taken_at: NOW - SignedDuration::from_hours(25),
            engine_version: "16.4".into(),
        }),
        ..CopyPlace::default()
    };
    let place = |text| CopyDestination::parse(text).unwrap();
    BackupState {
        places: BTreeMap::from([
            (place("eu-central-1"), copy("eu-central-1", "123456789012")),
            (place("vault"), copy("eu-west-1", "345678901234")),
        ]),
        last_drill: Some(DrillResult {
            snapshot: arn("snapshot:lamplighter-orders-20261120-0300"),
            began: NOW - SignedDuration::from_hours(20),
            took: 1_260,
            checked: None,
            passed: true,
        }),
        ..BackupState::default()
    }
}

fn with_recovery(mut lost: LostDatabase) -> LostDatabase {
    lost.database.latest_restorable = Some(NOW - SignedDuration::from_mins(5));
    lost
}

fn render(lost: &LostDatabase, state: &BackupState) -> String {
    RestorePlan::new(lost, STACK, state).render(NOW)
}

#[rstest]
#[case::instance("instance", lost(orders(), Vec::new()), state("snapshot", "orders"))]
#[case::aurora(
    "aurora",
    cluster("aurora-postgresql"),
    state("cluster-snapshot", "shop")
)]
#[case::documents("documents", cluster("docdb"), BackupState::default())]
#[case::graphs("graphs", cluster("neptune"), BackupState::default())]
#[case::multi_az_cluster("multi-az-cluster", multi_az_cluster(), BackupState::default())]
#[case::serverless_cluster("serverless-cluster", serverless_cluster(), BackupState::default())]
fn the_plan_of_a_database(
    #[case] name: &str,
    #[case] lost: LostDatabase,
    #[case] state: BackupState,
) {
    let lost = with_recovery(lost);
    insta::assert_snapshot!(name, render(&lost, &state));
}

#[rstest]
#[case::group("cache", replication_group(false))]
#[case::cluster_mode("cache-cluster-mode", replication_group(true))]
#[case::serverless("cache-serverless", serverless_cache())]
fn the_plan_of_a_cache(#[case] name: &str, #[case] lost: LostDatabase) {
    insta::assert_snapshot!(name, render(&lost, &BackupState::default()));
}

#[test]
fn a_deleted_database_is_restored_from_its_record_and_takes_its_name_at_once() {
    let mut lost = with_recovery(lost(orders(), Vec::new()));
    lost.exists = false;
    let plan = RestorePlan::new(&lost, STACK, &BackupState::default());
    let text = plan.render(NOW);
    assert!(text.contains("AWS no longer describes it"), "{text}");
    assert!(!text.contains("point-in-time"), "{text}");
    assert!(!text.contains("orders-before"), "{text}");
    assert_eq!(plan.newest(), Some(NOW - SignedDuration::from_hours(1)));
}

#[test]
fn without_any_backup_the_plan_says_so() {
    let mut lost = lost(orders(), Vec::new());
    lost.snapshots.clear();
    let text = render(&lost, &BackupState::default());
    assert!(text.contains("Nothing can be restored"), "{text}");
}

/// Pasted after another attempt, no command may reach what that attempt made.
#[test]
fn each_way_makes_a_database_of_its_own_name() {
    let lost = with_recovery(lost(orders(), Vec::new()));
    let plan = RestorePlan::new(&lost, STACK, &BackupState::default());
    let restores = plan.ways.iter().flat_map(|way| &way.steps);
    let commands = restores.flat_map(|step| &step.commands);
    let texts: Vec<String> = commands.map(ToString::to_string).collect();
    for name in [
        "orders-20261121-0355",
        "orders-20261121-0300",
        "orders-20261120-0300",
    ] {
        let made = texts.iter().filter(|text| {
            text.contains(&format!("db-instance-identifier {name} ")) && text.contains(" restore-")
        });
        assert_eq!(made.count(), 1, "{name} in {texts:#?}");
    }
}

#[test]
fn a_backup_from_before_an_upgrade_gets_default_groups() {
    let mut lost = lost(orders(), Vec::new());
    lost.database.engine_version = "17.2".into();
    let text = render(&lost, &state("snapshot", "orders"));
    assert!(!text.contains("--db-parameter-group-name"), "{text}");
    assert!(!text.contains("--option-group-name"), "{text}");
    let said = "It comes back with postgres 16.4, and the database had 17.2";
    assert_eq!(text.matches(said).count(), 4, "{text}");
    let lost = with_recovery(lost);
    let text = render(&lost, &BackupState::default());
    assert!(
        text.contains("--db-parameter-group-name pg16-shop"),
        "{text}"
    );
    let mut cluster = cluster("aurora-postgresql");
    cluster.database.engine_version = "17.2".into();
    let text = render(&cluster, &BackupState::default());
    assert!(!text.contains("parameter-group-name"), "{text}");
    assert!(text.contains("--engine-version 16.4"), "{text}");
}

/// AWS wants a minimum of IOPS for each GiB, and has the right number of a backup itself.
#[rstest]
#[case::same(Some(400), true)]
#[case::smaller(Some(100), false)]
#[case::unknown(None, false)]
fn the_iops_of_a_backup_of_another_size_are_its_own(
    #[case] size: Option<u32>,
    #[case] is_sent: bool,
) {
    let mut lost = lost(orders(), Vec::new());
    lost.database.allocated_gib = Some(400);
    for snapshot in &mut lost.snapshots {
        snapshot.allocated_gib = size;
    }
    let text = render(&lost, &BackupState::default());
    assert_eq!(text.contains("--iops 12000"), is_sent, "{text}");
    assert!(text.contains("--storage-type io2"), "{text}");
}

/// A database was deleted and made again under its name. What is left of the first one is what people look for.
#[test]
fn backups_of_an_earlier_database_are_offered_after_those_of_the_present_one() {
    let mut lost = lost(orders(), Vec::new());
    let mut state = state("snapshot", "orders");
    state.record_source(&lost.database, &[]);
    lost.database.resource_id = "db-AGAIN".into();
    lost.database.class = "db.t4g.micro".into();
    state.record_source(&lost.database, &[]);
    lost.earlier = state.earlier.as_deref().cloned();
    let plan = RestorePlan::new(&lost, STACK, &state);
    let text = plan.render(NOW);
    // Two snapshots and two copies, with the class of that database.
    assert_eq!(
        plan.ways.iter().filter(|way| way.is_earlier).count(),
        4,
        "{text}"
    );
    assert_eq!(plan.newest(), None);
    assert!(text.contains("--db-instance-class db.r6g.large"), "{text}");
    assert!(!text.contains("db.t4g.micro"), "{text}");
    assert!(
        text.contains(", of an earlier database of this name"),
        "{text}"
    );
    // The present one is renamed away, not deleted.
    assert!(
        text.contains(
            "# aws rds modify-db-instance --region eu-west-1 --db-instance-identifier orders "
        ),
        "{text}"
    );
}

#[test]
fn retained_automated_backups_of_a_deleted_database_are_offered() {
    let mut lost = lost(orders(), Vec::new());
    lost.exists = false;
    lost.retained = Some(NOW - SignedDuration::from_mins(50));
    let text = render(&lost, &BackupState::default());
    assert!(
        text.contains("--source-dbi-resource-id db-ORDERS"),
        "{text}"
    );
    assert!(!text.contains("--source-db-instance-identifier"), "{text}");
    let mut shop = cluster("aurora-mysql");
    shop.exists = false;
    shop.retained = lost.retained;
    let text = render(&shop, &BackupState::default());
    assert!(
        text.contains("--source-db-cluster-resource-id db-ORDERS"),
        "{text}"
    );
}

#[test]
fn what_a_database_shows_while_it_is_deleted_or_modified_replaces_no_record() {
    let mut state = BackupState::default();
    let shop = cluster("aurora-postgresql");
    state.record_source(&shop.database, &shop.members);
    let before = state.clone();
    let mut modified = shop.database.clone();
    modified.tags.clear();
    state.record_source(&modified, &[]);
    assert_eq!(state, before);
    let mut dying = shop.database.clone();
    dying.status = "deleting".into();
    dying.deletion_protection = false;
    state.record_source(&dying, &[]);
    assert_eq!(state, before);
}

#[rstest]
#[case::valkey("8", "8.0.1", Some("8"))]
#[case::memcached("", "1.6.22", Some("1.6"))]
fn the_major_version_of_a_serverless_cache_is_what_aws_says(
    #[case] of_snapshot: &str,
    #[case] version: &str,
    #[case] asked: Option<&str>,
) {
    let mut lost = serverless_cache();
    lost.database.engine_version = version.into();
    lost.database.settings.cache.major_version = Some("1.6".into());
    let snapshot = lost.snapshots.first_mut().unwrap();
    snapshot.engine_version = of_snapshot.into();
    let call = build_restore(&lost.database, Some(snapshot), "sessions-restored");
    let RestoreCall::ServerlessCache(call) = call else {
        panic!("{call:?}");
    };
    assert_eq!(call.major_version.as_deref(), asked);
}

#[test]
fn snapshots_of_others_are_not_restored() {
    let mut lost = lost(orders(), Vec::new());
    for snapshot in &mut lost.snapshots {
        snapshot
            .tags
            .insert("lamplighter:stack".into(), "other".into());
    }
    assert_eq!(
        RestorePlan::new(&lost, STACK, &BackupState::default()).ways,
        []
    );
}

#[test]
fn an_unknown_class_is_chosen_by_the_reader() {
    let mut lost = cluster("aurora-mysql");
    lost.members.clear();
    let text = render(&lost, &BackupState::default());
    assert!(text.contains("CLASS=…"), "{text}");
    assert!(
        text.contains("--db-instance-class \"${CLASS:?}\""),
        "{text}"
    );
}

#[rstest]
#[case::new("8.0.1", Some("8.0"))]
#[case::redis_7("7.0.7", Some("7.0"))]
#[case::old("5.0.5", Some("5.0.5"))]
#[case::unknown("", None)]
fn the_version_of_a_cache_is_what_aws_takes(#[case] version: &str, #[case] asked: Option<&str>) {
    let mut lost = replication_group(false);
    let snapshot = lost.snapshots.first_mut().unwrap();
    snapshot.engine_version = version.into();
    let call = build_restore(&lost.database, Some(snapshot), "sessions-restored");
    assert_eq!(call.engine_version(), asked);
}

fn any_lost() -> impl Strategy<Value = LostDatabase> {
    let kinds = prop_oneof![
        Just(lost(orders(), Vec::new())),
        Just(cluster("aurora-postgresql")),
        Just(cluster("aurora-mysql")),
        Just(cluster("docdb")),
        Just(cluster("neptune")),
        Just(multi_az_cluster()),
        Just(serverless_cluster()),
        Just(replication_group(false)),
        Just(replication_group(true)),
        Just(serverless_cache()),
    ];
    let name = "[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,40})?";
    (kinds, name, any::<[bool; 6]>()).prop_map(|(mut lost, name, switches)| {
        let [public, exists, members, recovery, secret, monitored] = switches;
        let kind = lost
            .database
            .arn
            .resource()
            .split(':')
            .next()
            .unwrap()
            .to_owned();
        let max = if lost.database.arn.is_cache() { 40 } else { 63 };
        let name: String = name.chars().take(max).collect();
        let name = name.trim_end_matches('-');
        lost.database.arn = arn(&format!("{kind}:{name}"));
        lost.database.identifier = name.to_owned();
        lost.database.publicly_accessible = public;
        for snapshot in &mut lost.snapshots {
            let target = lost.database.arn.to_string();
            snapshot.tags.insert("lamplighter:target".into(), target);
            snapshot.database = name.to_owned();
        }
        lost.exists = exists;
        if !members {
            lost.members.clear();
        }
        if !secret {
            lost.database.secret = None;
        }
        if !monitored {
            lost.database.settings.monitoring = None;
        }
        if recovery && !lost.database.arn.is_cache() {
            lost = with_recovery(lost);
        }
        lost
    })
}

proptest! {
    /// Nothing in place is touched before the last step, every variable is introduced, and nothing operates the restored
    /// database before somebody says so.
    #[test]
    fn plans_are_complete_and_touch_nothing_early(lost in any_lost()) {
        let kind = if lost.database.is_cluster { "cluster-snapshot" } else { "snapshot" };
        let state = if lost.database.arn.is_cache() {
            BackupState::default()
        } else {
            state(kind, &lost.database.identifier)
        };
        let plan = RestorePlan::new(&lost, STACK, &state);
        prop_assert!(!plan.ways.is_empty());
        for way in &plan.ways {
            let mut introduced = way.losses.join(" ");
            for (n, step) in way.steps.iter().enumerate() {
                introduced.push_str(&step.title);
                for command in &step.commands {
                    let words: Vec<String> = command.words().map(ToString::to_string).collect();
                    let is_last = n + 1 == way.steps.len();
                    let names_source = words.contains(&lost.database.identifier);
                    let is_origin = words.iter().any(|word| word.starts_with("--source-db"));
                    let is_safe = step.is_commented && is_last;
                    prop_assert!(!names_source || is_origin || is_safe, "{command}");
                    for word in command.words() {
                        if let Word::Variable(name) = word {
                            let text = format!("{name}=…");
                            prop_assert!(introduced.contains(&text), "{name} in {command}");
                        }
                    }
                    prop_assert!(!words.iter().any(String::is_empty), "{command}");
                    let tagged = words.iter().any(|word| word.contains("lamplighter:managed"));
                    let is_tagging = words.iter().any(|word| word == "add-tags-to-resource");
                    prop_assert!(!tagged || is_tagging, "{command}");
                }
            }
        }
    }

    /// A drill makes nothing that is public, protected, open to others or bigger than it has to be.
    #[test]
    fn a_drill_is_private_and_small(lost in any_lost()) {
        let call = build_restore(&lost.database, lost.snapshots.first(), "lamplighter-drill-x");
        let member = build_member(&lost.database, lost.members.first(), None, &RestoreName {
            database: "lamplighter-drill-x".into(),
            member: "lamplighter-drill-x-1".into(),
        });
        for call in [call, RestoreCall::Member(member)] {
            let temporary = call.make_temporary(Temporary {
                class: "db.t4g.medium".into(),
                security_group: "sg-drill".into(),
                tags: tags(&[("lamplighter:drill", "x")]),
            });
            let json = serde_json::to_value(&temporary).unwrap().to_string();
            prop_assert!(!json.contains(r#""is_public":true"#), "{json}");
            prop_assert!(!json.contains(r#""is_protected":true"#), "{json}");
            prop_assert!(!json.contains(r#""sg-1""#) && !json.contains("restored-from"), "{json}");
            prop_assert!(["", "db.t4g.medium"].contains(&temporary.class()), "{json}");
        }
    }
}

/// A state that is written at every sweep costs money, and hides what really changed.
#[test]
fn the_order_in_which_aws_lists_changes_no_record() {
    let database = orders();
    let mut other = database.clone();
    other.settings.security_groups.reverse();
    other.settings.log_exports.reverse();
    other.status = "backing-up".into();
    other.latest_restorable = Some(NOW);
    let mut members = cluster("aurora-postgresql").members;
    let mut states = [BackupState::default(), BackupState::default()];
    states[0].record_source(&database, &members);
    members.reverse();
    states[1].record_source(&other, &members);
    assert_eq!(states[0], states[1]);
}

#[test]
fn instances_with_long_names_come_back_under_names_of_their_own() {
    let mut lost = cluster("aurora-postgresql");
    let long = "a-cluster-with-a-name-as-long-as-aws-allows-for-an-instance-";
    for (n, member) in lost.members.iter_mut().enumerate() {
        member.identifier = format!("{long}{n}");
    }
    let text = render(&lost, &BackupState::default());
    let created = text
        .lines()
        .filter(|line| line.contains("--db-instance-identifier a-cluster"));
    let names: std::collections::BTreeSet<&str> = created
        .filter_map(|line| {
            line.split("--db-instance-identifier ")
                .nth(1)?
                .split(' ')
                .next()
        })
        .collect();
    // Two instances, from two snapshots.
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.len() <= 63), "{names:?}");
}

/// Nothing touches what an earlier attempt made: each step after a restore begins with the check that this shell restored it.
#[test]
fn each_step_after_a_restore_needs_it() {
    let lost = with_recovery(cluster("aurora-postgresql"));
    let plan = RestorePlan::new(&lost, STACK, &state("cluster-snapshot", "shop"));
    assert!(plan.ways.len() > 1);
    for way in plan.ways {
        let restore = way
            .steps
            .iter()
            .position(|step| matches!(step.guard, step::Guard::Restores(_)))
            .unwrap();
        let step::Guard::Restores(name) = &way.steps[restore].guard else {
            panic!("no restore")
        };
        for step in &way.steps[restore + 1..] {
            assert_eq!(
                step.guard,
                step::Guard::Needs(name.clone()),
                "{}",
                step.title
            );
        }
    }
}

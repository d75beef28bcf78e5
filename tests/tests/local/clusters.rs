//! Clusters on the local stack: their drills, and restore plans that the AWS CLI runs.

use std::fs;

use e2e::testkit::backups::{backed_up, set_state};
use e2e::testkit::command::run_aws_cli;
use e2e::testkit::ledger::wait_until_idle;
use e2e::testkit::setup::root;
use e2e::testkit::stack::Stack;
use rstest::rstest;
use serde_json::{Value, json};

/// A kind of cluster.
#[derive(Debug, Clone, Copy)]
struct Kind {
    engine: &'static str,
    /// Class and storage of a Multi-AZ DB cluster.
    multi_az: &'static [(&'static str, &'static str)],
    has_members: bool,
}

const AURORA: Kind = Kind {
    engine: "aurora-postgresql",
    multi_az: &[],
    has_members: true,
};
const DOCUMENTS: Kind = Kind {
    engine: "docdb",
    multi_az: &[],
    has_members: true,
};
const MULTI_AZ: Kind = Kind {
    engine: "postgres",
    multi_az: &[
        ("DBClusterInstanceClass", "db.m6gd.large"),
        ("StorageType", "gp3"),
        ("Iops", "3000"),
        ("AllocatedStorage", "100"),
        ("PubliclyAccessible", "false"),
    ],
    has_members: false,
};

fn call(stack: &Stack, action: &str, form: &[(&str, &str)]) {
    stack
        .query("rds", action, form)
        .unwrap_or_else(|xml| panic!("{action}: {xml}"));
}

/// Makes the cluster `shop` with two instances, which is backed up once a day and is due.
fn make_cluster(stack: &Stack, kind: Kind) {
    call(
        stack,
        "CreateDBClusterParameterGroup",
        &[
            ("DBClusterParameterGroupName", "shop-parameters"),
            ("DBParameterGroupFamily", "family"),
            ("Description", "shop"),
        ],
    );
    let mut form = vec![
        ("DBClusterIdentifier", "shop"),
        ("Engine", kind.engine),
        ("MasterUsername", "shop"),
        ("MasterUserPassword", "not-a-secret-here"),
        ("StorageEncrypted", "true"),
        ("DeletionProtection", "true"),
        ("BackupRetentionPeriod", "3"),
        ("DBClusterParameterGroupName", "shop-parameters"),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.1", "sg-1"),
    ];
    form.extend(kind.multi_az);
    call(stack, "CreateDBCluster", &form);
    let members = ["shop-a", "shop-b"];
    for member in members.iter().filter(|_| kind.has_members) {
        let form = [
            ("DBInstanceIdentifier", *member),
            ("DBClusterIdentifier", "shop"),
            ("Engine", kind.engine),
            ("DBInstanceClass", "db.r6g.large"),
        ];
        call(stack, "CreateDBInstance", &form);
    }
    let tags = [
        (
            "ResourceName",
            "arn:aws:rds:eu-west-1:123456789012:cluster:shop",
        ),
        ("Tags.Tag.1.Key", "lamplighter:managed"),
        ("Tags.Tag.1.Value", "true"),
        ("Tags.Tag.2.Key", "lamplighter:backup"),
        ("Tags.Tag.2.Value", "at=00:00 drill=weekly"),
        ("Tags.Tag.3.Key", "team"),
        ("Tags.Tag.3.Value", "shop"),
    ];
    call(stack, "AddTagsToResource", &tags);
}

fn sweep(stack: &Stack, name: &str) {
    assert!(stack.control("schedule", json!({"name": name}))["fired"].as_u64() > Some(0));
}

/// Waits until a cluster has as many snapshots as that.
fn wait_for_snapshot(stack: &Stack) {
    stack.until("the cluster has a snapshot", || {
        let form = [("DBClusterIdentifier", "shop")];
        let listed = stack.query("rds", "DescribeDBClusterSnapshots", &form);
        listed
            .is_ok_and(|xml| xml.contains("<DBClusterSnapshotIdentifier>lamplighter-shop-"))
            .then_some(())
    });
    wait_until_idle(stack);
}

fn backed_up_cluster(stack: &Stack, kind: Kind) {
    stack.control("settings", json!({"events": false}));
    make_cluster(stack, kind);
    stack.control("settings", json!({"events": true}));
    sweep(stack, "BackupSweep");
    wait_for_snapshot(stack);
}

fn subjects(stack: &Stack) -> Vec<String> {
    let mail = stack.mail();
    let subjects = mail.iter().filter_map(|mail| mail["subject"].as_str());
    subjects.map(str::to_owned).collect()
}

fn describe_cluster(stack: &Stack, name: &str) -> Value {
    stack.control("cluster-shown", json!({"cluster": name}))
}

#[rstest]
#[case::aurora(AURORA)]
#[case::documents(DOCUMENTS)]
#[case::multi_az(MULTI_AZ)]
fn a_drill_of_a_cluster_proves_its_backup_and_leaves_nothing(#[case] kind: Kind) {
    let stack = Stack::start(&[("DrillVpc", "vpc-0123456789abcdef0")]).unwrap();
    backed_up_cluster(&stack, kind);
    sweep(&stack, "DrillSweep");
    let restored = stack.until("it is restored", || {
        let restored = describe_cluster(&stack, "lamplighter-drill-shop");
        restored["Engine"].is_string().then_some(restored)
    });
    assert_eq!(restored["DBClusterParameterGroup"], "shop-parameters");
    assert_eq!(restored["DeletionProtection"], false);
    assert_ne!(restored["PubliclyAccessible"], true);
    // The restored cluster tells nothing by itself here: sweeps go on with it.
    stack.until("the drill is told", || {
        sweep(&stack, "DrillSweep");
        wait_until_idle(&stack);
        subjects(&stack)
            .iter()
            .any(|subject| subject.contains("drill passed"))
            .then_some(())
    });
    stack.until("nothing is left", || {
        sweep(&stack, "DrillSweep");
        wait_until_idle(&stack);
        let gone = describe_cluster(&stack, "lamplighter-drill-shop");
        gone["Engine"].is_null().then_some(())
    });
    let instances = stack.query("rds", "DescribeDBInstances", &[]).unwrap();
    assert!(!instances.contains("lamplighter-drill-"), "{instances}");
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
    assert_eq!(stack.control("denied", json!({})), json!([]));
}

/// The plan that the function of the output `DigestFunction` writes.
fn plan(stack: &Stack, name: &str) -> String {
    let answer = stack.invoke(&stack.output("DigestFunction"), json!({"restore": name}));
    answer["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

/// The way of a plan whose heading has these words.
fn find_way(plan: &str, words: &str) -> String {
    let mut ways = plan.split("\n# ---- ").skip(1);
    let way = ways.find(|way| way.lines().next().is_some_and(|line| line.contains(words)));
    let way = way.unwrap_or_else(|| panic!("no {words} in {plan}"));
    format!("# ---- {way}")
}

/// The name that the lost database gets in the last step of a way.
fn old_name(way: &str) -> String {
    let words = way.split_whitespace();
    let old = words
        .skip_while(|word| !word.starts_with("--new-db-"))
        .nth(1);
    old.expect("a step that renames").to_owned()
}

#[rstest]
#[case::aurora(AURORA, "From the snapshot")]
#[case::aurora_to_a_time(AURORA, "latest point in time")]
#[case::documents(DOCUMENTS, "From the snapshot")]
#[case::documents_to_a_time(DOCUMENTS, "latest point in time")]
#[case::multi_az(MULTI_AZ, "From the snapshot")]
fn the_plan_of_a_cluster_brings_it_back_under_its_name(#[case] kind: Kind, #[case] way: &str) {
    let stack = Stack::start(&[]).unwrap();
    backed_up_cluster(&stack, kind);
    let before = describe_cluster(&stack, "shop");
    let way = find_way(&plan(&stack, "shop"), way);
    run_aws_cli(&stack, &way);
    let (after, old) = (
        describe_cluster(&stack, "shop"),
        describe_cluster(&stack, &old_name(&way)),
    );
    assert_eq!(old["DbClusterResourceId"], before["DbClusterResourceId"]);
    assert_ne!(after["DbClusterResourceId"], before["DbClusterResourceId"]);
    for setting in [
        "DBClusterParameterGroup",
        "VpcSecurityGroups",
        "DeletionProtection",
        "BackupRetentionPeriod",
        "Engine",
        "EngineVersion",
        "Port",
        "DBClusterInstanceClass",
        "StorageType",
        "Iops",
    ] {
        assert_eq!(after[setting], before[setting], "{setting}");
    }
    assert_ne!(after["PubliclyAccessible"], true);
    let members = |cluster: &Value| cluster["DBClusterMembers"].as_array().unwrap().len();
    assert_eq!(members(&after), if kind.has_members { 2 } else { 3 });
    let tags = after["TagList"].to_string();
    for tag in [
        "lamplighter:managed",
        "lamplighter:backup",
        "restored-from",
        "team",
    ] {
        assert!(tags.contains(tag), "{tag} in {tags}");
    }
}

/// The commands of the runbook that list backups of each kind.
fn listing() -> String {
    let runbook = fs::read_to_string(root().join("RESTORE.md")).unwrap();
    let blocks = runbook.split("```sh\n").skip(1);
    let mut blocks = blocks.filter_map(|block| block.split("```").next());
    let listing = blocks.find(|block| block.contains("describe-db-snapshots"));
    listing.expect("commands that list backups").to_owned()
}

/// Makes the instance `orders` with automated backups, and takes a snapshot of it.
fn backed_up_instance(stack: &Stack) {
    stack.control("settings", json!({"events": false}));
    backed_up(stack, "orders");
    let automated = [
        ("DBInstanceIdentifier", "orders"),
        ("BackupRetentionPeriod", "3"),
        ("ApplyImmediately", "true"),
    ];
    call(stack, "ModifyDBInstance", &automated);
    stack.control("settings", json!({"events": true}));
    sweep(stack, "BackupSweep");
    stack.until("it has a snapshot", || {
        let snapshots = stack.control("snapshots", json!({}));
        (!snapshots.as_array().unwrap().is_empty()).then_some(())
    });
    wait_until_idle(stack);
}

#[rstest]
#[case::snapshot("From the snapshot")]
#[case::to_a_time("latest point in time")]
fn the_plan_of_an_instance_brings_it_back_under_its_name(#[case] way: &str) {
    let stack = Stack::start(&[]).unwrap();
    backed_up_instance(&stack);
    let listed = run_aws_cli(&stack, &format!("DB=orders\n{}", listing()));
    assert!(listed.contains("lamplighter-orders-"), "{listed}");
    let way = find_way(&plan(&stack, "orders"), way);
    let said = run_aws_cli(&stack, &way);
    assert!(said.contains("orders-20"), "{said}");
    let form = [("DBInstanceIdentifier", "orders")];
    let restored = stack.query("rds", "DescribeDBInstances", &form).unwrap();
    for part in [
        "<MultiAZ>true</MultiAZ>",
        "<DeletionProtection>true</DeletionProtection>",
        "<DBInstanceClass>db.r6g.large</DBInstanceClass>",
        "<BackupRetentionPeriod>3</BackupRetentionPeriod>",
        "<Key>restored-from</Key>",
        "<Key>lamplighter:managed</Key>",
    ] {
        assert!(restored.contains(part), "{part} in {restored}");
    }
    set_state(&stack, &old_name(&way), "available");
}

/// What AWS keeps of a deleted database is newer than its last snapshot.
#[test]
fn a_deleted_instance_comes_back_from_its_retained_automated_backups() {
    let stack = Stack::start(&[]).unwrap();
    backed_up_instance(&stack);
    let unprotected = [
        ("DBInstanceIdentifier", "orders"),
        ("DeletionProtection", "false"),
        ("ApplyImmediately", "true"),
    ];
    call(&stack, "ModifyDBInstance", &unprotected);
    let deleted = [
        ("DBInstanceIdentifier", "orders"),
        ("SkipFinalSnapshot", "true"),
        ("DeleteAutomatedBackups", "false"),
    ];
    call(&stack, "DeleteDBInstance", &deleted);
    let plan = plan(&stack, "orders");
    assert!(plan.contains("AWS no longer describes it"), "{plan}");
    run_aws_cli(&stack, &find_way(&plan, "latest point in time"));
    let form = [("DBInstanceIdentifier", "orders")];
    let restored = stack.query("rds", "DescribeDBInstances", &form).unwrap();
    assert!(restored.contains("<Key>restored-from</Key>"), "{restored}");
    assert_eq!(stack.control("denied", json!({})), json!([]));
}

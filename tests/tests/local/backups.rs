//! Backups, end to end: the real binary on the local stack.

use e2e::testkit::backups::{backed_up, name, set_state, snapshots, taken_on};
use e2e::testkit::ledger::{journal, wait_until_idle};
use e2e::testkit::stack::Stack;
use e2e::testkit::traffic::{create_database, tag_database};
use e2e::testkit::workload::{create_web, deployed_image, push_image, tag_service};
use rstest::rstest;
use serde_json::{Value, json};

fn sweep(stack: &Stack) {
    assert!(stack.control("schedule", json!({"name": "BackupSweep"}))["fired"].as_u64() > Some(0));
}

fn subjects(stack: &Stack) -> Vec<String> {
    stack
        .mail()
        .iter()
        .map(|mail| mail["subject"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_nights_snapshot_is_taken_and_the_oldest_two_go() {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"events": false}));
    backed_up(&stack, "orders");
    taken_on(&stack, "orders", 1..9);
    stack.control(
        "snapshot",
        json!({"name": "by-hand", "database": "orders", "at": "2020-01-01T00:00:00Z"}),
    );
    stack.control("settings", json!({"events": true}));
    sweep(&stack);
    // The event of the snapshot that was made lets the old ones go.
    stack.until("the oldest are gone", || {
        (snapshots(&stack, "orders").len() == 7 + 1).then_some(())
    });
    wait_until_idle(&stack);
    let there = snapshots(&stack, "orders");
    assert!(
        there.contains_key(&name("orders", 0)) && there.contains_key("by-hand"),
        "{there:?}"
    );
    assert!(!there.contains_key(&name("orders", 8)) && !there.contains_key(&name("orders", 7)));
    let all = stack.control("snapshots", json!({}));
    let taken = all
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["name"] == name("orders", 0))
        .unwrap();
    assert_eq!(
        taken["tags"]["lamplighter:target"],
        "arn:aws:rds:eu-west-1:123456789012:db:orders"
    );
    let reasons: Vec<String> = journal(&stack)
        .iter()
        .filter(|record| record["operation"] == "backup")
        .map(|record| record["reason"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        reasons
            .iter()
            .any(|reason| reason.contains("2 snapshots to delete; 7 good snapshots kept: ")),
        "{reasons:?}"
    );
    let calls = stack.function_calls().len();
    sweep(&stack);
    stack.until("the sweep has come", || {
        (stack.function_calls().len() > calls).then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(snapshots(&stack, "orders").len(), 8);
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[test]
fn while_the_new_one_is_being_made_or_cannot_be_nothing_goes() {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"events": false, "snapshots": "manual"}));
    backed_up(&stack, "orders");
    taken_on(&stack, "orders", 1..10);
    set_state(&stack, "orders", "modifying");
    sweep(&stack);
    stack.until("it waits", || {
        stack
            .logs()
            .contains("waits: the database is modifying")
            .then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(snapshots(&stack, "orders").len(), 9);
    set_state(&stack, "orders", "available");
    sweep(&stack);
    stack.until("it is being made", || {
        snapshots(&stack, "orders")
            .get(&name("orders", 0))
            .is_some_and(|s| s == "creating")
            .then_some(())
    });
    wait_until_idle(&stack);
    sweep(&stack);
    wait_until_idle(&stack);
    assert_eq!(snapshots(&stack, "orders").len(), 10);
    stack.control("settings", json!({"events": true}));
    stack.control(
        "snapshot",
        json!({"name": name("orders", 0), "status": "available"}),
    );
    stack.until("the oldest are gone", || {
        (snapshots(&stack, "orders").len() == 7).then_some(())
    });
}

#[test]
fn when_backups_have_stopped_one_critical_message_says_so() {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"events": false}));
    backed_up(&stack, "orders");
    taken_on(&stack, "orders", 10..20);
    set_state(&stack, "orders", "stopped");
    for _ in 0..3 {
        sweep(&stack);
        wait_until_idle(&stack);
    }
    stack.until("it is told", || {
        subjects(&stack)
            .iter()
            .any(|s| s.contains("recovery point 10 days old"))
            .then_some(())
    });
    let critical = |stack: &Stack| {
        subjects(stack)
            .iter()
            .filter(|s| s.starts_with("[CRITICAL]"))
            .count()
    };
    assert_eq!(
        (critical(&stack), snapshots(&stack, "orders").len()),
        (1, 10)
    );
    set_state(&stack, "orders", "available");
    sweep(&stack);
    stack.until("it is taken", || {
        snapshots(&stack, "orders")
            .contains_key(&name("orders", 0))
            .then_some(())
    });
    wait_until_idle(&stack);
    sweep(&stack);
    stack.until("it is over", || {
        subjects(&stack)
            .iter()
            .any(|s| s.contains("orders: recovery point 0 min old again"))
            .then_some(())
    });
    assert_eq!(critical(&stack), 1);
}

#[test]
fn a_drill_proves_the_backup_and_leaves_nothing() {
    let stack = Stack::start(&[("DrillVpc", "vpc-0123456789abcdef0")]).unwrap();
    stack.control("settings", json!({"events": false, "snapshots": "manual"}));
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:backup", "at=00:00 drill=weekly rto=2h"),
    ];
    create_database(&stack, "orders", &tags);
    taken_on(&stack, "orders", 1..3);
    stack.control("settings", json!({"events": true}));
    assert!(stack.control("schedule", json!({"name": "DrillSweep"}))["fired"].as_u64() > Some(0));
    let restored = stack.until("it is restored", || {
        let restored =
            stack.control("drills", json!({}))["restored"]["lamplighter-drill-orders"].clone();
        (!restored.is_null()).then_some(restored)
    });
    assert!(
        restored["group"].as_str().unwrap().starts_with("sg-"),
        "{restored}"
    );
    assert_eq!(
        (restored["class"].as_str(), restored["public"].as_str()),
        (Some("db.t3.medium"), Some("false"))
    );
    wait_until_idle(&stack);
    assert_eq!(stack.control("drills", json!({}))["removed"], json!([]));
    // The event of the restored database goes on with it.
    set_state(&stack, "lamplighter-drill-orders", "available");
    stack.until("it is told", || {
        subjects(&stack)
            .iter()
            .any(|s| s.contains("drill passed in 0 min"))
            .then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(
        stack.control("drills", json!({}))["removed"],
        json!(["lamplighter-drill-orders"])
    );
    let all = stack.control("snapshots", json!({}));
    let verified = all
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["name"] == name("orders", 1))
        .unwrap();
    assert!(
        verified["tags"]["lamplighter:verified"].is_string(),
        "{verified}"
    );
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[rstest]
#[case::passes(0, "drill passed in 0 min")]
#[case::fails(2, "drill failed - 1 problem in backup of")]
fn a_restored_database_is_looked_into_by_a_task(#[case] exit_code: i32, #[case] told: &str) {
    let parameters = [
        ("DrillVpc", "vpc-0123456789abcdef0"),
        ("CheckCluster", "ops"),
        ("CheckSubnets", "subnet-0a"),
    ];
    let stack = Stack::start(&parameters).unwrap();
    let container = json!({"name": "check", "image": "shop/db-check:1", "essential": true});
    let definition = json!({
        "family": "shop-db-check", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "containerDefinitions": [container],
        "tags": [{"key": "lamplighter:managed", "value": "true"}],
    });
    stack
        .call("ecs", "CreateCluster", json!({"clusterName": "ops"}))
        .unwrap();
    stack
        .call("ecs", "RegisterTaskDefinition", definition)
        .unwrap();
    let tags = [
        ("lamplighter:managed", "true"),
        (
            "lamplighter:backup",
            "at=00:00 drill=weekly check-task=shop-db-check",
        ),
    ];
    stack.control("settings", json!({"events": false}));
    create_database(&stack, "orders", &tags);
    taken_on(&stack, "orders", 1..3);
    stack.control("settings", json!({"events": true}));
    stack.control("schedule", json!({"name": "DrillSweep"}));
    let tasks = stack.until("the check runs", || {
        let tasks = stack
            .call("ecs", "ListTasks", json!({"cluster": "ops"}))
            .unwrap()["taskArns"]
            .clone();
        tasks
            .as_array()
            .is_some_and(|all| !all.is_empty())
            .then_some(tasks)
    });
    let task = stack
        .call(
            "ecs",
            "DescribeTasks",
            json!({"cluster": "ops", "tasks": tasks}),
        )
        .unwrap()["tasks"][0]
        .clone();
    let given = task["overrides"]["containerOverrides"][0]["environment"].to_string();
    assert!(
        given.contains("DB_HOST") && given.contains(r#""DB_ENGINE""#),
        "{given}"
    );
    assert_eq!(
        (tasks.as_array().unwrap().len(), task["launchType"].as_str()),
        (1, Some("FARGATE"))
    );
    wait_until_idle(&stack);
    // Its end goes on with the drill.
    stack.control(
        "end_task",
        json!({"started_by": "lamplighter-drill/", "exit_code": exit_code}),
    );
    stack.until("it is told", || {
        subjects(&stack)
            .iter()
            .any(|s| s.contains(told))
            .then_some(())
    });
    wait_until_idle(&stack);
    assert_eq!(
        stack.control("drills", json!({}))["removed"],
        json!(["lamplighter-drill-orders"])
    );
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

/// Reports whether a snapshot has the data and the name of another one, with what distinguishes the copy.
fn is_copy_of(copy: &Value, original: &Value) -> bool {
    let name = original["name"].as_str().unwrap();
    let is_named = copy["name"]
        .as_str()
        .unwrap()
        .starts_with(&format!("{name}-"));
    let tags = [copy, original].map(|snapshot| snapshot["tags"]["lamplighter:target-id"].as_str());
    is_named && tags[0].is_some() && tags[0] == tags[1]
}

#[test]
fn a_copy_goes_to_another_region_with_its_tags() {
    let stack = Stack::start(&[]).unwrap();
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:backup", "at=00:00 copy=eu-central-1"),
        ("team", "shop"),
    ];
    create_database(&stack, "orders", &tags);
    let there = || stack.control("snapshots", json!({"region": "eu-central-1"}));
    // The event of the snapshot that was made begins its copy.
    let copy = stack.until("it is copied", || {
        there().as_array().and_then(|all| all.first().cloned())
    });
    let here = stack.control("snapshots", json!({}));
    assert!(is_copy_of(&copy, &here[0]), "{copy}");
    assert_eq!(
        (copy["tags"]["team"].as_str(), copy["status"].as_str()),
        (Some("shop"), Some("available"))
    );
    wait_until_idle(&stack);
    sweep(&stack);
    wait_until_idle(&stack);
    assert_eq!(there().as_array().unwrap().len(), 1);
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

/// AWS copies a snapshot of Oracle with a time zone or TDE only with an option group that has these options.
#[test]
fn a_copy_with_permanent_options_needs_an_option_group_there() {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"events": false, "snapshots": "manual"}));
    let tags = |copy: &str| {
        [
            ("lamplighter:managed", "true".to_owned()),
            (
                "lamplighter:backup",
                format!("at=00:00 copy=eu-central-1{copy}"),
            ),
        ]
    };
    let set_tags = |copy: &str| {
        let tags = tags(copy);
        let tags = tags.each_ref().map(|(key, value)| (*key, value.as_str()));
        tag_database(&stack, "orders", &tags);
    };
    create_database(&stack, "orders", &[]);
    set_tags("");
    taken_on(&stack, "orders", 0..1);
    let options = json!({"name": name("orders", 0), "options": "Timezone"});
    stack.control("snapshot", options);
    sweep(&stack);
    stack.until("the refusal is told", || {
        let mail = stack.mail();
        mail.iter()
            .any(|mail| {
                mail.to_string()
                    .contains("requires a target option group with the following options")
            })
            .then_some(())
    });
    wait_until_idle(&stack);
    set_tags(" copy-option-group=oracle-rome");
    sweep(&stack);
    let copy = stack.until("it is copied", || {
        let there = stack.control("snapshots", json!({"region": "eu-central-1"}));
        there.as_array().and_then(|all| all.first().cloned())
    });
    assert_eq!(copy["option_group"], "oracle-rome");
}

/// The account of the vault.
const VAULT: &str = "345678901234";

#[test]
fn a_copy_goes_to_the_vault_of_another_account() {
    let stack = Stack::start(&[]).unwrap();
    stack.deploy_vault(VAULT, "7d").unwrap();
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:backup", "at=00:00 copy=vault"),
        ("team", "shop"),
    ];
    create_database(&stack, "orders", &tags);
    let there = || stack.control("snapshots", json!({"account": VAULT}));
    let copy = stack.until("it is copied", || {
        there().as_array().and_then(|all| all.first().cloned())
    });
    let here = stack.control("snapshots", json!({}));
    assert!(is_copy_of(&copy, &here[0]), "{copy}");
    assert_eq!(
        (copy["tags"]["team"].as_str(), copy["status"].as_str()),
        (Some("shop"), Some("available"))
    );
    assert_eq!(
        (
            stack.calls_of("AssumeRole") > 0,
            stack.calls_of("ModifyDBSnapshotAttribute")
        ),
        (true, 1)
    );
    wait_until_idle(&stack);
    sweep(&stack);
    wait_until_idle(&stack);
    assert_eq!(there().as_array().unwrap().len(), 1);
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

/// Makes the database `orders`, and waits for its first copy in the vault.
fn copy_to_vault(stack: &Stack) -> Value {
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:backup", "at=00:00 copy=vault"),
    ];
    create_database(stack, "orders", &tags);
    stack.until("it is copied", || {
        let there = stack.control("snapshots", json!({"account": VAULT}));
        there.as_array().and_then(|all| all.first().cloned())
    })
}

/// The function of the vault runs under its own role, in its own account.
#[test]
fn the_vault_marks_what_its_policy_does_not_keep_and_deletes_it_a_day_later() {
    let stack = Stack::start(&[]).unwrap();
    let (_, function) = stack.deploy_vault(VAULT, "1d").unwrap();
    let copy = copy_to_vault(&stack);
    let there = || stack.control("snapshots", json!({"account": VAULT}));
    wait_until_idle(&stack);
    let vault = stack.in_account(VAULT);
    let name = copy["name"].as_str().unwrap();
    let here = stack.control("snapshots", json!({}));
    let source = format!(
        "arn:aws:rds:eu-west-1:123456789012:snapshot:{}",
        here[0]["name"].as_str().unwrap()
    );
    let later = "lamplighter-orders-later";
    let own = "lamplighter-of-the-vaults-own-stack";
    // One more copy of the source, and a snapshot of the vault's account.
    for (from, to) in [(source.as_str(), later), (name, own)] {
        let copying = [
            ("SourceDBSnapshotIdentifier", from),
            ("TargetDBSnapshotIdentifier", to),
            ("KmsKeyId", "alias/lamplighter-vault"),
        ];
        vault.query("rds", "CopyDBSnapshot", &copying).unwrap();
    }
    for (name, at) in [
        (name, "2026-01-01T03:00:00Z"),
        (own, "2026-01-01T03:00:00Z"),
        (later, "2026-02-01T03:00:00Z"),
    ] {
        let aged =
            json!({"name": name, "account": VAULT, "at": at, "status": "available", "tags": {}});
        stack.control("snapshot", aged);
    }
    let rotate = || vault.invoke(&function, json!({}));
    let first = rotate();
    assert_eq!(
        (&first["copies"], &first["marked"]),
        (&json!(2), &json!(1)),
        "{first}"
    );
    let second = rotate();
    assert_eq!(
        (&second["kept"], &second["deleted"]),
        (&json!(2), &json!(0)),
        "{second}"
    );
    let arn = format!("arn:aws:rds:eu-west-1:{VAULT}:snapshot:{name}");
    let mark = [
        ("ResourceName", arn.as_str()),
        ("Tags.Tag.1.Key", "lamplighter:expired"),
        ("Tags.Tag.1.Value", "2026-11-01T03:00:00Z"),
    ];
    vault.query("rds", "AddTagsToResource", &mark).unwrap();
    let third = rotate();
    assert_eq!(third["deleted"], 1, "{third}");
    let left = there();
    let mut left: Vec<&str> = left
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    left.sort_unstable();
    assert_eq!(left, [own, later]);
    assert_eq!(stack.control("denied", json!({})), json!([]));
}

/// Whoever has every right in the source account can be the function, and the function can put copies in. It can do nothing to
/// a copy that is there.
#[test]
fn nobody_in_the_source_account_can_delete_a_copy_or_its_hold() {
    let stack = Stack::start(&[]).unwrap();
    let (role, _) = stack.deploy_vault(VAULT, "7d").unwrap();
    let copy = copy_to_vault(&stack);
    let name = copy["name"].as_str().unwrap();
    let trusts = |caller: &str, external_id: &str| {
        let asked = json!({"caller": caller, "role": role, "external_id": external_id});
        stack.control("may_there", asked)["allowed"] == true
    };
    let backup = stack.output("BackupRoleArn");
    assert!(trusts(&backup, "lamplighter"));
    assert!(!trusts(&backup, "another-stack"));
    for other in [
        "arn:aws:iam::123456789012:root",
        "arn:aws:iam::123456789012:user/admin",
        "arn:aws:sts::123456789012:assumed-role/Administrator/eve",
    ] {
        assert!(!trusts(other, "lamplighter"), "{other}");
    }
    let may = |action: &str, name: &str| {
        let kinds = ["snapshot", "cluster-snapshot"];
        kinds.iter().any(|kind| {
            let resource = format!("arn:aws:rds:eu-west-1:{VAULT}:{kind}:{name}");
            let asked = json!({"role": role, "action": action, "resource": resource});
            stack.control("may_there", asked)["allowed"] == true
        })
    };
    for action in [
        "rds:DeleteDBSnapshot",
        "rds:DeleteDBClusterSnapshot",
        "rds:ModifyDBSnapshot",
        "rds:ModifyDBSnapshotAttribute",
        "rds:ModifyDBClusterSnapshotAttribute",
        "rds:RemoveTagsFromResource",
        "rds:RestoreDBInstanceFromDBSnapshot",
    ] {
        assert!(!may(action, name), "{action}");
    }
    let of_the_copy = json!({
        "role": role, "action": "rds:AddTagsToResource",
        "resource": format!("arn:aws:rds:eu-west-1:{VAULT}:snapshot:{name}"),
    });
    assert_eq!(stack.control("may_there", of_the_copy)["allowed"], false);
    assert!(may("rds:CopyDBSnapshot", "lamplighter-new"));
    assert!(may("rds:AddTagsToResource", "lamplighter-new"));
    assert_eq!(stack.control("denied", json!({})), json!([]));
}

#[test]
fn a_vault_that_does_not_trust_this_stack_is_told_with_the_reason() {
    let stack = Stack::start(&[(
        "VaultRole",
        "arn:aws:iam::345678901234:role/lamplighter-vault",
    )])
    .unwrap();
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:backup", "at=00:00 copy=vault"),
    ];
    create_database(&stack, "orders", &tags);
    let mail = stack.until("it is told", || {
        stack.mail().into_iter().find(|mail| {
            let subject = mail["subject"].as_str().unwrap();
            subject.contains("not copied to the vault")
        })
    });
    let body = mail["body"].as_str().unwrap();
    assert!(body.contains("AccessDenied"), "{body}");
    assert!(body.contains("BackupRoleArn"), "{body}");
    assert_eq!(snapshots(&stack, "orders").len(), 1);
}

#[test]
fn a_vault_whose_role_cannot_be_taken_on_is_told_with_the_reason() {
    let stack = Stack::start(&[(
        "VaultRole",
        "arn:aws:iam::345678901234:role/lamplighter-vault",
    )])
    .unwrap();
    let refused = json!({"service": "sts", "action": "AssumeRole", "kind": "error", "status": 403, "code": "AccessDenied", "times": 100});
    stack.control("fault", refused);
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:backup", "at=00:00 copy=vault"),
    ];
    create_database(&stack, "orders", &tags);
    let mail = stack.until("it is told", || {
        stack.mail().into_iter().find(|m| {
            m["subject"]
                .as_str()
                .unwrap()
                .contains("not copied to the vault")
        })
    });
    assert!(
        mail["body"]
            .as_str()
            .unwrap()
            .contains("AssumeRole arn:aws:iam::345678901234:role/lamplighter-vault: AccessDenied"),
        "{mail}"
    );
    assert_eq!(snapshots(&stack, "orders").len(), 1);
}

#[test]
fn a_rollout_waits_for_the_snapshot_of_its_database() {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"snapshots": "manual", "events": false}));
    let app = [("lamplighter:managed", "true"), ("lamplighter:app", "shop")];
    // Nobody takes its own backup meanwhile.
    create_database(
        &stack,
        "orders",
        &[app[0], app[1], ("lamplighter:backup", "every=24h")],
    );
    stack.control("settings", json!({"events": true}));
    let web = create_web(&stack, &app);
    tag_service(
        &stack,
        &web,
        &[(
            "lamplighter:deploy",
            "tag=RC_x.x.x repo=shop/web snapshot=yes",
        )],
    );
    wait_until_idle(&stack);
    let digest = push_image(&stack, "shop/web", "RC_1.1.0", &["amd64", "arm64"], "a");
    let before = format!("-before-{}", &digest[7..15]);
    let before = stack.until("a snapshot is being made", || {
        snapshots(&stack, "orders")
            .into_iter()
            .find(|(name, status)| name.ends_with(&before) && status == "creating")
    });
    let before = before.0;
    wait_until_idle(&stack);
    assert!(deployed_image(&stack, &web).ends_with("RC_1.0.0"));
    stack.control("snapshot", json!({"name": before, "status": "available"}));
    // A sweep passes over a target that somebody else holds; the next one comes.
    stack.sweep_until("DeploySweep", "it is rolled out", || {
        deployed_image(&stack, &web)
            .ends_with(&digest)
            .then_some(())
    });
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

//! What roles allow, as IAM judges them: what is managed and ours, and nothing beside it. Every other test on the local stack
//! runs under the same roles.

use e2e::testkit::ledger::wait_until_idle;
use e2e::testkit::stack::Stack;
use e2e::testkit::traffic::create_database;
use e2e::testkit::workload::{NewService, create_repository, create_service, image};
use lamplighter::Function;
use serde_json::{Value, json};

const MANAGED: [(&str, &str); 1] = [("lamplighter:managed", "true")];

fn may(stack: &Stack, function: &str, action: &str, resource: &str) -> bool {
    let asked = json!({"function": function, "action": action, "resource": resource});
    stack.control("may", asked)["allowed"].as_bool().unwrap()
}

#[test]
fn iam_itself_lets_nobody_touch_a_service_that_is_not_managed() {
    let stack = Stack::start(&[]).unwrap();
    create_repository(&stack, "shop/web");
    let image = image("shop/web", "RC_1.0.0");
    let service = |name: &str, tags: &[(&str, &str)]| {
        create_service(
            &stack,
            &NewService {
                cluster: "shop",
                name,
                image: &image,
                architecture: "ARM64",
                tags,
            },
        )
    };
    let (ours, theirs) = (
        service("ours", &MANAGED),
        service("theirs", &[("team", "shop")]),
    );
    for function in ["Deploy", "Rollout", "Scale", "Heal"] {
        assert!(
            may(&stack, function, "ecs:UpdateService", &ours),
            "{function}"
        );
        assert!(
            !may(&stack, function, "ecs:UpdateService", &theirs),
            "{function}"
        );
    }
    assert!(may(&stack, "Rollout", "ecs:StopServiceDeployment", &ours));
    assert!(!may(
        &stack,
        "Rollout",
        "ecs:StopServiceDeployment",
        &theirs
    ));
    for function in [
        "Alert", "Digest", "Enroll", "Backup", "Archive", "Drill", "Verify",
    ] {
        assert!(
            !may(&stack, function, "ecs:UpdateService", &ours),
            "{function}"
        );
    }
}

#[test]
fn iam_itself_lets_nobody_delete_a_snapshot_or_database_that_is_not_ours() {
    let stack = Stack::start(&[]).unwrap();
    create_database(
        &stack,
        "orders",
        &[MANAGED[0], ("lamplighter:backup", "at=00:00")],
    );
    create_database(&stack, "others", &[]);
    stack.until("it is backed up", || {
        let all = stack.control("snapshots", json!({}));
        all.as_array()
            .filter(|all| all.iter().any(|one| one["status"] == "available"))
            .map(|_| ())
    });
    wait_until_idle(&stack);
    stack.control(
        "snapshot",
        json!({"name": "before-the-migration", "database": "orders", "tags": {"team": "shop"}}),
    );
    let arn = |kind: &str, name: &str| format!("arn:aws:rds:eu-west-1:123456789012:{kind}:{name}");
    let all = stack.control("snapshots", json!({}));
    let ours = all
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"].as_str().unwrap().starts_with("lamplighter-"));
    let ours = arn("snapshot", ours.unwrap()["name"].as_str().unwrap());
    assert!(may(&stack, "Backup", "rds:DeleteDBSnapshot", &ours));
    assert!(!may(
        &stack,
        "Backup",
        "rds:DeleteDBSnapshot",
        &arn("snapshot", "before-the-migration")
    ));
    // A name alone is not enough.
    stack.control(
        "snapshot",
        json!({"name": "lamplighter-by-hand", "database": "orders", "tags": {"team": "shop"}}),
    );
    assert!(!may(
        &stack,
        "Backup",
        "rds:DeleteDBSnapshot",
        &arn("snapshot", "lamplighter-by-hand")
    ));
    assert!(may(
        &stack,
        "Backup",
        "rds:CreateDBSnapshot",
        &arn("db", "orders")
    ));
    assert!(!may(
        &stack,
        "Backup",
        "rds:CreateDBSnapshot",
        &arn("db", "others")
    ));
    for function in ["Backup", "Drill", "Heal", "Deploy", "Enroll"] {
        for action in [
            "rds:DeleteDBInstance",
            "rds:ModifyDBInstance",
            "rds:StopDBInstance",
        ] {
            assert!(
                !may(&stack, function, action, &arn("db", "orders")),
                "{function} {action}"
            );
        }
    }
}

#[test]
fn nobody_may_read_secrets_or_change_their_own_rights() {
    let stack = Stack::start(&[
        ("AckLinks", "yes"),
        ("RequestApi", "yes"),
        (
            "InteractionsSecret",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:buttons",
        ),
    ])
    .unwrap();
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf";
    let role = "arn:aws:iam::123456789012:role/lamplighter-DeployRole";
    for function in Function::ALL.map(Function::logical_id) {
        assert!(
            !may(&stack, function, "secretsmanager:GetSecretValue", secret),
            "{function}"
        );
        for action in [
            "iam:PutRolePolicy",
            "iam:AttachRolePolicy",
            "iam:CreateRole",
            "sts:AssumeRole",
        ] {
            assert!(!may(&stack, function, action, role), "{function} {action}");
        }
        assert!(
            !may(&stack, function, "lambda:UpdateFunctionCode", "*"),
            "{function}"
        );
    }
    let denied = stack.control("denied", Value::Null);
    assert_eq!(denied, json!([]));
}

//! The life of a stack: beside another one, through an update, and to its end.

use e2e::testkit::ledger::{journal, wait_until_idle};
use e2e::testkit::stack::Stack;
use e2e::testkit::traffic::create_database;
use e2e::testkit::workload::{
    NewService, create_repository, create_service, deployed_image, describe, image, push_image,
};
use rstest::rstest;
use serde_json::{Value, json};

const BOTH: [&str; 2] = ["amd64", "arm64"];
const FOLLOWS: [(&str, &str); 2] = [
    ("lamplighter:managed", "true"),
    ("lamplighter:deploy", "tag=RC_x.x.x repo=shop/web"),
];

fn service(stack: &Stack) -> String {
    create_repository(stack, "shop/web");
    let image = image("shop/web", "RC_1.0.0");
    create_service(
        stack,
        &NewService {
            cluster: "shop",
            name: "web",
            image: &image,
            architecture: "ARM64",
            tags: &FOLLOWS,
        },
    )
}

/// A database whose first backup was taken.
fn backed_up(stack: &Stack) {
    create_database(
        stack,
        "orders",
        &[
            ("lamplighter:managed", "true"),
            ("lamplighter:backup", "at=00:00"),
        ],
    );
    stack.until("it is backed up", || (snapshots(stack) > 0).then_some(()));
}

fn snapshots(stack: &Stack) -> usize {
    stack
        .control("snapshots", json!({}))
        .as_array()
        .map_or(0, Vec::len)
}

fn roll_out(stack: &Stack, web: &str, tag: &str) {
    let digest = push_image(stack, "shop/web", tag, &BOTH, tag);
    stack.sweep_until("DeploySweep", "it is rolled out", || {
        deployed_image(stack, web).ends_with(&digest).then_some(())
    });
    wait_until_idle(stack);
}

fn subjects(stack: &Stack) -> Vec<String> {
    stack
        .mail()
        .iter()
        .map(|mail| mail["subject"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_second_stack_stands_beside_the_first_and_only_watches() {
    let stack = Stack::start(&[]).unwrap();
    stack
        .deploy("CreateStack", "second", &[("Mode", "observe")])
        .unwrap();
    let web = service(&stack);
    wait_until_idle(&stack);
    let updates = stack.calls_of("UpdateService");
    roll_out(&stack, &web, "RC_1.1.0");
    assert_eq!(
        stack.calls_of("UpdateService"),
        updates + 1,
        "{}",
        stack.logs()
    );
    stack.until("both have told", || {
        let told = subjects(&stack);
        let says = |text: &str| told.iter().any(|subject| subject.contains(text));
        (says("deploying RC_1.1.0") && says("would roll out RC_1.1.0")).then_some(())
    });
    stack.delete("second");
    roll_out(&stack, &web, "RC_1.2.0");
}

#[test]
fn an_update_keeps_the_ledger_and_what_was_begun() {
    let stack = Stack::start(&[]).unwrap();
    let web = service(&stack);
    roll_out(&stack, &web, "RC_1.1.0");
    let (table, before) = (stack.output("LedgerTable"), journal(&stack).len());
    stack
        .deploy(
            "UpdateStack",
            "lamplighter",
            &[("RolloutsPerHour", "9"), ("NotifyAlarms", "yes")],
        )
        .unwrap();
    assert_eq!(stack.output("LedgerTable"), table);
    assert!(journal(&stack).len() >= before && before > 0);
    roll_out(&stack, &web, "RC_1.2.0");
    let is_first = |record: &Value| {
        record["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("RC_1.1.0"))
    };
    assert!(journal(&stack).iter().any(is_first));
}

/// From the template that `UPGRADE_FROM` names.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "where an earlier template is, the environment says"
)]
fn an_upgrade_keeps_the_ledger_the_backups_and_what_was_begun() {
    let Ok(earlier) = std::env::var("UPGRADE_FROM") else {
        eprintln!("skipped: UPGRADE_FROM names no earlier infra/template.yaml");
        return;
    };
    let stack = Stack::start_as(&earlier).unwrap();
    let web = service(&stack);
    backed_up(&stack);
    roll_out(&stack, &web, "RC_1.1.0");
    let (table, before) = (stack.output("LedgerTable"), journal(&stack).len());
    let deployed = stack.calls_of("UpdateService");
    stack.deploy("UpdateStack", "lamplighter", &[]).unwrap();
    stack.judge(true);
    stack.sweep();
    wait_until_idle(&stack);
    assert_eq!(
        (
            stack.output("LedgerTable"),
            snapshots(&stack),
            stack.calls_of("UpdateService")
        ),
        (table, 1, deployed)
    );
    assert!(journal(&stack).len() >= before && before > 0);
    roll_out(&stack, &web, "RC_1.2.0");
    assert!(stack.dead_letters().is_empty(), "{}", stack.logs());
}

#[test]
fn what_a_stack_looked_after_stays_when_it_is_deleted() {
    let stack = Stack::start(&[]).unwrap();
    let web = service(&stack);
    backed_up(&stack);
    roll_out(&stack, &web, "RC_1.1.0");
    let runs = deployed_image(&stack, &web);
    let deletions =
        ["DeleteService", "DeleteDBInstance", "DeleteDBSnapshot"].map(|call| stack.calls_of(call));
    stack.delete("lamplighter");
    assert_eq!((deployed_image(&stack, &web), snapshots(&stack)), (runs, 1));
    assert_eq!(
        ["DeleteService", "DeleteDBInstance", "DeleteDBSnapshot"].map(|call| stack.calls_of(call)),
        deletions
    );
}

/// Deploys the example into a network of its own.
fn example(stack: &Stack, choices: &[(&str, &str)]) -> Result<(), String> {
    let made = |call: &str, field: &str, form: &[(&str, &str)]| {
        let xml = stack.query("ec2", call, form).unwrap();
        let after = xml
            .split(&format!("<{field}>"))
            .nth(1)
            .unwrap_or_else(|| panic!("{xml}"));
        after.split('<').next().unwrap().to_owned()
    };
    let vpc = made("CreateVpc", "vpcId", &[("CidrBlock", "10.0.0.0/16")]);
    let subnets = ["eu-west-1a", "eu-west-1b"]
        .into_iter()
        .zip(["10.0.1.0/24", "10.0.2.0/24"])
        .map(|(zone, block)| {
            made(
                "CreateSubnet",
                "subnetId",
                &[
                    ("VpcId", &vpc),
                    ("CidrBlock", block),
                    ("AvailabilityZone", zone),
                ],
            )
        });
    let subnets = subnets.collect::<Vec<_>>().join(",");
    let network = [
        ("Vpc", vpc.as_str()),
        ("PublicSubnets", &subnets),
        ("PrivateSubnets", &subnets),
    ];
    let parameters: Vec<(&str, &str)> = network.iter().chain(choices).copied().collect();
    stack.deploy_template(
        "infra/app/template.yaml",
        "CreateStack",
        "shop",
        &parameters,
    )
}

#[rstest]
#[case::aurora(&[("Database", "aurora")])]
#[case::docdb(&[("Database", "docdb")])]
#[case::cache_alone(&[("Database", "none"), ("Cache", "yes")])]
#[case::on_instances(&[("Capacity", "ec2"), ("Cache", "yes")])]
fn the_example_workload_deploys_with_what_is_chosen(#[case] choices: &[(&str, &str)]) {
    let stack = Stack::start(&[]).unwrap();
    stack.control("settings", json!({"events": false}));
    example(&stack, choices).unwrap();
    let service = describe(
        &stack,
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/web",
    );
    let on_instances = choices.contains(&("Capacity", "ec2"));
    assert_eq!(
        service["capacityProviderStrategy"].is_array(),
        on_instances,
        "{service}"
    );
    assert_eq!(
        service["launchType"] == "FARGATE",
        !on_instances,
        "{service}"
    );
    let template =
        std::fs::read_to_string(e2e::testkit::setup::root().join("infra/app/template.yaml"))
            .unwrap();
    // By their tags Lamplighter knows the instances that it may drain.
    assert!(template.contains(
        "echo ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM=ec2_instance >> /etc/ecs/ecs.config"
    ));
}

#[test]
fn the_example_workload_is_looked_after_by_its_tags_alone() {
    let stack = Stack::start(&[]).unwrap();
    example(&stack, &[("Database", "postgres")]).unwrap();
    let web = "arn:aws:ecs:eu-west-1:123456789012:service/shop/web";
    assert_eq!(
        deployed_image(&stack, web),
        "public.ecr.aws/nginx/nginx:stable"
    );
    roll_out(&stack, web, "RC_1.0.0");
    let told = subjects(&stack);
    assert!(
        told.iter()
            .any(|subject| subject.contains("shop/web: deploying RC_1.0.0")),
        "{told:?}"
    );
    // It is set up well: what people are told to do, the example does.
    assert!(
        !told
            .iter()
            .any(|subject| subject.contains("shop/web: finding")),
        "{told:?}"
    );
    stack.sweep_until("EnrollSweep", "it has its six alarms", || {
        let answer = stack
            .query(
                "monitoring",
                "DescribeAlarms",
                &[("AlarmNamePrefix", "lamplighter/shop/web/")],
            )
            .ok()?;
        (answer.matches("<AlarmName>").count() == 6).then_some(())
    });
}

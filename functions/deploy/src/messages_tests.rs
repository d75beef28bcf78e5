//! Every message of `deploy`, as people read it. A change of a text is a change of its snapshot.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::Plan;
use lamplighter::model::{
    Command, Database, DeploymentController, ImageScan, Request, RequestScope, Task, TaskContainer,
    TaskDefinition,
};
use lamplighter::notify::Message;
use lamplighter::release::evidence::Evidence;
use lamplighter::state::{PreDeploymentResult, PreDeploymentRun};
use serde_json::{Value, json};

use crate::EarlierStage;
use crate::approvals::{ApprovalProblem, Asked, Place, ProblemKind, RejectedImage};
use crate::fixtures::{Given, HOST, NOW, SECRET, digest, given, two_groups};
use crate::observed::DatabaseSnapshots;
use crate::{BeforeRevision, ObservedTask, Offer, messages};

fn book(messages: &[Message]) -> String {
    messages
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Returns all messages of a plan.
fn messages_of(plan: Plan) -> Vec<Message> {
    plan.steps
        .into_iter()
        .filter_map(|step| step.message)
        .chain(plan.messages)
        .collect()
}

fn with_database(status: &str) -> Given {
    let mut given = given().deploy("tag=RC_x.x.x repo=shop/web snapshot=yes");
    let database = Database {
        identifier: "orders".into(),
        status: status.into(),
        ..Database::default()
    };
    given.observed.databases = vec![DatabaseSnapshots {
        database,
        snapshots: Vec::new(),
    }];
    given
}

/// Returns a service on which somebody else replaced RC_1.4.2 by this image.
fn replaced_by(image: &str) -> Given {
    given()
        .deploy("tag=RC_x.x.x repo=shop/web container=web")
        .rolled_out(2, SignedDuration::from_hours(1))
        .running_image(image)
}

#[test]
fn every_message() {
    let found = ImageScan::Finished(BTreeMap::from([
        ("CRITICAL".to_owned(), 2),
        ("HIGH".to_owned(), 5),
    ]));
    let unscanned = ImageScan::Unavailable("the repository is not scanned".to_owned());
    let long = SignedDuration::from_hours(1);
    let scanned = |scan: ImageScan| {
        given()
            .deploy("tag=RC_x.x.x repo=shop/web scan=high")
            .offers_since("RC_1.4.2", 2, long)
            .scanned(scan)
    };
    let late = {
        let mut late = with_database("modifying");
        let waits = format!("snapshots before {}", digest(2));
        late.memory.waiting.insert(
            "deploy".to_owned(),
            (waits, late.now - SignedDuration::from_hours(9)),
        );
        late
    };
    let plans = vec![
        given(),
        late,
        with_database("modifying"),
        given().deploy("tag=RC_x.x.x repo=shop/web snapshot=yes"),
        given().for_platforms(&[("windows", "amd64")]),
        given().tag("freeze", "fri 16:00 - mon 08:00 Europe/Rome"),
        scanned(found),
        scanned(unscanned),
        given().deploy("tag=RC_x.x.x repo=shop/web approve=yes"),
        given().offer(Offer::NoRepository),
        given().deploy("tag=RC_x.x.x repo=shop/web container=api"),
        given().deploy("tag=RC_x.x.x repo=shop/web strategy=canary"),
        two_groups("strategy=canary approve=yes"),
        given().rotated(SECRET, SignedDuration::from_secs(60)),
    ];
    let mut messages: Vec<Message> = plans
        .into_iter()
        .flat_map(|given| messages_of(given.decide()))
        .collect();
    let mut external = given().observed.service.unwrap();
    external.deployment_controller = DeploymentController::External;
    messages.push(messages::unsupported_controller(
        &external,
        "RC_1.4.2 not deployed",
    ));
    messages.push(messages::unknown_deployment_group("RC_1.4.2"));
    messages.push(messages::strategy_of_express_mode("LINEAR", "CANARY"));
    insta::assert_snapshot!(book(&messages));
}

#[test]
fn every_message_about_other_services() {
    let group = |services| messages::wrong_deployment_group("RC_1.4.2", "billing/prod", services);
    let unknown = given()
        .deploy("tag=RC_x.x.x repo=shop/web after=staging/web")
        .after(EarlierStage::default());
    let mut messages = vec![
        group(None),
        group(Some(&["billing/api".to_owned()])),
        group(Some(&[])),
    ];
    messages.extend(messages_of(unknown.decide()));
    insta::assert_snapshot!(book(&messages));
}

/// Returns RC_1.4.2 with the revision of `before=shop-migrate`.
fn before(family: &str, container: &str, image: &str, managed: &str) -> Given {
    let mut given = given().deploy(&format!("tag=RC_x.x.x repo=shop/web before={family}"));
    let Value::Object(document) = json!({
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-migrate:3", "family": "shop-migrate",
        "containerDefinitions": [{"name": container, "image": image}, {"name": "router", "image": "fluent-bit:3"}],
    }) else {
        unreachable!("an object")
    };
    let newest = TaskDefinition {
        document,
        tags: BTreeMap::from([("lamplighter:managed".to_owned(), managed.to_owned())]),
    };
    given.observed.before = Some(Some(BeforeRevision { newest, base: None }));
    given
}

/// Returns RC_1.4.2 whose task began at 02:50 and stands like this.
fn with_task(task: Option<Task>, at: Timestamp, limit_passed: Option<Timestamp>) -> Given {
    let mut given = before(
        "shop-migrate",
        "migrate",
        &format!("{HOST}/shop/web:1"),
        "true",
    );
    let run = PreDeploymentRun {
        tag: "RC_1.4.2".into(),
        family: "shop-migrate".into(),
        token: "t".into(),
        containers: vec!["migrate".into()],
        attempt: 1,
        at,
        commit: None,
        pushed_at: None,
        snapshots_since: at,
        asked_at: at,
        is_refused: false,
        is_confirmed: true,
        seen_at: None,
        stopped_at: limit_passed,
        is_rejected: false,
        failure: None,
        result: None,
    };
    let runs = &mut given.memory.releases.pre_deployment;
    runs.insert(digest(2), run.clone());
    given.observed.pre_deployment = Some(ObservedTask {
        digest: digest(2),
        run,
        task,
        evidence: Evidence {
            lines: Some(("migrate".into(), vec!["ERROR: no column total".into()])),
            ..Evidence::default()
        },
    });
    given
}

fn stopped_task(exit_code: Option<i32>, code: &str, reason: &str) -> Task {
    Task {
        task: "arn:aws:ecs:eu-west-1:123456789012:task/shop/0a1b2c".into(),
        status: "STOPPED".into(),
        stop_code: code.into(),
        reason: reason.into(),
        started_at: Some(NOW),
        containers: vec![TaskContainer {
            name: "migrate".into(),
            exit_code,
            ..TaskContainer::default()
        }],
        ..Task::default()
    }
}

#[test]
fn every_message_about_the_task_before_a_release() {
    let good = || {
        before(
            "shop-migrate",
            "migrate",
            &format!("{HOST}/shop/web:1"),
            "true",
        )
    };
    let mut messages = messages_of(good().decide());
    let mut late = good().deploy("tag=RC_x.x.x repo=shop/web before=shop-migrate snapshot=yes");
    late.observed.databases = with_database("modifying").observed.databases;
    let waits = format!("snapshots before {}", digest(2));
    late.memory.waiting.insert(
        "deploy".into(),
        (waits, NOW - SignedDuration::from_mins(31)),
    );
    messages.extend(messages_of(late.decide()));
    let began = NOW - SignedDuration::from_mins(60);
    let exited = "Essential container in task exited";
    let failed = stopped_task(Some(1), "EssentialContainerExited", exited);
    messages.extend(messages_of(
        with_task(Some(failed.clone()), began, None).decide(),
    ));
    messages.extend(messages_of(
        with_task(Some(failed), began, Some(NOW)).decide(),
    ));
    let stopped = stopped_task(Some(143), "UserInitiated", "Task stopped by user");
    messages.extend(messages_of(with_task(Some(stopped), began, None).decide()));
    messages.extend(messages_of(with_task(None, began, None).decide()));
    insta::assert_snapshot!(book(&messages));
}

#[test]
fn every_message_about_a_task_that_can_not_run() {
    let repository = format!("{HOST}/shop/web:1");
    let good = || before("shop-migrate", "migrate", &repository, "true");
    let began = NOW - SignedDuration::from_mins(10);
    let mut not_started = good();
    let mut run = with_task(None, began, None).memory.releases.pre_deployment;
    run.get_mut(&digest(2)).unwrap().result = Some(PreDeploymentResult::NotStarted {
        reason: "ResourceInitializationError: unable to pull secrets.".into(),
        at: NOW,
    });
    not_started.memory.releases.pre_deployment = run;
    let mut messages = messages_of(not_started.decide());
    let mut missing = good();
    missing.observed.before = Some(None);
    messages.extend(messages_of(missing.decide()));
    messages.extend(messages_of(
        before("shop-web", "web", &format!("{HOST}/shop/web:1"), "true").decide(),
    ));
    messages.extend(messages_of(
        before(
            "shop-migrate",
            "migrate",
            &format!("{HOST}/shop/web:1"),
            "false",
        )
        .decide(),
    ));
    messages.extend(messages_of(
        before("shop-migrate", "seed", "shop/seed:1", "true").decide(),
    ));
    insta::assert_snapshot!(book(&messages));
}

/// A repository of which no tag has matched for an hour.
fn without_tag(newest: &[&str]) -> Given {
    let newest = newest.iter().map(|tag| (*tag).to_owned()).collect();
    let mut given = given().offer(Offer::NoTag(newest));
    let waits = "a tag like RC_x.x.x in shop/web".to_owned();
    let since = given.now - SignedDuration::from_hours(1);
    given
        .memory
        .waiting
        .insert("deploy".to_owned(), (waits, since));
    given
}

#[test]
fn every_message_about_changes_of_others() {
    let plans = vec![
        given().rolled_out(2, SignedDuration::from_hours(1)),
        replaced_by("nginx:hotfix"),
        replaced_by(&format!("{HOST}/shop/web:RC_1.4.0")),
        without_tag(&["rc-1.4.2", "rc-1.4.1"]),
        without_tag(&[]),
        given().offer(Offer::Older {
            tag: "RC_1.4.0".to_owned(),
            digest: digest(3),
        }),
    ];
    let messages: Vec<Message> = plans
        .into_iter()
        .flat_map(|given| messages_of(given.decide()))
        .collect();
    insta::assert_snapshot!(book(&messages));
}

/// What people read about the image that they approved or rejected.
#[test]
fn every_message_about_an_approval() {
    let problem = |kind, asked, newest: &[&str]| ApprovalProblem {
        id: "request:call-1".to_owned(),
        image: "RC_1.5".to_owned(),
        kind,
        newest: newest.iter().map(|tag| (*tag).to_owned()).collect(),
        asked,
    };
    let several = ProblemKind::SeveralImages(vec!["RC_1.4.1".to_owned(), "RC_1.4.2".to_owned()]);
    let tags = ["RC_1.4.2", "RC_1.4.1"];
    let rejected = RejectedImage {
        tag: "RC_1.4.2".to_owned(),
        digest: digest(2),
        request: Request {
            id: "call-1".to_owned(),
            at: given().now,
            by: "arn:aws:sts::123456789012:assumed-role/Operators/alice".to_owned(),
            reason: "wrong prices".to_owned(),
            until: None,
            scope: RequestScope::Target("shop/web".to_owned()),
            command: Command::Reject("RC_1.4.2".to_owned()),
        },
        place: Place::Elsewhere,
    };
    let messages = [
        problem(ProblemKind::NoImage, Asked::Approval, &tags),
        problem(ProblemKind::NoImage, Asked::Deployment, &tags),
        problem(
            ProblemKind::NoImage,
            Asked::Rejection("call-1".to_owned()),
            &[],
        ),
        problem(several, Asked::Approval, &tags),
        problem(ProblemKind::NotTracked, Asked::Approval, &tags),
    ]
    .map(|problem| messages::approval_without_effect(&problem, "RC_x.x.x"));
    let messages: Vec<Message> = messages
        .into_iter()
        .chain([messages::image_rejected(&rejected)])
        .collect();
    insta::assert_snapshot!(book(&messages));
}

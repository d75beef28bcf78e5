//! `before=`: a task with the new image runs before the service changes, once for an image, and decides about the release.

mod cases;

use deploy::Deploy;
use e2e::testkit::releases::{MINUTE, digest, minutes, push, release, runs};
use e2e::testkit::requests::request;
use e2e::testkit::world::{End, Fault, World};
use fastrand::Rng;
use jiff::SignedDuration;
use lamplighter::model::Arn;
use rollout::Rollout;
use rstest::rstest;
use serde_json::json;

const HISTORIES: u64 = 150;
const DEPLOY: &str = "tag=RC_x.x.x repo=shop/web before=shop-migrate before-limit=20m";
const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// `shop/web`, whose releases wait for `shop-migrate`.
fn web(world: &World) -> Arn {
    world.register_family("shop-migrate", &format!("{HOST}/shop/web:RC_1.0.0"));
    world.service("web", "shop/web", "RC_1.0.0", DEPLOY)
}

fn tag(world: &World, web: &Arn, key: &str, value: &str) {
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(web).unwrap();
    tags.insert(format!("lamplighter:{key}"), value.to_owned());
}

/// Lets the tasks of an image end like this.
fn end(world: &World, tag: &str, end: End) {
    world.state_mut().ends.insert(tag.to_owned(), end);
}

fn started_tasks(world: &World) -> usize {
    world.state().one_off_tasks.len()
}

/// The notification with this title.
fn body(world: &World, title: &str) -> String {
    let state = world.state();
    let found = state
        .notices
        .iter()
        .map(|notice| &notice.message)
        .find(|message| message.title.starts_with(title))
        .unwrap_or_else(|| panic!("{title} is not in {:#?}", world.titles()));
    format!("{} {} {}", found.action, found.why, found.next)
}

fn sweep_for(world: &World, sweeps: usize) {
    minutes(world, sweeps * 5 + 1);
}

/// Sweeps until the service runs a tag, for so many minutes at most.
fn until_runs(world: &World, web: &Arn, tag: &str, limit: usize) {
    for _ in 0..limit {
        if runs(world, web, tag) {
            return;
        }
        minutes(world, 1);
    }
    panic!("{tag} does not run: {:#?}", world.titles());
}

/// A release whose task passes, and that ends well.
fn release_after_task(world: &World, web: &Arn, tag: &str, content: u64) {
    push(world, tag, content);
    until_runs(world, web, tag, 20);
    world.state_mut().settle(web);
    minutes(world, 2);
}

#[test]
fn a_release_waits_for_its_task_and_starts_with_the_event_of_its_end() {
    let world = World::new();
    let web = web(&world);
    push(&world, "RC_1.1.0", 11);
    assert_eq!(world.titles(), ["running shop-migrate before RC_1.1.0"]);
    assert_eq!(
        (started_tasks(&world), world.count("UpdateService")),
        (1, 0)
    );
    let (token, revision) = {
        let state = world.state();
        let (token, task) = state.one_off_tasks.iter().next().unwrap();
        (token.clone(), task.revision.clone())
    };
    {
        let state = world.state();
        let ran = state
            .definitions
            .iter()
            .find(|d| d.arn() == revision)
            .unwrap();
        assert_eq!(ran.family(), "shop-migrate");
        let image = ran.containers().next().unwrap().image.to_owned();
        assert_eq!(image, format!("{HOST}/shop/web:RC_1.1.0@{}", digest(11)));
        assert_eq!(ran.tags["lamplighter:managed"], "true");
    }
    world.advance(MINUTE * 4);
    let stopped = json!({
        "version": "0", "id": "stopped", "source": "aws.ecs", "detail-type": "ECS Task State Change",
        "account": "123456789012", "region": "eu-west-1", "time": "2026-11-21T03:04:00Z", "resources": [],
        "detail": {"startedBy": token, "lastStatus": "STOPPED", "group": "family:shop-migrate",
                   "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/shop"},
    });
    let _ = world.invoke(&Deploy, stopped);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:#?}", world.titles());
    let deploying = body(&world, "deploying RC_1.1.0");
    assert!(
        deploying.contains("shop-migrate ran before it and exited with code 0"),
        "{deploying}"
    );
    assert_eq!(started_tasks(&world), 1);
}

#[test]
fn a_task_of_another_service_concerns_nobody() {
    let world = World::new();
    let _ = web(&world);
    let stopped = json!({
        "version": "0", "id": "stopped", "source": "aws.ecs", "detail-type": "ECS Task State Change",
        "account": "123456789012", "region": "eu-west-1", "time": "2026-11-21T03:04:00Z", "resources": [],
        "detail": {"startedBy": "lamplighter-before/0000000000000000/0000000000000000-1", "lastStatus": "STOPPED"},
    });
    let _ = world.invoke(&Deploy, stopped);
    assert_eq!(world.count("DescribeServices"), 0);
}

#[rstest]
#[case::an_error(End::Exits(1), "RC_1.1.0 rejected - shop-migrate exited with code 1")]
#[case::too_slow(End::Never, "RC_1.1.0 rejected - shop-migrate did not end in time")]
fn a_task_that_does_not_pass_rejects_the_release(#[case] how: End, #[case] title: &str) {
    let world = World::new();
    let web = web(&world);
    end(&world, "RC_1.1.0", how);
    push(&world, "RC_1.1.0", 11);
    sweep_for(&world, 12);
    assert_eq!(
        world.titles(),
        ["running shop-migrate before RC_1.1.0", title]
    );
    assert_eq!(
        (started_tasks(&world), world.count("UpdateService")),
        (1, 0)
    );
    let releases = world.state().held[&web].memory.releases.clone();
    assert!(releases.quarantined.contains_key(&digest(11)));
    // A corrected image gets a task of its own.
    push(&world, "RC_1.1.1", 12);
    until_runs(&world, &web, "RC_1.1.1", 90);
    assert_eq!(started_tasks(&world), 2);
}

#[test]
fn an_image_that_was_pushed_before_a_rejected_one_does_not_follow_it() {
    let world = World::new();
    let web = web(&world);
    tag(&world, &web, "freeze", "always");
    push(&world, "RC_1.1.0", 11);
    world.advance(MINUTE);
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .remove("lamplighter:freeze");
    end(&world, "RC_1.2.0", End::Exits(1));
    push(&world, "RC_1.2.0", 12);
    sweep_for(&world, 12);
    assert_eq!(
        (started_tasks(&world), world.count("UpdateService")),
        (1, 0)
    );
}

#[test]
fn a_request_after_a_failed_task_runs_it_once_more() {
    let world = World::new();
    let web = web(&world);
    end(&world, "RC_1.1.0", End::Exits(1));
    push(&world, "RC_1.1.0", 11);
    sweep_for(&world, 2);
    let deploy = json!({"command": "deploy", "target": web, "image": "RC_1.1.0", "reason": "the database is repaired"});
    request(&world, &deploy);
    sweep_for(&world, 12);
    // It failed again, which uses the request up.
    assert_eq!(
        (started_tasks(&world), world.count("UpdateService")),
        (2, 0)
    );
    end(&world, "RC_1.1.0", End::Exits(0));
    request(&world, &deploy);
    until_runs(&world, &web, "RC_1.1.0", 90);
    assert_eq!(started_tasks(&world), 3);
}

#[test]
fn a_task_that_did_not_start_is_started_again_with_growing_pauses() {
    let world = World::new();
    let web = web(&world);
    end(
        &world,
        "RC_1.1.0",
        End::NotStarted("ResourceInitializationError: unable to pull secrets"),
    );
    push(&world, "RC_1.1.0", 11);
    sweep_for(&world, 12);
    let tried = started_tasks(&world);
    assert!((3..=5).contains(&tried), "{tried} tasks within an hour");
    assert_eq!(
        world.titles(),
        [
            "running shop-migrate before RC_1.1.0",
            "RC_1.1.0 held - shop-migrate did not start"
        ]
    );
    let held = body(&world, "RC_1.1.0 held - shop-migrate did not start");
    assert!(held.contains("unable to pull secrets"), "{held}");
    let releases = world.state().held[&web].memory.releases.clone();
    assert!(releases.quarantined.is_empty());
    end(&world, "RC_1.1.0", End::Exits(0));
    until_runs(&world, &web, "RC_1.1.0", 90);
}

#[rstest]
#[case("RegisterTaskDefinition", Fault::AnswerLost)]
#[case("RegisterTaskDefinition", Fault::Killed)]
#[case("RegisterTaskDefinition", Fault::Throttled)]
#[case("RunTask", Fault::AnswerLost)]
#[case("RunTask", Fault::Killed)]
#[case("RunTask", Fault::Throttled)]
#[case("ListTasks", Fault::Throttled)]
fn one_task_runs_whatever_happens_to_the_calls(#[case] call: &'static str, #[case] fault: Fault) {
    let world = World::new();
    let web = web(&world);
    world.state_mut().faults.push_back((call, fault));
    push(&world, "RC_1.1.0", 11);
    until_runs(&world, &web, "RC_1.1.0", 90);
    assert_eq!(started_tasks(&world), 1);
    let state = world.state();
    let registered = state
        .definitions
        .iter()
        .filter(|d| d.family() == "shop-migrate");
    assert_eq!(registered.count(), 2);
    drop(state);
    assert!(world.is_settled());
}

#[test]
fn a_newer_push_waits_until_the_task_has_ended() {
    let world = World::new();
    let web = web(&world);
    push(&world, "RC_1.1.0", 11);
    world.advance(MINUTE);
    push(&world, "RC_1.2.0", 12);
    assert_eq!(started_tasks(&world), 1);
    until_runs(&world, &web, "RC_1.2.0", 90);
    // The older image was never deployed.
    assert_eq!(
        (started_tasks(&world), world.count("UpdateService")),
        (2, 1)
    );
}

#[test]
fn a_template_that_is_applied_meanwhile_gets_the_release_back_at_once() {
    let world = World::new();
    let web = web(&world);
    release_after_task(&world, &web, "RC_1.1.0", 11);
    end(&world, "RC_1.2.0", End::Never);
    push(&world, "RC_1.2.0", 12);
    let template = format!("{HOST}/shop/web:RC_1.0.0");
    let revision = world.state_mut().register("shop-web", &template);
    world.advance(MINUTE);
    world.state_mut().deploy(&web, &revision);
    world.state_mut().settle(&web);
    world.advance(MINUTE * 3);
    until_runs(&world, &web, "RC_1.1.0", 6);
    assert_eq!(started_tasks(&world), 2);
}

#[test]
fn a_rollback_says_that_the_migration_stays() {
    let world = World::new();
    let web = web(&world);
    release_after_task(&world, &web, "RC_1.1.0", 11);
    push(&world, "RC_1.2.0", 12);
    until_runs(&world, &web, "RC_1.2.0", 90);
    world.state_mut().roll_back(&web);
    minutes(&world, 3);
    let rejected = body(&world, "RC_1.2.0 rejected");
    assert!(
        rejected.contains("shop-migrate ran before RC_1.2.0, and no rollback undoes it."),
        "{rejected}"
    );
    // The image that runs again was migrated to before.
    sweep_for(&world, 12);
    assert_eq!(started_tasks(&world), 2);
}

#[test]
fn a_result_that_ecs_has_forgotten_rejects_the_release() {
    let world = World::new();
    let web = web(&world);
    push(&world, "RC_1.1.0", 11);
    tag(&world, &web, "managed", "paused");
    sweep_for(&world, 20);
    tag(&world, &web, "managed", "true");
    sweep_for(&world, 2);
    let rejected = body(&world, "RC_1.1.0 rejected - shop-migrate left no result");
    assert!(rejected.contains("nobody knows how it ended"), "{rejected}");
    assert_eq!(
        (started_tasks(&world), world.count("UpdateService")),
        (1, 0)
    );
}

#[test]
fn an_image_that_was_verified_before_runs_no_task() {
    let world = World::new();
    let web = world.web();
    world.register_family("shop-migrate", &format!("{HOST}/shop/web:RC_1.0.0"));
    for (name, content) in [("RC_1.1.0", 11), ("RC_1.2.0", 12)] {
        release(&world, &web, name, content);
    }
    tag(&world, &web, "deploy", DEPLOY);
    sweep_for(&world, 2);
    let deploy =
        json!({"command": "deploy", "target": web, "image": "RC_1.1.0", "reason": "1.2 is slow"});
    request(&world, &deploy);
    assert!(runs(&world, &web, "RC_1.1.0"), "{:#?}", world.titles());
    assert_eq!(started_tasks(&world), 0);
}

#[test]
fn a_template_that_registers_a_revision_of_the_family_is_built_on() {
    let world = World::new();
    let web = web(&world);
    release_after_task(&world, &web, "RC_1.1.0", 11);
    let template = world.register_family("shop-migrate", &format!("{HOST}/shop/web:RC_1.0.0"));
    world
        .state_mut()
        .definitions
        .iter_mut()
        .find(|d| d.arn() == template)
        .unwrap()
        .document["cpu"] = json!("1024");
    push(&world, "RC_1.2.0", 12);
    let state = world.state();
    let newest = state.one_off_tasks.values().max_by_key(|task| task.at);
    let revision = newest.unwrap().revision.clone();
    let ran = state
        .definitions
        .iter()
        .find(|d| d.arn() == revision)
        .unwrap();
    assert_eq!(ran.document["cpu"], "1024");
    assert!(ran.containers().next().unwrap().image.contains("RC_1.2.0@"));
}

#[rstest]
#[case::missing("before=shop-migrat", "RC_1.1.0 held - no task definition shop-migrat")]
#[case::own(
    "before=shop-web",
    "RC_1.1.0 held - before=shop-web is the service itself"
)]
#[case::unmanaged(
    "before=billing-migrate",
    "RC_1.1.0 held - billing-migrate:1 is not managed"
)]
#[case::other_image(
    "before=shop-seed",
    "RC_1.1.0 held - shop-seed:1 runs no image of shop/web"
)]
fn a_wrong_family_holds_the_release_and_is_notified_once(
    #[case] before: &str,
    #[case] title: &str,
) {
    let world = World::new();
    let web = web(&world);
    tag(
        &world,
        &web,
        "deploy",
        &format!("tag=RC_x.x.x repo=shop/web {before}"),
    );
    world.state_mut().register("billing-migrate", "billing:1");
    let seed = world.register_family("shop-seed", "seed:1");
    {
        let mut state = world.state_mut();
        let seed = state
            .definitions
            .iter_mut()
            .find(|d| d.arn() == seed)
            .unwrap();
        let two = json!([{"name": "seed", "image": "seed:1"}, {"name": "log", "image": "log:1"}]);
        seed.document["containerDefinitions"] = two;
    }
    push(&world, "RC_1.1.0", 11);
    sweep_for(&world, 12);
    assert_eq!(world.titles(), [title]);
    assert_eq!(
        (started_tasks(&world), world.count("UpdateService")),
        (0, 0)
    );
}

/// Pushes, ends, faults and requests in any order. No image is deployed before its task exited with code 0, no image has
/// two tasks that ran unless a person asked for it, and never do two run at once.
#[test]
fn no_history_deploys_an_image_whose_task_did_not_pass() {
    for seed in 0..HISTORIES {
        let mut dice = Rng::with_seed(seed);
        let world = World::new();
        let web = web(&world);
        let (mut asked, mut highest) = (0, 0);
        for step in 0..60_u64 {
            world.advance(MINUTE);
            match dice.u32(0..12) {
                0 => {
                    let name = format!("RC_1.1.{step}");
                    let ends = [
                        End::Exits(0),
                        End::Exits(0),
                        End::Exits(1),
                        End::Never,
                        End::NotStarted("Capacity is unavailable at this time."),
                    ];
                    end(&world, &name, ends[dice.usize(0..ends.len())]);
                    push(&world, &name, 100 + step);
                }
                1 => {
                    let calls = [
                        "RegisterTaskDefinition",
                        "RunTask",
                        "ListTasks",
                        "StopTask",
                        "UpdateService",
                    ];
                    let faults = [Fault::AnswerLost, Fault::Killed, Fault::Throttled];
                    let fault = (calls[dice.usize(0..5)], faults[dice.usize(0..3)]);
                    world.state_mut().faults.push_back(fault);
                }
                2 => {
                    let _ = world.sweep(&Rollout);
                    world.state_mut().finish_rollout(&web);
                }
                3 => {
                    let names: Vec<String> = world.state().ends.keys().cloned().collect();
                    if let Some(name) = dice.choice(names) {
                        asked += 1;
                        end(&world, &name, End::Exits(0));
                        let deploy = json!({"command": "deploy", "target": web, "image": name, "reason": "again"});
                        let _ = e2e::testkit::requests::try_call(&world, &deploy);
                        e2e::testkit::requests::deliver(&world);
                    }
                }
                _ => {
                    let _ = world.sweep(&Deploy);
                }
            }
            check_history(&world, &web, asked, &mut highest, seed);
        }
        world.state_mut().faults.clear();
        sweep_for(&world, 40);
        let state = world.state();
        let runs = &state.held[&web].memory.releases.pre_deployment;
        let open = runs.values().filter(|run| run.result.is_none()).count();
        assert_eq!(open, 0, "seed {seed}: every task has a result");
    }
}

/// `highest`: the step of the newest version that was deployed so far. An older one runs no task.
fn check_history(world: &World, web: &Arn, asked: usize, highest: &mut u64, seed: u64) {
    let image = world.image_of(web);
    let state = world.state();
    // What the task of the deployed image did, not what Lamplighter recorded.
    let mut of_image = state.one_off_tasks.values().filter(|task| {
        let revision = state.definitions.iter().find(|d| d.arn() == task.revision);
        revision.is_some_and(|revision| revision.containers().any(|one| one.image == image))
    });
    let has_passed = of_image.any(|task| task.end == End::Exits(0) && task.stopped_at.is_none());
    let version = image.split('@').next().unwrap().rsplit('.').next().unwrap();
    let version: u64 = version.parse().unwrap();
    let is_older = version < *highest;
    *highest = version.max(*highest);
    assert!(
        has_passed || is_older || image.ends_with("RC_1.0.0"),
        "seed {seed}: {image} is deployed, and its task did not pass"
    );
    let mut running = 0;
    let mut by_image = std::collections::BTreeMap::new();
    for task in state.one_off_tasks.values() {
        let has_run = !matches!(task.end, End::NotStarted(_));
        let is_over = task.stopped_at.is_some()
            || matches!(task.end, End::Exits(_)) && state.now.duration_since(task.at) >= MINUTE * 3;
        running += usize::from(has_run && !is_over);
        *by_image.entry(&task.revision).or_insert(0) += usize::from(has_run);
    }
    assert!(running <= 1, "seed {seed}: {running} tasks run at once");
    let repeated: usize = by_image
        .values()
        .map(|count: &usize| count.saturating_sub(1))
        .sum();
    assert!(
        repeated <= asked,
        "seed {seed}: {repeated} repetitions, {asked} requests"
    );
}

#[test]
fn a_snapshot_comes_before_the_task() {
    let world = World::new();
    let web = web(&world);
    tag(&world, &web, "deploy", &format!("{DEPLOY} snapshot=yes"));
    tag(&world, &web, "app", "shop");
    let orders = world.database("orders", "at=03:00");
    world
        .state_mut()
        .tags
        .get_mut(&orders)
        .unwrap()
        .insert("lamplighter:app".to_owned(), "shop".to_owned());
    push(&world, "RC_1.1.0", 11);
    assert_eq!(
        (world.count("CreateDBSnapshot"), started_tasks(&world)),
        (1, 0)
    );
    world.advance(SignedDuration::from_mins(20));
    until_runs(&world, &web, "RC_1.1.0", 90);
    let running = body(&world, "running shop-migrate before RC_1.1.0");
    assert!(running.contains("Snapshot taken before it: "), "{running}");
}

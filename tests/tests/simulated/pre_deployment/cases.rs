//! Situations in which the task of one release meets something else.

use e2e::testkit::releases::{VERIFIED, minutes_of_ecs};
use e2e::testkit::requests::try_call;
use e2e::testkit::world::ecs::{Behaviour, Ecs};

use super::*;

const NO_CAPACITY: End = End::NotStarted("Capacity is unavailable at this time.");

/// `shop/web` with `snapshot=yes` and a database, after a push of RC_1.1.0 whose task ends like this.
fn with_snapshot(world: &World, how: End) -> Arn {
    let web = web(world);
    tag(world, &web, "deploy", &format!("{DEPLOY} snapshot=yes"));
    tag(world, &web, "app", "shop");
    let orders = world.database("orders", "at=03:00");
    tag(world, &orders, "app", "shop");
    end(world, "RC_1.1.0", how);
    push(world, "RC_1.1.0", 11);
    web
}

fn has_title(world: &World, part: &str) -> bool {
    world.titles().iter().any(|title| title.contains(part))
}

#[test]
fn one_snapshot_is_taken_before_the_task_and_none_after_it() {
    let world = World::new();
    let web = with_snapshot(&world, End::Exits(0));
    until_runs(&world, &web, "RC_1.1.0", 120);
    assert_eq!(world.count("CreateDBSnapshot"), 1);
    let taken = "Snapshot taken before it: lamplighter-orders-20261121-0300-before-";
    for title in ["running shop-migrate", "deploying RC_1.1.0"] {
        assert!(body(&world, title).contains(taken), "{title}");
    }
}

/// A hold between the task and the rollout doesn't make the snapshot too old.
#[test]
fn a_freeze_after_the_task_takes_no_other_snapshot() {
    let world = World::new();
    let web = with_snapshot(&world, End::Exits(0));
    world.advance(MINUTE * 11);
    let _ = world.sweep(&Deploy);
    assert_eq!(started_tasks(&world), 1);
    tag(&world, &web, "freeze", "daily 03:00 - 05:00");
    minutes(&world, 60);
    assert!(!runs(&world, &web, "RC_1.1.0"), "{:#?}", world.titles());
    until_runs(&world, &web, "RC_1.1.0", 120);
    assert_eq!(
        (world.count("CreateDBSnapshot"), started_tasks(&world)),
        (1, 1)
    );
}

#[test]
fn a_task_that_does_not_start_takes_one_snapshot() {
    let world = World::new();
    let _ = with_snapshot(&world, NO_CAPACITY);
    minutes(&world, 12 * 60);
    assert_eq!(world.count("CreateDBSnapshot"), 1);
    let held = world.state().bus.len();
    assert!(held <= 4, "{held} events");
}

#[test]
fn a_failed_task_leaves_the_deployment_in_progress_alone() {
    let world = World::new();
    let _ = web(&world);
    let deploy = format!("{VERIFIED} before=shop-migrate");
    let web = world.service("web", "shop/web", "RC_1.0.0", &deploy);
    let mut ecs = Ecs::new(&world, &web, 1_200.0, 7);
    for image in ["RC_1.1.0", "RC_1.2.0", "RC_1.3.0"] {
        ecs.image(image, Behaviour::Good);
    }
    {
        let mut state = world.state_mut();
        state.set_strategy(&web, "CANARY");
        let service = state.services.get_mut(&web).unwrap();
        (service.shifting.steps, service.shifting.seconds) = (2, 900);
    }
    push(&world, "RC_1.1.0", 11);
    minutes_of_ecs(&world, &mut ecs, 60);
    push(&world, "RC_1.2.0", 12);
    let is_shifting = || {
        let state = world.state();
        let verdict = &state.held[&web].memory.releases.pending_verdict;
        verdict
            .as_ref()
            .is_some_and(|verdict| verdict.since.is_some())
    };
    for _ in 0..40 {
        if runs(&world, &web, "RC_1.2.0") && is_shifting() {
            break;
        }
        minutes_of_ecs(&world, &mut ecs, 1);
    }
    assert!(is_shifting(), "{:#?}", world.titles());
    end(&world, "RC_1.3.0", End::Exits(1));
    push(&world, "RC_1.3.0", 13);
    minutes_of_ecs(&world, &mut ecs, 60);
    assert!(runs(&world, &web, "RC_1.2.0"), "{:#?}", world.titles());
}

/// An event of an earlier push comes late: the newer push waits for its task, and follows it.
#[test]
fn a_push_a_second_later_is_deployed_after_a_failed_task() {
    let world = World::new();
    let web = web(&world);
    let first = world.push("shop/web", "RC_1.1.0", 11);
    world.advance(SignedDuration::from_secs(1));
    let second = world.push("shop/web", "RC_1.2.0", 12);
    world.advance(SignedDuration::from_secs(2));
    end(&world, "RC_1.1.0", End::Exits(1));
    let _ = world.invoke(&Deploy, first);
    let _ = world.invoke(&Deploy, second);
    until_runs(&world, &web, "RC_1.2.0", 60);
}

/// ECS does not list a task at once, and the answer of RunTask was lost.
#[test]
fn no_task_starts_beside_one_whose_answer_was_lost() {
    let world = World::new();
    let web = web(&world);
    world.inject_fault("RunTask", Fault::AnswerLost);
    push(&world, "RC_1.1.0", 11);
    let hidden = std::mem::take(&mut world.state_mut().one_off_tasks);
    world.advance(SignedDuration::from_secs(20));
    push(&world, "RC_1.2.0", 12);
    assert_eq!(started_tasks(&world), 0);
    world.state_mut().one_off_tasks.extend(hidden);
    until_runs(&world, &web, "RC_1.2.0", 30);
    assert_eq!(started_tasks(&world), 2);
}

/// The function was killed before RunTask: ECS never lists the task, and a newer push need not wait for ever.
#[test]
fn a_task_that_was_never_started_holds_nothing_for_long() {
    let world = World::new();
    let web = web(&world);
    world.inject_fault("RunTask", Fault::Killed);
    push(&world, "RC_1.1.0", 11);
    world.advance(MINUTE * 2);
    push(&world, "RC_1.2.0", 12);
    assert_eq!(started_tasks(&world), 0);
    until_runs(&world, &web, "RC_1.2.0", 30);
    assert_eq!(started_tasks(&world), 1);
}

/// ECS forgets a task and its client token after an hour, so that the same call would start another one.
#[test]
fn a_lost_answer_and_a_pause_do_not_run_a_migration_twice() {
    let world = World::new();
    let web = web(&world);
    world.inject_fault("RunTask", Fault::AnswerLost);
    push(&world, "RC_1.1.0", 11);
    tag(&world, &web, "managed", "paused");
    world.advance(MINUTE * 90);
    world.state_mut().one_off_tasks.clear();
    tag(&world, &web, "managed", "true");
    sweep_for(&world, 3);
    assert!(has_title(&world, "shop-migrate left no result"));
    assert_eq!(started_tasks(&world), 0);
}

/// The SDK repeated a call that took effect, and the repetition was refused.
#[test]
fn a_refused_repetition_of_a_call_that_took_effect_is_known() {
    let world = World::new();
    let web = web(&world);
    world.inject_fault("RunTask", Fault::AnswerLost);
    push(&world, "RC_1.1.0", 11);
    for pending in &mut world.state_mut().held.get_mut(&web).unwrap().memory.pending {
        pending.refused = true;
    }
    until_runs(&world, &web, "RC_1.1.0", 30);
    assert_eq!(started_tasks(&world), 1);
}

/// The event of the stopped task is lost, or comes while Lamplighter is paused.
#[rstest]
#[case::lost_event(false)]
#[case::pause(true)]
fn a_task_that_did_not_start_is_not_a_missing_family(#[case] is_paused: bool) {
    let world = World::new();
    let web = web(&world);
    end(&world, "RC_1.1.0", NO_CAPACITY);
    push(&world, "RC_1.1.0", 11);
    if is_paused {
        tag(&world, &web, "managed", "paused");
    }
    world.advance(MINUTE * 10);
    tag(&world, &web, "managed", "true");
    let _ = world.sweep(&Deploy);
    assert!(
        !has_title(&world, "no task definition"),
        "{:#?}",
        world.titles()
    );
}

#[test]
fn a_push_whose_task_passed_does_not_wait_for_stable_tasks() {
    let world = World::new();
    let web = web(&world);
    world
        .state_mut()
        .services
        .get_mut(&web)
        .unwrap()
        .running_count = 1;
    push(&world, "RC_1.1.0", 11);
    assert_eq!(started_tasks(&world), 1);
    until_runs(&world, &web, "RC_1.1.0", 10);
}

/// Of a dozen services that are tagged at once, five run their task and their first rollout at the same time.
#[test]
fn tasks_of_first_rollouts_wait_for_those_of_other_services() {
    let world = World::new();
    let _ = web(&world);
    for n in 0..12 {
        let deploy = "tag=RC_x.x.x repo=shop/web before=shop-migrate";
        let _ = world.service(&format!("web-{n}"), "shop/web", "RC_1.0.0", deploy);
    }
    world
        .state_mut()
        .tags
        .retain(|arn, _| arn.as_str().contains("web-"));
    let _ = world.push("shop/web", "RC_1.1.0", 11);
    end(&world, "RC_1.1.0", End::Never);
    for _ in 0..3 {
        world.advance(MINUTE * 5);
        let _ = world.sweep(&Deploy);
    }
    assert_eq!(started_tasks(&world), 5);
}

/// An older version fits an older database, and its migrations would fail on the newer one.
#[rstest]
#[case::verified_long_ago(12)]
#[case::what_ran_before_the_first_release(0)]
fn an_older_version_runs_no_task(#[case] releases: u64) {
    let world = World::new();
    let web = web(&world);
    let _ = world.push("shop/web", "RC_1.0.0", 10);
    tag(&world, &web, "deploy", "tag=RC_x.x.x repo=shop/web");
    for n in 0..=releases {
        release(&world, &web, &format!("RC_1.1.{n}"), 20 + n);
        world.advance(MINUTE * 60);
    }
    tag(&world, &web, "deploy", DEPLOY);
    let image = if releases > 0 { "RC_1.1.0" } else { "RC_1.0.0" };
    let deploy =
        json!({"command": "deploy", "target": web, "image": image, "reason": "orders are lost"});
    request(&world, &deploy);
    assert!(runs(&world, &web, image), "{:#?}", world.titles());
    assert_eq!(started_tasks(&world), 0);
}

/// A person who needs an older version now does not wait until a migration of half a day has ended.
#[test]
fn a_requested_version_that_needs_no_task_waits_for_no_task() {
    let world = World::new();
    let web = web(&world);
    for (name, content) in [("RC_1.1.0", 11), ("RC_1.2.0", 12)] {
        release_after_task(&world, &web, name, content);
    }
    let long = "tag=RC_x.x.x repo=shop/web before=shop-migrate before-limit=12h";
    tag(&world, &web, "deploy", long);
    end(&world, "RC_1.3.0", End::Never);
    push(&world, "RC_1.3.0", 13);
    let deploy = json!({"command": "deploy", "target": web, "image": "RC_1.1.0", "reason": "orders are lost"});
    request(&world, &deploy);
    until_runs(&world, &web, "RC_1.1.0", 6);
}

#[test]
fn the_limit_holds_while_a_request_to_roll_back_is_open() {
    let world = World::new();
    let web = web(&world);
    release_after_task(&world, &web, "RC_1.1.0", 11);
    end(&world, "RC_1.2.0", End::Never);
    push(&world, "RC_1.2.0", 12);
    let back = json!({"command": "roll-back", "target": web, "reason": "slow"});
    assert_eq!(try_call(&world, &back).unwrap().0, 200);
    // `rollout` can't act yet.
    for _ in 0..30 {
        world.advance(MINUTE);
        let _ = world.sweep(&Deploy);
    }
    assert_eq!(world.count("StopTask"), 1);
}

/// The console copies the tags of the revision that a new one is made from.
#[test]
fn a_revision_that_somebody_makes_from_ours_is_built_on() {
    let world = World::new();
    let web = web(&world);
    release_after_task(&world, &web, "RC_1.1.0", 11);
    {
        let mut state = world.state_mut();
        let mut newest = state.definitions.iter().rev();
        let ours = newest
            .find(|d| d.family() == "shop-migrate")
            .unwrap()
            .clone();
        let arn = state.register("shop-migrate", ours.containers().next().unwrap().image);
        let mut all = state.definitions.iter_mut();
        let copy = all.find(|d| d.arn() == arn).unwrap();
        copy.tags = ours.tags;
        copy.document["cpu"] = json!("1024");
    }
    push(&world, "RC_1.2.0", 12);
    let state = world.state();
    let newest = state.one_off_tasks.values().max_by_key(|task| task.at);
    let revision = newest.unwrap().revision.clone();
    let mut all = state.definitions.iter();
    let ran = all.find(|d| d.arn() == revision).unwrap();
    assert_eq!(ran.document["cpu"], "1024");
}

/// A person rejects an image while its task runs: it is rejected once, and told that the task goes on.
#[test]
fn a_rejection_during_the_task_is_the_only_one() {
    let world = World::new();
    let web = web(&world);
    end(&world, "RC_1.1.0", End::Exits(1));
    push(&world, "RC_1.1.0", 11);
    let reject =
        json!({"command": "reject", "target": web, "image": "RC_1.1.0", "reason": "wrong branch"});
    request(&world, &reject);
    let text = body(&world, "RC_1.1.0 rejected by");
    assert!(
        text.contains("shop-migrate still runs before RC_1.1.0"),
        "{text}"
    );
    sweep_for(&world, 3);
    let rejections = world
        .titles()
        .iter()
        .filter(|title| title.contains("rejected"))
        .count();
    assert_eq!(rejections, 1, "{:#?}", world.titles());
    let state = world.state();
    let quarantined = &state.held[&web].memory.releases.quarantined[&digest(11)];
    assert!(quarantined.contains("wrong branch"), "{quarantined}");
}

/// Whoever sets the service to observe while a task runs learns how it ended afterwards.
#[test]
fn a_failure_during_observe_mode_is_not_forgotten() {
    let world = World::new();
    let web = web(&world);
    end(&world, "RC_1.1.0", End::Exits(1));
    push(&world, "RC_1.1.0", 11);
    tag(&world, &web, "managed", "observe");
    sweep_for(&world, 30);
    tag(&world, &web, "managed", "true");
    sweep_for(&world, 2);
    assert!(
        has_title(
            &world,
            "RC_1.1.0 rejected - shop-migrate exited with code 1"
        ),
        "{:#?}",
        world.titles()
    );
}

#[test]
fn a_rejected_release_names_its_commit_and_clears_its_approval() {
    let world = World::new();
    let web = web(&world);
    world
        .state_mut()
        .commits
        .insert(digest(11), "3f9c1e0".to_owned());
    tag(&world, &web, "deploy", &format!("{DEPLOY} approve=yes"));
    end(&world, "RC_1.1.0", End::Exits(1));
    push(&world, "RC_1.1.0", 11);
    tag(&world, &web, "approve", "RC_1.1.0");
    sweep_for(&world, 3);
    let state = world.state();
    let event = state.bus.last().unwrap();
    assert_eq!(event["detail-type"], "Release Rejected");
    assert_eq!(event["detail"]["commit"], "3f9c1e0");
    let mut messages = state.notices.iter().map(|notice| &notice.message);
    let running = messages
        .find(|message| message.title.starts_with("running"))
        .unwrap();
    assert_eq!(running.clears.as_deref(), Some("approval"));
}

/// An approval that stays in the tag allows one more run of the task.
#[test]
fn an_approval_by_tag_after_a_failure_runs_the_task_once_more() {
    let world = World::new();
    let web = web(&world);
    end(&world, "RC_1.1.0", End::Exits(1));
    push(&world, "RC_1.1.0", 11);
    sweep_for(&world, 2);
    tag(&world, &web, "approve", "RC_1.1.0");
    sweep_for(&world, 40);
    assert_eq!(started_tasks(&world), 2);
}

/// A list of ECS that lacks the task for a while is not up to date: a task is forgotten an hour after it stopped at least.
#[test]
fn a_task_that_is_not_listed_for_a_while_is_waited_for() {
    let world = World::new();
    let web = web(&world);
    end(&world, "RC_1.1.0", End::Never);
    push(&world, "RC_1.1.0", 11);
    minutes(&world, 11);
    let hidden = std::mem::take(&mut world.state_mut().one_off_tasks);
    minutes(&world, 20);
    assert!(!has_title(&world, "rejected"), "{:#?}", world.titles());
    world.state_mut().one_off_tasks.extend(hidden);
    for task in world.state_mut().one_off_tasks.values_mut() {
        task.end = End::Exits(0);
    }
    until_runs(&world, &web, "RC_1.1.0", 10);
    assert_eq!(started_tasks(&world), 1);
}

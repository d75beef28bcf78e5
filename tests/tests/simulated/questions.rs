//! What the command `lamplighter` asks, what a stack answers, and how the command shows it.

use e2e::testkit::releases::{MINUTE, minutes, release_and_fail};
use e2e::testkit::requests::call_payload;
use e2e::testkit::world::World;
use lamplighter::policy::{Mode, StackDefaults};
use lamplighter::status::{ActionsOfRun, ReleaseResult, StackStatus, TargetDetail};
use lamplighter_cli::render;
use request::RequestOperation;
use rstest::rstest;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::digest::told;

fn ask<T: DeserializeOwned>(world: &World, query: &Value) -> T {
    let answer = told(world, &json!({ "query": query }), StackDefaults::default()).unwrap();
    serde_json::from_value(answer).unwrap()
}

/// A world in which a release was rejected, another database is backed up, and everything is paused.
fn evening() -> World {
    let world = World::new();
    let web = world.web();
    world.database("orders", "keep=7d");
    release_and_fail(&world, &web, "CannotPullContainerError: no such image");
    minutes(&world, 10);
    let pause = json!({"command": "pause", "everything": true, "reason": "database migration"});
    let defaults = StackDefaults {
        topic: "arn:aws:sns:eu-west-1:123456789012:topic".into(),
        ..StackDefaults::default()
    };
    let answer = world.invoke_with(&RequestOperation, call_payload(&world, &pause), defaults);
    assert_eq!(answer.unwrap().unwrap()["statusCode"], 200);
    world
}

#[test]
fn the_status_of_all_targets_is_shown() {
    let world = evening();
    let status: StackStatus = ask(&world, &json!({"status": {}}));
    assert_eq!(status.mode, Mode::Act);
    assert_eq!(status.targets.len(), 2);
    insta::assert_snapshot!(render::render_status(&status));
}

/// The stack is asked most when it is switched off.
#[test]
fn a_stack_that_is_switched_off_answers() {
    let world = evening();
    let off = StackDefaults {
        mode: Mode::Off,
        ..StackDefaults::default()
    };
    let answer = told(&world, &json!({"query": {"status": {}}}), off).unwrap();
    let status: StackStatus = serde_json::from_value(answer).unwrap();
    assert!(render::render_status(&status).contains("The stack is switched off"));
}

#[test]
fn a_target_is_explained_with_its_tags_and_releases() {
    let world = evening();
    let detail: TargetDetail = ask(&world, &json!({"target": {"name": "shop/web"}}));
    insta::assert_snapshot!(render::render_explanation(&detail));
    insta::assert_snapshot!(render::render_releases(&detail));
    let results = detail.releases.releases.iter();
    assert!(
        results
            .map(|release| &release.result)
            .any(|result| *result == ReleaseResult::Verified)
    );
}

#[test]
fn the_actions_of_a_period_are_listed_oldest_first() {
    let world = evening();
    let now = world.state().now;
    let actions = |target: Option<&str>| -> Vec<ActionsOfRun> {
        let query = json!({"actions": {"from": now - MINUTE * 60, "to": now, "target": target}});
        ask(&world, &query)
    };
    let all = actions(None);
    assert!(all.is_sorted_by_key(|run| run.at));
    let of_web = actions(Some("shop/web"));
    assert!(of_web.iter().all(|run| run.name == "shop/web"));
    assert!(!of_web.is_empty() && of_web.len() <= all.len());
    insta::assert_snapshot!(render::render_timeline(&of_web));
}

/// A period at the beginning of time is answered as any other.
#[test]
fn a_period_without_actions_is_empty() {
    let world = evening();
    let first = "-009999-01-02T01:59:59Z";
    let query = json!({"actions": {"from": first, "to": first, "target": null}});
    assert_eq!(ask::<Vec<ActionsOfRun>>(&world, &query), Vec::new());
}

#[rstest]
#[case::misspelt(json!({"target": {"name": "shop/wbe"}}), "did you mean shop/web?")]
#[case::unknown(json!({"weather": {}}), "query is none that this version answers")]
#[case::no_query(json!("status please"), "query is none that this version answers")]
#[case::another_field(json!({"status": {"app": "shop"}}), "query is none that this version answers")]
#[case::too_long(
    json!({"actions": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-21T00:00:00Z", "target": null}}),
    "ask about 24 hours at most"
)]
fn another_question_is_refused(#[case] query: Value, #[case] expected: &str) {
    let world = evening();
    let answer = told(&world, &json!({ "query": query }), StackDefaults::default());
    let problem = answer.unwrap_err().to_string();
    assert!(problem.contains(expected), "{problem}");
}

/// What the command reads is what the stack wrote: no field is lost on the way.
#[test]
fn an_answer_survives_the_way_to_the_command() {
    let world = evening();
    let answer = told(
        &world,
        &json!({"query": {"status": {}}}),
        StackDefaults::default(),
    )
    .unwrap();
    let status: StackStatus = serde_json::from_value(answer.clone()).unwrap();
    assert_eq!(serde_json::to_value(&status).unwrap(), answer);
}

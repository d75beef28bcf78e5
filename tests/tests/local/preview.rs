//! `lamplighter preview`, by its executable, on a recorded day.

use std::path::Path;

use e2e::testkit::command::run_command;
use e2e::testkit::stack::Stack;
use e2e::testkit::traffic::{Traffic, behind_balancer, carry, count, set_count};
use e2e::testkit::workload::{NewService, create_service, image};
use serde_json::Value;

/// A day of `shop/web`, minute by minute: 8 requests a second, and 45 for two hours, all on two tasks.
fn record_day(stack: &Stack) {
    let image = image("shop/web", "RC_1.0.0");
    let new = NewService {
        cluster: "shop",
        name: "web",
        image: &image,
        architecture: "ARM64",
        tags: &[],
    };
    create_service(stack, &new);
    set_count(stack, "web", 2);
    behind_balancer(stack, "web");
    let is_busy = |minute: &usize| (600..720).contains(minute);
    let rps: Vec<f64> = (0..1_440)
        .map(|minute| if is_busy(&minute) { 45.0 } else { 8.0 })
        .collect();
    let cpu: Vec<f64> = rps.iter().map(|rps| rps * 2.0).collect();
    let traffic = Traffic {
        rps: &rps,
        cpu: &cpu,
        tasks: 2,
    };
    carry(stack, "web", &traffic);
}

/// An account without a tag, and without Lamplighter's stack in the arguments: nothing but the day is read.
#[test]
fn a_recorded_day_is_played_under_another_policy() {
    let stack = Stack::start(&[]).unwrap();
    record_day(&stack);
    let page = Path::new(env!("CARGO_TARGET_TMPDIR")).join("preview.html");
    let set = "lamplighter:scale=min=2 max=12 rps=10";
    let arguments = ["preview", "shop/web", "--days", "1", "--set", set];
    let file = page.to_str().unwrap();
    let with_file: Vec<&str> = arguments.into_iter().chain(["--html", file]).collect();
    let ran = run_command(&stack, &with_file);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("task-hours"), "{}", ran.stdout);
    assert!(std::fs::read_to_string(&page).unwrap().contains("<svg"));

    let as_json: Vec<&str> = arguments.into_iter().chain(["--output", "json"]).collect();
    let ran = run_command(&stack, &as_json);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let web = &report["services"][0];
    let above = |who: &str| web[who]["minutes_above_target"].as_u64().unwrap();
    assert!(above("ran") >= 119, "{web}");
    assert!(above("lamplighter") <= 6, "{web}");
    assert_eq!(count(&stack, "web"), 2);
}

#[test]
fn a_mistake_names_what_is_wrong() {
    let stack = Stack::start(&[]).unwrap();
    record_day(&stack);
    let fail = |arguments: &[&str]| {
        let ran = run_command(&stack, arguments);
        assert_eq!(ran.code, Some(64), "{ran:?}");
        ran.stderr
    };
    let misspelt = fail(&["preview", "shop/wbe"]);
    assert!(misspelt.contains("did you mean shop/web?"), "{misspelt}");
    let mistake = fail(&["preview", "shop/web", "--set", "lamplighter:scale=max=no"]);
    assert!(mistake.contains("max=no"), "{mistake}");
    let other = fail(&["preview", "shop/web", "--set", "lamplighter:deploy=tag=v1"]);
    assert!(other.contains("and not lamplighter:deploy"), "{other}");
    let days = fail(&["preview", "--days", "16"]);
    assert!(days.contains("16"), "{days}");
}

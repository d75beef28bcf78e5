//! The real `archive`, in a simulated world: every day of every log group, one at a time, and none twice.

use archive::Archive;
use e2e::testkit::world::{Fault, World};
use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use lamplighter::model::{Arn, ExportTask};
use lamplighter::policy::{LOGS, StackDefaults};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::Value;

const SWEEP: SignedDuration = SignedDuration::from_mins(5);

fn with_bucket() -> StackDefaults {
    StackDefaults {
        log_bucket: "logs".into(),
        ..StackDefaults::default()
    }
}

fn sweep(world: &World) -> Option<Value> {
    let answer = world.invoke_with(&Archive, e2e::testkit::world::sweep(), with_bucket());
    world.advance(SWEEP);
    answer.and_then(Result::ok)
}

fn sweeps(world: &World, hours: usize) {
    (0..hours * 12).for_each(|_| drop(sweep(world)));
}

/// The days of which a manifest is there, by what its key begins with.
fn complete(world: &World, prefix: &str) -> Vec<String> {
    let state = world.state();
    let of = state
        .manifests
        .iter()
        .filter_map(|key| key.strip_prefix(prefix)?.strip_suffix("/manifest.json"));
    of.map(str::to_owned).collect()
}

fn day(day: &str) -> Date {
    day.parse().unwrap()
}

#[test]
fn days_are_exported_when_they_are_whole_and_one_at_a_time() {
    let world = World::new();
    world.log_group("/ecs/shop/web", "export keep=7d");
    world.log_group("worker", "export");
    sweep(&world);
    assert_eq!(world.state().running_exports().len(), 1);
    sweeps(&world, 1);
    // At 03:00 the day before yesterday is the last one that is whole.
    assert_eq!(complete(&world, "7d/ecs/shop/web/"), ["2026-11-19"]);
    assert_eq!(complete(&world, "default/_/worker/"), ["2026-11-19"]);
    assert_eq!(world.count("CreateExportTask"), 2);
    sweeps(&world, 7);
    assert_eq!(world.count("CreateExportTask"), 2);
    sweeps(&world, 2);
    assert_eq!(
        complete(&world, "7d/ecs/shop/web/"),
        ["2026-11-19", "2026-11-20"]
    );
    assert_eq!(
        (world.count("CreateExportTask"), world.titles().len()),
        (4, 0)
    );
}

#[test]
fn after_a_week_without_sweeps_all_days_are_made_up_for() {
    let world = World::new();
    world.log_group("/ecs/shop/web", "export keep=30d");
    sweeps(&world, 1);
    world.advance(SignedDuration::from_hours(7 * 24));
    sweeps(&world, 4);
    assert_eq!(complete(&world, "30d/ecs/shop/web/").len(), 8);
    assert_eq!(world.count("CreateExportTask"), 8);
    let titles = world.titles();
    assert_eq!(
        titles,
        [
            "export of logs of 2026-11-20 more than 24 h late",
            "log exports on schedule again"
        ]
    );
}

#[test]
fn what_cloudwatch_has_deleted_meanwhile_is_told() {
    let world = World::new();
    let web = world.log_group("/ecs/shop/web", "export keep=30d");
    sweeps(&world, 1);
    world
        .state_mut()
        .log_groups
        .get_mut(&web)
        .unwrap()
        .retention_days = Some(5);
    world.advance(SignedDuration::from_hours(10 * 24));
    sweeps(&world, 4);
    assert!(world.titles().contains(
        &"7 days of logs lost (2026-11-20 to 2026-11-26) - deleted before export".to_owned()
    ));
    assert_eq!(
        complete(&world, "30d/ecs/shop/web/"),
        ["2026-11-19", "2026-11-27", "2026-11-28", "2026-11-29"]
    );
    assert_eq!(
        world.state().held[&web].memory.logs.exported,
        Some(day("2026-11-29"))
    );
}

#[test]
fn a_memory_that_was_lost_is_found_again_in_the_bucket() {
    let world = World::new();
    let web = world.log_group("/ecs/shop/web", "export keep=7d");
    sweeps(&world, 1);
    world.state_mut().held.remove(&web);
    sweeps(&world, 1);
    assert_eq!(world.count("CreateExportTask"), 1);
    assert_eq!(
        world.state().held[&web].memory.logs.exported,
        Some(day("2026-11-19"))
    );
}

#[test]
fn a_changed_tag_leaves_what_runs_where_it_is() {
    let world = World::new();
    let web = world.log_group("/ecs/shop/web", "export keep=7d");
    sweep(&world);
    world
        .state_mut()
        .tags
        .get_mut(&web)
        .unwrap()
        .insert(LOGS.to_owned(), "export keep=30d".to_owned());
    sweeps(&world, 1);
    assert_eq!(complete(&world, "7d/ecs/shop/web/"), ["2026-11-19"]);
    sweeps(&world, 10);
    assert_eq!(complete(&world, "30d/ecs/shop/web/"), ["2026-11-20"]);
}

#[test]
fn somebody_elses_export_goes_first_and_is_left_alone() {
    let world = World::new();
    world.log_group("/ecs/shop/web", "export");
    let now = world.state().now;
    let foreign = ExportTask {
        id: "theirs".into(),
        name: "audit".into(),
        log_group: "/ecs/shop/web".into(),
        bucket: "theirs".into(),
        status: "PENDING".into(),
        ..ExportTask::default()
    };
    world.state_mut().exports.push((
        ExportTask {
            status: "RUNNING".into(),
            ..foreign
        },
        now,
    ));
    let answer = sweep(&world).unwrap();
    assert_eq!(
        answer["targets"][0]["reason"],
        "2026-11-19 is due and waits: AWS runs one export at a time, now of /ecs/shop/web"
    );
    sweeps(&world, 1);
    assert_eq!(complete(&world, "default/ecs/shop/web/"), ["2026-11-19"]);
}

#[test]
fn an_export_that_fails_is_told_and_tried_again_an_hour_later() {
    let world = World::new();
    world.log_group("/ecs/shop/web", "export");
    world.log_group("/ecs/shop/worker", "export");
    sweep(&world);
    {
        let mut state = world.state_mut();
        let task = &mut state.exports[0].0;
        (task.status, task.message) = ("FAILED".into(), "Access denied".into());
    }
    sweeps(&world, 1);
    // The other one had its turn meanwhile.
    assert_eq!(world.state().manifests.len(), 1);
    assert_eq!(
        world.titles(),
        ["logs of 2026-11-19 not exported - export task FAILED"]
    );
    sweeps(&world, 1);
    assert_eq!(
        (
            world.state().manifests.len(),
            world.count("CreateExportTask")
        ),
        (2, 3)
    );
}

#[rstest]
#[case::of_a_wrong_class(
    "export",
    "INFREQUENT_ACCESS",
    None,
    "logs not exported - log class is INFREQUENT_ACCESS"
)]
#[case::that_forgets(
    "export",
    "STANDARD",
    Some(1),
    "logs not exported - events deleted after 1 day"
)]
#[case::misspelt(
    "exprot",
    "STANDARD",
    None,
    "invalid tag lamplighter:logs - its operations are disabled"
)]
fn a_group_that_cannot_be_exported_is_told_once(
    #[case] tag: &str,
    #[case] class: &str,
    #[case] retention_days: Option<u32>,
    #[case] title: &str,
) {
    let world = World::new();
    let web = world.log_group("/ecs/shop/web", tag);
    {
        let mut state = world.state_mut();
        let group = state.log_groups.get_mut(&web).unwrap();
        (group.class, group.retention_days) = (class.into(), retention_days);
    }
    sweeps(&world, 3);
    assert_eq!(
        (world.titles(), world.count("CreateExportTask")),
        (vec![title.to_owned()], 0)
    );
}

#[test]
fn retention_is_set_once_and_told() {
    let world = World::new();
    let web = world.log_group("/ecs/shop/web", "retain=30d");
    sweeps(&world, 1);
    assert_eq!(world.state().log_groups[&web].retention_days, Some(30));
    assert_eq!(
        (world.count("PutRetentionPolicy"), world.titles()),
        (
            1,
            vec!["log retention set to 30 days, was unlimited".into()]
        )
    );
}

#[rstest]
#[case::exporting("CreateExportTask")]
#[case::describing("DescribeExportTasks")]
#[case::looking("HeadObject")]
#[case::completing("PutObject")]
#[case::journalling("Intend")]
#[case::concluding("Conclude")]
fn a_function_killed_anywhere_is_made_up_for(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let world = World::new();
    world.log_group("/ecs/shop/web", "export keep=7d");
    world.inject_fault(call, fault);
    sweeps(&world, 2);
    assert_eq!(complete(&world, "7d/ecs/shop/web/"), ["2026-11-19"]);
    // A task that was begun and not heard of is known while it runs.
    assert_eq!(world.state().exports.len(), 1, "{:?}", world.state().calls);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However often nothing runs, calls fail and functions die: days are complete in order, and none twice.
    #[test]
    fn no_day_is_left_out(
        pauses in prop::collection::vec(0_i64..60, 1..20),
        faults in prop::collection::vec((0_usize..5, 0_usize..3), 0..20),
    ) {
        const CALLS: [&str; 5] = ["CreateExportTask", "DescribeExportTasks", "PutObject", "Intend", "Conclude"];
        let world = World::new();
        let groups: Vec<Arn> = ["/ecs/a", "/ecs/b", "c"].map(|name| world.log_group(name, "export keep=30d")).into();
        let mut faults = faults.into_iter();
        for hours in pauses {
            if let Some((call, fault)) = faults.next() {
                world.inject_fault(CALLS[call], [Fault::Killed, Fault::AnswerLost, Fault::Throttled][fault]);
            }
            sweeps(&world, 2);
            world.advance(SignedDuration::from_hours(hours));
        }
        world.state_mut().faults.clear();
        sweeps(&world, 26);
        let last = world.state().held[&groups[0]].memory.logs.exported.unwrap();
        let days = usize::try_from((last - day("2026-11-19")).get_days()).unwrap() + 1;
        for group in ["ecs/a", "ecs/b", "_/c"] {
            let there = complete(&world, &format!("30d/{group}/"));
            prop_assert_eq!(there.len(), days, "{} {:?}", group, there);
            prop_assert_eq!(there.first().map(String::as_str), Some("2026-11-19"));
        }
        prop_assert!(last.checked_add(2.days()).unwrap() >= world.state().now.to_zoned(jiff::tz::TimeZone::UTC).date());
    }
}

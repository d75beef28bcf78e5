//! `lamplighter preview`: the past of a service, played under Lamplighter.

use e2e::testkit::world::load::Task;
use e2e::testkit::world::{BEGINNING, Fault, World};
use jiff::SignedDuration;
use lamplighter::model::{AlarmKind, Arn};
use lamplighter_cli::preview::{
    Conditions, Period, Report, ServiceReport, preview, render_page, render_preview,
};
use lamplighter_cli::{CommandError, PreviewArguments};
use proptest::prelude::*;
use rstest::rstest;
use scale::Scale;

const CONDITIONS: Conditions = Conditions {
    metric_delay: 1,
    startup: 1,
    lead: 17,
};

fn arguments(target: Option<&str>, set: &[&str]) -> PreviewArguments {
    let set = set.iter().map(|tag| {
        let (key, value) = tag.split_once('=').unwrap();
        (key.to_owned(), value.to_owned())
    });
    PreviewArguments {
        target: target.map(str::to_owned),
        days: 15,
        set: set.collect(),
        startup: SignedDuration::from_mins(1),
        html: None,
    }
}

/// The whole time of a world.
fn period(world: &World) -> Period {
    let now = world.state().now;
    Period::before(now, now.duration_since(BEGINNING))
}

fn try_preview(world: &World, target: Option<&str>, set: &[&str]) -> Result<Report, CommandError> {
    let arns: Vec<Arn> = world.state().services.keys().cloned().collect();
    let (arguments, period) = (arguments(target, set), period(world));
    world.block_on(preview(world, &arns, &arguments, period, CONDITIONS))
}

fn preview_web(world: &World, set: &[&str]) -> ServiceReport {
    let mut report = try_preview(world, Some("shop/web"), set).unwrap();
    assert_eq!(report.skipped, []);
    report.services.remove(0)
}

/// `shop/web` with so many tasks, which nobody changes.
fn fixed(tag: &str, tasks: i32) -> (World, Arn) {
    let world = World::new();
    let web = world.scaled("web", tag);
    let mut state = world.state_mut();
    let service = state.services.get_mut(&web).unwrap();
    (service.desired_count, service.running_count) = (tasks, tasks);
    drop(state);
    (world, web)
}

fn pass(world: &World, service: &Arn, rps: f64, minutes: u32) {
    for _ in 0..minutes {
        world.minute(service, rps, Task::default());
    }
}

#[test]
fn too_many_tasks_cost_more_than_they_bring() {
    let (world, web) = fixed("min=2 max=12 rps=10", 8);
    pass(&world, &web, 15.0, 6 * 60);
    let report = preview_web(&world, &[]);
    assert_eq!(format!("{:.0}", report.ran.task_hours), "48");
    assert!(
        report.lamplighter.task_hours < 26.0,
        "{:?}",
        report.lamplighter
    );
    let above = (report.ran, report.lamplighter);
    assert_eq!(
        (above.0.minutes_above_target, above.1.minutes_above_target),
        (0, 0)
    );
    assert_eq!(report.unknown_minutes, 0);
}

#[test]
fn a_peak_that_nobody_followed_is_followed() {
    let (world, web) = fixed("min=2 max=12 rps=10", 2);
    pass(&world, &web, 12.0, 60);
    pass(&world, &web, 64.0, 60);
    pass(&world, &web, 12.0, 60);
    let report = preview_web(&world, &[]);
    assert_eq!(report.ran.minutes_above_target, 60);
    assert!(report.lamplighter.minutes_above_target < 8, "{report:?}");
    let fired = report.alarms.iter().map(|alarm| alarm.kind);
    assert!(fired.into_iter().any(|kind| kind == AlarmKind::Requests));
    assert!(!report.messages.is_empty());
}

/// Another policy on the same past: fewer tasks at most, so that some minutes stay above the target, and it says so.
#[test]
fn another_policy_is_tried_on_the_same_past() {
    let (world, web) = fixed("min=2 max=12 rps=10", 2);
    pass(&world, &web, 12.0, 30);
    pass(&world, &web, 64.0, 60);
    let report = preview_web(&world, &["lamplighter:scale=min=2 max=4 rps=10"]);
    let usage = report.lamplighter;
    assert!(usage.minutes_above_target_at_max > 50, "{usage:?}");
    assert!(
        report
            .chart
            .lamplighter
            .iter()
            .flatten()
            .all(|tasks| *tasks <= 4.0)
    );
}

/// A service without tags is played with the tags that `init` proposes, and reading changes nothing.
#[test]
fn an_account_that_is_not_managed_is_only_read() {
    let (world, web) = fixed("", 3);
    world.state_mut().tags.insert(web.clone(), [].into());
    pass(&world, &web, 20.0, 60);
    world.state_mut().calls.clear();
    let report = preview_web(&world, &[]);
    assert_eq!(report.tags["lamplighter:scale"], "min=3 max=6");
    let reads = ["Describe", "GetMetricData"];
    let state = world.state();
    let mut calls = state.calls.iter();
    assert!(
        calls.all(|call| reads.iter().any(|read| call.starts_with(read))),
        "{:?}",
        state.calls
    );
    assert!(state.journal.is_empty() && state.notices.is_empty() && state.held.is_empty());
}

/// What CloudWatch has forgotten counts nowhere, and is no zero.
#[test]
fn a_forgotten_past_is_unknown() {
    let (world, web) = fixed("min=2 max=12 rps=10", 4);
    pass(&world, &web, 30.0, 120);
    let middle = BEGINNING + SignedDuration::from_mins(60);
    let mut state = world.state_mut();
    let load = state.loads.get_mut(&web).unwrap();
    for series in [&mut load.cpu, &mut load.memory, &mut load.tasks] {
        series.retain(|at, _| *at >= middle);
    }
    load.requests
        .as_mut()
        .unwrap()
        .retain(|at, _| *at >= middle);
    drop(state);
    let report = preview_web(&world, &[]);
    assert_eq!((report.known_minutes, report.unknown_minutes), (60, 60));
    assert_eq!(format!("{:.0}", report.ran.task_hours), "4");
    assert_eq!(report.chart.ran[0], None);
    let text = render_preview(&try_preview(&world, None, &[]).unwrap());
    assert!(text.contains("unknown: 60 minutes, for which CloudWatch has no metric"));
}

#[rstest]
#[case::misspelt(Some("shop/wbe"), &[], "no service shop/wbe in this account and region; did you mean shop/web?")]
#[case::a_mistake(Some("shop/web"), &["lamplighter:scale=min=5 max=2"], "min=5 is more than max=2")]
#[case::a_queue(Some("shop/web"), &["lamplighter:scale=max=2 queue=jobs"], "it works through a queue")]
fn a_mistake_names_the_thing(
    #[case] target: Option<&str>,
    #[case] set: &[&str],
    #[case] expected: &str,
) {
    let (world, web) = fixed("min=2 max=12 rps=10", 4);
    pass(&world, &web, 30.0, 5);
    let error = try_preview(&world, target, set).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_service_that_cannot_be_played_is_named_beside_the_others() {
    let (world, web) = fixed("min=2 max=12 rps=10", 4);
    let jobs = world.scaled("jobs", "max=2 queue=jobs");
    world.scaled("broken", "min=5 max=2");
    pass(&world, &web, 30.0, 5);
    pass(&world, &jobs, 0.0, 5);
    let report = try_preview(&world, None, &[]).unwrap();
    let names = report.services.iter().map(|service| service.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["shop/web"]);
    let skipped = report.skipped.iter().map(|skipped| skipped.name.as_str());
    assert_eq!(skipped.collect::<Vec<_>>(), ["shop/broken", "shop/jobs"]);
}

/// A service that is younger than the period fires no alarm before it exists, and one without any metric is named.
#[test]
fn nothing_is_decided_where_nothing_is_known() {
    let world = World::new();
    let web = world.scaled("web", "min=2 max=12 rps=10");
    world.scaled("new", "min=2 max=12 rps=10");
    world.advance(SignedDuration::from_hours(2));
    pass(&world, &web, 12.0, 60);
    let report = try_preview(&world, None, &[]).unwrap();
    let played = &report.services[0];
    assert_eq!((played.unknown_minutes, &played.alarms[..]), (120, &[][..]));
    assert!(played.messages.is_empty(), "{:?}", played.messages);
    let skipped = &report.skipped[0];
    assert_eq!(
        (skipped.name.as_str(), skipped.reason.as_str()),
        ("shop/new", "CloudWatch has no metric of it in this time")
    );
}

/// In a window without tasks, those that ran are saved. What they did without a request is no work that is missing.
#[test]
fn a_window_without_tasks_counts_what_it_saves() {
    let (world, web) = fixed("min=2 max=12 rps=10", 2);
    pass(&world, &web, 12.0, 60);
    pass(&world, &web, 0.0, 4 * 60);
    let report = preview_web(&world, &["lamplighter:schedule=mon-sun 04:00-08:00 min=0"]);
    let (ran, played) = (report.ran, report.lamplighter);
    assert!(played.task_hours < ran.task_hours - 5.0, "{played:?}");
    assert_eq!(report.unknown_minutes, 0);
    assert_eq!(played.minutes_above_target, 0);
}

/// A given tag replaces all parts of the service's own.
#[test]
fn a_given_tag_replaces_its_continuations() {
    let (world, web) = fixed("min=2 max=12", 2);
    let mut state = world.state_mut();
    let tags = state.tags.get_mut(&web).unwrap();
    tags.insert("lamplighter:scale.2".to_owned(), "rps=10".to_owned());
    drop(state);
    pass(&world, &web, 12.0, 30);
    let report = preview_web(&world, &["lamplighter:scale=min=2 max=4 rps=20"]);
    assert_eq!(
        report.tags.keys().collect::<Vec<_>>(),
        ["lamplighter:scale"]
    );
}

#[test]
fn a_service_that_cannot_be_read_costs_no_other() {
    let (world, web) = fixed("min=2 max=12 rps=10", 2);
    let other = world.scaled("other", "min=2 max=12 rps=10");
    pass(&world, &web, 12.0, 30);
    pass(&world, &other, 12.0, 30);
    world.inject_fault("GetMetricData", Fault::Throttled);
    let report = try_preview(&world, None, &[]).unwrap();
    let names = report.services.iter().map(|service| service.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["shop/web"]);
    assert!(report.skipped[0].reason.contains("ThrottlingException"));
}

#[test]
fn a_preview_reads_as_text_and_as_one_page() {
    let (world, web) = fixed("min=2 max=12 rps=10", 2);
    pass(&world, &web, 12.0, 60);
    pass(&world, &web, 64.0, 30);
    pass(&world, &web, 12.0, 90);
    let report = try_preview(&world, None, &[]).unwrap();
    insta::assert_snapshot!(render_preview(&report));
    let page = render_page(&report).unwrap();
    assert!(page.contains("<svg") && page.contains("minutes above the target of the tag"));
    assert!(!page.contains("src=") && !page.contains("href="));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A preview of a service that Lamplighter scaled shows what Lamplighter did: it plays the real operation, and its minutes are
    /// those of the past.
    #[test]
    fn a_preview_repeats_what_was_done(
        loads in prop::collection::vec((0_u32..120, 1_usize..40), 3..8),
        rps in prop_oneof![Just("rps=10"), Just("rps=off cpu=60")],
    ) {
        let world = World::new();
        let web = world.scaled("web", &format!("min=2 max=12 {rps}"));
        if rps == "rps=10" {
            world.requests_alarm_on(&web, 10.0);
            world.cpu_alarm_on(&web, 80.0);
        } else {
            world.cpu_alarm_on(&web, 60.0);
        }
        // A preview plays no rollouts.
        world.state_mut().services.get_mut(&web).unwrap().deployments.clear();
        world.sweep(&Scale).unwrap().unwrap();
        for (load, minutes) in loads {
            for _ in 0..minutes {
                for event in world.minute(&web, f64::from(load), Task::default()) {
                    world.invoke(&Scale, event).unwrap().unwrap();
                }
                world.sweep(&Scale).unwrap().unwrap();
            }
        }
        let arns = [web.clone()];
        let arguments = arguments(None, &[]);
        let conditions = Conditions { metric_delay: 0, startup: 1, lead: 0 };
        let report = preview(&world, &arns, &arguments, period(&world), conditions);
        let report = world.block_on(report).unwrap();
        let chart = &report.services[0].chart;
        prop_assert_eq!(&chart.ran, &chart.lamplighter, "{:?}", report.services[0].messages);
    }

    /// The same past is played to the same end, within the bounds of the tag.
    #[test]
    fn a_preview_is_deterministic_and_keeps_to_the_bounds(
        loads in prop::collection::vec((0_u32..200, 1_u32..40), 3..8),
        tasks in 1_i32..15,
    ) {
        let (world, web) = fixed("min=2 max=9 rps=10", tasks);
        for (load, minutes) in loads {
            pass(&world, &web, f64::from(load), minutes);
        }
        let one = try_preview(&world, None, &[]).unwrap();
        let other = try_preview(&world, None, &[]).unwrap();
        prop_assert_eq!(
            serde_json::to_string(&one).unwrap(),
            serde_json::to_string(&other).unwrap()
        );
        let points = one.services[0].chart.lamplighter.iter().flatten();
        // A count outside of the bounds is corrected within minutes of the first decision.
        let settled: Vec<f64> = points.copied().skip(22).collect();
        prop_assert!(settled.iter().all(|count| (2.0..=9.0).contains(count)), "{:?}", settled);
    }
}

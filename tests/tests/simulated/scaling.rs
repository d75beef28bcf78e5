//! The real `scale`, in a simulated world: what holds whatever happens in between.

use e2e::testkit::world::load::Task;
use e2e::testkit::world::{Fault, World};
use jiff::SignedDuration;
use lamplighter::model::Arn;
use proptest::prelude::*;
use rstest::rstest;
use scale::Scale;
use serde_json::Value;

/// `shop/web` with two tasks, up to eight, and its alarms.
fn web() -> (World, Arn) {
    let world = World::new();
    let arn = world.scaled("web", "min=2 max=8 rps=10");
    world.alarms_on(&arn, 80.0, 10.0);
    (world, arn)
}

fn tasks(world: &World, service: &Arn) -> i32 {
    world.state().services[service].desired_count
}

/// A minute passes; alarms that change are delivered, and the sweep runs.
fn minute(world: &World, service: &Arn, rps: f64) {
    for event in world.minute(service, rps, Task::default()) {
        world.invoke(&Scale, event).unwrap().unwrap();
    }
    world.sweep(&Scale).unwrap().unwrap();
}

fn minutes(world: &World, service: &Arn, rps: f64, times: usize) {
    (0..times).for_each(|_| minute(world, service, rps));
}

fn names(calls: &[String]) -> Vec<&str> {
    calls
        .iter()
        .filter_map(|call| call.split(' ').next())
        .collect()
}

#[test]
fn from_alarm_to_update_takes_four_calls_beside_the_ledger() {
    let (world, arn) = web();
    let events = world.minute(&arn, 37.2, Task::default());
    let requests = events
        .iter()
        .find(|event| event["detail"]["alarmName"] == "lamplighter/shop/web/requests")
        .unwrap();
    world.state_mut().calls.clear();
    world.invoke(&Scale, requests.clone()).unwrap().unwrap();
    let state = world.state();
    assert_eq!(
        names(&state.calls),
        [
            "DescribeServices",
            // Answered from memory on AWS: which balancer a target group stands behind hardly changes.
            "DescribeTargetGroups",
            "DescribeScalableTargets",
            "GetMetricData",
            "GetItem",
            "Acquire",
            "Intend",
            "UpdateService",
            "SendMessageBatch",
            "Conclude"
        ]
    );
    drop(state);
    assert_eq!(tasks(&world, &arn), 4);
    assert_eq!(
        world.titles(),
        ["scaled out 2 → 4 tasks - 37.2 req/s at 10 per task (max 8)"]
    );
}

#[test]
fn a_spike_of_ten_minutes_ends_at_the_right_count_although_the_alarm_spoke_once() {
    let (world, arn) = web();
    minutes(&world, &arn, 12.0, 15);
    let spoken = world.minute(&arn, 75.0, Task::default());
    for event in spoken {
        world.invoke(&Scale, event).unwrap().unwrap();
    }
    for _ in 0..9 {
        // Whatever alarms say from now on is lost.
        drop(world.minute(&arn, 75.0, Task::default()));
        world.sweep(&Scale).unwrap().unwrap();
    }
    assert_eq!(tasks(&world, &arn), 8);
    minutes(&world, &arn, 12.0, 9);
    assert_eq!(tasks(&world, &arn), 8, "10 minutes are not over");
    minutes(&world, &arn, 12.0, 5);
    assert_eq!(tasks(&world, &arn), 2);
    let titles = world.titles();
    assert_eq!(titles.len(), 2, "{titles:?}");
    assert_eq!(
        titles[0],
        "scaled out 2 → 6 tasks - 75.0 req/s at 10 per task, 8 needed (max 8)"
    );
    assert_eq!(
        titles[1],
        "scaled in to 2 tasks after 22 min (peak 8, 118 task-minutes above 2)"
    );
}

#[test]
fn a_service_that_flaps_for_an_hour_changes_its_count_a_handful_of_times() {
    let (world, arn) = web();
    for n in 0..60 {
        minute(&world, &arn, if n / 4 % 2 == 0 { 17.0 } else { 24.0 });
    }
    assert!(
        world.count("UpdateService") <= 4,
        "{} changes",
        world.count("UpdateService")
    );
    assert!(world.titles().len() <= 2, "{:?}", world.titles());
}

#[test]
fn a_window_opens_and_closes() {
    let (world, arn) = web();
    // The world begins on a Saturday at 03:00 UTC.
    let window = "sat 03:10-03:30 UTC min=6".to_owned();
    world
        .state_mut()
        .tags
        .get_mut(&arn)
        .unwrap()
        .insert("lamplighter:schedule".into(), window);
    let counts: Vec<i32> = (0..60)
        .map(|_| {
            minute(&world, &arn, 5.0);
            tasks(&world, &arn)
        })
        .collect();
    assert_eq!(counts[8], 2);
    assert_eq!(counts[10..29], [6; 19]);
    assert_eq!(counts[59], 2, "{counts:?}");
    assert_eq!(
        world.titles()[0],
        "scaled out 2 → 6 tasks - schedule sat 03:10-03:30 UTC min=6"
    );
}

/// A minute in which the load balancer had no request, and so reported none.
fn minute_without_requests(world: &World, service: &Arn) {
    for event in world.minute(service, 0.0, Task::default()) {
        world.invoke(&Scale, event).unwrap().unwrap();
    }
    {
        let mut state = world.state_mut();
        let load = state.loads.get_mut(service).unwrap();
        load.requests
            .get_or_insert_default()
            .retain(|_, count| *count > 0.0);
    }
    world.sweep(&Scale).unwrap().unwrap();
}

/// Whatever the load was, half an hour without requests ends at the minimum, and stays there.
#[rstest]
#[case::a_little(15.0)]
#[case::a_peak(75.0)]
fn no_requests_at_all_are_zero_load(#[case] rps: f64) {
    let (world, arn) = web();
    minutes(&world, &arn, rps, 20);
    assert!(tasks(&world, &arn) >= 2);
    (0..30).for_each(|_| minute_without_requests(&world, &arn));
    assert_eq!(tasks(&world, &arn), 2, "{:?}", world.titles());
    let before = world.titles().len();
    (0..600).for_each(|_| minute_without_requests(&world, &arn));
    assert_eq!((tasks(&world, &arn), world.titles().len()), (2, before));
}

/// CloudWatch is minutes late while load waits: the count stays, people hear of it at once, and of its end.
#[test]
fn metrics_that_are_late_are_told_within_minutes() {
    let (world, arn) = web();
    // A new deployment has no metrics yet, and this one is older.
    minutes(&world, &arn, 55.0, 20);
    let measured = world.state().loads[&arn].clone();
    let stopped_at = world.titles().len();
    for _ in 0..8 {
        let _ = world.minute(&arn, 75.0, Task::default());
        let late = measured.clone();
        world.state_mut().loads.insert(arn.clone(), late);
        world.sweep(&Scale).unwrap().unwrap();
    }
    let told = world.titles();
    assert!(
        told[stopped_at..]
            .iter()
            .any(|title| title.starts_with("6 tasks kept - load unknown")),
        "{told:?}"
    );
    assert_eq!(tasks(&world, &arn), 6);
    minutes(&world, &arn, 75.0, 3);
    assert!(
        world.titles().contains(&"load measured again".to_owned()),
        "{:?}",
        world.titles()
    );
    assert_eq!(tasks(&world, &arn), 8);
}

/// One window over midnight keeps its minimum through the night, without a dip.
#[test]
fn a_window_over_midnight_has_no_dip() {
    let (world, arn) = web();
    // The world begins on a Saturday at 03:00 UTC.
    let window = "daily 22:00-04:00 UTC min=5".to_owned();
    let tag = ("lamplighter:schedule".to_owned(), window);
    world.state_mut().tags.get_mut(&arn).unwrap().extend([tag]);
    let counts: Vec<i32> = (0..25 * 60)
        .map(|_| {
            minute(&world, &arn, 5.0);
            tasks(&world, &arn)
        })
        .collect();
    let (by_day, by_night) = (&counts[90..18 * 60], &counts[19 * 60 + 2..25 * 60 - 1]);
    assert!(by_day.iter().all(|count| *count == 2), "{counts:?}");
    assert!(by_night.iter().all(|count| *count == 5), "{counts:?}");
}

#[test]
fn missing_data_is_not_zero_load() {
    let (world, arn) = web();
    minutes(&world, &arn, 55.0, 5);
    assert_eq!(tasks(&world, &arn), 6);
    world.state_mut().loads.clear();
    for _ in 0..60 {
        world.advance(SignedDuration::from_mins(1));
        world.sweep(&Scale).unwrap().unwrap();
    }
    assert_eq!(tasks(&world, &arn), 6);
    let told = world.titles();
    assert_eq!(
        told.iter()
            .filter(|title| title.starts_with("not scaled in - CPU data for"))
            .count(),
        1,
        "{told:?}"
    );
}

#[test]
fn a_service_that_somebody_moved_out_of_its_bounds_is_back_in_minutes() {
    let world = World::new();
    let all: Vec<Arn> = (0..50)
        .map(|n| world.scaled(&format!("web{n}"), "min=2 max=8 rps=10"))
        .collect();
    let traffic: Vec<(Arn, f64)> = all.iter().map(|arn| (arn.clone(), 5.0)).collect();
    let pass = |times: usize| {
        for _ in 0..times {
            drop(world.minute_of(&traffic, Task::default()));
            world.sweep(&Scale).unwrap().unwrap();
        }
    };
    pass(10);
    for (n, arn) in all.iter().enumerate() {
        set_count(&world, arn, if n % 2 == 0 { 20 } else { 1 });
    }
    pass(5);
    for arn in &all {
        assert!(
            (2..=8).contains(&tasks(&world, arn)),
            "{}",
            tasks(&world, arn)
        );
    }
}

fn set_count(world: &World, service: &Arn, count: i32) {
    let mut state = world.state_mut();
    state.services.get_mut(service).unwrap().desired_count = count;
}

/// Who adds tasks by hand expects load: they stay for an hour, with a word.
#[rstest]
#[case::in_a_surge(37.2, 25)]
#[case::while_it_is_calm(5.0, 55)]
fn a_count_within_the_bounds_that_somebody_set_is_kept_for_an_hour(
    #[case] rps: f64,
    #[case] minute: usize,
) {
    let (world, arn) = web();
    minutes(&world, &arn, rps, minute);
    let before = tasks(&world, &arn);
    set_count(&world, &arn, 7);
    minutes(&world, &arn, rps, 60);
    assert_eq!(tasks(&world, &arn), 7, "{:?}", world.titles());
    let kept = world.titles().into_iter();
    let kept = kept.filter(|title| {
        title.starts_with("7 tasks kept until ")
            && title.ends_with(" - set by somebody else (min=2)")
    });
    assert_eq!(kept.count(), 1, "{:?}", world.titles());
    minutes(&world, &arn, rps, 90);
    assert_eq!(tasks(&world, &arn), before, "{:?}", world.titles());
}

/// A template that sets its count again and again is not fought: the load decides within the hour, and every minute if it needs more.
#[test]
fn a_template_that_sets_the_count_again_takes_no_tasks_that_the_load_needs() {
    let (world, arn) = web();
    minutes(&world, &arn, 60.0, 20);
    assert_eq!(tasks(&world, &arn), 6);
    for _ in 0..6 {
        set_count(&world, &arn, 2);
        minutes(&world, &arn, 60.0, 2);
        assert_eq!(tasks(&world, &arn), 6, "{:?}", world.titles());
        minutes(&world, &arn, 60.0, 18);
    }
}

#[rstest]
#[case::acting("true")]
#[case::observed("observe")]
fn a_service_that_may_have_no_more_is_told_once(#[case] managed: &str) {
    let (world, arn) = web();
    {
        let mut state = world.state_mut();
        let tags = state.tags.get_mut(&arn).unwrap();
        tags.insert("lamplighter:managed".into(), managed.into());
        tags.insert("lamplighter:scale".into(), "min=2 max=2 rps=10".into());
    }
    minutes(&world, &arn, 50.0, 30);
    assert_eq!(world.titles(), ["2/5 needed tasks running - max=2 reached"]);
}

#[test]
fn a_raised_minimum_is_put_back_when_the_tags_go() {
    let (world, arn) = web();
    world.auto_scaled(&arn, 2, 6);
    minutes(&world, &arn, 55.0, 5);
    assert_eq!(world.state().scalable[&arn].min, 6);
    world.state_mut().tags.get_mut(&arn).unwrap().clear();
    minutes(&world, &arn, 55.0, 2);
    assert_eq!(world.state().scalable[&arn].min, 2);
    let calls = world.count("DescribeServices");
    minutes(&world, &arn, 55.0, 5);
    assert_eq!(
        world.count("DescribeServices"),
        calls,
        "it is looked at no more"
    );
}

#[test]
fn a_stopped_service_is_left_alone() {
    let (world, arn) = web();
    world
        .state_mut()
        .services
        .get_mut(&arn)
        .unwrap()
        .desired_count = 0;
    minutes(&world, &arn, 50.0, 10);
    assert_eq!(tasks(&world, &arn), 0);
    assert_eq!(world.titles(), [""; 0]);
}

#[test]
fn nothing_shrinks_while_a_rollout_is_in_progress() {
    let (world, arn) = web();
    minutes(&world, &arn, 55.0, 5);
    let definition = world.state().services[&arn].task_definition.clone();
    world.state_mut().deploy(&arn, &definition);
    minutes(&world, &arn, 5.0, 30);
    assert_eq!(tasks(&world, &arn), 6);
    world.state_mut().settle(&arn);
    minutes(&world, &arn, 5.0, 5);
    assert_eq!(tasks(&world, &arn), 2);
}

#[test]
fn under_application_auto_scaling_the_desired_count_is_never_written() {
    let (world, arn) = web();
    world.auto_scaled(&arn, 2, 6);
    minutes(&world, &arn, 55.0, 5);
    assert_eq!(world.state().scalable[&arn].min, 6);
    minutes(&world, &arn, 5.0, 40);
    assert_eq!(world.state().scalable[&arn].min, 2);
    assert_eq!(world.count("UpdateService"), 0);
    assert_eq!(world.titles().len(), 2, "{:?}", world.titles());
}

#[rstest]
#[case::registering("RegisterScalableTarget")]
#[case::concluding("Conclude")]
fn a_minimum_that_was_raised_is_put_back_whatever_fails(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
    #[values(2, 25)] at: usize,
) {
    let (world, arn) = web();
    world.auto_scaled(&arn, 2, 6);
    for n in 0..60 {
        if n == at {
            world.inject_fault(call, fault);
        }
        for event in world.minute(&arn, if n < 5 { 55.0 } else { 5.0 }, Task::default()) {
            let _ = world.invoke(&Scale, event);
        }
        let _ = world.sweep(&Scale);
    }
    assert_eq!(world.state().scalable[&arn].min, 2);
}

#[rstest]
#[case::describing("DescribeServices")]
#[case::reading_metrics("GetMetricData")]
#[case::journalling("Intend")]
#[case::updating("UpdateService")]
#[case::telling("SendMessageBatch")]
#[case::concluding("Conclude")]
fn a_function_killed_anywhere_is_made_up_for(
    #[case] call: &'static str,
    #[values(Fault::Killed, Fault::AnswerLost, Fault::Throttled)] fault: Fault,
) {
    let (world, arn) = web();
    let events = world.minute(&arn, 37.2, Task::default());
    world.inject_fault(call, fault);
    for event in events {
        let _ = world.invoke(&Scale, event);
    }
    // The lease of a killed function ends by itself, and the alarm is still on.
    world.advance(SignedDuration::from_mins(2));
    minutes(&world, &arn, 37.2, 3);
    assert_eq!(tasks(&world, &arn), 4);
    minutes(&world, &arn, 5.0, 20);
    assert_eq!(tasks(&world, &arn), 2);
    let began = world
        .titles()
        .iter()
        .filter(|title| title.starts_with("scaled out 2 → 4 tasks"))
        .count();
    let ended = world
        .titles()
        .iter()
        .filter(|title| title.starts_with("scaled in to 2 tasks"))
        .count();
    // At least once; twice only where it is not known whether the first one arrived.
    assert!(
        (1..=2).contains(&began) && ended == 1,
        "{:?}",
        world.titles()
    );
}

/// Many services with their alarms; every hundredth is under load.
fn crowd(services: usize) -> World {
    let world = World::new();
    for n in 0..services {
        let arn = world.scaled(&format!("web{n:04}"), "min=2 max=8 rps=10");
        world.alarms_on(&arn, 80.0, 10.0);
    }
    let hot: Vec<(Arn, f64)> = (0..services)
        .step_by(100)
        .map(|n| {
            (
                Arn::new(format!(
                    "arn:aws:ecs:eu-west-1:123456789012:service/shop/web{n:04}"
                )),
                37.2,
            )
        })
        .collect();
    // Not on the full hour, when the bounds of all are looked at.
    world.advance(SignedDuration::from_mins(10));
    drop(world.minute_of(&hot, Task::default()));
    world.state_mut().calls.clear();
    world
}

#[rstest]
#[case(10, 1, 13)]
#[case(100, 1, 14)]
#[case(1_000, 10, 68)]
fn cold_services_cost_a_sweep_nothing_but_the_pages_of_one_listing(
    #[case] services: usize,
    #[case] hot: usize,
    #[case] calls: usize,
) {
    let world = crowd(services);
    world.sweep(&Scale).unwrap().unwrap();
    let state = world.state();
    let called = names(&state.calls);
    let count = |name: &str| called.iter().filter(|call| **call == name).count();
    assert_eq!(count("GetResources"), services.div_ceil(100));
    assert_eq!(
        (
            count("DescribeAlarms"),
            count("Watched"),
            count("GetMetricData")
        ),
        (1, 1, 1)
    );
    // One call more looks at some of the cold ones in turn.
    let turn = usize::from(services > 10);
    assert_eq!(count("DescribeServices"), hot.div_ceil(10) + turn);
    assert_eq!(count("UpdateService"), hot);
    assert_eq!(called.len(), calls, "{called:?}");
}

#[test]
fn a_burst_of_alarms_reordered_and_repeated_changes_nothing_in_the_end() {
    let straight = history(&[0, 1, 2, 3]);
    for order in [[3, 2, 1, 0], [0, 0, 1, 1], [2, 0, 3, 1]] {
        assert_eq!(history(&order), straight, "{order:?}");
    }
}

/// The counts after a load that rises and falls, with its alarm events in this order.
fn history(order: &[usize]) -> Vec<i32> {
    let (world, arn) = web();
    let mut events: Vec<Value> = Vec::new();
    for rps in [5.0, 37.2, 37.2, 37.2] {
        events.extend(world.minute(&arn, rps, Task::default()));
    }
    for n in order {
        if let Some(event) = events.get(*n) {
            world.invoke(&Scale, event.clone()).unwrap().unwrap();
        }
    }
    (0..30)
        .map(|n| {
            minute(&world, &arn, if n < 3 { 37.2 } else { 5.0 });
            tasks(&world, &arn)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random load with throttled, lost and killed calls: bounds always hold, and a load that stays settles on
    /// a count that carries it.
    #[test]
    fn bounds_always_hold_and_it_settles(
        loads in prop::collection::vec((0.0..120.0_f64, 1_usize..8), 1..8),
        faults in prop::collection::vec((0_usize..40, 0_usize..5, 0_usize..3), 0..6),
        last in 0.0..70.0_f64,
    ) {
        const CALLS: [&str; 5] = ["UpdateService", "GetMetricData", "Intend", "Conclude", "DescribeServices"];
        const FAULTS: [Fault; 3] = [Fault::Throttled, Fault::AnswerLost, Fault::Killed];
        let (world, arn) = web();
        let load = loads.iter().flat_map(|(rps, minutes)| std::iter::repeat_n(*rps, *minutes));
        for (n, rps) in load.enumerate() {
            for (_, call, fault) in faults.iter().filter(|(at, ..)| *at == n) {
                world.inject_fault(CALLS[*call], FAULTS[*fault]);
            }
            for event in world.minute(&arn, rps, Task::default()) {
                let _ = world.invoke(&Scale, event);
            }
            let _ = world.sweep(&Scale);
            prop_assert!((2..=8).contains(&tasks(&world, &arn)));
        }
        world.state_mut().faults.clear();
        // The lease of a killed function ends by itself.
        world.advance(SignedDuration::from_mins(2));
        minutes(&world, &arn, last, 40);
        let settled = tasks(&world, &arn);
        prop_assert!(f64::from(settled) * 10.0 >= last, "{settled} tasks for {last}");
        let updates = world.count("UpdateService");
        minutes(&world, &arn, last, 20);
        prop_assert_eq!(world.count("UpdateService"), updates, "it did not settle");
        prop_assert!(world.is_settled());
    }
}

//! Tables of decisions, and what always holds.

use jiff::SignedDuration;
use lamplighter::model::Load;
use lamplighter::state::RaisedMinimum;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use crate::fixtures::{NOW, flat, given};

#[rstest]
#[case::as_many_as_the_requests_need(2, 37.2, 10.0, Some(4))]
#[case::a_little_more_that_lasts(2, 21.9, 10.0, Some(3))]
#[case::never_above_max(6, 500.0, 10.0, Some(8))]
#[case::at_max(8, 500.0, 10.0, None)]
#[case::cpu_wins_where_it_needs_more(4, 20.0, 96.0, Some(5))]
#[case::requests_win_where_they_need_more(4, 70.0, 96.0, Some(7))]
#[case::idle(2, 0.0, 1.0, None)]
fn out(#[case] runs: u32, #[case] rps: f64, #[case] cpu: f64, #[case] count: Option<u32>) {
    assert_eq!(given().runs(runs).requests(rps).cpu(cpu).count(), count);
}

#[rstest]
#[case::by_half(8, 15.0, Some(4))]
#[case::the_last_step(3, 15.0, Some(2))]
#[case::not_for_less_than_a_tenth(4, 37.0, None)]
#[case::never_below_min(3, 0.0, Some(2))]
#[case::at_min(2, 0.0, None)]
fn in_calmly(#[case] runs: u32, #[case] rps: f64, #[case] count: Option<u32>) {
    assert_eq!(given().runs(runs).requests(rps).count(), count);
}

#[test]
fn what_the_last_ten_minutes_needed_is_kept() {
    assert_eq!(
        given().runs(8).requests(15.0).requests_at(9, 79.0).count(),
        None
    );
    assert_eq!(
        given().runs(8).requests(15.0).requests_at(9, 45.0).count(),
        Some(5)
    );
}

#[test]
fn a_minute_adds_at_most_as_much_again_or_four() {
    let wide = || given().tag("scale", "min=1 max=100 rps=10").cpu(1.0);
    assert_eq!(wide().runs(1).requests(900.0).count(), Some(5));
    assert_eq!(wide().runs(20).requests(900.0).count(), Some(40));
    // Half a minute after 20 became 40, twenty is still what the step is counted from.
    assert_eq!(
        wide().runs(40).requests(900.0).scaled(30, 20, 40).count(),
        None
    );
    assert_eq!(
        wide().runs(40).requests(900.0).scaled(60, 20, 40).count(),
        Some(80)
    );
}

#[test]
fn a_minute_of_cpu_counts_unless_tasks_may_have_started_in_it() {
    let measured = || {
        let mut given = given();
        given.observed.load.tasks = flat(2.0);
        given
    };
    assert_eq!(measured().cpu_at(1, 96.0).count(), Some(3));
    let mut starting = measured();
    let minute = NOW - SignedDuration::from_mins(1);
    starting.observed.load.tasks.insert(minute, 3.0);
    assert_eq!(starting.cpu_at(1, 96.0).count(), None);
    assert_eq!(given().cpu_at(1, 100.0).count(), None);
    assert_eq!(given().cpu_at(1, 100.0).cpu_at(2, 100.0).count(), Some(4));
    assert_eq!(given().requests_at(1, 37.2).count(), Some(4));
    // The newest minute is not counted to its end; the one before says more.
    assert_eq!(
        given().requests_at(1, 3.0).requests_at(2, 37.2).count(),
        Some(4)
    );
}

#[test]
fn a_little_more_moves_nothing_until_it_lasts_for_three_minutes() {
    let little = || given().requests_at(1, 21.9).requests_at(2, 21.9);
    assert_eq!(little().count(), None);
    assert_eq!(
        little().requests_at(3, 21.9).requests_at(4, 21.9).count(),
        Some(3)
    );
    assert_eq!(given().requests_at(1, 22.1).count(), Some(3));
}

#[test]
fn a_load_that_rises_is_met_where_it_will_be() {
    let rising = given()
        .requests_at(4, 18.0)
        .requests_at(3, 22.0)
        .requests_at(2, 26.0)
        .requests_at(1, 30.0);
    assert_eq!(
        rising.titles(),
        ["scaled out 2 → 4 tasks - 30.0 req/s, rising to 38.0, at 10 per task (max 8)"]
    );
    assert_eq!(
        rising.requests_at(2, 21.0).titles(),
        ["scaled out 2 → 3 tasks - 30.0 req/s at 10 per task (max 8)"]
    );
}

#[test]
fn cpu_is_counted_by_the_tasks_that_had_it() {
    // Two tasks were at 100 %, half a minute ago they became four, and the metrics still speak of two.
    let given = given().runs(4).scaled(30, 2, 4).cpu(100.0);
    assert_eq!(given.count(), None, "{}", given.decided().reason);
}

/// A window with a minimum never has fewer tasks because another one is open, too.
#[rstest]
#[case("max=1", "min=2", 2)]
#[case("max=1", "min=1", 1)]
#[case("max=3 min=3", "max=2", 3)]
fn no_window_makes_another_one_drop(#[case] one: &str, #[case] other: &str, #[case] expected: u32) {
    let windows = [(one, other), (other, one)];
    for (first, second) in windows {
        let given = given()
            .runs(6)
            .tag("schedule", &format!("sat 02:00-04:00 UTC {first}"))
            .tag("schedule.2", &format!("sat 02:00-04:00 UTC {second}"));
        assert_eq!(given.count(), Some(expected), "{first}, {second}");
    }
}

#[test]
fn missing_data_is_not_zero_load() {
    let mut silent = given()
        .runs(6)
        .requests(5.0)
        .tag("scale", "min=2 max=8 memory=80");
    silent.observed.load.memory = std::collections::BTreeMap::new();
    assert_eq!(silent.count(), None);
    assert_eq!(
        silent.titles(),
        ["not scaled in - memory data for 0/15 minutes"]
    );
    assert_eq!(
        silent.cpu(99.0).count(),
        Some(8),
        "what is measured still counts"
    );

    let mut gone = given().runs(6);
    gone.observed.load = Load::default();
    assert_eq!(gone.count(), None);
    assert!(
        gone.decided()
            .reason
            .contains("CPU data for only 0 of the last 15 minutes"),
        "{}",
        gone.decided().reason
    );
    let old = NOW - SignedDuration::from_mins(6);
    let mut stale = given().runs(6).requests(5.0);
    stale.observed.load.cpu.retain(|minute, _| *minute < old);
    assert_eq!(stale.count(), None);
}

/// A load balancer reports no minute without requests. That CPU is measured proves that metrics arrive.
#[test]
fn requests_that_are_not_reported_are_zero_where_cpu_is_measured() {
    let mut quiet = given().runs(8);
    quiet.observed.load.requests = Some(std::collections::BTreeMap::new());
    assert_eq!(quiet.count(), Some(4));
    let thin = quiet.requests_at(9, 31.0);
    assert_eq!(thin.count(), Some(4), "{}", thin.decided().reason);
    // The newest minutes of the load balancer may be late.
    let mut late = given().runs(4).requests(37.0);
    let newest = NOW - SignedDuration::from_mins(2);
    let requests = late.observed.load.requests.get_or_insert_default();
    requests.retain(|minute, _| *minute < newest);
    assert_eq!(late.count(), None, "{}", late.decided().reason);
}

#[test]
fn an_unknown_load_is_told_at_once_and_until_it_is_measured() {
    let mut late = given().runs(4);
    let old = NOW - SignedDuration::from_mins(6);
    late.observed.load.cpu.retain(|minute, _| *minute <= old);
    late.observed.load.requests = None;
    assert_eq!(
        late.titles(),
        ["4 tasks kept - load unknown, no metric for 6 min"]
    );
    let told = (crate::messages::LOAD_UNKNOWN.to_owned(), NOW);
    late.memory.notified.extend([told]);
    late.observed.load = Load::default();
    let titles = late.titles();
    assert!(
        titles.contains(&"4 tasks kept - load unknown, no metric in the last 15 min".to_owned()),
        "{titles:?}"
    );
    let mut stopped = late;
    stopped.service().running_count = 0;
    let titles = stopped.titles();
    assert!(!titles.concat().contains("load unknown"), "{titles:?}");
}

#[test]
fn requests_can_be_left_out() {
    let by_cpu = given().tag("scale", "min=2 max=8 rps=off").runs(4);
    assert_eq!(by_cpu.requests(75.0).cpu(70.0).count(), None);
    let by_cpu = given().tag("scale", "min=2 max=8 rps=off").runs(4);
    assert_eq!(by_cpu.requests(5.0).cpu(95.0).count(), Some(5));
}

/// Two tasks at 95 % became four two minutes ago, and the four are at 95 % as well.
#[test]
fn utilizations_are_compared_and_not_tasks() {
    let given = given().runs(4).scaled(150, 2, 4).cpu(95.0);
    assert_eq!(given.count(), Some(5), "{}", given.decided().reason);
}

#[test]
fn an_open_window_lowers_the_maximum() {
    let at_night = |bounds: &str, count: u32| {
        let window = format!("sat 02:00-05:00 UTC {bounds}");
        given().tag("schedule", &window).runs(count).requests(75.0)
    };
    assert_eq!(at_night("max=3", 8).count(), Some(3));
    assert_eq!(at_night("max=3", 2).count(), Some(3));
    assert_eq!(
        at_night("max=1", 2).count(),
        Some(1),
        "lower than the minimum of the tag"
    );
    assert_eq!(
        at_night("max=3", 8).titles(),
        ["scaled in 8 → 3 tasks - schedule sat 02:00-05:00 UTC max=3"]
    );
    let two = |first: &str, second: &str| {
        at_night(first, 8).tag("schedule.2", &format!("daily 01:00-04:00 {second}"))
    };
    assert_eq!(two("max=3", "max=5").count(), Some(5), "the highest");
    assert_eq!(two("max=3", "min=6").count(), Some(6), "a minimum wins");
}

#[test]
fn bounds_hold_whatever_the_load() {
    assert_eq!(given().runs(1).count(), Some(2));
    assert_eq!(given().runs(30).count(), Some(8));
    assert_eq!(given().runs(30).requests(300.0).count(), Some(8));
    assert_eq!(given().runs(1).titles(), ["scaled out 1 → 2 tasks - min=2"]);
}

#[test]
fn an_open_window_raises_the_floor_and_max_still_holds() {
    let window = |min: &str| given().tag("schedule", &format!("sat 02:00-05:00 UTC min={min}"));
    assert_eq!(
        window("6").titles(),
        ["scaled out 2 → 6 tasks - schedule sat 02:00-05:00 UTC min=6"]
    );
    assert_eq!(window("20").count(), Some(8));
    assert_eq!(
        window("6").requests(75.0).count(),
        Some(6),
        "the step of a minute"
    );
    assert_eq!(window("6").runs(6).count(), None);
    assert_eq!(
        given().tag("schedule", "sun 02:00-05:00 UTC min=6").count(),
        None
    );
}

#[test]
fn a_count_of_zero_is_left_alone() {
    assert_eq!(
        given().runs(0).requests(99.0).decided().reason,
        "the desired count is 0, which Lamplighter does not change"
    );
    let mut leaving = given().runs(0);
    leaving.service().status = "DRAINING".into();
    assert_eq!(leaving.decided().reason, "the service is DRAINING");
    let mut daemon = given().requests(99.0);
    daemon.service().scheduling_strategy = "DAEMON".into();
    assert_eq!(
        daemon.titles(),
        ["not scaled - a DAEMON service has no desired count"]
    );
}

#[test]
fn a_surge_is_told_when_it_begins_and_when_it_is_over() {
    assert_eq!(
        given().requests(37.2).titles(),
        ["scaled out 2 → 4 tasks - 37.2 req/s at 10 per task (max 8)"]
    );
    assert_eq!(
        given().runs(4).surge(10, 2, 4).requests(61.0).titles(),
        Vec::<String>::new()
    );
    assert_eq!(
        given().runs(3).surge(43, 2, 3).titles(),
        ["scaled in to 2 tasks after 43 min (peak 3, 43 task-minutes above 2)"]
    );
    // Somebody has set the count back by hand: what comes now is a new surge.
    assert_eq!(given().surge(43, 2, 8).requests(37.2).titles().len(), 1);
    assert_eq!(
        given().requests(99.0).tag("scale", "max=4 rps=10").titles(),
        [
            "scaled out 2 → 4 tasks - 99.0 req/s at 10 per task, 10 needed (max 4)",
            "2/10 needed tasks running - max=4 reached"
        ]
    );
    assert_eq!(
        given().cpu(92.0).runs(4).titles(),
        ["scaled out 4 → 5 tasks - CPU 92 % at target 80 % (max 8)"]
    );
}

#[rstest]
#[case::raised(given().auto_scaled(2, 6).requests(37.2), Some((4, false)))]
#[case::within_its_bounds(given().auto_scaled(2, 3).requests(37.2), Some((3, false)))]
#[case::calm(given().auto_scaled(2, 6), None)]
#[case::told_only(given().auto_scaled(2, 6).requests(37.2).tag("scale", "min=2 max=8 rps=10 autoscaling=notify"), None)]
#[case::a_window(given().auto_scaled(2, 6).tag("schedule", "sat 02:00-05:00 UTC min=5"), Some((5, false)))]
fn under_application_auto_scaling_the_minimum_moves(
    #[case] given: crate::fixtures::Given,
    #[case] floor: Option<(u32, bool)>,
) {
    assert_eq!(given.floor(), floor);
}

#[test]
fn the_minimum_is_put_back() {
    let mut raised = given().runs(5).auto_scaled(5, 6);
    raised.memory.scaling.raised = Some(RaisedMinimum { before: 2, to: 5 });
    assert_eq!(raised.floor(), Some((2, true)));
    let raised = raised.requests(34.0);
    assert_eq!(raised.floor(), Some((4, false)));
    assert_eq!(raised.requests(49.0).floor(), None);
}

#[test]
fn what_a_person_suspended_stays_suspended() {
    let mut out = given().auto_scaled(2, 6).requests(37.2);
    out.observed
        .scalable
        .as_mut()
        .unwrap()
        .scaling_out_suspended = true;
    assert_eq!(
        out.titles(),
        ["2/4 needed tasks running - DynamicScalingOutSuspended is set"]
    );
    let mut window = given()
        .auto_scaled(2, 6)
        .tag("schedule", "sat 02:00-05:00 UTC min=5");
    window
        .observed
        .scalable
        .as_mut()
        .unwrap()
        .scheduled_scaling_suspended = true;
    assert_eq!(window.floor(), None);
    let mut lower = given().runs(5).auto_scaled(5, 6);
    lower.memory.scaling.raised = Some(RaisedMinimum { before: 2, to: 5 });
    lower
        .observed
        .scalable
        .as_mut()
        .unwrap()
        .scaling_in_suspended = true;
    assert_eq!(lower.floor(), None);
}

#[test]
fn a_peak_of_a_service_without_the_tag_is_told() {
    let alarm = json!({
        "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
        "detail": {
            "alarmName": "lamplighter/shop/web/cpu-peak",
            "state": {"value": "ALARM", "reason": "3 of 3 datapoints were at least 80.0.", "timestamp": "2026-11-21T03:00:00.000+0000"},
            "configuration": {"metrics": [{"metricStat": {"metric": {"namespace": "AWS/ECS", "name": "CPUUtilization", "dimensions": {}}}}]},
        },
    });
    let mut peak = given()
        .untag("scale")
        .cpu_at(3, 85.0)
        .cpu_at(2, 91.0)
        .cpu_at(1, 93.0)
        .event(alarm);
    peak.observed.load.busiest_cpu = crate::fixtures::flat(99.0);
    let plan = peak.decided();
    assert!(plan.is_empty());
    let message = &plan.messages[0];
    assert_eq!(
        message.title,
        "CPU peak 93 % on 2 tasks - no tag lamplighter:scale"
    );
    assert_eq!(
        message.why,
        "3 of 3 datapoints were at least 80.0. CPU of the last 15 minutes, in %: 10 ▁▁▁▁▁▁▁▁▁▁▁▁▇██ 93; the busiest task is at 99 %."
    );
    assert!(
        message.next.ends_with("It would now run 3 tasks."),
        "{}",
        message.next
    );
}

/// An alarm of somebody else on a service that is not scaled.
fn rings(namespace: &str, metric: &str, threshold: f64) -> serde_json::Value {
    json!({
        "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
        "detail": {
            "alarmName": "theirs",
            "state": {"value": "ALARM", "reason": "Threshold Crossed", "timestamp": "2026-11-21T03:00:00.000+0000",
                "reasonData": json!({"threshold": threshold}).to_string()},
            "configuration": {"metrics": [{"metricStat": {"metric": {"namespace": namespace, "name": metric, "dimensions": {}}}}]},
        },
    })
}

#[rstest]
#[case::low_for_target_tracking(
    "AWS/ECS",
    "CPUUtilization",
    63.0,
    "alarm theirs is in ALARM, but CPU at 6 % is no peak"
)]
#[case::errors(
    "AWS/ApplicationELB",
    "HTTPCode_Target_5XX_Count",
    1.0,
    "alarm theirs does not measure CPU or memory, and the service has no tag lamplighter:scale"
)]
fn an_alarm_that_is_no_peak_is_not_told_as_one(
    #[case] namespace: &str,
    #[case] metric: &str,
    #[case] threshold: f64,
    #[case] reason: &str,
) {
    let plan = given()
        .untag("scale")
        .cpu(6.0)
        .event(rings(namespace, metric, threshold))
        .decided();
    assert_eq!((plan.reason.as_str(), plan.messages.len()), (reason, 0));
    let mut maximum = rings("AWS/ECS", "CPUUtilization", 95.0);
    maximum["detail"]["state"]["reason"] =
        "1 datapoint [99.0] was greater than or equal to the threshold (95.0).".into();
    assert_eq!(
        given().untag("scale").cpu(61.0).event(maximum).titles(),
        ["CPU peak 61 % on 2 tasks - no tag lamplighter:scale"]
    );
    let mut low = rings("AWS/ECS", "CPUUtilization", 20.0);
    low["detail"]["state"]["reason"] = "15 datapoints were less than the threshold (20.0).".into();
    assert_eq!(
        given().untag("scale").cpu(25.0).event(low).titles(),
        [""; 0]
    );
    let own_bound =
        given()
            .untag("scale")
            .cpu(61.0)
            .event(rings("AWS/ECS", "CPUUtilization", 60.0));
    assert_eq!(
        own_bound.titles(),
        ["CPU peak 61 % on 2 tasks - no tag lamplighter:scale"]
    );
}

/// During a rollout twice the tasks run, and all of them report.
#[test]
fn a_rollout_makes_no_service_grow() {
    let mut rolling = given().runs(4).cpu(75.0);
    rolling.service().running_count = 8;
    rolling.service().deployments[0].rollout_state = "IN_PROGRESS".into();
    rolling.observed.load.tasks = crate::fixtures::flat(8.0);
    assert_eq!(rolling.count(), None, "{}", rolling.decided().reason);
}

#[test]
fn a_task_that_reports_three_times_a_minute_is_one_task() {
    let mut calm = given()
        .runs(4)
        .scaled(1_800, 8, 4)
        .cpu(75.0)
        .surge(60, 2, 4);
    calm.observed.load.tasks = crate::fixtures::flat(12.0);
    assert_eq!(calm.count(), None, "{}", calm.decided().reason);
}

#[test]
fn a_deployment_of_the_last_quarter_of_an_hour_is_not_made_smaller() {
    let mut fresh = given().runs(6);
    fresh.service().deployments[0].created_at = Some(NOW - SignedDuration::from_mins(14));
    assert_eq!(
        fresh.decided().reason,
        "stays at 6 tasks: a deployment started less than 15 min ago"
    );
    assert_eq!(fresh.requests(75.0).count(), Some(8));
}

#[test]
fn a_minimum_that_somebody_else_has_set_is_left_alone() {
    let mut theirs = given()
        .runs(10)
        .auto_scaled(10, 20)
        .tag("scale", "min=2 max=20 rps=10");
    theirs.memory.scaling.raised = Some(RaisedMinimum { before: 2, to: 6 });
    assert_eq!(theirs.floor(), None);
}

#[test]
fn what_is_not_scaled_any_more_gets_its_minimum_back() {
    let mut untagged = given().runs(5).auto_scaled(5, 6).untag("scale");
    untagged.memory.scaling.raised = Some(RaisedMinimum { before: 2, to: 5 });
    assert_eq!(untagged.floor(), Some((2, true)));
}

#[test]
fn under_auto_scaling_too_somebody_is_told_that_it_is_not_enough() {
    let full = given().runs(6).auto_scaled(2, 6).requests(99.0);
    assert_eq!(
        full.titles(),
        [
            "raised minimum capacity 2 → 6 tasks - 99.0 req/s at 10 per task, 10 needed (max 6)",
            "6/10 needed tasks running - Auto Scaling's maximum 6 reached"
        ]
    );
    let message = &full.decided().messages[0];
    assert!(
        message
            .next
            .ends_with("--resource-id service/shop/web --max-capacity 10"),
        "{}",
        message.next
    );
}

proptest! {
    #[test]
    fn bounds_always_hold_and_a_second_look_agrees(
        runs in 1_u32..60, min in 1_u32..10, more in 0_u32..40, rps in 0.0..2_000.0_f64, cpu in 0.0..100.0_f64,
    ) {
        let max = min + more;
        let given = given().tag("scale", &format!("min={min} max={max}")).runs(runs).requests(rps).cpu(cpu);
        if let Some(count) = given.count() {
            prop_assert!((min..=max).contains(&count) || (max..runs).contains(&count), "{count} of {min}..={max}");
            // What is set can't at once be too much: after its own step out, nothing goes in.
            let after = given.scaled(0, runs, count).runs(count);
            prop_assert!(after.count().is_none_or(|next| next > count || count > max), "{count} then {:?}", after.count());
        }
    }

    #[test]
    fn more_load_never_means_fewer_tasks(
        runs in 1_u32..20, rps in 0.0..500.0_f64, more in 0.0..500.0_f64, cpu in 0.0..100.0_f64,
    ) {
        let count = |rps: f64| given().tag("scale", "max=40 rps=10").runs(runs).requests(rps).cpu(cpu).count().unwrap_or(runs);
        prop_assert!(count(rps + more) >= count(rps));
    }
}

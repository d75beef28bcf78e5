//! Every message about an alarm of Lamplighter's own, as people read it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::{Operation, TargetContext};
use lamplighter::model::{
    Alarm, AlarmKind, AlarmMetric, AlarmState, AlarmTopics, Arn, CloudTrailEvent, ExistingAlarm,
    Measure, Series, Service, Statistic, Tagged,
};
use lamplighter::notify::Message;
use lamplighter::policy::StackDefaults;
use lamplighter::state::{Scaling, TargetState, TimelineEntry};
use lamplighter::{Event, Plan};
use rstest::rstest;

use crate::alarm_details::AlarmDetails;
use crate::alarm_messages::{AlarmFacts, ScalingLimit};
use crate::alarm_spec::MARK;
use crate::alarm_words::advise;
use crate::{Enroll, Observed, OwnAlarm, Subject, alarm_messages, decide};

const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z
const GIB: f64 = 1_073_741_824.0;

fn ago(minutes: i64) -> Timestamp {
    NOW - SignedDuration::from_mins(minutes)
}

fn series(values: &[f64]) -> Series {
    let first = i64::try_from(values.len()).unwrap();
    (0..)
        .zip(values)
        .map(|(n, value)| (ago(first - n), *value))
        .collect()
}

fn alarm(name: &str, metric: &str, threshold: f64) -> ExistingAlarm {
    ExistingAlarm {
        name: name.to_owned(),
        arn: String::new(),
        state: AlarmState::Alarm,
        state_since: Some(ago(2)),
        state_reason: "Threshold Crossed.".to_owned(),
        description: format!("{name}. {MARK}"),
        actions: AlarmTopics::default(),
        alarm: Some(Alarm {
            name: name.to_owned(),
            description: String::new(),
            measure: Measure::One(AlarmMetric {
                namespace: "AWS/RDS".to_owned(),
                name: metric.to_owned(),
                dimensions: BTreeMap::new(),
                statistic: Statistic::Average,
            }),
            comparison: "GreaterThanOrEqualToThreshold".to_owned(),
            threshold,
            minutes: 3,
            period: 1,
            missing_data: "missing".to_owned(),
            actions: AlarmTopics::default(),
        }),
    }
}

fn web(desired: i32) -> Observed {
    let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    Observed {
        at: NOW,
        subject: Subject::Service {
            service: Box::new(Service::new_rolling(arn, desired)),
            groups: Vec::new(),
            definition: None,
            newest: None,
            scalable: None,
        },
        alarms: Vec::new(),
        details: Vec::new(),
        dashboard: None,
    }
}

/// The name of an alarm, its metric, its limit, and what was measured.
#[rustfmt::skip]
const ALARMS: [(&str, &str, f64, &[f64]); 25] = [
    ("shop/web/cpu-peak", "CPUUtilization", 80.0, &[20.0, 22.0, 25.0, 60.0, 85.0, 97.0]),
    ("shop/web/memory-peak", "MemoryUtilization", 90.0, &[80.0, 85.0, 90.0, 95.0]),
    ("shop/web/requests", "RequestCountPerTarget", 600.0, &[300.0, 900.0, 1_450.0]),
    ("shop/web/errors-5xx", "HTTPCode_Target_5XX_Count", 2.0, &[0.0, 0.0, 2.6]),
    ("shop/web/errors-5xx", "HTTPCode_Target_5XX_Count", 2.0, &[0.0, 0.0, 93.0, 96.0]),
    ("shop/web/balancer-5xx", "HTTPCode_ELB_5XX_Count", 1.0, &[0.0, 4.2]),
    ("shop/web/latency-p99", "TargetResponseTime", 0.8, &[0.21, 0.24, 2.3]),
    ("shop/web/busiest-task", "CPUUtilization", 95.0, &[70.0, 99.0]),
    ("shop/web/no-healthy-target", "HealthyHostCount", 1.0, &[2.0, 0.0]),
    ("shop/web/unhealthy-targets", "UnHealthyHostCount", 1.0, &[0.0, 2.0, 2.0]),
    ("db:orders/cpu-peak", "CPUUtilization", 80.0, &[60.0, 97.0]),
    ("db:orders/free-storage", "FreeStorageSpace", 10.0 * GIB, &[12.0 * GIB, 9.5 * GIB]),
    ("db:orders/free-storage", "FreeStorageSpace", 10.0 * GIB, &[3.0 * GIB, 2.0 * GIB]),
    ("db:orders/connections", "DatabaseConnections", 80.0, &[40.0, 85.0]),
    ("db:orders/replica-lag", "ReplicaLag", 60.0, &[2.0, 75.0]),
    ("cluster:orders/replica-lag", "AuroraReplicaLagMaximum", 1_000.0, &[20.0, 2_500.0]),
    ("db:orders/recovery-point", "RecoveryPointAge", 93_600.0, &[]),
    ("db:orders/free-memory", "FreeableMemory", 0.8 * GIB, &[2.5 * GIB, 0.5 * GIB]),
    ("db:orders/cpu-credits", "CPUCreditBalance", 20.0, &[120.0, 12.0]),
    ("cluster:orders/acu-peak", "ACUUtilization", 90.0, &[40.0, 96.0]),
    ("db:orders/burst-balance", "BurstBalance", 20.0, &[100.0, 15.0]),
    ("db:orders/io-balance", "EBSIOBalance%", 20.0, &[99.0, 3.0]),
    ("db:orders/read-latency", "ReadLatency", 0.02, &[0.004, 0.055]),
    ("replicationgroup:sessions/replica-lag", "ReplicationLag", 2.0, &[0.0, 120.0]),
    ("replicationgroup:sessions/evictions", "Evictions", 1_000.0, &[0.0, 5_200.0]),
];

/// The message about each alarm: of a service after a release, or of a database that nothing changed.
fn firing_messages() -> Vec<Message> {
    let changes = [
        (20, "release of RC_1.4.2"),
        (12, "scaled from 4 to 8 tasks"),
    ];
    let timeline = changes.map(|(minutes, what)| TimelineEntry {
        at: ago(minutes),
        what: what.to_owned(),
    });
    let service = |name: &str| AlarmFacts {
        is_service: true,
        scaling: if name.ends_with("/requests") {
            ScalingLimit::Reached(8)
        } else {
            ScalingLimit::NotScaled
        },
        capacity: None,
        timeline: timeline.to_vec(),
        deployed: None,
        now: NOW,
    };
    let build = |(name, metric, limit, measured): (&str, &str, f64, &[f64])| {
        let alarm = alarm(&format!("lamplighter/{name}"), metric, limit);
        let values = series(measured);
        let details = AlarmDetails {
            values,
            ..AlarmDetails::default()
        };
        let facts = if name.starts_with("shop/") {
            service(name)
        } else {
            AlarmFacts {
                capacity: match metric {
                    "FreeStorageSpace" => Some(100.0 * GIB),
                    "DatabaseConnections" => Some(100.0),
                    _ => None,
                },
                now: NOW,
                ..AlarmFacts::default()
            }
        };
        alarm_messages::firing_message(&alarm, &details, &facts, ago(2))
    };
    ALARMS.into_iter().map(build).collect()
}

#[test]
fn every_alarm_as_people_read_it() {
    let mut messages = firing_messages();
    let cpu = alarm("lamplighter/shop/web/cpu-peak", "CPUUtilization", 80.0);
    let calls = [("UpdateService", 18), ("StopTask", 9)].map(|(call, minutes)| CloudTrailEvent {
        at: ago(minutes),
        call: call.to_owned(),
        by: "terraform".to_owned(),
    });
    messages.extend(alarm_messages::calls_message(&cpu, &calls));
    let details = AlarmDetails {
        values: series(&[97.0, 60.0, 41.0]),
        ..AlarmDetails::default()
    };
    messages.push(alarm_messages::resolved_message(&cpu, &details));
    messages.push(alarm_messages::stopped_message("cpu-peak"));
    messages.push(alarm_messages::removed_message("cpu-peak"));
    let texts: Vec<String> = messages.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}

/// Plans for shop/web with this alarm in ALARM.
fn plan(kind: &str, desired: i32, tags: &[(&str, &str)], state: &TargetState) -> Plan {
    let tags: BTreeMap<String, String> = [("managed", "true")]
        .iter()
        .chain(tags)
        .map(|(key, value)| (format!("lamplighter:{key}"), (*value).to_owned()))
        .collect();
    let policy = Enroll
        .parse_policy(&tags, &StackDefaults::default())
        .unwrap()
        .unwrap();
    let mut observed = web(desired);
    observed.alarms.push(OwnAlarm {
        existing: alarm(&format!("lamplighter/shop/web/{kind}"), "metric", 80.0),
        is_ours: true,
    });
    let target = Tagged {
        arn: Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
        tags,
    };
    let context = TargetContext {
        event: &Event::scheduled_sweep("sweep"),
        target: &target,
        policy: &policy,
        state,
    };
    decide(context, &observed, NOW)
}

#[rstest]
#[case::not_scaled("cpu-peak", 2, &[], true)]
#[case::scaled("cpu-peak", 2, &[("scale", "min=2 max=8")], false)]
#[case::at_its_maximum("cpu-peak", 8, &[("scale", "min=2 max=8")], true)]
#[case::not_scaled_by_memory("memory-peak", 2, &[("scale", "min=2 max=8")], true)]
#[case::scaled_by_memory("memory-peak", 2, &[("scale", "min=2 max=8 memory=70")], false)]
#[case::stopped("cpu-peak", 0, &[], false)]
fn an_alarm_that_scaling_acts_on_is_no_incident(
    #[case] kind: &str,
    #[case] desired: i32,
    #[case] tags: &[(&str, &str)],
    #[case] is_incident: bool,
) {
    let messages = plan(kind, desired, tags, &TargetState::default()).messages;
    assert_eq!(messages.len(), usize::from(is_incident), "{messages:?}");
}

/// A service that is only observed has no task too few to add.
#[test]
fn an_observed_service_is_not_said_to_run_its_maximum() {
    let tags = [("managed", "observe"), ("scale", "min=2 max=8")];
    let messages = plan("cpu-peak", 2, &tags, &TargetState::default()).messages;
    let action = &messages[0].action;
    assert!(action.contains("only observes"), "{action}");
}

/// What scaling did before the alarm is in its message.
#[test]
fn the_message_says_what_changed_before() {
    let mut state = TargetState::default();
    state.scaling.scalings = vec![Scaling {
        at: ago(10),
        from: 4,
        to: 8,
    }];
    let messages = plan("cpu-peak", 8, &[("scale", "min=2 max=8")], &state).messages;
    assert!(
        messages[0]
            .why
            .contains("02:50 UTC scaled from 4 to 8 tasks"),
        "{}",
        messages[0].why
    );
}

/// A person at night needs more than the name of the alarm.
#[test]
fn every_kind_has_its_own_advice() {
    let default = advise(AlarmKind::Other, true, false);
    for kind in AlarmKind::ALL {
        let advice = [true, false].map(|is_service| advise(kind, is_service, false));
        assert!(advice.iter().any(|advice| *advice != default), "{kind:?}");
    }
}

//! Decisions about alarms, findings and dashboards.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::{Operation, TargetContext};
use lamplighter::model::{
    AlarmState, Arn, Database, ExistingAlarm, InactiveSubscription, Measure, Service, Tagged,
    TargetGroup, TargetHealthCheck, TaskDefinition,
};
use lamplighter::plan::{Action, ApplyAlarms, MonitoringAction};
use lamplighter::policy::{StackDefaults, StrayMistake};
use lamplighter::state::TargetState;
use lamplighter::{Event, Plan};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Enroll, Member, Observed, OwnAlarm, StrayTag, Subject, decide};

pub const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0);

pub struct Given {
    pub arn: Arn,
    pub tags: BTreeMap<String, String>,
    pub observed: Observed,
    pub state: TargetState,
}

pub fn group(name: &str) -> TargetGroup {
    TargetGroup {
        arn: format!("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/0123456789abcdef"),
        load_balancers: vec![
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/fedcba9876543210".to_owned(),
        ],
        health_check: TargetHealthCheck::default(),
    }
}

fn definition(image: &str) -> TaskDefinition {
    let Value::Object(document) =
        json!({"containerDefinitions": [{"name": "web", "image": image}]})
    else {
        unreachable!("an object")
    };
    TaskDefinition {
        document,
        tags: BTreeMap::new(),
    }
}

/// shop/web, well set up, behind a load balancer, managed and without alarms.
pub fn service() -> Given {
    let arn = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
    let service = Service::new_rolling(arn.clone(), 2);
    let pinned = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web@sha256:ab";
    let subject = Subject::Service {
        service: Box::new(service),
        groups: vec![group("web")],
        definition: Some(definition(pinned)),
        newest: None,
        scalable: None,
    };
    given(arn, subject).tag("managed", "true")
}

pub fn database() -> Database {
    Database {
        arn: Arn::new("arn:aws:rds:eu-west-1:123456789012:db:orders"),
        identifier: "orders".into(),
        engine: "postgres".into(),
        status: "available".into(),
        class: "db.r6g.large".into(),
        allocated_gib: Some(100),
        backup_retention_days: 7,
        multi_az: true,
        encrypted: true,
        deletion_protection: true,
        ..Database::default()
    }
}

/// An Aurora cluster of two instances.
pub fn cluster() -> Database {
    Database {
        arn: Arn::new("arn:aws:rds:eu-west-1:123456789012:cluster:orders"),
        engine: "aurora-mysql".into(),
        class: String::new(),
        is_cluster: true,
        members: 2,
        allocated_gib: None,
        ..database()
    }
}

pub fn given(arn: Arn, subject: Subject) -> Given {
    Given {
        arn,
        tags: BTreeMap::new(),
        observed: Observed {
            at: NOW,
            subject,
            alarms: Vec::new(),
            details: Vec::new(),
            dashboard: None,
        },
        state: TargetState::default(),
    }
}

impl Given {
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags
            .insert(format!("lamplighter:{key}"), value.to_owned());
        self
    }

    pub fn decided(&self) -> Plan {
        let policy = Enroll
            .parse_policy(&self.tags, &StackDefaults::default())
            .unwrap()
            .unwrap();
        let target = Tagged {
            arn: self.arn.clone(),
            tags: self.tags.clone(),
        };
        let event = Event::scheduled_sweep("sweep");
        decide(
            TargetContext {
                event: &event,
                target: &target,
                policy: &policy,
                state: &self.state,
            },
            &self.observed,
            NOW,
        )
    }

    pub fn alarms(&self) -> ApplyAlarms {
        match self
            .decided()
            .steps
            .into_iter()
            .next()
            .map(|step| step.action)
        {
            Some(Action::Monitoring(MonitoringAction::ApplyAlarms(alarms))) => alarms,
            None => ApplyAlarms {
                target: self.arn.clone(),
                put: Vec::new(),
                tags: BTreeMap::new(),
                delete: Vec::new(),
            },
            other => panic!("{other:?}"),
        }
    }

    /// Carries out what was decided.
    pub fn enrolled(mut self) -> Self {
        let ApplyAlarms { put, delete, .. } = self.alarms();
        self.observed
            .alarms
            .retain(|own| !delete.contains(&own.existing.name));
        for alarm in put {
            self.observed
                .alarms
                .retain(|own| own.existing.name != alarm.name);
            let has = ExistingAlarm {
                name: alarm.name.clone(),
                arn: String::new(),
                state: AlarmState::Ok,
                state_since: Some(NOW),
                state_reason: "Threshold Crossed.".into(),
                description: alarm.description.clone(),
                actions: alarm.actions.clone(),
                alarm: Some(alarm),
            };
            self.observed.alarms.push(OwnAlarm {
                existing: has,
                is_ours: true,
            });
        }
        self
    }

    pub fn findings(&self) -> Vec<String> {
        self.decided()
            .findings
            .unwrap()
            .into_iter()
            .map(|finding| finding.message.title)
            .collect()
    }
}

pub fn lines(alarms: &ApplyAlarms) -> String {
    let line = |alarm: &lamplighter::model::Alarm| {
        let metric = &alarm.measure.metrics()[0];
        let (name, statistic) = (&metric.name, metric.statistic.as_str());
        format!(
            "{} {name} {statistic} {} {} {}×{} min",
            alarm.name, alarm.comparison, alarm.threshold, alarm.minutes, alarm.period
        )
    };
    alarms.put.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_scaled_service_gets_six_alarms_with_the_bounds_of_its_tag() {
    let alarms = service().tag("scale", "min=2 max=8 rps=25 cpu=70").alarms();
    insta::assert_snapshot!(lines(&alarms), @"
    lamplighter/shop/web/cpu-peak CPUUtilization Average GreaterThanOrEqualToThreshold 70 3×1 min
    lamplighter/shop/web/memory-peak MemoryUtilization Average GreaterThanOrEqualToThreshold 90 3×1 min
    lamplighter/shop/web/requests RequestCountPerTarget Sum GreaterThanThreshold 1500 1×1 min
    lamplighter/shop/web/unhealthy-targets UnHealthyHostCount Minimum GreaterThanOrEqualToThreshold 1 3×1 min
    lamplighter/shop/web/no-healthy-target HealthyHostCount Maximum LessThanThreshold 1 3×1 min
    lamplighter/shop/web/errors-5xx HTTPCode_Target_5XX_Count Sum GreaterThanOrEqualToThreshold 2 1×5 min
    ");
    assert_eq!(
        alarms.tags["lamplighter:target"],
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/web"
    );
    assert_eq!(alarms.tags["lamplighter:stack"], "lamplighter");
}

#[test]
fn without_the_scale_tag_requests_have_no_bound() {
    let names: Vec<String> = service()
        .alarms()
        .put
        .into_iter()
        .map(|alarm| alarm.name)
        .collect();
    assert_eq!(names.len(), 5);
    assert!(!names.iter().any(|name| name.ends_with("requests")));
}

#[test]
fn two_target_groups_make_one_alarm_over_both() {
    let mut both = service().tag("scale", "max=8 rps=10");
    let Subject::Service { groups, .. } = &mut both.observed.subject else {
        unreachable!("a service")
    };
    groups.push(group("green"));
    let requests = both
        .alarms()
        .put
        .into_iter()
        .find(|alarm| alarm.name.ends_with("requests"))
        .unwrap();
    assert!(matches!(&requests.measure, Measure::Sum(metrics) if metrics.len() == 2));
}

#[test]
fn enrolled_once_nothing_is_left_to_do_and_a_changed_tag_changes_its_alarms_alone() {
    let enrolled = service().tag("scale", "max=8 rps=10 cpu=70").enrolled();
    assert_eq!(enrolled.decided().reason, "6 alarms up to date");
    let changed = enrolled.tag("scale", "max=8 rps=10 cpu=60").alarms();
    assert_eq!(
        changed
            .put
            .iter()
            .map(|a| a.name.as_str())
            .collect::<Vec<_>>(),
        ["lamplighter/shop/web/cpu-peak"]
    );
    assert_eq!(changed.delete, Vec::<String>::new());
}

#[test]
fn what_is_not_managed_any_more_loses_its_alarms_and_other_peoples_stay() {
    let mut untagged = service().enrolled();
    untagged.tags.clear();
    untagged.observed.alarms[0].is_ours = false;
    let alarms = untagged.alarms();
    assert_eq!((alarms.put.len(), alarms.delete.len()), (0, 4));
    assert!(
        !alarms
            .delete
            .contains(&"lamplighter/shop/web/cpu-peak".to_owned())
    );
    untagged.observed.subject = Subject::Gone;
    assert_eq!(untagged.alarms().delete.len(), 4);
    assert_eq!(untagged.findings(), Vec::<String>::new());
}

#[test]
fn an_alarm_of_somebody_else_under_our_name_is_told_and_left() {
    let mut foreign = service().enrolled();
    foreign.observed.alarms[0].is_ours = false;
    foreign.observed.alarms[0].existing.alarm = None;
    assert!(foreign.decided().is_empty());
    assert_eq!(
        foreign.findings(),
        ["alarm cpu-peak is not owned by this stack"]
    );
}

#[test]
fn an_alarm_that_has_rung_for_an_hour_is_told() {
    // Scaling acts on it, so it is no incident.
    let mut ringing = service().tag("scale", "min=2 max=8 rps=10").enrolled();
    let has = &mut ringing.observed.alarms[0].existing;
    (has.state, has.state_since) = (AlarmState::Alarm, Some(NOW - SignedDuration::from_mins(59)));
    assert_eq!(ringing.findings(), Vec::<String>::new());
    ringing.observed.alarms[0].existing.state_since = Some(NOW - SignedDuration::from_hours(1));
    assert_eq!(
        ringing.findings(),
        ["alarm cpu-peak in ALARM since 2026-11-21 02:00 UTC"]
    );
}

/// One that is set up as badly as can be.
fn hurting() -> Given {
    let mut bad = service().enrolled();
    let Subject::Service {
        service,
        groups,
        definition: runs,
        ..
    } = &mut bad.observed.subject
    else {
        unreachable!("a service")
    };
    service.circuit_breaker.rollback = false;
    service.maximum_percent = Some(100);
    service.desired_count = 1;
    groups.clear();
    *runs = Some(definition(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:latest",
    ));
    bad
}

#[test]
fn a_service_that_will_hurt_is_found() {
    let bad = hurting();
    assert_eq!(
        bad.findings(),
        [
            "no circuit breaker with rollback",
            "rollouts can't start - at least 1 and at most 1 of 1 task may run",
            "only 1 task - no redundancy",
            "container web runs the mutable tag shop/web:latest",
            "no health check",
        ]
    );
}

#[rstest]
#[case::well_kept(database(), "")]
#[case::no_backups(Database { backup_retention_days: 0, ..database() }, "no automated backups")]
#[case::one_zone(Database { multi_az: false, ..database() }, "only 1 Availability Zone - no failover")]
#[case::a_replica_is_one(Database { multi_az: false, is_replica: true, ..database() }, "")]
#[case::public(Database { publicly_accessible: true, ..database() }, "publicly accessible")]
#[case::plain(Database { encrypted: false, ..database() }, "not encrypted")]
#[case::unprotected(Database { deletion_protection: false, ..database() }, "deletion protection is off")]
#[case::of_a_cluster(Database { cluster: Some("c".into()), encrypted: false, multi_az: false, ..database() }, "")]
fn a_database_that_will_hurt_is_found(#[case] database: Database, #[case] title: &str) {
    let found = given(database.arn.clone(), Subject::Database(database.into()))
        .tag("managed", "true")
        .findings();
    assert_eq!(found.join("; "), title);
}

#[test]
fn every_finding_as_people_read_it() {
    let mut stopped = service().tag("scale", "max=8 rps=10");
    let Subject::Service { service: none, .. } = &mut stopped.observed.subject else {
        unreachable!("a service")
    };
    none.desired_count = 0;
    let worst = Database {
        backup_retention_days: 0,
        multi_az: false,
        publicly_accessible: true,
        encrypted: false,
        deletion_protection: false,
        ..database()
    };
    let mut alarms = service().tag("scale", "max=8 rps=10 memory=70").enrolled();
    alarms.observed.alarms[0].is_ours = false;
    let ringing = &mut alarms.observed.alarms[1].existing;
    (ringing.state, ringing.state_since) =
        (AlarmState::Alarm, Some(NOW - SignedDuration::from_hours(2)));
    let [unconfirmed, unsubscribed] = ["a@example.com", "b@example.com"].map(str::to_owned);
    let unreached = vec![
        InactiveSubscription::Unconfirmed(unconfirmed),
        InactiveSubscription::Unsubscribed(unsubscribed),
    ];
    let topic = given(
        Arn::new("arn:aws:sns:eu-west-1:123456789012:lamplighter"),
        Subject::Topic {
            inactive: unreached,
            stray_tags: stray_tags(),
        },
    );
    let database = given(worst.arn.clone(), Subject::Database(worst.into()))
        .tag("managed", "true")
        .tag("backup", "every=1h rpo=1h")
        .tag("runbook", "see the wiki");
    let book = |given: &Given| {
        let found = given.decided().findings.unwrap().into_iter();
        found
            .map(|finding| finding.message.to_string())
            .collect::<Vec<_>>()
            .join("\n\n")
    };
    let topic = topic.tag("managed", "true");
    let all = [
        book(&hurting()),
        book(&stopped),
        book(&alarms),
        book(&database),
        book(&topic),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn a_database_gets_bounds_from_its_class_and_engine() {
    let alarms = |database: Database| {
        given(database.arn.clone(), Subject::Database(database.into()))
            .tag("managed", "true")
            .alarms()
    };
    insta::assert_snapshot!(lines(&alarms(database())), @"
    lamplighter/db:orders/free-storage FreeStorageSpace Minimum LessThanThreshold 10737418240 3×1 min
    lamplighter/db:orders/connections DatabaseConnections Maximum GreaterThanOrEqualToThreshold 1297 3×1 min
    lamplighter/db:orders/cpu-peak CPUUtilization Average GreaterThanOrEqualToThreshold 80 3×1 min
    lamplighter/db:orders/free-memory FreeableMemory Minimum LessThanThreshold 858993459 3×1 min
    ");
    insta::assert_snapshot!(lines(&alarms(cluster())), @"
    lamplighter/cluster:orders/cpu-peak CPUUtilization Average GreaterThanOrEqualToThreshold 80 3×1 min
    lamplighter/cluster:orders/replica-lag AuroraReplicaLagMaximum Maximum GreaterThanOrEqualToThreshold 1000 3×1 min
    ");
}

#[test]
fn a_database_that_is_backed_up_has_an_alarm_on_its_recovery_point() {
    let backed_up = given(database().arn, Subject::Database(database().into()))
        .tag("managed", "true")
        .tag("backup", "at=03:00");
    let all = lines(&backed_up.alarms());
    let own = all.lines().find(|line| line.contains("recovery-point"));
    let expected = "lamplighter/db:orders/recovery-point RecoveryPointAge Maximum GreaterThanThreshold 108000 2×60 min";
    assert_eq!(own, Some(expected), "{all}");
}

/// An application of one service and one database.
fn application() -> Given {
    let Subject::Service {
        service, groups, ..
    } = service().observed.subject
    else {
        unreachable!("a service")
    };
    let mut service = *service;
    service
        .tags
        .insert("lamplighter:scale".into(), "min=2 max=8 rps=10".into());
    let arn = Arn::new("arn:aws:cloudwatch::123456789012:dashboard/lamplighter-eu-west-1-shop");
    service
        .tags
        .insert("lamplighter:managed".into(), "true".into());
    let cache = Database {
        arn: Arn::new("arn:aws:elasticache:eu-west-1:123456789012:replicationgroup:sessions"),
        identifier: "sessions".into(),
        nodes: vec!["sessions-001".into(), "sessions-002".into()],
        ..Database::default()
    };
    let subject = Subject::Application {
        members: vec![
            Member::Service(Box::new(service), groups),
            Member::Database(Box::new(database())),
            Member::Cache(Box::new(cache)),
        ],
    };
    given(arn, subject)
        .tag("managed", "true")
        .tag("app", "shop")
}

fn body_of(given: &Given) -> Option<String> {
    match given
        .decided()
        .steps
        .into_iter()
        .next()
        .map(|step| step.action)
    {
        Some(Action::Monitoring(MonitoringAction::ApplyDashboard(dashboard))) => dashboard.body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dashboard_is_made_kept_and_taken_away_with_its_application() {
    let mut shop = application();
    let body = body_of(&shop).unwrap();
    shop.observed.dashboard =
        Some(serde_json::to_string_pretty(&serde_json::from_str::<Value>(&body).unwrap()).unwrap());
    assert_eq!(
        shop.decided().reason,
        "the dashboard lamplighter-eu-west-1-shop is up to date"
    );
    shop.tags.remove("lamplighter:managed");
    assert_eq!(body_of(&shop), None);
    shop.observed.dashboard = Some(r#"{"widgets": []}"#.into());
    assert_eq!(
        shop.decided().reason,
        "the dashboard lamplighter-eu-west-1-shop is not owned by this stack"
    );
}

#[test]
fn the_bounds_are_drawn_in() {
    let body: Value = serde_json::from_str(&body_of(&application()).unwrap()).unwrap();
    let drawn: Vec<String> = body["widgets"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|widget| {
            widget["properties"]["annotations"]["horizontal"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        })
        .map(|bound| format!("{} {}", bound["label"].as_str().unwrap(), bound["value"]))
        .collect();
    assert_eq!(
        drawn,
        [
            "errors-5xx 2.0",
            "no-healthy-target 1.0",
            "requests 600.0",
            "cpu-peak 80.0",
            "memory-peak 90.0",
            "min 2.0",
            "max 8.0",
            "cpu-peak 80.0",
            "connections 1297.0",
            "free-memory 858993459.0",
            "free-storage 10737418240.0",
            "cpu-peak 80.0",
            "memory-peak 90.0"
        ]
    );
}

/// Tags of both kinds that have no effect.
fn stray_tags() -> Vec<StrayTag> {
    let on = |resource: &str| Arn::new(format!("arn:aws:ecs:eu-west-1:123456789012:{resource}"));
    vec![
        StrayTag {
            key: "Lamplighter:deploy".to_owned(),
            resources: vec![on("service/shop/web")],
            mistake: StrayMistake::Key {
                meant: "lamplighter:deploy",
            },
        },
        StrayTag {
            key: "lamplighter:backup".to_owned(),
            resources: ["web", "api", "ads", "jobs"]
                .map(|name| on(&format!("service/shop/{name}")))
                .to_vec(),
            mistake: StrayMistake::Kind {
                works_on: "database, cache",
            },
        },
        StrayTag {
            key: "lamplighter:backup".to_owned(),
            resources: vec![Arn::new(
                "arn:aws:elasticfilesystem:eu-west-1:123456789012:file-system/fs-0a1b",
            )],
            mistake: StrayMistake::NoBackup {
                kind: "EFS file system",
                instead: "AWS Backup, or the replication of EFS",
            },
        },
    ]
}

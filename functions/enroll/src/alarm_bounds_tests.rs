//! Bounds of alarms: from tags, by class and engine, edited by hand.

use std::collections::BTreeSet;

use lamplighter::model::{Alarm, AlarmKind, AlarmState, Arn, Database, Measure, Statistic};
use lamplighter::notify::Message;
use proptest::prelude::*;
use rstest::rstest;

use crate::Subject;
use crate::tests::{Given, NOW, cluster, database, given, group, lines, service};

/// The alarms of a target with this tag.
fn with(mut target: Given, alarms: &str) -> Given {
    if !alarms.is_empty() {
        target = target.tag("alarms", alarms);
    }
    target
}

fn of_database(database: Database) -> Given {
    given(database.arn.clone(), Subject::Database(database.into())).tag("managed", "true")
}

fn cache(nodes: u32) -> Given {
    of_database(Database {
        arn: Arn::new("arn:aws:elasticache:eu-west-1:123456789012:replicationgroup:sessions"),
        identifier: "sessions".into(),
        engine: "valkey".into(),
        status: "available".into(),
        nodes: (1..=nodes).map(|n| format!("sessions-{n:03}")).collect(),
        ..Database::default()
    })
}

fn aurora() -> Given {
    of_database(cluster())
}

fn network_balanced() -> Given {
    let mut target = service();
    let Subject::Service { groups, .. } = &mut target.observed.subject else {
        unreachable!("a service")
    };
    groups[0].load_balancers = vec![
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/shop/fedcba9876543210"
            .to_owned(),
    ];
    target
}

fn kinds(target: &Given) -> Vec<&'static str> {
    let put = target.alarms().put;
    put.iter()
        .map(|alarm| AlarmKind::of_alarm(&alarm.name).name())
        .collect()
}

#[test]
fn a_tag_sets_bounds_and_switches_alarms_on_and_off() {
    let all = with(
        service(),
        "errors=0.5 errors-count=20 balancer-errors=1 latency=800ms busiest=95 unhealthy=2 cpu=70 off=memory-peak+no-healthy-target",
    );
    insta::assert_snapshot!(lines(&all.alarms()), @"
    lamplighter/shop/web/cpu-peak CPUUtilization Average GreaterThanOrEqualToThreshold 70 3×1 min
    lamplighter/shop/web/busiest-task CPUUtilization Maximum GreaterThanOrEqualToThreshold 95 3×1 min
    lamplighter/shop/web/unhealthy-targets UnHealthyHostCount Minimum GreaterThanOrEqualToThreshold 2 3×1 min
    lamplighter/shop/web/errors-5xx HTTPCode_Target_5XX_Count Sum GreaterThanOrEqualToThreshold 0.5 1×5 min
    lamplighter/shop/web/balancer-5xx HTTPCode_ELB_5XX_Count Sum GreaterThanOrEqualToThreshold 1 1×5 min
    lamplighter/shop/web/latency-p99 TargetResponseTime p99 GreaterThanOrEqualToThreshold 0.8 3×1 min
    ");
    let service = |target: Given| target.alarms().put;
    let descriptions: Vec<String> = service(all)
        .into_iter()
        .map(|alarm| alarm.description)
        .collect();
    insta::assert_snapshot!(descriptions.join("\n"), @"
    shop/web: CPU at or above 70 % for 3 minutes. Kept by Lamplighter from the tags.
    shop/web: CPU of the busiest task at or above 95 % for 3 minutes. Kept by Lamplighter from the tags.
    shop/web: at least 2 unhealthy targets for 3 minutes. Kept by Lamplighter from the tags.
    shop/web: at least 0.5 % of requests answered with HTTP 5xx, and at least 20 of them, in 5 minutes. Kept by Lamplighter from the tags.
    shop/web: at least 1 % of requests answered with HTTP 5xx by the load balancer, and at least 20 of them, in 5 minutes. Kept by Lamplighter from the tags.
    shop/web: 99th percentile of the response time at or above 800 ms for 3 minutes. Kept by Lamplighter from the tags.
    ");
}

#[rstest]
#[case::small(Database { class: "db.t4g.micro".into(), ..database() }, "free-storage connections cpu-peak free-memory")]
#[case::replica(Database { is_replica: true, class: "db.t4g.micro".into(), ..database() }, "free-storage connections cpu-peak replica-lag free-memory")]
#[case::serverless(Database { class: "db.serverless".into(), is_serverless: true, allocated_gib: None, ..database() }, "cpu-peak acu-peak")]
fn a_database_has_five_alarms_by_class_and_engine(
    #[case] database: Database,
    #[case] expected: &str,
) {
    assert_eq!(kinds(&of_database(database)).join(" "), expected);
}

#[test]
fn a_bound_adds_to_the_five_and_off_makes_room() {
    let replica = || {
        of_database(Database {
            is_replica: true,
            class: "db.t4g.micro".into(),
            storage_type: Some("gp2".into()),
            ..database()
        })
    };
    let chosen = with(
        replica(),
        "free-memory=100 credits=20 burst=20 io=20 read-latency=20ms write-latency=50ms connections=60 lag=5s",
    );
    insta::assert_snapshot!(lines(&chosen.alarms()), @"
    lamplighter/db:orders/free-storage FreeStorageSpace Minimum LessThanThreshold 10737418240 3×1 min
    lamplighter/db:orders/connections DatabaseConnections Maximum GreaterThanOrEqualToThreshold 60 3×1 min
    lamplighter/db:orders/cpu-peak CPUUtilization Average GreaterThanOrEqualToThreshold 80 3×1 min
    lamplighter/db:orders/replica-lag ReplicaLag Maximum GreaterThanOrEqualToThreshold 5 3×1 min
    lamplighter/db:orders/cpu-credits CPUCreditBalance Minimum LessThanThreshold 20 3×5 min
    lamplighter/db:orders/free-memory FreeableMemory Minimum LessThanThreshold 104857600 3×1 min
    lamplighter/db:orders/burst-balance BurstBalance Minimum LessThanThreshold 20 3×1 min
    lamplighter/db:orders/io-balance EBSIOBalance% Minimum LessThanThreshold 20 3×1 min
    lamplighter/db:orders/read-latency ReadLatency Average GreaterThanOrEqualToThreshold 0.02 3×1 min
    lamplighter/db:orders/write-latency WriteLatency Average GreaterThanOrEqualToThreshold 0.05 3×1 min
    ");
    let full = with(replica(), "").tag("backup", "keep=7d");
    let five = "recovery-point free-storage connections cpu-peak replica-lag";
    assert_eq!(kinds(&full).join(" "), five);
    let roomy = with(full, "off=replica-lag");
    let five = "recovery-point free-storage connections cpu-peak free-memory";
    assert_eq!(kinds(&roomy).join(" "), five);
}

#[test]
fn a_cache_is_watched_by_its_worst_node() {
    let three = with(cache(3), "evictions=1000 lag=2s memory=80");
    insta::assert_snapshot!(lines(&three.alarms()), @"
    lamplighter/replicationgroup:sessions/cpu-peak EngineCPUUtilization Average GreaterThanOrEqualToThreshold 80 3×1 min
    lamplighter/replicationgroup:sessions/memory-peak DatabaseMemoryUsagePercentage Average GreaterThanOrEqualToThreshold 80 3×1 min
    lamplighter/replicationgroup:sessions/evictions Evictions Sum GreaterThanOrEqualToThreshold 1000 3×1 min
    lamplighter/replicationgroup:sessions/replica-lag ReplicationLag Maximum GreaterThanOrEqualToThreshold 2 3×1 min
    ");
    let put = three.alarms().put;
    assert!(matches!(&put[0].measure, Measure::Greatest(nodes) if nodes.len() == 3));
    let many = cache(24).alarms().put;
    assert!(many[0].description.contains("the first 10 of 24 nodes"));
    assert!(matches!(&many[0].measure, Measure::Greatest(nodes) if nodes.len() == 10));
}

#[test]
fn a_network_load_balancer_counts_healthy_targets() {
    let put = network_balanced().alarms().put;
    let targets: Vec<&Alarm> = put
        .iter()
        .filter(|alarm| alarm.name.ends_with("target") || alarm.name.ends_with("targets"))
        .collect();
    assert_eq!(targets.len(), 2, "{put:?}");
    for alarm in targets {
        let metric = alarm.measure.metrics()[0];
        assert_eq!(metric.namespace, "AWS/NetworkELB");
        assert_eq!(
            metric.dimensions["LoadBalancer"],
            "net/shop/fedcba9876543210"
        );
    }
}

/// During blue/green, one of two groups has no target and reports nothing.
#[test]
fn an_empty_group_beside_a_full_one_is_no_outage() {
    let mut both = service();
    let Subject::Service { groups, .. } = &mut both.observed.subject else {
        unreachable!("a service")
    };
    groups.push(group("green"));
    let put = both.alarms().put;
    let alarm = put
        .iter()
        .find(|alarm| alarm.name.ends_with("no-healthy-target"))
        .unwrap();
    assert!(matches!(alarm.measure, Measure::Sum(_)));
    assert_eq!(alarm.measure.evaluate(&[Some(2.0), None]), Some(2.0));
}

#[test]
fn a_stopped_service_misses_no_target() {
    let mut stopped = service().enrolled();
    assert_eq!(missing_data(&stopped), None, "nothing to put");
    let Subject::Service { service, .. } = &mut stopped.observed.subject else {
        unreachable!("a service")
    };
    service.desired_count = 0;
    assert_eq!(missing_data(&stopped).as_deref(), Some("notBreaching"));
    let Subject::Service { service, .. } = &mut stopped.observed.subject else {
        unreachable!("a service")
    };
    service.desired_count = 2;
    let started = stopped.enrolled();
    assert_eq!(edits(&started), Vec::<String>::new());
}

/// The treatment of missing data of the alarm on healthy targets, if it is put.
fn missing_data(target: &Given) -> Option<String> {
    let put = target.alarms().put;
    put.into_iter()
        .find(|alarm| alarm.name.ends_with("no-healthy-target"))
        .map(|alarm| alarm.missing_data)
}

#[rstest]
#[case::of_a_database(service(), "acu=90 storage=5", "acu=, storage=")]
#[case::without_application_balancer(network_balanced(), "latency=1s", "latency=")]
#[case::of_a_service(of_database(database()), "errors=2", "errors=")]
#[case::of_another_class(of_database(database()), "credits=10", "credits=")]
#[case::of_another_storage(of_database(database()), "burst=10", "burst=")]
#[case::of_a_cluster(aurora(), "io=10", "io=")]
#[case::a_count_alone(of_database(database()), "errors-count=10", "errors-count=")]
fn a_bound_without_an_alarm_is_found(
    #[case] target: Given,
    #[case] alarms: &str,
    #[case] keys: &str,
) {
    let found: Vec<String> = with(target, alarms)
        .findings()
        .into_iter()
        .filter(|title| title.contains("without effect"))
        .collect();
    let keys = if keys.contains(',') {
        "storage=, acu="
    } else {
        keys
    };
    assert_eq!(
        found,
        [format!("lamplighter:alarms: {keys} without effect")]
    );
}

fn edits(target: &Given) -> Vec<String> {
    let messages: Vec<Message> = target.decided().messages;
    messages
        .iter()
        .filter(|message| message.title.contains("was edited"))
        .map(ToString::to_string)
        .collect()
}

/// A target whose alarm somebody edited.
fn edited(target: Given, kind: &str, edit: fn(&mut Alarm)) -> Given {
    let mut target = target.enrolled();
    let own = target
        .observed
        .alarms
        .iter_mut()
        .find(|own| own.existing.name.ends_with(kind))
        .unwrap();
    let alarm = own.existing.alarm.as_mut().unwrap();
    edit(alarm);
    own.existing.description.clone_from(&alarm.description);
    target
}

/// A target for each way in which people edit an alarm.
fn list_edited() -> Vec<Given> {
    let scaled = || service().tag("scale", "min=2 max=8 rps=10");
    vec![
        edited(
            with(service(), "latency=1s errors=1"),
            "errors-5xx",
            |alarm| alarm.threshold = 5.0,
        ),
        edited(service(), "errors-5xx", |alarm| alarm.threshold = 0.02),
        edited(with(service(), "latency=1s"), "errors-5xx", |alarm| {
            if let Measure::Share(share) = &mut alarm.measure {
                share.least = 50;
            }
        }),
        edited(with(service(), "off=memory-peak"), "cpu-peak", |alarm| {
            alarm.minutes = 10;
        }),
        edited(scaled(), "cpu-peak", |alarm| alarm.threshold = 95.0),
        edited(scaled(), "requests", |alarm| alarm.threshold = 1_800.0),
        // From the command line, without a description.
        edited(of_database(database()), "free-storage", |alarm| {
            alarm.threshold = 5.0 * 1_073_741_824.0;
            alarm.description.clear();
        }),
        edited(aurora(), "replica-lag", |alarm| alarm.threshold = 5_000.0),
    ]
}

#[test]
fn every_edit_as_people_read_it() {
    let all = list_edited();
    let texts: Vec<String> = all.iter().flat_map(edits).collect();
    assert_eq!(texts.len(), all.len());
    insta::assert_snapshot!(texts.join("\n\n"), @"
    [info] alarm errors-5xx was edited - set back to 1 %
      Why: It had: limit 5 % instead of 1 %. Lamplighter keeps its alarms as the tags say.
      Next: To keep this limit, set the tag lamplighter:alarms = latency=1s errors=5

    [info] alarm errors-5xx was edited - set back to 2 %
      Why: It had: limit 0.02 % instead of 2 %. Lamplighter keeps its alarms as the tags say.
      Next: No tag keeps this setting. Make an alarm of your own under another name, and switch this one off: lamplighter:alarms = off=errors-5xx

    [info] alarm errors-5xx was edited - set back to 2 %
      Why: It had: least count of errors 50 instead of 5. Lamplighter keeps its alarms as the tags say.
      Next: To keep this limit, set the tag lamplighter:alarms = latency=1s errors-count=50

    [info] alarm cpu-peak was edited - set back to 80 %
      Why: It had: number of periods 10 instead of 3. Lamplighter keeps its alarms as the tags say.
      Next: No tag keeps this setting. Make an alarm of your own under another name, and switch this one off: lamplighter:alarms = off=memory-peak+cpu-peak

    [info] alarm cpu-peak was edited - set back to 80 %
      Why: It had: limit 95 % instead of 80 %. Lamplighter keeps its alarms as the tags say.
      Next: To keep this limit, set cpu=95 in lamplighter:scale.

    [info] alarm requests was edited - set back to 10
      Why: It had: limit 30 instead of 10. Lamplighter keeps its alarms as the tags say.
      Next: To keep another limit, set rps= in lamplighter:scale.

    [info] alarm free-storage was edited - set back to 10 GiB
      Why: It had: limit 5 GiB instead of 10 GiB. Lamplighter keeps its alarms as the tags say.
      Next: To keep this limit, set the tag lamplighter:alarms = storage=5

    [info] alarm replica-lag was edited - set back to 1000 ms
      Why: It had: limit 5000 ms instead of 1000 ms. Lamplighter keeps its alarms as the tags say.
      Next: To keep this limit, set the tag lamplighter:alarms = lag=5s
    ");
}

#[test]
fn what_the_tags_or_the_target_change_is_no_edit() {
    let retagged = service().enrolled().tag("alarms", "errors=7 cpu=60");
    assert_eq!(retagged.alarms().put.len(), 2);
    assert_eq!(edits(&retagged), Vec::<String>::new());
    let mut moved = service().enrolled();
    let Subject::Service { groups, .. } = &mut moved.observed.subject else {
        unreachable!("a service")
    };
    *groups = vec![group("green")];
    assert!(!moved.alarms().put.is_empty());
    assert_eq!(edits(&moved), Vec::<String>::new());
}

#[test]
fn an_edit_is_told_only_where_it_is_set_back() {
    let observed = edited(service().tag("managed", "observe"), "errors-5xx", |alarm| {
        alarm.threshold = 5.0;
    });
    assert_eq!(edits(&observed), Vec::<String>::new());
    let mut foreign = edited(service(), "errors-5xx", |alarm| alarm.threshold = 5.0);
    for own in &mut foreign.observed.alarms {
        own.is_ours = false;
    }
    assert_eq!(edits(&foreign), Vec::<String>::new());
}

/// The advice to keep an edited bound, followed: nothing is left to do.
#[rstest]
#[case::errors("errors-5xx", 5.0)]
#[case::cpu("cpu-peak", 93.0)]
#[case::unhealthy("unhealthy-targets", 3.0)]
fn the_advice_keeps_the_bound(#[case] kind: &'static str, #[case] bound: f64) {
    let mut target = with(service(), "latency=1s").enrolled();
    for own in &mut target.observed.alarms {
        if own.existing.name.ends_with(kind) {
            own.existing.alarm.as_mut().unwrap().threshold = bound;
        }
    }
    let told = edits(&target).join("");
    let (_, value) = told.split_once("lamplighter:alarms = ").unwrap();
    let followed = target.tag("alarms", value.trim());
    let action = followed.alarms();
    assert!(
        action
            .put
            .iter()
            .all(|alarm| (alarm.threshold - bound).abs() < f64::EPSILON),
        "{told}"
    );
}

proptest! {
    #[test]
    fn a_recovery_point_names_its_age(one in 60..400_u32, other in 60..400_u32) {
        let alarm = |minutes: u32| {
            let target = of_database(database()).tag("backup", &format!("rpo={minutes}m"));
            target.alarms().put.into_iter().next().unwrap()
        };
        let (one, other) = (alarm(one), alarm(other));
        prop_assert_eq!(one.description == other.description, one == other);
    }

    /// An edit is seen by the description, so that equal descriptions must mean equal settings.
    #[test]
    fn a_description_names_every_setting(
        one in bounds(), other in bounds(), one_stopped in any::<bool>(), other_stopped in any::<bool>()
    ) {
        let alarms = |bounds: &str, is_stopped: bool| {
            let mut target = with(service(), bounds);
            if let Subject::Service { service, .. } = &mut target.observed.subject {
                service.desired_count = i32::from(!is_stopped);
            }
            target.alarms().put
        };
        let others = alarms(&other, other_stopped);
        for alarm in alarms(&one, one_stopped) {
            for same in others.iter().filter(|other| other.description == alarm.description) {
                prop_assert_eq!(&alarm, same);
            }
        }
    }
}

fn bounds() -> impl Strategy<Value = String> {
    (1..4_u32, 1..4_u32, 1..4_u32, 1..4_u32).prop_map(|(errors, count, latency, cpu)| {
        format!("errors={errors} errors-count={count} latency={latency}s cpu={cpu} memory={cpu} balancer-errors={errors} unhealthy={count}")
    })
}

/// CloudWatch refuses a metric math alarm on more than ten metrics.
#[test]
fn no_alarm_has_more_metrics_than_cloudwatch_accepts() {
    let mut target = with(service(), "latency=1s balancer-errors=1").tag("scale", "max=4 rps=10");
    let Subject::Service { groups, .. } = &mut target.observed.subject else {
        unreachable!("a service")
    };
    *groups = (0..30).map(|n| group(&format!("g{n}"))).collect();
    let put = target.alarms().put;
    assert!(put.iter().all(|alarm| alarm.measure.metrics().len() <= 10));
    let statistics: BTreeSet<&str> = put
        .iter()
        .flat_map(|alarm| alarm.measure.metrics())
        .map(|metric| metric.statistic.as_str())
        .collect();
    assert!(statistics.contains(Statistic::P99.as_str()));
}

/// A mistake in a tag must not hide a full disk: the alarms stay, and people hear of them.
#[test]
fn a_mistake_in_a_tag_leaves_the_alarms_and_their_incidents() {
    let mut target = with(of_database(database()), "storage=20 read-latency=20ms").enrolled();
    for own in &mut target.observed.alarms {
        own.existing.state = AlarmState::Alarm;
    }
    let count = target.observed.alarms.len();
    let mistaken = target.tag("alarms", "storag=20");
    let plan = mistaken.decided();
    assert!(plan.is_empty(), "{plan:?}");
    let firing = |message: &&Message| message.fires.is_some();
    assert_eq!(plan.messages.iter().filter(firing).count(), count);
}

/// A service that Lamplighter stopped is no finding while its tags start it again, and one if they can't.
#[rstest]
#[case::started_again(&[("scale", "min=0 max=4 queue=jobs")], false)]
#[case::no_tag(&[], true)]
#[case::mistake(&[("scale", "min=0 max=4 quue=jobs")], true)]
#[case::only_observed(&[("scale", "min=0 max=4 queue=jobs"), ("managed", "observe")], true)]
fn a_service_that_is_left_stopped_is_found(#[case] tags: &[(&str, &str)], #[case] is_found: bool) {
    let mut stopped = service();
    for (key, value) in tags {
        stopped = stopped.tag(key, value);
    }
    let Subject::Service { service, .. } = &mut stopped.observed.subject else {
        unreachable!("a service")
    };
    service.desired_count = 0;
    stopped.state.scaling.stopped_since = Some(NOW);
    let found = stopped.findings();
    let is_told = |title: &String| title == "0 tasks desired - not started again";
    assert_eq!(found.iter().any(is_told), is_found, "{found:?}");
}

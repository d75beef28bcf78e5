//! Metrics, alarms, load balancers, Auto Scaling and databases, call by call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_applicationautoscaling::operation::describe_scalable_targets::DescribeScalableTargetsOutput;
use aws_sdk_applicationautoscaling::operation::register_scalable_target::RegisterScalableTargetOutput;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace, SuspendedState};
use aws_sdk_cloudwatch::operation::delete_alarms::DeleteAlarmsOutput;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::operation::put_metric_alarm::{PutMetricAlarmInput, PutMetricAlarmOutput};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{MetricAlarm, MetricDataResult, StateValue};
use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput;
use aws_sdk_elasticloadbalancingv2::types::{Matcher, TargetGroup as Described};
use aws_sdk_rds::operation::describe_db_clusters::DescribeDbClustersOutput;
use aws_sdk_rds::operation::describe_db_instances::DescribeDbInstancesOutput;
use aws_sdk_rds::types::{DbCluster, DbInstance};
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use lamplighter::model::{
    Alarm, AlarmMetric, AlarmState, AlarmTopics, Arn, ExistingAlarm, LoadQuery, Measure,
    ScalableTarget, Share, Statistic, TargetGroup, TargetHealthCheck,
};
use lamplighter::plan::{Action, ApplyAlarms, MonitoringAction, ScalingAction, SetMinCapacity};
use lamplighter::ports::capability::{AlarmActions, ScaleActions};
use lamplighter::ports::{Alarms, Databases, Executor, LoadBalancing, Metrics, Scaling};
use lamplighter_aws::Aws;
use rstest::rstest;

fn cloudwatch(client: aws_sdk_cloudwatch::Client) -> Aws<AlarmActions> {
    Aws::without_config().with_client(client)
}

fn service(n: usize) -> Arn {
    Arn::new(format!(
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/web{n}"
    ))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn group(name: &str) -> TargetGroup {
    let balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/fedcba9876543210";
    TargetGroup {
        arn: group_arn(name),
        load_balancers: vec![balancer.to_owned()],
        health_check: TargetHealthCheck {
            path: "/health".to_owned(),
            matcher: "200-299".to_owned(),
            interval: 15,
        },
    }
}

fn group_arn(name: &str) -> String {
    format!(
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/0123456789abcdef"
    )
}

fn result(id: &str, values: &[(&str, f64)]) -> MetricDataResult {
    let times = values
        .iter()
        .map(|(time, _)| DateTime::from_secs(at(time).as_second()))
        .collect();
    let values = values.iter().map(|(_, value)| *value).collect();
    MetricDataResult::builder()
        .id(id)
        .set_timestamps(Some(times))
        .set_values(Some(values))
        .build()
}

#[tokio::test]
async fn requests_are_summed_over_groups_and_pages_without_the_current_minute() {
    let first = mock!(aws_sdk_cloudwatch::Client::get_metric_data)
        .match_requests(|r| {
            let named = |n: usize| {
                r.metric_data_queries()[n]
                    .metric_stat()
                    .unwrap()
                    .metric()
                    .unwrap()
            };
            r.next_token().is_none()
                && r.metric_data_queries().len() == 7
                && named(0).metric_name() == Some("CPUUtilization")
                && named(4).metric_name() == Some("RequestCountPerTarget")
                && named(6).metric_name() == Some("RequestCountPerTarget")
                && named(3).dimensions()[0].value() == Some("targetgroup/blue/0123456789abcdef")
        })
        .then_output(|| {
            GetMetricDataOutput::builder()
                .metric_data_results(result(
                    "q0",
                    &[
                        ("2026-11-21T02:59:00Z", 55.0),
                        ("2026-11-21T03:00:00Z", 99.0),
                    ],
                ))
                .metric_data_results(result("q3", &[("2026-11-21T02:59:00Z", 600.0)]))
                .metric_data_results(result("q4", &[("2026-11-21T02:59:00Z", 300.0)]))
                .metric_data_results(result("q6", &[("2026-11-21T02:59:00Z", 30.0)]))
                .next_token("more")
                .build()
        });
    let second = mock!(aws_sdk_cloudwatch::Client::get_metric_data)
        .match_requests(|r| r.next_token() == Some("more"))
        .then_output(|| {
            GetMetricDataOutput::builder()
                .metric_data_results(result(
                    "q5",
                    &[
                        ("2026-11-21T02:59:00Z", 60.0),
                        ("2026-11-21T02:58:00Z", 30.0),
                    ],
                ))
                .build()
        });
    let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, [&first, &second]);
    let query = LoadQuery {
        service: service(1),
        target_groups: vec![group("blue"), group("green")],
        busiest: false,
        queue: None,
    };
    let (from, to) = (at("2026-11-21T02:45:00Z"), at("2026-11-21T03:00:20Z"));
    let load = cloudwatch(client)
        .read_loads(&[query], from, to)
        .await
        .unwrap()
        .remove(0);
    let minute = |text: &str| at(text);
    assert_eq!(load.cpu, [(minute("2026-11-21T02:59:00Z"), 55.0)].into());
    let requests = [
        (minute("2026-11-21T02:58:00Z"), 30.0),
        (minute("2026-11-21T02:59:00Z"), 660.0),
    ];
    assert_eq!(load.requests, Some(requests.into()));
    let per_target = [(minute("2026-11-21T02:59:00Z"), 330.0)];
    assert_eq!(load.requests_per_target, per_target.into());
}

#[tokio::test]
async fn requests_without_a_response_count_as_errors() {
    let read = mock!(aws_sdk_cloudwatch::Client::get_metric_data)
        .match_requests(|r| {
            let stats: Vec<&str> = r
                .metric_data_queries()
                .iter()
                .filter_map(|q| q.metric_stat()?.stat())
                .collect();
            let of_group = ["Sum", "Sum", "Sum", "p90", "Sum", "Sum", "Sum", "Sum"];
            stats == [of_group, of_group].concat()
        })
        .then_output(|| {
            GetMetricDataOutput::builder()
                .metric_data_results(result("q0", &[("2026-11-21T02:59:00Z", 100.0)]))
                .metric_data_results(result("q1", &[("2026-11-21T02:59:00Z", 2.0)]))
                .metric_data_results(result(
                    "q2",
                    &[("2026-11-21T02:59:00Z", 3.0), ("2026-11-21T03:00:00Z", 9.0)],
                ))
                .metric_data_results(result("q4", &[("2026-11-21T02:59:00Z", 90.0)]))
                .metric_data_results(result("q7", &[("2026-11-21T02:59:00Z", 2.0)]))
                .metric_data_results(result("q11", &[("2026-11-21T02:59:00Z", 0.25)]))
                .build()
        });
    let client = mock_client!(aws_sdk_cloudwatch, [&read]);
    let (from, to) = (at("2026-11-21T02:45:00Z"), at("2026-11-21T03:00:20Z"));
    let traffic = cloudwatch(client)
        .read_traffic(&[group("blue"), group("green")], from, to)
        .await
        .unwrap();
    let minute = at("2026-11-21T02:59:00Z");
    assert_eq!(
        (&traffic[0].requests, &traffic[0].errors),
        (&[(minute, 100.0)].into(), &[(minute, 5.0)].into())
    );
    assert_eq!(traffic[0].answers, [(minute, 92.0)].into());
    assert_eq!(
        (&traffic[1].p90, traffic[1].requests.len()),
        (&[(minute, 0.25)].into(), 0)
    );
}

#[tokio::test]
async fn a_call_reads_500_metrics_at_most() {
    let rule = mock!(aws_sdk_cloudwatch::Client::get_metric_data)
        .match_requests(|r| r.metric_data_queries().len() <= 500)
        .then_output(|| GetMetricDataOutput::builder().build());
    let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, [&rule]);
    let queries: Vec<LoadQuery> = (0..200)
        .map(|n| LoadQuery {
            service: service(n),
            target_groups: vec![group("web")],
            busiest: false,
            queue: None,
        })
        .collect();
    let loads = cloudwatch(client)
        .read_loads(
            &queries,
            at("2026-11-21T02:45:00Z"),
            at("2026-11-21T03:00:00Z"),
        )
        .await;
    let loads = loads.unwrap();
    assert_eq!(rule.num_calls(), 2);
    // What has no answer is unknown, not zero.
    assert!(
        loads.len() == 200
            && loads
                .iter()
                .all(|load| load.requests.as_ref().is_some_and(BTreeMap::is_empty))
    );
}

fn metric(name: &str, group: &str) -> AlarmMetric {
    AlarmMetric {
        namespace: "AWS/ApplicationELB".into(),
        name: name.into(),
        dimensions: [("TargetGroup".to_owned(), group.to_owned())].into(),
        statistic: Statistic::Sum,
    }
}

fn alarm(measure: Measure) -> Alarm {
    Alarm {
        name: "lamplighter/shop/web/requests".into(),
        description: "shop/web: more than 10 requests a second per task.".into(),
        measure,
        comparison: "GreaterThanThreshold".into(),
        threshold: 600.0,
        minutes: 3,
        period: 5,
        missing_data: "notBreaching".into(),
        actions: AlarmTopics {
            alarm: vec!["arn:aws:sns:eu-west-1:123456789012:on-call".into()],
            ..AlarmTopics::default()
        },
    }
}

/// CloudWatch's description of an alarm that was put.
fn described(put: &PutMetricAlarmInput, reversed: bool) -> MetricAlarm {
    let mut metrics = put.metrics().to_vec();
    if reversed {
        metrics.reverse();
    }
    MetricAlarm::builder()
        .set_alarm_name(put.alarm_name().map(str::to_owned))
        .alarm_arn("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:lamplighter/shop/web/requests")
        .set_alarm_description(put.alarm_description().map(str::to_owned))
        .set_actions_enabled(put.actions_enabled())
        .set_namespace(put.namespace().map(str::to_owned))
        .set_metric_name(put.metric_name().map(str::to_owned))
        .set_dimensions(Some(put.dimensions().to_vec()))
        .set_statistic(put.statistic().cloned())
        .set_extended_statistic(put.extended_statistic().map(str::to_owned))
        .set_evaluate_low_sample_count_percentile(
            put.evaluate_low_sample_count_percentile()
                .map(str::to_owned),
        )
        .set_period(put.period())
        .set_metrics((!metrics.is_empty()).then_some(metrics))
        .set_evaluation_periods(put.evaluation_periods())
        .set_datapoints_to_alarm(put.datapoints_to_alarm())
        .set_threshold(put.threshold())
        .set_comparison_operator(put.comparison_operator().cloned())
        .set_alarm_actions(put.alarm_actions.clone())
        .set_ok_actions(put.ok_actions.clone())
        .set_treat_missing_data(put.treat_missing_data().map(str::to_owned))
        .state_value(StateValue::Ok)
        .state_transitioned_timestamp(DateTime::from_secs(at("2026-11-21T03:00:00Z").as_second()))
        .build()
}

/// The errors of some target groups among their requests.
fn share(groups: usize, is_beside: bool) -> Measure {
    let names = ["targetgroup/blue/1", "targetgroup/green/1"];
    let of = |name: &str| {
        names
            .iter()
            .take(groups)
            .map(|group| metric(name, group))
            .collect()
    };
    Measure::Share(Share {
        part: of("HTTPCode_Target_5XX_Count"),
        others: of("RequestCount"),
        is_beside,
        least: 5,
    })
}

#[rstest]
#[case::one_metric(Measure::One(metric("RequestCountPerTarget", "targetgroup/web/1")))]
#[case::the_sum_of_two(Measure::Sum(vec![
    metric("RequestCountPerTarget", "targetgroup/blue/1"),
    metric("RequestCountPerTarget", "targetgroup/green/1"),
]))]
#[case::a_percentile(Measure::One(AlarmMetric { statistic: Statistic::P99, ..metric("TargetResponseTime", "targetgroup/web/1") }))]
#[case::the_greatest(Measure::Greatest(vec![metric("TargetResponseTime", "targetgroup/blue/1"), metric("TargetResponseTime", "targetgroup/green/1")]))]
#[case::a_share(share(1, false))]
#[case::a_share_of_two(share(2, false))]
#[case::a_share_beside(share(2, true))]
#[tokio::test]
async fn an_alarm_is_read_as_it_was_put(
    #[case] measure: Measure,
    #[values(false, true)] reversed: bool,
) {
    let wanted = alarm(measure);
    let seen: Arc<Mutex<Option<PutMetricAlarmInput>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let put = mock!(aws_sdk_cloudwatch::Client::put_metric_alarm)
        .match_requests(move |r| {
            *keep.lock().unwrap() = Some(r.clone());
            // A metric alarm has either a metric or queries.
            r.metric_name().is_some() == r.metrics().is_empty() && r.tags().len() == 1
        })
        .then_output(|| PutMetricAlarmOutput::builder().build());
    let describe = mock!(aws_sdk_cloudwatch::Client::describe_alarms).then_output(move || {
        let put = seen.lock().unwrap().clone().unwrap();
        DescribeAlarmsOutput::builder()
            .metric_alarms(described(&put, reversed))
            .build()
    });
    let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, [&put, &describe]);
    let aws = cloudwatch(client);
    let tags = [(
        "lamplighter:target".to_owned(),
        service(1).as_str().to_owned(),
    )]
    .into();
    let keep = ApplyAlarms {
        target: service(1),
        put: vec![wanted.clone()],
        tags,
        delete: Vec::new(),
    };
    assert_eq!(
        aws.execute(&Action::Monitoring(MonitoringAction::ApplyAlarms(keep)))
            .await
            .unwrap(),
        "1 set, 0 deleted"
    );
    let found: Vec<ExistingAlarm> = aws.describe_alarms("lamplighter/", false).await.unwrap();
    assert_eq!(found[0].alarm, Some(wanted));
    assert_eq!(
        (found[0].state, found[0].state_since),
        (AlarmState::Ok, Some(at("2026-11-21T03:00:00Z")))
    );
}

#[tokio::test]
async fn an_alarm_with_foreign_settings_has_no_definition() {
    let measure = Measure::One(metric("RequestCountPerTarget", "targetgroup/web/1"));
    let changes: [fn(&mut MetricAlarm); 4] = [
        |alarm| alarm.period = Some(90),
        |alarm| alarm.datapoints_to_alarm = Some(1),
        |alarm| alarm.actions_enabled = Some(false),
        |alarm| alarm.statistic = None,
    ];
    for change in changes {
        let Measure::One(metric) = &measure else {
            unreachable!("it is one")
        };
        let put = PutMetricAlarmInput::builder()
            .alarm_name("lamplighter/shop/web/requests")
            .namespace(&metric.namespace)
            .metric_name(&metric.name)
            .statistic(aws_sdk_cloudwatch::types::Statistic::Sum)
            .period(60)
            .evaluation_periods(3)
            .threshold(600.0)
            .comparison_operator(
                aws_sdk_cloudwatch::types::ComparisonOperator::GreaterThanThreshold,
            )
            .build()
            .unwrap();
        let rule = mock!(aws_sdk_cloudwatch::Client::describe_alarms).then_output(move || {
            let mut alarm = described(&put, false);
            change(&mut alarm);
            DescribeAlarmsOutput::builder().metric_alarms(alarm).build()
        });
        let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, [&rule]);
        assert_eq!(
            cloudwatch(client)
                .describe_alarms("lamplighter/", false)
                .await
                .unwrap()[0]
                .alarm,
            None
        );
    }
}

#[tokio::test]
async fn all_pages_of_alarms_are_read_and_can_be_limited_to_those_in_alarm() {
    let page = |n: usize, token: Option<&str>| {
        let alarm = MetricAlarm::builder().alarm_name(format!("lamplighter/shop/web{n}/cpu-peak"));
        let alarm = alarm.state_value(StateValue::Alarm).build();
        DescribeAlarmsOutput::builder()
            .metric_alarms(alarm)
            .set_next_token(token.map(str::to_owned))
            .build()
    };
    let first = mock!(aws_sdk_cloudwatch::Client::describe_alarms)
        .match_requests(|r| r.next_token().is_none() && r.state_value() == Some(&StateValue::Alarm))
        .then_output(move || page(1, Some("next")));
    let second = mock!(aws_sdk_cloudwatch::Client::describe_alarms)
        .match_requests(|r| r.next_token() == Some("next"))
        .then_output(move || page(2, None));
    let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, [&first, &second]);
    assert_eq!(
        cloudwatch(client)
            .describe_alarms("lamplighter/", true)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn alarms_are_deleted_a_hundred_at_a_time() {
    let rule = mock!(aws_sdk_cloudwatch::Client::delete_alarms)
        .match_requests(|r| r.alarm_names().len() <= 100)
        .then_output(|| DeleteAlarmsOutput::builder().build());
    let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, [&rule]);
    let delete = (0..201)
        .map(|n| format!("lamplighter/shop/web{n}/cpu-peak"))
        .collect();
    let alarms = ApplyAlarms {
        target: service(1),
        put: Vec::new(),
        tags: BTreeMap::new(),
        delete,
    };
    cloudwatch(client)
        .execute(&Action::Monitoring(MonitoringAction::ApplyAlarms(alarms)))
        .await
        .unwrap();
    assert_eq!(rule.num_calls(), 3);
}

#[tokio::test]
async fn a_deleted_target_group_hides_no_others_and_known_groups_are_cached() {
    let refused = || {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>TargetGroupNotFound</Code>\
            <Message>One or more target groups not found</Message></Error></ErrorResponse>";
        HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body))
    };
    let gone = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_groups)
        .match_requests(|r| r.target_group_arns().contains(&group_arn("gone")))
        .then_http_response(refused);
    let one = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_groups)
        .match_requests(|r| r.target_group_arns() == [group_arn("web")])
        .then_output(|| {
            let described = Described::builder().target_group_arn(group_arn("web"));
            let described = described
                .load_balancer_arns(group("web").load_balancers[0].clone())
                .health_check_path("/health")
                .matcher(Matcher::builder().http_code("200-299").build())
                .health_check_interval_seconds(15)
                .build();
            DescribeTargetGroupsOutput::builder()
                .target_groups(described)
                .build()
        });
    let elb = mock_client!(
        aws_sdk_elasticloadbalancingv2,
        RuleMode::MatchAny,
        [&gone, &one]
    );
    let aws: Aws<AlarmActions> = Aws::without_config().with_client(elb);
    let found = aws
        .describe_target_groups(&[group_arn("web"), group_arn("gone")])
        .await
        .unwrap();
    assert_eq!(found.into_values().collect::<Vec<_>>(), [group("web")]);
    aws.describe_target_groups(&[group_arn("web")])
        .await
        .unwrap();
    assert_eq!(one.num_calls(), 1);
}

/// An alarm on the sum of two metrics: minute by minute, without the current one.
#[tokio::test]
async fn what_an_alarm_measures_is_summed_by_the_minute() {
    let measured = mock!(aws_sdk_cloudwatch::Client::get_metric_data)
        .match_requests(|r| {
            let metric = |n: usize| r.metric_data_queries()[n].metric_stat().unwrap();
            r.metric_data_queries().len() == 2
                && metric(0).stat() == Some("Sum")
                && metric(1).metric().unwrap().dimensions()[0].value() == Some("green")
        })
        .then_output(|| {
            GetMetricDataOutput::builder()
                .metric_data_results(result("q0", &[("2026-11-21T02:59:00Z", 5.0)]))
                .metric_data_results(result(
                    "q1",
                    &[
                        ("2026-11-21T02:59:00Z", 7.0),
                        ("2026-11-21T03:00:00Z", 99.0),
                    ],
                ))
                .build()
        });
    let metric = |group: &str| AlarmMetric {
        namespace: "AWS/ApplicationELB".to_owned(),
        name: "HTTPCode_Target_5XX_Count".to_owned(),
        dimensions: BTreeMap::from([("TargetGroup".to_owned(), group.to_owned())]),
        statistic: Statistic::Sum,
    };
    let measure = Measure::Sum(vec![metric("blue"), metric("green")]);
    let client = mock_client!(aws_sdk_cloudwatch, [&measured]);
    let (from, to) = (at("2026-11-21T02:45:00Z"), at("2026-11-21T03:00:20Z"));
    let values = cloudwatch(client)
        .read_measure(&measure, from, to)
        .await
        .unwrap();
    assert_eq!(values, [(at("2026-11-21T02:59:00Z"), 12.0)].into());
}

#[tokio::test]
async fn only_the_minimum_is_set_and_suspensions_are_read() {
    let describe = mock!(aws_sdk_applicationautoscaling::Client::describe_scalable_targets)
        .match_requests(|r| r.resource_ids() == ["service/shop/web1"])
        .then_output(|| {
            let suspended = SuspendedState::builder()
                .dynamic_scaling_out_suspended(true)
                .build();
            let target = aws_sdk_applicationautoscaling::types::ScalableTarget::builder()
                .service_namespace(ServiceNamespace::Ecs)
                .resource_id("service/shop/web1")
                .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
                .min_capacity(2)
                .max_capacity(6)
                .role_arn("arn:aws:iam::123456789012:role/any")
                .creation_time(DateTime::from_secs(0))
                .suspended_state(suspended);
            DescribeScalableTargetsOutput::builder()
                .scalable_targets(target.build().unwrap())
                .build()
        });
    let register = mock!(aws_sdk_applicationautoscaling::Client::register_scalable_target)
        .match_requests(|r| {
            r.min_capacity() == Some(4)
                && r.max_capacity().is_none()
                && r.suspended_state().is_none()
        })
        .then_output(|| RegisterScalableTargetOutput::builder().build());
    let autoscaling = mock_client!(
        aws_sdk_applicationautoscaling,
        RuleMode::MatchAny,
        [&describe, &register]
    );
    let aws: Aws<ScaleActions> = Aws::without_config().with_client(autoscaling);
    let expected = ScalableTarget {
        service: service(1),
        min: 2,
        max: 6,
        scaling_in_suspended: false,
        scaling_out_suspended: true,
        scheduled_scaling_suspended: false,
    };
    assert_eq!(
        aws.describe_scalable_targets(&[service(1)]).await.unwrap(),
        [expected]
    );
    let floor = SetMinCapacity {
        service: service(1),
        from: 2,
        to: 4,
        restores: false,
    };
    assert_eq!(
        aws.execute(&Action::Scaling(ScalingAction::SetMinCapacity(floor)))
            .await
            .unwrap(),
        "minimum 4"
    );
}

#[tokio::test]
async fn databases_are_found_by_name_and_filtered_by_arn() {
    let arn = |resource: &str| Arn::new(format!("arn:aws:rds:eu-west-1:123456789012:{resource}"));
    let instances = mock!(aws_sdk_rds::Client::describe_db_instances)
        .match_requests(|r| r.filters()[0].values() == ["orders"])
        .then_output(move || {
            let orders = DbInstance::builder()
                .db_instance_identifier("orders")
                .engine("postgres");
            let orders = orders
                .db_instance_arn("arn:aws:rds:eu-west-1:123456789012:db:orders")
                .allocated_storage(20);
            DescribeDbInstancesOutput::builder()
                .db_instances(orders.multi_az(true).build())
                .build()
        });
    let clusters = mock!(aws_sdk_rds::Client::describe_db_clusters)
        .match_requests(|r| r.filters()[0].values() == ["carts"])
        .then_output(|| {
            let carts = DbCluster::builder()
                .db_cluster_identifier("carts")
                .engine("docdb");
            let carts = carts
                .db_cluster_arn("arn:aws:rds:eu-west-1:123456789012:cluster:carts")
                .build();
            // Another partition's or account's of the same name is none of ours.
            let other = DbCluster::builder().db_cluster_identifier("carts");
            let other = other
                .db_cluster_arn("arn:aws:rds:eu-west-1:210987654321:cluster:carts")
                .build();
            DescribeDbClustersOutput::builder()
                .db_clusters(carts)
                .db_clusters(other)
                .build()
        });
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, [&instances, &clusters]);
    let aws: Aws<AlarmActions> = Aws::without_config().with_client(rds);
    let found = aws
        .describe_databases(&[arn("db:orders"), arn("cluster:carts")])
        .await
        .unwrap();
    let described: Vec<_> = found
        .iter()
        .map(|d| (d.identifier.as_str(), d.is_cluster, d.allocated_gib))
        .collect();
    assert_eq!(
        described,
        [("orders", false, Some(20)), ("carts", true, None)]
    );
}

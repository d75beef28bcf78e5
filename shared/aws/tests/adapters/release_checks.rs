//! What a release is checked against: deployment groups, target groups and alarms of the user; and the events about it.

use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm, MetricAlarm, StateValue};
use aws_sdk_codedeploy::operation::get_deployment_group::GetDeploymentGroupOutput;
use aws_sdk_codedeploy::types::{DeploymentGroupInfo, EcsService};
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_sdk_eventbridge::types::PutEventsResultEntry;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use lamplighter::model::{AlarmState, Digest, ReleaseEvent, ReleaseEventKind};
use lamplighter::ports::{Alarms, CodeDeployments, Executor, LoadBalancing};
use lamplighter_aws::Aws;
use rstest::rstest;
use serde_json::Value;

use crate::responses::{now, refused, service};

#[tokio::test]
async fn a_deployment_group_names_its_services() {
    let known = mock!(aws_sdk_codedeploy::Client::get_deployment_group)
        .match_requests(|r| {
            r.application_name() == Some("billing") && r.deployment_group_name() == Some("prod")
        })
        .then_output(|| {
            let service = EcsService::builder()
                .cluster_name("billing")
                .service_name("api");
            let info = DeploymentGroupInfo::builder().ecs_services(service.build());
            GetDeploymentGroupOutput::builder()
                .deployment_group_info(info.build())
                .build()
        });
    let aws: Aws = Aws::without_config().with_client(mock_client!(aws_sdk_codedeploy, [&known]));
    let found = aws.list_group_services("billing", "prod").await.unwrap();
    assert_eq!(found, Some(vec!["billing/api".to_owned()]));
}

#[rstest]
#[case::group("DeploymentGroupDoesNotExistException", true)]
#[case::application("ApplicationDoesNotExistException", true)]
#[case::no_right("AccessDeniedException", false)]
#[tokio::test]
async fn a_missing_deployment_group_is_no_error(
    #[case] code: &'static str,
    #[case] is_missing: bool,
) {
    let gone = mock!(aws_sdk_codedeploy::Client::get_deployment_group)
        .then_http_response(move || refused(400, code, "gone"));
    let aws: Aws = Aws::without_config().with_client(mock_client!(aws_sdk_codedeploy, [&gone]));
    let found = aws.list_group_services("a", "b").await;
    assert_eq!(found.is_ok_and(|services| services.is_none()), is_missing);
}

#[tokio::test]
async fn the_longest_deregistration_counts_and_a_deleted_group_does_not() {
    let answer = |status, body: String| {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
    };
    let attributes = move |seconds: u32| {
        answer(
            200,
            format!(
                "<DescribeTargetGroupAttributesResponse><DescribeTargetGroupAttributesResult><Attributes>\
                 <member><Key>stickiness.enabled</Key><Value>true</Value></member>\
                 <member><Key>deregistration_delay.timeout_seconds</Key><Value>{seconds}</Value></member>\
                 </Attributes></DescribeTargetGroupAttributesResult></DescribeTargetGroupAttributesResponse>"
            ),
        )
    };
    let short = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_group_attributes)
        .match_requests(|r| r.target_group_arn() == Some("a"))
        .then_http_response(move || attributes(30));
    let long = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_group_attributes)
        .match_requests(|r| r.target_group_arn() == Some("b"))
        .then_http_response(move || attributes(900));
    let gone = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_group_attributes)
        .match_requests(|r| r.target_group_arn() == Some("c"))
        .then_http_response(move || {
            answer(
                400,
                "<ErrorResponse><Error><Code>TargetGroupNotFound</Code><Message>gone</Message></Error></ErrorResponse>"
                    .to_owned(),
            )
        });
    let elb = mock_client!(
        aws_sdk_elasticloadbalancingv2,
        RuleMode::MatchAny,
        [&short, &long, &gone]
    );
    let aws: Aws = Aws::without_config().with_client(elb);
    let groups = ["a", "b", "c"].map(str::to_owned);
    assert_eq!(aws.longest_deregistration(&groups).await.unwrap(), 900);
    assert_eq!(aws.longest_deregistration(&[]).await.unwrap(), 0);
}

#[tokio::test]
async fn alarms_are_found_by_name_composite_ones_too() {
    let found = mock!(aws_sdk_cloudwatch::Client::describe_alarms)
        .match_requests(|r| {
            let types = [AlarmType::MetricAlarm, AlarmType::CompositeAlarm];
            r.alarm_names() == ["errors", "checkout", "none"] && r.alarm_types() == types
        })
        .then_output(|| {
            let metric = MetricAlarm::builder()
                .alarm_name("errors")
                .state_value(StateValue::Ok);
            let composite = CompositeAlarm::builder()
                .alarm_name("checkout")
                .state_value(StateValue::Alarm);
            DescribeAlarmsOutput::builder()
                .metric_alarms(metric.build())
                .composite_alarms(composite.build())
                .build()
        });
    let aws: Aws = Aws::without_config().with_client(mock_client!(aws_sdk_cloudwatch, [&found]));
    let names = ["errors", "checkout", "none"].map(str::to_owned);
    let alarms = aws.find_alarms(&names).await.unwrap();
    let states: Vec<_> = alarms.iter().map(|a| (a.name.as_str(), a.state)).collect();
    assert_eq!(
        states,
        [("errors", AlarmState::Ok), ("checkout", AlarmState::Alarm)]
    );
}

fn verified() -> ReleaseEvent {
    ReleaseEvent {
        kind: ReleaseEventKind::Verified,
        at: now(),
        since: now(),
        service: service(1),
        tag: "RC_1.4.2".to_owned(),
        digest: Digest::new("sha256:ab12cd34ef56"),
        commit: Some("3f9c1e0".to_owned()),
        reason: "it runs".to_owned(),
    }
}

#[rstest]
#[case::accepted(None, true)]
#[case::rejected(Some("ThrottlingException"), false)]
#[tokio::test]
async fn an_event_about_a_release_is_put_on_the_bus(
    #[case] error: Option<&'static str>,
    #[case] is_ok: bool,
) {
    let put = mock!(aws_sdk_eventbridge::Client::put_events)
        .match_requests(|r| {
            let [entry] = r.entries() else { return false };
            let detail: Value = serde_json::from_str(entry.detail().unwrap()).unwrap();
            entry.source() == Some("lamplighter")
                && entry.detail_type() == Some("Release Verified")
                && entry.resources() == [service(1).as_str()]
                && detail["service"] == "shop/web1"
                && detail["commit"] == "3f9c1e0"
                && detail["verdict"] == "healthy"
        })
        .then_output(move || {
            let entry = PutEventsResultEntry::builder().set_error_code(error.map(str::to_owned));
            PutEventsOutput::builder().entries(entry.build()).build()
        });
    let aws: Aws = Aws::without_config().with_client(mock_client!(aws_sdk_eventbridge, [&put]));
    assert_eq!(aws.put_events(&[verified()]).await.is_ok(), is_ok);
    assert!(aws.put_events(&[]).await.is_ok(), "without a call");
}

//! Revisions, images, deployments and events of a service, call by call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_ecr::operation::batch_get_image::BatchGetImageOutput;
use aws_sdk_ecs::operation::continue_service_deployment::ContinueServiceDeploymentOutput;
use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
use aws_sdk_ecs::operation::stop_service_deployment::StopServiceDeploymentOutput;
use aws_sdk_ecs::operation::update_service::UpdateServiceOutput;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::DeploymentStrategy;
use aws_sdk_ecs::types::{
    CanaryConfiguration, LinearConfiguration, Service, ServiceEvent, StopServiceDeploymentStopType,
};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::Timestamp;
use lamplighter::model::{Arn, Digest, LogStream, Repository, TrafficShift};
use lamplighter::plan::{
    Action, ContinueDeployment, ReleaseAction, RestoreStrategy, Rollback, Rollout,
    TrafficShiftSettings,
};
use lamplighter::policy::{LifecycleHook, Strategy};
use lamplighter::ports::capability::{DeployActions, RolloutActions};
use lamplighter::ports::{Executor, Images, Logs, Services};
use lamplighter_aws::Aws;
use rstest::rstest;
use serde_json::{Value, json};

fn aws(ecs: aws_sdk_ecs::Client, ecr: aws_sdk_ecr::Client) -> Aws<RolloutActions> {
    Aws::without_config().with_client(ecs).with_client(ecr)
}

fn answer(status: u16, body: impl Into<SdkBody>) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).unwrap(), body.into())
}

/// DescribeServices with this answer.
fn describes(body: String) -> Rule {
    mock!(aws_sdk_ecs::Client::describe_services)
        .then_http_response(move || answer(200, body.clone()))
}

fn web() -> Arn {
    Arn::new("arn:aws:ecs:us-east-1:123456789012:service/shop/web")
}

fn back(stop: Option<&str>) -> Rollback {
    Rollback {
        service: web(),
        to: "shop-web:41".into(),
        to_digest: None,
        stop: stop.map(str::to_owned),
        code_deploy: None,
        digest: Digest::new("sha256:ab"),
        tag: "RC_1.4.2".into(),
        reason: "it hung".into(),
        environment: None,
        candidates_after: None,
        request: None,
        skips: None,
    }
}

#[rstest]
#[case::active(
    200,
    r#"{"taskDefinition": {"taskDefinitionArn": "a", "status": "ACTIVE"}}"#,
    Ok(true)
)]
#[case::deregistered(
    200,
    r#"{"taskDefinition": {"taskDefinitionArn": "a", "status": "INACTIVE"}}"#,
    Ok(false)
)]
#[case::deleted(
    400,
    r#"{"__type": "ClientException", "message": "Unable to describe task definition."}"#,
    Ok(false)
)]
#[case::denied(
    400,
    r#"{"__type": "AccessDeniedException", "message": "no"}"#,
    Err("AccessDeniedException")
)]
#[tokio::test]
async fn a_revision_is_active_or_not(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] expected: Result<bool, &str>,
) {
    let described = mock!(aws_sdk_ecs::Client::describe_task_definition)
        .then_http_response(move || answer(status, body));
    let aws = aws(
        mock_client!(aws_sdk_ecs, [&described]),
        mock_client!(aws_sdk_ecr, []),
    );
    let found = aws
        .is_revision_active("shop-web:41")
        .await
        .map_err(|error| error.code);
    assert_eq!(found, expected.map_err(str::to_owned));
}

#[tokio::test]
async fn service_events_are_recent_newest_first_and_distinct() {
    let described = mock!(aws_sdk_ecs::Client::describe_services).then_output(|| {
        let event = |at: i64, text: &str| {
            ServiceEvent::builder()
                .created_at(DateTime::from_secs(at))
                .message(text)
                .build()
        };
        let events = vec![
            event(300, "unable to place a task"),
            event(200, "unable to place a task"),
            event(50, "old"),
        ];
        DescribeServicesOutput::builder()
            .services(Service::builder().set_events(Some(events)).build())
            .build()
    });
    let aws = aws(
        mock_client!(aws_sdk_ecs, [&described]),
        mock_client!(aws_sdk_ecr, []),
    );
    let said = aws
        .service_events(&web(), Timestamp::from_second(100).unwrap())
        .await
        .unwrap();
    assert_eq!(said, ["unable to place a task"]);
}

#[tokio::test]
async fn an_image_is_found_by_its_digest() {
    let asked = mock!(aws_sdk_ecr::Client::batch_get_image)
        .match_requests(|r| {
            r.image_ids()[0].image_digest() == Some("sha256:ab")
                && r.repository_name() == Some("shop/web")
        })
        .then_output(|| BatchGetImageOutput::builder().build());
    let aws = aws(
        mock_client!(aws_sdk_ecs, []),
        mock_client!(aws_sdk_ecr, [&asked]),
    );
    let host = "123456789012.dkr.ecr.us-east-1.amazonaws.com".to_owned();
    let repository = Repository {
        host,
        name: "shop/web".into(),
    };
    assert!(
        !aws.has_image(&repository, &Digest::new("sha256:ab"))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_rollback_changes_the_revision_and_nothing_else() {
    let updated = mock!(aws_sdk_ecs::Client::update_service)
        .match_requests(|r| {
            r.task_definition() == Some("shop-web:41")
                && r.desired_count().is_none()
                && r.deployment_configuration().is_none()
                && r.force_new_deployment().is_none()
        })
        .then_output(|| UpdateServiceOutput::builder().build());
    let aws = aws(
        mock_client!(aws_sdk_ecs, [&updated]),
        mock_client!(aws_sdk_ecr, []),
    );
    let back = back(None);
    aws.execute(&Action::Release(ReleaseAction::Rollback(back)))
        .await
        .unwrap();
    assert_eq!(updated.num_calls(), 1);
}

#[tokio::test]
async fn ecs_rolls_back_an_active_deployment() {
    let stopped = mock!(aws_sdk_ecs::Client::stop_service_deployment)
        .match_requests(|r| {
            r.service_deployment_arn() == Some("deployment-1")
                && r.stop_type() == Some(&StopServiceDeploymentStopType::Rollback)
        })
        .then_output(|| StopServiceDeploymentOutput::builder().build());
    let aws = aws(
        mock_client!(aws_sdk_ecs, [&stopped]),
        mock_client!(aws_sdk_ecr, []),
    );
    let back = back(Some("deployment-1"));
    aws.execute(&Action::Release(ReleaseAction::Rollback(back)))
        .await
        .unwrap();
    assert_eq!(stopped.num_calls(), 1);
}

#[tokio::test]
async fn the_newest_deployment_is_described_with_its_source_revision() {
    let listed = mock!(aws_sdk_ecs::Client::list_service_deployments).then_http_response(|| {
        answer(
            200,
            r#"{"serviceDeployments": [
                {"serviceDeploymentArn": "old", "createdAt": 100, "status": "ROLLBACK_IN_PROGRESS"},
                {"serviceDeploymentArn": "new", "createdAt": 200, "status": "IN_PROGRESS"}]}"#,
        )
    });
    let described = mock!(aws_sdk_ecs::Client::describe_service_deployments)
        .match_requests(|r| r.service_deployment_arns() == ["new"])
        .then_http_response(|| {
            answer(
                200,
                r#"{"serviceDeployments": [{"serviceDeploymentArn": "new", "status": "IN_PROGRESS",
                    "lifecycleStage": "A_STAGE_OF_NEXT_YEAR", "sourceServiceRevisions": [{"arn": "r1"}],
                    "targetServiceRevision": {"arn": "r2"}}]}"#,
            )
        });
    let revisions = mock!(aws_sdk_ecs::Client::describe_service_revisions)
        .match_requests(|r| r.service_revision_arns() == ["r1", "r2"])
        .then_http_response(|| {
            answer(
                200,
                r#"{"serviceRevisions": [
                    {"serviceRevisionArn": "r1", "taskDefinition": "shop-web:41", "loadBalancers": [{"targetGroupArn": "blue"}]},
                    {"serviceRevisionArn": "r2", "taskDefinition": "shop-web:42", "loadBalancers": [{"targetGroupArn": "blue"}],
                     "resolvedConfiguration": {"loadBalancers": [{"targetGroupArn": "green"}]}}]}"#,
            )
        });
    let ecs = mock_client!(aws_sdk_ecs, [&listed, &described, &revisions]);
    let found = aws(ecs, mock_client!(aws_sdk_ecr, []))
        .find_active_deployment(&web())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            found.arn.as_str(),
            found.stage.as_str(),
            found.is_in_progress()
        ),
        ("new", "A_STAGE_OF_NEXT_YEAR", true)
    );
    let from = found.from.unwrap();
    assert_eq!(
        (from.task_definition.as_str(), from.target_groups),
        ("shop-web:41", vec!["blue".to_owned()])
    );
    assert_eq!(
        (found.to.task_definition.as_str(), found.to.target_groups),
        ("shop-web:42", vec!["green".to_owned()])
    );
}

#[rstest]
#[case::several_that_ran_before(r#"[{"arn": "r1"}, {"arn": "r3"}]"#)]
#[case::the_first_one("[]")]
#[tokio::test]
async fn a_deployment_without_a_single_source_revision_has_none(#[case] sources: &'static str) {
    let listed = mock!(aws_sdk_ecs::Client::list_service_deployments).then_http_response(|| {
        answer(
            200,
            r#"{"serviceDeployments": [{"serviceDeploymentArn": "new"}]}"#,
        )
    });
    let described = mock!(aws_sdk_ecs::Client::describe_service_deployments).then_http_response(move || {
        let body = format!(
            r#"{{"serviceDeployments": [{{"sourceServiceRevisions": {sources}, "targetServiceRevision": {{"arn": "r2"}}}}]}}"#
        );
        answer(200, body)
    });
    let revisions = mock!(aws_sdk_ecs::Client::describe_service_revisions)
        .then_http_response(|| answer(200, r#"{"serviceRevisions": []}"#));
    let ecs = mock_client!(aws_sdk_ecs, [&listed, &described, &revisions]);
    let found = aws(ecs, mock_client!(aws_sdk_ecr, []))
        .find_active_deployment(&web())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.from, None);
}

#[rstest]
#[case::written(200, r#"{"events": [{"message": "one"}, {"message": "two"}]}"#, Ok(vec!["one", "two"]))]
#[case::nothing(400, r#"{"__type": "ResourceNotFoundException", "message": "no stream"}"#, Ok(vec![]))]
#[case::denied(
    400,
    r#"{"__type": "AccessDeniedException", "message": "no"}"#,
    Err("AccessDeniedException")
)]
#[tokio::test]
async fn the_newest_log_lines_are_read(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] expected: Result<Vec<&'static str>, &str>,
) {
    let read = mock!(aws_sdk_cloudwatchlogs::Client::get_log_events)
        .match_requests(|r| r.start_from_head() == Some(false) && r.limit() == Some(50))
        .then_http_response(move || answer(status, body));
    let aws = aws(mock_client!(aws_sdk_ecs, []), mock_client!(aws_sdk_ecr, []))
        .with_client(mock_client!(aws_sdk_cloudwatchlogs, [&read]));
    let stream = LogStream {
        group: "/shop/web".into(),
        name: "ecs/web/1".into(),
    };
    let found = aws
        .last_log_lines(&stream, 50)
        .await
        .map_err(|error| error.code);
    assert_eq!(
        found,
        expected
            .map(|lines| lines.into_iter().map(str::to_owned).collect())
            .map_err(str::to_owned)
    );
}

/// A service as ECS describes it, behind a balancer with or without a second target group.
fn described(alternate: &str, configuration: &str) -> String {
    format!(
        r#"{{"services": [{{"serviceArn": "arn:aws:ecs:us-east-1:123456789012:service/shop/web", "status": "ACTIVE",
            "loadBalancers": [{{"targetGroupArn": "blue", "advancedConfiguration": {{{alternate}}}}}],
            "deploymentConfiguration": {configuration}}}]}}"#
    )
}

const CONNECTED: &str = "CONNECT AS SERVICE";
const CLIENT: &str = "CONNECT AS CLIENT";

/// A blue/green service without a load balancer, which others reach by Service Connect, or which only reaches others.
fn connected(is_service: bool) -> String {
    let services = if is_service {
        r#"[{"portName": "http", "clientAliases": [{"port": 80}]}]"#
    } else {
        "[]"
    };
    format!(
        r#"{{"services": [{{"serviceArn": "arn:aws:ecs:us-east-1:123456789012:service/shop/web", "status": "ACTIVE",
            "deployments": [{{"status": "PRIMARY", "serviceConnectConfiguration": {{"enabled": true, "services": {services}}}}}],
            "deploymentConfiguration": {{"strategy": "BLUE_GREEN"}}}}]}}"#
    )
}

const TWO: &str = r#""alternateTargetGroupArn": "green""#;

#[rstest]
#[case::one_group("", r#"{"strategy": "ROLLING"}"#, false, 0, 0)]
#[case::rolling(TWO, r#"{"strategy": "ROLLING"}"#, true, 0, 0)]
#[case::canary(
    TWO,
    r#"{"strategy": "CANARY", "bakeTimeInMinutes": 5, "canaryConfiguration": {"canaryBakeTimeInMinutes": 10}}"#,
    true,
    2,
    900
)]
#[case::linear(TWO, r#"{"strategy": "LINEAR", "bakeTimeInMinutes": 5, "linearConfiguration": {"stepPercent": 30.0, "stepBakeTimeInMinutes": 6}}"#, true, 4, 1_380)]
#[case::blue_green(
    TWO,
    r#"{"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}"#,
    true,
    1,
    300
)]
#[case::service_connect("", CONNECTED, true, 1, 0)]
#[case::a_client_of_service_connect("", CLIENT, false, 1, 0)]
#[tokio::test]
async fn the_duration_of_a_traffic_shift_is_computed(
    #[case] alternate: &str,
    #[case] configuration: &str,
    #[case] is_possible: bool,
    #[case] steps: u32,
    #[case] seconds: u64,
) {
    let body = if configuration.starts_with("CONNECT") {
        connected(configuration.ends_with("SERVICE"))
    } else {
        described(alternate, configuration)
    };
    let found = describes(body);
    let aws = aws(
        mock_client!(aws_sdk_ecs, [&found]),
        mock_client!(aws_sdk_ecr, []),
    );
    let service = aws.describe_services(&[web()]).await.unwrap().remove(0);
    let TrafficShift {
        is_possible: possible,
        steps: found,
        seconds: took,
        ..
    } = service.shifting;
    assert_eq!((possible, found, took), (is_possible, steps, seconds));
}

/// A rollout that shifts traffic, over a configuration that a person made.
#[rstest]
#[case::canary(Strategy::Canary, false, "lambda-of-others verify", Some(5.0), None)]
#[case::linear(Strategy::Linear, false, "lambda-of-others verify", None, Some(10.0))]
#[case::with_a_person(Strategy::BlueGreen, true, "lambda-of-others verify PAUSE", None, None)]
#[tokio::test]
async fn a_strategy_is_set_with_our_hook_and_keeps_everything_else(
    #[case] strategy: Strategy,
    #[case] pauses: bool,
    #[case] hooks: &'static str,
    #[case] canary: Option<f64>,
    #[case] linear: Option<f64>,
) {
    let configuration = r#"{"strategy": "ROLLING", "maximumPercent": 150, "lifecycleHooks": [
        {"hookTargetArn": "lambda-of-others", "roleArn": "r", "lifecycleStages": ["PRE_SCALE_UP"]},
        {"hookTargetArn": "verify", "roleArn": "of-yesterday", "lifecycleStages": ["POST_SCALE_UP"]}]}"#;
    let body = described(TWO, configuration);
    let found = describes(body);
    let updated = mock!(aws_sdk_ecs::Client::update_service)
        .match_requests(move |r| {
            let set = r.deployment_configuration().unwrap();
            let named: Vec<&str> = set
                .lifecycle_hooks()
                .iter()
                .map(|h| h.hook_target_arn().unwrap_or("PAUSE"))
                .collect();
            let ours = set
                .lifecycle_hooks()
                .iter()
                .find(|h| h.hook_target_arn() == Some("verify"))
                .unwrap();
            named.join(" ") == hooks
                && ours.role_arn() == Some("role")
                && ours.lifecycle_stages().len() == 4
                && set.strategy().unwrap().as_str() == strategy.as_str()
                && set.maximum_percent() == Some(150)
                && set.bake_time_in_minutes() == Some(5)
                && set
                    .canary_configuration()
                    .and_then(CanaryConfiguration::canary_percent)
                    == canary
                && set
                    .linear_configuration()
                    .and_then(LinearConfiguration::step_percent)
                    == linear
        })
        .then_output(|| UpdateServiceOutput::builder().build());
    let ecs = mock_client!(aws_sdk_ecs, [&found, &updated]);
    let hook = LifecycleHook {
        function: "verify".into(),
        role: "role".into(),
    };
    let rollout = Rollout {
        service: web(),
        base: "shop-web:41".into(),
        images: BTreeMap::new(),
        tags: BTreeMap::new(),
        registered: Some("shop-web:42".into()),
        enable_circuit_breaker: false,
        shift: Some(TrafficShiftSettings {
            strategy,
            hook,
            pauses,
            bake: 0,
        }),
        code_deploy: None,
        ask: None,
        tag: "RC_1.4.2".into(),
        digest: Digest::new("sha256:ab"),
        approved: false,
        runs: String::new(),
        template_image: None,
        adopts: None,
        candidates_after: None,
        is_adoption: false,
        commit: None,
    };
    let aws: Aws<DeployActions> = Aws::without_config().with_client(ecs);
    aws.execute(&Action::Release(ReleaseAction::Rollout(rollout)))
        .await
        .unwrap();
    assert_eq!(updated.num_calls(), 1);
}

#[tokio::test]
async fn a_deployment_that_waits_for_approval_continues_at_its_hook() {
    let described = mock!(aws_sdk_ecs::Client::describe_service_deployments).then_http_response(|| {
        answer(
            200,
            r#"{"serviceDeployments": [{"status": "IN_PROGRESS", "targetServiceRevision": {"arn": "r2"}, "lifecycleHookDetails": [
                {"hookId": "h1", "targetType": "AWS_LAMBDA", "status": "SUCCEEDED"},
                {"hookId": "h2", "targetType": "PAUSE", "status": "AWAITING_ACTION"}]}]}"#,
        )
    });
    let revisions = mock!(aws_sdk_ecs::Client::describe_service_revisions)
        .then_http_response(|| answer(200, r#"{"serviceRevisions": []}"#));
    let continued = mock!(aws_sdk_ecs::Client::continue_service_deployment)
        .match_requests(|r| {
            r.hook_id() == Some("h2") && r.service_deployment_arn() == Some("deployment-1")
        })
        .then_output(|| ContinueServiceDeploymentOutput::builder().build());
    let ecs = mock_client!(aws_sdk_ecs, [&described, &revisions, &continued]);
    let aws = aws(ecs, mock_client!(aws_sdk_ecr, []));
    let hook = aws
        .describe_service_deployment("deployment-1")
        .await
        .unwrap()
        .unwrap()
        .paused
        .unwrap();
    let (deployment, digest) = ("deployment-1".to_owned(), Some(Digest::new("sha256:ab")));
    let go_on = ContinueDeployment {
        service: web(),
        deployment,
        hook,
        digest,
        tag: "RC_1.4.2".into(),
    };
    aws.execute(&Action::Release(ReleaseAction::ContinueDeployment(go_on)))
        .await
        .unwrap();
    assert_eq!(continued.num_calls(), 1);
}

/// What UpdateService gets of the deployment configuration.
fn set_strategy(
    expected: fn(&aws_sdk_ecs::types::DeploymentConfiguration) -> bool,
) -> aws_sdk_ecs::Client {
    let configuration = r#"{"strategy": "CANARY", "maximumPercent": 150, "bakeTimeInMinutes": 7,
        "canaryConfiguration": {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 4},
        "lifecycleHooks": [{"hookTargetArn": "verify", "roleArn": "r", "lifecycleStages": ["PRE_SCALE_UP"]}]}"#;
    let body = described(TWO, configuration);
    let found = describes(body);
    let updated = mock!(aws_sdk_ecs::Client::update_service)
        .match_requests(move |r| r.deployment_configuration().is_some_and(expected))
        .then_output(|| {
            aws_sdk_ecs::operation::update_service::UpdateServiceOutput::builder().build()
        });
    mock_client!(aws_sdk_ecs, [&found, &updated])
}

/// A rollback without steps, and the strategy afterwards: the same as before.
#[tokio::test]
async fn a_rollback_does_without_steps_and_the_strategy_is_restored() {
    let without = set_strategy(|set| {
        set.strategy().map(DeploymentStrategy::as_str) == Some("BLUE_GREEN")
            && set.bake_time_in_minutes() == Some(0)
            && set.canary_configuration().is_none()
            && set.maximum_percent() == Some(150)
            && set.lifecycle_hooks().len() == 1
    });
    let aws = aws(without, mock_client!(aws_sdk_ecr, []));
    let service = aws.describe_services(&[web()]).await.unwrap().remove(0);
    let skips = service.strategy_to_skip();
    let rollback = Rollback {
        skips: skips.clone(),
        ..back(None)
    };
    let done = aws
        .execute(&Action::Release(ReleaseAction::Rollback(rollback)))
        .await;
    assert!(done.is_ok(), "{done:?}");

    let again = set_strategy(|set| {
        let canary = set.canary_configuration().unwrap();
        set.strategy().map(DeploymentStrategy::as_str) == Some("CANARY")
            && set.bake_time_in_minutes() == Some(7)
            && canary.canary_percent() == Some(12.5)
            && canary.canary_bake_time_in_minutes() == Some(4)
    });
    let aws: Aws<RolloutActions> = Aws::without_config().with_client(again);
    let restore = RestoreStrategy {
        service: web(),
        settings: skips.unwrap(),
    };
    let done = aws
        .execute(&Action::Release(ReleaseAction::RestoreStrategy(restore)))
        .await;
    assert!(done.is_ok(), "{done:?}");
}

/// A service of Express Mode names its revision in its primary deployment only.
#[tokio::test]
async fn a_service_of_express_mode_is_described() {
    let found = mock!(aws_sdk_ecs::Client::describe_services).then_http_response(|| {
        answer(
            200,
            r#"{"services": [{"serviceArn": "arn:aws:ecs:us-east-1:123456789012:service/shop/web", "status": "ACTIVE",
                "resourceManagementType": "ECS", "deploymentConfiguration": {"strategy": "CANARY"},
                "deployments": [{"status": "ACTIVE", "taskDefinition": "web:6"}, {"status": "PRIMARY", "taskDefinition": "web:7"}]}]}"#,
        )
    });
    let aws = aws(
        mock_client!(aws_sdk_ecs, [&found]),
        mock_client!(aws_sdk_ecr, []),
    );
    let service = aws.describe_services(&[web()]).await.unwrap().remove(0);
    assert_eq!(
        (service.is_express, service.task_definition.as_str()),
        (true, "web:7")
    );
    assert_eq!(service.strategy_to_skip(), None);
}

/// Keeps the bodies of all requests.
#[derive(Debug, Clone, Default)]
struct SentBodies(Arc<Mutex<Vec<Value>>>);

impl Intercept for SentBodies {
    fn name(&self) -> &'static str {
        "SentBodies"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request().body().bytes().unwrap_or_default();
        self.0.lock().unwrap().push(serde_json::from_slice(body)?);
        Ok(())
    }
}

/// A deployment configuration with a field of next year, which a request for another strategy sends again.
#[tokio::test]
async fn a_changed_strategy_keeps_fields_that_this_build_does_not_know() {
    let body = described(
        TWO,
        r#"{"strategy": "CANARY", "ofNextYear": {"share": 3}, "canaryConfiguration": {"canaryPercent": 5.0}}"#,
    );
    let found = describes(body);
    let updated = mock!(aws_sdk_ecs::Client::update_service)
        .then_http_response(|| answer(200, r#"{"service": {}}"#));
    let sent = SentBodies::default();
    let ecs = mock_client!(
        aws_sdk_ecs,
        RuleMode::Sequential,
        [&found, &updated],
        |config| config.interceptor(sent.clone())
    );
    let aws = aws(ecs, mock_client!(aws_sdk_ecr, []));
    let service = aws.describe_services(&[web()]).await.unwrap().remove(0);
    let rollback = Rollback {
        skips: service.strategy_to_skip(),
        ..back(None)
    };
    aws.execute(&Action::Release(ReleaseAction::Rollback(rollback)))
        .await
        .unwrap();
    let sent = sent.0.lock().unwrap();
    assert_eq!(
        sent[1]["deploymentConfiguration"],
        json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "ofNextYear": {"share": 3}})
    );
}

//! CodeDeploy and the services that it deploys, call by call.

use std::collections::BTreeMap;

use aws_sdk_codedeploy::operation::create_deployment::CreateDeploymentOutput;
use aws_sdk_codedeploy::operation::stop_deployment::StopDeploymentOutput;
use aws_smithy_mocks::{mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use lamplighter::model::{Arn, CodeDeployGroup, Digest};
use lamplighter::plan::{Action, AnswerCodeDeployHook, ReleaseAction, Rollback, Rollout};
use lamplighter::ports::capability::{DeployActions, HookActions, RolloutActions};
use lamplighter::ports::{CodeDeployments, Executor, Services};
use lamplighter_aws::Aws;
use rstest::rstest;
use serde_json::{Value, json};

fn aws(ecs: aws_sdk_ecs::Client, ecr: aws_sdk_ecr::Client) -> Aws<RolloutActions> {
    Aws::without_config().with_client(ecs).with_client(ecr)
}

fn answer(status: u16, body: &'static str) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}

fn web() -> Arn {
    Arn::new("arn:aws:ecs:us-east-1:123456789012:service/shop/web")
}

fn back(stop: Option<&str>, code_deploy: Option<CodeDeployGroup>) -> Rollback {
    Rollback {
        service: web(),
        to: "shop-web:41".into(),
        to_digest: None,
        stop: stop.map(str::to_owned),
        code_deploy,
        digest: Digest::new("sha256:ab"),
        tag: "RC_1.4.2".into(),
        reason: "it hung".into(),
        environment: None,
        candidates_after: None,
        request: None,
        skips: None,
    }
}

fn group() -> CodeDeployGroup {
    CodeDeployGroup {
        application: "shop".into(),
        group: "web".into(),
        container: "web".into(),
        port: 8080,
    }
}

#[tokio::test]
async fn a_code_deployment_has_the_revision_the_container_and_the_hook() {
    let created = mock!(aws_sdk_codedeploy::Client::create_deployment)
        .match_requests(|r| {
            let revision = r
                .revision()
                .unwrap()
                .app_spec_content()
                .unwrap()
                .content()
                .unwrap();
            let spec: Value = serde_json::from_str(revision).unwrap();
            let service = &spec["Resources"][0]["TargetService"]["Properties"];
            r.application_name() == Some("shop")
                && r.deployment_group_name() == Some("web")
                && service["TaskDefinition"] == "shop-web:42"
                && service["LoadBalancerInfo"]["ContainerPort"] == 8080
                && spec["Hooks"]
                    == json!([{"AfterAllowTestTraffic": "verify"}, {"AfterAllowTraffic": "verify"}])
        })
        .then_output(|| {
            CreateDeploymentOutput::builder()
                .deployment_id("d-1")
                .build()
        });
    let rollout = Rollout {
        service: web(),
        base: "shop-web:41".into(),
        images: BTreeMap::new(),
        tags: BTreeMap::new(),
        registered: Some("shop-web:42".into()),
        enable_circuit_breaker: true,
        shift: None,
        code_deploy: Some(group()),
        ask: Some("verify".into()),
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
    let aws: Aws<DeployActions> =
        Aws::without_config().with_client(mock_client!(aws_sdk_codedeploy, [&created]));
    assert_eq!(
        aws.execute(&Action::Release(ReleaseAction::Rollout(rollout)))
            .await
            .unwrap(),
        "d-1 of shop-web:42"
    );
}

#[tokio::test]
async fn a_second_deployment_of_a_group_is_a_transient_state() {
    let refused = mock!(aws_sdk_codedeploy::Client::create_deployment).then_http_response(|| {
        answer(400, r#"{"__type": "DeploymentLimitExceededException", "message": "The Deployment Group 'web' already has an active Deployment 'd-1'"}"#)
    });
    let aws = aws(mock_client!(aws_sdk_ecs, []), mock_client!(aws_sdk_ecr, []))
        .with_client(mock_client!(aws_sdk_codedeploy, [&refused]));
    let back = back(None, Some(group()));
    let error = aws
        .execute(&Action::Release(ReleaseAction::Rollback(back)))
        .await
        .unwrap_err();
    assert!(error.is_transient_state(), "{error}");
}

#[tokio::test]
async fn a_hanging_code_deployment_is_stopped_and_rolled_back() {
    let stopped = mock!(aws_sdk_codedeploy::Client::stop_deployment)
        .match_requests(|r| {
            r.deployment_id() == Some("d-1") && r.auto_rollback_enabled() == Some(true)
        })
        .then_output(|| StopDeploymentOutput::builder().build());
    let aws = aws(mock_client!(aws_sdk_ecs, []), mock_client!(aws_sdk_ecr, []))
        .with_client(mock_client!(aws_sdk_codedeploy, [&stopped]));
    let back = back(Some("d-1"), Some(group()));
    aws.execute(&Action::Release(ReleaseAction::Rollback(back)))
        .await
        .unwrap();
    assert_eq!(stopped.num_calls(), 1);
}

#[rstest]
#[case::taken(200, "{}", Ok("Succeeded"))]
#[case::answered_before(
    400,
    r#"{"__type": "LifecycleEventAlreadyCompletedException", "message": "done"}"#,
    Ok("already answered")
)]
#[case::too_late(
    400,
    r#"{"__type": "InvalidLifecycleEventHookExecutionIdException", "message": "no"}"#,
    Err("InvalidLifecycleEventHookExecutionIdException")
)]
#[tokio::test]
async fn a_hook_is_answered_once(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] expected: Result<&str, &str>,
) {
    let put = mock!(aws_sdk_codedeploy::Client::put_lifecycle_event_hook_execution_status)
        .match_requests(|r| {
            r.lifecycle_event_hook_execution_id() == Some("x-1")
                && r.status().unwrap().as_str() == "Succeeded"
        })
        .then_http_response(move || answer(status, body));
    let aws: Aws<HookActions> =
        Aws::without_config().with_client(mock_client!(aws_sdk_codedeploy, [&put]));
    let report = AnswerCodeDeployHook {
        service: web(),
        deployment: "d-1".into(),
        execution: "x-1".into(),
        passed: true,
    };
    let done = aws
        .execute(&Action::Release(ReleaseAction::AnswerCodeDeployHook(
            report,
        )))
        .await
        .map_err(|error| error.code);
    assert_eq!(done, expected.map(str::to_owned).map_err(str::to_owned));
}

#[tokio::test]
async fn a_code_deployment_and_its_service_are_found() {
    let get = mock!(aws_sdk_codedeploy::Client::get_deployment).then_http_response(|| {
        answer(
            200,
            r#"{"deploymentInfo": {"applicationName": "shop", "deploymentGroupName": "web", "status": "Failed", "creator": "codeDeployRollback",
                "deploymentConfigName": "c", "errorInformation": {"code": "ALARM_ACTIVE", "message": "an alarm"}}}"#,
        )
    });
    let list = mock!(aws_sdk_codedeploy::Client::list_deployment_targets)
        .then_http_response(|| answer(200, r#"{"targetIds": ["shop:web"]}"#));
    let target = mock!(aws_sdk_codedeploy::Client::get_deployment_target)
        .match_requests(|r| r.target_id() == Some("shop:web"))
        .then_http_response(|| {
            answer(
                200,
                r#"{"deploymentTarget": {"deploymentTargetType": "ECSTarget", "ecsTarget": {
                    "targetArn": "arn:aws:ecs:us-east-1:123456789012:service/shop/web", "lifecycleEvents": [
                    {"lifecycleEventName": "Install", "status": "Succeeded"},
                    {"lifecycleEventName": "AfterAllowTestTraffic", "status": "InProgress"}]}}}"#,
            )
        });
    let aws = aws(mock_client!(aws_sdk_ecs, []), mock_client!(aws_sdk_ecr, []))
        .with_client(mock_client!(aws_sdk_codedeploy, [&get, &list, &target]));
    let found = aws.describe_code_deployment("d-1").await.unwrap().unwrap();
    assert_eq!(
        (
            found.status.as_str(),
            found.error.as_str(),
            found.is_rollback
        ),
        ("Failed", "an alarm", true)
    );
    let found = aws.find_code_deploy_target("d-1").await.unwrap().unwrap();
    assert_eq!(
        (found.service, found.stage.as_str()),
        (web(), "AfterAllowTestTraffic")
    );
}

/// What runs is in the task set with the traffic, and so is what it reaches.
#[tokio::test]
async fn a_code_deploy_service_runs_its_primary_task_set() {
    let found = mock!(aws_sdk_ecs::Client::describe_services).then_http_response(|| {
        answer(
            200,
            r#"{"services": [{"serviceArn": "arn:aws:ecs:us-east-1:123456789012:service/shop/web", "status": "ACTIVE",
                "taskDefinition": "shop-web:1", "deploymentController": {"type": "CODE_DEPLOY"}, "taskSets": [
                {"status": "ACTIVE", "taskDefinition": "shop-web:42", "externalId": "d-2"},
                {"status": "PRIMARY", "taskDefinition": "shop-web:41", "externalId": "d-1",
                 "loadBalancers": [{"containerName": "web", "containerPort": 8080}]}]}]}"#,
        )
    });
    let aws = aws(
        mock_client!(aws_sdk_ecs, [&found]),
        mock_client!(aws_sdk_ecr, []),
    );
    let service = aws.describe_services(&[web()]).await.unwrap().remove(0);
    assert_eq!(
        (service.task_definition.as_str(), service.task_sets),
        ("shop-web:41", 2)
    );
    assert_eq!(
        (service.code_deployments, service.reached),
        (
            vec!["d-1".to_owned(), "d-2".to_owned()],
            Some(("web".to_owned(), 8080))
        )
    );
}

//! Tasks that run before a release, call by call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_ecs::operation::run_task::RunTaskOutput;
use aws_sdk_ecs::operation::stop_task::StopTaskOutput;
use aws_sdk_ecs::types::{LaunchType, Task};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use lamplighter::model::{Arn, Digest};
use lamplighter::plan::{Action, ReleaseAction, RunPreDeploymentTask, StopPreDeploymentTask};
use lamplighter::ports::Executor;
use lamplighter::ports::capability::DeployActions;
use lamplighter_aws::Aws;
use rstest::rstest;
use serde_json::{Value, json};

const TOKEN: &str = "lamplighter-before/0a1b2c3d4e5f6071/ab12cd34ef56a7b8-1";
const NEW: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-migrate:4";

fn answer(status: u16, body: &Value) -> HttpResponse {
    let body = SdkBody::from(body.to_string());
    HttpResponse::new(StatusCode::try_from(status).unwrap(), body)
}

fn aws(rules: &[&Rule]) -> Aws<DeployActions> {
    let rules: Vec<Rule> = rules.iter().map(|rule| (*rule).clone()).collect();
    Aws::without_config().with_client(mock_client!(aws_sdk_ecs, RuleMode::MatchAny, &rules))
}

fn run() -> RunPreDeploymentTask {
    RunPreDeploymentTask {
        service: Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
        family: "shop-migrate".into(),
        base: "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-migrate:3".into(),
        images: BTreeMap::from([(
            "migrate".to_owned(),
            "shop/web:RC_1.4.2@sha256:ab".to_owned(),
        )]),
        registered: None,
        revision_tags: BTreeMap::new(),
        task_tags: BTreeMap::from([("lamplighter:stack".to_owned(), "lamplighter".to_owned())]),
        token: TOKEN.into(),
        attempt: 1,
        tag: "RC_1.4.2".into(),
        digest: Digest::new("sha256:ab"),
        commit: None,
        pushed_at: None,
        snapshots_since: Timestamp::UNIX_EPOCH,
        is_adoption: false,
    }
}

fn action(run: RunPreDeploymentTask) -> Action {
    Action::Release(ReleaseAction::RunPreDeploymentTask(run))
}

/// DescribeTaskDefinition of the family, in this network mode.
fn definition(mode: &'static str, managed: &'static str) -> Rule {
    mock!(aws_sdk_ecs::Client::describe_task_definition).then_http_response(move || {
        answer(200, &json!({
            "taskDefinition": {
                "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-migrate:3",
                "family": "shop-migrate", "networkMode": mode,
                "containerDefinitions": [{"name": "migrate", "image": "shop/web:RC_1.4.1"}],
            },
            "tags": [{"key": "lamplighter:managed", "value": managed}],
        }))
    })
}

/// DescribeServices of a service on Fargate Spot.
fn service() -> Rule {
    mock!(aws_sdk_ecs::Client::describe_services).then_http_response(|| {
        answer(200, &json!({"services": [{
            "serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/shop/web",
            "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/shop",
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}},
        }]}))
    })
}

fn registration() -> Rule {
    mock!(aws_sdk_ecs::Client::register_task_definition)
        .then_http_response(|| answer(200, &json!({"taskDefinition": {"taskDefinitionArn": NEW}})))
}

#[rstest]
#[case::its_own_interface("awsvpc", true)]
#[case::bridge("bridge", false)]
#[tokio::test]
async fn a_task_runs_in_the_network_of_its_service(
    #[case] mode: &'static str,
    #[case] has_network: bool,
) {
    let sent = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&sent);
    let task = mock!(aws_sdk_ecs::Client::run_task)
        .match_requests(move |request| {
            *seen.lock().unwrap() += 1;
            let network = request.network_configuration();
            let vpc = network.and_then(|network| network.awsvpc_configuration());
            let subnets = vpc.map(|vpc| vpc.subnets().to_vec());
            request.task_definition() == Some(NEW)
                && request.cluster() == Some("arn:aws:ecs:eu-west-1:123456789012:cluster/shop")
                && (request.client_token(), request.started_by()) == (Some(TOKEN), Some(TOKEN))
                && request.launch_type() == Some(&LaunchType::Fargate)
                && request.capacity_provider_strategy().is_empty()
                && request.tags()[0].key() == Some("lamplighter:stack")
                && subnets == has_network.then(|| vec!["subnet-1".to_owned()])
        })
        .then_output(|| {
            let started = Task::builder().task_arn("t-1").build();
            RunTaskOutput::builder().tasks(started).build()
        });
    let aws = aws(&[
        &definition(mode, "true"),
        &registration(),
        &service(),
        &task,
    ]);
    assert_eq!(aws.execute(&action(run())).await.unwrap(), "t-1");
    assert_eq!(*sent.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_revision_of_an_interrupted_attempt_is_not_registered_again() {
    let task = mock!(aws_sdk_ecs::Client::run_task)
        .match_requests(|request| request.task_definition() == Some("registered"))
        .then_output(|| {
            let started = Task::builder().task_arn("t-1").build();
            RunTaskOutput::builder().tasks(started).build()
        });
    let registration = registration();
    let aws = aws(&[
        &definition("bridge", "true"),
        &registration,
        &service(),
        &task,
    ]);
    let again = RunPreDeploymentTask {
        registered: Some("registered".into()),
        ..run()
    };
    assert_eq!(aws.execute(&action(again)).await.unwrap(), "t-1");
    assert_eq!(registration.num_calls(), 0);
}

#[tokio::test]
async fn a_task_that_was_started_with_another_revision_is_the_answer() {
    let task = mock!(aws_sdk_ecs::Client::run_task).then_http_response(|| {
        answer(400, &json!({
            "__type": "ConflictException", "message": "clientToken is already in use", "resourceIds": ["t-0"],
        }))
    });
    let aws = aws(&[
        &definition("bridge", "true"),
        &registration(),
        &service(),
        &task,
    ]);
    assert_eq!(aws.execute(&action(run())).await.unwrap(), "t-0");
}

#[tokio::test]
async fn an_unmanaged_family_is_neither_registered_nor_run() {
    let registration = registration();
    let aws = aws(&[&definition("bridge", "false"), &registration, &service()]);
    let error = aws.execute(&action(run())).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "RunTask shop-migrate:3: NotManaged: the task definition is not tagged lamplighter:managed = true"
    );
    assert_eq!(registration.num_calls(), 0);
}

#[tokio::test]
async fn a_task_is_stopped_in_the_cluster_of_its_service() {
    let stop = mock!(aws_sdk_ecs::Client::stop_task)
        .match_requests(|request| {
            (request.cluster(), request.task()) == (Some("shop"), Some("t-1"))
        })
        .then_output(|| StopTaskOutput::builder().build());
    let action = Action::Release(ReleaseAction::StopPreDeploymentTask(
        StopPreDeploymentTask {
            service: run().service,
            family: "shop-migrate".into(),
            task: "t-1".into(),
            digest: Digest::new("sha256:ab"),
        },
    ));
    assert_eq!(aws(&[&stop]).execute(&action).await.unwrap(), "stopping");
}

//! Log groups and the bucket of exported logs, call by call.

use aws_sdk_cloudwatchlogs::operation::create_export_task::CreateExportTaskOutput;
use aws_sdk_cloudwatchlogs::operation::describe_export_tasks::DescribeExportTasksOutput;
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsOutput;
use aws_sdk_cloudwatchlogs::types::{
    ExportTask, ExportTaskStatus, ExportTaskStatusCode, LogGroup, LogGroupClass,
};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::types::Object;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use jiff::SignedDuration;
use lamplighter::model::{Arn, LogDay};
use lamplighter::plan::{Action, ExportLogs, LogAction, WriteManifest};
use lamplighter::ports::capability::ArchiveActions;
use lamplighter::ports::{Executor, Logs};
use lamplighter_aws::Aws;
use rstest::rstest;

fn aws(logs: aws_sdk_cloudwatchlogs::Client, s3: aws_sdk_s3::Client) -> Aws<ArchiveActions> {
    let aws = Aws::without_config();
    aws.with_client(logs).with_client(s3)
}

fn group(name: &str) -> Arn {
    Arn::new(format!(
        "arn:aws:logs:eu-west-1:123456789012:log-group:{name}"
    ))
}

fn web() -> LogDay {
    let day = "2026-11-20".parse().unwrap();
    LogDay {
        group: group("/ecs/web"),
        day,
        bucket: "logs".into(),
        prefix: "7d/ecs/web/2026-11-20".into(),
    }
}

fn export() -> Action {
    let from = "2026-11-20T00:00:00Z".parse().unwrap();
    Action::Log(LogAction::ExportLogs(ExportLogs {
        of: web(),
        from,
        to: from + SignedDuration::from_hours(24),
    }))
}

fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}

#[tokio::test]
async fn log_groups_are_described_fifty_at_a_time() {
    let described = mock!(aws_sdk_cloudwatchlogs::Client::describe_log_groups)
        .match_requests(|r| {
            r.log_group_identifiers().len() <= 50 && r.log_group_name_prefix().is_none()
        })
        .then_output(|| {
            let web = LogGroup::builder()
                .log_group_arn(group("/ecs/0").as_str())
                .retention_in_days(30);
            // An answer may have the older form of the ARN alone, and groups that nobody asked for.
            let old = LogGroup::builder().arn(format!("{}:*", group("/ecs/1")));
            let other = LogGroup::builder().log_group_arn(group("/ecs/other").as_str());
            let web = web
                .log_group_class(LogGroupClass::InfrequentAccess)
                .creation_time(1_000);
            let groups = vec![web.build(), old.build(), other.build()];
            DescribeLogGroupsOutput::builder()
                .set_log_groups(Some(groups))
                .build()
        });
    let aws = aws(
        mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&described]),
        mock_client!(aws_sdk_s3, []),
    );
    let arns: Vec<Arn> = (0..60).map(|n| group(&format!("/ecs/{n}"))).collect();
    let found = aws.describe_log_groups(&arns).await.unwrap();
    assert_eq!(described.num_calls(), 2);
    assert_eq!(
        (found[0].retention_days, found[0].class.as_str()),
        (Some(30), "INFREQUENT_ACCESS")
    );
    assert_eq!(
        (
            found[1].arn.clone(),
            found[1].retention_days,
            found[1].class.as_str()
        ),
        (arns[1].clone(), None, "STANDARD")
    );
    assert_eq!(found.len(), 4);
}

#[tokio::test]
async fn an_export_covers_the_day_and_returns_its_task() {
    let created = mock!(aws_sdk_cloudwatchlogs::Client::create_export_task)
        .match_requests(|r| {
            let day = 24 * 3_600 * 1_000;
            r.task_name() == Some("lamplighter 2026-11-20")
                && r.log_group_name() == Some("/ecs/web")
                && r.destination() == Some("logs")
                && r.destination_prefix() == Some("7d/ecs/web/2026-11-20")
                && r.from() == Some(1_795_132_800_000)
                && r.to() == Some(1_795_132_800_000 + day)
        })
        .then_output(|| CreateExportTaskOutput::builder().task_id("t-1").build());
    let aws = aws(
        mock_client!(aws_sdk_cloudwatchlogs, [&created]),
        mock_client!(aws_sdk_s3, []),
    );
    assert_eq!(aws.execute(&export()).await.unwrap(), "t-1");
}

#[rstest]
#[case::another_runs("LimitExceededException", true)]
#[case::the_bucket_refuses("InvalidParameterException", false)]
#[tokio::test]
async fn a_second_export_is_a_transient_state(
    #[case] code: &'static str,
    #[case] is_not_now: bool,
) {
    let body = format!(r#"{{"__type": "{code}", "message": "no"}}"#);
    let refused = mock!(aws_sdk_cloudwatchlogs::Client::create_export_task)
        .then_http_response(move || answer(400, &body));
    let aws = aws(
        mock_client!(aws_sdk_cloudwatchlogs, [&refused]),
        mock_client!(aws_sdk_s3, []),
    );
    let error = aws.execute(&export()).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.target.as_str()),
        (code, "/ecs/web")
    );
    assert_eq!(
        (error.is_transient_state(), error.refused),
        (is_not_now, true)
    );
}

#[tokio::test]
async fn an_export_task_has_the_settings_it_was_created_with() {
    let described =
        mock!(aws_sdk_cloudwatchlogs::Client::describe_export_tasks).then_output(|| {
            let status = ExportTaskStatus::builder()
                .code(ExportTaskStatusCode::Running)
                .message("Started")
                .build();
            let task = ExportTask::builder()
                .task_id("t-1")
                .task_name("lamplighter 2026-11-20")
                .log_group_name("/ecs/web");
            let task = task
                .destination("logs")
                .destination_prefix("7d/ecs/web/2026-11-20")
                .status(status)
                .build();
            DescribeExportTasksOutput::builder()
                .export_tasks(task)
                .build()
        });
    let aws = aws(
        mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&described]),
        mock_client!(aws_sdk_s3, []),
    );
    let task = aws.find_export_task("t-1").await.unwrap().unwrap();
    assert_eq!(
        (task.export_day(), task.status.as_str(), task.prefix),
        (Some(web().day), "RUNNING", web().prefix)
    );
    // RUNNING and PENDING are asked for one after the other.
    assert_eq!(
        (
            aws.running_export_tasks().await.unwrap().len(),
            described.num_calls()
        ),
        (2, 3)
    );
}

#[tokio::test]
async fn an_unknown_export_task_is_none() {
    let body = r#"{"__type": "ResourceNotFoundException", "message": "no"}"#;
    let gone = mock!(aws_sdk_cloudwatchlogs::Client::describe_export_tasks)
        .then_http_response(move || answer(400, body));
    let aws = aws(
        mock_client!(aws_sdk_cloudwatchlogs, [&gone]),
        mock_client!(aws_sdk_s3, []),
    );
    assert_eq!(aws.find_export_task("t-1").await.unwrap(), None);
}

#[rstest]
#[case::not_there(404, Ok(false))]
#[case::not_allowed(403, Err("HeadObject s3://logs/7d/ecs/web/2026-11-20/manifest.json"))]
#[tokio::test]
async fn a_missing_manifest_means_an_incomplete_export(
    #[case] status: u16,
    #[case] expected: Result<bool, &str>,
) {
    let head =
        mock!(aws_sdk_s3::Client::head_object).then_http_response(move || answer(status, ""));
    let aws = aws(
        mock_client!(aws_sdk_cloudwatchlogs, []),
        mock_client!(aws_sdk_s3, [&head]),
    );
    let answer = aws
        .is_export_complete(&web())
        .await
        .map_err(|error| format!("{} {}", error.call, error.target));
    assert_eq!(answer, expected.map_err(str::to_owned));
}

#[tokio::test]
async fn a_manifest_lists_the_objects_of_all_pages() {
    let page = |keys: &[&str], next: Option<&str>| {
        let objects = keys
            .iter()
            .map(|key| Object::builder().key(*key).size(10).build())
            .collect();
        let page = ListObjectsV2Output::builder().set_contents(Some(objects));
        page.set_is_truncated(Some(next.is_some()))
            .set_next_continuation_token(next.map(str::to_owned))
            .build()
    };
    let first = mock!(aws_sdk_s3::Client::list_objects_v2)
        .match_requests(|r| {
            r.prefix() == Some("7d/ecs/web/2026-11-20/t-1/") && r.continuation_token().is_none()
        })
        .then_output(move || page(&["a", "b"], Some("next")));
    let second = mock!(aws_sdk_s3::Client::list_objects_v2)
        .match_requests(|r| r.continuation_token() == Some("next"))
        .then_output(move || page(&["c"], None));
    let put = mock!(aws_sdk_s3::Client::put_object)
        .match_requests(|r| {
            let body: serde_json::Value =
                serde_json::from_slice(r.body().bytes().unwrap()).unwrap();
            r.key() == Some("7d/ecs/web/2026-11-20/manifest.json")
                && body["objects"].as_array().unwrap().len() == 3
                && body["task"] == "t-1"
                && body["bytes"] == 30
        })
        .then_output(|| PutObjectOutput::builder().build());
    let aws = aws(
        mock_client!(aws_sdk_cloudwatchlogs, []),
        mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&first, &second, &put]),
    );
    let said = aws
        .execute(&Action::Log(LogAction::WriteManifest(WriteManifest {
            of: web(),
            task: "t-1".into(),
        })))
        .await
        .unwrap();
    assert_eq!((said.as_str(), put.num_calls()), ("3 objects, 30 bytes", 1));
}

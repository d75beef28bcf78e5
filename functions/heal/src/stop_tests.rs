//! Real stop reasons and their causes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Task, TaskContainer, TaskDefinition};
use rstest::rstest;
use serde_json::{Value, json};

use crate::missing_resource::extract_missing_arn;
use lamplighter::release::stopped_task::{StopCause, StoppedTask};

/// Stop code and stop reason of a task, exit code and reason of its container, and the cause.
type Case = (
    &'static str,
    &'static str,
    Option<i32>,
    &'static str,
    StopCause,
);

/// Captured, or from the AWS pages that `stopped_task` names and the troubleshooting pages beside them.
#[rustfmt::skip]
const CASES: [Case; 61] = [
    ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1111111111111111111)", Some(137), "", StopCause::Routine),
    ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2222222222222222222)", Some(0), "", StopCause::Routine),
    ("ServiceSchedulerInitiated", "Availability-zone rebalancing initiated by (deployment ecs-svc/1)", Some(143), "", StopCause::Routine),
    ("UserInitiated", "Task stopped by user", Some(143), "", StopCause::Routine),
    ("UserInitiated", "lamplighter: its targets are unhealthy", Some(143), "", StopCause::Routine),
    ("UserInitiated", "Task stopped by (deployment ecs-svc/1)", None, "", StopCause::Routine),
    ("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop-web/0123456789abcdef)", Some(137), "", StopCause::HealthCheck),
    ("ServiceSchedulerInitiated", "Task failed ELB health checks in (elb shop-web)", Some(0), "", StopCause::HealthCheck),
    ("ServiceSchedulerInitiated", "Task failed container health checks", Some(137), "", StopCause::HealthCheck),
    ("ServiceSchedulerInitiated", "", None, "", StopCause::Routine),
    ("EssentialContainerExited", "Essential container in task exited", Some(1), "", StopCause::Exit),
    ("EssentialContainerExited", "Essential container in task exited", Some(0), "", StopCause::Exit),
    ("EssentialContainerExited", "Essential container in task exited", Some(2), "", StopCause::Exit),
    ("EssentialContainerExited", "Essential container in task exited", Some(139), "", StopCause::Exit),
    ("EssentialContainerExited", "Essential container in task exited", Some(143), "", StopCause::Exit),
    ("EssentialContainerExited", "Essential container in task exited", Some(137), "", StopCause::Exit),
    ("EssentialContainerExited", "Essential container in task exited", Some(254), "", StopCause::Exit),
    ("EssentialContainerExited", "Essential container in task exited due to an error.", Some(255), "", StopCause::Exit),
    ("", "Essential container in task exited", Some(1), "", StopCause::Exit),
    ("EssentialContainerExited", "Essential container in task exited", Some(1), "Application exited", StopCause::Exit),
    ("EssentialContainerExited", "Essential container in task exited", Some(137), "OutOfMemoryError: Container killed due to memory usage", StopCause::OutOfMemory),
    ("EssentialContainerExited", "Essential container in task exited", Some(137), "OutOfMemoryError", StopCause::OutOfMemory),
    ("EssentialContainerExited", "OutOfMemoryError: Container killed due to memory usage", Some(137), "", StopCause::OutOfMemory),
    ("ServiceSchedulerInitiated", "Task failed container health checks", Some(137), "OutOfMemoryError: Container killed due to memory usage", StopCause::OutOfMemory),
    ("TaskFailedToStart", "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref docker.io/library/web:latest: docker.io/library/web:latest: not found", None, "", StopCause::Image),
    ("TaskFailedToStart", "CannotPullContainerError: inspect image has been retried 1 time(s): failed to resolve ref \"public.ecr.aws/x/y:z\": unexpected status code 429 Too Many Requests - toomanyrequests: Rate exceeded", None, "", StopCause::Image),
    ("TaskFailedToStart", "CannotPullContainerError: The task can't pull the image 'shop/web:RC_1.4.2'. The image does not exist", None, "", StopCause::Image),
    ("TaskFailedToStart", "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'", None, "", StopCause::Image),
    ("TaskFailedToStart", "CannotPullImageManifestError: Error response from daemon: manifest unknown", None, "", StopCause::Image),
    ("TaskFailedToStart", "Task failed to start", None, "CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob111111111: no space left on device", StopCause::Image),
    ("TaskFailedToStart", "Task failed to start", None, "CannotPullECRContainerError: AccessDeniedException: User is not authorized", StopCause::Image),
    ("TaskFailedToStart", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ResourceNotFoundException: Secrets Manager can't find the specified secret.", None, "", StopCause::Setup),
    ("TaskFailedToStart", "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration.", None, "", StopCause::Setup),
    ("TaskFailedToStart", "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1", None, "", StopCause::Setup),
    ("TaskFailedToStart", "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount.nfs4: access denied by server'", None, "", StopCause::Setup),
    ("TaskFailedToStart", "ResourceInitializationError: failed to download env files: file download command: non empty error stream: s3: AccessDenied", None, "", StopCause::Setup),
    ("TaskFailedToStart", "ResourceInitializationError: failed to initialize logging driver: failed to create Cloudwatch log stream", None, "", StopCause::Setup),
    ("TaskFailedToStart", "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/shop-web' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions", None, "", StopCause::Setup),
    ("TaskFailedToStart", "CannotCreateVolumeError: Get emulator volume error", None, "", StopCause::Setup),
    ("TaskFailedToStart", "Fetching secret data from AWS Secrets Manager in region eu-west-1: secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db: ResourceNotFoundException: Secrets Manager can't find the specified secret.", None, "", StopCause::Setup),
    ("TaskFailedToStart", "Fetching secret data from SSM Parameter Store in eu-west-1: AccessDeniedException: User is not authorized to perform ssm:GetParameters", None, "", StopCause::Setup),
    ("TaskFailedToStart", "Task failed to start", None, "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.", StopCause::Setup),
    ("TaskFailedToStart", "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-0123456789abcdef0': InsufficientFreeAddressesInSubnet", None, "", StopCause::Capacity),
    ("TaskFailedToStart", "Task failed to start", None, "CannotStartContainerError: Error response from daemon: failed to create task for container: exec: \"/app\": stat /app: no such file or directory", StopCause::Start),
    ("TaskFailedToStart", "Task failed to start", None, "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 3m0s", StopCause::Start),
    ("TaskFailedToStart", "Task failed to start", None, "ContainerRuntimeError: failed to create new container runtime task: OCI runtime error", StopCause::Start),
    ("TaskFailedToStart", "Task failed to start", None, "CannotCreateContainerError: API error (500): devmapper: Thin Pool has 100 free data blocks", StopCause::Start),
    ("TaskFailedToStart", "Task failed to start", None, "", StopCause::Start),
    ("TaskFailedToStart", "InternalError: unexpected EOF", None, "", StopCause::Start),
    ("TaskFailedToStart", "Timeout waiting for network interface provisioning to complete.", None, "", StopCause::Capacity),
    ("TaskFailedToStart", "Capacity is unavailable at this time. Please try again later or in a different availability zone", None, "", StopCause::Capacity),
    ("TaskFailedToStart", "RESOURCE:MEMORY", None, "", StopCause::Capacity),
    ("SpotInterruption", "Your Spot Task was interrupted.", Some(137), "", StopCause::Spot),
    ("TerminationNotice", "Your Spot Task was interrupted.", Some(143), "", StopCause::Spot),
    ("SpotInterruption", "", Some(143), "", StopCause::Spot),
    ("", "Host EC2 (instance i-0123456789abcdef0) terminated.", None, "", StopCause::Host),
    ("", "Host EC2 (instance i-0123456789abcdef0) stopped/terminated.", Some(137), "", StopCause::Host),
    ("", "Container instance deregistration forced by user", None, "", StopCause::Host),
    ("ServiceSchedulerInitiated", "ECS is performing maintenance on the underlying infrastructure hosting the task", Some(143), "", StopCause::Host),
    ("SomeStrangeStopCode", "Something that nobody has said before", None, "", StopCause::Unknown),
    ("", "", None, "", StopCause::Unknown),
];

fn task(code: &str, reason: &str, exit_code: Option<i32>, container: &str) -> Task {
    let named = |name: &str| TaskContainer {
        name: name.to_owned(),
        ..TaskContainer::default()
    };
    let web = TaskContainer {
        exit_code,
        reason: container.to_owned(),
        ..named("web")
    };
    Task {
        status: "STOPPED".to_owned(),
        stop_code: code.to_owned(),
        reason: reason.to_owned(),
        // The failed container is not the first one.
        containers: vec![named("log_router"), web],
        ..Task::default()
    }
}

#[test]
fn every_stop_reason_has_its_cause() {
    assert!(CASES.len() >= 40);
    for (code, reason, exit_code, container, cause) in CASES {
        let stop = StoppedTask::from_task(&task(code, reason, exit_code, container), None);
        assert_eq!(
            stop.cause, cause,
            "{code}: {reason} ({exit_code:?}, {container})"
        );
    }
}

#[test]
fn the_stopped_task_names_the_failed_container() {
    let killed = StoppedTask::from_task(
        &task(
            "EssentialContainerExited",
            "Essential container in task exited",
            Some(137),
            "OutOfMemoryError",
        ),
        None,
    );
    assert_eq!(
        (killed.container.as_deref(), killed.reason.as_str()),
        (Some("web"), "OutOfMemoryError")
    );
    assert_eq!(killed.exit_code, Some(137));
    let ended = StoppedTask::from_task(
        &task(
            "EssentialContainerExited",
            "Essential container in task exited",
            Some(0),
            "",
        ),
        None,
    );
    assert_eq!(
        (ended.container.as_deref(), ended.is_failure()),
        (Some("web"), true)
    );
}

/// A task with these containers: name, exit code, reason.
fn task_of(code: &str, reason: &str, containers: &[(&str, Option<i32>, &str)]) -> Task {
    let containers = containers
        .iter()
        .map(|(name, exit_code, reason)| TaskContainer {
            name: (*name).to_owned(),
            exit_code: *exit_code,
            reason: (*reason).to_owned(),
            ..TaskContainer::default()
        });
    Task {
        status: "STOPPED".to_owned(),
        stop_code: code.to_owned(),
        reason: reason.to_owned(),
        containers: containers.collect(),
        ..Task::default()
    }
}

/// `web` and `proxy` are essential, `log_router` is not. AWS adds an agent that no definition has.
fn definition() -> TaskDefinition {
    let Value::Object(document) = json!({"containerDefinitions": [
        {"name": "web", "essential": true, "stopTimeout": 10}, {"name": "proxy"}, {"name": "log_router", "essential": false},
    ]}) else {
        unreachable!("an object")
    };
    TaskDefinition {
        document,
        tags: BTreeMap::new(),
    }
}

const EXITED: (&str, &str) = (
    "EssentialContainerExited",
    "Essential container in task exited",
);

#[rstest]
#[case::the_sidecar_was_killed(&[("log_router", Some(137), ""), ("web", Some(0), "")], "web")]
#[case::the_sidecar_failed_at_the_end(&[("log_router", Some(1), ""), ("web", Some(0), "")], "web")]
#[case::an_agent_of_aws(&[("aws-guardduty-agent-x1", Some(0), ""), ("web", Some(137), "")], "web")]
#[case::an_error_before_a_signal(&[("proxy", Some(137), ""), ("web", Some(1), "")], "web")]
#[case::an_end_before_a_kill(&[("proxy", Some(137), ""), ("web", Some(0), "")], "web")]
#[case::trouble_while_stopping(&[("proxy", Some(137), "DockerTimeoutError: Could not transition to stopped; timed out after waiting 2m0s"), ("web", Some(1), "")], "web")]
fn the_essential_container_that_ended_first_is_to_blame(
    #[case] containers: &[(&str, Option<i32>, &str)],
    #[case] blamed: &str,
) {
    let task = task_of(EXITED.0, EXITED.1, containers);
    let stop = StoppedTask::from_task(&task, Some(&definition()));
    assert_eq!(
        (stop.cause, stop.container.as_deref()),
        (StopCause::Exit, Some(blamed))
    );
}

/// ECS kills a container 10 seconds after SIGTERM at the soonest. A task that ended sooner was not killed by ECS.
#[rstest]
#[case::sooner(3, "web")]
#[case::later(12, "proxy")]
fn a_kill_before_the_stop_timeout_was_not_by_ecs(#[case] seconds: i64, #[case] blamed: &str) {
    let stopping = Timestamp::UNIX_EPOCH;
    let containers = [("proxy", Some(0), ""), ("web", Some(137), "")];
    let task = Task {
        stopped_at: Some(stopping),
        containers_ended_at: Some(stopping + SignedDuration::from_secs(seconds)),
        ..task_of(EXITED.0, EXITED.1, &containers)
    };
    let stop = StoppedTask::from_task(&task, Some(&definition()));
    assert_eq!(stop.container.as_deref(), Some(blamed));
}

#[test]
fn the_container_that_another_one_waits_for_is_to_blame() {
    let waits = "CannotStartContainerError:  dependency graph: failed to resolve container ordering dependency \
                 [migrate(shop/web:1.4.2) (STOPPED->RUNNING) -  Exit: 1] for target [web(shop/web:1.4.2) (NONE->RUNNING)] as \
                 dependency did not exit successfully.";
    let containers = [("web", Some(143), waits), ("migrate", Some(1), "")];
    let stop = StoppedTask::from_task(
        &task_of("TaskFailedToStart", "Task failed to start", &containers),
        None,
    );
    assert_eq!(stop.container.as_deref(), Some("migrate"));
    assert_eq!(stop.exit_code, Some(1));
    assert!(stop.reason.contains("did not exit successfully"));
}

/// What people write when they stop a task is no word of ECS.
#[test]
fn a_task_that_a_person_stopped_is_no_failure_whatever_the_reason_says() {
    for reason in [
        "reload env files",
        "no space left on device",
        "AccessDeniedException",
    ] {
        let stop = StoppedTask::from_task(&task_of("UserInitiated", reason, &[]), None);
        assert_eq!(stop.cause, StopCause::Routine, "{reason}");
    }
}

/// If ECS names no container, none was started, and another attempt fails as well.
#[test]
fn an_unknown_failure_to_start_is_lasting_unless_a_container_gives_a_reason() {
    let unknown = "Something that nobody has said before";
    let task = task_of("TaskFailedToStart", unknown, &[("web", None, "")]);
    assert!(!StoppedTask::from_task(&task, None).is_retriable);
    let task = task_of("TaskFailedToStart", unknown, &[("web", None, unknown)]);
    assert!(StoppedTask::from_task(&task, None).is_retriable);
}

#[test]
fn the_missing_resource_is_extracted_from_the_stop_reason() {
    for (says, arn) in [
        (
            "retrieve secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf: AccessDenied",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf",
        ),
        (
            "unable to assume the role 'arn:aws:iam::123456789012:role/shop-web' that was",
            "arn:aws:iam::123456789012:role/shop-web",
        ),
        (
            "in arn:aws-cn:logs:cn-north-1:123456789012:log-group:/shop/web. Try",
            "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/shop/web",
        ),
    ] {
        assert_eq!(extract_missing_arn(says), Some(arn));
    }
    assert_eq!(extract_missing_arn("the secret does not exist"), None);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read_container(container: &Value) -> TaskContainer {
    TaskContainer {
        image_digest: None,
        name: text(&container["name"]),
        exit_code: container["exitCode"]
            .as_i64()
            .and_then(|code| i32::try_from(code).ok()),
        reason: text(&container["reason"]),
        ports: Vec::new(),
    }
}

fn read_task(detail: &Value) -> Task {
    Task {
        task: text(&detail["taskArn"]),
        stop_code: text(&detail["stopCode"]),
        reason: text(&detail["stoppedReason"]),
        containers: detail["containers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(read_container)
            .collect(),
        ..Task::default()
    }
}

/// Classifies every stopped task in the folder that `EVENT_CORPUS` names.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the environment names the folder of the corpus"
)]
fn captured_tasks_have_a_known_cause() {
    let Some(corpus) = std::env::var_os("EVENT_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: EVENT_CORPUS is not set");
        return;
    };
    let mut classes = Vec::new();
    for file in fs::read_dir(corpus.join("ecs-task-state-change"))
        .unwrap()
        .flatten()
    {
        let event: Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
        let detail = &event["detail"];
        // ECS reports the reason before the task has stopped.
        if detail["stoppedReason"].is_null() {
            continue;
        }
        let stop = StoppedTask::from_task(&read_task(detail), None);
        // A known stop code never has an unknown cause.
        let known = [
            "EssentialContainerExited",
            "UserInitiated",
            "SpotInterruption",
            "TaskFailedToStart",
        ];
        assert!(
            stop.cause != StopCause::Unknown
                || !known.contains(&text(&detail["stopCode"]).as_str()),
            "{detail}"
        );
        classes.push(stop.cause);
    }
    assert!(classes.len() >= 10, "{classes:?}");
    for cause in [
        StopCause::Exit,
        StopCause::OutOfMemory,
        StopCause::Routine,
        StopCause::Spot,
    ] {
        assert!(classes.contains(&cause), "{cause:?} in {classes:?}");
    }
}

//! Translations of AWS events: the texts of samples, and every event of a captured corpus.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use alert::expiry::expire_conditions;
use alert::grouping::ingest_notification;
use alert::notification::NotificationKind;
use alert::text::IncidentMessage;
use alert::{aws_events, parse_record};
use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::{DATABASE_DOWN_CONDITION, Notification, Severity};
use lamplighter::ports::incidents::DispatcherState;
use rstest::rstest;
use serde_json::Value;

fn now() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

/// Returns subject and body of the first message about a notification.
fn render(notice: &Notification) -> (String, String) {
    let mut desk = DispatcherState::default();
    ingest_notification(&mut desk, notice);
    let incident = desk.incidents.values().next().unwrap();
    let message = IncidentMessage {
        incident,
        kind: NotificationKind::Firing,
        sent_lines: 0,
        stack: "lamplighter",
        pause: None,
        now: now(),
        escalated_after: None,
        links: None,
        has_buttons: false,
    };
    (message.subject(), message.body())
}

fn subject(notice: &Notification) -> String {
    render(notice).0
}

fn body(notice: &Notification) -> String {
    render(notice).1
}

fn text(name: &str) -> String {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/alert/{name}.json"));
    fs::read_to_string(file).unwrap()
}

fn sample(name: &str) -> Option<Notification> {
    parse_record(&text(name), "lamplighter", now()).unwrap()
}

#[test]
fn a_full_database_is_critical_with_the_words_of_rds() {
    let notice = sample("database-storage-full").unwrap();
    insta::assert_snapshot!(subject(&notice), @"[CRITICAL] orders: DB instance has reached the storage-full threshold, and the database has been...");
    insta::assert_snapshot!(body(&notice), @r"
    orders: DB instance has reached the storage-full threshold, and the database has been shut down

    Lamplighter leaves the services of its application alone until it is available.
    Why: RDS: DB instance has reached the storage-full threshold, and the database has been shut down. You can increase the allocated storage to address this issue. (RDS-EVENT-0221)
    Next: Check the database now: it is unavailable, or will be soon.

    To stop the reminders (every 4 h), set the tag lamplighter:ack = 9f799f05ef5e-1795229940

    Logs: https://eu-west-1.console.aws.amazon.com/rds/home?region=eu-west-1#database:id=orders;is-cluster=false;tab=logs-and-events
    Console: https://eu-west-1.console.aws.amazon.com/rds/home?region=eu-west-1#database:id=orders;is-cluster=false

    CRITICAL · RDS · shop · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

#[test]
fn a_scheduled_change_names_its_resource_and_its_time() {
    let notice = sample("health-scheduled-change").unwrap();
    insta::assert_snapshot!(subject(&notice), @"[warning] i-0123456789abcdef0: scheduled change in eu-west-1 on 2026-12-01 22:00 UTC - AWS_EC2_P...");
    insta::assert_snapshot!(body(&notice), @r"
    i-0123456789abcdef0: scheduled change in eu-west-1 on 2026-12-01 22:00 UTC - AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED

    Why: AWS Health: The hardware under your instance is degraded. It will be stopped after the date below. Affected: i-0123456789abcdef0. Start: 2026-12-01 22:00 UTC. End: 2026-12-01 22:00 UTC.
    Next: Follow the event in the AWS Health Dashboard.

    Console: https://health.console.aws.amazon.com/health/home#/account/dashboard/open-issues

    warning · AWS Health · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

/// AWS Health names a service `cluster|service`. Its tags name the application.
#[test]
fn a_retirement_of_tasks_is_about_their_service() {
    let notice = sample("health-task-retirement").unwrap();
    assert_eq!(
        notice.target.as_str(),
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/web"
    );
    assert_eq!(
        (notice.name.as_str(), notice.app.as_deref()),
        ("shop/web", Some("shop"))
    );
    assert_eq!(
        notice.message.title,
        "scheduled change in eu-west-1 on 2026-12-01 03:00 UTC - AWS_ECS_TASK_PATCHING_RETIREMENT"
    );
    assert!(notice.message.next.contains("--force-new-deployment"));
}

#[test]
fn many_resources_are_counted_not_cut_silently() {
    let notice = sample("health-many-databases").unwrap();
    assert!(
        notice
            .message
            .title
            .starts_with("scheduled change affects 100 resources in eu-west-1")
    );
    assert!(
        notice.message.why.contains("orders-1, orders-2,")
            && notice.message.why.contains("orders-10 and 90 more."),
        "{}",
        notice.message.why
    );
}

#[test]
fn exposed_credentials_are_critical_and_say_what_to_run() {
    let notice = sample("health-credentials-exposed").unwrap();
    assert_eq!(notice.message.severity, Severity::Critical);
    assert!(notice.message.fires.is_some());
    assert!(
        notice.message.next.contains(
            "--user-name \"$USER\" --access-key-id AKIAIOSFODNN7EXAMPLE --status Inactive"
        )
    );
}

/// What a rule of the stack does not filter out, because it is older than its filter for example.
#[test]
fn an_event_of_another_region_is_no_notification() {
    assert!(sample("health-other-region").is_none());
}

/// Builds an event of AWS Health from a sample, with these fields of its detail changed.
fn health_event(changes: &[(&str, Value)]) -> Option<Notification> {
    let mut event: Value = serde_json::from_str(&text("health-issue")).unwrap();
    for (field, value) in changes {
        event["detail"][*field] = value.clone();
    }
    parse_record(&event.to_string(), "lamplighter", now()).unwrap()
}

#[rstest]
#[case::abuse(&[("service", "ABUSE".into()), ("eventTypeCode", "AWS_ABUSE_DOS_REPORT".into())], Severity::Critical)]
#[case::risk(&[("service", "RISK".into()), ("eventTypeCode", "AWS_RISK_IAM_QUARANTINE".into())], Severity::Critical)]
#[case::suspected(&[("eventTypeCode", "AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED".into()), ("eventTypeCategory", "accountNotification".into())], Severity::Critical)]
#[case::investigation(&[("eventTypeCategory", "investigation".into())], Severity::Warning)]
#[case::service_that_nothing_here_needs(&[("service", "WORKMAIL".into())], Severity::Info)]
#[case::later_page(&[("page", "2".into()), ("totalPages", "3".into())], Severity::Info)]
#[case::pages_as_numbers(&[("page", 2.into()), ("totalPages", 3.into())], Severity::Info)]
#[case::closed(&[("statusCode", "closed".into())], Severity::Info)]
#[case::renewal_of_a_certificate(&[("service", "ACM".into()), ("eventTypeCode", "AWS_ACM_RENEWAL_STATE_CHANGE".into()), ("eventTypeCategory", "scheduledChange".into())], Severity::Info)]
#[case::threat_in_another_region(&[("service", "RISK".into()), ("eventTypeCode", "AWS_RISK_CREDENTIALS_EXPOSED".into()), ("eventRegion", "us-east-1".into())], Severity::Critical)]
fn health_events_by_severity(#[case] changes: &[(&str, Value)], #[case] severity: Severity) {
    assert_eq!(health_event(changes).unwrap().message.severity, severity);
}

/// Between its opening and its end, an issue may name one resource, several or none.
#[test]
fn an_issue_keeps_its_target_while_its_resources_change() {
    let one = serde_json::json!([{"entityValue": "shop|web"}]);
    let two = serde_json::json!([{"entityValue": "shop|web"}, {"entityValue": "shop|api"}]);
    let ecs = || ("service", Value::from("ECS"));
    let first = health_event(&[ecs(), ("affectedEntities", one)]).unwrap();
    let second = health_event(&[ecs(), ("affectedEntities", two)]).unwrap();
    let closed = health_event(&[ecs(), ("statusCode", "closed".into())]).unwrap();
    assert_eq!(first.name, "shop/web");
    assert_eq!(first.target, second.target);
    assert_eq!(first.target, closed.target);
    assert_eq!(first.message.fires, closed.message.clears);
}

/// A group that can't launch fires until it can.
#[test]
fn a_failed_launch_fires_until_one_succeeds() {
    let (failed, succeeded) = (
        sample("launch-failed").unwrap(),
        sample("launch-succeeded").unwrap(),
    );
    assert_eq!(
        failed.message.title,
        "no instance launched in eu-west-1b - no EC2 capacity"
    );
    assert_eq!(failed.name, "shop-hosts");
    assert_eq!(failed.target, succeeded.target);
    assert_eq!(failed.message.fires, succeeded.message.clears);
}

/// The words of AWS for failed launches.
/// Source: <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html>
#[rstest]
#[case(
    "You have requested more vCPU capacity than your current vCPU limit of 32 allows",
    "vCPU quota reached"
)]
#[case(
    "Could not launch Spot Instances. MaxSpotInstanceCountExceeded - Max spot instance count exceeded",
    "Spot quota reached"
)]
#[case(
    "Could not launch Spot Instances. SpotMaxPriceTooLow - Your Spot request price of 0.001 is lower than the minimum",
    "Spot price above the maximum"
)]
#[case(
    "Could not launch Spot Instances. UnfulfillableCapacity - There is no Spot capacity available that matches your request",
    "no Spot capacity"
)]
#[case(
    "The security group 'sg-0123' does not exist. Launching EC2 instance failed.",
    "part of the launch template missing"
)]
#[case(
    "Client.InternalError: Client error on launch.",
    "volume can't be decrypted"
)]
#[case(
    "You are not authorized to use launch template: lt-0123",
    "permission missing"
)]
#[case("Something new", "see the reason below")]
fn a_failed_launch_says_why(#[case] said: &str, #[case] reason: &str) {
    let mut event: Value = serde_json::from_str(&text("launch-failed")).unwrap();
    event["detail"]["StatusMessage"] = said.into();
    let notice = parse_record(&event.to_string(), "lamplighter", now())
        .unwrap()
        .unwrap();
    assert_eq!(
        notice.message.title,
        format!("no instance launched in eu-west-1b - {reason}")
    );
}

#[rstest]
#[case(
    "certificate-renewal-blocked",
    "certificate not renewed - action required",
    Severity::Warning
)]
#[case("certificate-revoked", "certificate revoked", Severity::Critical)]
#[case("certificate-available", "certificate is valid", Severity::Info)]
#[case("cache-limit-approaching", "limit nearly reached", Severity::Warning)]
#[case(
    "copy-job-failed",
    "no copy in vault offsite - AWS Backup copy job failed",
    Severity::Warning
)]
#[case(
    "restore-job-failed",
    "nothing restored - AWS Backup restore job of EFS failed",
    Severity::Warning
)]
fn other_services_of_aws_have_words(
    #[case] name: &str,
    #[case] title: &str,
    #[case] severity: Severity,
) {
    let notice = sample(name).unwrap();
    assert_eq!(
        (notice.message.title.as_str(), notice.message.severity),
        (title, severity)
    );
    assert!(!notice.name.is_empty() && !notice.message.next.is_empty());
}

/// No such event is documented; if one comes, it has words.
#[test]
fn a_failover_of_a_cache_has_words() {
    let mut event: Value = serde_json::from_str(&text("cache-updated")).unwrap();
    event["detail"]["Message"] = "Failover to replica node sessions-002 completed".into();
    let notice = parse_record(&event.to_string(), "lamplighter", now())
        .unwrap()
        .unwrap();
    assert_eq!(notice.message.title, "failover");
    assert!(notice.message.why.contains("sessions-002"));
}

#[test]
fn routine_changes_of_a_cache_are_no_notification() {
    assert!(sample("cache-updated").is_none());
}

#[test]
fn an_aws_issue_fires_until_aws_closes_it() {
    let (issue, closed) = (
        sample("health-issue").unwrap(),
        sample("health-issue-closed").unwrap(),
    );
    assert!(issue.message.fires.is_some());
    assert_eq!(
        (&closed.message.clears, closed.message.fires.is_some()),
        (&issue.message.fires, false)
    );
    assert_eq!(
        closed.message.title,
        "resolved by AWS in eu-west-1 - AWS_EC2_OPERATIONAL_ISSUE"
    );
    let mut desk = DispatcherState::default();
    for notice in [issue, closed] {
        ingest_notification(&mut desk, &notice);
    }
    assert!(
        desk.incidents.len() == 1
            && desk
                .incidents
                .values()
                .all(|incident| incident.resolved_at.is_some())
    );
}

#[test]
fn an_alarm_that_was_muted_meanwhile_still_resolves() {
    let on: Value = serde_json::from_str(&text("alarm-of-others-on")).unwrap();
    let mut off = on.clone();
    (off["detail"]["state"]["value"], off["detail"]["muteDetail"]) =
        ("OK".into(), serde_json::json!({"mutedBy": "rule"}));
    let read = |payload: &Value| parse_record(&payload.to_string(), "lamplighter", now()).unwrap();
    assert_eq!(
        read(&off).unwrap().message.clears,
        read(&on).unwrap().message.fires
    );
}

#[test]
fn a_service_at_its_maximum_capacity_is_a_warning() {
    let notice = sample("scaled-to-max").unwrap();
    insta::assert_snapshot!(subject(&notice), @"[warning] shop/web: 8/8 tasks - Application Auto Scaling is at its maximum");
    insta::assert_snapshot!(body(&notice), @r"
    shop/web: 8/8 tasks - Application Auto Scaling is at its maximum

    Why: It scaled out from 5 tasks and can't add more.
    Next: Raise the maximum capacity, or find the cause of the load.

    Logs: https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web/logs?region=eu-west-1
    Console: https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web/health?region=eu-west-1

    warning · Application Auto Scaling · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

#[test]
fn a_failed_rotation_names_the_command_to_rotate() {
    let notice = sample("rotation-failed").unwrap();
    insta::assert_snapshot!(subject(&notice), @"[warning] shop/db: secret rotation failed - tasks keep the current value");
    insta::assert_snapshot!(body(&notice), @r"
    shop/db: secret rotation failed - tasks keep the current value

    Why: Secrets Manager: Error when executing lambda arn:aws:lambda:eu-west-1:123456789012:function:rotate during setSecret step
    Next: Fix the rotation function, then rotate the secret:
    aws secretsmanager rotate-secret --region eu-west-1 --secret-id shop/db

    Console: https://eu-west-1.console.aws.amazon.com/secretsmanager/secret?name=shop/db&region=eu-west-1

    warning · Secrets Manager · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

#[test]
fn image_findings_and_user_alarms_are_warnings() {
    let subject_of = |name: &str| subject(&sample(name).unwrap());
    assert_eq!(
        subject_of("image-scan-critical"),
        "[warning] shop/web: 2 critical and 5 high vulnerabilities in RC_1.4.2"
    );
    assert_eq!(
        subject_of("image-finding-critical"),
        "[warning] shop/web: critical vulnerability - CVE-2026-1234 - openssl"
    );
    assert_eq!(
        subject_of("alarm-of-others-on"),
        "[warning] shop/web: alarm checkout-latency is in ALARM"
    );
    // Alarm and service share one incident, which resolves with the alarm.
    let on = sample("alarm-of-others-on").unwrap();
    assert_eq!(
        (on.cause(), on.message.fires.as_deref()),
        (
            lamplighter::model::Cause::Health,
            Some("alarm:checkout-latency")
        )
    );
    assert!(
        body(&on).contains("CloudWatch: Threshold Crossed"),
        "{}",
        body(&on)
    );
}

#[test]
fn a_failed_backup_job_is_a_warning() {
    let notice = sample("backup-job-failed").unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", subject(&notice), body(&notice)), @r"
    [warning] fs-0a1b2c3d4e5f67890: no recovery point created - AWS Backup job failed

    fs-0a1b2c3d4e5f67890: no recovery point created - AWS Backup job failed

    Why: AWS Backup says: The role may not describe the file system.
    Next: Fix the cause, or start a job by hand. The backup plan retries at its next scheduled time.

    Console: https://eu-west-1.console.aws.amazon.com/backup/home?region=eu-west-1#/jobs/backup/details/5c3b1a90-7d2e-4f68-9b0a-2f4e6d8c1a35

    warning · AWS Backup · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

#[test]
fn a_failed_deployment_fires_until_one_succeeds() {
    let notice = sample("deployment-failed").unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", subject(&notice), body(&notice)), @r"
    [warning] reports/production: deployment d-4Q7K2M9XE failed

    reports/production: deployment d-4Q7K2M9XE failed

    Why: The event of CodeDeploy gives no reason; the deployment's page does.
    Next: Open the deployment's page. Check the cause, and whether CodeDeploy rolled back.

    Console: https://eu-west-1.console.aws.amazon.com/codesuite/codedeploy/deployments/d-4Q7K2M9XE?region=eu-west-1

    warning · CodeDeploy · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
    let (mut desk, better) = (
        DispatcherState::default(),
        sample("deployment-succeeded").unwrap(),
    );
    ingest_notification(&mut desk, &better);
    assert!(
        desk.incidents.is_empty(),
        "a success without a failure is not sent"
    );
    ingest_notification(&mut desk, &notice);
    ingest_notification(
        &mut desk,
        &Notification {
            at: now() + SignedDuration::from_mins(5),
            ..better
        },
    );
    assert!(
        desk.incidents
            .values()
            .all(|incident| incident.resolved_at.is_some())
    );
}

/// Every message about a target links to its runbook.
#[test]
fn a_message_links_to_the_runbook() {
    let runbook = "https://wiki.example.com/shop/web";
    let notice = Notification {
        runbook: Some(runbook.to_owned()),
        ..sample("dead-letters").unwrap()
    };
    assert!(
        body(&notice).contains(&format!("\n\nRunbook: {runbook}\nConsole: ")),
        "{}",
        body(&notice)
    );
}

#[test]
fn dead_letters_fire_until_the_queue_is_empty() {
    let notice = sample("dead-letters").unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", subject(&notice), body(&notice)), @r"
    [CRITICAL] lamplighter: events failed all retries - dead-letter queue is not empty

    lamplighter: events failed all retries - dead-letter queue is not empty

    The next sweep reconciles their targets, except after the rotation of a secret.
    Why: A function failed on every attempt. Each message in the queue has the event and the error.
    Next: Read the queue:
    aws sqs receive-message --region eu-west-1 --visibility-timeout 0 --max-number-of-messages 10 --attribute-names All --message-attribute-names All --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/lamplighter-DeadLetters-1A2B3C4D5E6F
    Repeat until you have read every event. Fix the causes, then send the events again with a request to redrive (docs/requests.md), or purge the queue.

    Console: https://eu-west-1.console.aws.amazon.com/sqs/v3/home?region=eu-west-1#/queues/https%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F123456789012%2Flamplighter-DeadLetters-1A2B3C4D5E6F

    CRITICAL · CloudWatch · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
    let (mut desk, empty) = (
        DispatcherState::default(),
        sample("dead-letters-taken-out").unwrap(),
    );
    ingest_notification(&mut desk, &notice);
    ingest_notification(
        &mut desk,
        &Notification {
            at: now() + SignedDuration::from_mins(5),
            ..empty
        },
    );
    assert!(
        desk.incidents
            .values()
            .all(|incident| incident.resolved_at.is_some())
    );
}

#[test]
fn a_silent_sweep_fires_until_it_runs_and_its_new_alarm_is_not_sent() {
    let notice = sample("sweep-silent").unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", subject(&notice), body(&notice)), @r"
    [CRITICAL] lamplighter: heal sweep is not running - its EventBridge rule started nothing

    lamplighter: heal sweep is not running - its EventBridge rule started nothing

    Why: The rule lamplighter-HealSweep-1A2B3C4D5E6F missed several intervals. heal now sees only what AWS sends as an event.
    Next: Check the State of the rule:
    aws events describe-rule --region eu-west-1 --name lamplighter-HealSweep-1A2B3C4D5E6F
    If it is DISABLED, enable it:
    aws events enable-rule --region eu-west-1 --name lamplighter-HealSweep-1A2B3C4D5E6F
    If the rule does not exist, follow the section Disaster of OPERATIONS.md.

    Console: https://eu-west-1.console.aws.amazon.com/events/home?region=eu-west-1#/eventbus/default/rules/lamplighter-HealSweep-1A2B3C4D5E6F

    CRITICAL · CloudWatch · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
    let (mut desk, again) = (
        DispatcherState::default(),
        sample("sweep-runs-again").unwrap(),
    );
    assert_eq!(again.message.title, "heal sweep is running again");
    ingest_notification(&mut desk, &notice);
    expire_conditions(&mut desk, now() + SignedDuration::from_hours(30 * 24));
    assert!(
        desk.incidents
            .values()
            .all(|incident| incident.resolved_at.is_none()),
        "CloudWatch reports when it is resolved"
    );
    ingest_notification(
        &mut desk,
        &Notification {
            at: now() + SignedDuration::from_mins(5),
            ..again
        },
    );
    assert!(
        desk.incidents
            .values()
            .all(|incident| incident.resolved_at.is_some())
    );

    let past = text("sweep-silent").replace("lamplighter-silent-heal", "lamplighter-undelivered");
    assert_eq!(
        parse_record(&past, "lamplighter", now()).unwrap(),
        None,
        "CloudWatch publishes it to the topic"
    );
    let new = text("sweep-silent").replace(r#""value": "OK""#, r#""value": "INSUFFICIENT_DATA""#);
    assert_eq!(parse_record(&new, "lamplighter", now()).unwrap(), None);
}

#[test]
fn a_routine_event_is_not_sent() {
    assert_eq!(sample("database-backed-up"), None);
}

#[test]
fn an_unknown_event_is_forwarded_unchanged() {
    let event = r#"{"detail-type": "New Thing", "source": "aws.new", "resources": [null], "detail": {"what": "news"}}"#;
    let notice = parse_record(event, "lamplighter", now()).unwrap().unwrap();
    assert_eq!(subject(&notice), "aws.new: New Thing from aws.new");
    assert!(
        body(&notice).contains(r#"Event detail: {"what":"news"}"#),
        "{}",
        body(&notice)
    );
    assert!(parse_record("not JSON", "lamplighter", now()).is_err());
    assert!(parse_record(r#"{"neither": 1}"#, "lamplighter", now()).is_err());
}

/// Reports whether SNS accepts a subject, and it names its target.
fn is_valid_subject(subject: &str) -> bool {
    let is_accepted = !subject.is_empty() && subject.len() < 100 && subject.is_ascii();
    is_accepted && !subject.contains('\n') && !subject.starts_with(": ")
}

/// No panic, no trace of empty fields, and a subject that SNS accepts: for every event in the folder that
/// `EVENT_CORPUS` names.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the environment names the folder of the corpus"
)]
fn every_captured_event_is_translated_or_routine() {
    let Some(corpus) = std::env::var_os("EVENT_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: EVENT_CORPUS is not set");
        return;
    };
    let folders = fs::read_dir(corpus)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).unwrap().flatten());
    let (mut told, mut all) = (0, 0);
    for file in files {
        let Ok(event) = serde_json::from_slice::<Value>(&fs::read(file.path()).unwrap()) else {
            continue;
        };
        if !aws_events::is_aws_event(&event) {
            continue;
        }
        all += 1;
        let Some(mut notice) = aws_events::translate_event(event, "lamplighter", now()).unwrap()
        else {
            continue;
        };
        told += 1;
        let about = file.path();
        // A resolution without its alert is dropped, so it is rendered as if it fired.
        if notice
            .message
            .clears
            .as_deref()
            .is_some_and(|what| what != DATABASE_DOWN_CONDITION)
        {
            let mut desk = DispatcherState::default();
            ingest_notification(&mut desk, &notice);
            assert!(desk.incidents.is_empty(), "{about:?}");
            notice.message.fires = notice.message.clears.take();
        }
        let (subject, body) = render(&notice);
        assert!(is_valid_subject(&subject), "{about:?}: {subject}");
        // The detail of an unknown event may contain a null.
        let is_unchanged = body.contains("forwards it unchanged");
        for empty in ["null", "None", "undefined", "Some("] {
            assert!(is_unchanged || !body.contains(empty), "{about:?}: {body}");
        }
        assert!(body.len() < 20_000, "{about:?}");
    }
    assert!(told >= 40 && all >= 100, "{told} of {all}");
}

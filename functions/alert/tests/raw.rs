//! What people read of events of AWS: in words, and of every one that others have captured.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use alert::grouping::{expire_conditions, ingest_notification};
use alert::notification::NotificationKind;
use alert::text::IncidentMessage;
use alert::{aws_events, parse_record};
use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::{DATABASE_DOWN_CONDITION, Notification};
use lamplighter::ports::incidents::DispatcherState;
use serde_json::Value;

fn now() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

/// Subject and body of the first message about it.
fn letter(notice: &Notification) -> (String, String) {
    let mut desk = DispatcherState::default();
    ingest_notification(&mut desk, notice);
    let incident = desk.incidents.values().next().unwrap();
    let telling = IncidentMessage {
        incident,
        kind: NotificationKind::Firing,
        sent_lines: 0,
        stack: "lamplighter",
        now: now(),
        links: None,
    };
    (telling.subject(), telling.body())
}

fn subject(notice: &Notification) -> String {
    letter(notice).0
}

fn body(notice: &Notification) -> String {
    letter(notice).1
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
fn a_database_that_is_full_reads_well() {
    let notice = sample("database-storage-full").unwrap();
    insta::assert_snapshot!(subject(&notice), @"[CRITICAL] orders: DB instance has reached the storage-full threshold, and the database has been...");
    insta::assert_snapshot!(body(&notice), @r"
    orders: DB instance has reached the storage-full threshold, and the database has been shut down

    Why: RDS says: DB instance has reached the storage-full threshold, and the database has been shut down. You can increase the allocated storage to address this issue. (RDS-EVENT-0221)
    Next: Look at it now: it serves nobody, or will soon. Services of its application are left alone meanwhile.

    You are reminded every 4 h. Not any more with the tag lamplighter:ack = 9f799f05ef5e-1795229940

    https://eu-west-1.console.aws.amazon.com/rds/home?region=eu-west-1#database:id=orders;is-cluster=false

    CRITICAL · RDS of shop · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

#[test]
fn a_retirement_reads_well() {
    let notice = sample("health-scheduled-change").unwrap();
    insta::assert_snapshot!(subject(&notice), @"[warning] EC2: AWS will change something: AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED");
    insta::assert_snapshot!(body(&notice), @r"
    EC2: AWS will change something: AWS_EC2_PERSISTENT_INSTANCE_RETIREMENT_SCHEDULED

    Why: AWS Health says: The hardware under your instance is degraded. It will be stopped after the date below. It is about i-0123456789abcdef0. Since or from Tue, 1 Dec 2026 22:00:00 GMT.
    Next: Follow it in the Health dashboard; nothing is done about it from here.

    https://health.console.aws.amazon.com/health/home#/account/dashboard/open-issues

    warning · AWS Health · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

#[test]
fn an_issue_of_aws_lasts_until_aws_closes_it() {
    let (issue, closed) = (
        sample("health-issue").unwrap(),
        sample("health-issue-closed").unwrap(),
    );
    assert!(issue.message.begins.is_some());
    assert_eq!(
        (&closed.message.ends, closed.message.begins.is_some()),
        (&issue.message.begins, false)
    );
    assert_eq!(
        closed.message.title,
        "over, says AWS: AWS_EC2_OPERATIONAL_ISSUE"
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
fn the_end_of_an_alarm_that_was_muted_meanwhile_is_told() {
    let on: Value = serde_json::from_str(&text("alarm-of-others-on")).unwrap();
    let mut off = on.clone();
    (off["detail"]["state"]["value"], off["detail"]["muteDetail"]) =
        ("OK".into(), serde_json::json!({"mutedBy": "rule"}));
    let read = |payload: &Value| parse_record(&payload.to_string(), "lamplighter", now()).unwrap();
    assert_eq!(
        read(&off).unwrap().message.ends,
        read(&on).unwrap().message.begins
    );
}

#[test]
fn a_service_at_its_maximum_reads_well() {
    let notice = sample("scaled-to-max").unwrap();
    insta::assert_snapshot!(subject(&notice), @"[warning] shop/web: is at the maximum of Application Auto Scaling: 8 tasks");
    insta::assert_snapshot!(body(&notice), @r"
    shop/web: is at the maximum of Application Auto Scaling: 8 tasks

    Why: It had 5 tasks. What the load needs above 8 it does not get.
    Next: Raise its maximum capacity, or find out where the load comes from.

    https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web/health?region=eu-west-1

    warning · Application Auto Scaling · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

#[test]
fn a_rotation_that_failed_reads_well() {
    let notice = sample("rotation-failed").unwrap();
    insta::assert_snapshot!(subject(&notice), @"[warning] shop/db: its rotation failed");
    insta::assert_snapshot!(body(&notice), @r"
    shop/db: its rotation failed

    Why: Secrets Manager says: Error when executing lambda arn:aws:lambda:eu-west-1:123456789012:function:rotate during setSecret step
    Next: Tasks go on with the value they have. See that the rotation function works, and rotate it by hand.

    https://eu-west-1.console.aws.amazon.com/secretsmanager/secret?name=shop/db&region=eu-west-1

    warning · Secrets Manager · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

#[test]
fn what_is_found_in_images_and_alarms_of_others_read_well() {
    let told = |name: &str| subject(&sample(name).unwrap());
    assert_eq!(
        told("image-scan-critical"),
        "[warning] shop/web: the scan of RC_1.4.2 found 2 critical and 5 high"
    );
    assert_eq!(
        told("image-finding-critical"),
        "[warning] shop/web: has a critical finding: CVE-2026-1234 - openssl"
    );
    assert_eq!(
        told("alarm-of-others-on"),
        "[warning] shop/web: the alarm checkout-latency is on"
    );
    // With what our own operations say of the service it is one incident, and ends with the alarm.
    let on = sample("alarm-of-others-on").unwrap();
    assert_eq!(
        (on.cause(), on.message.begins.as_deref()),
        (
            lamplighter::model::Cause::Health,
            Some("alarm:checkout-latency")
        )
    );
    assert!(
        body(&on).contains("CloudWatch says: Threshold Crossed"),
        "{}",
        body(&on)
    );
}

#[test]
fn a_backup_job_that_failed_reads_well() {
    let notice = sample("backup-job-failed").unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", subject(&notice), body(&notice)), @r"
    [warning] fs-0a1b2c3d4e5f67890: AWS Backup took no backup: its job failed

    fs-0a1b2c3d4e5f67890: AWS Backup took no backup: its job failed

    Why: AWS Backup says: The role may not describe the file system.
    Next: Its plan tries again at its next time. Mend the reason before, or start a job by hand.

    https://eu-west-1.console.aws.amazon.com/backup/home?region=eu-west-1#/jobs/backup/details/5c3b1a90-7d2e-4f68-9b0a-2f4e6d8c1a35

    warning · AWS Backup · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
}

#[test]
fn a_deployment_that_failed_reads_well_and_ends_with_one_that_succeeded() {
    let notice = sample("deployment-failed").unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", subject(&notice), body(&notice)), @r"
    [warning] reports/production: its deployment d-4Q7K2M9XE failed

    reports/production: its deployment d-4Q7K2M9XE failed

    Why: CodeDeploy's event has no reason; its page has.
    Next: See there what failed, and whether CodeDeploy went back by itself.

    https://eu-west-1.console.aws.amazon.com/codesuite/codedeploy/deployments/d-4Q7K2M9XE?region=eu-west-1

    warning · CodeDeploy · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
    let (mut desk, better) = (
        DispatcherState::default(),
        sample("deployment-succeeded").unwrap(),
    );
    ingest_notification(&mut desk, &better);
    assert!(
        desk.incidents.is_empty(),
        "that one succeeded is nobody's news"
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

#[test]
fn an_event_that_was_given_up_on_reads_well() {
    let notice = sample("dead-letters").unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", subject(&notice), body(&notice)), @r"
    [CRITICAL] lamplighter: an event was given up on

    lamplighter: an event was given up on

    Why: A function failed with it every time. The dead-letter queue has the event and the reason.
    Next: What it was about, the next sweep looks at again; only of a secret's rotation there is no sweep: invoke Deploy with its event. Purge the queue when all is well. To read it: aws sqs receive-message --region eu-west-1 --visibility-timeout 0 --attribute-names All --message-attribute-names All --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/lamplighter-DeadLetters-1A2B3C4D5E6F

    https://eu-west-1.console.aws.amazon.com/sqs/v3/home?region=eu-west-1#/queues/https%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F123456789012%2Flamplighter-DeadLetters-1A2B3C4D5E6F

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
fn a_sweep_that_does_not_run_reads_well_and_a_new_alarm_on_it_is_no_news() {
    let notice = sample("sweep-silent").unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", subject(&notice), body(&notice)), @r"
    [CRITICAL] lamplighter: the sweep of heal does not run

    lamplighter: the sweep of heal does not run

    Why: The rule lamplighter-HealSweep-1A2B3C4D5E6F has started nothing for several of its turns. What no event tells, heal does not see.
    Next: Look whether somebody turned it off: aws events describe-rule --region eu-west-1 --name lamplighter-HealSweep-1A2B3C4D5E6F says its State. If it is DISABLED: aws events enable-rule --region eu-west-1 --name lamplighter-HealSweep-1A2B3C4D5E6F. If there is no such rule, OPERATIONS.md says how it comes back.

    https://eu-west-1.console.aws.amazon.com/events/home?region=eu-west-1#/eventbus/default/rules/lamplighter-HealSweep-1A2B3C4D5E6F

    CRITICAL · CloudWatch · 2026-11-21 02:59:00 UTC · stack lamplighter
    ");
    let (mut desk, again) = (
        DispatcherState::default(),
        sample("sweep-runs-again").unwrap(),
    );
    assert_eq!(again.message.title, "the sweep of heal runs again");
    ingest_notification(&mut desk, &notice);
    expire_conditions(&mut desk, now() + SignedDuration::from_hours(30 * 24));
    assert!(
        desk.incidents
            .values()
            .all(|incident| incident.resolved_at.is_none()),
        "CloudWatch says when it is over"
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

    let past = text("sweep-silent").replace("lamplighter-silent-heal", "lamplighter-untold");
    assert_eq!(
        parse_record(&past, "lamplighter", now()).unwrap(),
        None,
        "the topic has it already"
    );
    let new = text("sweep-silent").replace(r#""value": "OK""#, r#""value": "INSUFFICIENT_DATA""#);
    assert_eq!(parse_record(&new, "lamplighter", now()).unwrap(), None);
}

#[test]
fn what_happens_every_day_is_not_told() {
    assert_eq!(sample("database-backed-up"), None);
}

#[test]
fn what_nobody_knows_is_passed_on_as_it_came() {
    let event = r#"{"detail-type": "New Thing", "source": "aws.new", "resources": [null], "detail": {"what": "news"}}"#;
    let notice = parse_record(event, "lamplighter", now()).unwrap().unwrap();
    assert_eq!(subject(&notice), "aws.new: New Thing from aws.new");
    assert!(
        body(&notice).contains(r#"AWS says: {"what":"news"}"#),
        "{}",
        body(&notice)
    );
    assert!(parse_record("not JSON", "lamplighter", now()).is_err());
    assert!(parse_record(r#"{"neither": 1}"#, "lamplighter", now()).is_err());
}

/// No panic, no word of a field that was empty, and a subject that SNS takes: for every event in the folder that
/// `EVENT_CORPUS` names.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "where the corpus is, the environment says"
)]
fn every_event_that_others_captured_is_told_or_happens_every_day() {
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
        let about = file.path();
        let Some(mut notice) = aws_events::translate_event(event, "lamplighter", now()).unwrap()
        else {
            continue;
        };
        told += 1;
        // That an alarm is off which nobody heard go on is nobody's news: it is read with what it ends.
        if notice
            .message
            .ends
            .as_deref()
            .is_some_and(|what| what != DATABASE_DOWN_CONDITION)
        {
            let mut desk = DispatcherState::default();
            ingest_notification(&mut desk, &notice);
            assert!(desk.incidents.is_empty(), "{about:?}");
            notice.message.begins = notice.message.ends.take();
        }
        let (subject, body) = letter(&notice);
        assert!(
            !subject.is_empty() && subject.len() < 100 && subject.is_ascii(),
            "{about:?}: {subject}"
        );
        assert!(
            !subject.contains('\n') && !subject.starts_with(": "),
            "{about:?}: {subject}"
        );
        // What is passed on as it came may have a null in it.
        let as_it_came = body.contains("it is passed on as it came");
        for empty in ["null", "None", "undefined", "Some("] {
            assert!(as_it_came || !body.contains(empty), "{about:?}: {body}");
        }
        assert!(body.len() < 20_000, "{about:?}");
    }
    assert!(told >= 40 && all >= 100, "{told} of {all}");
}

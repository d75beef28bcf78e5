//! The event patterns in `infra/template.yaml`, against our sample events, by the emulator's matcher.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use e2e::testkit::setup::root;
use e2e::testkit::stack::Stack;
use serde_json::{Value, json};

/// Sample event → the rules that must match it. Every other rule must not.
const MATCHES: [(&str, &[&str]); 135] = [
    ("alert/alarm-of-others-on", &["AlertAlarms"]),
    ("alert/backup-job-failed", &["AlertJobs"]),
    ("alert/database-backed-up", &[]),
    ("alert/database-call-recorded", &[]),
    (
        "alert/database-storage-full",
        &["AlertDatabases", "HealDatabases"],
    ),
    // What is told twice is told once: its lines are the same.
    ("alert/dead-letters", &["AlertAlarms", "AlertOwnAlarms"]),
    (
        "alert/dead-letters-taken-out",
        &["AlertAlarms", "AlertOwnAlarms"],
    ),
    ("alert/sweep-runs-again", &["AlertAlarms", "AlertOwnAlarms"]),
    ("alert/sweep-silent", &["AlertAlarms", "AlertOwnAlarms"]),
    (
        "alert/deployment-failed",
        &["AlertDeployments", "RolloutCodeDeployments"],
    ),
    (
        "alert/deployment-succeeded",
        &["AlertDeployments", "RolloutCodeDeployments"],
    ),
    ("alert/health-issue", &["AlertHealth"]),
    ("alert/health-issue-closed", &["AlertHealth"]),
    ("alert/health-scheduled-change", &["AlertHealth"]),
    ("alert/health-task-retirement", &["AlertHealth"]),
    ("alert/health-many-databases", &["AlertHealth"]),
    ("alert/health-credentials-exposed", &["AlertHealth"]),
    // A copy for the backup region of another one.
    ("alert/health-other-region", &[]),
    ("alert/launch-failed", &["AlertLaunches"]),
    ("alert/launch-succeeded", &["AlertLaunches"]),
    (
        "alert/certificate-renewal-blocked",
        &["AlertRenewals", "CertificatesChanges"],
    ),
    ("alert/certificate-revoked", &["AlertCertificates"]),
    (
        "alert/certificate-available",
        &["AlertRenewals", "CertificatesChanges"],
    ),
    ("alert/cache-limit-approaching", &["AlertCaches"]),
    ("alert/cache-updated", &["AlertCaches"]),
    ("alert/copy-job-failed", &["AlertCopies"]),
    ("alert/restore-job-failed", &["AlertRestores"]),
    ("alert/image-finding-critical", &["AlertFindings"]),
    ("alert/image-scan-critical", &["AlertScans", "DeployScan"]),
    ("alert/rotation-failed", &["AlertRotations"]),
    ("alert/scaled-to-max", &["AlertScaling"]),
    ("archive/sweep", &[]),
    ("archive/tags-changed", &["ArchiveTags"]),
    ("archive/tags-changed-of-others", &[]),
    ("backup/job-completed", &[]),
    ("backup/job-failed", &["BackupJobs"]),
    ("backup/job-failed-of-others", &["AlertJobs"]),
    ("backup/snapshot-automated", &[]),
    ("backup/snapshot-by-hand", &[]),
    ("backup/snapshot-created", &["BackupSnapshots"]),
    (
        "backup/snapshot-deleted",
        &["AlertDatabases", "BackupSnapshots"],
    ),
    ("backup/snapshot-of-cluster-created", &["BackupSnapshots"]),
    ("backup/sweep", &[]),
    ("backup/tags-changed", &["BackupTags", "EnrollTags"]),
    (
        "backup/tags-changed-on-cache",
        &["BackupTags", "EnrollTags"],
    ),
    (
        "certificates/approaching-expiration",
        &["CertificatesChanges"],
    ),
    (
        "certificates/available",
        &["AlertRenewals", "CertificatesChanges"],
    ),
    (
        "certificates/renewal-action-required",
        &["AlertRenewals", "CertificatesChanges"],
    ),
    ("certificates/revoked", &["AlertCertificates"]),
    ("certificates/sweep", &[]),
    ("deploy/delete", &[]),
    ("deploy/parameter-changed", &["DeployParameter"]),
    ("deploy/push-pulled-through", &["DeployCopy"]),
    ("deploy/push-replicated", &["DeployCopy"]),
    ("deploy/push-replication-failed", &[]),
    ("deploy/release-verified", &["DeployVerified"]),
    ("deploy/secret-changed", &["DeployNewSecretVersion"]),
    ("deploy/secret-labelled", &[]),
    ("deploy/push", &["DeployPush"]),
    ("deploy/push-child", &[]),
    ("deploy/push-failed", &[]),
    // What only the payload tells is left to the function.
    ("deploy/push-helm-chart", &["DeployPush"]),
    ("deploy/push-signature", &["DeployPush"]),
    ("deploy/push-single-image", &["DeployPush"]),
    ("deploy/scan-basic", &["AlertScans", "DeployScan"]),
    ("deploy/scan-basic-failed", &["AlertScans"]),
    ("deploy/scan-enhanced", &["DeployScan"]),
    ("deploy/secret-rotated", &["DeployRotation"]),
    ("deploy/secret-rotation-failed", &["AlertRotations"]),
    ("deploy/sweep", &[]),
    ("deploy/tags-changed", &["DeployTags", "EnrollTags"]),
    ("deploy/tags-changed-of-others", &[]),
    ("deploy/tags-changed-on-instance", &[]),
    ("deploy/task-ended", &["DeployPreDeploymentTasks"]),
    ("deploy/task-running", &[]),
    // A person's request is no event.
    ("drill/by-hand", &[]),
    ("drill/check-ended", &["DrillChecks"]),
    ("drill/check-running", &[]),
    ("drill/of-the-source", &[]),
    ("drill/restored", &["DrillDatabases"]),
    ("drill/restored-cluster", &["DrillDatabases"]),
    ("enroll/errors-end", &["EnrollAlarms"]),
    ("enroll/errors-fire", &["EnrollAlarms", "ScaleAlarm"]),
    ("enroll/service-created", &["EnrollCreated"]),
    ("enroll/service-deleted", &[]),
    ("enroll/sweep", &[]),
    ("enroll/tags-changed", &["DeployTags", "EnrollTags"]),
    (
        "enroll/tags-changed-on-database",
        &["BackupTags", "EnrollTags"],
    ),
    ("enroll/tags-removed", &["DeployTags", "EnrollTags"]),
    (
        "heal/database-recovered",
        &["AlertDatabases", "HealDatabases"],
    ),
    (
        "heal/database-storage-full",
        &["AlertDatabases", "HealDatabases"],
    ),
    ("heal/instance-connected", &[]),
    ("heal/instance-silent", &["HealInstances"]),
    ("heal/placement-failure", &["HealTrouble"]),
    ("heal/start-impaired", &["HealTrouble"]),
    ("heal/steady-state", &[]),
    ("heal/sweep", &[]),
    (
        "heal/targets-unhealthy",
        &["EnrollAlarms", "HealTargets", "ScaleAlarm"],
    ),
    ("heal/task-exited", &["HealTasks"]),
    // It succeeded.
    ("heal/task-of-no-service", &[]),
    ("heal/run-failed", &["HealRuns"]),
    ("heal/run-refused", &["HealRefusedRuns"]),
    ("heal/run-rejected", &["HealRefusedRuns"]),
    ("heal/run-started", &[]),
    ("heal/task-out-of-memory", &["HealTasks"]),
    ("heal/task-scaled-in", &[]),
    ("heal/task-stopping", &[]),
    ("heal/task-unhealthy", &["HealTasks"]),
    ("heal/task-without-secret", &["HealTasks"]),
    // A call of the HTTP API, which waits for its answer.
    ("request/deploy-call", &[]),
    (
        "request/passed-on",
        &[
            "BackupRequests",
            "DeployRequests",
            "DrillRequests",
            "RolloutRequests",
        ],
    ),
    ("request/pause-call", &[]),
    ("request/sweep", &[]),
    (
        "rollout/approved",
        &["DeployTags", "EnrollTags", "RolloutApprovals"],
    ),
    ("rollout/code-deployment-started", &[]),
    (
        "rollout/code-deployment-succeeded",
        &["AlertDeployments", "RolloutCodeDeployments"],
    ),
    ("rollout/deployment-completed", &["RolloutDeployments"]),
    ("rollout/deployment-failed", &["RolloutDeployments"]),
    ("rollout/deployment-in-progress", &[]),
    ("rollout/hook-awaiting-action", &["RolloutHooks"]),
    ("rollout/hook-succeeded", &[]),
    ("rollout/sweep", &[]),
    // An alarm's own invocation is no event.
    ("scale/alarm-action", &[]),
    ("scale/alarm-composite", &["AlertAlarms"]),
    ("scale/alarm-cpu", &["EnrollAlarms", "ScaleAlarm"]),
    ("scale/alarm-cpu-ok", &["EnrollAlarms"]),
    ("scale/alarm-of-a-user", &["AlertAlarms", "ScaleAlarm"]),
    ("scale/alarm-of-others", &["AlertAlarms"]),
    ("scale/alarm-requests", &["EnrollAlarms", "ScaleAlarm"]),
    (
        "scale/alarm-two-target-groups",
        &["EnrollAlarms", "ScaleAlarm"],
    ),
    ("scale/sweep", &[]),
    (
        "scale/tags-changed",
        &["DeployTags", "EnrollTags", "ScaleTags"],
    ),
    // A question of ECS, which waits for its answer.
    ("verify/canary-step", &[]),
    ("verify/code-deploy-hook", &[]),
    ("verify/sweep", &[]),
];

#[test]
fn every_rule_matches_what_it_must_and_nothing_else() {
    let stack = Stack::start(&[("NotifyAlarms", "yes"), ("NotifyJobs", "yes")]).unwrap();
    let rules = patterns(&stack);
    let expected: BTreeSet<&str> = MATCHES
        .iter()
        .flat_map(|(_, rules)| *rules)
        .copied()
        .collect();
    assert_eq!(
        rules.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        expected,
        "a rule has no sample event"
    );
    for (sample, expected) in MATCHES {
        let event = fs::read_to_string(root().join(format!("events/{sample}.json"))).unwrap();
        let matching: Vec<&str> = rules
            .iter()
            .filter(|(_, pattern)| matches(&stack, pattern, &event))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(matching, expected, "{sample}");
    }
}

#[test]
fn every_sample_event_is_in_the_table() {
    let folders = fs::read_dir(root().join("events")).unwrap().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).unwrap().flatten());
    let name = |path: std::path::PathBuf| {
        let folder = path
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        format!("{folder}/{}", path.file_stem().unwrap().to_string_lossy())
    };
    let names: BTreeSet<String> = files.map(|file| name(file.path())).collect();
    assert_eq!(
        names,
        MATCHES.iter().map(|(name, _)| (*name).to_owned()).collect()
    );
}

/// Logical name of each rule with a pattern, and the pattern.
fn patterns(stack: &Stack) -> BTreeMap<String, String> {
    let answer = stack.call("events", "ListRules", json!({})).unwrap();
    let rules = answer["Rules"].as_array().unwrap().iter();
    rules
        .filter_map(|rule| {
            let name = rule["Name"]
                .as_str()?
                .trim_start_matches("lamplighter-")
                .split('-')
                .next()?
                .to_owned();
            Some((name, rule["EventPattern"].as_str()?.to_owned()))
        })
        .collect()
}

fn matches(stack: &Stack, pattern: &str, event: &str) -> bool {
    let answer: Value = stack
        .call(
            "events",
            "TestEventPattern",
            json!({"EventPattern": pattern, "Event": event}),
        )
        .unwrap();
    answer["Result"].as_bool().unwrap()
}

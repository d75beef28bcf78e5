//! No decision depends on the words of an action: its key stays the same when its description is reworded.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::*;
use crate::model::{
    Arn, CapacityShare, Command, CopyDestination, Digest, EnvironmentCause, LogDay, Request,
    RequestScope, StrategySettings, TaskSizes,
};

const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/shop/web";
const DATABASE: &str = "arn:aws:rds:eu-west-1:123456789012:db:orders";
const SNAPSHOT: &str = "arn:aws:rds:eu-west-1:123456789012:snapshot:lamplighter-orders-1";

fn release_actions() -> Vec<Action> {
    let mut actions = revision_actions();
    actions.extend(verdict_actions());
    actions
}

fn revision_actions() -> Vec<Action> {
    let digest = Digest::new("sha256:ab12cd34ef56");
    let tag = "RC_1.4.2".to_owned();
    [
        ReleaseAction::Rollout(Rollout {
            service: Arn::new(SERVICE),
            base: "shop-web:41".to_owned(),
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
            registered: None,
            enable_circuit_breaker: true,
            shift: None,
            code_deploy: None,
            ask: None,
            tag: tag.clone(),
            digest: digest.clone(),
            approved: false,
            runs: String::new(),
            is_adoption: false,
            commit: None,
            template_image: None,
            adopts: None,
            candidates_after: None,
        }),
        ReleaseAction::RestartTasks(restart(false)),
        ReleaseAction::RestartTasks(restart(true)),
        ReleaseAction::Rollback(Rollback {
            service: Arn::new(SERVICE),
            to: "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:40".to_owned(),
            to_digest: None,
            stop: None,
            code_deploy: None,
            digest: digest.clone(),
            tag: tag.clone(),
            reason: "its probes failed".to_owned(),
            environment: None,
            candidates_after: None,
            request: None,
            skips: None,
        }),
        ReleaseAction::ContinueDeployment(ContinueDeployment {
            service: Arn::new(SERVICE),
            deployment: "arn:aws:ecs:eu-west-1:123456789012:service-deployment/shop/web/1"
                .to_owned(),
            hook: "h1".to_owned(),
            digest: Some(digest),
            tag,
        }),
    ]
    .map(Action::Release)
    .to_vec()
}

fn restart(heals: bool) -> RestartTasks {
    RestartTasks {
        service: Arn::new(SERVICE),
        since: Timestamp::UNIX_EPOCH,
        shifts: false,
        heals,
    }
}

fn verdict_actions() -> Vec<Action> {
    [
        ReleaseAction::RecordResult(record(ReleaseResult::Verified {
            revision: "shop-web:41".to_owned(),
        })),
        ReleaseAction::RecordResult(record(ReleaseResult::Rejected {
            reason: "its probes failed".to_owned(),
        })),
        ReleaseAction::RecordResult(record(ReleaseResult::Superseded)),
        ReleaseAction::RecordResult(record(ReleaseResult::NotBlamed {
            cause: EnvironmentCause::Capacity,
        })),
        ReleaseAction::AnswerCodeDeployHook(hook_answer(true)),
        ReleaseAction::AnswerCodeDeployHook(hook_answer(false)),
        ReleaseAction::PinRevision(pin()),
        ReleaseAction::RunPreDeploymentTask(pre_deployment_task()),
        ReleaseAction::StopPreDeploymentTask(StopPreDeploymentTask {
            service: Arn::new(SERVICE),
            family: "shop-migrate".to_owned(),
            task: "arn:aws:ecs:eu-west-1:123456789012:task/shop/0a1b".to_owned(),
            digest: Digest::new("sha256:ab12cd34ef56"),
        }),
        ReleaseAction::RestoreStrategy(RestoreStrategy {
            service: Arn::new(SERVICE),
            settings: StrategySettings {
                strategy: "CANARY".to_owned(),
                share: 500,
                step_minutes: 10,
                bake_minutes: 5,
            },
        }),
    ]
    .map(Action::Release)
    .to_vec()
}

fn record(result: ReleaseResult) -> RecordResult {
    let digest = Digest::new("sha256:ab12cd34ef56");
    RecordResult::new(&Arn::new(SERVICE), &digest, "RC_1.4.2", result)
}

fn pre_deployment_task() -> RunPreDeploymentTask {
    RunPreDeploymentTask {
        service: Arn::new(SERVICE),
        family: "shop-migrate".to_owned(),
        base: "shop-migrate:3".to_owned(),
        images: BTreeMap::new(),
        registered: None,
        revision_tags: BTreeMap::new(),
        task_tags: BTreeMap::new(),
        token: "lamplighter-before/0a1b2c3d4e5f6071/ab12cd34ef56a7b8-1".to_owned(),
        attempt: 1,
        tag: "RC_1.4.2".to_owned(),
        digest: Digest::new("sha256:ab12cd34ef56"),
        commit: None,
        pushed_at: None,
        snapshots_since: Timestamp::UNIX_EPOCH,
        is_adoption: false,
    }
}

fn pin() -> PinRevision {
    PinRevision {
        service: Arn::new(SERVICE),
        base: "base".to_owned(),
        images: BTreeMap::new(),
        tags: BTreeMap::new(),
        version: "latest".to_owned(),
        digest: Digest::new("sha256:cd"),
    }
}

fn hook_answer(passed: bool) -> AnswerCodeDeployHook {
    AnswerCodeDeployHook {
        service: Arn::new(SERVICE),
        deployment: "d-0ABC".to_owned(),
        execution: "e1".to_owned(),
        passed,
    }
}

fn healing_actions() -> Vec<Action> {
    let share = CapacityShare {
        provider: "FARGATE".to_owned(),
        weight: 1,
        base: 0,
    };
    [
        HealingAction::ReplaceTask(ReplaceTask {
            service: Arn::new(SERVICE),
            task: "arn:aws:ecs:eu-west-1:123456789012:task/shop/0a1b".to_owned(),
            reason: "unhealthy".to_owned(),
        }),
        HealingAction::ParkService(park(false)),
        HealingAction::ParkService(park(true)),
        HealingAction::IncreaseMemory(IncreaseMemory {
            service: Arn::new(SERVICE),
            base: "shop-web:41".to_owned(),
            sizes: TaskSizes {
                cpu: Some(512),
                memory: Some(2_048),
                containers: BTreeMap::from([("web".to_owned(), 1_024)]),
            },
            tags: BTreeMap::new(),
            shifts: false,
        }),
        HealingAction::SwitchCapacityProvider(SwitchCapacityProvider {
            service: Arn::new(SERVICE),
            from: vec![share.clone()],
            to: vec![share.clone(), share],
            restores: false,
            hours: 4,
            shifts: false,
        }),
        HealingAction::DrainInstance(DrainInstance {
            instance: Arn::new("arn:aws:ecs:eu-west-1:123456789012:container-instance/shop/0a1b"),
            ec2: "i-0a1b".to_owned(),
            has_group: true,
        }),
        HealingAction::CloseIncident(CloseIncident {
            service: Arn::new(SERVICE),
        }),
    ]
    .map(Action::Healing)
    .to_vec()
}

fn park(restores: bool) -> ParkService {
    ParkService {
        service: Arn::new(SERVICE),
        from: 4,
        to: 2,
        revision: "shop-web:41".to_owned(),
        restores,
    }
}

fn scaling_and_monitoring_actions() -> Vec<Action> {
    let dashboard = |body: Option<&str>| {
        Action::Monitoring(MonitoringAction::ApplyDashboard(ApplyDashboard {
            name: "lamplighter-shop".to_owned(),
            body: body.map(str::to_owned),
        }))
    };
    vec![
        Action::Scaling(ScalingAction::SetDesiredCount(SetDesiredCount {
            service: Arn::new(SERVICE),
            from: 2,
            to: 4,
            base: 2,
        })),
        Action::Scaling(ScalingAction::SetMinCapacity(SetMinCapacity {
            service: Arn::new(SERVICE),
            from: 2,
            to: 4,
            restores: false,
        })),
        Action::Monitoring(MonitoringAction::ApplyAlarms(ApplyAlarms {
            target: Arn::new(SERVICE),
            put: Vec::new(),
            tags: BTreeMap::new(),
            delete: vec!["lamplighter/shop/web/cpu-peak".to_owned()],
        })),
        dashboard(Some("{}")),
        dashboard(None),
    ]
}

fn backup_actions() -> Vec<Action> {
    let copy = |to| {
        BackupAction::CopySnapshot(CopySnapshot {
            snapshot: Arn::new(SNAPSHOT),
            identifier: "lamplighter-orders-20261121-0300-3f2a".into(),
            to: CopyDestination::parse(to).unwrap(),
            key: None,
            option_group: None,
            tags: BTreeMap::new(),
        })
    };
    [
        BackupAction::CreateSnapshot(CreateSnapshot {
            database: Arn::new(DATABASE),
            node: None,
            identifier: "lamplighter-orders-1".to_owned(),
            tags: BTreeMap::new(),
        }),
        copy("eu-central-1"),
        copy("vault"),
        BackupAction::DeleteSnapshot(DeleteSnapshot {
            snapshot: Arn::new(SNAPSHOT),
        }),
    ]
    .map(Action::Backup)
    .to_vec()
}

fn drill_actions() -> Vec<Action> {
    let restore = |call| {
        DrillAction::RestoreForDrill(RestoreForDrill {
            source: Arn::new(DATABASE),
            snapshot: Arn::new(SNAPSHOT),
            call,
        })
    };
    let instance = RestoreCall::Instance(RestoreInstance {
        name: "lamplighter-drill-orders".to_owned(),
        ..RestoreInstance::default()
    });
    let member = RestoreCall::Member(CreateMember {
        name: "lamplighter-drill-orders".to_owned(),
        ..CreateMember::default()
    });
    [
        restore(instance),
        restore(member),
        DrillAction::DeleteRestoredDatabase(DeleteRestoredDatabase {
            source: Arn::new(DATABASE),
            database: Arn::new(DATABASE),
            outcome: None,
        }),
        DrillAction::MarkVerified(MarkVerified {
            snapshot: Arn::new(SNAPSHOT),
            at: Timestamp::UNIX_EPOCH,
        }),
        DrillAction::RunCheckTask(RunCheckTask {
            source: Arn::new(DATABASE),
            cluster: "checks".to_owned(),
            task_definition: "shop-db-check".to_owned(),
            subnets: Vec::new(),
            security_group: "sg-1".to_owned(),
            environment: BTreeMap::new(),
            tags: BTreeMap::new(),
            token: "t1".to_owned(),
        }),
        DrillAction::StopCheckTask(StopCheckTask {
            cluster: "checks".to_owned(),
            task: "t1".to_owned(),
        }),
    ]
    .map(Action::Drill)
    .to_vec()
}

fn log_actions() -> Vec<Action> {
    let day = LogDay {
        group: Arn::new("arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/web"),
        day: jiff::civil::date(2026, 11, 20),
        bucket: "logs".to_owned(),
        prefix: "7d/ecs/web/2026-11-20".to_owned(),
    };
    [
        LogAction::ExportLogs(ExportLogs {
            of: day.clone(),
            from: Timestamp::UNIX_EPOCH,
            to: Timestamp::UNIX_EPOCH,
        }),
        LogAction::WriteManifest(WriteManifest {
            of: day.clone(),
            task: "t1".to_owned(),
        }),
        LogAction::SetRetention(SetRetention {
            group: day.group,
            days: 30,
        }),
    ]
    .map(Action::Log)
    .to_vec()
}

fn request_actions() -> Vec<Action> {
    let request = Request {
        id: "r1".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        by: "arn:aws:iam::123456789012:user/alice".to_owned(),
        reason: "release day".to_owned(),
        until: None,
        scope: RequestScope::Everything,
        command: Command::Pause,
    };
    vec![
        Action::Request(RequestAction::Record(request.clone())),
        Action::Request(RequestAction::Redrive(request)),
    ]
}

fn every_action() -> Vec<Action> {
    [
        release_actions(),
        healing_actions(),
        scaling_and_monitoring_actions(),
        backup_actions(),
        drill_actions(),
        log_actions(),
        request_actions(),
    ]
    .concat()
}

/// Numbers the kinds of actions. It matches exhaustively, so that a new kind asks for a sample.
fn kind_number(action: &Action) -> u32 {
    match action {
        Action::Release(ReleaseAction::Rollout(_)) => 0,
        Action::Release(ReleaseAction::RestartTasks(_)) => 1,
        Action::Release(ReleaseAction::Rollback(_)) => 2,
        Action::Release(ReleaseAction::ContinueDeployment(_)) => 3,
        Action::Release(ReleaseAction::RecordResult(_)) => 4,
        Action::Release(ReleaseAction::AnswerCodeDeployHook(_)) => 5,
        Action::Release(ReleaseAction::PinRevision(_)) => 28,
        Action::Release(ReleaseAction::RestoreStrategy(_)) => 29,
        Action::Release(ReleaseAction::RunPreDeploymentTask(_)) => 30,
        Action::Release(ReleaseAction::StopPreDeploymentTask(_)) => 31,
        Action::Scaling(ScalingAction::SetDesiredCount(_)) => 6,
        Action::Scaling(ScalingAction::SetMinCapacity(_)) => 7,
        Action::Monitoring(MonitoringAction::ApplyAlarms(_)) => 8,
        Action::Monitoring(MonitoringAction::ApplyDashboard(_)) => 9,
        Action::Backup(BackupAction::CreateSnapshot(_)) => 10,
        Action::Backup(BackupAction::CopySnapshot(_)) => 11,
        Action::Backup(BackupAction::DeleteSnapshot(_)) => 12,
        Action::Drill(DrillAction::RestoreForDrill(_)) => 13,
        Action::Drill(DrillAction::DeleteRestoredDatabase(_)) => 14,
        Action::Drill(DrillAction::MarkVerified(_)) => 15,
        Action::Drill(DrillAction::RunCheckTask(_)) => 16,
        Action::Drill(DrillAction::StopCheckTask(_)) => 17,
        Action::Log(LogAction::ExportLogs(_)) => 18,
        Action::Log(LogAction::WriteManifest(_)) => 19,
        Action::Log(LogAction::SetRetention(_)) => 20,
        Action::Healing(HealingAction::ReplaceTask(_)) => 21,
        Action::Healing(HealingAction::ParkService(_)) => 22,
        Action::Healing(HealingAction::IncreaseMemory(_)) => 23,
        Action::Healing(HealingAction::SwitchCapacityProvider(_)) => 24,
        Action::Healing(HealingAction::DrainInstance(_)) => 25,
        Action::Healing(HealingAction::CloseIncident(_)) => 26,
        Action::Request(RequestAction::Record(_)) => 27,
        Action::Request(RequestAction::Redrive(_)) => 32,
    }
}

#[test]
fn every_kind_of_action_has_a_sample() {
    let kinds: BTreeSet<u32> = every_action().iter().map(kind_number).collect();
    assert_eq!(kinds, (0..=32).collect());
}

#[test]
fn no_key_of_an_action_contains_a_part_of_its_description() {
    for action in every_action() {
        let key = action.stable_key();
        let description = action.describe();
        assert!(!key.contains(' '), "\"{key}\" has words");
        let words: Vec<&str> = description.split_whitespace().collect();
        for pair in words.windows(2) {
            assert!(
                !key.contains(&pair.join(" ")),
                "\"{key}\" contains a part of \"{description}\""
            );
        }
    }
}

#[test]
fn each_result_has_a_key_of_its_own() {
    let verdicts = release_actions()
        .into_iter()
        .filter(|action| kind_number(action) == 4);
    let keys: BTreeSet<String> = verdicts.map(|action| action.stable_key()).collect();
    assert_eq!(keys.len(), 4);
}

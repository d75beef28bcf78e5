//! Tasks of services, minute by minute, as the scheduler of ECS starts, replaces and throttles them, and what they run on.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::model::{Arn, LoadBalancerTarget, Service, Task, TaskContainer};
use lamplighter::plan::{
    DrainInstance, IncreaseMemory, ParkService, ReplaceTask, SwitchCapacityProvider,
};
use lamplighter::ports::{Services, TaskLifecycle, TaskOwner};
use serde_json::{Value, json};

use super::{State, World, confirm_answer, error};

/// ECS remembers stopped tasks for about an hour.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// Minutes between starts of tasks that never ran, at most.
const THROTTLED: u32 = 27;
const ZONES: [&str; 3] = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];

/// What becomes of the tasks of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conduct {
    #[default]
    Runs,
    /// They run, and end with an exit code after a minute.
    Crashes,
    /// They run for a few seconds.
    CrashesAtOnce,
    /// They are killed for their memory after a minute.
    OutOfMemory,
    /// They never run: the secret is missing.
    NoSecret,
    /// They never run: the image is missing.
    NoImage,
    /// They never run, for a reason in ECS's words.
    NeverStarts(&'static str),
    /// Their load balancer finds them unhealthy, and ECS replaces them.
    FailsHealthChecks,
    /// The same, and they never pass a check before.
    NeverHealthy,
    /// There is no room for new ones.
    NoRoom,
}

/// What is the matter with one service beside its tasks' conduct.
#[derive(Debug, Clone, Default)]
struct Kept {
    /// Starts that failed one after the other, and when the next one may be.
    failed_starts: u32,
    next_start: Timestamp,
}

/// The scheduler, for all services of a world.
pub struct Fleet {
    world: World,
    /// By service, and by revision where it matters.
    conduct: BTreeMap<(Arn, Option<String>), Conduct>,
    /// Nobody gets room here.
    dark: Option<&'static str>,
    kept: BTreeMap<Arn, Kept>,
    number: u32,
    /// How many minutes a task needs from its creation until it runs.
    pub startup: u32,
    /// What ECS would tell, in order.
    pub events: Vec<Value>,
}

impl Fleet {
    #[must_use]
    pub fn new(world: &World) -> Self {
        let (conduct, kept) = (BTreeMap::new(), BTreeMap::new());
        Self {
            world: world.clone(),
            conduct,
            dark: None,
            kept,
            number: 0,
            startup: 0,
            events: Vec::new(),
        }
    }

    /// From now on tasks of a service do this, whatever their revision.
    pub fn set(&mut self, service: &Arn, conduct: Conduct) {
        self.conduct.insert((service.clone(), None), conduct);
    }

    /// Those of the revision that runs now do this.
    pub fn set_revision(&mut self, service: &Arn, conduct: Conduct) {
        let revision = self.world.state().services[service].task_definition.clone();
        self.conduct
            .insert((service.clone(), Some(revision)), conduct);
    }

    /// A zone goes dark: its tasks are gone, and new ones find no room there.
    pub fn darken(&mut self, zone: Option<&'static str>) {
        self.dark = zone;
    }

    /// Tasks that run and answer nobody any more; others that are started do.
    pub fn hang(&mut self, service: &Arn) {
        let mut state = self.world.state_mut();
        let running = state
            .tasks
            .get(service)
            .into_iter()
            .flatten()
            .filter(|task| !task.is_stopped());
        let addresses: Vec<String> = running.filter_map(|task| task.address.clone()).collect();
        for target in state
            .targets
            .values_mut()
            .flatten()
            .filter(|target| addresses.contains(&target.id))
        {
            "unhealthy".clone_into(&mut target.state);
            "Request timed out".clone_into(&mut target.description);
        }
    }

    fn conduct_of(&self, service: &Service) -> Conduct {
        let by =
            |revision: Option<String>| self.conduct.get(&(service.arn.clone(), revision)).copied();
        by(Some(service.task_definition.clone()))
            .or_else(|| by(None))
            .unwrap_or_default()
    }

    /// A minute of ECS.
    pub fn minute(&mut self) {
        let services: Vec<Arn> = self.world.state().services.keys().cloned().collect();
        for arn in services {
            self.run_started_tasks(&arn);
            self.end_tasks(&arn);
            self.start_tasks(&arn);
            self.count(&arn);
        }
    }

    /// Tasks run once their start-up is over.
    fn run_started_tasks(&mut self, arn: &Arn) {
        let now = self.world.state().now;
        let startup = SignedDuration::from_mins(self.startup.into());
        for mut task in self.running(arn) {
            let is_ready = task
                .created_at
                .is_some_and(|at| now.duration_since(at) >= startup);
            if task.started_at.is_none() && is_ready {
                self.remove(arn, &task);
                "RUNNING".clone_into(&mut task.status);
                task.started_at = Some(now);
                self.keep(arn, task);
            }
        }
    }

    fn remove(&mut self, arn: &Arn, task: &Task) {
        if let Some(known) = self.world.state_mut().tasks.get_mut(arn) {
            known.retain(|other| other.task != task.task);
        }
    }

    /// Tasks end as their conduct says; those of an earlier deployment, and those that are too many, are stopped.
    fn end_tasks(&mut self, arn: &Arn) {
        let (service, now) = (self.described(arn), self.world.state().now);
        let conduct = self.conduct_of(&service);
        let deployed = service
            .primary_deployment()
            .and_then(|primary| primary.created_at)
            .unwrap_or_default();
        let mut kept = 0;
        for mut task in self.running(arn) {
            let started = task.started_at.unwrap_or(now);
            let is_old = started < deployed || task.task_definition != service.task_definition;
            let stop = if self.dark == Some(task.zone.as_str()) {
                Some((
                    "",
                    "Host EC2 (instance i-0123456789abcdef0) terminated.",
                    None,
                    "",
                ))
            } else if is_old || kept >= service.desired_count {
                Some((
                    "ServiceSchedulerInitiated",
                    "Scaling activity initiated by (deployment ecs-svc/1)",
                    Some(0),
                    "",
                ))
            } else {
                ends(conduct)
                    .filter(|_| now.duration_since(started) >= SignedDuration::from_mins(1))
            };
            match stop {
                Some(stop) => self.stop(arn, &mut task, stop),
                None => kept += 1,
            }
            if conduct == Conduct::CrashesAtOnce {
                self.backdate_stop(arn, &task, started + SignedDuration::from_secs(5));
            }
        }
    }

    /// Sets the time at which a task stopped that ran for less than a minute.
    fn backdate_stop(&self, arn: &Arn, task: &Task, at: Timestamp) {
        let mut state = self.world.state_mut();
        let known = state.tasks.get_mut(arn).into_iter().flatten();
        for stopped in known.filter(|other| other.task == task.task && other.is_stopped()) {
            stopped.stopped_at = Some(at);
        }
    }

    fn start_tasks(&mut self, arn: &Arn) {
        let (service, now) = (self.described(arn), self.world.state().now);
        let running = i32::try_from(self.running(arn).len()).unwrap_or(i32::MAX);
        let conduct = self.conduct_of(&service);
        let missing = (service.desired_count - running).max(0);
        if missing == 0
            || conduct == Conduct::NoRoom
            || self.kept.get(arn).is_some_and(|kept| now < kept.next_start)
        {
            return;
        }
        for _ in 0..missing {
            let mut task = self.task(&service);
            match never_runs(conduct) {
                Some((reason, container)) => {
                    task.started_at = None;
                    self.stop(
                        arn,
                        &mut task,
                        ("TaskFailedToStart", reason, None, container),
                    );
                }
                None => self.keep(arn, task),
            }
        }
        let kept = self.kept.entry(arn.clone()).or_default();
        kept.failed_starts = if never_runs(conduct).is_some() {
            kept.failed_starts + 1
        } else {
            0
        };
        let wait = 1_u32
            .checked_shl(kept.failed_starts)
            .unwrap_or(THROTTLED)
            .min(THROTTLED);
        let wait = if kept.failed_starts == 0 { 0 } else { wait };
        kept.next_start = now + SignedDuration::from_mins(wait.into());
    }

    fn task(&mut self, service: &Service) -> Task {
        self.number += 1;
        let zones: Vec<&str> = ZONES
            .into_iter()
            .filter(|zone| self.dark != Some(zone))
            .collect();
        let zone = zones[self.number as usize % zones.len()];
        let (now, is_running) = (self.world.state().now, self.startup == 0);
        Task {
            task: format!(
                "arn:aws:ecs:eu-west-1:123456789012:task/shop/{:032x}",
                self.number
            ),
            task_definition: service.task_definition.clone(),
            status: if is_running { "RUNNING" } else { "PENDING" }.to_owned(),
            created_at: Some(now),
            started_at: is_running.then_some(now),
            zone: zone.to_owned(),
            address: Some(format!(
                "10.{}.{}.{}",
                self.number >> 16,
                (self.number >> 8) & 255,
                self.number & 255
            )),
            containers: vec![TaskContainer {
                name: "web".to_owned(),
                ..TaskContainer::default()
            }],
            ..Task::default()
        }
    }

    fn keep(&mut self, arn: &Arn, task: Task) {
        let is_healthy = self.conduct_of(&self.described(arn)) != Conduct::NeverHealthy;
        let mut state = self.world.state_mut();
        let groups = if task.started_at.is_some() {
            state.services[arn].target_groups.clone()
        } else {
            Vec::new()
        };
        let health = if is_healthy { "healthy" } else { "initial" };
        for group in groups {
            let (id, state_of) = (task.address.clone().unwrap_or_default(), health.to_owned());
            let target = LoadBalancerTarget {
                group: group.clone(),
                id,
                port: 80,
                state: state_of,
                ..LoadBalancerTarget::default()
            };
            state.targets.entry(group).or_default().push(target);
        }
        state.tasks.entry(arn.clone()).or_default().push(task);
    }

    fn stop(
        &mut self,
        arn: &Arn,
        task: &mut Task,
        (code, reason, exit, container): (&str, &str, Option<i32>, &str),
    ) {
        let mut state = self.world.state_mut();
        let now = state.now;
        over(task, code, reason, now);
        for one in &mut task.containers {
            (one.exit_code, one.reason) = (exit, container.to_owned());
        }
        let known = state.tasks.entry(arn.clone()).or_default();
        known.retain(|other| {
            other.task != task.task
                && other
                    .stopped_at
                    .is_none_or(|at| now.duration_since(at) < REMEMBERED)
        });
        known.push(task.clone());
        state.forget_target(task);
        drop(state);
        self.events.push(stopped(arn, task));
    }

    /// What DescribeServices answers from now on.
    fn count(&mut self, arn: &Arn) {
        let tasks = self.running(arn);
        let count = |is_started: bool| {
            let counted = tasks
                .iter()
                .filter(|task| task.started_at.is_some() == is_started);
            i32::try_from(counted.count()).unwrap_or(i32::MAX)
        };
        let (running, pending) = (count(true), count(false));
        let mut state = self.world.state_mut();
        let Some(service) = state.services.get_mut(arn) else {
            return;
        };
        (service.running_count, service.pending_count) = (running, pending);
        if running >= service.desired_count && !service.deployments.is_empty() {
            state.settle(arn);
        }
    }

    fn described(&self, arn: &Arn) -> Service {
        self.world.state().services[arn].clone()
    }

    fn running(&self, arn: &Arn) -> Vec<Task> {
        let state = self.world.state();
        state
            .tasks
            .get(arn)
            .into_iter()
            .flatten()
            .filter(|task| !task.is_stopped())
            .cloned()
            .collect()
    }
}

/// How a task that ran ends: stop code, what ECS says, exit code, and what it says of the container.
fn ends(conduct: Conduct) -> Option<(&'static str, &'static str, Option<i32>, &'static str)> {
    const EXITED: &str = "Essential container in task exited";
    const KILLED: &str = "OutOfMemoryError: Container killed due to memory usage";
    const UNHEALTHY: &str = "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef)";
    match conduct {
        Conduct::Crashes | Conduct::CrashesAtOnce => {
            Some(("EssentialContainerExited", EXITED, Some(1), ""))
        }
        Conduct::OutOfMemory => Some(("EssentialContainerExited", EXITED, Some(137), KILLED)),
        Conduct::FailsHealthChecks | Conduct::NeverHealthy => {
            Some(("ServiceSchedulerInitiated", UNHEALTHY, Some(143), ""))
        }
        Conduct::Runs
        | Conduct::NoSecret
        | Conduct::NoImage
        | Conduct::NeverStarts(_)
        | Conduct::NoRoom => None,
    }
}

/// Why a task never runs: what ECS says of it, and of its container.
fn never_runs(conduct: Conduct) -> Option<(&'static str, &'static str)> {
    let of_task = |reason| Some((reason, ""));
    match conduct {
        Conduct::NoSecret => of_task(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: \
             unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret \
             arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf from secrets manager: \
             ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        ),
        Conduct::NoImage => of_task(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
             123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:RC_1.0.0: not found",
        ),
        Conduct::NeverStarts(reason) if reason.starts_with("CannotStart") => {
            Some(("Task failed to start", reason))
        }
        Conduct::NeverStarts(reason) => of_task(reason),
        Conduct::Runs
        | Conduct::Crashes
        | Conduct::CrashesAtOnce
        | Conduct::OutOfMemory
        | Conduct::FailsHealthChecks
        | Conduct::NeverHealthy
        | Conduct::NoRoom => None,
    }
}

fn over(task: &mut Task, code: &str, reason: &str, now: Timestamp) {
    "STOPPED".clone_into(&mut task.status);
    code.clone_into(&mut task.stop_code);
    reason.clone_into(&mut task.reason);
    task.stopped_at = Some(now);
}

/// The event of a task that stopped.
#[must_use]
pub fn stopped(service: &Arn, task: &Task) -> Value {
    let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
    json!({
        "version": "0", "id": format!("stopped-{}", task.task_id()), "detail-type": "ECS Task State Change",
        "source": "aws.ecs", "account": "123456789012", "region": "eu-west-1", "resources": [task.task],
        "time": task.stopped_at.map(|at| at.to_string()),
        "detail": {
            "taskArn": task.task, "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "group": format!("service:{name}"),
            "clusterArn": format!("arn:aws:ecs:eu-west-1:123456789012:cluster/{cluster}"),
            "stopCode": task.stop_code, "stoppedReason": task.reason, "startedBy": "ecs-svc/1", "version": 7,
        },
    })
}

/// Whether ECS still describes a task: it does so for about an hour after its end.
pub(super) fn is_remembered(task: &Task, now: Timestamp) -> bool {
    task.stopped_at
        .is_none_or(|at| now.duration_since(at) < SignedDuration::from_hours(1))
}

impl State {
    fn forget_target(&mut self, task: &Task) {
        for targets in self.targets.values_mut() {
            targets.retain(|target| Some(&target.id) != task.address.as_ref());
        }
    }
}

impl World {
    pub(super) async fn tasks_of(
        &self,
        of: TaskOwner<'_>,
        which: TaskLifecycle,
    ) -> Result<Vec<Task>, AwsError> {
        let name = match of {
            TaskOwner::Service(arn) | TaskOwner::Instance(arn) => arn.display_name(),
            TaskOwner::Family { family, .. } => family.to_owned(),
        };
        self.call("ListTasks", &name).await?;
        let mut found: Vec<Task> = match of {
            TaskOwner::Service(arn) => self.state().tasks.get(arn).cloned().unwrap_or_default(),
            TaskOwner::Family { cluster, family } => {
                let state = self.state();
                let all = state.tasks.values().flatten();
                let is_listed = |task: &&Task| {
                    let revision = task.task_definition.rsplit('/').next();
                    revision.and_then(|name| name.split(':').next()) == Some(family)
                        && task.task.contains(&format!(":task/{cluster}/"))
                        && is_remembered(task, state.now)
                };
                all.filter(is_listed).cloned().collect()
            }
            TaskOwner::Instance(arn) => {
                let state = self.state();
                let all = state.tasks.values().flatten();
                all.filter(|task| task.instance.as_deref() == Some(arn.as_str()))
                    .cloned()
                    .collect()
            }
        };
        found.retain(|task| task.is_stopped() == (which == TaskLifecycle::Stopped));
        for _ in 0..found.len().div_ceil(100) {
            self.call("DescribeTasks", &name).await?;
        }
        Ok(found)
    }

    pub(super) async fn replace(&self, replace: &ReplaceTask) -> Result<String, AwsError> {
        let answered = self
            .call("StopTask", &replace.service.display_name())
            .await?;
        {
            let mut state = self.state_mut();
            let now = state.now;
            let known = state.tasks.get_mut(&replace.service).into_iter().flatten();
            let Some(task) = known.into_iter().find(|task| task.task == replace.task) else {
                return Err(error(
                    "StopTask",
                    &replace.task,
                    "InvalidParameterException",
                    "no such task",
                ));
            };
            over(task, "UserInitiated", &replace.reason, now);
            let task = task.clone();
            state.forget_target(&task);
        }
        confirm_answer(answered, "StopTask", &replace.service.display_name())?;
        Ok("it is being stopped".to_owned())
    }

    pub(super) async fn park(&self, park: &ParkService) -> Result<String, AwsError> {
        let answered = self
            .call("UpdateService", &park.service.display_name())
            .await?;
        if let Some(service) = self.state_mut().services.get_mut(&park.service) {
            service.desired_count = i32::try_from(park.to).unwrap_or(i32::MAX);
        }
        confirm_answer(answered, "UpdateService", &park.service.display_name())?;
        Ok(format!("desired count {}", park.to))
    }

    pub(super) async fn enlarge(&self, enlarge: &IncreaseMemory) -> Result<String, AwsError> {
        let base = self.describe_task_definition(&enlarge.base).await?;
        let answered = self.call("RegisterTaskDefinition", base.family()).await?;
        let revision = self.state_mut().register_document(
            base.build_request_with_sizes(&enlarge.sizes),
            enlarge.tags.clone(),
        );
        confirm_answer(answered, "RegisterTaskDefinition", base.family())?;
        let answered = self
            .call("UpdateService", &enlarge.service.display_name())
            .await?;
        self.state_mut().deploy(&enlarge.service, &revision);
        confirm_answer(answered, "UpdateService", &enlarge.service.display_name())?;
        Ok("accepted".to_owned())
    }

    pub(super) async fn place(&self, moving: &SwitchCapacityProvider) -> Result<String, AwsError> {
        let answered = self
            .call("UpdateService", &moving.service.display_name())
            .await?;
        {
            let mut state = self.state_mut();
            let definition = state.services[&moving.service].task_definition.clone();
            state.deploy(&moving.service, &definition);
            if let Some(service) = state.services.get_mut(&moving.service) {
                service.capacity.clone_from(&moving.to);
            }
        }
        confirm_answer(answered, "UpdateService", &moving.service.display_name())?;
        Ok("accepted".to_owned())
    }

    pub(super) async fn drain(&self, drain: &DrainInstance) -> Result<String, AwsError> {
        if drain.has_group {
            let answered = self.call("SetInstanceHealth", &drain.ec2).await?;
            confirm_answer(answered, "SetInstanceHealth", &drain.ec2)?;
        }
        let answered = self
            .call("UpdateContainerInstancesState", &drain.ec2)
            .await?;
        if let Some(instance) = self.state_mut().instances.get_mut(&drain.instance) {
            "DRAINING".clone_into(&mut instance.status);
        }
        confirm_answer(answered, "UpdateContainerInstancesState", &drain.ec2)?;
        Ok("it is draining".to_owned())
    }
}

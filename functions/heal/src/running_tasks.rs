//! Reads the running tasks of a service and what load balancers say about them, and observes how many serve.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, LoadBalancerTarget, Service, TargetHealthCheck, Task};
use lamplighter::ports::{TaskLifecycle, TaskOwner};
use lamplighter::release::stopped_task::StoppedTask;

use crate::health::Health;
use crate::observed_service::ObservedService;
use crate::outage::{self, Serving};
use crate::policy::Policy;
use crate::reads::Reads;

/// The running tasks of a service, and what load balancers say about them.
pub struct RunningTasks {
    pub tasks: Vec<Task>,
    pub targets: Vec<LoadBalancerTarget>,
    /// The EC2 instance of each container instance with tasks that have no address of their own.
    pub ec2: BTreeMap<String, String>,
}

impl RunningTasks {
    pub const NONE: Self = Self {
        tasks: Vec::new(),
        targets: Vec::new(),
        ec2: BTreeMap::new(),
    };
}

/// Reads the running tasks and their targets. Returns `None` if they can't matter.
pub async fn read_running_tasks<C: Reads>(
    service: &Service,
    by_tasks: &Health,
    is_single_stop: bool,
    cloud: &C,
) -> Result<Option<RunningTasks>, AwsError> {
    let is_failing = by_tasks.is_failing();
    let is_balanced = !service.target_groups.is_empty();
    if service.running_count == 0 || !is_failing && (is_single_stop || !is_balanced) {
        return Ok(None);
    }
    let targets = if is_balanced {
        cloud.describe_target_health(&service.target_groups).await?
    } else {
        Vec::new()
    };
    if !is_failing && !targets.iter().any(LoadBalancerTarget::is_unhealthy) {
        return Ok(None);
    }
    let tasks = cloud
        .list_tasks(TaskOwner::Service(&service.arn), TaskLifecycle::Running)
        .await?;
    let ec2 = if is_balanced {
        read_ec2_instances(&tasks, cloud).await?
    } else {
        BTreeMap::new()
    };
    Ok(Some(RunningTasks {
        tasks,
        targets,
        ec2,
    }))
}

/// Observes how many tasks serve, and since when none does.
pub async fn observe_serving<C: Reads>(
    observed: &mut ObservedService,
    running: RunningTasks,
    context: TargetContext<'_, Policy>,
    cloud: &C,
) -> Result<(), AwsError> {
    let (service, stops) = (&observed.service, &observed.stopped_tasks);
    let tasks = if running.tasks.is_empty() {
        service.running_count
    } else {
        let failed = list_failed_tasks(observed);
        outage::count_serving_tasks(
            &running.tasks,
            &running.targets,
            &running.ec2,
            &failed,
            observed.at,
        )
    };
    if tasks > 0 || outage::is_first_start(service, stops, context.state, observed.at) {
        observed.serving.tasks = tasks;
        return Ok(());
    }
    // A crash loop isn't a slow start.
    let booting: &[Task] = if observed.health.is_failing() {
        &[]
    } else {
        &running.tasks
    };
    let checks = read_health_checks(service, cloud).await?;
    let interval = checks.iter().map(|check| check.interval).max();
    let interval = SignedDuration::from_secs(interval.unwrap_or_default().into());
    observed.serving = Serving {
        tasks,
        none_since: Some(outage::find_outage_start(context.state, stops, observed.at)),
        startup: outage::measure_startup(service, stops, booting, interval, observed.at),
    };
    observed.health_checks = checks;
    Ok(())
}

/// Lists the failed tasks of the running revision, if they make the service unhealthy.
fn list_failed_tasks(observed: &ObservedService) -> Vec<StoppedTask> {
    let is_own = |stop: &&StoppedTask| {
        stop.is_failure() && stop.revision == observed.service.task_definition
    };
    if observed.health.is_failing() {
        observed
            .stopped_tasks
            .iter()
            .filter(is_own)
            .cloned()
            .collect()
    } else {
        Vec::new()
    }
}

/// Maps the container instances of tasks without an own address to their EC2 instances.
async fn read_ec2_instances<C: Reads>(
    running: &[Task],
    cloud: &C,
) -> Result<BTreeMap<String, String>, AwsError> {
    let hosts: BTreeSet<&String> = running
        .iter()
        .filter(|task| task.address.is_none())
        .filter_map(|task| task.instance.as_ref())
        .collect();
    if hosts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let hosts: Vec<Arn> = hosts.into_iter().map(Arn::new).collect();
    let instances = cloud.describe_instances(&hosts).await?;
    Ok(instances
        .into_iter()
        .map(|instance| (instance.arn.to_string(), instance.ec2))
        .collect())
}

/// Reads what the load balancers of a service ask of its tasks.
pub async fn read_health_checks<C: Reads>(
    service: &Service,
    cloud: &C,
) -> Result<Vec<TargetHealthCheck>, AwsError> {
    let groups = cloud.describe_target_groups(&service.target_groups).await?;
    Ok(groups
        .into_values()
        .map(|group| group.health_check)
        .collect())
}

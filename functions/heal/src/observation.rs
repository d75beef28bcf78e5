//! Reads from AWS the facts that a decision needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::reads::Reads;
use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::TargetContext;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Service};
use lamplighter::ports::{TaskLifecycle, TaskOwner};
use lamplighter::release::dependencies;
use lamplighter::state::HealthIncident;
use lamplighter::{AwsError, policy};
use serde::Serialize;

use crate::decide::{back_off_until, grace_period_end};
use crate::health::{Health, Symptom, assess_health};
use crate::instance::ObservedInstance;
use crate::mass_failure::{MassFailure, is_all_services};
use crate::observed_service::ObservedService;
use crate::stopped_task::{Cause, StoppedTask};
use crate::{Policy, causes};

/// Number of services, and of applications, that are sampled to describe a mass failure.
const SAMPLE_SIZE: usize = 10;
/// How far before the incident service events are read. ECS reports why tasks are missing before
/// the shortage is observed, and then not again for a while.
const EVENT_LOOKBACK: SignedDuration = SignedDuration::from_mins(15);

/// Name of the ledger's watch list of services that are unhealthy now.
pub const UNHEALTHY_WATCH_LIST: &str = "unwell";

/// AWS state that is prefetched for all targets of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    pub(crate) at: Timestamp,
    pub(crate) services: BTreeMap<Arn, Service>,
    pub(crate) mass_failure: MassFailure,
    /// Whether an alarm triggered the run; it has already waited for a few minutes.
    pub(crate) by_alarm: bool,
    /// Per cluster: the number of container instances with a disconnected agent, and of all
    /// instances if several are disconnected.
    pub(crate) disconnected: BTreeMap<String, (usize, usize)>,
}

/// The observed state of a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Observed {
    Service(Box<ObservedService>),
    Instance(Box<ObservedInstance>),
    /// All services of a region, as one target.
    MassFailure(MassFailure),
    Gone,
}

/// Returns the healing state of a target, or a new one. If the target was healthy until now, it is
/// unhealthy since `now`.
fn current_healing(context: TargetContext<'_, Policy>, now: Timestamp) -> HealthIncident {
    let healing = context
        .state
        .health
        .healing
        .clone()
        .unwrap_or_else(|| HealthIncident::new(now));
    let unwell_since = if healing.well_since.is_some() {
        now
    } else {
        healing.unwell_since
    };
    HealthIncident {
        unwell_since,
        ..healing
    }
}

impl Prefetched {
    pub(crate) async fn observe_target<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &context.target.arn;
        if is_all_services(arn) {
            return Ok(Observed::MassFailure(
                self.observe_mass_failure(cloud).await?,
            ));
        }
        if arn.container_instance().is_some() {
            return self.observe_instance(context, cloud).await;
        }
        // Another invocation may have changed the service since the prefetch, so it is read again.
        let service = if context.state.last_change().is_some_and(|at| at >= self.at) {
            cloud
                .describe_services(std::slice::from_ref(arn))
                .await?
                .into_iter()
                .next()
        } else {
            self.services.get(arn).cloned()
        };
        let Some(service) = service else {
            return Ok(Observed::Gone);
        };
        let mut unit = ObservedService::new(service, self.at, context.policy.heal.mode);
        if unit.is_healable() {
            self.observe_service(&mut unit, context, cloud).await?;
        }
        Ok(Observed::Service(Box::new(unit)))
    }

    async fn observe_service<C: Reads>(
        &self,
        unit: &mut ObservedService,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<(), AwsError> {
        unit.mass_failure = self
            .mass_failure
            .covers_service(&unit.service.arn)
            .then(|| self.mass_failure.describe_share());
        unit.is_excused = unit.mass_failure.is_some().then_some(true);
        if unit.mass_failure.is_some() && unit.service.count_missing_tasks() > 0 {
            unit.health = Health::Unhealthy(Symptom::MissingTasks);
            return Ok(());
        }
        let stopped = cloud
            .list_tasks(
                TaskOwner::Service(&unit.service.arn),
                TaskLifecycle::Stopped,
            )
            .await?;
        unit.stopped_tasks = stopped.iter().map(StoppedTask::from_task).collect();
        self.diagnose_health(unit, context, cloud).await?;
        match unit.health.clone() {
            Health::Unhealthy(symptom) => {
                self.investigate_symptom(unit, &symptom, context, cloud)
                    .await
            }
            Health::Healthy | Health::Recovering => {
                // The incident notification already mentions the out-of-memory kill.
                let told = &context.state.notified;
                let incident = context
                    .state
                    .health
                    .healing
                    .as_ref()
                    .map(HealthIncident::incident_key);
                let is_told = incident.is_some_and(|key| told.contains_key(&key));
                let is_news = |key: &String| !is_told && !told.contains_key(key);
                if unit.is_quiet() && unit.out_of_memory_key().as_ref().is_some_and(is_news) {
                    unit.out_of_memory =
                        causes::diagnose_out_of_memory(unit, context.policy, cloud).await?;
                }
                Ok(())
            }
        }
    }

    /// Reads the cause of a symptom, if a step or a notification may be due now.
    async fn investigate_symptom<C: Reads>(
        &self,
        unit: &mut ObservedService,
        symptom: &Symptom,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let known = current_healing(context, self.at);
        let since = known.since;
        let waits = back_off_until(&known).is_some_and(|until| until > self.at);
        unit.grace_period_over = grace_period_end(&known, symptom) <= self.at
            || self.by_alarm && known.excused_until.is_none();
        let is_due = unit.grace_period_over && !waits || known.is_excused;
        if !is_due || unit.mass_failure.is_some() || context.state.is_release_in_progress(self.at) {
            return Ok(());
        }
        unit.down =
            dependencies::find_unavailable(policy::app_name(&context.target.tags), cloud).await?;
        unit.is_excused = Some(!unit.down.is_empty());
        if known.is_excused && unit.down.is_empty() {
            // The dependency is back, so the grace period starts now.
            unit.grace_period_over = false;
            return Ok(());
        }
        match symptom {
            _ if !unit.down.is_empty() => {}
            Symptom::Failing(failing) => {
                if failing.cause == Cause::OutOfMemory {
                    unit.out_of_memory =
                        causes::diagnose_out_of_memory(unit, context.policy, cloud).await?;
                }
                causes::investigate_failure(unit, failing, context, since, cloud).await?;
            }
            Symptom::MissingTasks => {
                unit.service_events = cloud
                    .service_events(&unit.service.arn, since - EVENT_LOOKBACK)
                    .await?
            }
            Symptom::Unhealthy(_) => {}
        }
        Ok(())
    }

    /// Assesses the health of a service. It reads target health only if no task failure explains
    /// the symptom, and not for a single stopped task.
    async fn diagnose_health<C: Reads>(
        &self,
        unit: &mut ObservedService,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let ObservedService {
            service,
            stopped_tasks: stops,
            ..
        } = &*unit;
        let step = context
            .state
            .health
            .healing
            .as_ref()
            .and_then(|healing| healing.steps.last())
            .map(|step| step.at);
        let by_tasks = assess_health(service, stops, &[], &[], &BTreeMap::new(), step, self.at);
        let fails = matches!(by_tasks, Health::Unhealthy(Symptom::Failing(_)));
        let one_stopped = matches!(context.event.detail, Detail::TaskChange(_))
            && context.state.health.healing.is_none();
        if fails || one_stopped || service.target_groups.is_empty() {
            unit.health = by_tasks;
            return Ok(());
        }
        let targets = cloud.describe_target_health(&service.target_groups).await?;
        if !targets
            .iter()
            .any(lamplighter::model::LoadBalancerTarget::is_unhealthy)
        {
            unit.health = by_tasks;
            return Ok(());
        }
        let running = cloud
            .list_tasks(TaskOwner::Service(&service.arn), TaskLifecycle::Running)
            .await?;
        let on_hosts = running.iter().filter(|task| task.address.is_none());
        let hosts: BTreeSet<&String> = on_hosts.filter_map(|task| task.instance.as_ref()).collect();
        let hosts: Vec<Arn> = hosts.into_iter().map(Arn::new).collect();
        let instances = if hosts.is_empty() {
            Vec::new()
        } else {
            cloud.describe_instances(&hosts).await?
        };
        let ec2 = instances
            .into_iter()
            .map(|instance| (instance.arn.to_string(), instance.ec2))
            .collect();
        unit.health = assess_health(service, stops, &running, &targets, &ec2, step, self.at);
        Ok(())
    }

    /// Reads where the services of a mass failure fail, and which of their dependencies are down.
    async fn observe_mass_failure<C: Reads>(&self, cloud: &C) -> Result<MassFailure, AwsError> {
        let mut storm = self.mass_failure.clone();
        if !storm.is_active() {
            return Ok(storm);
        }
        for service in storm.unhealthy.iter().take(SAMPLE_SIZE) {
            for task in cloud
                .list_tasks(TaskOwner::Service(service), TaskLifecycle::Stopped)
                .await?
            {
                if StoppedTask::from_task(&task).cause != Cause::Routine {
                    *storm.stopped_by_zone.entry(task.zone).or_default() += 1;
                }
            }
        }
        let apps = storm
            .unhealthy
            .iter()
            .filter_map(|arn| policy::app_name(&self.services.get(arn)?.tags));
        let apps: BTreeSet<&str> = apps.collect();
        for app in apps.into_iter().take(SAMPLE_SIZE) {
            storm
                .down
                .extend(dependencies::find_unavailable(Some(app), cloud).await?);
        }
        Ok(storm)
    }

    async fn observe_instance<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &context.target.arn;
        let Some(instance) = cloud
            .describe_instances(std::slice::from_ref(arn))
            .await?
            .into_iter()
            .next()
        else {
            return Ok(Observed::Gone);
        };
        let mut host = ObservedInstance {
            instance,
            ..ObservedInstance::default()
        };
        let cluster = arn
            .container_instance()
            .map(|(cluster, _)| cluster)
            .unwrap_or_default();
        host.disconnected = self.disconnected.get(cluster).copied().unwrap_or_default();
        if host.has_lost_agent(context, self.at) {
            let mut tasks = cloud
                .list_tasks(TaskOwner::Instance(arn), TaskLifecycle::Stopped)
                .await?;
            tasks.extend(
                cloud
                    .list_tasks(TaskOwner::Instance(arn), TaskLifecycle::Running)
                    .await?,
            );
            host.record_failures(&tasks, context, self.at);
            host.scaling_group = cloud.find_auto_scaling_group(&host.instance.ec2).await?;
        }
        Ok(Observed::Instance(Box::new(host)))
    }
}

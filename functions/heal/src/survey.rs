//! What a decision needs to know.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lamplighter::engine::Seen;
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Service};
use lamplighter::ports::cloud::{Cloud, Lifecycle, TasksOf};
use lamplighter::release::dependencies;
use lamplighter::state::Healing;
use lamplighter::{AwsError, policy};
use serde::Serialize;

use crate::decide::{ready_at, waits_until};
use crate::health::{Health, Symptom, health};
use crate::instance::Host;
use crate::stop::{Cause, Stop};
use crate::storm::{Storm, is_all_services};
use crate::unit::Unit;
use crate::{Policy, causes};

/// Services, and applications, that a storm is looked into by.
const SAMPLE: usize = 10;
/// ECS says why tasks are missing before that is seen, and then not for a while.
const SAID_BEFORE: SignedDuration = SignedDuration::from_mins(15);

/// By what the ledger knows the services that are not well now.
pub const UNWELL: &str = "unwell";

/// What was read for all targets of a run.
#[derive(Debug, Default)]
pub struct Survey {
    pub(crate) at: Timestamp,
    pub(crate) services: BTreeMap<Arn, Service>,
    pub(crate) storm: Storm,
    /// An alarm has looked for a few minutes already.
    pub(crate) by_alarm: bool,
    /// How many instances of each cluster ECS does not hear of, of how many where they are several.
    pub(crate) silent: BTreeMap<String, (usize, usize)>,
}

/// What is seen of a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Observed {
    Service(Box<Unit>),
    Instance(Box<Host>),
    /// All services at once.
    All(Storm),
    Gone,
}

/// What is known of it; one that was well until now is not well since now.
fn known(seen: Seen<'_, Policy>, now: Timestamp) -> Healing {
    let healing = seen
        .memory
        .healing
        .clone()
        .unwrap_or_else(|| Healing::begun(now));
    let unwell_since = if healing.well_since.is_some() {
        now
    } else {
        healing.unwell_since
    };
    Healing {
        unwell_since,
        ..healing
    }
}

impl Survey {
    pub(crate) async fn of<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &seen.target.arn;
        if is_all_services(arn) {
            return Ok(Observed::All(self.whole(cloud).await?));
        }
        if arn.container_instance().is_some() {
            return self.host(seen, cloud).await;
        }
        // What another invocation did since the survey is asked for again.
        let service = if seen.memory.last_change().is_some_and(|at| at >= self.at) {
            cloud
                .services(std::slice::from_ref(arn))
                .await?
                .into_iter()
                .next()
        } else {
            self.services.get(arn).cloned()
        };
        let Some(service) = service else {
            return Ok(Observed::Gone);
        };
        let mut unit = Unit::new(service, self.at, seen.policy.heal.reach);
        if unit.is_looked_after() {
            self.look(&mut unit, seen, cloud).await?;
        }
        Ok(Observed::Service(Box::new(unit)))
    }

    async fn look<C: Cloud>(
        &self,
        unit: &mut Unit,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<(), AwsError> {
        unit.storm = self
            .storm
            .covers(&unit.service.arn)
            .then(|| self.storm.share());
        unit.is_excused = unit.storm.is_some().then_some(true);
        if unit.storm.is_some() && unit.service.short() > 0 {
            unit.health = Health::Unwell(Symptom::Short);
            return Ok(());
        }
        let stopped = cloud
            .tasks(TasksOf::Service(&unit.service.arn), Lifecycle::Stopped)
            .await?;
        unit.stops = stopped.iter().map(Stop::of).collect();
        self.diagnose(unit, seen, cloud).await?;
        match unit.health.clone() {
            Health::Unwell(symptom) => self.look_into(unit, &symptom, seen, cloud).await,
            Health::Well | Health::Unsettled => {
                // Whoever was told of the incident was told of the memory with it.
                let told = &seen.memory.told;
                let incident = seen.memory.healing.as_ref().map(Healing::key);
                let is_told = incident.is_some_and(|key| told.contains_key(&key));
                let is_news = |key: &String| !is_told && !told.contains_key(key);
                if unit.is_quiet() && unit.out_of_memory_key().as_ref().is_some_and(is_news) {
                    unit.memory = causes::out_of_memory(unit, seen.policy, cloud).await?;
                }
                Ok(())
            }
        }
    }

    /// What is behind it, where something may be done or told now.
    async fn look_into<C: Cloud>(
        &self,
        unit: &mut Unit,
        symptom: &Symptom,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let known = known(seen, self.at);
        let since = known.since;
        let waits = waits_until(&known).is_some_and(|until| until > self.at);
        unit.ready =
            ready_at(&known, symptom) <= self.at || self.by_alarm && known.excused_until.is_none();
        let is_due = unit.ready && !waits || known.is_excused;
        if !is_due || unit.storm.is_some() || seen.memory.is_being_released(self.at) {
            return Ok(());
        }
        unit.down = dependencies::down(policy::app(&seen.target.tags), cloud).await?;
        unit.is_excused = Some(!unit.down.is_empty());
        if known.is_excused && unit.down.is_empty() {
            // From now on it has its time.
            unit.ready = false;
            return Ok(());
        }
        match symptom {
            _ if !unit.down.is_empty() => {}
            Symptom::Failing(failing) => {
                if failing.cause == Cause::OutOfMemory {
                    unit.memory = causes::out_of_memory(unit, seen.policy, cloud).await?;
                }
                causes::investigate(unit, failing, seen, since, cloud).await?;
            }
            Symptom::Short => {
                unit.said = cloud
                    .happened(&unit.service.arn, since - SAID_BEFORE)
                    .await?
            }
            Symptom::Unhealthy(_) => {}
        }
        Ok(())
    }

    /// Targets are asked for where nothing else is wrong; not for each task that stops.
    async fn diagnose<C: Cloud>(
        &self,
        unit: &mut Unit,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<(), AwsError> {
        let Unit { service, stops, .. } = &*unit;
        let step = seen
            .memory
            .healing
            .as_ref()
            .and_then(|healing| healing.steps.last())
            .map(|step| step.at);
        let by_tasks = health(service, stops, &[], &[], &BTreeMap::new(), step, self.at);
        let fails = matches!(by_tasks, Health::Unwell(Symptom::Failing(_)));
        let one_stopped =
            matches!(seen.event.detail, Detail::TaskChange(_)) && seen.memory.healing.is_none();
        if fails || one_stopped || service.target_groups.is_empty() {
            unit.health = by_tasks;
            return Ok(());
        }
        let targets = cloud.target_health(&service.target_groups).await?;
        if !targets.iter().any(lamplighter::model::Target::is_unhealthy) {
            unit.health = by_tasks;
            return Ok(());
        }
        let running = cloud
            .tasks(TasksOf::Service(&service.arn), Lifecycle::Running)
            .await?;
        let on_hosts = running.iter().filter(|task| task.address.is_none());
        let hosts: BTreeSet<&String> = on_hosts.filter_map(|task| task.instance.as_ref()).collect();
        let hosts: Vec<Arn> = hosts.into_iter().map(Arn::new).collect();
        let instances = if hosts.is_empty() {
            Vec::new()
        } else {
            cloud.instances(&hosts).await?
        };
        let ec2 = instances
            .into_iter()
            .map(|instance| (instance.arn.to_string(), instance.ec2))
            .collect();
        unit.health = health(service, stops, &running, &targets, &ec2, step, self.at);
        Ok(())
    }

    /// Where those that are not well fail, and what they depend on.
    async fn whole<C: Cloud>(&self, cloud: &C) -> Result<Storm, AwsError> {
        let mut storm = self.storm.clone();
        if !storm.is_on() {
            return Ok(storm);
        }
        for service in storm.unwell.iter().take(SAMPLE) {
            for task in cloud
                .tasks(TasksOf::Service(service), Lifecycle::Stopped)
                .await?
            {
                if Stop::of(&task).cause != Cause::Routine {
                    *storm.zones.entry(task.zone).or_default() += 1;
                }
            }
        }
        let apps = storm
            .unwell
            .iter()
            .filter_map(|arn| policy::app(&self.services.get(arn)?.tags));
        let apps: BTreeSet<&str> = apps.collect();
        for app in apps.into_iter().take(SAMPLE) {
            storm
                .down
                .extend(dependencies::down(Some(app), cloud).await?);
        }
        Ok(storm)
    }

    async fn host<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &seen.target.arn;
        let Some(instance) = cloud
            .instances(std::slice::from_ref(arn))
            .await?
            .into_iter()
            .next()
        else {
            return Ok(Observed::Gone);
        };
        let mut host = Host {
            instance,
            ..Host::default()
        };
        let cluster = arn
            .container_instance()
            .map(|(cluster, _)| cluster)
            .unwrap_or_default();
        host.silent = self.silent.get(cluster).copied().unwrap_or_default();
        if host.is_in_question(seen, self.at) {
            let mut tasks = cloud
                .tasks(TasksOf::Instance(arn), Lifecycle::Stopped)
                .await?;
            tasks.extend(
                cloud
                    .tasks(TasksOf::Instance(arn), Lifecycle::Running)
                    .await?,
            );
            host.look_at(&tasks, seen, self.at);
            host.group = cloud.scaling_group(&host.instance.ec2).await?;
        }
        Ok(Observed::Instance(Box::new(host)))
    }
}

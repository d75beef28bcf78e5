//! The AWS of the past, in memory: the real operation runs in it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::model::{
    AlarmMetric, AlarmState, Arn, Backlog, Certificate, ExistingAlarm, Load, LoadBalancerTarget,
    LoadQuery, Measure, ReleaseEvent, ScalableTarget, Series, Service, ServiceDeployment, Tagged,
    TargetGroup, TaskDefinition, Traffic,
};
use lamplighter::notify::Notification;
use lamplighter::plan::{Action, ScalingAction};
use lamplighter::ports::{
    Alarms, Executor, LoadBalancing, Metrics, Queues, ResourceKind, Scaling, Services,
    TaggedResources,
};
use lamplighter::state::TargetState;

use super::minutes::Period;
use super::service::PlayedService;

/// The delays in which a past is played, in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// From the end of a minute until its values can be read.
    pub metric_delay: usize,
    /// From asking for a task until it serves.
    pub startup: usize,
    /// Before the first decision, which needs a history.
    pub lead: usize,
}

/// A handle on the past; clones share it.
#[derive(Debug, Clone)]
pub struct Replay(pub(super) Rc<RefCell<Stage>>);

/// All that there is in the present minute.
#[derive(Debug)]
pub(super) struct Stage {
    period: Period,
    minute: usize,
    conditions: Conditions,
    services: BTreeMap<Arn, PlayedService>,
    pub(super) states: BTreeMap<Arn, TargetState>,
    pub(super) notifications: Vec<Notification>,
}

impl Stage {
    /// Lists the services of whose newest minute something is known. Nothing is decided on the others.
    fn known_services(&self) -> impl Iterator<Item = &PlayedService> {
        let newest = self.minute.saturating_sub(1 + self.conditions.metric_delay);
        self.services
            .values()
            .filter(move |played| played.past.is_known(newest))
    }
}

impl Replay {
    #[must_use]
    pub fn new(services: Vec<PlayedService>, period: Period, conditions: Conditions) -> Self {
        let services = services.into_iter();
        Self(Rc::new(RefCell::new(Stage {
            period,
            minute: 0,
            conditions,
            services: services
                .map(|service| (service.service.arn.clone(), service))
                .collect(),
            states: BTreeMap::new(),
            notifications: Vec::new(),
        })))
    }

    /// Returns the present time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let stage = self.0.borrow();
        stage.period.start_of(stage.minute)
    }

    /// A minute begins: tasks are ready, and alarms look at the values that have arrived.
    pub fn begin_minute(&self, minute: usize) {
        let mut stage = self.0.borrow_mut();
        stage.minute = minute;
        let period = stage.period;
        let newest = minute.checked_sub(1 + stage.conditions.metric_delay);
        for service in stage.services.values_mut() {
            service.begin_minute(minute);
            if let Some(newest) = newest {
                service.evaluate_alarms(newest, minute, period);
            }
        }
    }

    /// The present minute ends and is measured.
    pub fn end_minute(&self) {
        let mut stage = self.0.borrow_mut();
        let minute = stage.minute;
        for service in stage.services.values_mut() {
            service.end_minute(minute);
        }
    }

    /// Returns the services and the notifications.
    #[must_use]
    pub fn finish(&self) -> (Vec<PlayedService>, Vec<Notification>) {
        let mut stage = self.0.borrow_mut();
        let services = std::mem::take(&mut stage.services);
        let notifications = std::mem::take(&mut stage.notifications);
        (services.into_values().collect(), notifications)
    }
}

impl TaggedResources for Replay {
    async fn list_tagged(&self, _: ResourceKind, tag_key: &str) -> Result<Vec<Tagged>, AwsError> {
        let stage = self.0.borrow();
        let tagged = stage
            .known_services()
            .filter(|played| played.service.tags.contains_key(tag_key));
        Ok(tagged
            .map(|played| Tagged {
                arn: played.service.arn.clone(),
                tags: played.service.tags.clone(),
            })
            .collect())
    }
}

impl Services for Replay {
    async fn describe_services(&self, arns: &[Arn]) -> Result<Vec<Service>, AwsError> {
        let stage = self.0.borrow();
        let found = stage
            .known_services()
            .filter(|played| arns.contains(&played.service.arn));
        Ok(found.map(|played| played.service.clone()).collect())
    }

    async fn service_events(&self, _: &Arn, _: Timestamp) -> Result<Vec<String>, AwsError> {
        Ok(Vec::new())
    }

    async fn find_active_deployment(&self, _: &Arn) -> Result<Option<ServiceDeployment>, AwsError> {
        Ok(None)
    }

    async fn describe_service_deployment(
        &self,
        _: &str,
    ) -> Result<Option<ServiceDeployment>, AwsError> {
        Ok(None)
    }

    async fn describe_task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        Err(not_played("DescribeTaskDefinition", arn))
    }

    async fn is_revision_active(&self, _: &str) -> Result<bool, AwsError> {
        Ok(true)
    }

    async fn newest_revision(&self, family: &str) -> Result<TaskDefinition, AwsError> {
        Err(not_played("DescribeTaskDefinition", family))
    }
}

impl LoadBalancing for Replay {
    async fn describe_target_groups(
        &self,
        arns: &[String],
    ) -> Result<BTreeMap<String, TargetGroup>, AwsError> {
        let stage = self.0.borrow();
        let groups = stage
            .services
            .values()
            .flat_map(|played| &played.past.groups);
        let groups = groups.filter(|group| arns.contains(&group.arn));
        Ok(groups
            .map(|group| (group.arn.clone(), group.clone()))
            .collect())
    }

    async fn describe_target_health(
        &self,
        _: &[String],
    ) -> Result<Vec<LoadBalancerTarget>, AwsError> {
        Ok(Vec::new())
    }

    async fn longest_deregistration(&self, _: &[String]) -> Result<u64, AwsError> {
        Ok(0)
    }

    async fn list_certificates(&self, _: &[String]) -> Result<Vec<Certificate>, AwsError> {
        Ok(Vec::new())
    }
}

impl Metrics for Replay {
    async fn read_traffic(
        &self,
        groups: &[TargetGroup],
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Vec<Traffic>, AwsError> {
        Ok(vec![Traffic::default(); groups.len()])
    }

    async fn read_measure(
        &self,
        _: &Measure,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Series, AwsError> {
        Ok(Series::new())
    }

    async fn read_metrics(
        &self,
        metrics: &[AlarmMetric],
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Vec<Series>, AwsError> {
        Ok(vec![Series::new(); metrics.len()])
    }

    async fn read_loads(
        &self,
        queries: &[LoadQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Load>, AwsError> {
        let stage = self.0.borrow();
        let delay = SignedDuration::from_mins(
            i64::try_from(stage.conditions.metric_delay).unwrap_or_default(),
        );
        let loads = queries.iter().map(|query| {
            let played = stage.services.get(&query.service);
            played.map(|played| played.read_load(query, stage.period, from, to - delay))
        });
        Ok(loads.map(Option::unwrap_or_default).collect())
    }
}

impl Queues for Replay {
    async fn count_backlog(&self, _: &Arn, _: &str) -> Result<Option<Backlog>, AwsError> {
        Ok(None)
    }
}

impl Scaling for Replay {
    /// A preview shows Lamplighter alone.
    async fn describe_scalable_targets(&self, _: &[Arn]) -> Result<Vec<ScalableTarget>, AwsError> {
        Ok(Vec::new())
    }
}

impl Alarms for Replay {
    async fn list_own_alarms(&self, _: Option<&Arn>) -> Result<Vec<Tagged>, AwsError> {
        Ok(Vec::new())
    }

    async fn alarm_tags(&self, _: &str) -> Result<BTreeMap<String, String>, AwsError> {
        Ok(BTreeMap::new())
    }

    async fn describe_alarms(
        &self,
        prefix: &str,
        in_alarm: bool,
    ) -> Result<Vec<ExistingAlarm>, AwsError> {
        let stage = self.0.borrow();
        let alarms = stage.services.values().flat_map(|played| &played.alarms);
        let alarms = alarms.filter(|played| {
            played.alarm.name.starts_with(prefix)
                && (!in_alarm || played.state == AlarmState::Alarm)
        });
        Ok(alarms.map(super::service::PlayedAlarm::describe).collect())
    }

    async fn find_alarms(&self, names: &[String]) -> Result<Vec<ExistingAlarm>, AwsError> {
        let mut alarms = self.describe_alarms("", false).await?;
        alarms.retain(|alarm| names.contains(&alarm.name));
        Ok(alarms)
    }
}

impl Executor for Replay {
    async fn execute(&self, action: &Action) -> Result<String, AwsError> {
        let Action::Scaling(ScalingAction::SetDesiredCount(set)) = action else {
            return Err(not_played("execute", &format!("{action:?}")));
        };
        let mut stage = self.0.borrow_mut();
        let ready = stage.minute + stage.conditions.startup;
        if let Some(played) = stage.services.get_mut(&set.service) {
            played.set_desired(set.to, ready);
        }
        Ok(String::new())
    }

    async fn put_events(&self, _: &[ReleaseEvent]) -> Result<(), AwsError> {
        Ok(())
    }
}

/// The error of a call that scaling never makes.
fn not_played(call: &'static str, target: &str) -> AwsError {
    AwsError {
        call,
        target: target.to_owned(),
        code: "NotPlayed".to_owned(),
        message: "a preview does not play this".to_owned(),
        refused: true,
    }
}

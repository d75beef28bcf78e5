//! Reads the past from AWS. Nothing is changed.

use std::collections::BTreeMap;

use lamplighter::AwsError;
use lamplighter::model::{AlarmMetric, Arn, Load, LoadQuery, Service, TargetGroup};
use lamplighter::policy::{MANAGED, StackDefaults, TagError};
use lamplighter::ports::{LoadBalancing, Metrics, Scaling, Services};

use super::minutes::{Minutes, Period};
use super::past::{Origin, Past, ServicePast};
use super::price::price_per_hour;

/// Values that a task with 20-second metrics reports in a minute.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html>
const FREQUENT_VALUES: f64 = 3.0;
/// Values per task from which 20-second metrics are assumed.
const MORE_VALUES: f64 = 2.5;

/// The parts of AWS that a preview reads.
pub trait Reads: Services + LoadBalancing + Scaling + Metrics {}

impl<T: Services + LoadBalancing + Scaling + Metrics> Reads for T {}

/// A service to play, and the tags to play it with.
#[derive(Debug, Clone)]
pub struct Subject {
    pub service: Service,
    pub tags: BTreeMap<String, String>,
    pub origin: Origin,
}

/// Reads the past of some services. Tells `progress` about each that is read.
///
/// # Errors
/// [`AwsError`] if a call fails.
pub async fn read_past<C: Reads>(
    cloud: &C,
    subjects: Vec<Subject>,
    period: Period,
    mut progress: impl FnMut(usize),
) -> Result<Past, AwsError> {
    let arns: Vec<Arn> = subjects
        .iter()
        .map(|subject| subject.service.arn.clone())
        .collect();
    let scalable = cloud.describe_scalable_targets(&arns).await?;
    let mut services = Vec::new();
    for subject in subjects {
        let is_auto_scaled = scalable
            .iter()
            .any(|target| target.service == subject.service.arn);
        let past = read_service(cloud, subject, period).await?;
        services.push(ServicePast {
            is_auto_scaled,
            ..past
        });
        progress(services.len());
    }
    Ok(Past { period, services })
}

async fn read_service<C: Reads>(
    cloud: &C,
    subject: Subject,
    period: Period,
) -> Result<ServicePast, AwsError> {
    let service = Service {
        tags: subject.tags,
        ..subject.service
    };
    let groups = find_groups(cloud, &service).await?;
    let definition = match service.task_definition.as_str() {
        "" => None,
        arn => Some(cloud.describe_task_definition(arn).await?),
    };
    let query = LoadQuery {
        service: service.arn.clone(),
        target_groups: groups.clone(),
        busiest: false,
        queue: None,
    };
    let mut loads = cloud
        .read_loads(&[query], period.from, period.end())
        .await?;
    let load = loads.pop().unwrap_or_default();
    let names = list_alarm_metrics(&service, &groups).unwrap_or_default();
    let series = cloud
        .read_metrics(&names, period.from, period.end())
        .await?;
    let series = series
        .iter()
        .map(|series| Minutes::from_series(series, period));
    Ok(ServicePast {
        price: definition.as_ref().and_then(price_per_hour),
        origin: subject.origin,
        is_auto_scaled: false,
        requests: load
            .requests
            .as_ref()
            .map(|requests| Minutes::from_series(requests, period)),
        cpu: Minutes::from_series(&load.cpu, period),
        memory: Minutes::from_series(&load.memory, period),
        tasks: count_tasks(&load, &service, period),
        metrics: names.into_iter().zip(series).collect(),
        groups,
        service,
    })
}

async fn find_groups<C: Reads>(cloud: &C, service: &Service) -> Result<Vec<TargetGroup>, AwsError> {
    if service.target_groups.is_empty() {
        return Ok(Vec::new());
    }
    let found = cloud.describe_target_groups(&service.target_groups).await?;
    let groups = service.target_groups.iter();
    Ok(groups.filter_map(|arn| found.get(arn).cloned()).collect())
}

/// Lists the metrics of the alarms that Lamplighter would create for a service, each once.
fn list_alarm_metrics(
    service: &Service,
    groups: &[TargetGroup],
) -> Result<Vec<AlarmMetric>, TagError> {
    let mut metrics: Vec<AlarmMetric> = Vec::new();
    for alarm in list_alarms(service, groups)? {
        for metric in alarm.measure.metrics() {
            if !metrics.contains(metric) {
                metrics.push(metric.clone());
            }
        }
    }
    Ok(metrics)
}

/// Returns the alarms that Lamplighter would create for a service.
///
/// # Errors
/// [`TagError`] if the tag that manages it is invalid.
pub fn list_alarms(
    service: &Service,
    groups: &[TargetGroup],
) -> Result<Vec<lamplighter::model::Alarm>, TagError> {
    let policy = enroll::Policy::from_tags(&service.tags, &StackDefaults::default())?;
    let subject = enroll::Subject::Service {
        service: Box::new(service.clone()),
        groups: groups.to_vec(),
        definition: None,
        newest: None,
        scalable: None,
    };
    Ok(enroll::subject_alarms(&policy, &subject))
}

/// Counts the tasks by the values that they reported: one a minute, or three with 20-second metrics.
fn count_tasks(load: &Load, service: &Service, period: Period) -> Minutes {
    let newest = load.tasks.last_key_value().map(|(_, values)| *values);
    let running = f64::from(service.running_count.max(1));
    let is_frequent = newest.is_some_and(|values| values / running >= MORE_VALUES);
    let values_per_task = if is_frequent { FREQUENT_VALUES } else { 1.0 };
    let tasks = load.tasks.iter();
    let tasks = tasks.map(|(at, values)| (*at, values / values_per_task));
    Minutes::from_series(&tasks.collect(), period)
}

/// Returns tags with which Lamplighter acts.
#[must_use]
pub fn act_on(mut tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
    tags.insert(MANAGED.to_owned(), "true".to_owned());
    tags
}

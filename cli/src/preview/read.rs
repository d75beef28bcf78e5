//! Reads the past from AWS. Nothing is changed.

use std::collections::BTreeMap;

use lamplighter::AwsError;
use lamplighter::model::{AlarmMetric, Arn, LoadQuery, Series, Service, TargetGroup};
use lamplighter::policy::{MANAGED, StackDefaults, TagError};
use lamplighter::ports::{LoadBalancing, Metrics, Scaling, Services};

use super::minutes::{Minutes, Period};
use super::past::{Origin, Past, ServicePast, Skipped};
use super::price::price_per_hour;
use super::tasks::{Reading, find_cpu_limit};

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

/// Reads the past of some services, and names those that can't be read. Tells `progress` how many are done.
///
/// # Errors
/// [`AwsError`] if a permission lacks.
pub async fn read_past<C: Reads>(
    cloud: &C,
    subjects: Vec<Subject>,
    period: Period,
    mut progress: impl FnMut(usize),
) -> Result<(Past, Vec<Skipped>), AwsError> {
    let arns: Vec<Arn> = subjects
        .iter()
        .map(|subject| subject.service.arn.clone())
        .collect();
    let scalable = cloud.describe_scalable_targets(&arns).await?;
    let (mut services, mut skipped) = (Vec::new(), Vec::new());
    for subject in subjects {
        let is_auto_scaled = scalable
            .iter()
            .any(|target| target.service == subject.service.arn);
        let name = subject.service.arn.display_name();
        match read_service(cloud, subject, period).await {
            Ok(past) if past.tasks.is_empty() => skipped.push(Skipped {
                name,
                reason: "CloudWatch has no metric of it in this time".to_owned(),
            }),
            Ok(past) => services.push(ServicePast {
                is_auto_scaled,
                ..past
            }),
            // It would be so for all.
            Err(error) if error.code.contains("AccessDenied") => return Err(error),
            Err(error) => skipped.push(Skipped {
                name,
                reason: error.to_string(),
            }),
        }
        progress(services.len() + skipped.len());
    }
    Ok((Past { period, services }, skipped))
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
        // A deleted one costs the price alone.
        arn => cloud.describe_task_definition(arn).await.ok(),
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
    let reading = Reading::new(&load, &service);
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
            .map(|requests| divide(requests, 1.0 / reading.share, period)),
        share: reading.share,
        cpu_limit: find_cpu_limit(&load.cpu),
        cpu: Minutes::from_series(&load.cpu, period),
        memory: Minutes::from_series(&load.memory, period),
        tasks: divide(&load.tasks, reading.values_per_task, period),
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

/// Divides the values of a series.
fn divide(series: &Series, by: f64, period: Period) -> Minutes {
    let divided = series.iter().map(|(at, value)| (*at, value / by));
    Minutes::from_series(&divided.collect(), period)
}

/// Returns tags with which Lamplighter acts.
#[must_use]
pub fn act_on(mut tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
    tags.insert(MANAGED.to_owned(), "true".to_owned());
    tags
}

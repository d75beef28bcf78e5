//! Reads the inputs of a decision from AWS, for all services of a run at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Load, LoadQuery, QueueProblem, ScalableTarget, Service};
use lamplighter::policy::{SCALE, ScalePolicy, StackDefaults};

use crate::observed::{HISTORY, Observed};
use crate::policy::Policy;
use crate::reads::Reads;

/// Prefetched data of all services of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    at: Timestamp,
    services: BTreeMap<Arn, Service>,
    loads: BTreeMap<Arn, Load>,
    scalable: BTreeMap<Arn, ScalableTarget>,
}

impl Prefetched {
    /// Reads target groups, scalable targets and loads of the services.
    ///
    /// Batches the calls: one per 20 target groups, 50 scalable targets and 500 metrics.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    pub(crate) async fn read_all<C: Reads>(
        services: Vec<Service>,
        now: Timestamp,
        defaults: &StackDefaults,
        cloud: &C,
    ) -> Result<Self, AwsError> {
        let arns: Vec<Arn> = services.iter().map(|service| service.arn.clone()).collect();
        if arns.is_empty() {
            return Ok(Self {
                at: now,
                ..Self::default()
            });
        }
        let queries = build_queries(&services, defaults, cloud).await?;
        let scalable = cloud.describe_scalable_targets(&arns).await?;
        let mut loads = cloud
            .read_loads(&queries, now - HISTORY - SignedDuration::from_mins(1), now)
            .await?;
        for (query, load) in queries.iter().zip(&mut loads) {
            if let Some(name) = &query.queue {
                count_backlog(load, &query.service, name, cloud).await;
            }
        }
        Ok(Self {
            at: now,
            loads: arns.into_iter().zip(loads).collect(),
            services: services
                .into_iter()
                .map(|service| (service.arn.clone(), service))
                .collect(),
            scalable: scalable
                .into_iter()
                .map(|target| (target.service.clone(), target))
                .collect(),
        })
    }

    /// Returns the observed state of one service. Reads the service again if Lamplighter changed it
    /// since the prefetch.
    ///
    /// # Errors
    /// [`AwsError`] if a call fails.
    pub(crate) async fn observe_target<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &context.target.arn;
        Ok(Observed {
            service: self.find_service(context, cloud).await?,
            load: self.loads.get(arn).cloned().unwrap_or_default(),
            scalable: self.find_scalable_target(context, cloud).await?,
        })
    }

    async fn find_service<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Option<Service>, AwsError> {
        let arn = &context.target.arn;
        let changed = context.state.last_change().is_some_and(|at| at >= self.at);
        if !changed {
            return Ok(self.services.get(arn).cloned());
        }
        let services = cloud.describe_services(std::slice::from_ref(arn)).await?;
        Ok(services.into_iter().next())
    }

    /// Another invocation may have moved the minimum since the prefetch. It is read again before a
    /// recorded raise is dropped from the target state.
    async fn find_scalable_target<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Option<ScalableTarget>, AwsError> {
        let arn = &context.target.arn;
        let known = self.scalable.get(arn);
        let known_min = known.map(|scalable| scalable.min);
        let raised = context.state.scaling.raised;
        if raised.is_none_or(|raised| known_min == Some(raised.to)) {
            return Ok(known.cloned());
        }
        let targets = cloud
            .describe_scalable_targets(std::slice::from_ref(arn))
            .await?;
        Ok(targets.into_iter().next())
    }
}

/// Builds the metric queries of the services, one each and in their order.
async fn build_queries<C: Reads>(
    services: &[Service],
    defaults: &StackDefaults,
    cloud: &C,
) -> Result<Vec<LoadQuery>, AwsError> {
    let names: BTreeSet<&String> = services
        .iter()
        .flat_map(|service| &service.target_groups)
        .collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let groups = if names.is_empty() {
        BTreeMap::new()
    } else {
        cloud.describe_target_groups(&names).await?
    };
    let queries = services.iter().map(|service| LoadQuery {
        service: service.arn.clone(),
        target_groups: service
            .target_groups
            .iter()
            .filter_map(|arn| groups.get(arn).cloned())
            .collect(),
        // The busiest task appears only in the peak report of a service without the scale tag.
        busiest: !service.tags.contains_key(SCALE),
        queue: find_queue(service, defaults),
    });
    Ok(queries.collect())
}

/// Counts the messages of a queue. Other services don't wait for one that can't be read: its service keeps its tasks.
async fn count_backlog<C: Reads>(load: &mut Load, service: &Arn, name: &str, cloud: &C) {
    let queue = load.queue.get_or_insert_default();
    match cloud.count_backlog(service, name).await {
        Ok(Some(backlog)) => queue.backlog = Some(backlog),
        Ok(None) => queue.problem = Some(QueueProblem::Missing),
        Err(error) if error.refused && !error.is_throttling() => {
            queue.problem = Some(QueueProblem::Refused(error.to_string()));
        }
        // The next sweep asks again.
        Err(_) => {}
    }
}

/// Returns the queue that a service works through.
fn find_queue(service: &Service, defaults: &StackDefaults) -> Option<String> {
    let scale = ScalePolicy::from_tags(&service.tags, defaults).ok()??;
    Some(scale.queue?.name)
}

//! Inputs of a decision, prefetched for all services of a run at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::reads::Reads;
use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{Arn, Load, LoadQuery, ScalableTarget, Service};
use lamplighter::policy::SCALE;
use serde::Serialize;

use crate::Policy;

/// Period for which metrics are read. Scaling in never goes below the peak need of this period.
pub const HISTORY: SignedDuration = SignedDuration::from_mins(15);

/// Prefetched data of all services of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    at: Timestamp,
    services: BTreeMap<Arn, Service>,
    loads: BTreeMap<Arn, Load>,
    scalable: BTreeMap<Arn, ScalableTarget>,
}

/// Observed state that [`crate::decide`] decides on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` if the service no longer exists.
    pub service: Option<Service>,
    pub load: Load,
    /// Set if Application Auto Scaling scales the service.
    pub scalable: Option<ScalableTarget>,
}

impl Observed {
    #[must_use]
    pub fn desired_count(&self) -> Option<u32> {
        self.service
            .as_ref()
            .map(|service| service.desired_count.unsigned_abs())
    }
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
        cloud: &C,
    ) -> Result<Self, AwsError> {
        let arns: Vec<Arn> = services.iter().map(|service| service.arn.clone()).collect();
        if arns.is_empty() {
            return Ok(Self {
                at: now,
                ..Self::default()
            });
        }
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
        let queries: Vec<LoadQuery> = services
            .iter()
            .map(|service| LoadQuery {
                service: service.arn.clone(),
                target_groups: service
                    .target_groups
                    .iter()
                    .filter_map(|arn| groups.get(arn).cloned())
                    .collect(),
                // The busiest task appears only in the peak report of a service without the scale
                // tag.
                busiest: !service.tags.contains_key(SCALE),
            })
            .collect();
        let scalable = cloud.describe_scalable_targets(&arns).await?;
        let loads = cloud
            .read_loads(&queries, now - HISTORY - SignedDuration::from_mins(1), now)
            .await?;
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
        let changed = context.state.last_change().is_some_and(|at| at >= self.at);
        let service = if changed {
            cloud
                .describe_services(std::slice::from_ref(arn))
                .await?
                .into_iter()
                .next()
        } else {
            self.services.get(arn).cloned()
        };
        let load = self.loads.get(arn).cloned().unwrap_or_default();
        let mut scalable = self.scalable.get(arn).cloned();
        // Another invocation may have moved the minimum since the prefetch. It is read again before
        // a recorded raise is dropped from the target state.
        let known = scalable.as_ref().map(|scalable| scalable.min);
        if context
            .state
            .scaling
            .raised
            .is_some_and(|raised| known != Some(raised.to))
        {
            scalable = cloud
                .describe_scalable_targets(std::slice::from_ref(arn))
                .await?
                .into_iter()
                .next();
        }
        Ok(Observed {
            service,
            load,
            scalable,
        })
    }
}

//! What a decision needs to know, read for all services of a run at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::Seen;
use lamplighter::model::{Arn, Load, LoadQuery, ScalableTarget, Service};
use lamplighter::policy::SCALE;
use lamplighter::ports::cloud::Cloud;
use serde::Serialize;

use crate::Policy;

/// How far back metrics are read: the time over which a service is not made smaller than it needed to be.
pub const HISTORY: SignedDuration = SignedDuration::from_mins(15);

/// What was read of all services of a run.
#[derive(Debug, Default)]
pub struct Survey {
    at: Timestamp,
    services: BTreeMap<Arn, Service>,
    loads: BTreeMap<Arn, Load>,
    scalable: BTreeMap<Arn, ScalableTarget>,
}

/// All that [`crate::decide`] looks at.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Observed {
    /// `None` where the service is gone.
    pub service: Option<Service>,
    pub load: Load,
    /// Where Application Auto Scaling scales the service.
    pub scalable: Option<ScalableTarget>,
}

impl Observed {
    #[must_use]
    pub fn desired(&self) -> Option<u32> {
        self.service
            .as_ref()
            .map(|service| service.desired_count.unsigned_abs())
    }
}

impl Survey {
    /// Reads what the services carry: as many calls as 10 services, 20 target groups, 50 scalable targets and
    /// 500 metrics fill.
    pub(crate) async fn read<C: Cloud>(
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
            cloud.target_groups(&names).await?
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
                // Of one that is not scaled a person is told.
                busiest: !service.tags.contains_key(SCALE),
            })
            .collect();
        let scalable = cloud.scalable_targets(&arns).await?;
        let loads = cloud
            .loads(&queries, now - HISTORY - SignedDuration::from_mins(1), now)
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

    /// What was read of one service. It is asked for again where it was changed from here since.
    pub(crate) async fn of<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &seen.target.arn;
        let changed = seen.memory.last_change().is_some_and(|at| at >= self.at);
        let service = if changed {
            cloud
                .services(std::slice::from_ref(arn))
                .await?
                .into_iter()
                .next()
        } else {
            self.services.get(arn).cloned()
        };
        let load = self.loads.get(arn).cloned().unwrap_or_default();
        let mut scalable = self.scalable.get(arn).cloned();
        // Another invocation may have moved the minimum since; what is forgotten must be so now.
        let known = scalable.as_ref().map(|scalable| scalable.min);
        if seen
            .memory
            .raised
            .is_some_and(|raised| known != Some(raised.to))
        {
            scalable = cloud
                .scalable_targets(std::slice::from_ref(arn))
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

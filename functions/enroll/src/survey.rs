//! What a decision needs to know, read for all targets of a run at once.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::AwsError;
use lamplighter::engine::Seen;
use lamplighter::model::{
    Arn, Database, HasAlarm, ScalableTarget, Service, Tagged, TargetGroup, TaskDefinition,
    Unreached,
};
use lamplighter::policy::{self, STACK, TARGET};
use lamplighter::ports::cloud::Cloud;
use serde::Serialize;

use crate::{Policy, alarms};

/// What was read of all targets of a run.
#[derive(Debug, Default)]
pub struct Survey {
    pub services: BTreeMap<Arn, Service>,
    pub databases: BTreeMap<Arn, Database>,
    pub caches: Vec<Tagged>,
    pub groups: BTreeMap<String, TargetGroup>,
    pub scalable: BTreeMap<Arn, ScalableTarget>,
    /// Every alarm whose name is one of ours.
    pub alarms: Vec<HasAlarm>,
    /// Every alarm that carries our tags.
    pub own: Vec<Tagged>,
    pub unreached: Vec<Unreached>,
}

/// All that [`crate::decide`] looks at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observed {
    pub subject: Subject,
    /// The alarms of the target, and those that bear a name of one.
    pub alarms: Vec<OwnAlarm>,
    /// The body of the dashboard that there is.
    pub dashboard: Option<String>,
}

/// What a target is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Subject {
    Service {
        service: Box<Service>,
        groups: Vec<TargetGroup>,
        definition: Option<TaskDefinition>,
        scalable: Option<ScalableTarget>,
    },
    Database(Box<Database>),
    /// An application, by what belongs to it.
    Application {
        services: Vec<(Service, Vec<TargetGroup>)>,
        databases: Vec<Database>,
        caches: Vec<Arn>,
    },
    /// Addresses that were subscribed to the stack's topic and hear nothing.
    Topic(Vec<Unreached>),
    Gone,
}

/// An alarm under one of our names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnAlarm {
    pub has: HasAlarm,
    /// This stack made it for this target.
    pub is_ours: bool,
}

impl Survey {
    /// Reads services and databases, beside those that are known.
    pub(crate) async fn read<C: Cloud>(&mut self, arns: &[Arn], cloud: &C) -> Result<(), AwsError> {
        let of = |service: &str| -> Vec<Arn> {
            arns.iter()
                .filter(|arn| arn.service() == service)
                .cloned()
                .collect()
        };
        let (services, databases) = (of("ecs"), of("rds"));
        if !services.is_empty() {
            let found = cloud.services(&services).await?;
            let groups: BTreeSet<&String> = found
                .iter()
                .flat_map(|service| &service.target_groups)
                .collect();
            let groups: Vec<String> = groups.into_iter().cloned().collect();
            if !groups.is_empty() {
                self.groups.extend(cloud.target_groups(&groups).await?);
            }
            let scalable = cloud.scalable_targets(&services).await?;
            self.scalable.extend(
                scalable
                    .into_iter()
                    .map(|target| (target.service.clone(), target)),
            );
            self.services.extend(
                found
                    .into_iter()
                    .map(|service| (service.arn.clone(), service)),
            );
        }
        let caches = of("elasticache");
        if !caches.is_empty() {
            let found = cloud.caches(&caches).await?;
            self.databases
                .extend(found.into_iter().map(|cache| (cache.arn.clone(), cache)));
        }
        if !databases.is_empty() {
            let found = cloud.databases(&databases).await?;
            self.databases.extend(
                found
                    .into_iter()
                    .map(|database| (database.arn.clone(), database)),
            );
        }
        Ok(())
    }

    /// A resource with the tags it has now: none where it is gone.
    pub(crate) fn tagged(&self, arn: &Arn) -> Tagged {
        let service = self
            .services
            .get(arn)
            .filter(|service| service.status != "INACTIVE")
            .map(|s| &s.tags);
        let tags = service.or_else(|| self.databases.get(arn).map(|database| &database.tags));
        Tagged {
            arn: arn.clone(),
            tags: tags.cloned().unwrap_or_default(),
        }
    }

    /// What was read of one target, and what only it needs.
    pub(crate) async fn of<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &seen.target.arn;
        let subject = self.subject(seen, cloud).await?;
        let dashboard = match &subject {
            Subject::Application { .. } => cloud.dashboard(&arn.name()).await?,
            _ => None,
        };
        Ok(Observed {
            alarms: self.alarms_of(arn, &seen.policy.stack, cloud).await?,
            subject,
            dashboard,
        })
    }

    async fn subject<C: Cloud>(
        &self,
        seen: Seen<'_, Policy>,
        cloud: &C,
    ) -> Result<Subject, AwsError> {
        let arn = &seen.target.arn;
        if let Some(service) = self
            .services
            .get(arn)
            .filter(|service| service.status != "INACTIVE")
        {
            let definition = match service.task_definition.as_str() {
                "" => None,
                definition => Some(cloud.task_definition(definition).await?),
            };
            return Ok(Subject::Service {
                groups: self.groups_of(service),
                scalable: self.scalable.get(arn).cloned(),
                service: Box::new(service.clone()),
                definition,
            });
        }
        if let Some(database) = self.databases.get(arn) {
            return Ok(Subject::Database(Box::new(database.clone())));
        }
        Ok(match arn.service() {
            "cloudwatch" => self.application(policy::app(&seen.target.tags).unwrap_or_default()),
            "sns" => Subject::Topic(self.unreached.clone()),
            _ => Subject::Gone,
        })
    }

    fn groups_of(&self, service: &Service) -> Vec<TargetGroup> {
        service
            .target_groups
            .iter()
            .filter_map(|arn| self.groups.get(arn).cloned())
            .collect()
    }

    fn application(&self, app: &str) -> Subject {
        let managed = |tags: &BTreeMap<String, String>| {
            tags.contains_key(policy::MANAGED) && policy::app(tags) == Some(app)
        };
        let services = self
            .services
            .values()
            .filter(|service| managed(&service.tags));
        let caches = self
            .caches
            .iter()
            .filter(|cache| policy::app(&cache.tags) == Some(app));
        Subject::Application {
            services: services
                .map(|service| (service.clone(), self.groups_of(service)))
                .collect(),
            databases: self
                .databases
                .values()
                .filter(|database| !database.arn.is_cache() && managed(&database.tags))
                .cloned()
                .collect(),
            caches: caches.map(|cache| cache.arn.clone()).collect(),
        }
    }

    /// The alarms under a target's names. The listing by tags lags, so an alarm that is not in it is asked.
    async fn alarms_of<C: Cloud>(
        &self,
        arn: &Arn,
        stack: &str,
        cloud: &C,
    ) -> Result<Vec<OwnAlarm>, AwsError> {
        let Some(prefix) = alarms::prefix(arn) else {
            return Ok(Vec::new());
        };
        let is_ours = |tags: &BTreeMap<String, String>| {
            tags.get(TARGET)
                .is_some_and(|target| target == arn.as_str())
                && tags.get(STACK).is_some_and(|owner| owner == stack)
        };
        let mut found = Vec::new();
        for has in self
            .alarms
            .iter()
            .filter(|has| has.name.starts_with(&prefix))
        {
            let listed = self.own.iter().find(|own| own.arn.as_str() == has.arn);
            let is_ours = match listed {
                Some(own) => is_ours(&own.tags),
                None => is_ours(&cloud.alarm_tags(&has.arn).await?),
            };
            found.push(OwnAlarm {
                has: has.clone(),
                is_ours,
            });
        }
        Ok(found)
    }
}

//! Reads from AWS the facts that a decision needs, for all targets of a run at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::reads::Reads;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{
    Arn, Database, ExistingAlarm, InactiveSubscription, ScalableTarget, Service, Tagged,
    TargetGroup, TaskDefinition,
};
use lamplighter::policy::{self, STACK, TARGET};
use serde::Serialize;

use crate::{Policy, alarms};

/// AWS state that is prefetched for all targets of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    pub services: BTreeMap<Arn, Service>,
    pub databases: BTreeMap<Arn, Database>,
    pub caches: Vec<Tagged>,
    pub groups: BTreeMap<String, TargetGroup>,
    pub scalable: BTreeMap<Arn, ScalableTarget>,
    /// Every alarm whose name has Lamplighter's prefix.
    pub alarms: Vec<ExistingAlarm>,
    /// Every alarm that carries Lamplighter's tags.
    pub own_alarms: Vec<Tagged>,
    pub unconfirmed_subscriptions: Vec<InactiveSubscription>,
}

/// The observed state of a target, as the input of [`crate::decide`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observed {
    pub subject: Subject,
    /// The alarms under the target's alarm names, whoever owns them.
    pub alarms: Vec<OwnAlarm>,
    /// The body of the existing dashboard.
    pub dashboard: Option<String>,
}

/// The resource behind a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Subject {
    Service {
        service: Box<Service>,
        groups: Vec<TargetGroup>,
        definition: Option<TaskDefinition>,
        scalable: Option<ScalableTarget>,
    },
    Database(Box<Database>),
    /// An application and its managed resources.
    Application {
        services: Vec<(Service, Vec<TargetGroup>)>,
        databases: Vec<Database>,
        caches: Vec<Arn>,
    },
    /// The stack's topic, with the subscribed addresses that receive no messages.
    Topic(Vec<InactiveSubscription>),
    Gone,
}

/// An existing alarm with one of Lamplighter's alarm names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnAlarm {
    pub existing: ExistingAlarm,
    /// Whether this stack created it for this target.
    pub is_ours: bool,
}

impl Prefetched {
    /// Reads services, databases and caches, and adds them to the known ones.
    pub(crate) async fn read_resources<C: Reads>(
        &mut self,
        arns: &[Arn],
        cloud: &C,
    ) -> Result<(), AwsError> {
        let of = |service: &str| -> Vec<Arn> {
            arns.iter()
                .filter(|arn| arn.service() == service)
                .cloned()
                .collect()
        };
        let (services, databases) = (of("ecs"), of("rds"));
        if !services.is_empty() {
            let found = cloud.describe_services(&services).await?;
            let groups: BTreeSet<&String> = found
                .iter()
                .flat_map(|service| &service.target_groups)
                .collect();
            let groups: Vec<String> = groups.into_iter().cloned().collect();
            if !groups.is_empty() {
                self.groups
                    .extend(cloud.describe_target_groups(&groups).await?);
            }
            let scalable = cloud.describe_scalable_targets(&services).await?;
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
            let found = cloud.describe_caches(&caches).await?;
            self.databases
                .extend(found.into_iter().map(|cache| (cache.arn.clone(), cache)));
        }
        if !databases.is_empty() {
            let found = cloud.describe_databases(&databases).await?;
            self.databases.extend(
                found
                    .into_iter()
                    .map(|database| (database.arn.clone(), database)),
            );
        }
        Ok(())
    }

    /// Returns a resource with its current tags; the tags are empty if it no longer exists.
    pub(crate) fn resource_with_tags(&self, arn: &Arn) -> Tagged {
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

    /// Returns the prefetched state of one target, and reads what only this target needs.
    pub(crate) async fn observe_target<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Observed, AwsError> {
        let arn = &context.target.arn;
        let subject = self.build_subject(context, cloud).await?;
        let dashboard = match &subject {
            Subject::Application { .. } => cloud.get_dashboard(&arn.display_name()).await?,
            _ => None,
        };
        Ok(Observed {
            alarms: self.find_alarms(arn, &context.policy.stack, cloud).await?,
            subject,
            dashboard,
        })
    }

    async fn build_subject<C: Reads>(
        &self,
        context: TargetContext<'_, Policy>,
        cloud: &C,
    ) -> Result<Subject, AwsError> {
        let arn = &context.target.arn;
        if let Some(service) = self
            .services
            .get(arn)
            .filter(|service| service.status != "INACTIVE")
        {
            let definition = match service.task_definition.as_str() {
                "" => None,
                definition => Some(cloud.describe_task_definition(definition).await?),
            };
            return Ok(Subject::Service {
                groups: self.find_target_groups(service),
                scalable: self.scalable.get(arn).cloned(),
                service: Box::new(service.clone()),
                definition,
            });
        }
        if let Some(database) = self.databases.get(arn) {
            return Ok(Subject::Database(Box::new(database.clone())));
        }
        Ok(match arn.service() {
            "cloudwatch" => {
                self.build_application(policy::app_name(&context.target.tags).unwrap_or_default())
            }
            "sns" => Subject::Topic(self.unconfirmed_subscriptions.clone()),
            _ => Subject::Gone,
        })
    }

    fn find_target_groups(&self, service: &Service) -> Vec<TargetGroup> {
        service
            .target_groups
            .iter()
            .filter_map(|arn| self.groups.get(arn).cloned())
            .collect()
    }

    fn build_application(&self, app: &str) -> Subject {
        let managed = |tags: &BTreeMap<String, String>| {
            tags.contains_key(policy::MANAGED) && policy::app_name(tags) == Some(app)
        };
        let services = self
            .services
            .values()
            .filter(|service| managed(&service.tags));
        let caches = self
            .caches
            .iter()
            .filter(|cache| policy::app_name(&cache.tags) == Some(app));
        Subject::Application {
            services: services
                .map(|service| (service.clone(), self.find_target_groups(service)))
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

    /// Finds the alarms under a target's names. The tag listing is eventually consistent, so the
    /// tags of an alarm that it lacks are read directly.
    async fn find_alarms<C: Reads>(
        &self,
        arn: &Arn,
        stack: &str,
        cloud: &C,
    ) -> Result<Vec<OwnAlarm>, AwsError> {
        let Some(prefix) = alarms::alarm_prefix(arn) else {
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
            let listed = self
                .own_alarms
                .iter()
                .find(|own| own.arn.as_str() == has.arn);
            let is_ours = match listed {
                Some(own) => is_ours(&own.tags),
                None => is_ours(&cloud.alarm_tags(&has.arn).await?),
            };
            found.push(OwnAlarm {
                existing: has.clone(),
                is_ours,
            });
        }
        Ok(found)
    }
}

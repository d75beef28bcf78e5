//! Reads the inputs of a decision from AWS, for all targets of a run at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{
    Arn, Database, ExistingAlarm, InactiveSubscription, ScalableTarget, Service, Tagged,
    TargetGroup, alarm_prefix,
};
use lamplighter::policy::{self, BaseRevision, DeployPolicy, STACK, StackDefaults, TARGET};

use crate::alarm_incidents::is_incident;
use crate::alarm_reads;
use crate::dashboard::{MEMBERS_PER_DASHBOARD, Member};
use crate::dashboard_targets::part_number;
use crate::observed::{Observed, OwnAlarm, Subject};
use crate::policy::Policy;
use crate::reads::Reads;
use crate::stray_tags::StrayTag;

/// AWS state that is prefetched for all targets of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    /// The time of the run.
    pub now: Timestamp,
    /// The region of the stack, which the names of dashboards have.
    pub region: String,
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
    pub stray_tags: Vec<StrayTag>,
}

impl Prefetched {
    /// Reads services, databases and caches, and adds them to the known ones.
    pub(crate) async fn read_resources<C: Reads>(
        &mut self,
        arns: &[Arn],
        cloud: &C,
    ) -> Result<(), AwsError> {
        self.read_services(&arns_of("ecs", arns), cloud).await?;
        let caches = arns_of("elasticache", arns);
        if !caches.is_empty() {
            let found = cloud.describe_caches(&caches).await?;
            self.databases
                .extend(found.into_iter().map(|cache| (cache.arn.clone(), cache)));
        }
        let databases = arns_of("rds", arns);
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

    /// Reads services with their target groups and scalable targets.
    async fn read_services<C: Reads>(&mut self, arns: &[Arn], cloud: &C) -> Result<(), AwsError> {
        if arns.is_empty() {
            return Ok(());
        }
        let services = cloud.describe_services(arns).await?;
        let groups: BTreeSet<&String> = services
            .iter()
            .flat_map(|service| &service.target_groups)
            .collect();
        let groups: Vec<String> = groups.into_iter().cloned().collect();
        if !groups.is_empty() {
            self.groups
                .extend(cloud.describe_target_groups(&groups).await?);
        }
        let scalable = cloud.describe_scalable_targets(arns).await?;
        self.scalable.extend(
            scalable
                .into_iter()
                .map(|target| (target.service.clone(), target)),
        );
        self.services.extend(
            services
                .into_iter()
                .map(|service| (service.arn.clone(), service)),
        );
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

    /// Reports whether an alarm of a service is no incident, because another function acts on it.
    pub(crate) fn is_left_to_others(
        &self,
        arn: &Arn,
        alarm: &str,
        defaults: &StackDefaults,
    ) -> bool {
        let Some(service) = self.services.get(arn) else {
            return false;
        };
        let subject = Subject::Service {
            service: Box::new(service.clone()),
            groups: Vec::new(),
            definition: None,
            newest: None,
            scalable: self.scalable.get(arn).cloned(),
        };
        Policy::from_tags(&service.tags, defaults)
            .is_ok_and(|policy| !is_incident(&policy, &service.tags, &subject, alarm))
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
            Subject::Service { .. }
            | Subject::Database(_)
            | Subject::Topic { .. }
            | Subject::Gone => None,
        };
        let alarms = self.find_alarms(arn, &context.policy.stack, cloud).await?;
        Ok(Observed {
            at: self.now,
            details: alarm_reads::read_details(context, &alarms, &subject, self.now, cloud).await?,
            alarms,
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
            let deploy = DeployPolicy::from_tags(&context.target.tags).ok().flatten();
            let builds_on_running =
                deploy.is_some_and(|deploy| deploy.base == BaseRevision::Running);
            let newest = match &definition {
                Some(running) if builds_on_running => {
                    Some(cloud.newest_revision(running.family()).await?)
                }
                Some(_) | None => None,
            };
            return Ok(Subject::Service {
                newest,
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
                let app = policy::app_name(&context.target.tags).unwrap_or_default();
                let part = part_number(arn, &self.region, app);
                let members = self.list_members(app);
                let mut parts = members.chunks(MEMBERS_PER_DASHBOARD);
                Subject::Application {
                    members: parts.nth(part - 1).unwrap_or_default().to_vec(),
                }
            }
            "sns" => Subject::Topic {
                inactive: self.unconfirmed_subscriptions.clone(),
                stray_tags: self.stray_tags.clone(),
            },
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

    /// Returns the managed services and databases of an application, and its caches, managed or not.
    pub(crate) fn list_members(&self, app: &str) -> Vec<Member> {
        let services = self
            .services
            .values()
            .filter(|service| is_managed_member(&service.tags, app))
            .map(|service| {
                let groups = self.find_target_groups(service);
                Member::Service(Box::new(service.clone()), groups)
            });
        let databases = self
            .databases
            .values()
            .filter(|database| !database.arn.is_cache() && is_managed_member(&database.tags, app))
            .map(|database| Member::Database(Box::new(database.clone())));
        let caches = self
            .caches
            .iter()
            .filter(|cache| policy::app_name(&cache.tags) == Some(app))
            .map(|cache| Member::Cache(Box::new(self.find_cache(cache))));
        services.chain(databases).chain(caches).collect()
    }

    /// Returns a cache with its nodes. One that is a single cluster is its own node.
    fn find_cache(&self, cache: &Tagged) -> Database {
        let name = cache.arn.display_name();
        let described = self.databases.get(&cache.arn).cloned();
        let mut found = described.unwrap_or_else(|| Database {
            arn: cache.arn.clone(),
            nodes: Vec::from_iter(cache.arn.database_kind().is_none().then(|| name.clone())),
            identifier: name,
            ..Database::default()
        });
        found.tags.clone_from(&cache.tags);
        found
    }

    /// Finds the alarms under a target's names. The tag listing is eventually consistent, so the
    /// tags of an alarm that it lacks are read directly.
    async fn find_alarms<C: Reads>(
        &self,
        arn: &Arn,
        stack: &str,
        cloud: &C,
    ) -> Result<Vec<OwnAlarm>, AwsError> {
        let Some(prefix) = alarm_prefix(arn) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for existing in self
            .alarms
            .iter()
            .filter(|alarm| alarm.name.starts_with(&prefix))
        {
            let listed = self
                .own_alarms
                .iter()
                .find(|own| own.arn.as_str() == existing.arn);
            let is_ours = match listed {
                Some(own) => is_owned(&own.tags, arn, stack),
                None => is_owned(&cloud.alarm_tags(&existing.arn).await?, arn, stack),
            };
            found.push(OwnAlarm {
                existing: existing.clone(),
                is_ours,
            });
        }
        Ok(found)
    }
}

fn arns_of(service: &str, arns: &[Arn]) -> Vec<Arn> {
    arns.iter()
        .filter(|arn| arn.service() == service)
        .cloned()
        .collect()
}

/// Reports whether tags belong to a managed resource of an application.
fn is_managed_member(tags: &BTreeMap<String, String>, app: &str) -> bool {
    tags.contains_key(policy::MANAGED) && policy::app_name(tags) == Some(app)
}

/// Reports whether the tags of an alarm name this target and this stack as its owners.
fn is_owned(tags: &BTreeMap<String, String>, target: &Arn, stack: &str) -> bool {
    tags.get(TARGET)
        .is_some_and(|owner| owner == target.as_str())
        && tags.get(STACK).is_some_and(|owner| owner == stack)
}

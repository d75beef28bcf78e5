//! Reads the inputs of a decision from AWS, for all targets of a run at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::engine::TargetContext;
use lamplighter::model::{
    Arn, CloudTrailEvent, Database, ExistingAlarm, InactiveSubscription, ScalableTarget, Service,
    Tagged, TargetGroup,
};
use lamplighter::policy::{self, BaseRevision, DeployPolicy, STACK, StackDefaults, TARGET};

use crate::alarm_details::AlarmDetails;
use crate::alarm_incidents::{TIMELINE, is_incident, needs_calls, needs_values};
use crate::alarm_kind::AlarmKind;
use crate::alarm_names::alarm_prefix;
use crate::observed::{Observed, OwnAlarm, Subject};
use crate::policy::Policy;
use crate::reads::Reads;
use crate::stray_tags::StrayTag;

/// AWS state that is prefetched for all targets of a run.
#[derive(Debug, Default)]
pub struct Prefetched {
    /// The time of the run.
    pub now: Timestamp,
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
            details: read_details(context, &alarms, &subject, self.now, cloud).await?,
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
                self.build_application(policy::app_name(&context.target.tags).unwrap_or_default())
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

    fn build_application(&self, app: &str) -> Subject {
        let services = self
            .services
            .values()
            .filter(|service| is_managed_member(&service.tags, app));
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
                .filter(|database| {
                    !database.arn.is_cache() && is_managed_member(&database.tags, app)
                })
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

/// The time that messages about an alarm look back.
const VALUES_WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// Reads what messages about the alarms of a target say, if any is due.
async fn read_details<C: Reads>(
    context: TargetContext<'_, Policy>,
    alarms: &[OwnAlarm],
    subject: &Subject,
    now: Timestamp,
    cloud: &C,
) -> Result<Vec<AlarmDetails>, AwsError> {
    let mut found = Vec::new();
    for own in alarms.iter().filter(|own| own.is_ours) {
        let alarm = &own.existing;
        if !needs_values(context, subject, alarm) {
            continue;
        }
        let mut details = AlarmDetails {
            name: alarm.name.clone(),
            ..AlarmDetails::default()
        };
        read_values(&mut details, alarm, subject, now, cloud).await?;
        if needs_calls(context.state, alarm, now)
            && let Some(since) = alarm.state_since
        {
            details.calls = read_calls(context, since, cloud).await;
        }
        found.push(details);
    }
    Ok(found)
}

async fn read_values<C: Reads>(
    details: &mut AlarmDetails,
    alarm: &ExistingAlarm,
    subject: &Subject,
    now: Timestamp,
    cloud: &C,
) -> Result<(), AwsError> {
    let from = now - VALUES_WINDOW;
    if let Some(settings) = alarm.alarm.as_ref().filter(|settings| settings.period == 1) {
        details.values = cloud.read_measure(&settings.measure, from, now).await?;
    }
    if let Subject::Service { groups, .. } = subject
        && AlarmKind::of_alarm(&alarm.name) == AlarmKind::Errors
    {
        for traffic in cloud.read_traffic(groups, from, now).await? {
            for (minute, requests) in traffic.requests {
                *details.requests.entry(minute).or_default() += requests;
            }
        }
    }
    Ok(())
}

/// Reads the calls of others that changed a target in the half hour before an alarm, oldest first. A failed look-up counts
/// as none: the alarm itself was reported.
async fn read_calls<C: Reads>(
    context: TargetContext<'_, Policy>,
    alarm_since: Timestamp,
    cloud: &C,
) -> Vec<CloudTrailEvent> {
    let arn = &context.target.arn;
    let source = match arn.service() {
        "ecs" => "ecs.amazonaws.com",
        "elasticache" => "elasticache.amazonaws.com",
        _ => "rds.amazonaws.com",
    };
    let full_name = arn.display_name();
    let names: Vec<&str> = full_name.split('/').collect();
    let mut calls = cloud
        .calls_about(source, &names, alarm_since - TIMELINE)
        .await
        .unwrap_or_default();
    // What the functions of the stack did is in the timeline.
    let own_prefix = format!("{}-", context.policy.stack);
    calls.retain(|call| call.at <= alarm_since && !call.by.starts_with(&own_prefix));
    calls.sort_by_key(|call| call.at);
    calls
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

//! Discovery: finds the services, databases and dashboards that an event affects.

use std::collections::BTreeSet;

use lamplighter::AwsError;
use lamplighter::Function;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::AlarmChange;
use lamplighter::model::{ALARM_PREFIX, AlarmState, Arn, Tagged, alarm_prefix};
use lamplighter::notify::dashboard_prefix;
use lamplighter::policy::{self, APP, MANAGED, PREFIX, STACK, TARGET};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;

use crate::dashboard_targets::{
    application_dashboards, build_target, dashboard_targets, is_dashboard,
};
use crate::observation::Prefetched;
use crate::reads::Reads;
use crate::stray_tags::find_stray_tags;

type Discovery = Result<Targets<Prefetched>, AwsError>;

pub async fn find_targets<C: Reads, L: Ledger>(discovery: DiscoveryContext<'_, C, L>) -> Discovery {
    match &discovery.event.detail {
        Detail::TagChange(change)
            if change
                .changed_tag_keys
                .iter()
                .any(|key| key.starts_with(PREFIX)) =>
        {
            match discovery.event.resources.first().map(Arn::new) {
                Some(arn) => find_resource_targets(&discovery, arn).await,
                None => Ok(Targets::Skipped("the event names no resource".to_owned())),
            }
        }
        Detail::TagChange(_) => Ok(Targets::Skipped("no tag of Lamplighter changed".to_owned())),
        Detail::ServiceCreated(created) => {
            find_resource_targets(&discovery, created.service.clone()).await
        }
        Detail::AlarmChange(change) => find_target_of_alarm(&discovery, change).await,
        Detail::Sweep if discovery.event.only_watched => find_watched_targets(&discovery).await,
        Detail::Sweep => find_sweep_targets(&discovery).await,
        Detail::ImageAction(_)
        | Detail::ImageScanned(_)
        | Detail::SecretChange(_)
        | Detail::TaskChange(_)
        | Detail::RunFailure(_)
        | Detail::InstanceChange(_)
        | Detail::DeploymentChange(_)
        | Detail::Snapshot(_)
        | Detail::BackupJob(_)
        | Detail::Database(_)
        | Detail::Drill(_)
        | Detail::Request(_)
        | Detail::Release(_)
        | Detail::Hook(_)
        | Detail::CodeDeployHook(_)
        | Detail::CodeDeployment(_)
        | Detail::Other { .. } => Ok(Targets::unsupported_event(
            Function::Enroll.name(),
            &discovery.event.detail,
        )),
    }
}

/// Finds the target of an alarm that changed. The tags of an alarm name its target and its stack.
async fn find_target_of_alarm<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    change: &AlarmChange,
) -> Discovery {
    if !change.name.starts_with(ALARM_PREFIX) {
        return Ok(Targets::Skipped(format!(
            "{} is not our alarm",
            change.name
        )));
    }
    if change.muted {
        return Ok(Targets::Skipped(format!("{} is muted", change.name)));
    }
    // The first data of a new alarm resolve nothing. Where data were missing in between, the sweep finds the end.
    if change.state == AlarmState::Ok && change.previous == Some(AlarmState::InsufficientData) {
        return Ok(Targets::Skipped(format!(
            "{} did not fire before",
            change.name
        )));
    }
    let tags = discovery.cloud.alarm_tags(&change.arn).await?;
    let is_own = tags.get(STACK) == Some(&discovery.defaults.stack);
    let Some(arn) = tags.get(TARGET).filter(|_| is_own).map(Arn::new) else {
        return Ok(Targets::Skipped(format!(
            "{} is not an alarm of this stack",
            change.name
        )));
    };
    let found = find_named_targets(discovery, vec![arn.clone()]).await?;
    // `scale` or `heal` acts on it in this moment, and must not find its target locked.
    let is_left_to_others = match &found {
        Targets::Found(_, prefetched) if change.state == AlarmState::Alarm => {
            prefetched.is_left_to_others(&arn, &change.name, discovery.defaults)
        }
        Targets::Found(..) | Targets::Skipped(_) => false,
    };
    if is_left_to_others {
        return Ok(Targets::Skipped(format!(
            "another function acts on {}",
            change.name
        )));
    }
    Ok(found)
}

/// Finds the targets with an alarm that fires now, those whose alarms fired when they were last observed, and the
/// dashboards that changed by an event.
async fn find_watched_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> Discovery {
    let watched = discovery
        .ledger
        .list_watched(Function::Enroll.name())
        .await?;
    let (dashboards, resources): (Vec<Arn>, Vec<Arn>) = watched.into_iter().partition(is_dashboard);
    let mut arns: BTreeSet<Arn> = resources.into_iter().collect();
    for alarm in discovery.cloud.describe_alarms(ALARM_PREFIX, true).await? {
        let tags = discovery.cloud.alarm_tags(&alarm.arn).await?;
        let is_own = tags.get(STACK) == Some(&discovery.defaults.stack);
        arns.extend(tags.get(TARGET).filter(|_| is_own).map(Arn::new));
    }
    if arns.is_empty() && dashboards.is_empty() {
        return Ok(Targets::Skipped("no alarm fires".to_owned()));
    }
    let arns: Vec<Arn> = arns.into_iter().collect();
    let mut prefetched = read_named_targets(discovery, &arns).await?;
    let mut targets: Vec<Tagged> = arns
        .iter()
        .map(|arn| prefetched.resource_with_tags(arn))
        .collect();
    if !dashboards.is_empty() {
        targets.extend(find_dashboards(discovery, &mut prefetched, &dashboards).await?);
    }
    Ok(Targets::Found(targets, prefetched))
}

/// Finds these dashboards, and reads the members of their applications.
async fn find_dashboards<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    prefetched: &mut Prefetched,
    dashboards: &[Arn],
) -> Result<Vec<Tagged>, AwsError> {
    let managed = list_managed(discovery.cloud).await?;
    let members: Vec<Arn> = managed.iter().map(|member| member.arn.clone()).collect();
    prefetched.read_resources(&members, discovery.cloud).await?;
    read_caches(prefetched, None, discovery.cloud).await?;
    let existing: Vec<String> = dashboards.iter().map(Arn::display_name).collect();
    let topic = Arn::new(discovery.defaults.topic.clone());
    let all = dashboard_targets(
        &managed,
        &existing,
        &discovery.event.region,
        &topic,
        |app| prefetched.list_members(app).len(),
    );
    Ok(all
        .into_iter()
        .filter(|found| dashboards.contains(&found.arn))
        .collect())
}

/// Reads some targets with their alarms, without dashboards.
async fn find_named_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arns: Vec<Arn>,
) -> Discovery {
    let prefetched = read_named_targets(discovery, &arns).await?;
    let targets = arns
        .iter()
        .map(|arn| prefetched.resource_with_tags(arn))
        .collect();
    Ok(Targets::Found(targets, prefetched))
}

/// Reads some resources and their alarms.
async fn read_named_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arns: &[Arn],
) -> Result<Prefetched, AwsError> {
    let mut prefetched = Prefetched {
        now: discovery.now,
        region: discovery.event.region.clone(),
        ..Prefetched::default()
    };
    for arn in arns {
        let Some(prefix) = alarm_prefix(arn) else {
            continue;
        };
        let alarms = discovery.cloud.describe_alarms(&prefix, false).await?;
        prefetched.alarms.extend(alarms);
    }
    prefetched.read_resources(arns, discovery.cloud).await?;
    Ok(prefetched)
}

/// Finds one resource and the dashboard of its application.
async fn find_resource_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    arn: Arn,
) -> Discovery {
    let Some(prefix) = alarm_prefix(&arn) else {
        return Ok(Targets::Skipped(format!(
            "{} is not an ECS service, a database or a cache",
            arn.display_name()
        )));
    };
    let mut prefetched = Prefetched {
        now: discovery.now,
        region: discovery.event.region.clone(),
        alarms: discovery.cloud.describe_alarms(&prefix, false).await?,
        own_alarms: discovery.cloud.list_own_alarms(Some(&arn)).await?,
        ..Prefetched::default()
    };
    prefetched
        .read_resources(std::slice::from_ref(&arn), discovery.cloud)
        .await?;
    let target = prefetched.resource_with_tags(&arn);
    let ours = target.tags.contains_key(MANAGED) || !prefetched.own_alarms.is_empty();
    if !ours && policy::find_unknown_tags(&target.tags).next().is_none() {
        return Ok(Targets::Skipped(format!(
            "{} is not managed",
            arn.display_name()
        )));
    }
    let mut targets = vec![target];
    let app = policy::app_name(&prefetched.resource_with_tags(&arn).tags).map(str::to_owned);
    if let Some(app) = app {
        read_application(&mut prefetched, &arn, &app, discovery.cloud).await?;
        let count = prefetched.list_members(&app).len();
        targets.extend(application_dashboards(&arn, arn.region(), &app, count));
    }
    Ok(Targets::Found(targets, prefetched))
}

/// Reads the other members of an application, for its dashboard.
async fn read_application<C: Reads>(
    prefetched: &mut Prefetched,
    member: &Arn,
    app: &str,
    cloud: &C,
) -> Result<(), AwsError> {
    let others: Vec<Arn> = list_managed(cloud)
        .await?
        .into_iter()
        .filter(|other| policy::app_name(&other.tags) == Some(app))
        .map(|other| other.arn)
        .filter(|other| other != member)
        .collect();
    prefetched.read_resources(&others, cloud).await?;
    read_caches(prefetched, Some(app), cloud).await
}

/// Reads the caches of one application or of all, with their nodes. They need no tag but that of the application.
async fn read_caches<C: Reads>(
    prefetched: &mut Prefetched,
    app: Option<&str>,
    cloud: &C,
) -> Result<(), AwsError> {
    prefetched.caches = cloud.list_tagged(ResourceKind::Cache, APP).await?;
    let unknown: Vec<Arn> = prefetched
        .caches
        .iter()
        .filter(|cache| app.is_none() || policy::app_name(&cache.tags) == app)
        .map(|cache| cache.arn.clone())
        .filter(|cache| cache.is_cache() && !prefetched.databases.contains_key(cache))
        .collect();
    prefetched.read_resources(&unknown, cloud).await
}

/// Finds all managed resources, and all that Lamplighter has created an alarm or a dashboard for.
async fn find_sweep_targets<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> Discovery {
    let managed = list_managed(discovery.cloud).await?;
    let mut prefetched = Prefetched {
        now: discovery.now,
        region: discovery.event.region.clone(),
        alarms: discovery.cloud.describe_alarms(ALARM_PREFIX, false).await?,
        own_alarms: discovery.cloud.list_own_alarms(None).await?,
        ..Prefetched::default()
    };
    let owners = prefetched
        .own_alarms
        .iter()
        .filter_map(|alarm| alarm.tags.get(TARGET))
        .map(Arn::new);
    let arns: BTreeSet<Arn> = managed
        .iter()
        .map(|target| target.arn.clone())
        .chain(owners)
        .collect();
    let arns: Vec<Arn> = arns.into_iter().collect();
    prefetched.read_resources(&arns, discovery.cloud).await?;
    read_caches(&mut prefetched, None, discovery.cloud).await?;
    let mut targets: Vec<Tagged> = arns
        .iter()
        .map(|arn| prefetched.resource_with_tags(arn))
        .collect();
    let topic = Arn::new(discovery.defaults.topic.clone());
    let region = discovery.event.region.as_str();
    let existing = discovery
        .cloud
        .list_dashboards(dashboard_prefix(region).trim_end_matches('-'))
        .await?;
    let count_members = |app: &str| prefetched.list_members(app).len();
    let dashboards = dashboard_targets(&targets, &existing, region, &topic, count_members);
    targets.extend(dashboards);
    if !topic.as_str().is_empty() {
        prefetched.unconfirmed_subscriptions = discovery
            .cloud
            .unconfirmed_subscriptions(topic.as_str())
            .await?;
        prefetched.stray_tags = find_stray_tags(discovery.cloud).await?;
        targets.push(build_target(topic, true));
    }
    if targets.is_empty() {
        return Ok(Targets::Skipped(format!(
            "no resource has the tag {MANAGED}"
        )));
    }
    Ok(Targets::Found(targets, prefetched))
}

/// Lists every managed service, database and cache.
async fn list_managed<C: Reads>(cloud: &C) -> Result<Vec<Tagged>, AwsError> {
    let mut listed = cloud.list_tagged(ResourceKind::Service, MANAGED).await?;
    listed.extend(
        cloud
            .list_tagged(ResourceKind::DatabaseOrCache, MANAGED)
            .await?,
    );
    Ok(listed)
}

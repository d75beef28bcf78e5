//! Which services, databases and dashboards an event is about.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::AwsError;
use lamplighter::engine::{Search, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Tagged};
use lamplighter::policy::{self, APP, MANAGED, PREFIX, TARGET};
use lamplighter::ports::cloud::{Cloud, Kind};
use lamplighter::ports::ledger::Ledger;

use crate::alarms;
use crate::survey::Survey;

type Found = Result<Targets<Survey>, AwsError>;

/// What the names of a region's dashboards begin with: an account has one set of dashboards for all regions.
fn prefix(region: &str) -> String {
    format!("lamplighter-{region}-")
}

pub async fn targets<C: Cloud, L: Ledger>(search: Search<'_, C, L>) -> Found {
    match &search.event.detail {
        Detail::TagChange(change)
            if change
                .changed_tag_keys
                .iter()
                .any(|key| key.starts_with(PREFIX)) =>
        {
            match search.event.resources.first().map(Arn::new) {
                Some(arn) => one(&search, arn).await,
                None => Ok(Targets::None("the event names no resource".to_owned())),
            }
        }
        Detail::TagChange(_) => Ok(Targets::None("no tag of ours changed".to_owned())),
        Detail::ServiceCreated(created) => one(&search, created.service.clone()).await,
        Detail::Sweep => all(&search).await,
        other => Ok(Targets::not_for("enroll", other)),
    }
}

/// One resource, and the dashboard of the application it belongs to.
async fn one<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, arn: Arn) -> Found {
    let Some(prefix) = alarms::prefix(&arn) else {
        return Ok(Targets::None(format!(
            "{} is no ECS service, no database and no cache",
            arn.name()
        )));
    };
    let mut survey = Survey {
        alarms: search.cloud.alarms(&prefix, false).await?,
        own: search.cloud.own_alarms(Some(&arn)).await?,
        ..Survey::default()
    };
    survey
        .read(std::slice::from_ref(&arn), search.cloud)
        .await?;
    let target = survey.tagged(&arn);
    let ours = target.tags.contains_key(MANAGED) || !survey.own.is_empty();
    if !ours && policy::misspelt(&target.tags).next().is_none() {
        return Ok(Targets::None(format!("{} is not managed", arn.name())));
    }
    let mut targets = vec![target];
    if let Some(app) = policy::app(&survey.tagged(&arn).tags).map(str::to_owned) {
        let members = listed(search.cloud).await?;
        let of_app: Vec<Tagged> = members
            .into_iter()
            .filter(|m| policy::app(&m.tags) == Some(app.as_str()))
            .collect();
        let others: Vec<Arn> = of_app
            .iter()
            .map(|member| member.arn.clone())
            .filter(|other| *other != arn)
            .collect();
        survey.read(&others, search.cloud).await?;
        survey.caches = search.cloud.tagged(Kind::Cache, APP).await?;
        targets.extend(dashboard_of(&arn, arn.region(), &app, true));
    }
    Ok(Targets::These(targets, survey))
}

/// All that is managed, and all that we have made an alarm or a dashboard for.
async fn all<C: Cloud, L: Ledger>(search: &Search<'_, C, L>) -> Found {
    let managed = listed(search.cloud).await?;
    let mut survey = Survey {
        alarms: search.cloud.alarms(alarms::OURS, false).await?,
        own: search.cloud.own_alarms(None).await?,
        ..Survey::default()
    };
    let owners = survey
        .own
        .iter()
        .filter_map(|alarm| alarm.tags.get(TARGET))
        .map(Arn::new);
    let arns: BTreeSet<Arn> = managed
        .iter()
        .map(|target| target.arn.clone())
        .chain(owners)
        .collect();
    let arns: Vec<Arn> = arns.into_iter().collect();
    survey.read(&arns, search.cloud).await?;
    survey.caches = search.cloud.tagged(Kind::Cache, APP).await?;
    let mut targets: Vec<Tagged> = arns.iter().map(|arn| survey.tagged(arn)).collect();
    let topic = Arn::new(search.defaults.topic.clone());
    let region = search.event.region.as_str();
    let existing = search.cloud.dashboards(&prefix(region)).await?;
    targets.extend(dashboards(&targets, &existing, region, &topic));
    if !topic.as_str().is_empty() {
        survey.unreached = search.cloud.unreached(topic.as_str()).await?;
        targets.push(managed_as(topic, true));
    }
    if targets.is_empty() {
        return Ok(Targets::None(format!("nothing carries {MANAGED}")));
    }
    Ok(Targets::These(targets, survey))
}

/// Every managed service and database.
async fn listed<C: Cloud>(cloud: &C) -> Result<Vec<Tagged>, AwsError> {
    let mut listed = cloud.tagged(Kind::Service, MANAGED).await?;
    listed.extend(cloud.tagged(Kind::DatabaseOrCache, MANAGED).await?);
    Ok(listed)
}

/// The dashboard of every application, and those whose application is gone.
fn dashboards(targets: &[Tagged], existing: &[String], region: &str, topic: &Arn) -> Vec<Tagged> {
    let managed = targets
        .iter()
        .filter(|target| target.tags.contains_key(MANAGED));
    let mut found: BTreeMap<String, Tagged> = BTreeMap::new();
    for target in managed {
        let dashboard =
            policy::app(&target.tags).and_then(|app| dashboard_of(&target.arn, region, app, true));
        found.extend(dashboard.map(|dashboard| (dashboard.arn.name(), dashboard)));
    }
    for name in existing
        .iter()
        .filter_map(|name| name.strip_prefix(&prefix(region)))
    {
        let beside = targets.first().map_or(topic, |target| &target.arn);
        let gone = dashboard_of(beside, region, name, false)
            .filter(|gone| !found.contains_key(&gone.arn.name()));
        found.extend(gone.map(|gone| (gone.arn.name(), gone)));
    }
    found.into_values().collect()
}

/// The dashboard of an application, as a target. `None` where its name has nothing a dashboard's may have.
fn dashboard_of(member: &Arn, region: &str, app: &str, wanted: bool) -> Option<Tagged> {
    let name: String = app
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let arn = format!(
        "arn:{}:cloudwatch::{}:dashboard/{}{name}",
        member.partition(),
        member.account(),
        prefix(region)
    );
    (!app.is_empty()).then(|| {
        let mut target = managed_as(Arn::new(arn), wanted);
        target.tags.insert(APP.to_owned(), app.to_owned());
        target
    })
}

fn managed_as(arn: Arn, managed: bool) -> Tagged {
    let tags = managed.then(|| (MANAGED.to_owned(), "true".to_owned()));
    Tagged {
        arn,
        tags: tags.into_iter().collect(),
    }
}

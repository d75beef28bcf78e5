//! Which services and instances an event is about.

use std::collections::{BTreeMap, BTreeSet};

use lamplighter::engine::{Search, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::event::detail::alarm::ours;
use lamplighter::model::{AlarmState, Arn, Service, Tagged};
use lamplighter::policy::{self, Heal as Reach, HealPolicy, MANAGED, Managed};
use lamplighter::ports::cloud::{Cloud, Kind};
use lamplighter::ports::ledger::Ledger;
use lamplighter::{AwsError, Operation};

use crate::storm::{Storm, all_services};
use crate::survey::{Survey, UNWELL};
use crate::{Heal, dependants};

/// What the names of our alarms begin with, and the one of them that says that targets are unhealthy.
const OURS: &str = "lamplighter/";
const UNHEALTHY: &str = "unhealthy-targets";
/// What ECS says where tasks don't start, or find no place.
const TROUBLE: [&str; 2] = [
    "SERVICE_TASK_START_IMPAIRED",
    "SERVICE_TASK_PLACEMENT_FAILURE",
];

type Found = Result<Targets<Survey>, AwsError>;

pub async fn targets<C: Cloud, L: Ledger>(search: Search<'_, C, L>) -> Found {
    let event = search.event;
    match &event.detail {
        Detail::TaskChange(change) => {
            match change.service().filter(|_| change.last_status == "STOPPED") {
                Some(service) => named(&search, vec![service]).await,
                None => Ok(Targets::None("no task of a service stopped".to_owned())),
            }
        }
        Detail::DeploymentChange(change) if TROUBLE.contains(&change.event_name.as_str()) => {
            named(&search, event.resources.iter().map(Arn::new).collect()).await
        }
        Detail::AlarmChange(change) => match ours(&change.name) {
            Some(((cluster, name), UNHEALTHY)) if change.state == AlarmState::Alarm => {
                let alarm = Arn::new(change.arn.clone());
                named(&search, vec![alarm.service_beside(cluster, name)]).await
            }
            _ => Ok(Targets::None(format!(
                "{} says nothing about targets that are unhealthy",
                change.name
            ))),
        },
        Detail::InstanceChange(change) if change.agent_connected => Ok(Targets::None(
            "the agent of the instance is connected".to_owned(),
        )),
        Detail::InstanceChange(change) => {
            let arn = change.container_instance_arn.clone();
            let targets = instances(&search, vec![arn.clone()]).await?;
            let cluster = cluster_of(&arn);
            let silent = if targets.is_empty() {
                (Vec::new(), 0)
            } else {
                search.cloud.silent_instances(&cluster).await?
            };
            let silent = BTreeMap::from([(cluster, (silent.0.len(), silent.1))]);
            Ok(found(
                targets,
                Survey {
                    at: search.now,
                    silent,
                    ..Survey::default()
                },
            ))
        }
        Detail::Database(change) => {
            let unwell = services_of(search.ledger.watched(Heal::NAME).await?);
            let services = dependants::of(&change.source_arn, &unwell, search.cloud).await?;
            named(&search, services).await
        }
        Detail::Sweep => swept(&search).await,
        other => Ok(Targets::not_for(Heal::NAME, other)),
    }
}

/// The name of the cluster that an instance is of.
fn cluster_of(instance: &Arn) -> String {
    instance
        .container_instance()
        .map(|(cluster, _)| cluster.to_owned())
        .unwrap_or_default()
}

fn services_of(watched: Vec<Arn>) -> Vec<Arn> {
    watched
        .into_iter()
        .filter(|arn| arn.ecs_service().is_some())
        .collect()
}

/// The services that an event names, of those that are managed.
async fn named<C: Cloud, L: Ledger>(search: &Search<'_, C, L>, arns: Vec<Arn>) -> Found {
    let arns: Vec<Arn> = services_of(arns);
    let mut services = if arns.is_empty() {
        Vec::new()
    } else {
        search.cloud.services(&arns).await?
    };
    services.retain(|service| service.tags.contains_key(MANAGED) && may_be_healed(service));
    if services.is_empty() {
        return Ok(Targets::None(
            "it is about no service that is managed and healed".to_owned(),
        ));
    }
    let by_alarm = matches!(search.event.detail, Detail::AlarmChange(_));
    let storm = storm(search, &services, by_alarm).await?;
    let targets = services.iter().map(tagged).collect();
    Ok(found(
        targets,
        Survey {
            at: search.now,
            services: by_arn(services),
            storm,
            by_alarm,
            ..Survey::default()
        },
    ))
}

fn is_managed(service: &Service) -> bool {
    matches!(
        policy::managed(&service.tags),
        Ok(Managed::Act | Managed::Observe)
    ) && may_be_healed(service)
}

/// One that can't be read is looked at, so that somebody is told.
fn may_be_healed(service: &Service) -> bool {
    HealPolicy::of(&service.tags).map_or(true, |policy| policy.reach != Reach::Off)
}

/// How many services were not well when they were last looked at, and of how many where that may be a storm. Where an alarm
/// speaks, nobody may have looked at the others yet: their alarms tell of them.
async fn storm<C: Cloud, L: Ledger>(
    search: &Search<'_, C, L>,
    services: &[Service],
    by_alarm: bool,
) -> Result<Storm, AwsError> {
    let mut unwell: BTreeSet<Arn> = search.ledger.watched(UNWELL).await?.into_iter().collect();
    if let (Some(one), true) = (services.first(), by_alarm) {
        let alarmed = alarmed(search).await?;
        unwell.extend(
            alarmed
                .iter()
                .map(|(cluster, name)| one.arn.service_beside(cluster, name)),
        );
    }
    if !Storm::may_be(unwell.len()) {
        return Ok(Storm::default());
    }
    let unwell = search
        .cloud
        .services(&unwell.into_iter().collect::<Vec<_>>())
        .await?;
    // One that is paused or has lost its tag is not looked at, and so would stay unwell for ever.
    let unwell = unwell
        .into_iter()
        .filter(is_managed)
        .map(|service| service.arn)
        .collect();
    Ok(Storm::new(
        unwell,
        &search.cloud.tagged(Kind::Service, MANAGED).await?,
    ))
}

/// Cluster and name of the services whose targets are unhealthy, by our alarms.
async fn alarmed<C: Cloud, L: Ledger>(
    search: &Search<'_, C, L>,
) -> Result<BTreeSet<(String, String)>, AwsError> {
    let on = search.cloud.alarms(OURS, true).await?;
    let named = on
        .iter()
        .filter_map(|alarm| ours(&alarm.name))
        .filter(|(_, kind)| *kind == UNHEALTHY);
    Ok(named
        .map(|((cluster, name), _)| (cluster.to_owned(), name.to_owned()))
        .collect())
}

fn is_in(alarmed: &BTreeSet<(String, String)>, arn: &Arn) -> bool {
    arn.ecs_service()
        .is_some_and(|(cluster, name)| alarmed.contains(&(cluster.to_owned(), name.to_owned())))
}

fn tagged(service: &Service) -> Tagged {
    Tagged {
        arn: service.arn.clone(),
        tags: service.tags.clone(),
    }
}

fn by_arn(services: Vec<Service>) -> BTreeMap<Arn, Service> {
    services
        .into_iter()
        .map(|service| (service.arn.clone(), service))
        .collect()
}

/// The services that have fewer tasks than they should, those whose alarm is on, and those that were not well before; and
/// the instances that ECS does not hear of. Well ones cost no call beyond their description.
async fn swept<C: Cloud, L: Ledger>(search: &Search<'_, C, L>) -> Found {
    let listed = search.cloud.tagged(Kind::Service, MANAGED).await?;
    let watched = search.ledger.watched(Heal::NAME).await?;
    let mut arns: BTreeSet<Arn> = listed.iter().map(|service| service.arn.clone()).collect();
    arns.extend(services_of(watched.clone()));
    let Some(one) = arns.first().cloned() else {
        return Ok(Targets::None(format!("no service carries {MANAGED}")));
    };
    let alarmed = alarmed(search).await?;
    let services = search
        .cloud
        .services(&arns.iter().cloned().collect::<Vec<_>>())
        .await?;
    let mut unwell = search.ledger.watched(UNWELL).await?;
    // One that is paused or has lost its tag is not looked at, and so would stay unwell for ever.
    unwell.retain(|arn| {
        services
            .iter()
            .any(|service| service.arn == *arn && is_managed(service))
    });
    let storm = Storm::new(unwell, &listed);
    let clusters: BTreeSet<&str> = services
        .iter()
        .filter_map(|service| Some(service.arn.ecs_service()?.0))
        .collect();
    let mut hosts: BTreeSet<Arn> = watched
        .iter()
        .filter(|arn| arn.container_instance().is_some())
        .cloned()
        .collect();
    let mut silent = BTreeMap::new();
    for cluster in clusters {
        let found = search.cloud.silent_instances(cluster).await?;
        silent.insert(cluster.to_owned(), (found.0.len(), found.1));
        hosts.extend(found.0);
    }
    let needs_a_look = |service: &&Service| {
        watched.contains(&service.arn)
            || may_be_healed(service)
                && (service.short() > 0
                    || is_in(&alarmed, &service.arn)
                    || HealPolicy::of(&service.tags).is_err())
    };
    let mut targets: Vec<Tagged> = services.iter().filter(needs_a_look).map(tagged).collect();
    // Those that are gone are forgotten.
    let gone = services_of(watched.clone())
        .into_iter()
        .filter(|arn| !services.iter().any(|s| s.arn == *arn));
    targets.extend(gone.map(|arn| Tagged {
        arn,
        tags: BTreeMap::new(),
    }));
    let found_hosts = instances(search, hosts.iter().cloned().collect()).await?;
    let gone = hosts
        .iter()
        .filter(|arn| watched.contains(arn) && !found_hosts.iter().any(|host| host.arn == **arn));
    targets.extend(gone.map(|arn| Tagged {
        arn: arn.clone(),
        tags: BTreeMap::new(),
    }));
    targets.extend(found_hosts);
    let everything = all_services(&one);
    if storm.is_on() || watched.contains(&everything) {
        let tags = BTreeMap::from([(MANAGED.to_owned(), "true".to_owned())]);
        targets.push(Tagged {
            arn: everything,
            tags,
        });
    }
    if targets.is_empty() {
        return Ok(Targets::None(format!(
            "all of {} services are well",
            services.len()
        )));
    }
    Ok(found(
        targets,
        Survey {
            at: search.now,
            services: by_arn(services),
            storm,
            silent,
            ..Survey::default()
        },
    ))
}

/// Instances with the tags they have now, of those that are managed.
async fn instances<C: Cloud, L: Ledger>(
    search: &Search<'_, C, L>,
    arns: Vec<Arn>,
) -> Result<Vec<Tagged>, AwsError> {
    let mut by_cluster: BTreeMap<String, Vec<Arn>> = BTreeMap::new();
    for arn in arns {
        by_cluster.entry(cluster_of(&arn)).or_default().push(arn);
    }
    let mut found = Vec::new();
    for arns in by_cluster.values() {
        let known = search.cloud.instances(arns).await?;
        found.extend(
            known
                .into_iter()
                .filter(|instance| instance.tags.contains_key(MANAGED)),
        );
    }
    Ok(found
        .into_iter()
        .map(|instance| Tagged {
            arn: instance.arn,
            tags: instance.tags,
        })
        .collect())
}

fn found(targets: Vec<Tagged>, survey: Survey) -> Targets<Survey> {
    if targets.is_empty() {
        return Targets::None("it is about nothing that is managed".to_owned());
    }
    Targets::These(targets, survey)
}

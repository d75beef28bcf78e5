//! Discovery: the target of a request, by name or ARN.

use std::collections::BTreeSet;

use jiff::Timestamp;
use lamplighter::engine::{DiscoveryContext, Targets};
use lamplighter::event::detail::Detail;
use lamplighter::model::{Arn, Command, Request, RequestScope, Tagged};
use lamplighter::policy::{self, APP, MANAGED, Mode};
use lamplighter::ports::ResourceKind;
use lamplighter::ports::ledger::Ledger;
use lamplighter::state::RequestState;
use lamplighter::{AwsError, Function};

use crate::reads::Reads;

type DiscoveryResult = Result<Targets<Prefetched>, AwsError>;

/// What all targets of a run share.
#[derive(Debug, Default)]
pub struct Prefetched {
    /// The time of the run.
    pub now: Timestamp,
    /// Whether the stack only observes.
    pub observes: bool,
    /// The pauses of applications and of everything; read for a request about one target.
    pub pauses: RequestState,
    /// The number of messages of the dead-letter queue; read for a request to send them again.
    pub dead_letters: u64,
}

/// The kinds of resources that can be targets. `DatabaseOrCache` includes caches.
const KINDS: [ResourceKind; 3] = [
    ResourceKind::Service,
    ResourceKind::DatabaseOrCache,
    ResourceKind::LogGroup,
];

/// Returns the target of a request; for a sweep, those with a pause or a silence.
pub async fn find_targets<C: Reads, L: Ledger>(
    discovery: DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    match &discovery.event.detail {
        Detail::Request(request) => find_requested(&discovery, request).await,
        Detail::Sweep => find_watched(&discovery).await,
        other @ (Detail::ImageAction(_)
        | Detail::ImageScanned(_)
        | Detail::SecretChange(_)
        | Detail::TagChange(_)
        | Detail::AlarmChange(_)
        | Detail::ServiceCreated(_)
        | Detail::TaskChange(_)
        | Detail::RunFailure(_)
        | Detail::InstanceChange(_)
        | Detail::DeploymentChange(_)
        | Detail::Snapshot(_)
        | Detail::BackupJob(_)
        | Detail::Database(_)
        | Detail::Drill(_)
        | Detail::Release(_)
        | Detail::Hook(_)
        | Detail::CodeDeployHook(_)
        | Detail::CodeDeployment(_)
        | Detail::Other { .. }) => Ok(Targets::unsupported_event(Function::Request.name(), other)),
    }
}

async fn find_watched<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
) -> DiscoveryResult {
    let watched = discovery
        .ledger
        .list_watched(Function::Request.name())
        .await?;
    if watched.is_empty() {
        return Ok(Targets::Skipped("nothing is paused or silenced".to_owned()));
    }
    let managed = list_managed(discovery.cloud).await?;
    let targets = watched.into_iter().map(|arn| {
        let known = managed.iter().find(|tagged| tagged.arn == arn);
        known.cloned().unwrap_or_else(|| without_tags(arn))
    });
    Ok(Targets::Found(targets.collect(), prefetch(discovery)))
}

async fn find_requested<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    request: &Request,
) -> DiscoveryResult {
    let found = match &request.scope {
        RequestScope::Everything => Ok(all_targets(discovery)),
        // Its tag may be gone by now, and the pause is not.
        RequestScope::Application(_) if is_end(request) => Ok(all_targets(discovery)),
        RequestScope::Application(app) => {
            let managed = list_managed(discovery.cloud).await?;
            check_application(app, &managed).map(|()| all_targets(discovery))
        }
        RequestScope::Target(name) => {
            let mut known = list_managed(discovery.cloud).await?;
            if is_end(request) {
                known.extend(list_unmanaged(discovery, &known).await?);
            }
            policy::find_target(name, &known)
                .and_then(|target| check_command(request, target.clone()))
        }
    };
    let mut prefetched = prefetch(discovery);
    if let RequestScope::Target(_) = request.scope {
        let all = all_targets(discovery).arn;
        prefetched.pauses = discovery.ledger.read_state(&all).await?.requests;
    }
    if request.command == Command::Redrive {
        prefetched.dead_letters = discovery.cloud.count_dead_letters().await?;
    }
    Ok(match found {
        Ok(target) => Targets::Found(vec![target], prefetched),
        Err(problem) => Targets::Skipped(problem),
    })
}

fn prefetch<C, L>(discovery: &DiscoveryContext<'_, C, L>) -> Prefetched {
    Prefetched {
        now: discovery.now,
        observes: discovery.defaults.mode == Mode::Observe,
        ..Prefetched::default()
    }
}

/// Reports whether a request ends a pause or a silence.
fn is_end(request: &Request) -> bool {
    matches!(request.command, Command::Resume | Command::Unsilence)
}

/// Lists the targets with a pause or a silence that lost the tag of managed ones.
async fn list_unmanaged<C: Reads, L: Ledger>(
    discovery: &DiscoveryContext<'_, C, L>,
    managed: &[Tagged],
) -> Result<Vec<Tagged>, AwsError> {
    let mut watched = discovery
        .ledger
        .list_watched(Function::Request.name())
        .await?;
    watched.retain(|arn| managed.iter().all(|tagged| tagged.arn != *arn));
    Ok(watched.into_iter().map(without_tags).collect())
}

fn all_targets<C, L>(discovery: &DiscoveryContext<'_, C, L>) -> Tagged {
    without_tags(Arn::new(&discovery.defaults.topic).all_targets())
}

fn without_tags(arn: Arn) -> Tagged {
    Tagged {
        arn,
        tags: std::collections::BTreeMap::new(),
    }
}

async fn list_managed<C: Reads>(cloud: &C) -> Result<Vec<Tagged>, AwsError> {
    let mut managed = Vec::new();
    for kind in KINDS {
        managed.extend(cloud.list_tagged(kind, MANAGED).await?);
    }
    Ok(managed)
}

fn check_application(app: &str, managed: &[Tagged]) -> Result<(), String> {
    let apps: BTreeSet<&str> = managed
        .iter()
        .filter_map(|tagged| policy::app_name(&tagged.tags))
        .collect();
    if apps.contains(app) {
        return Ok(());
    }
    let apps: Vec<&str> = apps.into_iter().collect();
    Err(format!(
        "no managed resource has the tag {APP} = {app}{}",
        policy::suggest_name(app, &apps)
    ))
}

/// Checks that the command can have an effect on the target.
fn check_command(request: &Request, target: Tagged) -> Result<Tagged, String> {
    match request.command.needed_tag() {
        Some(tag) if !target.tags.contains_key(tag) => Err(format!(
            "{} has no effect on {}: it lacks the tag {tag}",
            request.command.name(),
            target.arn.display_name()
        )),
        Some(_) | None => Ok(target),
    }
}

//! Tasks that run with a new image before a service changes, in the network of the service.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::SdkError;
use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_sdk_ecs::types::{
    CapacityProviderStrategyItem, LaunchType, NetworkConfiguration, Service as EcsService, Tag,
};

use super::check_tasks::{find_task_arn, uses_awsvpc};
use crate::error::{aws_error, incomplete_response};
use lamplighter::AwsError;
use lamplighter::model::{Arn, TaskDefinition};
use lamplighter::plan::RunPreDeploymentTask;

const CALL: &str = "RunTask";
/// The beginning of the names of the capacity providers of Fargate.
const FARGATE: &str = "FARGATE";

/// The capacity on which a task runs.
#[derive(Debug, PartialEq)]
enum Capacity {
    LaunchType(LaunchType),
    Providers(Vec<CapacityProviderStrategyItem>),
    /// The default of the cluster.
    Default,
}

/// Runs a task of a revision in the network of its service. Idempotent per token. Source: RunTask.
///
/// `base`: the revision that `revision` was built on, which has the same settings.
///
/// # Errors
/// [`AwsError`] if the service is missing, or a call fails.
pub async fn run_task(
    client: &Client,
    run: &RunPreDeploymentTask,
    base: &TaskDefinition,
    revision: &str,
) -> Result<String, AwsError> {
    let service = describe_service(client, &run.service).await?;
    let tags = run
        .task_tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let request = client
        .run_task()
        .set_cluster(service.cluster_arn.clone())
        .task_definition(revision)
        .started_by(&run.token)
        .client_token(&run.token)
        .set_tags(Some(tags))
        .set_network_configuration(find_network(&service).filter(|_| uses_awsvpc(base)));
    let request = match choose_capacity(&service, base) {
        Capacity::LaunchType(launch_type) => request.launch_type(launch_type),
        Capacity::Providers(providers) => request.set_capacity_provider_strategy(Some(providers)),
        Capacity::Default => request,
    };
    let name = revision.rsplit('/').next().unwrap_or_default();
    match request.send().await {
        Ok(answer) => find_task_arn(answer, name),
        Err(error) => match find_earlier_task(&error) {
            Some(task) => Ok(task),
            None => Err(aws_error(CALL, name, &error)),
        },
    }
}

/// Returns the ARN of the task that was started with the same token before, by a request with another revision.
fn find_earlier_task(error: &SdkError<RunTaskError>) -> Option<String> {
    match error.as_service_error() {
        Some(RunTaskError::ConflictException(conflict)) => conflict.resource_ids().first().cloned(),
        _ => None,
    }
}

async fn describe_service(client: &Client, service: &Arn) -> Result<EcsService, AwsError> {
    let call = "DescribeServices";
    let name = service.display_name();
    let cluster = service.ecs_cluster_and_name().map(|(cluster, _)| cluster);
    let described = client
        .describe_services()
        .set_cluster(cluster.map(str::to_owned))
        .services(service.as_str())
        .send()
        .await
        .map_err(|e| aws_error(call, &name, &e))?;
    let found = described.services.unwrap_or_default().into_iter().next();
    found.ok_or_else(|| incomplete_response(call, &name, "services"))
}

/// Returns the network of a service: its own, or that of its primary task set.
fn find_network(service: &EcsService) -> Option<NetworkConfiguration> {
    let task_sets = service.task_sets().iter();
    let mut of_task_sets = task_sets.filter_map(|set| set.network_configuration.clone());
    let own = service.network_configuration.clone();
    own.or_else(|| of_task_sets.next())
}

/// Returns the capacity for a task: that of the service, but never Spot of Fargate, which could interrupt a migration.
fn choose_capacity(service: &EcsService, definition: &TaskDefinition) -> Capacity {
    let set = service.task_sets().first();
    let providers = match service.capacity_provider_strategy() {
        [] => set.map_or(&[][..], |set| set.capacity_provider_strategy()),
        own => own,
    };
    let launch_type = service.launch_type.clone();
    let launch_type = launch_type.or_else(|| set.and_then(|set| set.launch_type.clone()));
    let is_fargate = if providers.is_empty() {
        launch_type == Some(LaunchType::Fargate)
    } else {
        let mut names = providers.iter().map(|item| &item.capacity_provider);
        names.all(|name| name.starts_with(FARGATE))
    };
    if is_fargate || runs_only_on_fargate(definition) {
        Capacity::LaunchType(LaunchType::Fargate)
    } else if !providers.is_empty() {
        Capacity::Providers(providers.to_vec())
    } else {
        launch_type.map_or(Capacity::Default, Capacity::LaunchType)
    }
}

/// Reports whether a task definition is compatible with Fargate alone.
fn runs_only_on_fargate(definition: &TaskDefinition) -> bool {
    let compatibilities = definition.document.get("requiresCompatibilities");
    compatibilities
        .and_then(|all| all.as_array())
        .is_some_and(|all| !all.is_empty() && all.iter().all(|one| one == FARGATE))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_ecs::types::TaskSet;
    use rstest::rstest;
    use serde_json::{Map, json};

    use super::*;

    fn definition(compatibilities: &[&str]) -> TaskDefinition {
        let mut document = Map::new();
        document.insert("requiresCompatibilities".to_owned(), json!(compatibilities));
        TaskDefinition {
            document,
            tags: BTreeMap::new(),
        }
    }

    fn providers(names: &[&str]) -> Vec<CapacityProviderStrategyItem> {
        let build = |name: &&str| {
            let item = CapacityProviderStrategyItem::builder().capacity_provider(*name);
            item.build().unwrap()
        };
        names.iter().map(build).collect()
    }

    #[rstest]
    #[case::fargate(Some(LaunchType::Fargate), &[], &["FARGATE"], Capacity::LaunchType(LaunchType::Fargate))]
    #[case::spot(None, &["FARGATE_SPOT", "FARGATE"], &["FARGATE"], Capacity::LaunchType(LaunchType::Fargate))]
    #[case::instances(Some(LaunchType::Ec2), &[], &["EC2", "FARGATE"], Capacity::LaunchType(LaunchType::Ec2))]
    #[case::no_instances_needed(Some(LaunchType::Ec2), &[], &["FARGATE"], Capacity::LaunchType(LaunchType::Fargate))]
    #[case::provider(None, &["shop-hosts"], &["EC2"], Capacity::Providers(providers(&["shop-hosts"])))]
    #[case::anywhere(Some(LaunchType::External), &[], &["EXTERNAL"], Capacity::LaunchType(LaunchType::External))]
    #[case::default_of_cluster(None, &[], &[], Capacity::Default)]
    fn the_capacity_is_that_of_the_service_without_spot(
        #[case] launch_type: Option<LaunchType>,
        #[case] names: &[&str],
        #[case] compatibilities: &[&str],
        #[case] expected: Capacity,
    ) {
        let service = EcsService::builder()
            .set_launch_type(launch_type.clone())
            .set_capacity_provider_strategy(Some(providers(names)))
            .build();
        let definition = definition(compatibilities);
        assert_eq!(choose_capacity(&service, &definition), expected);
        // CodeDeploy keeps both in task sets.
        let set = TaskSet::builder()
            .set_launch_type(launch_type)
            .set_capacity_provider_strategy(Some(providers(names)))
            .build();
        let service = EcsService::builder().task_sets(set).build();
        assert_eq!(choose_capacity(&service, &definition), expected);
    }
}

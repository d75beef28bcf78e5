//! Services: their description and their events.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Service as EcsService, ServiceField};
use jiff::Timestamp;

use super::service_conversion::{DescribedService, convert_service};
use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::Arn;

/// Maximum number of services per DescribeServices call.
const SERVICES_PER_CALL: usize = 10;

/// Describes services of any clusters; missing ones are left out.
pub async fn describe_services(
    client: &Client,
    arns: &[Arn],
) -> Result<Vec<DescribedService>, AwsError> {
    let mut by_cluster: BTreeMap<&str, Vec<&Arn>> = BTreeMap::new();
    for arn in arns {
        let (cluster, _) = arn.ecs_cluster_and_name().unwrap_or_default();
        by_cluster.entry(cluster).or_default().push(arn);
    }
    let mut services = Vec::new();
    for (cluster, arns) in by_cluster {
        for chunk in arns.chunks(SERVICES_PER_CALL) {
            match describe_chunk(client, cluster, chunk).await {
                Ok(found) => services.extend(found.into_iter().filter_map(convert_service)),
                // The tagging API still lists the services of a deleted cluster for a while.
                Err(error) if error.code == "ClusterNotFoundException" => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(services)
}

async fn describe_chunk(
    client: &Client,
    cluster: &str,
    arns: &[&Arn],
) -> Result<Vec<EcsService>, AwsError> {
    let request = client
        .describe_services()
        .cluster(cluster)
        .set_services(Some(arns.iter().map(ToString::to_string).collect()))
        .include(ServiceField::Tags);
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error("DescribeServices", &join_names(arns), &e))?;
    Ok(answer.services.unwrap_or_default())
}

/// Lists the messages of a service's events since a time, newest first, each one once.
pub async fn list_service_events(
    client: &Client,
    service: &Arn,
    since: Timestamp,
) -> Result<Vec<String>, AwsError> {
    let (cluster, _) = service.ecs_cluster_and_name().unwrap_or_default();
    let answer = client
        .describe_services()
        .cluster(cluster)
        .services(service.as_str())
        .send()
        .await;
    let answer = answer.map_err(|e| aws_error("DescribeServices", &service.display_name(), &e))?;
    let events = answer
        .services
        .unwrap_or_default()
        .into_iter()
        .flat_map(|found| found.events.unwrap_or_default());
    let recent = events.filter(|event| {
        event
            .created_at
            .is_some_and(|at| at.secs() >= since.as_second())
    });
    let mut messages: Vec<String> = Vec::new();
    for message in recent.filter_map(|event| event.message) {
        if !messages.contains(&message) {
            messages.push(message);
        }
    }
    Ok(messages)
}

fn join_names(arns: &[&Arn]) -> String {
    arns.iter()
        .map(|arn| arn.display_name())
        .collect::<Vec<_>>()
        .join(", ")
}

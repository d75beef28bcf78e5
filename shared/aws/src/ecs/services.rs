//! Services: their description and their events.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::ServiceField;
use jiff::Timestamp;
use serde_json::Value;

use super::deployment_configuration::DescribedConfiguration;
use super::service_conversion::convert_service;
use crate::error::aws_error;
use crate::raw_json::BodyCapture;
use lamplighter::AwsError;
use lamplighter::model::{Arn, Service};

/// A service with its deployment configuration, from which an update of one setting starts.
pub type DescribedService = (Service, DescribedConfiguration);

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
                Ok(found) => services.extend(found),
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
) -> Result<Vec<DescribedService>, AwsError> {
    let capture = BodyCapture::default();
    let request = client
        .describe_services()
        .cluster(cluster)
        .set_services(Some(arns.iter().map(ToString::to_string).collect()))
        .include(ServiceField::Tags);
    let answer = request
        .customize()
        .interceptor(capture.clone())
        .send()
        .await
        .map_err(|e| aws_error("DescribeServices", &join_names(arns), &e))?;
    let mut documents = collect_configurations(capture.take_body());
    let services = answer.services.unwrap_or_default().into_iter();
    let described = services.filter_map(|service| {
        let (service, known) = convert_service(service)?;
        let document = documents.remove(service.arn.as_str()).unwrap_or_default();
        Some((service, DescribedConfiguration { known, document }))
    });
    Ok(described.collect())
}

/// Returns the raw deployment configurations in a response, by service ARN.
fn collect_configurations(body: Option<Value>) -> BTreeMap<String, Value> {
    let mut body = body.unwrap_or_default();
    let services = body.get_mut("services").and_then(Value::as_array_mut);
    let named = services.into_iter().flatten().filter_map(|service| {
        let configuration = service.get_mut("deploymentConfiguration")?.take();
        Some((
            service.get("serviceArn")?.as_str()?.to_owned(),
            configuration,
        ))
    });
    named.collect()
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

//! Elastic Load Balancing: the load balancers of target groups, the health of their targets, and the certificates
//! of listeners.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription;

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{Arn, LoadBalancerTarget, TargetGroup, TargetHealthCheck};

/// Maximum number of target groups per DescribeTargetGroups call.
/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html>
const GROUPS_PER_CALL: usize = 20;

/// Describes the target groups with these ARNs; missing ones are left out.
///
/// AWS rejects the whole call if one group was deleted; the groups are then described one by one.
pub async fn describe_target_groups(
    client: &Client,
    arns: &[String],
) -> Result<Vec<TargetGroup>, AwsError> {
    let mut groups = Vec::new();
    for chunk in arns.chunks(GROUPS_PER_CALL) {
        match describe_chunk(client, chunk).await {
            Ok(found) => groups.extend(found),
            Err(error) if error.code == "TargetGroupNotFound" && chunk.len() > 1 => {
                for arn in chunk {
                    groups.extend(describe_existing_group(client, arn).await?);
                }
            }
            Err(error) if error.code == "TargetGroupNotFound" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(groups)
}

async fn describe_existing_group(
    client: &Client,
    arn: &String,
) -> Result<Vec<TargetGroup>, AwsError> {
    match describe_chunk(client, std::slice::from_ref(arn)).await {
        Err(error) if error.code == "TargetGroupNotFound" => Ok(Vec::new()),
        other => other,
    }
}

async fn describe_chunk(client: &Client, arns: &[String]) -> Result<Vec<TargetGroup>, AwsError> {
    let request = client
        .describe_target_groups()
        .set_target_group_arns(Some(arns.to_vec()));
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error("DescribeTargetGroups", &arns.join(", "), &e))?;
    let groups = answer.target_groups.unwrap_or_default().into_iter();
    Ok(groups
        .filter_map(|group| {
            let matcher = group.matcher.and_then(|m| m.http_code.or(m.grpc_code));
            Some(TargetGroup {
                arn: group.target_group_arn?,
                load_balancers: group.load_balancer_arns.unwrap_or_default(),
                health_check: TargetHealthCheck {
                    path: group.health_check_path.unwrap_or_default(),
                    matcher: matcher.unwrap_or_default(),
                    interval: group.health_check_interval_seconds.unwrap_or_default(),
                },
            })
        })
        .collect())
}

/// Describes the targets of these groups; missing groups are left out.
///
/// DescribeTargetHealth takes one group per call.
pub async fn describe_target_health(
    client: &Client,
    groups: &[String],
) -> Result<Vec<LoadBalancerTarget>, AwsError> {
    let mut found = Vec::new();
    for group in groups {
        let answer = client
            .describe_target_health()
            .target_group_arn(group)
            .send()
            .await;
        let answer = match answer.map_err(|e| aws_error("DescribeTargetHealth", group, &e)) {
            Ok(answer) => answer,
            Err(error) if error.code == "TargetGroupNotFound" => continue,
            Err(error) => return Err(error),
        };
        found.extend(
            answer
                .target_health_descriptions
                .unwrap_or_default()
                .into_iter()
                .filter_map(|described| convert_target(group, described)),
        );
    }
    Ok(found)
}

fn convert_target(group: &str, described: TargetHealthDescription) -> Option<LoadBalancerTarget> {
    let target = described.target?;
    let health = described.target_health?;
    Some(LoadBalancerTarget {
        group: group.to_owned(),
        id: target.id?,
        port: target.port.unwrap_or_default(),
        state: health
            .state
            .map(|state| state.as_str().to_owned())
            .unwrap_or_default(),
        reason: health
            .reason
            .map(|reason| reason.as_str().to_owned())
            .unwrap_or_default(),
        description: health.description.unwrap_or_default(),
    })
}

/// The attribute with the time for which a target drains, in seconds.
/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
const DEREGISTRATION_DELAY: &str = "deregistration_delay.timeout_seconds";

/// Returns the longest time in seconds for which one of these target groups drains a target. Missing groups are left out.
///
/// DescribeTargetGroupAttributes takes one group per call.
pub async fn longest_deregistration(client: &Client, groups: &[String]) -> Result<u64, AwsError> {
    let mut longest = 0;
    for group in groups {
        let answer = client
            .describe_target_group_attributes()
            .target_group_arn(group)
            .send()
            .await;
        let answer = answer.map_err(|e| aws_error("DescribeTargetGroupAttributes", group, &e));
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.code == "TargetGroupNotFound" => continue,
            Err(error) => return Err(error),
        };
        let delay = answer
            .attributes()
            .iter()
            .find(|attribute| attribute.key() == Some(DEREGISTRATION_DELAY))
            .and_then(|attribute| attribute.value()?.parse().ok());
        longest = longest.max(delay.unwrap_or_default());
    }
    Ok(longest)
}

/// Lists the certificates of all listeners of these load balancers, each with the load balancers that use it.
/// A deleted load balancer has none.
pub async fn list_certificate_arns(
    client: &Client,
    load_balancers: &[String],
) -> Result<BTreeMap<Arn, Vec<String>>, AwsError> {
    let mut used: BTreeMap<Arn, Vec<String>> = BTreeMap::new();
    for load_balancer in load_balancers {
        for listener in list_secure_listeners(client, load_balancer).await? {
            for certificate in list_listener_certificates(client, &listener).await? {
                let users = used.entry(certificate).or_default();
                if !users.contains(load_balancer) {
                    users.push(load_balancer.clone());
                }
            }
        }
    }
    Ok(used)
}

/// Lists the listeners of a load balancer that have a certificate, by ARN.
async fn list_secure_listeners(
    client: &Client,
    load_balancer: &str,
) -> Result<Vec<String>, AwsError> {
    let pages = client.describe_listeners().load_balancer_arn(load_balancer);
    let listeners = pages.into_paginator().items().send().try_collect().await;
    let listeners = match listeners.map_err(|e| aws_error("DescribeListeners", load_balancer, &e)) {
        Ok(listeners) => listeners,
        Err(error) if error.code == "LoadBalancerNotFound" => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(listeners
        .into_iter()
        .filter(|listener| !listener.certificates().is_empty())
        .filter_map(|listener| listener.listener_arn)
        .collect())
}

/// Lists the default certificate of a listener and those that it selects by the name of the server.
async fn list_listener_certificates(client: &Client, listener: &str) -> Result<Vec<Arn>, AwsError> {
    let pages = client
        .describe_listener_certificates()
        .listener_arn(listener);
    let certificates = pages.into_paginator().items().send().try_collect().await;
    let certificates =
        match certificates.map_err(|e| aws_error("DescribeListenerCertificates", listener, &e)) {
            Ok(certificates) => certificates,
            Err(error) if error.code == "ListenerNotFound" => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
    Ok(certificates
        .into_iter()
        .filter_map(|certificate| certificate.certificate_arn)
        .map(Arn::new)
        .collect())
}

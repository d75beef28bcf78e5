//! Elastic Load Balancing: the load balancers of target groups, and the health of their targets.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription;

use super::error::aws_error;
use lamplighter::AwsError;
use lamplighter::model::{LoadBalancerTarget, TargetGroup};

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
            let load_balancers = group.load_balancer_arns.unwrap_or_default();
            Some(TargetGroup {
                arn: group.target_group_arn?,
                load_balancers,
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

//! Elastic Load Balancing: which load balancer a target group stands behind.

use aws_sdk_elasticloadbalancingv2::Client;

use super::failure::failure;
use crate::AwsError;
use crate::model::TargetGroup;

/// The most names that one call takes.
/// Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html>
const GROUPS_PER_CALL: usize = 20;

/// The target groups that exist. One that was deleted makes AWS refuse the whole call, so that the others are
/// then asked for one by one.
pub async fn target_groups(client: &Client, arns: &[String]) -> Result<Vec<TargetGroup>, AwsError> {
    let mut groups = Vec::new();
    for chunk in arns.chunks(GROUPS_PER_CALL) {
        match describe(client, chunk).await {
            Ok(found) => groups.extend(found),
            Err(error) if error.code == "TargetGroupNotFound" && chunk.len() > 1 => {
                for arn in chunk {
                    groups.extend(one(client, arn).await?);
                }
            }
            Err(error) if error.code == "TargetGroupNotFound" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(groups)
}

async fn one(client: &Client, arn: &String) -> Result<Vec<TargetGroup>, AwsError> {
    match describe(client, std::slice::from_ref(arn)).await {
        Err(error) if error.code == "TargetGroupNotFound" => Ok(Vec::new()),
        other => other,
    }
}

async fn describe(client: &Client, arns: &[String]) -> Result<Vec<TargetGroup>, AwsError> {
    let request = client.describe_target_groups().set_target_group_arns(Some(arns.to_vec()));
    let answer = request.send().await.map_err(|e| failure("DescribeTargetGroups", &arns.join(", "), &e))?;
    let groups = answer.target_groups.unwrap_or_default().into_iter();
    Ok(groups
        .filter_map(|group| {
            let load_balancers = group.load_balancer_arns.unwrap_or_default();
            Some(TargetGroup { arn: group.target_group_arn?, load_balancers })
        })
        .collect())
}

//! Elastic Load Balancing: which load balancer a target group stands behind, and how its targets are.

use aws_sdk_elasticloadbalancingv2::Client;

use super::failure::failure;
use lamplighter::AwsError;
use lamplighter::model::{Target, TargetGroup};

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
    let request = client
        .describe_target_groups()
        .set_target_group_arns(Some(arns.to_vec()));
    let answer = request
        .send()
        .await
        .map_err(|e| failure("DescribeTargetGroups", &arns.join(", "), &e))?;
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

/// The targets of these groups; AWS takes one group a call.
pub async fn target_health(client: &Client, groups: &[String]) -> Result<Vec<Target>, AwsError> {
    let mut found = Vec::new();
    for group in groups {
        let answer = client
            .describe_target_health()
            .target_group_arn(group)
            .send()
            .await;
        let answer = match answer.map_err(|e| failure("DescribeTargetHealth", group, &e)) {
            Ok(answer) => answer,
            Err(error) if error.code == "TargetGroupNotFound" => continue,
            Err(error) => return Err(error),
        };
        found.extend(
            answer
                .target_health_descriptions
                .unwrap_or_default()
                .into_iter()
                .filter_map(|described| {
                    let (target, health) = (described.target?, described.target_health?);
                    Some(Target {
                        group: group.clone(),
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
                }),
        );
    }
    Ok(found)
}

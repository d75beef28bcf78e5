//! A service of the local stack whose traffic ECS shifts from one revision to the next.

use serde_json::{Value, json};

use crate::testkit::stack::Stack;
use crate::testkit::traffic::{between, elb, update};

/// The load balancer of a service, and its two target groups, as CloudWatch's dimensions have them.
#[derive(Debug, Clone)]
pub struct TwoGroups {
    balancer: String,
    /// Has the traffic.
    pub old: String,
    new: String,
}

/// Puts a service of the cluster `shop` behind a load balancer that can lead to two of its revisions.
///
/// # Panics
/// Where the stack refuses.
pub fn behind_two_groups(stack: &Stack, name: &str) -> TwoGroups {
    let balancer = format!("{name}-shifts");
    let balancer = between(
        &elb(stack, "CreateLoadBalancer", &[("Name", &balancer)]),
        "LoadBalancerArn",
    );
    let group = |side: &str, port: &str| {
        let full = format!("{name}-{side}");
        let form = [
            ("Name", full.as_str()),
            ("Protocol", "HTTP"),
            ("Port", "80"),
            ("VpcId", "vpc-1"),
            ("TargetType", "ip"),
        ];
        let group = between(&elb(stack, "CreateTargetGroup", &form), "TargetGroupArn");
        let listener = [
            ("LoadBalancerArn", balancer.as_str()),
            ("Protocol", "HTTP"),
            ("Port", port),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", &group),
        ];
        (elb(stack, "CreateListener", &listener), group)
    };
    let (listener, old) = group("old", "80");
    let (_, new) = group("new", "8080");
    let advanced = json!({
        "alternateTargetGroupArn": new, "productionListenerRule": between(&listener, "ListenerArn"),
        "roleArn": "arn:aws:iam::123456789012:role/shift",
    });
    let balancers = json!([
        {"targetGroupArn": old, "containerName": "web", "containerPort": 80, "advancedConfiguration": advanced}]);
    update(stack, name, json!({"loadBalancers": balancers}));
    let dimension = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
    let balancer = balancer
        .split(":loadbalancer/")
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    TwoGroups {
        balancer,
        old: dimension(&old),
        new: dimension(&new),
    }
}

/// Requests and errors in one minute.
pub type Minute = (f64, f64);

/// Records what each revision carried in each of the last minutes, the newest last.
///
/// # Panics
/// Where the stack refuses.
pub fn carried(stack: &Stack, groups: &TwoGroups, old: &[Minute], new: &[Minute]) {
    let mut series = Vec::new();
    for (group, minutes) in [(&groups.old, old), (&groups.new, new)] {
        let dimensions = json!({"TargetGroup": group, "LoadBalancer": groups.balancer});
        let (requests, errors): (Vec<f64>, Vec<f64>) = minutes.iter().copied().unzip();
        let good = minutes
            .iter()
            .map(|(requests, errors)| requests - errors)
            .collect();
        let counted = [
            ("RequestCount", requests),
            ("HTTPCode_Target_2XX_Count", good),
            ("HTTPCode_Target_5XX_Count", errors),
        ];
        for (name, values) in counted {
            series.push(
                json!({"namespace": "AWS/ApplicationELB", "name": name, "dimensions": dimensions, "values": values}),
            );
        }
    }
    stack.control("metrics", json!({"series": series}));
}

/// Moves the deployment of a service of `shop` to a stage, with so many per cent of the traffic, and answers what its
/// hooks say.
///
/// # Panics
/// Where nothing is being deployed.
pub fn stage(stack: &Stack, name: &str, stage: &str, weight: u32) -> String {
    let request = json!({"cluster": "shop", "service": name, "stage": stage, "weight": weight});
    let answer: Value = stack.control("stage", request);
    answer["hookStatus"]
        .as_str()
        .unwrap_or_else(|| panic!("no valid answer: {answer}"))
        .to_owned()
}

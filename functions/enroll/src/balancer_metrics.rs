//! The metrics of the load balancers in front of a service.
//! Sources: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html>

use std::collections::BTreeSet;

use lamplighter::model::{AlarmMetric, Statistic, TargetGroup};

use crate::alarm_spec::alarm_metric;

pub const APPLICATION: &str = "AWS/ApplicationELB";
pub const NETWORK: &str = "AWS/NetworkELB";

/// Returns a metric of each pair of target group and Application Load Balancer.
pub fn group_metrics(
    groups: &[TargetGroup],
    metric: &str,
    statistic: Statistic,
) -> Vec<AlarmMetric> {
    let pairs = groups.iter().flat_map(|group| {
        group
            .load_balancer_dimensions()
            .map(move |balancer| pair_metric(APPLICATION, group, balancer, metric, statistic))
    });
    pairs.collect()
}

/// Returns a metric of each Application Load Balancer, over all its target groups.
pub fn balancer_metrics(
    groups: &[TargetGroup],
    metric: &str,
    statistic: Statistic,
) -> Vec<AlarmMetric> {
    let balancers: BTreeSet<&str> = groups
        .iter()
        .flat_map(TargetGroup::load_balancer_dimensions)
        .collect();
    balancers
        .into_iter()
        .map(|balancer| {
            alarm_metric(
                APPLICATION,
                metric,
                &[("LoadBalancer", balancer)],
                statistic,
            )
        })
        .collect()
}

/// Returns a count of targets behind each Application or Network Load Balancer.
pub fn healthy_metrics(
    groups: &[TargetGroup],
    metric: &str,
    statistic: Statistic,
) -> Vec<AlarmMetric> {
    let of_network = groups.iter().flat_map(|group| {
        group
            .network_load_balancers()
            .map(move |balancer| pair_metric(NETWORK, group, balancer, metric, statistic))
    });
    group_metrics(groups, metric, statistic)
        .into_iter()
        .chain(of_network)
        .collect()
}

fn pair_metric(
    namespace: &str,
    group: &TargetGroup,
    balancer: &str,
    metric: &str,
    statistic: Statistic,
) -> AlarmMetric {
    let dimensions = [
        ("TargetGroup", group.metric_dimension()),
        ("LoadBalancer", balancer),
    ];
    alarm_metric(namespace, metric, &dimensions, statistic)
}

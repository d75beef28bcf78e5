//! The graphs of a service.

use lamplighter::model::{Arn, Service, TargetGroup};
use lamplighter::policy::{ScalePolicy, StackDefaults};
use serde_json::{Value, json};

use crate::layout::{Graph, metric_row};
use crate::policy::Policy;

/// Builds the row of a service. The thresholds come from the scale tag of this service.
pub fn service_graphs(policy: &Policy, service: &Service, groups: &[TargetGroup]) -> Vec<Graph> {
    let name = service.arn.display_name();
    let defaults = StackDefaults {
        cpu_peak: policy.cpu_peak,
        ..StackDefaults::default()
    };
    let scale = ScalePolicy::from_tags(&service.tags, &defaults)
        .ok()
        .flatten();
    let cpu_peak = scale.as_ref().map_or(policy.cpu_peak, |scale| scale.cpu);
    let pairs = list_pairs(groups);
    let is_balanced = !pairs.is_empty();
    let requests = is_balanced.then(|| requests_graph(&name, scale.as_ref(), &pairs));
    let errors = is_balanced.then(|| errors_graph(&name, &pairs));
    let utilization = utilization_graph(&service.arn, cpu_peak);
    let tasks = tasks_graph(&service.arn, scale.as_ref());
    [requests, Some(utilization), Some(tasks), errors]
        .into_iter()
        .flatten()
        .collect()
}

fn utilization_graph(service: &Arn, cpu_peak: u32) -> Graph {
    let dimensions = service_dimensions(service);
    Graph {
        title: format!("{}: CPU and memory, %", service.display_name()),
        metrics: ["CPUUtilization", "MemoryUtilization"]
            .map(|metric| metric_row("AWS/ECS", metric, &dimensions, json!({"stat": "Average"})))
            .into(),
        thresholds: vec![("CPU peak".to_owned(), f64::from(cpu_peak))],
        max: Some(100.0),
    }
}

fn tasks_graph(service: &Arn, scale: Option<&ScalePolicy>) -> Graph {
    Graph {
        title: format!("{}: tasks", service.display_name()),
        metrics: vec![metric_row(
            "AWS/ECS",
            "CPUUtilization",
            &service_dimensions(service),
            json!({"stat": "SampleCount", "label": "tasks"}),
        )],
        thresholds: scale
            .iter()
            .flat_map(|scale| [("min", scale.min), ("max", scale.max)])
            .map(|(label, tasks)| (label.to_owned(), f64::from(tasks)))
            .collect(),
        max: None,
    }
}

fn service_dimensions(service: &Arn) -> [(&str, &str); 2] {
    let (cluster, name) = service.ecs_cluster_and_name().unwrap_or_default();
    [("ClusterName", cluster), ("ServiceName", name)]
}

/// A target group and a load balancer in front of it, as CloudWatch dimensions.
struct BalancerPair<'a> {
    group: &'a str,
    balancer: &'a str,
}

fn list_pairs(groups: &[TargetGroup]) -> Vec<BalancerPair<'_>> {
    let pairs = groups.iter().flat_map(|group| {
        group
            .load_balancer_dimensions()
            .map(|balancer| BalancerPair {
                group: group.metric_dimension(),
                balancer,
            })
    });
    pairs.collect()
}

fn requests_graph(name: &str, scale: Option<&ScalePolicy>, pairs: &[BalancerPair<'_>]) -> Graph {
    Graph {
        title: format!("{name}: requests/min per task"),
        metrics: balancer_rows(pairs, "RequestCountPerTarget", "Sum"),
        thresholds: scale
            .and_then(|scale| scale.rps)
            .map(|rps| (format!("{rps} req/s"), f64::from(rps) * 60.0))
            .into_iter()
            .collect(),
        max: None,
    }
}

fn errors_graph(name: &str, pairs: &[BalancerPair<'_>]) -> Graph {
    Graph {
        title: format!("{name}: 5xx, unhealthy targets"),
        metrics: [
            balancer_rows(pairs, "HTTPCode_Target_5XX_Count", "Sum"),
            balancer_rows(pairs, "UnHealthyHostCount", "Minimum"),
        ]
        .concat(),
        thresholds: Vec::new(),
        max: None,
    }
}

fn balancer_rows(pairs: &[BalancerPair<'_>], metric: &str, stat: &str) -> Vec<Value> {
    let rows = pairs.iter().map(|pair| {
        let dimensions = [("TargetGroup", pair.group), ("LoadBalancer", pair.balancer)];
        metric_row(
            "AWS/ApplicationELB",
            metric,
            &dimensions,
            json!({"stat": stat}),
        )
    });
    rows.collect()
}

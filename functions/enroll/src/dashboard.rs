//! The dashboard of one application: load balancers, services, databases and caches in one view,
//! with alarm thresholds as lines and Lamplighter's actions at the bottom.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use lamplighter::engine::telemetry::NAMESPACE;
use lamplighter::model::{Arn, Database, Service, TargetGroup};
use lamplighter::policy::{ScalePolicy, StackDefaults};
use serde_json::{Value, json};

use crate::Policy;
use crate::observation::Subject;

/// A dashboard is 24 units wide.
const WIDTH: u32 = 24;
const HEIGHT: u32 = 6;
const THRESHOLD_COLOR: &str = "#d62728";
/// Operations whose actions are shown.
const OPERATIONS: [&str; 3] = ["deploy", "scale", "enroll"];
/// The maximum number of widgets that CloudWatch accepts.
const MAX_WIDGETS: usize = 500;

/// Renders the dashboard body as JSON for CloudWatch.
pub fn render_body(app: &str, policy: &Policy, subject: &Subject) -> String {
    let Subject::Application {
        services,
        databases,
        caches,
    } = subject
    else {
        return String::new();
    };
    let region = find_region(services, databases);
    let mut layout = Layout {
        widgets: Vec::new(),
        y: 0,
        region,
    };
    layout.add_text(&format!("# {app}\n{}", ownership_mark(&policy.stack)));
    for (service, groups) in services {
        layout.add_row(service_graphs(policy, service, groups));
    }
    for database in databases {
        layout.add_row(database_graphs(policy, database));
    }
    for cache in caches {
        layout.add_row(cache_graphs(cache));
    }
    layout.add_row(vec![
        operations_graph(&policy.stack, "Actions"),
        operations_graph(&policy.stack, "Failures"),
    ]);
    layout.widgets.truncate(MAX_WIDGETS);
    json!({"widgets": layout.widgets}).to_string()
}

/// Returns the text that marks a dashboard as owned by a stack.
fn ownership_mark(stack: &str) -> String {
    format!("Kept by Lamplighter, stack `{stack}`; changes made here are undone within the hour.")
}

pub fn is_ours(body: &str, stack: &str) -> bool {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let widgets = parsed
        .get("widgets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut texts = widgets.filter_map(|widget| widget.pointer("/properties/markdown")?.as_str());
    texts.any(|text| text.contains(&ownership_mark(stack)))
}

/// Reports whether two bodies are equal as JSON, regardless of formatting.
pub fn is_same_body(one: &str, other: &str) -> bool {
    let parsed = |body: &str| serde_json::from_str::<Value>(body).ok();
    parsed(one).is_some() && parsed(one) == parsed(other)
}

fn find_region(services: &[(Service, Vec<TargetGroup>)], databases: &[Database]) -> String {
    let arns = services
        .iter()
        .map(|(service, _)| &service.arn)
        .chain(databases.iter().map(|database| &database.arn));
    arns.map(|arn| arn.region().to_owned())
        .next()
        .unwrap_or_else(|| "us-east-1".to_owned())
}

struct Layout {
    widgets: Vec<Value>,
    y: u32,
    region: String,
}

/// One graph without its position.
struct Graph {
    title: String,
    metrics: Vec<Value>,
    /// Labels and values of horizontal threshold lines.
    thresholds: Vec<(String, f64)>,
    max: Option<f64>,
}

impl Layout {
    fn add_text(&mut self, markdown: &str) {
        let properties = json!({"markdown": markdown});
        self.widgets
            .push(json!({"type": "text", "x": 0, "y": self.y, "width": WIDTH, "height": 2, "properties": properties}));
        self.y += 2;
    }

    /// Adds a row of graphs with equal widths.
    fn add_row(&mut self, graphs: Vec<Graph>) {
        let Some(width) = u32::try_from(graphs.len())
            .ok()
            .and_then(|n| WIDTH.checked_div(n))
        else {
            return;
        };
        for (graph, n) in graphs.into_iter().zip(0..) {
            let bounds = graph.thresholds.iter().map(
                |(label, value)| json!({"label": label, "value": value, "color": THRESHOLD_COLOR}),
            );
            let left = graph.max.map_or(
                json!({"min": 0}),
                |highest| json!({"min": 0, "max": highest}),
            );
            self.widgets.push(json!({
                "type": "metric", "x": n * width, "y": self.y, "width": width, "height": HEIGHT,
                "properties": {
                    "title": graph.title, "region": self.region, "view": "timeSeries", "stacked": false,
                    "period": 60, "metrics": graph.metrics, "yAxis": {"left": left},
                    "annotations": {"horizontal": bounds.collect::<Vec<_>>()},
                },
            }));
        }
        self.y += HEIGHT;
    }
}

/// Builds the CloudWatch array of one metric, with its dimensions and rendering options.
fn metric_row(namespace: &str, name: &str, dimensions: &[(&str, &str)], options: Value) -> Value {
    let mut row = vec![json!(namespace), json!(name)];
    row.extend(
        dimensions
            .iter()
            .flat_map(|(name, value)| [json!(name), json!(value)]),
    );
    row.push(options);
    Value::Array(row)
}

fn service_graphs(policy: &Policy, service: &Service, groups: &[TargetGroup]) -> Vec<Graph> {
    let name = service.arn.display_name();
    let (cluster, service_name) = service.arn.ecs_cluster_and_name().unwrap_or_default();
    let own = [("ClusterName", cluster), ("ServiceName", service_name)];
    // The thresholds come from the tag of this service.
    let defaults = StackDefaults {
        cpu_peak: policy.cpu_peak,
        ..StackDefaults::default()
    };
    let scale = ScalePolicy::from_tags(&service.tags, &defaults)
        .ok()
        .flatten();
    let cpu = scale.as_ref().map_or(policy.cpu_peak, |scale| scale.cpu);
    let used = Graph {
        title: format!("{name}: CPU and memory, %"),
        metrics: ["CPUUtilization", "MemoryUtilization"]
            .map(|used| metric_row("AWS/ECS", used, &own, json!({"stat": "Average"})))
            .into(),
        thresholds: vec![("CPU peak".to_owned(), f64::from(cpu))],
        max: Some(100.0),
    };
    let tasks = Graph {
        title: format!("{name}: tasks"),
        metrics: vec![metric_row(
            "AWS/ECS",
            "CPUUtilization",
            &own,
            json!({"stat": "SampleCount", "label": "tasks"}),
        )],
        thresholds: scale
            .iter()
            .flat_map(|scale| [("min", scale.min), ("max", scale.max)])
            .map(|(label, n)| (label.to_owned(), f64::from(n)))
            .collect(),
        max: None,
    };
    let mut row = vec![used, tasks];
    let [requests, errors] = load_balancer_graphs(&name, scale.as_ref(), groups);
    row.splice(0..0, requests);
    row.extend(errors);
    row
}

/// Builds the load balancer graphs of a service, if it is behind a load balancer.
fn load_balancer_graphs(
    name: &str,
    scale: Option<&ScalePolicy>,
    groups: &[TargetGroup],
) -> [Option<Graph>; 2] {
    let pairs: Vec<(&str, &str)> = groups
        .iter()
        .flat_map(|group| {
            group
                .load_balancer_dimensions()
                .map(|name| (group.metric_dimension(), name))
        })
        .collect();
    if pairs.is_empty() {
        return [None, None];
    }
    let each = |name: &str, stat: &str| -> Vec<Value> {
        let of = |(group, balancer): &(&str, &str)| {
            let dimensions = [("TargetGroup", *group), ("LoadBalancer", *balancer)];
            metric_row(
                "AWS/ApplicationELB",
                name,
                &dimensions,
                json!({"stat": stat}),
            )
        };
        pairs.iter().map(of).collect()
    };
    let requests = Graph {
        title: format!("{name}: requests/min per task"),
        metrics: each("RequestCountPerTarget", "Sum"),
        thresholds: scale
            .iter()
            .map(|s| (format!("{} req/s", s.rps), f64::from(s.rps) * 60.0))
            .collect(),
        max: None,
    };
    let errors = Graph {
        title: format!("{name}: 5xx, unhealthy targets"),
        metrics: [
            each("HTTPCode_Target_5XX_Count", "Sum"),
            each("UnHealthyHostCount", "Minimum"),
        ]
        .concat(),
        thresholds: Vec::new(),
        max: None,
    };
    [Some(requests), Some(errors)]
}

fn database_graphs(policy: &Policy, database: &Database) -> Vec<Graph> {
    let name = &database.identifier;
    let dimension = if database.is_cluster {
        "DBClusterIdentifier"
    } else {
        "DBInstanceIdentifier"
    };
    let alarms = crate::alarms::database_alarms(policy, database);
    let graph = |title: &str, measured: &str, stat: &str, highest| Graph {
        title: format!("{name}: {title}"),
        metrics: vec![metric_row(
            database.metric_namespace(),
            measured,
            &[(dimension, name)],
            json!({"stat": stat}),
        )],
        thresholds: alarms
            .iter()
            .filter(|alarm| {
                alarm
                    .measure
                    .metrics()
                    .iter()
                    .any(|metric| metric.name == measured)
            })
            .map(|alarm| {
                (
                    alarm.name.rsplit('/').next().unwrap_or_default().to_owned(),
                    alarm.threshold,
                )
            })
            .collect(),
        max: highest,
    };
    let mut row = vec![
        graph("CPU, %", "CPUUtilization", "Average", Some(100.0)),
        graph("connections", "DatabaseConnections", "Maximum", None),
    ];
    if database.allocated_gib.is_some() {
        row.push(graph(
            "free storage, bytes",
            "FreeStorageSpace",
            "Minimum",
            None,
        ));
    }
    row
}

fn cache_graphs(cache: &Arn) -> Vec<Graph> {
    let name = cache.display_name();
    let graph = |title: &str, measured: &str, stat: &str| Graph {
        title: format!("{name}: {title}"),
        metrics: vec![metric_row(
            "AWS/ElastiCache",
            measured,
            &[("CacheClusterId", &name)],
            json!({"stat": stat}),
        )],
        thresholds: Vec::new(),
        max: None,
    };
    vec![
        graph("CPU, %", "CPUUtilization", "Average"),
        graph("evictions", "Evictions", "Sum"),
    ]
}

fn operations_graph(stack: &str, what: &str) -> Graph {
    let of = |operation: &str| {
        let dimensions = [("Stack", stack), ("Operation", operation)];
        metric_row(
            NAMESPACE,
            what,
            &dimensions,
            json!({"stat": "Sum", "period": 300, "label": operation}),
        )
    };
    Graph {
        title: format!("Lamplighter: {}", what.to_lowercase()),
        metrics: OPERATIONS.map(of).into(),
        thresholds: Vec::new(),
        max: None,
    }
}

//! The dashboard of one application: load balancer, services, databases and caches in one view, with the bounds
//! drawn in and our own actions below.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use lamplighter::engine::telemetry::NAMESPACE;
use lamplighter::model::{Arn, Database, Service, TargetGroup};
use lamplighter::policy::{ScalePolicy, StackDefaults};
use serde_json::{Value, json};

use crate::Policy;
use crate::survey::Subject;

/// A dashboard is 24 units wide.
const WIDTH: u32 = 24;
const HEIGHT: u32 = 6;
const BOUND: &str = "#d62728";
/// Operations whose actions are shown.
const OPERATIONS: [&str; 3] = ["deploy", "scale", "enroll"];
/// CloudWatch takes no more widgets than this.
const MOST_WIDGETS: usize = 500;

/// The body as CloudWatch takes it.
pub fn body(app: &str, policy: &Policy, subject: &Subject) -> String {
    let Subject::Application {
        services,
        databases,
        caches,
    } = subject
    else {
        return String::new();
    };
    let region = regions(services, databases);
    let mut layout = Layout {
        widgets: Vec::new(),
        y: 0,
        region,
    };
    layout.text(&format!("# {app}\n{}", mark(&policy.stack)));
    for (service, groups) in services {
        layout.row(of_service(policy, service, groups));
    }
    for database in databases {
        layout.row(of_database(policy, database));
    }
    for cache in caches {
        layout.row(of_cache(cache));
    }
    layout.row(vec![
        of_actions(&policy.stack, "Actions"),
        of_actions(&policy.stack, "Failures"),
    ]);
    layout.widgets.truncate(MOST_WIDGETS);
    json!({"widgets": layout.widgets}).to_string()
}

/// What tells our dashboards from others.
fn mark(stack: &str) -> String {
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
    texts.any(|text| text.contains(&mark(stack)))
}

/// Whether two bodies say the same, however they are written.
pub fn same(one: &str, other: &str) -> bool {
    let parsed = |body: &str| serde_json::from_str::<Value>(body).ok();
    parsed(one).is_some() && parsed(one) == parsed(other)
}

fn regions(services: &[(Service, Vec<TargetGroup>)], databases: &[Database]) -> String {
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

/// One graph, before it has a place.
struct Graph {
    title: String,
    metrics: Vec<Value>,
    /// Label and value of lines across it.
    bounds: Vec<(String, f64)>,
    highest: Option<f64>,
}

impl Layout {
    fn text(&mut self, markdown: &str) {
        let properties = json!({"markdown": markdown});
        self.widgets
            .push(json!({"type": "text", "x": 0, "y": self.y, "width": WIDTH, "height": 2, "properties": properties}));
        self.y += 2;
    }

    /// Graphs side by side, all of the same width.
    fn row(&mut self, graphs: Vec<Graph>) {
        let Some(width) = u32::try_from(graphs.len())
            .ok()
            .and_then(|n| WIDTH.checked_div(n))
        else {
            return;
        };
        for (graph, n) in graphs.into_iter().zip(0..) {
            let bounds = graph
                .bounds
                .iter()
                .map(|(label, value)| json!({"label": label, "value": value, "color": BOUND}));
            let left = graph.highest.map_or(
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

/// A metric as a row of strings, and how it is read.
fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)], options: Value) -> Value {
    let mut row = vec![json!(namespace), json!(name)];
    row.extend(
        dimensions
            .iter()
            .flat_map(|(name, value)| [json!(name), json!(value)]),
    );
    row.push(options);
    Value::Array(row)
}

fn of_service(policy: &Policy, service: &Service, groups: &[TargetGroup]) -> Vec<Graph> {
    let name = service.arn.name();
    let (cluster, service_name) = service.arn.ecs_service().unwrap_or_default();
    let own = [("ClusterName", cluster), ("ServiceName", service_name)];
    // The bounds are those of the service's own tag.
    let defaults = StackDefaults {
        cpu_peak: policy.cpu_peak,
        ..StackDefaults::default()
    };
    let scale = ScalePolicy::of(&service.tags, &defaults).ok().flatten();
    let cpu = scale.as_ref().map_or(policy.cpu_peak, |scale| scale.cpu);
    let used = Graph {
        title: format!("{name}: CPU and memory, %"),
        metrics: ["CPUUtilization", "MemoryUtilization"]
            .map(|used| metric("AWS/ECS", used, &own, json!({"stat": "Average"})))
            .into(),
        bounds: vec![("CPU peak".to_owned(), f64::from(cpu))],
        highest: Some(100.0),
    };
    let tasks = Graph {
        title: format!("{name}: tasks"),
        metrics: vec![metric(
            "AWS/ECS",
            "CPUUtilization",
            &own,
            json!({"stat": "SampleCount", "label": "tasks"}),
        )],
        bounds: scale
            .iter()
            .flat_map(|scale| [("min", scale.min), ("max", scale.max)])
            .map(|(label, n)| (label.to_owned(), f64::from(n)))
            .collect(),
        highest: None,
    };
    let mut row = vec![used, tasks];
    let [requests, errors] = of_balancers(&name, scale.as_ref(), groups);
    row.splice(0..0, requests);
    row.extend(errors);
    row
}

/// What load balancers measure, where the service stands behind one.
fn of_balancers(
    name: &str,
    scale: Option<&ScalePolicy>,
    groups: &[TargetGroup],
) -> [Option<Graph>; 2] {
    let pairs: Vec<(&str, &str)> = groups
        .iter()
        .flat_map(|group| {
            group
                .balancer_dimensions()
                .map(|name| (group.dimension(), name))
        })
        .collect();
    if pairs.is_empty() {
        return [None, None];
    }
    let each = |name: &str, stat: &str| -> Vec<Value> {
        let of = |(group, balancer): &(&str, &str)| {
            let dimensions = [("TargetGroup", *group), ("LoadBalancer", *balancer)];
            metric(
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
        bounds: scale
            .iter()
            .map(|s| (format!("{} req/s", s.rps), f64::from(s.rps) * 60.0))
            .collect(),
        highest: None,
    };
    let errors = Graph {
        title: format!("{name}: 5xx, unhealthy targets"),
        metrics: [
            each("HTTPCode_Target_5XX_Count", "Sum"),
            each("UnHealthyHostCount", "Minimum"),
        ]
        .concat(),
        bounds: Vec::new(),
        highest: None,
    };
    [Some(requests), Some(errors)]
}

fn of_database(policy: &Policy, database: &Database) -> Vec<Graph> {
    let name = &database.identifier;
    let dimension = if database.is_cluster {
        "DBClusterIdentifier"
    } else {
        "DBInstanceIdentifier"
    };
    let alarms = crate::alarms::of_database(policy, database);
    let graph = |title: &str, measured: &str, stat: &str, highest| Graph {
        title: format!("{name}: {title}"),
        metrics: vec![metric(
            database.namespace(),
            measured,
            &[(dimension, name)],
            json!({"stat": stat}),
        )],
        bounds: alarms
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
        highest,
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

fn of_cache(cache: &Arn) -> Vec<Graph> {
    let name = cache.name();
    let graph = |title: &str, measured: &str, stat: &str| Graph {
        title: format!("{name}: {title}"),
        metrics: vec![metric(
            "AWS/ElastiCache",
            measured,
            &[("CacheClusterId", &name)],
            json!({"stat": stat}),
        )],
        bounds: Vec::new(),
        highest: None,
    };
    vec![
        graph("CPU, %", "CPUUtilization", "Average"),
        graph("evictions", "Evictions", "Sum"),
    ]
}

fn of_actions(stack: &str, what: &str) -> Graph {
    let of = |operation: &str| {
        let dimensions = [("Stack", stack), ("Operation", operation)];
        metric(
            NAMESPACE,
            what,
            &dimensions,
            json!({"stat": "Sum", "period": 300, "label": operation}),
        )
    };
    Graph {
        title: format!("Lamplighter: {}", what.to_lowercase()),
        metrics: OPERATIONS.map(of).into(),
        bounds: Vec::new(),
        highest: None,
    }
}

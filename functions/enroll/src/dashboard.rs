//! The dashboard of one application: load balancers, services, databases and caches in one view,
//! with alarm thresholds as lines and Lamplighter's actions at the bottom.

use lamplighter::Function;
use lamplighter::engine::telemetry::NAMESPACE;
use lamplighter::model::{Database, Service, TargetGroup};
use serde_json::{Value, json};

use crate::database_graphs::{cache_graphs, database_graphs};
use crate::layout::{Graph, Layout, metric_row};
use crate::observed::Subject;
use crate::policy::Policy;
use crate::service_graphs::service_graphs;

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
    let mut layout = Layout::new(find_region(services, databases));
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
    layout.into_body()
}

/// Returns the text that marks a dashboard as owned by a stack. Dashboards have no tags, so that the
/// body must carry the mark. A changed text would make every existing dashboard a foreign one.
fn ownership_mark(stack: &str) -> String {
    format!("Kept by Lamplighter, stack `{stack}`; changes made here are undone within the hour.")
}

/// Reports whether a dashboard carries the mark of a stack.
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
    let one: Option<Value> = serde_json::from_str(one).ok();
    let other: Option<Value> = serde_json::from_str(other).ok();
    one.is_some() && one == other
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

/// Builds the graph of a telemetry metric, by operation.
fn operations_graph(stack: &str, metric: &str) -> Graph {
    let operations = Function::ALL
        .into_iter()
        .filter(|function| function.is_operation());
    Graph {
        title: format!("Lamplighter: {}", metric.to_lowercase()),
        metrics: operations
            .map(|operation| operation_row(stack, metric, operation.name()))
            .collect(),
        thresholds: Vec::new(),
        max: None,
    }
}

fn operation_row(stack: &str, metric: &str, operation: &str) -> Value {
    metric_row(
        NAMESPACE,
        metric,
        &[("Stack", stack), ("Operation", operation)],
        json!({"stat": "Sum", "period": 300, "label": operation}),
    )
}

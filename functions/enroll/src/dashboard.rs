//! The dashboard of one application: alarms and status first, then load balancers, services, databases and caches with the
//! bounds of their alarms as lines, and the actions of the stack at the bottom.

use std::collections::BTreeMap;

use lamplighter::Function;
use lamplighter::engine::telemetry::NAMESPACE;
use lamplighter::model::{Alarm, Arn, Database, Service, TargetGroup};
use lamplighter::policy::MANAGED;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cache_graphs::cache_graphs;
use crate::database_alarms::database_alarms;
use crate::database_graphs::database_graphs;
use crate::layout::{Graph, Layout, metric_row};
use crate::policy::Policy;
use crate::service_alarms::service_alarms;
use crate::service_graphs::service_graphs;

/// The members of an application that one dashboard shows. Each needs at most eight widgets, of which CloudWatch accepts 500.
pub const MEMBERS_PER_DASHBOARD: usize = 50;

/// One member of an application.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Member {
    Service(Box<Service>, Vec<TargetGroup>),
    Database(Box<Database>),
    Cache(Box<Database>),
}

impl Member {
    #[must_use]
    pub fn arn(&self) -> &Arn {
        match self {
            Self::Service(service, _) => &service.arn,
            Self::Database(database) | Self::Cache(database) => &database.arn,
        }
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Service(service, _) => &service.tags,
            Self::Database(database) | Self::Cache(database) => &database.tags,
        }
    }

    /// Returns the alarms that the member should have.
    fn alarms(&self, policy: &Policy) -> Vec<Alarm> {
        match self {
            Self::Service(service, groups) => service_alarms(policy, service, groups),
            Self::Database(database) | Self::Cache(database) => database_alarms(policy, database),
        }
    }

    fn graphs(&self, alarms: &[Alarm], policy: &Policy) -> Vec<Vec<Graph>> {
        match self {
            Self::Service(service, groups) => {
                service_graphs(alarms, policy.scale.as_ref(), service, groups)
            }
            Self::Database(database) => database_graphs(alarms, database),
            Self::Cache(cache) => cache_graphs(alarms, cache),
        }
    }
}

/// Renders the dashboard body as JSON for CloudWatch.
pub fn render_body(app: &str, policy: &Policy, members: &[Member]) -> String {
    let mut layout = Layout::new(find_region(members));
    layout.add_text(&format!("# {app}\n{}", ownership_mark(&policy.stack)));
    let shown: Vec<(&Member, Policy, Vec<Alarm>)> = members
        .iter()
        .map(|member| {
            let own = policy.of_member(member.tags());
            let alarms = member.alarms(&own);
            (member, own, alarms)
        })
        .collect();
    let arns: Vec<String> = shown
        .iter()
        .filter(|(member, _, _)| member.tags().contains_key(MANAGED))
        .flat_map(|(member, _, alarms)| {
            let names = alarms.iter().map(|alarm| alarm.name.as_str());
            names.map(|name| alarm_arn(member.arn(), name))
        })
        .collect();
    layout.add_alarms(&arns);
    if let Some(function) = &policy.defaults.status_function {
        layout.add_status(function, app);
    }
    for (member, own, alarms) in &shown {
        for row in member.graphs(alarms, own) {
            layout.add_row(row);
        }
    }
    layout.add_row(vec![
        operations_graph(&policy.stack, "Actions"),
        operations_graph(&policy.stack, "Failures"),
    ]);
    layout.into_body()
}

fn alarm_arn(target: &Arn, name: &str) -> String {
    format!(
        "arn:{}:cloudwatch:{}:{}:alarm:{name}",
        target.partition(),
        target.region(),
        target.account_id()
    )
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

fn find_region(members: &[Member]) -> String {
    members
        .iter()
        .map(|member| member.arn().region().to_owned())
        .next()
        .unwrap_or_else(|| "us-east-1".to_owned())
}

/// Builds the graph of a telemetry metric, by operation.
fn operations_graph(stack: &str, metric: &str) -> Graph {
    let operations = Function::ALL
        .into_iter()
        .filter(|function| function.is_operation());
    Graph::new(
        format!("Lamplighter, whole stack: {}", metric.to_lowercase()),
        operations
            .map(|operation| operation_row(stack, metric, operation.name()))
            .collect(),
    )
}

fn operation_row(stack: &str, metric: &str, operation: &str) -> Value {
    metric_row(
        NAMESPACE,
        metric,
        &[("Stack", stack), ("Operation", operation)],
        json!({"stat": "Sum", "period": 300, "label": operation}),
    )
}

//! The layout of a dashboard: rows of widgets, as CloudWatch JSON.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use lamplighter::model::{Alarm, AlarmKind, AlarmMetric, Arn};
use serde_json::{Value, json};

/// A dashboard is 24 units wide.
const WIDTH: u32 = 24;
const HEIGHT: u32 = 6;
const TEXT_HEIGHT: u32 = 2;
const THRESHOLD_COLOR: &str = "#d62728";
/// The most alarms that one widget shows.
const ALARMS_PER_WIDGET: usize = 100;

/// The widgets of a dashboard, from top to bottom.
pub struct Layout {
    widgets: Vec<Value>,
    y: u32,
    region: String,
}

/// One graph without its position.
#[derive(Debug, Default)]
pub struct Graph {
    pub title: String,
    /// Rows of metrics, as [`metric_row`] and [`expression_row`] build them.
    pub metrics: Vec<Value>,
    /// Labels and values of horizontal threshold lines.
    pub thresholds: Vec<(String, f64)>,
    /// Upper end of the axis.
    pub max: Option<f64>,
}

impl Graph {
    pub fn new(title: String, metrics: Vec<Value>) -> Self {
        Self {
            title,
            metrics,
            ..Self::default()
        }
    }

    /// Draws the bounds of the alarms of these kinds.
    pub fn with_bounds(mut self, alarms: &[Alarm], kinds: &[AlarmKind]) -> Self {
        for kind in kinds {
            let found = alarms
                .iter()
                .find(|alarm| AlarmKind::of_alarm(&alarm.name) == *kind);
            let line = found.map(|alarm| (kind.name().to_owned(), alarm.threshold));
            self.thresholds.extend(line);
        }
        self
    }

    pub fn in_percent(self) -> Self {
        Self {
            max: Some(100.0),
            ..self
        }
    }
}

impl Layout {
    pub fn new(region: String) -> Self {
        Self {
            widgets: Vec::new(),
            y: 0,
            region,
        }
    }

    /// Returns the body as JSON for CloudWatch.
    pub fn into_body(self) -> String {
        json!({"widgets": self.widgets}).to_string()
    }

    pub fn add_text(&mut self, markdown: &str) {
        let properties = json!({"markdown": markdown});
        self.add_full_width("text", TEXT_HEIGHT, &properties);
    }

    /// Adds the status of alarms, in as many widgets as they need.
    pub fn add_alarms(&mut self, arns: &[String]) {
        let count = arns.chunks(ALARMS_PER_WIDGET).len();
        for (number, arns) in (1..).zip(arns.chunks(ALARMS_PER_WIDGET)) {
            let title = if count > 1 {
                format!("Alarms, {number} of {count}")
            } else {
                "Alarms".to_owned()
            };
            self.add_full_width(
                "alarm",
                HEIGHT,
                &json!({"title": title, "alarms": arns, "sortBy": "stateUpdatedTimestamp"}),
            );
        }
    }

    /// Adds the status of an application, which a function renders.
    pub fn add_status(&mut self, function: &Arn, app: &str) {
        let properties = json!({
            "title": "Status, releases and actions", "endpoint": function.as_str(), "params": {"app": app},
            "updateOn": {"refresh": true, "resize": false, "timeRange": true},
        });
        self.add_full_width("custom", 2 * HEIGHT, &properties);
    }

    fn add_full_width(&mut self, kind: &str, height: u32, properties: &Value) {
        self.widgets.push(json!({
            "type": kind, "x": 0, "y": self.y, "width": WIDTH, "height": height, "properties": properties,
        }));
        self.y += height;
    }

    /// Adds a row of graphs with equal widths.
    pub fn add_row(&mut self, graphs: Vec<Graph>) {
        let Some(width) = u32::try_from(graphs.len())
            .ok()
            .and_then(|n| WIDTH.checked_div(n))
        else {
            return;
        };
        for (graph, n) in graphs.into_iter().zip(0..) {
            self.widgets.push(json!({
                "type": "metric", "x": n * width, "y": self.y, "width": width, "height": HEIGHT,
                "properties": render_properties(&graph, &self.region),
            }));
        }
        self.y += HEIGHT;
    }
}

fn render_properties(graph: &Graph, region: &str) -> Value {
    let lines: Vec<Value> = graph
        .thresholds
        .iter()
        .map(|(label, value)| json!({"label": label, "value": value, "color": THRESHOLD_COLOR}))
        .collect();
    let axis = graph.max.map_or(
        json!({"min": 0}),
        |highest| json!({"min": 0, "max": highest}),
    );
    json!({
        "title": graph.title, "region": region, "view": "timeSeries", "stacked": false,
        "period": 60, "metrics": graph.metrics, "yAxis": {"left": axis},
        "annotations": {"horizontal": lines},
    })
}

/// Builds the CloudWatch array of one metric, with its dimensions and rendering options.
pub fn metric_row(
    namespace: &str,
    name: &str,
    dimensions: &[(&str, &str)],
    options: Value,
) -> Value {
    let mut row = vec![json!(namespace), json!(name)];
    row.extend(
        dimensions
            .iter()
            .flat_map(|(name, value)| [json!(name), json!(value)]),
    );
    row.push(options);
    Value::Array(row)
}

/// Builds the rows of metrics that are drawn, each under its own label.
pub fn metric_rows(metrics: &[AlarmMetric], label: &str) -> Vec<Value> {
    let several = metrics.len() > 1;
    let rows = metrics.iter().zip(1..);
    rows.map(|(metric, number)| {
        let label = if several {
            format!("{label} {number}")
        } else {
            label.to_owned()
        };
        alarm_metric_row(
            metric,
            json!({"stat": metric.statistic.as_str(), "label": label}),
        )
    })
    .collect()
}

/// Builds the row of a metric that is only part of an expression.
pub fn build_hidden_row(metric: &AlarmMetric, id: &str) -> Value {
    alarm_metric_row(
        metric,
        json!({"stat": metric.statistic.as_str(), "id": id, "visible": false}),
    )
}

fn alarm_metric_row(metric: &AlarmMetric, options: Value) -> Value {
    let dimensions: Vec<(&str, &str)> = metric
        .dimensions
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    metric_row(&metric.namespace, &metric.name, &dimensions, options)
}

/// Builds the row of an expression over hidden rows.
pub fn expression_row(expression: &str, label: &str) -> Value {
    json!([{"expression": expression, "label": label, "id": "total"}])
}

//! The layout of a dashboard: rows of graphs, as CloudWatch JSON.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use serde_json::{Value, json};

/// A dashboard is 24 units wide.
const WIDTH: u32 = 24;
const HEIGHT: u32 = 6;
const THRESHOLD_COLOR: &str = "#d62728";
/// The maximum number of widgets that CloudWatch accepts.
const MAX_WIDGETS: usize = 500;

/// The widgets of a dashboard, from top to bottom.
pub struct Layout {
    widgets: Vec<Value>,
    y: u32,
    region: String,
}

/// One graph without its position.
pub struct Graph {
    pub title: String,
    /// Rows of metrics, as [`metric_row`] builds them.
    pub metrics: Vec<Value>,
    /// Labels and values of horizontal threshold lines.
    pub thresholds: Vec<(String, f64)>,
    /// Upper end of the axis.
    pub max: Option<f64>,
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
    pub fn into_body(mut self) -> String {
        self.widgets.truncate(MAX_WIDGETS);
        json!({"widgets": self.widgets}).to_string()
    }

    pub fn add_text(&mut self, markdown: &str) {
        let properties = json!({"markdown": markdown});
        self.widgets
            .push(json!({"type": "text", "x": 0, "y": self.y, "width": WIDTH, "height": 2, "properties": properties}));
        self.y += 2;
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

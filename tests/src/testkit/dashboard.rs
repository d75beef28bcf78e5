//! The format of a CloudWatch dashboard, as far as one of ours uses it, and a picture of its layout.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use std::fmt::Write;

use serde_json::{Map, Value};

const MOST_WIDGETS: usize = 500;
const MOST_METRICS: usize = 500;
const MOST_ALARMS: usize = 100;
const COLUMNS: u64 = 24;
const HIGHEST: u64 = 1_000;
const PROPERTIES: [&str; 12] = [
    "accountId",
    "annotations",
    "legend",
    "liveData",
    "metrics",
    "period",
    "region",
    "stacked",
    "stat",
    "title",
    "view",
    "yAxis",
];
const OPTIONS: [&str; 10] = [
    "accountId",
    "color",
    "expression",
    "id",
    "label",
    "period",
    "region",
    "stat",
    "visible",
    "yAxis",
];
const VIEWS: [&str; 5] = ["timeSeries", "singleValue", "gauge", "bar", "pie"];

/// Every way in which a body breaks the format; none where CloudWatch takes it.
pub fn problems(body: &str) -> Vec<String> {
    let Ok(body) = serde_json::from_str::<Value>(body) else {
        return vec!["it is no JSON".to_owned()];
    };
    let Some(widgets) = body["widgets"].as_array() else {
        return vec!["it has no widgets".to_owned()];
    };
    let mut found = Vec::new();
    if widgets.len() > MOST_WIDGETS {
        found.push(format!("{} widgets", widgets.len()));
    }
    for (n, widget) in widgets.iter().enumerate() {
        let about = match widget["type"].as_str() {
            Some("text") => text(widget),
            Some("alarm") => alarms(widget),
            Some("custom") => custom(widget),
            _ => metric(widget),
        };
        found.extend(
            about
                .into_iter()
                .chain(place(widget))
                .map(|problem| format!("widget {n}: {problem}")),
        );
        for (m, other) in widgets.iter().enumerate().skip(n + 1) {
            if overlap(widget, other) {
                found.push(format!("widgets {n} and {m} overlap"));
            }
        }
    }
    found
}

fn side(widget: &Value, name: &str) -> u64 {
    widget[name].as_u64().unwrap_or(u64::MAX / 4)
}

fn place(widget: &Value) -> Vec<String> {
    let [x, width, height] = ["x", "width", "height"].map(|name| side(widget, name));
    let is_so =
        (1..=COLUMNS).contains(&width) && x + width <= COLUMNS && (1..=HIGHEST).contains(&height);
    if is_so && widget["y"].is_u64() {
        Vec::new()
    } else {
        vec![format!("no place for {width} × {height} at {x}")]
    }
}

fn overlap(one: &Value, other: &Value) -> bool {
    let apart = |at: &str, length: &str| {
        side(one, at) + side(one, length) <= side(other, at)
            || side(other, at) + side(other, length) <= side(one, at)
    };
    !apart("x", "width") && !apart("y", "height")
}

fn text(widget: &Value) -> Vec<String> {
    if widget["properties"]["markdown"].is_string() {
        Vec::new()
    } else {
        vec!["no markdown".to_owned()]
    }
}

/// The ARNs of at most a hundred alarms.
fn alarms(widget: &Value) -> Vec<String> {
    let arns = widget["properties"]["alarms"].as_array();
    let is_arn = |arn: &Value| {
        let arn = arn.as_str().unwrap_or_default();
        arn.starts_with("arn:aws:cloudwatch:") && arn.contains(":alarm:")
    };
    match arns {
        Some(arns) if (1..=MOST_ALARMS).contains(&arns.len()) && arns.iter().all(is_arn) => {
            Vec::new()
        }
        _ => vec!["no alarms, too many, or no ARNs".to_owned()],
    }
}

/// The ARN of a function, and when it is called.
fn custom(widget: &Value) -> Vec<String> {
    let properties = &widget["properties"];
    let endpoint = properties["endpoint"].as_str().unwrap_or_default();
    let is_function = endpoint.starts_with("arn:aws:lambda:") && endpoint.contains(":function:");
    let has_updates = ["refresh", "resize", "timeRange"]
        .iter()
        .all(|cause| properties["updateOn"][cause].is_boolean());
    if is_function && has_updates {
        Vec::new()
    } else {
        vec!["no function, or no word on when it is called".to_owned()]
    }
}

fn metric(widget: &Value) -> Vec<String> {
    let (mut found, properties) = (Vec::new(), &widget["properties"]);
    let mut must = |holds: bool, problem: &str| {
        if !holds {
            found.push(problem.to_owned());
        }
    };
    must(widget["type"] == "metric", "an unknown type");
    must(
        properties["region"]
            .as_str()
            .is_some_and(|region| region.split('-').count() >= 3),
        "no region",
    );
    must(
        properties["view"]
            .as_str()
            .is_some_and(|view| VIEWS.contains(&view)),
        "no view",
    );
    must(
        keys(properties).iter().all(|key| PROPERTIES.contains(key)),
        "an unknown property",
    );
    must(
        properties["period"]
            .as_u64()
            .is_some_and(|period| period % 60 == 0),
        "a period that is no minute",
    );
    let left = &properties["yAxis"]["left"];
    must(
        left["max"].is_null() || left["max"].as_f64() > left["min"].as_f64(),
        "an axis without a range",
    );
    let rows = properties["metrics"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    must(
        (1..=MOST_METRICS).contains(&rows.len()),
        "no metrics, or too many",
    );
    must(
        rows.iter()
            .all(|row| is_metric(row) || is_expression(row, rows)),
        "a row that is no metric",
    );
    let bounds = properties["annotations"]["horizontal"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    must(
        bounds.iter().all(is_bound),
        "a line without a value, or in no colour",
    );
    found
}

fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .map(Map::keys)
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect()
}

/// Namespace and name, up to 30 dimensions as pairs, and how it is read.
fn is_metric(row: &Value) -> bool {
    let row = row.as_array().map_or(&[][..], Vec::as_slice);
    let (words, options) = match row.split_last() {
        Some((options, words)) if options.is_object() => (words, Some(options)),
        _ => (row, None),
    };
    let all_words = words.iter().all(|word| {
        word.as_str()
            .is_some_and(|word| !word.is_empty() && word.len() <= 1_024)
    });
    let known = options.is_none_or(|options| keys(options).iter().all(|key| OPTIONS.contains(key)));
    all_words && known && words.len() >= 2 && words.len() % 2 == 0 && words.len() <= 62
}

/// An expression over the identifiers of other rows.
fn is_expression(row: &Value, rows: &[Value]) -> bool {
    let Some([options]) = row.as_array().map(Vec::as_slice) else {
        return false;
    };
    let ids: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.as_array()?.last()?["id"].as_str())
        .collect();
    let expression = options["expression"].as_str().unwrap_or_default();
    let names = expression
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    let known = keys(options).iter().all(|key| OPTIONS.contains(key));
    let mut names = names.peekable();
    known && names.peek().is_some() && names.all(|name| ids.contains(&name))
}

fn is_bound(bound: &Value) -> bool {
    let hex = |colour: &str| {
        colour.len() == 7
            && colour.starts_with('#')
            && colour[1..].chars().all(|c| c.is_ascii_hexdigit())
    };
    bound["value"].is_number() && bound["color"].as_str().is_none_or(hex)
}

const UNIT_WIDTH: u64 = 40;
const UNIT_HEIGHT: u64 = 24;

/// The layout as SVG: each widget in its place with its title, its metrics and its bounds. There is no data in
/// it.
pub fn picture(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let widgets = body["widgets"].as_array().map_or(&[][..], Vec::as_slice);
    let height = widgets
        .iter()
        .map(|w| side(w, "y") + side(w, "height"))
        .max()
        .unwrap_or(1)
        * UNIT_HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#f2f3f3\"/>\n",
        COLUMNS * UNIT_WIDTH
    );
    for widget in widgets {
        let [x, width] = ["x", "width"].map(|name| side(widget, name) * UNIT_WIDTH);
        let [y, height] = ["y", "height"].map(|name| side(widget, name) * UNIT_HEIGHT);
        let _ = writeln!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#ffffff\" stroke=\"#d5dbdb\"/>",
            x + 2,
            y + 2,
            width - 4,
            height - 4
        );
        draw(
            &mut svg,
            &widget["properties"],
            x + 10,
            y + 18,
            width - 20,
            height - 30,
        );
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, properties: &Value, x: u64, y: u64, width: u64, height: u64) {
    if let Some(markdown) = properties["markdown"].as_str() {
        draw_markdown(svg, markdown, x, y);
        return;
    }
    let title = properties["title"].as_str().unwrap_or_default();
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{y}\" font-weight=\"bold\">{}</text>",
        escaped(title)
    );
    draw_thresholds(svg, properties, x, y, width);
    draw_metrics(svg, properties, x, y, height);
    draw_list(svg, properties, x, y, height);
}

/// Draws what a widget without metrics shows: the names of alarms, or the function that is called.
fn draw_list(svg: &mut String, properties: &Value, x: u64, y: u64, height: u64) {
    let alarms = properties["alarms"].as_array().into_iter().flatten();
    let names = alarms.filter_map(|arn| arn.as_str()?.rsplit(":alarm:").next());
    let function = properties["endpoint"]
        .as_str()
        .and_then(|arn| arn.rsplit(':').next());
    let per_column = (height / 14).saturating_sub(1).max(1);
    for (name, n) in names.chain(function).zip(0..) {
        let (column, row) = (n / per_column, n % per_column);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" fill=\"#545b64\">{}</text>",
            x + column * 300,
            y + 18 + row * 14,
            escaped(name)
        );
    }
}

fn draw_markdown(svg: &mut String, markdown: &str, x: u64, y: u64) {
    for (line, n) in markdown.lines().zip(0..) {
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{}\">{}</text>",
            y + n * 16,
            escaped(line)
        );
    }
}

/// Draws the threshold lines from the top, each under its label.
fn draw_thresholds(svg: &mut String, properties: &Value, x: u64, y: u64, width: u64) {
    for (bound, n) in properties["annotations"]["horizontal"]
        .as_array()
        .into_iter()
        .flatten()
        .zip(1..)
    {
        let [label, colour] =
            ["label", "color"].map(|name| bound[name].as_str().unwrap_or_default());
        let at = y + 18 * n;
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"{at}\" x2=\"{}\" y2=\"{at}\" stroke=\"{colour}\" stroke-dasharray=\"4\"/>\n\
             <text x=\"{x}\" y=\"{}\" fill=\"{colour}\">{label}: {}</text>",
            x + width,
            at - 3,
            bound["value"].as_f64().unwrap_or_default(),
        );
    }
}

/// Draws the names of the metrics upwards from the bottom, closer together if they would reach the title.
fn draw_metrics(svg: &mut String, properties: &Value, x: u64, y: u64, height: u64) {
    let rows = properties["metrics"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let step = height
        .saturating_sub(18)
        .checked_div(rows.len() as u64)
        .map_or(14, |step| step.min(14));
    for (row, n) in rows.iter().rev().zip(0..) {
        let options = row
            .as_array()
            .and_then(|row| row.last())
            .map_or(&Value::Null, |options| options);
        if options["visible"] == false {
            continue;
        }
        let stat = options["label"]
            .as_str()
            .or(options["stat"].as_str())
            .unwrap_or_default();
        let name = row[1].as_str().unwrap_or("expression");
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{}\" fill=\"#545b64\">{name}, {stat}</text>",
            y + height - 4 - n * step
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

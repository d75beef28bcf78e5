//! A preview as one HTML file that needs no network.

use std::fmt::Write as _;

use lamplighter::notify::html::escape_html;
use plotters::prelude::*;

use super::render::{describe_origin, list_figures, list_remarks};
use super::report::{Chart, Report, ServiceReport};
use crate::error::CommandError;
use crate::render::time::{format_age, format_time};

const SIZE: (u32, u32) = (960, 300);
const NEEDED: RGBColor = RGBColor(170, 170, 170);
const RAN: RGBColor = RGBColor(31, 119, 180);
const LAMPLIGHTER: RGBColor = RGBColor(214, 39, 40);
const HOURS_PER_DAY: f64 = 24.0;
const MINUTES_PER_HOUR: f64 = 60.0;
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:1rem;color-scheme:light dark}\
    table{border-collapse:collapse}th,td{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}\
    svg{width:100%;height:auto;border-radius:4px}code{overflow-wrap:anywhere}";

/// Renders a preview as a page.
///
/// # Errors
/// [`CommandError`] if a chart can't be drawn.
pub fn render_page(report: &Report) -> Result<String, CommandError> {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Lamplighter: preview</title><style>{STYLE}</style></head><body>\n<h1>Preview</h1>\n<p>{} from {} on, played by the \
         minute. Nothing was changed. A task serves {} min after it is asked for, and metrics arrive a minute after they were \
         measured.</p>\n",
        format_age(report.from, report.to),
        format_time(report.from),
        report.startup_minutes,
    );
    for service in &report.services {
        page.push_str(&render_service(service)?);
    }
    for skipped in &report.skipped {
        let _ = writeln!(
            page,
            "<h2>{}</h2><p>Not played: {}</p>",
            escape_html(&skipped.name),
            escape_html(&skipped.reason)
        );
    }
    page.push_str("</body></html>\n");
    Ok(page)
}

fn render_service(service: &ServiceReport) -> Result<String, CommandError> {
    let mut text = format!("<h2>{}</h2>\n<p>", escape_html(&service.name));
    for (key, value) in &service.tags {
        let _ = write!(
            text,
            "<code>{} = {}</code><br>",
            escape_html(key),
            escape_html(value)
        );
    }
    let _ = writeln!(text, "{}</p>", escape_html(describe_origin(service.origin)));
    text.push_str("<table><tr><th></th><th>ran</th><th>Lamplighter</th></tr>\n");
    for figure in list_figures(service) {
        let cells = figure.map(|cell| format!("<td>{}</td>", escape_html(&cell)));
        let _ = writeln!(text, "<tr>{}</tr>", cells.concat());
    }
    let chart = draw_chart(&service.chart);
    let chart = chart.map_err(|error| CommandError::Machine(format!("the chart: {error}")))?;
    let _ = writeln!(text, "</table>\n{chart}\n<ul>");
    for line in list_remarks(service) {
        let _ = writeln!(text, "<li>{}</li>", escape_html(&line));
    }
    text.push_str("</ul>\n");
    Ok(text)
}

/// Draws the tasks on white, so that they can be read on a dark page, too.
fn draw_chart(chart: &Chart) -> Result<String, Box<dyn std::error::Error>> {
    let series = [
        ("needed", &chart.needed, NEEDED),
        ("ran", &chart.ran, RAN),
        ("Lamplighter", &chart.lamplighter, LAMPLIGHTER),
    ];
    let values = series
        .iter()
        .flat_map(|(_, values, _)| values.iter().flatten());
    let most = values.copied().fold(1.0, f64::max);
    let days_per_point = f64::from(chart.minutes_per_point) / MINUTES_PER_HOUR / HOURS_PER_DAY;
    let points = u32::try_from(chart.needed.len()).unwrap_or(u32::MAX);
    let days = f64::from(points) * days_per_point;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut drawn = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(52)
            .build_cartesian_2d(0.0..days.max(days_per_point), 0.0..most * 1.05)?;
        drawn
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("days")
            .y_desc("tasks")
            .draw()?;
        for (name, values, colour) in series {
            // A gap stays a gap: each part is a line of its own.
            for (index, line) in split_at_gaps(values, days_per_point)
                .into_iter()
                .enumerate()
            {
                let line = drawn.draw_series(LineSeries::new(line, colour.stroke_width(2)))?;
                if index == 0 {
                    line.label(name).legend(move |(x, y)| {
                        PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                    });
                }
            }
        }
        drawn
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.85))
            .border_style(NEEDED)
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

/// Returns the points of each part without a gap.
fn split_at_gaps(values: &[Option<f64>], step: f64) -> Vec<Vec<(f64, f64)>> {
    let mut parts = vec![Vec::new()];
    for (index, value) in (0_u32..).zip(values) {
        match (value, parts.last_mut()) {
            (Some(value), Some(part)) => part.push((f64::from(index) * step, *value)),
            (None, Some(part)) if !part.is_empty() => parts.push(Vec::new()),
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

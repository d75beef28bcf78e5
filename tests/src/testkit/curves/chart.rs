//! Charts: tasks against load for a terminal and as SVG, and minutes under against cost.

use std::error::Error;
use std::fmt::Write;
use std::ops::Range;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::{Comparison, Curve, Followed, RPS, needed};

const COLUMNS: usize = 96;
const ROWS: u32 = 12;
const SIZE: (u32, u32) = (960, 420);
const LOAD: RGBColor = RGBColor(190, 190, 190);
const OURS: RGBColor = RGBColor(214, 39, 40);
const OTHERS: [RGBColor; 5] = [
    RGBColor(31, 119, 180),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(44, 160, 44),
    RGBColor(255, 127, 14),
];

type Drawn = Result<String, Box<dyn Error>>;

/// One follower against the load, for a terminal: `█` is a task that was needed and there, `░` one that was
/// there and not needed, `!` one that was needed and not there. Each column is the worst of its minutes.
pub fn terminal(curve: &Curve, followed: &Followed) -> String {
    let per_column = curve.rps.len().div_ceil(COLUMNS);
    let needs = curve.rps.iter().map(|rps| needed(*rps));
    let highest = needs.chain(followed.tasks.iter().copied()).max();
    let columns: Vec<(u32, u32)> = curve
        .rps
        .chunks(per_column)
        .zip(followed.tasks.chunks(per_column))
        .map(|(rps, tasks)| {
            let pairs = rps
                .iter()
                .zip(tasks)
                .map(|(rps, tasks)| (needed(*rps), *tasks));
            pairs
                .max_by_key(|(needed, tasks)| (i64::from(*needed) - i64::from(*tasks), *tasks))
                .unwrap_or((0, 0))
        })
        .collect();
    let mut text = String::new();
    for row in (1..=ROWS).rev() {
        let level = (highest.unwrap_or(1) * row).div_ceil(ROWS);
        let cell = |(needed, tasks): &(u32, u32)| match (level <= *needed, level <= *tasks) {
            (true, true) => '█',
            (false, true) => '░',
            (true, false) => '!',
            (false, false) => ' ',
        };
        let cells: String = columns.iter().map(cell).collect();
        let _ = writeln!(text, "{level:>4} │{}", cells.trim_end());
    }
    let _ = writeln!(
        text,
        "     └{} {} min",
        "─".repeat(columns.len()),
        curve.rps.len()
    );
    text
}

/// Draws the tasks of Lamplighter over the load, in tasks.
///
/// # Errors
/// The chart can't be drawn.
pub fn draw_tasks(curve: &Curve, followed: &Followed) -> Drawn {
    let minutes = curve.rps.len() as f64;
    let needs: Vec<f64> = curve.rps.iter().map(|rps| rps / RPS).collect();
    let tasks: Vec<f64> = followed
        .tasks
        .iter()
        .map(|tasks| f64::from(*tasks))
        .collect();
    let most = needs.iter().chain(&tasks).copied().fold(1.0, f64::max);
    let frame = Frame {
        title: &curve.name,
        x: ("hours", 0.0..minutes / 60.0),
        y: ("tasks", 0.0..most * 1.05),
        label_width: 52,
    };
    frame.draw(|chart| {
        chart
            .draw_series(AreaSeries::new(by_the_hour(&needs), 0.0, LOAD.mix(0.6)))?
            .label("load")
            .legend(|(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], LOAD.filled()));
        draw_line(
            chart,
            "Lamplighter",
            draw_steps(&tasks),
            OURS.stroke_width(2),
        )
    })
}

/// A value of a follower that is drawn against its cost.
#[derive(Clone, Copy)]
pub struct Axis {
    pub name: &'static str,
    pub of: fn(&Followed) -> f64,
}

/// Draws a value of each follower against its task-hours, over its targets; lower and further left is better.
///
/// # Errors
/// The chart can't be drawn.
pub fn draw_frontiers(
    curve: &Curve,
    ours: &[Followed],
    comparison: &Comparison,
    axis: Axis,
) -> Drawn {
    let point = |followed: &Followed| (followed.task_hours, (axis.of)(followed));
    let own: Vec<(f64, f64)> = ours.iter().map(point).collect();
    let hours =
        |pick: fn(f64, f64) -> f64, first: f64| own.iter().map(|(x, _)| *x).fold(first, pick);
    let (least, most) = (hours(f64::min, f64::INFINITY), hours(f64::max, 0.0));
    let highest = own.iter().map(|(_, y)| *y).fold(1.0, f64::max);
    let frame = Frame {
        title: &curve.name,
        x: ("task-hours", least * 0.97..most * 1.03),
        y: (axis.name, 0.0..highest * 1.6),
        label_width: 72,
    };
    frame.draw(|chart| {
        for (frontier, colour) in comparison.frontiers.iter().zip(OTHERS) {
            let points = frontier.points.iter().map(point);
            draw_line(
                chart,
                frontier.baseline.name(),
                points,
                colour.stroke_width(1),
            )?;
        }
        draw_line(chart, "Lamplighter", own, OURS.stroke_width(3))
    })
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Title and axes of a chart.
struct Frame<'a> {
    title: &'a str,
    x: (&'a str, Range<f64>),
    y: (&'a str, Range<f64>),
    /// Width of the labels of the vertical axis, in pixels.
    label_width: u32,
}

impl Frame<'_> {
    /// Draws a chart with its series on white, so that it can be read on a dark page, too.
    fn draw(
        self,
        draw_series: impl FnOnce(&mut Chart<'_, '_>) -> Result<(), Box<dyn Error>>,
    ) -> Drawn {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            area.fill(&WHITE)?;
            let mut chart = ChartBuilder::on(&area)
                .caption(self.title, ("sans-serif", 18))
                .margin(12)
                .x_label_area_size(40)
                .y_label_area_size(self.label_width)
                .build_cartesian_2d(self.x.1, self.y.1)?;
            chart
                .configure_mesh()
                .light_line_style(WHITE)
                .x_desc(self.x.0)
                .y_desc(self.y.0)
                .draw()?;
            draw_series(&mut chart)?;
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE.mix(0.85))
                .border_style(LOAD)
                .draw()?;
            area.present()?;
        }
        Ok(svg)
    }
}

fn draw_line(
    chart: &mut Chart<'_, '_>,
    name: &str,
    points: impl IntoIterator<Item = (f64, f64)>,
    style: ShapeStyle,
) -> Result<(), Box<dyn Error>> {
    chart
        .draw_series(LineSeries::new(points, style))?
        .label(name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    Ok(())
}

fn by_the_hour(values: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    let values = values.iter().enumerate();
    values.map(|(minute, value)| (minute as f64 / 60.0, *value))
}

/// Returns the corners of steps: where the value changes, and at both ends.
fn draw_steps(values: &[f64]) -> Vec<(f64, f64)> {
    let mut corners = Vec::new();
    let mut begin = 0;
    for run in values.chunk_by(|one, next| one.total_cmp(next).is_eq()) {
        let level = run.first().copied().unwrap_or_default();
        let end = begin + run.len();
        corners.extend([(begin as f64 / 60.0, level), (end as f64 / 60.0, level)]);
        begin = end;
    }
    corners
}

//! Charts of tasks against load: for a terminal, and as SVG.

use std::fmt::Write;

use super::{Curve, Followed, RPS, needed};

const COLUMNS: usize = 96;
const ROWS: u32 = 12;
const COLOURS: [&str; 3] = ["#d62728", "#1f77b4", "#2ca02c"];

/// One scaler against the load, for a terminal: `█` is a task that was needed and there, `░` one that was
/// there and not needed, `!` one that was needed and not there. Each column is the worst of its minutes.
pub fn terminal(curve: &Curve, followed: &Followed) -> String {
    let per_column = curve.rps.len().div_ceil(COLUMNS);
    let highest = curve
        .rps
        .iter()
        .map(|rps| needed(*rps))
        .chain(followed.tasks.iter().copied())
        .max()
        .unwrap_or(1);
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
        let level = (highest * row).div_ceil(ROWS);
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

/// All scalers against the load.
pub fn svg(curve: &Curve, all: &[Followed]) -> String {
    const WIDTH: f64 = 960.0;
    const HEIGHT: f64 = 240.0;
    let minutes = curve.rps.len().max(1) as f64;
    let highest = all
        .iter()
        .flat_map(|f| &f.tasks)
        .copied()
        .max()
        .unwrap_or(1)
        .max(1);
    let most = curve
        .rps
        .iter()
        .fold(f64::from(highest), |most, rps| most.max(rps / RPS));
    let point = |n: usize, tasks: f64| {
        format!(
            "{:.1},{:.1}",
            n as f64 / minutes * WIDTH,
            HEIGHT - tasks / most * HEIGHT
        )
    };
    // Corners alone: where the count changes, and at both ends.
    let steps = |tasks: &[u32]| {
        let mut corners = Vec::new();
        let mut begin = 0;
        for run in tasks.chunk_by(|one, next| one == next) {
            let level = run.first().map_or(0.0, |tasks| f64::from(*tasks));
            corners.extend([point(begin, level), point(begin + run.len(), level)]);
            begin += run.len();
        }
        corners.join(" ")
    };
    let load: Vec<String> = curve
        .rps
        .iter()
        .enumerate()
        .map(|(n, rps)| point(n, rps / RPS))
        .collect();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-40 -24 1010 330\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <text x=\"0\" y=\"-8\">{}: {}</text>\n\
         <polygon points=\"0,{HEIGHT} {} {WIDTH},{HEIGHT}\" fill=\"#cccccc\"/>\n",
        curve.name,
        curve.about,
        load.join(" ")
    );
    for ((followed, colour), n) in all.iter().zip(COLOURS).zip(0..) {
        let y = 262 + n * 18;
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n\
             <text x=\"0\" y=\"{y}\" fill=\"{colour}\">{}: {} minutes under, {} over, {:.1} task-hours, {} changes</text>",
            steps(&followed.tasks),
            followed.scaler,
            followed.under,
            followed.over,
            followed.task_hours,
            followed.changes
        );
    }
    let _ = write!(
        svg,
        "<text x=\"-36\" y=\"10\">{most:.0}</text><text x=\"-36\" y=\"240\">0 tasks</text>\n</svg>\n"
    );
    svg
}

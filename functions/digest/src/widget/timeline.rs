//! The actions of the period: what was done, and why.

use lamplighter::notify::html::escape_html;
use lamplighter::plan::Outcome;
use lamplighter::status::ActionsOfRun;

use crate::duration::format_time;
use crate::html::{Cell, LABEL_WIDTH, NAME_WIDTH, Theme, color_span, render_row, render_section};
use crate::inputs::ReportInputs;
use crate::report::DailyReport;
use crate::widget::filter::Filter;

/// The number of rows.
const MAX_ROWS: usize = 60;

/// Renders the outcomes of the period, the newest first.
pub fn render_timeline(
    report: &DailyReport,
    inputs: &ReportInputs,
    filter: &Filter,
    theme: &Theme,
) -> String {
    let runs = ActionsOfRun::list(&inputs.records).into_iter();
    let rows: Vec<String> = runs
        .rev()
        .filter(|run| filter.includes_name(report, &run.name))
        .take(MAX_ROWS)
        .map(|run| {
            let operation = escape_html(&run.operation);
            let cells = [
                Cell::narrow(
                    LABEL_WIDTH,
                    color_span(theme.quiet, &escape_html(&format_time(report, run.at))),
                ),
                Cell::narrow(
                    NAME_WIDTH,
                    format!(
                        "{}<br>{}",
                        escape_html(&run.name),
                        color_span(theme.quiet, &operation)
                    ),
                ),
                Cell::wide(render_run(&run, theme)),
            ];
            render_row(theme, &cells)
        })
        .collect();
    if rows.is_empty() {
        let text = color_span(theme.quiet, "No actions in this period.");
        let row = render_row(theme, &[Cell::wide(text)]);
        return render_section(theme, "Actions", &[row]);
    }
    render_section(theme, "Actions", &rows)
}

/// Renders what was done, the steps that were not done, and the reason.
fn render_run(run: &ActionsOfRun, theme: &Theme) -> String {
    let steps = run.steps.iter();
    let steps = steps.map(|step| render_step(&step.what, &step.outcome, theme));
    let reason = color_span(theme.quiet, &escape_html(&run.describe_reason()));
    steps.chain([reason]).collect::<Vec<_>>().join("<br>")
}

fn render_step(step: &str, outcome: &Outcome, theme: &Theme) -> String {
    let step = escape_html(step);
    match outcome {
        Outcome::Done(_) => step,
        Outcome::Failed(error) => color_span(
            theme.bad,
            &format!("{step}: failed: {}", escape_html(error)),
        ),
        Outcome::Withheld(reason) => color_span(
            theme.held,
            &format!("{step}: withheld: {}", escape_html(reason)),
        ),
    }
}

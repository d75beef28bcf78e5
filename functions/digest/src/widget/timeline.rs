//! The actions of the period: what was done, and why.

use std::collections::BTreeMap;

use lamplighter::notify::html::escape_html;
use lamplighter::plan::{Outcome, Plan};
use lamplighter::ports::ledger::{Record, RecordKind};

use crate::duration::format_time;
use crate::html::{Cell, LABEL_WIDTH, NAME_WIDTH, Theme, color_span, render_row, render_section};
use crate::inputs::ReportInputs;
use crate::report::{DailyReport, RunKey, run_key};
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
    let plans = index_plans(&inputs.records);
    let outcomes = inputs
        .records
        .iter()
        .filter(|record| record.kind == RecordKind::Outcome)
        .filter(|record| filter.includes_name(report, &record.target.display_name()));
    let rows: Vec<String> = outcomes
        .rev()
        .take(MAX_ROWS)
        .map(|record| {
            let plan = plans.get(&run_key(record)).copied();
            let operation = escape_html(&record.operation);
            let cells = [
                Cell::narrow(
                    LABEL_WIDTH,
                    color_span(theme.quiet, &escape_html(&format_time(report, record.at))),
                ),
                Cell::narrow(
                    NAME_WIDTH,
                    format!(
                        "{}<br>{}",
                        escape_html(&record.target.display_name()),
                        color_span(theme.quiet, &operation)
                    ),
                ),
                Cell::wide(render_outcome(record, plan, theme)),
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

/// Returns the plans by the run that they belong to: an outcome does not repeat its plan.
fn index_plans(records: &[Record]) -> BTreeMap<RunKey<'_>, &Plan> {
    let intents = records
        .iter()
        .filter(|record| record.kind == RecordKind::Intent);
    intents
        .filter_map(|record| Some((run_key(record), record.plan.as_ref()?)))
        .collect()
}

/// Renders what was done, the steps that were not done, and the reason.
fn render_outcome(record: &Record, plan: Option<&Plan>, theme: &Theme) -> String {
    let steps = plan.map_or(&[][..], |plan| &plan.steps);
    let deeds = record.outcomes.iter().enumerate().map(|(n, outcome)| {
        let deed = steps.get(n).map(|step| step.action.describe());
        render_deed(deed.as_deref().unwrap_or("a step"), outcome, theme)
    });
    let reason = color_span(theme.quiet, &escape_html(&describe_reason(record)));
    deeds.chain([reason]).collect::<Vec<_>>().join("<br>")
}

fn render_deed(deed: &str, outcome: &Outcome, theme: &Theme) -> String {
    let deed = escape_html(deed);
    match outcome {
        Outcome::Done(_) => deed,
        Outcome::Failed(error) => color_span(
            theme.bad,
            &format!("{deed}: failed: {}", escape_html(error)),
        ),
        Outcome::Withheld(reason) => color_span(
            theme.held,
            &format!("{deed}: withheld: {}", escape_html(reason)),
        ),
    }
}

/// Returns the reason of a record and the notifications sent for it, without repetition.
fn describe_reason(record: &Record) -> String {
    let notified = record
        .notified
        .iter()
        .map(String::as_str)
        .filter(|title| !record.reason.contains(title));
    std::iter::once(record.reason.as_str())
        .chain(notified)
        .collect::<Vec<_>>()
        .join("; ")
}

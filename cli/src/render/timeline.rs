//! The actions of a period, and their reasons.

use std::fmt::Write as _;

use lamplighter::plan::Outcome;
use lamplighter::status::{ActionsOfRun, StepResult};

use super::time::format_time;

/// Renders what was done, the oldest first.
#[must_use]
pub fn render_timeline(runs: &[ActionsOfRun]) -> String {
    if runs.is_empty() {
        return "nothing was done in this period\n".to_owned();
    }
    let mut text = String::new();
    for run in runs {
        let _ = writeln!(
            text,
            "{}  {} ({})",
            format_time(run.at),
            run.name,
            run.operation
        );
        for step in &run.steps {
            let _ = writeln!(text, "    {}", format_step(step));
        }
        let _ = writeln!(text, "    {}", run.describe_reason());
    }
    text
}

fn format_step(step: &StepResult) -> String {
    let what = &step.what;
    match &step.outcome {
        Outcome::Done(_) => what.clone(),
        Outcome::Failed(error) => format!("{what}: failed: {error}"),
        Outcome::Withheld(reason) => format!("{what}: withheld: {reason}"),
    }
}

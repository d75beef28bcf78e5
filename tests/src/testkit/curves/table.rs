//! Tables of followers at equal cost, as Markdown.

use std::fmt::Write;

use super::{Baseline, Comparison, Curve, Reading};

/// Builds the table of compared curves: minutes under, thousand excess requests and changes, at the task-hours of Lamplighter.
pub fn build_table(compared: &[(Curve, Comparison)]) -> String {
    let baselines: Vec<Baseline> = Baseline::ALL
        .into_iter()
        .filter(|baseline| {
            let mut all = compared.iter();
            all.any(|(_, comparison)| comparison.read(*baseline).is_some())
        })
        .collect();
    let mut table = "| curve | task-hours | Lamplighter |".to_owned();
    for baseline in &baselines {
        let _ = write!(table, " {} |", baseline.name());
    }
    let columns = baselines.len() + 3;
    let _ = writeln!(table, "\n|{}", "---|".repeat(columns));
    for (curve, comparison) in compared {
        let _ = writeln!(table, "{}", build_row(curve, comparison, &baselines));
    }
    let _ = writeln!(table, "{}", build_wins(compared, &baselines));
    table
}

fn build_row(curve: &Curve, comparison: &Comparison, baselines: &[Baseline]) -> String {
    let ours = &comparison.ours;
    let mut row = format!(
        "| {} | {:.1} | {} |",
        curve.name,
        ours.task_hours,
        describe(&Reading::from(ours))
    );
    for baseline in baselines {
        let reading = comparison.read(*baseline);
        let cell = reading.map_or("-".to_owned(), |reading| describe(&reading));
        let _ = write!(row, " {cell} |");
    }
    row
}

/// Builds the row of how often Lamplighter has no more minutes under and no more excess requests.
fn build_wins(compared: &[(Curve, Comparison)], baselines: &[Baseline]) -> String {
    let mut row = "| Lamplighter has no more of both | | |".to_owned();
    for baseline in baselines {
        let judged: Vec<bool> = compared
            .iter()
            .filter_map(|(_, comparison)| comparison.beats(*baseline))
            .collect();
        let won = judged.iter().filter(|is_won| **is_won).count();
        let _ = write!(row, " {won} of {} |", judged.len());
    }
    row
}

fn describe(reading: &Reading) -> String {
    format!(
        "{:.0} / {:.1} / {:.0}",
        reading.under,
        reading.excess / 1_000.0,
        reading.changes
    )
}

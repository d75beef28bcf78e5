//! The costs of the last day.

use std::collections::BTreeSet;

use jiff::civil::Date;
use lamplighter::ports::costs::DailyCost;

use crate::inputs::Costs;

/// The number of AWS services listed per application.
const MAX_SERVICES: usize = 3;

/// An amount and its currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Money(pub f64, pub String);

/// The cost of an application on the last day, and the daily mean of the days before.
#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    pub app: String,
    /// The day of `last`, if Cost Explorer does not have the most recent day yet.
    pub late: Option<Date>,
    pub last: Money,
    pub mean: Money,
    /// The most expensive AWS services of the last day.
    pub services: Vec<(String, Money)>,
}

/// Returns the newest day with costs: Cost Explorer may be a day late.
fn newest_cost_day(costs: &Costs) -> Date {
    costs
        .by_app
        .iter()
        .map(|spent| spent.day)
        .filter(|day| *day <= costs.last)
        .max()
        .unwrap_or(costs.last)
}

/// Summarizes the costs by application.
pub fn summarize_spending(costs: &Costs) -> Vec<Spending> {
    let apps: BTreeSet<&str> = costs
        .by_app
        .iter()
        .map(|spent| spent.tag_value.as_str())
        .filter(|app| !app.is_empty())
        .collect();
    apps.into_iter()
        .map(|app| summarize_app(app, costs))
        .collect()
}

fn summarize_app(app: &str, costs: &Costs) -> Spending {
    let last_day = newest_cost_day(costs);
    let all: Vec<&DailyCost> = costs
        .by_app
        .iter()
        .filter(|spent| spent.tag_value == app)
        .collect();
    let unit = all
        .first()
        .map(|spent| spent.unit.clone())
        .unwrap_or_default();
    let on_last_day: Vec<&DailyCost> = all
        .iter()
        .copied()
        .filter(|spent| spent.day == last_day)
        .collect();
    let earlier: Vec<&DailyCost> = all
        .iter()
        .copied()
        .filter(|spent| spent.day < last_day)
        .collect();
    Spending {
        app: app.to_owned(),
        late: (last_day != costs.last).then_some(last_day),
        last: Money(sum_amounts(&on_last_day), unit.clone()),
        mean: Money(mean_per_day(&earlier), unit.clone()),
        services: list_services(&on_last_day, &unit),
    }
}

fn sum_amounts(costs: &[&DailyCost]) -> f64 {
    costs.iter().map(|spent| spent.amount).sum()
}

fn mean_per_day(costs: &[&DailyCost]) -> f64 {
    let days: BTreeSet<Date> = costs.iter().map(|spent| spent.day).collect();
    let days = u32::try_from(days.len().max(1)).unwrap_or(1);
    sum_amounts(costs) / f64::from(days)
}

/// Returns the most expensive AWS services.
fn list_services(costs: &[&DailyCost], unit: &str) -> Vec<(String, Money)> {
    let mut services: Vec<(String, Money)> = costs
        .iter()
        .map(|spent| {
            let money = Money(spent.amount, unit.to_owned());
            (spent.service.clone(), money)
        })
        .collect();
    services.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0));
    services.truncate(MAX_SERVICES);
    services
}

/// Returns the cost of the stack itself on the last day.
pub fn stack_cost(costs: &Costs) -> Option<Money> {
    let last = newest_cost_day(costs);
    let own: Vec<&DailyCost> = costs.own.iter().filter(|spent| spent.day == last).collect();
    let unit = own.first()?.unit.clone();
    Some(Money(own.iter().map(|spent| spent.amount).sum(), unit))
}

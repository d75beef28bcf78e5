//! What one sweep of `backup` over a hundred databases takes.

use std::collections::BTreeMap;

use e2e::backups::{backed_up, taken_on};
use e2e::stack::Stack;
use serde_json::json;

use crate::lambda::Lambda;
use crate::subjects::Subject;

const DATABASES: usize = 100;
const NIGHTS: i32 = 30;

/// A sweep that takes a hundred snapshots, and one that lets as many old ones go as a run may.
pub fn sweeps(backup: &Subject, stack: &Stack) -> Result<(), String> {
    stack.control("settings", json!({"events": false}));
    stack.control("quota", json!({"ManualSnapshots": 10_000}));
    for n in 0..DATABASES {
        let name = format!("db{n:03}");
        backed_up(stack, &name);
        taken_on(stack, &name, 1..NIGHTS + 1);
    }
    let event = json!({
        "version": "0", "id": "bench", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "region": "eu-west-1", "time": jiff::Timestamp::now().to_string(), "detail": {},
    });
    println!("\na sweep over {DATABASES} databases with {} snapshots, local stack", DATABASES * 30);
    for what in ["takes one of each", "lets go what one run may"] {
        let mut lambda = Lambda::start(backup, &stack.environment("act"));
        let before = stack.function_calls().len();
        let took = lambda.invoke(&event)?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for call in stack.function_calls().split_off(before) {
            *counts.entry(call).or_default() += 1;
        }
        let calls: Vec<String> = counts.iter().map(|(call, n)| format!("{call} {n}")).collect();
        println!("  {what}: {:.1} s, {:.1} MiB; {}", took / 1_000.0, lambda.peak_mib(), calls.join(", "));
    }
    Ok(())
}

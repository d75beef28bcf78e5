//! What one sweep of `backup` over a hundred databases takes.

use e2e::testkit::backups::{backed_up, taken_on};
use e2e::testkit::stack::Stack;
use serde_json::json;

use crate::counted;
use crate::lambda::Lambda;
use crate::subjects::Subject;
use crate::sweeps::sweep;

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
    let event = sweep();
    println!(
        "\na sweep over {DATABASES} databases with {} snapshots, local stack",
        DATABASES * 30
    );
    for what in ["takes one of each", "lets go what one run may"] {
        let mut lambda = Lambda::start(backup, &stack.environment("act"));
        let before = stack.function_calls().len();
        let took = lambda.invoke(&event)?;
        let calls = counted(stack.function_calls().split_off(before));
        println!(
            "  {what}: {:.1} s, {:.1} MiB; {calls}",
            took / 1_000.0,
            lambda.peak_mib()
        );
    }
    Ok(())
}

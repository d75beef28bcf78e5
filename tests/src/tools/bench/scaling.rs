//! What `scale` does with an alarm, in milliseconds and calls; and what a managed service costs in a month.

use std::fs;

use e2e::testkit::curves::{Conditions, Measure, Ours, curves, follow};
use e2e::testkit::setup::root;
use e2e::testkit::stack::Stack;
use e2e::testkit::traffic::{Traffic, behind_balancer, carry, set_count};
use e2e::testkit::workload::{NewService, create_service, image};
use e2e::testkit::world::World;
use scale::Scale;
use serde_json::{Value, json};

use crate::lambda::Lambda;
use crate::median;
use crate::subjects::Subject;

const WARM_EVENTS: usize = 101;
/// Days of a month, on average.
const DAYS: f64 = 30.4;

/// An alarm that makes a service grow (the first event of a process), and alarms that find nothing to do.
pub fn alarms(scale: &Subject, stack: &Stack) -> Result<(), String> {
    stack.control("settings", json!({"events": false}));
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:scale", "min=2 max=8 rps=10"),
    ];
    let image = image("bench/web", "RC_1.0.0");
    create_service(
        stack,
        &NewService {
            cluster: "shop",
            name: "web",
            image: &image,
            architecture: "ARM64",
            tags: &tags,
        },
    );
    set_count(stack, "web", 2);
    behind_balancer(stack, "web");
    carry(
        stack,
        "web",
        &Traffic {
            rps: &[37.2; 15],
            cpu: &[30.0; 15],
            tasks: 2,
        },
    );
    let file = root().join("events/scale/alarm-requests.json");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let event: Value =
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut lambda = Lambda::start(scale, &stack.environment("act"));
    let before = stack.function_calls().len();
    let first = lambda.invoke(&event)?;
    let calls = stack.function_calls().split_off(before);
    let warm = median(
        (0..WARM_EVENTS)
            .map(|_| lambda.invoke(&event))
            .collect::<Result<_, _>>()?,
    );
    println!(
        "\nan alarm to its answer, local stack: the first {first:.2} ms, warm {warm:.2} ms, {:.1} MiB",
        lambda.peak_mib()
    );
    println!(
        "  calls of the first, {} in all: {}",
        calls.len(),
        calls.join(", ")
    );
    Ok(())
}

/// List prices in US dollars, us-east-1, without any free tier, as others quoted them in 2025; the links lead to
/// what holds now.
mod price {
    /// Standard alarm on one metric, a month. Source of the three: <https://aws.amazon.com/cloudwatch/pricing/>
    pub const ALARM: f64 = 0.10;
    pub const METRIC_READ: f64 = 0.01 / 1e3;
    pub const CLOUDWATCH_CALL: f64 = 0.01 / 1e3;
    /// <https://aws.amazon.com/dynamodb/pricing/on-demand/>: a write of up to 1 KB, two in a transaction.
    pub const WRITE: f64 = 0.625 / 1e6;
    pub const READ: f64 = 0.125 / 1e6;
    /// <https://aws.amazon.com/lambda/pricing/>: arm64.
    pub const GB_SECOND: f64 = 0.000_013_333_4;
    pub const INVOCATION: f64 = 0.20 / 1e6;
}

/// Assumed, not measured: how long one call to AWS takes. 256 MB of memory are the template's.
const SECONDS_PER_CALL: f64 = 0.02;
const MEMORY_GB: f64 = 0.25;
const ALARMS: f64 = 5.0;

/// The month of an idle service, and of one under the load of a day with a burst.
pub fn costs() -> Result<(), String> {
    let day = curves().into_iter().next().ok_or("there is no curve")?;
    #[expect(clippy::cast_precision_loss, reason = "a day has 1,440 minutes")]
    let runs = day.rps.len() as f64;
    let calm = Ours::new(Measure::Requests, 10);
    calm.world
        .sweep(&Scale)
        .ok_or("killed")?
        .map_err(|e| e.to_string())?;
    let of_stack = spent(&calm.world) * runs + runs * price::INVOCATION;
    let mut busy = Ours::new(Measure::Requests, 10);
    let conditions = Conditions {
        measure: Measure::Requests,
        delay: 1,
        start: 1,
    };
    let followed = follow(&day, conditions, &mut busy);
    let world = busy.world;
    let of_load = (spent(&world) + runs * price::INVOCATION - of_stack).max(0.0);
    let alarms = ALARMS * price::ALARM;
    println!(
        "\na month at list prices of 2025 (us-east-1, no free tier, without logs and the tasks themselves)"
    );
    println!(
        "  the sweep every minute, once per stack   {:>6.2} USD",
        of_stack * DAYS
    );
    println!("  an idle service: its {ALARMS} alarms           {alarms:>6.2} USD");
    println!(
        "  a busy one ({:.0} task-hours a day): besides {:>6.2} USD for metrics, ledger and Lambda",
        followed.task_hours,
        of_load * DAYS
    );
    Ok(())
}

/// What the calls of a world cost.
fn spent(world: &World) -> f64 {
    let state = world.state();
    let lambda = SECONDS_PER_CALL * MEMORY_GB * price::GB_SECOND;
    let of = |call: &String| {
        let (name, about) = call.split_once(' ').unwrap_or((call, ""));
        let services = about
            .split(' ')
            .next()
            .and_then(|n| n.parse::<f64>().ok())
            .unwrap_or(1.0);
        let price = match name {
            // Requests, in all and per target, CPU, memory and tasks.
            "GetMetricData" => services * 5.0 * price::METRIC_READ,
            "DescribeAlarms" => price::CLOUDWATCH_CALL,
            "Acquire" => price::WRITE,
            "Intend" | "Conclude" => price::WRITE * 4.0,
            "Watched" => price::READ,
            _ => 0.0,
        };
        price + lambda
    };
    state.calls.iter().map(of).sum()
}

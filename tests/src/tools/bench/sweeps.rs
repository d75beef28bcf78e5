//! What a sweep of every function takes over a hundred services, by which their memory is chosen.

use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{NewService, create_service, image};
use serde_json::{Value, json};

use crate::lambda::Lambda;
use crate::subjects::Subject;
use crate::{counted, environment};

const SERVICES: usize = 100;
/// Lambda gives a whole processor to so many MB, and less of one in proportion.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const MB_OF_A_PROCESSOR: f64 = 1_769.0;

/// Peak memory, processor time, and that time where Lambda gives 128 and 256 MB.
pub fn peaks(subjects: &[&Subject], stack: &Stack) -> Result<(), String> {
    stack.control("settings", json!({"events": false}));
    let tags = [
        ("lamplighter:managed", "true"),
        ("lamplighter:app", "bench"),
        ("lamplighter:deploy", "tag=RC_x.x.x repo=bench/sweeps"),
        ("lamplighter:scale", "min=2 max=8 rps=10"),
        ("lamplighter:heal", "on"),
    ];
    let image = image("bench/sweeps", "RC_1.0.0");
    for n in 0..SERVICES {
        let name = format!("sweep{n:03}");
        create_service(
            stack,
            &NewService {
                cluster: "bench",
                name: &name,
                image: &image,
                architecture: "ARM64",
                tags: &tags,
            },
        );
    }
    println!(
        "\n{:<44} {:>9} {:>9} {:>9} {:>9} {:>9}",
        format!("a first sweep over {SERVICES} services more"),
        "ms",
        "peak MiB",
        "CPU ms",
        "at 128 MB",
        "at 256 MB"
    );
    for subject in subjects {
        let mut lambda = Lambda::start(subject, &environment(stack, "act"));
        let (begun, before) = (lambda.cpu_ms(), stack.function_calls().len());
        let took = lambda.invoke(&sweep())?;
        let cpu = lambda.cpu_ms() - begun;
        let [small, large] = [128.0, 256.0].map(|mb| cpu * MB_OF_A_PROCESSOR / mb);
        println!(
            "{:<44} {took:>9.0} {:>9.1} {cpu:>9.1} {small:>9.0} {large:>9.0}",
            subject.name,
            lambda.peak_mib()
        );
        println!("  {}", counted(stack.function_calls().split_off(before)));
    }
    Ok(())
}

/// The event of a schedule.
pub fn sweep() -> Value {
    json!({
        "version": "0", "id": "bench", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "region": "eu-west-1", "time": jiff::Timestamp::now().to_string(), "detail": {},
    })
}

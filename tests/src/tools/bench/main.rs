//! `cargo numbers`: start-up, latency, memory, size and calls, measured on this machine, beside what else one
//! could write; and what a managed service costs. Prints ratios; nothing is gated on a time.

#![allow(clippy::print_stdout, reason = "a program for a person to watch")]

mod backups;
mod https;
mod lambda;
mod messages;
mod scaling;
mod subjects;
mod sweeps;

use std::collections::BTreeMap;
use std::process::ExitCode;

use e2e::testkit::stack::Stack;
use e2e::testkit::workload::{NewService, create_repository, create_service, image, push_image};
use lamplighter::Function;
use serde_json::{Value, json};

use lambda::Lambda;
use subjects::{Subject, subjects};

/// Starts measured per subject; the median is printed.
const STARTS: usize = 41;
const WARM_EVENTS: usize = 101;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    println!("building what is measured: release profiles, some minutes the first time");
    let subjects = subjects()?;
    let stack = Stack::start(&[])?;
    println!(
        "\n{:<44} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "start and memory", "init ms", "× deploy", "idle MiB", "size MB", "zip MB"
    );
    let mut own = f64::NAN;
    for subject in &subjects {
        let init = starts(subject, &stack);
        if own.is_nan() {
            own = init;
        }
        let idle = Lambda::start(subject, &environment(&stack, "observe")).peak_mib();
        let [size, zip] = subject
            .sizes()?
            .map(|bytes| bytes.map_or("–".to_owned(), |b| format!("{:.2}", b / 1e6)));
        println!(
            "{:<44} {init:>9.2} {:>9.2} {idle:>9.1} {size:>9} {zip:>9}",
            subject.name,
            init / own
        );
    }
    events(&subjects, &stack)?;
    let named = |name: &str| {
        subjects
            .iter()
            .find(|subject| subject.name == name)
            .ok_or(format!("no {name}"))
    };
    scaling::alarms(named("scale")?, &stack)?;
    scaling::costs()?;
    backups::sweeps(named("backup")?, &stack)?;
    messages::told(named("alert")?, &stack)?;
    messages::page(named("digest")?, &stack)?;
    let sweeping = Function::ALL
        .into_iter()
        .filter(|function| function.schedule().is_some())
        .map(|function| named(function.name()))
        .collect::<Result<Vec<_>, _>>()?;
    sweeps::peaks(&sweeping, &stack)?;
    https::first_call(&subjects)
}

/// What any of the functions needs to start.
fn environment(stack: &Stack, mode: &str) -> Vec<(String, String)> {
    let links = (
        "LAMPLIGHTER_LINKS".to_owned(),
        r#"{"key": "links"}"#.to_owned(),
    );
    stack.environment(mode).into_iter().chain([links]).collect()
}

/// Median time from exec to the first GET /next, in milliseconds.
fn starts(subject: &Subject, stack: &Stack) -> f64 {
    let environment = environment(stack, "act");
    median(
        (0..STARTS)
            .map(|_| Lambda::start(subject, &environment).init_ms)
            .collect(),
    )
}

/// A push that is rolled out (the first event of a process), and pushes that need nothing.
fn events(subjects: &[Subject], stack: &Stack) -> Result<(), String> {
    println!(
        "\n{:<44} {:>9} {:>9} {:>9} {:>9}",
        "a push to its answer, local stack", "first ms", "warm ms", "× deploy", "work MiB"
    );
    let mut own = f64::NAN;
    // The first one counts twice and is told once: the stack itself is slower when it is asked for the first time.
    let measured = subjects
        .iter()
        .take(1)
        .chain(subjects.iter().filter(|subject| subject.deploys));
    for (n, subject) in measured.enumerate() {
        let name = format!("web{n}");
        let repository = format!("bench/web{n}");
        create_repository(stack, &repository);
        stack.control("settings", json!({"events": false}));
        let tag = format!("tag=RC_x.x.x repo={repository}");
        let tags = [
            ("lamplighter:managed", "true"),
            ("lamplighter:deploy", tag.as_str()),
        ];
        let image = image(&repository, "RC_1.0.0");
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
        let digest = push_image(stack, &repository, "RC_1.0.1", &["amd64", "arm64"], "a");
        let event = push(&repository, &digest);
        let mut lambda = Lambda::start(subject, &stack.environment("act"));
        let before = stack.function_calls();
        let first = lambda.invoke(&event)?;
        let calls = stack.function_calls().split_off(before.len());
        if n == 0 {
            continue;
        }
        let warm = median(
            (0..WARM_EVENTS)
                .map(|_| lambda.invoke(&event))
                .collect::<Result<_, _>>()?,
        );
        if own.is_nan() {
            own = warm;
        }
        println!(
            "{:<44} {first:>9.2} {warm:>9.2} {:>9.2} {:>9.1}",
            subject.name,
            warm / own,
            lambda.peak_mib()
        );
        if n == 1 {
            println!(
                "  calls of the first, {} in all: {}",
                calls.len(),
                calls.join(", ")
            );
        }
    }
    Ok(())
}

fn push(repository: &str, digest: &str) -> Value {
    json!({
        "version": "0", "id": "bench", "detail-type": "ECR Image Action", "source": "aws.ecr", "account": "123456789012",
        "time": jiff::Timestamp::now().to_string(), "region": "eu-west-1", "resources": [],
        "detail": {
            "action-type": "PUSH", "result": "SUCCESS", "repository-name": repository, "image-tag": "RC_1.0.1",
            "image-digest": digest, "manifest-media-type": "application/vnd.oci.image.index.v1+json"
        }
    })
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// `Publish 1, Query 3`: how often each call was made.
fn counted(calls: Vec<String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls {
        *counts.entry(call).or_default() += 1;
    }
    counts
        .iter()
        .map(|(call, n)| format!("{call} {n}"))
        .collect::<Vec<_>>()
        .join(", ")
}

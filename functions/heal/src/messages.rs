//! The notification messages of `heal`.

use jiff::Timestamp;
use lamplighter::model::TaskSizes;
use lamplighter::model::{Service, pluralize};
use lamplighter::notify::Message;
use lamplighter::state::{HealthIncident, Parked};

use crate::health::{Failing, Symptom};
use crate::observed_service::{ObservedService, OutOfMemory, WayBack};
use crate::stopped_task::{Cause, extract_missing_arn};

/// The maximum number of characters of an ECS reason in a message.
const MAX_REASON_CHARS: usize = 400;
/// Texts in ECS service events that indicate a capacity shortage. A missing secret can also prevent
/// placement, so only these texts count.
const CAPACITY_SIGNS: [&str; 4] = [
    "Capacity is unavailable",
    "no container instance met",
    "No Container Instances",
    "limit",
];

/// Describes the symptom in a clause without the name of the service.
#[must_use]
pub fn describe_symptom(symptom: &Symptom, service: &Service) -> String {
    match symptom {
        Symptom::Failing(failing) => match failing.cause {
            Cause::OutOfMemory => "runs out of memory".to_owned(),
            Cause::Exit if failing.total < 2 => {
                "crashed, and no task has taken its place".to_owned()
            }
            Cause::Exit => "crashes again and again".to_owned(),
            Cause::HealthCheck => "fails its health checks".to_owned(),
            Cause::Image => "can't pull its image".to_owned(),
            Cause::Setup => "misses something that its tasks need to start".to_owned(),
            Cause::Start => "can't start its tasks".to_owned(),
            Cause::Capacity => "finds no room for its tasks".to_owned(),
            Cause::Spot | Cause::Host | Cause::Routine | Cause::Unknown => {
                "loses its tasks".to_owned()
            }
        },
        Symptom::Unhealthy(unhealthy) => format!(
            "has {} of {} unhealthy",
            unhealthy.targets,
            count_tasks(unhealthy.total)
        ),
        Symptom::MissingTasks => format!(
            "runs {} of {}",
            service.running_count,
            service.describe_task_count()
        ),
    }
}

/// Shortens an ECS reason for a message. It contains names of resources, but no output of a task.
fn shorten_reason(says: &str) -> String {
    let words: Vec<&str> = says.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(MAX_REASON_CHARS).collect();
    text.trim_end_matches('.').to_owned()
}

fn count_tasks(n: usize) -> String {
    pluralize(n, "task")
}

/// Explains the symptom in sentences, with numbers and evidence.
fn explain_symptom(symptom: &Symptom, unit: &ObservedService) -> String {
    let service = &unit.service;
    let running = format!(
        "{} of {} run.",
        service.running_count,
        service.describe_task_count()
    );
    match symptom {
        Symptom::Failing(failing) => {
            let memory = unit
                .out_of_memory
                .as_ref()
                .filter(|_| failing.cause == Cause::OutOfMemory);
            let memory = memory
                .map(|memory| format!(" {}", describe_memory_kill(memory)))
                .unwrap_or_default();
            format!(
                "{} {running}{memory}{}",
                describe_failures(failing),
                unit.evidence.render_text()
            )
        }
        Symptom::Unhealthy(unhealthy) => {
            format!(
                "They run, and their load balancer does not get the answer it wants: {}. {running}",
                unhealthy.reason
            )
        }
        Symptom::MissingTasks => describe_service_events(unit)
            .unwrap_or_else(|| "No task has failed, and ECS does not say why.".to_owned()),
    }
}

fn describe_failures(failing: &Failing) -> String {
    let of = if failing.total == failing.count {
        String::new()
    } else {
        format!(" ({} failed in all)", failing.total)
    };
    let container = failing
        .container
        .as_ref()
        .map(|name| format!(" in the container {name}"))
        .unwrap_or_default();
    let says = shorten_reason(&failing.reason);
    let within = if failing.within.as_mins() > 30 {
        "an hour"
    } else {
        "half an hour"
    };
    format!(
        "{} failed within {within}{of}{container}: {says}.",
        count_tasks(failing.count)
    )
}

/// Returns the first service event that explains missing tasks, as a sentence.
fn describe_service_events(unit: &ObservedService) -> Option<String> {
    let telling = |text: &&String| {
        ["unable", "could not", "failed", "throttled"]
            .iter()
            .any(|word| text.contains(word))
    };
    unit.service_events
        .iter()
        .find(telling)
        .map(|text| format!("ECS says: {}.", shorten_reason(text)))
}

/// Returns the sentence that shows a capacity shortage, if there is one.
#[must_use]
pub fn describe_capacity_shortage(symptom: &Symptom, unit: &ObservedService) -> Option<String> {
    match symptom {
        Symptom::Failing(failing) if failing.cause == Cause::Capacity => {
            Some(describe_failures(failing))
        }
        Symptom::MissingTasks => describe_service_events(unit)
            .filter(|text| CAPACITY_SIGNS.iter().any(|sign| text.contains(sign))),
        Symptom::Failing(_) | Symptom::Unhealthy(_) => None,
    }
}

fn describe_memory_kill(memory: &OutOfMemory) -> String {
    let OutOfMemory {
        container,
        limit,
        peak,
        ..
    } = memory;
    let limit = limit.map_or("no limit of its own".to_owned(), |mib| {
        format!("a limit of {mib} MiB")
    });
    let peak = peak.map_or(
        "CloudWatch has no figure of what it used".to_owned(),
        |peak| {
            format!("tasks of the service used up to {peak:.0} % of their memory within the hour")
        },
    );
    format!("The container {container} was killed for its memory; it has {limit}, and {peak}.")
}

fn revision_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

fn format_time(at: Timestamp) -> String {
    at.strftime("%H:%M UTC").to_string()
}

pub fn step_message(
    symptom: &Symptom,
    unit: &ObservedService,
    how: &str,
    (n, of): (u32, u32),
    healing: &HealthIncident,
) -> Message {
    Message::warning(format!(
        "{}: {how}",
        describe_symptom(symptom, &unit.service)
    ))
    .why(explain_symptom(symptom, unit))
    .next(format!(
        "This is step {n} of {of}. If none of them helps, a person is called."
    ))
    .fires_until_resolved(healing.incident_key())
}

pub fn rollback_message(
    symptom: &Symptom,
    unit: &ObservedService,
    way: &WayBack,
    healing: &HealthIncident,
) -> Message {
    let title = format!(
        "{}: going back to {} ({})",
        describe_symptom(symptom, &unit.service),
        way.target.tag,
        revision_name(&way.target.revision)
    );
    Message::warning(title)
        .why(format!(
            "It began with {}, and the one before was well. {}",
            revision_name(&unit.service.task_definition),
            explain_symptom(symptom, unit)
        ))
        .next("This image is not rolled out again: push another one.")
        .fires_until_resolved(healing.incident_key())
}

pub fn memory_increase_message(
    memory: &OutOfMemory,
    sizes: &TaskSizes,
    unit: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    Message::warning(format!("runs out of memory: it gets more ({sizes})"))
        .why(describe_memory_kill(memory))
        .next(format!(
            "A revision after {} is rolled out with it, once. Put the size into your own template as well, or find \
             what holds the memory.",
            revision_name(&unit.service.task_definition)
        ))
        .fires_until_resolved(healing.incident_key())
}

pub fn out_of_memory_message(memory: &OutOfMemory, unit: &ObservedService) -> Message {
    Message::warning(format!("the container {} was killed for its memory", memory.container))
        .why(describe_memory_kill(memory))
        .next("ECS starts another task. Give it more memory; lamplighter:heal = on memory=+25 does it by itself, once.")
        .deduplicated_by(unit.out_of_memory_key().unwrap_or_default())
}

pub fn park_message(
    symptom: &Symptom,
    unit: &ObservedService,
    to: u32,
    healing: &HealthIncident,
) -> Message {
    let running = count_tasks(usize::try_from(to).unwrap_or_default());
    Message::critical(format!("{}: parked at {running}", describe_symptom(symptom, &unit.service)))
        .why(explain_symptom(symptom, unit))
        .next("Its tag says crash=park. It gets its tasks back once it has run well for ten minutes, or another revision of it runs well.")
        .fires_until_resolved(healing.escalation_key())
}

/// Builds the daily reminder that a service is still parked, first sent a day after parking.
pub fn still_parked_message(
    symptom: &Symptom,
    unit: &ObservedService,
    parked: &Parked,
    healing: &HealthIncident,
) -> Message {
    let running = count_tasks(usize::try_from(parked.to).unwrap_or_default());
    Message::critical(format!("{}, parked at {running} since {}", describe_symptom(symptom, &unit.service), format_time(parked.at)))
        .why(explain_symptom(symptom, unit))
        .next("Nothing more is tried. Push a release that works, or put the service on an older revision by hand.")
        .fires_until_resolved(healing.escalation_key())
}

/// Builds the message that closes the incident of a target that is no longer managed.
pub fn no_longer_managed_message(why: &str, key: &str) -> Message {
    Message::info(format!("is not looked after any more: {why}"))
        .why("It was not well when it was last looked at.")
        .next("Nothing to do.")
        .resolves(key)
        .clears(HealthIncident::parse_incident_key(key))
}

pub fn unpark_message(parked: &Parked) -> Message {
    let running = count_tasks(usize::try_from(parked.before).unwrap_or_default());
    Message::info(format!("runs {running} again"))
        .why(format!(
            "It was parked because {} crashed, and is well now.",
            revision_name(&parked.revision)
        ))
        .next("Nothing to do.")
}

pub fn on_demand_message(
    symptom: &Symptom,
    unit: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    Message::warning("finds no Spot capacity: its tasks go on-demand")
        .why(describe_capacity_shortage(symptom, unit).unwrap_or_default())
        .next("Its tag says spot-fallback=yes. Spot is tried again after an hour; after two, four, … where that does not last.")
        .fires_until_resolved(healing.incident_key())
}

pub fn spot_retry_message(hours: u32) -> Message {
    Message::info("goes back to Spot capacity")
        .why(format!(
            "It was on-demand for {}.",
            pluralize(hours as usize, "hour")
        ))
        .next("If there is none still, its tasks go on-demand again.")
}

/// Builds the message about missing tasks. It is critical if no task is running.
pub fn missing_tasks_message(
    symptom: &Symptom,
    unit: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    let service = &unit.service;
    let severity = if service.running_count == 0 {
        Message::critical
    } else {
        Message::warning
    };
    let next = if describe_capacity_shortage(symptom, unit).is_some() {
        let spot = service
            .capacity
            .iter()
            .any(|share| share.provider == "FARGATE_SPOT");
        let fallback = if spot {
            " lamplighter:heal = on spot-fallback=yes moves its tasks on-demand meanwhile."
        } else {
            ""
        };
        format!(
            "A restart does not help. Add capacity, or subnets in other zones; ECS goes on trying.{fallback}"
        )
    } else {
        "A restart does not help. The events of the service, behind the link, say what ECS waits for.".to_owned()
    };
    severity(format!(
        "{} for {} min",
        describe_symptom(symptom, service),
        unit.at.duration_since(healing.since).as_mins()
    ))
    .why(
        describe_capacity_shortage(symptom, unit).unwrap_or_else(|| explain_symptom(symptom, unit)),
    )
    .next(next)
    .fires_until_resolved(if service.running_count == 0 {
        healing.build_subkey("none-runs")
    } else {
        healing.incident_key()
    })
}

pub fn dependency_message(
    symptom: &Symptom,
    unit: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    let down = unit.down.join(", ");
    Message::critical(format!("{} while {down} is down", describe_symptom(symptom, &unit.service)))
        .why(format!("It shares the tag lamplighter:app with it. {}", explain_symptom(symptom, unit)))
        .next("Nothing is restarted or taken back, which would not help. It is looked after again once that is back.")
        .fires_until_resolved(healing.build_subkey("down"))
}

pub fn notify_only_message(
    symptom: &Symptom,
    unit: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    let service = &unit.service;
    let severity = if service.running_count == 0 {
        Message::critical
    } else {
        Message::warning
    };
    severity(describe_symptom(symptom, service))
        .why(format!(
            "{}{}",
            explain_symptom(symptom, unit),
            describe_missing_resource(symptom, unit)
        ))
        .next("Nothing is done: its tag says lamplighter:heal = notify.")
        .fires_until_resolved(if service.running_count == 0 {
            healing.build_subkey("none-runs")
        } else {
            healing.incident_key()
        })
}

/// Names the missing resource and its last CloudTrail change; empty if no operator is needed.
fn describe_missing_resource(symptom: &Symptom, unit: &ObservedService) -> String {
    let Symptom::Failing(failing) = symptom else {
        return String::new();
    };
    if !failing.cause.needs_operator() {
        return String::new();
    }
    let Some(resource) = extract_missing_arn(&failing.reason) else {
        return String::new();
    };
    match &unit.change {
        Some(change) => format!(
            " CloudTrail: {} by {} at {} on {resource}.",
            change.call,
            change.by,
            format_time(change.at)
        ),
        None => format!(" Named as missing or out of reach: {resource}."),
    }
}

/// Builds the escalation for a service that Lamplighter can't heal.
pub fn escalation_message(
    symptom: &Symptom,
    unit: &ObservedService,
    healing: &HealthIncident,
) -> Message {
    let since = match symptom {
        Symptom::Failing(failing) => failing
            .first_failure_at
            .unwrap_or(healing.since)
            .min(healing.since),
        Symptom::Unhealthy(_) | Symptom::MissingTasks => healing.since,
    };
    let what = describe_symptom(symptom, &unit.service);
    let since = format_time(since);
    let why = format!(
        "{}{}",
        explain_symptom(symptom, unit),
        describe_missing_resource(symptom, unit)
    );
    let next = match symptom {
        Symptom::Failing(failing) if failing.cause == Cause::Image => {
            "No restart helps. See that the image is still in its repository, that the execution role may pull it, and \
             that the subnets reach it."
        }
        Symptom::Failing(failing) if failing.cause == Cause::Setup => {
            "No restart helps. Put back what is missing, or let the execution role and the subnets reach it; ECS goes \
             on starting its tasks."
        }
        Symptom::Failing(_) | Symptom::Unhealthy(_) | Symptom::MissingTasks => {
            "Nothing more is tried; ECS goes on starting its tasks. The cause is in the image, its settings, or what it \
             talks to: read the last lines of its log, then push a release that works or put the service on an older \
             revision by hand."
        }
    };
    if healing.steps.is_empty() {
        return Message::critical(format!("{what} since {since}"))
            .why(why)
            .next(next)
            .fires_until_resolved(healing.escalation_key());
    }
    let tried = healing
        .steps
        .iter()
        .map(|step| format!("{} {}", format_time(step.at), step.what))
        .collect::<Vec<_>>();
    Message::critical(format!(
        "{what} since {since}, and nothing that was tried helped"
    ))
    .why(format!("{why}\nTried: {}.", tried.join("; ")))
    .next(next)
    .fires_until_resolved(healing.escalation_key())
}

pub fn recovery_message(service: &Service, healing: &HealthIncident, now: Timestamp) -> Message {
    let since = healing.well_since.unwrap_or(now);
    let minutes = since.duration_since(healing.since).as_mins();
    let tried = healing
        .steps
        .last()
        .map_or("Nothing was done to it from here.".to_owned(), |last| {
            format!("Last step: {} at {}.", last.what, format_time(last.at))
        });
    Message::info(format!(
        "is well again: {} run since {}",
        service.describe_task_count(),
        format_time(since)
    ))
    .why(format!("It was not for {minutes} min. {tried}"))
    .next("Nothing to do.")
}

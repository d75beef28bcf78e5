//! What `heal` tells people.

use jiff::Timestamp;
use lamplighter::model::Sizes;
use lamplighter::model::{Service, counted};
use lamplighter::notify::Message;
use lamplighter::state::{Healing, Parked};

use crate::health::{Failing, Symptom};
use crate::stop::{Cause, missing};
use crate::unit::{OutOfMemory, Unit, WayBack};

/// Of what ECS says no more letters are passed on.
const LETTERS: usize = 400;
/// A secret that is missing can keep a task from being placed as well.
const NO_ROOM: [&str; 4] = [
    "Capacity is unavailable",
    "no container instance met",
    "No Container Instances",
    "limit",
];

/// What is wrong, without the service's name.
#[must_use]
pub fn what(symptom: &Symptom, service: &Service) -> String {
    match symptom {
        Symptom::Failing(failing) => match failing.cause {
            Cause::OutOfMemory => "runs out of memory".to_owned(),
            Cause::Exit if failing.of < 2 => "crashed, and no task has taken its place".to_owned(),
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
            tasks(unhealthy.of)
        ),
        Symptom::Short => format!("runs {} of {}", service.running_count, service.tasks()),
    }
}

/// What ECS says, as far as a message takes it: names of resources, and nothing that a task wrote.
fn short(says: &str) -> String {
    let words: Vec<&str> = says.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(LETTERS).collect();
    text.trim_end_matches('.').to_owned()
}

fn tasks(n: usize) -> String {
    counted(n, "task")
}

/// How that shows, in sentences.
fn why(symptom: &Symptom, unit: &Unit) -> String {
    let service = &unit.service;
    let running = format!("{} of {} run.", service.running_count, service.tasks());
    match symptom {
        Symptom::Failing(failing) => {
            let memory = unit
                .memory
                .as_ref()
                .filter(|_| failing.cause == Cause::OutOfMemory);
            let memory = memory
                .map(|memory| format!(" {}", of_memory(memory)))
                .unwrap_or_default();
            format!(
                "{} {running}{memory}{}",
                failed(failing),
                unit.evidence.text()
            )
        }
        Symptom::Unhealthy(unhealthy) => {
            format!(
                "They run, and their load balancer does not get the answer it wants: {}. {running}",
                unhealthy.says
            )
        }
        Symptom::Short => {
            said(unit).unwrap_or_else(|| "No task has failed, and ECS does not say why.".to_owned())
        }
    }
}

fn failed(failing: &Failing) -> String {
    let of = if failing.of == failing.count {
        String::new()
    } else {
        format!(" ({} failed in all)", failing.of)
    };
    let container = failing
        .container
        .as_ref()
        .map(|name| format!(" in the container {name}"))
        .unwrap_or_default();
    let says = short(&failing.says);
    let within = if failing.within.as_mins() > 30 {
        "an hour"
    } else {
        "half an hour"
    };
    format!(
        "{} failed within {within}{of}{container}: {says}.",
        tasks(failing.count)
    )
}

/// What ECS says about tasks that are missing.
fn said(unit: &Unit) -> Option<String> {
    let telling = |text: &&String| {
        ["unable", "could not", "failed", "throttled"]
            .iter()
            .any(|word| text.contains(word))
    };
    unit.said
        .iter()
        .find(telling)
        .map(|text| format!("ECS says: {}.", short(text)))
}

/// What says that there is no room for tasks.
#[must_use]
pub fn no_room(symptom: &Symptom, unit: &Unit) -> Option<String> {
    match symptom {
        Symptom::Failing(failing) if failing.cause == Cause::Capacity => Some(failed(failing)),
        Symptom::Short => said(unit).filter(|text| NO_ROOM.iter().any(|sign| text.contains(sign))),
        Symptom::Failing(_) | Symptom::Unhealthy(_) => None,
    }
}

fn of_memory(memory: &OutOfMemory) -> String {
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

fn revision(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M UTC").to_string()
}

pub fn step(
    symptom: &Symptom,
    unit: &Unit,
    how: &str,
    (n, of): (u32, u32),
    healing: &Healing,
) -> Message {
    Message::warning(format!("{}: {how}", what(symptom, &unit.service)))
        .why(why(symptom, unit))
        .next(format!(
            "This is step {n} of {of}. If none of them helps, a person is called."
        ))
        .lasts(healing.key())
}

pub fn goes_back(symptom: &Symptom, unit: &Unit, way: &WayBack, healing: &Healing) -> Message {
    let title = format!(
        "{}: going back to {} ({})",
        what(symptom, &unit.service),
        way.to.tag,
        revision(&way.to.revision)
    );
    Message::warning(title)
        .why(format!(
            "It began with {}, and the one before was well. {}",
            revision(&unit.service.task_definition),
            why(symptom, unit)
        ))
        .next("This image is not rolled out again: push another one.")
        .lasts(healing.key())
}

pub fn enlarges(memory: &OutOfMemory, sizes: &Sizes, unit: &Unit, healing: &Healing) -> Message {
    Message::warning(format!("runs out of memory: it gets more ({sizes})"))
        .why(of_memory(memory))
        .next(format!(
            "A revision after {} is rolled out with it, once. Put the size into your own template as well, or find \
             what holds the memory.",
            revision(&unit.service.task_definition)
        ))
        .lasts(healing.key())
}

pub fn out_of_memory(memory: &OutOfMemory, unit: &Unit) -> Message {
    Message::warning(format!("the container {} was killed for its memory", memory.container))
        .why(of_memory(memory))
        .next("ECS starts another task. Give it more memory; lamplighter:heal = on memory=+25 does it by itself, once.")
        .once(unit.out_of_memory_key().unwrap_or_default())
}

pub fn parks(symptom: &Symptom, unit: &Unit, to: u32, healing: &Healing) -> Message {
    let running = tasks(usize::try_from(to).unwrap_or_default());
    Message::critical(format!("{}: parked at {running}", what(symptom, &unit.service)))
        .why(why(symptom, unit))
        .next("Its tag says crash=park. It gets its tasks back once it has run well for ten minutes, or another revision of it runs well.")
        .lasts(healing.called_key())
}

/// Told a day after it was parked, and each day from then on.
pub fn still_parked(symptom: &Symptom, unit: &Unit, parked: &Parked, healing: &Healing) -> Message {
    let running = tasks(usize::try_from(parked.to).unwrap_or_default());
    Message::critical(format!("{}, parked at {running} since {}", what(symptom, &unit.service), clock(parked.at)))
        .why(why(symptom, unit))
        .next("Nothing more is tried. Push a release that works, or put the service on an older revision by hand.")
        .lasts(healing.called_key())
}

/// Nobody looks after it any more.
pub fn left(why: &str, key: &str) -> Message {
    Message::info(format!("is not looked after any more: {why}"))
        .why("It was not well when it was last looked at.")
        .next("Nothing to do.")
        .resolves(key)
        .ends(Healing::key_in(key))
}

pub fn unparked(parked: &Parked) -> Message {
    let running = tasks(usize::try_from(parked.before).unwrap_or_default());
    Message::info(format!("runs {running} again"))
        .why(format!(
            "It was parked because {} crashed, and is well now.",
            revision(&parked.revision)
        ))
        .next("Nothing to do.")
}

pub fn on_demand(symptom: &Symptom, unit: &Unit, healing: &Healing) -> Message {
    Message::warning("finds no Spot capacity: its tasks go on-demand")
        .why(no_room(symptom, unit).unwrap_or_default())
        .next("Its tag says spot-fallback=yes. Spot is tried again after an hour; after two, four, … where that does not last.")
        .lasts(healing.key())
}

pub fn spot_again(hours: u32) -> Message {
    Message::info("goes back to Spot capacity")
        .why(format!(
            "It was on-demand for {}.",
            counted(hours as usize, "hour")
        ))
        .next("If there is none still, its tasks go on-demand again.")
}

/// Tasks are missing.
pub fn missing_tasks(symptom: &Symptom, unit: &Unit, healing: &Healing) -> Message {
    let service = &unit.service;
    let severity = if service.running_count == 0 {
        Message::critical
    } else {
        Message::warning
    };
    let next = if no_room(symptom, unit).is_some() {
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
        what(symptom, service),
        unit.at.duration_since(healing.since).as_mins()
    ))
    .why(no_room(symptom, unit).unwrap_or_else(|| why(symptom, unit)))
    .next(next)
    .lasts(if service.running_count == 0 {
        healing.key_of("none-runs")
    } else {
        healing.key()
    })
}

pub fn dependency(symptom: &Symptom, unit: &Unit, healing: &Healing) -> Message {
    let down = unit.down.join(", ");
    Message::critical(format!("{} while {down} is down", what(symptom, &unit.service)))
        .why(format!("It shares the tag lamplighter:app with it. {}", why(symptom, unit)))
        .next("Nothing is restarted or taken back, which would not help. It is looked after again once that is back.")
        .lasts(healing.key_of("down"))
}

pub fn only_told(symptom: &Symptom, unit: &Unit, healing: &Healing) -> Message {
    let service = &unit.service;
    let severity = if service.running_count == 0 {
        Message::critical
    } else {
        Message::warning
    };
    severity(what(symptom, service))
        .why(format!("{}{}", why(symptom, unit), missed(symptom, unit)))
        .next("Nothing is done: its tag says lamplighter:heal = notify.")
        .lasts(if service.running_count == 0 {
            healing.key_of("none-runs")
        } else {
            healing.key()
        })
}

/// What is missing, and what was last done to it.
fn missed(symptom: &Symptom, unit: &Unit) -> String {
    let Symptom::Failing(failing) = symptom else {
        return String::new();
    };
    if !failing.cause.needs_person() {
        return String::new();
    }
    let Some(resource) = missing(&failing.says) else {
        return String::new();
    };
    match &unit.change {
        Some(change) => format!(
            " CloudTrail: {} by {} at {} on {resource}.",
            change.call,
            change.by,
            clock(change.at)
        ),
        None => format!(" Named as missing or out of reach: {resource}."),
    }
}

/// What a machine can't mend.
pub fn person(symptom: &Symptom, unit: &Unit, healing: &Healing) -> Message {
    let since = match symptom {
        Symptom::Failing(failing) => failing.first.unwrap_or(healing.since).min(healing.since),
        Symptom::Unhealthy(_) | Symptom::Short => healing.since,
    };
    let what = what(symptom, &unit.service);
    let since = clock(since);
    let why = format!("{}{}", why(symptom, unit), missed(symptom, unit));
    let next = match symptom {
        Symptom::Failing(failing) if failing.cause == Cause::Image => {
            "No restart helps. See that the image is still in its repository, that the execution role may pull it, and \
             that the subnets reach it."
        }
        Symptom::Failing(failing) if failing.cause == Cause::Setup => {
            "No restart helps. Put back what is missing, or let the execution role and the subnets reach it; ECS goes \
             on starting its tasks."
        }
        Symptom::Failing(_) | Symptom::Unhealthy(_) | Symptom::Short => {
            "Nothing more is tried; ECS goes on starting its tasks. The cause is in the image, its settings, or what it \
             talks to: read the last lines of its log, then push a release that works or put the service on an older \
             revision by hand."
        }
    };
    if healing.steps.is_empty() {
        return Message::critical(format!("{what} since {since}"))
            .why(why)
            .next(next)
            .lasts(healing.called_key());
    }
    let tried = healing
        .steps
        .iter()
        .map(|step| format!("{} {}", clock(step.at), step.what))
        .collect::<Vec<_>>();
    Message::critical(format!(
        "{what} since {since}, and nothing that was tried helped"
    ))
    .why(format!("{why}\nTried: {}.", tried.join("; ")))
    .next(next)
    .lasts(healing.called_key())
}

pub fn well(service: &Service, healing: &Healing, now: Timestamp) -> Message {
    let since = healing.well_since.unwrap_or(now);
    let minutes = since.duration_since(healing.since).as_mins();
    let tried = healing
        .steps
        .last()
        .map_or("Nothing was done to it from here.".to_owned(), |last| {
            format!("Last step: {} at {}.", last.what, clock(last.at))
        });
    Message::info(format!(
        "is well again: {} run since {}",
        service.tasks(),
        clock(since)
    ))
    .why(format!("It was not for {minutes} min. {tried}"))
    .next("Nothing to do.")
}

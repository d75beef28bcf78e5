//! The scenes about load.

use e2e::testkit::ledger::age_state;
use e2e::testkit::traffic::{Traffic, alarms, behind_balancer, carry, count, set_count};
use e2e::testkit::workload::{NewService, create_service, image, tag_service};
use jiff::Timestamp;
use serde_json::json;

use crate::stage::Stage;

const SCALE: (&str, &str) = ("lamplighter:scale", "min=2 max=8 rps=10 cpu=80");

pub fn climbs(stage: &mut Stage<'_>) -> Result<(), String> {
    set_count(stage.stack, "web", 2);
    behind_balancer(stage.stack, "web");
    tag_service(stage.stack, &stage.web, &[SCALE]);
    stage
        .wait(|stage| alarms_of(stage, "web") == 6)
        .map_err(|()| "there are no six alarms")?;
    stage.wait_until_idle()?;
    stage.story.line("stack", "12 requests a second, then 37.2");
    let rps = [&[12.0; 14][..], &[37.2]].concat();
    carry(
        stage.stack,
        "web",
        &Traffic {
            rps: &rps,
            cpu: &[30.0; 15],
            tasks: 2,
        },
    );
    stage.told("shop/web: scaled out 2 -> 4 tasks - 37.2 req/s at 10 per task (max 8)")?;
    stage.wait_until_idle()?;
    has(stage, "web", 4)
}

pub fn stays_high(stage: &mut Stage<'_>) -> Result<(), String> {
    age_state(stage.stack, &stage.web);
    stage.story.line(
        "stack",
        "a minute later: 58 requests a second, and no alarm changes",
    );
    let rps = [&[12.0; 11][..], &[37.2, 37.2, 58.0, 58.0]].concat();
    carry(
        stage.stack,
        "web",
        &Traffic {
            rps: &rps,
            cpu: &[30.0; 15],
            tasks: 4,
        },
    );
    stage
        .stack
        .control("schedule", json!({"name": "ScaleSweep"}));
    stage
        .wait(|stage| count(stage.stack, "web") == 6)
        .map_err(|()| "the service has no six tasks")?;
    stage.wait_until_idle()
}

pub fn falls(stage: &mut Stage<'_>) -> Result<(), String> {
    let messages = stage.stack.mail().len();
    age_state(stage.stack, &stage.web);
    stage
        .story
        .line("stack", "12 requests a second again, for one minute");
    let rps = [&[58.0; 14][..], &[12.0]].concat();
    carry(
        stage.stack,
        "web",
        &Traffic {
            rps: &rps,
            cpu: &[30.0; 15],
            tasks: 6,
        },
    );
    stage
        .stack
        .control("schedule", json!({"name": "ScaleSweep"}));
    stage.decided("stays at 6 tasks: the last 10 minutes needed up to 6")?;
    stage.wait_until_idle()?;
    has(stage, "web", 6)?;
    stage.story.line("stack", "a quarter of an hour later");
    carry(
        stage.stack,
        "web",
        &Traffic {
            rps: &[12.0; 15],
            cpu: &[20.0; 15],
            tasks: 6,
        },
    );
    for tasks in [3, 2] {
        stage
            .stack
            .control("schedule", json!({"name": "ScaleSweep"}));
        stage
            .wait(|stage| count(stage.stack, "web") == tasks)
            .map_err(|()| format!("it is not at {tasks} tasks"))?;
        stage.wait_until_idle()?;
        age_state(stage.stack, &stage.web);
    }
    stage.told("shop/web: scaled in to 2 tasks")?;
    match stage.stack.mail().len() - messages {
        1 => Ok(()),
        n => Err(format!("{n} messages instead of one")),
    }
}

pub fn peaks(stage: &mut Stage<'_>) -> Result<(), String> {
    let image = image("shop/web", "RC_1.4.0");
    let tags = [("lamplighter:managed", "true")];
    let service = NewService {
        cluster: "shop",
        name: "search",
        image: &image,
        architecture: "ARM64",
        tags: &tags,
    };
    create_service(stage.stack, &service);
    stage
        .wait(|stage| alarms_of(stage, "search") == 2)
        .map_err(|()| "there are no two alarms")?;
    stage.wait_until_idle()?;
    let cpu = [&[41.0; 11][..], &[47.0, 88.0, 91.0, 93.0]].concat();
    carry(
        stage.stack,
        "search",
        &Traffic {
            rps: &[],
            cpu: &cpu,
            tasks: 3,
        },
    );
    stage.told("shop/search: CPU 93 % since ")?;
    stage.wait_until_idle()?;
    has(stage, "search", 3)
}

pub fn window_opens(stage: &mut Stage<'_>) -> Result<(), String> {
    let now = Timestamp::now();
    let (today, tomorrow) = (
        weekday(now),
        weekday(now + jiff::SignedDuration::from_hours(24)),
    );
    // Open now at any time of any day.
    let window = format!("{today}-{tomorrow} 00:00-23:59 UTC min=6");
    stage
        .story
        .line("stack", &format!("lamplighter:schedule = {window}"));
    tag_service(
        stage.stack,
        &stage.web,
        &[("lamplighter:schedule", &window)],
    );
    stage.told("shop/web: scaled out 2 -> 6 tasks")?;
    stage.wait_until_idle()?;
    has(stage, "web", 6)
}

fn weekday(at: Timestamp) -> String {
    at.strftime("%a").to_string().to_lowercase()
}

fn alarms_of(stage: &Stage<'_>, service: &str) -> usize {
    let prefix = format!("lamplighter/shop/{service}/");
    alarms(stage.stack)
        .iter()
        .filter(|(name, _)| name.starts_with(&prefix))
        .count()
}

fn has(stage: &Stage<'_>, service: &str, tasks: u64) -> Result<(), String> {
    match count(stage.stack, service) {
        n if n == tasks => Ok(()),
        n => Err(format!("{service} has {n} tasks instead of {tasks}")),
    }
}

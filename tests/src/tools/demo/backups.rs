//! The scenes about backups.

use e2e::testkit::backups::{backed_up, name, set_state, snapshots, taken_on};
use serde_json::json;

use crate::stage::Stage;

pub fn tenth_day(stage: &mut Stage<'_>) -> Result<(), String> {
    stage.stack.control("settings", json!({"events": false}));
    backed_up(stage.stack, "orders");
    taken_on(stage.stack, "orders", 1..9);
    stage.stack.control(
        "snapshot",
        json!({"name": "by-hand", "database": "orders", "at": "2020-01-01T00:00:00Z"}),
    );
    stage.stack.control("settings", json!({"events": true}));
    stage.story.line(
        "stack",
        "orders has a snapshot of each of eight nights, and one that a person took in 2020",
    );
    stage
        .stack
        .control("schedule", json!({"name": "BackupSweep"}));
    let seven = |stage: &Stage<'_>| snapshots(stage.stack, "orders").len() == 7 + 1;
    stage
        .wait(seven)
        .map_err(|()| "there are not seven and the one by hand")?;
    stage.wait_until_idle()?;
    let there = snapshots(stage.stack, "orders");
    let expected = [name("orders", 0), name("orders", 6), "by-hand".to_owned()];
    match expected.iter().find(|name| !there.contains_key(*name)) {
        None => Ok(()),
        Some(missing) => Err(format!("{missing} is gone")),
    }
}

pub fn stopped(stage: &mut Stage<'_>) -> Result<(), String> {
    stage.stack.control("settings", json!({"events": false}));
    backed_up(stage.stack, "carts");
    taken_on(stage.stack, "carts", 10..20);
    set_state(stage.stack, "carts", "stopped");
    stage.stack.control("settings", json!({"events": true}));
    stage.story.line(
        "stack",
        "carts has ten snapshots, the newest ten days old, and is stopped",
    );
    for _ in 0..2 {
        stage
            .stack
            .control("schedule", json!({"name": "BackupSweep"}));
        stage.told("carts: recovery point 10 days old, RPO 30 h")?;
        stage.wait_until_idle()?;
    }
    match snapshots(stage.stack, "carts").len() {
        10 => Ok(()),
        n => Err(format!("{n} snapshots are left of ten")),
    }
}

pub fn drill(stage: &mut Stage<'_>) -> Result<(), String> {
    stage
        .stack
        .control("schedule", json!({"name": "DrillSweep"}));
    stage.told("orders: drill passed")?;
    stage.wait_until_idle()?;
    let drills = stage.stack.control("drills", json!({}));
    if drills["restored"]["lamplighter-drill-orders"].is_null() {
        return Err("nothing was restored".to_owned());
    }
    let is_left = |name: &str| {
        drills["removed"]
            .as_array()
            .is_none_or(|removed| !removed.contains(&json!(name)))
    };
    if is_left("lamplighter-drill-orders") {
        Err("the throwaway database is still there".to_owned())
    } else {
        Ok(())
    }
}

pub fn goes_on(stage: &mut Stage<'_>) -> Result<(), String> {
    set_state(stage.stack, "carts", "available");
    stage
        .stack
        .control("schedule", json!({"name": "BackupSweep"}));
    let seven = |stage: &Stage<'_>| snapshots(stage.stack, "carts").len() == 7;
    stage.wait(seven).map_err(|()| "there are not seven")?;
    stage.told("carts: recovery point 0 min old again")?;
    stage.wait_until_idle()
}

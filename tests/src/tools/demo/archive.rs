//! The scene about logs.

use e2e::testkit::archive::{exported, last_day, tag_log_group, write_log};
use serde_json::json;

use crate::stage::Stage;

const GROUP: &str = "/ecs/shop/web";

pub fn exports(stage: &mut Stage<'_>) -> Result<(), String> {
    write_log(stage.stack, GROUP, "order 4711 paid");
    stage.story.line(
        "stack",
        &format!(
            "{GROUP} has a line of {} and one of the day after",
            last_day()
        ),
    );
    // The changed tag begins the export; the sweep finds it complete.
    tag_log_group(stage.stack, GROUP, "export keep=7d");
    let begun = |stage: &Stage<'_>| stage.stack.calls_of("CreateExportTask") == 1;
    stage.wait(begun).map_err(|()| "nothing was exported")?;
    stage.wait_until_idle()?;
    stage
        .stack
        .control("schedule", json!({"name": "ArchiveSweep"}));
    let folder = format!("7d/ecs/shop/web/{}/", last_day());
    let manifest = format!("{folder}manifest.json");
    stage
        .wait(|stage| exported(stage.stack).contains_key(&manifest))
        .map_err(|()| format!("there is no {manifest}"))?;
    stage.wait_until_idle()?;
    let there = exported(stage.stack);
    for key in there.keys() {
        stage.story.line("bucket", key);
    }
    let lines = there
        .iter()
        .filter(|(key, _)| key.starts_with(&folder) && key.contains("/000000"));
    match lines.map(|(_, text)| text.as_str()).collect::<Vec<_>>()[..] {
        [line] if line.ends_with("order 4711 paid\n") => Ok(()),
        ref others => Err(format!("the bucket has {others:?}")),
    }
}

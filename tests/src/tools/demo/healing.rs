//! The scenes about unhealthy services.

use e2e::testkit::ledger::age_state;
use e2e::testkit::traffic::create_database;
use e2e::testkit::workload::{
    NewService, create_repository, create_service, deployed_image, image, push_image, secret_arn,
    task_definition,
};
use serde_json::{Value, json};

use crate::stage::Stage;

const EXITED: &str = "Essential container in task exited";

fn service(stage: &mut Stage<'_>, name: &str, tags: &[(&str, &str)]) -> Result<String, String> {
    let image = image(&format!("shop/{name}"), "RC_1.0.0");
    let tags = [&[("lamplighter:managed", "true")], tags].concat();
    let service = NewService {
        cluster: "shop",
        name,
        image: &image,
        architecture: "ARM64",
        tags: &tags,
    };
    let arn = create_service(stage.stack, &service);
    stage.wait_until_idle()?;
    Ok(arn)
}

/// Tasks of a service stop, and so many are left.
fn stops(stage: &mut Stage<'_>, name: &str, more: &Value) -> Result<(), String> {
    let mut request = json!({"cluster": "shop", "service": name, "running": 2});
    for (key, value) in more.as_object().into_iter().flatten() {
        request[key] = value.clone();
    }
    for _ in 0..2 {
        stage.stack.control("stop_task", request.clone());
        stage.wait_until_idle()?;
    }
    Ok(())
}

/// Some minutes pass, and the sweep runs.
fn later(stage: &mut Stage<'_>, arn: &str) -> Result<(), String> {
    age_state(stage.stack, arn);
    stage
        .story
        .line("stack", "some minutes pass; the sweep runs");
    stage
        .stack
        .control("schedule", json!({"name": "HealSweep"}));
    stage.wait_until_idle()
}

fn changed(stage: &Stage<'_>, updates: usize, by: usize) -> Result<(), String> {
    match stage.stack.calls_of("UpdateService") - updates {
        n if n == by => Ok(()),
        n => Err(format!("{n} updates instead of {by}")),
    }
}

pub fn crashes_since_release(stage: &mut Stage<'_>) -> Result<(), String> {
    create_repository(stage.stack, "shop/cart");
    let cart = service(
        stage,
        "cart",
        &[("lamplighter:deploy", "tag=RC_x.x.x repo=shop/cart")],
    )?;
    let mut good = String::new();
    for (tag, content) in [("RC_2.0.0", "cart-one"), ("RC_2.1.0", "cart-two")] {
        good = deployed_image(stage.stack, &cart);
        push_image(stage.stack, "shop/cart", tag, &["arm64"], content);
        stage
            .wait(|stage| stage.mails(&format!("cart: {tag} (")) > 0)
            .map_err(|()| format!("{tag} is not live"))?;
        stage.wait_until_idle()?;
    }
    stage.story.line(
        "stack",
        "minutes after it went live the tasks of RC_2.1.0 begin to crash",
    );
    let lines = ["ERROR column carts.coupon does not exist"];
    stops(
        stage,
        "cart",
        &json!({"reason": EXITED, "exit_code": 1, "lines": lines}),
    )?;
    later(stage, &cart)?;
    stage.told("(exit 1), rolled back")?;
    stage
        .wait(|stage| deployed_image(stage.stack, &cart) == good)
        .map_err(|()| "it did not go back")?;
    stage.wait_until_idle()
}

pub fn crashes_by_itself(stage: &mut Stage<'_>) -> Result<(), String> {
    let mail = service(stage, "mail", &[])?;
    let updates = stage.stack.calls_of("UpdateService");
    for _ in 0..4 {
        stops(stage, "mail", &json!({"reason": EXITED, "exit_code": 1}))?;
        later(stage, &mail)?;
    }
    stage.told_of_steps(", tasks restarted")?;
    stage.told(", 3 steps failed")?;
    changed(stage, updates, 3)
}

pub fn out_of_memory(stage: &mut Stage<'_>) -> Result<(), String> {
    let finder = service(stage, "finder", &[("lamplighter:heal", "on memory=+25")])?;
    let says = "OutOfMemoryError: Container killed due to memory usage";
    stops(
        stage,
        "finder",
        &json!({"reason": EXITED, "exit_code": 137, "says": says}),
    )?;
    later(stage, &finder)?;
    stage.told(", memory increased")?;
    stage.wait_until_idle()?;
    match task_definition(stage.stack, &finder)["memory"].as_str() {
        Some("1024") => Ok(()),
        other => Err(format!("the task has {other:?}")),
    }
}

pub fn secret_missing(stage: &mut Stage<'_>) -> Result<(), String> {
    let ads = service(stage, "ads", &[])?;
    let (secret, updates) = (
        secret_arn("shop-ads"),
        stage.stack.calls_of("UpdateService"),
    );
    stage.stack.control(
        "change",
        json!({"resource": secret, "call": "DeleteSecret", "by": "carol", "ago": 1_200}),
    );
    let reason = format!(
        "ResourceInitializationError: unable to pull secrets or registry auth: failed to fetch secret {secret} from secrets manager"
    );
    stops(stage, "ads", &json!({"reason": reason}))?;
    later(stage, &ads)?;
    stage.told(" - required resource missing")?;
    let mails = stage.stack.mail();
    let names = |mail: &Value| {
        mail["body"]
            .as_str()
            .is_some_and(|body| body.contains("DeleteSecret by carol"))
    };
    if !mails.iter().any(names) {
        return Err("no mail says who deleted it".to_owned());
    }
    changed(stage, updates, 0)
}

pub fn database_down(stage: &mut Stage<'_>) -> Result<(), String> {
    let app = [("lamplighter:app", "till")];
    let till = service(stage, "till", &app)?;
    create_database(stage.stack, "ledger", &app);
    stage.wait_until_idle()?;
    let updates = stage.stack.calls_of("UpdateService");
    stage.stack.control(
        "database",
        json!({"database": "ledger", "status": "storage-full"}),
    );
    stops(stage, "till", &json!({"reason": EXITED, "exit_code": 1}))?;
    later(stage, &till)?;
    stage.told(" tasks running - the database ledger (storage-full) is down")?;
    later(stage, &till)?;
    changed(stage, updates, 0)?;
    stage.story.line(
        "stack",
        "the database is back, and the tasks of shop/till run",
    );
    stage.stack.control(
        "database",
        json!({"database": "ledger", "status": "available"}),
    );
    stage.stack.control(
        "running",
        json!({"cluster": "shop", "service": "till", "running": 3, "quiet": true}),
    );
    later(stage, &till)?;
    later(stage, &till)?;
    stage.told("till: 3/3 tasks running since")?;
    changed(stage, updates, 0)
}

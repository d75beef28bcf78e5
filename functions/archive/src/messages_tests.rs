//! Every message of `archive`, as people read it. A change of a text is a change of its snapshot.

use lamplighter::model::ExportTask;
use lamplighter::notify::Message;

use crate::messages;

fn book(messages: &[Message]) -> String {
    messages
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[test]
fn every_message() {
    let day = "2026-11-20".parse().unwrap();
    let task = ExportTask {
        id: "0f1e".into(),
        status: "FAILED".into(),
        message: "Access denied".into(),
        ..ExportTask::default()
    };
    let messages = [
        messages::retention_changed(None, 7),
        messages::retention_changed(Some(30), 1),
        messages::wrong_class("INFREQUENT_ACCESS"),
        messages::retention_too_short(1),
        messages::export_failed(day, &task),
        messages::export_failed(
            day,
            &ExportTask {
                message: String::new(),
                ..task.clone()
            },
        ),
        messages::export_late(day, "another export of this account runs"),
        messages::export_on_schedule(),
        messages::logs_lost(day, "2026-11-21".parse().unwrap(), 7),
        messages::logs_lost(day, "2026-11-23".parse().unwrap(), 7),
    ];
    insta::assert_snapshot!(book(&messages));
}

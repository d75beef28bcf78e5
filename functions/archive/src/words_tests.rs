//! Every message of `archive`, as people read it. A change of a text is a change of its snapshot.

use lamplighter::model::ExportTask;
use lamplighter::notify::Message;

use crate::words;

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
        words::retained(None, 7),
        words::retained(Some(30), 1),
        words::wrong_class("INFREQUENT_ACCESS"),
        words::deleted_too_early(1),
        words::failed(day, &task),
        words::failed(
            day,
            &ExportTask {
                message: String::new(),
                ..task.clone()
            },
        ),
        words::late(day, "another export of this account runs"),
        words::in_time_again(),
        words::lost(day, "2026-11-21".parse().unwrap(), 7),
        words::lost(day, "2026-11-23".parse().unwrap(), 7),
    ];
    insta::assert_snapshot!(book(&messages));
}

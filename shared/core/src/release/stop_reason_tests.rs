//! Reasons in ECS's own words, and what the table makes of them.

use crate::release::stop_reasons::{REASONS, find_reason};

/// Where ECS reports the text (`task`, `container`, `event`), the text, its cause, whether another attempt can help, and
/// the source.
const EXAMPLES: &str = include_str!("stop_reasons.tsv");

#[test]
fn every_reason_is_recognized_in_the_words_of_ecs() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in EXAMPLES.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [_, text, cause, attempt, _] = fields[..] else {
            panic!("five columns: {line}");
        };
        count += 1;
        let found = find_reason(text).map_or_else(
            || "no row".to_owned(),
            |reason| format!("{:?} {}", reason.cause, reason.is_retriable),
        );
        if found != format!("{cause} {}", attempt == "retriable") {
            wrong.push(format!("{text}\n  is {cause} {attempt}, not {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 200, "{count}");
}

/// People get advice about everything that they must change themselves.
#[test]
fn every_lasting_reason_has_advice() {
    for line in EXAMPLES.lines().skip(1) {
        let text = line.split('\t').nth(1).unwrap_or_default();
        let reason = find_reason(text).unwrap();
        assert!(reason.is_retriable || !reason.advice.is_empty(), "{text}");
    }
}

/// A row whose every text would match an earlier row is never chosen.
#[test]
fn no_row_is_hidden_by_an_earlier_one() {
    let mut hidden = Vec::new();
    for (n, reason) in REASONS.iter().enumerate() {
        let earlier = REASONS.iter().take(n).find(|earlier| {
            earlier
                .signs
                .iter()
                .all(|sign| reason.signs.iter().any(|own| own.contains(sign)))
        });
        hidden.extend(earlier.map(|earlier| format!("{:?} by {:?}", reason.signs, earlier.signs)));
    }
    assert!(hidden.is_empty(), "{}", hidden.join("\n"));
}

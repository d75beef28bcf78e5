//! Says in words what tags do.

use std::collections::BTreeMap;

use lamplighter::model::Arn;
use lamplighter::policy::reference::TagReference;
use lamplighter::policy::{StrayMistake, find_reference};

/// Explains each tag: its summary, and what each part of its value means.
pub fn explain_tags(arn: &Arn, tags: &BTreeMap<String, String>) -> Vec<String> {
    tags.iter()
        .map(|(key, value)| {
            let explanation = match (StrayMistake::find(key, arn), find_reference(key)) {
                (Some(mistake), _) => format!("\n  {}", mistake.describe(key)),
                (None, Some(reference)) => explain_value(reference, value),
                (None, None) => String::new(),
            };
            format!("{key} = {value}{explanation}")
        })
        .collect()
}

fn explain_value(reference: &TagReference, value: &str) -> String {
    let parts = value.split_whitespace().filter_map(|part| {
        let meaning = find_meaning(reference, part)?;
        Some(format!("\n    {part}: {}", meaning.trim()))
    });
    let parts: String = parts.collect();
    format!("\n  {}{parts}", reference.summary)
}

/// Returns the meaning of a part of a value, from the table of tags.
fn find_meaning(reference: &TagReference, part: &str) -> Option<&'static str> {
    let Some((key, _)) = part.split_once('=') else {
        let mut words = reference.words.iter();
        return words
            .find(|(word, _)| word.trim_matches('`') == part)
            .map(|(_, meaning)| *meaning);
    };
    let mut pairs = reference.pairs.iter();
    pairs
        .find(|pair| pair.key == key || (pair.key.ends_with('.') && key.starts_with(pair.key)))
        .map(|pair| pair.meaning)
}

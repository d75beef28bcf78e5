//! Checks tags before they are applied, with the parsers of the functions.

mod check;
mod explain;
mod kinds;
mod resource;
mod sources;
mod template;
mod terraform;

use std::fmt::Write as _;
use std::io::Read as _;

use serde_json::{Value, json};

use crate::arguments::{LintArguments, Output};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::{ignore_closed, print};
use check::find_mistakes;
pub use check::find_tag_mistakes;
pub use explain::explain_tags;
use resource::Resource;
use sources::parse_source;

/// Checks the tags of a file or of standard input. Ends with [`Exit::Rejected`] if there is a mistake.
///
/// # Errors
/// [`CommandError`] if the file can't be read, or is of no known form.
pub fn run(arguments: &LintArguments, output: Output) -> Result<Exit, CommandError> {
    let text = read_source(arguments)?;
    let resources = parse_source(&text, arguments.kind).map_err(CommandError::Arguments)?;
    let checked: Vec<(Resource, Vec<String>)> = resources
        .into_iter()
        .map(|resource| {
            let mistakes = find_mistakes(&resource);
            (resource, mistakes)
        })
        .collect();
    let count: usize = checked.iter().map(|(_, mistakes)| mistakes.len()).sum();
    let listed = checked.iter().map(|(resource, mistakes)| {
        json!({
            "resource": resource.name, "tags": resource.tags, "mistakes": mistakes,
            "unknown": resource.unknown,
        })
    });
    let listed: Vec<Value> = listed.collect();
    ignore_closed(print(output, &listed, || render(&checked, arguments.quiet)))?;
    Ok(if count > 0 {
        Exit::Rejected
    } else {
        Exit::Done
    })
}

fn read_source(arguments: &LintArguments) -> Result<String, CommandError> {
    let Some(file) = arguments
        .file
        .as_ref()
        .filter(|file| file.as_os_str() != "-")
    else {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| CommandError::Arguments(format!("standard input: {error}")))?;
        return Ok(text);
    };
    std::fs::read_to_string(file)
        .map_err(|error| CommandError::Arguments(format!("{}: {error}", file.display())))
}

fn render(checked: &[(Resource, Vec<String>)], quiet: bool) -> String {
    let mut text = String::new();
    for (resource, mistakes) in checked {
        if quiet && mistakes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", resource.name);
        for mistake in mistakes {
            let _ = writeln!(text, "  mistake: {mistake}");
        }
        for key in &resource.unknown {
            let _ = writeln!(
                text,
                "  not checked: the value of {key} is known at deployment"
            );
        }
        if !quiet {
            for line in explain_tags(&resource.arn, &resource.tags) {
                let _ = writeln!(text, "  {}", line.replace('\n', "\n  "));
            }
        }
    }
    let mistakes: usize = checked.iter().map(|(_, mistakes)| mistakes.len()).sum();
    let resources = lamplighter::model::pluralize(checked.len(), "resource");
    let mistakes = lamplighter::model::pluralize(mistakes, "mistake");
    let _ = writeln!(text, "{resources} with tags of Lamplighter, {mistakes}");
    text
}

#[cfg(test)]
mod tests;

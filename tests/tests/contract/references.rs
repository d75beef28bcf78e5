//! docs/tags.md, docs/parameters.md and docs/command.md, generated from the table that the parsers use, from the template and from
//! the definition of the command.
//! `UPDATE_DOCS=1 cargo test --package e2e --test contract` writes them anew.

use std::fmt::Write as _;
use std::{env, fs};

use e2e::testkit::setup::root;
use lamplighter::model::ReleaseEventKind;
use lamplighter::policy::reference::{PairReference, TAGS, TagReference};
use serde_yaml_ng::Value;

/// Compares a page with what is generated, or writes it if `UPDATE_DOCS` is set.
fn assert_page(path: &str, generated: &str) {
    let file = root().join(path);
    if env::var("UPDATE_DOCS").is_ok() {
        fs::write(&file, generated).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == generated,
        "{path} is out of date: run UPDATE_DOCS=1 cargo test --package e2e --test contract"
    );
}

#[test]
fn the_reference_of_tags_is_the_table_of_the_parsers() {
    let mut page = String::from(
        "# Tags\n\nThis page is generated from the table that the parsers use.\n\n\
         A value is a list of `key=value` pairs divided by spaces. A list within a pair is joined by `+`. Durations are \
         `90s`, `15m`, `24h`, `7d`. AWS accepts letters, digits, spaces and `_ . : / = + - @` in a tag value, at most 256 \
         characters.\n\nAn invalid value disables that one operation on that one resource. You get one notification a day \
         with the tag, the value, the error and a valid example.\n\n| tag | on | effect |\n|---|---|---|\n",
    );
    for tag in TAGS {
        let anchor = tag.key.replace(':', "");
        writeln!(
            page,
            "| [`{}`](#{anchor}) | {} | {} |",
            tag.key, tag.on, tag.summary
        )
        .unwrap();
    }
    for tag in TAGS {
        page.push_str(&tag_section(tag));
    }
    assert_page("docs/tags.md", &page);
}

fn tag_section(tag: &TagReference) -> String {
    let mut section = format!(
        "\n## {}\n\n{}\n\nOn: {}. Example: `{}`\n",
        tag.key, tag.summary, tag.on, tag.example
    );
    if !tag.words.is_empty() {
        section.push_str("\n| value | meaning |\n|---|---|\n");
        for (word, meaning) in tag.words {
            writeln!(section, "| `{word}` | {meaning} |").unwrap();
        }
    }
    if !tag.pairs.is_empty() {
        section.push_str("\n| pair | values | default | meaning |\n|---|---|---|---|\n");
        for PairReference {
            key,
            values,
            default,
            meaning,
        } in tag.pairs
        {
            let key = if key.ends_with('.') {
                format!("{key}2")
            } else {
                (*key).to_owned()
            };
            writeln!(section, "| `{key}=` | {values} | {default} | {meaning} |").unwrap();
        }
    }
    section
}

#[test]
fn the_reference_of_the_command_is_its_definition() {
    let mut command = lamplighter_cli::build_definition().term_width(100);
    command.build();
    let mut page = String::from(
        "# The command\n\nThis page is generated from the definition of the command.\n\n\
         `cargo build --release --package lamplighter-cli` builds it as `target/release/lamplighter`. The command finds the stack by its\n\
         outputs, asks its function, and sends [requests](requests.md).\n",
    );
    push_help(&mut page, "lamplighter", &mut command);
    for subcommand in command.get_subcommands_mut() {
        let name = format!("lamplighter {}", subcommand.get_name());
        if subcommand.get_name() != "help" {
            // They are listed once, above.
            let own = subcommand.clone().mut_args(|argument| {
                let is_global = argument.is_global_set();
                argument.hide(is_global)
            });
            push_help(
                &mut page,
                &name,
                &mut own.disable_help_flag(true).disable_version_flag(true),
            );
        }
    }
    assert_page("docs/command.md", &page);
}

fn push_help(page: &mut String, name: &str, command: &mut clap::Command) {
    let help = command.render_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let help = lines.join("\n");
    write!(page, "\n## {name}\n\n```text\n{help}\n```\n").unwrap();
}

#[test]
fn the_reference_of_parameters_is_the_template() {
    let template = fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let template: Value = serde_yaml_ng::from_str(&template).unwrap();
    let parameters = template["Parameters"].as_mapping().unwrap();
    let mut page = String::from(
        "# Stack parameters\n\nThis page is generated from `infra/template.yaml`. An invalid value fails at deployment, not at \
         run time.\n",
    );
    let groups = &template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let mut listed = 0;
    for group in groups.as_sequence().unwrap() {
        let label = group["Label"]["default"].as_str().unwrap();
        write!(
            page,
            "\n## {label}\n\n| parameter | default | values | effect |\n|---|---|---|---|\n"
        )
        .unwrap();
        for name in group["Parameters"].as_sequence().unwrap() {
            page.push_str(&parameter_row(name.as_str().unwrap(), &parameters[name]));
            listed += 1;
        }
    }
    assert_eq!(listed, parameters.len(), "each parameter is in one group");
    assert_page("docs/parameters.md", &page);
}

fn parameter_row(name: &str, parameter: &Value) -> String {
    let default = match text(&parameter["Default"]) {
        empty if empty.is_empty() => "empty".to_owned(),
        default => format!("`{default}`"),
    };
    let description = text(&parameter["Description"]).replace('|', "\\|");
    format!(
        "| `{name}` | {default} | {} | {description} |\n",
        allowed_values(parameter)
    )
}

fn allowed_values(parameter: &Value) -> String {
    if let Some(values) = parameter["AllowedValues"].as_sequence() {
        return values
            .iter()
            .map(|value| format!("`{}`", text(value)))
            .collect::<Vec<_>>()
            .join(", ");
    }
    match (
        &parameter["MinValue"],
        &parameter["MaxValue"],
        text(&parameter["ConstraintDescription"]),
    ) {
        (Value::Number(min), Value::Number(max), _) => format!("{min} to {max}"),
        (_, _, constraint) => constraint.trim_start_matches("must be ").to_owned(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

/// Pipelines are built on these names.
#[test]
fn the_page_for_pipelines_has_every_event() {
    let page = fs::read_to_string(root().join("docs/pipelines.md")).unwrap();
    for kind in ReleaseEventKind::ALL {
        let row = format!("| `{}` |", kind.detail_type());
        assert!(page.contains(&row), "{row}");
    }
}

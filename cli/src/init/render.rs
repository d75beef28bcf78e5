//! Writes proposed tags as commands of the AWS CLI, for Terraform or for CloudFormation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lamplighter::model::pluralize;

use super::propose::Proposal;
use crate::arguments::Format;

/// Renders all proposals. All that is no proposal is a comment.
pub fn render_proposals(proposals: &[Proposal], format: Format) -> String {
    let (tagged, new): (Vec<&Proposal>, Vec<&Proposal>) =
        proposals.iter().partition(|proposal| proposal.is_tagged);
    let mut text = format!(
        "# {} without tags of Lamplighter, {} with some. Lamplighter observes what is tagged like this: it decides and\n\
         # notifies, and changes nothing. Say lamplighter:managed = true once its messages are what you expect.\n",
        pluralize(new.len(), "resource"),
        tagged.len()
    );
    for proposal in new {
        let _ = writeln!(text, "\n# {}", proposal.name);
        for note in &proposal.notes {
            let _ = writeln!(text, "# - {note}");
        }
        let tags = match format {
            Format::Cli => render_command(proposal),
            Format::Terraform => render_terraform(&proposal.tags),
            Format::Cloudformation => render_cloudformation(&proposal.tags),
        };
        text.push_str(&tags);
    }
    text
}

fn render_command(proposal: &Proposal) -> String {
    let arn = proposal.arn.as_str();
    let (call, resource, [key, value]) = match proposal.arn.service() {
        "ecs" => ("ecs tag-resource", "resource-arn", ["key", "value"]),
        "logs" => {
            let tags = serde_json::to_string(&proposal.tags).unwrap_or_default();
            return format!(
                "aws logs tag-resource --resource-arn {} --tags {}\n",
                quote(arn),
                quote(&tags)
            );
        }
        "elasticache" => (
            "elasticache add-tags-to-resource",
            "resource-name",
            ["Key", "Value"],
        ),
        _ => (
            "rds add-tags-to-resource",
            "resource-name",
            ["Key", "Value"],
        ),
    };
    let tags = proposal.tags.iter();
    let tags = tags.map(|(tag, text)| quote(&format!("{key}={tag},{value}={text}")));
    let tags: Vec<String> = tags.collect();
    format!(
        "aws {call} --{resource} {} --tags {}\n",
        quote(arn),
        tags.join(" ")
    )
}

/// Quotes a word for a shell. A NUL, which a shell can't take, is in no name of AWS.
fn quote(word: &str) -> String {
    shlex::try_quote(word).map(String::from).unwrap_or_default()
}

fn render_terraform(tags: &BTreeMap<String, String>) -> String {
    let lines = tags
        .iter()
        .map(|(key, value)| format!("  \"{key}\" = \"{value}\"\n"));
    format!("tags = {{\n{}}}\n", lines.collect::<String>())
}

fn render_cloudformation(tags: &BTreeMap<String, String>) -> String {
    let lines = tags
        .iter()
        .map(|(key, value)| format!("  - {{ Key: {key}, Value: \"{value}\" }}\n"));
    format!("Tags:\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use lamplighter::model::Arn;
    use rstest::rstest;

    use super::*;

    fn proposal(arn: &str, is_tagged: bool) -> Proposal {
        let tags = [
            ("lamplighter:backup", "at=03:00 keep=7d"),
            ("lamplighter:managed", "observe"),
        ];
        Proposal {
            arn: Arn::new(arn),
            name: "orders".to_owned(),
            tags: tags
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            notes: vec!["decide this".to_owned()],
            is_tagged,
        }
    }

    #[rstest]
    #[case::commands(
        Format::Cli,
        "aws rds add-tags-to-resource --resource-name arn:aws:rds:eu-west-1:123456789012:db:orders --tags \
         'Key=lamplighter:backup,Value=at=03:00 keep=7d' 'Key=lamplighter:managed,Value=observe'\n"
    )]
    #[case::terraform(
        Format::Terraform,
        "tags = {\n  \"lamplighter:backup\" = \"at=03:00 keep=7d\"\n  \"lamplighter:managed\" = \"observe\"\n}\n"
    )]
    #[case::cloudformation(
        Format::Cloudformation,
        "Tags:\n  - { Key: lamplighter:backup, Value: \"at=03:00 keep=7d\" }\n  - { Key: lamplighter:managed, Value: \"observe\" }\n"
    )]
    fn proposals_are_written_in_each_format(#[case] format: Format, #[case] expected: &str) {
        let database = "arn:aws:rds:eu-west-1:123456789012:db:orders";
        let text = render_proposals(
            &[proposal(database, false), proposal(database, true)],
            format,
        );
        assert!(
            text.starts_with("# 1 resource without tags of Lamplighter, 1 with some."),
            "{text}"
        );
        let (_, written) = text.split_once("\n# orders\n# - decide this\n").unwrap();
        assert_eq!(written, expected);
    }
}

//! Chooses the services of a preview, and the tags to play them with. Pure.

use std::collections::BTreeMap;

use lamplighter::model::Service;
use lamplighter::policy::{SCALE, ScalePolicy, StackDefaults, suggest_name};

use super::past::{Origin, Skipped};
use super::read::{Subject, act_on};
use crate::arguments::PreviewArguments;
use crate::error::CommandError;
use crate::init::propose_scale;
use crate::lint::find_tag_mistakes;
use crate::values::{find_base, is_played};

/// The services to play, and those that can't be.
#[derive(Debug, Default)]
pub struct Selection {
    pub subjects: Vec<Subject>,
    pub skipped: Vec<Skipped>,
}

/// Chooses the service that the arguments name, or all.
///
/// # Errors
/// [`CommandError`] if there is no such service, or if a tag of the arguments has a mistake.
pub fn select_services(
    services: Vec<Service>,
    arguments: &PreviewArguments,
) -> Result<Selection, CommandError> {
    let mut selection = Selection::default();
    for service in find_wanted(services, arguments.target.as_deref())? {
        let name = service.arn.display_name();
        match select_tags(&service, &arguments.set) {
            Ok((tags, origin)) => selection.subjects.push(Subject {
                service,
                tags,
                origin,
            }),
            Err(reason) if arguments.set.is_empty() => {
                selection.skipped.push(Skipped { name, reason });
            }
            Err(reason) => return Err(CommandError::Arguments(format!("{name}: {reason}"))),
        }
    }
    Ok(selection)
}

fn find_wanted(services: Vec<Service>, wanted: Option<&str>) -> Result<Vec<Service>, CommandError> {
    let Some(wanted) = wanted else {
        return Ok(services);
    };
    let is_wanted =
        |service: &Service| service.arn.as_str() == wanted || service.arn.display_name() == wanted;
    let names: Vec<String> = services
        .iter()
        .map(|service| service.arn.display_name())
        .collect();
    let mut found = services;
    found.retain(is_wanted);
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let hint = suggest_name(wanted, &names);
    Err(CommandError::Arguments(format!(
        "no service {wanted} in this account and region{hint}"
    )))
}

/// Returns the tags to play a service with: its own, those of the arguments, or proposed ones.
///
/// # Errors
/// Why there are none.
fn select_tags(
    service: &Service,
    given: &[(String, String)],
) -> Result<(BTreeMap<String, String>, Origin), String> {
    if service.scheduling_strategy == "DAEMON" {
        return Err("a daemon service runs a task on each instance".to_owned());
    }
    let is_replaced = |key: &str| {
        let mut bases = given.iter().map(|(given, _)| find_base(given));
        bases.any(|base| base == find_base(key))
    };
    let mut tags: BTreeMap<String, String> = service
        .tags
        .iter()
        .filter(|(key, _)| is_played(key) && !is_replaced(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut origin = if given.is_empty() {
        Origin::Tagged
    } else {
        Origin::Given
    };
    tags.extend(given.iter().cloned());
    if !tags.contains_key(SCALE) {
        let proposed = propose_scale(service.desired_count).ok_or_else(|| {
            format!("it runs no task now, so that there is nothing to propose: pass --set '{SCALE}=min=… max=…'")
        })?;
        tags.insert(SCALE.to_owned(), proposed);
        origin = Origin::Proposed;
    }
    let tags = act_on(tags);
    let mistakes = find_tag_mistakes(&service.arn, &tags);
    if !mistakes.is_empty() {
        return Err(mistakes.join("; "));
    }
    let has_queue = ScalePolicy::from_tags(&tags, &StackDefaults::default())
        .is_ok_and(|policy| policy.is_some_and(|policy| policy.queue.is_some()));
    if has_queue {
        return Err("it works through a queue, and a preview plays no messages".to_owned());
    }
    Ok((tags, origin))
}

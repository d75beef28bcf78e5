//! Dashboards.

use aws_sdk_cloudwatch::Client;

use crate::error::aws_error;
use lamplighter::AwsError;
use lamplighter::plan::ApplyDashboard;

/// Returns the body of a dashboard, or `None` if it does not exist. Source: GetDashboard.
pub async fn get_dashboard(client: &Client, name: &str) -> Result<Option<String>, AwsError> {
    match client
        .get_dashboard()
        .dashboard_name(name)
        .send()
        .await
        .map_err(|e| aws_error("GetDashboard", name, &e))
    {
        Ok(answer) => Ok(answer.dashboard_body),
        Err(error) if is_dashboard_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lists the names of all dashboards with a name prefix. Source: ListDashboards.
pub async fn list_dashboards(client: &Client, prefix: &str) -> Result<Vec<String>, AwsError> {
    let mut pages = client
        .list_dashboards()
        .dashboard_name_prefix(prefix)
        .into_paginator()
        .send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| aws_error("ListDashboards", prefix, &e))?;
        names.extend(
            page.dashboard_entries
                .unwrap_or_default()
                .into_iter()
                .filter_map(|entry| entry.dashboard_name),
        );
    }
    Ok(names)
}

/// Creates, updates or deletes a dashboard. Sources: PutDashboard, DeleteDashboards.
pub async fn apply_dashboard(
    client: &Client,
    dashboard: &ApplyDashboard,
) -> Result<String, AwsError> {
    match &dashboard.body {
        Some(body) => put_dashboard(client, &dashboard.name, body).await,
        None => delete_dashboard(client, &dashboard.name).await,
    }
}

async fn delete_dashboard(client: &Client, name: &str) -> Result<String, AwsError> {
    let request = client.delete_dashboards().dashboard_names(name);
    let answer = request.send().await;
    match answer.map_err(|e| aws_error("DeleteDashboards", name, &e)) {
        Err(error) if !is_dashboard_missing(&error) => Err(error),
        Ok(_) | Err(_) => Ok("deleted".to_owned()),
    }
}

async fn put_dashboard(client: &Client, name: &str, body: &str) -> Result<String, AwsError> {
    let request = client
        .put_dashboard()
        .dashboard_name(name)
        .dashboard_body(body);
    let answer = request
        .send()
        .await
        .map_err(|e| aws_error("PutDashboard", name, &e))?;
    let warnings: Vec<&str> = answer
        .dashboard_validation_messages()
        .iter()
        .filter_map(|warning| warning.message())
        .collect();
    if warnings.is_empty() {
        return Ok("set".to_owned());
    }
    Ok(format!("set; CloudWatch warns: {}", warnings.join("; ")))
}

fn is_dashboard_missing(error: &AwsError) -> bool {
    ["DashboardNotFoundError", "ResourceNotFound"].contains(&error.code.as_str())
}

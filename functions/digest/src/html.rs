//! Builds the HTML of the widget: colours, badges, rows and buttons.
//!
//! Styles are inline, so that the console's own are not affected. Rows wrap instead of scrolling on narrow screens.

use lamplighter::notify::html::escape_html;
use lamplighter::status::Condition;

/// Colours that are legible on the console's backgrounds: a contrast of at least 4.5 (WCAG 2.2, level AA).
pub struct Theme {
    pub text: &'static str,
    pub quiet: &'static str,
    pub line: &'static str,
    pub link: &'static str,
    /// The colours of conditions: critical, warning, configuration, held, in progress and good.
    pub bad: &'static str,
    pub warning: &'static str,
    pub mistake: &'static str,
    pub held: &'static str,
    pub active: &'static str,
    pub good: &'static str,
    /// The text on a badge that is filled.
    pub on_fill: &'static str,
}

pub const LIGHT: Theme = Theme {
    text: "#16191f",
    quiet: "#5f6b7a",
    line: "#d5dbdb",
    link: "#0b5cad",
    bad: "#b3261e",
    warning: "#8a5300",
    mistake: "#7d2a8f",
    held: "#0b5cad",
    active: "#0b6a6a",
    good: "#1d7a02",
    on_fill: "#ffffff",
};
pub const DARK: Theme = Theme {
    text: "#e9ebed",
    quiet: "#95a5b3",
    line: "#414d5c",
    link: "#7ab8ff",
    bad: "#ff8278",
    warning: "#f5b547",
    mistake: "#dba9f2",
    held: "#7ab8ff",
    active: "#6fd3d3",
    good: "#6ed08a",
    on_fill: "#161d26",
};

/// Returns the colour of a condition.
fn color_of(condition: Condition, theme: &Theme) -> &'static str {
    match condition {
        Condition::Critical => theme.bad,
        Condition::Warning | Condition::Unprotected => theme.warning,
        Condition::Misconfigured | Condition::NotManaged => theme.mistake,
        Condition::Held | Condition::Paused => theme.held,
        Condition::Recovering | Condition::Changing => theme.active,
        Condition::Observed
        | Condition::Silenced
        | Condition::Stopped
        | Condition::Absent
        | Condition::AtRisk => theme.quiet,
        Condition::Healthy => theme.good,
    }
}

/// Returns the symbol that tells a condition apart without colours: a path in a square of 12 pixels.
fn symbol_of(condition: Condition) -> &'static str {
    match condition {
        // A cross.
        Condition::Critical => "M2 2L10 10M10 2L2 10",
        // A triangle.
        Condition::Warning | Condition::AtRisk => "M6 1.5L11 10.5H1Z",
        // A rhombus.
        Condition::Misconfigured | Condition::NotManaged => "M6 1L11 6L6 11L1 6Z",
        // An exclamation mark.
        Condition::Unprotected => "M6 1V7.5M6 9.5V11",
        // Two bars.
        Condition::Held | Condition::Paused => "M4 1.5V10.5M8 1.5V10.5",
        // An arrow.
        Condition::Recovering | Condition::Changing => "M1 6H10.5M7 2.5L10.5 6L7 9.5",
        // A dash.
        Condition::Silenced | Condition::Absent => "M2 6H10",
        // A square.
        Condition::Observed | Condition::Stopped => "M2 2H10V10H2Z",
        // A tick.
        Condition::Healthy => "M1.5 6.5L4.5 9.5L10.5 2.5",
    }
}

/// Returns the condition as a badge. The one of a critical condition is filled.
pub fn render_badge(condition: Condition, theme: &Theme) -> String {
    let color = color_of(condition, theme);
    let (background, text) = if condition == Condition::Critical {
        (color, theme.on_fill)
    } else {
        ("transparent", color)
    };
    format!(
        "<span style=\"display:inline-block;padding:0 8px;border:1px solid {color};border-radius:10px;background:{background};\
         color:{text};font-weight:600;white-space:nowrap\"><svg width=\"10\" height=\"10\" viewBox=\"0 0 12 12\" aria-hidden=\"true\" \
         fill=\"none\" stroke=\"{text}\" stroke-width=\"2\"><path d=\"{}\"/></svg> {}</span>",
        symbol_of(condition),
        condition.label()
    )
}

/// The widths of a badge or time and of the name of a target, in pixels.
pub const LABEL_WIDTH: u32 = 120;
pub const NAME_WIDTH: u32 = 190;

/// A cell of a row.
pub struct Cell {
    /// The width that it takes if there is room, in pixels.
    pub width: u32,
    /// Its share of the remaining width; 0 keeps the width.
    pub grows: u32,
    pub html: String,
}

impl Cell {
    /// Returns a cell of names or times.
    pub fn narrow(width: u32, html: String) -> Self {
        Self {
            width,
            grows: 0,
            html,
        }
    }

    /// Returns a cell of long texts, which wrap.
    pub fn wide(html: String) -> Self {
        Self {
            width: 260,
            grows: 1,
            html,
        }
    }
}

/// Returns a row of cells. Cells that have no room go below.
pub fn render_row(theme: &Theme, cells: &[Cell]) -> String {
    let cells: String = cells.iter().map(render_cell).collect();
    format!(
        "<div role=\"listitem\" style=\"display:flex;flex-wrap:wrap;gap:2px 12px;padding:5px 0;border-bottom:1px solid {}\">{cells}</div>",
        theme.line
    )
}

fn render_cell(cell: &Cell) -> String {
    format!(
        "<div style=\"flex:{} 1 {}px;min-width:0;overflow-wrap:anywhere\">{}</div>",
        cell.grows, cell.width, cell.html
    )
}

/// Returns a section with a heading; empty without rows.
pub fn render_section(theme: &Theme, heading: &str, rows: &[String]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<h3 style=\"color:{};font-size:14px;margin:14px 0 2px\">{heading}</h3><div role=\"list\">{}</div>",
        theme.text,
        rows.join("")
    )
}

pub fn color_span(color: &str, text: &str) -> String {
    format!("<span style=\"color:{color}\">{text}</span>")
}

/// Returns a link that opens beside the dashboard. `text` is HTML.
pub fn render_link(theme: &Theme, address: &str, text: &str) -> String {
    format!(
        "<a href=\"{}\" target=\"_blank\" rel=\"noopener\" style=\"color:{}\">{text}</a>",
        escape_html(address),
        theme.link
    )
}

/// Returns a button that calls the function `endpoint` with parameters, and replaces the widget by the answer.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_interactivity.html>
pub fn render_button(endpoint: &str, label: &str, parameters: &serde_json::Value) -> String {
    format!(
        "<a class=\"btn\" style=\"margin:0 4px 4px 0\">{label}</a>\
         <cwdb-action action=\"call\" display=\"widget\" endpoint=\"{}\">{}</cwdb-action>",
        escape_html(endpoint),
        escape_html(&parameters.to_string())
    )
}

//! Builds the HTML of the widget: tables and colours.

/// Colours that are legible on the console's backgrounds.
pub struct Theme {
    pub text: &'static str,
    pub quiet: &'static str,
    pub line: &'static str,
    pub bad: &'static str,
    pub good: &'static str,
}

pub const LIGHT: Theme = Theme {
    text: "#16191f",
    quiet: "#5f6b7a",
    line: "#d5dbdb",
    bad: "#d13212",
    good: "#1d8102",
};
pub const DARK: Theme = Theme {
    text: "#e9ebed",
    quiet: "#95a5b3",
    line: "#414d5c",
    bad: "#ff6b6b",
    good: "#6ed08a",
};

/// A column of a table.
pub struct Column {
    pub title: &'static str,
    /// Long texts wrap and get the remaining width. Names and times stay on one line.
    pub wraps: bool,
}

impl Column {
    /// Returns a column of names or times.
    pub const fn narrow(title: &'static str) -> Self {
        Self {
            title,
            wraps: false,
        }
    }

    /// Returns a column of long texts.
    pub const fn wide(title: &'static str) -> Self {
        Self { title, wraps: true }
    }
}

/// Returns a table of cells that are HTML already.
pub fn render_table(theme: &Theme, columns: &[Column], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return format!(
            "<p>{}</p>",
            color_span(theme.quiet, "No actions in this period.")
        );
    }
    let head: String = columns
        .iter()
        .map(|column| render_cell(theme, "th", column, column.title, theme.quiet))
        .collect();
    let rows: Vec<String> = rows
        .iter()
        .map(|row| render_row(theme, columns, row))
        .collect();
    let rows = rows.join("</tr><tr>");
    let style = "border-collapse:collapse;width:100%;margin-bottom:14px";
    format!("<table style=\"{style}\"><tr>{head}</tr><tr>{rows}</tr></table>")
}

fn render_row(theme: &Theme, columns: &[Column], row: &[String]) -> String {
    columns
        .iter()
        .zip(row)
        .map(|(column, text)| render_cell(theme, "td", column, text, theme.text))
        .collect()
}

fn render_cell(theme: &Theme, tag: &str, column: &Column, text: &str, color: &str) -> String {
    let wrap = if column.wraps { "normal" } else { "nowrap" };
    let style = format!(
        "text-align:left;vertical-align:top;padding:3px 10px 3px 0;border-bottom:1px solid {};color:{color};white-space:{wrap}",
        theme.line
    );
    format!("<{tag} style=\"{style}\">{text}</{tag}>")
}

pub fn color_span(color: &str, text: &str) -> String {
    format!("<span style=\"color:{color}\">{text}</span>")
}

//! Logging as JSON lines on standard output, which Lambda hands to CloudWatch with its own time stamp.
//!
//! The most verbose level that is compiled in is `info`, so that no setting can log secrets: from
//! `debug` on, the SDK logs request and response bodies, which contain environment values.

use std::io::Write;

/// Initializes logging as JSON lines.
pub fn start_logging() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_max_level(tracing::Level::INFO)
        .init();
}

/// Writes one whole line to standard output.
pub fn print_line(line: &str) {
    // If the line can't be written, there is nowhere else to report it, and the work it counts is
    // done.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_level_at_which_the_sdk_logs_bodies_is_not_compiled_in() {
        assert_eq!(
            tracing::level_filters::STATIC_MAX_LEVEL,
            tracing::level_filters::LevelFilter::INFO
        );
    }
}

//! A series of values as one line of text.

/// The heights of a column, lowest first.
const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const TOP: f64 = 7.0;

/// Draws values as columns between the least and the greatest of them: `▁▂▅█`.
#[must_use]
pub fn draw_sparkline(values: &[f64]) -> String {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let least = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let range = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least;
    finite
        .iter()
        .map(|value| {
            let height = if range > 0.0 {
                (value - least) / range * TOP
            } else {
                0.0
            };
            column(height)
        })
        .collect()
}

/// Returns the column of a height from 0 to 7.
fn column(height: f64) -> char {
    let rounded = height.round();
    COLUMNS
        .into_iter()
        .zip(0_u8..)
        .find(|(_, index)| f64::from(*index) >= rounded)
        .map_or('█', |(column, _)| column)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::rising(&[10.0, 20.0, 45.0, 80.0], "▁▂▅█")]
    #[case::constant(&[5.0, 5.0], "▁▁")]
    #[case::falling_below_zero(&[1.0, -1.0], "█▁")]
    #[case::nothing(&[], "")]
    #[case::not_a_number(&[f64::NAN, 1.0], "▁")]
    fn columns_follow_the_values(#[case] values: &[f64], #[case] drawn: &str) {
        assert_eq!(draw_sparkline(values), drawn);
    }
}

//! Tables in Markdown, aligned so that they also read well on a terminal.

/// A table whose first column names the rows.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heading: Vec<String>) -> Self {
        Table { rows: vec![heading] }
    }

    pub(super) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Returns the lines of the table.
    pub(super) fn to_markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column: usize| {
            let lengths = self.rows.iter().map(|row| cell(row, column).chars().count());
            lengths.max().unwrap_or_default().max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut lines = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let cells =
                widths.iter().enumerate().map(|(column, width)| format!(" {:<width$} |", cell(row, column)));
            lines.push_str(&format!("|{}\n", cells.collect::<String>()));
            if number == 0 {
                let dashes = widths.iter().map(|width| format!(" {} |", "-".repeat(*width)));
                lines.push_str(&format!("|{}\n", dashes.collect::<String>()));
            }
        }
        lines
    }
}

/// Returns a number with about three digits.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        small if small < 10.0 => format!("{value:.2}"),
        medium if medium < 100.0 => format!("{value:.1}"),
        _ => with_thousands(&format!("{value:.0}")),
    }
}

fn with_thousands(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let following = digits.len() - place;
        if place > 0 && following.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned() {
        let mut table = Table::new(vec!["server".into(), "turns/s".into()]);
        table.push(vec!["H".into(), "2,379".into()]);
        assert_eq!(table.to_markdown(), "| server | turns/s |\n| ------ | ------- |\n| H      | 2,379   |\n");
    }

    #[test]
    fn numbers_have_about_three_digits() {
        for (value, expected) in [
            (0.0, "0"),
            (0.344, "0.34"),
            (47.66, "47.7"),
            (153.2, "153"),
            (2379.4, "2,379"),
            (1_234_567.0, "1,234,567"),
            (-153.0, "-153"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}

//! Aligned tables without borders, coloured where the paper takes it.

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, CellAlignment, Table, presets};

use super::out::Paper;

/// What a text means, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// As it should be.
    Good,
    /// To be watched.
    Warning,
    /// Wrong.
    Bad,
    /// Of little interest.
    Faint,
    /// A heading.
    Strong,
}

impl Paint {
    const ALL: [Self; 5] = [Self::Good, Self::Warning, Self::Bad, Self::Faint, Self::Strong];

    /// Invisible characters without width stand for colours until the table is laid out, as a layout would count the
    /// letters of an escape sequence. [`clean`] keeps them out of everybody else's texts.
    const fn mark(self) -> char {
        match self {
            Self::Good => '\u{2061}',
            Self::Warning => '\u{2062}',
            Self::Bad => '\u{2063}',
            Self::Faint => '\u{2064}',
            Self::Strong => '\u{206a}',
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Faint => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
        }
    }
}

/// Ends what a [`Paint::mark`] began.
const END: char = '\u{2060}';

/// The text, to be painted by [`finish`].
pub(super) fn painted(text: &str, paint: Paint) -> String {
    if text.is_empty() { String::new() } else { format!("{}{text}{END}", paint.mark()) }
}

/// Turns the marks of [`painted`] into colours, or takes them out.
pub(super) fn finish(text: &str, paper: Paper) -> String {
    let mut finished = String::with_capacity(text.len());
    for character in text.chars() {
        match Paint::ALL.into_iter().find(|paint| paint.mark() == character) {
            Some(paint) if paper.color => finished.push_str(&paint.style().render().to_string()),
            None if character == END && paper.color => finished.push_str(&anstyle::Reset.render().to_string()),
            None if character != END => finished.push(character),
            _ => {}
        }
    }
    finished
}

/// A text from outside, fit to be shown: one line, nothing that moves the cursor or turns the direction of writing,
/// at most `longest` characters.
pub(super) fn clean(text: &str, longest: usize) -> String {
    let shown = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let mut characters = text.chars().filter(shown).map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = characters.by_ref().take(longest).collect();
    if characters.next().is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// A table under construction.
#[derive(Debug)]
pub(super) struct Grid {
    columns: Vec<(&'static str, CellAlignment)>,
    rows: Vec<Vec<String>>,
    /// Lines across all columns, each below so many rows.
    notes: Vec<(usize, String)>,
}

/// A column of texts.
pub(super) const fn text(title: &'static str) -> (&'static str, CellAlignment) {
    (title, CellAlignment::Left)
}

/// A column of numbers.
pub(super) const fn number(title: &'static str) -> (&'static str, CellAlignment) {
    (title, CellAlignment::Right)
}

impl Grid {
    pub(super) const fn new(columns: Vec<(&'static str, CellAlignment)>) -> Self {
        Self { columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Adds a line across all columns, below the last row.
    pub(super) fn note(&mut self, line: String) {
        self.notes.push((self.rows.len(), line));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes out columns that are empty in every row, but for those of these titles.
    pub(super) fn without_empty_columns(mut self, keep: &[&str]) -> Self {
        let kept: Vec<bool> = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, (title, _))| {
                keep.contains(title) || self.rows.iter().any(|row| row.get(place).is_some_and(|cell| !cell.is_empty()))
            })
            .collect();
        let mut wanted = kept.iter();
        self.columns.retain(|_| wanted.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut wanted = kept.iter();
            row.retain(|_| wanted.next().copied().unwrap_or(true));
        }
        self
    }

    /// The lines, each indented and ended by a newline, still with the marks of [`painted`].
    pub(super) fn lines(&self, indent: usize) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(self.columns.iter().map(|(title, _)| painted(title, Paint::Faint)).collect::<Vec<_>>());
        for row in &self.rows {
            table.add_row(row.iter().map(Cell::new).collect::<Vec<Cell>>());
        }
        for (place, (_, alignment)) in self.columns.iter().enumerate() {
            if let Some(column) = table.column_mut(place) {
                column.set_padding((0, 2));
                column.set_cell_alignment(*alignment);
            }
        }
        let indent = " ".repeat(indent);
        let mut lines = String::new();
        // The first line is the header's, which no row is above.
        for (place, line) in table.lines().enumerate() {
            lines.push_str(&format!("{indent}{}\n", line.trim_end()));
            for (_, note) in self.notes.iter().filter(|(rows, _)| *rows == place) {
                lines.push_str(&format!("{indent}{note}\n"));
            }
        }
        lines
    }

    /// The finished table.
    pub(super) fn render(&self, paper: Paper) -> String {
        finish(&self.lines(0), paper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new(vec![text("NAME"), number("RX"), text("MAC"), text("LEVEL")]);
        grid.row(vec!["Lúcia 東".to_owned(), "-9.5".to_owned(), String::new(), painted("good", Paint::Good)]);
        grid.row(vec!["x".to_owned(), "-21.37".to_owned(), String::new(), painted("critical", Paint::Bad)]);
        grid
    }

    #[test]
    fn columns_stay_aligned_under_colours_and_wide_characters() {
        let plain = grid().without_empty_columns(&[]).render(Paper { color: false });
        assert_eq!(plain, "NAME          RX  LEVEL\nLúcia 東    -9.5  good\nx         -21.37  critical\n");
        let coloured = grid().without_empty_columns(&["MAC"]).render(Paper { color: true });
        assert!(coloured.contains("\u{1b}[32mgood\u{1b}[0m\n"), "{coloured:?}");
        assert!(coloured.contains("MAC"), "{coloured:?}");
    }

    #[test]
    fn a_hostile_name_moves_no_cursor() {
        let name = clean("a\u{1b}[2Jb\u{202e}c\n\u{2061}d", 20);
        assert_eq!(name, "a [2Jbc d");
        assert_eq!(clean("abcdef", 4), "abc…");
        assert_eq!(clean("abcd", 4), "abcd");
    }
}

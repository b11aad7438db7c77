//! One statement for several rows: what a statement costs is then little beside its rows.

use std::fmt::Write as _;

use sqlx::any::AnyArguments;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use crate::DatabaseError;

/// The most rows of one statement.
const ROWS: usize = 64;

/// A statement with some of its parameters.
pub(crate) type Query = sqlx::query::Query<'static, Any, AnyArguments>;

/// How a statement names its parameters.
#[derive(Clone, Copy, Debug)]
enum Places {
    /// `$1`, `$2`, …: what PostgreSQL understands.
    Numbered,
    /// `?`: SQLite would look each numbered one up among all the others.
    InOrder,
}

impl Places {
    fn of(connection: &AnyConnection) -> Self {
        if connection.backend_name() == "SQLite" { Self::InOrder } else { Self::Numbered }
    }
}

/// Puts rows into a table, new or not.
#[derive(Debug)]
pub(crate) struct Upsert {
    /// The table.
    pub(crate) table: &'static str,
    /// Its columns, parted by commas.
    pub(crate) columns: &'static str,
    /// What is done about a row that is there already.
    pub(crate) conflict: &'static str,
}

impl Upsert {
    /// Puts these rows, no two of them with the same key; `bind` adds one's values in the order of
    /// the columns.
    ///
    /// # Errors
    /// When the database refuses, or a row cannot be written.
    pub(crate) async fn put<T>(
        &self,
        connection: &mut AnyConnection,
        rows: &[T],
        bind: impl Fn(Query, &T) -> Result<Query, DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let places = Places::of(connection);
        for piece in pieces(rows) {
            let statement = self.statement(piece.len(), places);
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for row in piece {
                query = bind(query, row)?;
            }
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// The statement for so many rows.
    fn statement(&self, rows: usize, places: Places) -> String {
        let Self { table, columns, conflict } = self;
        let count = columns.split(',').count();
        // Room for the longest name of a parameter, so that the text is made in one piece.
        let mut text = String::with_capacity(256 + columns.len() + rows * count * "$9999, ".len());
        let _ = write!(text, "INSERT INTO {table} ({columns}) VALUES ");
        for row in 0..rows {
            text.push_str(if row == 0 { "(" } else { ", (" });
            for column in 1..=count {
                if column > 1 {
                    text.push_str(", ");
                }
                let _ = match places {
                    Places::Numbered => write!(text, "${}", row * count + column),
                    Places::InOrder => text.write_char('?'),
                };
            }
            text.push(')');
        }
        let _ = write!(text, " ON CONFLICT {conflict}");
        text
    }
}

/// The rows in pieces of 64, 32, … 1: a connection keeps few statements prepared.
fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1 << rows.len().checked_ilog2()?;
        let (piece, rest) = rows.split_at_checked(size.min(ROWS))?;
        rows = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_put_in_pieces_of_few_sizes_and_none_is_left() {
        let rows: Vec<usize> = (0..203).collect();
        let sizes: Vec<_> = pieces(&rows).map(<[usize]>::len).collect();
        assert_eq!(sizes, [64, 64, 64, 8, 2, 1]);
        assert_eq!(pieces(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(pieces::<u8>(&[]).count(), 0);
    }

    #[test]
    fn parameters_are_numbered_through_all_rows_where_they_are_numbered() {
        let upsert = Upsert { table: "t", columns: "a, b", conflict: "(a) DO NOTHING" };
        assert_eq!(
            upsert.statement(2, Places::Numbered),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT (a) DO NOTHING"
        );
        let plain = upsert.statement(1, Places::InOrder);
        assert_eq!(plain, "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO NOTHING");
    }
}

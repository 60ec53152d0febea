//! Conversions in Rust: read a range, convert, write by compare-and-swap.

use std::error::Error as StdError;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::deserialize::{FromSql, QueryableByName};
use diesel::row::NamedRow;
use diesel::serialize::ToSql;
use diesel::sql_types::{is_nullable, HasSqlType, Nullable, SingleValue, SqlType, Text};

use super::session::{RawQuery, BIND};
use super::{RunnerBackend, RunnerConnection};
use crate::error::{Error, PoisonRow, While};

/// A pair of Rust functions between the types of the old and the new column.
///
/// The functions see values only: SQL `NULL` is `NULL` on both sides. The SQL types are those of the values, without
/// `Nullable`.
pub trait RustConversion: 'static {
    /// The old column's SQL type.
    type OldSqlType;
    /// The new column's SQL type.
    type NewSqlType;
    /// The old column's Rust type.
    type Old;
    /// The new column's Rust type.
    type New;
    /// New from old.
    fn up(old: Self::Old) -> Result<Self::New, Box<dyn StdError + Send + Sync>>;
    /// Old from new.
    fn down(new: Self::New) -> Result<Self::Old, Box<dyn StdError + Send + Sync>>;
}

/// What to do with the rows of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// Write new from old.
    Forward,
    /// Write old from new.
    Reverse,
    /// Only compare.
    Verify,
}

/// A range of rows for a [`Converter`], as SQL.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// What to do.
    pub direction: Direction,
    /// The quoted table.
    pub table: String,
    /// The quoted old column.
    pub old: String,
    /// The quoted new column.
    pub new: String,
    /// The condition of the range.
    pub range: String,
    /// The values in it.
    pub range_binds: Vec<Option<String>>,
    /// Text expressions whose values find a row again.
    pub locator: Vec<String>,
    /// The condition on those values.
    pub row: String,
    /// A text expression that shows the primary key.
    pub key: String,
    /// Null-safe equality of `old` and a value: the SQL around the value.
    pub same_old: (String, String),
    /// Null-safe equality of `new` and a value: the SQL around the value.
    pub same_new: (String, String),
    /// `down(up(o)) = o` is promised.
    pub lossless: bool,
    /// The new column must have a value.
    pub not_null: bool,
    /// The key of a row in the queue, as SQL: to be reported for every row.
    pub queue_key: Option<String>,
    /// The condition that the row is for this direction: no trigger has left word of a later write of the other side.
    pub free: String,
    /// How many keys to report.
    pub samples: usize,
}

/// What a [`Converter`] did.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// Rows written (or, when comparing, rows that differ).
    pub changed: u64,
    /// Keys of rows that differ.
    pub samples: Vec<String>,
    /// Rows whose value does not convert.
    pub poison: Vec<PoisonRow>,
    /// The queue's keys of the rows that are consistent now.
    pub settled: Vec<String>,
}

/// A Rust conversion bound to a connection type.
pub trait Converter<C> {
    /// The index of the change in its migration.
    fn change(&self) -> usize;
    /// Works through a range. Called inside a transaction.
    fn run(&self, conn: &mut C, request: &Request) -> Result<Outcome, Error>;
}

/// A [`Converter`] from a [`RustConversion`].
pub struct RustConverter<Ch> {
    change: usize,
    conversion: PhantomData<fn() -> Ch>,
}

impl<Ch> RustConverter<Ch> {
    /// The conversion of the change with the index.
    pub fn new(change: usize) -> Self {
        RustConverter {
            change,
            conversion: PhantomData,
        }
    }
}

struct Read<Ch: RustConversion> {
    key: String,
    queue_key: Option<String>,
    free: bool,
    locator: Vec<Option<String>>,
    old: Option<Ch::Old>,
    new: Option<Ch::New>,
}

impl<DB, Ch> QueryableByName<DB> for Read<Ch>
where
    DB: Backend,
    Ch: RustConversion,
    Ch::OldSqlType: SqlType<IsNull = is_nullable::NotNull> + SingleValue,
    Ch::NewSqlType: SqlType<IsNull = is_nullable::NotNull> + SingleValue,
    Ch::Old: FromSql<Ch::OldSqlType, DB>,
    Ch::New: FromSql<Ch::NewSqlType, DB>,
    String: FromSql<Text, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> diesel::deserialize::Result<Self> {
        // key, key in the queue, whether it is free, old, new, then the locator
        let locator = (0..row.field_count().saturating_sub(5))
            .map(|i| NamedRow::get::<Nullable<Text>, _>(row, &format!("l{i}")))
            .collect::<Result<_, _>>()?;
        Ok(Read {
            key: NamedRow::get::<Text, _>(row, "k")?,
            queue_key: NamedRow::get::<Nullable<Text>, _>(row, "q")?,
            free: NamedRow::get::<Nullable<Text>, Option<String>>(row, "f")?.is_some(),
            locator,
            old: NamedRow::get::<Nullable<Ch::OldSqlType>, _>(row, "o")?,
            new: NamedRow::get::<Nullable<Ch::NewSqlType>, _>(row, "n")?,
        })
    }
}

// What the two values of a row ask for.
enum Verdict<Old, New> {
    Same,
    Differs,
    SetNew(Option<New>),
    SetOld(Option<Old>),
    Poison(String),
}

// `n ≡ up(o) OR o ≡ down(n)`, by the Rust functions.
fn judge<Ch>(row: &Read<Ch>, request: &Request) -> Verdict<Ch::Old, Ch::New>
where
    Ch: RustConversion,
    Ch::Old: Clone + PartialEq,
    Ch::New: Clone + PartialEq,
{
    let up = row.old.clone().map(Ch::up).transpose();
    let down = row.new.clone().map(Ch::down).transpose();
    let forward = matches!(&up, Ok(up) if *up == row.new);
    let backward = matches!(&down, Ok(down) if *down == row.old);
    let missing = request.not_null && row.new.is_none();
    match request.direction {
        Direction::Verify => match (forward || backward, missing) {
            (true, false) if !request.lossless || backward => Verdict::Same,
            _ => Verdict::Differs,
        },
        _ if forward || backward => Verdict::Same,
        Direction::Forward => match up {
            Ok(new) => Verdict::SetNew(new),
            Err(error) => Verdict::Poison(error.to_string()),
        },
        Direction::Reverse => match down {
            Ok(old) => Verdict::SetOld(old),
            Err(error) => Verdict::Poison(error.to_string()),
        },
    }
}

impl<C, Ch> Converter<C> for RustConverter<Ch>
where
    C: RunnerConnection,
    C::Backend: HasSqlType<Text> + HasSqlType<Ch::OldSqlType> + HasSqlType<Ch::NewSqlType>,
    Ch: RustConversion,
    Ch::OldSqlType: SqlType<IsNull = is_nullable::NotNull> + SingleValue + 'static,
    Ch::NewSqlType: SqlType<IsNull = is_nullable::NotNull> + SingleValue + 'static,
    Ch::Old: FromSql<Ch::OldSqlType, C::Backend>
        + ToSql<Ch::OldSqlType, C::Backend>
        + Clone
        + PartialEq
        + 'static,
    Ch::New: FromSql<Ch::NewSqlType, C::Backend>
        + ToSql<Ch::NewSqlType, C::Backend>
        + Clone
        + PartialEq
        + 'static,
    String: FromSql<Text, C::Backend> + ToSql<Text, C::Backend>,
{
    fn change(&self) -> usize {
        self.change
    }

    fn run(&self, conn: &mut C, request: &Request) -> Result<Outcome, Error> {
        let mut outcome = Outcome::default();
        for row in read::<C, Ch>(conn, request, &request.range, &request.range_binds)? {
            let mut row = row;
            // a row that a writer changed in between is read again; a value that moves this often is a busy row that
            // the next sweep finds
            for _ in 0..5 {
                if !row.free {
                    break;
                }
                let (set, value) = match judge(&row, request) {
                    Verdict::Same => {
                        outcome.settled.extend(row.queue_key.clone());
                        break;
                    }
                    Verdict::Differs => {
                        outcome.changed += 1;
                        if outcome.samples.len() < request.samples {
                            outcome.samples.push(row.key.clone());
                        }
                        break;
                    }
                    Verdict::Poison(reason) => {
                        outcome.poison.push(PoisonRow::new(&row.key, reason));
                        break;
                    }
                    Verdict::SetNew(new) => (&request.new, Ok(new)),
                    Verdict::SetOld(old) => (&request.old, Err(old)),
                };
                if swap::<C, Ch>(conn, request, &row, set, value)? > 0 {
                    outcome.changed += 1;
                    outcome.settled.extend(row.queue_key.clone());
                    break;
                }
                let again = read::<C, Ch>(conn, request, &request.row, &row.locator)?;
                match again.into_iter().next() {
                    Some(found) => row = found,
                    None => break,
                }
            }
        }
        Ok(outcome)
    }
}

fn read<C, Ch>(
    conn: &mut C,
    request: &Request,
    condition: &str,
    binds: &[Option<String>],
) -> Result<Vec<Read<Ch>>, Error>
where
    C: RunnerConnection,
    Ch: RustConversion,
    Read<Ch>: QueryableByName<C::Backend>,
{
    let mut sql = format!(
        "SELECT {} AS k, {} AS q, CASE WHEN {} THEN 'x' END AS f, {} AS o, {} AS n",
        request.key,
        request.queue_key.as_deref().unwrap_or("CAST(NULL AS text)"),
        request.free,
        request.old,
        request.new
    );
    for (i, locator) in request.locator.iter().enumerate() {
        sql.push_str(&format!(", {locator} AS l{i}"));
    }
    sql.push_str(&format!(" FROM {} WHERE {condition}", request.table));
    let query = <C::Backend as RunnerBackend>::text_query(&sql, binds);
    <C::Backend as RunnerBackend>::load(conn, query).during("reading rows for a Rust conversion")
}

fn swap<C, Ch>(
    conn: &mut C,
    request: &Request,
    row: &Read<Ch>,
    set: &str,
    value: Result<Option<Ch::New>, Option<Ch::Old>>,
) -> Result<usize, Error>
where
    C: RunnerConnection,
    C::Backend: HasSqlType<Text> + HasSqlType<Ch::OldSqlType> + HasSqlType<Ch::NewSqlType>,
    Ch: RustConversion,
    Ch::OldSqlType: SqlType<IsNull = is_nullable::NotNull> + SingleValue + 'static,
    Ch::NewSqlType: SqlType<IsNull = is_nullable::NotNull> + SingleValue + 'static,
    Ch::Old: ToSql<Ch::OldSqlType, C::Backend> + Clone + 'static,
    Ch::New: ToSql<Ch::NewSqlType, C::Backend> + Clone + 'static,
    String: ToSql<Text, C::Backend>,
{
    let ((old_a, old_b), (new_a, new_b)) = (&request.same_old, &request.same_new);
    let sql = format!(
        "UPDATE {} SET {set} = {BIND} WHERE {} AND {old_a}{BIND}{old_b} AND {new_a}{BIND}{new_b}",
        request.table, request.row
    );
    let mut query = RawQuery::<C::Backend>::new(&sql);
    // on SQLite, to prepare an update is to compile the table's triggers
    if !request.row.contains(&request.range) {
        query = query.cached();
    }
    let query = match value {
        Ok(new) => query.bind::<Nullable<Ch::NewSqlType>, _>(new),
        Err(old) => query.bind::<Nullable<Ch::OldSqlType>, _>(old),
    };
    let query = query
        .texts(&row.locator)
        .bind::<Nullable<Ch::OldSqlType>, _>(row.old.clone())
        .bind::<Nullable<Ch::NewSqlType>, _>(row.new.clone());
    <C::Backend as RunnerBackend>::execute(conn, query)
        .during(format!("writing the converted value of row {}", row.key))
}

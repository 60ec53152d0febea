//! Conversions in Rust: read a range, convert, write by compare-and-swap.

use std::error::Error as StdError;
use std::marker::PhantomData;
use std::time::Instant;

use diesel::backend::Backend;
use diesel::connection::TransactionManager;
use diesel::deserialize::{FromSql, QueryableByName};
use diesel::result::QueryResult;
use diesel::row::{Field, NamedRow};
use diesel::serialize::ToSql;
use diesel::sql_types::{is_nullable, HasSqlType, Nullable, SingleValue, SqlType, Text};

use super::connection::RawQuery;
use super::conversion::{Direction, Outcome, Request};
use super::session::BIND;
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

fn field<'a, DB, ST, T>(
    row: &impl NamedRow<'a, DB>,
    i: usize,
) -> diesel::deserialize::Result<Option<T>>
where
    DB: Backend,
    T: FromSql<ST, DB>,
{
    let field = diesel::row::Row::get(row, i).ok_or("a row ended before its last column")?;
    field.value().map(T::from_sql).transpose()
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
        // by position: a name would be looked for in every row
        let text = |i| field::<DB, Text, String>(row, i);
        Ok(Read {
            key: text(0)?.unwrap_or_default(),
            queue_key: text(1)?,
            free: text(2)?.is_some(),
            old: field::<DB, Ch::OldSqlType, _>(row, 3)?,
            new: field::<DB, Ch::NewSqlType, _>(row, 4)?,
            locator: (5..row.field_count()).map(text).collect::<Result<_, _>>()?,
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

// `n ≡ up(o) OR o ≡ down(n)`, by the Rust functions; a function that cannot change the verdict is not called.
fn judge<Ch>(row: &Read<Ch>, request: &Request) -> Verdict<Ch::Old, Ch::New>
where
    Ch: RustConversion,
    Ch::Old: Clone + PartialEq,
    Ch::New: Clone + PartialEq,
{
    let up = || row.old.clone().map(Ch::up).transpose();
    let down = || row.new.clone().map(Ch::down).transpose();
    let forward = |up: &Result<Option<Ch::New>, _>| matches!(up, Ok(up) if *up == row.new);
    let backward = |down: &Result<Option<Ch::Old>, _>| matches!(down, Ok(down) if *down == row.old);
    match request.direction {
        Direction::Verify => {
            let missing = request.not_null && row.new.is_none();
            let same = match request.lossless {
                true => backward(&down()),
                false => forward(&up()) || backward(&down()),
            };
            match same && !missing {
                true => Verdict::Same,
                false => Verdict::Differs,
            }
        }
        Direction::Forward => match up() {
            up if forward(&up) || backward(&down()) => Verdict::Same,
            Ok(new) => Verdict::SetNew(new),
            Err(error) => Verdict::Poison(error.to_string()),
        },
        Direction::Reverse => match down() {
            down if backward(&down) || forward(&up()) => Verdict::Same,
            Ok(old) => Verdict::SetOld(old),
            Err(error) => Verdict::Poison(error.to_string()),
        },
    }
}

/// How often a range is looked at again because writers have changed its rows in between. A value that moves this often is
/// a busy row that the next sweep finds.
const LOOKS: usize = 5;

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
        let start = Instant::now();
        let mut changed = 0;
        for look in 1.. {
            let mut outcome = Outcome::default();
            let mut swaps = Vec::new();
            for row in read::<C, Ch>(conn, request)? {
                if !row.free {
                    continue;
                }
                let to = match judge(&row, request) {
                    Verdict::Same => {
                        outcome.settled.extend(row.queue_key);
                        continue;
                    }
                    Verdict::Differs => {
                        outcome.changed += 1;
                        if outcome.samples.len() < request.samples {
                            outcome.samples.push(row.key);
                        }
                        continue;
                    }
                    Verdict::Poison(reason) => {
                        outcome.poison.push(PoisonRow::new(row.key, reason));
                        continue;
                    }
                    Verdict::SetNew(new) => Ok(new),
                    Verdict::SetOld(old) => Err(old),
                };
                swaps.push(Swap { row, to });
            }
            let wanted = swaps.len() as u64;
            let written = match request.arrays && !request.apart && wanted > 1 {
                true => write_all::<C, Ch>(conn, request, swaps, &mut outcome)?,
                false => write_each::<C, Ch>(conn, request, swaps, &mut outcome)?,
            };
            changed += written;
            // what was locked is held no longer than for one more statement
            let time = request
                .limit
                .is_none_or(|limit| start.elapsed() < limit / 3);
            if written == wanted || look == LOOKS || !time {
                outcome.changed += changed;
                return Ok(outcome);
            }
        }
        Ok(Outcome::default())
    }
}

// A row whose one column is to follow the other: new from old, or old from new.
struct Swap<Ch: RustConversion> {
    row: Read<Ch>,
    to: Result<Option<Ch::New>, Option<Ch::Old>>,
}

fn read<C, Ch>(conn: &mut C, request: &Request) -> Result<Vec<Read<Ch>>, Error>
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
    sql.push_str(&format!(" FROM {} WHERE {}", request.table, request.range));
    let query = <C::Backend as RunnerBackend>::text_query(&sql, &request.range_binds);
    <C::Backend as RunnerBackend>::load(conn, query).during("reading rows for a Rust conversion")
}

macro_rules! converts {
    (fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty $body:block) => {
        fn $name<C, Ch>($($arg: $type),*) -> $result
        where
            C: RunnerConnection,
            C::Backend: HasSqlType<Text> + HasSqlType<Ch::OldSqlType> + HasSqlType<Ch::NewSqlType>,
            Ch: RustConversion,
            Ch::OldSqlType: SqlType<IsNull = is_nullable::NotNull> + SingleValue + 'static,
            Ch::NewSqlType: SqlType<IsNull = is_nullable::NotNull> + SingleValue + 'static,
            Ch::Old: ToSql<Ch::OldSqlType, C::Backend> + Clone + 'static,
            Ch::New: ToSql<Ch::NewSqlType, C::Backend> + Clone + 'static,
            String: ToSql<Text, C::Backend>,
        $body
    };
}

converts! {
    fn write_each(
        conn: &mut C,
        request: &Request,
        swaps: Vec<Swap<Ch>>,
        outcome: &mut Outcome
    ) -> Result<u64, Error> {
        let mut written = 0;
        for Swap { row, to } in swaps {
            let (key, queue_key) = (row.key.clone(), row.queue_key.clone());
            if request.apart {
                C::TransactionManager::begin_transaction(conn)?;
            }
            let swapped = swap::<C, Ch>(conn, request, row, to);
            if request.apart {
                match &swapped {
                    Ok(_) => C::TransactionManager::commit_transaction(conn)?,
                    Err(_) => C::TransactionManager::rollback_transaction(conn)?,
                }
            }
            match swapped {
                Ok(0) => {}
                Ok(_) => {
                    written += 1;
                    outcome.settled.extend(queue_key);
                }
                Err(error) if request.apart => {
                    // as good as written: it is not for another look
                    written += 1;
                    outcome.poison.push(PoisonRow::new(key, error.to_string()));
                }
                Err(error) => {
                    return Err(error)
                        .during(format!("writing the converted value of row {key}"));
                }
            }
        }
        Ok(written)
    }
}

converts! {
    fn swap(
        conn: &mut C,
        request: &Request,
        row: Read<Ch>,
        to: Result<Option<Ch::New>, Option<Ch::Old>>
    ) -> QueryResult<usize> {
        let ((old_a, old_b), (new_a, new_b)) = (&request.same_old, &request.same_new);
        let set = if to.is_ok() { &request.new } else { &request.old };
        let sql = format!(
            "UPDATE {} SET {set} = {BIND} WHERE {} AND {old_a}{BIND}{old_b} AND {new_a}{BIND}{new_b}",
            request.table, request.row
        );
        let mut query = RawQuery::<C::Backend>::new(&sql);
        // on SQLite, to prepare an update is to compile the table's triggers
        if !request.row.contains(&request.range) {
            query = query.cached();
        }
        let query = match to {
            Ok(new) => query.bind::<Nullable<Ch::NewSqlType>, _>(new),
            Err(old) => query.bind::<Nullable<Ch::OldSqlType>, _>(old),
        };
        let query = query
            .texts(&row.locator)
            .bind::<Nullable<Ch::OldSqlType>, _>(row.old)
            .bind::<Nullable<Ch::NewSqlType>, _>(row.new);
        <C::Backend as RunnerBackend>::execute(conn, query)
    }
}

converts! {
    // all rows in one statement, where arrays can be bound
    fn write_all(
        conn: &mut C,
        request: &Request,
        swaps: Vec<Swap<Ch>>,
        outcome: &mut Outcome
    ) -> Result<u64, Error> {
        let wanted = swaps.len();
        let settled: Vec<String> = swaps.iter().filter_map(|swap| swap.row.queue_key.clone()).collect();
        let forward = swaps.iter().all(|swap| swap.to.is_ok());
        if <C::Backend as RunnerBackend>::array::<Text, String>(Vec::new()).is_none() {
            return write_each::<C, Ch>(conn, request, swaps, outcome);
        }
        let width = request.locator.len();
        let mut locators: Vec<Vec<Option<String>>> = vec![Vec::with_capacity(wanted); width];
        let (mut new_values, mut old_values) = (Vec::new(), Vec::new());
        let (mut olds, mut news) = (Vec::with_capacity(wanted), Vec::with_capacity(wanted));
        for Swap { row, to } in swaps {
            match to {
                Ok(new) => new_values.push(new),
                Err(old) => old_values.push(old),
            }
            olds.push(row.old);
            news.push(row.new);
            for (column, value) in locators.iter_mut().zip(row.locator) {
                column.push(value);
            }
        }
        let values = match forward {
            true => <C::Backend as RunnerBackend>::array::<Ch::NewSqlType, _>(new_values),
            false => <C::Backend as RunnerBackend>::array::<Ch::OldSqlType, _>(old_values),
        };
        let mut arrays = vec![
            values,
            <C::Backend as RunnerBackend>::array::<Ch::OldSqlType, _>(olds),
            <C::Backend as RunnerBackend>::array::<Ch::NewSqlType, _>(news),
        ];
        arrays.extend(
            locators
                .into_iter()
                .map(<C::Backend as RunnerBackend>::array::<Text, String>),
        );
        let arrays: Vec<_> = arrays.into_iter().flatten().collect();
        let ((old_a, old_b), (new_a, new_b)) = (&request.same_old, &request.same_new);
        let set = if forward { &request.new } else { &request.old };
        let places = vec![BIND.to_string(); arrays.len()].join(", ");
        let names: Vec<String> = (0..width).map(|i| format!("ec_l{i}")).collect();
        let names = names.join(", ");
        // the row's condition with the array's columns in the places of the values
        let mut row = String::new();
        for (i, piece) in request.row.split(BIND).enumerate() {
            if i > 0 {
                row.push_str(&format!("ec_swaps.ec_l{}", i - 1));
            }
            row.push_str(piece);
        }
        let sql = format!(
            "UPDATE {} SET {set} = ec_swaps.ec_value FROM unnest({places}) AS ec_swaps (ec_value, ec_old, ec_new, {names}) \
             WHERE {row} AND {old_a}ec_swaps.ec_old{old_b} AND {new_a}ec_swaps.ec_new{new_b}",
            request.table
        );
        let query = RawQuery::<C::Backend>::new(&sql).fragments(arrays);
        let written = <C::Backend as RunnerBackend>::execute(conn, query)
            .during("writing converted values")?;
        if written == wanted {
            outcome.settled.extend(settled);
        }
        Ok(written as u64)
    }
}

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::methods::LimitDsl;
use diesel::result::QueryResult;
use diesel::RunQueryDsl;

use crate::state::Snapshot;

/// A statement with a phase of its own; see [`AtPhase::at`].
#[derive(Debug, Clone)]
#[must_use = "Queries are only executed when calling `load`, `get_result` or similar."]
pub struct At<Q> {
    query: Q,
    snapshot: Snapshot,
}

/// Gives a statement a phase other than the process-wide one.
pub trait AtPhase: Sized {
    /// The statement for the database that `snapshot` was read from. Whatever the process-wide phase is or becomes, every
    /// part of the statement uses this one.
    ///
    /// Chain it for several migrations. It suits asynchronous code, where [`Snapshot::scope`] cannot be used. Batches on
    /// SQLite, which Diesel executes by an implementation of its own, need [`Snapshot::scope`].
    fn at(self, snapshot: &Snapshot) -> At<Self> {
        At {
            query: self,
            snapshot: snapshot.clone(),
        }
    }
}

impl<Q> AtPhase for Q {}

impl<Q: Query> Query for At<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, Conn> RunQueryDsl<Conn> for At<Q> {}

// for `.first(…)`
impl<Q: LimitDsl> LimitDsl for At<Q> {
    type Output = At<Q::Output>;

    fn limit(self, limit: i64) -> Self::Output {
        At {
            query: self.query.limit(limit),
            snapshot: self.snapshot,
        }
    }
}

impl<Q> QueryId for At<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, DB> QueryFragment<DB> for At<Q>
where
    Q: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.snapshot.scope(|| self.query.walk_ast(out))
    }
}

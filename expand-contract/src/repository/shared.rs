use std::rc::Rc;

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::RunQueryDsl;

/// A statement, or a part of one, that can be sent again: its values are walked anew each time.
#[derive(Debug)]
pub struct Shared<Q>(Rc<Q>);

impl<Q> Shared<Q> {
    pub(super) fn new(query: Q) -> Self {
        Shared(Rc::new(query))
    }
}

impl<Q> Clone for Shared<Q> {
    fn clone(&self) -> Self {
        Shared(Rc::clone(&self.0))
    }
}

impl<Q: Query> Query for Shared<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, Conn> RunQueryDsl<Conn> for Shared<Q> {}

impl<Q: Expression> Expression for Shared<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, QS> AppearsOnTable<QS> for Shared<Q>
where
    Q: AppearsOnTable<QS>,
    Self: Expression,
{
}

impl<Q, QS> SelectableExpression<QS> for Shared<Q>
where
    Q: SelectableExpression<QS>,
    Self: AppearsOnTable<QS>,
{
}

impl<Q, GB> ValidGrouping<GB> for Shared<Q>
where
    Q: ValidGrouping<GB>,
{
    type IsAggregate = Q::IsAggregate;
}

impl<Q: QueryId> QueryId for Shared<Q> {
    type QueryId = Q::QueryId;

    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q, DB> QueryFragment<DB> for Shared<Q>
where
    Q: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

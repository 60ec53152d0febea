use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::expression::Expression;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_source::Column;
use diesel::result::QueryResult;

use super::change::Change;

macro_rules! hidden_column {
    ($(#[$doc:meta])* $name:ident, $sql_type:ident, $const:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name<Ch>(PhantomData<Ch>);

        impl<Ch> $name<Ch> {
            /// The column.
            pub const fn new() -> Self {
                $name(PhantomData)
            }
        }

        impl<Ch> Default for $name<Ch> {
            fn default() -> Self {
                $name::new()
            }
        }

        impl<Ch: Change> Expression for $name<Ch> {
            type SqlType = Ch::$sql_type;
        }

        impl<Ch: Change> Column for $name<Ch> {
            type Table = Ch::Table;

            const NAME: &'static str = Ch::$const;
        }

        // An insert statement names it through `Column::NAME`; nothing else does.
        impl<Ch: Change, DB: Backend> QueryFragment<DB> for $name<Ch> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                out.push_identifier(Ch::$const)
            }
        }

        impl<Ch: 'static> QueryId for $name<Ch> {
            type QueryId = Self;

            const HAS_STATIC_QUERY_ID: bool = true;
        }
    };
}

hidden_column!(
    /// The column that the previous release knows, which `schema.rs` no longer lists.
    OldColumn,
    OldSqlType,
    OLD
);
hidden_column!(
    /// The intermediate column of a retype that keeps its name.
    ViaColumn,
    NewSqlType,
    VIA
);

//! The rules, one file each. A new one: its file, its line in [`ALL`], its heading in `docs/lints.md`, its tests; a test
//! compares the four.

mod add_enum_value;
mod add_not_null_column;
mod alter_sequence;
mod attach_partition;
mod backfill_in_ddl_transaction;
mod change_column_type;
mod change_identity;
mod change_primary_key;
mod char_column;
mod check_constraint;
mod concurrently_in_transaction;
mod create_extension;
mod detach_partition;
mod disable_trigger;
mod do_block;
mod domain_constraint;
mod drop_cascade;
mod drop_column;
mod drop_column_in_use;
mod drop_database;
mod drop_default;
mod drop_index_not_concurrent;
mod drop_not_null;
mod drop_object;
mod drop_schema;
mod drop_table;
mod drop_table_in_use;
mod drop_unique;
pub(crate) mod duplicate_version;
mod enum_value_in_transaction;
mod enum_value_order;
mod exclusion_constraint;
mod foreign_key;
mod generated_stored_column;
mod hidden_invalid_index;
mod index_not_concurrent;
mod json_column;
mod leaked_setting;
mod long_name;
pub(crate) mod malformed_allowance;
mod migrating_column;
mod missing_lock_timeout;
mod missing_statement_timeout;
mod mysql_algorithm;
mod nested_transaction;
mod new_restriction;
mod no_inherit;
mod no_replica_identity;
pub(crate) mod not_read;
mod not_rerunnable;
pub(crate) mod not_understood;
mod open_transaction;
mod refresh_not_concurrent;
mod reindex_not_concurrent;
mod rename_column;
mod rename_enum_value;
mod rename_object;
mod rename_schema;
mod rename_table;
mod revoke;
mod row_security;
mod serial_column;
mod serial_on_existing_table;
mod server_setting;
mod set_not_null;
mod set_schema;
mod small_integer_column;
mod small_integer_key;
mod sqlite_add_column;
mod sqlite_pragma_in_transaction;
mod table_rewrite;
mod table_without_primary_key;
mod timestamp_without_time_zone;
mod truncate;
mod unique_constraint;
mod unnamed_constraint;
mod unqualified_table;
pub(crate) mod unused_allowance;
mod update_extension;
mod vacuum_full;
mod validate_in_same_transaction;
mod varchar_limit;
mod volatile_default;
mod wide_index;
mod write_without_where;

use super::context::Context;
use super::sql::op::Op;
use super::Database;
use crate::build::finding::{Level, Position};

/// Everything, in the order of the list in the documentation.
pub(crate) static ALL: &[&Rule] = &[
    &drop_column_in_use::RULE,
    &drop_table_in_use::RULE,
    &migrating_column::RULE,
    &drop_column::RULE,
    &drop_table::RULE,
    &rename_column::RULE,
    &rename_table::RULE,
    &rename_schema::RULE,
    &rename_object::RULE,
    &set_schema::RULE,
    &rename_enum_value::RULE,
    &add_enum_value::RULE,
    &drop_not_null::RULE,
    &drop_default::RULE,
    &drop_unique::RULE,
    &drop_object::RULE,
    &change_column_type::RULE,
    &volatile_default::RULE,
    &serial_on_existing_table::RULE,
    &generated_stored_column::RULE,
    &table_rewrite::RULE,
    &vacuum_full::RULE,
    &mysql_algorithm::RULE,
    &add_not_null_column::RULE,
    &set_not_null::RULE,
    &foreign_key::RULE,
    &check_constraint::RULE,
    &unique_constraint::RULE,
    &exclusion_constraint::RULE,
    &change_primary_key::RULE,
    &change_identity::RULE,
    &alter_sequence::RULE,
    &validate_in_same_transaction::RULE,
    &domain_constraint::RULE,
    &unnamed_constraint::RULE,
    &new_restriction::RULE,
    &index_not_concurrent::RULE,
    &drop_index_not_concurrent::RULE,
    &reindex_not_concurrent::RULE,
    &refresh_not_concurrent::RULE,
    &concurrently_in_transaction::RULE,
    &hidden_invalid_index::RULE,
    &wide_index::RULE,
    &attach_partition::RULE,
    &detach_partition::RULE,
    &no_inherit::RULE,
    &missing_lock_timeout::RULE,
    &missing_statement_timeout::RULE,
    &leaked_setting::RULE,
    &nested_transaction::RULE,
    &open_transaction::RULE,
    &not_rerunnable::RULE,
    &backfill_in_ddl_transaction::RULE,
    &write_without_where::RULE,
    &truncate::RULE,
    &disable_trigger::RULE,
    &row_security::RULE,
    &revoke::RULE,
    &no_replica_identity::RULE,
    &drop_cascade::RULE,
    &drop_database::RULE,
    &drop_schema::RULE,
    &server_setting::RULE,
    &enum_value_in_transaction::RULE,
    &enum_value_order::RULE,
    &create_extension::RULE,
    &update_extension::RULE,
    &sqlite_pragma_in_transaction::RULE,
    &sqlite_add_column::RULE,
    &long_name::RULE,
    &char_column::RULE,
    &varchar_limit::RULE,
    &timestamp_without_time_zone::RULE,
    &json_column::RULE,
    &serial_column::RULE,
    &small_integer_key::RULE,
    &small_integer_column::RULE,
    &table_without_primary_key::RULE,
    &unqualified_table::RULE,
    &duplicate_version::RULE,
    &not_read::RULE,
    &not_understood::RULE,
    &do_block::RULE,
    &malformed_allowance::RULE,
    &unused_allowance::RULE,
];

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// As allowances and the documentation name it: the file's name with hyphens.
    pub(crate) id: &'static str,
    /// Its level where nobody says otherwise.
    pub(crate) level: Level,
    pub(crate) databases: &'static [Database],
    /// What goes wrong.
    pub(crate) why: &'static str,
    /// What to do instead.
    pub(crate) help: &'static str,
    /// Looks at one operation.
    pub(crate) check: fn(&Op, &Context<'_>, &mut Found),
}

/// The rule with this id.
pub(crate) fn find(id: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id == id).copied()
}

/// What a rule said of a place.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) at: Position,
    pub(crate) message: String,
    /// Instead of the rule's.
    pub(crate) help: Option<String>,
}

/// Takes what rules say.
#[derive(Debug, Default)]
pub(crate) struct Found {
    said: Vec<Said>,
}

impl Found {
    pub(crate) fn say(&mut self, at: Position, message: String) {
        self.said.push(Said {
            at,
            message,
            help: None,
        });
    }

    /// With the names of this place in the advice.
    pub(crate) fn say_with(&mut self, at: Position, message: String, help: String) {
        self.said.push(Said {
            at,
            message,
            help: Some(help),
        });
    }

    pub(crate) fn take(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }
}

const EVERY: &[Database] = &[Database::Postgres, Database::Sqlite, Database::Mysql];
const NOT_SQLITE: &[Database] = &[Database::Postgres, Database::Mysql];
const POSTGRES: &[Database] = &[Database::Postgres];
const SQLITE: &[Database] = &[Database::Sqlite];
const MYSQL: &[Database] = &[Database::Mysql];

/// What the files of the rules use.
mod prelude {
    pub(super) use super::{Found, Rule, Said, EVERY, MYSQL, NOT_SQLITE, POSTGRES, SQLITE};
    pub(super) use crate::build::finding::{Level, Position};
    pub(super) use crate::build::lints::context::Context;
    pub(super) use crate::build::lints::in_use::Reader;
    pub(super) use crate::build::lints::migrations::{Migration, Problem};
    pub(super) use crate::build::lints::sql::op::{
        Alter, Constraint, ConstraintKind, Generated, Name, Op, OpKind, Type, Verb,
    };
    pub(super) use crate::build::lints::sql::{keeps_its_rows, Kept, Unread};
    pub(super) use crate::build::lints::Database;
}

//! What a statement does, as far as a rule asks: plain data, made from the parser's tree or from the words.

use crate::build::finding::Position;

/// A name of the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    /// As the database compares it: folded, without the default schema.
    pub(crate) key: String,
    /// The last part as written, without quotes.
    pub(crate) text: String,
}

impl Name {
    /// The last part, as the database compares it.
    pub(crate) fn last(&self) -> &str {
        self.key.rsplit('\u{1}').next().unwrap_or(&self.key)
    }
}

/// One operation and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    pub(crate) at: Position,
    pub(crate) kind: OpKind,
}

#[derive(Debug, Clone)]
pub(crate) enum OpKind {
    CreateTable(CreateTable),
    DropTable {
        table: Name,
        cascade: bool,
        if_exists: bool,
    },
    RenameTable {
        table: Name,
        to: Name,
    },
    AddColumn {
        table: Name,
        column: Column,
        if_not_exists: bool,
    },
    DropColumn {
        table: Name,
        column: Name,
        cascade: bool,
        if_exists: bool,
    },
    RenameColumn {
        table: Name,
        from: Name,
        to: Name,
    },
    ChangeType {
        table: Name,
        column: Name,
        ty: Type,
        /// The `USING` expression as text.
        using: Option<String>,
        /// `MODIFY … NOT NULL` says it along.
        not_null: Option<bool>,
    },
    SetNotNull {
        table: Name,
        column: Name,
    },
    DropNotNull {
        table: Name,
        column: Name,
    },
    AddConstraint {
        table: Name,
        constraint: Constraint,
        not_valid: bool,
    },
    ValidateConstraint {
        table: Name,
        name: Name,
    },
    DropConstraint {
        table: Name,
        name: Name,
        cascade: bool,
        if_exists: bool,
    },
    DropPrimaryKey {
        table: Name,
    },
    /// Any other change of a table, by the words that say it.
    AlterTable {
        table: Name,
        what: Alter,
    },
    CreateIndex(CreateIndex),
    DropIndex {
        name: Name,
        /// Where the dialect names it.
        table: Option<Name>,
        concurrently: bool,
        if_exists: bool,
        cascade: bool,
    },
    Drop {
        /// `VIEW`, `FUNCTION`, …
        object: String,
        name: Option<Name>,
        cascade: bool,
        if_exists: bool,
    },
    Create {
        object: String,
        name: Option<Name>,
        /// The table that it is for, where it is a trigger or a policy.
        on: Option<Name>,
        /// `IF NOT EXISTS` or `OR REPLACE`.
        repeatable: bool,
    },
    CreateDomain {
        name: Name,
        has_check: bool,
    },
    AddDomainConstraint {
        name: Name,
        not_valid: bool,
    },
    AddEnumValue {
        enumeration: Name,
        has_place: bool,
        if_not_exists: bool,
    },
    RenameEnumValue {
        enumeration: Name,
    },
    RenameSchema {
        name: Name,
    },
    /// `ALTER … RENAME TO` of what is no table, column, schema or index.
    RenameObject {
        object: String,
        name: Name,
    },
    UpdateExtension {
        name: Name,
    },
    /// The numbers that a sequence gives.
    AlterSequence {
        name: Name,
    },
    AlterPolicy {
        table: Option<Name>,
    },
    /// A setting of more than this session: whose.
    ServerSetting {
        of: String,
    },
    Revoke {
        on: Option<Name>,
    },
    /// `ALTER … SET SCHEMA`.
    SetSchema {
        object: String,
        name: Name,
    },
    Reindex {
        concurrently: bool,
    },
    Vacuum {
        full: bool,
    },
    Cluster,
    OptimizeTable {
        table: Option<Name>,
    },
    RefreshMaterializedView {
        view: Name,
        concurrently: bool,
    },
    Truncate {
        table: Name,
        cascade: bool,
    },
    Write(Write),
    Set {
        name: String,
        value: String,
        local: bool,
    },
    Pragma {
        name: String,
    },
    Begin,
    Commit,
    Rollback,
    /// A block of code: what it does is not seen.
    Do,
    /// None of the rules' business, or a call of a function, which is not looked into.
    Other,
}

/// Changes of a table without data that a rule needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Alter {
    DisableTrigger,
    AttachPartition,
    DetachPartition {
        concurrently: bool,
    },
    /// Every row is written anew under an exclusive lock: the words.
    Rewrite(&'static str),
    DropDefault {
        column: Name,
    },
    /// Whether and when the database numbers the column.
    Identity {
        column: Name,
    },
    /// The numbers that an identity column gets.
    Numbers {
        column: Name,
    },
    RowSecurity,
    NoInherit,
    NoReplicaIdentity,
    /// MySQL: `ALGORITHM=…` in lower case.
    Algorithm(String),
    /// MySQL: `LOCK=…`.
    Lock,
    /// Nothing that a rule knows; takes a lock all the same.
    Other,
}

#[derive(Debug, Clone)]
pub(crate) struct CreateTable {
    pub(crate) table: Name,
    pub(crate) columns: Vec<Column>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) if_not_exists: bool,
    /// Whether the schema is named, as far as the parser has understood it.
    pub(crate) is_qualified: bool,
    pub(crate) temporary: bool,
    pub(crate) partition_of: Option<Name>,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: Name,
    pub(crate) at: Position,
    pub(crate) ty: Type,
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    pub(crate) primary_key: bool,
    pub(crate) unique: bool,
    pub(crate) references: Option<Name>,
    pub(crate) check: bool,
    /// `GENERATED … AS IDENTITY`, `AUTO_INCREMENT`.
    pub(crate) identity: bool,
    pub(crate) generated: Option<Generated>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generated {
    Stored,
    Virtual,
}

#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    pub(crate) name: Option<Name>,
    pub(crate) kind: ConstraintKind,
}

#[derive(Debug, Clone)]
pub(crate) enum ConstraintKind {
    PrimaryKey {
        columns: Vec<Name>,
        using_index: bool,
    },
    Unique {
        columns: Vec<Name>,
        using_index: bool,
    },
    ForeignKey {
        references: Name,
    },
    /// The column of a plain `column IS NOT NULL`.
    Check {
        not_null: Option<Name>,
    },
    NotNull {
        column: Name,
    },
    Exclude,
    /// MySQL: an index written as a constraint.
    Index {
        columns: usize,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct CreateIndex {
    pub(crate) name: Option<Name>,
    pub(crate) table: Name,
    /// How many columns and expressions, without `INCLUDE`.
    pub(crate) columns: usize,
    /// The columns and the order of each, where there is nothing else to the index; empty where there is.
    pub(crate) keys: Vec<(Name, &'static str)>,
    pub(crate) unique: bool,
    pub(crate) concurrently: bool,
    pub(crate) if_not_exists: bool,
    /// `ON ONLY`: of a partitioned table alone, which holds no rows.
    pub(crate) only: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) verb: Verb,
    pub(crate) table: Name,
    /// `WHERE`, `LIMIT`, or for an insert: plain values.
    pub(crate) is_bounded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Insert,
    Update,
    Delete,
    Merge,
}

/// A column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Type {
    /// One name for all spellings: `int`, `varchar`, `timestamptz`; folded.
    pub(crate) name: String,
    /// What stands in the parentheses.
    pub(crate) arguments: Vec<i64>,
    pub(crate) is_array: bool,
}

impl Op {
    /// The table that an `ALTER TABLE` is about.
    pub(crate) fn altered_table(&self) -> Option<&Name> {
        match &self.kind {
            OpKind::RenameTable { table, .. }
            | OpKind::AddColumn { table, .. }
            | OpKind::DropColumn { table, .. }
            | OpKind::RenameColumn { table, .. }
            | OpKind::ChangeType { table, .. }
            | OpKind::SetNotNull { table, .. }
            | OpKind::DropNotNull { table, .. }
            | OpKind::AddConstraint { table, .. }
            | OpKind::ValidateConstraint { table, .. }
            | OpKind::DropConstraint { table, .. }
            | OpKind::DropPrimaryKey { table }
            | OpKind::AlterTable { table, .. } => Some(table),
            _ => None,
        }
    }

    /// The table whose readers or writers wait for this operation while it waits itself.
    pub(crate) fn locked_table(&self) -> Option<&Name> {
        match &self.kind {
            OpKind::AlterTable {
                what: Alter::DetachPartition { concurrently: true } | Alter::Algorithm(_) | Alter::Lock,
                ..
            }
            // shares the table with writers
            | OpKind::ValidateConstraint { .. } => None,
            OpKind::DropTable { table, .. } | OpKind::Truncate { table, .. } => Some(table),
            // PostgreSQL's does not say whose it is
            OpKind::DropIndex { table, .. } => table.as_ref(),
            OpKind::CreateIndex(index) if !index.concurrently => Some(&index.table),
            _ => self.altered_table(),
        }
    }

    /// The columns that it makes, and whether each is a primary key by itself.
    pub(crate) fn new_columns(&self) -> impl Iterator<Item = (&Column, bool)> {
        let (columns, constraints): (&[Column], &[Constraint]) = match &self.kind {
            OpKind::CreateTable(table) => (&table.columns, &table.constraints),
            OpKind::AddColumn { column, .. } => (std::slice::from_ref(column), &[]),
            _ => (&[], &[]),
        };
        columns.iter().map(move |column| {
            let by_constraint = constraints.iter().any(|constraint| {
                matches!(&constraint.kind, ConstraintKind::PrimaryKey { columns, .. } if columns.contains(&column.name))
            });
            (column, column.primary_key || by_constraint)
        })
    }

    /// The names that it gives, and where.
    pub(crate) fn new_names(&self) -> Vec<(&Name, Position)> {
        let mut names = Vec::new();
        match &self.kind {
            OpKind::CreateTable(table) => {
                names.push((&table.table, self.at));
                let constraints = table.constraints.iter();
                names.extend(constraints.filter_map(|c| Some((c.name.as_ref()?, self.at))));
            }
            OpKind::RenameTable { to, .. } | OpKind::RenameColumn { to, .. } => {
                names.push((to, self.at));
            }
            OpKind::AddConstraint { constraint, .. } => {
                names.extend(constraint.name.as_ref().map(|name| (name, self.at)));
            }
            OpKind::CreateIndex(index) => {
                names.extend(index.name.as_ref().map(|name| (name, self.at)));
            }
            OpKind::Create {
                name: Some(name), ..
            }
            | OpKind::CreateDomain { name, .. } => names.push((name, self.at)),
            _ => {}
        }
        names.extend(
            self.new_columns()
                .map(|(column, _)| (&column.name, column.at)),
        );
        names
    }
}

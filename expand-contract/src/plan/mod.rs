//! From definition, catalogue and phase to the list of actions: pure, so that it can be shown before it is run.

pub(crate) mod actions;
mod carry;
mod copies;
pub(crate) mod cost;
pub(crate) mod in_place;
#[cfg(feature = "database")]
mod shadow;
#[cfg(all(test, feature = "sqlite", feature = "postgres-backend"))]
mod tests;

#[cfg(feature = "postgres-backend")]
pub(crate) use carry::remedy;

use crate::backend::rules::Rules;
use crate::catalogue::{Column, Source, Table};
use crate::definition::{ChangeDef, Conversion, MigrationDef};
use crate::error::Error;
use crate::phase::{Pass, Phase, Side, Stage, Step};

pub use cost::{Basis, Effect, Estimate};

/// One thing the runner does, with the SQL it sends.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Action {
    /// The step it belongs to.
    pub step: Step,
    /// Its name, as recorded in the ledger.
    pub name: String,
    /// The SQL, in order; the ledger's own bookkeeping is left out.
    pub sql: Vec<String>,
    /// The strongest lock it takes on the table, in the database's words.
    pub lock: &'static str,
    /// What it does to the table's rows.
    pub effect: Effect,
    /// About how many rows it reads or writes, where it does and the database knows.
    pub rows: Option<u64>,
    /// How large they are, without indexes (SQLite: how large the whole file is).
    pub bytes: Option<u64>,
    /// About how long it takes; none for what only waits, and where the number of rows is not known.
    pub estimate: Option<Estimate>,
    pub(crate) kind: Kind,
    pub(crate) work: Vec<Work>,
    /// What its statements lock besides.
    pub(crate) others: Vec<Other>,
    /// How large the partition is, where it is about one only.
    pub(crate) part: Option<cost::Size>,
}

/// A table other than the migration's, or a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
pub(crate) struct Other {
    pub(crate) is_table: bool,
    /// The database's own handle.
    pub(crate) id: String,
    /// The quoted name.
    pub(crate) sql: String,
}

/// How an action runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One transaction.
    Ddl,
    /// Outside of a transaction, converging.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    Outside,
    /// One transaction under the gate, at whose end the phase is published.
    Publish {
        to: Stage,
        old_incomplete: bool,
        /// The new column is left to be dropped.
        cleanup: bool,
    },
    /// Copies rows.
    Backfill { reverse: bool },
    /// Compares rows.
    Verify,
    /// Waits until no transaction can still see the rows as they were before the copy.
    AwaitSnapshots,
    /// Waits until no instance and no open transaction acts on an earlier phase any more.
    Barrier {
        /// Then also for statements on their way, because what comes next cannot do with them.
        grace: bool,
    },
    /// Converts what is queued, and asks whether anyone is left who writes one column only.
    Queue,
}

/// A piece of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// A statement.
    Sql(String),
    /// SQLite: a column's definition in the schema table.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    Define { column: String, edit: Definition },
    /// Remember an index that is about to be dropped.
    Save(SavedIndex),
    /// Remember a CHECK constraint that is about to be dropped.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    SaveCheck(SavedCheck),
    /// Forget them.
    ForgetSaved,
    /// Remember the old columns as they are.
    Freeze,
    /// Refuse a table that has rows.
    MustBeEmpty,
    /// Refuse a table on which one of these triggers is missing or switched off.
    Intact(Vec<String>),
    /// Refuse a table whose partitions are not these any more. `all`: nor may there be others.
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    Partitions { ids: Vec<String>, all: bool },
    /// In place: the gate asks for evidence that was gathered for the whole quiet period.
    Watched,
    /// In place: why no evidence tells who knows only the column of this side. The gate asks for the operator's word.
    Unseen(Side, String),
    /// Drain the queue and wait once more, if anything is in it now that no writer can queue more.
    EmptyQueue,
}

/// What becomes of a column's definition (SQLite).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
pub(crate) enum Definition {
    Replace(String),
    Constrain {
        not_null: bool,
        default: Option<String>,
        /// Instead of the CHECKs that are there; none: those stay.
        checks: Option<Vec<String>>,
    },
}

/// A unique index of the old column that `retire` dropped: how to put it back, and whose name the copy will get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SavedIndex {
    pub(crate) name: String,
    /// The copy on the new column; empty where there is to be none.
    pub(crate) copy: String,
    /// A constraint rather than an index: what follows its column list.
    pub(crate) constraint: Option<String>,
    /// Creates it again on the old column.
    pub(crate) restore: String,
    /// Creates it under its own name on the new column.
    pub(crate) renamed: String,
    /// Creates a plain copy on the new column.
    pub(crate) plain: String,
    /// Statements that give the index of this name its comment and the like.
    pub(crate) extras: String,
}

/// A CHECK constraint of the old column that `retire` dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SavedCheck {
    pub(crate) name: String,
    /// The copy on the new column; empty where there is to be none.
    pub(crate) copy: String,
    /// Statements that put it on the old column again, without a look at the rows.
    pub(crate) restore: String,
    /// All rows satisfied it.
    pub(crate) validated: bool,
}

/// An old column as it was at `expand`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frozen {
    pub(crate) old_type: String,
    pub(crate) collate: String,
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    pub(crate) definition: String,
    /// Of an identity column: its kind. `default` then says which sequence it takes its values from.
    pub(crate) identity: Option<Source>,
}

impl Frozen {
    pub(crate) fn of(column: &Column) -> Self {
        Frozen {
            old_type: column.type_sql.clone(),
            collate: column.collate.clone(),
            not_null: column.not_null,
            default: column.default.clone(),
            definition: column.definition.clone(),
            identity: column
                .sequences
                .iter()
                .map(|sequence| sequence.source)
                .find(|source| *source != Source::Default),
        }
    }
}

/// A change in the pass that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    /// Its index in the definition.
    pub(crate) index: usize,
    pub(crate) def: &'static ChangeDef,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) conversion: Conversion,
    pub(crate) frozen: Frozen,
}

/// The changes that a pass moves.
pub(crate) fn moving(
    def: &'static MigrationDef,
    pass: Pass,
) -> impl Iterator<Item = (usize, &'static ChangeDef, &'static str, &'static str)> {
    let changes = def.changes.iter().enumerate();
    changes
        .filter(move |(_, change)| pass == Pass::First || change.two_passes())
        .map(move |(i, change)| {
            let stage = Stage {
                pass,
                phase: Phase::Original,
            };
            let (from, to) = stage.ends(change.route());
            (i, change, change.name(from), change.name(to))
        })
}

/// Everything that the actions depend on.
pub(crate) struct Context<'a> {
    pub(crate) def: &'static MigrationDef,
    pub(crate) stage: Stage,
    pub(crate) old_incomplete: bool,
    pub(crate) table: &'a Table,
    pub(crate) changes: &'a [Active],
    pub(crate) saved: &'a [SavedIndex],
    #[cfg_attr(not(feature = "postgres-backend"), allow(dead_code))]
    pub(crate) saved_checks: &'a [SavedCheck],
    pub(crate) rules: &'static dyn Rules,
}

impl Context<'_> {
    /// The stage that `contract` leads to: the next pass's start where there is one.
    pub(crate) fn contracted(&self) -> Stage {
        if self.stage.pass == Pass::First && self.def.two_passes() {
            Stage::second(Phase::Original)
        } else {
            self.at(Phase::Contracted)
        }
    }

    /// The changes with the columns in which they end, whatever is between.
    pub(crate) fn last_names(&self) -> Vec<Active> {
        let last = |change: &Active| Active {
            to: change.def.new,
            ..change.clone()
        };
        self.changes.iter().map(last).collect()
    }

    pub(crate) fn at(&self, phase: Phase) -> Stage {
        Stage {
            pass: self.stage.pass,
            phase,
        }
    }

    /// The new column's type for the change.
    pub(crate) fn new_type(&self, change: &Active) -> Result<String, Error> {
        if let (Some(column), true) = (self.table.column(change.to), change.to != change.from) {
            return Ok(column.type_sql.clone());
        }
        // in a second pass the intermediate column has the type already
        let declared = match change.def.via {
            Some(via) if via == change.from => None,
            _ => change.def.new_type.get(self.table.dialect),
        };
        match (declared, change.conversion) {
            (Some(declared), _) => Ok(declared.to_owned()),
            (None, Conversion::Identity) => Ok(change.frozen.old_type.clone()),
            (None, _) => Err(Error::NotInDialect {
                column: change.def.new.to_owned(),
                what: "SQL type",
                dialect: self.table.dialect,
            }),
        }
    }

    /// The collation of the new column: the old one's where the type stays.
    pub(crate) fn new_collate(&self, change: &Active) -> String {
        match change.conversion {
            Conversion::Identity => change.frozen.collate.clone(),
            _ => String::new(),
        }
    }

    /// `up` over the SQL of an old value, `down` over that of a new one; none for Rust conversions.
    pub(crate) fn convert(
        &self,
        change: &Active,
        from: Side,
        value: &str,
    ) -> Result<Option<String>, Error> {
        let dialect = self.table.dialect;
        match change.conversion {
            Conversion::Identity => Ok(Some(value.to_owned())),
            Conversion::Sql { up, down } => {
                let expr = if from == Side::Old { up } else { down };
                let sql = expr.render(dialect, value);
                sql.map(Some).ok_or_else(|| Error::NotInDialect {
                    column: change.def.new.to_owned(),
                    what: "SQL conversion",
                    dialect,
                })
            }
            Conversion::Rust => Ok(None),
        }
    }

    /// The SQL of `n ≡ up(o)` and `o ≡ down(n)`.
    pub(crate) fn halves(&self, change: &Active) -> Result<Option<(String, String)>, Error> {
        let quote = |name: &str| self.table.dialect.quote(name);
        self.halves_of(change, (&quote(change.from), &quote(change.to)))
    }

    /// The same with the SQL of the old and the new column.
    pub(crate) fn halves_of(
        &self,
        change: &Active,
        (old, new): (&str, &str),
    ) -> Result<Option<(String, String)>, Error> {
        let (up, down) = (
            self.convert(change, Side::Old, old)?,
            self.convert(change, Side::New, new)?,
        );
        let (Some(up), Some(down)) = (up, down) else {
            return Ok(None);
        };
        let new_type = self.new_type(change)?;
        let new_collate = self.new_collate(change);
        let forward = self.rules.same(new, &up, &new_type, &new_collate);
        let frozen = &change.frozen;
        let backward = self
            .rules
            .same(old, &down, &frozen.old_type, &frozen.collate);
        Ok(Some((forward, backward)))
    }

    /// Whether a row of the change is consistent; none if only Rust can tell.
    pub(crate) fn consistent(&self, change: &Active) -> Result<Option<String>, Error> {
        let quote = |name: &str| self.table.dialect.quote(name);
        Ok(self.halves(change)?.map(|(forward, backward)| {
            let sides = (quote(change.from), quote(change.to));
            consistency(change, (&sides.0, &sides.1), &forward, &backward)
        }))
    }

    /// The `SET` list and the condition of a batch over all SQL conversions; none if there is no such change.
    pub(crate) fn copy(&self, reverse: bool) -> Result<Option<(String, String)>, Error> {
        let quote = |name: &str| self.table.dialect.quote(name);
        let (mut sets, mut conditions) = (Vec::new(), Vec::new());
        for change in self.changes {
            let Some(consistent) = self.consistent(change)? else {
                continue;
            };
            let (source, target, side) = if reverse {
                (change.to, change.from, Side::New)
            } else {
                (change.from, change.to, Side::Old)
            };
            if let Some(value) = self.convert(change, side, &quote(source))? {
                sets.push((quote(target), value, consistent.clone()));
                conditions.push(consistent);
            }
        }
        let set = match sets.as_slice() {
            [] => return Ok(None),
            [(column, value, _)] => format!("{column} = {value}"),
            // each change on its own: the one that is consistent is left alone
            many => {
                let one = |(column, value, consistent): &(String, String, String)| {
                    format!("{column} = CASE WHEN {consistent} THEN {column} ELSE {value} END")
                };
                many.iter().map(one).collect::<Vec<_>>().join(", ")
            }
        };
        Ok(Some((set, format!("NOT ({})", conditions.join(" AND ")))))
    }

    /// The condition under which a row fails `verify`; none if all conversions are in Rust.
    pub(crate) fn differs(&self) -> Result<Option<String>, Error> {
        let quote = |name: &str| self.table.dialect.quote(name);
        let mut parts = Vec::new();
        for change in self.changes {
            let Some(consistent) = self.consistent(change)? else {
                continue;
            };
            // an error of a predicate that is NULL must not pass
            parts.push(format!("({consistent}) IS NOT TRUE"));
            if change.frozen.not_null {
                parts.push(format!("{} IS NULL", quote(change.to)));
            }
            let claimed = change.def.lossless && change.conversion != Conversion::Identity;
            if let (true, Some((_, backward))) = (claimed, self.halves(change)?) {
                parts.push(format!("({backward}) IS NOT TRUE"));
            }
        }
        parts.extend(self.violations());
        Ok((!parts.is_empty()).then(|| parts.join(" OR ")))
    }
}

impl Action {
    pub(crate) fn new(
        step: Step,
        name: impl Into<String>,
        kind: Kind,
        lock: &'static str,
        work: Vec<Work>,
    ) -> Self {
        let mut sql = Vec::new();
        for piece in &work {
            match piece {
                Work::Sql(text) => sql.push(text.clone()),
                Work::Define { column, edit } => sql.push(match edit {
                    Definition::Replace(text) => {
                        format!("-- sqlite_schema: column {column} becomes {text}")
                    }
                    Definition::Constrain {
                        not_null,
                        default,
                        checks,
                    } => format!(
                        "-- sqlite_schema: column {column} {} NOT NULL, {}{}",
                        if *not_null { "gets" } else { "loses" },
                        match default {
                            Some(default) => format!("gets DEFAULT ({default})"),
                            None => "has no default".to_owned(),
                        },
                        match checks.as_deref() {
                            Some([]) => ", loses its CHECKs".to_owned(),
                            Some(checks) => format!(", gets {}", checks.join(" ")),
                            None => String::new(),
                        }
                    ),
                }),
                Work::Intact(triggers) => {
                    sql.extend(
                        triggers
                            .iter()
                            .map(|name| format!("-- trigger {name} must be in place")),
                    );
                }
                Work::Watched => sql.push(
                    "-- for the quiet period nobody who knows only the old name must have written"
                        .to_owned(),
                ),
                Work::Unseen(_, why) => {
                    sql.push(format!(
                        "-- the gate has to be named: {}",
                        why.escape_debug()
                    ));
                }
                Work::Save(_)
                | Work::SaveCheck(_)
                | Work::ForgetSaved
                | Work::Freeze
                | Work::MustBeEmpty
                | Work::Partitions { .. }
                | Work::EmptyQueue => {}
            }
        }
        Action {
            step,
            name: name.into(),
            sql,
            lock,
            effect: Effect::Catalogue,
            rows: None,
            bytes: None,
            estimate: None,
            kind,
            work,
            others: Vec::new(),
            part: None,
        }
    }
}

/// `((n IS NOT NULL OR o IS NULL) AND n ≡ up(o)) OR o ≡ down(n)`: the one predicate of triggers, copying and comparing.
///
/// The second half lets lossy conversions survive. The first part keeps a value that a conversion turns into NULL
/// instead of raising from counting as copied.
pub(crate) fn consistency(
    change: &Active,
    (old, new): (&str, &str),
    forward: &str,
    backward: &str,
) -> String {
    match change.conversion {
        Conversion::Identity => forward.to_owned(),
        // a row that was not copied is known by its NULL: nothing is converted to find that out
        _ => format!("((({new} IS NOT NULL OR {old} IS NULL) AND {forward}) OR {backward})"),
    }
}

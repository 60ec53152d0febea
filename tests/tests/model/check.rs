//! All states that can be reached under all rules.

use expand_contract::phase::rules::{Converter, Rules};
use expand_contract::phase::Side;
use stateright::{Checker, Model};

use crate::database::{Setting, Triggers};
use crate::system::{Cast, System};

/// What differs between databases and conversions, as far as the rules can see.
pub(crate) const POSTGRES: Setting = Setting {
    converter: Converter::Sql,
    triggers: Triggers::Before,
};
pub(crate) const SQLITE: Setting = Setting {
    converter: Converter::Sql,
    triggers: Triggers::After,
};
/// The net fills nothing in, so that it does not matter when its triggers fire.
pub(crate) const RUST: Setting = Setting {
    converter: Converter::Rust,
    triggers: Triggers::Before,
};

/// Two instances, the previous release, late statements, open and pinned transactions.
pub(crate) const OLD_RELEASE: Cast = Cast {
    instances: 2,
    late: true,
    stranger: Some(Side::Old),
    transactions: true,
};
/// The same with a release that knows only the new column.
pub(crate) const NEXT_RELEASE: Cast = Cast {
    stranger: Some(Side::New),
    ..OLD_RELEASE
};
/// Small casts, in which a counterexample is found sooner.
pub(crate) const FLEET: Cast = Cast {
    stranger: None,
    transactions: false,
    ..OLD_RELEASE
};
/// See [`FLEET`].
pub(crate) const OLD_ONLY: Cast = Cast {
    instances: 1,
    stranger: Some(Side::Old),
    ..FLEET
};
/// See [`FLEET`].
pub(crate) const NEW_ONLY: Cast = Cast {
    instances: 1,
    stranger: Some(Side::New),
    ..FLEET
};
/// See [`FLEET`].
pub(crate) const TRANSACTIONS: Cast = Cast {
    instances: 1,
    late: false,
    transactions: true,
    ..FLEET
};

/// Looks at every state, and fails with the shortest way to one that must not be; fails too if the migration or one of its
/// rollbacks cannot be completed.
#[track_caller]
fn holds(cast: Cast, setting: Setting) {
    let system = System {
        cast,
        setting,
        rules: Rules::ALL,
    };
    let checker = system.checker().spawn_bfs().join();
    checker.assert_properties();
    // what a slip in the model cuts off is seen here; it has more than a hundred thousand
    let states = checker.unique_state_count();
    assert!(states > 100_000, "{states} states");
}

macro_rules! checks {
    ($($name:ident: $cast:expr, $setting:expr;)*) => {
        $(
            #[test]
            fn $name() {
                holds($cast, $setting);
            }
        )*
    };
}

checks! {
    sql_conversion_on_postgres_beside_the_previous_release: OLD_RELEASE, POSTGRES;
    sql_conversion_on_postgres_beside_a_release_without_the_annotation: NEXT_RELEASE, POSTGRES;
    sql_conversion_on_sqlite_beside_the_previous_release: OLD_RELEASE, SQLITE;
    sql_conversion_on_sqlite_beside_a_release_without_the_annotation: NEXT_RELEASE, SQLITE;
    rust_conversion_beside_the_previous_release: OLD_RELEASE, RUST;
    rust_conversion_beside_a_release_without_the_annotation: NEXT_RELEASE, RUST;
}

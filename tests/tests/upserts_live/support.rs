use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use expand_contract::{ActionEvent, Gate, Options};
use tests::wait;

/// Keys that are only ever counted up, so that nothing may get lost.
pub const COUNTED: [u8; 3] = [1, 2, 3];
/// Keys that come and go, so that two clients insert one at the same time.
pub const CHURNED: [u8; 3] = [101, 102, 103];

/// What clients and the operator know of each other.
#[derive(Default)]
pub struct Load {
    pub stop: AtomicBool,
    /// Rounds that every client has made.
    rounds: Vec<AtomicU64>,
    /// Increments of each counted key that were acknowledged.
    pub counted: [AtomicU64; 3],
}

impl Load {
    pub fn of(clients: usize) -> Self {
        Load {
            rounds: (0..clients).map(|_| AtomicU64::new(0)).collect(),
            ..Load::default()
        }
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn made(&self, client: usize) {
        self.rounds[client].fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until every client has made so many more rounds.
    pub fn go_on(&self, rounds: u64) {
        let now = || self.rounds.iter().map(|n| n.load(Ordering::Relaxed));
        let before: Vec<u64> = now().collect();
        wait::until("every client has made some rounds", || {
            self.stopped()
                || now()
                    .zip(&before)
                    .all(|(now, before)| now >= before + rounds)
        });
    }
}

/// Ends the load even when the operator panics.
pub struct Stop<'l>(pub &'l Load);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// A runner that waits for no gate but the grace period.
pub fn options() -> Options {
    Options::new()
        .lease(Duration::from_secs(2))
        .lock_timeout(Duration::from_millis(300))
        .retries(100)
        .grace(Duration::from_millis(150))
        .quiet_period(Duration::ZERO)
        .barrier_wait(Duration::ZERO)
        .override_gate(Gate::Transactions, "clients that never pause")
        .override_gate(Gate::Instances, "clients follow by themselves")
}

/// Calls `at` at every action that builds or drops an index or publishes.
pub fn at_actions(mut at: impl FnMut(&ActionEvent) -> ControlFlow<()> + 'static) -> Options {
    options().on_action(move |event| {
        if event.action.contains("index") || event.action.contains("publish") {
            return at(event);
        }
        ControlFlow::Continue(())
    })
}

/// A table with a unique changed column, and an operator who does not tell this process of the phases.
#[macro_export]
macro_rules! model {
    () => {
        #[allow(unused_imports)]
        use std::sync::atomic::Ordering;
        use std::sync::OnceLock;

        #[allow(unused_imports)]
        use diesel::connection::SimpleConnection;
        use expand_contract::__private::PhaseCell;
        #[allow(unused_imports)]
        use expand_contract::phase::{self, Step};
        use expand_contract::prelude::*;
        use expand_contract::{Migrate, MigrateOn, RunnerConnection};
        #[allow(unused_imports)]
        use $crate::support::*;

        diesel::table! {
            versions (id) {
                id -> Integer,
                tar_sha256 -> Binary,
                hits -> Integer,
                label -> Text,
            }
        }

        #[derive(
            Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset, Migrate,
        )]
        #[diesel(table_name = versions)]
        pub struct Version {
            pub id: i32,
            #[migrate(
                rename_from = "checksum", retype_from = Text,
                up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
                down(sqlite = "lower(hex(tar_sha256))", postgres = "encode(tar_sha256, 'hex')"),
                lossless
            )]
            pub tar_sha256: Vec<u8>,
            pub hits: i32,
            pub label: String,
        }

        #[derive(Debug, Insertable, AsChangeset)]
        #[diesel(table_name = versions)]
        pub struct NewVersion<'a> {
            pub tar_sha256: &'a [u8],
            pub hits: i32,
            pub label: &'a str,
        }

        /// The same migration as the model's, with a phase of its own: another process.
        pub enum Operator {}

        impl Migrate for Operator {
            type Table = versions::table;

            fn cell() -> &'static PhaseCell {
                static CELL: OnceLock<PhaseCell> = OnceLock::new();
                CELL.get_or_init(|| PhaseCell::new(versions::table::cell().definition()))
            }
        }

        impl<C: RunnerConnection> MigrateOn<C> for Operator where
            versions::table: diesel::query_builder::QueryFragment<C::Backend>
        {
        }

        /// One upsert as an application writes it.
        #[allow(unused_macros)]
        macro_rules! hit {
            ($conn:expr, $key:expr) => {{
                let key = [$key];
                let target = Version::tar_sha256
                    .target()
                    .map_err(|error| diesel::result::Error::QueryBuilderError(error.into()))?;
                diesel::insert_into(versions::table)
                    .values(&NewVersion {
                        tar_sha256: &key,
                        hits: 1,
                        label: "counted",
                    })
                    .on_conflict(target)
                    .do_update()
                    .set(versions::hits.eq(versions::hits + 1))
                    .execute($conn)
            }};
        }
    };
}

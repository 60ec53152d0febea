//! The deployment and the migration, from the first leg to the last, and the look at the table afterwards.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use indicatif::ProgressBar;
use rolling_deploy::api::Account;
use rolling_deploy::history::{By, History};
use rolling_deploy::Failure;

use crate::fleet::{Orchestrator, Programs};
use crate::operator::Operator;
use crate::stats::Source::{self, ReleaseN, ReleaseNPlus1};
use crate::stats::Stats;
use crate::stranger;
use crate::traffic::Traffic;
use crate::Args;

/// The legs, by what is new in them.
pub const LEGS: [&str; 10] = [
    "original",
    "original, both releases",
    "expanded",
    "backfilled, verified",
    "switched",
    "rolled back",
    "switched again",
    "release N gone",
    "retired, strangers gone",
    "contracted",
];
const FLEET: usize = 4;
/// A real one is a day: jobs run at night.
const QUIET: Duration = Duration::from_millis(1_500);

/// Who does what where.
struct Leg {
    deploy: &'static [(Source, Source)],
    steps: &'static [&'static str],
}

const fn leg(deploy: &'static [(Source, Source)], steps: &'static [&'static str]) -> Leg {
    Leg { deploy, steps }
}

const ONE: (Source, Source) = (ReleaseN, ReleaseNPlus1);
const JOURNEY: [Leg; LEGS.len()] = [
    leg(&[], &[]),
    leg(&[ONE, ONE], &[]),
    leg(&[], &["expand"]),
    leg(&[], &["backfill", "verify"]),
    leg(&[], &["switch"]),
    leg(&[], &["rollback"]),
    leg(&[], &["backfill", "verify", "switch"]),
    // the last of release N, and a restart of what has been there since before the first step
    leg(&[ONE, ONE, (ReleaseNPlus1, ReleaseNPlus1)], &[]),
    leg(&[], &["retire"]),
    leg(&[], &["contract"]),
];

/// Goes through all legs. On return no client and no instance is left.
pub fn travel(args: &Args, programs: &Programs, traffic: &Traffic<'_>) -> Result<(), Failure> {
    let mut orchestrator = Orchestrator::new(programs, traffic.url, traffic.routes);
    let result = legs(args, programs, traffic, &mut orchestrator);
    // clients first: an instance that goes leaves them where they are
    traffic.stop.store(true, Ordering::Relaxed);
    let stopped = orchestrator.stop_all();
    result.and(stopped)
}

fn legs(
    args: &Args,
    programs: &Programs,
    traffic: &Traffic<'_>,
    orchestrator: &mut Orchestrator<'_>,
) -> Result<(), Failure> {
    let operator = Operator {
        program: &programs.release_n_plus_1,
        url: traffic.url,
        quiet: QUIET,
    };
    let start = Instant::now();
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    let say = |what: &str| {
        bar.set_message(what.to_owned());
        bar.suspend(|| println!("{:6.1} s  {what}", start.elapsed().as_secs_f64()));
    };
    for _ in 0..FLEET {
        orchestrator.start(ReleaseN)?;
    }
    traffic.routes.let_strangers(true);
    for (number, (name, leg)) in LEGS.iter().zip(JOURNEY).enumerate() {
        traffic.stats.enter(number);
        if leg.steps == ["retire"] {
            let refusal = operator.refused("retire", stranger::NAME)?;
            say(&format!("refused, {refusal}"));
            traffic.routes.let_strangers(false);
            say("the strangers are gone; retire is tried again until it has been quiet for long enough");
        }
        for (old, new) in leg.deploy {
            orchestrator.replace(*old, *new)?;
            say(&format!(
                "replaced: {} of release N, {} of release N+1",
                orchestrator.count(ReleaseN),
                orchestrator.count(ReleaseNPlus1)
            ));
        }
        for step in leg.steps {
            let phase = operator.once_quiet(step)?;
            say(&format!("{step}: the phase is {phase}"));
        }
        if leg.steps == ["switch"] && args.bypass_safety_net {
            traffic.bypass.store(true, Ordering::Relaxed);
        }
        bar.set_message(*name);
        thread::sleep(Duration::from_secs_f64(args.seconds_per_phase.max(0.0)));
    }
    bar.finish_and_clear();
    Ok(())
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Text)]
    primary_contact: String,
}

#[derive(QueryableByName)]
struct Fact {
    #[diesel(sql_type = Text)]
    fact: String,
}

/// What must be left of the schema, one fact a line.
const SCHEMA: &str = "
    SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS fact
      FROM pg_attribute a WHERE a.attrelid = 'accounts'::regclass AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = 'accounts'::regclass
    UNION ALL SELECT 'trigger ' || t.tgname FROM pg_trigger t WHERE t.tgrelid = 'accounts'::regclass
    ORDER BY fact";
const WANTED: [&str; 8] = [
    "CREATE UNIQUE INDEX accounts_contact ON public.accounts USING btree (primary_contact)",
    "CREATE UNIQUE INDEX accounts_pkey ON public.accounts USING btree (id)",
    "id bigint NOT NULL",
    "name text NOT NULL",
    "notes text",
    "plan text NOT NULL",
    "primary_contact character varying(120) NOT NULL",
    "revision bigint NOT NULL",
];

/// Compares every key with its last acknowledged write, and the schema with what it is to be. The number of rows.
pub fn arrive(url: &str, history: &History, stats: &Stats) -> Result<usize, Failure> {
    let mut conn = PgConnection::establish(url)?;
    let mut facts: Vec<String> = sql_query(SCHEMA)
        .load::<Fact>(&mut conn)?
        .into_iter()
        .map(|row| row.fact)
        .collect();
    facts.sort();
    if facts != WANTED {
        return Err(format!("the schema is not what it was to become: {facts:#?}").into());
    }

    let rows: Vec<Row> =
        sql_query("SELECT id, name, revision, primary_contact FROM accounts").load(&mut conn)?;
    let mut found: Vec<Option<Account>> = vec![None; history.keys()];
    let count = rows.len();
    for row in rows {
        let place = usize::try_from(row.id)
            .ok()
            .and_then(|index| found.get_mut(index))
            .ok_or_else(|| format!("nobody wrote row {}", row.id))?;
        *place = Some(Account {
            id: row.id,
            name: row.name,
            contact: row.primary_contact,
            revision: row.revision,
        });
    }
    for (id, row) in (0..).zip(&found) {
        let started = stats.start();
        let verdict = history.judge(id, history.now(id).0, &By::Key, row.as_ref());
        stats.judged(started, verdict, || {
            format!("in the end row {id} is {row:?}")
        });
    }
    Ok(count)
}

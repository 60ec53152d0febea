//! Every kind of statement in every phase: right, and nobody takes it for one of the previous release.

use expand_contract::phase::Step;

/// Through the phases and back.
const STEPS: [Option<Step>; 4] = [
    None,
    Some(Step::Retire),
    Some(Step::Contract),
    Some(Step::Rollback),
];

crate::on_both! {
    fm15_statements_follow_the_name(db, D) {
        use crate::statements::STEPS;

        let conn = &mut db.connect();
        create::<D>(conn, 3);
        if D::POSTGRES {
            D::run(conn, "ALTER TABLE letters DROP CONSTRAINT letters_recipient_fkey");
        }
        #[derive(Insertable)]
        #[diesel(table_name = people)]
        struct New<'a> {
            id: i32,
            contact: &'a str,
            // none: the default
            score: Option<i32>,
        }
        #[derive(AsChangeset)]
        #[diesel(table_name = people)]
        struct Change<'a> {
            contact: Option<&'a str>,
            score: Option<Option<i32>>,
        }
        let all = |conn: &mut <D as Db>::Conn| {
            let rows = people::table.order(people::id).select(Person::as_select());
            rows.load::<Person>(conn).unwrap()
        };
        let mut id = 10;
        for round in 0..2 {
            for step in STEPS {
                if let Some(step) = step {
                    to!(conn, options(), step).unwrap();
                }
                // again and again the same texts on the same connection: its cache of statements knows them
                let known = Person::migration().snapshot(conn).unwrap();
                known.scope(|| {
                    id += 10;
                    let name = |n: i32| format!("p{}", id + n);
                    // by struct, with a value and with the default; by tuple; in a batch
                    let inserted = diesel::insert_into(people::table).values(&person(id)).execute(conn);
                    assert_eq!(inserted, Ok(1), "{round} {step:?}");
                    let new = New { id: id + 1, contact: &name(1), score: None };
                    assert_eq!(diesel::insert_into(people::table).values(&new).execute(conn), Ok(1));
                    let tuple = (people::id.eq(id + 2), Person::contact.eq(name(2)), Person::score.eq(Some(3)));
                    assert_eq!(diesel::insert_into(people::table).values(tuple).execute(conn), Ok(1));
                    let batch = vec![person(id + 3), person(id + 4)];
                    assert_eq!(diesel::insert_into(people::table).values(&batch).execute(conn), Ok(2));
                    // by column, by changeset, to NULL, and by the value that is there
                    let row = people::table.find(id + 1);
                    assert_eq!(diesel::update(row).set(Person::contact.eq("x")).execute(conn), Ok(1));
                    let change = Change { contact: Some(&name(1)), score: Some(None) };
                    assert_eq!(diesel::update(row).set(&change).execute(conn), Ok(1));
                    let change = Change { contact: None, score: Some(Some(2)) };
                    assert_eq!(diesel::update(row).set(&change).execute(conn), Ok(1));
                    assert_eq!(diesel::update(row).set(Person::score.eq(Some(2))).execute(conn), Ok(1));
                    assert_eq!(diesel::update(row).set(people::note.eq("noted")).execute(conn), Ok(1));
                    // by its unique index
                    let mut upserted = person(id);
                    upserted.score = Some(3);
                    let target = Person::contact.target().unwrap();
                    let upsert = diesel::insert_into(people::table)
                        .values(&upserted)
                        .on_conflict(target)
                        .do_update()
                        .set((Person::score.eq_excluded(), Person::contact.eq_excluded()));
                    assert_eq!(upsert.execute(conn), Ok(1));
                    // through the repository
                    let repository = PersonRepository::insert(conn, person(id + 5)).unwrap();
                    assert_eq!(repository, person(id + 5));
                    let mut changed = person(id + 5);
                    changed.score = Some(1);
                    assert_eq!(PersonRepository::update(conn, &changed), Ok(1));
                    assert_eq!(PersonRepository::upsert(conn, &changed), Ok(changed.clone()));
                    let found = PersonRepository::find_by_contact(conn, name(5)).unwrap();
                    assert_eq!(found, [changed.clone()]);
                    // filters and orders
                    let filtered = people::table
                        .filter(Person::contact.eq(name(2)).and(Person::score.eq(3)))
                        .order(Person::contact.desc())
                        .select((people::id, Person::contact, Person::score));
                    let found = filtered.load::<(i32, String, Option<i32>)>(conn);
                    assert_eq!(found, Ok(vec![(id + 2, name(2), Some(3))]));
                    let mut wanted = vec![upserted, person(id + 1), person(id + 2), person(id + 3), person(id + 4), changed];
                    (wanted[1].note, wanted[1].score) = (Some("noted".to_owned()), Some(2));
                    (wanted[2].note, wanted[2].score) = (None, Some(3));
                    assert_eq!(all(conn)[3..], wanted, "{round} {step:?}");
                    assert_eq!(diesel::delete(people::table.filter(people::id.ge(10))).execute(conn), Ok(6));
                });
                let status = Person::migration().status(conn).unwrap();
                assert_eq!(status.strangers, [], "{round} {step:?}");
            }
        }
        assert_eq!(all(conn), [person(1), person(2), person(3)]);
    }
}

mod early {
    crate::model!();

    /// A statement for a phase that is not there yet fails, since nothing bears the new name; it does not read the marker.
    #[test]
    fn the_new_name_shows_nothing_before_its_time() {
        use expand_contract::__private::Dialect;
        use expand_contract::Snapshot;

        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        to!(conn, options(), Step::Retire).unwrap();
        let cell = <people::table as expand_contract::Migrate>::cell();
        let early = Snapshot::new(
            cell,
            Stage::first(Phase::Contracted),
            Dialect::Postgres,
            Vec::new(),
        );
        let read = early.scope(|| people::table.select(Person::contact).load::<String>(conn));
        let error = read.expect_err("no column is called so").to_string();
        assert!(
            error.contains("contact") && error.contains("does not exist"),
            "{error}"
        );
        assert!(Postgres::fails(conn, "UPDATE people SET contact = 'new'"));
    }
}

mod table_form {
    use diesel::prelude::*;
    use expand_contract::phase::{Phase, Stage, Step};
    use expand_contract::Migrate as _;
    use tests::database::{Db, Lite, Postgres};

    use crate::options;

    #[expand_contract::migrate(
        contact(rename_from = "email", strategy = in_place, via = "people_marker"),
        id = "people"
    )]
    diesel::table! {
        people (id) {
            id -> Integer,
            contact -> Text,
        }
    }

    macro_rules! goes_through {
        ($D:ident) => {{
            let db = $D::fresh();
            let conn = &mut db.connect();
            $D::run(
                conn,
                "CREATE TABLE people (id integer PRIMARY KEY, email text NOT NULL)",
            );
            $D::run(conn, "INSERT INTO people VALUES (1, 'p1')");
            for step in [Step::Expand, Step::Contract] {
                let status = people::table::migration()
                    .options(options())
                    .advance_to(conn, step)
                    .unwrap();
                if step == Step::Contract {
                    assert_eq!(status.stage, Stage::first(Phase::Contracted));
                }
                let known = people::table::migration().snapshot(conn).unwrap();
                known.scope(|| {
                    let row = people::table.filter(people::contact.eq("p1"));
                    assert_eq!(
                        row.select(people::all_columns).load::<(i32, String)>(conn),
                        Ok(vec![(1, "p1".to_owned())])
                    );
                    let set = people::contact.eq("p2");
                    assert_eq!(diesel::update(people::table).set(set).execute(conn), Ok(1));
                    let set = people::contact.eq("p1");
                    assert_eq!(diesel::update(people::table).set(set).execute(conn), Ok(1));
                });
                if $D::POSTGRES && step == Step::Expand {
                    let marker = "SELECT people_marker FROM people";
                    assert_eq!($D::text(conn, marker).as_deref(), Some("p1"));
                }
            }
        }};
    }

    // one after the other: the process has one phase per table
    #[test]
    fn the_table_form_goes_through_the_phases() {
        goes_through!(Lite);
        goes_through!(Postgres);
    }
}

mod shadowed {
    crate::model!();

    /// There is one column: no read has anything to compare, and none raises an alarm.
    #[test]
    fn shadow_reads_compare_nothing() {
        use expand_contract::shadow::{counts, Sampling};

        let db = Postgres::fresh();
        let conn = &mut db.connect();
        create::<Postgres>(conn, 3);
        let _ = Person::migration().shadow_reads(Sampling::every(1));
        for step in [Step::Retire, Step::Contract, Step::Rollback] {
            to!(conn, options().clean_samples(1_000), step).unwrap();
            // the marker has a value, and then the column another one
            assert_eq!(PersonRepository::update(conn, &person(1)), Ok(1));
            if step == Step::Retire {
                Postgres::run(conn, "UPDATE people SET email = 'other' WHERE id = 1");
                let found = PersonRepository::find(conn, &1).unwrap();
                assert_eq!(found.unwrap().contact, "other");
                Postgres::run(conn, "UPDATE people SET email = 'p1' WHERE id = 1");
            }
            assert_eq!(PersonRepository::find(conn, &1), Ok(Some(person(1))));
            let counts = counts::<people::table>();
            assert_eq!(
                (counts.samples, counts.mismatches, counts.failures),
                (0, 0, 0)
            );
        }
    }
}

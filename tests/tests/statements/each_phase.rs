//! A scenario in every phase, one after the other on the same connection.

use diesel::connection::SimpleConnection;
use expand_contract::phase::{Phase, Stage};
use expand_contract::Snapshot;

use super::*;
use crate::support::snapshot;

pub(super) fn versions_at(phase: Phase) -> Snapshot {
    snapshot::<versions::table>(Stage::first(phase), DIALECT, &[ddl::CHECKSUM])
}

pub(super) fn contacts_at(phase: Phase) -> Snapshot {
    snapshot::<contacts::table>(Stage::first(phase), DIALECT, &["text", "text"])
}

/// Three versions: 1.0.0, 1.1.0 and 2.0.0 with `sha(1)`, `sha(2)` and `sha(3)`.
pub(super) fn with_versions(scenario: impl Fn(&mut Conn, Phase)) {
    let mut database = open();
    let conn = &mut database.conn;
    for phase in Phase::ALL {
        conn.batch_execute("DROP TABLE IF EXISTS versions; DROP TABLE IF EXISTS downloads;")
            .expect("no tables of another phase");
        conn.batch_execute(&ddl::versions(DIALECT, KEY, phase))
            .expect("the table of the phase");
        versions_at(phase).scope(|| scenario(conn, phase));
        ddl::assert_consistent(conn, DIALECT, phase, "versions");
    }
}

/// Two contacts: ann with an address and a digest, and bob without.
pub(super) fn with_contacts(scenario: impl Fn(&mut Conn, Phase)) {
    let mut database = open();
    let conn = &mut database.conn;
    for phase in Phase::ALL {
        conn.batch_execute("DROP TABLE IF EXISTS contacts;")
            .expect("no tables of another phase");
        conn.batch_execute(&ddl::contacts(DIALECT, KEY, phase))
            .expect("the table of the phase");
        contacts_at(phase).scope(|| scenario(conn, phase));
        ddl::assert_consistent(conn, DIALECT, phase, "contacts");
    }
}

/// Every version, as the code reads it.
pub(super) fn all_versions(conn: &mut Conn) -> Vec<(String, Vec<u8>)> {
    use diesel::prelude::*;
    versions::table
        .order(versions::num)
        .select((versions::num, TAR))
        .load(conn)
        .expect("the versions")
}

/// The value of one version.
pub(super) fn sha_of(conn: &mut Conn, num: &str) -> Vec<u8> {
    use diesel::prelude::*;
    versions::table
        .filter(versions::num.eq(num))
        .select(TAR)
        .get_result(conn)
        .expect("the version")
}

//! Open transactions that may act on a table, or see it as it was.

use crate::catalogue::Table;

/// The transactions of this database, other than this connection's, that hold a snapshot or have to do with a lock on the
/// table, its partitions and children, and the prepared ones with such a lock.
///
/// Every transaction holds the lock on its virtual id until it ends (manual, *pg_locks*). `backend_xmin` is set as long as
/// a session has a snapshot: in READ COMMITTED during a statement or with a cursor open, in REPEATABLE READ to the end. A
/// session that is idle outside of a transaction holds neither. Left out are those that neither read nor write rows for
/// anybody: vacuum and analyze, and the senders of replication. Who they are is asked in a way that needs no privilege:
/// `backend_type` is hidden from ordinary roles, but an autovacuum worker has no role, and the progress views show everybody
/// the pids.
pub(crate) fn sql(table: &Table) -> String {
    let database = "(SELECT oid FROM pg_database WHERE datname = current_database())";
    format!(
        "WITH RECURSIVE family (id) AS (SELECT '{}'::oid UNION \
           SELECT i.inhrelid FROM pg_inherits i JOIN family f ON i.inhparent = f.id), \
         held AS MATERIALIZED (SELECT pid, virtualtransaction, locktype, granted, transactionid, \
           locktype = 'relation' AND database = {database} AND relation IN (SELECT id FROM family) AS ours FROM pg_locks) \
         SELECT h.virtualtransaction, a.pid::text, NULL, nullif(a.application_name, ''), a.usename::text, a.state, \
           trunc(extract(epoch FROM clock_timestamp() - a.xact_start))::bigint::text, left(nullif(a.query, ''), 80) \
         FROM held h JOIN pg_stat_activity a ON a.pid = h.pid \
         WHERE h.locktype = 'virtualxid' AND h.granted AND h.pid <> pg_backend_pid() \
           AND a.datid = {database} AND a.usesysid IS NOT NULL \
           AND (a.backend_xmin IS NOT NULL OR EXISTS (SELECT FROM held o WHERE o.ours AND o.pid = h.pid)) \
           AND NOT EXISTS (SELECT FROM pg_stat_replication r WHERE r.pid = a.pid) \
           AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid) \
           AND NOT EXISTS (SELECT FROM pg_stat_progress_analyze v WHERE v.pid = a.pid) \
         UNION ALL SELECT 'prepared ' || p.transaction, NULL, p.gid, NULL, p.owner::text, NULL, \
           trunc(extract(epoch FROM clock_timestamp() - p.prepared))::bigint::text, NULL \
         FROM pg_prepared_xacts p WHERE p.database = current_database() AND EXISTS ( \
           SELECT FROM held x JOIN held o ON o.ours AND o.pid IS NULL AND o.virtualtransaction = x.virtualtransaction \
           WHERE x.locktype = 'transactionid' AND x.pid IS NULL AND x.transactionid = p.transaction)",
        table.id
    )
}

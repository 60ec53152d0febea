//! What the role may do.

use super::{flag, word};
use crate::backend::session::{Session, BIND};
use crate::catalogue::Table;
use crate::error::{Error, While};

pub(in crate::backend::postgres) fn privileges(
    s: &mut dyn Session,
    table: &Table,
    ledger: bool,
) -> Result<(), Error> {
    let sql = format!(
        "SELECT pg_has_role(current_user, c.relowner, 'USAGE')::text, quote_ident(pg_get_userbyid(c.relowner)), \
         has_schema_privilege(c.relnamespace, 'CREATE')::text, quote_ident(n.nspname), quote_ident(current_user), \
         has_database_privilege(current_database(), 'CREATE')::text, quote_ident(current_database()), \
         coalesce((SELECT pg_has_role(current_user, l.nspowner, 'USAGE') FROM pg_namespace l \
           WHERE l.nspname = 'expand_contract'), true)::text \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ({BIND}::text)::oid"
    );
    let rows = s
        .rows(&sql, &[Some(table.id.clone())])
        .during("looking at privileges")?;
    let Some(mut row) = rows.into_iter().next() else {
        return Err(Error::TableNotFound {
            table: table.name.to_string(),
        });
    };
    let refuse = |what: String, grant: String| Err(Error::Privilege { what, grant });
    let me = word(&mut row, 4);
    if !flag(&mut row, 0) {
        let owner = word(&mut row, 1);
        return refuse(
            format!("alter {}, which belongs to {owner}", table.name),
            format!("GRANT {owner} TO {me}"),
        );
    }
    if !flag(&mut row, 2) {
        let schema = word(&mut row, 3);
        return refuse(
            format!("create indexes in schema {schema}"),
            format!("GRANT CREATE ON SCHEMA {schema} TO {me}"),
        );
    }
    if !ledger && !flag(&mut row, 5) {
        let database = word(&mut row, 6);
        return refuse(
            "create the schema of the ledger".to_owned(),
            format!("GRANT CREATE ON DATABASE {database} TO {me}"),
        );
    }
    if ledger && !flag(&mut row, 7) {
        return refuse(
            "write to the ledger".to_owned(),
            format!("GRANT <owner of schema expand_contract> TO {me}"),
        );
    }
    Ok(())
}

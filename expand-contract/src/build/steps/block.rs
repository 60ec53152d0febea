//! PostgreSQL: what blocks of code are made of.

use crate::backend::rules::Rules;

/// A statement as text that a block runs: no name of the block's is looked for in it, and what returns rows needs no other
/// word.
pub(super) fn executed(sql: &str) -> String {
    let mut tag = "$sql$".to_owned();
    while sql.contains(&tag) {
        tag.insert(tag.len() - 1, '_');
    }
    format!("  EXECUTE {tag}{sql}{tag};\n")
}

/// Ends the block, and all that it did, where the condition holds.
pub(super) fn refuse_if(rules: &dyn Rules, condition: &str, message: &str) -> String {
    let message = rules.literal(message);
    format!(
        "  IF {condition} THEN\n    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE =\n      \
         {message};\n  END IF;\n"
    )
}

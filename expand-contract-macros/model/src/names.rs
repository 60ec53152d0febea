//! Names made from other names: always the same ones, in every build and in both forms of the annotation.

use syn::ext::IdentExt;
use syn::Ident;

/// The longest identifier of PostgreSQL in bytes; longer ones are cut by the server without an error.
pub const MAX_IDENTIFIER_BYTES: usize = 63;
/// The longest id: `diesel_migrations` keeps versions in a `VARCHAR(50)`.
pub const MAX_ID_CHARS: usize = 50;
/// The longest id that is made here; leaves room for a suffix.
const DEFAULT_ID_CHARS: usize = 40;
/// By this an operator recognises an intermediate column.
const VIA_SUFFIX: &str = "_expand_contract";

/// The identifier without `r#`: the name that Diesel gives to the database.
pub fn text(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// 64-bit FNV-1a: short, and the same in every version of Rust.
pub fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The id of a migration whose annotation gives none: `<table>/<column>+<column>…`, columns in alphabetical order.
///
/// Only from identifiers that the field form and the table form both know.
pub fn default_id<S: AsRef<str>>(table: &str, columns: impl IntoIterator<Item = S>) -> String {
    let mut columns: Vec<S> = columns.into_iter().collect();
    columns.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
    let columns: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
    let id = format!("{table}/{}", columns.join("+"));
    if id.chars().count() <= DEFAULT_ID_CHARS {
        return id;
    }
    let suffix = format!("-{:016x}", fnv1a(&id));
    let kept: String = id.chars().take(DEFAULT_ID_CHARS - suffix.len()).collect();
    kept + &suffix
}

/// The intermediate column of a retype that keeps its name, where the annotation gives none.
pub fn default_via(column: &str) -> String {
    let via = format!("{column}{VIA_SUFFIX}");
    if via.len() <= MAX_IDENTIFIER_BYTES {
        return via;
    }
    let suffix = format!("_{:016x}{VIA_SUFFIX}", fnv1a(column));
    let mut end = MAX_IDENTIFIER_BYTES - suffix.len();
    while !column.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &column[..end])
}

/// The table that Diesel assumes for a struct without `table_name`: `FooBar` → `foo_bars`.
pub fn inferred_table(structure: &str) -> String {
    snake_case(structure) + "s"
}

/// `FooBar` → `foo_bar`, as Diesel does it.
pub fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (i, c) in name.chars().enumerate() {
        if i > 0 && c.is_uppercase() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// The candidate that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, in which two neighbours swapped count once.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_the_published_one() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn ids_are_sorted_and_readable() {
        assert_eq!(
            default_id("versions", ["tar_sha256"]),
            "versions/tar_sha256"
        );
        assert_eq!(
            default_id("accounts", ["primary_contact", "balance"]),
            "accounts/balance+primary_contact"
        );
    }

    #[test]
    fn long_ids_are_cut_to_forty_characters_and_stay_apart() {
        let one = default_id(
            "accounts",
            ["a_very_long_column_name_of_old", "another_column"],
        );
        let other = default_id(
            "accounts",
            ["a_very_long_column_name_of_old", "another_columm"],
        );
        assert_eq!(one.chars().count(), 40);
        assert_ne!(one, other);
        assert_eq!(one, "accounts/a_very_long_co-9b2b619500a88df3");
        assert_eq!(default_id("größen", ["ü".repeat(60)]).chars().count(), 40);
    }

    #[test]
    fn via_names_fit_into_an_identifier() {
        assert_eq!(default_via("balance"), "balance_expand_contract");
        assert_eq!(default_via(&"a".repeat(47)).len(), 63);
        for column in ["a".repeat(48), "ü".repeat(31), "€".repeat(21)] {
            let via = default_via(&column);
            assert!(via.len() <= MAX_IDENTIFIER_BYTES, "{via}");
            assert!(via.ends_with(VIA_SUFFIX), "{via}");
        }
        assert_ne!(default_via(&"a".repeat(48)), default_via(&"a".repeat(49)));
    }

    #[test]
    fn tables_are_inferred_as_diesel_does() {
        assert_eq!(inferred_table("Foo"), "foos");
        assert_eq!(inferred_table("FooBarBaz"), "foo_bar_bazs");
        assert_eq!(inferred_table("Änderung"), "änderungs");
    }

    #[test]
    fn nearest_finds_slips_and_nothing_far_off() {
        let keys = ["rename_from", "retype_from", "up", "up_with"];
        assert_eq!(nearest("rename_form", keys), Some("rename_from"));
        assert_eq!(nearest("upp", keys), Some("up"));
        assert_eq!(nearest("nonsense", keys), None);
    }
}

//! Versions and names of steps, as Diesel knows them. Pure.

use std::fmt;

use diesel::migration::{MigrationName, MigrationVersion};

use super::TimelineError;
use crate::phase::place::Place;

/// What Diesel's table keeps of a version: `VARCHAR(50)`.
const LONGEST: usize = 50;

/// The name of a step: the time stamp as it was given, the step, the migration's id.
///
/// The version is made of it as Diesel makes one of a folder's name: what stands before the first `_`, without dashes. So a
/// folder of the same name has the same version, and can take the step's place when the migration is over.
///
/// Behind the time stamp stands a letter, a number and the step: `20260601120000s01expand`. It sorts behind files of the
/// same second (Diesel's CLI adds four hexadecimal digits), and in every collation, since PostgreSQL sorts the versions by
/// the database's: there are no signs in it that some collations pass over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepName {
    text: String,
    version: String,
}

impl StepName {
    pub(super) fn new(
        migration: &'static str,
        at: &str,
        place: Place,
    ) -> Result<Self, TimelineError> {
        let refused = || TimelineError::TimeStamp {
            migration,
            at: at.to_owned(),
        };
        let allowed = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase() || c == '-';
        if !at.starts_with(|c: char| c.is_ascii_digit()) || !at.chars().all(allowed) {
            return Err(refused());
        }
        let prefix = format!("{at}{}", place.tag());
        let version = prefix.replace('-', "");
        if version.len() > LONGEST {
            return Err(refused());
        }
        Ok(StepName {
            text: format!("{prefix}_{migration}"),
            version,
        })
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl MigrationName for StepName {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from(self.version.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::place::places;
    use crate::phase::{Pass, Step};

    fn names(at: &str) -> Vec<StepName> {
        places(true)
            .map(|place| StepName::new("versions.tar_sha256", at, place).expect("a time stamp"))
            .collect()
    }

    #[test]
    fn a_step_sorts_behind_the_one_before_it_and_behind_files_of_its_second() {
        let names = names("2026-06-01-120000");
        let mut versions: Vec<_> = names.iter().map(|name| name.version.as_str()).collect();
        assert_eq!(versions.len(), 12);
        assert_eq!(versions[0], "20260601120000s01expand");
        assert_eq!(versions[11], "20260601120000s12contract");
        assert!(versions.is_sorted());
        // as Diesel's CLI writes them, old and new
        versions.splice(0..0, ["20260601120000", "202606011200000000"]);
        versions.push("20260601120001");
        assert!(versions.is_sorted());
    }

    #[test]
    fn a_folder_of_the_name_has_the_version() {
        for name in names("2026-06-01-120000") {
            let folder = name.to_string();
            let version = folder.split('_').next().unwrap().replace('-', "");
            assert_eq!(version, name.version);
        }
    }

    #[test]
    fn what_diesel_would_cut_or_misplace_is_no_time_stamp() {
        let place = Place {
            pass: Pass::First,
            step: Step::Contract,
        };
        let long = "1".repeat(40);
        for wrong in [
            "",
            "-",
            "june",
            "2026_06_01",
            "2026-06-01T12",
            " 2026",
            &long,
        ] {
            let name = StepName::new("m", wrong, place);
            assert!(
                matches!(name, Err(TimelineError::TimeStamp { .. })),
                "{wrong}"
            );
        }
        let longest = "1".repeat(39);
        let name = StepName::new("m", &longest, place).expect("it fits");
        assert_eq!(name.version.len(), LONGEST);
    }
}

//! The types of comparisons with a changed column, for where a type has to be written.
//!
//! `#[diesel::dsl::auto_type]` infers Diesel's types for Diesel's methods; a comparison with a changed column is given its
//! type by hand:
//!
//! ```
//! # use expand_contract::prelude::*;
//! # use diesel::dsl::auto_type;
//! # fn main() {}
//! # #[expand_contract::migrate(tar_sha256(rename_from = "checksum"))]
//! # diesel::table! { versions (id) { id -> Integer, tar_sha256 -> Binary, } }
//! #[auto_type]
//! fn with_checksum(checksum: Vec<u8>) -> _ {
//!     let same: expand_contract::dsl::Eq<versions::tar_sha256, Vec<u8>> = versions::tar_sha256.eq(checksum);
//!     versions::table.filter(same)
//! }
//! ```

use crate::query::{
    Compared, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual, PhaseColumn, Place,
};

mod sealed {
    /// What a [`PhaseColumn`](super::PhaseColumn) is about.
    pub trait Phased {
        /// It.
        type Place: super::Place;
    }

    impl<C: super::Place> Phased for super::PhaseColumn<C> {
        type Place = C;
    }
}
use sealed::Phased;

macro_rules! types {
    ($($method:literal $name:ident = $operator:ident;)+) => {$(
        #[doc = concat!("The type of `column.", $method, "(value)`.")]
        pub type $name<Column, Value> = Compared<<Column as Phased>::Place, $operator, Value>;
    )+};
}

types! {
    "eq" Eq = Equal;
    "ne" NotEq = NotEqual;
    "lt" Lt = Less;
    "le" LtEq = LessOrEqual;
    "gt" Gt = Greater;
    "ge" GtEq = GreaterOrEqual;
}

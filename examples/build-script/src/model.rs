//! The model: one annotation says what becomes of `checksum`.

use expand_contract::prelude::*;

use crate::schema::uploads;

#[derive(Queryable, Selectable, Insertable, Migrate, Debug)]
#[diesel(table_name = uploads)]
pub(crate) struct Upload {
    pub(crate) id: i32,
    pub(crate) name: String,
    #[migrate(
        rename_from = "checksum", retype_from = Text,
        up(sqlite = "unhex(checksum)", postgres = "decode(checksum, 'hex')"),
        down(sqlite = "lower(hex(sha256))", postgres = "encode(sha256, 'hex')"),
        lossless
    )]
    pub(crate) sha256: Vec<u8>,
}

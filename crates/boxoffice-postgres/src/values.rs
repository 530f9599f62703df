//! Values for statements, each with its type, so that the server is never asked for one and nothing is prepared: what
//! a transaction pooler would not keep is never relied on.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::error::Failure;

/// A value with its type in the database.
pub(crate) type Typed<'a> = (&'a (dyn ToSql + Sync), Type);

/// A type of ours that has one of the database's.
pub(crate) trait OfType: ToSql + Sync {
    const TYPE: Type;
}

macro_rules! of_type {
    ($($ours:ty => $theirs:ident, $list:ident;)*) => {$(
        impl OfType for $ours {
            const TYPE: Type = Type::$theirs;
        }
        impl OfType for Vec<$ours> {
            const TYPE: Type = Type::$list;
        }
        impl OfType for Vec<Option<$ours>> {
            const TYPE: Type = Type::$list;
        }
        impl OfType for Option<$ours> {
            const TYPE: Type = Type::$theirs;
        }
    )*};
}

of_type! {
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    bool => BOOL, BOOL_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
    Vec<u8> => BYTEA, BYTEA_ARRAY;
}

/// A value with its type.
pub(crate) fn typed<T: OfType>(value: &T) -> Typed<'_> {
    (value, T::TYPE)
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::values::typed(&$value)),*] };
}
pub(crate) use values;

/// Asks for all rows; one round trip, without a prepared statement.
pub(crate) async fn rows(client: &Client, sql: &str, values: &[Typed<'_>]) -> Result<Vec<Row>, Failure> {
    Ok(client.query_typed(sql, values).await?)
}

/// Asks for at most one row.
pub(crate) async fn row(client: &Client, sql: &str, values: &[Typed<'_>]) -> Result<Option<Row>, Failure> {
    Ok(client.query_typed(sql, values).await?.pop())
}

/// Writes; says how many rows were.
pub(crate) async fn execute(client: &Client, sql: &str, values: &[Typed<'_>]) -> Result<u64, Failure> {
    Ok(client.execute_typed(sql, values).await?)
}

/// Reads a column.
pub(crate) fn get<'r, T: tokio_postgres::types::FromSql<'r>>(
    row: &'r Row,
    column: usize,
) -> Result<T, Failure> {
    row.try_get(column).map_err(|error| Failure::Damaged(crate::error::words(&error)))
}

/// Reads a column that is never negative.
pub(crate) fn number(row: &Row, column: usize) -> Result<u64, Failure> {
    let value: i64 = get(row, column)?;
    u64::try_from(value).map_err(|_| Failure::Damaged(format!("{value} should not be negative")))
}

/// Reads a column of exactly so many bytes.
pub(crate) fn bytes<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], Failure> {
    let value: &[u8] = get(row, column)?;
    value.try_into().map_err(|_| Failure::Damaged(format!("{} bytes where {N} should be", value.len())))
}

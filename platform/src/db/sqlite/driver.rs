//! The driver by which `sqlx::Any` opens them. Nothing reaches them but through `Any`, so what else a driver has to have is never
//! made: it is of a type that has no value.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use log::LevelFilter;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{
    Arguments, Column, ColumnIndex, ConnectOptions, Connection, Database, Either, Encode, Error, Row, SqlStr,
    Statement, Transaction, Type, TypeInfo, Value, ValueRef,
};
use sqlx_core::Url;
use sqlx_core::any::driver::AnyDriver;
use sqlx_core::any::{AnyConnectOptions, AnyConnectionBackend};
use sqlx_core::error::BoxDynError;
use sqlx_core::transaction::TransactionManager;

use super::{InPlace, LIMIT, Use};

/// How the address of a file begins that is opened for reading.
pub(in crate::db) const READER: &str = "sqlite-reader";
/// How the address of a file begins that is opened for writing, from a thread that does nothing else.
pub(in crate::db) const WRITER: &str = "sqlite-writer";
/// The driver.
pub(in crate::db) const DRIVER: AnyDriver = AnyDriver::without_migrate::<Guarded>();

/// SQLite in place.
#[derive(Debug)]
pub(in crate::db) struct Guarded;

impl Database for Guarded {
    type Connection = InPlace;
    type TransactionManager = Transactions;
    type Row = Never;
    type QueryResult = ();
    type Column = Never;
    type TypeInfo = Never;
    type Value = Never;
    type ValueRef<'r> = Never;
    type Arguments = Nothing;
    type ArgumentBuffer = ();
    type Statement = Never;

    const NAME: &'static str = "SQLite";
    const URL_SCHEMES: &'static [&'static str] = &[READER, WRITER];
}

/// How a file is opened.
#[derive(Debug, Clone)]
pub(in crate::db) struct FileOptions {
    file: SqliteConnectOptions,
    used_for: Use,
}

impl FromStr for FileOptions {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let (rest, used_for) = match url.strip_prefix(WRITER) {
            Some(rest) => (rest, Use::Writing),
            None => (url.strip_prefix(READER).unwrap_or(url), Use::Reading),
        };
        format!("sqlite{rest}").parse().map(|file| Self { file, used_for })
    }
}

impl TryFrom<&AnyConnectOptions> for FileOptions {
    type Error = Error;

    fn try_from(options: &AnyConnectOptions) -> Result<Self, Error> {
        Self::from_url(&options.database_url)
    }
}

impl ConnectOptions for FileOptions {
    type Connection = InPlace;

    fn from_url(url: &Url) -> Result<Self, Error> {
        url.as_str().parse()
    }

    async fn connect(&self) -> Result<InPlace, Error> {
        InPlace::open(self.file.get_filename(), self.used_for, LIMIT)
    }

    fn log_statements(self, level: LevelFilter) -> Self {
        Self { file: self.file.log_statements(level), ..self }
    }

    fn log_slow_statements(self, level: LevelFilter, duration: Duration) -> Self {
        Self { file: self.file.log_slow_statements(level, duration), ..self }
    }
}

impl Connection for InPlace {
    type Database = Guarded;
    type Options = FileOptions;

    async fn close(self) -> Result<(), Error> {
        AnyConnectionBackend::close(Box::new(self)).await
    }

    async fn close_hard(self) -> Result<(), Error> {
        AnyConnectionBackend::close_hard(Box::new(self)).await
    }

    async fn ping(&mut self) -> Result<(), Error> {
        AnyConnectionBackend::ping(self).await
    }

    fn begin(&mut self) -> impl Future<Output = Result<Transaction<'_, Guarded>, Error>> + Send + '_ {
        Transaction::begin(self, None)
    }

    fn shrink_buffers(&mut self) {
        AnyConnectionBackend::shrink_buffers(self);
    }

    async fn flush(&mut self) -> Result<(), Error> {
        AnyConnectionBackend::flush(self).await
    }

    fn should_flush(&self) -> bool {
        AnyConnectionBackend::should_flush(self)
    }
}

/// Transactions are those of the connection beneath.
#[derive(Debug)]
pub(in crate::db) struct Transactions;

impl TransactionManager for Transactions {
    type Database = Guarded;

    async fn begin(reader: &mut InPlace, statement: Option<SqlStr>) -> Result<(), Error> {
        AnyConnectionBackend::begin(reader, statement).await
    }

    async fn commit(reader: &mut InPlace) -> Result<(), Error> {
        AnyConnectionBackend::commit(reader).await
    }

    async fn rollback(reader: &mut InPlace) -> Result<(), Error> {
        AnyConnectionBackend::rollback(reader).await
    }

    fn start_rollback(reader: &mut InPlace) {
        AnyConnectionBackend::start_rollback(reader);
    }

    fn get_transaction_depth(reader: &InPlace) -> usize {
        AnyConnectionBackend::get_transaction_depth(reader)
    }
}

/// Arguments that nothing can be added to.
#[derive(Debug, Default)]
pub(in crate::db) struct Nothing;

impl Arguments for Nothing {
    type Database = Guarded;

    fn reserve(&mut self, _additional: usize, _size: usize) {}

    fn add<'t, T>(&mut self, _value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'t, Guarded> + Type<Guarded>,
    {
        Err("they are asked through Any".into())
    }

    fn len(&self) -> usize {
        0
    }
}

/// What is never made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db) enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl Row for Never {
    type Database = Guarded;

    fn columns(&self) -> &[Never] {
        match *self {}
    }

    fn try_get_raw<I>(&self, _index: I) -> Result<Never, Error>
    where
        I: ColumnIndex<Self>,
    {
        match *self {}
    }
}

impl Column for Never {
    type Database = Guarded;

    fn ordinal(&self) -> usize {
        match *self {}
    }

    fn name(&self) -> &str {
        match *self {}
    }

    fn type_info(&self) -> &Never {
        match *self {}
    }
}

impl TypeInfo for Never {
    fn is_null(&self) -> bool {
        match *self {}
    }

    fn name(&self) -> &str {
        match *self {}
    }
}

impl Value for Never {
    type Database = Guarded;

    fn as_ref(&self) -> Never {
        match *self {}
    }

    fn type_info(&self) -> Cow<'_, Never> {
        match *self {}
    }

    fn is_null(&self) -> bool {
        match *self {}
    }
}

impl ValueRef<'_> for Never {
    type Database = Guarded;

    fn to_owned(&self) -> Never {
        match *self {}
    }

    fn type_info(&self) -> Cow<'_, Never> {
        match *self {}
    }

    fn is_null(&self) -> bool {
        match *self {}
    }
}

impl Statement for Never {
    type Database = Guarded;

    fn into_sql(self) -> SqlStr {
        match self {}
    }

    fn sql(&self) -> &SqlStr {
        match *self {}
    }

    fn parameters(&self) -> Option<Either<&[Never], usize>> {
        match *self {}
    }

    fn columns(&self) -> &[Never] {
        match *self {}
    }

    sqlx_core::impl_statement_query!(Nothing);
}

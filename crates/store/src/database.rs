//! The SQL database: SQLite in a file by default, PostgreSQL where one is named.
//!
//! Both are spoken to in the same SQL (numbered parameters, upserts by `ON CONFLICT`), so there is
//! one set of statements. Nothing here is the truth about calls and agents: the journal is, and the
//! projections are rebuilt from it. Bindings and draws are kept here alone.

use std::fmt;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use model::TenantId;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool};

use crate::Position;

/// The most connections at once.
const CONNECTIONS: u32 = 4;

/// How long a statement waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// What went wrong with the database. The text says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum DatabaseError {
    /// It cannot be opened.
    Open {
        /// Its URL without a password.
        url: String,
        /// What it said.
        error: sqlx::Error,
    },
    /// Its tables cannot be brought to what this version needs.
    Migrate(sqlx::migrate::MigrateError),
    /// It refused a statement.
    Statement(sqlx::Error),
    /// A row cannot be read: somebody else has written to it.
    Row(String),
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { url, error } => write!(
                out,
                "cannot open the database {url}: {error}: check that it runs, that its folder is \
                 there and writable, and the URL"
            ),
            Self::Migrate(error) => write!(
                out,
                "cannot bring the database's tables to this version: {error}: where an older \
                 program is started on a newer database, start the newer one"
            ),
            Self::Statement(error) => write!(out, "the database refused: {error}"),
            Self::Row(error) => write!(
                out,
                "a row in the database cannot be read: {error}: rebuild the projections"
            ),
        }
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { error, .. } | Self::Statement(error) => Some(error),
            Self::Migrate(error) => Some(error),
            Self::Row(_) => None,
        }
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(error)
    }
}

/// One tenant's view of the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) pool: AnyPool,
    pub(crate) tenant: TenantId,
}

impl Database {
    /// Opens the database at `url` (`sqlite:///var/lib/hotline/hotline.db?mode=rwc`,
    /// `postgres://user:password@host/name`) and brings its tables to this version.
    ///
    /// # Errors
    /// When it cannot be opened or its tables cannot be changed.
    pub async fn open(url: &str, tenant: &TenantId) -> Result<Self, DatabaseError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let options = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
        let options = options.after_connect(|connection, _| Box::pin(prepare(connection)));
        let pool = options.connect(url).await;
        let pool =
            pool.map_err(|error| DatabaseError::Open { url: without_password(url), error })?;
        sqlx::migrate!("./migrations").run(&pool).await.map_err(DatabaseError::Migrate)?;
        Ok(Self { pool, tenant: tenant.clone() })
    }

    /// Opens, or makes, the SQLite database in the file at `path`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn sqlite(path: &Path, tenant: &TenantId) -> Result<Self, DatabaseError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        // It holds customers' numbers, so nobody else may read it. SQLite gives the files beside it
        // the same mode; where it cannot be made, opening says why.
        let mut options = std::fs::OpenOptions::new();
        let _ = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let path = path.to_string_lossy();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        let encode = |byte: u8| {
            if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        };
        let path: String = path.bytes().map(encode).collect();
        Self::open(&format!("sqlite://{path}?mode=rwc"), tenant).await
    }

    /// Ends all connections, in order.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The last event that the projections hold; `None` when they are empty.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn mark(&self) -> Result<Option<Position>, DatabaseError> {
        let query = sqlx::query_as::<_, (i64, i64)>(
            "SELECT epoch, seq FROM projection_mark WHERE tenant = $1",
        );
        let row = query.bind(self.tenant.to_string()).fetch_optional(&self.pool).await?;
        let position = row.and_then(|(epoch, seq)| {
            let epoch = model::Epoch::new(u32::try_from(epoch).ok()?);
            Some(Position { epoch, seq: u64::try_from(seq).ok()? })
        });
        Ok(position)
    }

    /// Empties this tenant's projections, so that a projector started after it makes them anew
    /// from the journal. No projector may be running.
    ///
    /// # Errors
    /// When the database refuses; nothing is changed then.
    pub async fn rebuild(&self) -> Result<(), DatabaseError> {
        let mut transaction = self.pool.begin().await?;
        for statement in [
            "DELETE FROM projection_mark WHERE tenant = $1",
            "DELETE FROM calls WHERE tenant = $1",
            "DELETE FROM segments WHERE tenant = $1",
            "DELETE FROM agent_states WHERE tenant = $1",
            "DELETE FROM recordings WHERE tenant = $1",
        ] {
            let query = sqlx::query(statement).bind(self.tenant.to_string());
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// SQLite's readers must not wait for its writer, and a commit need not wait for the disk: after a
/// power cut the projections go on from their mark.
async fn prepare(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    if connection.backend_name() == "SQLite" {
        sqlx::query("PRAGMA journal_mode = WAL").execute(&mut *connection).await?;
        sqlx::query("PRAGMA synchronous = NORMAL").execute(&mut *connection).await?;
    }
    Ok(())
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://…@{place}"),
        None => url.into(),
    }
}

/// A number for SQL, which knows none above 2⁶³.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

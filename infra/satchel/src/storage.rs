//! The store in the data folder: how it is opened, what it has to say, how it is, and its repair.

use std::{path::Path, sync::Arc};

use satchel_core::{config::ConfigError, outcome::REASON};
use satchel_folder::{Notice, OpenError, Rebuilt, Store, StoreError, StoreOptions, Trouble, rebuild};
use satchel_telemetry::{clock::Clock, level::Level, line::Line};
use tokio::runtime::Handle;

use crate::{
    data_folder::DataFolderError,
    health::{Check, Condition, Health},
    journal::Sink,
    keys,
    lifecycle::{Template, TemplateError},
    notices::notice,
    settings::{STORE, Settings},
    terminal::LogFormat,
};

/// Why the files in the data folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The folder that they are in cannot be used.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// The store in it cannot be opened.
    #[error("the files in the data folder cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// The bucket cannot be made, or read.
    #[error("the bucket cannot be set up: {0}")]
    Bucket(#[from] StoreError),
    /// The lifecycle rules of the template cannot be followed.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// How the store is opened: with the functions' clock, and with `lines` for what it has to say.
pub(crate) fn options(settings: &Settings, clock: &Clock, lines: Sink) -> Result<StoreOptions, ConfigError> {
    let clock = clock.clone();
    Ok(StoreOptions {
        clock: Arc::new(move || clock.milliseconds()),
        listener: Arc::new(move |notice| lines.write(&line_of(notice))),
        floor: settings.limits()?.min_free_bytes(),
        ..StoreOptions::default()
    })
}

/// Opens the files, and gives the bucket the template's lifecycle rules.
pub(crate) async fn open(data: &Path, settings: &Settings, options: StoreOptions) -> Result<Store, FilesError> {
    let rules = Template::own()?.rules(|name| settings.given(name))?;
    let folder = data.join(STORE);
    keys::create_folder(&folder).map_err(|cause| DataFolderError { folder: folder.clone(), cause })?;
    let store = Store::open_with(&folder, options).await?;
    store.create_bucket(settings.get("SATCHEL_BUCKET")).await?;
    store.set_lifecycle(settings.get("SATCHEL_BUCKET"), &rules).await?;
    Ok(store)
}

fn line_of(said: &Notice) -> Line {
    let level = match said {
        Notice::Trouble { .. } | Notice::Damaged { .. } | Notice::LogGone => Level::Error,
        said if said.is_good() => Level::Info,
        _ => Level::Warn,
    };
    notice(level, said.code(), [(REASON, said.to_string().into())])
}

/// The store's own check.
pub(crate) fn check(store: &Store) -> Check {
    let (store, runtime) = (store.clone(), Handle::current());
    Check::new(move || {
        let satchel_folder::Health { free, trouble, .. } = runtime.block_on(store.health());
        let condition = match trouble {
            None => Condition::Ok,
            Some((Trouble::Full, _)) => Condition::Full,
            Some((Trouble::ReadOnly, _)) => Condition::ReadOnly,
            Some((Trouble::FolderGone, _)) => Condition::Removed,
            Some((Trouble::Failing, cause)) => Condition::Failing(cause),
        };
        Health { free_bytes: free, condition }
    })
}

/// `satchel repair`: makes the index again from what of it can be read and from the files.
///
/// # Errors
/// The folder is in use, is not there, or cannot be read or written.
pub(crate) async fn repair(data: &Path, format: LogFormat) -> Result<bool, FilesError> {
    let Rebuilt { kept, restored, restored_bytes, unreadable, old_index } = rebuild(&data.join(STORE)).await?;
    let mut text = format!("{kept} files were in the index, {restored} were put back ({restored_bytes} bytes).");
    if unreadable > 0 {
        text += &format!(
            "\n{unreadable} files on disk do not say what they are any more; the next start moves them to the quarantine."
        );
    }
    if let Some(old) = &old_index {
        text += &format!("\nThe old index could not be kept; it is now {}.", old.display());
    }
    let fields = [
        ("kept", kept.into()),
        ("restored", restored.into()),
        ("restored_bytes", restored_bytes.into()),
        ("unreadable", unreadable.into()),
        ("old_index", old_index.map(|old| old.display().to_string()).into()),
    ];
    format.announce("repaired", &text, fields);
    Ok(true)
}

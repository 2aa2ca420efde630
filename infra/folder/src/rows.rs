//! The rows of the index: written with a checksum each, and refused where it does not fit. SQLite itself does not notice
//! a byte that the disk has changed within a row.

use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::address::Address;
use crate::error::StoreError;
use crate::record::{BucketRecord, ObjectHead, ObjectRecord, PartRecord, Place, Segment};

/// The rows, as a connection or its transaction sees them.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'c>(pub &'c Connection);

/// Bytes that SQLite compares as text: keys are UTF-8, what a listing seeks need not be.
pub(crate) struct Text<'a>(pub &'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// An object as it stands in the index.
pub(crate) struct Stored {
    pub row: i64,
    pub record: ObjectRecord,
}

/// The checksum of a row's fields.
pub(crate) fn sum(fields: &[&str]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    for field in fields {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field.as_bytes());
    }
    i64::from(hasher.finalize())
}

/// SQLite counts with signs.
pub(crate) fn rows_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Reads what `encode` wrote, if it is that still.
pub(crate) fn decode<T: DeserializeOwned>(json: &str, found: i64, fields: &[&str]) -> Option<T> {
    (sum(fields) == found).then(|| serde_json::from_str(json).ok()).flatten()
}

pub(crate) fn encode<T: Serialize>(record: &T) -> Result<String, StoreError> {
    Ok(serde_json::to_string(record).map_err(std::io::Error::other)?)
}

pub(crate) fn damaged(what: String) -> StoreError {
    StoreError::Damaged { what, cause: "its row in the index is not as it was written".into() }
}

/// The text of a column; what is not UTF-8 any more does not fit its checksum either.
pub(crate) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes_or_null().map_err(rusqlite::Error::from)?;
    Ok(String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned())
}

impl Rows<'_> {
    pub(crate) fn set(&self, name: &str, value: &dyn ToSql) -> rusqlite::Result<()> {
        self.0.prepare_cached("REPLACE INTO store (name, value) VALUES (?1, ?2)")?.execute(params![name, value])?;
        Ok(())
    }

    pub(crate) fn get<T: rusqlite::types::FromSql>(&self, name: &str) -> rusqlite::Result<Option<T>> {
        let mut statement = self.0.prepare_cached("SELECT value FROM store WHERE name = ?1")?;
        statement.query_row([name], |row| row.get(0)).optional()
    }

    pub(crate) fn bucket(&self, name: &str) -> Result<Option<BucketRecord>, StoreError> {
        let mut statement = self.0.prepare_cached("SELECT record, sum FROM buckets WHERE name = ?1")?;
        let found = statement.query_row([name], |row| Ok((text(row, 0)?, row.get(1)?))).optional()?;
        let Some((json, sum)) = found else { return Ok(None) };
        decode(&json, sum, &[name, &json]).map(Some).ok_or_else(|| damaged(format!("the bucket {name}")))
    }

    pub(crate) fn has_bucket(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.0.prepare_cached("SELECT 1 FROM buckets WHERE name = ?1")?.exists([name])?)
    }

    pub(crate) fn put_bucket(&self, name: &str, record: &BucketRecord) -> Result<(), StoreError> {
        let json = encode(record)?;
        let mut statement = self.0.prepare_cached("REPLACE INTO buckets (name, record, sum) VALUES (?1, ?2, ?3)")?;
        statement.execute(params![name, json, sum(&[name, &json])])?;
        Ok(())
    }

    pub(crate) fn remove_bucket(&self, name: &str) -> Result<(), StoreError> {
        self.0.prepare_cached("DELETE FROM buckets WHERE name = ?1")?.execute([name])?;
        Ok(())
    }

    /// All buckets, by name.
    pub(crate) fn buckets(&self) -> Result<Vec<(String, BucketRecord)>, StoreError> {
        let mut statement = self.0.prepare_cached("SELECT name FROM buckets ORDER BY name")?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let record = |name: String| Ok(self.bucket(&name)?.map(|record| (name, record)));
        names.into_iter().filter_map(|name| record(name).transpose()).collect()
    }

    pub(crate) fn object(&self, at: &Address) -> Result<Option<Stored>, StoreError> {
        let query = "SELECT id, head, sum, files, files_sum FROM objects WHERE bucket = ?1 AND key = ?2";
        let mut statement = self.0.prepare_cached(query)?;
        let read = |row: &Row<'_>| {
            let files = if row.get_ref(3)? == ValueRef::Null { None } else { Some(text(row, 3)?) };
            Ok((row.get(0)?, text(row, 1)?, row.get(2)?, files, row.get(4)?))
        };
        let found = statement.query_row([&at.bucket, &at.key], read).optional()?;
        let Some((row, head, sum, files, files_sum)) = found else { return Ok(None) };
        let files: Option<String> = files;
        let record = decode::<ObjectHead>(&head, sum, &[&at.bucket, &at.key, &head]).and_then(|head| {
            let place = match &files {
                None => (files_sum == 0).then_some(Place::Inside)?,
                Some(json) => Place::Files(decode(json, files_sum, &[&at.bucket, &at.key, json])?),
            };
            Some(ObjectRecord { head, place })
        });
        record.map(|record| Some(Stored { row, record })).ok_or_else(|| damaged(at.to_string()))
    }

    /// The head of an object, without where its bytes are.
    pub(crate) fn head(&self, at: &Address) -> Result<Option<ObjectHead>, StoreError> {
        let mut statement = self.0.prepare_cached("SELECT head, sum FROM objects WHERE bucket = ?1 AND key = ?2")?;
        let found = statement.query_row([&at.bucket, &at.key], |row| Ok((text(row, 0)?, row.get(1)?))).optional()?;
        let Some((json, sum)) = found else { return Ok(None) };
        let head = decode(&json, sum, &[&at.bucket, &at.key, &json]);
        head.map(Some).ok_or_else(|| damaged(at.to_string()))
    }

    /// The bytes of an object that are in the index.
    pub(crate) fn body(&self, stored: &Stored) -> Result<Bytes, StoreError> {
        if stored.record.head.size == 0 {
            return Ok(Bytes::new());
        }
        let mut statement = self.0.prepare_cached("SELECT body FROM bodies WHERE object = ?1")?;
        let body = statement.query_row([stored.row], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        Ok(body.unwrap_or_default().into())
    }

    pub(crate) fn put_object(
        &self,
        at: &Address,
        record: &ObjectRecord,
        body: Option<&Bytes>,
        present: Option<&Stored>,
    ) -> Result<(), StoreError> {
        if let Some(present) = present {
            self.remove_object(present)?;
        }
        let head = encode(&record.head)?;
        let (files, files_sum) = match &record.place {
            Place::Inside => (None, 0),
            Place::Files(segments) => {
                let json = encode::<Vec<Segment>>(segments)?;
                let sum = sum(&[&at.bucket, &at.key, &json]);
                (Some(json), sum)
            }
        };
        let insert = "INSERT INTO objects (bucket, key, head, sum, files, files_sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let sum = sum(&[&at.bucket, &at.key, &head]);
        self.0.prepare_cached(insert)?.execute(params![at.bucket, at.key, head, sum, files, files_sum])?;
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            let row = self.0.last_insert_rowid();
            let mut statement = self.0.prepare_cached("REPLACE INTO bodies (object, body) VALUES (?1, ?2)")?;
            statement.execute(params![row, &body[..]])?;
        }
        Ok(())
    }

    pub(crate) fn remove_object(&self, stored: &Stored) -> Result<(), StoreError> {
        self.0.prepare_cached("DELETE FROM objects WHERE id = ?1")?.execute([stored.row])?;
        if stored.record.place == Place::Inside {
            self.0.prepare_cached("DELETE FROM bodies WHERE object = ?1")?.execute([stored.row])?;
        }
        Ok(())
    }

    /// Removes an object whose row cannot be read, with what of it is in the index.
    pub(crate) fn remove_damaged(&self, at: &Address) -> Result<bool, StoreError> {
        let find = "SELECT id FROM objects WHERE bucket = ?1 AND key = ?2";
        let row = self.0.prepare_cached(find)?.query_row([&at.bucket, &at.key], |row| row.get::<_, i64>(0));
        let Some(row) = row.optional()? else { return Ok(false) };
        self.0.prepare_cached("DELETE FROM objects WHERE id = ?1")?.execute([row])?;
        self.0.prepare_cached("DELETE FROM bodies WHERE object = ?1")?.execute([row])?;
        Ok(true)
    }

    /// Up to `limit` objects of a bucket from a key on, in the order of their keys' bytes. `None`: damaged.
    pub(crate) fn objects_from(
        &self,
        bucket: &str,
        start: &[u8],
        inclusive: bool,
        limit: usize,
    ) -> Result<Vec<(String, Option<ObjectHead>)>, StoreError> {
        let query = if inclusive {
            "SELECT key, head, sum FROM objects WHERE bucket = ?1 AND key >= ?2 ORDER BY key LIMIT ?3"
        } else {
            "SELECT key, head, sum FROM objects WHERE bucket = ?1 AND key > ?2 ORDER BY key LIMIT ?3"
        };
        let mut statement = self.0.prepare_cached(query)?;
        let rows = statement.query_map(params![bucket, Text(start), rows_limit(limit)], |row| {
            let (key, head) = (text(row, 0)?, text(row, 1)?);
            let head = decode(&head, row.get(2)?, &[bucket, &key, &head]);
            Ok((key, head))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn has_objects_or_uploads(&self, bucket: &str) -> Result<bool, StoreError> {
        let objects = self.0.prepare_cached("SELECT 1 FROM objects WHERE bucket = ?1 LIMIT 1")?.exists([bucket])?;
        Ok(objects || self.0.prepare_cached("SELECT 1 FROM uploads WHERE bucket = ?1 LIMIT 1")?.exists([bucket])?)
    }

    /// Shows every file that the index names. On the word of a damaged row nothing may be taken for unknown.
    pub(crate) fn each_file(&self, mut visit: impl FnMut(Segment)) -> Result<(), StoreError> {
        let mut objects =
            self.0.prepare("SELECT bucket, key, files, files_sum FROM objects WHERE files IS NOT NULL")?;
        let mut rows = objects.query([])?;
        while let Some(row) = rows.next()? {
            let (bucket, key, json) = (text(row, 0)?, text(row, 1)?, text(row, 2)?);
            let segments: Option<Vec<Segment>> = decode(&json, row.get(3)?, &[&bucket, &key, &json]);
            segments.ok_or_else(|| damaged(format!("{bucket}/{key}")))?.into_iter().for_each(&mut visit);
        }
        let mut parts = self.0.prepare("SELECT upload, number, record, sum FROM parts")?;
        let mut rows = parts.query([])?;
        while let Some(row) = rows.next()? {
            let (upload, number, json) = (text(row, 0)?, row.get::<_, u32>(1)?, text(row, 2)?);
            let part: Option<PartRecord> = decode(&json, row.get(3)?, &[&upload, &number.to_string(), &json]);
            part.ok_or_else(|| damaged(format!("part {number} of an upload")))?
                .segments
                .into_iter()
                .for_each(&mut visit);
        }
        Ok(())
    }
}

//! The rows of multipart uploads and their parts.

use rusqlite::{OptionalExtension, params};

use crate::address::{Address, UploadAddress};
use crate::error::StoreError;
use crate::record::{PartRecord, UploadRecord};
use crate::rows::{Rows, Text, damaged, decode, encode, rows_limit, sum, text};

impl Rows<'_> {
    pub(crate) fn upload(&self, at: &UploadAddress) -> Result<Option<UploadRecord>, StoreError> {
        let UploadAddress { object: Address { bucket, key }, id } = at;
        let query = "SELECT record, sum FROM uploads WHERE bucket = ?1 AND key = ?2 AND id = ?3";
        let mut statement = self.0.prepare_cached(query)?;
        let found = statement.query_row([bucket, key, id], |row| Ok((text(row, 0)?, row.get(1)?))).optional()?;
        let Some((json, sum)) = found else { return Ok(None) };
        let record = decode(&json, sum, &[bucket, key, id, &json]);
        record.map(Some).ok_or_else(|| damaged(format!("the upload of {}", at.object)))
    }

    pub(crate) fn put_upload(&self, at: &UploadAddress, record: &UploadRecord) -> Result<(), StoreError> {
        let UploadAddress { object: Address { bucket, key }, id } = at;
        let json = encode(record)?;
        let insert = "REPLACE INTO uploads (bucket, key, id, record, sum) VALUES (?1, ?2, ?3, ?4, ?5)";
        let sum = sum(&[bucket, key, id, &json]);
        self.0.prepare_cached(insert)?.execute(params![bucket, key, id, json, sum])?;
        Ok(())
    }

    /// Forgets an upload and its parts, not their files.
    pub(crate) fn remove_upload(&self, at: &UploadAddress) -> Result<(), StoreError> {
        let delete = "DELETE FROM uploads WHERE bucket = ?1 AND key = ?2 AND id = ?3";
        self.0.prepare_cached(delete)?.execute([&at.object.bucket, &at.object.key, &at.id])?;
        self.0.prepare_cached("DELETE FROM parts WHERE upload = ?1")?.execute([&at.id])?;
        Ok(())
    }

    /// The uploads under way at an address, by id. `None`: damaged.
    pub(crate) fn uploads_at(&self, at: &Address) -> Result<Vec<(String, Option<UploadRecord>)>, StoreError> {
        let query = "SELECT id, record, sum FROM uploads WHERE bucket = ?1 AND key = ?2 ORDER BY id";
        let mut statement = self.0.prepare_cached(query)?;
        let rows = statement.query_map([&at.bucket, &at.key], |row| {
            let (id, record) = (text(row, 0)?, text(row, 1)?);
            let record = decode(&record, row.get(2)?, &[&at.bucket, &at.key, &id, &record]);
            Ok((id, record))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to `limit` uploads under way after a key and id, in order. `None`: damaged.
    pub(crate) fn uploads_from(
        &self,
        bucket: &str,
        (key, id): (&[u8], &str),
        inclusive: bool,
        limit: usize,
    ) -> Result<Vec<(String, String, Option<UploadRecord>)>, StoreError> {
        let query = if inclusive {
            "SELECT key, id, record, sum FROM uploads WHERE bucket = ?1 AND key >= ?2 AND ?3 = ?3 ORDER BY key, id LIMIT ?4"
        } else {
            "SELECT key, id, record, sum FROM uploads WHERE bucket = ?1 AND (key, id) > (?2, ?3) ORDER BY key, id LIMIT ?4"
        };
        let mut statement = self.0.prepare_cached(query)?;
        let rows = statement.query_map(params![bucket, Text(key), id, rows_limit(limit)], |row| {
            let (key, id, record) = (text(row, 0)?, text(row, 1)?, text(row, 2)?);
            let record = decode(&record, row.get(3)?, &[bucket, &key, &id, &record]);
            Ok((key, id, record))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn put_part(&self, upload: &str, number: u32, record: &PartRecord) -> Result<(), StoreError> {
        let json = encode(record)?;
        let insert = "REPLACE INTO parts (upload, number, record, sum) VALUES (?1, ?2, ?3, ?4)";
        let sum = sum(&[upload, &number.to_string(), &json]);
        self.0.prepare_cached(insert)?.execute(params![upload, number, json, sum])?;
        Ok(())
    }

    /// Up to `limit` parts of an upload with numbers above `after`, by number.
    pub(crate) fn parts(&self, upload: &str, after: u32, limit: usize) -> Result<Vec<(u32, PartRecord)>, StoreError> {
        let query = "SELECT number, record, sum FROM parts WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
        let mut statement = self.0.prepare_cached(query)?;
        let mut rows = statement.query(params![upload, after, rows_limit(limit)])?;
        let mut parts = Vec::new();
        while let Some(row) = rows.next()? {
            let (number, json): (u32, String) = (row.get(0)?, text(row, 1)?);
            let part = decode(&json, row.get(2)?, &[upload, &number.to_string(), &json]);
            parts.push((number, part.ok_or_else(|| damaged(format!("part {number} of an upload")))?));
        }
        Ok(parts)
    }
}

-- Prosody 0.12 and later: uploads go to Satchel, slots come from Prosody's own mod_http_file_share.
-- Paste this at the end of prosody.cfg.lua, replace example.com, the URL and the secret, restart Prosody (a
-- reload starts no component). Clients find the host by itself if it is below the domain of your users.

Component "upload.example.com" "http_file_share"
	-- Where Satchel answers: SATCHEL_PUBLIC_URL, WITHOUT a slash at the end.
	http_file_share_base_url = "https://files.example.com/upload"

	-- The first line of SATCHEL_UPLOAD_SECRETS, exactly as it is there (it is not decoded).
	http_file_share_secret = "PASTE-THE-SECRET-HERE"

	-- Bytes. Clients read it in service discovery; Prosody's default is 10 MiB. At most SATCHEL_MAX_SIZE, and at most
	-- about 4.5 MiB (4500000) where API Gateway is the only way in and nothing in front of it streams to S3. Encrypted files
	-- (XEP-0454) carry a tag of 16 bytes: add those to what people are promised.
	http_file_share_size_limit = 100 * 1024 * 1024 + 16

	-- Bytes a user may ask slots for in a day. Prosody counts requests, not stored files; its default is ten times the limit.
	http_file_share_daily_quota = 1000 * 1024 * 1024

	-- Seconds until a file may be deleted: it travels in the token, Satchel keeps to it. -1: no expiry of its own, only
	-- the bucket's (SATCHEL_RETENTION_DAYS). Without this line each file is gone after Prosody's default, a week.
	http_file_share_expires_after = 31 * 24 * 60 * 60

	-- Prosody notes each slot that it gives, for the daily quota, and with a base URL it never forgets one. Its default storage
	-- takes 10,000 of them; after that every request fails (undefined-condition). SQL has no such limit: Debian's package
	-- lua-dbi-sqlite3, and data_path/prosody.sqlite without an "sql" option of yours. Moving there forgets the quotas of the day,
	-- nothing else. What is older than a day counts no more; a cron job of the user prosody deletes it:
	--   17 4 * * * sqlite3 /var/lib/prosody/prosody.sqlite "DELETE FROM prosodyarchive WHERE store = 'uploads' AND [when] < unixepoch() - 172800"
	storage = { uploads = "sql" }

	-- Leave http_file_share_global_quota out: with an external base URL Prosody never learns that a file is gone, so its
	-- total only grows. http_file_share_safe_file_types has no effect here either: SATCHEL_SAFE_TYPES decides.

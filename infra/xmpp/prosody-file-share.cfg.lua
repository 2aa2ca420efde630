-- Prosody 0.12 and later: uploads go to Satchel, slots come from Prosody's own mod_http_file_share.
-- Paste this at the end of prosody.cfg.lua, replace example.com, the URL and the secret, reload Prosody.

Component "upload.example.com" "http_file_share"
	-- Where Satchel answers: SATCHEL_PUBLIC_URL, WITHOUT a slash at the end.
	http_file_share_base_url = "https://files.example.com/upload"

	-- The first line of SATCHEL_UPLOAD_SECRETS, exactly as it is there (it is not decoded).
	http_file_share_secret = "PASTE-THE-SECRET-HERE"

	-- Bytes. Clients read it in service discovery; Prosody's default is 10 MiB. At most SATCHEL_MAX_SIZE, and at most
	-- about 4.5 MiB (4500000) where API Gateway is the only way in and nothing in front of it streams to S3.
	http_file_share_size_limit = 100 * 1024 * 1024

	-- Bytes a user may ask slots for in a day. Prosody counts requests, not stored files; its default is ten times the limit.
	http_file_share_daily_quota = 1000 * 1024 * 1024

	-- Seconds until a file may be deleted: it travels in the token, Satchel keeps to it. -1: no expiry of its own, only
	-- the bucket's (SATCHEL_RETENTION_DAYS).
	http_file_share_expires_after = 31 * 24 * 60 * 60

	-- Leave http_file_share_global_quota out: with an external base URL Prosody never learns that a file is gone, so its
	-- total only grows. http_file_share_safe_file_types has no effect here either: SATCHEL_SAFE_TYPES decides.

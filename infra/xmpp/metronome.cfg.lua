-- Metronome with mod_http_upload_external (part of Metronome). The module works as a component only.
-- Paste this at the end of metronome.cfg.lua, replace example.com, the URLs and the secrets, restart Metronome.

Component "upload.example.com" "http_upload_external"
	-- Where Satchel answers: SATCHEL_PUBLIC_URL, WITH a slash at the end: the module only concatenates.
	http_file_external_url = "https://files.example.com/upload/"

	-- The first line of SATCHEL_UPLOAD_SECRETS, exactly as it is there.
	http_file_secret = "PASTE-THE-SECRET-HERE"

	-- Bytes, at most SATCHEL_MAX_SIZE, and at most about 4.5 MiB (4500000) where API Gateway is the only way in and nothing
	-- in front of it streams to S3. Metronome's default is 100 MiB.
	http_file_size_limit = 100 * 1024 * 1024 + 16 -- encrypted files (XEP-0454) are 16 bytes longer

	-- Deletion is optional: leave both lines out and users cannot delete. Same URL, and the value of
	-- SATCHEL_METRONOME_DELETE_SECRET (required as soon as the URL is set).
	http_file_external_delete_url = "https://files.example.com/upload/"
	http_file_delete_secret = "PASTE-THE-DELETE-SECRET-HERE"

	-- Seconds until Metronome itself deletes what a user uploaded, at that user's next upload. Its default is two days (172800),
	-- and only with the delete URL set. Users in the whitelist (bare JIDs) are spared.
	http_file_expire_after = 31 * 24 * 60 * 60
	-- http_file_no_expire_whitelist = { "archive@example.com" }

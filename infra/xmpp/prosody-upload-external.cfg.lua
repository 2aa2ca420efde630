-- Prosody (or older ones without mod_http_file_share) with mod_http_upload_external from prosody-modules.
-- Prefer prosody-file-share.cfg.lua: its tokens expire and say who uploads, these do neither.
-- Paste this at the end of prosody.cfg.lua, replace example.com, the URL and the secret, restart Prosody (a
-- reload starts no component). Clients find the host by itself if it is below the domain of your users.

Component "upload.example.com" "http_upload_external"
	-- Where Satchel answers: SATCHEL_PUBLIC_URL, WITH a slash at the end: the module only concatenates.
	http_upload_external_base_url = "https://files.example.com/upload/"

	-- The first line of SATCHEL_UPLOAD_SECRETS, exactly as it is there.
	http_upload_external_secret = "PASTE-THE-SECRET-HERE"

	-- "v1" signs path and size, "v2" the content type too. The module's default is "v1"; Satchel takes both.
	http_upload_external_protocol = "v2"

	-- Bytes, at most SATCHEL_MAX_SIZE; see prosody-file-share.cfg.lua for AWS. A client that ignores the announced limit and
	-- asks for more gets no answer at all from this module's releases up to Debian 12's. Encrypted files (XEP-0454) are 16 bytes
	-- longer than what people send.
	http_upload_external_file_size_limit = 100 * 1024 * 1024 + 16

	-- Local users may upload. Users of other servers, too, where their JID or host is named:
	-- http_upload_external_access = { "friends.example.net" }

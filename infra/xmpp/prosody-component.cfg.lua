-- Prosody with the community module mod_component_http (https://modules.prosody.im): Satchel itself issues the slots, and they
-- carry S3's own URL, so that every client can upload files of up to 5 GiB.
-- Paste this at the end of prosody.cfg.lua, replace example.com, the URL and the password, reload Prosody.

Component "upload.example.com" "component_http"
	-- Where Satchel answers stanzas: beside /upload, whatever stands before that in SATCHEL_PUBLIC_URL or the API's URL. The
	-- credentials are a line of SATCHEL_COMPONENT_CREDENTIALS. Letters and digits are safe: nothing in them is percent-decoded.
	-- https:// anywhere but on one machine: they travel with each request.
	component_post_url = "https://satchel:PASTE-THE-PASSWORD-HERE@files.example.com/component"

	-- The module's default is messages alone, and slots are asked for in IQs. (Its README calls this option by another name, which
	-- has no effect.)
	post_stanza_types = { "iq" }

	-- Size limit and retention are Satchel's: SATCHEL_MAX_SIZE, SATCHEL_RETENTION_DAYS. So are the users who may upload: those of
	-- example.com, the component's parent domain, or of SATCHEL_ALLOWED_DOMAINS.

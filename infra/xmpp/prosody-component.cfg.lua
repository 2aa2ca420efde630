-- Prosody with the community module mod_component_http (https://modules.prosody.im): Satchel itself issues the slots, and they
-- carry S3's own URL, so that clients can upload files of up to 5 GiB. S3 answers with 200, which Siskin and Beagle do not take for done.
-- Paste this at the end of prosody.cfg.lua, replace example.com, the URL and the password, restart Prosody (a reload
-- starts no component). The module is not in Debian's prosody-modules; with luarocks installed:
--   prosodyctl install --server=https://modules.prosody.im/rocks/ mod_component_http

Component "upload.example.com" "component_http"
	-- Where Satchel answers stanzas: beside /upload, below the stage of an API, or on this machine at
	-- http://satchel:...@127.0.0.1:8080/component. The credentials are a line of SATCHEL_COMPONENT_CREDENTIALS. Letters and digits
	-- are safe: nothing in them is percent-decoded. They travel with each request, so use https:// between machines.
	component_post_url = "https://satchel:PASTE-THE-PASSWORD-HERE@files.example.com/component"

	-- Slots are asked for in IQs, and messages are for the chat bot: users write "help" to upload.example.com. The module's default
	-- is messages alone. (Its README calls this option by another name, which has no effect.)
	post_stanza_types = { "iq", "message" }

	-- Size limit and retention are Satchel's: SATCHEL_MAX_SIZE, SATCHEL_RETENTION_DAYS. So are the users who may upload: those of
	-- example.com, the component's parent domain, or of SATCHEL_ALLOWED_DOMAINS.

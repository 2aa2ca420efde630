-- Prosody with the community module mod_http_roster_admin (https://modules.prosody.im): contact lists come from Satchel, and an
-- app edits them there. Clients cannot change them.
-- Add these lines to the VirtualHost in prosody.cfg.lua, replace the URL and the password, restart Prosody.

	modules_enabled = { "http_roster_admin" }
	-- Prosody's own rosters must neither be loaded nor kept.
	modules_disabled = { "roster" }
	storage = { roster = "memory" }

	-- Where Satchel answers: beside /upload, below the stage of an API. The credentials are a line of SATCHEL_ROSTER_CREDENTIALS;
	-- letters and digits are safe, as nothing in them is percent-decoded and a percent sign breaks the line. The module puts the
	-- username in place of %s as it is. Between /raw/contacts/ and /end Satchel decodes nothing, and refuses names that were cut:
	-- nobody gets at another's roster with a name that looks encoded or has a # or ? in it (these users get none at all).
	http_roster_url = "https://satchel:PASTE-THE-PASSWORD-HERE@files.example.com/raw/contacts/%s/end"

-- Satchel tells Prosody what has changed by POSTing to /roster_admin/refresh on Prosody's HTTP port: SATCHEL_PROSODY_REFRESH_URL.
-- That address asks for no password. Keep it on the loopback interface (http_interfaces, in the global section) where Satchel is on
-- the same machine, else put a reverse proxy that does ask before it. Requests name a host: give the one of the URL as http_host
-- here, or this VirtualHost as http_default_host in the global section.

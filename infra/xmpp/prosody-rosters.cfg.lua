-- Prosody with the community modules mod_http_roster_admin and mod_block_subscriptions: contact lists come from Satchel, and an
-- app edits them there. Clients cannot change them. Debian's prosody-modules has neither of the two, and the first needs the
-- package lua-cjson. With luarocks installed:
--   prosodyctl install --server=https://modules.prosody.im/rocks/ mod_http_roster_admin
--   prosodyctl install --server=https://modules.prosody.im/rocks/ mod_block_subscriptions
-- or, from their repository, hg clone https://hg.prosody.im/prosody-modules/ and name that folder in plugin_paths. A third one,
-- mod_satchel_rosters.lua, is beside this file: copy it into a folder that plugin_paths names.
-- Put the first part into the global section of prosody.cfg.lua, above the first VirtualHost and in place
-- of lines that set the same, and the second into your VirtualHost. Replace example.com, the URL and the password. Restart Prosody.

-- Satchel tells Prosody what has changed by POSTing to /roster_admin/refresh of Prosody's HTTP ports: SATCHEL_PROSODY_REFRESH_URL.
-- That address asks for no password, and Prosody serves HTTPS, port 5281, on all interfaces. These lines leave the loopback
-- interface alone, http://127.0.0.1:5280. If another module needs HTTPS from outside, put a reverse proxy before Prosody that
-- passes on what that needs and not /roster_admin/. The same goes for a Satchel elsewhere: its proxy asks for a password.
http_interfaces = { "127.0.0.1", "::1" }
https_ports = {}

VirtualHost "example.com"
	-- With a roster storage of its own ("memory" too) and without the second module, one subscription request would make Prosody
	-- save a roster of that one contact, and Satchel's would never be asked for again.
	modules_enabled = { "http_roster_admin", "block_subscriptions", "satchel_rosters" }
	-- Prosody's own rosters must neither be loaded nor kept.
	modules_disabled = { "roster" }
	storage = { roster = "none" }

	-- Requests name a host: this VirtualHost answers to the one of SATCHEL_PROSODY_REFRESH_URL.
	http_host = "127.0.0.1"

	-- Where Satchel answers: beside /upload, below the stage of an API. The credentials are a line of SATCHEL_ROSTER_CREDENTIALS;
	-- letters and digits are safe, as nothing in them is percent-decoded and a percent sign breaks the line. The module puts the
	-- username in place of %s as it is. Between /raw/contacts/ and /end Satchel decodes nothing, and refuses names that were cut:
	-- nobody gets at another's roster with a name that looks encoded or has a #, ? or ; in it (these users get none at all; README.md
	-- has the whole list).
	http_roster_url = "https://satchel:PASTE-THE-PASSWORD-HERE@files.example.com/raw/contacts/%s/end"

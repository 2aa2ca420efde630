-- For rosters from Satchel (prosody-rosters.cfg.lua): what was edited while a user was away is there at the next login.
--
-- Prosody looks into the roster of a user who is away when another server asks whether that user is online, and keeps it in
-- memory for years. mod_http_roster_admin then takes it for fetched at each login. Here it is forgotten when the user goes.

module:hook("resource-unbind", function (event)
	local rosters = prosody.hosts[module.host].roster_cache;
	if rosters then
		rosters:set(event.session.username .. "@" .. module.host, nil);
	end
end);

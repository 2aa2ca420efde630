-- Stands in for the community module of this name, which Debian does not package: written for these tests from a description
-- of how that one behaves over HTTP, oddities included. Not for use anywhere else.

local http = require "net.http";
local json = require "util.json";
local st = require "util.stanza";

local roster_url = module:get_option_string("http_roster_url", "http://localhost/%s");
local online = prosody.hosts[module.host].sessions;

-- The username goes into the URL as it is. Anything but 200 is a failure; a 200 that is no JSON ends in an error that
-- nobody catches, and whoever waits goes on waiting.
local function fetch(username, done)
	http.request(roster_url:format(username), { headers = { Accept = "application/json" } }, function (body, status)
		if status ~= 200 then
			module:log("warn", "the roster of %s cannot be fetched: %d", username, status);
			done(nil);
			return;
		end
		local contacts, problem = json.decode(body);
		assert(type(contacts) == "table", problem);
		done(contacts);
	end);
end

-- Groups are the keys of whatever is given as groups: of an array's names the numbers remain.
local function item_of(contact)
	local groups = {};
	for group in pairs(contact.groups or {}) do
		groups[tostring(group)] = true;
	end
	return { name = contact.name, subscription = "both", groups = groups };
end

local function add_item(query, jid, item)
	if not item then
		query:tag("item", { jid = jid, subscription = "remove" }):up();
		return;
	end
	query:tag("item", { jid = jid, subscription = item.subscription, name = item.name });
	for group in pairs(item.groups) do
		query:tag("group"):text(group):up();
	end
	query:up();
end

local function push(user, jid)
	for _, session in pairs(user.sessions) do
		if session.interested then
			local stanza = st.iq({ type = "set", id = "push-" .. jid, to = session.full_jid });
			add_item(stanza:tag("query", { xmlns = "jabber:iq:roster" }), jid, user.roster[jid]);
			session.send(stanza);
		end
	end
end

-- Who has come and who has gone is noticed; who is called otherwise, or is in other groups, is not.
local function synchronise(user, contacts)
	for jid, contact in pairs(contacts) do
		if not user.roster[jid] then
			user.roster[jid] = item_of(contact);
			push(user, jid);
		end
	end
	local gone = {};
	for jid in pairs(user.roster) do
		if jid and jid ~= "pending" and not contacts[jid] then
			table.insert(gone, jid);
		end
	end
	for _, jid in ipairs(gone) do
		user.roster[jid] = nil;
		push(user, jid);
	end
end

local function roster_reply(stanza, roster)
	local reply = st.reply(stanza):tag("query", { xmlns = "jabber:iq:roster" });
	for jid, item in pairs(roster) do
		if jid and jid ~= "pending" then add_item(reply, jid, item); end
	end
	return reply;
end

-- What has been fetched once is not fetched again while Prosody has that roster, in its storage or for a session. Whoever saves
-- it saves the note of that, too.
module:hook("iq-get/self/jabber:iq:roster:query", function (event)
	local session, stanza = event.origin, event.stanza;
	local roster = session.roster;
	session.interested = true;
	if roster[false].downloaded then
		session.send(roster_reply(stanza, roster));
		return true;
	end
	fetch(session.username, function (contacts)
		if not contacts then
			session.send(st.error_reply(stanza, "cancel", "internal-server-error"));
			session:close("internal-server-error");
			return;
		end
		for jid, contact in pairs(contacts) do
			roster[jid] = item_of(contact);
		end
		roster[false].downloaded = true;
		session.send(roster_reply(stanza, roster));
	end);
	return true;
end);

module:hook("iq-set/self/jabber:iq:roster:query", function (event)
	event.origin.send(st.error_reply(event.stanza, "cancel", "service-unavailable"));
	return true;
end);

local function refresh(username, done)
	local user = online[username];
	if not (user and user.roster) then
		return done(true);
	end
	fetch(username, function (contacts)
		if contacts then synchronise(user, contacts); end
		done(contacts ~= nil);
	end);
end

-- The answer goes out with the last user, so that to nobody there never is one.
local function refresh_all(event)
	local usernames = json.decode(event.request.body or "");
	if type(usernames) ~= "table" then
		event.response:send(400);
		return true;
	end
	local finished, failed = 0, 0;
	for _, username in ipairs(usernames) do
		refresh(username, function (ok)
			finished = finished + 1;
			failed = failed + (ok and 0 or 1);
			if finished == #usernames then
				event.response:send(json.encode {
					status = "ok", message = "roster update complete", updated = finished - failed, errors = failed,
				});
			end
		end);
	end
	return true;
end

module:depends "http";
module:provides("http", { default_path = "/roster_admin", route = { ["POST /refresh"] = refresh_all } });

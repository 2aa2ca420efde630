-- Stands in for the community module of this name, which Debian does not package: written for these tests from a description
-- of how that one behaves over HTTP, oddities included. Not for use anywhere else.

local http = require "net.http";
local json = require "util.json";
local st = require "util.stanza";
local xml = require "util.xml";

local post_url = assert(module:get_option_string("component_post_url"), "component_post_url is missing");
local posted_kinds = module:get_option_set("post_stanza_types", { "message" });

local error_of_status = {
	[400] = { "modify", "bad-request" };
	[401] = { "auth", "not-authorized" };
	[402] = { "auth", "forbidden" };
	[403] = { "auth", "forbidden" };
	[404] = { "cancel", "item-not-found" };
	[410] = { "cancel", "gone" };
	[500] = { "cancel", "internal-server-error" };
	[501] = { "cancel", "feature-not-implemented" };
	[502] = { "wait", "remote-server-timeout" };
	[503] = { "wait", "remote-server-timeout" };
	[504] = { "wait", "remote-server-timeout" };
};
local any_other_error = { "cancel", "service-unavailable" };

-- The server says who talks to whom, whatever the stanza in the answer says.
local function whole_stanza(asked, text)
	local answer, problem = xml.parse(text);
	if not answer then
		module:log("warn", "the stanza in an answer cannot be read: %s", problem);
		return;
	end
	answer.attr.from, answer.attr.to = asked.attr.to, asked.attr.from;
	return answer;
end

-- Without a stanza the fields make one; an answer that has none of them becomes an empty chat message.
local function stanza_of_fields(asked, fields)
	local kind = fields.kind or "message";
	local answer = st.stanza(kind, {
		from = fields.from or asked.attr.to;
		to = fields.to or asked.attr.from;
		type = fields.type or (kind == "message" and "chat" or nil);
	});
	if fields.body then
		answer:tag("body"):text(tostring(fields.body)):up();
	end
	return answer;
end

local function answer_of_json(asked, text)
	local fields, problem = json.decode(text);
	if type(fields) ~= "table" then
		module:log("warn", "an answer is no JSON object: %s", problem);
		return;
	end
	if fields.stanza then return whole_stanza(asked, fields.stanza); end
	return stanza_of_fields(asked, fields);
end

-- Any 2xx that is not a 200 of exactly this type is no answer. Redirects are not followed; they count as failures.
local function answer_of_response(asked, body, status, response)
	if status == 200 and response.headers["content-type"] == "application/json" then
		return answer_of_json(asked, body);
	elseif status < 200 or status > 299 then
		local kind, condition = table.unpack(error_of_status[status] or any_other_error);
		return st.error_reply(asked, kind, condition);
	end
end

local function post(event)
	local asked = event.stanza;
	if not posted_kinds:contains(asked.name) then return; end
	local body = json.encode {
		to = asked.attr.to;
		from = asked.attr.from;
		kind = asked.name;
		body = asked.name == "message" and asked:get_child_text("body") or nil;
		stanza = tostring(asked);
	};
	http.request(post_url, { body = body }, function (text, status, response)
		if asked.attr.type == "error" then return; end
		local answer = answer_of_response(asked, text, status, response);
		if answer then module:send(answer); end
	end);
	return true;
end

for _, kind in ipairs { "iq", "message", "presence" } do
	for _, address in ipairs { "host", "bare", "full" } do
		module:hook(kind .. "/" .. address, post, -1);
	end
end

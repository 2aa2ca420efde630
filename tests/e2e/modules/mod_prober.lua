-- Asks for the presence of whomever a message to this component names, as another server does for its users.

local st = require "util.stanza";

module:hook("message/host", function (event)
	local asked = event.stanza:get_child_text("body");
	module:send(st.presence({ from = module.host, to = asked, type = "probe" }));
	return true;
end);

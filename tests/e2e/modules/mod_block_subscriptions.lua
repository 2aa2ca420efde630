-- Stands in for the community module of this name, which Debian does not package: written for these tests from what that one
-- is for, which is that users do not manage their subscriptions over XMPP. Not for use anywhere else.

local subscription_types = { subscribe = true; subscribed = true; unsubscribe = true; unsubscribed = true };

local function drop(event)
	if subscription_types[event.stanza.attr.type] then return true; end
end

for _, address in ipairs { "host", "bare", "full" } do
	module:hook("pre-presence/" .. address, drop, 1000);
	module:hook("presence/" .. address, drop, 1000);
end

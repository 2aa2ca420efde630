-- One load of satchel-bench: wrk -s wrk.lua URL FILES STATUS BYTES. Each thread takes its requests from a file of its own,
-- FILES with the number of the thread behind it: a head a line, with tabs where its lines end. Without bytes of a body they are
-- made again and again, else once each. The last line that is printed is JSON.
local threads = {}

function setup(thread)
	thread:set("number", #threads)
	table.insert(threads, thread)
end

function init(args)
	local lines, status, bytes = io.lines(args[1] .. number), tonumber(args[2]), tonumber(args[3])
	local body = string.rep("\7", bytes)
	wrong, missing = 0, 0

	local function next_once()
		local head = missing == 0 and lines()
		if head then
			return head:gsub("\t", "\r\n") .. "\r\n\r\n" .. body
		end
		-- Nothing is sent, and the connection rests.
		missing = missing + 1
		return ""
	end

	local heads, at = {}, 0
	local function next_of_all()
		at = at % #heads + 1
		return heads[at]
	end

	if bytes > 0 then
		request = next_once
		-- Without this function wrk skips what it would be given. The bytes of what is read say enough.
		response = function(answered)
			if answered ~= status then
				wrong = wrong + 1
			end
		end
	else
		for head in lines do
			table.insert(heads, (head:gsub("\t", "\r\n")) .. "\r\n\r\n")
		end
		request = next_of_all
	end
end

function done(summary, latency)
	local errors = summary.errors
	local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
	local missing = 0
	for _, thread in ipairs(threads) do
		failed = failed + thread:get("wrong")
		missing = missing + thread:get("missing")
	end
	print(string.format(
		'{"requests": %d, "seconds": %.6f, "bytes": %d, "failed": %d, "missing": %d, "p50_ms": %.3f, "p99_ms": %.3f}',
		summary.requests, summary.duration / 1e6, summary.bytes, failed, missing,
		latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
	))
end

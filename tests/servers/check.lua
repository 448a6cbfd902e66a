-- SPDX-License-Identifier: MIT
-- check.lua - for wrk: asks for the files of web.py in turn, and checks every answer whole
--
-- Arguments: how many files there are, the directory that they are in, and what goes in front of each
-- path.  A file begins with its own name, so that its answer is known by its first line.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   local prefix = args[3] or ""
   count, turn, wrong, good, expected = tonumber(args[1]), 0, 0, 0, {}
   requests = {}
   for i = 1, count do
      local name = "f" .. i
      local file = assert(io.open(args[2] .. "/" .. name, "rb"))
      expected[name] = file:read("*a")
      file:close()
      requests[i] = wrk.format("GET", prefix .. "/" .. name)
   end
   first = ""
end

function request()
   turn = turn % count + 1
   return requests[turn]
end

function response(status, headers, body)
   if status == 200 and expected[body:match("^(%w+)\n")] == body then
      good = good + 1
   else
      wrong = wrong + 1
      if first == "" then
         first = "status " .. status .. ", " .. #body .. " bytes: " .. body:sub(1, 60):gsub("%c", " ")
      end
   end
end

function done(summary, latency, rates)
   local good, wrong, first = 0, 0, ""
   for _, thread in ipairs(threads) do
      good = good + thread:get("good")
      wrong = wrong + thread:get("wrong")
      if first == "" then first = thread:get("first") end
   end
   local e = summary.errors
   print(string.format("RESULT good=%d wrong=%d connect=%d read=%d write=%d timeout=%d us=%d %s", good,
      wrong, e.connect, e.read, e.write, e.timeout, summary.duration, first))
end

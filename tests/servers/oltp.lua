-- SPDX-License-Identifier: MIT
-- oltp.lua - for sysbench: transactions whose answers are checked
--
-- Row I of the table has a text that follows from I, and a counter. A transaction reads rows by their key,
-- a range of them, and adds one to one counter; the sum of the counters is the number of transactions.

sysbench.cmdline.options = {
   rows = {"rows of the table", 2000},
}

local function text(i)
   return string.rep(string.format("%08x-", (i * 40503) % 1000003), 10)
end

function prepare()
   local con = sysbench.sql.driver():connect()
   con:query("CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, c VARCHAR(200) NOT NULL) ENGINE=InnoDB")
   con:bulk_insert_init("INSERT INTO t (id, n, c) VALUES")
   for i = 1, sysbench.opt.rows do
      con:bulk_insert_next(string.format("(%d, 0, '%s')", i, text(i)))
   end
   con:bulk_insert_done()
end

function thread_init()
   con = sysbench.sql.driver():connect()
end

function thread_done()
   con:disconnect()
end

local function check(query, first, count)
   local rs = con:query(query)
   if rs.nrows ~= count then
      error(string.format("%s: %d rows", query, rs.nrows))
   end
   for i = first, first + count - 1 do
      local row = rs:fetch_row()
      if tonumber(row[1]) ~= i or row[2] ~= text(i) then
         error(string.format("%s: row %s has %s", query, row[1], row[2]))
      end
   end
end

function event()
   con:query("BEGIN")
   for _ = 1, 4 do
      local i = sysbench.rand.uniform(1, sysbench.opt.rows)
      check("SELECT id, c FROM t WHERE id = " .. i, i, 1)
   end
   local i = sysbench.rand.uniform(1, sysbench.opt.rows - 20)
   check(string.format("SELECT id, c FROM t WHERE id BETWEEN %d AND %d ORDER BY id", i, i + 19), i, 20)
   con:query("UPDATE t SET n = n + 1 WHERE id = " .. sysbench.rand.uniform(1, sysbench.opt.rows))
   con:query("COMMIT")
end

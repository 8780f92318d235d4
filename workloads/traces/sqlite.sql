-- What the sqlite3 trace records: a table of orders, an index, and three questions about it.
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, cents INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO orders
SELECT i, (i * 7919) % 97, (i * 104729) % 100000, 'order number ' || i || ' of customer ' || ((i * 7919) % 97)
FROM n;
CREATE INDEX by_customer ON orders(customer);
SELECT customer, count(*), sum(cents) FROM orders GROUP BY customer ORDER BY sum(cents) DESC LIMIT 5;
SELECT count(*) FROM orders a JOIN orders b ON a.customer = b.customer WHERE a.id < 40 AND b.cents > 50000;
SELECT max(length(note)) FROM orders WHERE note LIKE '%customer 9%';

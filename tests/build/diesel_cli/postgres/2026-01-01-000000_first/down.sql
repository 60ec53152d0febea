-- This file should undo anything in `up.sql`
DROP TABLE IF EXISTS "customers";
DROP TABLE IF EXISTS "orders";
DROP TABLE IF EXISTS "order_tags";
DROP TABLE IF EXISTS "samples";

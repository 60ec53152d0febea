-- Your SQL goes here
CREATE TABLE "customers"(
	"id" INTEGER NOT NULL PRIMARY KEY,
	"name" TEXT NOT NULL,
	"phone" TEXT,
	"created_at" TIMESTAMP NOT NULL
);

CREATE TABLE "orders"(
	"id" INTEGER NOT NULL PRIMARY KEY,
	"customer_id" INTEGER NOT NULL,
	"note" TEXT,
	"paid" BOOL NOT NULL,
	"weight" FLOAT8 NOT NULL,
	FOREIGN KEY ("customer_id") REFERENCES "customers"("id")
);

CREATE TABLE "order_tags"(
	"order_id" INTEGER NOT NULL,
	"tag" TEXT NOT NULL,
	PRIMARY KEY("order_id", "tag")
);

CREATE TABLE "samples"(
	"id" INTEGER NOT NULL PRIMARY KEY,
	"small" SMALLINT NOT NULL,
	"large" BIGINT NOT NULL,
	"amount" NUMERIC NOT NULL,
	"day" DATE NOT NULL,
	"moment" TIME NOT NULL,
	"bytes" BYTEA NOT NULL,
	"at" TIMESTAMPTZ NOT NULL,
	"key" UUID NOT NULL,
	"doc" JSONB NOT NULL,
	"tags" TEXT[] NOT NULL,
	"span" INT4RANGE NOT NULL,
	"spans" INT8MULTIRANGE NOT NULL,
	"address" INET NOT NULL,
	"mac" MACADDR NOT NULL
);


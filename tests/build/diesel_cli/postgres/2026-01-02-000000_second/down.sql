-- This file should undo anything in `up.sql`
ALTER TABLE "customers" DROP COLUMN "email";
ALTER TABLE "customers" DROP COLUMN "age";
ALTER TABLE "customers" ADD COLUMN "phone" TEXT;

CREATE TABLE "order_tags"(
	"order_id" INT4 NOT NULL,
	"tag" TEXT NOT NULL,
	PRIMARY KEY("order_id", "tag")
);




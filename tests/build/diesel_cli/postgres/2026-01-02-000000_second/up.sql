-- Your SQL goes here
ALTER TABLE "customers" DROP COLUMN "phone";
ALTER TABLE "customers" ADD COLUMN "email" TEXT;
ALTER TABLE "customers" ADD COLUMN "age" INTEGER NOT NULL;

DROP TABLE IF EXISTS "order_tags";



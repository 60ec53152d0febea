-- Your SQL goes here
ALTER TABLE `customers` DROP COLUMN `phone`;
ALTER TABLE `customers` ADD COLUMN `age` INTEGER NOT NULL;
ALTER TABLE `customers` ADD COLUMN `email` TEXT;

DROP TABLE IF EXISTS `order_tags`;

ALTER TABLE `samples` DROP COLUMN `amount`;
ALTER TABLE `samples` ADD COLUMN `amount` NUMERIC NOT NULL;


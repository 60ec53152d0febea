-- Your SQL goes here
CREATE TABLE `customers`(
	`id` INTEGER NOT NULL PRIMARY KEY,
	`name` TEXT NOT NULL,
	`phone` TEXT,
	`created_at` TIMESTAMP NOT NULL
);

CREATE TABLE `samples`(
	`id` INTEGER NOT NULL PRIMARY KEY,
	`small` SMALLINT NOT NULL,
	`large` BIGINT NOT NULL,
	`amount` NUMERIC NOT NULL,
	`day` DATE NOT NULL,
	`moment` TIME NOT NULL,
	`bytes` BINARY NOT NULL,
	`at` TIMESTAMP NOT NULL
);

CREATE TABLE `order_tags`(
	`order_id` INTEGER NOT NULL,
	`tag` TEXT NOT NULL,
	PRIMARY KEY(`order_id`, `tag`)
);

CREATE TABLE `orders`(
	`id` INTEGER NOT NULL PRIMARY KEY,
	`customer_id` INTEGER NOT NULL,
	`note` TEXT,
	`paid` BOOL NOT NULL,
	`weight` DOUBLE NOT NULL,
	FOREIGN KEY (`customer_id`) REFERENCES `customers`(`id`)
);


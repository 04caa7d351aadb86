-- SPDX-License-Identifier: Apache-2.0
-- The shop's tables. Products below 100 are what lists show; 1000 and above are for uploads, one a
-- request, so that tests can run many of them at once and still foresee every answer.
DROP TABLE IF EXISTS products, categories, items;
CREATE TABLE categories (
    id INT UNSIGNED PRIMARY KEY,
    name VARCHAR(100) NOT NULL
) CHARACTER SET utf8mb4;
CREATE TABLE products (
    id INT UNSIGNED PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    price_cents INT NOT NULL,
    category_id INT UNSIGNED NOT NULL,
    image_key VARCHAR(255)
) CHARACTER SET utf8mb4;
CREATE TABLE items (
    id INT UNSIGNED PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    blob_key VARCHAR(255)
) CHARACTER SET utf8mb4;
INSERT INTO categories VALUES (1, 'tea'), (2, 'coffee'), (3, 'cups'), (4, 'kettles "steel"');
INSERT INTO products
    SELECT seq, CONCAT('product ', seq), seq * 100 + 99, 1 + seq MOD 4, NULL FROM seq_1_to_40;
INSERT INTO products
    SELECT seq, CONCAT('upload ', seq), 100, 1, NULL FROM seq_1000_to_2999;
INSERT INTO items SELECT seq, CONCAT('item ', seq), NULL FROM seq_1_to_3000;

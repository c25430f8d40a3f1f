-- A number from 0 up to, not including, 1: always the same for a seed, a purpose and a key below
-- 2^61. Keys are such numbers as well, so that a sum with a salt never overflows.
CREATE OR REPLACE TEMP MACRO salt(purpose) AS (hash(concat('$seed:', purpose)) >> 3)::BIGINT;
CREATE OR REPLACE TEMP MACRO draw(key, purpose) AS
    (hash(key + salt(purpose)) >> 11)::DOUBLE / 9007199254740992;
-- As CloudFront writes what is no part of an address.
CREATE OR REPLACE TEMP MACRO escaped(text) AS
    list_reduce(
        [text, ' ', '"', '<', '>', '{', '}', '|', '\', '^', '`'],
        lambda done, sign: replace(done, sign, printf('%%%02X', ascii(sign)))
    );
